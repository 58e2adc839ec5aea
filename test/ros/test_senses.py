# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What is heard beside motion: the tip's pose and the robot's description; what says nothing."""

from collections.abc import Iterator
from itertools import count
import math

from geometry_msgs.msg import PoseStamped
import pytest
from rclpy.node import Node

from processes import Programs, wait_until
from simulated_joints import SimulatedJoints
from viam_session_bridge.core.setpoints import PoseGoal
from viam_session_bridge.ros.sources.senses import Description, PoseFeedback

_topics = count(1)


class Ear:
    """Poses as they arrive, on a clock of our own."""

    def __init__(self, node: Node) -> None:
        self.now = 0.0
        self.pose = PoseFeedback(
            node, 'arm', f'pose{next(_topics)}', 'base_link', 0.5, lambda: self.now)

    def hear(self, now: float, x: float, frame: str = 'base_link', stamp: int = 0,
             w: float = 1.0) -> None:
        self.now = now
        message = PoseStamped()
        message.header.frame_id, message.header.stamp.sec = frame, stamp
        message.pose.position.x, message.pose.orientation.w = x, w
        self.pose._take(message)


@pytest.fixture
def ear(node: Node) -> Iterator[Ear]:
    yield Ear(node)


def test_a_pose_is_known_while_it_is_fresh(ear: Ear) -> None:
    """Metres, and a quaternion; old ones say nothing."""
    assert ear.pose() is None
    ear.hear(1.0, 0.25)
    assert ear.pose() == PoseGoal((0.25, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), 'base_link')
    ear.now = 1.49
    assert ear.pose() is not None
    ear.now = 1.5
    assert ear.pose() is None


def test_what_says_nothing_is_ignored(ear: Ear) -> None:
    """Another frame, a stamp that stands still, no number, and no turn."""
    ear.hear(1.0, 0.25, stamp=7)
    ear.hear(1.1, 0.5, stamp=8, frame='tool')
    ear.hear(1.2, 0.5, stamp=7)
    ear.hear(1.3, math.nan, stamp=8)
    ear.hear(1.4, 0.5, stamp=9, w=0.0)
    pose = ear.pose()
    assert pose is not None and pose.position[0] == 0.25
    ear.now = 1.5
    assert ear.pose() is None


def test_a_frozen_pose_grows_old(ear: Ear) -> None:
    """The same stamp again and again is one pose."""
    for step in range(10):
        ear.hear(1.0 + step / 10, 0.25, stamp=7)
    assert ear.pose() is None


def test_a_description_is_heard_by_those_who_come_late(node: Node, programs: Programs) -> None:
    """As robot_state_publisher publishes it: once."""
    topic = node.resolve_topic_name(f'description{next(_topics)}')
    programs.add(SimulatedJoints(f'{topic}/command', 'a', description=topic, urdf='<robot/>'))
    description = Description(node, topic)
    wait_until(lambda: description() == '<robot/>', 'the description')
