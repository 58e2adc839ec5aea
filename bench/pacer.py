# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes planned calls at their times, by http2.py, whatever they call."""

import heapq
import math
import random
import select
from typing import Any, NamedTuple

import http2
from viam_session_bridge.locked_supervisor import steady_now


class Planned(NamedTuple):
    """
    A call that is made again and again, and over which connection.

    each: it is made in each so-manieth interval only.
    """

    connection: http2.Connection
    path: str
    message: bytes
    metadata: http2.Headers = ()
    each: int = 1


class Pacer:
    """
    Makes every planned call once per interval (s), or less often, each at a phase of its own.

    As in the SDKs, there is no new call before the last one was answered: one that is due before
    is made late, at once after the answer.
    """

    def __init__(self, plan: list[Planned], interval: float) -> None:
        self._plan = plan
        self._interval = interval
        self._queue = [(steady_now() + random.uniform(0.0, interval), place)
                       for place in range(len(plan))]
        heapq.heapify(self._queue)
        self._connections = {one.connection.fileno(): one.connection for one in plan}
        # By connection and stream: which planned call it is, when it was due and when made.
        self._open: dict[tuple[int, int], tuple[int, float, float]] = {}
        self._lateness: list[float] = []
        self._answered: list[float] = []
        self._refused = 0
        self._expired: set[int] = set()

    def run(self, seconds: float) -> dict[str, Any]:
        """
        Go on for some seconds, then wait for the last answers.

        Returns how late calls were made, how long answers took (s), how many calls were refused,
        and how many of those in the plan were ever answered that their session had expired.
        """
        end = steady_now() + seconds
        with select.epoll() as ready:
            for number in self._connections:
                ready.register(number, select.EPOLLIN)
            while (moment := steady_now()) < end or self._open:
                while moment < end and self._queue and self._queue[0][0] <= moment:
                    self._call(*heapq.heappop(self._queue))
                next_due = self._queue[0][0] if self._queue and moment < end else math.inf
                for number, _ in ready.poll(min(1.0, max(0.0, next_due - steady_now()))):
                    for reply in self._connections[number].receive():
                        self._take(number, reply)
        return {'lateness': self._lateness, 'answered': self._answered,
                'refused': self._refused, 'expired': len(self._expired)}

    def _call(self, due: float, place: int) -> None:
        planned = self._plan[place]
        moment = steady_now()
        stream = planned.connection.call(planned.path, planned.message, planned.metadata)
        planned.connection.flush()
        self._open[planned.connection.fileno(), stream] = place, due, moment
        self._lateness.append(moment - due)

    def _take(self, number: int, reply: http2.Reply) -> None:
        place, due, made = self._open.pop((number, reply.stream))
        self._answered.append(steady_now() - made)
        if reply.message is None:
            self._refused += 1
            if b'SESSION_EXPIRED' in reply.headers:
                self._expired.add(place)
        interval = self._plan[place].each * self._interval
        heapq.heappush(self._queue, (max(due + interval, steady_now()), place))
