# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A base whose two wheels take their speeds from one std_msgs/Float64MultiArray."""

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
    """Turns the velocity of a base into the speeds of its wheels."""

    APIS = ('base',)
    TABLE = WheelsTable

    def __init__(self, config: Any, tools: Tools) -> None:
        self._radius = config.wheel_radius
        self._half = config.wheel_distance / 2.0
        self._output = tools.output(Float64MultiArray, config.topic)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Tell the wheels; called again and again while the base moves."""
        if not isinstance(setpoint, Velocity):
            raise TypeError(f'wheels cannot do {setpoint}')
        ahead, turn = setpoint.linear[0], setpoint.angular[2] * self._half
        self._tell((ahead - turn) / self._radius, (ahead + turn) / self._radius)

    def stop(self, epoch: int) -> None:
        """Tell the wheels to stand; called again and again until the stop is done."""
        self._tell(0.0, 0.0)

    def path_problem(self) -> str:
        """Say why a stop would not arrive; empty when it would."""
        return self._output.path_problem()

    def _tell(self, left: float, right: float) -> None:
        self._output.publish(Float64MultiArray(data=[left, right]))
