# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What counts as a command of another node: the content, not stamps or noise."""

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped, Vector3
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from processes import wait_until
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.topic_listener import alike, LEAST_RECEIVED, TopicListener

ZERO = Twist()
AHEAD = Twist(linear=Vector3(x=0.1))


def stamped(twist: Twist, seconds: int) -> TwistStamped:
    return TwistStamped(header=Header(stamp=Time(sec=seconds)), twist=twist)


@pytest.mark.parametrize(('one', 'other'), [
    (ZERO, Twist()),
    (ZERO, Twist(linear=Vector3(x=-0.0))),
    (ZERO, Twist(angular=Vector3(z=1e-9))),
    (stamped(ZERO, 1), stamped(ZERO, 2)),
    (Float64(data=0.5), Float64(data=0.5)),
    (Float64MultiArray(data=[0.0, 1.0]), Float64MultiArray(data=[0.0, 1.0])),
    (JointState(name=['a'], position=[1.0]), JointState(name=['a'], position=[1.0])),
])
def test_these_are_the_same_command(one: object, other: object) -> None:
    assert alike(one, other) and alike(other, one)


@pytest.mark.parametrize(('one', 'other'), [
    (ZERO, AHEAD),
    (ZERO, Twist(angular=Vector3(z=float('nan')))),
    (stamped(ZERO, 1), stamped(AHEAD, 1)),
    (Bool(data=True), Bool(data=False)),
    (Float64MultiArray(data=[0.0]), Float64MultiArray(data=[0.0, 1.0])),
    (JointState(name=['a'], position=[1.0]), JointState(name=['b'], position=[1.0])),
    (JointTrajectory(points=[JointTrajectoryPoint(positions=[1.0])]),
     JointTrajectory(points=[JointTrajectoryPoint(positions=[2.0])])),
])
def test_these_are_different_commands(one: object, other: object) -> None:
    assert not alike(one, other) and not alike(other, one)


def test_without_a_sender_in_the_message_our_own_messages_are_recognized(node: Node) -> None:
    """As with the rclpy of Jazzy: our own stop and the motion before it do not count."""
    output = OutputTopic(
        node, 'base', Twist, 'anonymous', driver_node='', on_appear=lambda: None, choice='')
    monitor = TopicListener.opened(node, output, [output])
    assert monitor is not None
    monitor.others = {'/teleop': frozenset()}
    for message in (AHEAD, ZERO):
        output.publish(message)
    for _ in range(2 * LEAST_RECEIVED):
        monitor._on_message(Twist(linear=Vector3(x=0.1)), {})
        monitor._on_message(Twist(), {})
    assert not monitor.news()
    for number in range(LEAST_RECEIVED):
        assert not monitor.news(), f'{number} messages may be stray ones'
        monitor._on_message(Twist(linear=Vector3(x=0.2)), {})
    assert monitor.news() == {'/teleop'}
    assert not monitor.news()
    monitor.close()


def test_a_monitoring_subscription_is_counted_exactly_and_at_once(node: Node) -> None:
    """Each of our publishers on its topic is matched with it, and excludes it."""
    outputs = [
        OutputTopic(node, name, Twist, 'topic', driver_node='', on_appear=lambda: None, choice='')
        for name in ('one', 'two')]
    counts: list[list[tuple[int, int]]] = []
    problems: list[str] = []

    def count() -> None:
        counts.append([(one.matched, one.subscribers) for one in outputs])

    def open_and_close() -> None:
        monitor = TopicListener.opened(node, outputs[0], outputs)
        assert monitor is not None
        count()
        problems.append(outputs[0].path_problem())
        monitor.close()
        count()

    # On the executor's thread, as in the bridge: an executor that waits for its messages meanwhile
    # would keep it.
    assert node.executor is not None
    done = node.executor.create_task(open_and_close)
    wait_until(done.done, 'the task')
    done.result()
    assert counts == [[(1, 0)] * 2, [(0, 0)] * 2]
    assert 'has no subscriber' in problems[0]
