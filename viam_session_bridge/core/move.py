# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One motion: its setpoint, how feedback controls it, when it is done, when it fails.

Progress is counted along the path: the displacement along the heading for a drive, the unwrapped
yaw for a turn. Both signs cancel, so that noise does not add up. Frame: that of odometry (REP
105).

A move fails, and is stopped, when the feedback shows that it goes backwards, does not begin, makes
no progress, passes its goal, or when its pose does not follow its velocity. A slow move does not
fail.

Nothing here changes the state of an actuator; actuator.py acts on the results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
import math
from typing import NamedTuple

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import (
    JointLimits,
    Limits,
    require_finite,
    Setpoint,
    Speed,
    Trajectory,
    Velocity,
    VelocityLimits,
    Waypoint,
)
from viam_session_bridge.core.states import Reason
from viam_session_bridge.core.stop import BaseSample, JointSample, RestSettings, RestWatch, Sample

# The end of a move is driven at this share of the requested speed, at least: a robot that becomes
# slower and slower would stop before its goal.
CREEP = 0.1

# Delay between a command and its effect in the odometry (s): the robot moves on by that time at
# the measured speed.
LOOK_AHEAD = 0.1

# How far (m, rad) a move may be on the wrong side of its start, and a joint outside its path.
MARGIN = 0.05
ANGLE_MARGIN = math.radians(5.0)

# Displacement, in noises, that is certainly motion: a noisy robot at rest can exceed one.
START_NOISES = 2.0

# The rule of a move that makes no progress; see Progressing.
STALL_PERIOD = 1.0
STALL_NOISES = 3.0
STALL_SHARE = 0.1

# How long (s) a joint at rest, a little outside of the tolerance of its goal, may take to reach
# it, and how much longer than expected an arm may pause.
SETTLING = 5.0

# How far a joint continues that moved when a trajectory began: its travel in this time (s). A
# controller may begin a trajectory with a curve from the joint's current speed.
TURNING_BACK = 1.0

# How many pauses of a streamed trajectory are remembered: an arm lags behind by fewer.
MOST_PAUSES = 10

# Lower bound of the duration of a trajectory (s).
SHORTEST = 0.1


class Along(Enum):
    """The quantity that a profile counts."""

    PATH = 'path'
    YAW = 'yaw'
    JOINT = 'joint'


class Failure(NamedTuple):
    """Why a move must end early; detail names the measured and the expected value."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class MoveProfile:
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

    def __str__(self) -> str:
        """Say it with units."""
        unit = {Along.PATH: 'm', Along.YAW: 'rad', Along.JOINT: 'rad or m'}[self.along]
        return f'{self.amount:.3g} {unit} at {self.speed:.3g} {unit}/s'

    def within(self, limits: Limits) -> 'MoveProfile':
        """Return this profile with its speed within the limits."""
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

    def stopping_distance(self, speed: float) -> float:
        """Return how far (m or rad) it moves on from this speed after a stop."""
        return speed * LOOK_AHEAD + speed * speed / (2.0 * self.deceleration)

    def tracker(self, setpoint: Setpoint, rest: RestSettings) -> 'SteeredTracker':
        """Return a new tracker."""
        return SteeredTracker(self, rest)


@dataclass(frozen=True)
class Arrival:
    """
    A goal that is reached when every joint is within its tolerance of its target, and at rest.

    targets, tolerances: rad or m, in the resource's order of joints. An infinite tolerance: the
    goal is reached at any position, as for a gripper that closes on an object.
    """

    targets: tuple[float, ...]
    tolerances: tuple[float, ...]

    def within(self, limits: Limits) -> 'Arrival':
        """Return itself: a goal is no faster than its trajectory."""
        return self

    def tracker(self, setpoint: Setpoint, rest: RestSettings) -> 'ArrivalTracker':
        """Return a new tracker; the setpoint is the trajectory to the goal."""
        return ArrivalTracker(self, setpoint, rest)


class ProgressTracker:
    """
    The state of both trackers: since when (s) the measured travel has not grown, and from where.

    The rule: over max(1 s, 3 times what the commanded speed needs for the noise), the travel is
    less than the noise and less than a tenth of the commanded travel. Before the first movement
    the start timeout of the actuator counts instead of the 1 s.
    """

    def __init__(self) -> None:
        self.has_moved = False
        self.since = math.inf

    def stalled(self, now: float, commanded: float, travelled: float) -> bool:
        """Return whether it is stuck; commanded, travelled: since ``since``, in noises."""
        return (self.has_moved and now - self.since >= STALL_PERIOD and commanded >= STALL_NOISES
                and travelled < min(1.0, STALL_SHARE * commanded))

    def not_started(self, now: float, commanded: float, timeout: float) -> bool:
        """Return whether it should have moved by now; commanded: see stalled; timeout (s)."""
        if self.has_moved or timeout <= 0.0 or commanded <= START_NOISES:
            return False
        # A move that begins shortly before the timeout needs time to travel the noise as well.
        return (now - self.since) * (1.0 - START_NOISES / commanded) >= timeout


class Pause(NamedTuple):
    """Where a trajectory pauses, from when and for how long (s)."""

    positions: tuple[float, ...]
    time: float
    duration: float


class ArrivalTracker(ProgressTracker):
    """The progress towards one goal."""

    def __init__(self, arrival: Arrival, setpoint: Setpoint, rest: RestSettings) -> None:
        super().__init__()
        self._arrival = arrival
        self._points = setpoint.points if isinstance(setpoint, Trajectory) else ()
        self._rest = rest
        self._start: tuple[float, ...] = ()
        self._here: tuple[float, ...] = ()
        self._from: tuple[float, ...] = ()
        # Where it was when the driver was commanded.
        self._origin: tuple[float, ...] = ()
        self.done = False
        # Mean speed of the trajectory, in noises per second.
        self._pace = 0.0
        self._speeds: tuple[float, ...] = ()
        # The range of positions of each joint.
        self._pauses: list[Pause] = []
        # When (s) and after how much (s) of the trajectory the arm came to where it pauses.
        self._paused: tuple[float, float] | None = None
        self._ranges: tuple[tuple[float, float], ...] = ()

    def moves_at(self, speeds: tuple[float, ...]) -> None:
        """Note how fast the joints (unit/s) are when it begins."""
        self._speeds = speeds

    def go_on(self, before: 'ArrivalTracker') -> None:
        """Copy the measurements of another tracker of the same motion."""
        self.has_moved, self.since = before.has_moved, before.since
        self._from, self._origin = before._from, before._origin
        self._speeds = before._speeds
        self._pauses = before._pauses[-MOST_PAUSES:] + self._pauses
        self._paused = before._paused

    def take(self, sample: Sample, at: float, driven: bool) -> None:
        """Compare a sample with the targets; driven: the driver was commanded."""
        goal = self._arrival
        if not isinstance(sample, JointSample) or len(sample.positions) != len(goal.targets):
            return
        self._here = sample.positions
        if not self._start:
            self._start = self._here
            self._pace = self._mean_pace()
            self._pauses = self._find_pauses()
            ways = zip(self._start, *(point.positions for point in self._points), strict=True)
            self._ranges = tuple((min(way), max(way)) for way in ways)
        if not driven:
            return
        if math.isinf(self.since):
            self._renew(at)
            self._origin = self._here
        if self._in_noises(self._here, self._origin) > START_NOISES:
            self.has_moved = True
        if self._travelled > 1.0:
            self._renew(at)
        self.done = all(abs(position - target) <= tolerance for position, target, tolerance in zip(
            self._here, goal.targets, goal.tolerances, strict=True))

    def setpoint(self) -> Setpoint | None:
        """Return nothing new: the goal was sent once."""
        return None

    def failure(self, now: float, passed: float, start_timeout: float) -> Failure | None:
        """Return why it must end early; passed: how much (s) of the trajectory was commanded."""
        if math.isinf(self.since):
            return None
        outside = self._outside()
        if outside is not None:
            return outside
        commanded = self._pace * (now - self.since)
        longest = self._longest_pause(now, passed)
        if self.done or self._is_where_commanded(passed) or self._paused_for(now) < longest:
            self._renew(now)
        elif self.not_started(now, commanded, start_timeout):
            return Failure(Reason.NOT_STARTED, (
                f'{self.account()}; no joint has moved for {now - self.since:.1f} s '
                f'(move_start_timeout {start_timeout:g} s)'))
        elif self.stalled(now, commanded, self._travelled):
            pause = '' if self._paused is None else (
                f'; it has stood for {self._paused_for(now):.1f} s where its path pauses '
                f'(expected: {longest:.1f} s at most)')
            return Failure(Reason.NO_PROGRESS, (
                f'{self.account()}; no joint has moved for {now - self.since:.1f} s by more than '
                f'its rest_speed allows{pause}'))
        return None

    def account(self) -> str:
        """Return a text with the distance of the farthest joint from its target."""
        if not self._here:
            return 'no position was measured'
        goal = self._arrival
        index = max(range(len(goal.targets)), key=lambda one: (
            abs(self._here[one] - goal.targets[one]) / goal.tolerances[one]))
        name, unit = self._name(index)
        return (f'{name} is at {self._here[index]:.4g} {unit}, its goal is '
                f'{goal.targets[index]:.4g} (tolerance {goal.tolerances[index]:g})')

    def _renew(self, at: float) -> None:
        self.since, self._from = at, self._here

    @property
    def _travelled(self) -> float:
        """Return how far any joint is from where it was at ``since``, in noises."""
        return self._in_noises(self._here, self._from)

    def _in_noises(self, one: Sequence[float], other: Sequence[float]) -> float:
        return max((abs(a - b) / self._rest.joint_noise(index)
                    for index, (a, b) in enumerate(zip(one, other, strict=True))), default=0.0)

    def _mean_pace(self) -> float:
        if not self._points:
            return 0.0
        stations = [self._start, *(point.positions for point in self._points)]
        length = sum(self._in_noises(one, other)
                     for one, other in zip(stations, stations[1:], strict=False))
        return length / max(self._points[-1].time, SHORTEST)

    def _find_pauses(self) -> list[Pause]:
        """Return where it pauses for long, between its beginning and its end."""
        pauses: list[Pause] = []
        begin = before = Waypoint(0.0, self._start)
        for point in self._points:
            if self._in_noises(point.positions, begin.positions) > 1.0:
                duration = before.time - begin.time
                if begin.time > 0.0 and duration >= STALL_PERIOD:
                    pauses.append(Pause(begin.positions, begin.time, duration))
                begin = point
            before = point
        return pauses

    def _longest_pause(self, now: float, passed: float) -> float:
        """
        Return how long (s) the arm may stand where it is, because its path pauses there.

        A slow or late arm pauses later than commanded, and longer: by as much as it came later.
        """
        here = [pause for pause in self._pauses
                if pause.time <= passed and self._is_near(pause.positions)]
        if not here:
            self._paused = None
            return 0.0
        self._paused = self._paused or (now, passed)
        _, came = self._paused
        return SETTLING + max(
            pause.duration * max(1.0, came / pause.time) for pause in here)

    def _paused_for(self, now: float) -> float:
        """Return how long (s) the arm has stood where its path pauses; 0 elsewhere."""
        return 0.0 if self._paused is None else now - self._paused[0]

    def _is_where_commanded(self, passed: float) -> bool:
        """Return whether every joint is at its commanded position: then it waits, or pauses."""
        settles = not self._points or passed <= self._points[-1].time + SETTLING
        return settles and self._is_near(self._commanded(passed))

    def _is_near(self, place: Sequence[float]) -> bool:
        return all(
            abs(here - there) <= tolerance + self._rest.joint_noise(index)
            for index, (here, there, tolerance) in enumerate(zip(
                self._here, place, self._arrival.tolerances, strict=True)))

    def _commanded(self, passed: float) -> tuple[float, ...]:
        time, before = 0.0, self._start
        for point in self._points:
            if passed < point.time:
                share = (passed - time) / (point.time - time)
                return tuple(a + (b - a) * share
                             for a, b in zip(before, point.positions, strict=True))
            time, before = point.time, point.positions
        return self._arrival.targets

    def _outside(self) -> Failure | None:
        """Return a failure where a joint has left the range of its path by more than a margin."""
        if not self._points:
            return None
        for index, here in enumerate(self._here):
            name, unit = self._name(index)
            margin = max(MARGIN if unit == 'm' else ANGLE_MARGIN,
                         TURNING_BACK * (self._speeds[index] if self._speeds else 0.0))
            (low, high), goal = self._ranges[index], self._arrival.targets[index]
            if low - margin <= here <= high + margin:
                continue
            text = (f'{name} is at {here:.4g} {unit}, its path is from {low:.4g} to '
                    f'{high:.4g} (accepted: {margin:.3g} beyond)')
            if (here < low) is (goal > self._start[index]):
                return Failure(Reason.BACKWARDS, (
                    f'{text}; {self._rest.source} moves against the command: check the sign of '
                    'the joint'))
            return Failure(Reason.OVERSHOT, text)
        return None

    def _name(self, index: int) -> tuple[str, str]:
        joint = self._rest.joint(index)
        return f'joint {joint.name}', joint.unit


class SteeredTracker(ProgressTracker):
    """The progress of one profile that feedback controls."""

    def __init__(self, course: MoveProfile, rest: RestSettings) -> None:
        super().__init__()
        self._course = course
        self._rest = rest
        # The unit of the travel, its noise, and the parameter that sets it.
        self._unit, self._noise, self._noise_parameter = {
            Along.PATH: ('m', rest.pose_noise, 'pose_noise'),
            Along.YAW: ('rad', rest.heading_noise, 'heading_noise'),
            Along.JOINT: (rest.joint(0).unit, rest.joint_noise(0), 'rest_speed')}[course.along]
        # The accepted travel on the wrong side of its start.
        self._margin = MARGIN if self._unit == 'm' else ANGLE_MARGIN
        # For texts: the topic of the pose, and the travel.
        self._source = rest.pose_source or rest.source
        self._whole = self._shown(abs(course.amount))
        self._last: Sample | None = None
        if course.origin is not None:
            self._last = JointSample((course.origin,))
        self._at = self._rate_at = math.nan
        self._progress = 0.0
        # The measured velocity (m/s or rad/s, signed), its integral, and the commanded travel.
        self._rate = 0.0
        self._integrated = 0.0
        self._commanded = 0.0
        # Progress and command at ``since``.
        self._from = (0.0, 0.0)
        # How far it may go backwards: a base may drive backwards when a forward command arrives.
        self._allowed: float | None = None

    @property
    def remaining(self) -> float:
        """Return the rest of the travel, m or rad; negative after an overshoot."""
        return abs(self._course.amount) - self._progress

    def take(self, sample: Sample, at: float, driven: bool = True) -> None:
        """Count the progress since the last sample; driven: the driver was commanded."""
        if sample.shows_rest:
            self._take_rate(sample, at)
        if not sample.has_pose:
            return
        last, self._last = self._last, sample
        elapsed, self._at = at - self._at, at
        if last is not None and not self._rest.is_jump(last, sample, elapsed):
            self._progress += math.copysign(1.0, self._course.amount) * self._step(last, sample)
        if not driven:
            return
        if math.isinf(self.since):
            self.since, self._from = at, (self._progress, self._commanded)
        elif elapsed > 0.0:
            self._commanded += self._speed() * elapsed
        gained = (self._progress - self._from[0]) / self._noise
        # A base that goes backwards at first may still be braking from the motion before.
        if gained > 1.0 if self.has_moved else abs(gained) > START_NOISES:
            self.has_moved = gained > 0.0
            self.since, self._from = at, (self._progress, self._commanded)

    def _take_rate(self, sample: Sample, at: float) -> None:
        course = self._course
        if self._rest.by_positions:
            return
        if isinstance(sample, BaseSample):
            rate = sample.linear[0] if course.along is Along.PATH else sample.angular[2]
        else:
            rate = next(iter(sample.velocities), math.nan)
        if math.isfinite(rate):
            elapsed, self._rate_at = at - self._rate_at, at
            self._rate = math.copysign(1.0, course.amount) * rate
            if elapsed > 0.0:
                self._integrated += self._rate * elapsed
            if self._allowed is None:
                self._allow(max(0.0, -self._rate))

    def _allow(self, backwards: float) -> None:
        self._allowed = max(
            self._margin,
            2.0 * self._course.stopping_distance(backwards) if backwards else 0.0)

    def moves_at(self, speeds: tuple[float, ...]) -> None:
        """Note the initial speed, for feedback whose velocity is not used."""
        if self._allowed is None and speeds:
            self._allow(speeds[1 if self._course.along is Along.YAW else 0])

    def _step(self, last: Sample, sample: Sample) -> float:
        """Return the travel from one sample to the next, signed."""
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
        """
        Return whether the robot covers the rest of the travel while it comes to rest.

        A robot that does not follow the slow commands at the end stops a little before its goal.
        """
        return self._ahead <= 0.0 or (
            self.remaining <= self._noise < self._progress and self._is_stuck(self._at))

    def setpoint(self) -> Setpoint:
        """Return the velocity to command now."""
        return self._course.velocity(self._speed())

    def failure(self, now: float, passed: float, start_timeout: float) -> Failure | None:
        """Return why it must end early."""
        course = self._course
        allowed = self._margin if self._allowed is None else self._allowed
        if -self._progress > allowed:
            return Failure(Reason.BACKWARDS, (
                f'{self._source} shows {self._shown(self._progress)} of {self._whole}: it moves '
                f'against the command (accepted: {self._shown(-allowed)}); check the sign'))
        integrated, amount = self._integrated, abs(course.amount)
        if (integrated > amount + course.stopping_distance(course.speed)
                and self._progress < amount / 2.0):
            return Failure(Reason.POSE_NOT_MOVING, (
                f'the velocity on {self._rest.source} adds up to {self._shown(integrated)}, the '
                f'pose shows {self._shown(self._progress)} of {self._whole}: the pose does not '
                'move (see odometry_topic, velocity_topic)'))
        progress, commanded = self._from
        noises = (self._commanded - commanded) / self._noise
        if self.not_started(now, noises, start_timeout):
            return Failure(Reason.NOT_STARTED, (
                f'{self.account()} after {now - self.since:.1f} s (move_start_timeout '
                f'{start_timeout:g} s)'))
        if self._is_stuck(now):
            least = self._noise * min(1.0, STALL_SHARE * noises)
            return Failure(Reason.NO_PROGRESS, (
                f'{self.account()}; {self._shown(self._progress - progress)} in the last '
                f'{now - self.since:.1f} s, {self._shown(self._commanded - commanded)} were '
                f'commanded, expected: at least {self._shown(least)} '
                f'(see {self._noise_parameter})'))
        return None

    def account(self) -> str:
        """Return a text with the travel and the commanded speed."""
        return (f'{self._source} shows {self._shown(self._progress)} of {self._whole} (commanded: '
                f'{self._course.speed:.3g} {self._unit}/s)')

    def _is_stuck(self, now: float) -> bool:
        progress, commanded = self._from
        return self.stalled(now, (self._commanded - commanded) / self._noise,
                            (self._progress - progress) / self._noise)

    @property
    def _ahead(self) -> float:
        course = self._course
        if self._last is None:
            return self.remaining
        # The velocity may be wrong: it shortens the travel, but cannot replace it.
        ahead = LOOK_AHEAD * min(max(self._rate, 0.0), course.speed)
        return self.remaining - min(ahead, abs(course.amount) / 2.0)

    def _speed(self) -> float:
        course = self._course
        braking = math.sqrt(2.0 * course.deceleration * max(self._ahead, 0.0))
        return min(course.speed, max(braking, CREEP * course.speed))

    def _shown(self, value: float) -> str:
        if self._course.along is Along.YAW:
            return f'{math.degrees(value):.3g} degrees'
        return f'{value:.3g} {self._unit}'


def _wrapped(angle: float) -> float:
    """Return the angle in (-pi, pi] (rad)."""
    return math.pi - (math.pi - angle) % math.tau


@dataclass(frozen=True)
class Motion:
    """
    One commanded motion.

    duration: seconds after which it ends by itself; None holds it until something ends it (Viam's
    SetPower is sticky). course: feedback controls the move or confirms its end; duration is then
    its time limit. earliest: seconds from its first output before which it cannot have arrived,
    whatever is measured: a trajectory may begin where it ends. once: the setpoint is sent once, as
    for goals and events, instead of at every tick. settles: once done it comes to rest by itself,
    so that no stop follows. momentary: it is done as soon as its setpoint was sent. answered: the
    driver reports the outcome, and a momentary motion is done then. monitored: a command that
    Viam's sessions monitor; otherwise only the connection of the caller can hold it. growing: the
    end of its path is not known yet, so that it does not end there, whatever is measured.

    A motion that replaces another one (Supervisor.go_on) counts its duration and earliest from
    then on; the times of a trajectory always count from the first output of the first motion.
    """

    setpoint: Setpoint
    duration: float | None = None
    course: MoveProfile | Arrival | None = None
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
        if self.earliest:
            require_finite('earliest', self.earliest)

    def __str__(self) -> str:
        """Return the setpoint, the profile and the time limit."""
        text = str(self.setpoint)
        if isinstance(self.course, MoveProfile):
            text = f'{self.course}; {text}'
        limit = '' if self.duration is None else f'; {self.duration:.4g} s at most'
        return text + limit

    @property
    def is_timed(self) -> bool:
        """Return whether it ends after its duration, because no feedback shows its position."""
        return (self.duration is not None and self.course is None
                and not (self.momentary or self.answered))

    @property
    def is_stop(self) -> bool:
        """Return whether it commands a stop: a zero command does."""
        return self.setpoint.is_zero or self.duration == 0.0

    def is_sent_once(self, leads: bool) -> bool:
        """Return whether it is sent once; a trajectory of a driver that leads joints is not."""
        return self.once and not (leads and isinstance(self.setpoint, Trajectory))

    def within(self, limits: Limits) -> 'Motion':
        """Return this motion within the limits."""
        setpoint = limits.clamp(self.setpoint)
        course = self.course.within(limits) if self.course else None
        if setpoint is self.setpoint and course is self.course:
            return self
        return replace(self, setpoint=setpoint, course=course)


class MoveProgress:
    """
    The motion of one actuator, or none. Times are seconds on the supervisor's clock.

    rest: the speeds that its feedback shows; None without feedback. start_timeout: how long a move
    whose progress is measured may take to begin; 0 has no limit.
    """

    def __init__(self, rest: RestWatch | None, start_timeout: float) -> None:
        self._rest = rest
        self._start_timeout = start_timeout
        # The newest sample with a pose; a move counts from there.
        self._newest: Sample | None = None
        self._posed_at = -math.inf
        self._judged_at = -math.inf
        self.end()

    def end(self) -> None:
        """Forget the motion."""
        self.motion: Motion | None = None
        self._tracker: SteeredTracker | ArrivalTracker | None = None
        self._unanswered: int | None = None
        self._ends_at = math.inf
        self._arrives_at = math.inf
        # When the first output was sent (s), how late (s) the driver is since then, and whether
        # the whole motion was sent.
        self._set_out: float | None = None
        self._late = 0.0
        self._is_sent = False

    def begin(self, motion: Motion, epoch: int, now: float) -> None:
        """Begin a motion."""
        self._tracker = None
        self._judge_by(motion, now)
        self._arrives_at = math.inf
        self._set_out, self._late, self._is_sent = None, 0.0, False
        self._unanswered = epoch if motion.answered else None

    def go_on(self, motion: Motion, passed: float | None, now: float) -> None:
        """Judge by the rest of the path, as it is known now; passed: see Supervisor.go_on."""
        passed_now = self.passed(now)
        # The rest has changed since then: time has passed, or the driver has reported meanwhile
        # how late it is.
        since = now if passed is None or passed_now is None else now + passed - passed_now
        self._judge_by(motion, since)
        self._arrives_at = since + motion.earliest

    def _judge_by(self, motion: Motion, now: float) -> None:
        before, self._tracker = self._tracker, None
        self.motion = motion
        if motion.course is not None and self._rest is not None:
            self._tracker = motion.course.tracker(motion.setpoint, self._rest.settings)
            if self._newest is not None:
                self._tracker.take(self._newest, now, driven=False)
            self._tracker.moves_at(self._rest.speeds(now))
            if isinstance(before, ArrivalTracker) and isinstance(self._tracker, ArrivalTracker):
                self._tracker.go_on(before)
        self._ends_at = math.inf if motion.duration is None else now + motion.duration

    def passed(self, now: float) -> float | None:
        """Return how far (s) its driver is in the motion; None before its first output."""
        return None if self._set_out is None else now - self._set_out - self._late

    def time_left(self, now: float) -> float:
        """Return how long (s) the motion may still take; 0 where time does not end it."""
        return 0.0 if math.isinf(self._ends_at) else max(0.0, self._ends_at - now)

    def runs_late(self, late: float) -> None:
        """Note that its driver will be so much (s) later at the end than commanded."""
        later, self._late = late - self._late, late
        self._ends_at += later
        self._arrives_at += later

    @property
    def setpoint(self) -> Setpoint | None:
        """Return the setpoint that the driver receives now; None without a motion."""
        steered = self._tracker.setpoint() if self._tracker is not None else None
        return steered or (self.motion.setpoint if self.motion else None)

    @property
    def is_steered(self) -> bool:
        """Return whether feedback determines its end."""
        return self._tracker is not None

    def take(self, sample: Sample, received_at: float) -> bool:
        """Take a sample; returns whether it shows that the motion is over."""
        if not sample.is_finite:
            return False
        if sample.has_pose:
            self._newest, self._posed_at = sample, received_at
        if self._tracker is None:
            return False
        self._tracker.take(sample, received_at, self._set_out is not None)
        return self._tracker.done or self._failure(received_at) is not None

    def _failure(self, now: float) -> Failure | None:
        if self._tracker is None or self._set_out is None:
            return None
        return self._tracker.failure(now, self.passed(now) or 0.0, self._start_timeout)

    def may_set_out(self, now: float) -> None:
        """Note that it had to wait until now: the wait does not shorten a timed move."""
        if self.motion is not None and self.motion.duration is not None:
            self._ends_at = now + self.motion.duration

    def sent_first(self, now: float) -> None:
        """Note that the first output was sent."""
        self._set_out = now
        if self.motion is not None:
            self._arrives_at = now + self.motion.earliest

    def all_sent(self, now: float) -> None:
        """Note that the whole motion was sent to the driver."""
        self._is_sent = True
        # A momentary motion ends with the next poll, which comes at once.
        if self.motion is not None and self.motion.momentary and self._unanswered is None:
            self._ends_at = now

    def not_sent(self) -> None:
        """Note that the motion was not sent after all."""
        self._is_sent = False

    @property
    def is_done_by_sending(self) -> bool:
        """Return whether it is done as soon as it was sent, and was sent."""
        return (self.motion is not None and self.motion.momentary and self._is_sent
                and self._unanswered is None)

    def awaits(self, epoch: int) -> bool:
        """Return whether the driver has not answered the motion of this epoch yet."""
        return self.motion is not None and self._unanswered == epoch

    def answered(self, now: float) -> None:
        """Note the driver's success; it ends a momentary motion."""
        self._unanswered = None
        if self.motion is not None and self.motion.momentary:
            self._ends_at = now

    def verdict(self, now: float) -> Failure | None:
        """Return why the motion is over, and details; None while it is not."""
        self._judged_at = now
        over = now >= self._ends_at
        if self._tracker is None:
            if not over:
                return None
            if self._unanswered is None:
                return Failure(Reason.DONE, '')
            return Failure(
                Reason.TIME_LIMIT, f'its driver has not answered within {self._limit} '
                '(max_move_duration)')
        if now >= self._stale_at:
            return Failure(Reason.STALE_FEEDBACK, self._rest.account(now) if self._rest else '')
        if self._has_arrived(now):
            return Failure(Reason.DONE, '')
        if over:
            growing = self.motion is not None and self.motion.growing
            return self._measured(now, Failure(Reason.TIME_LIMIT, (
                f'{self._tracker.account()} after {self._limit} '
                f'{"without further points of the path" if growing else "(max_move_duration)"}')))
        return self._measured(now, self._failure(now))

    def _measured(self, now: float, failure: Failure | None) -> Failure | None:
        """Add to a failure where the move is measured, and how it moves now."""
        measured = '' if self._rest is None else self._rest.fastest(now)
        if failure is None or not measured:
            return failure
        return failure._replace(detail=f'{failure.detail}; {measured}')

    @property
    def _limit(self) -> str:
        duration = None if self.motion is None else self.motion.duration
        return 'its time' if duration is None else f'{duration:.4g} s'

    def wake_at(self) -> float:
        """Return when it must be judged next, if nothing happens before."""
        if self._tracker is None or self._rest is None:
            return self._ends_at
        # After that, only the next sample can show rest at the goal.
        arrives_at = (self._arrives_at if self._may_arrive and self._arrives_at > self._judged_at
                      else math.inf)
        return min(self._ends_at, self._stale_at, arrives_at)

    @property
    def _stale_at(self) -> float:
        """Return when the feedback of the move becomes stale."""
        if self._rest is None:
            return -math.inf
        return min(self._rest.stale_at, self._posed_at + self._rest.settings.patience)

    def _has_arrived(self, now: float) -> bool:
        return (self._may_arrive and now >= self._arrives_at
                and (isinstance(self._tracker, SteeredTracker)
                     or self._rest is not None and self._rest.has_settled(now)))

    @property
    def _may_arrive(self) -> bool:
        """Return whether it is at its goal, if that is known to be the end."""
        return (self._tracker is not None and self._tracker.done
                and self.motion is not None and not self.motion.growing)
