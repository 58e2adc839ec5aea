# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated driver: records every velocity that it receives, and may publish odometry.

Standard output is one JSON object a line; standard input takes orders of the same kind. The end of
its input is the end of the program, so that no driver outlives its test. Instants are seconds of
CLOCK_MONOTONIC, which all processes of a machine share.

Orders: ``{"do": "listen", "topic": TOPIC}`` (one more), ``{"do": "odometry", "mode": MODE}``.
"""

import argparse
import json
import math
import queue
import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

ODOMETRY_PERIOD = 0.02

# follow: what was commanded last on the first topic; moving: 0.2 m/s; rest: 0; not_a_number;
# frozen: 0 with a stamp that stands still; silent: nothing at all.
MODES = ('follow', 'moving', 'rest', 'not_a_number', 'frozen', 'silent')


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps(entry), flush=True)


class Driver:
    """Subscribes and reports; all in the main thread."""

    def __init__(self, node: Node, options: argparse.Namespace) -> None:
        self._node = node
        self._options = options
        self._mode = options.odometry_mode
        self._last = Twist()
        # Where odometry has the robot, on a straight line (m).
        self._place = 0.0
        self._frozen_stamp = node.get_clock().now().to_msg()
        self._subscriptions: list[Any] = []
        if options.odometry:
            self._odometry = node.create_publisher(Odometry, options.odometry, 5)
            self._timer = node.create_timer(
                ODOMETRY_PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def listen(self, topic: str) -> None:
        """Create a subscription."""
        options = self._options
        qos = QoSProfile(
            reliability=ReliabilityPolicy[options.reliability.upper()],
            durability=DurabilityPolicy[options.durability.upper()],
            history=HistoryPolicy.KEEP_LAST, depth=options.depth)
        kind = TwistStamped if options.type == 'twist_stamped' else Twist
        listener = self._listener(len(self._subscriptions), topic)
        try:
            subscription = self._node.create_subscription(
                kind, topic, listener, qos, event_callbacks=SubscriptionEventCallbacks(
                    matched=lambda info: say(
                        event='matched', topic=topic, writers=info.current_count)))
        except UnsupportedEventTypeError:
            subscription = self._node.create_subscription(kind, topic, listener, qos)
            say(event='matched', topic=topic, writers=1)
        self._subscriptions.append(subscription)

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out an order."""
        if order['do'] == 'listen':
            self.listen(order['topic'])
        else:
            self._mode = order['mode']
            say(event='odometry')

    def _listener(self, number: int, topic: str) -> Any:
        def hear(message: Any) -> None:
            at = time.monotonic()
            header = getattr(message, 'header', None)
            twist = message if header is None else message.twist
            if number == 0:
                self._last = twist
            say(event='twist', topic=topic, at=at,
                linear=[twist.linear.x, twist.linear.y, twist.linear.z],
                angular=[twist.angular.x, twist.angular.y, twist.angular.z],
                stamp=[header.stamp.sec, header.stamp.nanosec] if header else None,
                frame=header.frame_id if header else None)
            time.sleep(self._options.work)
        return hear

    def _publish(self) -> None:
        mode = self._mode
        if mode == 'silent':
            return
        message = Odometry()
        now = self._node.get_clock().now().to_msg()
        message.header.stamp = self._frozen_stamp if mode == 'frozen' else now
        if mode == 'follow':
            message.twist.twist = self._last
        elif mode != 'frozen':
            message.twist.twist.linear.x = {'moving': 0.2, 'not_a_number': math.nan}.get(mode, 0.0)
        if mode in ('follow', 'moving'):
            self._place += message.twist.twist.linear.x * ODOMETRY_PERIOD
        message.pose.pose.position.x = self._place
        self._odometry.publish(message)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--node', default='driver', help='full name, such as /robot/driver')
    parser.add_argument('--topic', action='append', default=[])
    parser.add_argument('--type', choices=('twist', 'twist_stamped'), default='twist')
    parser.add_argument('--reliability', choices=('reliable', 'best_effort'), default='reliable')
    parser.add_argument(
        '--durability', choices=('volatile', 'transient_local'), default='volatile')
    parser.add_argument('--depth', type=int, default=50, help='of its queue')
    parser.add_argument('--work', type=float, default=0.0, help='s for each message')
    parser.add_argument('--odometry', default='', help='topic')
    parser.add_argument('--odometry-mode', choices=MODES, default='follow')
    options = parser.parse_args()
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    namespace, _, name = options.node.rpartition('/')
    node = Node(name, namespace=namespace)
    driver = Driver(node, options)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    for topic in options.topic:
        driver.listen(topic)
    say(event='ready', at=time.monotonic())
    threading.Thread(target=read, daemon=True).start()
    while True:
        executor.spin_once(timeout_sec=0.02)
        while not orders.empty():
            order = orders.get()
            if order is None:
                executor.shutdown()
                node.destroy_node()
                rclpy.try_shutdown()
                return
            driver.obey(order)


if __name__ == '__main__':
    main()
