# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated base: its motion as numbers, and the node as a process of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import math
import signal
import subprocess
import sys
import time

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from viam_session_bridge.sim.motion import Axis, DiffDrive

# A busy machine may need this long (s) to start a process and discover it.
PATIENCE = 30.0


def test_speed_follows_at_once_without_limits() -> None:
    axis = Axis(target=0.5)
    assert axis.advance(2.0) == pytest.approx(1.0)
    axis.target = 0.0
    assert axis.advance(2.0) == 0.0


def test_acceleration_and_braking_need_distance() -> None:
    axis = Axis(acceleration=1.0, deceleration=2.0, target=1.0)
    assert axis.advance(2.0) == pytest.approx(0.5 + 1.0)
    axis.target = 0.0
    assert axis.advance(5.0) == pytest.approx(1.0 / (2 * 2.0))
    assert axis.speed == 0.0


def test_reversing_brakes_first_and_then_accelerates() -> None:
    axis = Axis(acceleration=1.0, deceleration=2.0, speed=1.0, target=-1.0)
    assert axis.advance(0.5) == pytest.approx(0.25)
    assert axis.speed == pytest.approx(0.0)
    assert axis.advance(1.0) == pytest.approx(-0.5)
    assert axis.speed == pytest.approx(-1.0)


@pytest.mark.parametrize('steps', [1, 7, 100])
def test_the_distance_does_not_depend_on_the_steps(steps: int) -> None:
    axis = Axis(acceleration=0.7, deceleration=3.0, speed=0.4, target=-0.9)
    whole = Axis(acceleration=0.7, deceleration=3.0, speed=0.4, target=-0.9).advance(2.0)
    assert sum(axis.advance(2.0 / steps) for _ in range(steps)) == pytest.approx(whole)


def test_a_full_circle_ends_where_it_began() -> None:
    robot = DiffDrive(Axis(), Axis())
    robot.command(1.0, math.pi / 2.0)
    for _ in range(100):
        robot.advance(0.02)
    radius = 1.0 / (math.pi / 2.0)
    assert (robot.x, robot.y) == (pytest.approx(0.0, abs=1e-9), pytest.approx(2.0 * radius))
    for _ in range(100):
        robot.advance(0.02)
    assert (robot.x, robot.y, robot.heading) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)


class Driver:
    """Publishes cmd_vel and reads the robot's topics; spun by the waiting test."""

    def __init__(self, node: Node, kind: type, reliability: ReliabilityPolicy) -> None:
        self.odometry: list[Odometry] = []
        self.received: list[TwistStamped] = []
        self._kind = kind
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._publisher = node.create_publisher(
            kind, 'cmd_vel', QoSProfile(depth=1, reliability=reliability))
        self._subscriptions = [
            node.create_subscription(Odometry, 'odom', self.odometry.append, 100),
            node.create_subscription(
                TwistStamped, 'sim_base/received', self.received.append, 100)]

    def send(self, forward: float) -> None:
        message = self._kind()
        twist = message.twist if self._kind is TwistStamped else message
        twist.linear.x = forward
        self._publisher.publish(message)

    def wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, 'the condition was not met in time'
            self._executor.spin_once(timeout_sec=0.05)

    def wait_for_discovery(self) -> None:
        self.wait(lambda: bool(self.odometry) and self._publisher.get_subscription_count() > 0)

    def wait_for_speed(self, speed: float) -> None:
        self.wait(lambda: bool(self.odometry) and abs(
            self.odometry[-1].twist.twist.linear.x - speed) < 1e-6)

    def drive(self, speed: float) -> None:
        """Repeat a command until the robot has that speed: best effort may lose the first."""
        def reached() -> bool:
            self.send(speed)
            return bool(self.odometry) and self.odometry[-1].twist.twist.linear.x == speed
        self.wait(reached)

    def samples(self, count: int) -> list[Odometry]:
        """Return so many samples from now on."""
        self.odometry.clear()
        self.wait(lambda: len(self.odometry) >= count)
        return list(self.odometry)


def seconds(sample: Odometry) -> float:
    """Return the stamp of a sample (s)."""
    return float(sample.header.stamp.sec + 1e-9 * sample.header.stamp.nanosec)


@contextmanager
def sim_base(*parameters: str) -> Iterator['subprocess.Popen[str]']:
    words = [word for parameter in parameters for word in ('-p', parameter)]
    process = subprocess.Popen(
        [sys.executable, '-m', 'viam_session_bridge.sim.diff_drive', '--ros-args', *words],
        stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def driver(kind: type = Twist,
           reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> Iterator[Driver]:
    context = rclpy.Context()
    context.init()
    node = Node('test_driver', context=context)
    try:
        yield Driver(node, kind, reliability)
    finally:
        node.destroy_node()
        context.try_shutdown()


@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
@pytest.mark.parametrize(('kind', 'name'), [(Twist, 'twist'), (TwistStamped, 'twist_stamped')])
def test_the_last_command_holds_for_ever(kind: type, name: str, reliability: str) -> None:
    with sim_base(f'command_type:={name}', f'reliability:={reliability}',
                  'stamp:=steady'), driver(kind) as user:
        user.wait_for_discovery()
        user.drive(0.5)
        samples = user.samples(50)
        assert {one.twist.twist.linear.x for one in samples} == {0.5}
        first, last = samples[0], samples[-1]
        gone = last.pose.pose.position.x - first.pose.pose.position.x
        # A busy machine delays samples.
        duration = seconds(last) - seconds(first)
        assert gone == pytest.approx(0.5 * duration, rel=1e-3)
        assert duration >= 0.9 * 49 / 50.0
        user.drive(0.0)


def test_with_a_timeout_it_stops_by_itself() -> None:
    with sim_base('command_timeout:=0.3'), driver() as user:
        user.wait_for_discovery()
        user.drive(0.5)
        user.wait_for_speed(0.0)


def test_it_may_start_with_a_speed_until_the_first_command() -> None:
    with sim_base('initial_linear_speed:=0.4'), driver() as user:
        user.wait_for_discovery()
        assert {one.twist.twist.linear.x for one in user.samples(10)} == {0.4}
        user.drive(0.0)


def test_what_is_not_a_number_is_received_but_no_stop() -> None:
    with sim_base('stamp:=steady'), driver() as user:
        user.wait_for_discovery()
        user.drive(0.5)

        def received() -> bool:
            # Its topic may be discovered later than the others.
            user.send(math.nan)
            return bool(user.received) and math.isnan(user.received[-1].twist.linear.x)
        user.wait(received)
        assert {one.twist.twist.linear.x for one in user.samples(10)} == {0.5}
        arrived = user.received[-1].header.stamp
        now = time.clock_gettime(getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC))
        assert 0.0 <= now - (arrived.sec + 1e-9 * arrived.nanosec) < PATIENCE


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(number: signal.Signals) -> None:
    with sim_base() as process, driver() as user:
        user.wait_for_discovery()
        process.send_signal(number)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        # A busy machine may delay it, which it logs.
        said = [line for line in errors.splitlines() if 'was held up' not in line]
        assert (process.returncode, said) == (0, [])


@pytest.mark.parametrize('parameter', [
    'command_type:=twist_with_covariance', 'reliability:=hopeful', 'rate:=0.0', 'rate:=fast',
    'command_timeout:=-1.0'])
def test_a_wrong_parameter_ends_it_and_is_named(parameter: str) -> None:
    with sim_base(parameter) as process:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert parameter.partition(':=')[0] in errors
        assert 'Traceback' not in errors
