# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The positions that a stop of position-controlled joints repeats. The core decides when to stop.

Such a joint accepts positions only, so a stop must send one, and the measured position is the only
one that is no new motion. There are two ways to get this wrong:

* The position measured once, when the stop began, is behind the joint when it takes effect, and
  pulls it back with a jerk.
* The position measured again at every repetition gives no resistance: a joint that sags under a
  load sinks with every repetition, all the way down.

So, for each joint and each stop (epoch): the measured position is updated while the joint slows
down in its direction of motion, and frozen once it stands, turns back, or no longer slows down. A
joint that stands at its commanded position keeps that number: its controller needs the difference
to carry the load, and the measured position would lower it a little with every stop. A joint that
is far away from a frozen position has not followed the command: pulling it back would be a new
motion, so the position is updated.

A position outside of the configured limits is never held: readings far outside are no measurements
(see joint_states), and for one slightly outside, within the tolerance, the limit is held.

A gripper that stands against an object has not reached its commanded position, and that position
sets its grip force. It keeps that, unless it was moved by others since it came to a stop. A
gripper that was last moved by others, or by an earlier bridge, receives nothing: its grip is
unknown here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math
import threading

from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.sources.joint_states import JointReading

# The delay (s) until a stop shows in the feedback: before, a joint that does not slow down does
# not show whether it follows the command.
REACTION = 0.15

# Slower than this share of the speed before counts as slowing down.
SLOWING = 0.95

# A joint that leaves its frozen position by more than full speed times this time (s) does not
# follow the command.
ESCAPE = 0.5

# A joint at rest this time (s) after the last command counts as settled.
SETTLING = 0.5


@dataclass(frozen=True)
class PositionHoldSettings:
    """
    When a joint counts as at its commanded position, and when as at rest.

    tolerance: rad or m; rest_speed, fastest: rad/s or m/s. keeps_grip: at rest it keeps its
    commanded position, however far away. patience: age (s) from which a reading is stale. limits:
    the positions that may be held, in the coordinates of the command.
    """

    tolerance: float
    rest_speed: float
    fastest: float
    patience: float = 0.5
    keeps_grip: bool = False
    limits: JointRange = JointRange()


class NoMeasurement(RuntimeError):
    """There is nothing to hold: a joint was never measured."""


class PositionHold:
    """
    The positions commanded last for the joints of one resource, and those that a stop sends.

    settings: of each joint. Positions are in the coordinates of the command. observe is called by
    the executor's thread, everything else by the pump's.
    """

    def __init__(self, settings: Sequence[PositionHoldSettings]) -> None:
        # Guards the joints: the executor observes them while the pump commands them.
        self._lock = threading.Lock()
        self._joints = [_Held(each) for each in settings]
        self._epoch: int | None = None
        self._began = -math.inf

    def command(self, positions: tuple[float, ...], due: float) -> None:
        """Note the commanded positions, and when (s) they are due."""
        with self._lock:
            self._epoch = None
            for joint, position in zip(self._joints, positions, strict=True):
                joint.command(position, due)

    def observe(self, positions: tuple[float, ...], reading: JointReading) -> None:
        """Take a complete reading; positions: the same in the coordinates of the command."""
        with self._lock:
            for joint, at, speed in zip(
                    self._joints, positions, reading.velocities, strict=True):
                joint.observe(at, speed, reading.at)

    def stop(self, epoch: int, now: float) -> tuple[float, ...] | None:
        """
        Return the positions that a stop sends; None if it sends none.

        Raises NoMeasurement while the position of one of them is unknown.
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
        """Return the positions to send without a command; None if unknown."""
        with self._lock:
            return _known([joint.rest(now) for joint in self._joints])

    def present(self, now: float) -> tuple[float | None, ...]:
        """Return where a new motion begins; None for a joint whose position is unknown."""
        with self._lock:
            return tuple(joint.present(now) for joint in self._joints)

    def behind(self, now: float) -> tuple[float, float]:
        """
        Return the time (s) at full speed to the commanded positions, and the feedback's age (s).

        The age counts from when the feedback became stale.
        """
        with self._lock:
            way = max(joint.way for joint in self._joints)
            age = max(joint.overdue(now) for joint in self._joints)
        return way, max(0.0, age)


class _Held:
    """One joint."""

    def __init__(self, settings: PositionHoldSettings) -> None:
        self._settings = settings
        self.commanded: float | None = None
        self.at = -math.inf
        self._position = math.nan
        self._speed = math.nan
        self._due = -math.inf
        self._stood_at: float | None = None
        self._moved_by_others = False
        self._frozen = False
        self._begun = False
        self._checked_at = -math.inf
        self._last_speed = math.nan

    @property
    def distance(self) -> float:
        """Return its distance from the commanded position; 0 if unknown."""
        if self.commanded is None or math.isnan(self._position):
            return 0.0
        return abs(self._position - self.commanded)

    @property
    def way(self) -> float:
        """Return the time (s) at full speed to the commanded position."""
        return self.distance / self._settings.fastest

    def overdue(self, now: float) -> float:
        """Return for how long (s) its feedback has been stale; negative if it is fresh."""
        return now - self.at - self._settings.patience

    def command(self, position: float, due: float) -> None:
        """Note the commanded position."""
        # The same position again changes nothing: the joint may have settled meanwhile.
        if position != self.commanded or self._moved_by_others:
            self.commanded = position
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
        """Return whether it holds a grip that others commanded."""
        return (self._settings.keeps_grip and (self.commanded is None or self._moved_by_others)
                and self._stands and self._is_fresh(now))

    def hold(self, now: float, reacting: bool) -> float:
        """Return the position to hold; it was measured."""
        if not self._begun:
            self._begun = True
            self._checked_at = self.at
            self._frozen = self._is_fresh(now) and self._stands
            if not (self._frozen and self._is_kept):
                self._capture(now)
            if self._is_fresh(now):
                self._last_speed = self._speed
        elif self.at > self._checked_at and self._is_fresh(now):
            # Only a new reading shows whether it slows down.
            self._checked_at = self.at
            self._follow(now, reacting)
        return self._position if self.commanded is None else self.commanded

    def _follow(self, now: float, reacting: bool) -> None:
        """Update the held position while the joint comes to rest in its direction of motion."""
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
        """Return the position to send without a command."""
        lately = now - self._due < SETTLING
        if not (lately or self._is_kept or math.isnan(self._position)):
            self._capture(now)
        return self.commanded

    def present(self, now: float) -> float | None:
        """Return where a motion begins."""
        if not self._is_fresh(now) or self._is_kept:
            return self.commanded
        # It follows the command with a small lag; a large one means that something blocks it.
        follows = now - self._due < SETTLING and not self._has_escaped
        return self.commanded if follows else self._position

    @property
    def _has_escaped(self) -> bool:
        return self.distance > ESCAPE * self._settings.fastest

    @property
    def _stands(self) -> bool:
        # Unknown is not at rest.
        return abs(self._speed) <= self._settings.rest_speed

    @property
    def _is_kept(self) -> bool:
        """Return whether it is at its commanded position, as well as it can be."""
        if self.commanded is None:
            return False
        if self._settings.keeps_grip:
            return self._stood_at is not None and not self._moved_by_others
        return self.distance <= self._settings.tolerance

    def _is_fresh(self, now: float) -> bool:
        return now - self.at < self._settings.patience

    def _capture(self, now: float) -> None:
        self.command(self._settings.limits.nearest(self._position), now)


def _known(positions: list[float | None]) -> tuple[float, ...] | None:
    known = tuple(one for one in positions if one is not None)
    return known if len(known) == len(positions) else None
