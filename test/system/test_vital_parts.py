# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""When one part of the bridge hangs, it stops the robot and ends with a failure."""

from pathlib import Path
import signal
import time

import pytest

from processes import base, Bridge, Client, Driver, Programs, settings, wait_until

PROGRAM = Path(__file__).with_name('programs') / 'wedged_bridge.py'

# Five seconds until it is noticed, a second of stops, and the shutdown.
PATIENCE = 20.0


def wedged(programs: Programs, part: str) -> tuple[Bridge, Driver, Client]:
    """Start a bridge with a part that is going to hang, a driver and a client."""
    feedback = {'odometry_topic': 'odom'} if part == 'executor' else {}
    bridge = programs.bridge(
        settings({'base': base(**feedback)}), program=(PROGRAM, part))
    driver = programs.driver(bridge.topic())
    bridge.wait_drivers()
    # A part that hangs sends the first command only once, or twice.
    driver.wait_matched(bridge.topic())
    return bridge, driver, programs.client(bridge.address)


def check_end(bridge: Bridge, driver: Driver, part: str, since: float) -> None:
    """Check that the part is named, the driver receives stops, and the end is a failure."""
    assert bridge.ended(PATIENCE) == 1
    assert bridge.logged(f'a vital part failed: RuntimeError: it hangs: .*{part}')
    # The output of the driver comes through another pipe, perhaps later.
    driver.wait_silence(bridge.topic())
    told = driver.heard(bridge.topic(), since)
    assert told and told[-1].is_zero
    assert len([one for one in told if one.is_zero]) >= 3, 'once may be lost'


def test_a_stop_loop_that_hangs(programs: Programs) -> None:
    """Its last resort goes around it."""
    bridge, driver, client = wedged(programs, 'pump')
    at = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), at)
    check_end(bridge, driver, 'the stop loop', at)


def test_a_lock_that_is_never_released(programs: Programs) -> None:
    """No decision is possible: the drivers receive stops without it, and the process ends."""
    bridge, driver, client = wedged(programs, 'lock')
    at = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), at)
    # Every part waits for it; any of them may be reported first.
    check_end(bridge, driver, '(loop|executor)', at)


def test_a_lock_that_is_never_released_and_a_signal(programs: Programs) -> None:
    """A signal before the hang is detected still ends it, after stopping the robot."""
    bridge, driver, client = wedged(programs, 'lock')
    at = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), at)
    driver.wait_silence(bridge.topic(), 0.3)
    bridge.signal(signal.SIGTERM)
    assert bridge.ended(PATIENCE) == 1
    bridge.wait_logged('a vital part failed: ThreadHung')
    first = driver.wait_zero(bridge.topic(), at)
    driver.wait_silence(bridge.topic())
    zeros = driver.heard(bridge.topic(), first.at)
    assert len(zeros) >= 3 and all(one.is_zero for one in zeros)


def test_a_grpc_loop_that_hangs(programs: Programs) -> None:
    """Presence is unknown, so motion has ended long before."""
    bridge, driver, client = wedged(programs, 'grpc')
    at = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), at)
    client.send(id=0, do='is_moving', base='base')
    check_end(bridge, driver, 'the gRPC loop', at)


def test_an_executor_that_hangs(programs: Programs) -> None:
    """Feedback and the answers of services are not received any more."""
    bridge, driver, client = wedged(programs, 'executor')
    odometry = programs.driver(
        bridge.topic('other'), odometry=bridge.topic('odom'), odometry_mode='rest')
    wait_until(lambda: not client.do('is_moving', base='base'), 'odometry')
    at = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), at)
    odometry.send(do='odometry', mode='moving')
    check_end(bridge, driver, 'the ROS executor', at)
    assert odometry.process.poll() is None


@pytest.mark.parametrize('part', ['pump'])
def test_a_part_that_works_ends_nothing(programs: Programs, part: str) -> None:
    """The same program, idle: every part reports although nothing happens."""
    bridge, _, client = wedged(programs, part)
    time.sleep(7.0)
    assert bridge.process.poll() is None
    assert client.do('is_moving', base='base') is False
