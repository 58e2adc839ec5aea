# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of what goes to positions: arms, gantries, grippers and servos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from viam_session_bridge.ros.parameter_positions import (
    FloatArrayPositionTable,
    FloatPositionTable,
    JointStateTable,
    TrajectoryTable,
)
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_spec import described, Form
from viam_session_bridge.ros.parameter_velocity import MoveTable, RestTable

_DRIVERS: Mapping[str, type] = {
    'joint_trajectory': TrajectoryTable, 'joint_state': JointStateTable,
    'float': FloatPositionTable, 'float_array': FloatArrayPositionTable}

_STATE = 'sensor_msgs/msg/JointState'
_STATES = ('sensor_msgs/msg/JointState that shows where the joints are. They may come in any '
           'order, and in several messages')
_BLIND = 'no feedback: stops are not verified, moves are timed, there is no position'


class JointPace(NamedTuple):
    """
    By what a joint is measured, rad/s and rad, or m/s and m.

    fastest: how fast it may be. near: how near to its goal it is there. slowest: the speed below
    which it is at rest.
    """

    fastest: float
    near: float
    slowest: float


@dataclass(frozen=True, kw_only=True)
class PositionedConfig(
        RestTable, MoveTable, TrajectoryTable, JointStateTable, FloatPositionTable,
        FloatArrayPositionTable, ResourceConfig):
    """What all of them have in common."""

    DRIVERS: ClassVar[Mapping[str, type]] = _DRIVERS

    joint_states_topic: str = field(default='', metadata=described(
        _STATES, form=Form.FEEDBACK_TOPIC, message=_STATE, empty=_BLIND))
    max_move_duration: float = field(default=120.0, metadata=described(
        'Longest that a move may take, also one that is slower than commanded', unit='s', low=0.0,
        high=3600.0, low_excluded=True, mutable=True))

    @property
    def feedback_topic(self) -> str:
        """Return the topic of the joint states."""
        return self.joint_states_topic

    @property
    def scale_of_joints(self) -> float:
        """Return the factor from a measured joint to the position that clients see."""
        return self.joint_scale if self.driver in ('float', 'float_array') else 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its joints, in its order."""
        raise NotImplementedError

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each joint: rad or m."""
        return ('rad',) * len(self.names)

    @property
    def pace(self) -> JointPace:
        """Return the measures of its joints."""
        raise NotImplementedError

    @property
    def paces(self) -> tuple[JointPace, ...]:
        """Return the measures of each joint, in their order."""
        return (self.pace,) * len(self.names)


@dataclass(frozen=True, kw_only=True)
class SeveralJointsConfig(PositionedConfig):
    """What arms, gantries and grippers have in common."""

    joints: tuple[str, ...] = field(metadata=described(
        'Names of the joints, as the joint states have them: from base to tip, or in the order of '
        "the axes. Driver 'joint_trajectory' names every joint of its controller"))
    robot_description_topic: str = field(default='', metadata=described(
        'std_msgs/msg/String with the URDF, as robot_state_publisher publishes it, for '
        'GetKinematics', form=Form.FEEDBACK_TOPIC, message='std_msgs/msg/String',
        empty='GetKinematics is not answered'))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its joints."""
        return self.joints


@dataclass(frozen=True, kw_only=True)
class ArmConfig(SeveralJointsConfig):
    """An arm."""

    DRIVERS: ClassVar[Mapping[str, type]] = {
        name: table for name, table in _DRIVERS.items() if name != 'float'}

    joint_states_topic: str = field(metadata=described(
        _STATES, form=Form.FEEDBACK_TOPIC, message=_STATE))
    max_joint_speed: float = field(metadata=described(
        'Fastest that any joint may be asked to go', unit='rad/s',
        low=0.0, high=100.0, low_excluded=True, mutable=True))
    joint_minimums: tuple[float, ...] = field(default=(), metadata=described(
        'Lowest position of each joint that is accepted', unit='rad (m)', low=-1e4, high=1e4,
        empty='positions are not checked'))
    joint_maximums: tuple[float, ...] = field(default=(), metadata=described(
        'Highest position of each joint that is accepted', unit='rad (m)', low=-1e4, high=1e4,
        empty='positions are not checked'))
    continuous_joints: tuple[str, ...] = field(default=(), metadata=described(
        'Those of the joints whose measured position jumps by a turn when they pass the end of '
        'one; clients see it go on'))
    tolerance: float = field(default=0.02, metadata=described(
        'How near to its goal a joint has arrived', unit='rad', low=0.0, high=1.0,
        low_excluded=True))
    rest_speed: float = field(default=0.02, metadata=described(
        'Measured speed below which a joint is at rest', unit='rad/s', low=0.0, high=10.0,
        low_excluded=True))
    prismatic_joints: tuple[str, ...] = field(default=(), metadata=described(
        'Those of the joints that are m; clients see them in mm. They have limits of their own'))
    prismatic_max_speed: float = field(default=0.1, metadata=described(
        'Fastest that a prismatic joint may be asked to go', unit='m/s', low=0.0, high=100.0,
        low_excluded=True, mutable=True))
    prismatic_tolerance: float = field(default=0.002, metadata=described(
        'How near to its goal a prismatic joint has arrived', unit='m', low=0.0, high=1.0,
        low_excluded=True))
    prismatic_rest_speed: float = field(default=0.002, metadata=described(
        'Measured speed below which a prismatic joint is at rest', unit='m/s', low=0.0,
        high=10.0, low_excluded=True))
    pose_topic: str = field(default='', metadata=described(
        'geometry_msgs/msg/PoseStamped that shows where the tip is, for GetEndPosition',
        form=Form.FEEDBACK_TOPIC, message='geometry_msgs/msg/PoseStamped',
        empty='GetEndPosition is not answered'))
    pose_tolerance: float = field(default=0.005, metadata=described(
        'How near to the pose of a goal the tip has arrived; its direction is within tolerance',
        unit='m', low=0.0, high=1.0, low_excluded=True))
    pose_goal_topic: str = field(default='', metadata=described(
        'Topic of a node that moves the tip to a geometry_msgs/msg/PoseStamped, for '
        'MoveToPosition (needs pose_topic). A stop sends it the measured pose, besides holding '
        'the joints', form=Form.OUTPUT_TOPIC, empty='MoveToPosition is not answered'))
    pose_frame: str = field(default='base_link', metadata=described(
        'Frame of both poses: other measured ones are ignored', form=Form.FRAME))

    @property
    def pace(self) -> JointPace:
        """Return the measures of its joints."""
        return JointPace(self.max_joint_speed, self.tolerance, self.rest_speed)

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each joint: rad or m."""
        return tuple('m' if name in self.prismatic_joints else 'rad' for name in self.joints)

    @property
    def paces(self) -> tuple[JointPace, ...]:
        """Return the measures of each joint, in their order."""
        prismatic = JointPace(
            self.prismatic_max_speed, self.prismatic_tolerance, self.prismatic_rest_speed)
        return tuple(prismatic if name in self.prismatic_joints else self.pace
                     for name in self.joints)


@dataclass(frozen=True, kw_only=True)
class GantryConfig(SeveralJointsConfig):
    """A gantry: one axis or more."""

    joint_states_topic: str = field(metadata=described(
        _STATES, form=Form.FEEDBACK_TOPIC, message=_STATE))
    lengths_m: tuple[float, ...] = field(metadata=described(
        'How far each axis goes, in the order of the joints', unit='m', low=0.0, high=1000.0,
        low_excluded=True))
    offsets_m: tuple[float, ...] = field(default=(), metadata=described(
        "Where each joint is at Viam's position 0", unit='m', low=-1000.0, high=1000.0,
        empty='0 for each'))
    home_m: tuple[float, ...] = field(default=(), metadata=described(
        "Where Home goes, from Viam's position 0", unit='m', low=0.0, high=1000.0,
        empty='Home is not answered'))
    max_speed: float = field(metadata=described(
        'Fastest that any axis may be asked to go', unit='m/s', low=0.0, high=100.0,
        low_excluded=True, mutable=True))
    tolerance: float = field(default=0.002, metadata=described(
        'How near to its goal an axis has arrived', unit='m', low=0.0, high=1.0,
        low_excluded=True))
    rest_speed: float = field(default=0.002, metadata=described(
        'Measured speed below which an axis is at rest', unit='m/s', low=0.0, high=1.0,
        low_excluded=True))

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each axis."""
        return ('m',) * len(self.joints)

    @property
    def pace(self) -> JointPace:
        """Return the measures of its joints."""
        return JointPace(self.max_speed, self.tolerance, self.rest_speed)


@dataclass(frozen=True, kw_only=True)
class GripperConfig(SeveralJointsConfig):
    """A gripper: every joint goes from one position to the other."""

    prismatic: bool = field(default=False, metadata=described(
        'Its joints are m, not rad'))
    open_position: float = field(metadata=described(
        'Position of every joint when it is open', unit='rad or m', low=-100.0, high=100.0))
    closed_position: float = field(metadata=described(
        'Position of every joint when it is closed', unit='rad or m', low=-100.0, high=100.0))
    max_speed: float = field(metadata=described(
        'How fast the joints go', unit='rad/s or m/s', low=0.0, high=100.0, low_excluded=True,
        mutable=True))
    tolerance: float = field(metadata=described(
        'How near to its goal a joint has arrived. A gripper that closed and stands farther than '
        'this from closed holds something', unit='rad or m', low=0.0, high=10.0,
        low_excluded=True))
    rest_speed: float = field(metadata=described(
        'Measured speed below which a joint is at rest', unit='rad/s or m/s', low=0.0, high=10.0,
        low_excluded=True))

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each joint: rad or m."""
        return ('m' if self.prismatic else 'rad',) * len(self.joints)

    @property
    def pace(self) -> JointPace:
        """Return the measures of its joints."""
        return JointPace(self.max_speed, self.tolerance, self.rest_speed)
