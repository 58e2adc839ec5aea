# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Odometry from another process, as evidence of rest: what counts, and what does not."""

from itertools import count
import math
import time

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
import pytest
from rclpy.node import Node

from processes import Driver, Programs, wait_until
from viam_session_bridge.core.stop import BaseSample, RestSettings, RestWatch
from viam_session_bridge.parameters.feedback import VelocityFeedbackTable
from viam_session_bridge.ros.sources.odometry import OdometryFeedback, VelocityFeedback
from viam_session_bridge.ros.sources.tools import SourceTools

SETTINGS = RestSettings(dwell=0.2, patience=0.4)

_topics = count(1)


class Listener:
    """Passes feedback into a list and into a check for rest."""

    def __init__(self, node: Node) -> None:
        self.samples: list[BaseSample] = []
        self.watch = RestWatch(SETTINGS)
        self.topic = f'{node.get_namespace()}/odom{next(_topics)}'
        self.feedback = OdometryFeedback(
            VelocityFeedbackTable(odometry_topic=self.topic),
            SourceTools(node, self._take, time.monotonic))

    def _take(self, sample: BaseSample) -> None:
        self.watch.take(sample, time.monotonic())
        self.samples.append(sample)

    def at_rest(self, since: float) -> bool:
        return self.watch.at_rest(since, time.monotonic())


@pytest.fixture
def listener(node: Node) -> Listener:
    return Listener(node)


@pytest.fixture(scope='module')
def seen(node: Node) -> Listener:
    return Listener(node)


@pytest.fixture(scope='module')
def robot(seen: Listener, shared: Programs) -> Driver:
    return shared.driver(odometry=seen.topic, odometry_mode='moving')


def test_a_sample_is_pose_and_velocities(node: Node, listener: Listener) -> None:
    """Metres, radians; a robot that slides sideways moves as well."""
    message = Odometry()
    message.header.stamp.sec = 1
    twist = message.twist.twist
    twist.linear.x, twist.linear.y, twist.linear.z = -2.0, 3.0, 6.0
    twist.angular.x, twist.angular.y, twist.angular.z = 1.0, 4.0, -8.0
    pose = message.pose.pose
    pose.position.x, pose.position.y, pose.position.z = 1.5, -2.5, 3.5
    # -120 degrees about z.
    pose.orientation.z, pose.orientation.w = math.sin(-math.pi / 3), math.cos(-math.pi / 3)
    publisher = node.create_publisher(Odometry, listener.topic, 5)
    wait_until(publisher.get_subscription_count, 'a match')
    publisher.publish(message)
    (sample,) = wait_until(lambda: listener.samples, 'a sample')
    assert (sample.x, sample.y) == (1.5, -2.5)
    assert sample.yaw == pytest.approx(-2.0 * math.pi / 3.0)
    assert (sample.linear, sample.angular) == ((-2.0, 3.0, 6.0), (1.0, 4.0, -8.0))


def test_moving_is_seen_and_so_is_rest(seen: Listener, robot: Driver) -> None:
    """The plain case, from a publisher of default QoS."""
    robot.send(do='odometry', mode='moving')
    wait_until(lambda: seen.watch.moving(time.monotonic()), 'motion')
    since = time.monotonic()
    assert not seen.at_rest(since)
    robot.send(do='odometry', mode='rest')
    wait_until(lambda: seen.at_rest(since), 'rest')
    assert seen.samples[-1].linear == (0.0, 0.0, 0.0)


@pytest.mark.parametrize('mode', ['frozen', 'not_a_number', 'silent'])
def test_feedback_that_proves_nothing_is_never_rest(
        seen: Listener, robot: Driver, mode: str) -> None:
    """Unknown is not rest, however long it lasts; real rest is detected again afterwards."""
    robot.send(do='odometry', mode='moving')
    wait_until(lambda: seen.watch.moving(time.monotonic()), 'motion')
    robot.odometry(mode)
    since = time.monotonic()
    wait_until(lambda: seen.watch.moving(time.monotonic()) is None, 'that it is unknown')
    count = len(seen.samples)
    end = time.monotonic() + 3 * SETTINGS.patience

    def over() -> bool:
        assert not seen.at_rest(since)
        assert seen.watch.moving(time.monotonic()) is None
        return time.monotonic() >= end
    wait_until(over, 'the time has passed')
    if mode == 'not_a_number':
        assert math.isnan(seen.samples[-1].linear[0])
    else:
        # One sample may have been on its way.
        assert len(seen.samples) <= count + 1
    robot.send(do='odometry', mode='rest')
    wait_until(lambda: seen.at_rest(since), 'rest')


def test_odometry_without_stamps_counts(node: Node, listener: Listener) -> None:
    """With a stamp of zero, the time of receipt counts."""
    publisher = node.create_publisher(Odometry, listener.topic, 5)
    wait_until(publisher.get_subscription_count, 'a match')
    since = time.monotonic()

    def rests() -> bool:
        publisher.publish(Odometry())
        return listener.at_rest(since)
    wait_until(rests, 'rest')


def test_a_velocity_is_evidence_of_rest_without_a_pose(node: Node) -> None:
    """All directions count; what is frozen is not passed on."""
    samples: list[BaseSample] = []
    feedback = VelocityFeedback(
        VelocityFeedbackTable(velocity_topic=f'velocity{next(_topics)}'),
        SourceTools(node, samples.append, time.monotonic))
    message = TwistStamped()
    message.twist.linear.x, message.twist.linear.y, message.twist.angular.z = 3.0, -4.0, -0.5
    for stamp in (1, 1, 2):
        message.header.stamp.sec = stamp
        feedback._on_twist(message)
    assert samples == [BaseSample(
        linear=(3.0, -4.0, 0.0), angular=(0.0, 0.0, -0.5), has_pose=False)] * 2


def test_beside_a_velocity_odometry_does_not_show_rest(node: Node) -> None:
    """Its pose and twist may be what was commanded; it steers moves all the same."""
    samples: list[BaseSample] = []
    feedback = OdometryFeedback(
        VelocityFeedbackTable(odometry_topic=f'odom{next(_topics)}', velocity_topic='velocity'),
        SourceTools(node, samples.append, time.monotonic))
    feedback._on_odometry(Odometry())
    assert samples == [BaseSample(shows_rest=False)]
