# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bridge that starts must assume that the robot moves: whoever ran before it may have died.

Each output is told to stop once somebody listens to it, and its resource takes commands when that
stop was held. Others need not wait for it. Until a command comes the stop goes on: a driver that
was matched a moment ago may not hear yet.
"""

from collections.abc import Iterable
from enum import Enum
import math

# So long (s) a new bridge listens for others before it says anything: what it finds of drivers
# and of other bridges comes in one burst of discovery, in no order.
LISTENING = 0.5


class Stage(Enum):
    """How far a resource is."""

    UNMATCHED = 'nobody has listened yet'
    MATCHED = 'the stop is due'
    BEGUN = 'the stop lasts'


class FirstStops:
    """The resources whose first stop is not done. Times are seconds."""

    def __init__(self, names: Iterable[str]) -> None:
        self._pending = dict.fromkeys(names, Stage.UNMATCHED)
        self._from = math.inf

    def listen(self, now: float) -> None:
        """Note that the loop runs; only the first time counts."""
        if math.isinf(self._from):
            self._from = now + LISTENING

    def matched(self, name: str) -> None:
        """Note that somebody listens to this resource's output, or need not."""
        if self._pending.get(name) is Stage.UNMATCHED:
            self._pending[name] = Stage.MATCHED

    def due(self, now: float) -> list[str]:
        """Return those that must be told to stop now."""
        if now < self._from:
            return []
        return [name for name, stage in self._pending.items() if stage is Stage.MATCHED]

    def begun(self, name: str) -> None:
        """Note that the stop was begun."""
        self._pending[name] = Stage.BEGUN

    def lasting(self) -> list[str]:
        """Return those whose stop was begun and is not done."""
        return [name for name, stage in self._pending.items() if stage is Stage.BEGUN]

    def done(self, name: str) -> None:
        """Note that the stop is over: done, or failed."""
        if self._pending.get(name) is Stage.BEGUN:
            del self._pending[name]

    def take_back(self) -> list[str]:
        """Let those that were begun be due again, later; returns them."""
        names = self.lasting()
        self._pending.update(dict.fromkeys(names, Stage.MATCHED))
        return names

    def pending(self, name: str) -> bool:
        """Tell whether this resource has to wait."""
        return name in self._pending

    def due_at(self) -> float:
        """Return when the next one is due (s)."""
        return self._from if Stage.MATCHED in self._pending.values() else math.inf
