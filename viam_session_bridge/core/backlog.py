# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Calls that came while the bridge was frozen: they wait in the sockets, and are read after it.

They are as old as the freeze was long, and nothing tells them from new ones: none is executed as
long as some may be left.
"""

import math

# After a freeze commands are refused for as long as it took, and no longer than this (s) ...
LONGEST_ECHO = 1.0

# ... unless calls go on coming in one after the other: then until they pause, for so many times as
# long as the freeze took, and no longer than that (s).
DRAINING = 10.0
LONGEST_DRAIN = 5.0


class Backlog:
    """Times are seconds. watched: somebody tells when calls have paused."""

    def __init__(self) -> None:
        self._watched = False
        self._thawed_at = -math.inf
        self._refused_until = -math.inf
        self._drained_by = -math.inf

    def watch(self) -> None:
        """Note that somebody will tell when calls have paused."""
        self._watched = True

    def thawed(self, late: float, now: float) -> None:
        """Note the end of a freeze of so long (s)."""
        self._thawed_at = now
        self._refused_until = now + min(late, LONGEST_ECHO)
        if self._watched:
            self._drained_by = now + min(DRAINING * late, LONGEST_DRAIN)

    def paused(self, since: float) -> None:
        """Note that calls were read at once, and none came for a moment, since then (s)."""
        if since >= self._thawed_at:
            self._drained_by = -math.inf

    def draining(self, now: float) -> bool:
        """Tell whether it must be found out if calls are left."""
        return now < self._drained_by

    def holds(self, now: float) -> bool:
        """Tell whether a call that comes now may be one of them."""
        return now < self._refused_until or self.draining(now)
