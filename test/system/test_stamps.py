# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages without a stamp on the way to nav2's velocity_smoother: its output is dropped."""

from collections.abc import Iterator
from contextlib import ExitStack
import time

from geometry_msgs.msg import TwistStamped
import pytest
from rclpy.node import Node

from observer import Observer, spinning_node
from processes import base, Bridge, new_namespace, Programs, settings, wait_until


def stamped(topic: str, stamp: str = 'zero') -> dict[str, object]:
    return base(topic, driver='twist_stamped', stamp=stamp)


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Iterator[Bridge]:
    """Four bases; what subscribes to each topic are nodes that have the names of public ones."""
    namespace = new_namespace()
    bridge = shared.bridge(settings({
        'direct': stamped('direct'), 'dated': stamped('dated', 'now'),
        'muxed': stamped('muxed'), 'chained': stamped('chained')}), namespace=namespace)
    with ExitStack() as stack:
        def node(name: str, *topics: str) -> Node:
            made = stack.enter_context(spinning_node(name, namespace=f'{namespace}/robot'))
            for topic in topics:
                made.create_subscription(
                    TwistStamped, bridge.topic(topic), lambda message: None, 10)
            return made

        node('twist_mux_of_muxed', 'muxed').create_publisher(
            TwistStamped, bridge.topic('muxed_out'), 1)
        node('diff_drive_controller', 'muxed_out')
        node('twist_mux', 'chained').create_publisher(
            TwistStamped, bridge.topic('chained_out'), 1)
        node('velocity_smoother', 'direct', 'dated', 'chained_out')
        bridge.wait_drivers('direct', 'dated', 'muxed', 'chained')
        yield bridge


def warnings(bridge: Bridge, name: str) -> list[str]:
    return [line for line in bridge.log if f'{name}.stamp' in line]


@pytest.mark.parametrize(('name', 'way'), [
    ('direct', '{ns}/robot/velocity_smoother (on {ns}/direct)'),
    ('chained', '{ns}/robot/velocity_smoother (on {ns}/chained_out, by way of '
     '{ns}/robot/twist_mux)')])
def test_a_smoother_that_gets_messages_without_a_stamp_is_named_once(
        shared: Programs, observer: Observer, bridge: Bridge, name: str, way: str) -> None:
    """With topic, parameter, and what to set; diagnostics warn, and motion is accepted."""
    bridge.wait_logged(rf'{name}\.stamp')
    observer.wait_status(name, 1, 0.0)
    since = time.monotonic()
    shown = observer.wait_status(name, 1, since).message
    [line] = warnings(bridge, name)
    for part in (f"{name}.stamp is 'zero'", bridge.topic(name), f'{name}.stamp: now',
                 way.format(ns=bridge.namespace)):
        assert part in line, line
        assert part in shown, shown
    client = shared.client(bridge.address)
    client.do('set_power', base=name, linear=1.0)
    client.do('stop', base=name)


def test_there_is_no_warning_where_nothing_is_dropped(bridge: Bridge, observer: Observer) -> None:
    """A stamp of now keeps its age in a smoother; a mux passes an empty one on to a controller."""
    bridge.wait_logged(r'direct\.stamp')
    bridge.wait_logged(r'chained\.stamp')
    since = time.monotonic()
    for name in ('dated', 'muxed'):
        # By the second status, everything has been checked again.
        def levels(name: str = name) -> list[int]:
            return [one.level for one in observer.seen(since) if one.resource == name]
        wait_until(lambda levels=levels: len(levels()) >= 2, f'two statuses of {name}')
        assert set(levels()) == {0}
        assert not warnings(bridge, name)
