# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Feedback in: sensor_msgs/JointState as position and speed of single joints.

Only what is new counts: joint states whose stamp does not advance are frozen, and are not passed
on. Names come in any order, and a message that lacks a joint says nothing about it.
"""

from collections.abc import Callable
import math
import time

from rclpy.node import Node
from sensor_msgs.msg import JointState

from viam_session_bridge.core.course import JointSample
from viam_session_bridge.ros.feedback import FEEDBACK_QOS


class JointStates:
    """One subscription for all that watch joints of one topic."""

    def __init__(self, node: Node, topic: str) -> None:
        self._watchers: list[JointWatcher] = []
        self._subscription = node.create_subscription(
            JointState, topic, self._on_joints, FEEDBACK_QOS)

    def watch(self, joint: str, take: Callable[[JointSample], None], scale: float = 1.0) -> None:
        """Hand every fresh sample of a joint, scaled, to a callable, on the executor's thread."""
        self._watchers.append(JointWatcher(joint, take, scale))

    def _on_joints(self, message: JointState) -> None:
        for watcher in self._watchers:
            watcher.hear(message)


class JointWatcher:
    """Finds one joint; differentiates its positions where the velocity is missing."""

    def __init__(self, joint: str, take: Callable[[JointSample], None],
                 scale: float = 1.0) -> None:
        self._joint = joint
        self._scale = scale
        self._take = take
        self._stamp: float | None = None
        self._at = -math.inf
        self._position = math.nan

    def hear(self, message: JointState) -> None:
        """Take a message, if it is new and speaks of the joint."""
        if self._joint not in message.name:
            return
        index = message.name.index(self._joint)
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        if stamp == self._stamp and stamp != 0.0:
            return
        # Without a stamp, the time of receipt must do.
        at = stamp or time.monotonic()
        elapsed, before = at - self._at, self._position
        # An array that is too short holds nothing about this joint.
        position, velocity = (
            values[index] * self._scale if index < len(values) else math.nan
            for values in (message.position, message.velocity))
        if math.isnan(velocity) and elapsed > 0.0:
            velocity = (position - before) / elapsed
        self._stamp, self._at, self._position = stamp, at, position
        self._take(JointSample((position,), abs(velocity)))
