# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The end of the bridge: signals, a stop without confirmation, and a freeze.

launch follows SIGINT with SIGTERM after 5 s: within that time everything must be done. Every test
ends a bridge of its own; all are started at once, which saves most of the time.
"""

import signal
import time

import pytest

from host import took
from processes import base, Bridge, Driver, MARGIN, new_namespace, Programs, settings, wait_until

LAUNCH_PATIENCE = 5.0  # s
FROZEN_PATIENCE = 1.0  # s, the guard's where the bridge is frozen

SIGNALS = {'INT': (signal.SIGINT,), 'TERM': (signal.SIGTERM,), 'HUP': (signal.SIGHUP,)}
PAIRS = {'INT-INT': (signal.SIGINT, signal.SIGINT), 'INT-TERM': (signal.SIGINT, signal.SIGTERM)}
RELIABLE = ('INT-INT', 'TERM', 'freeze', 'flood')
BEST_EFFORT = ('INT-TERM', 'INT', 'HUP', 'idle')
FEEDBACK = {'moving': 'moving', 'resting': 'follow'}

Crew = tuple[Bridge, Driver]


@pytest.fixture(scope='module')
def crews(shared: Programs) -> dict[str, Crew]:
    """Start a bridge for every test, and drivers that subscribe."""
    names = (*RELIABLE, *BEST_EFFORT, *FEEDBACK)
    spaces = {name: new_namespace() for name in names}
    drivers: dict[str, Driver] = {}
    for reliability, group in (('reliable', RELIABLE), ('best_effort', BEST_EFFORT)):
        driver = shared.driver(*(f'{spaces[name]}/cmd_vel' for name in group), ready=False,
                               reliability=reliability)
        drivers.update(dict.fromkeys(group, driver))
    for name, mode in FEEDBACK.items():
        drivers[name] = shared.driver(
            f'{spaces[name]}/cmd_vel', ready=False, odometry=f'{spaces[name]}/odom',
            odometry_mode=mode)
    bridges = {
        name: shared.bridge(_settings(name), namespace=spaces[name], ready=False)
        for name in names}
    for name, bridge in bridges.items():
        drivers[name].wait_ready()
        bridge.wait_ready()
        bridge.wait_drivers()
    return {name: (bridges[name], drivers[name]) for name in names}


def _settings(name: str) -> dict[str, object]:
    if name in FEEDBACK:
        return settings({'base': base(odometry_topic='odom')})
    if name in ('freeze', 'flood'):
        # No session shall end because of the freeze.
        return settings(patience=FROZEN_PATIENCE,
                        sessions={'heartbeat_window': 30.0, 'network_timeout': 30.0})
    return settings()


@pytest.mark.parametrize('name', SIGNALS)
def test_a_signal_stops_what_moves_and_ends_well(
        programs: Programs, crews: dict[str, Crew], name: str) -> None:
    """The driver receives zeros for the hold after the signal, and nothing else; status 0."""
    bridge, driver = crews[name]
    programs.client(bridge.address).do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), 0.0)
    at = bridge.signal(*SIGNALS[name])
    assert bridge.ended(LAUNCH_PATIENCE) == 0, bridge.text
    zeros = driver.check_stop(bridge.topic(), at, 0.0)
    assert zeros[-1].at - zeros[0].at >= 0.3
    bridge.wait_logged('base: stopping, the bridge is shutting down')


@pytest.mark.parametrize('name', PAIRS)
def test_two_signals_during_a_blocking_move(
        programs: Programs, crews: dict[str, Crew], name: str) -> None:
    """A terminal and launch may both send one. The waiting client gets the reason."""
    bridge, driver = crews[name]
    client = programs.client(bridge.address)
    order = client.begin('move_straight', base='base', distance=3000, velocity=100.0)
    driver.wait_motion(bridge.topic(), 0.0)
    first, second = PAIRS[name]
    at = bridge.signal(first)
    driver.wait_zero(bridge.topic(), at)
    bridge.signal(second)
    assert bridge.ended(LAUNCH_PATIENCE) == 0, bridge.text
    answer = client.answer(order)
    assert not answer['ok']
    assert answer['code'] == 'ABORTED' and 'shutting down' in answer['text']
    driver.check_stop(bridge.topic(), at, 0.0)


def test_an_idle_bridge_ends_without_a_message(
        programs: Programs, crews: dict[str, Crew]) -> None:
    """It never disturbs another publisher: no velocity at its start, none at its end."""
    bridge, driver = crews['idle']
    assert programs.client(bridge.address).do('is_moving', base='base') is False
    bridge.signal(signal.SIGTERM)
    assert bridge.ended(LAUNCH_PATIENCE) == 0, bridge.text
    assert not driver.heard(bridge.topic())


def test_a_stop_that_is_not_confirmed_fails_the_exit(
        programs: Programs, crews: dict[str, Crew]) -> None:
    """Odometry shows motion: zeros to the end, no new motion, status 1, within the time."""
    bridge, driver = crews['moving']
    client = programs.client(bridge.address)
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), 0.0)
    at = bridge.signal(signal.SIGTERM)
    driver.wait_zero(bridge.topic(), at)
    refused = client.ask('set_power', base='base', linear=1.0)
    assert not refused['ok']
    assert refused['code'] == 'UNAVAILABLE' and 'shutting down' in refused['text']
    assert bridge.ended(LAUNCH_PATIENCE) == 1, bridge.text
    ended = time.monotonic()
    zeros = driver.check_stop(bridge.topic(), at, 0.0)
    assert took(zeros[-1].at, ended) <= 2.0
    assert 'without seeing rest: base' in bridge.text


def test_a_stop_that_is_seen_ends_well(programs: Programs, crews: dict[str, Crew]) -> None:
    """Odometry that follows: the bridge ends when the robot rests, and logs that it saw it."""
    bridge, driver = crews['resting']
    programs.client(bridge.address).do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), 0.0)
    at = bridge.signal(signal.SIGTERM)
    assert bridge.ended(LAUNCH_PATIENCE) == 0, bridge.text
    driver.check_stop(bridge.topic(), at, 0.0)
    bridge.wait_logged(r'base: stopped \(verified\)')


# ---- a freeze of the bridge: law 11 -------------------------------------------------------------


def test_after_a_freeze_only_a_new_command_moves(
        programs: Programs, crews: dict[str, Crew]) -> None:
    """The first thing published is zero; the session lives, but its old setpoint is dropped."""
    bridge, driver = crews['freeze']
    client = programs.client(bridge.address)
    client.do('set_power', base='base', linear=1.0)
    session = client.do('session')
    driver.wait_motion(bridge.topic(), 0.0)
    bridge.freeze()
    driver.wait_silence(bridge.topic(), FROZEN_PATIENCE + 0.3)
    thawed = bridge.signal(signal.SIGCONT)
    first = wait_until(
        lambda: driver.heard(bridge.topic(), thawed), 'a message after SIGCONT')[0]
    assert first.is_zero
    driver.check_stop(bridge.topic(), thawed, MARGIN)
    bridge.wait_logged('ms late')
    again = time.monotonic()
    # After a freeze, commands are refused for a while, longer on a busy machine.
    wait_until(lambda: client.ask('set_power', base='base', linear=0.5)['ok'], 'a new command')
    assert client.do('session') == session
    driver.wait_motion(bridge.topic(), again)


def test_commands_queued_in_a_freeze_are_not_sent_before_the_stop(
        programs: Programs, crews: dict[str, Crew]) -> None:
    """Many commands wait in the socket at SIGCONT: zero is still the first message."""
    bridge, driver = crews['flood']
    client = programs.client(bridge.address)
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), 0.0)
    bridge.freeze()
    orders = [client.begin('set_power', base='base', linear=0.5) for _ in range(40)]
    driver.wait_silence(bridge.topic(), FROZEN_PATIENCE + 0.3)
    assert not any(client.answered(order) for order in orders)
    thawed = bridge.signal(signal.SIGCONT)
    answers = [client.answer(order) for order in orders]
    # What was refused was refused for this reason.
    assert all('frozen' in answer['text'] for answer in answers if not answer['ok'])
    first = wait_until(
        lambda: driver.heard(bridge.topic(), thawed), 'a message after SIGCONT')[0]
    assert first.is_zero
