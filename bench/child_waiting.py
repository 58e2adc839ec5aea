# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Makes calls that wait, and keeps their connections alive: long moves, and waits for their end.

One process; calls by http2.py. A thread reads, since the server's pings need answers.
"""

from collections import Counter
from itertools import cycle
import select
import threading
import time
import uuid

import calls
from child_load import answer, close
import http2
import protocol
from viam_session_bridge.locked_supervisor import steady_now

PATIENCE = 30.0  # s, until all are counted
DISTANCE, SPEED = 1800.0, 1.0  # m and m/s: no move ends by itself while anything is measured
TURN = 0.1  # s, between two checks whether to end


class Waiting:
    """Connections with waiting calls. hold(), then counted() as often as liked, then end()."""

    def __init__(self) -> None:
        self._port = 0
        self._held: dict[int, http2.Connection] = {}
        self._over = threading.Event()
        self._reader: threading.Thread | None = None
        self._answers = 0
        self._problem = ''

    def hold(self, port: int, bases: list[str], blocks: int, connections: int,
             spread: float) -> None:
        """
        Move these bases, then wait so many times for the end of the first one's operation.

        Moves begin evenly over spread (s), or the bridge would repeat all their commands at one
        moment. The connections are for moves and again as many for waits.
        """
        self._answers, self._problem = 0, ''
        self._port = port
        moving, blocking = ([http2.Connection(port) for _ in range(connections)] for _ in '12')
        self._held = {one.fileno(): one for one in (*moving, *blocking)}
        operation = str(uuid.uuid4())
        began = steady_now()
        for number, (base, connection) in enumerate(zip(bases, cycle(moving))):  # noqa: B905
            time.sleep(max(0.0, began + spread * number / len(bases) - steady_now()))
            connection.call(calls.MOVE, calls.move(base, DISTANCE, SPEED),
                            () if number else (('opid', operation),))
            connection.flush()
        # An operation that does not run yet would not be waited for.
        self._wait_for(calls.MOVE, len(bases))
        for _, connection in zip(range(blocks), cycle(blocking)):  # noqa: B905
            connection.call(calls.BLOCK, calls.block(operation))
        for connection in blocking:
            connection.flush()
        self._over.clear()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._wait_for(calls.BLOCK, blocks)

    def counted(self) -> dict[str, int | str]:
        """Return how many moves and waits the bridge lists, and how many were answered."""
        listed = self._listed()
        return {'moves': listed[calls.MOVE], 'blocks': listed[calls.BLOCK],
                'answers': self._answers, 'problem': self._problem}

    def end(self) -> None:
        """Close the connections, which ends the moves; return when the bridge lists none."""
        self._over.set()
        if self._reader is not None:
            self._reader.join()
        close(*self._held.values())
        self._wait_for(calls.MOVE, 0)
        self._wait_for(calls.BLOCK, 0)

    def _read(self) -> None:
        with select.epoll() as ready:
            for number in self._held:
                ready.register(number, select.EPOLLIN)
            while not self._over.is_set():
                for number, _ in ready.poll(TURN):
                    try:
                        replies = self._held[number].receive()
                    except ConnectionError as problem:
                        ready.unregister(number)
                        self._problem = self._problem or str(problem)
                        continue
                    self._answers += len(replies)
                    for reply in replies:
                        self._problem = self._problem or repr(reply)

    def _listed(self) -> Counter[str]:
        # A new one each time: its pings would not be answered in between.
        connection = http2.Connection(self._port)
        connection.call(calls.OPERATIONS, b'')
        listed = Counter(calls.methods_in(answer(connection)))
        close(connection)
        return listed

    def _wait_for(self, path: str, count: int) -> None:
        end = steady_now() + PATIENCE
        while (found := self._listed()[path]) != count:
            if steady_now() > end:
                raise TimeoutError(f'{found} of {count} calls of {path} wait; {self._problem}')
            time.sleep(TURN)


if __name__ == '__main__':
    waiting = Waiting()
    protocol.serve({'hold': waiting.hold, 'counted': waiting.counted, 'end': waiting.end})
