# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
When a stop is done: the robot is at rest, every output has answered, its sources were seen.

The rules of rest. Times are seconds on the steady clock; the window is as long as ``dwell``.

1. Positions decide. A pose or a joint that is displaced by more than its noise within the window
   moves, whatever velocities are reported.
2. Velocities must agree. Their mean over the window is compared with the rest speed, so that one
   noisy message is not motion. Velocities of joints may be twice as noisy, because hobby drivers
   report one encoder step as a speed, and the positions decide. Where no position is measured,
   the mean is taken over each third of the window: a robot that oscillates has a mean of zero.
3. ``by_positions`` ignores velocities: some drivers publish the configured speed as the measured.
4. A pose that jumps farther than any robot can move (a localization reset) restarts the window.
   It is neither rest nor motion.
5. Feedback that is stale, frozen, shorter than the window, or not a number is unknown, never rest.
6. Positions and velocities that disagree over two windows are a contradiction, which is reported.
   Two, because they may disagree for a moment while a robot accelerates.

The rules of a stop.

7. Hold and timeout count from its first output: a stop that was never sent is neither held nor
   late.
8. Its sources are the feedback, and the servers that answer stops. A source that was not seen yet
   since the process started may simply start later. Until each was seen once, a stop is sent and
   held like any other, but it is not judged: a resource that did not move triggers no escalation.
   Where there is evidence of motion, it is judged at once.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import math
from typing import ClassVar, NamedTuple

from viam_session_bridge.core.setpoints import Vector, ZERO

# By how much the mean velocity of a joint whose position is measured may exceed its rest speed.
NOISY_VELOCITIES = 2.0

# A pose that moves by this (m, rad) plus what twice the fastest speed allows has jumped.
JUMP = 0.25
HEADING_JUMP = 0.5

# The shortest window (s) over which anything is judged.
SHORTEST_WINDOW = 0.1

# Receipt times are rounded (s).
_ROUNDING = 1e-6


# Positions and velocities of the quantities of a sample, in order; None where not measured.
Measured = tuple[tuple[float, ...] | None, ...]


@dataclass(frozen=True)
class BaseSample:
    """
    Measurements of a base: pose x, y (m) and yaw (rad) in the odometry frame, and velocities.

    linear (m/s), angular (rad/s): of the body, in the base frame. has_pose: the pose is measured.
    shows_rest: pose and velocities may be used to decide whether the base is at rest; those of an
    open-loop controller, which publishes what was commanded, may not.
    """

    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    linear: Vector = ZERO
    angular: Vector = ZERO
    has_pose: bool = True
    shows_rest: bool = True
    problem: ClassVar[str] = ''

    @property
    def is_finite(self) -> bool:
        """All numbers are finite; otherwise the sample is no measurement."""
        return all(map(math.isfinite, (self.x, self.y, self.yaw, *self.linear, *self.angular)))

    def measured(self) -> tuple[Measured, Measured]:
        """Return pose and heading, and their velocities."""
        places = ((self.x, self.y), (self.yaw,)) if self.has_pose else (None, None)
        return places, (self.linear, self.angular)


@dataclass(frozen=True)
class JointSample:
    """
    Measurements of the joints of a resource, in its order: positions (rad or m).

    velocities (rad/s or m/s): as they are reported; NaN, or no entry, where they are not.
    problem: why positions that were published are no measurement, and not finite here.
    """

    positions: tuple[float, ...] = ()
    velocities: tuple[float, ...] = ()
    problem: str = ''
    has_pose: ClassVar[bool] = True
    shows_rest: ClassVar[bool] = True

    @property
    def is_finite(self) -> bool:
        """All positions are finite, no velocity is infinite; otherwise it is no measurement."""
        return all(map(math.isfinite, self.positions)) and not any(
            map(math.isinf, self.velocities))

    def measured(self) -> tuple[Measured, Measured]:
        """Return the position of each joint, and its velocity."""
        reported = dict(enumerate(self.velocities))
        return (tuple((position,) for position in self.positions),
                tuple((rate,) if math.isfinite(rate := reported.get(index, math.nan)) else None
                      for index in range(len(self.positions))))


Sample = BaseSample | JointSample


class Quantity(NamedTuple):
    """
    One measured quantity, and the limits up to which it counts as at rest.

    position, rate: the names of it and its velocity in texts. unit: of the position. noise:
    displacement within the window. rate_limit, lone_rate_limit: mean velocity where the position
    is measured, and where it is not. parameters: those that set these numbers. wraps: it is an
    angle. axes: of the velocity, in order.
    """

    position: str
    rate: str
    unit: str
    noise: float
    rate_limit: float
    lone_rate_limit: float
    parameters: str
    wraps: bool = False
    axes: str = ''

    def distance(self, one: Sequence[float], other: Sequence[float]) -> float:
        """Return how far two positions are apart."""
        if self.wraps:
            return abs(math.remainder(one[0] - other[0], math.tau))
        return math.dist(one, other)


class JointRest(NamedTuple):
    """A joint: its name, the unit of its position, and its rest speed (unit/s)."""

    name: str
    unit: str
    speed: float


@dataclass(frozen=True)
class RestSettings:
    """
    What counts as rest.

    linear, angular: rest speeds of a base (m/s, rad/s); linear is also that of joints which
    ``joints`` does not name. dwell (s): how long rest must last. patience (s): age after which
    feedback is unknown. pose_noise (m), heading_noise (rad): displacements of a base within the
    window that are no motion. joints: in the resource's order. by_positions: ignore velocities.
    fastest_linear, fastest_angular: the base is not faster (m/s, rad/s). source, pose_source: the
    topics that show rest and the pose, for texts; pose_source is empty where they are the same.
    """

    linear: float = 0.02
    angular: float = 0.05
    dwell: float = 0.3
    patience: float = 0.5
    pose_noise: float = 0.005
    heading_noise: float = math.radians(0.5)
    joints: tuple[JointRest, ...] = ()
    by_positions: bool = False
    fastest_linear: float = 20.0
    fastest_angular: float = 20.0
    source: str = 'the feedback'
    pose_source: str = ''

    @property
    def window(self) -> float:
        """Return over how long (s) displacements and mean velocities are taken."""
        return max(self.dwell, SHORTEST_WINDOW)

    def quantities(self, sample: Sample) -> tuple[Quantity, ...]:
        """Return how each quantity of such a sample is judged, in the sample's order."""
        if not isinstance(sample, BaseSample):
            return tuple(self._quantity(index) for index in range(len(sample.positions)))
        return (
            Quantity('pose', 'twist', 'm', self.pose_noise, self.linear, self.linear,
                     'pose_noise, rest_linear', axes='xyz'),
            Quantity('heading', 'twist', 'rad', self.heading_noise, self.angular, self.angular,
                     'heading_noise, rest_angular', wraps=True, axes='xyz'))

    def is_jump(self, before: Sample | None, after: Sample, elapsed: float) -> bool:
        """Return whether no base can have moved from one pose to the other in the time (s)."""
        if not (isinstance(before, BaseSample) and isinstance(after, BaseSample)
                and before.has_pose and after.has_pose):
            return False
        distance = math.hypot(after.x - before.x, after.y - before.y)
        turn = abs(math.remainder(after.yaw - before.yaw, math.tau))
        return (distance > JUMP + 2.0 * self.fastest_linear * elapsed
                or turn > HEADING_JUMP + 2.0 * self.fastest_angular * elapsed)

    def fault(self, sample: Sample) -> str:
        """Return why a sample is no measurement: topic, quantity and value."""
        topic = self.pose_source if sample.has_pose and self.pose_source else self.source
        if sample.problem:
            return f'on {topic}, {sample.problem}'
        return next((f'on {topic}, {name} is {value:g}, which is not finite'
                     for name, value in self._values(sample)
                     if not math.isfinite(value)), '')

    def _values(self, sample: Sample) -> Iterator[tuple[str, float]]:
        """Yield the numbers of a sample with their names; velocities that are not reported: 0."""
        if isinstance(sample, BaseSample):
            yield from zip(('x', 'y', 'the heading'), (sample.x, sample.y, sample.yaw),
                           strict=True)
            for what, vector in (('linear', sample.linear), ('angular', sample.angular)):
                yield from ((f'the {what} velocity {axis}', value)
                            for axis, value in zip('xyz', vector, strict=True))
            return
        for what, values in (('position', sample.positions), ('velocity', sample.velocities)):
            yield from ((f'the {what} of joint {self.joint(index).name}', value)
                        for index, value in enumerate(values)
                        if what == 'position' or not math.isnan(value))

    def joint(self, index: int) -> JointRest:
        """Return the rest limits of a joint, by its index among the resource's."""
        if index < len(self.joints):
            return self.joints[index]
        return JointRest(str(index), 'rad', self.linear)

    def joint_noise(self, index: int) -> float:
        """Return the displacement of a joint within the window that is no motion, rad or m."""
        return self.joint(index).speed * self.window

    def _quantity(self, index: int) -> Quantity:
        name, unit, speed = self.joint(index)
        return Quantity(
            f'position of joint {name}', f'velocity of joint {name}', unit,
            self.joint_noise(index), NOISY_VELOCITIES * speed, speed, 'rest_speed')


class _Entry(NamedTuple):
    """A sample: positions and velocities of each quantity, None where they are not measured."""

    at: float
    positions: tuple[tuple[float, ...] | None, ...]
    rates: tuple[tuple[float, ...] | None, ...]


class _Motion(NamedTuple):
    """
    How one quantity moved within a window.

    displaced: the largest distance from its last position; speed: the net distance by time; both
    None without positions. rate: the mean velocity; None without velocities. axis: its largest
    component, for texts.
    """

    quantity: Quantity
    displaced: float | None
    speed: float | None
    rate: float | None
    axis: str = ''

    @property
    def shown_by_position(self) -> bool:
        return self.displaced is not None and self.displaced > self.quantity.noise

    @property
    def shown_by_rate(self) -> bool:
        limit = (self.quantity.lone_rate_limit if self.displaced is None
                 else self.quantity.rate_limit)
        return self.rate is not None and self.rate > limit

    @property
    def exists(self) -> bool:
        return self.shown_by_position or self.shown_by_rate

    def __str__(self) -> str:
        """Return the measured speeds."""
        quantity, unit = self.quantity, f'{self.quantity.unit}/s'
        if self.speed is None:
            axis = f' ({self.axis} axis)' if self.axis and self.rate else ''
            return f'{quantity.rate} reports {self.rate or 0.0:.3g} {unit}{axis}'
        text = f'{quantity.position} moves at {self.speed:.3g} {unit}'
        return text if self.rate is None else (
            f'{text}, {quantity.rate} reports {self.rate:.3g} {unit}')

    def excess(self, window: float) -> str:
        """Return why it counts as motion, and the accepted value; window in s."""
        quantity, unit = self.quantity, self.quantity.unit
        if self.displaced is not None and self.shown_by_position:
            return (f'displaced by {self.displaced:.3g} {unit} within {window:g} s, accepted: '
                    f'{quantity.noise:.3g}')
        limit = quantity.lone_rate_limit if self.displaced is None else quantity.rate_limit
        return f'mean velocity accepted: {limit:.3g} {unit}/s'

    def contradicts(self, window: float) -> bool:
        """Return whether position and velocity over such a window (s) exclude each other."""
        if self.displaced is None or self.rate is None:
            return False
        travel = self.rate * window
        if self.shown_by_position and not self.shown_by_rate:
            return travel < 0.25 * self.displaced
        return (self.shown_by_rate and not self.shown_by_position
                and self.displaced < 0.25 * travel)


class RestWatch:
    """The newest feedback of one resource. It judges at a query, not at each sample."""

    def __init__(self, settings: RestSettings) -> None:
        self.settings = settings
        self._entries: deque[_Entry] = deque()
        self._quantities: tuple[Quantity, ...] = ()
        self._last: Sample | None = None
        self._last_at = -math.inf
        # Why the newest sample is no measurement; empty where it is one.
        self.problem = ''
        # Why the window was last restarted.
        self._anew = ''

    def take(self, sample: Sample, received_at: float) -> None:
        """Take one sample, received at an instant (s). NaN is no measurement."""
        if not sample.is_finite:
            self.problem = self.settings.fault(sample)
            self._entries.clear()
            return
        self.problem = ''
        elapsed = received_at - self._last_at
        if received_at >= self.stale_at:
            self._begin_anew(
                '' if self._last is None else f'messages on {self.settings.source} arrive '
                f'{elapsed:.2g} s apart; expected less than {self.settings.patience:g} s '
                '(feedback_timeout)')
        elif self.settings.is_jump(self._last, sample, elapsed):
            self._begin_anew(
                f'the pose on {self.settings.source} jumps farther than the robot can move')
        self._last = sample
        positions, rates = sample.measured()
        if self.settings.by_positions:
            rates = (None,) * len(rates)
        if len(self._quantities) != len(positions):
            self._quantities = self.settings.quantities(sample)
        self._entries.append(_Entry(received_at, positions, rates))
        self._last_at = received_at
        oldest = received_at - 2.0 * self.settings.window
        while len(self._entries) > 1 and self._entries[1].at <= oldest:
            self._entries.popleft()

    def _begin_anew(self, why: str) -> None:
        self._entries.clear()
        self._anew = why

    @property
    def stale_at(self) -> float:
        """Return the instant (s) from which the newest sample is stale."""
        return self._last_at + self.settings.patience

    def is_known(self, now: float) -> bool:
        """Return whether the newest sample is a measurement, and not stale."""
        return bool(self._entries) and now < self.stale_at

    def moving(self, now: float) -> bool | None:
        """Return whether the feedback shows motion, over half of the dwell; None if unknown."""
        if not self.is_known(now):
            return None
        return any(one.exists for one in self._motions(self.settings.window / 2.0))

    def has_moved(self, now: float) -> bool:
        """Return whether samples over half of the dwell show motion: one may be noise."""
        return self.moving(now) is True and self._spans(self.settings.window / 2.0)

    def at_rest(self, since: float, now: float) -> bool:
        """Return whether samples received after ``since`` (s) have shown rest for the dwell."""
        return self._has_rested(self.settings.window, since, now)

    def has_settled(self, now: float) -> bool:
        """Return whether rest was shown for half of the dwell: enough at the goal of a move."""
        return self._has_rested(self.settings.window / 2.0, -math.inf, now)

    def _has_rested(self, window: float, since: float, now: float) -> bool:
        return self.is_known(now) and self._spans(window, since) and not any(
            one.exists for one in self._motions(window, since=since))

    def speed(self, now: float) -> float | None:
        """Return how fast it moves (m/s, or rad/s of its fastest joint); None if unknown."""
        return max((speed for speed, quantity in zip(
            self.speeds(now), self._quantities, strict=False) if not quantity.wraps), default=None)

    def speeds(self, now: float) -> tuple[float, ...]:
        """Return how fast each quantity of a sample moves (unit/s); empty if unknown."""
        if not self.is_known(now):
            return ()
        return tuple(max(one.speed or 0.0, one.rate or 0.0)
                     for one in self._motions(self.settings.window))

    def arrivals(self, now: float) -> tuple[float, float] | None:
        """Return how old (s) the newest sample is and how many come (Hz); None without any."""
        if math.isinf(self._last_at):
            return None
        spans = len(self._entries) > 1 and self._last_at > self._entries[0].at
        return now - self._last_at, (
            (len(self._entries) - 1) / (self._last_at - self._entries[0].at) if spans else 0.0)

    def fastest(self, now: float) -> str:
        """Return topic and speed of the quantity that exceeds its limit most, as text, or ''."""
        if not self.is_known(now):
            return ''
        one = max(self._motions(self.settings.window), default=None, key=lambda motion: max(
            motion.speed or 0.0, motion.rate or 0.0) / motion.quantity.rate_limit)
        return '' if one is None else f'on {self.settings.source}, {one}'

    def contradiction(self, now: float) -> str:
        """Return how positions and velocities disagree; empty where they do not."""
        window = self.settings.window
        if not self.is_known(now) or (
                self._last_at - self._entries[0].at < 2.0 * window - _ROUNDING):
            return ''
        earlier = self._motions(window, self._last_at - window)
        for one, before in zip(self._motions(window), earlier, strict=True):
            if one.contradicts(window) and before.contradicts(window):
                return (f'{self.settings.source} contradicts itself: {one} over {window:g} s '
                        f'(see {one.quantity.parameters}, rest_by)')
        return ''

    def account(self, now: float) -> str:
        """Return the measurement as text, for a stop that was not confirmed."""
        settings = self.settings
        if self.problem:
            return self.problem
        if math.isinf(self._last_at):
            return f'nothing has arrived on {settings.source}'
        if now >= self.stale_at:
            return (f'nothing has arrived on {settings.source} for {now - self._last_at:.1f} s '
                    f'(feedback_timeout {settings.patience:g} s)')
        contradiction = self.contradiction(now)
        if contradiction:
            return contradiction
        moving = [one for one in self._motions(settings.window) if one.exists]
        if not moving:
            text = f'{settings.source} has not shown rest for {settings.window:g} s yet'
            anew = '' if self._spans(settings.window) else self._anew
            return f'{text}; {anew}' if anew else text
        return f'on {settings.source}, ' + '; '.join(
            f'{one}; {one.excess(settings.window)} (see {one.quantity.parameters})'
            for one in moving)

    # ---- the window -----------------------------------------------------------------------------

    def _spans(self, window: float, since: float = -math.inf) -> bool:
        """Return whether samples exist for a whole window (s) up to the newest."""
        begin = next((one.at for one in self._within(self._last_at, window, since)), math.inf)
        return begin <= self._last_at - window + _ROUNDING

    def _within(self, end: float, window: float, since: float) -> list[_Entry]:
        """Return the samples up to an instant (s) that span a window, as far as they exist."""
        entries = [one for one in self._entries if since <= one.at <= end]
        begins = [index for index, one in enumerate(entries)
                  if one.at <= end - window + _ROUNDING]
        return entries[begins[-1]:] if begins else entries

    def _motions(self, window: float, end: float | None = None,
                 since: float = -math.inf) -> list[_Motion]:
        entries = self._within(self._last_at if end is None else end, window, since)
        return [_motion(quantity, index, entries)
                for index, quantity in enumerate(self._quantities)] if entries else []


def _motion(quantity: Quantity, index: int, entries: Sequence[_Entry]) -> _Motion:
    here = entries[-1].positions[index]
    places = [(one.at, place) for one in entries if (place := one.positions[index]) is not None]
    rates = [rate for one in entries if (rate := one.rates[index]) is not None]
    displaced = speed = None
    if here is not None:
        displaced = max(quantity.distance(place, here) for _, place in places)
        elapsed = entries[-1].at - places[0][0]
        speed = quantity.distance(places[0][1], here) / elapsed if elapsed > 0.0 else 0.0
    if not rates:
        return _Motion(quantity, displaced, speed, None)
    if displaced is not None:
        return _Motion(quantity, displaced, speed, _mean(rates))
    shares = min(3, len(rates))
    bounds = [len(rates) * share // shares for share in range(shares + 1)]
    part = max((rates[first:end] for first, end in zip(bounds, bounds[1:], strict=False)),
               key=_mean)
    sums = [abs(sum(components)) for components in zip(*part, strict=True)]
    axis = quantity.axes[sums.index(max(sums))] if quantity.axes else ''
    return _Motion(quantity, None, None, _mean(part), axis)


def _mean(vectors: Sequence[tuple[float, ...]]) -> float:
    """Return the length of the mean of some vectors."""
    return math.hypot(*(sum(parts) for parts in zip(*vectors, strict=True))) / len(vectors)


class Sources:
    """The sources of one resource, by a text that names topic or server and its parameter."""

    def __init__(self) -> None:
        # Those that were not seen yet, and whether samples of each have a pose; None for servers.
        self.unseen: dict[str, bool | None] = {}
        self._moved = False
        self._rested = False

    def expect(self, source: str, has_pose: bool | None) -> None:
        """
        Wait for a source, such as a server.

        has_pose: it is feedback, and samples with a pose, or without one, are the evidence that
        it exists.
        """
        self.unseen[source] = has_pose

    def seen(self, source: str) -> None:
        """Note that a source exists."""
        self.unseen.pop(source, None)

    def stopped(self) -> None:
        """Note that a stop begins: rest before it proves nothing."""
        self._rested = False

    def measured(self, has_pose: bool, moving: bool, rested: bool) -> None:
        """
        Take a sample. moving, rested: since the stop began.

        Motion after rest is no evidence: the stop worked, and something else moves the robot.
        """
        self.unseen = {
            source: evidence for source, evidence in self.unseen.items()
            if evidence is not has_pose}
        self._rested = self._rested or rested
        self._moved = self._moved or (moving and not self._rested)

    def moved(self) -> None:
        """Note that the resource may move: a bridge is known to have commanded it."""
        self._moved = True

    def forget_motion(self) -> None:
        """Forget the evidence of motion: it is about a stop that is over, or was reset."""
        self._moved = False

    @property
    def awaited(self) -> str:
        """Return the sources that were not seen yet, as text; empty when all were."""
        return ', '.join(self.unseen)

    @property
    def delay(self) -> str:
        """Return the sources that the judgement of a stop waits for; empty when it waits not."""
        return '' if self._moved or not self.unseen else self.awaited


# A driver that appeared may begin to receive seconds after it was matched (up to 2.1 s measured on
# a busy machine), so its stop is repeated this long (s) at least.
LATE_DRIVER_HOLD = 4.0

# Other publishers are checked twice a second; a result is stale after this time (s).
CONTEST_MEMORY = 1.5


class Stopping:
    """Times are seconds. acknowledged: the driver reports the outcome of each stop."""

    def __init__(self, hold: float, timeout: float, acknowledged: bool) -> None:
        self._hold = hold
        self._timeout = timeout
        self._acknowledged = acknowledged
        self._hold_until = math.inf
        self._fails_at = math.inf
        self._late_until = -math.inf
        self._latest = math.inf
        self._answered_well = False
        self._may_postpone = True
        self._sent_at = math.inf
        self._contest = ''
        self._contest_until = -math.inf
        self.began = -math.inf
        self.outstanding = False

    def begin(self, now: float, fresh: bool, confirmed: bool) -> None:
        """
        Begin; a stop in progress (not fresh) restarts its hold, and its timeout if confirmed.

        A stop that was confirmed only lasts for its hold; otherwise stops that a client repeats
        would fail after the timeout of the first one.
        """
        if fresh or confirmed:
            self._fails_at = math.inf
            self._may_postpone = True
        if fresh:
            self._sent_at = math.inf
            self._contest_until = -math.inf
            self.began = now
        self._hold_until = math.inf
        self._answered_well = False
        self.outstanding = self._acknowledged

    def for_late_driver(self, matched_at: float) -> None:
        """Continue until a driver that was matched at that instant (s) receives it."""
        self._late_until = max(self._late_until, matched_at + LATE_DRIVER_HOLD)

    def contested(self, text: str, now: float) -> None:
        """Note that other nodes command the robot meanwhile; text names them."""
        self._contest = text
        self._contest_until = now + CONTEST_MEMORY

    def sent(self, now: float) -> None:
        """Note its first output."""
        self._hold_until = now + self._hold
        self._fails_at = min(self._fails_at, now + self._timeout, self._latest)
        self._sent_at = min(self._sent_at, now)

    def is_held(self, now: float) -> bool:
        """Return whether it was repeated for long enough, also for a late driver."""
        return now >= self._held_until

    def sent_for(self, now: float, seconds: float) -> bool:
        """Return whether it has been sent for so long (s)."""
        return now - self._sent_at >= seconds

    def figures(self, now: float) -> tuple[float | None, float | None]:
        """Return how long (s) its first output took to go out, and how long ago that was."""
        if math.isinf(self._sent_at):
            return None, None
        return self._sent_at - self.began, now - self._sent_at

    def hurry(self, until: float) -> None:
        """Let this stop, and every later one, fail at that instant (s): the process ends."""
        self._latest = until
        self._fails_at = min(self._fails_at, until)

    def postpone(self, late: float) -> None:
        """Let it fail so much (s) later, once: a process that is always late must not wait."""
        if self._may_postpone and self._fails_at < math.inf:
            self._may_postpone = False
            self._fails_at = min(self._fails_at + late, self._latest)

    def answered(self, well: bool) -> None:
        """Take the driver's report."""
        self.outstanding = False
        self._answered_well = well

    def end(self) -> None:
        """Stop waiting for an answer."""
        self.outstanding = False

    def problem(self, now: float, at_rest: bool) -> str:
        """Return why it has failed; empty while it has not. at_rest: rest is seen, or unknown."""
        if now < self._fails_at or (at_rest and not self.outstanding):
            return ''
        if self.outstanding:
            return 'a stop output never answered'
        if now < self._contest_until:
            return ''
        if now >= self._latest:
            return 'no rest was seen, and there is no time left to wait for it'
        return f'no rest was seen within {self._timeout:g} s (stop_timeout)'

    def yielded(self, now: float) -> str:
        """
        Return which other nodes command the robot, once stops were sent long enough, or ''.

        They cause its motion then: more stops would interfere with them for ever.
        """
        over = now >= max(self._fails_at, self._held_until) and not self.outstanding
        return self._contest if over and now < self._contest_until else ''

    def done(self, now: float, at_rest: bool) -> bool:
        """Return whether it is over. at_rest: rest is seen, or unknown without feedback."""
        return self.enough(now, at_rest) and now >= self._late_until

    def enough(self, now: float, at_rest: bool) -> bool:
        """Return whether it is over, except for a driver that may not receive yet; see done."""
        return at_rest and not self.outstanding and now >= self._hold_until

    def redeemed(self, now: float, seen: bool, blind: bool) -> bool:
        """Return whether a stop that had failed is over after all."""
        # A goal that was not cancelled moves the robot again as soon as the zeros end, even if it
        # is at rest now.
        confirmed = self._answered_well if self._acknowledged else seen
        return self.is_held(now) and confirmed and (seen or blind)

    def wake_at(self, after: float) -> float:
        """Return when it must be judged next; once past, at every repetition."""
        ends = (self._hold_until, self._late_until, self._fails_at, self._contest_until)
        return min((at for at in ends if at > after), default=math.inf)

    @property
    def _held_until(self) -> float:
        return max(self._hold_until, self._late_until)
