# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The std_msgs/Float64MultiArray that resources share, as group controllers take it."""

from collections.abc import Callable
import math
from typing import Protocol

from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

from viam_session_bridge.ros.drivers.output import OutputTopic


class Member(Protocol):
    """One member of a shared array."""

    resource: str
    on_appear: Callable[[], None]

    def refresh(self) -> None:
        """Update the numbers of joints without a command, before the array is published."""

    def feedback_problem(self) -> str:
        """Return why the numbers that hold its position are unknown; empty if they are known."""


class FloatArray:
    """
    The array. Indices of its members run from 0 without a gap.

    Each resource has one index or several. The commands of one pass of the pump are published in
    one message.
    """

    def __init__(self, node: Node, resource: str, topic: str) -> None:
        self._members: list[Member] = []
        # NaN while the position of a joint is unknown.
        self._numbers: dict[int, float] = {}
        self._owners: dict[int, str] = {}
        self._changed = False
        self._output = OutputTopic(
            node, resource, Float64MultiArray, topic, driver_node='', on_appear=self._on_appear,
            choice='another topic')
        # The resources that share it, as keys.
        self.resources = self._output.resources

    def add(self, member: Member, numbers: dict[int, float]) -> None:
        """Add a member, with the numbers of its indices until it notes others."""
        self._members.append(member)
        self.resources[member.resource] = None
        self._numbers.update(numbers)
        self._owners.update(dict.fromkeys(numbers, member.resource))

    def note(self, index: int, number: float) -> None:
        """Note a number for the next message."""
        self._numbers[index] = number
        self._changed = True

    def flush(self) -> None:
        """
        Publish what was noted, if anything was.

        Raises RuntimeError while the position of a joint in it is unknown.
        """
        if not self._changed:
            return
        for member in self._members:
            member.refresh()
        self._changed = False
        unknown = self._unknown()
        if unknown:
            raise RuntimeError(f'no position was ever measured of {", ".join(unknown)}')
        self._output.publish(Float64MultiArray(
            data=[self._numbers[index] for index in sorted(self._numbers)]))

    def path_problem(self, resource: str, driver_node: str) -> str:
        """
        Return why a stop of a member would not arrive at its driver; empty when it would.

        It would not while the position of another resource in the array is unknown.
        """
        return self._output.path_problem(resource, driver_node) or next(
            filter(None, (member.feedback_problem() for member in self._members)), '')

    def _unknown(self) -> list[str]:
        """Return the members whose numbers are not known."""
        return list(dict.fromkeys(
            self._owners[index] for index, number in self._numbers.items()
            if math.isnan(number)))

    def _on_appear(self) -> None:
        for member in self._members:
            member.on_appear()
