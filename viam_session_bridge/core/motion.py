# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""One wish for one actuator: what it is, how long it lasts, when it is done."""

from dataclasses import dataclass, replace

from viam_session_bridge.core.course import Arrival, Course
from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import Limits, require_finite, Setpoint, Trajectory


@dataclass(frozen=True)
class Motion:
    """
    One wish.

    duration: seconds after which it ends by itself; None holds it until something ends it (Viam's
    SetPower is sticky). course: the move is steered or seen to arrive by feedback; duration is
    then its time limit. earliest: seconds from its first output before which it cannot have
    arrived, whatever is measured: a trajectory may begin where it ends. once: the driver is told
    once, as for goals and events, instead of at every tick. settles: once done it rests by itself,
    so that no stop follows. momentary: it is done as soon as the driver was told. answered: the
    driver reports what came of it, and a momentary one is done then. monitored: Viam watches over
    it; otherwise only the connection of the caller can hold it. growing: the end of its way is not
    known yet, so that it is not over there, whatever is measured.

    One that goes on as another (Supervisor.go_on) has its duration and its earliest from then on;
    the times of a trajectory always count from the first output of the motion that began it.
    """

    setpoint: Setpoint
    duration: float | None = None
    course: Course | Arrival | None = None
    once: bool = False
    settles: bool = False
    momentary: bool = False
    answered: bool = False
    monitored: bool = True
    earliest: float = 0.0
    growing: bool = False

    def __post_init__(self) -> None:
        if self.duration is not None and require_finite('duration', self.duration) < 0.0:
            raise InvalidCommand(f'duration: {self.duration} s lies in the past')
        require_finite('earliest', self.earliest)

    @property
    def is_timed(self) -> bool:
        """Tell whether it is over after its duration, because no feedback shows where it is."""
        return (self.duration is not None and self.course is None
                and not (self.momentary or self.answered))

    @property
    def is_stop(self) -> bool:
        """Tell whether it asks for a stop: a zero command does."""
        return self.setpoint.is_zero or self.duration == 0.0

    def is_told_once(self, leads: bool) -> bool:
        """Tell whether the driver hears of it once; one that leads joints does not, of a way."""
        return self.once and not (leads and isinstance(self.setpoint, Trajectory))

    def within(self, limits: Limits) -> 'Motion':
        """Return this motion no faster than the limits."""
        return replace(
            self, setpoint=limits.clamp(self.setpoint),
            course=self.course.within(limits) if self.course else None)
