# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The main guarantee: real Viam SDK programs drive, and end in every way a program can.

One bridge serves all tests, with the default heartbeat window. Bounds: a connection that closes is
noticed at once, a session without heartbeats after its window.
"""

import re
import signal
import time

import pytest

from host import took
from processes import base, Bridge, Driver, MARGIN, Programs, Proxy, settings, wait_until

WINDOW = 2.0  # s, the default
HOLD = 1.0  # s, of 'first'; the default
AT_ONCE = 0.0  # s


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings({
        'first': base('first', stop_hold=HOLD, max_linear_speed=0.5),
        'second': base('second', driver='twist_stamped')}))


@pytest.fixture(scope='module')
def drivers(shared: Programs, bridge: Bridge) -> dict[str, Driver]:
    topics = {'first': 'best_effort', 'second': 'reliable'}
    started = {
        name: shared.driver(bridge.topic(name), ready=False, reliability=reliability,
                            type='twist_stamped' if name == 'second' else 'twist')
        for name, reliability in topics.items()}
    for driver in started.values():
        driver.wait_ready()
    bridge.wait_drivers(*started)
    return started


@pytest.fixture
def first(bridge: Bridge, drivers: dict[str, Driver]) -> 'Received':
    return Received(drivers['first'], bridge.topic('first'))


@pytest.fixture
def second(bridge: Bridge, drivers: dict[str, Driver]) -> 'Received':
    return Received(drivers['second'], bridge.topic('second'))


class Received:
    """What one driver has received since the test began."""

    def __init__(self, driver: Driver, topic: str) -> None:
        # Longer than the stop of the test before is repeated.
        driver.wait_silence(topic, HOLD + 0.2)
        self.driver = driver
        self.topic = topic
        self.began = time.monotonic()

    def moves(self, since: float | None = None) -> float:
        """Wait for motion; returns when it arrived (s)."""
        return self.driver.wait_motion(self.topic, since or self.began).at

    def keeps_moving(self, duration: float = 0.5) -> None:
        """Check that held motion goes on without a stop."""
        self.driver.check_driving(self.topic, duration)

    def stops(self, since: float, within: float, quiet: float = 0.6) -> list[float]:
        """Check that a stop arrived in time and only zeros followed; returns its instants (s)."""
        return [one.at for one in self.driver.check_stop(self.topic, since, within, quiet)]


def test_a_killed_client_stops_its_base_and_a_new_client_drives(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """Motion is repeated; zeros at once and for the hold time; no message; a new client drives."""
    client = programs.client(bridge.address)
    client.do('set_power', base='first', linear=1.0)
    first.moves()
    first.keeps_moving()
    commands = [one for one in first.driver.heard(first.topic, first.began) if not one.is_zero]
    assert {one.linear for one in commands} == {(0.5, 0.0, 0.0)}
    zeros = first.stops(client.kill(), AT_ONCE, HOLD + 0.2)
    assert zeros[-1] - zeros[0] >= HOLD - 0.3
    assert took(zeros[0], zeros[-1]) <= HOLD + MARGIN
    assert len(zeros) >= 10
    later = time.monotonic()
    programs.client(bridge.address).do('set_power', base='first', linear=0.5)
    first.moves(later)
    bridge.wait_logged('first: stopping, the connection that commanded it is closed .*session')


def test_a_frozen_client_stops_after_the_window_and_its_id_stays_invalid(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """Connections stay open without heartbeats. After SIGCONT nothing moves under the old id."""
    client = programs.client(bridge.address)
    client.do('set_power', base='first', linear=1.0)
    old = client.do('session')
    first.moves()
    frozen = client.freeze()
    zeros = first.stops(frozen, WINDOW)
    assert zeros[0] - frozen >= WINDOW / 2
    thawed = client.signal(signal.SIGCONT)
    refused = client.ask('set_power_under', base='first', session=old)
    assert (refused['ok'], refused['code'], refused['text']) == (
        False, 'INVALID_ARGUMENT', 'SESSION_EXPIRED')
    assert not first.driver.heard(first.topic, thawed)
    # The SDK gets the error in its next heartbeat or in this call, whichever is first.
    answer = client.ask('set_power', base='first', linear=1.0)
    if not answer['ok']:
        assert (answer['code'], answer['text']) == ('INVALID_ARGUMENT', 'SESSION_EXPIRED')
        assert not first.driver.heard(first.topic, thawed)
        client.do('set_power', base='first', linear=1.0)
    assert client.do('session') not in ('', old)
    first.moves(thawed)
    client.do('stop', base='first')


def test_a_client_that_closes_stops_its_base(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """A session is not ended at a clean close by any SDK; its connections are."""
    client = programs.client(bridge.address)
    client.do('set_power', base='first', linear=1.0)
    first.moves()
    asked = time.monotonic()
    client.do('close')
    # The SDK waits up to 1 s for its heartbeat thread, which holds a connection, too.
    first.stops(asked, 1.0)


@pytest.mark.parametrize('end', ['killed', 'closed'])
def test_a_client_without_a_session_stops_with_its_connection(
        programs: Programs, bridge: Bridge, second: Received, end: str) -> None:
    """Policy 'connection': the open connection is the presence."""
    client = programs.client(bridge.address, sessions=False)
    client.do('set_power', base='second', linear=1.0)
    assert client.do('session') == ''
    second.moves()
    # Longer than a window: nothing but the connection holds it.
    second.keeps_moving(WINDOW + 0.3)
    asked = time.monotonic()
    client.kill() if end == 'killed' else client.do('close')
    second.stops(asked, AT_ONCE)


def test_only_the_end_of_the_last_caller_stops(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """A drives, B takes over, A is killed: the base continues. B is killed: it stops."""
    a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
    a.wait_ready()
    b.wait_ready()
    a.do('set_power', base='first', linear=1.0)
    first.moves()
    b.do('set_power', base='first', linear=0.5)
    wait_until(lambda: first.driver.heard(first.topic)[-1].linear == (0.25, 0.0, 0.0), "B's speed")
    a.kill()
    first.keeps_moving(WINDOW + 0.5)
    first.stops(b.kill(), AT_ONCE)


def test_a_client_that_reconnects_in_time_keeps_its_session_but_not_its_motion(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """The cut stops the base at once; the same session drives it again by a new command."""
    proxy = Proxy(bridge.port)
    try:
        client = programs.client(proxy.address)
        client.do('set_power', base='first', linear=1.0)
        session = client.do('session')
        first.moves()
        cut = proxy.cut(reopen=True)
        zero = first.driver.wait_zero(first.topic, cut).at
        assert took(cut, zero) <= WINDOW / 2
        # By hand, because the SDK gives its session up when a beat was under way at the cut.
        again = time.monotonic()
        client.do('set_power_under', base='first', session=session)
        moved = first.moves(again)
        assert all(one.is_zero for one in first.driver.heard(first.topic, zero)
                   if one.at < again)
        assert took(cut, moved) <= WINDOW + MARGIN
        client.do('set_power', base='first', linear=0.5)
        first.keeps_moving(WINDOW + 0.5)
    finally:
        proxy.close()


def test_a_client_that_reconnects_too_late_needs_a_new_session(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """After the window the old session has expired; only a new one can move the base."""
    proxy = Proxy(bridge.port)
    try:
        client = programs.client(proxy.address)
        client.do('set_power', base='first', linear=1.0)
        session = client.do('session')
        first.moves()
        cut = proxy.cut(reopen=False)
        zeros = first.stops(cut, AT_ONCE)
        bridge.wait_logged(f'session {session[:8]}... .* has ended: its connections were closed')
        proxy.reopen()
        refused = client.ask('set_power_under', base='first', session=session)
        assert refused['text'] == 'SESSION_EXPIRED'
        wait_until(lambda: client.ask('set_power', base='first', linear=1.0)['ok'],
                   'a command under a new session')
        moved = first.moves(zeros[-1])
        assert moved - cut >= WINDOW / 2
        assert client.do('session') not in ('', session)
    finally:
        proxy.close()


def test_programs_that_block_their_event_loop_keep_driving(
        programs: Programs, bridge: Bridge, first: Received, second: Received) -> None:
    """8 s in time.sleep: neither the session nor a connection without one may be given up."""
    clients = {
        name: programs.client(bridge.address, ready=False, sessions=sessions)
        for name, sessions in (('first', True), ('second', False))}
    orders = {}
    for (name, client), ear in zip(clients.items(), (first, second), strict=True):
        client.wait_ready()
        client.do('set_power', base=name, linear=1.0)
        ear.moves()
        orders[name] = client.begin('block', seconds=8.0)
    session = None
    for (name, client), ear in zip(clients.items(), (first, second), strict=True):
        assert client.answer(orders[name])['ok']
        assert client.do('is_moving', base=name)
        assert not any(one.is_zero for one in ear.driver.heard(ear.topic, ear.began))
        client.do('set_power', base=name, linear=0.5)
        session = session or client.do('session')
    assert session
    assert not re.search(f'session {session[:8]}.* lapsed', bridge.text)


def test_a_killed_client_ends_its_blocking_move(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """A move of 10 s ends with its client, and the next client can use the base."""
    client = programs.client(bridge.address)
    client.begin('move_straight', base='first', distance=5000, velocity=500.0)
    first.moves()
    first.stops(client.kill(), AT_ONCE)
    later = time.monotonic()
    other = programs.client(bridge.address)
    assert other.do('is_moving', base='first') is False
    other.do('move_straight', base='first', distance=100, velocity=500.0)
    # Through another pipe than the answer, perhaps later; the stop is the last of it.
    first.driver.wait_zero(first.topic, first.moves(later))
    moves = [one for one in first.driver.heard(first.topic, later) if not one.is_zero]
    # 0.1 m at 0.5 m/s: 0.2 s.
    assert moves[-1].at - moves[0].at >= 0.1
    assert took(moves[0].at, moves[-1].at) <= 0.2 + MARGIN
    first.stops(moves[-1].at, AT_ONCE)


def test_a_frozen_client_ends_its_blocking_move_after_the_window(
        programs: Programs, bridge: Bridge, first: Received) -> None:
    """The open call alone is no presence; after SIGCONT, the caller gets the reason."""
    client = programs.client(bridge.address)
    order = client.begin('move_straight', base='first', distance=5000, velocity=500.0)
    first.moves()
    # The first beats come with the command; freeze when they are regular.
    first.keeps_moving()
    frozen = client.freeze()
    first.stops(frozen, WINDOW)
    client.signal(signal.SIGCONT)
    answer = client.answer(order)
    assert (answer['ok'], answer['code']) == (False, 'ABORTED')
    assert 'session' in answer['text']
