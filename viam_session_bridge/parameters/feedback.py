# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Feedback: topics that show rest and progress, of joints and of a whole robot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from viam_session_bridge.core.stop import JointRest, RestSettings
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True, kw_only=True)
class RestTable:
    """Parameters of every feedback that shows rest."""

    rest_by: str = field(default='both', metadata=described(
        "What must show rest: 'both' positions and velocities, where both are measured, or only "
        "'positions', for drivers that publish a configured speed, or noise, as the velocity. "
        'Positions that move are motion in either case', choices=('both', 'positions')))
    rest_dwell: float = field(default=0.3, metadata=described(
        'How long the resource must be at rest before a stop counts as done. Displacements and '
        'mean velocities are taken over this time. Shorter than stop_timeout', unit='s', low=0.1,
        high=10.0))
    feedback_timeout: float = field(default=0.5, metadata=described(
        'Age after which feedback is stale', unit='s', low=0.05, high=10.0))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows whether the resource is at rest; empty without feedback."""
        raise NotImplementedError

    @property
    def joint_rests(self) -> tuple[JointRest, ...]:
        """Return the joints that are measured; none where a whole robot is."""
        return ()

    @property
    def scale_of_joints(self) -> float:
        """Return the factor from a measured joint to the position that clients see."""
        return 1.0

    @property
    def continuous_joints(self) -> tuple[str, ...]:
        """Return the joints whose measured position jumps by a turn at the end of one."""
        return ()

    @property
    def ranges(self) -> tuple[Any, ...]:
        """Return where each joint may be measured; anywhere where none are given."""
        return ()

    @property
    def rest(self) -> RestSettings | None:
        """Return by what rest is judged; None without feedback."""
        if not self.feedback_topic:
            return None
        settings = RestSettings(
            dwell=self.rest_dwell, patience=self.feedback_timeout,
            by_positions=self.rest_by == 'positions', source=self.feedback_topic)
        joints = self.joint_rests
        return replace(settings, joints=joints) if joints else settings


@rule(RestTable, 'rest_dwell', 'stop_timeout')
def _rest_is_seen_before_a_stop_fails(own: Own, dwell: float, end: float) -> None:
    watched = any(entry.spec.form is Form.FEEDBACK_TOPIC and own.block.values.get(entry.name)
                  for entry in own.block.entries)
    if watched and dwell >= end:
        own.wrong('rest_dwell', f'{dwell:g}',
                  f'less than {own.stop_timeout} ({end:g} s), or every stop would fail')


@dataclass(frozen=True, kw_only=True)
class MoveTable:
    """Parameters of moves whose progress feedback shows."""

    move_start_timeout: float = field(default=3.0, metadata=described(
        'A move that has not begun after this time ends with an error, where feedback shows its '
        'progress; 0 waits until max_move_duration, for arms behind a planner', unit='s', low=0.0,
        high=600.0))
    max_move_duration: float = field(default=120.0, metadata=described(
        'Longest that a move may take, also one that is slower than commanded', unit='s', low=0.0,
        high=3600.0, low_excluded=True, mutable=True))


@dataclass(frozen=True, kw_only=True)
class VelocityFeedbackTable(RestTable):
    """Parameters of feedback that shows whether the robot is at rest."""

    odometry_topic: str = field(default='', metadata=described(
        'nav_msgs/msg/Odometry that shows whether the robot is at rest, and controls MoveStraight '
        'and Spin of a base', form=Form.FEEDBACK_TOPIC, message='nav_msgs/msg/Odometry',
        empty='no feedback: stops are not verified, moves of a base are timed'))
    velocity_topic: str = field(default='', metadata=described(
        'geometry_msgs/msg/TwistStamped with the measured velocity of the robot, such as from an '
        'IMU or the wheels. It alone shows rest then; odometry only controls moves. For '
        'controllers whose odometry repeats their commands (open_loop)',
        form=Form.FEEDBACK_TOPIC, message='geometry_msgs/msg/TwistStamped',
        empty='odometry_topic shows it'))
    rest_linear: float = field(default=0.02, metadata=described(
        'Mean measured speed below which the robot is at rest', unit='m/s', low=0.0, high=1.0,
        low_excluded=True))
    rest_angular: float = field(default=0.05, metadata=described(
        'Mean measured turning speed below which the robot is at rest', unit='rad/s', low=0.0,
        high=1.0, low_excluded=True))
    pose_noise: float = field(default=0.005, metadata=described(
        'Displacement of the odometry pose within rest_dwell up to which the robot is at rest',
        unit='m', low=0.0, high=1.0, low_excluded=True))
    heading_noise: float = field(default=0.00873, metadata=described(
        'Turn of the odometry pose within rest_dwell up to which the robot is at rest',
        unit='rad', low=0.0, high=1.0, low_excluded=True))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows the velocity of the robot."""
        return self.velocity_topic or self.odometry_topic

    @property
    def rest(self) -> RestSettings | None:
        """Return by what rest is judged; None without feedback."""
        settings = super().rest
        if settings is None or settings.joints:
            return settings
        return replace(
            settings, linear=self.rest_linear, angular=self.rest_angular,
            pose_noise=self.pose_noise, heading_noise=self.heading_noise,
            pose_source=self.odometry_topic)


@rule(VelocityFeedbackTable, 'rest_by', 'velocity_topic')
def _a_velocity_has_no_positions(own: Own, rest_by: str, velocity: str) -> None:
    if rest_by == 'positions' and velocity:
        own.wrong('rest_by', "'positions'",
                  f"'both': {own.velocity_topic} is configured and has no positions")
