# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of arms, gantries, grippers, servos, and of motors with efforts."""

from collections.abc import Mapping
import math
from typing import Any

import pytest

from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.gantry import GantryConfig
from viam_session_bridge.parameters.gripper import GripperConfig
from viam_session_bridge.parameters.joints import PositionedConfig
from viam_session_bridge.parameters.load import APIS, judge
from viam_session_bridge.parameters.schema import foreign, table_entries
from viam_session_bridge.parameters.servo import ServoConfig
from viam_session_bridge.ros.parameters import descriptor

AROUND = GraphNames(
    '/bridge', '/', lambda topic: f'/{topic.lstrip("/")}',
    lambda service: f'/{service.lstrip("/")}')

ARM: dict[str, Any] = {
    'arm.api': 'arm', 'arm.driver': 'joint_trajectory', 'arm.topic': 'arm/trajectory',
    'arm.joints': ['shoulder', 'elbow'], 'arm.joint_states_topic': 'joint_states',
    'arm.accept_no_timeout': True, 'arm.max_joint_speed': 1.0}
GANTRY: dict[str, Any] = {
    'gantry.api': 'gantry', 'gantry.driver': 'float_array', 'gantry.topic': 'group',
    'gantry.joints': ['x', 'y'], 'gantry.joint_states_topic': 'joint_states',
    'gantry.stop': 'hold', 'gantry.lengths_m': [1.0, 0.5], 'gantry.max_speed': 0.1}
GRIPPER: dict[str, Any] = {
    'hand.api': 'gripper', 'hand.driver': 'float', 'hand.topic': 'hand',
    'hand.joints': ['finger'], 'hand.stop': 'last', 'hand.open_position': 1.0,
    'hand.closed_position': 0.0, 'hand.max_speed': 1.0, 'hand.tolerance': 0.05,
    'hand.rest_speed': 0.02}
SERVO: dict[str, Any] = {
    'pan.api': 'servo', 'pan.driver': 'float', 'pan.topic': 'pan', 'pan.stop': 'number',
    'pan.stop_number': 1500.0, 'pan.max_speed_deg_s': 60.0}
MOTOR: dict[str, Any] = {
    'lift.api': 'motor', 'lift.driver': 'float', 'lift.topic': 'lift', 'lift.command': 'effort',
    'lift.stop': 'hold', 'lift.neutral': 12.0, 'lift.scale': 40.0, 'lift.max_speed': 1.0,
    'lift.accept_no_timeout': True}
ALL = {'arm': ARM, 'gantry': GANTRY, 'hand': GRIPPER, 'pan': SERVO, 'lift': MOTOR}


def found(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of one resource, changed (None takes a value away)."""
    values = {'resources': [name], **ALL[name], **changes}
    return {each: value for each, value in values.items() if value is not None}


def config(name: str, **changes: Any) -> Any:
    """Return the configuration of one resource that must be in order."""
    verdict = judge(found(name, {f'{name}.{each}': value for each, value in changes.items()}),
                    AROUND)
    assert verdict.config is not None, verdict.errors
    return verdict.config.resources[0]


def errors(name: str, **changes: Any) -> list[str]:
    """Return the mistakes in one resource."""
    return judge(found(name, {f'{name}.{each}': value for each, value in changes.items()}),
                 AROUND).errors


def test_all_of_them_beside_each_other() -> None:
    """Each with its table."""
    verdict = judge({'resources': list(ALL), **{
        name: value for values in ALL.values() for name, value in values.items()}}, AROUND)
    assert verdict.config is not None, verdict.errors
    arm, gantry, hand, pan, _ = verdict.config.resources
    assert isinstance(arm, ArmConfig) and arm.names == ('shoulder', 'elbow') and not arm.leads
    assert isinstance(gantry, GantryConfig) and gantry.leads and gantry.pace.near == 0.002
    assert isinstance(hand, GripperConfig) and hand.pace.fastest == 1.0 and not hand.feedback_topic
    assert isinstance(pan, ServoConfig) and pan.pace.fastest == pytest.approx(1.0472, abs=1e-4)


@pytest.mark.parametrize(('name', 'changes'), [
    ('arm', {'driver': 'joint_state', 'stop': 'hold'}),
    ('hand', {'driver': 'joint_state', 'stop': 'last'}),
    ('pan', {'driver': 'joint_state', 'stop': 'last', 'stop_number': None, 'joint': 'pan'}),
    ('arm', {'driver': 'float_array', 'stop': 'hold'}),
    ('arm', {'joint_minimums': [-1.0, -2.0], 'joint_maximums': [1.0, 2.0]}),
    ('arm', {'continuous_joints': ['elbow'], 'prismatic_joints': ['shoulder']}),
    ('arm', {'pose_goal_topic': 'goal', 'pose_topic': 'pose'}),
    ('gantry', {'home_m': [1.0, 0.0], 'offsets_m': [-0.5, 0.0]}),
    ('hand', {'driver': 'joint_trajectory', 'stop': None, 'joint_states_topic': 'joint_states',
              'accept_no_timeout': True}),
    ('pan', {'stop': 'hold', 'stop_number': None, 'joint_states_topic': 's', 'joint': 'pan'}),
    ('pan', {'message': 'int16'}),
    ('lift', {'stop': 'zero', 'neutral': 0.0}),
    ('lift', {'command': 'power', 'stop': None}),
    ('lift', {'driver': 'joint_state', 'command': None, 'stop': None, 'neutral': None,
              'scale': None, 'joint': 'lift'})])
def test_what_is_possible(name: str, changes: dict[str, Any]) -> None:
    """Other drivers, other stops."""
    assert config(name, **changes).name == name


@pytest.mark.parametrize(('name', 'changes', 'parameter', 'says'), [
    ('arm', {'joint_states_topic': None}, 'arm.joint_states_topic', ['nothing']),
    ('arm', {'joints': []}, 'arm.joints', ['name of each joint']),
    ('arm', {'joints': ['a', 'a']}, 'arm.joints', ['each joint once']),
    ('arm', {'driver': 'float'}, 'arm.driver', ["'joint_trajectory' or 'joint_state'"]),
    ('arm', {'driver': 'joint_state'}, 'arm.stop', ['nothing', "'hold',"]),
    ('arm', {'driver': 'float_array', 'stop': 'number'}, 'arm.stop',
     ["'number'", "'hold'", "arm.api 'arm'"]),
    ('arm', {'stop': 'hold'}, 'arm.stop', ["driver 'joint_trajectory' does not have"]),
    ('arm', {'hold_time': 0.6}, 'arm.hold_time', ['0.6', 'from 0.1 to 0.5 s']),
    ('arm', {'joint_minimums': [-1.0, -2.0]}, 'arm.joint_maximums',
     ['nothing', 'arm.joint_minimums']),
    ('arm', {'joint_minimums': [-1.0], 'joint_maximums': [1.0, 2.0]}, 'arm.joint_minimums',
     ['1 numbers', '2, one for each of arm.joints']),
    ('arm', {'joint_minimums': [-1.0, 2.0], 'joint_maximums': [1.0, 2.0]}, 'arm.joint_minimums',
     ['2 for elbow', 'less than', '(2)']),
    ('arm', {'continuous_joints': ['wrist']}, 'arm.continuous_joints',
     ["'wrist'", 'shoulder, elbow']),
    ('arm', {'pose_goal_topic': 'goal'}, 'arm.pose_topic', ['nothing', 'arm.pose_goal_topic']),
    ('arm', {'accept_no_timeout': None}, 'arm.receiver_timeout',
     ['nothing', 'without a command timeout']),
    ('gantry', {'lengths_m': [1.0]}, 'gantry.lengths_m', ['1 numbers', '2']),
    ('gantry', {'lengths_m': []}, 'gantry.lengths_m', ['[]', 'numbers above 0']),
    ('gantry', {'home_m': [0.0, 0.6]}, 'gantry.home_m', ['0.6 for y', '(0.5)']),
    ('gantry', {'driver': 'float'}, 'gantry.joints', ['2 joints', 'one']),
    ('gantry', {'minimum': 2.0, 'maximum': 1.0}, 'gantry.minimum', ['2', 'gantry.maximum']),
    ('hand', {'stop': None}, 'hand.stop', ['nothing', "'hold' or 'last',"]),
    ('hand', {'stop': 'number', 'stop_number': 0.0}, 'hand.stop', [
        "'number'", "'hold' or 'last',", "hand.api 'gripper'"]),
    *((name, {'driver': 'joint_state', 'stop': 'zero', 'stop_number': None, 'joint': joint},
       f'{name}.stop', ["'zero'", 'must name positions', "use 'hold', or 'last'"])
      for name, joint in (('arm', None), ('gantry', None), ('hand', None), ('pan', 'pan'))),
    ('pan', {'driver': 'joint_state', 'stop': 'hold', 'stop_number': None, 'joint': 'pan'},
     'pan.joint_states_topic', ['nothing', "pan.stop is 'hold'"]),
    ('arm', {'driver': 'joint_state', 'stop': 'last'}, 'arm.stop', ["'last'", "'hold',"]),
    ('gantry', {'driver': 'joint_state', 'stop': 'last'}, 'gantry.stop', ["'last'", "'hold',"]),
    ('hand', {'stop': 'hold'}, 'hand.joint_states_topic', ['nothing', "hand.stop is 'hold'"]),
    ('pan', {'stop_number': None}, 'pan.stop_number', ['nothing', "pan.stop is 'number'"]),
    ('hand', {'message': 'bool', 'stop': 'hold', 'joint_states_topic': 'states'}, 'hand.stop',
     ["'hold'", "'last',", "hand.message 'bool'"]),
    ('hand', {'message': 'bool', 'closed_position': 0.5}, 'hand.closed_position',
     ['0.5, and 1 for hand.open_position', '0 and 1', 'hand.scale']),
    ('hand', {'message': 'bool', 'scale': 2.0}, 'hand.closed_position', ['0, and 2 for']),
    ('hand', {'message': 'bool', 'maximum': 0.5}, 'hand.closed_position', ['0, and 0.5 for']),
    ('gantry', {'driver': 'float', 'joints': ['x'], 'lengths_m': [1.0], 'message': 'bool'},
     'gantry.message', ["'bool'", "gantry.api is 'gantry'"]),
    ('pan', {'message': 'bool'}, 'pan.message', ["'bool'", "pan.api is 'servo'"]),
    ('hand', {'closed_position': 0.95}, 'hand.closed_position', ['0.95', 'hand.tolerance']),
    ('hand', {'driver': 'joint_trajectory', 'stop': None, 'accept_no_timeout': True},
     'hand.joint_states_topic', ['nothing', 'which a stop holds']),
    ('pan', {'message': 'int16', 'stop_number': 40000.0}, 'pan.stop_number',
     ['40000', 'from -32768 to 32767']),
    ('pan', {'stop_number': 9000.0, 'minimum': -5000.0, 'maximum': 5000.0}, 'pan.stop_number',
     ['9000', 'pan.minimum (-5000)', 'pan.maximum (5000)']),
    ('pan', {'scale': 600.0, 'offset': 1500.0, 'minimum': 1000.0, 'maximum': 4000.0,
             'offset_deg': -90.0}, 'pan.minimum_deg', ['0, which is the number 557.5',
                                                       'pan.minimum (1000)']),
    ('gantry', {'maximum': 0.7, 'lengths_m': [0.5, 1.0]}, 'gantry.lengths_m',
     ['1, which is the number 1', 'gantry.maximum (0.7)']),
    ('gantry', {'minimum': -0.3, 'offsets_m': [-0.4, 0.0]}, 'gantry.offsets_m', ['-0.4']),
    ('arm', {'driver': 'float_array', 'stop': 'hold', 'maximum': 0.5, 'joint_minimums': [0.0, 0.0],
             'joint_maximums': [0.4, 1.0]}, 'arm.joint_maximums', ['1, which is the number 1']),
    ('hand', {'maximum': 0.9}, 'hand.open_position', ['1, which is the number 1']),
    ('pan', {'scale': 0.0}, 'pan.scale', ['0', 'another number']),
    ('pan', {'joint_scale': 0.0}, 'pan.joint_scale', ['0']),
    ('pan', {'minimum_deg': 90.0, 'maximum_deg': 45.0}, 'pan.minimum_deg',
     ['90', 'pan.maximum_deg (45)']),
    ('pan', {'joint_states_topic': 'states'}, 'pan.joint', ['nothing', 'name of the joint']),
    ('pan', {'driver': 'joint_state', 'stop': 'last', 'stop_number': None}, 'pan.joint',
     ['nothing', 'name of the joint']),
    ('lift', {'stop': None}, 'lift.stop', ['nothing', 'a load falls', "'effort'"]),
    ('lift', {'stop': 'zero'}, 'lift.neutral', ['12', 'lift.offset (0)']),
    ('lift', {'neutral': 0.0}, 'lift.neutral', ['0', 'another number than lift.offset']),
    ('lift', {'command': 'power'}, 'lift.stop', ["'hold'", "only with lift.command 'effort'"]),
    ('lift', {'driver': 'joint_state', 'command': None, 'stop': None, 'neutral': None,
              'scale': None}, 'lift.joint', ['nothing'])])
def test_a_mistake_is_reported_once_with_its_parameter(
        name: str, changes: dict[str, Any], parameter: str, says: list[str]) -> None:
    """What was found, and what is accepted."""
    [error] = errors(name, **changes)
    assert error.startswith(f'{parameter}: found '), error
    assert all(each in error for each in says), error


@pytest.mark.parametrize(('name', 'changes', 'ranges', 'named'), [
    ('arm', {}, [(-math.inf, math.inf, 0.02, 'rad')] * 2, ()),
    ('arm', {'joint_minimums': [-1.0, -0.5], 'joint_maximums': [1.0, 0.5],
             'prismatic_joints': ['elbow']},
     [(-1.0, 1.0, 0.02, 'rad'), (-0.5, 0.5, 0.002, 'm')], ('joint_minimums', 'joint_maximums')),
    ('arm', {'driver': 'float_array', 'stop': 'hold', 'joint_minimums': [-1.0, -2.0],
             'joint_maximums': [1.0, 2.0], 'scale': -2.0, 'minimum': -5.0, 'maximum': 4.0},
     [(-1.0, 1.0, 0.02, 'rad'), (-2.0, 2.0, 0.02, 'rad')],
     ('joint_minimums', 'joint_maximums', 'minimum', 'maximum')),
    ('arm', {'driver': 'float_array', 'stop': 'hold', 'scale': -2.0, 'offset': 1.0,
             'minimum': -5.0, 'maximum': 4.0},
     [(-1.5, 3.0, 0.02, 'rad')] * 2, ('minimum', 'maximum')),
    ('gantry', {}, [(0.0, 1.0, 0.002, 'm'), (0.0, 0.5, 0.002, 'm')], ('lengths_m',)),
    ('gantry', {'offsets_m': [-0.5, 0.1]}, [(-0.5, 0.5, 0.002, 'm'), (0.1, 0.6, 0.002, 'm')],
     ('offsets_m', 'lengths_m')),
    ('hand', {}, [(0.0, 1.0, 0.05, 'rad')], ('open_position', 'closed_position')),
    ('hand', {'message': 'bool', 'minimum': 0.0, 'maximum': 1.0, 'open_position': 0.04,
              'closed_position': 0.0, 'scale': 25.0, 'tolerance': 0.01, 'prismatic': True},
     [(0.0, 0.04, 0.01, 'm')], ('open_position', 'closed_position')),
    ('pan', {'minimum_deg': 45.0, 'maximum_deg': 90.0, 'offset_deg': -45.0},
     [(0.0, math.radians(45.0), math.radians(1.0), 'rad')],
     ('minimum_deg', 'maximum_deg', 'offset_deg'))])
def test_the_parameters_define_the_range_of_a_joint(
        name: str, changes: dict[str, Any], ranges: list[tuple[Any, ...]],
        named: tuple[str, ...]) -> None:
    """Limits of the component and of the number, with the tolerance, and their parameters."""
    found = config(name, **changes).ranges
    assert [each[:3] for each in found] == [pytest.approx(each[:3]) for each in ranges]
    assert [each.unit for each in found] == [each[3] for each in ranges]
    assert {each.parameters for each in found} == {tuple(f'{name}.{one}' for one in named)}


def test_a_stop_that_may_have_nothing_to_send_is_warned_of() -> None:
    """Blind, and nothing was commanded yet: no position is known that a stop could name."""
    def warnings(**changes: Any) -> tuple[str, ...]:
        return judge(found('hand', {f'hand.{each}': value for each, value in changes.items()}),
                     AROUND).config.warnings  # type: ignore[union-attr]

    [warning] = [each for each in warnings() if 'hand.stop' in each]
    assert "'last'" in warning and 'hand.joint_states_topic' in warning
    assert 'send nothing' in warning
    assert not [each for each in warnings(joint_states_topic='states') if 'hand.stop' in each]


def test_an_arm_on_a_rail_is_judged_by_joint() -> None:
    arm = config('arm', prismatic_joints=['elbow'], prismatic_max_speed=0.25)
    assert arm.paces == ((1.0, 0.02, 0.02), (0.25, 0.002, 0.002))
    assert config('arm').paces == ((1.0, 0.02, 0.02),) * 2


@pytest.mark.parametrize('changes', [
    {}, {'open_position': 0.0, 'closed_position': 1.0},
    {'open_position': 0.04, 'closed_position': 0.01, 'scale': 1.0 / 0.03, 'offset': -1.0 / 3.0,
     'tolerance': 0.001}])
def test_a_gripper_with_a_valve_is_open_or_closed(changes: dict[str, Any]) -> None:
    assert config('hand', message='bool', **changes).message == 'bool'


def test_a_gripper_shares_no_array() -> None:
    """A process that never commanded it (a guard) cannot repeat its grip."""
    hand = {**GRIPPER, 'hand.driver': 'float_array', 'hand.topic': 'group', 'hand.stop': 'hold',
            'hand.joint_states_topic': 'joint_states'}
    assert judge({**hand, 'resources': ['hand']}, AROUND).config is not None
    [error] = judge({**GANTRY, **hand, 'resources': ['gantry', 'hand'], 'hand.index': 2},
                    AROUND).errors
    assert error.startswith("hand.topic: found 'group'") and 'gantry.topic' in error


def test_an_array_has_a_place_for_each_joint() -> None:
    """Several resources, several joints each, without gap and overlap, and of one kind."""
    def together(first: int, second: int) -> list[str]:
        values = found('gantry', {'resources': ['gantry', 'second'], **{
            name.replace('gantry', 'second'): value for name, value in GANTRY.items()}})
        return judge({**values, 'gantry.index': first, 'second.index': second}, AROUND).errors

    assert together(0, 2) == together(2, 0) == []
    [error] = together(1, 2)
    assert error.startswith('second.index: found 2, like gantry.index')
    [error] = together(3, 0)
    assert error.startswith('gantry.index: found 3; accepted: at most 2')
    mixed = {**GANTRY, 'resources': ['gantry', 'motor'], 'motor.api': 'motor',
             'motor.driver': 'float_array', 'motor.topic': 'group', 'motor.command': 'velocity',
             'motor.neutral': 0.0, 'motor.max_speed': 1.0, 'motor.index': 2,
             'motor.accept_no_timeout': True}
    [error] = judge(mixed, AROUND).errors
    assert error.startswith("gantry.topic: found '/group' with positions, where motor.command")


def test_a_pose_goal_is_an_output_like_any_other() -> None:
    """Nobody else may publish there."""
    [error] = errors('arm', pose_goal_topic='arm/trajectory', pose_topic='pose')
    assert error.startswith('arm.pose_goal_topic: found') and 'like arm.topic' in error


def test_led_joints_need_no_receiver_timeout() -> None:
    """They keep their position when the bridge fails; a trajectory continues to its end."""
    for api, table in APIS.items():
        if issubclass(table, PositionedConfig):
            for driver, its_table in table.DRIVERS.items():
                assert its_table.LEADS == (driver != 'joint_trajectory'), (api, driver)


@pytest.mark.parametrize('rate', [None, 50.0])
def test_led_joints_are_led_at_the_same_rate_whatever_the_receivers_timeout(
        rate: float | None) -> None:
    """Their steps are no repetitions; nor does a timeout that is not set deserve a hint."""
    for name in ('gantry', 'hand', 'pan'):
        one = config(name, receiver_timeout=0.0, command_rate=rate)
        assert one.repeat_rate == one.control_rate == (rate or 20.0)
        unset = judge(found(name, {}), AROUND)
        assert unset.config is not None
        assert not any('receiver_timeout' in each for each in unset.config.warnings)
    assert config('arm', receiver_timeout=0.0).repeat_rate == 1.0, 'a trajectory is sent once'


def test_every_parameter_is_described() -> None:
    """With its unit and range, and for drivers that have it only."""
    for table in (ArmConfig, GantryConfig, GripperConfig, ServoConfig):
        for entry in table_entries(table):
            shown = descriptor(entry)
            assert shown.description and shown.additional_constraints, entry.name
    assert 'hold_time' in foreign(ArmConfig, 'joint_state')
    assert 'stop' in foreign(ArmConfig, 'joint_trajectory')
