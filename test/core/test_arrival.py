# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Goals that are seen to be reached: where, active, and never before their trajectory is over.

One actuator of two joints: feedback grows old after 1 s, it is at rest below 0.01 rad/s.
"""

import pytest

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.events import Ended, Output
from viam_session_bridge.core.move import Arrival, Motion
from viam_session_bridge.core.presence import OpenClaim
from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample, RestSettings

GOAL = (1.0, -0.5)
START = (0.0, 0.0)


class Rig:
    """One actuator, its feedback, and how its motions ended."""

    def __init__(self) -> None:
        self.actuator = Actuator('arm', ActuatorSettings(rest=RestSettings(patience=1.0)))
        self.actuator.path_problem = ''
        self.now = 100.0
        self.ended: list[Ended] = []
        self.measure(START)

    def measure(self, positions: tuple[float, ...], speed: float = 0.0) -> None:
        """Take a sample now."""
        self.actuator.measured(JointSample(positions, (speed,) * len(positions)), self.now)

    def begin(self, earliest: float) -> None:
        """Command a move to the goal that takes 2 s and may take 5 s."""
        self.actuator.command(
            Motion(Trajectory((Waypoint(2.0, GOAL),)), 5.0, Arrival(GOAL, (0.02, 0.02)),
                   once=True, settles=True, earliest=earliest), OpenClaim(), 1, self.now)

    def pass_time(self, seconds: float, positions: tuple[float, ...],
                  speed: float = 0.0) -> list[Output]:
        """Measure the same for so long, and poll when it is due."""
        end, outputs = self.now + seconds, []
        while self.now < end:
            self.measure(positions, speed)
            output = self.actuator.poll(self.now)
            outputs += [output] if output is not None else []
            self.ended += self.actuator.take_notes()[0]
            self.now = min(end, self.now + 0.1, max(self.actuator.wake_at(), self.now + 0.001))
        return outputs


@pytest.mark.parametrize('earliest', [0.0, 2.0])
def test_it_has_arrived_when_all_joints_are_at_their_goals_and_at_rest(earliest: float) -> None:
    rig = Rig()
    rig.begin(earliest)
    assert len(rig.pass_time(2.1, (0.5, -0.2), speed=0.5)) == 1
    rig.pass_time(0.3, (1.0, -0.45))
    rig.pass_time(0.3, (1.01, -0.49), speed=0.1)
    assert not rig.ended
    assert rig.pass_time(0.2, (1.01, -0.49)) == [], 'it rests by itself: no stop follows'
    assert rig.ended == [Ended('arm', 1, Reason.DONE)]
    assert rig.actuator.state is State.IDLE


def test_every_joint_has_a_tolerance_of_its_own() -> None:
    """2 cm are not 2 hundredths of a radian."""
    tracker = Arrival(GOAL, (0.02, 0.002)).tracker(
        Trajectory((Waypoint(2.0, GOAL),)), RestSettings())
    tracker.take(JointSample((1.015, -0.495)), 1.0, driven=True)
    assert not tracker.done
    tracker.take(JointSample((1.015, -0.499)), 2.0, driven=True)
    assert tracker.done


def test_a_trajectory_that_ends_where_it_begins_has_not_arrived_at_once() -> None:
    """Otherwise the arm would have no owner while its controller executes the loop."""
    rig = Rig()
    rig.measure(GOAL)
    rig.begin(earliest=2.0)
    rig.pass_time(1.95, GOAL)
    assert not rig.ended and rig.actuator.state is State.MOVING
    rig.pass_time(0.2, GOAL)
    assert rig.ended == [Ended('arm', 1, Reason.DONE)]


def test_the_pump_is_woken_when_it_may_have_arrived() -> None:
    rig = Rig()
    rig.begin(earliest=0.5)
    rig.pass_time(0.2, GOAL)
    assert rig.actuator.wake_at() == pytest.approx(100.5)


def test_a_slow_move_is_stopped_at_its_time_limit_and_not_before() -> None:
    """At a fifth of its speed it makes progress; the text names limit, measured and requested."""
    rig = Rig()
    rig.begin(earliest=2.0)
    for tenth in range(50):
        rig.pass_time(0.1, (0.01 * tenth, -0.005 * tenth))
    assert not rig.ended
    rig.pass_time(0.2, (0.5, -0.25))
    assert rig.ended == [Ended('arm', 1, Reason.TIME_LIMIT, (
        'joint 0 is at 0.5 rad, its goal is 1 (tolerance 0.02) after 5 s (max_move_duration); '
        'on the feedback, position of joint 0 moves at 0.0997 rad/s, velocity of joint 0 reports '
        '0 rad/s'))]
    assert rig.actuator.state is State.STOPPING
