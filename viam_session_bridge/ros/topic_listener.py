# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Listens to what others command on a topic of ours, while we say nothing there but stops.

Our own ear is matched with our own publisher and drives nothing: it is left out wherever
listeners are counted. A subscription and a publisher of one participant are matched at once, so
that the number to leave out is known exactly. A guard in a process of its own counts our ear as a
listener for as long as it is open, so it is open during stops only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.ros.drivers.output import OutputTopic

# What messages and the graph call a publisher has so many bytes in common.
GID_SIZE = 16

# So many messages of others are no stray one.
LEAST_HEARD = 3

# Numbers of two commands that differ by less (m/s, rad/s, rad, ...) say the same.
SAME = 1e-3

# Matches every publisher.
_QOS = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=10)


class TopicListener:
    """One subscription. Made and used by the executor's thread."""

    def __init__(self, node: Node, output: OutputTopic, sharing: Sequence[OutputTopic]) -> None:
        self._node = node
        self._output = output
        self._sharing = sharing
        # Who is listened for, and what their publishers are called.
        self.others: Mapping[str, Collection[bytes]] = {}
        self.told = False
        self._count = 0
        self._who: set[str] = set()
        before = [one.matched for one in sharing]
        self._subscription = node.create_subscription(
            output.message_type, output.name, self._hear, _QOS)
        for one, count in zip(sharing, before, strict=True):
            one.monitors = one.matched - count

    @classmethod
    def opened(cls, node: Node, output: OutputTopic,
               sharing: Sequence[OutputTopic]) -> TopicListener | None:
        """
        Listen to an output; None where that fails, or somebody came or went at that instant.

        sharing: all publishers of ours on its topic.
        """
        try:
            listener = cls(node, output, sharing)
        except Exception as problem:  # noqa: B902  rclpy raises many kinds; a stop needs no ear
            node.get_logger().warning(f'cannot listen to {output.name}: {problem}')
            return None
        if all(one.monitors == 1 for one in sharing):
            return listener
        listener.close()
        return None

    def close(self) -> None:
        """Listen no more."""
        self._node.destroy_subscription(self._subscription)
        for one in self._sharing:
            one.monitors = 0

    def news(self) -> frozenset[str]:
        """Return who has commanded anything but a stop since the last call."""
        who, self._who = frozenset(self._who), set()
        if self._count < LEAST_HEARD:
            return frozenset()
        self.told = self.told or bool(who)
        return who

    def _hear(self, message: Any, info: Mapping[str, Any]) -> None:
        gid = info.get('publisher_gid')
        said = list(self._output.said)
        if gid is None:
            # Older versions of rclpy do not tell who sent it; what we said ourselves is known.
            who = sorted(self.others)
        else:
            sender = bytes(gid['data'])[:GID_SIZE]
            who = [name for name, gids in self.others.items() if sender in gids]
            said = said[-1:]
        if who and not any(alike(message, one) for one in said):
            self._count += 1
            self._who.update(who)


def alike(one: Any, other: Any) -> bool:
    """Tell whether two messages command the same; when they were sent says nothing."""
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
