# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Records how the robot of a namespace really moves: a ROS node that neither bridge nor robot know.

Standard output is one JSON object a line:
``{"samples": [[BASE, LIFE, AT, SPEED, TURN, TARGET], ...]}``. A life is one process of the robot,
instants are the robot's on the steady clock. The end of the input is the end of the program.
"""

import argparse
import json
import os
import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import TwistStamped
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

BATCH = 0.02  # s

TRUTH_QOS = QoSProfile(
    depth=5000, reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--namespace', required=True)
    options = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('recorder', namespace=options.namespace)
    samples: list[list[Any]] = []

    def record(message: TwistStamped) -> None:
        stamp, twist = message.header.stamp, message.twist
        base, life = message.header.frame_id.split()
        samples.append([base, life, stamp.sec + stamp.nanosec * 1e-9, twist.linear.x,
                        twist.angular.z, twist.linear.y])

    subscription = node.create_subscription(TwistStamped, 'truth', record, TRUTH_QOS)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def leave_with_input() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave_with_input, daemon=True).start()
    print(json.dumps({'event': 'ready'}), flush=True)
    due = time.monotonic()
    while True:
        executor.spin_once(timeout_sec=BATCH)
        if samples and time.monotonic() >= due:
            print(json.dumps({'samples': samples}), flush=True)
            samples.clear()
            due = time.monotonic() + BATCH
        assert subscription is not None


if __name__ == '__main__':
    main()
