# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Mobile bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.stop import RestSettings
from viam_session_bridge.parameters.feedback import MoveTable, VelocityFeedbackTable
from viam_session_bridge.parameters.resources import ActuatedConfig, COMMAND_TOPIC
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True, kw_only=True)
class TwistTable:
    """Parameters of driver 'twist': geometry_msgs/msg/Twist."""

    TAKES: ClassVar[tuple[type, ...]] = (Velocity,)

    topic: str = field(metadata=COMMAND_TOPIC)


@dataclass(frozen=True, kw_only=True)
class TwistStampedTable(TwistTable):
    """Parameters of driver 'twist_stamped': geometry_msgs/msg/TwistStamped."""

    frame_id: str = field(default='base_link', metadata=described(
        'Frame of the twist, written into the header', form=Form.FRAME))
    stamp: str = field(default='zero', metadata=described(
        "Stamp of each message: 'zero' (the receiver takes the time of arrival: immune to clock "
        "skew; for ros2_control bases, also behind twist_mux and collision_monitor) or 'now' (ROS "
        "time; needed by MoveIt Servo and upstream of nav2's velocity_smoother, which adds time "
        'to an empty stamp, so that controllers drop what it publishes)',
        choices=('zero', 'now')))


@dataclass(frozen=True, kw_only=True)
class BaseConfig(VelocityFeedbackTable, MoveTable, TwistStampedTable, ActuatedConfig):
    """A mobile base."""

    API = 'base'
    DRIVERS: ClassVar[Mapping[str, type]] = {
        'twist': TwistTable, 'twist_stamped': TwistStampedTable}

    holonomic: bool = field(default=False, metadata=described(
        'The base can move sideways'))
    max_linear_speed: float = field(default=0.3, metadata=described(
        'Faster commands are clamped to this; also the speed of full power for SetPower',
        unit='m/s', low=0.0, high=20.0, low_excluded=True, mutable=True))
    max_angular_speed: float = field(default=1.0, metadata=described(
        'Faster turns are clamped to this; also the speed of full power for SetPower',
        unit='rad/s', low=0.0, high=20.0, low_excluded=True, mutable=True))
    linear_deceleration: float = field(default=0.5, metadata=described(
        'Deceleration towards the end of a MoveStraight that odometry controls',
        unit='m/s^2', low=0.0, high=50.0, low_excluded=True, mutable=True))
    angular_deceleration: float = field(default=1.0, metadata=described(
        'Deceleration towards the end of a Spin that odometry controls',
        unit='rad/s^2', low=0.0, high=100.0, low_excluded=True, mutable=True))
    allow_timed_moves: bool = field(default=True, metadata=described(
        'Accept MoveStraight and Spin although no odometry shows their progress. They are timed '
        'then, and the log reports it'))
    width_meters: float = field(default=0.0, metadata=described(
        'Distance between the wheels, for GetProperties; 0 is unknown', unit='m', low=0.0,
        high=100.0))
    turning_radius_meters: float = field(default=0.0, metadata=described(
        'Smallest turning radius, for GetProperties; 0 turns on the spot', unit='m', low=0.0,
        high=1000.0))
    wheel_circumference_meters: float = field(default=0.0, metadata=described(
        'Circumference of a wheel, for GetProperties; 0 is unknown', unit='m', low=0.0,
        high=100.0))
    size_meters: tuple[float, ...] = field(default=(), metadata=described(
        'Length (x), width (y) and height (z) of the box that GetGeometries returns', unit='m',
        low=0.0, high=100.0, low_excluded=True, length=3, empty='no geometry'))

    @property
    def limits(self) -> VelocityLimits:
        """Return its limits."""
        return VelocityLimits(self.max_linear_speed, self.max_angular_speed, self.holonomic)

    @property
    def rest(self) -> RestSettings | None:
        """Return how rest is judged; None without feedback."""
        settings = super().rest
        return settings and replace(
            settings, fastest_linear=self.max_linear_speed,
            fastest_angular=self.max_angular_speed)
