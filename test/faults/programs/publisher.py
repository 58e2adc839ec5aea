# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Another node that publishes all the time: velocities, or a /clock that stands still.

The end of its input is its end.
"""

import argparse
import json
import os
import sys
import threading

from geometry_msgs.msg import Twist
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock as ClockMessage

PAUSED_AT = 1000  # s of simulated time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--topic', default='', help='of the velocities; none: /clock')
    parser.add_argument('--speed', type=float, default=0.0, help='m/s')
    parser.add_argument('--rate', type=float, default=10.0, help='Hz')
    options = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('somebody_else')
    message: Twist | ClockMessage
    if options.topic:
        message = Twist()
        message.linear.x = options.speed
    else:
        message = ClockMessage()
        message.clock.sec = PAUSED_AT
    publisher = node.create_publisher(type(message), options.topic or '/clock', 10)
    timer = node.create_timer(1.0 / options.rate, lambda: publisher.publish(message),
                              clock=Clock(clock_type=ClockType.STEADY_TIME))

    def leave_with_input() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave_with_input, daemon=True).start()
    print(json.dumps({'event': 'ready'}), flush=True)
    rclpy.spin(node)
    assert timer is not None


if __name__ == '__main__':
    main()
