# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The twist driver as receivers in other processes see it."""

from collections.abc import Callable
from itertools import count, product
import time

import pytest
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from processes import Driver, Heard, Programs, wait_until
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.ros.factory import Factory

WISH = Velocity((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
KINDS = list(product(('twist', 'twist_stamped'), ('reliable', 'best_effort')))

_topics = count(1)


class Rig:
    """A twist driver on its own topic, and when subscribers appeared (s)."""

    def __init__(self, node: Node, *, stamped: bool = False, stamp: str = 'zero') -> None:
        self.appeared: list[float] = []
        config = BaseConfig(
            name='base', driver='twist_stamped' if stamped else 'twist', stamp=stamp,
            topic=f'cmd_vel{next(_topics)}')
        supervisor = locked_bridge([config.resource], Policy())
        self.driver = Factory(node, supervisor).driver(
            config, lambda: self.appeared.append(time.monotonic()))
        self.topic = node.resolve_topic_name(config.topic)

    def matched(self) -> bool:
        return not self.driver.path_problem()


def repeated(act: Callable[[], None], heard: Callable[[], list[Heard]]) -> Heard:
    """Act until a message is received: BEST_EFFORT readers may miss the first ones."""
    def once() -> list[Heard]:
        act()
        return heard()
    return wait_until(once, 'a received message')[0]


@pytest.fixture(scope='module')
def subscribers(node: Node, shared: Programs) -> dict[tuple[str, str], tuple[Rig, Driver]]:
    """Start a subscriber of every kind, all at once."""
    pairs = {}
    for kind in KINDS:
        rig = Rig(node, stamped=kind[0] == 'twist_stamped')
        pairs[kind] = rig, shared.driver(
            rig.topic, type=kind[0], reliability=kind[1], ready=False)
    for rig, _ in pairs.values():
        wait_until(rig.matched, 'a match')
    return pairs


@pytest.mark.parametrize('kind', KINDS, ids='-'.join)
def test_motion_and_stop_arrive(
        subscribers: dict[tuple[str, str], tuple[Rig, Driver]], kind: tuple[str, str]) -> None:
    """All six numbers, in their fields; a stop is six zeros."""
    rig, listener = subscribers[kind]
    moved = repeated(lambda: rig.driver.send(WISH, 1), listener.heard)
    assert (moved.linear, moved.angular) == (WISH.linear, WISH.angular)
    since = time.monotonic()
    rig.driver.stop(2)
    stopped = repeated(lambda: rig.driver.stop(2), lambda: [
        one for one in listener.heard(since=since) if one.is_zero])
    assert stopped.linear == stopped.angular == (0.0, 0.0, 0.0)
    header = ((0, 0), 'base_link') if kind[0] == 'twist_stamped' else (None, None)
    assert (moved.stamp, moved.frame) == (stopped.stamp, stopped.frame) == header


def test_a_stamp_of_now_is_ros_time(node: Node, programs: Programs) -> None:
    """The node's own clock, at the moment of publishing."""
    rig = Rig(node, stamped=True, stamp='now')
    listener = programs.driver(rig.topic, type='twist_stamped')
    wait_until(rig.matched, 'a match')
    before = node.get_clock().now().nanoseconds
    rig.driver.stop(2)
    after = node.get_clock().now().nanoseconds
    stamp = listener.wait_zero(rig.topic, 0.0).stamp
    assert stamp is not None
    assert before <= stamp[0] * 10**9 + stamp[1] <= after


def test_the_topic_follows_the_namespace(node: Node) -> None:
    """Relative names are relative."""
    assert Rig(node).topic.startswith(f'{node.get_namespace()}/cmd_vel')


def test_a_setpoint_is_offered_to_every_reader_and_never_replayed(node: Node) -> None:
    """RELIABLE matches both kinds of readers; VOLATILE keeps nothing for late ones."""
    topic = Rig(node).topic
    (endpoint,) = wait_until(lambda: node.get_publishers_info_by_topic(topic), 'the endpoint')
    assert endpoint.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    assert endpoint.qos_profile.durability is DurabilityPolicy.VOLATILE


def test_every_new_subscriber_is_reported_and_receives_nothing_old(
        node: Node, programs: Programs) -> None:
    """Also a restart of a killed driver, which still counts as matched."""
    rig = Rig(node)
    rig.driver.send(WISH, 1)
    first = programs.driver(rig.topic)
    wait_until(lambda: len(rig.appeared) == 1, 'the first')
    first.kill()
    assert rig.matched()
    rig.driver.send(WISH, 1)
    second = programs.driver(rig.topic)
    wait_until(lambda: len(rig.appeared) == 2, 'the restarted one')
    rig.driver.stop(2)
    second.wait_zero(rig.topic, 0.0)
    assert all(one.is_zero for one in (*first.heard(), *second.heard()))


def test_a_driver_that_was_killed_and_restarted_is_a_new_subscriber(
        node: Node, programs: Programs) -> None:
    """A restart raises the count, because the killed one still counts."""
    rig = Rig(node)
    assert not rig.matched() and not rig.appeared
    first = programs.driver(rig.topic)
    wait_until(lambda: len(rig.appeared) == 1, 'the first')
    first.kill()
    programs.driver(rig.topic)
    wait_until(lambda: len(rig.appeared) == 2, 'the restarted one')
    assert rig.matched()
