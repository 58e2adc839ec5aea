# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the bridge: content of a file, errors for mistakes, changes at run time."""

from collections.abc import Callable, Iterator
import dataclasses
import math
from pathlib import Path
import re
from typing import Any

import pytest
from rcl_interfaces.msg import ParameterDescriptor, ParameterType
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.document import document
from viam_session_bridge.parameters.feedback import VelocityFeedbackTable
from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.parameters.resources import ActuatedConfig, ResourceConfig
from viam_session_bridge.parameters.rules import check_rules
from viam_session_bridge.parameters.schema import Block, SafeChange, table_entries
from viam_session_bridge.parameters.shared import BridgeConfig, GLOBAL_BLOCKS, GrpcConfig
from viam_session_bridge.ros.parameters import (
    ConfigurationError,
    explain_startup_error,
    NODE_NAME,
    read,
    watch,
)

ROOT = Path(__file__).resolve().parents[2]

# The smallest complete configuration.
BASE: dict[str, Any] = {
    'resources': ['base'],
    'base.driver': 'twist',
    'base.topic': 'cmd_vel',
    'base.receiver_timeout': 0.5,
}

MakeNode = Callable[..., Node]


@pytest.fixture
def make_node() -> Iterator[MakeNode]:
    """Make bridge nodes in a context of this test's own."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    nodes: list[Node] = []

    def make(values: dict[str, Any] | None = None, **options: Any) -> Node:
        overrides = [Parameter(name, value=value) for name, value in (values or {}).items()]
        node = Node(
            NODE_NAME, context=context, parameter_overrides=overrides,
            automatically_declare_parameters_from_overrides=True, **options)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def errors_of(make_node: MakeNode) -> Callable[..., list[str]]:
    """Return the mistakes found in BASE with the given changes (None takes a value away)."""
    def errors_of(changes: dict[str, Any], **options: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            read(make_node(_changed(changes), **options))
        return raised.value.errors

    return errors_of


def _changed(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**BASE, **changes}.items() if value is not None}


def _file(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / 'bridge.yaml'
    path.write_text(text, encoding='utf-8')
    return ['--ros-args', '--params-file', str(path)]


def _startup_error(argv: list[str]) -> str:
    """Start a node with `argv`, which must fail; return the explanation."""
    context = rclpy.Context()
    try:
        rclpy.init(args=argv, context=context)
        node = Node(
            NODE_NAME, context=context, automatically_declare_parameters_from_overrides=True)
        node.destroy_node()
    except Exception as error:
        return explain_startup_error(error, argv)
    finally:
        rclpy.try_shutdown(context=context)
    pytest.fail('the node started')


# --- What is read


def test_a_minimal_file_gives_the_documented_defaults(make_node: MakeNode) -> None:
    """A value that is not given has the default of the table."""
    config = read(make_node(BASE))
    assert config == BridgeConfig(resources=(
        BaseConfig(name='base', driver='twist', topic='cmd_vel', receiver_timeout=0.5),))
    base = config.resources[0]
    assert (config.grpc.host, config.grpc.port) == ('127.0.0.1', 8080)
    assert (base.max_linear_speed, base.control_rate, base.stop_hold) == (0.3, 20.0, 1.0)


def test_an_integer_is_accepted_for_a_number(make_node: MakeNode) -> None:
    """YAML calls 1 an integer; the node then has the parameter as a double."""
    node = make_node({**BASE, 'base.max_linear_speed': 1, 'base.size_meters': [1, 2, 3]})
    base = read(node).resources[0]
    assert base.max_linear_speed == 1.0 and isinstance(base.max_linear_speed, float)
    assert base.size_meters == (1.0, 2.0, 3.0)
    assert node.get_parameter('base.max_linear_speed').type_ == Parameter.Type.DOUBLE
    assert node.get_parameter('base.size_meters').type_ == Parameter.Type.DOUBLE_ARRAY


def test_the_file_and_the_command_line_reach_the_configuration(
        make_node: MakeNode, tmp_path: Path) -> None:
    """The same path that `ros2 run` takes; numbers in arrays come as another type from there."""
    arguments = _file(tmp_path, f"""\
{NODE_NAME}:
  ros__parameters:
    resources: [left, right]
    left: {{driver: twist, topic: left/cmd_vel, receiver_timeout: 1}}
    right: {{driver: twist_stamped, topic: right/cmd_vel, stamp: now, size_meters: [1.0, 2.0, 3.0],
            receiver_timeout: 0.25}}
""")
    node = make_node(cli_args=[*arguments, '-p', 'grpc.port:=0', '-p', 'right.holonomic:=true'])
    config = read(node)
    assert config.grpc.port == 0
    assert [(each.name, each.driver, each.topic) for each in config.resources] == [
        ('left', 'twist', 'left/cmd_vel'), ('right', 'twist_stamped', 'right/cmd_vel')]
    assert config.resources[0].receiver_timeout == 1.0
    right = config.resources[1]
    assert (right.stamp, right.size_meters, right.holonomic) == ('now', (1.0, 2.0, 3.0), True)


def test_the_standard_ros_parameters_are_tolerated(make_node: MakeNode) -> None:
    """They belong to rclpy, which has its own place for them."""
    read(make_node({
        **BASE, 'use_sim_time': True, 'start_type_description_service': True,
        'qos_overrides./base/odom.subscription.depth': 3}))


# What is neither in BASE nor in MOTOR, and has no default.
UNSET = ('base.command_rate', 'motor.command_rate')


def test_every_parameter_is_declared_and_described(make_node: MakeNode) -> None:
    """`ros2 param describe` shows meaning, unit and range, and `ros2 param get` a value."""
    node = make_node({**MOTOR, **BASE, 'resources': ['base', 'motor']})
    read(node)
    blocks = [*GLOBAL_BLOCKS.items(), ('base', APIS['base']), ('motor', APIS['motor'])]
    for block, table in blocks:
        for entry in table_entries(table):
            name = f'{block}.{entry.name}'
            if name in ('base.frame_id', 'base.stamp', 'motor.index'):
                assert not node.has_parameter(name), 'belongs to another driver'
                continue
            described = node.describe_parameter(name)
            assert described.description and described.additional_constraints, name
            assert described.read_only is not entry.spec.mutable, name
            assert described.dynamic_typing is (name in UNSET), name
            if name in UNSET:
                assert node.get_parameter(name).type_ is Parameter.Type.NOT_SET
                assert described.floating_point_range, name
                assert 'or no such line (20 Hz' in described.additional_constraints
                continue
            assert described.type == node.get_parameter(name).type_.value, name
            has_range = bool(described.floating_point_range) or bool(described.integer_range)
            is_number = described.type in (
                ParameterType.PARAMETER_DOUBLE, ParameterType.PARAMETER_INTEGER)
            assert has_range == is_number, name
    speed: ParameterDescriptor = node.describe_parameter('base.max_linear_speed')
    assert '[m/s]' in speed.description
    assert speed.floating_point_range[0].to_value == 20.0
    assert 'above 0' in speed.additional_constraints


def test_an_empty_list_is_declared_with_its_type(make_node: MakeNode) -> None:
    """An empty list by itself is a list of bytes to rclpy."""
    node = make_node({**BASE, 'base.size_meters': []})
    (base,) = read(node).resources
    assert isinstance(base, BaseConfig) and base.size_meters == ()
    assert node.get_parameter('base.size_meters').type_ == Parameter.Type.DOUBLE_ARRAY
    assert list(node.get_parameter('base.size_meters').value) == []
    assert node.describe_parameter('base.size_meters').read_only


# --- What is refused


def test_all_mistakes_are_reported_at_once(errors_of: Callable[..., list[str]]) -> None:
    """One start shows them all, each with its full name."""
    errors = errors_of({
        'base.topic': None, 'base.max_linear_speed': -1.0, 'base.stamp': 'later',
        'base.driver': 'twist_stamped', 'grpc.port': 'http',
        'sessions.unsupervised': 'maybe'})
    names = sorted(each.split(':')[0] for each in errors)
    assert names == sorted([
        'base.topic', 'base.max_linear_speed', 'base.stamp', 'grpc.port',
        'sessions.unsupervised'])
    assert all('found' in each and 'accepted' in each for each in errors)


def test_a_refused_configuration_leaves_the_node_as_it_was(make_node: MakeNode) -> None:
    """Nothing is declared of a configuration that does not hold."""
    node = make_node({**BASE, 'base.topik': 'x'})
    before = set(node.get_parameters_by_prefix(''))
    with pytest.raises(ConfigurationError):
        read(node)
    assert set(node.get_parameters_by_prefix('')) == before


@pytest.mark.parametrize(('name', 'value', 'says'), [
    ('grpc.port', 65536, ['65536', '0 to 65535']),
    ('grpc.port', -1, ['-1', '0 to 65535']),
    ('grpc.port', 8080.0, ['8080.0', 'an integer']),
    ('grpc.port', True, ['true', 'an integer']),
    ('grpc.host', '', ["''", 'an IP address or a host name']),
    ('grpc.host', 'http://localhost', ['an IP address or a host name']),
    ('grpc.tls_certificate_file', 'server.pem', ["'server.pem'", 'an absolute path', '~/']),
    ('grpc.tls_key_file', '/etc/bridge/', ["'/etc/bridge/'", 'a file']),
    ('grpc.allow_anonymous', 'yes', ["'yes'", 'true or false']),
    ('grpc.allow_anonymous', 1, ['1', 'true or false']),
    ('sessions.heartbeat_window', float('nan'), ['nan', '0.03 to 60 s']),
    ('sessions.heartbeat_window', float('inf'), ['inf', '0.03 to 60 s']),
    ('sessions.heartbeat_window', 0.029, ['0.029', '0.03 to 60 s']),
    ('sessions.heartbeat_window', '2', ["'2' (a string)", 'a number']),
    ('sessions.max_sessions', 0, ['1 to 100000']),
    ('sessions.network_timeout', 1.4, ['1.5 to 60 s']),
    ('guard.patience', 0.05, ['0.1 to 5 s']),
    ('base.max_linear_speed', 0.0, ['above 0, up to 20 m/s']),
    ('base.max_angular_speed', 20.001, ['20.001', 'above 0, up to 20 rad/s']),
    ('base.max_angular_speed', True, ['true', 'a number']),
    ('base.topic', '', ["''", 'a ROS topic name']),
    ('base.topic', 'cmd vel', ['must not contain characters', 'a ROS topic name']),
    ('base.topic', '{nobody}/cmd_vel', ['unknown substitution', 'a ROS topic name']),
    ('base.topic', 'robot//cmd_vel', ['a ROS topic name']),
    ('base.topic', 7, ['7 (an integer)', 'a ROS topic name']),
    ('base.driver', 'twits', ["'twits'", "'twist' or 'twist_stamped'"]),
    ('base.driver_node', 'controller', ['a full node name']),
    ('base.driver_node', '/', ['a full node name']),
    ('base.api', 'bass', ["'bass'", "'base'"]),
    ('base.odometry_topic', 'od om', ['a ROS topic name to read', 'not verified']),
    ('base.size_meters', [1.0, 2.0], ['[1.0, 2.0]', '3 numbers']),
    ('base.size_meters', [1.0, 2.0, 0.0], ['above 0']),
    ('base.size_meters', [1.0, 2.0, float('nan')], ['nan', '3 numbers']),
    ('base.size_meters', 1.0, ['1.0', '3 numbers']),
    ('base.holonomic', 0, ['true or false']),
    ('use_sim_time', 'yes', ["'yes'", 'true or false']),
])
def test_a_wrong_value_is_answered_with_name_found_and_accepted(
        errors_of: Callable[..., list[str]], name: str, value: Any, says: list[str]) -> None:
    """Each mistake alone gives exactly one sentence."""
    errors = errors_of({name: value})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f'{name}: found ')
    assert all(each in errors[0] for each in says), errors[0]
    assert '\n' not in errors[0]


@pytest.mark.parametrize('missing', ['base.driver', 'base.topic'])
def test_what_has_no_default_must_be_given(
        errors_of: Callable[..., list[str]], missing: str) -> None:
    """A topic is never guessed."""
    errors = errors_of({missing: None})
    assert len(errors) == 1
    assert errors[0].startswith(f'{missing}: found nothing')


@pytest.mark.parametrize(('value', 'namespace', 'node_name'), [
    (None, '', '/viam_session_bridge'),
    (None, 'robot1', '/robot1/viam_session_bridge'),
    ([], 'robot1', '/robot1/viam_session_bridge'),
])
def test_without_resources_the_name_of_the_node_is_suspect(
        make_node: MakeNode, value: Any, namespace: str, node_name: str) -> None:
    """ROS ignores a file whose top-level key does not match the node without any message."""
    with pytest.raises(ConfigurationError) as raised:
        read(make_node({} if value is None else {'resources': value}, namespace=namespace))
    [error] = raised.value.errors
    assert error.startswith('resources: found nothing')
    assert 'top-level key' in error and repr(node_name) in error


@pytest.mark.parametrize('name', [
    '', ' ', 'a b', 'a:b', 'a+b', 'a/b', 'a.b', 'grpc', 'sessions', 'guard', 'resources',
    'qos_overrides', 'use_sim_time'])
def test_some_names_no_resource_can_have(
        errors_of: Callable[..., list[str]], name: str) -> None:
    """Viam's separators, ROS's separators, and the blocks that mean something else."""
    errors = errors_of({'resources': ['base', name]})
    assert any(each.startswith(f'resources: found {name!r}') for each in errors), errors


def test_a_name_twice_is_refused(errors_of: Callable[..., list[str]]) -> None:
    """Names are unique across all APIs."""
    [error] = errors_of({'resources': ['base', 'base']})
    assert error == "resources: found 'base'; accepted: each name once"


@pytest.mark.parametrize('value', ['base', [1, 2], True])
def test_resources_is_a_list_of_names(errors_of: Callable[..., list[str]], value: Any) -> None:
    """A single name without brackets is a common slip."""
    errors = errors_of({'resources': value})
    assert any(each.startswith('resources: found') and 'a list of strings' in each
               for each in errors)


@pytest.mark.parametrize(('name', 'nearest'), [
    ('base.topik', 'base.topic'),
    ('base.max_linear_velocity', 'base.max_linear_speed'),
    ('grpc.prot', 'grpc.port'),
    ('sessions.heartbeat', 'sessions.heartbeat_window'),
    ('resource', 'resources'),
])
def test_an_unknown_name_is_answered_with_the_nearest_one(
        errors_of: Callable[..., list[str]], name: str, nearest: str) -> None:
    """ROS would ignore it."""
    assert errors_of({name: 1.0}) == [
        f'unknown parameter {name!r}; did you mean {nearest!r}?']


def test_a_block_that_is_not_listed_is_one_mistake(
        errors_of: Callable[..., list[str]]) -> None:
    """Most likely its name was forgotten in `resources`, or misspelt."""
    [error] = errors_of({'bass.topic': 'x', 'bass.driver': 'twist'})
    assert error.startswith("bass.driver, bass.topic: found a block 'bass' that is not listed")
    assert error.endswith("the nearest is 'base'")


def test_a_parameter_of_another_driver_is_refused(
        errors_of: Callable[..., list[str]]) -> None:
    """A Twist has no stamp; a user who sets one expects something else."""
    [error] = errors_of({'base.stamp': 'now'})
    assert error.startswith('base.stamp: found')
    assert "'twist_stamped'" in error


# --- Values against each other


@pytest.mark.parametrize(('timeout', 'found'), [(0.0, '0'), (None, 'nothing')])
def test_a_receiver_without_timeout_must_be_accepted_in_so_many_words(
        errors_of: Callable[..., list[str]], make_node: MakeNode, timeout: float | None,
        found: str) -> None:
    """Without a guard, nothing stops such a robot when the bridge fails; unknown is no better."""
    [error] = errors_of({'base.receiver_timeout': timeout})
    assert error.startswith(f'base.receiver_timeout: found {found} (')
    assert 'base.accept_no_timeout: true' in error and 'guard.required: true' in error
    config = read(make_node(_changed(
        {'base.receiver_timeout': timeout, 'base.accept_no_timeout': True})))
    [warning] = config.warnings
    assert 'if the bridge itself fails, nothing stops this robot' in warning


@pytest.mark.parametrize('accepted', [None, True])
def test_a_required_guard_is_enough_for_a_receiver_without_timeout(
        make_node: MakeNode, accepted: bool | None) -> None:
    """Nothing moves without the guard, so nothing has to be accepted, nor warned of."""
    config = read(make_node(_changed({
        'base.receiver_timeout': 0.0, 'base.accept_no_timeout': accepted,
        'guard.required': True})))
    assert config.guard.required and config.resources[0].receiver_timeout == 0.0
    assert not config.warnings


@pytest.mark.parametrize('accepted', [None, True])
def test_a_receiver_timeout_that_is_not_set_gives_one_hint(
        make_node: MakeNode, accepted: bool | None) -> None:
    """It names the parameter, what is not known, what happens meanwhile, and what to set."""
    config = read(make_node(_changed({
        'base.receiver_timeout': None, 'base.accept_no_timeout': accepted,
        'guard.required': True})))
    assert config.resources[0].receiver_timeout is None
    [hint] = config.warnings
    for part in ('base.receiver_timeout is not set', 'when commands cease', '20 times per second',
                 'deep queue', 'to 0 if it has none'):
        assert part in hint, hint


@pytest.mark.parametrize(('timeout', 'rate', 'control', 'repeat'), [
    (None, None, 20.0, 20.0), (None, 5.0, 5.0, 5.0), (0.0, None, 20.0, 1.0),
    (0.0, 5.0, 5.0, 5.0), (0.5, None, 20.0, 20.0), (0.1, None, 30.0, 30.0),
    (0.5, 50.0, 50.0, 50.0)])
def test_the_rates_follow_from_command_rate_then_from_the_receivers_timeout(
        make_node: MakeNode, timeout: float | None, rate: float | None, control: float,
        repeat: float) -> None:
    """Of stops and changes, and of a setpoint that does not change."""
    base = read(make_node(_changed({
        'base.receiver_timeout': timeout, 'base.command_rate': rate,
        'guard.required': True}))).resources[0]
    assert (base.control_rate, base.repeat_rate) == pytest.approx((control, repeat))


def test_a_timeout_that_no_rate_suits_is_refused(errors_of: Callable[..., list[str]]) -> None:
    """Where command_rate is not set, it is chosen from what is accepted."""
    [error] = errors_of({'base.receiver_timeout': 0.02})
    assert error.startswith('base.receiver_timeout: found 0.02') and '0.03 s' in error
    assert 'a higher' not in error


@pytest.mark.parametrize(('timeout', 'rate', 'fits'), [
    (0.15, 20.0, True), (0.149, 20.0, False), (0.3, 10.0, True), (0.05, 20.0, False),
    (0.05, 60.0, True), (0.0428571, 70.0, True)])
def test_three_commands_fit_into_the_receivers_timeout(
        make_node: MakeNode, timeout: float, rate: float, fits: bool) -> None:
    """Otherwise the robot stutters; the error states what would be accepted."""
    node = make_node({**BASE, 'base.receiver_timeout': timeout, 'base.command_rate': rate})
    if fits:
        assert read(node).resources[0].receiver_timeout == timeout
        return
    with pytest.raises(ConfigurationError) as raised:
        read(node)
    [error] = raised.value.errors
    assert error.startswith('base.receiver_timeout: found')
    assert 'base.command_rate' in error and '0.15' in error


@pytest.mark.parametrize('timeout', [0.5, 1.0])
def test_a_stop_may_not_fail_before_its_hold_is_over(
        errors_of: Callable[..., list[str]], timeout: float) -> None:
    """The hold is part of the stop."""
    [error] = errors_of({'base.stop_timeout': timeout})
    assert error.startswith('base.stop_timeout: found') and 'base.stop_hold' in error


def test_rest_must_be_possible_before_a_stop_fails(
        errors_of: Callable[..., list[str]]) -> None:
    """Otherwise every stop fails."""
    [error] = errors_of({'base.odometry_topic': 'odom', 'base.rest_dwell': 5.0})
    assert error.startswith('base.rest_dwell: found')


def test_two_resources_may_not_share_an_output(make_node: MakeNode) -> None:
    """Which only shows after remapping."""
    both: dict[str, Any] = {'resources': ['left', 'right']}
    for name in both['resources']:
        both.update({f'{name}.driver': 'twist', f'{name}.topic': f'{name}/cmd_vel',
                     f'{name}.receiver_timeout': 0.5})
    read(make_node(both))
    node = make_node(both, namespace='robot1', cli_args=[
        '--ros-args', '-r', 'right/cmd_vel:=left/cmd_vel'])
    with pytest.raises(ConfigurationError) as raised:
        read(node)
    [error] = raised.value.errors
    assert error.startswith('right.topic: found')
    assert 'left.topic' in error and '/robot1/left/cmd_vel' in error


def test_odometry_is_not_the_command_topic(errors_of: Callable[..., list[str]]) -> None:
    """A copy-and-paste slip that would read our own commands."""
    [error] = errors_of({'base.odometry_topic': '/cmd_vel'})
    assert error.startswith('base.odometry_topic: found') and 'base.topic' in error


@pytest.mark.parametrize(('changes', 'name', 'says'), [
    ({'estop.topic': '/cmd_vel'}, 'estop.topic', ['like base.topic', 'not one that commands it']),
    ({'base.topic': 'viam_session_bridge/pulse'}, 'base.topic', ['bridge and guard']),
    ({'base.topic': 'viam_session_bridge/guard'}, 'base.topic', ['bridge and guard']),
    ({'base.odometry_topic': 'viam_session_bridge/pulse'}, 'base.odometry_topic',
     ['bridge and guard']),
    ({'base.odometry_topic': 'odom', 'estop.topic': 'odom'}, 'estop.topic',
     ['like base.odometry_topic with nav_msgs/msg/Odometry', 'a topic of std_msgs/msg/Bool'])])
def test_a_topic_has_one_meaning(
        errors_of: Callable[..., list[str]], changes: dict[str, Any], name: str,
        says: list[str]) -> None:
    """Emergency stop, pulses and echoes share none with commands."""
    [error] = errors_of(changes)
    assert error.startswith(f'{name}: found') and all(each in error for each in says), error


def test_a_resource_without_a_block_is_one_mistake(
        errors_of: Callable[..., list[str]]) -> None:
    """Its API is not known, so there is no error about its parameters."""
    [error] = errors_of({'resources': ['base', 'arm']})
    assert error.startswith("resources: found 'arm', which has no block")
    assert 'arm.driver' in error


@pytest.mark.parametrize('host', ['127.0.0.1', '127.8.9.1', '::1', 'localhost'])
def test_loopback_needs_no_permission(make_node: MakeNode, host: str) -> None:
    """Nobody but this machine reaches it."""
    assert read(make_node({**BASE, 'grpc.host': host})).warnings == ()


@pytest.mark.parametrize('host', ['0.0.0.0', '::', '192.168.1.5', 'robot.local', 'fe80::1'])
def test_beyond_loopback_needs_permission(
        errors_of: Callable[..., list[str]], make_node: MakeNode, host: str) -> None:
    """And even with it a warning."""
    [error] = errors_of({'grpc.host': host})
    assert error.startswith(f'grpc.host: found {host!r}')
    assert 'grpc.allow_anonymous: true' in error and 'could drive the robot' in error
    config = read(make_node({**BASE, 'grpc.host': host, 'grpc.allow_anonymous': True}))
    assert 'can drive the robot' in config.warnings[0]


def test_with_a_key_file_no_host_needs_permission_and_the_permission_is_a_mistake(
        errors_of: Callable[..., list[str]], make_node: MakeNode) -> None:
    keys = {'auth.key_file': '/etc/bridge/keys.json', 'grpc.allow_plain_text': True}
    assert read(make_node({**BASE, **keys, 'grpc.host': '0.0.0.0'})).auth.key_file
    for host in ('0.0.0.0', '127.0.0.1'):
        [error] = errors_of({**keys, 'grpc.host': host, 'grpc.allow_anonymous': True})
        assert error.startswith('grpc.allow_anonymous: found true')
        assert 'auth.key_file' in error


@pytest.mark.parametrize('path', ['keys.json', './keys.json', '/etc/', '~x/keys'])
def test_a_key_file_is_an_absolute_path_or_below_the_home_folder(
        errors_of: Callable[..., list[str]], path: str) -> None:
    [error] = errors_of({'auth.key_file': path})
    assert error.startswith(f'auth.key_file: found {path!r}')


@pytest.mark.parametrize(('given', 'missing'), [
    ('grpc.tls_certificate_file', 'grpc.tls_key_file'),
    ('grpc.tls_key_file', 'grpc.tls_certificate_file')])
def test_a_certificate_without_its_key_is_refused(
        errors_of: Callable[..., list[str]], make_node: MakeNode, given: str,
        missing: str) -> None:
    [error] = errors_of({given: '/etc/bridge/server.pem'})
    assert error.startswith(f"{missing}: found ''")
    assert f"{given} is '/etc/bridge/server.pem'" in error
    assert not read(make_node({**BASE, given: '~/server.pem', missing: '~/server.key'})).warnings


KEYS = {'host': '0.0.0.0', 'tls_certificate_file': '', 'allow_plain_text': False}


@pytest.mark.parametrize(('changes', 'key_file', 'found'), [
    ({}, '~/keys', 'error'),
    ({}, '', 'nothing'),
    ({'host': 'localhost'}, '~/keys', 'nothing'),
    ({'tls_certificate_file': '/server.pem'}, '~/keys', 'nothing'),
    ({'allow_plain_text': True}, '~/keys', 'warning'),
])
def test_keys_beyond_loopback_need_tls_or_an_explicit_parameter(
        changes: dict[str, Any], key_file: str, found: str) -> None:
    grpc = Block('grpc', GrpcConfig, {**KEYS, **changes}, entries=table_entries(GrpcConfig))
    auth = Block('auth', GrpcConfig, {'key_file': key_file})
    errors, warnings = list[str](), list[str]()
    check_rules(grpc, {'grpc': grpc, 'auth': auth}, errors, warnings)
    about_keys = [one for one in (*errors, *warnings) if 'grpc.allow_plain_text' in one]
    assert len(about_keys) == (found != 'nothing')
    if found == 'error':
        assert about_keys[0].startswith("grpc.tls_certificate_file: found ''")
        assert "auth.key_file is '~/keys'" in about_keys[0] and about_keys[0] in errors
    elif found == 'warning':
        assert about_keys[0] in warnings and 'plain text' in about_keys[0]


@pytest.mark.parametrize(('changes', 'says'), [
    ({'sessions.heartbeat_window': 1.0}, 'Flutter'),
    ({'sessions.heartbeat_window': 2.5}, 'Flutter'),
    ({'sessions.unsupervised': 'allow'}, 'nothing stops'),
    ({'base.require_stop_path': False}, 'base.require_stop_path'),
    ({'base.stop_hold': 0.1}, 'base.stop_hold'),
])
def test_legal_but_risky_choices_are_warned_of(
        make_node: MakeNode, changes: dict[str, Any], says: str) -> None:
    """The node logs these texts; a good configuration has none."""
    [warning] = read(make_node(_changed(changes))).warnings
    assert says in warning


@pytest.mark.parametrize('window', [2.0, 5.0, 60.0])
def test_whole_windows_are_fine(make_node: MakeNode, window: float) -> None:
    """Every SDK computes a sound interval from them."""
    assert read(make_node({**BASE, 'sessions.heartbeat_window': window})).warnings == ()


def test_an_absolute_topic_is_suspect_in_a_namespace_only(make_node: MakeNode) -> None:
    """There it defeats the namespace."""
    absolute = {**BASE, 'base.topic': '/cmd_vel'}
    assert read(make_node(absolute)).warnings == ()
    [warning] = read(make_node(absolute, namespace='robot1')).warnings
    assert 'base.topic' in warning and '/robot1' in warning


# --- What may change at run time


@pytest.fixture
def watched(make_node: MakeNode) -> tuple[Node, list[BridgeConfig]]:
    """Return a node that is watched and the configurations it applied."""
    return _watched(make_node, {'run_time.allow_less_safe': True})


def _watched(make_node: MakeNode, more: dict[str, Any]) -> tuple[Node, list[BridgeConfig]]:
    node = make_node({**BASE, **more})
    applied: list[BridgeConfig] = []
    watch(node, read(node), applied.append)
    return node, applied


@pytest.mark.parametrize(('name', 'value', 'says'), [
    ('sessions.unsupervised', 'allow', "'connection'"),
    ('sessions.unsupervised', 'reject', "'connection'"),
    ('sessions.stop_on_disconnect', False, 'True'),
    ('sessions.heartbeat_window', 60.0, '2.0'),
    ('sessions.heartbeat_window', 1.0, '2.0'),
    ('base.max_linear_speed', 0.31, 'up to 0.3'),
    ('base.max_angular_speed', 1.5, 'up to 1.0'),
    ('base.linear_deceleration', 9.0, 'up to 0.5'),
    ('base.max_move_duration', 121.0, 'up to 120.0'),
])
def test_a_change_that_is_less_safe_is_refused_unless_the_file_permits_it(
        make_node: MakeNode, name: str, value: Any, says: str) -> None:
    node, applied = _watched(make_node, {})
    before = node.get_parameter(name).value
    [result] = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert result.reason.startswith(f'{name}: found {value!r}, accepted at run time: {says},')
    assert 'run_time.allow_less_safe' in result.reason
    assert node.get_parameter(name).value == before and applied == []
    [permission] = node.set_parameters([Parameter('run_time.allow_less_safe', value=True)])
    assert 'read-only' in permission.reason
    permitted, applied = _watched(make_node, {'run_time.allow_less_safe': True})
    assert permitted.set_parameters([Parameter(name, value=value)])[0].successful
    assert len(applied) == 1


def test_lower_limits_are_accepted_and_may_be_raised_again_to_those_of_the_start(
        make_node: MakeNode) -> None:
    node, applied = _watched(make_node, {})
    for speed, accepted in ((0.1, True), (0.2, True), (0.3, True), (0.1, True), (0.4, False)):
        [result] = node.set_parameters([Parameter('base.max_linear_speed', value=speed)])
        assert result.successful is accepted
    assert applied[-1].resources[0].max_linear_speed == 0.1
    assert node.set_parameters([Parameter('sessions.max_sessions', value=9)])[0].successful


def test_every_limit_that_may_change_has_a_safe_direction() -> None:
    """But how many sessions there may be is no matter of safety."""
    free = {entry.name for table in (*GLOBAL_BLOCKS.values(), *APIS.values())
            for entry in table_entries(table)
            if entry.spec.mutable and entry.spec.safe_change is SafeChange.ANY}
    assert free == {'max_sessions'}


def test_a_mutable_parameter_changes(watched: tuple[Node, list[BridgeConfig]]) -> None:
    """Both the node and the bridge have the new value; an integer will do."""
    node, applied = watched
    [result] = node.set_parameters([Parameter('base.max_linear_speed', value=1)])
    assert result.successful, result.reason
    assert applied[-1].resources[0].max_linear_speed == 1.0
    assert node.get_parameter('base.max_linear_speed').value == 1.0
    node.set_parameters([Parameter('sessions.heartbeat_window', value=1.5)])
    assert applied[-1].sessions.heartbeat_window == 1.5
    assert applied[-1].resources[0].max_linear_speed == 1.0
    assert 'Flutter' in applied[-1].warnings[0]
    assert len(applied) == 2


def test_several_change_together_or_not_at_all(
        watched: tuple[Node, list[BridgeConfig]]) -> None:
    """One wrong value refuses the whole set, and nothing is applied."""
    node, applied = watched
    good = Parameter('base.max_linear_speed', value=1.0)
    result = node.set_parameters_atomically(
        [good, Parameter('sessions.unsupervised', value='maybe')])
    assert not result.successful
    assert 'sessions.unsupervised: found' in result.reason
    assert node.get_parameter('base.max_linear_speed').value == 0.3
    assert applied == []
    both = [good, Parameter('base.max_angular_speed', value=2.0)]
    assert node.set_parameters_atomically(both).successful
    assert len(applied) == 1


@pytest.mark.parametrize(('name', 'value', 'says'), [
    ('base.max_linear_speed', 0.0, 'above 0'),
    ('base.max_linear_speed', 20.000001, '20'),
    ('base.max_linear_speed', float('nan'), 'base.max_linear_speed'),
    ('base.max_linear_speed', 'fast', 'Wrong parameter type'),
    ('base.topic', 'other', 'read-only'),
    ('base.command_rate', 50.0, 'read-only'),
    ('sessions.network_timeout', 3.0, 'read-only'),
    ('grpc.allow_anonymous', True, 'read-only'),
    ('base.size_meters', [1.0, 2.0, 3.0], 'read-only'),
    ('resources', ['base', 'arm'], 'read-only'),
])
def test_the_rest_refuses_with_a_reason(
        watched: tuple[Node, list[BridgeConfig]], name: str, value: Any, says: str) -> None:
    """And stays as it was."""
    node, applied = watched
    before = node.get_parameter(name).value
    [result] = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert says in result.reason
    assert node.get_parameter(name).value == before
    assert applied == []


def test_what_changes_nothing_is_not_applied(watched: tuple[Node, list[BridgeConfig]]) -> None:
    """Parameters that others declare, before or after, are not checked."""
    node, applied = watched
    node.declare_parameter('actual_port', 4711)
    assert node.set_parameters([Parameter('actual_port', value=4712)])[0].successful
    assert node.set_parameters([Parameter('use_sim_time', value=False)])[0].successful
    assert node.set_parameters([Parameter('base.max_linear_speed', value=0.3)])[0].successful
    assert applied == []
    assert node.get_parameter('base.command_rate').value is None
    for speed in (0.4, 0.3):
        [result] = node.set_parameters([Parameter('base.max_linear_speed', value=speed)])
        assert result.successful
        assert applied[-1].resources[0].max_linear_speed == speed
    assert len(applied) == 2


def test_the_parameter_service_answers_with_the_reason(
        watched: tuple[Node, list[BridgeConfig]], make_node: MakeNode) -> None:
    """The way of `ros2 param set`, from another node: a success, a refusal, an unknown name."""
    node, applied = watched
    caller = make_node(namespace='caller')
    client: Any = caller.create_client(SetParameters, f'/{NODE_NAME}/set_parameters')
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    executor.add_node(caller)
    assert client.wait_for_service(10.0)
    future = client.call_async(SetParameters.Request(parameters=[
        Parameter('base.max_linear_speed', value=0.7).to_parameter_msg(),
        Parameter('base.topic', value='x').to_parameter_msg(),
        Parameter('base.max_linear_sped', value=0.7).to_parameter_msg()]))
    executor.spin_until_future_complete(future, 10.0)
    executor.shutdown()
    assert future.done()
    response: Any = future.result()
    done, read_only, unknown = response.results
    assert done.successful and applied[-1].resources[0].max_linear_speed == 0.7
    assert not read_only.successful and 'read-only' in read_only.reason
    assert not unknown.successful and unknown.reason


# --- A file that ROS itself refuses


@pytest.mark.parametrize(('text', 'says'), [
    ('a: {b: [1, 2\n', ['is not YAML', 'line 2']),
    ('a:\n\tb: 1\n', ['is not YAML', 'line 2, column 1']),
    ('a: b\n', ["'a' is not under a key 'ros__parameters'", 'line 1']),
    (f'{NODE_NAME}:\n  resources: [base]\n', ["'resources' is not under", 'line 2']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    resources: []\n', ['resources', 'empty list']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    base:\n      topic:\n',
     ['base.topic', 'no value', 'line 4']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    base: {{size_meters: [1, 2.0, 3]}}\n',
     ['base.size_meters', 'mixed types']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    base: {{}}\n    resources: [base]\n',
     ['base: found an empty block', 'line 3']),
    (f'{NODE_NAME}:\n  ros__parameters:\n', ['ros__parameters: found no value', 'line 2']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    a: &b 1\n    c: *b\n', ['aliasing', 'line 4']),
    (f'{NODE_NAME}:\n  ros__parameters:\n    a: {"[" * 20_000}{"]" * 20_000}\n',
     ['nested too deeply']),
])
def test_a_file_that_ros_cannot_read_is_explained_in_one_line(
        tmp_path: Path, text: str, says: list[str]) -> None:
    """With the file, the place and the parameter, which rclpy does not name."""
    argv = _file(tmp_path, text)
    line = _startup_error(argv)
    assert argv[-1] in line
    assert all(each in line for each in says), line
    assert '\n' not in line


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    """As on the command line."""
    missing = str(tmp_path / 'missing.yaml')
    assert _startup_error(['--ros-args', '--params-file', missing]) == \
        f'parameter file {missing}: cannot be read: No such file or directory'
    binary = tmp_path / 'binary.yaml'
    binary.write_bytes(b'\xff\xfe\x00a: b\xd8')
    line = _startup_error(['--ros-args', '--params-file', str(binary)])
    assert line.startswith(f'parameter file {binary}: is not YAML')


@pytest.mark.parametrize(('argument', 'says'), [
    ('nonsense', "argument '-p nonsense'"),
    ('base.size_meters:=[1,', "argument '-p base.size_meters:=[1,'"),
    ('resources:=[]', 'resources:=[]'),
])
def test_a_wrong_argument_is_named(argument: str, says: str) -> None:
    """Where no file is to blame."""
    line = _startup_error(['--ros-args', '-p', argument])
    assert says in line and '\n' not in line


def test_another_failure_keeps_its_own_text() -> None:
    """Explaining never hides what is not understood."""
    assert explain_startup_error(OSError('the network is down'), []) == 'the network is down'


# --- Motors


MOTOR: dict[str, Any] = {
    'resources': ['motor'],
    'motor.api': 'motor',
    'motor.driver': 'float',
    'motor.topic': 'motor/command',
    'motor.command': 'velocity',
    'motor.neutral': 0.0,
    'motor.max_speed': 20.0,
    'motor.receiver_timeout': 0.5,
}


def _motor(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**MOTOR, **changes}.items() if value is not None}


def test_a_motor_has_documented_defaults(make_node: MakeNode) -> None:
    """A value that is not given has that of the reference."""
    config = read(make_node(MOTOR))
    assert config == BridgeConfig(resources=(MotorConfig(
        name='motor', api='motor', driver='float', topic='motor/command', command='velocity',
        neutral=0.0, max_speed=20.0, receiver_timeout=0.5),))
    assert not config.warnings and not config.resources[0].feedback_topic


@pytest.mark.parametrize(('changes', 'name', 'says'), [
    ({'neutral': None}, 'neutral', ['nothing', 'a number']),
    ({'neutral': math.nan}, 'neutral', ['nan']),
    ({'command': None}, 'command', ["'velocity' or 'power'"]),
    ({'max_speed': None}, 'max_speed', ['rad/s']),
    ({'message': 'float46'}, 'message', ["'float64'"]),
    ({'scale': 0.0}, 'scale', ['another number']),
    ({'joint_scale': 0.0}, 'joint_scale', ['another number']),
    ({'index': 0}, 'index', ["driver 'float'", "'float_array'"]),
    ({'minimum': 5.0, 'maximum': 5.0}, 'minimum', ['less than motor.maximum (5)']),
    ({'minimum': 1000.0, 'maximum': 2000.0}, 'neutral', ['motor.minimum (1000)']),
    ({'message': 'int16', 'neutral': 0.5, 'offset': 0.5}, 'neutral', ['a whole number']),
    ({'message': 'int16', 'neutral': 4e4, 'offset': 4e4}, 'neutral', ['-32768 to 32767']),
    ({'message': 'bool', 'neutral': 2.0}, 'neutral', ['0 to 1']),
    ({'joint_states_topic': 'joint_states'}, 'joint', ['motor.joint_states_topic']),
    ({'joint': 'wheel'}, 'joint', ['motor.joint_states_topic']),
    ({'joint_states_topic': 'joint_states', 'joint': 'wheel', 'rest_dwell': 5.0}, 'rest_dwell',
     ['motor.stop_timeout']),
    ({'joint_states_topic': 'motor/command', 'joint': 'wheel'}, 'joint_states_topic',
     ['motor.topic']),
    ({'receiver_timeout': 0.0}, 'receiver_timeout', ['motor.accept_no_timeout'])])
def test_a_mistake_about_a_motor_is_named(
        make_node: MakeNode, changes: dict[str, Any], name: str, says: list[str]) -> None:
    """Each mistake alone gives exactly one sentence."""
    values = _motor({f'motor.{short}': value for short, value in changes.items()})
    with pytest.raises(ConfigurationError) as raised:
        read(make_node(values))
    [error] = raised.value.errors
    assert error.startswith(f'motor.{name}: found '), error
    assert all(each in error for each in says), error


def test_a_motor_and_a_base_may_not_share_an_output(make_node: MakeNode) -> None:
    """Whatever their APIs."""
    with pytest.raises(ConfigurationError) as raised:
        read(make_node({**MOTOR, **BASE, 'resources': ['base', 'motor'],
                        'base.topic': 'motor/command'}))
    [error] = raised.value.errors
    assert error.startswith('motor.topic: found') and 'base.topic' in error


def _array(*indices: int, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {'resources': [f'm{number}' for number in range(len(indices))]}
    for number, index in enumerate(indices):
        one = {short.partition('.')[2]: value for short, value in MOTOR.items() if '.' in short}
        one |= {'driver': 'float_array', 'index': index}
        values.update({f'm{number}.{short}': value for short, value in one.items()})
    return {**values, **changes}


def test_motors_may_share_an_array(make_node: MakeNode) -> None:
    """In any order of their names."""
    config = read(make_node(_array(1, 0, 2)))
    assert [one.index for one in config.resources if isinstance(one, MotorConfig)] == [1, 0, 2]


@pytest.mark.parametrize(('values', 'says'), [
    (_array(0, 0), ['m1.index: found 0, like m0.index', '/motor/command']),
    (_array(0, 2), ['m1.index: found 2', 'at most 1', '2 resources']),
    (_array(1), ['m0.index: found 1', 'at most 0']),
    (_array(0, **{'m0.topic': 'viam_session_bridge/guard'}), ['m0.topic', 'bridge and guard']),
    (_array(0, 1, **{'m1.command': 'effort', 'm1.stop': 'zero'}),
     ["m0.command: found 'velocity'", "m1.command is 'effort'", 'a topic of its own']),
    (_array(0, 0, **{'m1.driver': 'float', 'm1.index': None}),
     ['m1.topic: found', 'm0.topic', 'no other resource']),
    (_array(0, 0, **{'m0.driver': 'float', 'm0.index': None}),
     ['m1.topic: found', 'm0.topic', 'no other resource'])])
def test_an_array_has_one_resource_for_each_index(
        make_node: MakeNode, values: dict[str, Any], says: list[str]) -> None:
    """A controller refuses any other length; a topic of one number is not shared."""
    with pytest.raises(ConfigurationError) as raised:
        read(make_node({name: value for name, value in values.items() if value is not None}))
    [error] = raised.value.errors
    assert all(each in error for each in says), error


def test_a_forgotten_offset_is_suspect(make_node: MakeNode) -> None:
    """A stop at 1500 beside motion around 0 is a unit that was forgotten."""
    [warning] = read(make_node(_motor({'motor.neutral': 1500.0}))).warnings
    assert 'motor.offset' in warning and 'motor.neutral' in warning


def test_a_heading_that_is_measured_in_half_degrees_may_flicker_by_default() -> None:
    assert VelocityFeedbackTable.heading_noise >= math.radians(0.5)


# --- The documents


def test_the_checked_in_reference_is_current() -> None:
    """Run: python3 -m viam_session_bridge.ros.parameters > docs/parameters.md."""
    assert (ROOT / 'docs' / 'parameters.md').read_text(encoding='utf-8') == document()


@pytest.mark.parametrize('uncommented', [False, True])
def test_the_example_file_is_accepted(
        make_node: MakeNode, tmp_path: Path, uncommented: bool) -> None:
    """As it is, and with every commented default switched on, which must change nothing."""
    text = (ROOT / 'config' / 'base.yaml').read_text(encoding='utf-8')
    if uncommented:
        text, count = re.subn(r'^(\s+)#(?=[a-z_]+:)', r'\1', text, flags=re.MULTILINE)
        assert count > 10
    config = read(make_node(cli_args=_file(tmp_path, text)))
    assert config == BridgeConfig(resources=(
        BaseConfig(name='base', driver='twist', topic='cmd_vel', receiver_timeout=0.5),))


@pytest.mark.parametrize('path', sorted((ROOT / 'config').glob('*.yaml')), ids=lambda p: p.stem)
def test_every_example_file_is_accepted(
        make_node: MakeNode, tmp_path: Path, path: Path) -> None:
    """As it is, and with every commented default switched on, which changes nothing."""
    text = path.read_text(encoding='utf-8')
    config = read(make_node(cli_args=_file(tmp_path, text)))
    text = re.sub(r'^(\s+)#(?=[a-z_]+:)', r'\1', text, flags=re.MULTILINE)
    assert read(make_node(cli_args=_file(tmp_path, text))) == config


def test_the_example_file_knows_every_parameter() -> None:
    """A new parameter is added to the example, too."""
    # What goes to positions has the same drivers: they are explained together.
    positions = ('arm', 'gantry', 'pan_tilt')
    examples = {
        'base': ('base',), 'motor': ('motor', 'base'), 'arm': positions, 'gantry': positions,
        'gripper': positions, 'servo': positions, 'switch': ('switch',), 'button': ('button',),
        'generic': ('generic',)}
    common = {entry.name for entry in table_entries(ActuatedConfig)}
    for api in APIS:
        names = examples.get(api, (api,))
        tables = [*GLOBAL_BLOCKS.values(), APIS[api]] if api == 'base' else [APIS[api]]
        text = '\n'.join(
            (ROOT / 'config' / f'{name}.yaml').read_text(encoding='utf-8') for name in names)
        for entry in (entry for table in tables for entry in table_entries(table)):
            if entry.name in common and api != 'base':
                continue  # the same for all: base.yaml explains it
            assert re.search(rf'^\s+#? ?{entry.name}:', text, flags=re.MULTILINE), entry.name


def test_the_configuration_cannot_be_changed_in_place() -> None:
    """It is handed to several threads."""
    for table in (*GLOBAL_BLOCKS.values(), BaseConfig, BridgeConfig):
        assert table.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert dataclasses.is_dataclass(ResourceConfig)
