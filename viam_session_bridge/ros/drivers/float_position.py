# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A joint that takes its position as one number in a std_msgs message: a servo, a lift, a gripper.

A Bool knows two positions and nothing between them, so that such a joint is not led along.
What a stop sends depends on the configuration: the measured position, the number that was told
last, or a fixed one.
"""

from collections.abc import Callable

from rclpy.node import Node

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.ros.drivers.float import NumberTopic
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.positions import Joints, NUMBER, Positions
from viam_session_bridge.ros.joint_states import JointReading


class FloatPositionDriver:
    """
    Publishes the position of one joint as a number, and leads it along its way.

    stop: 'hold', 'last' or 'number' (see positions), which is scaling.neutral. message: a key of
    float.MESSAGES.
    """

    def __init__(self, node: Node, resource: str, topic: str, joints: Joints, *, message: str,
                 scaling: Scaling, stop: str, driver_node: str,
                 on_appear: Callable[[], None]) -> None:
        self._scaling = scaling
        self._fixed = stop == NUMBER
        self._is_bool = message == 'bool'
        self._positions = Positions(resource, joints, stop, leads=not self._is_bool)
        self._output = NumberTopic(
            node, resource, topic, message=message, driver_node=driver_node, on_appear=on_appear)

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        self._positions.observe(reading.positions, reading)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish where the joint should be by the next tick."""
        self._publish(self._positions.moving(setpoint, epoch))

    def stop(self, epoch: int) -> None:
        """Publish what a stop sends, if it sends anything."""
        positions = self._positions.stopping(epoch)
        if self._fixed:
            self._output.publish(self._scaling.neutral)
        elif positions is not None:
            self._publish(positions)

    def _publish(self, positions: tuple[float, ...]) -> None:
        number = self._scaling.bounded(positions[0])
        # What should be 0 may be a little more, after the scale.
        self._output.publish(float(number > 0.5) if self._is_bool else number)

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem() or self._positions.path_problem()
