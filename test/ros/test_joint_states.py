# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Joint states as evidence: which joints, their speeds, and what is ignored."""

import math
from typing import Any

import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState

from processes import Programs, wait_until
from simulated_joints import SimulatedJoints
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.sources.joint_states import JointGroup, JointReading, JointStates

NAN = math.nan


class Received(list[JointReading]):
    """A group of joints and its readings; received at the stamp, unless given otherwise."""

    def __init__(self, *joints: str, **options: Any) -> None:
        super().__init__()
        self._group = JointGroup('arm', joints or ('wheel',), self.append, **options)

    def publish(self, stamp: float, names: list[str], positions: list[float],
                velocities: list[float], received: float | None = None) -> None:
        message = JointState(name=names, position=positions, velocity=velocities)
        message.header.stamp.sec = int(stamp)
        message.header.stamp.nanosec = round(stamp % 1 * 1e9)
        places = {name: index for index, name in enumerate(names)}
        self._group.update(message, places, stamp if received is None else received)

    @property
    def samples(self) -> list[JointSample]:
        return [reading.sample for reading in self]


def watched(states: JointStates, *joints: str, **options: Any) -> JointGroup:
    """Return a group of joints that takes the messages of a topic."""
    group = JointGroup('arm', joints, lambda reading: None, **options)
    states.watch(group)
    return group


def test_the_joint_is_found_by_its_name() -> None:
    """In any order; messages of other joints are ignored."""
    readings = Received()
    readings.publish(1.0, ['arm', 'wheel'], [1.0, 2.0], [3.0, -4.0])
    readings.publish(1.1, ['arm'], [1.0], [3.0])
    readings.publish(1.2, ['wheel', 'arm'], [2.5, 1.0], [5.0, 3.0])
    assert readings.samples == [JointSample((2.0,), (-4.0,)), JointSample((2.5,), (5.0,))]
    assert readings[0].velocities == (-4.0,)


def test_joints_come_in_the_order_of_the_resource() -> None:
    readings = Received('base', 'elbow', 'tip')
    readings.publish(
        1.0, ['tip', 'elbow', 'other', 'base'], [3.0, 2.0, 9.0, 1.0], [0.1, -0.7, 9.0, 0.2])
    assert readings.samples == [JointSample((1.0, 2.0, 3.0), (0.2, -0.7, 0.1))]


def test_joints_may_be_spread_over_messages() -> None:
    """A reading is complete when each joint has a new sample."""
    readings = Received('a', 'b')
    readings.publish(1.00, ['a'], [1.0], [0.5])
    readings.publish(1.01, ['a'], [1.1], [0.0])
    assert not readings
    readings.publish(1.02, ['b'], [2.0], [0.1])
    assert readings.samples == [JointSample((1.1, 2.0), (0.0, 0.1))]
    readings.publish(1.03, ['b'], [2.1], [0.1])
    assert len(readings) == 1
    readings.publish(1.04, ['a'], [1.2], [0.0])
    assert readings.samples[1] == JointSample((1.2, 2.1), (0.0, 0.1))


def test_a_joint_without_new_samples_completes_no_reading() -> None:
    """An old sample is no evidence beside fresh ones of the others."""
    readings = Received('a', 'b', patience=0.5)
    readings.publish(1.0, ['a'], [1.0], [0.0])
    readings.publish(1.6, ['b'], [2.0], [0.0])
    assert not readings
    readings.publish(1.7, ['a'], [1.0], [0.0])
    assert len(readings) == 1


def test_a_joint_may_count_in_the_opposite_direction() -> None:
    """Reported or estimated, the speed is scaled once; raw is as published."""
    readings = Received(scale=-2.0)
    readings.publish(1.0, ['wheel'], [2.0], [3.0])
    readings.publish(1.5, ['wheel'], [1.0], [])
    assert [sample.positions for sample in readings.samples] == [(-4.0,), (-2.0,)]
    assert [reading.raw for reading in readings] == [(2.0,), (1.0,)]
    assert [reading.velocities for reading in readings] == [(-6.0,), (4.0,)]


@pytest.mark.parametrize('velocities', [[], [NAN]])
def test_without_velocity_it_is_estimated_from_positions(velocities: list[float]) -> None:
    """The estimate is no evidence of rest: the positions are."""
    readings = Received()
    readings.publish(1.0, ['wheel'], [2.0], velocities)
    readings.publish(1.5, ['wheel'], [1.0], velocities)
    readings.publish(2.0, ['wheel'], [1.0], velocities)
    assert math.isnan(readings[0].velocities[0])
    assert [reading.velocities for reading in readings[1:]] == [(-2.0,), (0.0,)]
    assert all(math.isnan(sample.velocities[0]) for sample in readings.samples)


def test_one_step_of_an_encoder_is_no_speed() -> None:
    """The estimate is a mean over 0.1 s: 0.0015 rad at 50 Hz are 0.015 rad/s, not 0.077."""
    readings = Received()
    for number in range(20):
        readings.publish(1.0 + 0.02 * number, ['wheel'], [0.001534 * (number % 2)], [])
    assert max(abs(reading.velocities[0]) for reading in readings[6:]) < 0.016


def test_what_is_frozen_is_not_passed_on() -> None:
    """A repeated stamp is an old message."""
    readings = Received()
    for received in (1.0, 1.1, 1.2):
        readings.publish(1.0, ['wheel'], [2.0], [0.0], received)
    assert len(readings) == 1


def test_without_stamps_receipt_counts() -> None:
    """A zero stamp has no age."""
    readings = Received()
    readings.publish(0.0, ['wheel'], [2.0], [], received=1.0)
    readings.publish(0.0, ['wheel'], [3.0], [], received=1.5)
    assert [reading.velocities for reading in readings[1:]] == [(2.0,)]


@pytest.mark.parametrize('velocity', [NAN, math.inf, -math.inf])
def test_a_velocity_that_is_not_finite_is_estimated_from_positions(velocity: float) -> None:
    """As without one."""
    readings = Received()
    for number in range(3):
        readings.publish(1.0 + number, ['wheel'], [2.0 * number], [velocity])
    assert [reading.velocities for reading in readings[1:]] == [(2.0,), (2.0,)]
    assert all(sample.is_finite for sample in readings.samples)


@pytest.mark.parametrize('positions', [[], [NAN], [math.inf]])
def test_without_a_position_there_is_no_reading(positions: list[float]) -> None:
    """A velocity alone cannot steer a move."""
    readings = Received()
    readings.publish(1.0, ['wheel'], positions, [0.0])
    assert not readings.samples[0].is_finite and not readings[0].is_known


@pytest.mark.parametrize('scale', [1.0, -2.0])
def test_a_continuous_joint_goes_on_counting(scale: float) -> None:
    """Past the end of a turn, in both directions, and past invalid samples; raw jumps."""
    readings = Received(scale=scale, continuous=('wheel',))
    published = [3.0, -3.0, 3.0, NAN, -3.0, -2.0]
    for number, position in enumerate(published):
        readings.publish(1.0 + number, ['wheel'], [position], [])
    beyond = math.tau - 3.0
    counted = [reading.positions[0] for reading in readings if reading.is_known]
    assert counted == pytest.approx([scale * one for one in (3.0, beyond, 3.0, beyond,
                                                             beyond + 1.0)])
    assert readings[1].velocities == pytest.approx((scale * (beyond - 3.0),))
    assert [reading.raw[0] for reading in readings][-1] == -2.0


def test_a_continuous_joint_goes_on_after_any_number() -> None:
    """The difference of two numbers may be infinite, and no thread may end by that."""
    readings = Received(continuous=['wheel'])
    for stamp, position in enumerate((0.0, -1.7e308, 1.7e308, 0.5, 0.75), 1):
        readings.publish(float(stamp), ['wheel'], [position], [])
    places = [reading.positions[0] for reading in readings]
    assert all(map(math.isfinite, places))
    assert places[-1] - places[-2] == pytest.approx(0.25)


def test_the_names_of_received_joints_are_bounded(node: Node) -> None:
    states = JointStates(node, 'names')
    for number in range(3000):
        states._on_joints(JointState(name=[f'joint{number}', f'other{number}']))
    assert len(states._names) < 2100


def test_a_joint_with_ends_does_not_wrap() -> None:
    """A lift of 4 m has no turn."""
    readings = Received()
    for number, position in enumerate([0.0, 4.0]):
        readings.publish(1.0 + number, ['wheel'], [position], [0.0])
    assert readings.samples[1].positions == (4.0,)


LIMITED = JointRange(
    -1.0, 2.0, margin=0.1, parameters=('arm.joint_minimums', 'arm.joint_maximums'))


@pytest.mark.parametrize('published', [100.0, -1.11, 2.11, -1e9])
def test_a_position_outside_of_the_limits_is_not_measured(published: float) -> None:
    """The next one within them is measured; both published velocities are finite."""
    readings = Received('elbow', 'wrist', ranges=(LIMITED, JointRange()))
    readings.publish(1.0, ['elbow', 'wrist'], [published, published], [0.0, 0.0])
    readings.publish(1.1, ['elbow', 'wrist'], [0.5, published], [0.0, 0.0])
    assert not readings[0].is_known and not readings.samples[0].is_finite
    assert readings[0].raw[1] == published, 'the wrist has no limits'
    assert readings.samples[0].problem == (
        f'joint elbow is measured at {published:g} rad; its limits are -1 to 2 rad '
        '(arm.joint_minimums, arm.joint_maximums), with a tolerance of 0.1 rad')
    assert readings[1].is_known
    assert readings.samples[1].is_finite and not readings.samples[1].problem


@pytest.mark.parametrize('published', [-1.09, 2.09, 0.0])
def test_a_position_within_the_tolerance_of_a_limit_is_measured(published: float) -> None:
    readings = Received('elbow', ranges=(LIMITED,))
    readings.publish(1.0, ['elbow'], [published], [0.0])
    assert readings.samples[0].positions == (published,) and readings[0].is_known


def test_limits_are_those_of_the_scaled_position() -> None:
    readings = Received('elbow', ranges=(LIMITED,), scale=-0.5)
    readings.publish(1.0, ['elbow'], [-4.0], [0.0])
    readings.publish(2.0, ['elbow'], [4.0], [0.0])
    assert [reading.is_known for reading in readings] == [True, False]


def test_a_position_outside_of_the_limits_does_not_change_the_estimated_speed() -> None:
    """Differentiated positions: neither the jump away nor the jump back is a motion."""
    readings = Received('elbow', ranges=(LIMITED,))
    for number, position in enumerate([0.5, 100.0, 0.5, 0.5]):
        readings.publish(1.0 + number, ['elbow'], [position], [])
    speeds = [reading.velocities[0] for reading in readings
              if reading.is_known and not math.isnan(reading.velocities[0])]
    assert speeds and not any(speeds)


def test_a_continuous_joint_is_measured_within_a_turn_whatever_its_limits() -> None:
    """The begin of its turn is not fixed; a hundred turns are implausible."""
    readings = Received('elbow', ranges=(LIMITED,), continuous=('elbow',))
    for number, position in enumerate([1.9, 6.2, -6.2, 628.3]):
        readings.publish(1.0 + number, ['elbow'], [position], [0.0])
    assert [reading.is_known for reading in readings] == [True, True, True, False]


def test_what_is_measured_outside_of_the_limits_is_named(node: Node, programs: Programs) -> None:
    states = JointStates(node, 'limited')
    group = watched(states, 'left', ranges=(LIMITED,))
    topic = node.resolve_topic_name('limited')
    programs.add(SimulatedJoints(f'{topic}/command', 'left', start=(4.0,), joint_states=topic))
    problem = wait_until(lambda: 'measured' in states.problem(group) and states.problem(group),
                         'the problem')
    assert problem.startswith('arm.joint_states_topic: joint left is measured at 4 rad')
    assert 'arm.joint_minimums' in problem


def test_what_is_missing_is_named(node: Node, programs: Programs) -> None:
    """No publisher; joints of other names; and then nothing is missing."""
    states = JointStates(node, 'joints')
    group = watched(states, 'left', 'right')
    strange = watched(states, 'left', 'elbow')
    assert 'has no publisher' in states.problem(group)
    topic = node.resolve_topic_name('joints')
    programs.motors(f'{topic}/command', 'left', 'right', type='array', joint_states=topic)
    wait_until(lambda: not states.problem(group), 'joint states')
    problem = states.problem(strange)
    assert 'nothing is known of elbow' in problem and 'another, left, right' in problem
    programs.close()
    wait_until(lambda: 'no joint states of left, right' in states.problem(group), 'silence')


def test_a_publisher_of_another_type_is_named(node: Node, programs: Programs) -> None:
    """With the published and the expected type."""
    states = JointStates(node, 'odd')
    group = watched(states, 'left')
    topic = node.resolve_topic_name('odd')
    programs.add(SimulatedJoints(f'{topic}/command', 'left', description=topic))
    wait_until(lambda: 'publishes std_msgs/msg/String' in states.problem(group), 'the problem')
    assert 'expected sensor_msgs/msg/JointState' in states.problem(group)
