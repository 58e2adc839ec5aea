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

from viam_session_bridge.core.setpoints import (
    JointLimits,
    Limits,
    Setpoint,
    Speed,
    Velocity,
    VelocityLimits,
)

# The last stretch is driven at this share of the speed asked for, at least: a robot that creeps
# ever slower would stand before it is there.
CREEP = 0.1

# A command shows in the odometry about so late (s): the robot will have come so much further at
# the speed that was measured.
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


@dataclass(frozen=True)
class JointSample:
    """
    Measured joints of a resource, in its order: positions (rad or m), the fastest joint's speed.

    speed: rad/s or m/s, not negative; where joints of both kinds are together, that of a prismatic
    one is put in proportion, so that all stand below the same speed. problem: why positions that
    were published are no measurement, and not finite here.
    """

    positions: tuple[float, ...] = ()
    speed: float = 0.0
    turn_rate: float = 0.0
    problem: str = ''

    @property
    def is_finite(self) -> bool:
        """All numbers are finite; anything else says nothing."""
        return all(map(math.isfinite, (*self.positions, self.speed)))


Sample = BaseSample | JointSample


class Along(Enum):
    """What a course counts."""

    PATH = 'path'
    YAW = 'yaw'
    JOINT = 'joint'


@dataclass(frozen=True)
class Course:
    """
    A drive by amount m, or a turn by amount rad (signed), at speed (m/s or rad/s, positive).

    Along JOINT it is the travel of a resource's only joint, in its unit.

    deceleration (m/s2 or rad/s2, positive): how the speed falls towards the end. origin: the
    position of the joint from which it counts; None counts from the first sample.
    """

    along: Along
    amount: float
    speed: float
    deceleration: float
    origin: float | None = None

    def within(self, limits: Limits) -> 'Course':
        """Return this course no faster than the limits."""
        if isinstance(limits, VelocityLimits):
            limit = limits.linear if self.along is Along.PATH else limits.angular
            return replace(self, speed=min(self.speed, limit))
        if isinstance(limits, JointLimits):
            return replace(self, speed=min(self.speed, limits.speed))
        return self

    def velocity(self, speed: float) -> Setpoint:
        """Return the setpoint that makes progress at this speed."""
        signed = math.copysign(speed, self.amount)
        if self.along is Along.PATH:
            return Velocity(linear=(signed, 0.0, 0.0))
        if self.along is Along.YAW:
            return Velocity(angular=(0.0, 0.0, signed))
        return Speed(signed)

    def tracker(self) -> 'Tracker':
        """Begin it."""
        return Tracker(self)


@dataclass(frozen=True)
class Arrival:
    """
    A goal that is reached when every joint is within its tolerance of its target, and stands.

    targets, tolerances: rad or m, in the resource's order of joints. standing: the speed below
    which it stands.
    """

    targets: tuple[float, ...]
    tolerances: tuple[float, ...]
    standing: float

    def within(self, limits: Limits) -> 'Arrival':
        """Return itself: a goal is no faster than its trajectory."""
        return self

    def tracker(self) -> 'ArrivalTracker':
        """Begin it."""
        return ArrivalTracker(self)


class ArrivalTracker:
    """One goal under way."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self.done = False

    def take(self, sample: Sample) -> None:
        """Compare a sample with the targets."""
        if not isinstance(sample, JointSample):
            return
        goal = self._arrival
        self.done = (
            len(sample.positions) == len(goal.targets) and sample.speed <= goal.standing
            and all(abs(position - target) <= tolerance for position, target, tolerance in zip(
                sample.positions, goal.targets, goal.tolerances, strict=True)))

    def wish(self) -> Setpoint | None:
        """Return nothing new: the goal was sent once."""
        return None


class Tracker:
    """One course under way."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._last: Sample | None = None
        if course.origin is not None:
            self._last = JointSample((course.origin,))
        self._progress = 0.0

    @property
    def remaining(self) -> float:
        """Return what is left to do, m or rad; negative when it was overshot."""
        return abs(self._course.amount) - self._progress

    def take(self, sample: Sample) -> None:
        """Count the progress since the last sample."""
        last, self._last = self._last, sample
        if last is not None:
            self._progress += math.copysign(1.0, self._course.amount) * self._step(last, sample)

    def _step(self, last: Sample, sample: Sample) -> float:
        """Return the way from one sample to the next, signed."""
        if isinstance(last, JointSample) and isinstance(sample, JointSample):
            return sample.positions[0] - last.positions[0]
        if not isinstance(last, BaseSample) or not isinstance(sample, BaseSample):
            return 0.0
        if self._course.along is Along.PATH:
            # Half-way heading: exact for an arc of constant curvature, to the second order.
            heading = last.yaw + _wrapped(sample.yaw - last.yaw) / 2.0
            return ((sample.x - last.x) * math.cos(heading)
                    + (sample.y - last.y) * math.sin(heading))
        return _wrapped(sample.yaw - last.yaw)

    @property
    def done(self) -> bool:
        """Nothing is left that the robot will not do by itself while it comes to rest."""
        return self._ahead <= 0.0

    def wish(self) -> Setpoint:
        """Return the velocity to command now."""
        return self._course.velocity(self._speed())

    @property
    def _ahead(self) -> float:
        if self._last is None:
            return self.remaining
        turning = self._course.along is Along.YAW
        return self.remaining - LOOK_AHEAD * (
            self._last.turn_rate if turning else self._last.speed)

    def _speed(self) -> float:
        course = self._course
        braking = math.sqrt(2.0 * course.deceleration * max(self._ahead, 0.0))
        return min(course.speed, max(braking, CREEP * course.speed))


def _wrapped(angle: float) -> float:
    """Return the angle in (-pi, pi] (rad)."""
    return math.pi - (math.pi - angle) % math.tau
