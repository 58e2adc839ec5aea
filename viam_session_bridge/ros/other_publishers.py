# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who else publishes where we command: a joystick, Nav2, the bridge of another namespace.

They are named in log and diagnostics. That one is there says nothing of what it does: a mux that
is always there must not weaken a stop. So while a stop lasts and another publisher is there, the
topic is listened to (topic_listener.py); only what is really commanded there excuses a robot that
moves on.
"""

from collections.abc import Collection
import itertools

from rclpy.node import Node

from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.ros.drivers.output import matches_of, OutputTopic
from viam_session_bridge.ros.interfaces import Supervision
from viam_session_bridge.ros.profiles import steady_timer
from viam_session_bridge.ros.stop_path import is_known, node_name, own_name
from viam_session_bridge.ros.topic_listener import GID_SIZE, TopicListener

# How often (s) others are looked for. A look at one topic takes some 50 us.
PERIOD = 0.5

# So many topics in one go, and beside them so many of resources that are being stopped; with
# more, each is looked at less often.
MOST_LOOKS = 25

# Each is one more thing that the executor waits for.
MOST_EARS = 25


class OtherPublishers:
    """
    The other publishers on the outputs of one node. Runs on the executor's thread.

    measured: the resources whose rest can be seen; the stops of others end by themselves.
    """

    def __init__(self, node: Node, supervision: Supervision, measured: Collection[str]) -> None:
        self._node = node
        self._supervision = supervision
        self._measured = frozenset(measured)
        self._outputs: dict[str, list[OutputTopic]] = {}
        for one in matches_of(node).publishers:
            self._outputs.setdefault(one.name, []).append(one)
        self._rounds = itertools.cycle(self._outputs)
        # Topic with others -> node -> what its publishers are called in a message.
        self._found: dict[str, dict[str, frozenset[bytes]]] = {}
        self._listeners: dict[str, TopicListener] = {}
        self._timer = steady_timer(node, PERIOD, self._look)

    def of(self, resource: str) -> str:
        """Say who else publishes on the topics of a resource; empty where nobody does."""
        return '; '.join(
            f'also published by {", ".join(sorted(found))} (on {topic})'
            for topic, found in self._found.items() if resource in self._resources(topic))

    def _look(self) -> None:
        stopping = self._measured.intersection(
            name for name, state in self._supervision.states().items()
            if state is State.STOPPING)
        urgent = [topic for topic in self._outputs if stopping
                  and self._contested(topic, stopping)][:MOST_LOOKS]
        due = itertools.islice(self._rounds, min(MOST_LOOKS, len(self._outputs)))
        family = self._family()
        for topic in dict.fromkeys((*urgent, *due)):
            self._ask(topic, family)
        self._listen([topic for topic in urgent if topic in self._found][:MOST_EARS])
        self._report(stopping)

    def _family(self) -> frozenset[str]:
        """Return the nodes that are told of otherwise: ourselves, guards, rivals."""
        pulsing = itertools.chain.from_iterable(
            self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(topic))
            for topic in (PULSE_TOPIC, ECHO_TOPIC))
        return frozenset({own_name(self._node), *map(node_name, pulsing)})

    def _ask(self, topic: str, family: Collection[str]) -> None:
        found: dict[str, set[bytes]] = {}
        for publisher in self._node.get_publishers_info_by_topic(topic):
            name = node_name(publisher)
            if is_known(publisher) and name not in family:
                found.setdefault(name, set()).add(bytes(publisher.endpoint_gid)[:GID_SIZE])
        for name in found.keys() - self._found.get(topic, {}).keys():
            self._node.get_logger().warning(
                f'{", ".join(self._resources(topic))}: {topic} is also published by {name}')
        self._found.pop(topic, None)
        if found:
            self._found[topic] = {name: frozenset(gids) for name, gids in found.items()}

    def _listen(self, topics: Collection[str]) -> None:
        """Have ears on these topics, and on no others."""
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
            fresh, who = not listener.told, listener.news()
            if not who:
                continue
            text = f'{" and ".join(sorted(who))} publishes on {topic}'
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
