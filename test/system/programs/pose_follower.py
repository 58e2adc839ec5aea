# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pursues poses as servoing nodes do: streams short trajectories to the controller of the joints.

It goes on until the tip is at the newest pose, whatever else the controller receives. The tip is
where the joint is (m). Standard output is one JSON object a line of what was received; the end of
the input is the end of the program. Instants are seconds of CLOCK_MONOTONIC.
"""

import argparse
import json
import math
import sys
import threading
import time

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

PERIOD = 0.02  # s
NEAR = 0.001  # m


class Follower:
    """Subscribes and streams; all in the main thread."""

    def __init__(self, node: Node, options: argparse.Namespace) -> None:
        self._joint = options.joint
        self._step = options.speed * PERIOD
        self._here = math.nan
        self._goal = math.nan
        self._publisher = node.create_publisher(JointTrajectory, options.trajectory, 1)
        self._subscriptions = [
            node.create_subscription(PoseStamped, options.goal, self._hear_goal, 1),
            node.create_subscription(PoseStamped, options.pose, self._hear_pose, 1)]
        self._timer = node.create_timer(
            PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _hear_goal(self, message: PoseStamped) -> None:
        self._goal = message.pose.position.x
        say(event='pose', position=[self._goal])

    def _hear_pose(self, message: PoseStamped) -> None:
        self._here = message.pose.position.x

    def _tick(self) -> None:
        way = self._goal - self._here
        if math.isnan(way) or abs(way) < NEAR:
            return
        # A few periods ahead: it is overtaken before it ends.
        step = math.copysign(min(abs(way), 3.0 * self._step), way)
        self._publisher.publish(JointTrajectory(
            joint_names=[self._joint], points=[JointTrajectoryPoint(
                positions=[self._here + step],
                time_from_start=Duration(nanosec=int(3.0 * PERIOD * 1e9)))]))


def say(**entry: object) -> None:
    """Write one line at once."""
    print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--joint', required=True)
    parser.add_argument('--speed', type=float, default=0.1, help='m/s')
    for topic in ('goal', 'pose', 'trajectory'):
        parser.add_argument(f'--{topic}', required=True, help='topic')
    options = parser.parse_args()
    ended = threading.Event()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('pose_follower')
    follower = Follower(node, options)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def read() -> None:
        sys.stdin.read()
        ended.set()

    say(event='ready')
    threading.Thread(target=read, daemon=True).start()
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.02)
    executor.shutdown()
    del follower
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
