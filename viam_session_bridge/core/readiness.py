# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What has to be ready before an actuator's first motion output: the guard, then its driver.

Where a guard is required, it must have heard of the motion before it begins. A lock or a disabled
drive is a stop output that stays: it has to be released before motion, and the release may be a
service that answers later. Nothing moves before it has.
"""

import math


class Readiness:
    """
    One driver's. Times are seconds.

    patience: how long it may take to get ready, before it is stopped again and the move ends;
    None for one that has nothing to get ready.
    """

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        # Whoever ran before us may have left a lock behind.
        self._needed = patience is not None
        self.fails_at = math.inf
        self.awaited = False
        self._asked_in: int | None = None
        # Until when the guard may take to answer; it comes first.
        self.covered_by = math.inf

    def stopped(self) -> None:
        """Note that a stop was begun: what it engages must be released before motion."""
        self._needed = self._patience is not None
        self._done()
        self.covered_by = math.inf

    def begin(self) -> None:
        """Begin a motion; awaited tells whether it has to wait. One answer serves them all."""
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

    @property
    def is_asked(self) -> bool:
        """Tell whether the driver was asked to get ready, and has not answered."""
        return self._asked_in is not None

    @property
    def holds_back(self) -> bool:
        """Tell whether motion has to wait for the guard or the driver."""
        return self.uncovered or self.awaited

    def asked(self, epoch: int, now: float) -> None:
        """Note that the driver was asked to get ready, in this epoch."""
        self._asked_in = epoch
        self.fails_at = math.inf if self._patience is None else now + self._patience

    def is_answered_by(self, epoch: int) -> bool:
        """Tell whether an answer about this epoch is the one that is waited for."""
        return self._asked_in == epoch

    def ready(self) -> None:
        """Note that the driver is ready: motion may go out."""
        self._needed = False
        self._done()

    def _done(self) -> None:
        self._asked_in = None
        self.fails_at = math.inf
        self.awaited = False
