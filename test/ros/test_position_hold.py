# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What a stop of position-controlled joints sends: no jerk back, no sinking, no lost grip."""

from dataclasses import replace
import math

import pytest

from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.position_hold import NoMeasurement, PositionHold, PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

ARM = PositionHoldSettings(tolerance=0.02, rest_speed=0.05, fastest=1.0)
GRIPPER = replace(ARM, keeps_grip=True)


class Bench:
    """A hold of one joint, with given measurements."""

    def __init__(self, settings: PositionHoldSettings = ARM) -> None:
        self.hold = PositionHold([settings])
        self.now = 0.0

    def measure(self, now: float, position: float, velocity: float = 0.0) -> None:
        self.now = now
        reading = JointReading((position,), (velocity,), (position,), now)
        self.hold.observe(reading.positions, reading)

    def stop(self, epoch: int = 1, now: float | None = None) -> float | None:
        held = self.hold.stop(epoch, self.now if now is None else now)
        return None if held is None else held[0]

    def measured_stop(self, now: float, position: float, velocity: float = 0.0,
                      epoch: int = 1) -> float | None:
        self.measure(now, position, velocity)
        return self.stop(epoch)


def test_without_a_measurement_there_is_nothing_to_hold() -> None:
    """The commanded position is the goal: to send it is no stop."""
    bench = Bench()
    for told in ((), (2.0,)):
        if told:
            bench.hold.command(told, due=1.0)
        with pytest.raises(NoMeasurement, match='no position .* was ever measured'):
            bench.stop()


def test_it_follows_a_joint_that_slows_down_and_freezes_where_it_stands() -> None:
    """So that it is never pulled back; then it holds against any force."""
    bench = Bench()
    bench.hold.command((2.0,), due=2.0)
    held = [bench.measured_stop(0.05 * n, at, v) for n, (at, v) in enumerate(
        [(1.00, 1.0), (1.04, 0.7), (1.07, 0.4), (1.08, 0.1), (1.082, 0.0)])]
    assert held == [1.00, 1.04, 1.07, 1.08, 1.082]
    assert [bench.measured_stop(1.0 + 0.05 * n, 1.082 - 0.01 * n, -0.2) for n in range(8)] == [
        1.082] * 8


def test_it_does_not_follow_a_joint_that_turns_back() -> None:
    """The turning position is held, not the later ones."""
    bench = Bench()
    held = [bench.measured_stop(0.05 * n, at, v) for n, (at, v) in enumerate(
        [(1.00, 0.5), (1.02, 0.1), (1.01, -0.2), (0.98, -0.5)])]
    assert held == [1.00, 1.02, 1.02, 1.02]


def test_it_does_not_follow_a_joint_that_falls() -> None:
    """After the time in which a stop cannot show yet, only slowing down is followed."""
    bench = Bench()
    held = [bench.measured_stop(0.05 * n, -0.02 * n, -0.4) for n in range(10)]
    assert held[:3] == [0.0, -0.02, -0.04]
    assert len(set(held[4:])) == 1


def test_only_a_new_reading_shows_whether_it_slows_down() -> None:
    """Stops that repeat faster than the joint is measured do not freeze it."""
    bench = Bench()
    assert bench.measured_stop(0.0, 1.0, 1.0) == 1.0
    for n in range(4):
        assert bench.stop(now=0.1 + 0.1 * n) == 1.0
    assert bench.measured_stop(0.5, 1.2, 0.3) == 1.2


def test_a_joint_at_its_commanded_position_keeps_that() -> None:
    """Its controller needs the difference to carry the load: no stop lowers it."""
    bench = Bench()
    bench.hold.command((1.0,), due=0.0)
    for epoch in range(5):
        assert bench.measured_stop(1.0 + epoch, 0.985, 0.0, epoch) == 1.0


def test_a_joint_that_stands_elsewhere_is_held_there() -> None:
    """It was pushed, or never reached it: pulling it would be a motion."""
    bench = Bench()
    bench.hold.command((1.0,), due=0.0)
    assert bench.measured_stop(1.0, 0.5) == 0.5


def test_a_joint_that_had_not_begun_yet_does_not_begin() -> None:
    """A stop right after a command, before it has an effect."""
    bench = Bench()
    bench.measure(0.0, 0.0)
    bench.hold.command((1.0,), due=3.0)
    assert bench.stop(now=0.01) == 0.0


def test_each_stop_is_evaluated_independently() -> None:
    """The result of the previous stop does not count."""
    bench = Bench()
    assert bench.measured_stop(0.0, 1.0) == 1.0
    bench.hold.command((3.0,), due=2.0)
    assert bench.measured_stop(1.0, 1.5, 0.8) == 1.5
    assert bench.measured_stop(2.0, 2.5, 0.8, epoch=2) == 2.5


def test_a_stop_may_have_the_epoch_of_the_motion() -> None:
    """A move that exceeds its time limit is stopped under its own epoch."""
    bench = Bench()
    assert bench.measured_stop(0.0, 0.0, epoch=7) == 0.0
    bench.hold.command((3.0,), due=2.0)
    assert bench.measured_stop(1.0, 1.5, 0.8, epoch=7) == 1.5


def test_a_joint_that_does_not_follow_is_not_pulled_back_from_far_away() -> None:
    """When it receives the stop, it holds its position at that time."""
    bench = Bench()
    held = [bench.measured_stop(0.05 * n, 0.05 * n, 1.0) for n in range(40)]
    assert all(0.0 <= 0.05 * n - at <= 0.6 for n, at in enumerate(held) if at is not None)
    assert held[-1] is not None and held[-1] > 1.0


def test_lost_feedback_holds_what_was_measured_last() -> None:
    """Not the commanded position; and the new one when there is a new reading."""
    bench = Bench()
    bench.measure(0.0, 0.4, 0.8)
    bench.hold.command((2.0,), due=2.0)
    assert bench.stop(now=1.0) == 0.4
    way, age = bench.hold.behind(1.0)
    assert (way, age) == (0.0, pytest.approx(0.5))
    assert bench.measured_stop(1.2, 1.2, 0.5) == 1.2


def test_an_invalid_position_is_not_held() -> None:
    """After a position that is not a number, the last valid one is held."""
    bench = Bench()
    bench.measure(0.0, 0.4)
    assert bench.measured_stop(0.1, math.nan) == 0.4


def test_a_hold_is_reached_no_faster_than_the_joint_may_move() -> None:
    """The time back, at full speed."""
    bench = Bench(replace(ARM, fastest=0.5))
    assert bench.measured_stop(0.0, 1.0) == 1.0
    bench.measure(0.1, 0.8)
    assert bench.hold.behind(0.1) == (pytest.approx(0.4), 0.0)


def test_a_gripper_keeps_its_grip() -> None:
    """It stands against an object: the commanded position sets its force."""
    bench = Bench(GRIPPER)
    bench.hold.command((0.0,), due=1.0)
    for n in range(20):
        bench.measure(0.1 * n, 0.3)
    assert [bench.stop(epoch) for epoch in (1, 2)] == [0.0, 0.0]


def test_a_gripper_that_moves_stops_where_it_is() -> None:
    """Also one that has not begun yet, or has just stopped: it neither opens nor closes."""
    bench = Bench(GRIPPER)
    bench.measure(0.0, 1.0)
    bench.hold.command((0.0,), due=1.0)
    assert bench.stop(1, now=0.01) == 1.0
    bench.hold.command((0.0,), due=1.0)
    assert bench.measured_stop(0.5, 0.6, -0.5, epoch=2) == 0.6
    bench.hold.command((0.0,), due=1.0)
    assert bench.measured_stop(1.2, 0.3, 0.0, epoch=3) == 0.3


def test_a_gripper_that_others_moved_stays_where_they_left_it() -> None:
    """Our command is not its grip any more, and the new one is unknown."""
    bench = Bench(GRIPPER)
    bench.hold.command((0.0,), due=0.0)
    bench.measure(0.6, 0.3)
    bench.measure(2.0, 0.9)
    assert bench.stop() is None
    assert bench.measured_stop(2.1, 0.8, -0.5) == 0.8, 'it moves: it is stopped'
    bench.hold.command((0.0,), due=3.0)
    bench.measure(4.0, 0.3)
    assert bench.stop(2) == 0.0


def test_a_gripper_with_an_unknown_command_receives_no_stop() -> None:
    """A bridge before this one may have closed it around something."""
    bench = Bench(GRIPPER)
    assert bench.measured_stop(0.0, 0.3) is None
    assert bench.measured_stop(0.1, 0.25, -0.5) == 0.25
    stale = Bench(GRIPPER)
    stale.measure(0.0, 0.3)
    assert stale.stop(now=1.0) == 0.3, 'whether it is at rest is unknown'


def test_a_repeated_command_does_not_reset_the_rest() -> None:
    """A gripper that is led gets its end position at every tick; it counts as settled."""
    bench = Bench(GRIPPER)
    for n in range(20):
        bench.hold.command((0.0,), due=0.1 * n)
        bench.measure(0.1 * n, 0.3)
    assert bench.stop() == 0.0


def test_a_motion_begins_where_the_joint_is() -> None:
    """Or at its commanded position, while it follows or stands there."""
    bench = Bench()
    assert bench.hold.present(0.0) == (None,)
    bench.measure(0.0, 0.5)
    assert bench.hold.present(0.1) == (0.5,)
    bench.hold.command((0.8,), due=0.2)
    bench.measure(0.3, 0.6, 0.5)
    assert bench.hold.present(0.3) == (0.8,)
    bench.measure(1.0, 0.6)
    assert bench.hold.present(1.0) == (0.6,)
    bench.hold.command((1.5,), due=1.1)
    bench.measure(1.2, 0.6)
    assert bench.hold.present(1.2) == (0.6,), 'something blocks it'


def test_a_joint_without_a_command_stays_where_it_is() -> None:
    """Its position is taken once, not repeatedly: it would sink."""
    bench = Bench()
    assert bench.hold.idle(0.0) is None
    bench.measure(0.0, 0.5)
    assert bench.hold.idle(0.0) == (0.5,)
    bench.measure(1.0, 0.49)
    assert bench.hold.idle(1.0) == (0.5,)
    bench.measure(2.0, 0.2)
    assert bench.hold.idle(2.0) == (0.2,)


def test_each_joint_is_held_with_its_own_thresholds() -> None:
    """2 mm/s are rest for an elbow (rad/s), and motion for a rail (m/s)."""
    rail = PositionHoldSettings(tolerance=0.002, rest_speed=0.001, fastest=0.1)
    hold = PositionHold([ARM, rail])
    hold.command((1.0, 1.0), due=0.0)
    positions = (1.01, 1.01)
    hold.observe(positions, JointReading(positions, (0.002, 0.002), positions, 0.6))
    assert hold.behind(0.6) == (pytest.approx(0.1), 0.0), 'the rail is slower'
    assert hold.stop(1, 0.6) == (1.0, 1.01), 'the elbow is there, the rail goes on'


@pytest.mark.parametrize(('position', 'held'), [
    (1.015, 1.0), (-1.015, -1.0), (0.999, 0.999)])
def test_a_joint_within_the_tolerance_of_a_limit_is_held_within_the_limit(
        position: float, held: float) -> None:
    bench = Bench(replace(ARM, limits=JointRange(-1.0, 1.0, margin=0.02)))
    assert bench.measured_stop(0.0, position) == held
    assert bench.hold.present(0.0) == (held,)
