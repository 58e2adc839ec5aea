# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of feedback on how fast a whole robot is: odometry, or a velocity from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from viam_session_bridge.ros.parameter_spec import described, Form


@dataclass(frozen=True, kw_only=True)
class VelocityFeedbackTable:
    """Parameters of feedback that shows whether the robot rests."""

    odometry_topic: str = field(default='', metadata=described(
        'nav_msgs/msg/Odometry that shows whether the robot is at rest', form=Form.FEEDBACK_TOPIC,
        message='nav_msgs/msg/Odometry', empty='no feedback: stops are not verified'))
    velocity_topic: str = field(default='', metadata=described(
        'geometry_msgs/msg/TwistStamped that shows how fast the robot really is, such as from an '
        'IMU or the wheels, for rest only. With odometry as well, both must show rest: for '
        'controllers whose odometry is what they were commanded (open_loop)',
        form=Form.FEEDBACK_TOPIC, message='geometry_msgs/msg/TwistStamped',
        empty='odometry_topic shows it'))
    rest_linear: float = field(default=0.02, metadata=described(
        'Measured speed below which the robot is at rest', unit='m/s', low=0.0, high=1.0,
        low_excluded=True))
    rest_angular: float = field(default=0.05, metadata=described(
        'Measured turning speed below which the robot is at rest', unit='rad/s', low=0.0,
        high=1.0, low_excluded=True))
    rest_dwell: float = field(default=0.3, metadata=described(
        'How long the robot must be at rest before a stop counts as done. Shorter than '
        'stop_timeout', unit='s', low=0.0, high=10.0))
    feedback_timeout: float = field(default=0.5, metadata=described(
        'Age after which feedback no longer says anything', unit='s', low=0.05,
        high=10.0))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows how fast the robot is."""
        return self.velocity_topic or self.odometry_topic
