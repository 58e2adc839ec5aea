# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of what goes to positions: arms, gantries, grippers and servos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import math
from typing import ClassVar, NamedTuple

from viam_session_bridge.ros.parameter_joints import LARGEST
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


class JointRange(NamedTuple):
    """
    The positions of a joint that the configuration accepts, rad or m as unit says.

    margin: a joint that stands may be measured so far outside. parameters: those that set it.
    """

    lowest: float = -math.inf
    highest: float = math.inf
    margin: float = 0.0
    unit: str = 'rad'
    parameters: tuple[str, ...] = ()

    def nearest(self, position: float) -> float:
        """Return the position within the range that is nearest to a position."""
        return min(self.highest, max(self.lowest, position))

    def within(self, other: JointRange) -> JointRange:
        """Return what both ranges have in common; the margin and the unit of this one."""
        return self._replace(
            lowest=max(self.lowest, other.lowest), highest=min(self.highest, other.highest),
            parameters=self.parameters + other.parameters)

    def over_turns(self) -> JointRange:
        """Return the range for a joint that is measured within one turn, wherever that begins."""
        return self._replace(
            lowest=min(self.lowest, -math.tau), highest=max(self.highest, math.tau))

    def problem(self, joint: str, position: float) -> str:
        """Say why a measured position is not plausible; empty when it is, or is not a number."""
        if not (position < self.lowest - self.margin or position > self.highest + self.margin):
            return ''
        return (f'joint {joint} is measured at {position:g} {self.unit}; its limits are '
                f'{self.lowest:g} to {self.highest:g} {self.unit} '
                f'({", ".join(self.parameters)}), with a tolerance of {self.margin:g} {self.unit}')


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

    @property
    def ranges(self) -> tuple[JointRange, ...]:
        """Return where each joint may be: the limits of its component and those of its number."""
        numbers = self._range_of_numbers
        return tuple(
            own._replace(margin=pace.near).within(numbers)
            for own, pace in zip(self._ranges, self.paces, strict=True))

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        """Return the limits of the component, without margins."""
        raise NotImplementedError

    @property
    def _range_of_numbers(self) -> JointRange:
        """Return the positions whose numbers are not cut to minimum or maximum."""
        # A Bool has no number between its two.
        has_number = self.driver == 'float_array' or (
            self.driver == 'float' and self.message != 'bool')
        if not has_number or (self.minimum, self.maximum) == (-LARGEST, LARGEST):
            return JointRange()
        low, high = sorted(
            (number - self.offset) / self.scale for number in (self.minimum, self.maximum))
        return JointRange(low, high, parameters=self._named('minimum', 'maximum'))

    def _named(self, *parameters: str) -> tuple[str, ...]:
        return tuple(f'{self.name}.{each}' for each in parameters)


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

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        limited = JointRange(parameters=self._named('joint_minimums', 'joint_maximums'))
        ranges = [limited._replace(lowest=low, highest=high) for low, high in zip(
            self.joint_minimums, self.joint_maximums, strict=True)]
        return tuple(
            own._replace(unit='m' if name in self.prismatic_joints else 'rad')
            for name, own in zip(
                self.joints, ranges or [JointRange()] * len(self.joints), strict=True))


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

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        zeros = self.offsets_m or (0.0,) * len(self.joints)
        named = self._named(*(('offsets_m', 'lengths_m') if self.offsets_m else ('lengths_m',)))
        return tuple(
            JointRange(zero, zero + length, unit='m', parameters=named)
            for zero, length in zip(zeros, self.lengths_m, strict=True))


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

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        low, high = sorted((self.open_position, self.closed_position))
        return (JointRange(
            low, high, unit='m' if self.prismatic else 'rad',
            parameters=self._named('open_position', 'closed_position')),) * len(self.joints)
