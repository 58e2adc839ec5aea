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
from viam_session_bridge.ros.stop_path import subscriber_problem

# How many of our own newest messages are kept, to compare others with them.
_MEMORY = 64

# The period (s) at which publishers are checked for new subscribers.
MATCH_PERIOD = 0.05


class OutputTopic:
    """
    A publisher that knows its subscribers.

    on_appear runs on the executor's thread when a new subscriber was matched. choice: what a user
    may choose, in the parameter chosen_by, if the subscriber expects another type. named_by: the
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
        # rclpy's default events warn of incompatible subscribers; stop_path is more exact.
        self._publisher: Any = node.create_publisher(
            message_type, topic, COMMAND_QOS,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False))
        # The topic's full name, after namespace and remapping.
        self.name: str = self._publisher.topic_name
        # The newest messages; those of others are compared with them (topic_listener.py).
        self.sent: deque[Any] = deque(maxlen=_MEMORY)
        # How many of the subscribers are our own monitoring subscriptions, which drive nothing.
        self.monitors = 0
        # The resources that it belongs to, as keys.
        self.resources: dict[str, None] = {resource.partition('.')[0]: None}
        # Whether motion is published here, not only stops.
        self.drives = '.' not in resource
        self._on_appear = on_appear
        self._seen = 0
        matches_of(node).publishers.append(self)

    @property
    def matched(self) -> int:
        """Return how many subscribers are matched, our own monitoring subscriptions included."""
        return int(self._publisher.get_subscription_count())

    @property
    def subscribers(self) -> int:
        """Return how many subscribers are matched, without our own monitoring subscriptions."""
        return self.matched - self.monitors

    def check_subscribers(self) -> None:
        """Call on_appear if there are more subscribers than at the last check."""
        before, self._seen = self._seen, self.subscribers
        if self._seen > before:
            self._on_appear()

    def publish(self, message: Any) -> None:
        """Publish a message."""
        self.sent.append(message)
        self._publisher.publish(message)

    def path_problem(self, resource: str = '', driver_node: str = '') -> str:
        """
        Return why a stop would not arrive at a driver; empty when it would.

        resource and driver_node: those of a resource that shares the topic.
        """
        return subscriber_problem(
            self._node, self._publisher, resource or self._resource, self.message_type,
            driver_node or self._driver_node, self._choice, self._chosen_by,
            self._named_by, monitors=self.monitors)


class MatchedSubscribers:
    """
    The publishers of one node; one timer checks which of them have new subscribers.

    Each check reads one publisher only, which takes microseconds. rclpy's matched events would
    report the same a little earlier, but the executor waits for every one of them: with 590 of
    them one iteration took 0.1 s, during which no feedback was received.
    """

    def __init__(self, node: Node) -> None:
        self.publishers: list[OutputTopic] = []
        steady_timer(node, MATCH_PERIOD, self._check)

    def _check(self) -> None:
        for publisher in self.publishers:
            publisher.check_subscribers()


# By the node's id: its timer keeps the object alive, and both are deleted together.
_OF: WeakValueDictionary[int, MatchedSubscribers] = WeakValueDictionary()


def matches_of(node: Node) -> MatchedSubscribers:
    """Return the MatchedSubscribers of a node."""
    matches = _OF.get(id(node))
    if matches is None:
        _OF[id(node)] = matches = MatchedSubscribers(node)
    return matches
