# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Joint states as evidence: which joint, how fast, and what says nothing."""

import math

import pytest
from sensor_msgs.msg import JointState

from viam_session_bridge.core.course import JointSample
from viam_session_bridge.ros.joint_states import JointWatcher


class Ear(list[JointSample]):
    """A watcher of 'wheel' and what it passed on."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self._watcher = JointWatcher('wheel', self.append, scale)

    def hear(self, at: float, names: list[str], positions: list[float],
             velocities: list[float]) -> None:
        message = JointState(name=names, position=positions, velocity=velocities)
        message.header.stamp.sec, message.header.stamp.nanosec = int(at), round(at % 1 * 1e9)
        self._watcher.hear(message)


def test_the_joint_is_found_by_its_name() -> None:
    """In any order; messages of other joints say nothing."""
    ear = Ear()
    ear.hear(1.0, ['arm', 'wheel'], [1.0, 2.0], [3.0, -4.0])
    ear.hear(1.1, ['arm'], [1.0], [3.0])
    ear.hear(1.2, ['wheel', 'arm'], [2.5, 1.0], [5.0, 3.0])
    assert ear == [JointSample((2.0,), 4.0), JointSample((2.5,), 5.0)]


def test_a_joint_may_count_the_other_way_round() -> None:
    """Measured or differentiated, the speed is scaled once."""
    ear = Ear(scale=-2.0)
    ear.hear(1.0, ['wheel'], [2.0], [3.0])
    ear.hear(1.5, ['wheel'], [1.0], [])
    assert ear == [JointSample((-4.0,), 6.0), JointSample((-2.0,), 4.0)]


@pytest.mark.parametrize('velocities', [[], [math.nan]])
def test_without_velocity_positions_are_differentiated(velocities: list[float]) -> None:
    """The first sample has no speed, so it is no evidence of rest."""
    ear = Ear()
    ear.hear(1.0, ['wheel'], [2.0], velocities)
    ear.hear(1.5, ['wheel'], [1.0], velocities)
    ear.hear(2.0, ['wheel'], [1.0], velocities)
    assert not ear[0].is_finite
    assert [sample.speed for sample in ear[1:]] == [2.0, 0.0]


def test_what_is_frozen_is_not_passed_on() -> None:
    """A stamp that stands still is an old message again."""
    ear = Ear()
    for _ in range(3):
        ear.hear(1.0, ['wheel'], [2.0], [0.0])
    assert len(ear) == 1


def test_without_stamps_receipt_counts() -> None:
    """Zero says nothing about age."""
    ear = Ear()
    ear.hear(0.0, ['wheel'], [2.0], [])
    ear.hear(0.0, ['wheel'], [2.0], [])
    assert len(ear) == 2 and ear[1].speed == 0.0


@pytest.mark.parametrize('positions', [[], [math.nan]])
def test_without_position_nothing_is_known(positions: list[float]) -> None:
    """A velocity alone would steer no move."""
    ear = Ear()
    ear.hear(1.0, ['wheel'], positions, [0.0])
    assert not ear[0].is_finite
