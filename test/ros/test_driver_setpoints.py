# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Every driver executes the setpoints that its table of parameters declares, and no others."""

from array import array
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from processes import wait_until
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import (
    Choice,
    JointLimits,
    PoseGoal,
    Power,
    Press,
    Setpoint,
    Speed,
    Trajectory,
    Velocity,
    Waypoint,
)
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import APIS, judge
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import Form, table_entries
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.factory import BUILT_IN, Factory, SOURCES

AROUND = GraphNames('/bridge', '/', '/{}'.format, '/{}'.format)

SETPOINTS: tuple[Setpoint, ...] = (
    Velocity((0.1, 0.0, 0.0)), Power(0.1), Speed(0.1), Trajectory((Waypoint(1.0, (0.1,)),)),
    Choice(0), Press())

# The tables of the APIs whose resources have a driver.
MOVING = {api: table for api, table in APIS.items() if hasattr(table, 'PLUGINS')}

JOINTS: dict[str, Any] = {'joints': ['j'], 'joint_states_topic': 'states'}

# What the drivers of an API need, and what one of them needs in addition.
OF_API: dict[str, dict[str, Any]] = {
    'base': {}, 'motor': {'max_speed': 1.0}, 'arm': {**JOINTS, 'max_joint_speed': 1.0},
    'gantry': {**JOINTS, 'lengths_m': [1.0], 'max_speed': 1.0},
    'gripper': {**JOINTS, 'open_position': 1.0, 'closed_position': 0.0, 'max_speed': 1.0,
                'tolerance': 0.1, 'rest_speed': 0.02},
    'servo': {'joint': 'j', 'joint_states_topic': 'states', 'max_speed_deg_s': 60.0},
    'switch': {}, 'button': {}, 'generic': {
        'commands': ['c'], 'c.kind': 'empty', 'c.service': 'generic/c', 'c.moves': False}}
NUMBER = {'command': 'power', 'neutral': 0.0}
OF_DRIVER: dict[tuple[str, str], dict[str, Any]] = {
    ('motor', 'float'): NUMBER, ('motor', 'float_array'): NUMBER,
    ('motor', 'joint_state'): {'joint': 'j'},
    ('switch', 'float'): {'labels': ['a', 'b'], 'numbers': [0.0, 1.0]},
    ('switch', 'service'): {
        'positions': ['p', 'q'], 'p.kind': 'empty', 'p.service': 'switch/p',
        'q.kind': 'empty', 'q.service': 'switch/q'},
    ('button', 'message'): {'message': 'empty'},
    ('button', 'service'): {'kind': 'trigger', 'service': 'button/push'}}


def parameters(api: str, driver: str) -> dict[str, Any]:
    """Return the parameters of one resource."""
    own = {'api': api, 'driver': driver, 'accept_no_timeout': True, **OF_API[api],
           **OF_DRIVER.get((api, driver), {})}
    if driver not in ('service', 'commands'):
        own['topic'] = f'{api}/{driver}'
    if api in ('arm', 'gantry', 'gripper', 'servo') and driver != 'joint_trajectory':
        own['stop'] = 'hold'
        del own['accept_no_timeout']
    return {'resources': ['one'], **{f'one.{short}': value for short, value in own.items()}}


def test_each_driver_of_an_api_is_a_class_that_names_its_table() -> None:
    """The tables are where core and rpc may read them, the classes with the drivers."""
    assert {key: each.TABLE for key, each in BUILT_IN.items()} == {
        (api, name): table for api, its in MOVING.items() for name, table in its.DRIVERS.items()}


def test_each_parameter_that_names_a_topic_of_a_resource_is_read() -> None:
    assert set(SOURCES) == {
        entry.name for table in MOVING.values() for entry in table_entries(table)
        if entry.spec.form is Form.FEEDBACK_TOPIC}


@pytest.mark.parametrize(('api', 'driver'), [
    (api, driver) for api, table in APIS.items() if issubclass(table, ActuatedConfig)
    for driver in table.DRIVERS])
def test_a_driver_executes_what_its_table_declares(node: Node, api: str, driver: str) -> None:
    """A setpoint of another kind raises an error."""
    verdict = judge(parameters(api, driver), AROUND)
    assert verdict.config is not None, verdict.errors
    [config] = verdict.config.resources
    supervisor = locked_bridge([ActuatedResource(api, 'one', JointLimits())], Policy())
    one = Factory(node, supervisor).driver(config, lambda: None)
    done = []
    for epoch, setpoint in enumerate(SETPOINTS):
        try:
            one.send(setpoint, epoch)
        except TypeError:
            continue
        done.append(type(setpoint))
    assert tuple(done) == getattr(APIS[api].DRIVERS[driver], 'TAKES', ())


def test_what_a_driver_of_another_package_reads_is_read_by_no_source_of_ours(node: Node) -> None:
    """Its parameter may have the name of one of ours and mean another type of message."""
    @dataclass(frozen=True, kw_only=True)
    class Table:
        pose_topic: str = 'poses'

    class Other:
        APIS = ('base',)
        TABLE = Table

        def __init__(self, config: Any, tools: Any) -> None:
            pass

    table = dataclass(frozen=True, kw_only=True)(
        type('Extended', (Table, BaseConfig), {'PLUGINS': {'other': Other}}))
    config = table(name='one', driver='other', topic='', odometry_topic='odometry')
    supervisor = locked_bridge([ActuatedResource('base', 'one', JointLimits())], Policy())
    factory = Factory(node, supervisor)
    assert isinstance(factory.driver(config, lambda: None), Other)
    assert factory.secondary_feedback('one').pose is None
    assert node.get_subscriptions_info_by_topic(node.resolve_topic_name('odometry'))


# How a motion of each API is commanded; parameters beside those above, by their case.
MOTIONS: dict[str, Setpoint] = {
    'base': Velocity((0.1, 0.0, 0.0)), 'motor': Power(0.1),
    **dict.fromkeys(('arm', 'gantry', 'gripper', 'servo'), Trajectory((Waypoint(1.0, (0.5,)),)))}
MESSAGES: dict[str, type] = {
    'twist': Twist, 'twist_stamped': TwistStamped, 'float': Float64,
    'float_array': Float64MultiArray, 'joint_state': JointState,
    'joint_trajectory': JointTrajectory}
_CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((api, driver, {}) for api in MOTIONS for driver in APIS[api].DRIVERS),
    ('base', 'twist_stamped', {'stamp': 'now'}),
    *((api, 'joint_state', {'with_velocities': True}) for api in ('arm', 'servo')),
    *((api, driver, {'stop': 'last'})
      for api in ('gripper', 'servo') for driver in ('joint_state', 'float')),
    ('servo', 'float', {'stop': 'number', 'stop_number': 1.0}),
    ('servo', 'float_array', {'stop': 'number', 'stop_number': 1.0})]


def filled(message: Any, place: str = '') -> set[str]:
    """Return the fields of a message that have a value, each with its path in the message."""
    if isinstance(message, str):
        return {place} if message else set()
    if isinstance(message, (Time, Duration)):
        return {place} if (message.sec, message.nanosec) != (0, 0) else set()
    if isinstance(message, (list, tuple, array)):
        return {each for index, one in enumerate(message)
                for each in filled(one, f'{place}[{index}]')}
    if hasattr(message, 'get_fields_and_field_types'):
        return {each for name in message.get_fields_and_field_types()
                for each in filled(getattr(message, name), f'{place}.{name}')}
    return {place}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the messages of all outputs in their order; they are published as well."""
    messages: list[Any] = []
    publish = OutputTopic.publish

    def spy(output: OutputTopic, message: Any) -> None:
        # A driver may change a message that it has published, and publish it again.
        messages.append(deepcopy(message))
        publish(output, message)

    monkeypatch.setattr(OutputTopic, 'publish', spy)
    return messages


def ready(node: Node, config: Any, *topics: tuple[str, type]) -> tuple[Any, Callable[[], None]]:
    """Return the driver of a resource that is measured and has a stop path, and its flush."""
    supervisor = locked_bridge(
        [ActuatedResource(config.api, config.name, JointLimits())], Policy())
    factory = Factory(node, supervisor)
    driver = factory.driver(config, lambda: None)
    states = node.create_publisher(JointState, 'states', 1)
    poses = node.create_publisher(PoseStamped, 'pose', 1)
    subscriptions = [node.create_subscription(kind, topic, lambda message: None, 1)
                     for topic, kind in topics]
    assert subscriptions
    pose = PoseStamped()
    pose.header.frame_id, pose.pose.orientation.w = 'base_link', 1.0

    def is_ready() -> bool:
        states.publish(JointState(name=['j'], position=[0.25], velocity=[0.0]))
        poses.publish(pose)
        known = getattr(config, 'pose_topic', '') == '' or (
            factory.secondary_feedback(config.name).pose() is not None)
        return known and not driver.path_problem()

    wait_until(is_ready, 'a stop path and a measurement')
    return driver, lambda: [one.flush() for one in factory.shared] and None


def configured(values: dict[str, Any]) -> Any:
    verdict = judge(values, AROUND)
    assert verdict.config is not None, verdict.errors
    return verdict.config.resources[0]


@pytest.mark.parametrize(('api', 'driver', 'changes'), _CASES)
def test_a_stop_has_every_field_that_a_command_has(
        node: Node, published: list[Any], api: str, driver: str, changes: dict[str, Any]) -> None:
    """Receivers read all of them, without checking whether they are present."""
    values = parameters(api, driver)
    if changes.get('stop') == 'last':
        # Without feedback, only drivers that name their joint in messages have a name for it.
        del values['one.joint_states_topic']
        if driver == 'float':
            values.pop('one.joint', None)
    config = configured({**values, **{f'one.{short}': each for short, each in changes.items()}})
    one, flush = ready(node, config, (config.topic, MESSAGES[driver]))
    one.send(MOTIONS[api], 1)
    flush()
    [command] = published
    published.clear()
    one.stop(2)
    flush()
    [stop] = published
    assert filled(command), command
    assert filled(command) <= filled(stop), stop


def test_a_stop_of_an_arm_that_was_sent_to_a_pose_is_a_complete_pose(
        node: Node, published: list[Any]) -> None:
    config = configured({
        **parameters('arm', 'joint_trajectory'), 'one.pose_goal_topic': 'goal',
        'one.pose_topic': 'pose'})
    one, _ = ready(node, config, ('goal', PoseStamped), (config.topic, JointTrajectory))
    one.send(PoseGoal((0.1, 0.2, 0.3), (0.0, 0.0, 0.0, 1.0)), 1)
    [command] = published
    one.stop(2)
    [stop] = [each for each in published[1:] if isinstance(each, PoseStamped)]
    assert filled(command) <= filled(stop), stop


@pytest.mark.parametrize('stamp', ['zero', 'now'])
def test_a_stop_output_of_zero_is_as_complete_as_a_command_of_a_base(
        node: Node, published: list[Any], stamp: str) -> None:
    """A receiver of both checks the frame, and perhaps the stamp."""
    config = configured({
        **parameters('base', 'twist_stamped'), 'one.stamp': stamp,
        'one.stop_outputs': ['wheels'], 'one.wheels.kind': 'zero',
        'one.wheels.topic': 'wheels', 'one.wheels.stamped': True, 'one.wheels.stamp': stamp})
    one, _ = ready(node, config, ('wheels', TwistStamped), (config.topic, TwistStamped))
    one.send(MOTIONS['base'], 1)
    [command] = published
    one.stop(2)
    for stop in published[1:]:
        assert filled(stop) == filled(command), stop
    assert len(published) == 3
