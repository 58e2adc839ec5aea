# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback in: nav_msgs/Odometry as the measured velocity of a base.

Only what is new counts: odometry whose stamp does not advance is frozen, and is not passed on.
``open_loop`` controllers publish what was commanded; such odometry confirms nothing.
"""

from collections.abc import Callable
import math

from geometry_msgs.msg import Quaternion
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.core.course import BaseSample

FEEDBACK_QOS = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=5)


class OdometryFeedback:
    """Hands every fresh sample to a callable, on the executor's thread."""

    def __init__(self, node: Node, topic: str, take: Callable[[BaseSample], None]) -> None:
        self._take = take
        self._last_stamp: tuple[int, int] | None = None
        self._subscription = node.create_subscription(
            Odometry, topic, self._on_odometry, FEEDBACK_QOS)

    def _on_odometry(self, message: Odometry) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if stamp == self._last_stamp and stamp != (0, 0):
            return
        self._last_stamp = stamp
        linear, angular = message.twist.twist.linear, message.twist.twist.angular
        pose = message.pose.pose
        self._take(BaseSample(
            x=pose.position.x, y=pose.position.y, yaw=_yaw(pose.orientation),
            speed=math.hypot(linear.x, linear.y, linear.z),
            turn_rate=math.hypot(angular.x, angular.y, angular.z)))


def _yaw(orientation: Quaternion) -> float:
    """Return the rotation about z (rad) of a quaternion."""
    x, y, z, w = orientation.x, orientation.y, orientation.z, orientation.w
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
