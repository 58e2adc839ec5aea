# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What counts as another command than our own: content, never stamps or noise."""

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped, Vector3
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.topic_listener import alike, LEAST_HEARD, TopicListener

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
def test_these_say_the_same(one: object, other: object) -> None:
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
def test_these_do_not(one: object, other: object) -> None:
    assert not alike(one, other) and not alike(other, one)


def test_where_messages_do_not_tell_their_sender_what_we_said_is_known(node: Node) -> None:
    """As with the rclpy of Jazzy: our own stop, and the motion before it, are nobody else's."""
    output = OutputTopic(
        node, 'base', Twist, 'anonymous', driver_node='', on_appear=lambda: None, choice='')
    ear = TopicListener.opened(node, output, [output])
    assert ear is not None
    ear.others = {'/teleop': frozenset()}
    for message in (AHEAD, ZERO):
        output.publish(message)
    for _ in range(2 * LEAST_HEARD):
        ear._hear(Twist(linear=Vector3(x=0.1)), {})
        ear._hear(Twist(), {})
    assert not ear.news()
    for number in range(LEAST_HEARD):
        assert not ear.news(), f'{number} messages may be stray ones'
        ear._hear(Twist(linear=Vector3(x=0.2)), {})
    assert ear.news() == {'/teleop'}
    assert not ear.news()
    ear.close()


def test_an_ear_is_counted_exactly_and_at_once(node: Node) -> None:
    """Every publisher of ours on its topic is matched with it, and leaves it out."""
    outputs = [
        OutputTopic(node, name, Twist, 'ear', driver_node='', on_appear=lambda: None, choice='')
        for name in ('one', 'two')]
    ear = TopicListener.opened(node, outputs[0], outputs)
    assert ear is not None
    assert [(one.matched, one.listeners) for one in outputs] == [(1, 0)] * 2
    assert 'nobody listens' in outputs[0].path_problem()
    ear.close()
    assert [(one.matched, one.listeners) for one in outputs] == [(0, 0)] * 2
