# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
When the driver of one actuator is told something next.

Stops, and setpoints that change, go out at the control period. A setpoint that does not change is
repeated at the repeat period, which may be longer: a receiver that is slower than it is commanded
queues what it gets, and executes it after the stop. It makes no difference who repeats it: a
client that commands the same again changes nothing.
"""

import math

from viam_session_bridge.core.setpoints import Setpoint

# A client that floods commands must not flood the driver: outputs of new commands keep this
# distance (s). The first output after a change of state never waits.
LEAST_SPACING = 0.01


class Cadence:
    """
    One actuator's. Times are seconds on the supervisor's clock.

    period (s): between two outputs of a stop or of setpoints that change. repeat (s): between two
    outputs of the same setpoint; not shorter than period.

    due: when it may be told next. last: when it was told last. first: that will be the first of
    its kind since what it is told has changed.
    """

    def __init__(self, period: float, repeat: float) -> None:
        self._period = period
        self._repeat = max(repeat, period)
        self._setpoint: Setpoint | None = None
        self._repeat_at = -math.inf
        self.due = math.inf
        self.last = -math.inf
        self.first = False

    def begin(self, now: float, fresh: bool) -> None:
        """Begin to tell something else; fresh: the state has changed, so it must not wait."""
        self.first = True
        if fresh:
            self.due, self._repeat_at = now, -math.inf
        else:
            self.again(now)

    def again(self, now: float) -> None:
        """Tell it as soon as the driver may be told again."""
        self.due = max(now, self.last + LEAST_SPACING)

    def end(self) -> None:
        """Tell nothing more."""
        self.due = math.inf

    def passes_over(self, now: float, setpoint: Setpoint | None) -> bool:
        """Tell whether the driver needs not be told what is due: the same setpoint, too early."""
        if setpoint is None or now >= self._repeat_at or setpoint != self._setpoint:
            return False
        self.due = min(self._next(self._period, now), self._repeat_at)
        return True

    def told(self, now: float, setpoint: Setpoint | None, once: bool) -> None:
        """Note that the driver is told now, None for a stop; once: there is nothing to repeat."""
        self.first, self.last, self._setpoint = False, now, setpoint
        self.due, self._repeat_at = self._next(self._period, now), self._next(self._repeat, now)
        if once:
            self.due = math.inf

    def _next(self, period: float, now: float) -> float:
        # An even grid, but never a burst to catch up.
        due = self.due + period
        return due if due > now else now + period
