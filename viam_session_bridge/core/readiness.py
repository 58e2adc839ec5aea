# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What has to be ready before an actuator's first motion output: the guard, then its driver.

Where a guard is required, it must have heard of the motion before it begins. A lock or a disabled
drive is a stop output that stays: it has to be released before motion, and the release may be a
service that answers later. Nothing moves before it has.
"""

import math

# A driver that does not get ready within this time (s) is stopped again, and the move ends.
READY_PATIENCE = 0.5


class Readiness:
    """One driver's. prepares: whether it has anything to get ready at all. Times are seconds."""

    def __init__(self, prepares: bool) -> None:
        self._prepares = prepares
        # Whoever ran before us may have left a lock behind.
        self._needed = prepares
        self.fails_at = math.inf
        self.awaited = False
        # Until when the guard may take to answer; it comes first.
        self.covered_by = math.inf

    def stopped(self) -> None:
        """Note that a stop was begun: what it engages must be released before motion."""
        self._needed = self._prepares
        self.fails_at = math.inf
        self.awaited = False
        self.covered_by = math.inf

    def begin(self) -> None:
        """Begin a motion; awaited tells whether it has to wait."""
        self.fails_at = math.inf
        self.awaited = self._needed

    def await_cover(self, until: float) -> None:
        """Wait for the guard; motion that supersedes another one waits no longer than that."""
        self.covered_by = min(self.covered_by, until)

    @property
    def wake_at(self) -> float:
        """Return when waiting is over (s)."""
        return min(self.covered_by, self.fails_at)

    @property
    def uncovered(self) -> bool:
        """Tell whether the guard has not answered yet."""
        return not math.isinf(self.covered_by)

    def covered(self) -> None:
        """Note that the guard knows."""
        self.covered_by = math.inf

    def asked(self, now: float) -> None:
        """Note that the driver was asked to get ready."""
        self.fails_at = now + READY_PATIENCE

    def ready(self) -> None:
        """Note that the driver is ready: motion may go out."""
        self._needed = False
        self.fails_at = math.inf
        self.awaited = False
