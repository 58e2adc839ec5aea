# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Is the robot at rest? Judged from measured velocities, received on the steady clock.

Feedback that is stale, frozen or not a number is unknown, never rest.
"""

from dataclasses import dataclass
import math


@dataclass(frozen=True)
class RestSettings:
    """
    What counts as rest: speeds below linear (m/s) and angular (rad/s) for dwell (s).

    patience: seconds without a sample after which the feedback is unknown.
    """

    linear: float = 0.02
    angular: float = 0.05
    dwell: float = 0.3
    patience: float = 0.5


class RestWatch:
    """Remembers since when the samples have shown rest, without a gap."""

    def __init__(self, settings: RestSettings) -> None:
        self._settings = settings
        self._last_at = -math.inf
        self._moving: bool | None = None
        self._rest_since: float | None = None

    def unknown(self) -> None:
        """Take a sample that says nothing."""
        self._moving = None
        self._rest_since = None

    def sample(self, speed: float, turn_rate: float, received_at: float) -> None:
        """Take one measurement: m/s, rad/s, and when it arrived (s). NaN is no measurement."""
        if not (math.isfinite(speed) and math.isfinite(turn_rate)):
            self.unknown()
            return
        if received_at >= self.stale_at:
            self._rest_since = None
        self._last_at = received_at
        self._moving = (
            abs(speed) > self._settings.linear or abs(turn_rate) > self._settings.angular)
        if self._moving:
            self._rest_since = None
        elif self._rest_since is None:
            self._rest_since = received_at

    @property
    def stale_at(self) -> float:
        """Return the instant (s) from which the newest sample says nothing any more."""
        return self._last_at + self._settings.patience

    def moving(self, now: float) -> bool | None:
        """Tell what the feedback says now; None when it is unknown."""
        return self._moving if now < self.stale_at else None

    def at_rest(self, since: float, now: float) -> bool:
        """Tell whether samples received after ``since`` (s) have shown rest for the dwell."""
        if self._rest_since is None or self.moving(now) is not False:
            return False
        return self._last_at - max(self._rest_since, since) >= self._settings.dwell
