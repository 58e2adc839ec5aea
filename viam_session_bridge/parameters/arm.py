# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.parameters.joints import (
    check_numbers,
    JOINT_STATES,
    JointPace,
    JointRange,
    NUMBER,
    one_each,
    POSITION_DRIVERS,
    SeveralJointsConfig,
    STATE,
)
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True, kw_only=True)
class ArmConfig(SeveralJointsConfig):
    """An arm."""

    API = 'arm'
    DRIVERS: ClassVar[Mapping[str, type]] = {
        name: table for name, table in POSITION_DRIVERS.items() if name != 'float'}
    STOPS: ClassVar[tuple[str, ...]] = ('hold',)

    joint_states_topic: str = field(metadata=described(
        JOINT_STATES, form=Form.FEEDBACK_TOPIC, message=STATE))
    max_joint_speed: float = field(metadata=described(
        'Highest speed of any joint', unit='rad/s',
        low=0.0, high=100.0, low_excluded=True, mutable=True))
    joint_minimums: tuple[float, ...] = field(default=(), metadata=described(
        'Lowest position of each joint that is accepted', unit='rad (m)', low=-1e4, high=1e4,
        empty='positions are not checked'))
    joint_maximums: tuple[float, ...] = field(default=(), metadata=described(
        'Highest position of each joint that is accepted', unit='rad (m)', low=-1e4, high=1e4,
        empty='positions are not checked'))
    continuous_joints: tuple[str, ...] = field(default=(), metadata=described(
        'Those of the joints whose measured position jumps by a turn when they pass the end of '
        'one; clients receive a continuous position'))
    tolerance: float = field(default=0.02, metadata=described(
        'Distance from its goal within which a joint has arrived', unit='rad', low=0.0, high=1.0,
        low_excluded=True))
    rest_speed: float = field(default=0.02, metadata=described(
        'Measured speed below which a joint is at rest', unit='rad/s', low=0.0, high=10.0,
        low_excluded=True))
    prismatic_joints: tuple[str, ...] = field(default=(), metadata=described(
        'Those of the joints that are measured in m; clients see them in mm. They have limits of '
        'their own'))
    prismatic_max_speed: float = field(default=0.1, metadata=described(
        'Highest speed of a prismatic joint', unit='m/s', low=0.0, high=100.0,
        low_excluded=True, mutable=True))
    prismatic_tolerance: float = field(default=0.002, metadata=described(
        'Distance from its goal within which a prismatic joint has arrived', unit='m', low=0.0,
        high=1.0,
        low_excluded=True))
    prismatic_rest_speed: float = field(default=0.002, metadata=described(
        'Measured speed below which a prismatic joint is at rest', unit='m/s', low=0.0,
        high=10.0, low_excluded=True))
    pose_topic: str = field(default='', metadata=described(
        'geometry_msgs/msg/PoseStamped with the pose of the tip, for GetEndPosition',
        form=Form.FEEDBACK_TOPIC, message='geometry_msgs/msg/PoseStamped',
        empty='GetEndPosition is not answered'))
    pose_tolerance: float = field(default=0.005, metadata=described(
        'Distance from a pose goal within which the tip has arrived; its direction is within '
        'tolerance',
        unit='m', low=0.0, high=1.0, low_excluded=True))
    pose_goal_topic: str = field(default='', metadata=described(
        'Topic of a node that moves the tip to a geometry_msgs/msg/PoseStamped, for '
        'MoveToPosition (needs pose_topic). A stop sends it the measured pose, besides holding '
        'the joints', form=Form.OUTPUT_TOPIC, empty='MoveToPosition is not answered'))
    pose_frame: str = field(default='base_link', metadata=described(
        'Frame of both poses: other measured ones are ignored', form=Form.FRAME))

    @property
    def pace(self) -> JointPace:
        """Return the speeds and tolerances of its joints."""
        return JointPace(self.max_joint_speed, self.tolerance, self.rest_speed)

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each joint: rad or m."""
        return tuple('m' if name in self.prismatic_joints else 'rad' for name in self.joints)

    @property
    def paces(self) -> tuple[JointPace, ...]:
        """Return the speeds and tolerances of each joint, in their order."""
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


@rule(ArmConfig, 'joints', 'continuous_joints', 'prismatic_joints')
def _special_joints_are_joints(own: Own, joints: tuple[str, ...], continuous: tuple[str, ...],
                               prismatic: tuple[str, ...]) -> None:
    for short, named in (('continuous_joints', continuous), ('prismatic_joints', prismatic)):
        strangers = [each for each in named if each not in joints]
        if strangers:
            own.wrong(short, ', '.join(map(repr, strangers)),
                      f'names from {own.joints}: ' + ', '.join(joints))


one_each(ArmConfig, 'joint_minimums')
one_each(ArmConfig, 'joint_maximums')


@rule(ArmConfig, 'joints', 'joint_minimums', 'joint_maximums')
def _each_joint_has_a_range(own: Own, joints: tuple[str, ...], lows: tuple[float, ...],
                            highs: tuple[float, ...]) -> None:
    if bool(lows) != bool(highs):
        missing, given = ('joint_maximums', own.joint_minimums) if lows else (
            'joint_minimums', own.joint_maximums)
        own.wrong(missing, 'nothing', f'a number for each joint, together with {given}')
    for joint, low, high in zip(joints, lows, highs, strict=False):
        if low >= high:
            own.wrong('joint_minimums', f'{low:g} for {joint}',
                      f'less than its {own.joint_maximums} ({high:g})')


@rule(ArmConfig, 'tolerance', 'joint_minimums', 'joint_maximums', *NUMBER)
def _the_ranges_are_numbers_of_the_driver(
        own: Own, near: float, lows: tuple[float, ...], highs: tuple[float, ...],
        *number: float) -> None:
    check_numbers(own, number, near, (
        (short, each, each) for short, values in (
            ('joint_minimums', lows), ('joint_maximums', highs)) for each in values))


@rule(ArmConfig, 'pose_goal_topic', 'pose_topic')
def _a_pose_goal_has_a_measured_pose(own: Own, goals: str, poses: str) -> None:
    if goals and not poses:
        own.wrong('pose_topic', 'nothing',
                  f'the topic of the measured pose, because {own.pose_goal_topic} is given: '
                  'only it shows whether a goal is reached, and which pose a stop holds')
