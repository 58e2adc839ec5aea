# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A trajectory that a controller follows by itself, and the remainder when it is extended.

A controller that receives a new trajectory begins at the measured positions, a little behind its
own setpoint. From there it must neither exceed the speed nor cut a corner that the joints have not
reached: a shortcut is not known to be free of obstacles. So the times of the remaining points are
delayed by the lag of the joints, which is reduced on the way: a little faster than requested and
never above the speed limit. Points behind the controller's setpoint are left out where the path
is nearly straight: some controllers can be set to begin there, and would turn back for them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
import math

from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

# The largest lag (s) of a controller that is searched for.
MOST_LAG = 0.3

# Joints that lag move at this multiple of the requested speed.
CATCH_UP = 1.1

# The least time (s) between points.
LEAST_APART = 1e-4

# The tolerance (rad or m) of a joint without a configured one.
_LEAST_TOLERANCE = 1e-4


class Following:
    """
    One active trajectory, with straight lines from point to point.

    Times of its points count from its start (s); instants are those of the clock of the joint
    readings. joints: the speed limit and the tolerance of each. seen: where they begin; None if
    unknown.
    """

    def __init__(self, joints: Sequence[PositionHoldSettings], trajectory: Trajectory,
                 began: float, seen: JointReading | None) -> None:
        self._joints = tuple(joints)
        self._began = began
        # The delay (s) that is not reduced any more: the one when it had to wait for more points.
        self._accepted_delay = 0.0
        ahead = [point for point in trajectory.points if point.time > 0.0]
        here = trajectory.points[0].positions if seen is None else seen.positions
        self._points = [Waypoint(0.0, here), *ahead]
        # Trajectory time (s) by instant, as sent last; both increase.
        self._marks = [(began + point.time, point.time) for point in self._points]

    @property
    def ends_at(self) -> float:
        """Return the instant of its end, as sent last."""
        return self._marks[-1][0]

    @property
    def late(self) -> float:
        """Return how much later (s) than requested it ends, as sent last."""
        return self._marks[-1][0] - self._began - self._marks[-1][1]

    def go_on(self, trajectory: Trajectory, now: float, seen: JointReading | None) -> Trajectory:
        """
        Go on as another trajectory, from its first point on; returns what to send from now on.

        seen: the latest joint reading; None if unknown. The returned times count from now, and the
        last point is the last of the trajectory.
        """
        first = trajectory.points[0]
        if now >= self.ends_at:
            # It waited at rest for more points: the next ones must not be faster because of that.
            self._accepted_delay = self.late
        # It cannot have passed points that were not sent.
        told_until = max(self._marks[-1][1], first.time)
        self._points = [
            *(point for point in self._points if point.time < first.time), *trajectory.points]
        passed = to_have_passed = min(self._way_at(now), told_until)
        if seen is not None:
            latest = min(self._way_at(seen.at), told_until)
            passed -= latest - self._way_of(seen, latest)
        here, since = self._place(passed), passed
        ahead = self._ahead(passed, to_have_passed)
        self._points = [Waypoint(passed, here), *ahead]
        self._marks = [(now, passed)]
        left: list[Waypoint] = []
        for point in ahead:
            least = self._least(here, point.positions)
            if not left and seen is not None:
                least = max(least, self._least(seen.positions, point.positions))
            # A pause ends at its planned time.
            usual = (point.time - since) / CATCH_UP if least else 0.0
            due = max(self._marks[-1][0] + max(usual, least, LEAST_APART),
                      self._began + self._accepted_delay + point.time)
            self._marks.append((due, point.time))
            left.append(replace(point, time=due - now))
            here, since = point.positions, point.time
        return Trajectory(tuple(left))

    def _ahead(self, passed: float, to_have_passed: float) -> list[Waypoint]:
        """Return the points after both trajectory times (s): the measured and the planned."""
        # If every point was passed, the end of the trajectory is due at once.
        ahead = [point for point in self._points if point.time > passed] or [
            replace(self._points[-1], time=passed + LEAST_APART)]
        late = [point for point in ahead if point.time <= to_have_passed]
        rest = ahead[len(late):]
        if late and rest:
            here, there = self._place(passed), rest[0].positions
            if all(self._is_near(point.positions, here, there) for point in late):
                return rest
        return ahead

    def _is_near(self, place: Sequence[float], a: Sequence[float], b: Sequence[float]) -> bool:
        """Return whether a place is within tolerance of the straight line from a to b."""
        share = _nearest(a, b, place)
        return all(abs(x + (y - x) * share - at) <= joint.tolerance
                   for x, y, at, joint in zip(a, b, place, self._joints, strict=True))

    def _least(self, here: Sequence[float], there: Sequence[float]) -> float:
        """Return the least time (s) from one place to another, at full speed."""
        return max(abs(b - a) / joint.fastest
                   for a, b, joint in zip(here, there, self._joints, strict=True))

    def _way_at(self, instant: float) -> float:
        """Return the planned trajectory time (s) at an instant."""
        index = bisect_right(self._marks, instant, key=lambda mark: mark[0])
        if index == 0:
            return self._marks[0][1]
        began, before = self._marks[index - 1]
        if index == len(self._marks):
            return before + instant - began
        due, after = self._marks[index]
        return before + (after - before) * (instant - began) / (due - began)

    def _way_of(self, seen: JointReading, latest: float) -> float:
        """
        Return the trajectory time (s) of measured joints: the latest one of the nearest points.

        It is searched within the lag first, and then everywhere: a controller may have slowed its
        trajectory down. A detour within the lag that ends where the joints are cannot be seen; it
        counts as done.
        """
        lately = self._nearest_to(seen, self._way_at(seen.at - MOST_LAG), latest)
        if lately is not None and lately[0] <= 1.0:
            return lately[1]
        anywhere = self._nearest_to(seen, self._points[0].time, latest)
        return latest if anywhere is None else anywhere[1]

    def _nearest_to(self, seen: JointReading, earliest: float,
                    latest: float) -> tuple[float, float] | None:
        """Return the least distance (in tolerances) between two times, and its time."""
        speeds = [0.0 if math.isnan(speed) or abs(speed) <= joint.rest_speed else speed
                  for speed, joint in zip(seen.velocities, self._joints, strict=True)]
        found: list[tuple[float, bool, float]] = []
        for before, after in zip(self._points, self._points[1:], strict=False):
            start, end = max(before.time, earliest), min(after.time, latest)
            if start > end:
                continue
            a, b = self._place(start), self._place(end)
            share = _nearest(a, b, seen.positions)
            away = math.hypot(*(
                (x + (y - x) * share - at) / max(joint.tolerance, _LEAST_TOLERANCE)
                for x, y, at, joint in zip(a, b, seen.positions, self._joints, strict=True)))
            opposes = sum(
                (y - x) * speed for x, y, speed in zip(a, b, speeds, strict=True)) < 0.0
            found.append((away, opposes, start + (end - start) * share))
        if not found:
            return None
        # On a path there and back both are equally near: take the one in the direction of motion.
        nearest = min(away for away, _, _ in found)
        near = [one for one in found if one[0] <= nearest + 1.0]
        best = min(near, key=lambda one: (one[1], one[0], -one[2]))
        return best[0], best[2]

    def _place(self, time: float) -> tuple[float, ...]:
        """Return the planned positions at a trajectory time (s), on straight lines."""
        index = bisect_right(self._points, time, key=lambda point: point.time)
        if index in (0, len(self._points)):
            return self._points[max(0, index - 1)].positions
        before, after = self._points[index - 1], self._points[index]
        share = (time - before.time) / (after.time - before.time)
        return tuple(a + (b - a) * share for a, b in zip(
            before.positions, after.positions, strict=True))


def _nearest(a: Sequence[float], b: Sequence[float], at: Sequence[float]) -> float:
    """Return the point (0 to 1) of the line from a to b that is nearest to a place."""
    length = sum((y - x) ** 2 for x, y in zip(a, b, strict=True))
    if length == 0.0:
        return 1.0
    along = sum((z - x) * (y - x) for x, y, z in zip(a, b, at, strict=True))
    return min(1.0, max(0.0, along / length))
