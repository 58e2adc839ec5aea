# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""An actuator that takes one number in a std_msgs message. A stop is the neutral number."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool, Float32, Float64, Int16, Int32

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.output import OutputTopic

MESSAGES: dict[str, type] = {
    'float64': Float64, 'float32': Float32, 'int16': Int16, 'int32': Int32, 'bool': Bool}

# What fits into the integers; a number beyond is cut to it.
_BOUNDS = {'int16': 2 ** 15 - 1, 'int32': 2 ** 31 - 1}


def message_of(message: str, number: float) -> Any:
    """Return a message of this key of MESSAGES; the number must fit."""
    if message == 'bool':
        return Bool(data=bool(number))
    return MESSAGES[message](data=int(number) if message in _BOUNDS else number)


class NumberTopic:
    """Publishes one number in a message, a key of MESSAGES. Integers are rounded."""

    def __init__(self, node: Node, resource: str, topic: str, *, message: str, driver_node: str,
                 on_appear: Callable[[], None]) -> None:
        self._message = message
        self._bound = _BOUNDS.get(message)
        self._output = OutputTopic(
            node, resource, MESSAGES[message], topic, driver_node=driver_node, on_appear=on_appear,
            choice=f'{resource}.message')

    @property
    def name(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def publish(self, number: float) -> None:
        """Publish a number; of a bool: whether it is not 0."""
        if self._bound is not None:
            number = min(self._bound, max(-self._bound - 1, round(number)))
        self._output.publish(message_of(self._message, number))

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()


class FloatDriver:
    """
    Publishes one number, for a speed or a power.

    message: a key of MESSAGES. A bool is neutral, or its opposite for any motion.
    """

    def __init__(self, node: Node, resource: str, topic: str, *, message: str, scaling: Scaling,
                 driver_node: str, on_appear: Callable[[], None]) -> None:
        self._scaling = scaling
        self._inverted = message == 'bool'
        self._output = NumberTopic(
            node, resource, topic, message=message, driver_node=driver_node, on_appear=on_appear)

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish the number for a wish."""
        number = self._scaling.number(setpoint)
        self._output.publish(not self._scaling.neutral if self._inverted else number)

    def stop(self, epoch: int) -> None:
        """Publish the neutral number."""
        self._output.publish(self._scaling.neutral)

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()
