# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A driver for a base whose two wheels receive their speeds in a std_msgs/Float64MultiArray."""

from dataclasses import dataclass, field
from typing import Any

from std_msgs.msg import Float64MultiArray

from viam_session_bridge.plugin import described, Form, Setpoint, Tools, Velocity


@dataclass(frozen=True, kw_only=True)
class WheelsTable:
    """Parameters of driver 'wheels'."""

    topic: str = field(metadata=described(
        'Topic of the wheels: left and right, rad/s', form=Form.OUTPUT_TOPIC))
    wheel_radius: float = field(metadata=described(
        'Radius of a wheel', unit='m', low=0.0, high=2.0, low_excluded=True))
    wheel_distance: float = field(metadata=described(
        'Distance between the wheels', unit='m', low=0.0, high=10.0, low_excluded=True))


class WheelsDriver:
    """Converts the velocity of a base to the speeds of its wheels."""

    APIS = ('base',)
    TABLE = WheelsTable

    def __init__(self, config: Any, tools: Tools) -> None:
        self._radius = config.wheel_radius
        self._half = config.wheel_distance / 2.0
        self._output = tools.output(Float64MultiArray, config.topic)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish the wheel speeds; called repeatedly while the base moves."""
        if not isinstance(setpoint, Velocity):
            raise TypeError(f'driver wheels does not support {setpoint}')
        ahead, turn = setpoint.linear[0], setpoint.angular[2] * self._half
        self._publish((ahead - turn) / self._radius, (ahead + turn) / self._radius)

    def stop(self, epoch: int) -> None:
        """Publish zero speeds; called repeatedly until the stop is done."""
        self._publish(0.0, 0.0)

    def path_problem(self) -> str:
        """Return why a stop would not arrive; empty if it would arrive."""
        return self._output.path_problem()

    def _publish(self, left: float, right: float) -> None:
        self._output.publish(Float64MultiArray(data=[left, right]))
