# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated motors: they turn at the last commanded speed, for ever, and publish joint states.

They share one topic: a message of one number, or an array with one for each joint. Standard
output is one JSON object a line with what was received; the end of the input is the end of the
program. Instants are seconds of CLOCK_MONOTONIC.
"""

import argparse
import json
import sys
import threading
import time
from typing import Any

import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_system_default
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float32, Float64, Float64MultiArray, Int16, Int32

PERIOD = 0.02

TYPES = {
    'float64': Float64, 'float32': Float32, 'int16': Int16, 'int32': Int32, 'bool': Bool,
    'array': Float64MultiArray}


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps(entry), flush=True)


class Motors:
    """Subscribes, turns and reports; all in the main thread."""

    def __init__(self, node: Node, options: argparse.Namespace) -> None:
        self._node = node
        self._joints: list[str] = options.joint
        self._velocities = [0.0 for _ in self._joints]
        self._positions = [0.0 for _ in self._joints]
        self._with_velocity = options.velocity
        # The QoS of ros2_control's controllers.
        self._subscription = node.create_subscription(
            TYPES[options.type], options.topic, self._hear, qos_profile_system_default)
        if options.joint_states:
            self._publisher = node.create_publisher(JointState, options.joint_states, 5)
            self._timer = node.create_timer(
                PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _hear(self, message: Any) -> None:
        at = time.monotonic()
        data = [message.data] if not hasattr(message.data, '__len__') else list(message.data)
        say(event='numbers', at=at, data=data)
        self._velocities = [float(one) for one in data[:len(self._joints)]]

    def _publish(self) -> None:
        for index, velocity in enumerate(self._velocities):
            self._positions[index] += velocity * PERIOD
        message = JointState()
        message.header.stamp = self._node.get_clock().now().to_msg()
        # Not in the order of the commands, and among others.
        message.name = [*reversed(self._joints), 'another']
        message.position = [*reversed(self._positions), 7.0]
        if self._with_velocity:
            message.velocity = [*reversed(self._velocities), 7.0]
        self._publisher.publish(message)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--node', default='motors', help='full name, such as /robot/motors')
    parser.add_argument('--topic', required=True)
    parser.add_argument('--type', choices=sorted(TYPES), default='float64')
    parser.add_argument('--joint', action='append', default=[])
    parser.add_argument('--joint-states', default='', help='topic')
    parser.add_argument('--velocity', action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    ended = threading.Event()

    def read() -> None:
        for _ in sys.stdin:
            pass
        ended.set()

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    namespace, _, name = options.node.rpartition('/')
    node = Node(name, namespace=namespace)
    motors = Motors(node, options)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    say(event='ready', at=time.monotonic())
    threading.Thread(target=read, daemon=True).start()
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.02)
    executor.shutdown()
    node.destroy_node()
    del motors
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
