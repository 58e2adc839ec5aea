# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The texts of subscriber_problem about subscribers in other processes.

Every case has its own topic; all subscribers are started at once.
"""

from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
import pytest
from rclpy.node import Node
from rclpy.publisher import Publisher

from processes import Programs, wait_until
from viam_session_bridge.ros import stop_path
from viam_session_bridge.ros.drivers.output import COMMAND_QOS
from viam_session_bridge.ros.stop_path import nearest_topics, subscriber_problem, type_name

# Topic -> the nodes that subscribe to it, and how.
CASES: dict[str, dict[str, dict[str, str]]] = {
    'unused': {},
    'reliable': {'/motors': {}},
    'best_effort': {'/motors': {'reliability': 'best_effort'}},
    'type': {'/robot/motors': {'type': 'twist_stamped'}},
    'qos': {'/motors': {'durability': 'transient_local'}},
    'echo': {'/echo': {}},
    'both': {'/echo': {}, '/motors': {}},
    'deaf_type': {'/echo': {}, '/motors': {'type': 'twist_stamped'}},
    'deaf_qos': {'/echo': {}, '/motors': {'durability': 'transient_local'}},
}


@pytest.fixture(scope='module')
def publishers(node: Node, shared: Programs) -> dict[str, Publisher]:
    """Publish on every topic, start all subscribers, and wait until they were found."""
    made = {case: node.create_publisher(Twist, case, COMMAND_QOS) for case in CASES}
    for case, subscribers in CASES.items():
        for name, options in subscribers.items():
            shared.driver(made[case].topic_name, node=name, ready=False, **options)
    for case, subscribers in CASES.items():
        wait_until(
            lambda topic=made[case].topic_name, names=set(subscribers): names == {
                found.node_namespace.rstrip('/') + '/' + found.node_name
                for found in node.get_subscriptions_info_by_topic(topic)},
            f'discovery of {set(subscribers)}')
        matching = sum(
            not {'type', 'durability'} & set(options) for options in subscribers.values())
        wait_until(lambda one=made[case], count=matching: one.get_subscription_count() == count,
                   f'{matching} matches on {case}')
    return made


def problem(node: Node, publisher: Publisher, driver_node: str = '') -> str:
    return subscriber_problem(node, publisher, 'base', Twist, driver_node)


def test_type_names_are_those_of_ros() -> None:
    """As `ros2 topic info` prints them."""
    assert type_name(Twist) == 'geometry_msgs/msg/Twist'
    assert type_name(TwistStamped) == 'geometry_msgs/msg/TwistStamped'


def test_a_topic_without_subscribers_is_named(
        node: Node, publishers: dict[str, Publisher]) -> None:
    """The parameter, the topic after namespace and remapping, and what is expected there."""
    said = problem(node, publishers['unused'])
    assert said.startswith(f'base.topic: {node.get_namespace()}/unused has no subscriber')
    assert 'require_stop_path is on)' in said and said.count('(') == said.count(')')
    assert 'geometry_msgs/msg/Twist' in said


@pytest.mark.parametrize('case', ['reliable', 'best_effort', 'both'])
def test_a_matching_subscriber_is_no_problem(
        node: Node, publishers: dict[str, Publisher], case: str) -> None:
    """Most real inputs are BEST_EFFORT on Fast DDS. It may be named, or not."""
    assert problem(node, publishers[case]) == ''
    assert problem(node, publishers[case], '/motors') == ''


def test_the_wrong_type_is_named_with_its_node(
        node: Node, publishers: dict[str, Publisher]) -> None:
    """count_subscribers() would count this one."""
    said = problem(node, publishers['type'])
    assert said.startswith('base.driver: it publishes geometry_msgs/msg/Twist on ')
    assert '/robot/motors expects geometry_msgs/msg/TwistStamped' in said


def test_an_incompatible_qos_is_named(node: Node, publishers: dict[str, Publisher]) -> None:
    """Right topic, right type, and still no match."""
    said = problem(node, publishers['qos'])
    assert said.startswith('base.topic: ') and 'QoS' in said
    assert '/motors requests TRANSIENT_LOCAL' in said


def test_a_named_node_must_be_the_one_that_subscribes(
        node: Node, publishers: dict[str, Publisher]) -> None:
    """driver_node distinguishes the motors from an echo."""
    assert problem(node, publishers['echo']) == ''
    said = problem(node, publishers['echo'], '/motors')
    assert said.startswith('base.driver_node: /motors does not subscribe to')
    assert '/echo' in said


@pytest.mark.parametrize('case', ['deaf_type', 'deaf_qos'])
def test_a_named_node_that_would_not_receive_does_not_count(
        node: Node, publishers: dict[str, Publisher], case: str) -> None:
    """An echo that matches does not help the motors with another QoS."""
    said = problem(node, publishers[case], '/motors')
    assert said and '/motors' in said


def test_a_subscriber_that_closes_is_noticed(node: Node, programs: Programs) -> None:
    """A clean end shows at once; only a kill looks healthy for 20 s."""
    publisher = node.create_publisher(Twist, 'closes', COMMAND_QOS)
    driver = programs.driver(publisher.topic_name)
    wait_until(lambda: problem(node, publisher) == '', 'a stop path')
    driver.finish()
    wait_until(lambda: problem(node, publisher), 'that there is no subscriber', 5.0)


def test_a_topic_without_subscribers_comes_with_those_that_may_be_meant(
        node: Node, programs: Programs) -> None:
    """Same kind of message first, header or not; with type and number of subscribers."""
    publisher = node.create_publisher(Twist, 'mistyped/cmd_vel', COMMAND_QOS)
    meant = f'{node.get_namespace()}/robot1/mistyped/cmd_vel'
    programs.driver(meant, type='twist_stamped', ready=False)
    wait_until(lambda: node.get_subscriptions_info_by_topic(meant), 'discovery')
    wait_until(lambda: f'did you mean {meant} (TwistStamped, 1 subscriber)' in problem(
        node, publisher), 'a suggestion')


def test_a_topic_that_only_we_subscribe_is_not_suggested(node: Node) -> None:
    publisher = node.create_publisher(Twist, 'feedback_or_not', COMMAND_QOS)
    own = node.create_subscription(Twist, 'feedback_of_ours', lambda message: None, 1)
    assert own.topic_name in dict(node.get_topic_names_and_types())
    assert own.topic_name not in problem(node, publisher)


def test_names_are_not_compared_again_while_the_graph_has_the_same_topics(
        node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 50 resources without a subscriber, it would keep the executor from all feedback."""
    compared: list[str] = []

    def counted(topic: str, *arguments: Any) -> list[str]:
        compared.append(topic)
        return nearest_topics(topic, *arguments)

    monkeypatch.setattr(stop_path, 'nearest_topics', counted)
    monkeypatch.setattr(stop_path, '_GRAPH_PERIOD', 0.0)
    publisher = node.create_publisher(Twist, 'nobody/cmd_vel', COMMAND_QOS)

    def is_known() -> bool:
        before = len(compared)
        assert 'has no subscriber' in problem(node, publisher)
        return len(compared) == before

    wait_until(is_known, 'a graph that stays the same')
    assert compared
    late = node.create_publisher(Twist, 'nobody/late', COMMAND_QOS)
    wait_until(lambda: not is_known(), f'a comparison with {late.topic_name}')


def test_suggestions_begin_with_the_same_kind_of_message_and_the_most_similar_name() -> None:
    wanted, other = 'geometry_msgs/msg/Twist', 'std_msgs/msg/String'
    assert nearest_topics('/cmd_vel', wanted, {
        '/robot1/cmd_vel': [f'{wanted}Stamped'], '/base/reference': [wanted], '/cmd_vel': [wanted],
        '/other/cmd_vel': [other], '/chatter': [other], '/cmd_vel_out': [wanted],
    }) == ['/cmd_vel_out', '/robot1/cmd_vel', '/base/reference', '/other/cmd_vel']
