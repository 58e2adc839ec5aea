# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Who has to be looked at when: a heap of instants, so that hundreds of idle ones cost nothing."""

import heapq
import math


class Agenda:
    """One instant (s) for each name; setting it anew forgets the old one."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        # Entries that were overtaken stay until they come up: removing them would cost more.
        self._heap: list[tuple[float, str]] = []

    def plan(self, name: str, at: float) -> None:
        """Set when a name is due; infinity for never."""
        if self._at.get(name) == at:
            return
        self._at[name] = at
        if not math.isinf(at):
            heapq.heappush(self._heap, (at, name))

    def take_due(self, now: float) -> list[str]:
        """Remove and return those that are due, the earliest first."""
        due: list[str] = []
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                due.append(name)
        return due

    def earliest(self) -> float:
        """Return the earliest instant at which one is due; infinity when none is."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
