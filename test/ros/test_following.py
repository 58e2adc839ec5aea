# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The remainder of a trajectory that a controller follows: no corner cut, no joint too fast.

The controller is simulated, with numbers for time: a new trajectory begins where its joints are,
which follow the command with a lag.
"""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.ros.drivers.following import CATCH_UP, Following
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

STEP = 0.005  # s
BEGAN = 50.0

JOINT = PositionHoldSettings(tolerance=0.01, rest_speed=0.02, fastest=1.0)


def seen(at: float, positions: tuple[float, ...], speeds: tuple[float, ...]) -> JointReading:
    """Return a reading."""
    return JointReading(positions, speeds, positions, at)


class Controller:
    """Joints behind a controller, at rest at first; lag (s): their delay behind the setpoint."""

    def __init__(self, here: tuple[float, ...], lag: float) -> None:
        self.readings = [seen(BEGAN, here, (0.0,) * len(here))]
        self.fastest = 0.0
        self._points = [(BEGAN, here)]
        self._lag = lag
        self._wanted = [here] * (1 + round(lag / STEP))

    @property
    def here(self) -> tuple[float, ...]:
        """Return where the joints are."""
        return self.readings[-1].positions

    def tell(self, now: float, trajectory: Trajectory) -> None:
        """Begin a new trajectory where the joints are."""
        self._points = [(now, self.here), *(
            (now + point.time, point.positions) for point in trajectory.points)]
        for (since, a), (due, b) in zip(self._points, self._points[1:], strict=False):
            assert due > since, 'a controller rejects times that do not rise'
            self.fastest = max(self.fastest, *(
                abs(y - x) / (due - since) for x, y in zip(a, b, strict=True)))
        self._wanted = [self.here] * len(self._wanted)

    def is_done(self, now: float) -> bool:
        """Return whether the joints are at the end of the trajectory."""
        return now >= self._points[-1][0] + self._lag + STEP

    def run(self, now: float) -> None:
        """Continue to an instant (s)."""
        wanted = self._points[-1][1]
        for (since, a), (due, b) in zip(self._points, self._points[1:], strict=False):
            if since <= now < due:
                share = (now - since) / (due - since)
                wanted = tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))
        self._wanted = [*self._wanted[1:], wanted]
        before, here = self.here, self._wanted[0]
        self.readings.append(seen(now, here, tuple(
            (b - a) / STEP for a, b in zip(before, here, strict=True))))


def follow(points: Sequence[Waypoint], *, lag: float, age: float = 0.0) -> Controller:
    """
    Send a trajectory that arrives in real time, from 0.3 s before the joints start.

    The controller receives more points 0.15 s before the end of those it has, including its delay.
    The first point is where the joints are. age: the age (s) of the joint readings.
    """
    controller, count = Controller(points[0].positions, lag), 1
    following: Following | None = None
    now, patience = BEGAN, 5.0 * points[-1].time + 5.0
    while count < len(points) or not controller.is_done(now):
        elapsed = now - BEGAN
        assert elapsed < patience, 'it does not reach the end'
        passed = elapsed - (0.0 if following is None else following.late)
        latest = controller.readings[max(0, len(controller.readings) - 1 - round(age / STEP))]
        if count < len(points) and passed >= points[count - 1].time - 0.15:
            ahead = min(count - 1, sum(point.time <= passed for point in points))
            count = max(count + 1, sum(point.time <= elapsed + 0.3 for point in points))
            if following is None:
                known = Trajectory(tuple(points[1:count]))
                following = Following([JOINT] * len(controller.here), known, now, latest)
                controller.tell(now, known)
            else:
                controller.tell(now, following.go_on(
                    Trajectory(tuple(points[ahead:count])), now, latest))
        now += STEP
        controller.run(now)
    return controller


@pytest.mark.parametrize('lag', [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize('every', [0.05, 0.1])
def test_with_small_pieces_the_delay_is_bounded(every: float, lag: float) -> None:
    """Each piece adds the lag, which is reduced again before the next one."""
    points = [Waypoint(every * index, (0.3 * every * index,))
              for index in range(round(20 / every))]
    controller = follow(points, lag=lag)
    late = controller.readings[-1].at - BEGAN - points[-1].time
    assert late <= 12.0 * lag + 0.1


def peak_to_and_fro(height: float, every: float) -> list[Waypoint]:
    """Return a path of one joint up and down at 1 rad/s, with a point every so many seconds."""
    return [Waypoint(every * index, (min(every * index, 2 * height - every * index),))
            for index in range(1 + round(2 * height / every))]


@pytest.mark.parametrize('lag', [0.0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize('age', [0.0, 0.05])
@pytest.mark.parametrize('height', [0.4, 0.46, 0.5, 0.54, 0.6])
def test_no_corner_is_cut(height: float, lag: float, age: float) -> None:
    """The joint reaches its turning point, whenever more points arrive."""
    controller = follow(peak_to_and_fro(height, 0.02), lag=lag, age=age)
    highest = max(one.positions[0] for one in controller.readings)
    assert highest == pytest.approx(height, abs=JOINT.tolerance + STEP)
    assert controller.fastest <= 1.0 + 1e-9


def test_without_a_lag_the_trajectory_is_sent_as_requested() -> None:
    """Nothing is added to a trajectory that is followed without a delay."""
    points = peak_to_and_fro(0.5, 0.1)
    following = Following(
        [JOINT], Trajectory(tuple(points[1:4])), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 0.25
    told = following.go_on(Trajectory(tuple(points[3:])), now, seen(now, (0.25,), (1.0,)))
    assert [point.time for point in told.points] == pytest.approx(
        [point.time - 0.25 for point in points[3:]])
    assert [point.positions for point in told.points] == [one.positions for one in points[3:]]


def test_a_lag_is_reduced_on_the_way() -> None:
    """A tenth faster than requested, within the limit, until it is on time again."""
    points = [Waypoint(0.1 * index, (0.05 * index,)) for index in range(31)]
    following = Following(
        [JOINT], Trajectory(tuple(points[1:4])), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 0.3
    told = following.go_on(Trajectory(tuple(points[4:])), now, seen(now, (0.1,), (0.5,)))
    assert told.points[0].positions == points[3].positions, 'it has not been there'
    places = [(0.0, (0.1,)), *((point.time, point.positions) for point in told.points)]
    for (since, (a,)), (due, (b,)) in zip(places, places[1:], strict=False):
        assert b - a <= 0.5 * CATCH_UP * (due - since) + 1e-9
    assert told.points[0].time == pytest.approx(0.1 / CATCH_UP)
    assert told.end.time == pytest.approx(2.7), 'on time again'


@pytest.mark.parametrize(('speed', 'turns'), [(1.0, True), (-1.0, False)])
def test_on_a_path_there_and_back_the_speed_shows_where_the_joint_is(
        speed: float, turns: bool) -> None:
    """Before the corner it receives the corner; after it, it is not sent back."""
    points = peak_to_and_fro(0.3, 0.05)
    following = Following(
        [JOINT], Trajectory(tuple(points[1:11])), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 0.4
    told = following.go_on(Trajectory(tuple(points[8:])), now, seen(now, (0.22,), (speed,)))
    assert (max(point.positions[0] for point in told.points) == pytest.approx(0.3)) is turns


def corner(*times: float) -> Trajectory:
    """Return a path of two joints to (1.5, 0) at 1.5 s, and on with the second one."""
    return Trajectory(tuple(
        Waypoint(time, (min(time, 1.5), max(0.0, time - 1.5))) for time in times))


def test_a_controller_that_was_slowed_down_is_not_sent_across_the_corner() -> None:
    """Whatever its lag: its measured position counts."""
    following = Following([JOINT] * 2, corner(0.5, 1.0, 1.5, 2.0, 2.5), BEGAN,
                          seen(BEGAN, (0.0, 0.0), (0.0, 0.0)))
    now = BEGAN + 1.9
    told = following.go_on(corner(2.5, 3.0), now, seen(now, (0.95, 0.0), (0.5, 0.0)))
    assert [point.positions for point in told.points][:3] == [
        (1.0, 0.0), (1.5, 0.0), (1.5, 0.5)]


@pytest.mark.parametrize('noise', [-1e-3, 0.0, 1e-3])
def test_the_noise_of_a_joint_at_rest_has_no_effect(noise: float) -> None:
    """A path with a pause."""
    points = [Waypoint(0.2, (0.2, 0.0)), Waypoint(0.3, (0.2, 0.0)), Waypoint(0.6, (0.2, 0.3))]
    following = Following([JOINT] * 2, Trajectory(tuple(points)), BEGAN,
                          seen(BEGAN, (0.0, 0.0), (0.0, 0.0)))
    now = BEGAN + 0.31
    told = following.go_on(
        Trajectory((*points[2:], Waypoint(1.0, (0.2, 0.6)))), now,
        seen(now, (0.05, 0.0), (noise, noise)))
    assert told.points[0].positions == (0.2, 0.0)


def test_points_that_were_not_sent_do_not_count_as_passed() -> None:
    """The joints are at rest; the pump is late, and the new points are dense."""
    following = Following(
        [JOINT] * 2, Trajectory((Waypoint(0.5, (0.5, 0.0)),)), BEGAN,
        seen(BEGAN, (0.0, 0.0), (0.0, 0.0)))
    rest = [Waypoint(2.0, (0.5, 0.0)), *(
        Waypoint(2.0 + 0.01 * step, (0.5 + 0.01 * min(step, 5), 0.01 * max(0, step - 5)))
        for step in range(1, 20))]
    now = BEGAN + 2.06
    told = following.go_on(
        Trajectory(tuple(rest)), now, seen(now - 0.02, (0.5, 0.0), (0.0, 0.0)))
    assert (pytest.approx(0.55), 0.0) in [point.positions for point in told.points]


def test_without_readings_it_continues_as_sent() -> None:
    """Points that are due already are not sent again."""
    points = peak_to_and_fro(0.5, 0.1)
    following = Following([JOINT], Trajectory(tuple(points[1:6])), BEGAN, None)
    told = following.go_on(Trajectory(tuple(points[5:])), BEGAN + 0.45, None)
    assert [point.positions for point in told.points] == [one.positions for one in points[5:]]
    assert told.points[0].time == pytest.approx(0.05)


def test_after_a_rest_it_continues_where_it_stands() -> None:
    """With a late client, the joint stands at its last point, and then moves at once."""
    following = Following(
        [JOINT], Trajectory((Waypoint(0.5, (0.5,)),)), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 2.0
    told = following.go_on(
        Trajectory((Waypoint(2.0, (0.5,)), Waypoint(2.2, (0.3,)))), now, seen(now, (0.5,), (0.0,)))
    assert told.points[-1].positions == (0.3,)
    assert told.points[-1].time == pytest.approx(0.2, abs=0.01)


def test_a_delay_before_a_rest_makes_nothing_faster_after_it() -> None:
    """A client that sends late delays the joints and does not make them faster."""
    following = Following(
        [JOINT], Trajectory((Waypoint(1.0, (0.1,)),)), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 0.9
    following.go_on(Trajectory((Waypoint(1.0, (0.1,)), Waypoint(1.5, (0.15,)))), now,
                    seen(now, (0.05,), (0.1,)))
    late = following.late
    assert late > 0.3
    now = BEGAN + 5.0
    rest = [Waypoint(5.0 - late, (0.15,)), *(
        Waypoint(5.0 - late + step, (0.15 + 0.1 * step,)) for step in range(1, 6))]
    told = following.go_on(Trajectory(tuple(rest)), now, seen(now, (0.15,), (0.0,)))
    assert [point.time for point in told.points[-5:]] == [
        pytest.approx(step, abs=0.01) for step in range(1, 6)]
    assert following.late == pytest.approx(late, abs=0.01)


def test_a_trajectory_that_is_overdue_leads_to_its_end_and_continues_from_there() -> None:
    """At the speed limit of the joint; later points begin there."""
    following = Following(
        [JOINT], Trajectory((Waypoint(0.5, (0.5,)),)), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 2.0
    told = following.go_on(
        Trajectory((Waypoint(0.1, (0.4,)),)), now, seen(now, (0.5,), (0.0,)))
    assert [(point.time, point.positions) for point in told.points] == [
        (pytest.approx(0.1), (0.4,))]
    now += 1.0
    told = following.go_on(
        Trajectory((Waypoint(3.0, (0.4,)), Waypoint(3.5, (0.2,)))), now,
        seen(now, (0.4,), (0.0,)))
    assert [point.positions for point in told.points][-1] == (0.2,)
    assert all(point.positions in ((0.4,), (0.2,)) for point in told.points)


def test_a_joint_far_from_its_path_keeps_its_speed_limit() -> None:
    """It is blocked: it gets the time that it needs from its measured position."""
    following = Following(
        [JOINT], Trajectory((Waypoint(2.0, (1.0,)),)), BEGAN, seen(BEGAN, (0.0,), (0.0,)))
    now = BEGAN + 1.9
    told = following.go_on(
        Trajectory((Waypoint(2.0, (1.0,)), Waypoint(3.0, (1.2,)))), now, seen(now, (0.0,), (0.0,)))
    assert told.points[0].positions == (1.0,) and told.points[0].time >= 1.0


JOINTS = st.integers(1, 3)


@st.composite
def ways(draw: st.DrawFn) -> list[Waypoint]:
    """Draw a path at no more than 1 rad/s, with pauses and corners."""
    here = (0.0,) * draw(JOINTS)
    points = [Waypoint(0.0, here)]
    for _ in range(draw(st.integers(4, 25))):
        duration = draw(st.sampled_from([0.01, 0.05, 0.1, 0.4]))
        speed = draw(st.sampled_from([0.0, 0.3, 1.0]))
        here = tuple(at + speed * duration * draw(st.sampled_from([-1.0, 0.0, 1.0]))
                     for at in here)
        points.append(Waypoint(points[-1].time + duration, here))
    return points


@given(ways(), st.sampled_from([0.0, 0.005, 0.02]))
@settings(max_examples=150, database=None)
def test_any_trajectory_is_followed_through_all_its_points(
        points: list[Waypoint], lag: float) -> None:
    """In order, near each of them, and never too fast; no detour is shorter than the lag."""
    controller = follow(points, lag=lag)
    assert controller.fastest <= 1.0 + 1e-6
    places = [one.positions for one in controller.readings]
    since = 0
    for point in points:
        near = [index for index in range(since, len(places))
                if max(abs(a - b) for a, b in zip(places[index], point.positions, strict=True))
                <= JOINT.tolerance + STEP]
        assert near, f'it never reached {point}'
        since = near[0]
