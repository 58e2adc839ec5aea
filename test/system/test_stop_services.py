# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
More ways to stop than one: a base beside Nav2, with its motor power and the lock of a twist_mux.

One bridge has such a base and a plain one, an SDK program drives them; services and actions are
those of a process that can be frozen.
"""

from collections.abc import Iterator
import re
import signal
import time

import pytest

from host import took
from observer import Observer
from processes import base, Bridge, Client, Driver, MARGIN, Programs, settings, wait_until
from servers import Servers, serving

TIMEOUT = 2.0  # s
PLAIN, RICH = 'plain', 'rich'
NAMES = ('navigate_to_pose', 'motor_power', 'stop_lock')


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    rich = base(
        f'{RICH}/cmd_vel', stop_timeout=TIMEOUT, odometry_topic='odom',
        stop_outputs=['nav', 'power', 'lock'],
        nav={'kind': 'cancel', 'action': NAMES[0], 'goals': 'all'},
        power={'kind': 'set_bool', 'service': NAMES[1], 'value': False, 'release': True},
        lock={'kind': 'lock', 'topic': NAMES[2], 'value': True, 'release': False})
    return shared.bridge(settings({PLAIN: base(f'{PLAIN}/cmd_vel'), RICH: rich}))


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge) -> Client:
    return shared.client(bridge.address)


@pytest.fixture(scope='module')
def driver(shared: Programs, bridge: Bridge) -> Driver:
    # Odometry follows the first of the topics.
    return shared.driver(bridge.topic(f'{RICH}/cmd_vel'), bridge.topic(f'{PLAIN}/cmd_vel'),
                         odometry=bridge.topic('odom'))


@pytest.fixture(scope='module')
def refusal(bridge: Bridge, driver: Driver, client: Client) -> str:
    """Command the base before its services exist; returns the refusal."""
    bridge.wait_drivers(PLAIN)
    bridge.wait_logged(r'no stop path: rich\.nav\.action')
    return client.ask('set_power', base=RICH, linear=1.0)['text']


@pytest.fixture(scope='module')
def servers(bridge: Bridge, refusal: str, client: Client) -> Iterator[Servers]:
    with serving() as servers:
        servers.order('act', name=bridge.topic(NAMES[0]))
        servers.order('serve', kind='set_bool', name=bridge.topic(NAMES[1]))
        servers.order('listen', topic=bridge.topic(NAMES[2]))
        bridge.wait_drivers(RICH)
        # Refused until odometry and each server were seen.
        wait_until(lambda: client.ask('set_power', base=RICH, linear=1.0)['ok'], 'motion')
        begin(client)
        yield servers


def drive(client: Client, bridge: Bridge, driver: Driver) -> None:
    """Drive both bases."""
    since = time.monotonic()
    for name in (PLAIN, RICH):
        client.do('set_power', base=name, linear=1.0)
        driver.wait_motion(bridge.topic(f'{name}/cmd_vel'), since)


def begin(client: Client) -> None:
    """Clean up after the previous test."""
    client.do('stop', base=RICH)
    wait_idle(client)


def wait_idle(client: Client) -> None:
    wait_until(lambda: client.do('call', component='base', name=RICH, method='get_status')[
        'state'] == 'idle', 'the end of the stop')


def check_stopped(bridge: Bridge, servers: Servers, driver: Driver, since: float) -> None:
    """Check that all stop outputs arrived in time, and once where once is enough."""
    nav, power, lock = (bridge.topic(name) for name in NAMES)
    zero = driver.wait_zero(bridge.topic(f'{RICH}/cmd_vel'), since)
    assert took(since, zero.at) <= MARGIN
    for name, data in ((nav, True), (power, False)):
        called = servers.wait_called(name, since)
        assert took(since, called.at) <= MARGIN and called.data is data
    wait_until(lambda: len(servers.called(lock, since)) >= 3, 'the lock')
    assert servers.called(lock)[-1].data is True


def test_motion_is_refused_while_a_stop_output_is_missing(bridge: Bridge, refusal: str) -> None:
    """With the parameter and the service."""
    assert f'rich.nav.action: {bridge.topic(NAMES[0])}' in refusal and 'has no server' in refusal


def test_the_end_of_a_client_sends_all_stop_outputs(
        programs: Programs, bridge: Bridge, servers: Servers, driver: Driver,
        client: Client) -> None:
    """Zeros, no goals, no power, a lock; all verified by their answers. Then nothing is sent."""
    servers.order('goals', name=bridge.topic(NAMES[0]), count=2)
    other = programs.client(bridge.address)
    drive(other, bridge, driver)
    killed = other.kill()
    check_stopped(bridge, servers, driver, killed)
    driver.check_stop(bridge.topic(f'{RICH}/cmd_vel'), killed, MARGIN)
    bridge.wait_logged(r'rich: stopped \(verified\)')
    assert len(servers.called(bridge.topic(NAMES[0]), killed)) == 1
    assert len(servers.called(bridge.topic(NAMES[1]), killed)) == 1


def test_a_stop_sends_all_stop_outputs(
        bridge: Bridge, servers: Servers, driver: Driver, client: Client) -> None:
    """Also what others have begun: nothing was commanded by a client."""
    begin(client)
    servers.order('goals', name=bridge.topic(NAMES[0]), count=1)
    since = time.monotonic()
    client.do('stop', base=RICH)
    check_stopped(bridge, servers, driver, since)
    wait_idle(client)


def test_motion_begins_when_everything_is_released(
        bridge: Bridge, servers: Servers, driver: Driver, client: Client) -> None:
    """In this order: power and lock, then the first velocity."""
    begin(client)
    since = time.monotonic()
    client.do('set_power', base=RICH, linear=1.0)
    motion = driver.wait_motion(bridge.topic(f'{RICH}/cmd_vel'), since)
    _, power, lock = (bridge.topic(name) for name in NAMES)
    # The output of the servers comes through another pipe, perhaps later.
    assert servers.wait_called(power, since).at < motion.at
    assert [one.data for one in servers.called(power, since)] == [True]
    assert servers.wait_called(lock, since).at < motion.at
    assert {one.data for one in servers.called(lock, since)} == {False}
    client.do('stop', base=RICH)
    wait_idle(client)


def test_motion_waits_for_a_slow_release(
        bridge: Bridge, servers: Servers, driver: Driver, client: Client) -> None:
    """Also by a client that repeats itself meanwhile; each is answered when motion was sent."""
    begin(client)
    power = bridge.topic(NAMES[1])
    servers.order('say', name=power, delay=0.7)
    since = time.monotonic()
    commands = []
    for _ in range(4):
        commands.append(client.begin('set_power', base=RICH, linear=1.0))
        time.sleep(0.1)
    motion = driver.wait_motion(bridge.topic(f'{RICH}/cmd_vel'), since)
    answers = [client.answer(one) for one in commands]
    assert all(answer['ok'] for answer in answers), answers
    servers.order('say', name=power)
    assert servers.wait_called(power, since).at < motion.at
    assert [one.data for one in servers.called(power, since)] == [True]
    client.do('stop', base=RICH)
    wait_idle(client)


def test_a_command_is_refused_when_a_release_fails(
        bridge: Bridge, servers: Servers, driver: Driver, client: Client) -> None:
    """The base is not reported to move when it never will."""
    begin(client)
    power = bridge.topic(NAMES[1])
    servers.order('say', name=power, mode='no')
    since = time.monotonic()
    answer = client.ask('set_power', base=RICH, linear=1.0)
    assert answer['code'] == 'ABORTED' and f'{power} says no' in answer['text']
    servers.order('say', name=power)
    driver.check_no_motion(bridge.topic(f'{RICH}/cmd_vel'), since)
    wait_idle(client)


def test_frozen_services_delay_no_zero_and_fail_the_stop(
        programs: Programs, bridge: Bridge, servers: Servers, driver: Driver, client: Client,
        observer: Observer) -> None:
    """Both bases get their zeros at once; the stop is confirmed after SIGCONT."""
    begin(client)
    servers.order('goals', name=bridge.topic(NAMES[0]), count=1)
    other = programs.client(bridge.address)
    drive(other, bridge, driver)
    servers.freeze()
    killed = other.kill()
    for name in (PLAIN, RICH):
        zero = driver.wait_zero(bridge.topic(f'{name}/cmd_vel'), killed)
        assert took(killed, zero.at) <= MARGIN
    bridge.wait_logged(
        rf'rich: STOP NOT CONFIRMED: rich\.(nav\.action|power\.service): {bridge.namespace}/')
    assert re.match(r'the last stop was not confirmed: rich\.(nav\.action|power\.service): /',
                    observer.wait_status(RICH, 2, killed).message)
    answer = client.ask('set_power', base=RICH, linear=1.0)
    assert answer['code'] == 'FAILED_PRECONDITION' and 'has not answered' in answer['text']
    client.do('set_power', base=PLAIN, linear=1.0)
    client.do('stop', base=PLAIN)
    servers.signal(signal.SIGCONT)
    wait_idle(client)
    client.do('set_power', base=RICH, linear=1.0)
    client.do('stop', base=RICH)


def test_a_server_that_refuses_to_cancel_fails_the_stop(
        bridge: Bridge, servers: Servers, driver: Driver, client: Client) -> None:
    """Even if the base rests: its goal would move it. It ends when the server cancels."""
    begin(client)
    nav = bridge.topic(NAMES[0])
    servers.order('act', name=nav, mode='reject')
    servers.order('goals', name=nav, count=1)
    client.do('stop', base=RICH)
    bridge.wait_logged('rich: STOP NOT CONFIRMED: rich.nav.action: .* refuses to cancel')
    topic, since = bridge.topic(f'{RICH}/cmd_vel'), time.monotonic() + TIMEOUT
    assert driver.wait_zero(topic, since)
    servers.order('act', name=nav, mode='cancel')
    wait_idle(client)
