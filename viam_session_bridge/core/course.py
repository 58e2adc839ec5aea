# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Moves by feedback: drive a distance, turn by an angle, slow down in time, know when it is done.

Progress is counted along the path: the displacement along the heading for a drive, the unwrapped
yaw for a turn. Both signs cancel, so that noise does not add up. Frames: odometry's own, REP 105.
"""

from dataclasses import dataclass, replace
from enum import Enum
import math

from viam_session_bridge.core.setpoints import Velocity, VelocityLimits

# The last stretch is driven at this share of the speed asked for, at least: a robot that creeps
# ever slower would stand before it is there.
CREEP = 0.1

# A command shows in the odometry about so late (s): the robot will have come so much further at the
# speed that was measured.
LOOK_AHEAD = 0.1


@dataclass(frozen=True)
class BaseSample:
    """
    One odometry sample: pose x, y (m) and yaw (rad) in the odometry frame, body speed (m/s).

    speed and turn_rate are the lengths of the measured linear (m/s) and angular (rad/s) velocity.
    """

    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    speed: float = 0.0
    turn_rate: float = 0.0

    @property
    def is_finite(self) -> bool:
        """All numbers are finite; anything else says nothing."""
        return all(map(math.isfinite, (self.x, self.y, self.yaw, self.speed, self.turn_rate)))


class Along(Enum):
    """What a course counts."""

    PATH = 'path'
    YAW = 'yaw'


@dataclass(frozen=True)
class Course:
    """
    A drive by amount m, or a turn by amount rad (signed), at speed (m/s or rad/s, positive).

    deceleration (m/s2 or rad/s2, positive): how the speed falls towards the end.
    """

    along: Along
    amount: float
    speed: float
    deceleration: float

    def within(self, limits: VelocityLimits) -> 'Course':
        """Return this course no faster than the limits."""
        limit = limits.linear if self.along is Along.PATH else limits.angular
        return replace(self, speed=min(self.speed, limit))

    def velocity(self, speed: float) -> Velocity:
        """Return the velocity that makes progress at this speed."""
        signed = math.copysign(speed, self.amount)
        if self.along is Along.PATH:
            return Velocity(linear=(signed, 0.0, 0.0))
        return Velocity(angular=(0.0, 0.0, signed))


class Tracker:
    """One course under way."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._last: BaseSample | None = None
        self._progress = 0.0

    @property
    def remaining(self) -> float:
        """What is left to do, m or rad; negative when it was overshot."""
        return abs(self._course.amount) - self._progress

    def take(self, sample: BaseSample) -> None:
        """Count the progress since the last sample."""
        last, self._last = self._last, sample
        if last is None:
            return
        if self._course.along is Along.PATH:
            # Half-way heading: exact for an arc of constant curvature, to the second order.
            heading = last.yaw + _wrapped(sample.yaw - last.yaw) / 2.0
            step = ((sample.x - last.x) * math.cos(heading)
                    + (sample.y - last.y) * math.sin(heading))
        else:
            step = _wrapped(sample.yaw - last.yaw)
        self._progress += math.copysign(1.0, self._course.amount) * step

    @property
    def done(self) -> bool:
        """Nothing is left that the robot will not do by itself while it comes to rest."""
        return self._ahead <= 0.0

    def wish(self) -> Velocity:
        """Return the velocity to command now."""
        return self._course.velocity(self._speed())

    @property
    def _ahead(self) -> float:
        if self._last is None:
            return self.remaining
        straight = self._course.along is Along.PATH
        return self.remaining - LOOK_AHEAD * (
            self._last.speed if straight else self._last.turn_rate)

    def _speed(self) -> float:
        course = self._course
        braking = math.sqrt(2.0 * course.deceleration * max(self._ahead, 0.0))
        return min(course.speed, max(braking, CREEP * course.speed))


def _wrapped(angle: float) -> float:
    """Return the angle in (-pi, pi] (rad)."""
    return math.pi - (math.pi - angle) % math.tau
