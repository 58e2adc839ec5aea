# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback that is no evidence of motion or rest: the pose of an arm's tip, and the description.

A reader gets the newest message that was received.
"""

from collections.abc import Callable
from dataclasses import dataclass

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import String

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import PoseGoal
from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.joints import SeveralJointsConfig
from viam_session_bridge.ros.profiles import FEEDBACK_QOS, LATCHED_QOS
from viam_session_bridge.ros.sources.odometry import StampCheck
from viam_session_bridge.ros.sources.tools import SourceTools


class Description:
    """The URDF of the robot, from std_msgs/String."""

    def __init__(self, node: Node, topic: str) -> None:
        # Replaced as a whole: other threads read it.
        self._text = ''
        self._subscription = node.create_subscription(String, topic, self._take, LATCHED_QOS)

    def __call__(self) -> str:
        """Return the text; empty while none has arrived."""
        return self._text

    def _take(self, message: String) -> None:
        self._text = message.data


class PoseFeedback:
    """
    The pose of the tip of an arm, from geometry_msgs/PoseStamped.

    frame: poses in other frames are ignored. patience: age (s) from which a pose is stale; clock:
    steady, in seconds.
    """

    def __init__(self, node: Node, resource: str, topic: str, frame: str, patience: float,
                 clock: Callable[[], float]) -> None:
        self._node = node
        self._resource = resource
        self._frame = frame
        self._patience = patience
        self._clock = clock
        self._is_new = StampCheck()
        # Replaced as a whole: other threads read it.
        self._newest: tuple[float, PoseGoal] | None = None
        self._subscription = node.create_subscription(
            PoseStamped, topic, self._take, FEEDBACK_QOS)

    def __call__(self) -> PoseGoal | None:
        """Return the pose; None while it is unknown or stale."""
        return self.within(self._patience)

    def within(self, seconds: float) -> PoseGoal | None:
        """Return the newest pose if its age is below this limit (s), even if it is stale."""
        newest = self._newest
        if newest is None or self._clock() - newest[0] >= seconds:
            return None
        return newest[1]

    def _take(self, message: PoseStamped) -> None:
        if message.header.frame_id != self._frame:
            self._node.get_logger().warning(
                f'{self._resource}.pose_topic: a pose in frame {message.header.frame_id!r} is '
                f'ignored; {self._resource}.pose_frame is {self._frame!r}',
                throttle_duration_sec=10.0)
            return
        if not self._is_new(message):
            return
        position, turn = message.pose.position, message.pose.orientation
        try:
            pose = PoseGoal((position.x, position.y, position.z),
                            (turn.x, turn.y, turn.z, turn.w), self._frame)
        except InvalidCommand:
            return  # not a valid pose
        self._newest = self._clock(), pose


def description(config: SeveralJointsConfig, tools: SourceTools) -> Description:
    """Read the description of the robot."""
    return Description(tools.node, config.robot_description_topic)


def pose(config: ArmConfig, tools: SourceTools) -> PoseFeedback:
    """Read the pose of an arm's tip."""
    return PoseFeedback(tools.node, config.name, config.pose_topic, config.pose_frame,
                        config.feedback_timeout, tools.clock)


SOURCES = {'robot_description_topic': description, 'pose_topic': pose}


@dataclass(frozen=True)
class SecondaryFeedback:
    """The feedback of a resource that is no evidence of rest; None if it is not configured."""

    description: Description | None = None
    pose: PoseFeedback | None = None
