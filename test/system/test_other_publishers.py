# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Other nodes publish on the bridge's topics: always named; only real commands explain motion.

One bridge has a base for each kind of other node, all driven and stopped at the same time.
"""

from collections.abc import Iterator
import time
from typing import Any

from geometry_msgs.msg import Twist
import pytest

from observer import Observer, spinning_node
from processes import base, Bridge, Client, Driver, Program, Programs, settings, TEST, wait_until
from servers import serving

HOLD = 0.5  # s
TIMEOUT = 3.0  # s
FOREIGN = 0.11  # m/s
JOYSTICK = '/somebody_else'

# Base -> the mode of its odometry during the stop. A joystick drives one; another one has a
# publisher without messages, such as a mux; the third one has a publisher of zeros.
BASES = {'driven': 'moving', 'idle': 'moving', 'zeros': 'moving'}


def joystick(programs: Programs, topic: str, speed: float) -> Program:
    """Start a node that publishes a velocity (m/s) all the time."""
    other = Program(TEST / 'faults' / 'programs' / 'publisher.py', f'--topic={topic}',
                    f'--speed={speed}', '--rate=20')
    return programs.add(other, ready=False)


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings({
        name: base(f'{name}/cmd_vel', odometry_topic=f'{name}/odom', stop_hold=HOLD,
                   stop_timeout=TIMEOUT, escalations=['brake'],
                   brake={'kind': 'bool', 'topic': f'{name}/brake', 'value': True})
        for name in BASES}))


@pytest.fixture(scope='module')
def drivers(shared: Programs, bridge: Bridge) -> dict[str, Driver]:
    started = {
        name: shared.driver(
            bridge.topic(f'{name}/cmd_vel'), node=f'/{name}_driver',
            odometry=bridge.topic(f'{name}/odom'))
        for name in BASES}
    bridge.wait_drivers(*started)
    return started


@pytest.fixture(scope='module')
def brakes(bridge: Bridge) -> Iterator[Any]:
    with serving() as servers:
        for name in BASES:
            servers.order('listen', topic=bridge.topic(f'{name}/brake'))
        yield servers


@pytest.fixture(scope='module')
def others(shared: Programs, bridge: Bridge, drivers: dict[str, Driver]) -> Iterator[Program]:
    """Start all other nodes; returns the one that drives."""
    with spinning_node('silent_mux') as node:
        silent = node.create_publisher(Twist, bridge.topic('idle/cmd_vel'), 1)
        joystick(shared, bridge.topic('zeros/cmd_vel'), 0.0)
        driving = joystick(shared, bridge.topic('driven/cmd_vel'), FOREIGN)
        for name, other in (('driven', JOYSTICK), ('zeros', JOYSTICK), ('idle', '/silent_mux')):
            bridge.wait_logged(f'{name}: .*/{name}/cmd_vel is also published by {other}$')
        yield driving
        del silent


@pytest.fixture(scope='module')
def stopped(shared: Programs, bridge: Bridge, drivers: dict[str, Driver], others: Program,
            brakes: Any) -> float:
    """Drive all bases and kill the client; returns when (s)."""
    client = shared.client(bridge.address)
    for name, driver in drivers.items():
        client.do('set_power', base=name, linear=1.0)
        driver.wait_motion(bridge.topic(f'{name}/cmd_vel'), 0.0)
        driver.odometry(BASES[name])
    return client.kill()


def test_others_are_named_in_diagnostics(observer: Observer, others: Program) -> None:
    """Whatever they publish."""
    seen = observer.wait_status('driven', 1, time.monotonic())
    assert f'also published by {JOYSTICK} (on ' in seen.message
    assert '/silent_mux' in observer.wait_status('idle', 1, time.monotonic()).message


def test_a_robot_that_another_node_drives_is_reported_and_not_stopped_further(
        bridge: Bridge, drivers: dict[str, Driver], observer: Observer, brakes: Any,
        stopped: float) -> None:
    """The stop ends with its timeout: no alarm, no brake, no zeros against the joystick."""
    topic = bridge.topic('driven/cmd_vel')
    bridge.wait_logged(rf'driven: stopped \(not verified: {JOYSTICK} publishes on {topic}\)')
    bridge.wait_logged(f'driven: being stopped, and {JOYSTICK} publishes on {topic}')
    ended = time.monotonic()
    zeros = [one.at for one in drivers['driven'].heard(topic, stopped) if one.is_zero]
    assert zeros[-1] - zeros[0] >= TIMEOUT - 0.5
    assert observer.wait_status('driven', 1, ended).message.startswith('also published by')
    assert not bridge.logged('driven: STOP NOT CONFIRMED')
    assert not brakes.called(bridge.topic('driven/brake'), stopped)
    wait_until(lambda: drivers['driven'].heard(topic, ended + 1.0), 'the joystick')
    assert not any(one.is_zero for one in drivers['driven'].heard(topic, ended + 0.2))


@pytest.mark.parametrize('name', ['idle', 'zeros'])
def test_beside_publishers_without_motion_a_failed_stop_is_an_alarm(
        bridge: Bridge, observer: Observer, brakes: Any, stopped: float, name: str) -> None:
    """A robot that moves on beside them is a failed stop: an alarm, and the brake."""
    bridge.wait_logged(f'{name}: STOP NOT CONFIRMED')
    assert observer.wait_status(name, 2, stopped)
    brakes.wait_called(bridge.topic(f'{name}/brake'), stopped)


def test_our_own_monitoring_subscription_is_no_driver(
        bridge: Bridge, drivers: dict[str, Driver], shared: Programs, others: Program,
        stopped: float) -> None:
    """It causes no stop when it is created, and does not hide that the driver has ended."""
    bridge.wait_logged('driven: stopped')
    assert bridge.text.count('driven: a listener was matched') == 1
    topic = bridge.topic('driven/cmd_vel')
    client: Client = shared.client(bridge.address)
    client.do('set_power', base='driven', linear=1.0)
    since = time.monotonic()
    drivers['driven'].wait_motion(topic, since)
    client.do('stop', base='driven')
    wait_until(lambda: bridge.text.count('driven: being stopped, and') == 2, 'the subscription')
    # It was missing before it started, too.
    missed = f'no stop path: driven.topic: {bridge.topic("driven/cmd_vel")} has no subscriber'
    before = bridge.text.count(missed)
    drivers['driven'].finish()
    wait_until(lambda: bridge.text.count(missed) > before, 'that there is no subscriber', TIMEOUT)
    refused = client.ask('set_power', base='driven', linear=1.0)
    assert 'has no subscriber' in refused['text']
