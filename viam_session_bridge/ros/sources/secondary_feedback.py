# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback that is no evidence of motion or rest: the pose of an arm's tip, and the description.

A reader gets the newest message that was received.
"""

from dataclasses import dataclass

from geometry_msgs.msg import PoseStamped
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

    def __init__(self, config: SeveralJointsConfig, tools: SourceTools) -> None:
        # Replaced as a whole: other threads read it.
        self._text = ''
        self._subscription = tools.node.create_subscription(
            String, config.robot_description_topic, self._take, LATCHED_QOS)

    def __call__(self) -> str:
        """Return the text; empty while none has arrived."""
        return self._text

    def _take(self, message: String) -> None:
        self._text = message.data


class PoseFeedback:
    """
    The pose of the tip of an arm, from geometry_msgs/PoseStamped.

    Poses in other frames than pose_frame are ignored.
    """

    def __init__(self, config: ArmConfig, tools: SourceTools) -> None:
        self._node = tools.node
        self._resource = config.name
        self._frame = config.pose_frame
        self._patience = config.feedback_timeout
        self._clock = tools.clock
        self._is_new = StampCheck()
        # Replaced as a whole: other threads read it.
        self._newest: tuple[float, PoseGoal] | None = None
        self._subscription = tools.node.create_subscription(
            PoseStamped, config.pose_topic, self._take, FEEDBACK_QOS)

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


SOURCES = {'robot_description_topic': Description, 'pose_topic': PoseFeedback}


@dataclass(frozen=True)
class SecondaryFeedback:
    """The feedback of a resource that is no evidence of rest; None if it is not configured."""

    description: Description | None = None
    pose: PoseFeedback | None = None
