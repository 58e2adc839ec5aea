# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The supervision of moves: what ends them early, with which text, and what does not.

A simulated base or joint follows the commands at once, and its feedback is set by the test.
"""

from collections.abc import Callable
from dataclasses import replace
import itertools
import math

import pytest

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.move import Along, Arrival, Motion, MoveProfile
from viam_session_bridge.core.presence import OpenClaim
from viam_session_bridge.core.setpoints import Speed, Trajectory, Velocity, Waypoint
from viam_session_bridge.core.states import Reason
from viam_session_bridge.core.stop import BaseSample, JointRest, JointSample, RestSettings

PERIOD = 0.02
BASE = RestSettings(source='odom')
JOINT = RestSettings(joints=(JointRest('elbow', 'rad', 0.02),), source='joint_states')


class Drive:
    """A base on a straight line; seen returns the odometry of a place and a speed."""

    def __init__(self, seen: Callable[[float, float], BaseSample], *, speed_factor: float = 1.0,
                 start_speed: float = 0.0, latency: float = 0.0) -> None:
        self.actuator = Actuator('base', ActuatorSettings(rest=BASE))
        self.actuator.path_problem = ''
        self.seen = seen
        self.factor = speed_factor
        self.now = 100.0
        self.place, self.speed = 0.0, start_speed
        self.obeys_at = self.now + latency
        self.ended: list[Ended] = []

    def run(self, amount: float, speed: float, seconds: float = 30.0) -> float:
        """Command a move, let time pass until it has ended; returns how far the base drove."""
        self.actuator.measured(self.seen(self.place, self.speed), self.now)
        course = MoveProfile(Along.PATH, amount, speed, 0.5)
        self.actuator.command(
            Motion(course.velocity(speed), 120.0, course), OpenClaim(), 1, self.now)
        end = self.now + seconds
        while self.now < end and not self.ended:
            output = self.actuator.poll(self.now)
            if output is not None:
                setpoint = output.setpoint
                wanted = setpoint.linear[0] if isinstance(setpoint, Velocity) else 0.0
                wanted *= self.now >= self.obeys_at
                # It changes speed by 1 m/s2.
                change = wanted * self.factor - self.speed
                self.speed += math.copysign(min(abs(change), 0.05), change)
            for _ in range(2):
                self.now += PERIOD
                self.place += self.speed * PERIOD
                self.actuator.measured(self.seen(self.place, self.speed), self.now)
            self.ended += self.actuator.take_notes()[0]
        return self.place

    @property
    def end(self) -> Ended:
        [end] = self.ended
        return end


def true(place: float, speed: float) -> BaseSample:
    return BaseSample(x=place, linear=(speed, 0.0, 0.0))


def reversed_sign(place: float, speed: float) -> BaseSample:
    return BaseSample(x=-place, linear=(-speed, 0.0, 0.0))


def frozen_pose(place: float, speed: float) -> BaseSample:
    return BaseSample(linear=(speed, 0.0, 0.0))


def test_a_drive_with_true_odometry_is_done() -> None:
    drive = Drive(true)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.DONE and drive.place == pytest.approx(1.0, abs=0.05)


def test_a_measured_speed_of_any_size_has_a_stopping_distance() -> None:
    """Any number may be published; none may end the thread that judges it."""
    assert MoveProfile(Along.PATH, 1.0, 0.5, 0.5).stopping_distance(1e200) == math.inf


@pytest.mark.parametrize('amount', [1.0, -1.0])
def test_odometry_that_moves_against_the_command_ends_the_move_within_5_cm(
        amount: float) -> None:
    """And what the base needs to stop; the text states what to check."""
    drive = Drive(reversed_sign)
    drive.run(amount, 0.5)
    assert drive.end.reason is Reason.BACKWARDS
    assert 'odom shows -0.05' in drive.end.detail and 'check the sign' in drive.end.detail
    assert abs(drive.place) < 0.15


def test_a_base_that_still_drives_backwards_may_turn_round() -> None:
    """Its stopping distance is more than 5 cm."""
    drive = Drive(true, start_speed=-0.4)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.DONE and drive.place == pytest.approx(1.0, abs=0.05)


def test_a_move_against_the_motion_before_is_not_done_at_its_start() -> None:
    """What it travels backwards in 0.1 s is more than the 40 mm of the command."""
    drive = Drive(true, start_speed=-0.5)
    drive.run(0.04, 0.1)
    assert drive.end.reason is Reason.DONE and drive.place > 0.02


def test_a_base_that_brakes_from_the_motion_before_is_not_stuck() -> None:
    """It goes 45 mm backwards, and needs 2 s to make good for it."""
    drive = Drive(true, start_speed=-0.3)
    drive.run(0.1, 0.02)
    assert drive.end.reason is Reason.DONE and drive.place == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(('factor', 'amount', 'speed'), [(1000.0, 1.0, 0.5), (10.0, 0.05, 0.1)])
def test_a_twist_that_is_far_too_large_does_not_finish_a_move(
        factor: float, amount: float, speed: float) -> None:
    """A driver that publishes mm/s: in 0.1 s it would be beyond the end."""
    drive = Drive(lambda place, speed: true(place, factor * speed))
    drive.run(amount, speed)
    assert drive.end.reason is Reason.POSE_NOT_MOVING and drive.place < amount / 2.0


def test_a_noisy_pose_is_not_the_beginning_of_a_move() -> None:
    """A base that begins after 2 s; one sample is off by a little more than the noise."""
    samples = itertools.count()
    drive = Drive(lambda place, speed: true(
        place + (0.007 if next(samples) == 20 else 0.0), speed), latency=2.0)
    drive.run(0.5, 0.2)
    assert drive.end.reason is Reason.DONE and drive.now > 104.0


def test_a_move_that_is_slow_by_command_has_time_to_begin() -> None:
    """At 1 mm/s, 5 mm of noise take longer than the start timeout."""
    drive = Drive(true)
    drive.run(0.03, 0.001, seconds=60.0)
    assert drive.end.reason is Reason.DONE and drive.place == pytest.approx(0.03, abs=0.002)


def test_a_base_that_stops_within_the_noise_of_its_goal_is_done() -> None:
    drive = Drive(lambda place, speed: true(min(place, 0.997), 0.0))
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.DONE


def test_a_pose_that_does_not_move_ends_the_move_soon_after_its_distance() -> None:
    """300 mm at 200 mm/s, and the stopping distance of 60 mm."""
    drive = Drive(frozen_pose)
    drive.run(0.3, 0.2)
    assert drive.end.reason is Reason.POSE_NOT_MOVING
    assert 'the pose does not move' in drive.end.detail and 'odom' in drive.end.detail
    assert 0.3 < drive.place < 0.42


def test_a_base_that_does_not_begin_to_move_is_given_up_after_the_start_timeout() -> None:
    drive = Drive(true, speed_factor=0.0)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.NOT_STARTED
    assert drive.end.detail == (
        'odom shows 0 m of 1 m (commanded: 0.5 m/s) after 3.1 s (move_start_timeout 3 s); '
        'on odom, pose moves at 0 m/s, twist reports 0 m/s')
    assert 102.9 < drive.now < 103.3


def test_a_base_that_stops_on_its_way_is_given_up_after_a_second() -> None:
    drive = Drive(true)
    drive.seen = lambda place, speed: true(min(place, 0.5), speed if place < 0.5 else 0.0)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.NO_PROGRESS
    assert 'odom shows 0.5 m of 1 m (commanded: 0.5 m/s); ' in drive.end.detail
    assert 'expected: at least 0.005 m (see pose_noise)' in drive.end.detail


def test_a_slow_base_goes_on_while_it_makes_progress() -> None:
    """At a tenth of the speed: 20 s instead of 2 s."""
    drive = Drive(true, speed_factor=0.11)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.DONE and drive.now > 115.0


def test_a_localization_reset_is_no_progress() -> None:
    """A jump by 3 m forwards in the middle of a move of 1 m."""
    drive = Drive(true)
    drive.seen = lambda place, speed: true(place + (3.0 if place > 0.5 else 0.0), speed)
    drive.run(1.0, 0.5)
    assert drive.end.reason is Reason.DONE and drive.place == pytest.approx(1.0, abs=0.06)


class Reach:
    """An arm of one joint on a trajectory: position returns its position after a time (s)."""

    def __init__(self, position: Callable[[float], float], points: tuple[Waypoint, ...], *,
                 tolerance: float = 0.02, growing: bool = False, timeout: float = 3.0) -> None:
        self.actuator = Actuator('arm', ActuatorSettings(rest=JOINT, move_start_timeout=timeout))
        self.actuator.path_problem = ''
        self.position = position
        self.points = points
        self.motion = Motion(
            Trajectory(points), 120.0, Arrival(points[-1].positions, (tolerance,)), once=True,
            settles=True, earliest=points[-1].time, growing=growing)
        self.elapsed = 0.0

    def run(self, seconds: float) -> list[Ended]:
        """Command the move, let time pass until it has ended; returns how it did."""
        ended: list[Ended] = []
        self.measure()
        self.actuator.command(self.motion, OpenClaim(), 1, 0.0)
        while self.elapsed < seconds and not ended:
            self.actuator.poll(self.elapsed)
            self.elapsed += PERIOD
            self.measure()
            ended += self.actuator.take_notes()[0]
        return ended

    def measure(self) -> None:
        self.actuator.measured(JointSample((self.position(self.elapsed),)), self.elapsed)


TO_ONE = (Waypoint(1.0, (1.0,)),)


def test_an_arm_at_a_tenth_of_its_speed_arrives() -> None:
    """60 degrees behind a speed slider at 10 %: no limit but max_move_duration ends it."""
    reach = Reach(lambda at: min(1.0, 0.1 * at), TO_ONE)
    [end] = reach.run(20.0)
    assert end.reason is Reason.DONE and reach.elapsed > 9.5


def test_an_arm_that_moves_away_from_its_goal_is_stopped_within_5_degrees() -> None:
    reach = Reach(lambda at: 0.0 - 0.5 * at, TO_ONE)
    [end] = reach.run(20.0)
    assert end.reason is Reason.BACKWARDS and reach.elapsed < 0.3
    assert 'joint elbow is at -0.09 rad, its path is from 0 to 1' in end.detail
    assert 'check the sign' in end.detail


def test_an_arm_that_passes_its_goal_is_stopped() -> None:
    reach = Reach(lambda at: at, (Waypoint(0.5, (0.5,)),))
    [end] = reach.run(20.0)
    assert end.reason is Reason.OVERSHOT and reach.position(reach.elapsed) < 0.65
    assert 'its path is from 0 to 0.5' in end.detail


def test_an_arm_that_is_stuck_is_given_up_and_its_joint_named() -> None:
    reach = Reach(lambda at: min(0.5, at), TO_ONE)
    [end] = reach.run(20.0)
    assert end.reason is Reason.NO_PROGRESS and reach.elapsed < 2.0
    assert end.detail.startswith('joint elbow is at 0.5 rad, its goal is 1 (tolerance 0.02); ')


@pytest.mark.parametrize(('timeout', 'reason'), [(3.0, [Reason.NOT_STARTED]), (0.0, [])])
def test_an_arm_that_does_not_begin_is_given_up_by_the_start_timeout_only(
        timeout: float, reason: list[Reason]) -> None:
    """0: for ever, since a planner may take its time."""
    reach = Reach(lambda at: 0.0, TO_ONE, timeout=timeout)
    assert [end.reason for end in reach.run(10.0)] == reason


def test_an_arm_at_rest_a_little_outside_of_its_tolerance_fails() -> None:
    """It has 5 s to get there, not max_move_duration."""
    reach = Reach(lambda at: min(0.976, at), TO_ONE)
    [end] = reach.run(100.0)
    assert end.reason is Reason.NO_PROGRESS and 6.0 < reach.elapsed < 8.0


def test_an_arm_that_is_sent_back_while_it_moves_may_turn_round() -> None:
    """A controller's curve from 1 rad/s leads it 0.3 rad past the point where it turns."""
    reach = Reach(lambda at: at, (Waypoint(2.0, (-0.5,)),))
    for index in range(50):
        sample = JointSample((index * PERIOD - 1.0,), (1.0,))
        reach.actuator.measured(sample, index * PERIOD - 1.0)
    reach.position = lambda at: at if at < 0.3 else max(-0.5, 0.6 - at)
    [end] = reach.run(20.0)
    assert end.reason is Reason.DONE


def test_a_commanded_pause_is_no_stall() -> None:
    way = (Waypoint(1.0, (0.5,)), Waypoint(6.0, (0.5,)), Waypoint(7.0, (1.0,)))

    def position(at: float) -> float:
        return min(0.5, at / 2.0) if at < 6.0 else min(1.0, 0.5 + (at - 6.0) / 2.0)

    [end] = Reach(position, way).run(20.0)
    assert end.reason is Reason.DONE


@pytest.mark.parametrize(('late', 'share'), [(2.5, 1.0), (0.0, 0.1)])
def test_a_commanded_pause_of_a_late_or_slow_arm_is_no_stall(late: float, share: float) -> None:
    """The pause is a run of equal points, as a stream sends them."""
    way = (*(Waypoint(1.0 + 0.1 * index, (0.5,)) for index in range(41)), Waypoint(6.0, (1.0,)))

    def position(at: float) -> float:
        at = share * max(0.0, at - late)
        return min(0.5, at / 2.0) if at < 5.0 else min(1.0, 0.5 + (at - 5.0) / 2.0)

    [end] = Reach(position, way).run(100.0)
    assert end.reason is Reason.DONE


@pytest.mark.parametrize('share', [1.0, 0.5])
def test_an_arm_that_is_blocked_where_its_path_pauses_is_stopped_after_the_pause(
        share: float) -> None:
    """After the pause of its own pace, 5 s to settle and 1 s without progress."""
    way = (Waypoint(1.0, (0.5,)), Waypoint(5.0, (0.5,)), Waypoint(6.0, (1.0,)))
    reach = Reach(lambda at: min(0.5, share * at / 2.0), way)
    [end] = reach.run(100.0)
    assert end.reason is Reason.NO_PROGRESS
    came, pause = 1.0 / share, 4.0 / share
    assert came + pause + 5.0 < reach.elapsed < came + pause + 7.0
    assert 's where its path pauses (expected: ' in end.detail


def test_an_arm_that_returns_to_where_its_path_pauses_may_pause_again() -> None:
    """The time of the first pause does not count for the second."""
    way = (Waypoint(1.0, (0.5,)), Waypoint(7.0, (0.5,)), Waypoint(8.0, (0.0,)),
           Waypoint(9.0, (0.5,)), Waypoint(15.0, (0.5,)), Waypoint(16.0, (1.0,)))
    late = 4.0

    def position(at: float) -> float:
        points = [(0.0, 0.0), *((point.time, point.positions[0]) for point in way)]
        at -= late
        for (begin, start), (end, goal) in itertools.pairwise(points):
            if at < end:
                return start + (goal - start) * max(0.0, at - begin) / (end - begin)
        return 1.0

    [end] = Reach(position, way, timeout=10.0).run(100.0)
    assert end.reason is Reason.DONE


def test_a_streamed_way_whose_end_is_not_known_waits_at_its_last_point() -> None:
    assert Reach(lambda at: min(1.0, at), TO_ONE, growing=True).run(10.0) == []


def test_a_streamed_way_that_gets_no_more_points_names_that_as_its_limit() -> None:
    """Not max_move_duration."""
    reach = Reach(lambda at: min(1.0, at), TO_ONE, growing=True)
    reach.motion = replace(reach.motion, duration=8.0)
    [end] = reach.run(10.0)
    assert end.reason is Reason.TIME_LIMIT
    assert ' after 8 s without further points of the path' in end.detail


def test_a_streamed_way_that_goes_on_widens_no_margin_by_its_own_speed() -> None:
    """An arm that rested when the move began runs 5 degrees past its goal at most."""
    reach = Reach(lambda at: at, TO_ONE, growing=True)
    reach.run(0.5)
    longer = replace(reach.motion, growing=False)
    reach.actuator.go_on(longer, 0.5, reach.elapsed)
    ended: list[Ended] = []
    while not ended and reach.elapsed < 5.0:
        reach.elapsed += PERIOD
        reach.measure()
        reach.actuator.poll(reach.elapsed)
        ended += reach.actuator.take_notes()[0]
    assert [end.reason for end in ended] == [Reason.OVERSHOT] and reach.elapsed < 1.2


def test_a_gripper_that_closed_on_an_object_has_succeeded() -> None:
    [end] = Reach(lambda at: min(0.4, at), TO_ONE, tolerance=math.inf).run(10.0)
    assert end.reason is Reason.DONE


def test_a_motor_that_turns_the_wrong_way_is_stopped_within_5_degrees() -> None:
    actuator = Actuator('motor', ActuatorSettings(rest=JOINT))
    actuator.path_problem = ''
    actuator.measured(JointSample((0.0,), (0.0,)), 0.0)
    course = MoveProfile(Along.JOINT, 6.0, 2.0, 10.0)
    actuator.command(Motion(Speed(2.0), 120.0, course), OpenClaim(), 1, 0.0)
    for index in range(1, 100):
        now = index * PERIOD
        actuator.poll(now)
        actuator.measured(JointSample((-2.0 * now,), (-2.0,)), now)
        ended = actuator.take_notes()[0]
        if ended:
            break
    assert [end.reason for end in ended] == [Reason.BACKWARDS] and now < 0.2
    assert 'rad of 6 rad' in ended[0].detail


@pytest.mark.parametrize('velocities', [(0.5,), ()])
def test_a_velocity_that_is_not_used_does_not_affect_a_move(
        velocities: tuple[float, ...]) -> None:
    """With rest_by: positions a configured speed of 0.5 rad/s is no measured one."""
    settings = replace(JOINT, by_positions=True)
    tracker = MoveProfile(Along.JOINT, 1.0, 0.1, 10.0).tracker(Speed(0.1), settings)
    tracker.moves_at((3.0,))
    for index in range(400):
        at = index * PERIOD
        # The motor turns backwards at first, as it was commanded before: no wrong sign.
        place = -0.2 if at < 0.1 else 0.1 * at - 0.2
        tracker.take(JointSample((0.0 if index == 0 else place,), velocities), at)
        assert tracker.failure(at, at, 3.0) is None and not tracker.done
