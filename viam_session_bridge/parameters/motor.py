# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Motors: drivers that publish numbers or joint states, and their feedback.

The published number is offset + scale * setpoint, clamped between minimum and maximum; a stop is
neutral, independent of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import JointLimits, Power, Speed
from viam_session_bridge.core.stop import JointRest
from viam_session_bridge.parameters.feedback import MoveTable, RestTable
from viam_session_bridge.parameters.joints import JointScaleTable, OneJoint, ScaledTable
from viam_session_bridge.parameters.outputs import MESSAGES
from viam_session_bridge.parameters.resources import ActuatedConfig, COMMAND_TOPIC
from viam_session_bridge.parameters.rules import Own, rule, whole
from viam_session_bridge.parameters.schema import described, Form, LARGEST


@dataclass(frozen=True, kw_only=True)
class JointVelocityTable:
    """Parameters of driver 'joint_state': sensor_msgs/msg/JointState with the joint's velocity."""

    TAKES: ClassVar[tuple[type, ...]] = (Power, Speed)

    topic: str = field(metadata=COMMAND_TOPIC)


@dataclass(frozen=True, kw_only=True)
class NumberTable(ScaledTable, JointVelocityTable):
    """Parameters of drivers that send an actuator one number."""

    command: str = field(metadata=described(
        "What the number means: 'velocity' (a setpoint in rad/s), 'power' (a share of full power, "
        "-1 to 1) or 'effort' (the same share, as force or torque: see stop; SetRPM, GoFor and "
        'GoTo are refused then, because no torque is a speed)',
        choices=('velocity', 'power', 'effort')))
    neutral: float = field(metadata=described(
        'The number that stops: published for every stop, unscaled. Not always 0 (1500 for a '
        'PWM pulse, for example), so it has no default', low=-LARGEST, high=LARGEST))
    stop: str = field(default='', metadata=described(
        "Required with command 'effort', as confirmation. 'zero': neutral is no effort, so that "
        "the joint coasts and a load that hangs on it falls. 'hold': neutral is the effort that "
        'carries the load', choices=('zero', 'hold'), empty='other commands'))


@dataclass(frozen=True, kw_only=True)
class FloatTable(NumberTable):
    """Parameters of driver 'float': one number in a message of its own."""

    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg: Float64, Float32, Int16, Int32 (rounded), or Bool '
        '(neutral is 0 or 1; any motion is the other one, scale and offset have no effect)',
        choices=MESSAGES))


@dataclass(frozen=True, kw_only=True)
class FloatArrayTable(NumberTable):
    """Parameters of driver 'float_array': a number in an array that resources share."""

    index: int = field(default=0, metadata=described(
        'Place in the std_msgs/msg/Float64MultiArray, which all resources of this driver with the '
        'same topic share: each has another index, from 0 without a gap. Resources that are not '
        'moved receive their neutral number', low=0, high=1000))


@dataclass(frozen=True, kw_only=True)
class JointFeedbackTable(JointScaleTable, OneJoint, RestTable):
    """Parameters of feedback from joint states."""

    joint_states_topic: str = field(default='', metadata=described(
        'sensor_msgs/msg/JointState that shows position and speed of the joint. Without '
        'velocities the positions are differentiated', form=Form.FEEDBACK_TOPIC,
        message='sensor_msgs/msg/JointState',
        empty='no feedback: stops are not verified, moves are timed, there is no position'))
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

    @property
    def joint_rests(self) -> tuple[JointRest, ...]:
        """Return the rest limits of its joint."""
        return (JointRest(self.joint, 'rad', self.rest_speed),)

    @property
    def scale_of_joints(self) -> float:
        """Return the factor from the measured joint to the position that clients see."""
        return self.joint_scale

    @property
    def continuous_joints(self) -> tuple[str, ...]:
        """Return its joint, if its measured position jumps by a turn at the end of one."""
        return (self.joint,) if self.continuous else ()


@dataclass(frozen=True, kw_only=True)
class MotorConfig(JointFeedbackTable, MoveTable, FloatTable, FloatArrayTable, ActuatedConfig):
    """A motor."""

    API = 'motor'
    DRIVERS = {
        'float': FloatTable, 'float_array': FloatArrayTable, 'joint_state': JointVelocityTable}

    max_speed: float = field(metadata=described(
        'Speed of the motor at full power. Faster commands are clamped; SetPower(1.0) is this '
        'speed', unit='rad/s', low=0.0, high=1e5, low_excluded=True))
    deceleration: float = field(default=10.0, metadata=described(
        'Deceleration towards the end of a GoFor or GoTo that is controlled by joint '
        'states', unit='rad/s^2', low=0.0, high=1e6, low_excluded=True, mutable=True))
    allow_timed_moves: bool = field(default=True, metadata=described(
        'Accept a GoFor although no feedback shows its progress. It is timed then, and the log '
        'reports it'))

    @property
    def limits(self) -> JointLimits:
        """Return its limits."""
        return JointLimits(self.max_speed)

    @property
    def one_way(self) -> bool:
        """Return whether its driver cannot turn it backwards."""
        return self.message == 'bool'

    @property
    def takes_effort(self) -> bool:
        """Return whether its driver receives an effort, and so no speed."""
        return self.driver in ('float', 'float_array') and self.command == 'effort'


whole(MotorConfig, 'neutral')


@rule(NumberTable, 'minimum', 'maximum', 'neutral')
def _a_stop_is_published_as_it_is(own: Own, low: float, high: float, neutral: float) -> None:
    if low < high and not low <= neutral <= high:
        own.wrong('neutral', f'{neutral:g}',
                  f'from {own.minimum} ({low:g}) to {own.maximum} ({high:g})')


@rule(NumberTable, 'neutral', 'offset')
def _hardly_any_motion_is_near_a_stop(own: Own, neutral: float, offset: float) -> None:
    if offset != neutral and own.value_of('message') != 'bool':
        own.warn(
            f'{own.offset} is {offset:g} and {own.neutral} {neutral:g}: the '
            'number for hardly any motion is far from the one that stops. Is one of them missing?')


@rule(NumberTable, 'command', 'stop', 'neutral', 'offset')
def _a_stop_without_effort_is_confirmed(
        own: Own, command: str, stop: str, neutral: float, none: float) -> None:
    if command != 'effort':
        if stop:
            own.wrong('stop', repr(stop), f"this parameter only with {own.command} 'effort'; a "
                      f'stop sends {own.neutral}')
    elif not stop:
        own.wrong('stop', 'nothing',
                  f"'zero' (a stop is no effort: a load falls) or 'hold' ({own.neutral} is the "
                  f"effort that carries it), because {own.command} is 'effort'")
    elif (stop == 'zero') != (neutral == none):
        own.wrong('neutral', f'{neutral:g}',
                  ('' if stop == 'zero' else 'another number than ')
                  + f'{own.offset} ({none:g}), which is no effort, because {own.stop} is {stop!r}')
