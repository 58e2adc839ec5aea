# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A stop is not done until it is seen: odometry end to end, diagnostics, and the reset.

One bridge has a base for every kind of odometry; one driver process each publishes it. All stops
run at the same time.
"""

import time

import pytest

from host import took
from observer import Observer
from processes import base, Bridge, Client, Driver, MARGIN, Programs, settings, wait_until

HOLD = 0.5  # s
TIMEOUT = 1.5  # s
UNSEEN = ('moving', 'frozen', 'not_a_number', 'silent')


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings({
        mode: base(f'{mode}/cmd_vel', odometry_topic=f'{mode}/odom', stop_hold=HOLD,
                   stop_timeout=TIMEOUT)
        for mode in ('follow', *UNSEEN)}))


@pytest.fixture(scope='module')
def drivers(shared: Programs, bridge: Bridge) -> dict[str, Driver]:
    started = {
        mode: shared.driver(
            bridge.topic(f'{mode}/cmd_vel'), ready=False, odometry=bridge.topic(f'{mode}/odom'))
        for mode in ('follow', *UNSEEN)}
    for driver in started.values():
        driver.wait_ready()
    bridge.wait_drivers(*started)
    return started


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge) -> Client:
    return shared.client(bridge.address)


@pytest.fixture(scope='module')
def stopped(bridge: Bridge, drivers: dict[str, Driver], client: Client,
            observer: Observer) -> float:
    """Drive all bases, spoil the odometry of some, stop all; returns when (s)."""
    for mode, driver in drivers.items():
        # Refused until odometry has arrived.
        wait_until(lambda mode=mode: client.ask('set_power', base=mode, linear=1.0)['ok'],
                   f'{mode} drives')
        driver.wait_motion(bridge.topic(f'{mode}/cmd_vel'), 0.0)
        driver.odometry(mode)
    # What was published before the change has arrived before the stop.
    for mode, driver in drivers.items():
        since = time.monotonic()
        driver.wait_motion(bridge.topic(f'{mode}/cmd_vel'), since)
    at = time.monotonic()
    for mode in drivers:
        client.do('stop', base=mode)
    return at


def test_rest_that_is_seen_ends_the_stop_soon(
        bridge: Bridge, drivers: dict[str, Driver], client: Client, observer: Observer,
        stopped: float) -> None:
    """After hold and dwell the base is idle, verified, and the bridge silent."""
    bridge.wait_logged(r'follow: stopped \(verified\)')
    zeros = drivers['follow'].check_stop(bridge.topic('follow/cmd_vel'), stopped, 0.0)
    assert zeros[-1].at - zeros[0].at >= HOLD - 0.2
    assert took(zeros[0].at, zeros[-1].at) <= HOLD + MARGIN
    assert client.do('is_moving', base='follow') is False
    observer.wait_status('follow', 0, time.monotonic())


@pytest.mark.parametrize('mode', UNSEEN)
def test_rest_that_is_not_seen_is_an_alarm(
        bridge: Bridge, drivers: dict[str, Driver], client: Client, observer: Observer,
        stopped: float, mode: str) -> None:
    """Moving, frozen, not a number, silent: zeros are sent, motion is refused, and shown."""
    topic = bridge.topic(f'{mode}/cmd_vel')
    bridge.wait_logged(f'{mode}: STOP NOT CONFIRMED')
    assert observer.wait_status(mode, 2, stopped).message
    assert not bridge.logged(f'{mode}: stopped')
    refused = client.ask('set_power', base=mode, linear=1.0)
    assert (refused['ok'], refused['code']) == (False, 'FAILED_PRECONDITION')
    assert 'not confirmed' in refused['text'] and f'{TIMEOUT:g} s' in refused['text']
    later = time.monotonic()
    drivers[mode].wait_zero(topic, later)
    assert all(one.is_zero for one in drivers[mode].heard(topic, later))
    # Stops are accepted meanwhile, and change nothing.
    client.do('stop', base=mode)
    assert not client.ask('set_power', base=mode, linear=1.0)['ok']


def test_a_reset_clears_the_alarm_and_moves_nothing(
        bridge: Bridge, drivers: dict[str, Driver], client: Client, observer: Observer,
        stopped: float) -> None:
    """After the reset by an operator, the next command is accepted."""
    for mode in UNSEEN:
        bridge.wait_logged(f'{mode}: STOP NOT CONFIRMED')
    # Rest that is seen at last needs no operator.
    drivers['frozen'].send(do='odometry', mode='rest')
    bridge.wait_logged(r'frozen: stopped \(verified\)')
    at = time.monotonic()
    message = observer.reset(bridge)
    assert all(mode in message for mode in ('moving', 'not_a_number', 'silent'))
    assert 'frozen' not in message and 'follow' not in message
    for mode in UNSEEN:
        drivers[mode].wait_silence(bridge.topic(f'{mode}/cmd_vel'), 0.4)
        assert all(one.is_zero for one in drivers[mode].heard(since=at))
        observer.wait_status(mode, 0, at)
    again = time.monotonic()
    for mode in UNSEEN:
        client.do('set_power', base=mode, linear=1.0)
        drivers[mode].wait_motion(bridge.topic(f'{mode}/cmd_vel'), again)
