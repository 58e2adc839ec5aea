# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback: nav_msgs/Odometry and geometry_msgs/TwistStamped as the measured velocity of a base.

Only new messages count: one whose stamp does not advance is frozen, and is not passed on.
``open_loop`` controllers publish the commanded velocity; such odometry verifies no stop, but a
velocity from another source does.
"""

import math
from typing import Any

from geometry_msgs.msg import Quaternion, Twist, TwistStamped
from nav_msgs.msg import Odometry

from viam_session_bridge.core.setpoints import Vector
from viam_session_bridge.core.stop import BaseSample
from viam_session_bridge.parameters.feedback import VelocityFeedbackTable
from viam_session_bridge.ros.profiles import FEEDBACK_QOS
from viam_session_bridge.ros.sources.tools import SourceTools


class OdometryFeedback:
    """Passes every fresh sample of a resource's odometry on, on the executor's thread."""

    def __init__(self, config: VelocityFeedbackTable, tools: SourceTools) -> None:
        self._take = tools.measured
        # If a velocity from another source shows rest, this only steers moves.
        self._shows_rest = not config.velocity_topic
        self._is_new = StampCheck()
        self._subscription = tools.node.create_subscription(
            Odometry, config.odometry_topic, self._on_odometry, FEEDBACK_QOS)

    def _on_odometry(self, message: Odometry) -> None:
        if not self._is_new(message):
            return
        pose = message.pose.pose
        linear, angular = _vectors(message.twist.twist)
        self._take(BaseSample(
            x=pose.position.x, y=pose.position.y, yaw=_yaw(pose.orientation), linear=linear,
            angular=angular, shows_rest=self._shows_rest))


class VelocityFeedback:
    """Passes every fresh velocity of a resource on, as a sample without a pose."""

    def __init__(self, config: VelocityFeedbackTable, tools: SourceTools) -> None:
        self._take = tools.measured
        self._is_new = StampCheck()
        self._subscription = tools.node.create_subscription(
            TwistStamped, config.velocity_topic, self._on_twist, FEEDBACK_QOS)

    def _on_twist(self, message: TwistStamped) -> None:
        if self._is_new(message):
            linear, angular = _vectors(message.twist)
            self._take(BaseSample(linear=linear, angular=angular, has_pose=False))


SOURCES = {'odometry_topic': OdometryFeedback, 'velocity_topic': VelocityFeedback}


class StampCheck:
    """Checks whether a message's stamp differs from the previous one; 0 counts as new."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def __call__(self, message: Any) -> bool:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        is_new = stamp != self._last or stamp == (0, 0)
        self._last = stamp
        return is_new


def _vectors(twist: Twist) -> tuple[Vector, Vector]:
    """Return the linear (m/s) and the angular (rad/s) velocity."""
    linear, angular = twist.linear, twist.angular
    return (linear.x, linear.y, linear.z), (angular.x, angular.y, angular.z)


def _yaw(orientation: Quaternion) -> float:
    """Return the rotation about z (rad) of a quaternion."""
    x, y, z, w = orientation.x, orientation.y, orientation.z, orientation.w
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
