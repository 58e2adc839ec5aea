# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tables of what moves single joints: drivers that publish numbers, joint states, and motors.

A number on its way out is offset + scale * wish, kept between minimum and maximum; a stop is
neutral, whatever the others say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import Power, Speed
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_spec import described, Form
from viam_session_bridge.ros.parameter_velocity import MoveTable, RestTable

LARGEST = 1e9


@dataclass(frozen=True, kw_only=True)
class NumberTable:
    """Parameters of drivers that tell an actuator one number."""

    TAKES: ClassVar[tuple[type, ...]] = (Power, Speed)

    topic: str = field(metadata=described(
        'Topic that commands and stops are published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))
    command: str = field(metadata=described(
        "What the number means: 'velocity' (a wish in rad/s), 'power' (a share of full power, -1 "
        "to 1) or 'effort' (the same share, as force or torque: see stop; SetRPM, GoFor and GoTo "
        'are refused then, because no torque is a speed)',
        choices=('velocity', 'power', 'effort')))
    neutral: float = field(metadata=described(
        'The number that stops: published for every stop, as it is. Not always 0 (1500 for a '
        'PWM pulse, for example), so it has no default', low=-LARGEST, high=LARGEST))
    stop: str = field(default='', metadata=described(
        "Must be given with command 'effort', to say that it was thought of. 'zero': neutral is "
        "no effort, so that the joint coasts and a load that hangs on it falls. 'hold': neutral "
        'is the effort that carries the load', choices=('zero', 'hold'), empty='other commands'))
    scale: float = field(default=1.0, metadata=described(
        'The number published is offset + scale * wish; negative turns the direction round, 0 '
        'is refused', low=-LARGEST, high=LARGEST))
    offset: float = field(default=0.0, metadata=described(
        'See scale', low=-LARGEST, high=LARGEST))
    minimum: float = field(default=-LARGEST, metadata=described(
        'Smallest number that is ever published. Below maximum', low=-LARGEST, high=LARGEST))
    maximum: float = field(default=LARGEST, metadata=described(
        'Largest number that is ever published', low=-LARGEST, high=LARGEST))


@dataclass(frozen=True, kw_only=True)
class FloatTable(NumberTable):
    """Parameters of driver 'float': one number in a message of its own."""

    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg: Float64, Float32, Int16, Int32 (rounded), or Bool '
        '(neutral is 0 or 1; any motion is the other one, scale and offset do not count)',
        choices=('float64', 'float32', 'int16', 'int32', 'bool')))


@dataclass(frozen=True, kw_only=True)
class FloatArrayTable(NumberTable):
    """Parameters of driver 'float_array': a number in an array that resources share."""

    index: int = field(default=0, metadata=described(
        'Place in the std_msgs/msg/Float64MultiArray, which all resources of this driver with the '
        'same topic share: each has another index, from 0 without a gap. Those that are not '
        'moved get their neutral number', low=0, high=1000))


@dataclass(frozen=True, kw_only=True)
class JointVelocityTable:
    """Parameters of driver 'joint_state': sensor_msgs/msg/JointState with the joint's velocity."""

    TAKES: ClassVar[tuple[type, ...]] = (Power, Speed)

    topic: str = field(metadata=described(
        'Topic that commands and stops are published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))


@dataclass(frozen=True, kw_only=True)
class JointFeedbackTable(RestTable):
    """Parameters of feedback from joint states."""

    joint_states_topic: str = field(default='', metadata=described(
        'sensor_msgs/msg/JointState that shows position and speed of the joint. Without '
        'velocities the positions are differentiated', form=Form.FEEDBACK_TOPIC,
        message='sensor_msgs/msg/JointState',
        empty='no feedback: stops are not verified, moves are timed, there is no position'))
    joint: str = field(default='', metadata=described(
        "Name of the joint in the joint states, and in the messages of driver 'joint_state'",
        empty='only without joint_states_topic'))
    joint_scale: float = field(default=1.0, metadata=described(
        'Factor from the measured joint to the motor, as clients see it: -1 where the joint '
        'counts the other way round, or a gear ratio. Not 0', low=-1e6, high=1e6))
    continuous: bool = field(default=False, metadata=described(
        'The measured position jumps by a turn when it passes the end of one; the motor counts '
        'on'))
    rest_speed: float = field(default=0.05, metadata=described(
        'Measured speed below which the joint is at rest', unit='rad/s', low=0.0, high=10.0,
        low_excluded=True))

    @property
    def feedback_topic(self) -> str:
        """Return the topic of the joint states."""
        return self.joint_states_topic


@dataclass(frozen=True, kw_only=True)
class MotorConfig(
        JointFeedbackTable, MoveTable, FloatTable, FloatArrayTable, JointVelocityTable,
        ResourceConfig):
    """A motor."""

    DRIVERS = {
        'float': FloatTable, 'float_array': FloatArrayTable, 'joint_state': JointVelocityTable}

    max_speed: float = field(metadata=described(
        'Speed of the motor at full power. Faster commands are clamped; SetPower(1.0) is this '
        'speed', unit='rad/s', low=0.0, high=1e5, low_excluded=True))
    deceleration: float = field(default=10.0, metadata=described(
        'How the motor slows down towards the end of a GoFor or GoTo that is steered by joint '
        'states', unit='rad/s^2', low=0.0, high=1e6, low_excluded=True, mutable=True))
    allow_timed_moves: bool = field(default=True, metadata=described(
        'Accept a GoFor although no feedback shows its progress. It is timed then, and the log '
        'says so'))
    max_move_duration: float = field(default=120.0, metadata=described(
        'Longest that a GoFor or GoTo may take, also one that is slower than commanded',
        unit='s', low=0.0, high=3600.0, low_excluded=True, mutable=True))

    @property
    def takes_effort(self) -> bool:
        """Return whether its driver is told an effort, and so no speed."""
        return self.driver in ('float', 'float_array') and self.command == 'effort'
