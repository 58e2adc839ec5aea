# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Lists of blocks in the parameters: stop outputs and commands, and what a mistake is answered."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import Filling, judge, unknown_names
from viam_session_bridge.parameters.outputs import (
    CancelOutput,
    CommandConfig,
    LockOutput,
    SetBoolOutput,
)
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import Block, BlockConfig, described
from viam_session_bridge.ros.parameters import NAME_PROBLEMS, NODE_NAME, read

BASE: dict[str, Any] = {
    'resources': ['base'],
    'base.driver': 'twist',
    'base.topic': 'cmd_vel',
    'base.receiver_timeout': 0.5,
    'base.stop_outputs': ['nav', 'lock', 'power'],
    'base.nav.kind': 'cancel',
    'base.nav.action': 'navigate_to_pose',
    'base.nav.goals': 'all',
    'base.lock.kind': 'lock',
    'base.lock.topic': 'e_lock',
    'base.lock.value': True,
    'base.lock.release': False,
    'base.power.kind': 'set_bool',
    'base.power.service': 'motor_power',
    'base.power.value': False,
    'base.power.release': True,
    'base.commands': ['dock'],
    'base.dock.kind': 'trigger',
    'base.dock.service': 'dock',
    'base.dock.moves': True,
}

AROUND = GraphNames('/viam_session_bridge', '/', '/{}'.format, '/{}'.format, NAME_PROBLEMS)


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**BASE, **changes}.items() if value is not None}


def resource(**changes: Any) -> ActuatedConfig:
    verdict = judge(changed(changes), AROUND)
    assert verdict.config is not None, verdict.errors
    (one,) = verdict.config.actuated
    return one


def errors(changes: dict[str, Any]) -> list[str]:
    return judge(changed(changes), AROUND).errors


def test_blocks_become_instances_of_their_kind_in_the_order_of_the_list() -> None:
    """A value that is not given has the default of the table."""
    base = resource()
    assert base.stop_outputs == (
        CancelOutput(name='nav', kind='cancel', action='navigate_to_pose', goals='all'),
        LockOutput(name='lock', kind='lock', topic='e_lock', value=True, release=False),
        SetBoolOutput(name='power', kind='set_bool', service='motor_power', value=False,
                      release=True))
    assert base.commands == (
        CommandConfig(name='dock', kind='trigger', service='dock', moves=True),)
    assert base.acknowledged and base.ready_timeout == 1.5


def test_what_a_resource_must_wait_for_follows_from_its_outputs() -> None:
    """A lock is a message: it has no answer; a cancel leaves nothing to release."""
    lock = resource(**{'base.stop_outputs': ['lock']} | without('nav', 'power'))
    assert lock.ready_timeout == 0.5 and not lock.acknowledged
    nav = resource(**{'base.stop_outputs': ['nav']} | without('lock', 'power'))
    assert nav.acknowledged and nav.ready_timeout is None
    plain = resource(**{'base.stop_outputs': None} | without('nav', 'lock', 'power'))
    assert not plain.acknowledged and plain.ready_timeout is None


def without(*blocks: str) -> dict[str, None]:
    return {name: None for name in BASE if name.split('.')[1:2] and name.split('.')[1] in blocks}


def test_the_node_declares_and_describes_what_blocks_hold() -> None:
    """`ros2 param describe` explains them as all others, the foreign ones are not there."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = Node(
        NODE_NAME, context=context, automatically_declare_parameters_from_overrides=True,
        parameter_overrides=[Parameter(name, value=value) for name, value in BASE.items()])
    try:
        assert read(node).resources[0].stop_outputs == resource().stop_outputs
        assert node.get_parameter('base.stop_outputs').value == ['nav', 'lock', 'power']
        assert node.describe_parameter('base.nav.action').description
        assert node.get_parameter('base.nav.call_timeout').value == 1.0
        assert not node.has_parameter('base.nav.service')
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


@pytest.mark.parametrize(('changes', 'name', 'says'), [
    ({'base.nav.kind': None}, 'base.nav.kind', ['nothing', "'cancel'", "'lock'"]),
    ({'base.nav.kind': 'cancle'}, 'base.nav.kind', ["'cancle'", "'cancel'"]),
    ({'base.nav.action': None}, 'base.nav.action', ['nothing', 'a ROS action name']),
    ({'base.nav.action': 'go there'}, 'base.nav.action', ['a ROS action name']),
    ({'base.nav.goals': None}, 'base.nav.goals', ['nothing', "'all'"]),
    ({'base.nav.goals': 'mine'}, 'base.nav.goals', ["'mine'", "'own' or 'all'"]),
    ({'base.nav.service': 'x'}, 'base.nav.service', [
        "kind 'cancel' does not have", "base.nav.kind 'trigger' or 'set_bool' or 'empty'"]),
    ({'base.nav.call_timeout': 5.0}, 'base.nav.call_timeout', ['base.stop_timeout (5 s)']),
    ({'base.lock.value': None}, 'base.lock.value', ['nothing', 'true or false']),
    ({'base.lock.release': True}, 'base.lock.release', ['found true', 'accepted: false']),
    ({'base.lock.topic': 'cmd_vel'}, 'base.lock.topic', ['/cmd_vel', 'base.topic']),
    ({'base.power.release': None}, 'base.power.release', ['nothing', 'true or false']),
    ({'base.power.value': 'off'}, 'base.power.value', ["'off' (a string)", 'true or false']),
    ({'base.dock.moves': None}, 'base.dock.moves', ['nothing', 'true or false']),
    ({'base.dock.kind': 'cancel'}, 'base.dock.kind', ["'trigger' or 'set_bool' or 'empty'"]),
    ({'base.stop_outputs': 'nav'}, 'base.stop_outputs', ["'nav' (a string)", 'names']),
    ({'base.stop_outputs': ['nav', 'lock', 'power', 'power']}, 'base.stop_outputs',
     ["'power'", 'each name once']),
    ({'base.stop_outputs': ['nav', 'lock', 'power', 'topic']}, 'base.stop_outputs',
     ["'topic'", 'the other parameters and blocks of base']),
    ({'base.commands': ['dock', 'nav']}, 'base.commands',
     ["'nav'", 'the other parameters and blocks of base']),
    ({'base.stop_outputs': ['nav', 'lock', 'power', 'a/b']}, 'base.stop_outputs', ["'a/b'"])])
def test_a_mistake_is_named_in_full(
        changes: dict[str, Any], name: str, says: list[str]) -> None:
    """A mistake in the list itself may make others of its blocks; it is reported first."""
    found = [each for each in errors(changes) if each.startswith(f'{name}: found ')]
    assert len(found) == 1, errors(changes)
    assert all(each in found[0] for each in says), found[0]
    if 'a/b' not in str(changes):
        assert len(errors(changes)) == 1, errors(changes)


def test_an_unknown_name_of_an_output_comes_with_the_nearest_of_that_output() -> None:
    assert errors({'base.nav.acton': 'x'}) == [
        "unknown parameter 'base.nav.acton'; did you mean 'base.nav.action'?"]


def test_a_block_that_no_list_names_is_one_mistake() -> None:
    """ROS would ignore it, and the robot's stop would lack it."""
    [error] = errors({'base.stop_outputs': ['lock', 'power']})
    assert error.startswith('base.nav.action, base.nav.goals, base.nav.kind: found a block')
    assert 'base.stop_outputs or base.commands' in error
    assert 'the blocks lock, power, dock' in error


@pytest.mark.parametrize(('changes', 'name', 'other'), [
    ({'arm.api': 'base', 'arm.driver': 'twist', 'arm.topic': 'x', 'arm.receiver_timeout': 0.5,
      'arm.stop_outputs': ['nav'], 'arm.nav.kind': 'cancel', 'arm.nav.goals': 'all',
      'arm.nav.action': 'navigate_to_pose'}, 'arm.nav.action', 'base.nav.action'),
    ({'arm.api': 'base', 'arm.driver': 'twist', 'arm.topic': 'x', 'arm.receiver_timeout': 0.5,
      'arm.stop_outputs': ['nav'], 'arm.nav.kind': 'trigger', 'arm.nav.service': 'motor_power'},
     'arm.nav.service', 'base.power.service'),
    ({'arm.api': 'base', 'arm.driver': 'twist', 'arm.topic': 'x', 'arm.receiver_timeout': 0.5,
      'arm.stop_outputs': ['nav'], 'arm.nav.kind': 'lock', 'arm.nav.topic': 'e_lock',
      'arm.nav.value': True, 'arm.nav.release': False}, 'arm.nav.topic', 'base.lock.topic')])
def test_two_resources_may_not_share_an_output(
        changes: dict[str, Any], name: str, other: str) -> None:
    """To stop one would be to stop the other, or to release it."""
    [error] = errors({'resources': ['base', 'arm'], **changes})
    assert error.startswith(f'{name}: found') and other in error


def test_a_command_may_call_what_its_own_stop_calls() -> None:
    """But two stop outputs of one resource do not call one service."""
    assert not errors({'base.dock.service': 'motor_power', 'base.dock.kind': 'set_bool'})
    [error] = errors({'base.dock.service': 'motor_power'})
    assert error.startswith("base.dock.kind: found 'trigger'; accepted: 'set_bool', as in base.p")
    [error] = errors({'base.stop_outputs': ['nav', 'lock', 'power', 'again'],
                      'base.again.kind': 'empty', 'base.again.service': 'motor_power'})
    assert error.startswith('base.again.service') and 'base.power.service' in error


def test_motion_that_only_a_driver_stops_is_suspect() -> None:
    """Zero velocity does not end what a service began."""
    verdict = judge(changed({'base.stop_outputs': None} | without('nav', 'lock', 'power')), AROUND)
    assert verdict.config is not None
    [warning] = verdict.config.warnings
    assert 'base.dock.moves' in warning and 'base.stop_outputs' in warning


# --- The mechanism itself: lists in lists


@dataclass(frozen=True, kw_only=True)
class Inner(BlockConfig):
    """A block of an inner list."""

    size: int = field(metadata=described('Size', low=0, high=9))


@dataclass(frozen=True, kw_only=True)
class Outer(BlockConfig):
    """A block of an outer list."""

    parts: tuple[Inner, ...] = field(default=(), metadata=described('Parts', blocks=Inner))


@dataclass(frozen=True)
class Top:
    """A block that is not in a list."""

    steps: tuple[Outer, ...] = field(default=(), metadata=described('Steps', blocks=Outer))


def filled(found: dict[str, Any]) -> tuple[Block, list[str]]:
    block = Block('top', Top)
    filling = Filling(found)
    filling.fill(block)
    unknown = unknown_names(filling, {'top': block})
    return block, [*filling.errors, *unknown]


def test_lists_may_be_nested() -> None:
    """A table without kinds has no 'kind'."""
    block, problems = filled({
        'top.steps': ['a', 'b'], 'top.a.parts': ['x'], 'top.a.x.size': 3})
    assert not problems
    assert block.built() == Top((Outer(name='a', parts=(Inner(name='x', size=3),)),
                                 Outer(name='b')))


def test_a_stray_in_the_depth_is_found() -> None:
    """With the list that lacks it."""
    _, problems = filled({'top.steps': ['a'], 'top.a.x.size': 3})
    [problem] = problems
    assert problem.startswith('top.a.x.size: found') and 'top.a.parts' in problem
