# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Who must be polled: those that something happened to at once, the others when they are due."""

from viam_session_bridge.core.agenda import Agenda


class Rounds:
    """
    The order of one supervisor's polls.

    active: who is not idle, or was not at the last poll, or was touched since. touches: how often
    something happened.
    """

    def __init__(self) -> None:
        self.active: dict[str, None] = {}
        self.touches = 0
        self._touched: dict[str, None] = {}
        self._agenda = Agenda()

    def touch(self, name: str) -> None:
        """Note that something happened to one: it is polled next."""
        self.touches += 1
        self._touched[name] = None
        self.active[name] = None

    def touch_active(self) -> None:
        """Note that something happened that may concern everybody who is active."""
        self.touches += 1
        self._touched.update(self.active)

    def take(self, now: float) -> list[str]:
        """Return who must be polled now, those that were touched first."""
        return list(dict.fromkeys((*self._touched, *self._agenda.take_due(now))))

    def plan(self, name: str, at: float, idle: bool) -> None:
        """Note when one that was polled is due again (s): never too late, perhaps too early."""
        if idle:
            self.active.pop(name, None)
        self._agenda.plan(name, at)

    def finish(self) -> float:
        """End a round; returns when the next one is due (s)."""
        self._touched.clear()
        return self._agenda.earliest()
