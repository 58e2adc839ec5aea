# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The topic that a driver commands and stops by: one publisher for both, so that their order holds.

RELIABLE matches every reader, VOLATILE and depth 1 never replay an old wish to a driver that
restarts.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.ros.matched_subscribers import matches_of
from viam_session_bridge.ros.stop_path import listener_problem

# So many of our own newest messages are told from those of others.
_MEMORY = 64

COMMAND_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=1)


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
        self._type = message_type
        # By default rclpy adds events to warn of unfit subscribers; stop_path does that better.
        self._publisher: Any = node.create_publisher(
            message_type, topic, COMMAND_QOS,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False))
        # What was said last; others' messages are held against it (neighbours.py).
        self.said: deque[Any] = deque(maxlen=_MEMORY)
        # How many of the subscribers are our own ears, which drive nothing.
        self.monitors = 0
        self._resources = [resource.partition('.')[0]]
        matches_of(node).watch(self, on_appear)

    @property
    def name(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        name: str = self._publisher.topic_name
        return name

    @property
    def message_type(self) -> type:
        """Return the class of its messages."""
        return self._type

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
        count: int = self._publisher.get_subscription_count()
        return count

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
            self._node, self._publisher, resource or self._resource, self._type,
            driver_node or self._driver_node, self._choice, self._chosen_by,
            self._named_by, monitors=self.monitors)
