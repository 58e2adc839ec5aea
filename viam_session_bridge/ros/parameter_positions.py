# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tables of drivers for joints that take positions: trajectories, joint states, bare numbers.

What they drive is in `parameter_components`; how a stop holds a position, in `hold`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.ros.parameter_joints import LARGEST
from viam_session_bridge.ros.parameter_spec import described, Form

# Stands for a number that was not given.
UNSET = -LARGEST


@dataclass(frozen=True, kw_only=True)
class PositionTopicTable:
    """
    Parameters of every driver that publishes positions.

    LEADS: it leads the joints along at every tick, so that they stay where they are when the
    bridge dies, whatever their receiver does without commands.
    """

    TAKES: ClassVar[tuple[type, ...]] = (Trajectory,)

    LEADS: ClassVar[bool] = True

    topic: str = field(metadata=described(
        'Topic that commands and stops are published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))


@dataclass(frozen=True, kw_only=True)
class TrajectoryTable(PositionTopicTable):
    """Parameters of driver 'joint_trajectory': trajectory_msgs/msg/JointTrajectory."""

    LEADS: ClassVar[bool] = False

    hold_time: float = field(default=0.2, metadata=described(
        'How long the controller may take to come to rest where a stop holds the joints: sooner '
        'jerks them back, later lets them go on', unit='s', low=0.1, high=0.5))


@dataclass(frozen=True, kw_only=True)
class PositionStopTable(PositionTopicTable):
    """Parameters of drivers whose stop is chosen."""

    stop: str = field(default='', metadata=described(
        "What a stop sends. Must be given. 'hold': the measured positions (needs "
        "joint_states_topic). With 'float' and 'joint_state', for grippers and servos, also "
        "'last': the position that was sent last, or the measured one while nothing was sent; "
        "with 'float' and 'float_array', for servos, also 'number': stop_number",
        choices=('hold', 'last', 'number'), empty='with other drivers', refused={
            'zero': 'a stop must name positions, as every command does: velocities alone crash '
                    "a receiver of positions, or do not stop it; use 'hold', or 'last' without "
                    'joint_states_topic'}))


@dataclass(frozen=True, kw_only=True)
class JointStateTable(PositionStopTable):
    """Parameters of driver 'joint_state': sensor_msgs/msg/JointState with positions."""

    with_velocities: bool = field(default=False, metadata=described(
        'Send beside each position how fast the joint should be there'))


@dataclass(frozen=True, kw_only=True)
class PositionNumberTable(PositionStopTable):
    """Parameters of drivers that tell joints their positions as numbers."""

    stop_number: float = field(default=UNSET, metadata=described(
        "The number that a stop sends, as it is; must be given with stop 'number'. A servo may "
        'know one that lets it go slack', low=-LARGEST, high=LARGEST))
    scale: float = field(default=1.0, metadata=described(
        'The number published is offset + scale * position (rad, or m); negative turns the '
        'direction round, 0 is refused', low=-LARGEST, high=LARGEST))
    offset: float = field(default=0.0, metadata=described(
        'See scale', low=-LARGEST, high=LARGEST))
    minimum: float = field(default=-LARGEST, metadata=described(
        'Smallest number that is ever published. Below maximum', low=-LARGEST, high=LARGEST))
    maximum: float = field(default=LARGEST, metadata=described(
        'Largest number that is ever published', low=-LARGEST, high=LARGEST))
    joint_scale: float = field(default=1.0, metadata=described(
        'Factor from the measured joint to the position, as clients see it: -1 where the joint '
        'counts the other way round, or a gear ratio. Not 0', low=-1e6, high=1e6))


@dataclass(frozen=True, kw_only=True)
class FloatPositionTable(PositionNumberTable):
    """Parameters of driver 'float': the position of one joint in a message of its own."""

    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg: Float64, Float32, Int16, Int32 (rounded), or Bool '
        'for a gripper that is open or closed and nothing between, such as one with a valve: '
        "scale and offset make 0 and 1 of its two positions, and its stop is 'last'",
        choices=('float64', 'float32', 'int16', 'int32', 'bool')))


@dataclass(frozen=True, kw_only=True)
class FloatArrayPositionTable(PositionNumberTable):
    """Parameters of driver 'float_array': positions in an array that resources share."""

    index: int = field(default=0, metadata=described(
        'Place of the (first) joint in the std_msgs/msg/Float64MultiArray, which all resources of '
        'this driver with the same topic share; the other joints follow. From 0 without a gap. '
        'Joints that are not moved are told where they are. A gripper shares its array with '
        'nobody', low=0, high=1000))
