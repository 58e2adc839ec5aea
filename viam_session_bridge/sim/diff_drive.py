# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated differential-drive base: `cmd_vel` in, `odom` out. Executable `sim_base`.

Like many real drivers it has no command timeout unless it is given one: it executes the last
command for ever. This module makes a ROS node of the model in `motion`; it contains nothing of the
bridge.

Topics (relative): `cmd_vel` (Twist or TwistStamped), `odom` (nav_msgs/Odometry), and
`~/received` (TwistStamped): every command that arrived, stamped with its arrival.
Time is the steady clock, so use_sim_time and clock steps move nothing here. Stamps are ROS time,
or with `stamp: steady` the seconds of `steady_now`, the same for all processes of this machine.
"""

import sys

from viam_session_bridge.executables import start

if __name__ == '__main__':
    sys.exit(start('sim_base'))

# ruff: noqa: E402  what is imported from here on takes a second
from collections.abc import Sequence  # noqa: I100
import math
import signal
import time

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge.sim.motion import Axis, DiffDrive

EXIT_MISCONFIGURED = 2

# Enough for a recorder that is busy for a second or two.
RECORD_DEPTH = 200

# A report that is later than this (s) is logged as a warning.
STALL = 0.2

# The clock of the bridge's deadlines: it counts the time a suspended machine sleeps, too.
_CLOCK_ID = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)

_RELIABILITY = {
    'reliable': ReliabilityPolicy.RELIABLE, 'best_effort': ReliabilityPolicy.BEST_EFFORT}


def steady_now() -> float:
    """Return seconds on the steady clock."""
    return time.clock_gettime(_CLOCK_ID)


class SimBase(Node):
    """The robot as a ROS node. Raises rclpy's parameter exceptions for wrong parameters."""

    def __init__(self) -> None:
        super().__init__('sim_base')
        stamped = self._choice(
            'command_type', ('twist', 'twist_stamped'), 'Message type of cmd_vel') != 'twist'
        reliability = self._choice(
            'reliability', ('best_effort', 'reliable'),
            'QoS of the cmd_vel subscription; best_effort is what most real drivers have')
        self._steady_stamps = self._choice(
            'stamp', ('ros', 'steady'), 'Clock of the stamps') == 'steady'
        self._command_timeout = self._number(
            'command_timeout', 0.0, 'Stops by itself after so many s without a command; 0: never')
        self._mounted = self._number(
            'odometry_yaw', 0.0, 'Angle in rad from the direction of a positive linear.x to the x '
            'axis of the base frame of odom; pi: reversed sign, pi/2: swapped axes', -4.0, 4.0)
        self._period = 1.0 / self._number(
            'rate', 50.0, 'How often odom is published, in Hz', 1.0, 1000.0)
        self._robot = DiffDrive(self._axis('linear', 'm/s'), self._axis('angular', 'rad/s'))
        self._time = steady_now()
        self._report_due = self._time + self._period
        self._stop_by_itself_at = math.inf
        self._odometry = self.create_publisher(Odometry, 'odom', RECORD_DEPTH)
        self._received = self.create_publisher(TwistStamped, '~/received', RECORD_DEPTH)
        qos = QoSProfile(depth=10, reliability=_RELIABILITY[reliability])
        self._commands = (
            self.create_subscription(
                TwistStamped, 'cmd_vel', lambda message: self._on_command(message.twist), qos)
            if stamped else self.create_subscription(Twist, 'cmd_vel', self._on_command, qos))
        # Not the node's clock: a paused /clock must not stop the robot.
        self._timer = self.create_timer(
            self._period, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _choice(self, name: str, choices: tuple[str, ...], meaning: str) -> str:
        accepted = ' or '.join(choices)
        value: str = self.declare_parameter(name, choices[0], ParameterDescriptor(
            description=meaning, read_only=True, additional_constraints=accepted)).value
        if value not in choices:
            raise InvalidParameterValueException(name, value, f'must be {accepted}')
        return value

    def _number(self, name: str, default: float, meaning: str, low: float = 0.0,
                high: float = 1000.0) -> float:
        value: float = self.declare_parameter(name, default, ParameterDescriptor(
            description=meaning, read_only=True, floating_point_range=[
                FloatingPointRange(from_value=low, to_value=high)])).value
        return value

    def _axis(self, which: str, unit: str) -> Axis:
        speed = self._number(
            f'initial_{which}_speed', 0.0, f'Speed in {unit} at its start, as of a driver '
            'that restarts with its last command', low=-100.0, high=100.0)
        return Axis(
            acceleration=self._number(
                f'max_{which}_acceleration', 0.0, f'In {unit} per s; 0: any speed at once'),
            deceleration=self._number(
                f'max_{which}_deceleration', 0.0, f'Braking in {unit} per s; 0: stops at once'),
            speed=speed, target=speed)

    def _on_command(self, twist: Twist) -> None:
        now = steady_now()
        self._advance(now)
        # Real drivers drop what is not a number and keep the old speed: it is no stop.
        if math.isfinite(twist.linear.x) and math.isfinite(twist.angular.z):
            self._robot.command(twist.linear.x, twist.angular.z)
            if self._command_timeout:
                self._stop_by_itself_at = now + self._command_timeout
        message = TwistStamped(twist=twist)
        message.header.stamp = self._stamp(now)
        message.header.frame_id = 'base_link'
        self._received.publish(message)

    def _on_timer(self) -> None:
        now = steady_now()
        late = now - self._report_due
        if late > STALL:
            # A late stop may have its cause here, so it is logged.
            self.get_logger().warning(f'this simulation itself was held up for {late:.2f} s')
        self._report_due = now + self._period
        self._advance(now)
        robot = self._robot
        message = Odometry(child_frame_id='base_link')
        message.header.stamp = self._stamp(now)
        message.header.frame_id = 'odom'
        message.pose.pose.position.x = robot.x
        message.pose.pose.position.y = robot.y
        heading = robot.heading + self._mounted
        message.pose.pose.orientation.z = math.sin(heading / 2.0)
        message.pose.pose.orientation.w = math.cos(heading / 2.0)
        message.twist.twist.linear.x = math.cos(self._mounted) * robot.forward.speed
        message.twist.twist.linear.y = -math.sin(self._mounted) * robot.forward.speed
        message.twist.twist.angular.z = robot.turn.speed
        self._odometry.publish(message)

    def _advance(self, now: float) -> None:
        """Move up to that instant (s), through the moment at which it stops by itself."""
        if self._stop_by_itself_at <= now:
            self._robot.advance(max(0.0, self._stop_by_itself_at - self._time))
            self._time = max(self._time, self._stop_by_itself_at)
            self._robot.command(0.0, 0.0)
            self._stop_by_itself_at = math.inf
        self._robot.advance(now - self._time)
        self._time = now

    def _stamp(self, now: float) -> Time:
        if not self._steady_stamps:
            return self.get_clock().now().to_msg()
        seconds = math.floor(now)
        return Time(sec=seconds, nanosec=int((now - seconds) * 1e9))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns 0, or 2 for wrong parameters."""
    # Our own handlers: a second signal must not interrupt the shutdown.
    leave: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: leave.append(number))
    rclpy.init(args=list(sys.argv if argv is None else argv),
               signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = SimBase()
    except (InvalidParameterTypeException, InvalidParameterValueException) as problem:
        print(f'sim_base: {problem}', file=sys.stderr)
        rclpy.try_shutdown()
        return EXIT_MISCONFIGURED
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    # The node's own timer ends each wait, so a signal is seen within one period.
    while not leave:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0
