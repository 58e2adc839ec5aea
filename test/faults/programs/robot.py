# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated robot of one or more bases without a command timeout: each executes its last command.

Beside what a real one has (`NAME/cmd_vel` in, `NAME/odom` out, in its namespace) it publishes
`truth`: how every base really moves, whatever its odometry shows, stamped on the steady clock.
Truth is latched for late subscribers, so that a recorder misses nothing of a restarted robot.

Standard output is one JSON object a line: that it is ready, when a command topic was matched, each
command that a base received, and the node behind each publisher. Standard input takes orders of
the same kind, and its end is the end of the program. Orders:

- ``{"do": "odometry", "mode": MODE}``: what odometry reports, see MODES.
- ``{"do": "jump", "metres": M}``: the pose in odometry jumps ahead.
- ``{"do": "ignore_stops", "on": BOOL}``: zero commands are dropped.
- ``{"do": "delay", "seconds": S}``: the callback of each command takes so long; a queue of the
  subscription (--depth) keeps the others meanwhile.
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

from geometry_msgs.msg import Point, Twist, TwistStamped
from nav_msgs.msg import Odometry
import rclpy
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Bool

from viam_session_bridge.sim.motion import Axis, DiffDrive

PERIOD = 0.01  # s, of truth in motion; at rest every tenth is published
ODOMETRY_EVERY = 2  # periods

# follow: the truth; frozen: the last speed under a stamp that stands still; not_a_number; rest:
# another robot's, which stands; silent: nothing; pose_frozen: the pose does not change;
# twist_zero: the speeds are always 0; reversed: pose and speeds have the wrong sign, from the pose
# at the time of the order on; flicker: noise of 1 mm and of 0.03 m/s on the truth.
MODES = ('follow', 'frozen', 'not_a_number', 'rest', 'silent', 'pose_frozen', 'twist_zero',
         'reversed', 'flicker')

POSE_NOISE = 0.001  # m

# The bytes of a publisher's GID that are the same in messages and in the graph.
GID_SIZE = 16
SPEED_NOISE = -0.03  # m/s

TRUTH_QOS = QoSProfile(
    depth=5000, reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL)


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)


class Busy(CallbackGroup):
    """Callbacks that do not run until an instant: meanwhile, DDS keeps the messages."""

    until = 0.0  # s

    def can_execute(self, entity: Any) -> bool:
        """Return whether a callback may run now."""
        return time.monotonic() >= self.until

    def beginning_execution(self, entity: Any) -> bool:
        """Let one that is ready begin."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """Nothing depends on the end of a callback."""


class Base:
    """One base; all in the main thread."""

    def __init__(self, node: Node, name: str, speed: float, options: argparse.Namespace) -> None:
        self.name = name
        self.mode = options.mode
        self.ignores_stops = False
        self.delay = 0.0
        self._node = node
        self._busy = Busy()
        self._robot = DiffDrive(
            Axis(deceleration=options.deceleration, speed=speed, target=speed),
            Axis(deceleration=options.deceleration))
        self._now = time.monotonic()
        self._truth = node.create_publisher(TwistStamped, 'truth', TRUTH_QOS)
        self._odometry = (node.create_publisher(Odometry, f'{name}/odom', 5)
                          if options.odometry else None)
        self._frozen: Odometry | None = None
        self._pose = (0.0, 0.0)
        self._jumped = 0.0
        self._published = 0
        # The publishers of commands, by GID, whose node is not known yet.
        self._strangers: dict[str, None] = {}
        self._known: set[str] = set()
        qos = QoSProfile(depth=options.depth,
                         reliability=ReliabilityPolicy[options.reliability.upper()])
        try:
            self._commands = node.create_subscription(
                Twist, f'{name}/cmd_vel', self._on_command, qos, callback_group=self._busy,
                event_callbacks=SubscriptionEventCallbacks(matched=self._on_matched))
        except UnsupportedEventTypeError:
            self._commands = node.create_subscription(
                Twist, f'{name}/cmd_vel', self._on_command, qos, callback_group=self._busy)

    def order(self, order: dict[str, Any]) -> None:
        """Carry out an order from standard input."""
        if order['do'] == 'odometry':
            self.mode = order['mode']
            self._pose = self._robot.x + self._jumped, self._robot.y
        elif order['do'] == 'jump':
            self._jumped += order['metres']
        elif order['do'] == 'ignore_stops':
            self.ignores_stops = order['on']
        else:
            self.delay = order['seconds']

    def tick(self, number: int) -> None:
        """Advance, and publish the truth and the odometry."""
        self._advance()
        moving = self._robot.forward.speed or self._robot.turn.speed
        if moving or number % 10 == 0:
            self._publish_truth()
        if number % 10 == 0 and self._strangers:
            self._name_publishers()
        if self._odometry is not None and number % ODOMETRY_EVERY == 0:
            self._publish_odometry()

    def _on_command(self, twist: Twist, info: dict[str, Any]) -> None:
        self._advance()
        # Older versions of rclpy do not report the publisher.
        gid = bytes((info.get('publisher_gid') or {'data': b''})['data'])[:GID_SIZE].hex()
        say(event='command', base=self.name, publisher=gid,
            zero=not any((twist.linear.x, twist.angular.z)))
        if gid and gid not in self._known:
            self._strangers[gid] = None
        # Real drivers drop what is not a number and keep the old speed: it is no stop.
        finite = math.isfinite(twist.linear.x) and math.isfinite(twist.angular.z)
        moves = twist.linear.x or twist.angular.z
        if finite and (moves or not self.ignores_stops):
            self._robot.command(twist.linear.x, twist.angular.z)
            self._advance()
        self._publish_truth()
        self._busy.until = self._now + self.delay

    def _name_publishers(self) -> None:
        for one in self._node.get_publishers_info_by_topic(self._commands.topic_name):
            gid = bytes(one.endpoint_gid)[:GID_SIZE].hex()
            if gid in self._strangers and not one.node_name.startswith('_'):
                del self._strangers[gid]
                self._known.add(gid)
                say(event='publisher', publisher=gid, node=one.node_name)

    def _on_matched(self, info: Any) -> None:
        say(event='matched', base=self.name, writers=info.current_count)

    def _advance(self) -> None:
        now = time.monotonic()
        self._robot.advance(now - self._now)
        self._now = now

    def _publish_truth(self) -> None:
        message = TwistStamped()
        message.header.stamp.sec = int(self._now)
        message.header.stamp.nanosec = int(self._now % 1.0 * 1e9)
        message.header.frame_id = f'{self.name} {os.getpid()}'
        message.twist.linear.x = self._robot.forward.speed
        message.twist.angular.z = self._robot.turn.speed
        message.twist.linear.y = self._robot.forward.target
        self._truth.publish(message)

    def _publish_odometry(self) -> None:
        if self.mode == 'silent':
            return
        self._published += 1
        message = Odometry()
        message.header.stamp = self._node.get_clock().now().to_msg()
        pose, twist = message.pose.pose, message.twist.twist
        pose.position.x, pose.position.y = self._robot.x + self._jumped, self._robot.y
        pose.orientation.z = math.sin(self._robot.heading / 2.0)
        pose.orientation.w = math.cos(self._robot.heading / 2.0)
        twist.linear.x, twist.angular.z = self._robot.forward.speed, self._robot.turn.speed
        self._falsify(pose.position, twist)
        if self.mode == 'frozen':
            self._frozen = message = self._frozen or message
        else:
            self._frozen = None
        self._odometry.publish(message)

    def _falsify(self, position: Point, twist: Twist) -> None:
        """Change what odometry reports, by its mode. The heading is left as it is."""
        if self.mode == 'not_a_number':
            twist.linear.x = math.nan
        if self.mode in ('rest', 'twist_zero'):
            twist.linear.x = twist.angular.z = 0.0
        if self.mode in ('rest', 'pose_frozen'):
            position.x, position.y = self._pose
        elif self.mode == 'reversed':
            position.x = 2.0 * self._pose[0] - position.x
            position.y = 2.0 * self._pose[1] - position.y
            twist.linear.x, twist.angular.z = -twist.linear.x, -twist.angular.z
        elif self.mode == 'flicker':
            odd = self._published % 2
            position.x += POSE_NOISE if odd else -POSE_NOISE
            twist.linear.x += SPEED_NOISE if odd else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--namespace', required=True)
    parser.add_argument('--base', action='append', required=True,
                        help='NAME, or NAME=SPEED to come up with that speed (m/s)')
    parser.add_argument('--deceleration', type=float, default=4.0, help='m/s^2 and rad/s^2')
    parser.add_argument('--reliability', choices=('best_effort', 'reliable'),
                        default='best_effort')
    parser.add_argument('--depth', type=int, default=10, help='of the queue of commands')
    parser.add_argument('--odometry', action='store_true')
    parser.add_argument('--mode', choices=MODES, default='follow', help='of odometry')
    parser.add_argument('--emergency', default='',
                        help='topic (std_msgs/Bool) of an emergency stop; it is only reported')
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
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        for base in bases:
            base.tick(ticks)

    button = options.emergency and node.create_subscription(
        Bool, options.emergency, lambda message: say(event='emergency', value=message.data), 10)
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
            for base in bases:
                base.order(order)
        else:
            continue
        break
    if button:
        node.destroy_subscription(button)
    node.destroy_timer(timer)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
