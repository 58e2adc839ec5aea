# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""When the driver of one actuator is told something next."""

import math

# A client that floods commands must not flood the driver: outputs of new commands keep this
# distance (s). The first output after a change of state never waits.
LEAST_SPACING = 0.01


class Cadence:
    """
    One actuator's. Times are seconds on the supervisor's clock; period (s): of what is repeated.

    due: when it is told next. last: when it was told last. first: that will be the first of its
    kind since what it is told has changed.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self.due = math.inf
        self.last = -math.inf
        self.first = False

    def begin(self, now: float, fresh: bool) -> None:
        """Begin to tell something else; fresh: the state has changed, so it must not wait."""
        self.first = True
        if fresh:
            self.due = now
        else:
            self.again(now)

    def again(self, now: float) -> None:
        """Tell it as soon as the driver may be told again."""
        self.due = max(now, self.last + LEAST_SPACING)

    def end(self) -> None:
        """Tell nothing more."""
        self.due = math.inf

    def told(self, now: float, once: bool) -> None:
        """Note that the driver is told now; once: there is nothing to repeat."""
        self.first, self.last = False, now
        # An even grid, but never a burst to catch up.
        self.due += self._period
        if self.due <= now:
            self.due = now + self._period
        if once:
            self.due = math.inf
