# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses of Viam and of ROS: the same rotation in both notations."""

import math
from typing import Any

from hypothesis import assume, given, settings, strategies
import pytest

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import PoseGoal
from viam_session_bridge.rpc import poses, proto

ROOT = math.sqrt(0.5)


def a_pose(o_x: float, o_y: float, o_z: float, theta: float) -> Any:
    return proto.common.Pose(x=100.0, y=-20.0, z=3.0, o_x=o_x, o_y=o_y, o_z=o_z, theta=theta)


# The orientation vector is the direction of z, theta the rotation about it.
@pytest.mark.parametrize(('vector', 'quaternion'), [
    ((0, 0, 1, 0), (0, 0, 0, 1)),
    ((0, 0, 1, 90), (0, 0, ROOT, ROOT)),
    ((0, 0, 1, -90), (0, 0, -ROOT, ROOT)),
    ((1, 0, 0, 0), (0, ROOT, 0, ROOT)),
    ((0, 0, -1, 0), (0, 1, 0, 0)),
    ((0, 1, 0, 0), (-0.5, 0.5, 0.5, 0.5)),
    ((0, 0, 17.0, 180), (0, 0, 1, 0))])
def test_known_orientations(vector: Any, quaternion: Any) -> None:
    pose = poses.from_viam(a_pose(*vector), 'to')
    assert pose.position == pytest.approx((0.1, -0.02, 0.003))
    along, turn = poses.distance(pose, PoseGoal(pose.position, quaternion))
    assert (along, turn) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert pose.frame == ''


UNIT = strategies.floats(-1.0, 1.0)


@given(strategies.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda q: math.hypot(*q) > 0.1))
@settings(max_examples=300)
def test_every_rotation_is_the_same_after_both_conversions(quaternion: Any) -> None:
    length = math.hypot(*quaternion)
    x, y, z, w = (part / length for part in quaternion)
    pose = PoseGoal((0.1, 0.2, 0.3), (x, y, z, w))
    shown = poses.to_viam(pose)
    assert math.hypot(shown.o_x, shown.o_y, shown.o_z) == pytest.approx(1.0, abs=1e-6)
    # The z axis, by the definition of a rotation matrix.
    assert shown.o_z == pytest.approx(1.0 - 2.0 * (x * x + y * y), abs=2e-4)
    along, turn = poses.distance(poses.from_viam(shown, 'to'), pose)
    # At the poles, Viam's own conversion has this error.
    assert along < 1e-9
    assert turn < 0.03


@given(strategies.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda q: math.hypot(*q) > 0.1))
@settings(max_examples=200)
def test_rotations_are_those_of_viams_own_code(quaternion: Any) -> None:
    spatial = pytest.importorskip(
        'viam.spatialmath', reason='no viam-sdk with spatialmath: nothing to compare with')
    length = math.hypot(*quaternion)
    x, y, z, w = (part / length for part in quaternion)
    theirs = spatial.Quaternion(w, x, y, z).to_orientation_vector()
    ours = poses.to_viam(PoseGoal((0.0, 0.0, 0.0), (x, y, z, w)))
    # At the poles Viam's implementations differ from each other.
    assume(1.0 - abs(ours.o_z) > 2e-4)
    assert (ours.o_x, ours.o_y, ours.o_z) == pytest.approx(
        (theirs.o_x, theirs.o_y, theirs.o_z), abs=1e-6)
    assert math.cos(math.radians(ours.theta) - theirs.theta) == pytest.approx(1.0, abs=1e-6)
    back = poses.from_viam(a_pose(
        theirs.o_x, theirs.o_y, theirs.o_z, math.degrees(theirs.theta)), 'to')
    read = theirs.to_quaternion()
    _, turn = poses.distance(back, PoseGoal((0.0, 0.0, 0.0), (read.i, read.j, read.k, read.w)))
    assert turn < 1e-6


@pytest.mark.parametrize(('field', 'value'), [
    ('x', math.nan), ('z', math.inf), ('o_y', math.nan), ('theta', -math.inf)])
def test_a_value_that_is_not_a_number_is_named(field: str, value: float) -> None:
    pose = a_pose(0, 0, 1, 0)
    setattr(pose, field, value)
    with pytest.raises(InvalidCommand, match=f'^to.{field}: '):
        poses.from_viam(pose, 'to')


def test_a_direction_that_is_not_given_is_up() -> None:
    assert poses.from_viam(a_pose(0, 0, 0, 90), 'to') == poses.from_viam(
        a_pose(0, 0, 1, 90), 'to')


def test_huge_vectors_have_a_direction() -> None:
    pose = poses.from_viam(a_pose(1e300, 1e300, 0, 0), 'to')
    assert all(map(math.isfinite, pose.orientation))
