# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated twist_mux, and a simulated Nav2 that drives through it.

The mux forwards a message if no input of higher priority has a message within its timeout. It
adds no messages: no zero when an input ends. Nav2 drives ahead at 0.2 m/s at 20 Hz
while its goal runs, and sends one zero when it is cancelled; it serves ``navigate_to_pose`` and
``follow_path``.

Standard output is one JSON object a line; standard input takes {"do": "navigate"}. The end of its
input is the end of the program.
"""

import argparse
import json
import queue
import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import TwistStamped
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_system_default
from rclpy.signals import SignalHandlerOptions

from servers import Action, say

NAVIGATION_PERIOD = 0.05
NAVIGATION_SPEED = 0.2  # m/s


class Mux:
    """Inputs, each with a topic, a priority and a timeout (s), in the form topic:50:0.5."""

    def __init__(self, node: Node, inputs: list[str], output: str) -> None:
        self._heard: dict[str, float] = {}
        self._inputs: dict[str, tuple[int, float]] = {}
        self._publisher = node.create_publisher(TwistStamped, output, 1)
        self._subscriptions: list[Any] = []
        for entry in inputs:
            topic, priority, timeout = entry.split(':')
            self._inputs[topic] = int(priority), float(timeout)
            self._subscriptions.append(node.create_subscription(
                TwistStamped, topic, self._listener(topic), qos_profile_system_default))

    def _listener(self, topic: str) -> Any:
        def hear(message: TwistStamped) -> None:
            now = time.monotonic()
            self._heard[topic] = now
            mine = self._inputs[topic][0]
            masked = any(
                priority > mine and now - self._heard.get(other, -1e9) < timeout
                for other, (priority, timeout) in self._inputs.items())
            if not masked:
                self._publisher.publish(message)
        return hear


class Navigation:
    """One goal at a time, as two actions: cancelling either ends it."""

    def __init__(self, node: Node, prefix: str, topic: str) -> None:
        self._publisher = node.create_publisher(TwistStamped, topic, 1)
        self._actions = [
            Action(node, f'{prefix}/{name}', 'cancel')
            for name in ('navigate_to_pose', 'follow_path')]
        self._drives = False
        self._timer = node.create_timer(
            NAVIGATION_PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def navigate(self) -> None:
        """Begin."""
        for action in self._actions:
            action.begin(1)
        self._drives = True
        say(event='navigating')

    def _tick(self) -> None:
        if not self._drives:
            return
        message = TwistStamped()
        if all(action.runs for action in self._actions):
            message.twist.linear.x = NAVIGATION_SPEED
        else:
            self._drives = False
            say(event='cancelled')
        self._publisher.publish(message)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--node', default='mux', help='full name, such as /robot/mux')
    parser.add_argument('--input', action='append', default=[], help='topic:priority:timeout')
    parser.add_argument('--output', required=True)
    parser.add_argument('--navigation', required=True, help='the topic that Nav2 drives by')
    parser.add_argument('--actions', required=True, help='namespace of its actions')
    options = parser.parse_args()
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    namespace, _, name = options.node.rpartition('/')
    node = Node(name, namespace=namespace)
    mux = Mux(node, options.input, options.output)
    navigation = Navigation(node, options.actions, options.navigation)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    threading.Thread(target=read, daemon=True).start()
    say(event='ready')
    order: dict[str, Any] | None = {}
    while order is not None:
        executor.spin_once(timeout_sec=0.02)
        order = {} if orders.empty() else orders.get()
        if order:
            navigation.navigate()
    executor.shutdown()
    node.destroy_node()
    del mux
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
