# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated joints that take positions, as joint_trajectory_controllers and servos do.

With --type trajectory they follow trajectories as the controller of ros2_controllers does: one
that is empty, lacks a joint, ends in motion or is out of order is rejected, and the old one goes
on; a new one begins where the joints are, and nothing ends it but its end. With --type state they
subscribe to sensor_msgs/JointState, else to numbers, and go to each position at once, at --speed.
The tip, whose pose may be published and commanded, is where the first joint is (m). Joint states
are published at 50 Hz. An --obstacle is a position below which no joint gets.

Standard output is one JSON object a line of what was received; the input takes {"publish": false}
to stop publishing, and {"publish": true, "measured": [100.0]} to publish these positions instead
of those of the joints; its end is the end of the program. Instants are seconds of CLOCK_MONOTONIC;
only "sent", when the sender published, is of its wall clock.
"""

import argparse
import json
import math
import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import PoseStamped
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, qos_profile_system_default, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float32, Float64, Float64MultiArray, Int16, Int32, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

PERIOD = 0.02

TYPES: dict[str, Any] = {
    'trajectory': JointTrajectory, 'state': JointState, 'array': Float64MultiArray,
    'float64': Float64, 'float32': Float32, 'int16': Int16, 'int32': Int32, 'bool': Bool}


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps(entry), flush=True)


def seconds(point: JointTrajectoryPoint) -> float:
    return point.time_from_start.sec + point.time_from_start.nanosec * 1e-9


def fault(message: JointTrajectory, joints: list[str]) -> str:
    """Return why a joint_trajectory_controller rejects a trajectory; empty when it does not."""
    if not message.joint_names:
        return 'empty joint names on incoming trajectory'
    if not message.points:
        return 'empty trajectory received'
    if any(name not in joints for name in message.joint_names):
        return 'an unknown joint'
    if len(message.joint_names) != len(joints):
        return 'joints on incoming trajectory do not match the controller joints'
    if any(message.points[-1].velocities):
        return 'velocity of last trajectory point is not zero'
    times = [seconds(point) for point in message.points]
    if any(later <= earlier for earlier, later in zip(times, times[1:], strict=False)):
        return 'times are not strictly increasing'
    stamp = message.header.stamp
    if (stamp.sec, stamp.nanosec) != (0, 0):
        return 'a stamp, which these joints do not understand'
    count = len(joints)
    for point in message.points:
        if len(point.positions) != count or len(point.velocities) not in (0, count):
            return 'sizes do not match'
        if point.effort:
            return 'effort without an effort interface'
    return ''


class Joints:
    """Listens, moves and reports; all in the main thread."""

    def __init__(self, node: Node, options: argparse.Namespace) -> None:
        self._node = node
        self._options = options
        self._joints: list[str] = options.joint
        start = options.start or [0.0] * len(self._joints)
        self._positions = list(start)
        self._velocities = [0.0] * len(start)
        # Knots of (time, position, velocity or None) for each joint, and when they began.
        self._way: list[list[tuple[float, float, float | None]]] = [[] for _ in start]
        self._began = 0.0
        self.publishing = True
        self.measured: list[float] | None = None
        # The QoS of ros2_control's controllers.
        self._subscriptions = [self._subscribe(TYPES[options.type], options.topic, self._hear)]
        if options.joint_states:
            self._publisher = node.create_publisher(JointState, options.joint_states, 5)
        if options.pose:
            self._pose = node.create_publisher(PoseStamped, options.pose, 5)
        if options.pose_goal:
            self._subscriptions.append(
                self._subscribe(PoseStamped, options.pose_goal, self._hear_pose))
        if options.description:
            self._description = node.create_publisher(String, options.description, QoSProfile(
                depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
            self._description.publish(String(data=options.urdf))
        self._timer = node.create_timer(
            PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _subscribe(self, kind: Any, topic: str, callback: Any) -> Any:
        """Subscribe, and report how many publishers were found."""
        def matched(writers: int) -> None:
            say(event='matched', at=time.monotonic(), topic=topic, writers=writers)
        try:
            return self._node.create_subscription(
                kind, topic, callback, qos_profile_system_default,
                event_callbacks=SubscriptionEventCallbacks(
                    matched=lambda info: matched(info.current_count)))
        except UnsupportedEventTypeError:
            matched(1)
            return self._node.create_subscription(
                kind, topic, callback, qos_profile_system_default)

    def _hear(self, message: Any, info: Any) -> None:
        at, sent = time.monotonic(), info['source_timestamp'] * 1e-9
        if isinstance(message, JointTrajectory):
            self._hear_trajectory(message, at, sent)
            return
        if isinstance(message, JointState):
            say(event='state', at=at, sent=sent, names=list(message.name),
                positions=list(message.position), velocities=list(message.velocity))
            if not message.position:
                self._go(list(self._positions), at)
                return
            numbers = [message.position[message.name.index(joint)] for joint in self._joints]
        else:
            numbers = ([message.data] if not hasattr(message.data, '__len__')
                       else list(message.data))
            say(event='numbers', at=at, sent=sent, data=numbers)
            if self._options.type == 'array' and len(numbers) != len(self._joints):
                say(event='rejected', at=at, reason='sizes do not match')
                return
            numbers = [(one - self._options.offset) / self._options.scale for one in numbers]
        self._go(numbers, at)

    def _go(self, targets: list[float], at: float) -> None:
        """Go straight to some positions, at the joints' own speed."""
        self._began = at
        for index, target in enumerate(targets):
            here = self._positions[index]
            self._way[index] = [
                (0.0, here, None), (abs(target - here) / self._options.speed + 1e-6, target, None)]

    def _hear_trajectory(self, message: JointTrajectory, at: float, sent: float) -> None:
        say(event='trajectory', at=at, sent=sent, names=list(message.joint_names), points=[
            {'time': seconds(point), 'positions': list(point.positions),
             'velocities': list(point.velocities)} for point in message.points])
        reason = fault(message, self._joints)
        if reason:
            say(event='rejected', at=at, reason=reason)
            return
        self._began = at
        for index, joint in enumerate(self._joints):
            place = list(message.joint_names).index(joint)
            self._way[index] = [(0.0, self._positions[index], self._velocities[index])]
            for point in message.points:
                velocity = point.velocities[place] if point.velocities else None
                self._way[index].append((seconds(point), point.positions[place], velocity))

    def _hear_pose(self, message: PoseStamped) -> None:
        position, orientation = message.pose.position, message.pose.orientation
        say(event='pose', at=time.monotonic(), frame=message.header.frame_id,
            position=[position.x, position.y, position.z],
            orientation=[orientation.x, orientation.y, orientation.z, orientation.w])
        # A simple arm: its first joint is where its tip is.
        self._go([position.x, *self._positions[1:]], time.monotonic())

    def _tick(self) -> None:
        elapsed = time.monotonic() - self._began
        for index, way in enumerate(self._way):
            before = self._positions[index]
            if way:
                self._positions[index] = max(at(way, elapsed), self._options.obstacle)
            self._velocities[index] = (self._positions[index] - before) / PERIOD
        if self.publishing:
            self._publish()

    def _publish(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        if self._options.joint_states:
            # Not in the order of the commands, and among others.
            message = JointState(
                name=[*reversed(self._joints), 'another'],
                position=[*reversed(self.measured or self._positions), 7.0],
                velocity=[*reversed(self._velocities), 7.0])
            message.header.stamp = stamp
            self._publisher.publish(message)
        if self._options.pose:
            pose = PoseStamped()
            pose.header.stamp, pose.header.frame_id = stamp, 'base_link'
            pose.pose.position.x = self._positions[0]
            pose.pose.orientation.w = 1.0
            self._pose.publish(pose)


def at(way: list[tuple[float, float, float | None]], elapsed: float) -> float:
    """Return where a joint is: on a line between two knots, or a curve where speeds are given."""
    for (t0, p0, v0), (t1, p1, v1) in zip(way, way[1:], strict=False):
        if elapsed >= t1:
            continue
        span = t1 - t0
        s = (elapsed - t0) / span
        if v0 is None or v1 is None:
            return p0 + (p1 - p0) * s
        return ((2 * s ** 3 - 3 * s ** 2 + 1) * p0 + (s ** 3 - 2 * s ** 2 + s) * span * v0
                + (3 * s ** 2 - 2 * s ** 3) * p1 + (s ** 3 - s ** 2) * span * v1)
    return way[-1][1]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument('--node', default='joints', help='full name, such as /robot/joints')
    parser.add_argument('--topic', required=True)
    parser.add_argument('--type', choices=sorted(TYPES), default='trajectory')
    parser.add_argument('--joint', action='append', default=[])
    parser.add_argument('--start', type=float, action='append', default=[])
    parser.add_argument('--joint-states', default='', help='topic')
    parser.add_argument('--pose', default='', help='topic')
    parser.add_argument('--pose-goal', default='', help='topic')
    parser.add_argument('--description', default='', help='topic')
    parser.add_argument('--urdf', default='', help='what is published there')
    parser.add_argument('--scale', type=float, default=1.0)
    parser.add_argument('--offset', type=float, default=0.0)
    parser.add_argument('--speed', type=float, default=5.0, help='of joints that take numbers')
    parser.add_argument('--obstacle', type=float, default=-math.inf)
    return parser.parse_args()


def main() -> None:
    options = parse()
    ended = threading.Event()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    namespace, _, name = options.node.rpartition('/')
    node = Node(name, namespace=namespace)
    joints = Joints(node, options)

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            joints.publishing, joints.measured = order['publish'], order.get('measured')
        ended.set()

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    say(event='ready', at=time.monotonic())
    threading.Thread(target=read, daemon=True).start()
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.02)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
