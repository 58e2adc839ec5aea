# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""MoveOptions of an arm: the limits a client sets for one move, on top of the configured one."""

from collections.abc import Sequence
import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import require_finite
from viam_session_bridge.rpc.trajectories import Joints, Pace


def pace_of(joints: Joints, fastest: Sequence[float], options: Any) -> Pace:
    """
    Return how fast each joint may go: the strictest of what is configured and what is asked for.

    fastest: of each joint, rad/s or m/s. options: a MoveOptions message, or None. As in Viam's Go
    client, 0 is no limit. Raises InvalidCommand.
    """
    count = len(joints.names)
    speeds, accelerations = list(fastest), [math.inf] * count
    if options is not None:
        _tighten(speeds, joints, 'max_vel_degs_per_sec',
                 [options.max_vel_degs_per_sec] * count)
        _tighten(speeds, joints, 'max_vel_degs_per_sec_joints',
                 options.max_vel_degs_per_sec_joints)
        _tighten(accelerations, joints, 'max_acc_degs_per_sec2',
                 [options.max_acc_degs_per_sec2] * count)
        _tighten(accelerations, joints, 'max_acc_degs_per_sec2_joints',
                 options.max_acc_degs_per_sec2_joints)
        if options.max_tcp_speed != 0.0:
            raise InvalidCommand(
                f'options.max_tcp_speed: {options.max_tcp_speed:g} m/s cannot be promised, since '
                'this bridge knows no kinematics; leave it out and limit the joints')
    return Pace(tuple(speeds), tuple(accelerations))


def _tighten(bounds: list[float], joints: Joints, field: str, given: Sequence[float]) -> None:
    if not given:
        return
    if len(given) != len(bounds):
        raise InvalidCommand(
            f'options.{field}: {len(given)} values; expected {len(bounds)}, for the joints '
            + ', '.join(joints.names))
    for index, (value, scale) in enumerate(zip(given, joints.scales, strict=True)):
        if require_finite(f'options.{field}', value) < 0.0:
            raise InvalidCommand(f'options.{field}: {value:g}; expected a number above 0')
        if value > 0.0:
            bounds[index] = min(bounds[index], value * scale)
