# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A driver is restarted: it may have kept its last speed, so the first message matters.

Fast DDS counts a killed driver as alive for 20 s; a closed one is noticed at once. In every test
one driver process serves a base that moves and one that is being stopped when the driver ends.
"""

import time

import pytest

from processes import base, Bridge, Client, Driver, Programs, settings, wait_until

RELIABILITIES = ('reliable', 'best_effort')
ENDS = ('killed', 'closed')

# s. Fast DDS may report a match to the writer up to 3 s before the reader (one heartbeat of
# its endpoint discovery), and what is sent in between is lost.
HOLD = 5.0


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    names = [f'{phase}_{reliability}_{end}' for phase in ('move', 'stop')
             for reliability in RELIABILITIES for end in ENDS]
    return shared.bridge(settings({
        **{name: base(name, stop_hold=HOLD, stop_timeout=2 * HOLD) for name in names},
        'known': base('known'),
        'late': base('late'),
        'rested': base('rested', odometry_topic='odom')}))


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge) -> Client:
    return shared.client(bridge.address)


@pytest.fixture(scope='module')
def robot(shared: Programs, bridge: Bridge) -> Driver:
    """Return a driver that DDS has found; its later subscriptions are matched at once."""
    driver = shared.driver(bridge.topic('known'), odometry=bridge.topic('odom'))
    bridge.wait_drivers('known')
    return driver


@pytest.mark.parametrize('reliability', RELIABILITIES)
@pytest.mark.parametrize('end', ENDS)
def test_a_restarted_driver_receives_its_setpoint_or_a_stop(
        programs: Programs, bridge: Bridge, client: Client, reliability: str, end: str) -> None:
    """The setpoint of an owner that is present, or zero; never nothing."""
    moving, stopping = (f'{phase}_{reliability}_{end}' for phase in ('move', 'stop'))
    topics = [bridge.topic(moving), bridge.topic(stopping)]
    old = programs.driver(*topics, reliability=reliability)
    bridge.wait_drivers(moving, stopping)
    for name, topic in zip((moving, stopping), topics, strict=True):
        client.do('set_power', base=name, linear=1.0)
        old.wait_motion(topic, 0.0)
    client.do('stop', base=stopping)
    old.wait_zero(topics[1], 0.0)
    if end == 'killed':
        old.kill()
    else:
        old.finish()
        bridge.wait_logged(f'{moving}: stopping, there is no stop path any more')
    new = programs.driver(*topics, reliability=reliability)
    new.wait_zero(topics[1], 0.0)
    if end == 'killed':
        # The path looks sound and the owner is present: the current setpoint continues.
        assert new.wait_motion(topics[0], 0.0).linear == (0.3, 0.0, 0.0)
        since = time.monotonic()
        client.do('stop', base=moving)
        new.wait_zero(topics[0], since)
    else:
        new.wait_zero(topics[0], 0.0)
        new.check_no_motion(topics[0], 0.0)
        client.do('set_power', base=moving, linear=0.5)
        new.wait_motion(topics[0], 0.0)
        client.do('stop', base=moving)
    new.check_no_motion(topics[1], 0.0, 0.0)


def test_a_driver_that_appears_after_the_stop_receives_a_stop(
        programs: Programs, bridge: Bridge, client: Client, robot: Driver) -> None:
    """Without feedback the rest of the robot is unknown, so zeros are sent once more."""
    topic = bridge.topic('late')
    old = programs.driver(topic)
    bridge.wait_drivers('late')
    client.do('set_power', base='late', linear=1.0)
    old.wait_motion(topic, 0.0)
    since = time.monotonic()
    client.do('stop', base='late')
    old.check_stop(topic, since, 0.0)
    old.kill()
    assert client.do('is_moving', base='late') is False
    robot.send(do='listen', topic=topic)
    asked = time.monotonic()
    zeros = robot.check_stop(topic, asked, 0.0)
    assert len(zeros) >= 3
    bridge.wait_logged('late: stopping, a driver appeared that may still be moving')


def test_a_driver_whose_robot_was_seen_to_rest_receives_nothing(
        programs: Programs, bridge: Bridge, client: Client, robot: Driver) -> None:
    """Silent when idle: after rest was confirmed, a new driver receives no stop."""
    topic = bridge.topic('rested')
    old = programs.driver(topic)
    bridge.wait_drivers('rested')
    client.do('set_power', base='rested', linear=1.0)
    old.wait_motion(topic, 0.0)
    client.do('stop', base='rested')
    bridge.wait_logged(r'rested: stopped \(verified\)')
    # It was logged at the start as well, before any driver.
    missing = bridge.text.count('no stop path: rested')
    old.finish()
    wait_until(lambda: bridge.text.count('no stop path: rested') > missing,
               'the end of the old driver')
    found = bridge.text.count('rested: a driver is connected')
    robot.send(do='listen', topic=topic)
    wait_until(lambda: bridge.text.count('rested: a driver is connected') > found,
               'the new driver')
    robot.wait_silence(topic)
    assert not robot.heard(topic)
