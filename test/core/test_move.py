# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Moves that are steered by odometry: progress, slowing down, the end."""

import importlib.util
import math
from pathlib import Path
import sys

import pytest

from viam_session_bridge.core.move import Along, MoveProfile, SteeredTracker
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.stop import BaseSample, RestSettings


def begun(course: MoveProfile) -> SteeredTracker:
    return SteeredTracker(course, RestSettings())


def follow(tracker: SteeredTracker, *samples: BaseSample) -> SteeredTracker:
    """Take samples, one a second."""
    for second, sample in enumerate(samples):
        tracker.take(sample, float(second))
    return tracker


def test_distance_is_counted_along_the_path_of_an_arc() -> None:
    """A quarter circle of radius 1 m is 1.57 m long, though its chord is 1.41 m."""
    tracker = begun(MoveProfile(Along.PATH, 2.0, 0.5, 0.5))
    arc = [i / 100.0 * math.pi / 2.0 for i in range(101)]
    follow(tracker, *(BaseSample(math.sin(a), 1.0 - math.cos(a), a) for a in arc))
    assert tracker.remaining == pytest.approx(2.0 - math.pi / 2.0, abs=1e-3)


def test_noise_does_not_add_up() -> None:
    """Jumping to and fro is no progress."""
    tracker = begun(MoveProfile(Along.PATH, 1.0, 0.5, 0.5))
    follow(tracker, *(BaseSample(x=0.01 * (i % 2)) for i in range(1001)))
    assert tracker.remaining == pytest.approx(1.0)


def test_a_turn_is_counted_beyond_half_a_circle() -> None:
    """Yaw wraps at pi; a turn of 540 degrees does not care."""
    tracker = begun(MoveProfile(Along.YAW, 3.0 * math.pi, 1.0, 1.0))
    follow(tracker, *(BaseSample(yaw=math.remainder(i * 0.1, math.tau)) for i in range(95)))
    assert tracker.remaining == pytest.approx(3.0 * math.pi - 9.4)


@pytest.mark.parametrize(('along', 'velocity'), [
    (Along.PATH, Velocity(linear=(-0.5, 0.0, 0.0))),
    (Along.YAW, Velocity(angular=(0.0, 0.0, -0.5)))])
def test_a_negative_amount_goes_the_other_way(along: Along, velocity: Velocity) -> None:
    tracker = begun(MoveProfile(along, -2.0, 0.5, 0.5))
    assert tracker.setpoint() == velocity
    there = BaseSample(x=-0.5) if along is Along.PATH else BaseSample(yaw=-0.5)
    follow(tracker, BaseSample(), there)
    assert tracker.remaining == pytest.approx(1.5)


def test_it_slows_down_within_the_deceleration_and_never_creeps_to_a_halt() -> None:
    """v^2 = 2 a r, and a tenth of the speed at least, until it is done."""
    course = MoveProfile(Along.PATH, 1.0, 0.5, 0.25)
    for left in (1.0, 0.5, 0.3, 0.1, 0.01, 0.0001):
        tracker = follow(begun(course), BaseSample(), BaseSample(x=1.0 - left))
        speed = tracker.setpoint().linear[0]
        assert speed == pytest.approx(max(0.05, min(0.5, math.sqrt(0.5 * left)))), left
        assert not tracker.done


def test_what_the_robot_will_do_anyway_counts_as_done() -> None:
    """At 0.5 m/s a stop shows a tenth of a second later: 5 cm are driven already."""
    tracker = follow(
        begun(MoveProfile(Along.PATH, 1.0, 0.5, 0.5)), BaseSample(),
        BaseSample(x=0.949, linear=(0.5, 0.0, 0.0)))
    assert not tracker.done
    tracker.take(BaseSample(x=0.951, linear=(0.5, 0.0, 0.0)), 2.0)
    assert tracker.done


def test_an_overshot_goal_is_done() -> None:
    tracker = follow(
        begun(MoveProfile(Along.YAW, -1.0, 0.5, 0.5)), BaseSample(), BaseSample(yaw=-1.2))
    assert tracker.done


def test_limits_hold_for_courses() -> None:
    limits = VelocityLimits(0.3, 0.7)
    assert MoveProfile(Along.PATH, 1.0, 9.0, 1.0).within(limits).speed == 0.3
    assert MoveProfile(Along.YAW, 1.0, 9.0, 1.0).within(limits).speed == 0.7


@pytest.mark.parametrize('along', [Along.PATH, Along.YAW])
def test_steered_moves_end_nearer_than_timed_ones(along: Along) -> None:
    """The table of `bench/moves.py`, on a few moves: latency, slip and noise included."""
    path = Path(__file__).parents[2] / 'bench' / 'moves.py'
    spec = importlib.util.spec_from_file_location('bench_moves', path)
    assert spec is not None and spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bench
    spec.loader.exec_module(bench)
    timed, steered = zip(*bench.moves(along, 12, seed=7), strict=True)
    assert max(steered) < 0.05
    assert sum(steered) < sum(timed) / 3.0
