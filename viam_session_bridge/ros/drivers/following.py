# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A trajectory that a controller follows by itself, and what is left of it when it goes on.

A controller that is told anew begins where the joints are, a little behind where it had them. From
there it must neither hurry nor cut a corner that the joints have not come to: what lies on a short
cut is not known to be free. So the times of the rest are moved back by as much as the joints are
behind, and they make up for it on the way, a little faster than was asked for and never faster
than they may. Points behind where it had the joints are left out where the way is as good as
straight: some controllers can be set to begin there, and would turn back for them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
import math

from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

# So far (s) behind what it was told a controller is looked for.
MOST_LAG = 0.3

# Joints that are behind make up for it so many times as fast as was asked for.
CATCH_UP = 1.1

# Points are so far (s) apart at least.
LEAST_APART = 1e-4

# Of a joint without a tolerance, this (rad or m) is near.
_LEAST_TOLERANCE = 1e-4


class Following:
    """
    One trajectory under way, in straight lines from point to point.

    Times of its points count from when it began (s); instants are those of the clock by which
    joints are read. joints: how fast each may go, and how near is near enough. seen: where they
    begin; None where that is not known.
    """

    def __init__(self, joints: Sequence[PositionHoldSettings], trajectory: Trajectory,
                 began: float, seen: JointReading | None) -> None:
        self._joints = tuple(joints)
        self._began = began
        # By how much (s) it may be late for good: what it was late when it had to wait for more.
        self._forgiven = 0.0
        ahead = [point for point in trajectory.points if point.time > 0.0]
        here = trajectory.points[0].positions if seen is None else seen.positions
        self._points = [Waypoint(0.0, here), *ahead]
        # Where on its way (s) it was to be at which instant, as it was told last; both rise.
        self._marks = [(began + point.time, point.time) for point in self._points]

    @property
    def ends_at(self) -> float:
        """Return the instant at which it is at its end, as it was told last."""
        return self._marks[-1][0]

    @property
    def late(self) -> float:
        """Return how much later (s) than asked for it is at its end, as it was told last."""
        return self._marks[-1][0] - self._began - self._marks[-1][1]

    def go_on(self, trajectory: Trajectory, now: float, seen: JointReading | None) -> Trajectory:
        """
        Go on as another trajectory, from its first point on; returns what to tell from now on.

        seen: the joints, lately; None where nothing is known. The times that are returned count
        from now, and the last point is the last of the trajectory.
        """
        first = trajectory.points[0]
        if now >= self.ends_at:
            # It stands and has waited for more: what comes now must not be faster for that.
            self._forgiven = self.late
        # Of what it was not told it cannot have passed anything.
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
        told: list[Waypoint] = []
        for point in ahead:
            least = self._least(here, point.positions)
            if not told and seen is not None:
                least = max(least, self._least(seen.positions, point.positions))
            # A pause is over when it was to be over.
            usual = (point.time - since) / CATCH_UP if least else 0.0
            due = max(self._marks[-1][0] + max(usual, least, LEAST_APART),
                      self._began + self._forgiven + point.time)
            self._marks.append((due, point.time))
            told.append(replace(point, time=due - now))
            here, since = point.positions, point.time
        return Trajectory(tuple(told))

    def _ahead(self, passed: float, to_have_passed: float) -> list[Waypoint]:
        """Return the points that lie ahead: at these times of the way (s) it is, and was to be."""
        # Where everything is behind it, the end of the way is due at once.
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
        """Tell whether a place is near enough to the straight line from a to b."""
        share = _nearest(a, b, place)
        return all(abs(x + (y - x) * share - at) <= joint.tolerance
                   for x, y, at, joint in zip(a, b, place, self._joints, strict=True))

    def _least(self, here: Sequence[float], there: Sequence[float]) -> float:
        """Return how long (s) it takes from one place to another at full speed."""
        return max(abs(b - a) / joint.fastest
                   for a, b, joint in zip(here, there, self._joints, strict=True))

    def _way_at(self, instant: float) -> float:
        """Return where on its way (s) it was to be at an instant."""
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
        Return where on its way (s) the joints were seen: where it is nearest, at the latest.

        It is looked for where they may be, and everywhere where they are not: a controller may
        have slowed its trajectory down. Of a detour within the lag, back to where the joints
        stand, nobody can tell whether they have made it; it counts as made.
        """
        lately = self._nearest_to(seen, self._way_at(seen.at - MOST_LAG), latest)
        if lately is not None and lately[0] <= 1.0:
            return lately[1]
        anywhere = self._nearest_to(seen, self._points[0].time, latest)
        return latest if anywhere is None else anywhere[1]

    def _nearest_to(self, seen: JointReading, earliest: float,
                    latest: float) -> tuple[float, float] | None:
        """Return how near (in tolerances) the way comes to the joints between two times, where."""
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
        # Of a way there and back, which is as near twice, the one that the joints go along.
        nearest = min(away for away, _, _ in found)
        near = [one for one in found if one[0] <= nearest + 1.0]
        best = min(near, key=lambda one: (one[1], one[0], -one[2]))
        return best[0], best[2]

    def _place(self, time: float) -> tuple[float, ...]:
        """Return where the joints are to be at a time of the way (s), in straight lines."""
        index = bisect_right(self._points, time, key=lambda point: point.time)
        if index in (0, len(self._points)):
            return self._points[max(0, index - 1)].positions
        before, after = self._points[index - 1], self._points[index]
        share = (time - before.time) / (after.time - before.time)
        return tuple(a + (b - a) * share for a, b in zip(
            before.positions, after.positions, strict=True))


def _nearest(a: Sequence[float], b: Sequence[float], at: Sequence[float]) -> float:
    """Return the share (0 to 1) of the line from a to b that is nearest to a place."""
    length = sum((y - x) ** 2 for x, y in zip(a, b, strict=True))
    if length == 0.0:
        return 1.0
    along = sum((z - x) * (y - x) for x, y, z in zip(a, b, at, strict=True))
    return min(1.0, max(0.0, along / length))
