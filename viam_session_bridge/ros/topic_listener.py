# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Receives what other nodes command on our topic, while we publish nothing but stops.

Our own monitoring subscription is matched with our own publisher and drives nothing: it is
excluded from all counts of subscribers. A subscription and a publisher of one participant are
matched at once, so the number to exclude is known exactly. A guard is another process and counts
our subscription as long as it exists, so it exists during stops only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.ros.drivers.output import OutputTopic

# The bytes of a publisher's GID that are the same in messages and in the graph.
GID_SIZE = 16

# Fewer messages of others than this may be stray ones.
LEAST_RECEIVED = 3

# Numbers of two commands that differ by less (m/s, rad/s, rad, ...) are the same.
SAME = 1e-3

# Matches every publisher.
_QOS = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=10)


class TopicListener:
    """One monitoring subscription. Used by the executor's thread only."""

    def __init__(self, node: Node, output: OutputTopic, sharing: Sequence[OutputTopic]) -> None:
        self._node = node
        self._output = output
        self._sharing = sharing
        # The nodes to watch for, and the GIDs of their publishers.
        self.others: Mapping[str, Collection[bytes]] = {}
        self.reported = False
        self._count = 0
        self._nodes: set[str] = set()
        before = [one.matched for one in sharing]
        self._subscription = node.create_subscription(
            output.message_type, output.name, self._on_message, _QOS)
        for one, count in zip(sharing, before, strict=True):
            one.monitors = one.matched - count

    @classmethod
    def opened(cls, node: Node, output: OutputTopic,
               sharing: Sequence[OutputTopic]) -> TopicListener | None:
        """
        Subscribe to an output; None if that fails, or if another subscriber changed at that time.

        sharing: all publishers of ours on its topic.
        """
        try:
            listener = cls(node, output, sharing)
        except Exception as problem:  # noqa: B902  rclpy raises many kinds; this is optional
            node.get_logger().warning(f'cannot subscribe to {output.name}: {problem}')
            return None
        if all(one.monitors == 1 for one in sharing):
            return listener
        listener.close()
        return None

    def close(self) -> None:
        """Destroy the subscription."""
        self._node.destroy_subscription(self._subscription)
        for one in self._sharing:
            one.monitors = 0

    def news(self) -> frozenset[str]:
        """Return the nodes that have commanded anything but a stop since the last call."""
        nodes, self._nodes = frozenset(self._nodes), set()
        if self._count < LEAST_RECEIVED:
            return frozenset()
        self.reported = self.reported or bool(nodes)
        return nodes

    def _on_message(self, message: Any, info: Mapping[str, Any]) -> None:
        gid = info.get('publisher_gid')
        sent = list(self._output.sent)
        if gid is None:
            # Older versions of rclpy do not report the sender; our own messages are known.
            nodes = sorted(self.others)
        else:
            sender = bytes(gid['data'])[:GID_SIZE]
            nodes = [name for name, gids in self.others.items() if sender in gids]
            sent = sent[-1:]
        if nodes and not any(alike(message, one) for one in sent):
            self._count += 1
            self._nodes.update(nodes)


def alike(one: Any, other: Any) -> bool:
    """Return whether two messages command the same; stamps are ignored."""
    ours, theirs = list(_content(one)), list(_content(other))
    return len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return bool(one == other or abs(one - other) < SAME)


def _content(value: Any) -> Iterator[Any]:
    if hasattr(value, 'get_fields_and_field_types'):
        for name in value.get_fields_and_field_types():
            if name != 'header':
                yield from _content(getattr(value, name))
    elif isinstance(value, (str, bool, int, float)):
        yield value
    else:
        for each in value:
            yield from _content(each)
