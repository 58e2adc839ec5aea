# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Feedback that is no evidence of rest: the tip's pose and the robot's description."""

from collections.abc import Iterator
from itertools import count
import math
import time
from types import SimpleNamespace
from typing import Any

from geometry_msgs.msg import PoseStamped
import pytest
from rclpy.node import Node

from processes import Programs, wait_until
from simulated_joints import SimulatedJoints
from viam_session_bridge.core.setpoints import PoseGoal
from viam_session_bridge.ros.sources.secondary_feedback import Description, PoseFeedback
from viam_session_bridge.ros.sources.tools import SourceTools

_topics = count(1)


class Received:
    """Received poses, with a simulated clock."""

    def __init__(self, node: Node) -> None:
        self.now = 0.0
        config: Any = SimpleNamespace(
            name='arm', pose_topic=f'pose{next(_topics)}', pose_frame='base_link',
            feedback_timeout=0.5)
        self.pose = PoseFeedback(
            config, SourceTools(node, lambda sample: None, lambda: self.now))

    def publish(self, now: float, x: float, frame: str = 'base_link', stamp: int = 0,
                w: float = 1.0) -> None:
        self.now = now
        message = PoseStamped()
        message.header.frame_id, message.header.stamp.sec = frame, stamp
        message.pose.position.x, message.pose.orientation.w = x, w
        self.pose._take(message)


@pytest.fixture
def received(node: Node) -> Iterator[Received]:
    yield Received(node)


def test_a_pose_is_known_while_it_is_fresh(received: Received) -> None:
    """Metres, and a quaternion; stale ones are ignored."""
    assert received.pose() is None
    received.publish(1.0, 0.25)
    assert received.pose() == PoseGoal((0.25, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), 'base_link')
    received.now = 1.49
    assert received.pose() is not None
    received.now = 1.5
    assert received.pose() is None


def test_an_invalid_pose_is_ignored(received: Received) -> None:
    """Another frame, a repeated stamp, not a number, and no rotation."""
    received.publish(1.0, 0.25, stamp=7)
    received.publish(1.1, 0.5, stamp=8, frame='tool')
    received.publish(1.2, 0.5, stamp=7)
    received.publish(1.3, math.nan, stamp=8)
    received.publish(1.4, 0.5, stamp=9, w=0.0)
    pose = received.pose()
    assert pose is not None and pose.position[0] == 0.25
    received.now = 1.5
    assert received.pose() is None


def test_a_frozen_pose_becomes_stale(received: Received) -> None:
    """A repeated stamp is one pose."""
    for step in range(10):
        received.publish(1.0 + step / 10, 0.25, stamp=7)
    assert received.pose() is None


def test_a_description_is_received_by_a_late_subscriber(node: Node, programs: Programs) -> None:
    """As robot_state_publisher publishes it: once."""
    topic = node.resolve_topic_name(f'description{next(_topics)}')
    programs.add(SimulatedJoints(f'{topic}/command', 'a', description=topic, urdf='<robot/>'))
    config: Any = SimpleNamespace(robot_description_topic=topic)
    description = Description(config, SourceTools(node, lambda sample: None, time.monotonic))
    wait_until(lambda: description() == '<robot/>', 'the description')
