# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Odometry and action servers that start after the bridge: it waits and names them, no escalation.

The time limit of a stop is short, and passes twice while nothing else is there.
"""

import time

import pytest
import yaml

from observer import Observer
from processes import base, Bridge, Client, Programs, settings, TEST, wait_until
from servers import serving

FILE = TEST.parent / 'config' / 'nav_base.yaml'
TIMEOUT = 1.25  # s
# So many periods of diagnostics, of 1 s each, are more than twice the time limit of a stop.
PERIODS = 3


def wait_periods(observer: Observer, text: str) -> None:
    """Wait until diagnostics have shown this text for longer than a stop may take."""
    since = time.monotonic()
    wait_until(lambda: len([
        one for one in observer.seen(since)
        if one.resource == 'base' and one.level == 1 and text in one.message]) >= PERIODS,
        f'{PERIODS} times {text!r}')


def check_nothing_failed(bridge: Bridge) -> None:
    assert 'NOT CONFIRMED' not in bridge.text and 'escalation' not in bridge.text
    # A stall of the machine is logged as an error, too; no source causes it.
    assert not [line for line in bridge.log if '[ERROR]' in line and ' ms late ' not in line]


def wait_accepted(client: Client) -> None:
    """Command again and again, as a client does, until the bridge accepts it."""
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'],
               'motion is accepted')


def test_late_odometry_is_awaited_and_nothing_escalates(
        programs: Programs, observer: Observer) -> None:
    """The stop is sent and ends; motion is refused until odometry is there."""
    bridge = programs.bridge(settings({'base': base(
        stop_on_start=True, odometry_topic='odom', stop_timeout=TIMEOUT, escalations=['button'],
        button={'kind': 'bool', 'topic': 'pressed', 'value': True})}))
    source = f'odometry on {bridge.topic("odom")} (base.odometry_topic)'
    with serving() as servers:
        servers.order('listen', topic=bridge.topic('pressed'))
        driver = programs.driver(bridge.topic())
        client = programs.client(bridge.address)
        driver.wait_zero(bridge.topic(), 0.0)
        wait_periods(observer, f'waiting for {source}')
        driver.wait_silence(bridge.topic())
        refused = client.ask('set_power', base='base', linear=1.0)
        assert not refused['ok'] and f'waiting for {source}' in refused['text']
        assert refused['code'] == 'FAILED_PRECONDITION'
        # A stop that a client asks for is sent as well, and fails no more than the first one.
        asked = time.monotonic()
        client.do('stop', base='base')
        driver.wait_zero(bridge.topic(), asked)
        wait_periods(observer, f'waiting for {source}')
        check_nothing_failed(bridge)
        assert bridge.text.count('not verified: waiting for') == 2
        assert not [one for one in driver.heard() if not one.is_zero]
        programs.driver(
            bridge.topic('elsewhere'), node='/wheels', odometry=bridge.topic('odom'))
        wait_accepted(client)
        driver.wait_motion(bridge.topic(), asked)
        assert not servers.called(bridge.topic('pressed'))
    bridge.wait_logged(r'base: stopped \(verified\)')
    check_nothing_failed(bridge)


@pytest.fixture
def parameters() -> dict[str, object]:
    """Return nav_base.yaml as it is, but for a free port and a short time limit of a stop."""
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    parameters = {
        **node['ros__parameters'], 'grpc': {'port': 0}, 'guard': {'patience': 5.0}}
    parameters['base'] = {**parameters['base'], 'stop_timeout': TIMEOUT}
    return parameters


def test_nav_base_starts_without_nav2_and_names_what_is_missing(
        programs: Programs, observer: Observer, parameters: dict[str, object]) -> None:
    """The mux starts first, then both actions one by one, then the controller's odometry."""
    bridge = programs.bridge(parameters)
    topic = bridge.topic('cmd_vel_viam')
    mux = programs.driver(topic, type='twist_stamped')
    client = programs.client(bridge.address)
    mux.wait_zero(topic, 0.0)
    actions = [bridge.topic(name) for name in ('navigate_to_pose', 'follow_path')]
    sources = [
        f'odometry on {bridge.topic("diff_drive_controller/odom")} (base.odometry_topic)',
        f'the action server {actions[0]} (base.navigation.action)',
        f'the action server {actions[1]} (base.path.action)']
    wait_periods(observer, f'waiting for {sources[0]}, {sources[1]}, {sources[2]}')
    line = bridge.wait_logged(r'base: stopped \(not verified: (waiting for .*)\)$')[1]
    assert all(source in line for source in sources)
    refused = client.ask('set_power', base='base', linear=1.0)
    assert not refused['ok'] and f'base.navigation.action: {actions[0]}' in refused['text']
    assert 'has no server' in refused['text']
    with serving() as servers:
        for action in actions:
            servers.order('act', name=action)
            wait_until(lambda done=action: f'{done} (' not in observer.wait_status(
                'base', 1, time.monotonic()).message, f'{action} was seen')
        wait_periods(observer, f'waiting for {sources[0]}')
        refused = client.ask('set_power', base='base', linear=1.0)
        assert not refused['ok'] and f'waiting for {sources[0]}' in refused['text']
        check_nothing_failed(bridge)
        programs.driver(bridge.topic('elsewhere'), node='/wheels', type='twist_stamped',
                        odometry=bridge.topic('diff_drive_controller/odom'))
        wait_accepted(client)
        mux.wait_motion(topic, 0.0)
        bridge.wait_logged(r'base: stopped \(verified\)')
        check_nothing_failed(bridge)
