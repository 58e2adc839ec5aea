# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Converts poses of Viam to those of ROS, and back.

Viam: mm, and an orientation vector: the direction of the z axis (o_x, o_y, o_z), and the rotation
about it (theta, degrees). ROS: m, and a quaternion x, y, z, w. The axes are the same.
"""

import math
from typing import Any

from viam_session_bridge.core.setpoints import PoseGoal, require_finite
from viam_session_bridge.rpc import proto

MM = 1e-3

# Closer than this to a pole (z of a unit vector), the longitude of a direction is undefined;
# Viam's code has the same limit.
POLE = 1e-4


def from_viam(pose: Any, field: str, frame: str = '') -> PoseGoal:
    """Return a Pose message as a goal. Raises InvalidCommand that names the field."""
    x, y, z, o_x, o_y, o_z, theta = (
        require_finite(f'{field}.{axis}', getattr(pose, axis))
        for axis in ('x', 'y', 'z', 'o_x', 'o_y', 'o_z', 'theta'))
    largest = max(abs(o_x), abs(o_y), abs(o_z))
    if largest == 0.0:
        # As everywhere in Viam, a missing direction is straight up.
        o_z = largest = 1.0
    # Dividing first: the length of a huge but finite vector may be infinite.
    direction = (o_x / largest, o_y / largest, o_z / largest)
    length = math.hypot(*direction)
    return PoseGoal(
        (x * MM, y * MM, z * MM),
        _quaternion(direction[0] / length, direction[1] / length, direction[2] / length,
                    math.radians(theta)), frame)


def to_viam(pose: PoseGoal) -> Any:
    """Return a pose as a Pose message."""
    o_x, o_y, o_z, theta = _orientation_vector(*pose.orientation)
    x, y, z = (value / MM for value in pose.position)
    return proto.common.Pose(
        x=x, y=y, z=z, o_x=o_x, o_y=o_y, o_z=o_z, theta=math.degrees(theta))


def distance(one: PoseGoal, other: PoseGoal) -> tuple[float, float]:
    """Return the distance of two poses (m), and the angle of the rotation between them (rad)."""
    along = math.dist(one.position, other.position)
    shared = abs(sum(a * b for a, b in zip(one.orientation, other.orientation, strict=True)))
    return along, 2.0 * math.acos(min(1.0, shared))


def _quaternion(o_x: float, o_y: float, o_z: float,
                theta: float) -> tuple[float, float, float, float]:
    """Return Rz(longitude) * Ry(latitude) * Rz(theta) as x, y, z, w; o is a unit vector."""
    longitude = 0.0 if 1.0 - abs(o_z) < POLE else math.atan2(o_y, o_x)
    latitude = math.acos(max(-1.0, min(1.0, o_z)))
    half, sum_, difference = latitude / 2.0, (longitude + theta) / 2.0, (longitude - theta) / 2.0
    return (-math.sin(half) * math.sin(difference), math.sin(half) * math.cos(difference),
            math.cos(half) * math.sin(sum_), math.cos(half) * math.cos(sum_))


def _orientation_vector(x: float, y: float, z: float,
                        w: float) -> tuple[float, float, float, float]:
    """Return the direction of the z axis, and the rotation about it (rad)."""
    o_x, o_y = 2.0 * (x * z + w * y), 2.0 * (y * z - w * x)
    o_z = max(-1.0, min(1.0, 1.0 - 2.0 * (x * x + y * y)))
    if 1.0 - abs(o_z) >= POLE:
        return o_x, o_y, o_z, math.atan2(2.0 * (y * z + w * x), -2.0 * (x * z - w * y))
    # Straight up or down: theta is the whole rotation.
    r11, r21 = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)
    return 0.0, 0.0, math.copysign(1.0, o_z), math.atan2(r21, r11 if o_z > 0.0 else -r11)
