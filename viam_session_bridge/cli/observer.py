# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Records what the robot received and how it moved, by its own reports, on the steady clock.

The robot stamps both, so it does not matter when this process reads them. It does not subscribe to
`cmd_vel` itself: the bridge would count it as one more receiver of stops.
"""

from bisect import bisect_left
from collections.abc import Sequence
import math
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import GetParameters
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python

# Slower than this (m/s, rad/s) is at rest. The simulated robot comes to exactly zero.
REST = 1e-3

_DEPTH = 200

# A bridge that has just started stops first, and accepts commands when that is done.
_STOPPING = 'stopping'


class Sample(NamedTuple):
    """The robot at one instant (s): position in m, speed in m/s, turning speed in rad/s."""

    time: float
    x: float
    y: float
    speed: float
    turn: float

    @property
    def moves(self) -> bool:
        """Return whether the robot is not at rest."""
        return abs(self.speed) > REST or abs(self.turn) > REST


class Command(NamedTuple):
    """A cmd_vel that the robot received at one instant (s)."""

    time: float
    speed: float
    turn: float


class Track:
    """The recorded samples and commands, and queries of them."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.commands: list[Command] = []

    def first_command(self, after: float, speed: float) -> float | None:
        """Return when the first cmd_vel straight ahead at this speed (m/s) arrived, or None."""
        return next((one.time for one in self.commands if one.time >= after
                     and abs(one.speed - speed) < REST and abs(one.turn) < REST), None)

    def rest_since(self, after: float) -> float | None:
        """Return the first instant (s) from which the robot has not moved up to now, or None."""
        since = None
        for sample in reversed(self.samples):
            if sample.moves or sample.time < after:
                break
            since = sample.time
        return since

    def slowest(self, begin: float, end: float) -> float:
        """Return the lowest speed (m/s) between two instants (s); nan without a sample."""
        speeds = [abs(one.speed) for one in self.samples if begin <= one.time <= end]
        return min(speeds, default=math.nan)

    def longest_silence(self, begin: float, end: float) -> float:
        """Return the longest time (s) between two instants without a report of the robot."""
        inner = [one.time for one in self.samples if begin < one.time < end]
        return max(after - before for before, after in zip(
            [begin, *inner], [*inner, end], strict=True))

    def way(self, begin: float, end: float) -> float:
        """Return the distance (m) travelled between two instants (s)."""
        inner = [(one.x, one.y) for one in self.samples if begin < one.time < end]
        points = [self._position(begin), *inner, self._position(end)]
        return sum(math.dist(*pair) for pair in zip(points, points[1:], strict=False))

    def _position(self, instant: float) -> tuple[float, float]:
        """Return where the robot was, on the line between the samples before and after."""
        index = bisect_left(self.samples, instant, key=lambda one: one.time)
        after = self.samples[min(index, len(self.samples) - 1)]
        before = self.samples[max(index - 1, 0)]
        span = after.time - before.time
        share = min(max((instant - before.time) / span, 0.0), 1.0) if span > 0.0 else 0.0
        return (before.x + share * (after.x - before.x), before.y + share * (after.y - before.y))


class Observer:
    """
    Records the robot on its own node, whenever it is spun; no thread.

    `problem` is what prevents bridge and guard from working; None if nothing does.
    """

    def __init__(self) -> None:
        self.track = Track()
        self._problems: dict[str, str] = {}
        self.forget('viam_session_bridge')
        self.forget('viam_session_bridge_guard')
        self._node = Node('demo_observer')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._odometry = self._node.create_subscription(
            Odometry, 'odom', self._on_odometry, _DEPTH)
        self._received = self._node.create_subscription(
            TwistStamped, 'sim_base/received', self._on_received, _DEPTH)
        self._diagnostics = self._node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._parameters: Client = self._node.create_client(
            GetParameters, 'viam_session_bridge/get_parameters')

    @property
    def problem(self) -> str | None:
        """Return the problems and open tasks of bridge and guard; None if there are none."""
        return '; '.join(filter(None, self._problems.values())) or None

    def forget(self, node: str) -> None:
        """Forget the diagnostics of a node."""
        self._problems[node] = f'{node} has published no diagnostics yet'

    @property
    def sees_robot(self) -> bool:
        """Return whether the robot's reports arrive."""
        return bool(self.track.samples) and self._node.count_publishers('sim_base/received') > 0

    def spin(self, seconds: float) -> None:
        """Handle what arrives within this time (s); returns earlier when something did."""
        self._executor.spin_once(timeout_sec=seconds)

    def parameters(self, names: Sequence[str], patience: float) -> list[object] | None:
        """Read parameters of the bridge; None as long as it does not have all of them."""
        if not self._parameters.service_is_ready():
            return None
        future = self._parameters.call_async(GetParameters.Request(names=list(names)))
        self._executor.spin_until_future_complete(future, timeout_sec=patience)
        if not future.done():
            future.cancel()
            return None
        response: Any = future.result()
        # As long as one is not declared, the answer is empty.
        return [parameter_value_to_python(value) for value in response.values] or None

    def close(self) -> None:
        """Leave the ROS graph."""
        self._executor.shutdown()
        self._node.destroy_node()

    def _on_odometry(self, message: Odometry) -> None:
        position, twist = message.pose.pose.position, message.twist.twist
        self.track.samples.append(Sample(
            _seconds(message), position.x, position.y, twist.linear.x, twist.angular.z))

    def _on_received(self, message: TwistStamped) -> None:
        self.track.commands.append(Command(
            _seconds(message), message.twist.linear.x, message.twist.angular.z))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        bad = [one.message for one in message.status
               if one.level != DiagnosticStatus.OK or one.message == _STOPPING]
        if message.status:
            node = message.status[0].name.partition(':')[0].rpartition('/')[2]
            self._problems[node] = '; '.join(bad)


def _seconds(message: Odometry | TwistStamped) -> float:
    stamp = message.header.stamp
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)
