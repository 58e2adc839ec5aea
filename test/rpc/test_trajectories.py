# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories of several joints: units, refusals, and limits of speed and acceleration."""

from itertools import pairwise
import math
from typing import Any

from hypothesis import given, settings, strategies
import pytest

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import Waypoint
from viam_session_bridge.rpc.trajectories import MM, Pace, timed, TrajectoryJoints

DEGREE = math.radians(1.0)
ARM = TrajectoryJoints(('lift', 'elbow'), (MM, DEGREE), ((0.0, 0.5), (-math.pi, math.pi)))


def test_units_are_converted_in_both_directions() -> None:
    assert ARM.targets('positions', [250.0, -90.0]) == pytest.approx((0.25, -math.pi / 2))
    assert ARM.shown((0.25, -math.pi / 2)) == pytest.approx([250.0, -90.0])


@pytest.mark.parametrize(('values', 'text'), [
    ([], 'positions: 0 values; expected 2, for the joints lift, elbow'),
    ([1.0, 2.0, 3.0], 'positions: 3 values'),
    ([math.nan, 0.0], r'positions\[0\]: nan'),
    ([0.0, math.inf], r'positions\[1\]: inf'),
    ([501.0, 0.0], r'positions\[0\]: 501 is out of the range of joint lift; expected 0 to 500$'),
    ([0.0, -181.0], r'positions\[1\]: -181 .* elbow; expected -180 to 180$')])
def test_bad_positions_are_named(values: list[float], text: str) -> None:
    with pytest.raises(InvalidCommand, match=f'^{text}'):
        ARM.targets('positions', values)


POSITIONS = strategies.tuples(strategies.floats(-3.0, 3.0), strategies.floats(-3.0, 3.0))
LIMIT = strategies.floats(0.05, 5.0)


def along(before: Waypoint, after: Waypoint, joint: int, share: float) -> tuple[float, float]:
    """Return speed and acceleration of a joint on the cubic between two points."""
    assert before.velocities is not None and after.velocities is not None
    time = after.time - before.time
    way = after.positions[joint] - before.positions[joint]
    v0, v1 = before.velocities[joint], after.velocities[joint]
    a, b = 3 * way / time - 2 * v0 - v1, v0 + v1 - 2 * way / time
    return v0 + 2 * a * share + 3 * b * share**2, (2 * a + 6 * b * share) / time


@given(start=POSITIONS, stations=strategies.lists(POSITIONS, min_size=1, max_size=5),
       speeds=strategies.tuples(LIMIT, LIMIT), accelerations=strategies.tuples(LIMIT, LIMIT))
@settings(max_examples=200)
def test_no_joint_is_faster_or_stronger_than_it_may_be_nor_overshoots(
        start: Any, stations: Any, speeds: Any, accelerations: Any) -> None:
    way = timed(start, stations, Pace(speeds, accelerations), math.inf, 'positions')
    assert [point.positions for point in way.points] == stations
    assert way.end.velocities == (0.0, 0.0), 'it comes to rest'
    points = [Waypoint(0.0, start, (0.0, 0.0)), *way.points]
    for before, after in pairwise(points):
        for joint in range(2):
            forth = after.positions[joint] - before.positions[joint]
            for step in range(11):
                speed, acceleration = along(before, after, joint, step / 10)
                assert abs(speed) <= speeds[joint] * 1.0001 + 1e-9
                assert abs(acceleration) <= accelerations[joint] * 1.0001 + 1e-9
                assert speed * forth >= -1e-9, 'never backwards'


def test_a_joint_passes_a_station_on_its_way_and_turns_at_another() -> None:
    way = timed((0.0, 0.0), [(1.0, 1.0), (2.0, 0.0)], Pace((1.0, 1.0)), 60.0, 'positions')
    first, last = way.points
    assert first.velocities is not None
    assert first.velocities == pytest.approx((1.0 / 1.5, 0.0))
    assert (first.time, last.time) == pytest.approx((1.5, 3.0))


def test_where_it_is_already_it_goes_at_once() -> None:
    way = timed((1.0,), [(1.0,)], Pace((1.0,)), 60.0, 'positions')
    assert 0.0 < way.end.time <= 0.1


@pytest.mark.parametrize('goal', [50.0, 1e300, -1e308])
def test_what_takes_too_long_is_refused(goal: float) -> None:
    with pytest.raises(InvalidCommand, match='^positions: .* max_move_duration allows 60 s'):
        timed((1e308,) if goal < 0 else (0.0,), [(goal,)], Pace((1.0,)), 60.0, 'positions')
