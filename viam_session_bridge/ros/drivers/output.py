# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The topic that a driver commands and stops by: one publisher for both, to keep their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node

from viam_session_bridge.ros.profiles import COMMAND_QOS, steady_timer
from viam_session_bridge.ros.stop_path import listener_problem

# So many of our own newest messages are told from those of others.
_MEMORY = 64

# How often (s) publishers are asked for new subscribers.
MATCH_PERIOD = 0.05


class OutputTopic:
    """
    A publisher that knows who listens.

    on_appear runs on the executor's thread when a new subscriber was matched. choice: what a user
    may choose, in the parameter chosen_by, when the listener wants another type. named_by: the
    parameter that names the topic.
    """

    def __init__(self, node: Node, resource: str, message_type: type, topic: str, *,
                 driver_node: str, on_appear: Callable[[], None], choice: str,
                 chosen_by: str = 'driver', named_by: str = 'topic') -> None:
        self._node = node
        self._resource = resource
        self._driver_node = driver_node
        self._choice = choice
        self._chosen_by = chosen_by
        self._named_by = named_by
        self.message_type = message_type
        # By default rclpy adds events to warn of unfit subscribers; stop_path does that better.
        self._publisher: Any = node.create_publisher(
            message_type, topic, COMMAND_QOS,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False))
        # The topic's full name, after namespace and remapping.
        self.name: str = self._publisher.topic_name
        # What was said last; messages of others are compared with it (topic_listener.py).
        self.said: deque[Any] = deque(maxlen=_MEMORY)
        # How many of the subscribers are our own ears, which drive nothing.
        self.monitors = 0
        self._resources = [resource.partition('.')[0]]
        matches_of(node).watch(self, on_appear)

    @property
    def resources(self) -> tuple[str, ...]:
        """Return the names of the resources that it belongs to."""
        return tuple(dict.fromkeys(self._resources))

    @property
    def drives(self) -> bool:
        """Whether motion is commanded here, not only a stop said."""
        return '.' not in self._resource

    def belongs_to(self, resource: str) -> None:
        """Take note of one more resource that is commanded here."""
        self._resources.append(resource)

    @property
    def matched(self) -> int:
        """Return how many subscribers are matched, our own ears among them."""
        return int(self._publisher.get_subscription_count())

    @property
    def listeners(self) -> int:
        """Return how many subscribers are matched that may be a driver's."""
        return self.matched - self.monitors

    def publish(self, message: Any) -> None:
        """Publish a message."""
        self.said.append(message)
        self._publisher.publish(message)

    def path_problem(self, resource: str = '', driver_node: str = '') -> str:
        """
        Say why a stop would not arrive at a driver; empty when it would.

        resource and driver_node: of one that shares the topic, instead of our own.
        """
        return listener_problem(
            self._node, self._publisher, resource or self._resource, self.message_type,
            driver_node or self._driver_node, self._choice, self._chosen_by,
            self._named_by, monitors=self.monitors)


class MatchedSubscribers:
    """
    The publishers of one node, asked by one timer who has new subscribers.

    Each asks its own publisher only, which takes microseconds. rclpy's matched events would show
    the same a little earlier, but the executor waits for every one of them: with 590 of them one
    round of it took 0.1 s, during which no feedback was received.
    """

    def __init__(self, node: Node) -> None:
        self._watched: list[tuple[OutputTopic, Callable[[], None]]] = []
        self._counts: list[int] = []
        steady_timer(node, MATCH_PERIOD, self._ask)

    def watch(self, publisher: OutputTopic, on_appear: Callable[[], None]) -> None:
        """Call on_appear whenever a publisher has more subscribers than before."""
        self._watched.append((publisher, on_appear))
        self._counts.append(0)

    @property
    def publishers(self) -> tuple[OutputTopic, ...]:
        """Return all publishers that are watched."""
        return tuple(publisher for publisher, _ in self._watched)

    def _ask(self) -> None:
        for index, (publisher, on_appear) in enumerate(self._watched):
            count = publisher.listeners
            before, self._counts[index] = self._counts[index], count
            if count > before:
                on_appear()


# By the node's id: its timer keeps the watch alive, and both go together.
_OF: WeakValueDictionary[int, MatchedSubscribers] = WeakValueDictionary()


def matches_of(node: Node) -> MatchedSubscribers:
    """Return the one watch of a node."""
    matches = _OF.get(id(node))
    if matches is None:
        _OF[id(node)] = matches = MatchedSubscribers(node)
    return matches
