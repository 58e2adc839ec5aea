# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers that answer: motions whose outcome they report, and what must be ready before motion.

A bare actuator without feedback: 20 outputs a second, a hold of 1 s, a timeout of 5 s.
"""

import pytest

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings, STOP_BETWEEN
from viam_session_bridge.core.errors import StopOutstanding
from viam_session_bridge.core.events import Ended, Output
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import OpenClaim
from viam_session_bridge.core.setpoints import PoseGoal, Press, ServiceCall, Velocity
from viam_session_bridge.core.states import Reason, State

DOCK = Motion(ServiceCall('dock'), once=True, answered=True)
UNDOCK = Motion(ServiceCall('undock'), once=True, answered=True)
# How long (s) a driver may take to get ready.
READY = 0.5

PUSH = Motion(Press(), duration=5.0, once=True, momentary=True, settles=True, answered=True)
AHEAD = Motion(Velocity((0.5, 0.0, 0.0)))


class Rig:
    """One actuator and its outputs."""

    def __init__(self, ready_timeout: float | None = None, acknowledged: bool = False) -> None:
        self.actuator = Actuator('base', ActuatorSettings(
            ready_timeout=ready_timeout, acknowledged=acknowledged))
        self.actuator.path_problem = ''
        self.now = 100.0
        self.epoch = 0
        self.ended: list[Ended] = []

    def command(self, motion: Motion) -> int:
        """Command now; returns the epoch."""
        self.epoch += 1
        self.actuator.command(motion, OpenClaim(), self.epoch, self.now)
        return self.epoch

    def stop(self) -> None:
        """Stop now."""
        self.epoch += 1
        self.actuator.stop(Reason.STOPPED, self.epoch, self.now)

    def poll(self, later: float = 0.0) -> Output | None:
        """Let time pass, in one go, and poll."""
        self.now += later
        output = self.actuator.poll(self.now)
        self.ended += self.actuator.take_notes()[0]
        return output

    def rest(self) -> None:
        """Let a stop come to its end."""
        for _ in range(30):
            self.poll(0.05)
        assert self.actuator.state is State.IDLE


def test_a_call_is_made_once_and_its_answer_ends_the_waiting_call_but_not_the_motion() -> None:
    """A service that starts docking answers at once; the robot moves on, so its owner stays."""
    rig = Rig()
    epoch = rig.command(DOCK)
    output = rig.poll()
    assert output is not None and output.setpoint == ServiceCall('dock')
    assert rig.poll(1.0) is None and rig.ended == []
    rig.actuator.motion_answered(epoch, '', 'on my way', rig.now)
    rig.poll()
    assert rig.ended == [Ended('base', epoch, Reason.DONE, 'on my way')]
    assert rig.actuator.state is State.MOVING
    rig.stop()
    stop = rig.poll()
    assert stop is not None and stop.setpoint is None


def test_a_call_that_is_refused_is_stopped_all_the_same() -> None:
    """What it did before the refusal is not known."""
    rig = Rig()
    epoch = rig.command(DOCK)
    rig.poll()
    rig.actuator.motion_answered(epoch, 'no dock in sight', '', rig.now)
    stop = rig.poll()
    assert rig.ended == [Ended('base', epoch, Reason.REFUSED, 'no dock in sight')]
    assert rig.actuator.state is State.STOPPING and stop is not None and stop.setpoint is None


@pytest.mark.parametrize(('problem', 'reason'), [('', Reason.DONE), ('broken', Reason.REFUSED)])
def test_a_push_is_over_with_its_answer(problem: str, reason: Reason) -> None:
    """It leaves nothing behind that could be stopped."""
    rig = Rig()
    epoch = rig.command(PUSH)
    assert rig.poll() is not None
    assert rig.poll(1.0) is None and rig.actuator.state is State.MOVING
    rig.actuator.motion_answered(epoch, problem, 'clicked', rig.now)
    assert rig.poll() is None
    assert rig.ended == [Ended('base', epoch, reason, problem or 'clicked')]
    assert rig.actuator.state is State.IDLE


def test_a_push_that_is_never_answered_ends_at_its_time_limit() -> None:
    """Its caller must not wait for ever."""
    rig = Rig()
    epoch = rig.command(PUSH)
    rig.poll()
    rig.poll(5.0)
    assert rig.ended == [Ended(
        'base', epoch, Reason.TIME_LIMIT,
        'its driver has not answered within 5 s (max_move_duration)')]


def test_an_answer_of_an_older_epoch_is_ignored() -> None:
    """It belongs to a motion that another client has replaced."""
    rig = Rig()
    old = rig.command(DOCK)
    rig.poll()
    rig.command(DOCK)
    rig.poll(0.1)
    rig.ended.clear()
    rig.actuator.motion_answered(old, 'too late', '', rig.now)
    rig.poll()
    assert rig.ended == [] and rig.actuator.state is State.MOVING


@pytest.mark.parametrize(('before', 'after'), [(AHEAD, DOCK), (DOCK, AHEAD), (DOCK, UNDOCK)])
def test_between_a_call_and_any_other_motion_a_stop_is_sent(before: Motion, after: Motion) -> None:
    """Neither a neutral number nor an end of what a service began comes with the new motion."""
    rig = Rig()
    old = rig.command(before)
    rig.poll()
    with pytest.raises(StopOutstanding):
        rig.command(after)
    stops = [rig.poll()]
    assert Ended('base', old, Reason.SUPERSEDED) in rig.ended
    while rig.now < 100.0 + STOP_BETWEEN - 0.02:
        with pytest.raises(StopOutstanding):
            rig.command(after)
        stops.append(rig.poll(0.01))
    sent = [stop for stop in stops if stop is not None]
    assert len(sent) >= 3 and all(stop.setpoint is None for stop in sent)
    rig.poll(0.05)
    rig.command(after)
    output = rig.poll(0.01)
    assert output is not None and output.setpoint == after.setpoint


def test_a_call_waits_for_a_stop_that_was_not_sent_yet() -> None:
    """It came at the same instant: the driver would never receive it."""
    rig = Rig()
    rig.command(AHEAD)
    rig.poll()
    rig.stop()
    with pytest.raises(StopOutstanding):
        rig.command(DOCK)
    stop = rig.poll()
    assert stop is not None and stop.setpoint is None


def test_what_a_call_began_is_ended_by_its_stop_outputs_before_motion() -> None:
    """They answer later, and what they hold is released then."""
    rig = Rig(ready_timeout=READY, acknowledged=True)
    rig.actuator.prepared(rig.command(DOCK), '', rig.now)
    rig.poll()
    with pytest.raises(StopOutstanding):
        rig.command(AHEAD)
    stop = rig.poll()
    assert stop is not None and stop.setpoint is None
    rig.poll(2.0 * STOP_BETWEEN)
    with pytest.raises(StopOutstanding):
        rig.command(AHEAD)
    rig.actuator.stop_answered(stop.epoch, '', rig.now)
    rig.command(AHEAD)
    release = rig.poll(0.01)
    assert release is not None and release.prepare


def test_the_same_call_again_stops_nothing() -> None:
    """A program may send it in every cycle of its loop."""
    rig = Rig()
    rig.command(DOCK)
    rig.poll()
    rig.command(DOCK)
    output = rig.poll(0.01)
    assert output is not None and output.setpoint == DOCK.setpoint


def test_nothing_moves_before_the_driver_is_ready() -> None:
    """A lock that its predecessor may have left is released first; then motion, at once."""
    rig = Rig(ready_timeout=READY)
    epoch = rig.command(AHEAD)
    first = rig.poll()
    assert first is not None and first.prepare and first.setpoint == AHEAD.setpoint
    assert rig.poll(READY / 2) is None
    rig.actuator.prepared(epoch, '', rig.now)
    output = rig.poll()
    assert output is not None and not output.prepare and output.first
    again = rig.poll(0.05)
    assert again is not None and not again.prepare
    # A newer command of a motion that runs finds it ready.
    rig.command(AHEAD)
    output = rig.poll(0.05)
    assert output is not None and not output.prepare


def test_every_stop_has_to_be_released_anew() -> None:
    """The stop engaged the lock again."""
    rig = Rig(ready_timeout=READY)
    rig.actuator.prepared(rig.command(AHEAD), '', rig.now)
    rig.stop()
    rig.rest()
    rig.command(AHEAD)
    output = rig.poll()
    assert output is not None and output.prepare


@pytest.mark.parametrize('problem', ['jammed', ''])
def test_a_driver_that_does_not_get_ready_is_stopped(problem: str) -> None:
    """Whether it refuses, or does not answer for half a second."""
    rig = Rig(ready_timeout=READY)
    epoch = rig.command(AHEAD)
    rig.poll()
    if problem:
        rig.actuator.prepared(epoch, problem, rig.now)
        stop = rig.poll()
    else:
        assert rig.actuator.wake_at() == rig.now + READY
        stop = rig.poll(READY)
    assert stop is not None and stop.setpoint is None
    assert [ended.reason for ended in rig.ended] == [Reason.NOT_READY]
    assert problem in rig.ended[0].detail
    # What comes later is too late.
    rig.actuator.prepared(epoch, '', rig.now)
    later = rig.poll(0.05)
    assert later is not None and later.setpoint is None


def test_newer_commands_wait_for_the_same_answer() -> None:
    """A client that repeats itself faster than the driver gets ready moves all the same."""
    rig = Rig(ready_timeout=READY)
    asked = rig.command(AHEAD)
    assert rig.poll() is not None
    faster = Motion(Velocity((0.7, 0.0, 0.0)))
    for _ in range(3):
        rig.command(faster)
        assert rig.poll(0.1) is None
    assert rig.actuator.is_held_back
    rig.actuator.prepared(asked, '', rig.now)
    output = rig.poll()
    assert output is not None and output.setpoint == faster.setpoint and output.first
    assert not rig.actuator.is_held_back


def test_newer_commands_do_not_prolong_the_wait() -> None:
    """It counts from the request; the client of the last command receives the end."""
    rig = Rig(ready_timeout=READY)
    rig.command(AHEAD)
    rig.poll()
    rig.poll(0.4)
    last = rig.command(AHEAD)
    assert rig.actuator.wake_at() == pytest.approx(rig.now + 0.1)
    stop = rig.poll(0.1)
    assert stop is not None and stop.setpoint is None
    assert [(ended.epoch, ended.reason) for ended in rig.ended][-1] == (last, Reason.NOT_READY)


def test_an_answer_from_before_a_stop_lets_nothing_move() -> None:
    """The stop has engaged again what the answer reports as released."""
    rig = Rig(ready_timeout=READY)
    asked = rig.command(AHEAD)
    rig.poll()
    rig.stop()
    rig.poll(0.05)
    again = rig.command(AHEAD)
    output = rig.poll(0.05)
    assert output is not None and output.prepare and output.epoch == again
    rig.actuator.prepared(asked, '', rig.now)
    assert rig.poll(0.05) is None
    rig.actuator.prepared(again, '', rig.now)
    output = rig.poll()
    assert output is not None and output.setpoint == AHEAD.setpoint and not output.prepare


def test_a_timed_move_counts_from_when_it_may_set_out() -> None:
    """What getting ready took is not taken from it."""
    rig = Rig(ready_timeout=READY)
    epoch = rig.command(Motion(AHEAD.setpoint, 0.3))
    rig.poll()
    rig.poll(0.25)
    rig.actuator.prepared(epoch, '', rig.now)
    output = rig.poll()
    assert output is not None and output.setpoint == AHEAD.setpoint
    rig.poll(0.25)
    assert rig.actuator.state is State.MOVING
    rig.poll(0.05)
    assert [ended.reason for ended in rig.ended] == [Reason.DONE]


@pytest.mark.parametrize('settles', [False, True])
def test_a_move_that_is_shorter_than_the_wait_is_made_all_the_same(settles: bool) -> None:
    """It is not done before its driver has received it."""
    rig = Rig(ready_timeout=READY)
    epoch = rig.command(Motion(AHEAD.setpoint, 0.1, settles=settles))
    rig.poll()
    assert rig.poll(0.3) is None
    assert rig.actuator.state is State.MOVING and not rig.ended
    assert rig.actuator.wake_at() == pytest.approx(rig.now + 0.2)
    rig.actuator.prepared(epoch, '', rig.now)
    output = rig.poll()
    assert output is not None and output.setpoint == AHEAD.setpoint
    rig.poll(0.1)
    assert [ended.reason for ended in rig.ended] == [Reason.DONE]


def test_a_goal_that_is_reached_before_its_driver_is_ready_leaves_nothing_released() -> None:
    """The tip is there already: the call is done, and what is being released is engaged again."""
    rig = Rig(ready_timeout=READY)
    goal = Motion(PoseGoal((1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)), 5.0, once=True, settles=True,
                  momentary=True, answered=True)
    epoch = rig.command(goal)
    rig.poll()
    rig.actuator.motion_answered(epoch, '', '', rig.now)
    stop = rig.poll(0.05)
    assert stop is not None and stop.setpoint is None
    assert [ended.reason for ended in rig.ended] == [Reason.DONE]
    rig.actuator.prepared(epoch, '', rig.now)
    rig.rest()
    # Nothing is left of the wait.
    rig.command(AHEAD)
    output = rig.poll(10.0)
    assert output is not None and output.prepare


def test_a_goal_that_waits_for_its_driver_is_still_sent_once() -> None:
    """The preparation is not the one output of a goal."""
    rig = Rig(ready_timeout=READY)
    goal = Motion(PoseGoal((1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)), 5.0, once=True)
    epoch = rig.command(goal)
    assert rig.poll() is not None
    rig.actuator.prepared(epoch, '', rig.now)
    output = rig.poll()
    assert output is not None and output.setpoint == goal.setpoint and not output.prepare
    assert rig.poll(1.0) is None
