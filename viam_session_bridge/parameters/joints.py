# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints: their feedback, drivers that take positions, and what their components have in common.

How a stop holds a position is in `ros/hold`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
import math
from typing import Any, ClassVar, NamedTuple

from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.core.stop import JointRest
from viam_session_bridge.parameters.checks import beyond_message
from viam_session_bridge.parameters.feedback import MoveTable, RestTable
from viam_session_bridge.parameters.outputs import MESSAGES
from viam_session_bridge.parameters.resources import ActuatedConfig, COMMAND_TOPIC
from viam_session_bridge.parameters.rules import below, Own, rule
from viam_session_bridge.parameters.schema import described, Form, LARGEST

# Replaces a number that was not given.
UNSET = -LARGEST

# The tolerance of a position's number that must be 0 or 1 for a Bool.
EXACT = 1e-6


# ---- numbers, and joints that are measured ------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class ScaledTable:
    """Parameters of drivers that publish setpoints as numbers."""

    scale: float = field(default=1.0, metadata=described(
        'The number published is offset + scale * setpoint (a position: rad, or m); a negative '
        'one reverses the direction, 0 is refused', low=-LARGEST, high=LARGEST))
    offset: float = field(default=0.0, metadata=described(
        'See scale', low=-LARGEST, high=LARGEST))
    minimum: float = field(default=-LARGEST, metadata=described(
        'Smallest number that is ever published. Below maximum', low=-LARGEST, high=LARGEST))
    maximum: float = field(default=LARGEST, metadata=described(
        'Largest number that is ever published', low=-LARGEST, high=LARGEST))


@dataclass(frozen=True, kw_only=True)
class JointScaleTable:
    """Parameters of joints that clients do not see as they are measured."""

    joint_scale: float = field(default=1.0, metadata=described(
        'Factor from the measured joint to the position, as clients see it: -1 where the joint '
        'counts in the opposite direction, or a gear ratio. Not 0', low=-1e6, high=1e6))


@dataclass(frozen=True, kw_only=True)
class OneJoint:
    """A component with one joint, which is measured by joint_states_topic."""

    joint: str = field(default='', metadata=described(
        'Name of the joint in the joint states, and in the messages of drivers that name joints',
        empty='only without joint_states_topic'))


# ---- drivers that take positions ----------------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class PositionTopicTable:
    """
    Parameters of every driver that publishes positions.

    LEADS: it sends the joints a position at every tick, so that they stay where they are when the
    bridge fails, whatever their receiver does without commands.
    """

    TAKES: ClassVar[tuple[type, ...]] = (Trajectory,)

    LEADS: ClassVar[bool] = True

    topic: str = field(metadata=COMMAND_TOPIC)


@dataclass(frozen=True, kw_only=True)
class TrajectoryTable(PositionTopicTable):
    """Parameters of driver 'joint_trajectory': trajectory_msgs/msg/JointTrajectory."""

    LEADS: ClassVar[bool] = False

    hold_time: float = field(default=0.2, metadata=described(
        'How long the controller may take to come to rest where a stop holds the joints: a '
        'shorter time causes a jerk back, a longer one a longer stop', unit='s', low=0.1,
        high=0.5))


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
        'Send beside each position the speed of the joint at that position'))


@dataclass(frozen=True, kw_only=True)
class PositionNumberTable(JointScaleTable, ScaledTable, PositionStopTable):
    """Parameters of drivers that send the positions of joints as numbers."""

    stop_number: float = field(default=UNSET, metadata=described(
        "The number that a stop sends, unscaled; must be given with stop 'number'. Some servos "
        'have one that switches their torque off', low=-LARGEST, high=LARGEST))


@dataclass(frozen=True, kw_only=True)
class FloatPositionTable(PositionNumberTable):
    """Parameters of driver 'float': the position of one joint in a message of its own."""

    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg: Float64, Float32, Int16, Int32 (rounded), or Bool '
        'for a gripper that is only open or closed, such as one with a valve: scale and offset '
        "convert its two positions to 0 and 1, and its stop is 'last'",
        choices=MESSAGES))


@dataclass(frozen=True, kw_only=True)
class FloatArrayPositionTable(PositionNumberTable):
    """Parameters of driver 'float_array': positions in an array that resources share."""

    index: int = field(default=0, metadata=described(
        'Place of the (first) joint in the std_msgs/msg/Float64MultiArray, which all resources of '
        'this driver with the same topic share; the other joints follow. From 0 without a gap. '
        'Joints that are not moved receive their measured position. A gripper shares its array '
        'with '
        'nobody', low=0, high=1000))


POSITION_DRIVERS: Mapping[str, type] = {
    'joint_trajectory': TrajectoryTable, 'joint_state': JointStateTable,
    'float': FloatPositionTable, 'float_array': FloatArrayPositionTable}

STATE = 'sensor_msgs/msg/JointState'
JOINT_STATES = (
    'sensor_msgs/msg/JointState with the positions of the joints, in any order and in several '
    'messages')
_BLIND = 'no feedback: stops are not verified, moves are timed, there is no position'


# ---- what all components with positions have in common ------------------------------------------

class JointPace(NamedTuple):
    """
    The limits of a joint, rad/s and rad, or m/s and m.

    fastest: its highest speed. near: the tolerance of its goal. slowest: the speed below which it
    is at rest.
    """

    fastest: float
    near: float
    slowest: float


class JointRange(NamedTuple):
    """
    The positions of a joint that the configuration accepts, rad or m as unit says.

    margin: how far outside a joint at rest may be measured. parameters: those that set the range.
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
        """Return why a measured position is not plausible; empty when it is, or no number."""
        if not (position < self.lowest - self.margin or position > self.highest + self.margin):
            return ''
        return (f'joint {joint} is measured at {position:g} {self.unit}; its limits are '
                f'{self.lowest:g} to {self.highest:g} {self.unit} '
                f'({", ".join(self.parameters)}), with a tolerance of {self.margin:g} {self.unit}')


@dataclass(frozen=True, kw_only=True)
class PositionedConfig(
        RestTable, MoveTable, TrajectoryTable, JointStateTable, FloatPositionTable,
        FloatArrayPositionTable, ActuatedConfig):
    """What all of them have in common."""

    DRIVERS: ClassVar[Mapping[str, type]] = POSITION_DRIVERS
    # What its stops may send. A number other than its position would be a motion.
    STOPS: ClassVar[tuple[str, ...]] = ('hold', 'last', 'number')
    # It accepts a Bool, which cannot express a position in between.
    TAKES_BOOL: ClassVar[bool] = False

    joint_states_topic: str = field(default='', metadata=described(
        JOINT_STATES, form=Form.FEEDBACK_TOPIC, message=STATE, empty=_BLIND))

    @property
    def feedback_topic(self) -> str:
        """Return the topic of the joint states."""
        return self.joint_states_topic

    @property
    def joint_rests(self) -> tuple[JointRest, ...]:
        """Return the rest limits of each joint."""
        return tuple(JointRest(name, unit, pace.slowest) for name, unit, pace in zip(
            self.names, self.units, self.paces, strict=True))

    @property
    def speeds(self) -> tuple[float, ...]:
        """Return the highest speed of each joint, rad/s or m/s."""
        return tuple(pace.fastest for pace in self.paces)

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Return the tolerance of each joint's goal, rad or m."""
        return tuple(pace.near for pace in self.paces)

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
        """Return the speeds and tolerances of its joints."""
        raise NotImplementedError

    @property
    def paces(self) -> tuple[JointPace, ...]:
        """Return the speeds and tolerances of each joint, in their order."""
        return (self.pace,) * len(self.names)

    @property
    def ranges(self) -> tuple[JointRange, ...]:
        """Return the range of each joint: the limits of its component and those of its number."""
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


# ---- rules --------------------------------------------------------------------------------------

# What a stop may send, by driver.
_STOPS: Mapping[str, tuple[str, ...]] = {
    'joint_state': ('hold', 'last'), 'float': ('hold', 'last', 'number'),
    'float_array': ('hold', 'number')}

# The parameters that convert a position to a number: the inputs of rules that check numbers.
NUMBER = ('scale', 'offset', 'minimum', 'maximum')

below(ScaledTable, 'minimum', 'maximum')


@rule(OneJoint, 'joint', 'joint_states_topic', 'driver')
def _the_joint_has_a_name(own: Own, joint: str, states: str, driver: str) -> None:
    if states and not joint:
        own.wrong('joint', 'nothing',
                  f'the name of the joint in the messages of {own.joint_states_topic}')
    elif not joint and driver in ('joint_trajectory', 'joint_state'):
        own.wrong('joint', 'nothing', 'the name of the joint')
    if joint and not states and driver != 'joint_state':
        own.wrong('joint', repr(joint), f'a joint only together with {own.joint_states_topic}')


@rule(SeveralJointsConfig, 'joints', 'driver')
def _each_joint_has_a_name_of_its_own(own: Own, joints: tuple[str, ...], driver: str) -> None:
    if not joints or '' in joints:
        own.wrong('joints', repr(list(joints)), 'a list with the name of each joint')
    if len(set(joints)) != len(joints):
        own.wrong('joints', repr(list(joints)), 'each joint once')
    if driver == 'float' and len(joints) > 1:
        own.wrong('joints', f'{len(joints)} joints',
                  f"one, because {own.driver} 'float' sends one number")


def one_each(table: type, short: str, needed: bool = False) -> None:
    """Register the rule that a list has an element for each joint, or none unless it is needed."""
    @rule(table, short, 'joints')
    def check(own: Own, values: Sized, joints: Sized) -> None:
        if (values or needed) and len(values) != len(joints):
            own.wrong(
                short, f'{len(values)} numbers', f'{len(joints)}, one for each of {own.joints}')


@rule(PositionedConfig, 'driver', 'joint_states_topic')
def _a_trajectory_holds_what_is_measured(own: Own, driver: str, states: str) -> None:
    if driver == 'joint_trajectory' and not states:
        own.wrong('joint_states_topic', 'nothing',
                  'the topic that shows the positions which a stop holds')


@rule(PositionedConfig, 'api', 'driver', 'stop')
def _a_stop_is_chosen_and_possible(own: Own, api: str, driver: str, stop: str) -> None:
    table: Any = own.block.table
    possible = tuple(each for each in _STOPS.get(driver, ()) if each in table.STOPS)
    if table.TAKES_BOOL and _is_bool(own):
        possible = ('last',)
    if possible and stop not in possible:
        own.wrong('stop', repr(stop) if stop else 'nothing',
                  ' or '.join(map(repr, possible)) + f', because {own.driver} is {driver!r} and '
                  + (f"{own.message} 'bool'" if possible == ('last',) else f'{own.api} {api!r}'))
    if stop == 'number' and stop in possible and own.value_of('stop_number') == UNSET:
        own.wrong('stop_number', 'nothing',
                  f"the number that a stop sends, because {own.stop} is 'number'")


@rule(PositionedConfig, 'stop', 'joint_states_topic')
def _a_stop_holds_what_is_measured(own: Own, stop: str, states: str) -> None:
    if not states and stop == 'hold':
        own.wrong('joint_states_topic', 'nothing', 'the topic that shows the positions which a '
                  f'stop holds, because {own.stop} is {stop!r}')
    if not states and stop == 'last':
        own.warn(f"{own.stop} is 'last' without {own.joint_states_topic}: until a process has "
                 'sent its first command, its stops send nothing, because no position is known')


@rule(PositionNumberTable, 'stop', 'stop_number', *NUMBER)
def _a_stop_number_fits(own: Own, stop: str, number: float, scale: float, offset: float,
                        low: float, high: float) -> None:
    if number == UNSET or _is_bool(own):
        return
    if stop == 'number' and low < high and scale != 0.0 and not low <= number <= high:
        own.wrong('stop_number', f'{number:g}',
                  f'a number from {own.minimum} ({low:g}) to {own.maximum} ({high:g})')
    if own.value_of('driver') == 'float' and (
            wanted := beyond_message(number, own.value_of('message'), own.message)):
        own.wrong('stop_number', f'{number:g}', wanted)


@rule(PositionedConfig, 'api')
def _a_bool_is_for_grippers(own: Own, api: str) -> None:
    table: Any = own.block.table
    if _is_bool(own) and not table.TAKES_BOOL:
        own.wrong('message', "'bool'", f'a number, because {own.api} is {api!r}: a Bool can only '
                  'open or close a gripper')


@rule(ScaledTable, 'scale')
def _setpoints_differ_as_numbers(own: Own, scale: float) -> None:
    if scale == 0.0:
        own.wrong('scale', '0', 'another number, or every setpoint would be the same')


def check_numbers(own: Own, number: Sequence[float], near: float,
                  ends: Iterable[tuple[str, float, float]]) -> None:
    """
    Check that no accepted position has a number that would be cut.

    number: the values of NUMBER. near: the tolerance of a goal. ends: of each end of the accepted
    range, the parameter, its value, and the position (rad or m).
    """
    scale, offset, low, high = number
    if low >= high or scale == 0.0 or _is_bool(own):
        return
    # A goal that is cut by less than the tolerance is reached: scales are rounded numbers.
    cut = EXACT + abs(scale) * near
    for short, shown, position in ends:
        found = offset + scale * position
        if not low - cut <= found <= high + cut:
            own.wrong(short, f'{shown:g}, which is the number {found:g}',
                      f'a number from {own.minimum} ({low:g}) to {own.maximum} ({high:g})')


def _is_bool(own: Own) -> bool:
    return (own.value_of('driver'), own.value_of('message')) == ('float', 'bool')


@rule(JointScaleTable, 'joint_scale')
def _motion_is_measured(own: Own, scale: float) -> None:
    if scale == 0.0:
        own.wrong('joint_scale', '0', 'another number, or no motion would be measured')
