# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Would a stop arrive? Asked before motion is accepted, so that a mistake shows at once.

A match is necessary, not sufficient: a driver that was killed stays matched for 20 s (Fast DDS
participant lease). Graph names alone prove nothing: subscribers of another type are counted there.
"""

from collections.abc import Callable

from rclpy.node import Node, NodeNameNonExistentError
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from viam_session_bridge.ros.interfaces import Driver
from viam_session_bridge.ros.parameters import NODE_NAME

# Known by their names, since the graph does not tell what a node is: nodes that calculate the
# stamps of what they publish from the stamps they get, and nodes that pass stamps on unchanged.
_SMOOTHER = 'velocity_smoother'
_PASSING_ON = ('twist_mux', 'collision_monitor')


def type_name(message_type: type) -> str:
    """Return a message or service class's ROS name, such as geometry_msgs/msg/Twist."""
    package, kind, *_ = message_type.__module__.split('.')
    return f'{package}/{kind}/{message_type.__name__}'


def own_name(node: Node) -> str:
    """Return the full name of a node of ours, as node_name gives it."""
    return str(node.get_fully_qualified_name())


def is_known(endpoint: TopicEndpointInfo) -> bool:
    """Tell whether it was found out already which node an endpoint belongs to."""
    return not endpoint.node_name.startswith('_NODE_NAME_UNKNOWN')


def node_name(endpoint: TopicEndpointInfo) -> str:
    """Return the full name of the node that an endpoint belongs to."""
    if not is_known(endpoint):
        return 'a node whose name is not known yet'
    return endpoint.node_namespace.rstrip('/') + '/' + endpoint.node_name


def listener_problem(node: Node, publisher: Publisher, resource: str, message_type: type,
                     driver_node: str, choice: str = 'twist or twist_stamped',
                     chosen_by: str = 'driver', named_by: str = 'topic',
                     monitors: int = 0) -> str:
    """
    Say why nothing that could stop the robot listens to this publisher; empty when it does.

    resource: the block of its parameters. choice: what a user may choose, in the parameter
    chosen_by, when the listener wants another type. named_by: the parameter of the topic. ears:
    how many of the subscribers are our own, which stop nothing.
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
        hearing = {node_name(endpoint) for endpoint in fitting if not _deaf(endpoint)}
        if driver_node in hearing:
            return ''
        deaf = [_demand(one) for one in fitting if node_name(one) == driver_node and _deaf(one)]
        if deaf:
            return f'{resource}.driver_node: on {topic}, {deaf[0]}'
        if hearing:
            found = ', '.join(sorted(hearing))
            return (f'{resource}.driver_node: {driver_node} does not listen to {topic} '
                    f'({wanted}); '
                    f'who does: {found}')
    if not endpoints:
        return (f'{resource}.{named_by}: nobody listens to {topic}, so a stop would reach no '
                f'driver (expected a subscriber of {wanted}; '
                f'{resource.partition(".")[0]}.require_stop_path is on)' + _isolation(node))
    if not fitting:
        found = ', '.join(sorted({
            f'{node_name(endpoint)} wants {endpoint.topic_type}' for endpoint in endpoints}))
        return (f'{resource}.{chosen_by}: it publishes {wanted} on {topic}, but {found}; '
                f'choose {choice} accordingly')
    return (f'{resource}.{named_by}: {topic} has subscribers of {wanted} whose QoS does not '
            'match: ' + ', '.join(sorted({_demand(endpoint) for endpoint in fitting})))


def _isolation(node: Node) -> str:
    """Say that the graph shows no node of anybody else; empty where it does."""
    # Bridges and guards; and hidden nodes, such as those of ros2cli.
    if any(not name.startswith((NODE_NAME, '_')) for name in node.get_node_names()):
        return ''
    return (f'; there is no other node in this ROS domain: ROS_DOMAIN_ID is '
            f'{node.context.get_domain_id()}')


def smoother_behind(node: Node, topic: str, message_type: type) -> str:
    """
    Name the velocity_smoother that gets what is published on a topic; empty where none does.

    Also one that gets it from nodes that pass each message on with the stamp it has.
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
    """Say what spoils the path of a driver without closing it; empty where it sees nothing."""
    warning: Callable[[], str] | None = getattr(driver, 'path_warning', None)
    return warning() if warning else ''


def service_problem(node: Node, service: str, service_type: type, where: str) -> str:
    """
    Say what is found where nobody serves this service with this type.

    service: its full name. where: the parameter that names it.
    """
    wanted = type_name(service_type)
    served = dict(node.get_service_names_and_types()).get(service, [])
    other = ', '.join(one for one in served if one != wanted)
    if other:
        return f'{where}: {service} is of type {other}; expected {wanted}'
    return f'{where}: nobody serves {service} (expected {wanted})'


def publisher_problem(topic: str, wanted: str, publishers: list[TopicEndpointInfo]) -> str:
    """Say why no feedback of the type that is wanted comes from these; empty when it may."""
    if not publishers:
        return f'nobody publishes {topic} (expected {wanted})'
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
    except NodeNameNonExistentError:  # it has gone meanwhile
        return []
    return [topic for topic, types in found if wanted in types]


def _deaf(endpoint: TopicEndpointInfo) -> bool:
    return endpoint.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL


def _demand(endpoint: TopicEndpointInfo) -> str:
    what = 'an offer we cannot make'
    if _deaf(endpoint):
        what = ('TRANSIENT_LOCAL durability; commands are published VOLATILE, '
                'since old motion must never be replayed')
    return f'{node_name(endpoint)} wants {what}'
