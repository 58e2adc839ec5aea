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
    """One of those who share an array."""

    resource: str
    on_appear: Callable[[], None]

    def refresh(self) -> None:
        """Note anew the numbers of joints that nobody moves, before the array goes out."""
        ...

    def feedback_problem(self) -> str:
        """Say why nobody knows which numbers leave it where it is; empty when that is known."""
        ...


class FloatArray:
    """
    The array itself. Indices of its members run from 0 without a gap.

    Each resource has an index, or several. What they are told in one pass of the pump goes out in
    one message.
    """

    def __init__(self, node: Node, resource: str, topic: str) -> None:
        self._members: list[Member] = []
        # NaN while nobody knows where a joint is.
        self._numbers: dict[int, float] = {}
        self._owners: dict[int, str] = {}
        self._changed = False
        self._output = OutputTopic(
            node, resource, Float64MultiArray, topic, driver_node='', on_appear=self._on_appear,
            choice='another topic')

    @property
    def resources(self) -> tuple[str, ...]:
        """Return the names of those who share it."""
        return tuple(member.resource for member in self._members)

    def add(self, member: Member, numbers: dict[int, float]) -> None:
        """Add a member, with the numbers of its indices until it notes others."""
        self._members.append(member)
        self._output.belongs_to(member.resource)
        self._numbers.update(numbers)
        self._owners.update(dict.fromkeys(numbers, member.resource))

    def note(self, index: int, number: float) -> None:
        """Note a number for the next message."""
        self._numbers[index] = number
        self._changed = True

    def flush(self) -> None:
        """
        Publish what was noted, if anything was.

        Raises RuntimeError while nobody knows where a joint is that it would have to name.
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
        Say why a stop of a member would not arrive at its driver; empty when it would.

        It would not as long as nobody knows where a neighbour is.
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
