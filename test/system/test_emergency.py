# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The emergency stop end to end: both kinds of topics, no messages, the service, the reset."""

from collections.abc import Iterator
import time
from typing import Any

import pytest
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Bool

from observer import Observer, spinning_node
from processes import Bridge, Client, Driver, Programs, settings, wait_until


@pytest.fixture(scope='module')
def button() -> Iterator[Node]:
    """Return the node that publishes the emergency stop."""
    with spinning_node('button') as node:
        yield node


def publisher(node: Node, topic: str, durability: DurabilityPolicy) -> Any:
    return node.create_publisher(Bool, topic, QoSProfile(depth=1, durability=durability))


def driving(programs: Programs, topic: str, **estop: Any) -> tuple[Bridge, Driver, Client]:
    """Start a bridge that subscribes to a topic, a driver and a client."""
    bridge = programs.bridge(settings(estop={'topic': topic, **estop}))
    driver = programs.driver(bridge.topic())
    bridge.wait_drivers('base')
    return bridge, driver, programs.client(bridge.address)


def check_stopped(bridge: Bridge, driver: Driver, client: Client, since: float) -> None:
    """Zeros arrived, the bridge logged the reason, and motion is refused."""
    driver.wait_zero(bridge.topic(), since)
    bridge.wait_logged('EMERGENCY STOP')
    refused = client.ask('set_power', base='base', linear=1.0)
    assert (refused['ok'], refused['code']) == (False, 'FAILED_PRECONDITION')
    assert 'emergency stop' in refused['text']


@pytest.mark.parametrize('durability', [
    DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL], ids=lambda one: one.name)
def test_a_press_stops_and_only_a_reset_and_a_command_move_again(
        programs: Programs, observer: Observer, button: Node,
        durability: DurabilityPolicy) -> None:
    """The session continues meanwhile."""
    topic = f'/pressed_{durability.name.lower()}'
    bridge, driver, client = driving(programs, topic)
    press = publisher(button, topic, durability)
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), 0.0)
    session = client.do('session')
    wait_until(lambda: press.get_subscription_count() > 0, 'the bridge subscribes')
    at = time.monotonic()
    # The two sides of DDS do not match at the same instant: the first message may be lost.
    wait_until(lambda: press.publish(Bool(data=True)) or bridge.logged('EMERGENCY STOP'),
               'a press that is received')
    check_stopped(bridge, driver, client, at)
    observer.wait_status('estop', 2, at)
    assert not observer.trigger(bridge, 'reset').success
    let_go = time.monotonic()
    press.publish(Bool(data=False))
    wait_until(lambda: observer.trigger(bridge, 'reset').success, 'a reset')
    driver.wait_silence(bridge.topic(), 0.5)
    assert all(one.is_zero for one in driver.heard(bridge.topic(), let_go))
    again = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), again)
    assert client.do('session') == session


def test_an_old_latched_press_is_received_at_the_start(
        programs: Programs, button: Node) -> None:
    """The bridge may start after the press."""
    press = publisher(button, '/pressed_before', DurabilityPolicy.TRANSIENT_LOCAL)
    press.publish(Bool(data=True))
    bridge, _, client = driving(programs, '/pressed_before')
    bridge.wait_logged('EMERGENCY STOP')
    assert 'pressed at' in client.ask('set_power', base='base', linear=1.0)['text']


def test_the_service_presses_too_and_silence_counts_where_configured(
        programs: Programs, observer: Observer, button: Node) -> None:
    """Unknown means stop: without a message from the topic nothing moves."""
    bridge, driver, client = driving(programs, '/pressed_alive', timeout=1.0)
    refusal = client.ask('set_power', base='base', linear=1.0)['text']
    assert 'no message of the emergency stop' in refusal
    press = publisher(button, '/pressed_alive', DurabilityPolicy.VOLATILE)
    timer = button.create_timer(0.1, lambda: press.publish(Bool(data=False)))
    wait_until(
        lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'motion is accepted')
    driver.wait_motion(bridge.topic(), 0.0)
    at = time.monotonic()
    assert observer.trigger(bridge, 'estop').success
    check_stopped(bridge, driver, client, at)
    assert observer.trigger(bridge, 'reset').success
    client.do('set_power', base='base', linear=1.0)
    at = time.monotonic()
    driver.wait_motion(bridge.topic(), at)
    timer.cancel()
    check_stopped(bridge, driver, client, at)
    assert 'silent' in observer.trigger(bridge, 'reset').message
