# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""How an arm moves while its trajectory still arrives: start, new points, and end."""

from collections.abc import Callable
import math
import threading
import time
from typing import Any

import grpc
import pytest

from arm_streams import batch, init, point, Stream
from components import component
from joint_bench import place, serve
from processes import wait_until
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.rpc import arm_stream

Code = grpc.StatusCode
HERE = (0.0,)
# Degrees per second; within the limit of the arm.
SPEED = 20.0
STEP = 0.05
# Real seconds: the clock of these tests is a number.
PERIOD = 0.002


class Robot:
    """A bridge, an arm of one joint that follows its trajectory, and a stream to it."""

    def __init__(self, bench: Any, **how: Any) -> None:
        self.bench = bench
        self.stream = Stream(bench, **how).send(init())
        self.began = math.inf
        self.at = HERE
        self.share = 1.0  # of the commanded speed
        self.sent = 0

    def send(self, *times: float) -> None:
        """Send points of a straight line at these times (s)."""
        for due in times:
            self.stream.send(batch(point(due, SPEED * due)))
            assert self.stream.acknowledged()
            self.sent += 1

    @property
    def told(self) -> list[Any]:
        """Return all trajectories that the driver has received."""
        return [output for output in self.bench.outputs
                if output.resource == 'arm' and output.setpoint is not None]

    @property
    def way(self) -> list[tuple[float, float]]:
        """Return the newest trajectory: s from its start, degrees."""
        return [(each.time, math.degrees(each.positions[0]))
                for each in self.told[-1].setpoint.points]

    def go(self, seconds: float) -> None:
        """Advance the clock; the joint follows its trajectory."""
        for _ in range(round(seconds / STEP)):
            self.bench.clock.advance(STEP)
            self.measure()

    def measure(self) -> None:
        before = self.at
        if self.told and self.bench.state('arm') is State.MOVING:
            output = self.told[-1]
            assert isinstance(output.setpoint, Trajectory)
            if math.isinf(self.began):
                self.began = self.bench.clock()
            self.at = place(
                output.setpoint, HERE, self.share * (self.bench.clock() - self.began))
        speed = abs(self.at[0] - before[0]) / STEP
        self.bench.locked.measured('arm', JointSample(self.at, (speed,) * len(self.at)))
        self.bench.settle()
        # The stream checks the clock periodically.
        time.sleep(5 * PERIOD)

    def follow(self, seconds: float) -> None:
        """Follow for this time (s), and then slowly until the call has ended."""
        for _ in range(round(seconds / 0.5)):
            self.go(0.5)
            if self.stream.call.done():
                return

        def over() -> bool:
            # On a busy machine, the bridge reads the end later.
            self.bench.clock.advance(0.002)
            self.measure()
            return bool(self.stream.call.done())

        wait_until(over, 'the end of the call')

    def until(self, condition: Callable[[], Any]) -> None:
        self.bench.until(condition)

    def set_out(self, *times: float) -> None:
        """Send the first points, and wait until the arm moves."""
        self.send(0.0, *times)
        self.bench.settle()
        assert not self.told, 'it waits a moment for more'
        self.bench.clock.advance(0.31)
        self.bench.locked.measured('arm', JointSample(HERE))
        self.until(lambda: self.told)
        self.began = self.bench.clock()


def approximately(*points: tuple[float, float]) -> list[Any]:
    return [pytest.approx(each) for each in points]


def serving(start: Callable[..., Any], **how: Any) -> Any:
    return serve(start, 'arm', component(
        'arm', joints=('a',), max_joint_speed=1.0, tolerance=0.01, max_move_duration=60.0,
        joint_states_topic='joint_states'), here=HERE, **how)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm_stream, 'PERIOD', PERIOD)


@pytest.fixture
def robot(start: Callable[..., Any]) -> Robot:
    return Robot(serving(start))


def test_it_starts_before_all_points_have_come_and_new_points_are_sent_as_late_as_possible(
        robot: Robot) -> None:
    robot.set_out(1.0, 2.0)
    assert robot.way == approximately((1.0, 20.0), (2.0, 40.0))
    robot.send(2.5, 3.0)
    robot.go(0.7)
    assert len(robot.told) == 1, 'being told anew costs a jerk'
    # Its last segment begins at 1.0.
    robot.go(0.2)
    robot.until(lambda: len(robot.told) == 2)
    first, second = robot.told
    assert second.epoch == first.epoch
    assert robot.way == approximately((1.0, 20.0), (2.0, 40.0), (2.5, 50.0), (3.0, 60.0))
    robot.go(1.5)
    robot.stream.end()
    robot.follow(1.0)
    assert list(robot.stream.call) == [] and robot.stream.call.code() is Code.OK
    assert len(robot.told) == 2, 'that nothing more comes is no news to the driver'
    assert math.degrees(robot.at[0]) == pytest.approx(60.0)


def test_an_arm_that_is_late_receives_new_points_later(robot: Robot) -> None:
    """Its driver measures it: points that it has not reached are still ahead."""
    robot.set_out(0.5, 1.0)
    robot.send(1.5)
    robot.bench.locked.runs_late('arm', robot.told[0].epoch, 0.4)
    robot.go(0.7)
    assert len(robot.told) == 1
    robot.send(2.0)
    robot.go(0.1)
    robot.until(lambda: len(robot.told) == 2)
    assert robot.way == approximately((0.5, 10.0), (1.0, 20.0), (1.5, 30.0), (2.0, 40.0))


def test_it_waits_at_the_last_point_and_goes_on_from_there(robot: Robot) -> None:
    robot.set_out(0.5)
    robot.go(2.0)
    assert math.degrees(robot.at[0]) == pytest.approx(10.0)
    assert robot.bench.state('arm') is State.MOVING and not robot.stream.call.done()
    robot.send(1.0)
    robot.until(lambda: len(robot.told) == 2)
    stood, goes = robot.way
    assert stood == pytest.approx((2.0, 10.0), abs=0.1), 'or it would begin in the past'
    assert goes[0] - stood[0] == pytest.approx(0.5), 'it is no faster for being late'
    robot.stream.end()
    robot.follow(1.0)
    assert robot.stream.call.code() is Code.OK
    assert math.degrees(robot.at[0]) == pytest.approx(20.0)


def test_an_arm_at_half_of_its_speed_arrives(robot: Robot) -> None:
    """Also if the last part of its trajectory is very short."""
    robot.share = 0.5
    robot.set_out(0.5)
    for each in range(2, 21):
        robot.send(0.5 * each)
        robot.go(0.5)
    robot.stream.end()
    robot.follow(15.0)
    assert list(robot.stream.call) == [] and robot.stream.call.code() is Code.OK
    assert math.degrees(robot.at[0]) == pytest.approx(200.0, abs=0.6)


def test_a_stream_without_new_points_is_ended(robot: Robot) -> None:
    robot.set_out(0.5)
    robot.go(6.4)
    assert robot.bench.state('arm') is State.MOVING
    robot.go(0.3)
    code, text = robot.stream.refused()
    assert code is Code.ABORTED and Reason.TIME_LIMIT.value in text
    assert 'joint 0 is at 0.1745 rad, its goal is 0.1745' in text
    assert robot.bench.told('arm') is None


def test_velocities_do_not_lead_the_arm_out_of_the_limits(robot: Robot) -> None:
    """Each of these points is valid; the cubic through them reaches 136 degrees."""
    robot.stream.send(batch(
        point(0.0, 0.0, velocities=(0.0,)), point(2.0, 50.0, velocities=(57.0,)),
        point(8.0, 50.0, velocities=(-57.0,)))).end()
    assert robot.stream.acknowledged()
    robot.until(lambda: robot.told)
    assert robot.way == approximately((2.0, 50.0), (8.0, 50.0))
    assert all(each.velocities is None for each in robot.told[-1].setpoint.points)


def test_a_client_may_close_the_stream_late(robot: Robot) -> None:
    robot.set_out(0.5)
    robot.go(4.0)
    robot.stream.end()
    robot.follow(0.5)
    assert list(robot.stream.call) == [] and robot.stream.call.code() is Code.OK


def test_many_points_are_sent_in_parts(robot: Robot) -> None:
    """The pump creates the message, and sends no stops meanwhile."""
    points = [point(each / 100.0, each / 100.0) for each in range(1201)]
    robot.stream.send(batch(*points)).end()
    assert robot.stream.acknowledged()
    robot.until(lambda: robot.told)
    robot.follow(20.0)
    assert robot.stream.call.code() is Code.OK
    assert math.degrees(robot.at[0]) == pytest.approx(12.0, abs=0.6)
    sizes = [len(each.setpoint.points) for each in robot.told]
    assert max(sizes) == 500 and len(sizes) == 3
    ends = [each.setpoint.end.time for each in robot.told]
    assert ends == sorted(ends) and ends[-1] == 12.0


def test_a_client_that_is_far_ahead_waits(
        robot: Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next message is not read before the arm has come closer; nothing is refused."""
    monkeypatch.setattr(arm_stream, 'MOST_POINTS', 50)
    points = [point(each / 20.0, each / 20.0) for each in range(81)]
    robot.stream.send(batch(*points[:61]), batch(*points[61:])).end()
    assert robot.stream.acknowledged()
    acknowledged = threading.Thread(target=robot.stream.acknowledged)
    acknowledged.start()
    robot.bench.clock.advance(0.31)
    robot.measure()
    robot.until(lambda: robot.told)
    robot.go(0.4)
    assert acknowledged.is_alive() and robot.told[-1].setpoint.end.time == 3.0
    robot.go(5.0)
    acknowledged.join(timeout=10.0)
    assert not acknowledged.is_alive()
    robot.follow(10.0)
    assert robot.stream.call.code() is Code.OK
    assert math.degrees(robot.at[0]) == pytest.approx(4.0, abs=0.6)


def test_a_fault_in_the_stream_stops_the_arm(robot: Robot) -> None:
    robot.set_out(1.0)
    robot.go(0.2)
    robot.stream.send(batch(point(0.5, 20.0)))
    code, text = robot.stream.refused()
    assert code is Code.INVALID_ARGUMENT
    assert text == ('points[2].time: 0.5 s does not come after 1 s; times rise from point to '
                    'point')
    robot.bench.until_stopped('arm')


def test_a_client_that_leaves_stops_the_arm(robot: Robot) -> None:
    robot.set_out(1.0)
    robot.stream.call.cancel()
    robot.bench.until_stopped('arm')


def test_a_stop_after_the_last_message_ends_the_stream_with_ok(robot: Robot) -> None:
    """The client has sent all its messages."""
    robot.set_out(1.0)
    robot.stream.end()
    robot.go(0.1)
    robot.bench.client().arm.Stop(name='arm')
    assert list(robot.stream.call) == [] and robot.stream.call.code() is Code.OK
    robot.bench.until_stopped('arm')


def test_a_stop_before_the_last_message_ends_the_stream_with_an_error(robot: Robot) -> None:
    """OK would mean that the arm has completed a trajectory whose end was not received."""
    robot.set_out(1.0)
    robot.bench.client().arm.Stop(name='arm')
    with pytest.raises(grpc.RpcError):
        next(robot.stream.call)
    assert robot.stream.call.code() is Code.ABORTED
    assert 'a client requested a stop' in robot.stream.call.details()
    robot.bench.until_stopped('arm')
    told = len(robot.told)
    robot.stream.send(batch(point(2.0, 40.0)))
    robot.bench.settle()
    assert len(robot.told) == told


def test_an_emergency_stop_ends_it_with_the_reason(robot: Robot) -> None:
    robot.set_out(1.0)
    robot.bench.locked.press_emergency('the button was pressed')
    code, text = robot.stream.refused()
    assert code is Code.ABORTED and 'emergency' in text


def test_a_session_that_ends_stops_it_however_many_batches_come(
        start: Callable[..., Any]) -> None:
    """A batch is not a heartbeat (viam-wire 2.3)."""
    bench = serving(start)
    robot = Robot(bench, sid=bench.client().start_session())
    robot.set_out(1.0)
    for each in range(2, 20):
        robot.go(0.1)
        if robot.bench.state('arm') is not State.MOVING:
            break
        robot.stream.send(batch(point(float(each), SPEED * each)))
    code, text = robot.stream.refused()
    assert code is Code.ABORTED and 'session' in text
    assert robot.bench.told('arm') is None
    assert robot.bench.clock() - robot.began == pytest.approx(2.0 - 0.3, abs=0.1)


def test_a_lease_lasts_as_long_as_more_comes(start: Callable[..., Any]) -> None:
    bench = serving(start, policy=Policy(
        stop_on_disconnect=False, unsupervised=UnsupervisedPolicy.LEASE, stall_limit=math.inf))
    robot = Robot(bench)
    robot.set_out(0.5, 1.0)
    # The lease of the first command ends 2 s after the end of its move.
    for each in range(2, 30):
        robot.send(each * 1.0)
        robot.go(0.9)
    assert robot.bench.state('arm') is State.MOVING


def test_its_time_begins_when_the_driver_receives_the_trajectory(
        start: Callable[..., Any]) -> None:
    """A lock that must be released delays it: no point may be skipped meanwhile."""
    robot = Robot(serving(start, ready_timeout=1.0))
    robot.send(0.0, 0.2, 0.4, 0.6)
    robot.bench.clock.advance(0.31)
    robot.bench.locked.measured('arm', JointSample(HERE))
    robot.until(lambda: robot.told and robot.told[-1].prepare)
    robot.send(0.8, 1.0)
    epoch = robot.told[-1].epoch
    robot.bench.clock.advance(0.45)
    robot.bench.locked.measured('arm', JointSample(HERE))
    time.sleep(20 * PERIOD)
    assert all(output.prepare for output in robot.told)
    robot.bench.locked.prepared('arm', epoch, '')
    robot.until(lambda: not robot.told[-1].prepare)
    robot.began = robot.bench.clock()
    assert robot.way == approximately((0.2, 4.0), (0.4, 8.0), (0.6, 12.0))
    robot.go(0.1)
    time.sleep(20 * PERIOD)
    assert robot.way[0] == pytest.approx((0.2, 4.0)), 'the arm has not been there'
    robot.go(0.3)
    robot.until(lambda: robot.way[-1] == pytest.approx((1.0, 20.0)))
