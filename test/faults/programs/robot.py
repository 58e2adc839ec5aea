# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated robot of one or more bases, none with a command timeout: each does its last command.

Beside what a real one has (`NAME/cmd_vel` in, `NAME/odom` out, in its namespace) it publishes
`truth`: how every base really moves, whatever its odometry says, stamped on the steady clock.
Truth is kept for those who come late, so that a recorder misses nothing of a robot that restarts.

Standard output is one JSON object a line; standard input takes orders of the same kind, and its
end is the end of the program. Order: ``{"do": "odometry", "mode": MODE}``.
"""

import argparse
import json
import math
import os
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
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge.sim.motion import Axis, DiffDrive

PERIOD = 0.01  # s, of truth in motion; at rest every tenth is published
ODOMETRY_EVERY = 2  # periods

# follow: the truth; frozen: the last speed under a stamp that stands still; not_a_number; rest:
# another robot's, which stands; silent: nothing.
MODES = ('follow', 'frozen', 'not_a_number', 'rest', 'silent')

TRUTH_QOS = QoSProfile(
    depth=5000, reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL)


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)


class Base:
    """One base; all in the main thread."""

    def __init__(self, node: Node, name: str, speed: float, options: argparse.Namespace) -> None:
        self.name = name
        self._node = node
        self._robot = DiffDrive(
            Axis(deceleration=options.deceleration, speed=speed, target=speed),
            Axis(deceleration=options.deceleration))
        self._now = time.monotonic()
        self._truth = node.create_publisher(TwistStamped, 'truth', TRUTH_QOS)
        self._odometry = (node.create_publisher(Odometry, f'{name}/odom', 5)
                          if options.odometry else None)
        self._frozen: Odometry | None = None
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy[options.reliability.upper()])
        try:
            self._commands = node.create_subscription(
                Twist, f'{name}/cmd_vel', self._on_command, qos,
                event_callbacks=SubscriptionEventCallbacks(matched=self._on_matched))
        except UnsupportedEventTypeError:
            self._commands = node.create_subscription(
                Twist, f'{name}/cmd_vel', self._on_command, qos)

    def tick(self, number: int, mode: str) -> None:
        """Move on, and tell the truth and what odometry makes of it."""
        self._advance()
        moving = self._robot.forward.speed or self._robot.turn.speed
        if moving or number % 10 == 0:
            self._tell()
        if self._odometry is not None and number % ODOMETRY_EVERY == 0:
            self._publish_odometry(mode)

    def _on_command(self, twist: Twist) -> None:
        self._advance()
        # Real drivers drop what is not a number and keep the old speed: it is no stop.
        if math.isfinite(twist.linear.x) and math.isfinite(twist.angular.z):
            self._robot.command(twist.linear.x, twist.angular.z)
            self._advance()
        self._tell()

    def _on_matched(self, info: Any) -> None:
        say(event='matched', base=self.name, writers=info.current_count)

    def _advance(self) -> None:
        now = time.monotonic()
        self._robot.advance(now - self._now)
        self._now = now

    def _tell(self) -> None:
        message = TwistStamped()
        message.header.stamp.sec = int(self._now)
        message.header.stamp.nanosec = int(self._now % 1.0 * 1e9)
        message.header.frame_id = f'{self.name} {os.getpid()}'
        message.twist.linear.x = self._robot.forward.speed
        message.twist.angular.z = self._robot.turn.speed
        message.twist.linear.y = self._robot.forward.target
        self._truth.publish(message)

    def _publish_odometry(self, mode: str) -> None:
        if mode == 'silent':
            return
        message = Odometry()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.pose.pose.position.x = self._robot.x
        message.pose.pose.position.y = self._robot.y
        message.pose.pose.orientation.z = math.sin(self._robot.heading / 2.0)
        message.pose.pose.orientation.w = math.cos(self._robot.heading / 2.0)
        message.twist.twist.linear.x = {'rest': 0.0, 'not_a_number': math.nan}.get(
            mode, self._robot.forward.speed)
        message.twist.twist.angular.z = 0.0 if mode == 'rest' else self._robot.turn.speed
        if mode == 'frozen':
            self._frozen = message = self._frozen or message
        else:
            self._frozen = None
        self._odometry.publish(message)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--namespace', required=True)
    parser.add_argument('--base', action='append', required=True,
                        help='NAME, or NAME=SPEED to come up with that speed (m/s)')
    parser.add_argument('--deceleration', type=float, default=4.0, help='m/s^2 and rad/s^2')
    parser.add_argument('--reliability', choices=('best_effort', 'reliable'),
                        default='best_effort')
    parser.add_argument('--odometry', action='store_true')
    options = parser.parse_args()
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('robot', namespace=options.namespace)
    bases = [Base(node, name, float(speed or 0.0), options)
             for name, _, speed in (one.partition('=') for one in options.base)]
    mode = 'follow'
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        for base in bases:
            base.tick(ticks, mode)

    timer = node.create_timer(PERIOD, tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    threading.Thread(target=read, daemon=True).start()
    say(event='ready')
    while True:
        executor.spin_once(timeout_sec=PERIOD)
        while not orders.empty():
            order = orders.get()
            if order is None:
                break
            mode = order['mode']
        else:
            continue
        break
    node.destroy_timer(timer)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
