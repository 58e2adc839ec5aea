# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What a stop of position-controlled joints repeats: no jerk back, no sinking, no lost grip."""

from dataclasses import replace
import math

import pytest

from viam_session_bridge.parameters.joints import JointRange
from viam_session_bridge.ros.position_hold import NoMeasurement, PositionHold, PositionHoldSettings
from viam_session_bridge.ros.sources.joint_states import JointReading

ARM = PositionHoldSettings(tolerance=0.02, rest_speed=0.05, fastest=1.0)
GRIPPER = replace(ARM, grips=True)


class Bench:
    """A hold of one joint, told what is measured."""

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
    """What was told is where it was going to: that is no stop."""
    bench = Bench()
    for told in ((), (2.0,)):
        if told:
            bench.hold.tell(told, due=1.0)
        with pytest.raises(NoMeasurement, match='no position .* was ever measured'):
            bench.stop()


def test_it_follows_a_joint_that_slows_down_and_freezes_where_it_stands() -> None:
    """So that it is never pulled back; then it holds, whatever pulls."""
    bench = Bench()
    bench.hold.tell((2.0,), due=2.0)
    held = [bench.measured_stop(0.05 * n, at, v) for n, (at, v) in enumerate(
        [(1.00, 1.0), (1.04, 0.7), (1.07, 0.4), (1.08, 0.1), (1.082, 0.0)])]
    assert held == [1.00, 1.04, 1.07, 1.08, 1.082]
    assert [bench.measured_stop(1.0 + 0.05 * n, 1.082 - 0.01 * n, -0.2) for n in range(8)] == [
        1.082] * 8


def test_it_does_not_follow_a_joint_that_turns_back() -> None:
    """The position of the turn is held, not the way down."""
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


def test_only_news_can_tell_whether_it_slows_down() -> None:
    """Stops that repeat faster than the joint is measured do not freeze it."""
    bench = Bench()
    assert bench.measured_stop(0.0, 1.0, 1.0) == 1.0
    for n in range(4):
        assert bench.stop(now=0.1 + 0.1 * n) == 1.0
    assert bench.measured_stop(0.5, 1.2, 0.3) == 1.2


def test_a_joint_that_stands_where_it_was_told_keeps_that() -> None:
    """Its controller needs the difference to carry the load: no stop lets it down a little."""
    bench = Bench()
    bench.hold.tell((1.0,), due=0.0)
    for epoch in range(5):
        assert bench.measured_stop(1.0 + epoch, 0.985, 0.0, epoch) == 1.0


def test_a_joint_that_stands_elsewhere_is_held_there() -> None:
    """It was pushed, or never got there: pulling it would be a motion."""
    bench = Bench()
    bench.hold.tell((1.0,), due=0.0)
    assert bench.measured_stop(1.0, 0.5) == 0.5


def test_a_joint_that_had_not_begun_yet_does_not_begin() -> None:
    """A stop right after a command, before it shows."""
    bench = Bench()
    bench.measure(0.0, 0.0)
    bench.hold.tell((1.0,), due=3.0)
    assert bench.stop(now=0.01) == 0.0


def test_each_stop_looks_anew() -> None:
    """What held in the stop before says nothing about this one."""
    bench = Bench()
    assert bench.measured_stop(0.0, 1.0) == 1.0
    bench.hold.tell((3.0,), due=2.0)
    assert bench.measured_stop(1.0, 1.5, 0.8) == 1.5
    assert bench.measured_stop(2.0, 2.5, 0.8, epoch=2) == 2.5


def test_a_stop_may_have_the_epoch_of_the_motion() -> None:
    """A move that takes too long is stopped under its own."""
    bench = Bench()
    assert bench.measured_stop(0.0, 0.0, epoch=7) == 0.0
    bench.hold.tell((3.0,), due=2.0)
    assert bench.measured_stop(1.0, 1.5, 0.8, epoch=7) == 1.5


def test_a_joint_that_does_not_obey_is_not_pulled_back_from_afar() -> None:
    """When it hears at last, it holds where it is by then."""
    bench = Bench()
    held = [bench.measured_stop(0.05 * n, 0.05 * n, 1.0) for n in range(40)]
    assert all(0.0 <= 0.05 * n - at <= 0.6 for n, at in enumerate(held) if at is not None)
    assert held[-1] is not None and held[-1] > 1.0


def test_lost_feedback_holds_what_was_measured_last() -> None:
    """Not what was told; and anew when there is news."""
    bench = Bench()
    bench.measure(0.0, 0.4, 0.8)
    bench.hold.tell((2.0,), due=2.0)
    assert bench.stop(now=1.0) == 0.4
    way, age = bench.hold.behind(1.0)
    assert (way, age) == (0.0, pytest.approx(0.5))
    assert bench.measured_stop(1.2, 1.2, 0.5) == 1.2


def test_nonsense_is_not_held() -> None:
    """A position that is not a number leaves the last one that was."""
    bench = Bench()
    bench.measure(0.0, 0.4)
    assert bench.measured_stop(0.1, math.nan) == 0.4


def test_a_hold_is_reached_no_faster_than_the_joint_may_move() -> None:
    """The way back, at full speed."""
    bench = Bench(replace(ARM, fastest=0.5))
    assert bench.measured_stop(0.0, 1.0) == 1.0
    bench.measure(0.1, 0.8)
    assert bench.hold.behind(0.1) == (pytest.approx(0.4), 0.0)


def test_a_gripper_keeps_its_grip() -> None:
    """It stands against an object: what it was told is its force."""
    bench = Bench(GRIPPER)
    bench.hold.tell((0.0,), due=1.0)
    for n in range(20):
        bench.measure(0.1 * n, 0.3)
    assert [bench.stop(epoch) for epoch in (1, 2)] == [0.0, 0.0]


def test_a_gripper_that_moves_stops_where_it_is() -> None:
    """And one that has not begun yet, or only just stands, as well: never open, never close."""
    bench = Bench(GRIPPER)
    bench.measure(0.0, 1.0)
    bench.hold.tell((0.0,), due=1.0)
    assert bench.stop(1, now=0.01) == 1.0
    bench.hold.tell((0.0,), due=1.0)
    assert bench.measured_stop(0.5, 0.6, -0.5, epoch=2) == 0.6
    bench.hold.tell((0.0,), due=1.0)
    assert bench.measured_stop(1.2, 0.3, 0.0, epoch=3) == 0.3


def test_a_gripper_that_others_moved_stays_where_they_left_it() -> None:
    """What we told it is not its grip any more, and theirs is not known."""
    bench = Bench(GRIPPER)
    bench.hold.tell((0.0,), due=0.0)
    bench.measure(0.6, 0.3)
    bench.measure(2.0, 0.9)
    assert bench.stop() is None
    assert bench.measured_stop(2.1, 0.8, -0.5) == 0.8, 'it moves: it is stopped'
    bench.hold.tell((0.0,), due=3.0)
    bench.measure(4.0, 0.3)
    assert bench.stop(2) == 0.0


def test_a_gripper_of_which_nothing_is_known_is_left_alone() -> None:
    """A bridge before this one may have closed it around something."""
    bench = Bench(GRIPPER)
    assert bench.measured_stop(0.0, 0.3) is None
    assert bench.measured_stop(0.1, 0.25, -0.5) == 0.25
    stale = Bench(GRIPPER)
    stale.measure(0.0, 0.3)
    assert stale.stop(now=1.0) == 0.3, 'whether it stands is not known'


def test_the_same_again_is_no_news() -> None:
    """A gripper that is led says its end at every tick; it has stood there all the same."""
    bench = Bench(GRIPPER)
    for n in range(20):
        bench.hold.tell((0.0,), due=0.1 * n)
        bench.measure(0.1 * n, 0.3)
    assert bench.stop() == 0.0


def test_a_motion_begins_where_the_joint_is() -> None:
    """Or where it was told to be, while it follows or stands there."""
    bench = Bench()
    assert bench.hold.present(0.0) == (None,)
    bench.measure(0.0, 0.5)
    assert bench.hold.present(0.1) == (0.5,)
    bench.hold.tell((0.8,), due=0.2)
    bench.measure(0.3, 0.6, 0.5)
    assert bench.hold.present(0.3) == (0.8,)
    bench.measure(1.0, 0.6)
    assert bench.hold.present(1.0) == (0.6,)
    bench.hold.tell((1.5,), due=1.1)
    bench.measure(1.2, 0.6)
    assert bench.hold.present(1.2) == (0.6,), 'it is held up by something'


def test_a_neighbour_is_left_where_it_is() -> None:
    """Taken once, not again and again: it would sink."""
    bench = Bench()
    assert bench.hold.idle(0.0) is None
    bench.measure(0.0, 0.5)
    assert bench.hold.idle(0.0) == (0.5,)
    bench.measure(1.0, 0.49)
    assert bench.hold.idle(1.0) == (0.5,)
    bench.measure(2.0, 0.2)
    assert bench.hold.idle(2.0) == (0.2,)


def test_each_joint_is_held_by_its_own_measure() -> None:
    """2 mm/s are rest for an elbow (rad/s), and motion for a rail (m/s)."""
    rail = PositionHoldSettings(tolerance=0.002, rest_speed=0.001, fastest=0.1)
    hold = PositionHold([ARM, rail])
    hold.tell((1.0, 1.0), due=0.0)
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
