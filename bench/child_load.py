# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Generates load: beating sessions, streamed commands, saturation, and sessions that lapse.

One process, one thread, calls by http2.py. Every session has a connection of its own.
"""

import itertools
import random
import select
import time
from typing import Any
import uuid

import calls
import http2
from pacer import Pacer, Planned
import protocol
from viam_session_bridge.locked_supervisor import steady_now

WARM_UP = 0.3  # s

# In a refusal: its cause is a stall of this machine.
STALLED = 'SESSION_EXPIRED', 'frozen'

_LOST: list[http2.Connection] = []


class Refused(RuntimeError):
    """A call was not answered with a message."""


class Load:
    """What this process can be asked to do. Times are in s."""

    def __init__(self) -> None:
        self._plan: list[Planned] = []

    def settle(self, port: int, sessions: int, real: bool = True) -> float:
        """Start sessions that will beat; return how long it took."""
        began = steady_now()
        for _ in range(sessions):
            connection = http2.Connection(port)
            session = start_session(connection, real)
            self._plan.append(Planned(connection, calls.BEAT, calls.beat(session)))
        return steady_now() - began

    def settle_commanding(self, port: int, bases: list[str]) -> None:
        """Start a session for each base, that will command it."""
        for base in bases:
            connection = http2.Connection(port)
            session = start_session(connection)
            self._plan.append(Planned(
                connection, calls.SET_POWER, calls.set_power(base, 0.5), calls.metadata(session)))

    def settle_driving(self, port: int, base: str, each: int) -> None:
        """Start a session that will command a base, and beat in each so-manieth interval."""
        self.settle_commanding(port, [base])
        connection, _, _, metadata, _ = self._plan[-1]
        session = dict(metadata)['viam-sid']
        self._plan.append(Planned(connection, calls.BEAT, calls.beat(session), each=each))

    def pace(self, interval: float, seconds: float) -> dict[str, Any]:
        """Make each planned call once per interval, see Pacer; then close all connections."""
        used = time.process_time()
        result = Pacer(self._plan, interval).run(seconds)
        close(*(one.connection for one in self._plan))
        self._plan.clear()
        return {**result, 'processor': (time.process_time() - used) / seconds}


def start_session(connection: http2.Connection, real: bool = True) -> str:
    """Start a session and return its id; one is invented for a bare server, which has none."""
    if not real:
        return str(uuid.uuid4())
    connection.call(calls.START, b'')
    return calls.session_in(answer(connection))


def answer(connection: http2.Connection) -> bytes:
    """Wait for the answer to the only call. Raises Refused."""
    connection.flush()
    while True:
        for reply in connection.receive():
            if reply.message is None:
                raise Refused(f'a call was refused: {reply.headers!r}')
            return reply.message


def close(*connections: http2.Connection) -> None:
    """Close connections."""
    for connection in connections:
        connection.close()


def lapse(port: int, bases: list[str], period: float, seconds: float) -> int:
    """
    Let sessions lapse that move a base: one per base and period (s).

    Each is started, commands once and does nothing afterwards; its connection stays open. Returns
    how many moved nothing, because this machine stood still and their command came too late.
    Raises Refused when that were most of them.
    """
    connection = http2.Connection(port)
    began, count, refused = steady_now(), 0, 0
    for count, base in enumerate(itertools.cycle(bases)):
        due = began + count * period / len(bases)
        if due > began + seconds:
            break
        # A little off the grid, so that stops do not coincide with repeated commands of others.
        time.sleep(max(0.0, due - steady_now() + random.uniform(0.0, 0.01)))
        if not drive(connection, [base]):
            refused += 1
    time.sleep(period)
    close(connection)
    if 2 * refused > count:
        raise Refused(f'{refused} of {count} commands came too late')
    return refused


def lose(port: int, bases: list[str]) -> bool:
    """
    Start a session that moves all these bases at the same time, and nothing follows; see drive.

    The connection stays open until the next one: it is the session that is lost.
    """
    close(*_LOST)
    _LOST[:] = [http2.Connection(port)]
    return drive(_LOST[0], bases)


def drive(connection: http2.Connection, bases: list[str]) -> bool:
    """Move bases in a new session; returns whether all moved before this machine stood still."""
    session = start_session(connection)
    for base in bases:
        connection.call(calls.SET_POWER, calls.set_power(base, 0.5), calls.metadata(session))
        try:
            answer(connection)
        except Refused as refusal:
            if not any(reason in str(refusal) for reason in STALLED):
                raise
            return False
    return True


def saturate(port: int, connections: int, in_flight: int, seconds: float,
             real: bool = True, ca: str = '') -> dict[str, Any]:
    """
    Beat as fast as answers come, with so many calls in flight per connection.

    ca: see http2.Connection.
    """
    opened = [http2.Connection(port, ca) for _ in range(connections)]
    messages = [calls.beat(start_session(one, real)) for one in opened]
    ready = select.epoll()
    by_number = {
        one.fileno(): (one, message) for one, message in zip(opened, messages, strict=True)}
    for one, message in by_number.values():
        ready.register(one.fileno(), select.EPOLLIN)
        for _ in range(in_flight):
            one.call(calls.BEAT, message)
        one.flush()
    began = steady_now() + WARM_UP
    count = refused = 0
    used = 0.0
    while (moment := steady_now()) < began + seconds:
        for number, _ in ready.poll(0.1):
            one, message = by_number[number]
            for reply in one.receive():
                count += moment >= began
                refused += reply.message is None
                one.call(calls.BEAT, message)
            one.flush()
        used = used or (time.process_time() if moment >= began else 0.0)
    took = steady_now() - began
    used = time.process_time() - used
    close(*opened)
    return {'rate': count / took, 'refused': refused, 'generator': used / took}


if __name__ == '__main__':
    load = Load()
    protocol.serve({'settle': load.settle, 'settle_commanding': load.settle_commanding,
                    'settle_driving': load.settle_driving,
                    'pace': load.pace, 'lapse': lapse, 'lose': lose,
                    'saturate': saturate})
