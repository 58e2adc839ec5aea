# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""One wish for one actuator: what it is, how long it lasts, when it is done."""

from dataclasses import dataclass, replace

from viam_session_bridge.core.course import Course
from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import require_finite, Velocity, VelocityLimits


@dataclass(frozen=True)
class Motion:
    """
    One wish.

    duration: seconds after which it ends by itself; None holds it until something ends it (Viam's
    SetPower is sticky). course: the move is steered by feedback; duration is then its time limit.
    """

    setpoint: Velocity
    duration: float | None = None
    course: Course | None = None

    def __post_init__(self) -> None:
        if self.duration is not None and require_finite('duration', self.duration) < 0.0:
            raise InvalidCommand(f'duration: {self.duration} s lies in the past')

    @property
    def is_stop(self) -> bool:
        """A zero command is a Stop."""
        return self.setpoint.is_zero or self.duration == 0.0

    def within(self, limits: VelocityLimits) -> 'Motion':
        """Return this motion no faster than the limits."""
        return replace(
            self, setpoint=limits.clamp(self.setpoint),
            course=self.course.within(limits) if self.course else None)
