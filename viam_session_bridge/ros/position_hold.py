# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a stop of position-controlled joints repeats. Decides nothing about when to stop.

A position is the only thing such a joint understands, so a stop must name one, and the measured
one is the only one that is no new motion. Two errors lie on either side:

* The position measured once, when the stop began, is behind the joint by the time it is obeyed,
  and pulls it back with a jerk.
* The position measured anew at every repetition never resists: a joint that sags under a load
  sinks on with every repetition, all the way down.

So, for each joint and each stop (epoch): the measured position is taken anew while the joint is
slowing down in the direction it had, and frozen once it stands, turns back, or no longer slows.
A joint that stands where it was told to be keeps the number it was told: the difference is what
its controller needs to carry the load, and taking the measured one would let it down a little
with every stop. A joint that has left a frozen position by far was not obeying: pulling it back
would be a motion of its own, so it is taken anew.

A position outside of the configured limits is never held: readings far outside are no measurements
(see joint_states), and of one that is a little outside, within the tolerance, the limit is held.

A gripper that stands against an object has not reached what it was told, and what it was told is
its grip. It keeps that, as long as nobody moved it since it came to stand. One that stands as
others left it, or a bridge before this one, is told nothing: its grip is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math
import threading

from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.sources.joint_states import JointReading

# A stop shows in the feedback about so late (s): before, a joint that does not slow down says
# nothing about whether it obeys.
REACTION = 0.15

# Slower than this share of the speed before counts as slowing down.
SLOWING = 0.95

# A joint that leaves its frozen position by what full speed does in this time (s) does not obey.
ESCAPE = 0.5

# So long (s) after the last wish, a joint that stands has come to stand.
SETTLING = 0.5


@dataclass(frozen=True)
class PositionHoldSettings:
    """
    How far from what it was told a joint still counts as there, and when it stands.

    tolerance: rad or m; rest_speed, fastest: rad/s or m/s. grips: it keeps what it was told where
    it stands, however far that is. patience: age (s) from which a reading says nothing. limits:
    what may be held, in the coordinates of the command.
    """

    tolerance: float
    rest_speed: float
    fastest: float
    patience: float = 0.5
    grips: bool = False
    limits: JointRange = JointRange()


class NoMeasurement(RuntimeError):
    """There is nothing to hold: a joint was never measured."""


class PositionHold:
    """
    What the joints of one resource were told last, and what a stop tells them.

    settings: of each joint. Positions are in the coordinates of the command. observe is called by
    the executor's thread, everything else by the pump's.
    """

    def __init__(self, settings: Sequence[PositionHoldSettings]) -> None:
        # Guards the joints: the executor observes them while the pump tells them.
        self._lock = threading.Lock()
        self._joints = [_Held(each) for each in settings]
        self._epoch: int | None = None
        self._began = -math.inf

    def tell(self, positions: tuple[float, ...], due: float) -> None:
        """Note what the joints are told, and when (s) they should be there."""
        with self._lock:
            self._epoch = None
            for joint, position in zip(self._joints, positions, strict=True):
                joint.tell(position, due)

    def observe(self, positions: tuple[float, ...], reading: JointReading) -> None:
        """Take a complete reading; positions: the same in the coordinates of the command."""
        with self._lock:
            for joint, at, speed in zip(
                    self._joints, positions, reading.velocities, strict=True):
                joint.observe(at, speed, reading.at)

    def stop(self, epoch: int, now: float) -> tuple[float, ...] | None:
        """
        Return what a stop tells the joints; None where they are left alone.

        Raises Unmeasured while nothing is known of one of them.
        """
        with self._lock:
            if not all(joint.is_measured for joint in self._joints):
                raise NoMeasurement(
                    'no position (within the limits) was ever measured of all joints, so there '
                    'is none to hold')
            if epoch != self._epoch:
                self._epoch = epoch
                self._began = now
                for joint in self._joints:
                    joint.begin()
            if all(joint.is_left_alone(now) for joint in self._joints):
                return None
            reacting = now - self._began < REACTION
            return tuple(joint.hold(now, reacting) for joint in self._joints)

    def idle(self, now: float) -> tuple[float, ...] | None:
        """Return what joints that nobody moves are told beside others; None if not known."""
        with self._lock:
            return _known([joint.rest(now) for joint in self._joints])

    def present(self, now: float) -> tuple[float | None, ...]:
        """Return where a new motion begins; None for a joint of which nothing is known."""
        with self._lock:
            return tuple(joint.present(now) for joint in self._joints)

    def behind(self, now: float) -> tuple[float, float]:
        """
        Return how long (s) it takes at full speed to what was told, and the feedback's age (s).

        The age counts from where the feedback became stale.
        """
        with self._lock:
            way = max(joint.way for joint in self._joints)
            age = max(joint.overdue(now) for joint in self._joints)
        return way, max(0.0, age)


class _Held:
    """One joint."""

    def __init__(self, settings: PositionHoldSettings) -> None:
        self._settings = settings
        self.told: float | None = None
        self.at = -math.inf
        self._position = math.nan
        self._speed = math.nan
        self._due = -math.inf
        self._stood_at: float | None = None
        self._moved_by_others = False
        self._frozen = False
        self._begun = False
        self._looked_at = -math.inf
        self._last_speed = math.nan

    @property
    def distance(self) -> float:
        """Return how far it is from what it was told; 0 where that is not known."""
        if self.told is None or math.isnan(self._position):
            return 0.0
        return abs(self._position - self.told)

    @property
    def way(self) -> float:
        """Return how long (s) it takes at full speed to what it was told."""
        return self.distance / self._settings.fastest

    def overdue(self, now: float) -> float:
        """Return for how long (s) its feedback has been stale; negative where it is not."""
        return now - self.at - self._settings.patience

    def tell(self, position: float, due: float) -> None:
        """Note what it is told."""
        # The same again is no news: it may have come to stand meanwhile.
        if position != self.told or self._moved_by_others:
            self.told = position
            self._due = due
            self._stood_at = None
            self._moved_by_others = False

    def observe(self, position: float, speed: float, at: float) -> None:
        """Take what was measured."""
        if not math.isfinite(position):
            return
        self._position, self._speed, self.at = position, speed, at
        if self._stood_at is not None:
            if abs(position - self._stood_at) > self._settings.tolerance:
                self._moved_by_others = True
        elif self._stands and at - self._due >= SETTLING:
            self._stood_at = position

    def begin(self) -> None:
        """Begin a stop."""
        self._begun = self._frozen = False
        self._last_speed = math.nan

    @property
    def is_measured(self) -> bool:
        """Whether a position was ever measured."""
        return not math.isnan(self._position)

    def is_left_alone(self, now: float) -> bool:
        """Tell whether it grips as others told it to."""
        return (self._settings.grips and (self.told is None or self._moved_by_others)
                and self._stands and self._is_fresh(now))

    def hold(self, now: float, reacting: bool) -> float:
        """Return what it is told to hold; it was measured."""
        if not self._begun:
            self._begun = True
            self._looked_at = self.at
            self._frozen = self._is_fresh(now) and self._stands
            if not (self._frozen and self._is_kept):
                self._capture(now)
            if self._is_fresh(now):
                self._last_speed = self._speed
        elif self.at > self._looked_at and self._is_fresh(now):
            # Only news can tell whether it slows down.
            self._looked_at = self.at
            self._follow(now, reacting)
        return self._position if self.told is None else self.told

    def _follow(self, now: float, reacting: bool) -> None:
        """Take anew what it holds, as long as it comes to rest in its own direction."""
        if self._frozen:
            if not self._has_escaped or self._is_kept:
                return
            self._last_speed = math.nan
        last, self._last_speed = self._last_speed, self._speed
        turned = self._speed * last < 0.0
        slowing = reacting or not abs(self._speed) > SLOWING * abs(last)
        self._frozen = self._stands or turned or not slowing
        if not turned and slowing:
            self._capture(now)

    def rest(self, now: float) -> float | None:
        """Return what it is told while nobody moves it."""
        lately = now - self._due < SETTLING
        if not (lately or self._is_kept or math.isnan(self._position)):
            self._capture(now)
        return self.told

    def present(self, now: float) -> float | None:
        """Return where a motion begins."""
        if not self._is_fresh(now) or self._is_kept:
            return self.told
        # It follows what it was told, a little behind; by far, it is held up by something.
        follows = now - self._due < SETTLING and not self._has_escaped
        return self.told if follows else self._position

    @property
    def _has_escaped(self) -> bool:
        return self.distance > ESCAPE * self._settings.fastest

    @property
    def _stands(self) -> bool:
        # Not known is not standing.
        return abs(self._speed) <= self._settings.rest_speed

    @property
    def _is_kept(self) -> bool:
        """Tell whether it is where it was told to be, as well as it can."""
        if self.told is None:
            return False
        if self._settings.grips:
            return self._stood_at is not None and not self._moved_by_others
        return self.distance <= self._settings.tolerance

    def _is_fresh(self, now: float) -> bool:
        return now - self.at < self._settings.patience

    def _capture(self, now: float) -> None:
        self.tell(self._settings.limits.nearest(self._position), now)


def _known(told: list[float | None]) -> tuple[float, ...] | None:
    known = tuple(one for one in told if one is not None)
    return known if len(known) == len(told) else None
