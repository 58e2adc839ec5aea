# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks whether a stop can arrive, before motion is accepted, so that a mistake shows at once.

A match is necessary, not sufficient: a driver that was killed stays matched for 20 s (Fast DDS
participant lease). Graph names alone prove nothing: they include subscribers of another type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
import difflib
import itertools
import time
from weakref import WeakKeyDictionary

from rclpy.node import Node, NodeNameNonExistentError
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.ros.interfaces import Driver
from viam_session_bridge.ros.parameters import NODE_NAME

# Discovery has no order: for this time (s) after a node was created, missing or additional nodes
# cause no warning.
DISCOVERY = 2.0

# The topics of the graph are read again after this time (s): a missing subscriber is searched for
# several times a second.
_GRAPH_PERIOD = 2.0

# How many topics are compared, and how many are suggested.
_MOST_COMPARED = 50
_MOST_SUGGESTED = 3

# Recognized by their names, since the graph has no other information: nodes that calculate the
# stamps of their output from the stamps of their input, and nodes that pass stamps on unchanged.
_SMOOTHER = 'velocity_smoother'
_PASSING_ON = ('twist_mux', 'collision_monitor')


def type_name(message_type: type) -> str:
    """Return a message or service class's ROS name, such as geometry_msgs/msg/Twist."""
    package, kind, *_ = message_type.__module__.split('.')
    return f'{package}/{kind}/{message_type.__name__}'


def own_name(node: Node) -> str:
    """Return the full name of our own node, as node_name returns it."""
    return str(node.get_fully_qualified_name())


def is_known(endpoint: TopicEndpointInfo) -> bool:
    """Return whether the node of an endpoint is known already."""
    return not endpoint.node_name.startswith('_NODE_NAME_UNKNOWN')


def node_name(endpoint: TopicEndpointInfo) -> str:
    """Return the full name of the node that an endpoint belongs to."""
    if not is_known(endpoint):
        return 'a node whose name is not known yet'
    return endpoint.node_namespace.rstrip('/') + '/' + endpoint.node_name


def own_nodes(node: Node) -> frozenset[str]:
    """Return the full names of all bridges and guards in the graph, including our own."""
    pulsing = itertools.chain.from_iterable(
        node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
        for topic in (PULSE_TOPIC, ECHO_TOPIC))
    return frozenset({own_name(node), *map(node_name, pulsing)})


def subscriber_problem(node: Node, publisher: Publisher, resource: str, message_type: type,
                       driver_node: str, choice: str = 'twist or twist_stamped',
                       chosen_by: str = 'driver', named_by: str = 'topic',
                       monitors: int = 0) -> str:
    """
    Return why this publisher has no subscriber that could stop the robot; empty if it has one.

    resource: the block of its parameters. choice: what a user may choose, in the parameter
    chosen_by, if the subscriber expects another type. named_by: the parameter of the topic.
    monitors: how many of the subscribers are our own monitoring subscriptions.
    """
    matched = publisher.get_subscription_count() - monitors
    if matched and not driver_node:
        return ''
    topic = publisher.topic_name
    wanted = type_name(message_type)
    endpoints = [endpoint for endpoint in node.get_subscriptions_info_by_topic(topic)
                 if node_name(endpoint) != own_name(node)]
    fitting = [endpoint for endpoint in endpoints if endpoint.topic_type == wanted]
    if driver_node and matched:
        subscribed = {node_name(one) for one in fitting if not _requests_latching(one)}
        if driver_node in subscribed:
            return ''
        unmatched = [_qos_problem(one) for one in fitting
                     if node_name(one) == driver_node and _requests_latching(one)]
        if unmatched:
            return f'{resource}.driver_node: on {topic}, {unmatched[0]}'
        if subscribed:
            found = ', '.join(sorted(subscribed))
            return (f'{resource}.driver_node: {driver_node} does not subscribe to '
                    f'{topic} ({wanted}); subscribers: {found}')
    if not endpoints:
        return (f'{resource}.{named_by}: {topic} has no subscriber, so a stop would reach '
                f'no driver (expected a subscriber of {wanted}; '
                f'{resource.partition(".")[0]}.require_stop_path is on)'
                + (_suggestion(node, topic, wanted) or _isolation(node)))
    if not fitting:
        found = ', '.join(sorted({
            f'{node_name(endpoint)} expects {endpoint.topic_type}' for endpoint in endpoints}))
        return (f'{resource}.{chosen_by}: it publishes {wanted} on {topic}, but {found}; '
                f'choose {choice} accordingly')
    return (f'{resource}.{named_by}: {topic} has subscribers of {wanted} whose QoS does not '
            'match: ' + ', '.join(sorted({_qos_problem(endpoint) for endpoint in fitting})))


def _isolation(node: Node) -> str:
    """Return a text if the graph has no node of another program; empty if it has one."""
    # Bridges and guards; and hidden nodes, such as those of ros2cli.
    if any(not name.startswith((NODE_NAME, '_')) for name in node.get_node_names()):
        return ''
    return (f'; there is no other node in this ROS domain: ROS_DOMAIN_ID is '
            f'{node.context.get_domain_id()}')


@dataclass
class _Graph:
    """
    The topics of the graph and their types, as read at an instant (s).

    nearest: what nearest_topics has returned, by topic and type. It takes milliseconds, and is
    called several times a second for each resource without a subscriber.
    """

    read_at: float
    topics: dict[str, list[str]]
    nearest: dict[tuple[str, str], list[str]] = field(default_factory=dict)


_GRAPHS: WeakKeyDictionary[Node, _Graph] = WeakKeyDictionary()


def _suggestion(node: Node, topic: str, wanted: str) -> str:
    """Return topics of the graph that may be meant instead; empty if there are none."""
    graph = _GRAPHS.get(node)
    if graph is None or time.monotonic() - graph.read_at >= _GRAPH_PERIOD:
        read = _Graph(time.monotonic(), dict(node.get_topic_names_and_types()))
        if graph is not None and graph.topics == read.topics:
            read.nearest = graph.nearest
        graph = _GRAPHS[node] = read
    if (topic, wanted) not in graph.nearest:
        graph.nearest[topic, wanted] = nearest_topics(topic, wanted, graph.topics)
    near = graph.nearest[topic, wanted]
    if not near:
        return ''
    ours, found = own_nodes(node), list[str]()
    for name in near:
        if len(found) == _MOST_SUGGESTED:
            break
        subscribers = [one for one in node.get_subscriptions_info_by_topic(name)
                       if node_name(one) not in ours]
        types = sorted({one.topic_type.rpartition('/')[2] for one in subscribers})
        if subscribers:
            found.append(f'{name} ({" and ".join(types)}, {len(subscribers)} subscriber'
                         f'{"" if len(subscribers) == 1 else "s"})')
    return f'; did you mean {" or ".join(found)}?' if found else ''


def nearest_topics(topic: str, wanted: str, topics: Mapping[str, Iterable[str]]) -> list[str]:
    """
    Return the topics that may be meant by a name, the most likely first.

    Those of the same kind of message, with or without a header, whatever their name; and those
    whose names end alike, whatever their type. topics: their types, by name.
    """
    last = topic.rpartition('/')[2]
    found = [
        (not any(_kind(one) == _kind(wanted) for one in types),
         -difflib.SequenceMatcher(None, topic, name).ratio(), name)
        for name, types in itertools.islice((
            (name, types) for name, types in topics.items() if name != topic and (
                any(_kind(one) == _kind(wanted) for one in types)
                or name.rpartition('/')[2] == last)), _MOST_COMPARED)]
    return [name for _, _, name in sorted(found)]


def _kind(message_type: str) -> str:
    """Return the kind of a message type, without regard to a header."""
    return message_type.removesuffix('Stamped')


def smoother_behind(node: Node, topic: str, message_type: type) -> str:
    """
    Return the velocity_smoother that receives the messages of a topic; empty if there is none.

    Also one that receives them from nodes that pass each message on with its stamp.
    """
    wanted = type_name(message_type)
    ways: dict[str, str] = {topic: ''}
    pending = [topic]
    while pending:
        topic = pending.pop(0)
        for endpoint in node.get_subscriptions_info_by_topic(topic):
            if endpoint.topic_type != wanted or not is_known(endpoint):
                continue
            if _SMOOTHER in endpoint.node_name:
                return f'{node_name(endpoint)} (on {topic}{ways[topic]})'
            if any(name in endpoint.node_name for name in _PASSING_ON):
                further = [one for one in _published(node, endpoint, wanted) if one not in ways]
                ways.update(dict.fromkeys(
                    further, f'{ways[topic]}, by way of {node_name(endpoint)}'))
                pending += further
    return ''


def path_warning(driver: Driver) -> str:
    """Return what impairs the path of a driver without blocking it; empty if nothing does."""
    warning: Callable[[], str] | None = getattr(driver, 'path_warning', None)
    return warning() if warning else ''


def service_problem(node: Node, service: str, service_type: type, where: str) -> str:
    """
    Return the problem of a service that has no server of this type.

    service: its full name. where: the parameter that names it.
    """
    wanted = type_name(service_type)
    served = dict(node.get_service_names_and_types()).get(service, [])
    other = ', '.join(one for one in served if one != wanted)
    if other:
        return f'{where}: {service} is of type {other}; expected {wanted}'
    return f'{where}: {service} has no server (expected {wanted})'


def publisher_problem(topic: str, wanted: str, publishers: list[TopicEndpointInfo]) -> str:
    """Return why these publishers send no feedback of the expected type; empty if they may."""
    if not publishers:
        return f'{topic} has no publisher (expected {wanted})'
    if any(publisher.topic_type == wanted for publisher in publishers):
        return ''
    others = ', '.join(sorted({
        f'{node_name(publisher)} publishes {publisher.topic_type}' for publisher in publishers}))
    return f'on {topic} {others}; expected {wanted}'


def _published(node: Node, endpoint: TopicEndpointInfo, wanted: str) -> list[str]:
    """Return the topics on which the node of an endpoint publishes this type."""
    try:
        found = node.get_publisher_names_and_types_by_node(
            endpoint.node_name, endpoint.node_namespace)
    except NodeNameNonExistentError:  # it has ended meanwhile
        return []
    return [topic for topic, types in found if wanted in types]


def _requests_latching(endpoint: TopicEndpointInfo) -> bool:
    return endpoint.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL


def _qos_problem(endpoint: TopicEndpointInfo) -> str:
    what = 'a QoS that the publisher does not offer'
    if _requests_latching(endpoint):
        what = ('TRANSIENT_LOCAL durability; commands are published VOLATILE, '
                'so that old motion is never replayed')
    return f'{node_name(endpoint)} requests {what}'
