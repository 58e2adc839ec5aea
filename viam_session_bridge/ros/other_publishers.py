# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Other publishers on our command topics: a joystick, Nav2, the bridge of another namespace.

They are named in log and diagnostics. The existence of a publisher proves no command: a mux that
always exists must not weaken a stop. So while a stop lasts and another publisher exists, we
subscribe to the topic (topic_listener.py); only a command that is received there explains a robot
that still moves.
"""

from collections.abc import Collection
import itertools
import time

from rclpy.node import Node

from viam_session_bridge.core.states import State
from viam_session_bridge.ros.drivers.output import matches_of, OutputTopic
from viam_session_bridge.ros.interfaces import Supervision
from viam_session_bridge.ros.profiles import steady_timer
from viam_session_bridge.ros.stop_path import DISCOVERY, is_known, node_name, own_nodes
from viam_session_bridge.ros.topic_listener import GID_SIZE, TopicListener

# The period (s) of the check. Checking one topic takes about 50 us.
PERIOD = 0.5

# This many topics per check, and as many more of resources that are being stopped; if there are
# more, each is checked less often.
MOST_CHECKS = 25

# Each is one more entity that the executor waits for.
MOST_SUBSCRIPTIONS = 25


class OtherPublishers:
    """
    The other publishers on the outputs of one node. Runs on the executor's thread.

    measured: the resources whose rest can be seen; stops of others end after their hold.
    companion: the full name of the node of the other safety process, which commands the same.
    """

    def __init__(self, node: Node, supervision: Supervision, measured: Collection[str],
                 companion: str = '') -> None:
        self._node = node
        self._supervision = supervision
        self._measured = frozenset(measured)
        self._companion = companion
        self._discovered_at = time.monotonic() + DISCOVERY
        self._outputs: dict[str, list[OutputTopic]] = {}
        for one in matches_of(node).publishers:
            self._outputs.setdefault(one.name, []).append(one)
        self._rounds = itertools.cycle(self._outputs)
        # Topic with other publishers -> node -> the GIDs of its publishers.
        self._found: dict[str, dict[str, frozenset[bytes]]] = {}
        # Topic -> the nodes that the log has named.
        self._warned: dict[str, set[str]] = {}
        self._listeners: dict[str, TopicListener] = {}
        self._timer = steady_timer(node, PERIOD, self._check)

    def of(self, resource: str) -> str:
        """Return the other publishers on the topics of a resource; empty if there are none."""
        return '; '.join(
            f'also published by {", ".join(sorted(found))} (on {topic})'
            for topic, found in self._found.items() if resource in self._resources(topic))

    def _check(self) -> None:
        stopping = self._measured.intersection(
            name for name, state in self._supervision.states().items()
            if state is State.STOPPING)
        urgent = [topic for topic in self._outputs if stopping
                  and self._contested(topic, stopping)][:MOST_CHECKS]
        due = itertools.islice(self._rounds, min(MOST_CHECKS, len(self._outputs)))
        # For a process that has just started, the graph may show an output before the pulse.
        own = own_nodes(self._node) | {self._companion}
        for topic in dict.fromkeys((*urgent, *due)):
            self._find(topic, own)
        self._subscribe([topic for topic in urgent if topic in self._found][:MOST_SUBSCRIPTIONS])
        self._report(stopping)

    def _find(self, topic: str, own: Collection[str]) -> None:
        found: dict[str, set[bytes]] = {}
        for publisher in self._node.get_publishers_info_by_topic(topic):
            name = node_name(publisher)
            if is_known(publisher) and name not in own:
                found.setdefault(name, set()).add(bytes(publisher.endpoint_gid)[:GID_SIZE])
        if time.monotonic() >= self._discovered_at:
            for name in found.keys() - self._warned.get(topic, set()):
                self._node.get_logger().warning(
                    f'{", ".join(self._resources(topic))}: {topic} is also published by {name}')
            self._warned[topic] = set(found)
        self._found.pop(topic, None)
        if found:
            self._found[topic] = {name: frozenset(gids) for name, gids in found.items()}

    def _subscribe(self, topics: Collection[str]) -> None:
        """Keep monitoring subscriptions on exactly these topics."""
        for topic in self._listeners.keys() - set(topics):
            self._listeners.pop(topic).close()
        for topic in topics:
            if topic not in self._listeners:
                listener = TopicListener.opened(
                    self._node, self._driving(topic)[0], self._outputs[topic])
                if listener is not None:
                    self._listeners[topic] = listener
        for topic, listener in self._listeners.items():
            listener.others = self._found[topic]

    def _report(self, stopping: Collection[str]) -> None:
        for topic, listener in self._listeners.items():
            fresh, nodes = not listener.reported, listener.news()
            if not nodes:
                continue
            text = f'{" and ".join(sorted(nodes))} publishes on {topic}'
            names = [name for name in self._resources(topic) if name in stopping]
            for name in names:
                self._supervision.contested(name, text)
            if fresh:
                self._node.get_logger().warning(
                    f'{", ".join(names)}: being stopped, and {text}')

    def _contested(self, topic: str, stopping: Collection[str]) -> bool:
        return any(one in stopping for output in self._driving(topic) for one in output.resources)

    def _driving(self, topic: str) -> list[OutputTopic]:
        return [output for output in self._outputs[topic] if output.drives]

    def _resources(self, topic: str) -> list[str]:
        return list(dict.fromkeys(
            name for output in self._outputs[topic] for name in output.resources))
