# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who has just begun to listen to a publisher, asked of all publishers of a node by one timer.

Each asks its own publisher only, which takes microseconds. rclpy's matched events would tell the
same a little earlier, but every one of them is another thing that the executor waits for: with 590
of them one round of it took 0.1 s, during which no feedback was heard.
"""

from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

# How often (s) publishers are asked.
PERIOD = 0.05


class Listened(Protocol):
    """What is known of a publisher here."""

    @property
    def listeners(self) -> int:
        """Return how many subscribers are matched."""
        ...


class MatchedSubscribers:
    """The publishers of one node; on_appear runs on the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._watched: list[tuple[Listened, Callable[[], None]]] = []
        self._counts: list[int] = []
        node.create_timer(
            PERIOD, self._ask, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def watch(self, publisher: Listened, on_appear: Callable[[], None]) -> None:
        """Call on_appear whenever a publisher has more subscribers than before."""
        self._watched.append((publisher, on_appear))
        self._counts.append(0)

    @property
    def publishers(self) -> tuple[Listened, ...]:
        """Return all publishers that are watched."""
        return tuple(publisher for publisher, _ in self._watched)

    def _ask(self) -> None:
        for index, (publisher, on_appear) in enumerate(self._watched):
            count = publisher.listeners
            before, self._counts[index] = self._counts[index], count
            if count > before:
                on_appear()


# By the node's id: its timer keeps the watch alive, and both go together.
_OF: 'WeakValueDictionary[int, MatchedSubscribers]' = WeakValueDictionary()


def matches_of(node: Node) -> MatchedSubscribers:
    """Return the one watch of a node."""
    matches = _OF.get(id(node))
    if matches is None:
        _OF[id(node)] = matches = MatchedSubscribers(node)
    return matches
