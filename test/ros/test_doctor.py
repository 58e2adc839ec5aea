# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
`doctor` against a graph: one robot that is in order, and one on which each base has a mistake.

The mistakes that data shows are in test/test_doctor.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, ExitStack
import math
from pathlib import Path
import threading
from typing import Any

from action_msgs.srv import CancelGoal
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from observer import spinning_node
from processes import new_namespace
from viam_session_bridge.cli import doctor
from viam_session_bridge.cli.doctor_checks import Finding
from viam_session_bridge.core.events import Echo, Identity, Pulse
from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.ros.pulse import encode_echo, encode_pulse
from viam_session_bridge.ros.signatures import load_key, Signer

PERIOD = 0.05
SECONDS = 3.0

# A machine with a high load is no mistake of the robot.
PATIENT = '    guard: {patience: 5.0, required: true, key_file: KEY}\n    grpc: {port: 0}\n'
BASE = 'api: base, receiver_timeout: 0.5, feedback_timeout: 5.0'


class Circle:
    """Odometry of a base that drives on a circle."""

    def __init__(self, node: Node, topic: str, speed: float = 0.3, turn: float = 0.5) -> None:
        self._node = node
        self._publisher = node.create_publisher(Odometry, topic, 10)
        self._began = node.get_clock().now()
        self._speed, self._turn = speed, turn

    def publish(self) -> None:
        now = self._node.get_clock().now()
        yaw = self._turn * (now - self._began).nanoseconds * 1e-9
        message = Odometry()
        message.header.stamp = now.to_msg()
        radius = self._speed / self._turn
        message.pose.pose.position.x = radius * math.sin(yaw)
        message.pose.pose.position.y = radius * (1.0 - math.cos(yaw))
        message.pose.pose.orientation.z = math.sin(yaw / 2.0)
        message.pose.pose.orientation.w = math.cos(yaw / 2.0)
        message.twist.twist.linear.x = self._speed
        message.twist.twist.angular.z = self._turn
        self._publisher.publish(message)


class Diagnostics:
    """What a bridge says of a base that it drives on the circle."""

    def __init__(self, node: Node, namespace: str, resource: str) -> None:
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._status = DiagnosticStatus(
            name=f'{namespace}/viam_session_bridge: {resource}', values=[
                KeyValue(key='state', value='moving'),
                KeyValue(key='last command', value='2026-01-01T00:00:00 SetVelocity linear '
                         '(0.3, 0, 0) m/s, angular (0, 0, 0.5) rad/s')])

    def publish(self) -> None:
        self._publisher.publish(DiagnosticArray(status=[self._status]))


@contextmanager
def nodes(namespace: str, *names: str, **options: Any) -> Iterator[list[Node]]:
    """Give spinning nodes in a namespace."""
    with ExitStack() as stack:
        yield [stack.enter_context(spinning_node(name, namespace=namespace, **options))
               for name in names]


def examine(folder: Path, namespace: str, text: str) -> list[Finding]:
    """Return what is found with a file that has this text for the resources."""
    file = folder / 'robot.yaml'
    key = folder / 'guard.key'
    file.write_text('/**:\n  ros__parameters:\n' + text + PATIENT.replace('KEY', str(key)))
    return doctor.examine(file, [
        'doctor', '--ros-args', '--params-file', str(file), '-r', f'__ns:={namespace}'],
        SECONDS).findings


@contextmanager
def repeated(node: Node, *acts: Callable[[], None]) -> Iterator[None]:
    """Do something again and again."""
    timer = node.create_timer(PERIOD, lambda: [act() for act in acts])
    try:
        yield
    finally:
        node.destroy_timer(timer)


def test_a_robot_in_order_has_no_findings_and_no_endpoint_of_doctor_on_its_command_topic(
        tmp_path: Path) -> None:
    namespace = new_namespace()
    resources = f'    resources: [base]\n    base: {{{BASE}, driver: twist, topic: cmd_vel, ' \
                'odometry_topic: odom}\n'
    signer = Signer(load_key(str(tmp_path / 'guard.key')))
    with nodes(namespace, 'driver', 'viam_session_bridge', 'viam_session_bridge_guard') as [
            driver, bridge, guard]:
        received = list[Twist]()
        driver.create_subscription(Twist, 'cmd_vel', received.append, 10)
        robot = doctor_view(tmp_path, namespace, resources)
        identity = Identity('one', configuration=robot, patience=5.0)
        pulses, echoes = (node.create_publisher(String, topic, 1) for node, topic in (
            (bridge, PULSE_TOPIC), (guard, ECHO_TOPIC)))
        command, seen = driver.resolve_topic_name('cmd_vel'), set[str]()
        ended = threading.Event()

        def say() -> None:
            for publisher, text in ((pulses, encode_pulse(Pulse(identity, 1))),
                                    (echoes, encode_echo(Echo('guard', 'one', 1, robot)))):
                publisher.publish(String(data=signer.sign(publisher.topic_name, text)))

        def watch() -> None:
            while not ended.wait(0.02):
                seen.update(one.node_name for one in (
                    *driver.get_publishers_info_by_topic(command),
                    *driver.get_subscriptions_info_by_topic(command)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with repeated(driver, Circle(driver, 'odom').publish), repeated(
                    bridge, say, Diagnostics(bridge, namespace, 'base').publish):
                found = examine(tmp_path, namespace, resources)
        finally:
            ended.set()
            watcher.join()
    assert found == []
    assert seen == {'driver'} and not received


def doctor_view(folder: Path, namespace: str, resources: str) -> str:
    """Return the fingerprint of a configuration."""
    file = folder / 'robot.yaml'
    file.write_text('/**:\n  ros__parameters:\n' + resources
                    + PATIENT.replace('KEY', str(folder / 'guard.key')))
    robot = doctor.expected([
        'doctor', '--ros-args', '--params-file', str(file), '-r', f'__ns:={namespace}'],
        doctor.Report())
    assert robot is not None
    return robot.fingerprint


SEEDED = f"""\
    resources: [typo, nobody, stamped, latched, shared, smoothed, muxed, halted, backwards, still]
    typo: {{{BASE}, driver: twist, topic: typo/cmd_vell}}
    nobody: {{api: motor, driver: float, message: int16, topic: rpm, receiver_timeout: 0.5,
             command: velocity, max_speed: 10.0, neutral: 0.0}}
    stamped: {{{BASE}, driver: twist, topic: stamped/cmd_vel}}
    latched: {{{BASE}, driver: twist, topic: latched/cmd_vel}}
    shared: {{{BASE}, driver: twist, topic: shared/cmd_vel}}
    smoothed: {{{BASE}, driver: twist_stamped, topic: smoothed/cmd_vel}}
    muxed: {{{BASE}, driver: twist, topic: muxed/viam}}
    halted: {{{BASE}, driver: twist, topic: halted/cmd_vel, stop_outputs: [nav],
             nav: {{kind: cancel, action: navigate, goals: all}}}}
    backwards: {{{BASE}, driver: twist, topic: backwards/cmd_vel, odometry_topic: back/odom}}
    still: {{{BASE}, driver: twist, topic: still/cmd_vel, odometry_topic: wheel/odom}}
"""

# Parameter of the finding -> the words of what was found, and of the change.
ADVICE = {
    'typo.topic': ('typo/cmd_vell has no subscriber', 'typo.topic: NS/typo/cmd_vel'),
    'nobody.topic': ('NS/rpm has no subscriber', 'start the driver'),
    'stamped.topic': ('as geometry_msgs/msg/TwistStamped', 'stamped.driver: twist_stamped'),
    'latched.topic': ('QoS of NS/driver', 'durability VOLATILE'),
    'shared.topic': ('also published by NS/joystick', 'twist_mux'),
    'smoothed.stamp': ('NS/velocity_smoother', 'smoothed.stamp: now'),
    'muxed.stop_hold': ('NS/twist_mux is 3 s', 'muxed.stop_hold: 3.5'),
    'halted.nav.action': ('no node offers the action NS/navigate',
                          'halted.nav.action: NS/navigate_to_pose'),
    'backwards.odometry_topic': ('moves against what is commanded (reversed sign)', 'REP 103'),
    'still.odometry_topic': (
        'NS/wheel/odom has no publisher', 'still.odometry_topic: NS/wheels/odom'),
}


@pytest.fixture(scope='module')
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Finding]]]:
    """Return namespace and findings of the robot with the mistakes."""
    namespace = new_namespace()
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    mux = [Parameter('topics.joy.topic', value='muxed/joy'),
           Parameter('topics.joy.timeout', value=3.0), Parameter('topics.joy.priority', value=20),
           Parameter('topics.viam.topic', value='muxed/viam'),
           Parameter('topics.viam.timeout', value=9.0),
           Parameter('topics.viam.priority', value=10)]
    with nodes(namespace, 'driver', 'joystick', 'velocity_smoother') as [
            driver, joystick, smoother], nodes(
                namespace, 'twist_mux', parameter_overrides=mux,
                automatically_declare_parameters_from_overrides=True) as [twist_mux]:
        for name in ('typo', 'shared', 'halted', 'backwards', 'still'):
            driver.create_subscription(Twist, f'{name}/cmd_vel', print, 10)
        driver.create_subscription(TwistStamped, 'stamped/cmd_vel', print, 10)
        driver.create_subscription(Twist, 'latched/cmd_vel', print, latched)
        joystick.create_publisher(Twist, 'shared/cmd_vel', 10)
        smoother.create_subscription(TwistStamped, 'smoothed/cmd_vel', print, 10)
        twist_mux.create_subscription(Twist, 'muxed/viam', print, 10)
        driver.create_service(
            CancelGoal, 'navigate_to_pose/_action/cancel_goal', lambda request, answer: answer)
        driver.create_publisher(Odometry, 'wheels/odom', 10)
        with repeated(driver, Circle(driver, 'back/odom', speed=-0.3).publish,
                      Diagnostics(driver, namespace, 'backwards').publish):
            yield namespace, examine(tmp_path_factory.mktemp('seeded'), namespace, SEEDED)


@pytest.mark.parametrize('parameter', ADVICE)
def test_a_seeded_mistake_is_found_with_the_line_to_change(
        seeded: tuple[str, list[Finding]], parameter: str) -> None:
    namespace, findings = seeded
    what, change = (text.replace('NS', namespace) for text in ADVICE[parameter])
    [found] = [one for one in findings if one.parameter == parameter]
    assert what in found.what and change in found.change and found.why


def test_nothing_but_the_seeded_mistakes_is_found(seeded: tuple[str, list[Finding]]) -> None:
    assert {one.parameter for one in seeded[1]} == set(ADVICE)
