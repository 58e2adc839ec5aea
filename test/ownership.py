# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The scenario that every component of an example must pass: which client's end stops it, and Stop.

A module derives a class from Ownership and gives it the fixtures bridge, client (one that stays)
and parts. Each test moves all parts at once, each by a real SDK program.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import time
from typing import Any, NamedTuple

import pytest

from host import took
from observer import Observer
from processes import Bridge, Client, MARGIN, Programs, wait_until

WINDOW = 2.0  # s

# A led joint counts as at rest when this many steps are the same.
STANDING = 5


class Sign(NamedTuple):
    """The meaning of one message to a driver: motion or stop; and when it arrived (s)."""

    at: float
    moves: bool


@dataclass(frozen=True)
class Part:
    """
    One component: the call that moves it, and what its driver has received since an instant (s).

    lasts: the call is answered when the motion ends. has_stop: Viam has a Stop for it. monitored:
    Viam's sessions cover it; else its connection holds it. settles: for this time (s) after its
    first stop it may still move, to where it was measured. slow: a speed limit that can be changed
    at run time, so that the move outlasts the test also on a busy machine: its parameter, and a
    slow value.
    """

    component: str
    name: str
    method: str
    arguments: Sequence[Any]
    signs: Callable[[float], list[Sign]]
    lasts: bool = False
    has_stop: bool = True
    monitored: bool = True
    settles: float = 0.0
    slow: tuple[str, float] | None = None

    def order(self, client: Client, method: str) -> Any:
        """Call a method without arguments, which must succeed; returns its value."""
        return client.do('call', component=self.component, name=self.name, method=method)

    def move(self, client: Client) -> int:
        """Move it and wait until its driver has received it; returns the number of the call."""
        since = time.monotonic()
        call = client.begin('call', component=self.component, name=self.name,
                            method=self.method, arguments=self.arguments)
        if not self.lasts:
            answer = client.answer(call)
            assert answer['ok'], (self.name, answer)
        wait_until(lambda: any(sign.moves for sign in self.signs(since)),
                   f'{self.name} moves')
        return call

    def stops(self, since: float) -> list[float]:
        """Return when its stops arrived (s)."""
        return [sign.at for sign in self.signs(since) if not sign.moves]

    def check_stopped(self, client: Client, since: float, earliest: float = 0.0,
                      latest: float = 0.0) -> None:
        """Check that a stop arrived in time (s) after an instant (s), as the last command."""
        first = wait_until(lambda: self.stops(since), f'{self.name} receives a stop')[0]
        assert first - since >= earliest
        assert took(since, first) <= latest + MARGIN, (self.name, first - since)
        wait_until(lambda: self.order(client, 'get_status')['state'] == 'idle',
                   f'{self.name} rests')
        moved = [sign for sign in self.signs(first + self.settles) if sign.moves]
        assert not moved, (self.name, moved)


def led(told: Sequence[tuple[float, Any]]) -> list[Sign]:
    """Return what the steps of a led joint (s, where) mean; not yet of the newest."""
    return [Sign(at, moves=any(later != step for _, later in told[index:index + STANDING]))
            for index, (at, step) in enumerate(told[:-STANDING])]


class Ownership:
    """The tests; see the module's text."""

    @pytest.fixture(autouse=True)
    def unhurried(self, bridge: Bridge, client: Client, parts: list[Part],
                  observer: Observer) -> Iterator[None]:
        """Wait until all rest, and set slow speed limits for positions."""
        for part in parts:
            wait_until(lambda part=part: part.order(client, 'get_status')['state'] == 'idle',
                       f'{part.name} rests')
        slow = dict(part.slow for part in parts if part.slow)
        before = {name: observer.get(bridge, name) for name in slow}
        for name, value in slow.items():
            assert observer.set(bridge, name, value) == (True, '')
        yield
        for name, value in before.items():
            assert observer.set(bridge, name, value) == (True, '')

    def test_only_the_end_of_the_last_caller_stops(
            self, programs: Programs, bridge: Bridge, client: Client, parts: list[Part]) -> None:
        """A moves everything, B takes over, A is killed: all continue. B is killed: all stop."""
        a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
        a.wait_ready()
        b.wait_ready()
        first = [part.move(a) for part in parts]
        second = [part.move(b) for part in parts]
        for part, call in zip(parts, first, strict=True):
            assert a.answer(call)['ok'], (part.name, 'superseded')
        killed = a.kill()
        wait_until(lambda: time.monotonic() > killed + 1.0, 'time for a stop to show')
        for part, call in zip(parts, second, strict=True):
            assert not part.stops(killed), part.name
            assert part.order(client, 'get_status')['state'] == 'moving', part.name
            assert b.answered(call) is not part.lasts, part.name
        killed = b.kill()
        for part in parts:
            part.check_stopped(client, killed)

    def test_the_motion_of_a_frozen_client_is_stopped_after_the_window(
            self, programs: Programs, bridge: Bridge, client: Client, parts: list[Part]) -> None:
        """Its session lapses. What its open connections hold continues."""
        victim = programs.client(bridge.address)
        for part in parts:
            part.move(victim)
        frozen = victim.freeze()
        for part in parts:
            if part.monitored:
                part.check_stopped(client, frozen, earliest=WINDOW / 2.0, latest=WINDOW)
        others = [part for part in parts if not part.monitored]
        assert not [part.name for part in others if part.stops(frozen)]
        killed = victim.kill()
        for part in others:
            part.check_stopped(client, killed)

    def test_stop_stops_what_it_names(self, client: Client, parts: list[Part]) -> None:
        """One after another; the others continue. A component without a Stop stops by StopAll."""
        calls = {part.name: part.move(client) for part in parts}
        own = [part for part in parts if part.has_stop]
        others = list(parts)
        for part in own:
            others.remove(part)
            asked = time.monotonic()
            part.order(client, 'stop')
            part.check_stopped(client, asked)
            assert client.answer(calls[part.name])['ok'], (part.name, 'stopped')
            assert not [other.name for other in others if other.stops(asked)]
        asked = time.monotonic()
        client.do('stop_all')
        for part in others:
            part.check_stopped(client, asked)
