# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A motion whose path becomes known during the motion: its continuation, outputs and end.

One actuator of one joint: feedback grows old after 1 s, sessions end after 2 s without a beat.
"""

import math

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.events import Ended, Output
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Arrival, Motion
from viam_session_bridge.core.presence import Caller, Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import JointLimits, Press, Trajectory, Waypoint
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample, RestSettings
from viam_session_bridge.core.supervisor import Supervisor


def way(*times: float, growing: bool = True, left: float | None = None) -> Motion:
    """Return a motion to 1 rad at the last of these times; left: s of it that are left."""
    trajectory = Trajectory(tuple(Waypoint(time, (time / times[-1],)) for time in times))
    left = times[-1] if left is None else left
    return Motion(trajectory, left + 5.0, Arrival((1.0,), (0.02,)), once=True, settles=True,
                  earliest=left, growing=growing)


class World:
    """A supervisor of one arm, and a client that moves it."""

    def __init__(self, leads: bool = False,
                 unsupervised: UnsupervisedPolicy = UnsupervisedPolicy.CONNECTION) -> None:
        self.supervisor = Supervisor(
            [ActuatedResource('arm', 'arm', JointLimits(), ActuatorSettings(
                rest=RestSettings(patience=1.0), leads=leads))],
            Policy(SessionSettings(2.0), stop_on_disconnect=False, unsupervised=unsupervised,
                   stall_limit=0.5), lambda: 's')
        self.supervisor.path('arm', '', 100.0)
        self.caller = Caller(self.supervisor.start_session(Caller(), '', 100.0).id)
        self.now = 100.0
        self.ticks = 0
        self.sent: list[Output] = []
        self.ended: list[Ended] = []
        self.poll()

    @property
    def state(self) -> State:
        return self.supervisor.states()['arm']

    def begin(self, motion: Motion) -> int:
        self.measure(0.0)
        epoch = self.supervisor.command('arm', motion, self.caller, self.now)
        self.poll()
        return epoch

    def measure(self, position: float) -> None:
        self.supervisor.measured('arm', JointSample((position,)), self.now)

    def poll(self) -> float:
        outputs = self.supervisor.poll(self.now)
        self.sent += [each for each in outputs.outputs if each.setpoint is not None]
        self.ended += outputs.ended
        return outputs.wake

    def run(self, seconds: float, position: float, beats: bool = True) -> None:
        """Let time pass with the joint at a position."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.1)
            if beats and self.caller.session is not None:
                self.supervisor.beat(self.caller.session, self.caller, self.now)
            # Short of its goal, it still moves: only what a test is about ends it.
            self.ticks += 1
            self.measure(position - (0.02 if position < 1.0 and self.ticks % 2 else 0.0))
            self.poll()


def test_it_is_not_over_where_its_end_is_not_known() -> None:
    world = World()
    epoch = world.begin(way(1.0))
    world.run(3.0, position=1.0)
    assert world.state is State.MOVING and not world.ended
    assert world.supervisor.go_on('arm', epoch, way(1.0, 4.0, growing=False, left=1.0), world.now)
    world.run(0.9, position=1.0)
    assert not world.ended, 'what is left takes its time, too'
    world.run(0.2, position=1.0)
    assert world.ended == [Ended('arm', epoch, Reason.DONE)] and world.state is State.IDLE


def test_each_new_setpoint_is_sent_once() -> None:
    world = World()
    epoch = world.begin(way(1.0))
    more = way(1.0, 2.0)
    assert world.supervisor.go_on('arm', epoch, more, world.now)
    world.run(0.5, position=0.5)
    assert [(each.epoch, each.setpoint) for each in world.sent] == [
        (epoch, way(1.0).setpoint), (epoch, more.setpoint)]
    same = Motion(more.setpoint, 5.0, more.course, once=True, settles=True)
    assert world.supervisor.go_on('arm', epoch, same, world.now)
    world.run(0.5, position=0.5)
    assert len(world.sent) == 2, 'a known end is no new setpoint'


def test_a_driver_that_runs_late_is_waited_for() -> None:
    """By the delay that it reports, and no more; a delay of another motion is ignored."""
    world = World()
    epoch = world.begin(way(1.0))
    world.run(0.5, position=0.5)
    assert world.supervisor.passed('arm', epoch, world.now) == pytest.approx(0.5)
    assert world.supervisor.go_on('arm', epoch, way(1.0, 2.0, growing=False, left=1.5), world.now)
    for late in (0.8, 0.3):
        world.supervisor.runs_late('arm', epoch, late, world.now)
        world.supervisor.runs_late('arm', epoch + 1, 100.0, world.now)
        assert world.supervisor.passed('arm', epoch, world.now) == pytest.approx(0.5 - late)
    assert world.supervisor.passed('arm', epoch + 1, world.now) is None
    world.run(1.7, position=1.0)
    assert not world.ended, 'it cannot be there yet'
    world.run(0.2, position=1.0)
    assert world.ended == [Ended('arm', epoch, Reason.DONE)]


def test_the_time_limit_waits_for_a_late_driver_too() -> None:
    world = World()
    epoch = world.begin(way(1.0, growing=False))
    world.supervisor.runs_late('arm', epoch, 2.0, world.now)
    world.run(7.9, position=0.5)
    assert not world.ended
    world.run(0.2, position=0.5)
    assert [each.reason for each in world.ended] == [Reason.TIME_LIMIT]
    assert world.supervisor.passed('arm', epoch, world.now) is None


def test_a_delay_that_the_driver_reports_meanwhile_is_not_lost() -> None:
    """It reports a delay between the read of the passed time and the new rest."""
    world = World()
    epoch = world.begin(way(1.0))
    world.run(0.5, position=0.5)
    passed = world.supervisor.passed('arm', epoch, world.now)
    assert passed is not None
    world.supervisor.runs_late('arm', epoch, 0.8, world.now)
    world.run(0.1, position=0.5)
    rest = way(1.0, 2.0, growing=False, left=2.0 - passed)
    assert world.supervisor.go_on('arm', epoch, rest, world.now, passed)
    world.run(2.1, position=1.0)
    assert not world.ended, 'it is there 2.8 s after it set out'
    world.run(0.3, position=1.0)
    assert world.ended == [Ended('arm', epoch, Reason.DONE)]


def test_a_lease_lasts_as_much_longer_as_the_driver_is_late() -> None:
    """Its call is open, and the move ends by itself."""
    world = World(unsupervised=UnsupervisedPolicy.LEASE)
    world.caller = Caller()
    epoch = world.begin(way(1.0, growing=False))
    world.supervisor.runs_late('arm', epoch, 9.0, world.now)
    world.run(14.9, position=0.5)
    assert world.state is State.MOVING, 'the lease of 8 s ended it'
    world.run(0.2, position=0.5)
    assert [each.reason for each in world.ended] == [Reason.TIME_LIMIT]


def test_a_driver_that_leads_receives_the_newest_at_every_tick() -> None:
    world = World(leads=True)
    epoch = world.begin(way(1.0))
    more = way(1.0, 2.0)
    assert world.supervisor.go_on('arm', epoch, more, world.now)
    sent = len(world.sent)
    world.run(0.5, position=0.5)
    assert len(world.sent) > sent + 3
    assert all(each.setpoint is more.setpoint for each in world.sent[sent:])


def test_more_that_comes_before_the_first_output_goes_out_with_it() -> None:
    world = World()
    world.measure(0.0)
    epoch = world.supervisor.command('arm', way(1.0), world.caller, world.now)
    more = way(1.0, 2.0, growing=False)
    assert world.supervisor.go_on('arm', epoch, more, world.now)
    world.run(0.1, position=1.0)
    assert [each.setpoint for each in world.sent] == [more.setpoint]
    world.run(1.8, position=1.0)
    assert not world.ended
    world.run(0.2, position=1.0)
    assert [each.reason for each in world.ended] == [Reason.DONE]


def test_its_time_limit_is_that_of_the_newest() -> None:
    world = World()
    epoch = world.begin(way(1.0))
    world.run(5.0, position=0.5)
    assert world.supervisor.go_on('arm', epoch, way(1.0, 6.0, left=1.0), world.now)
    world.run(5.9, position=0.5)
    assert world.state is State.MOVING
    world.run(0.2, position=0.5)
    assert world.state is State.STOPPING
    assert [each.reason for each in world.ended] == [Reason.TIME_LIMIT]


@pytest.mark.parametrize('by', ['stop', 'command', 'emergency', 'shutdown', 'path', 'stale'])
def test_what_is_over_does_not_go_on(by: str) -> None:
    world = World()
    supervisor, epoch = world.supervisor, world.begin(way(1.0))
    newer = None
    if by == 'stop':
        supervisor.stop('arm', world.now)
    elif by == 'command':
        newer = world.begin(way(2.0))
    elif by == 'emergency':
        supervisor.press_emergency('a person fell', world.now)
    elif by == 'shutdown':
        supervisor.shut_down(world.now)
    elif by == 'path':
        supervisor.path('arm', 'there is no subscriber', world.now)
    else:
        while world.state is State.MOVING:
            world.now += 0.1
            world.poll()
    sent = len(world.sent)
    before = world.state
    assert not supervisor.go_on('arm', epoch, way(1.0, 2.0), world.now)
    world.now += 0.05
    world.poll()
    assert world.state is before
    assert all(each.epoch == newer for each in world.sent[sent:])


def test_a_session_has_expired_at_its_deadline_also_without_a_poll() -> None:
    world = World()
    epoch = world.begin(way(9.0))
    world.run(1.9, position=0.1, beats=False)
    assert world.supervisor.go_on('arm', epoch, way(9.0, 10.0, left=8.1), world.now)
    world.now = 102.0
    assert not world.supervisor.go_on('arm', epoch, way(9.0, 11.0, left=9.0), world.now)
    assert world.state is State.STOPPING
    world.poll()
    assert [each.reason for each in world.ended] == [Reason.SESSION_ENDED]


def test_nothing_goes_on_after_a_stall() -> None:
    world = World()
    epoch = world.begin(way(9.0))
    world.now = world.poll() + 0.6
    assert not world.supervisor.go_on('arm', epoch, way(9.0, 10.0), world.now)
    assert world.state is State.STOPPING


def test_a_try_of_a_command_that_waited_is_no_heartbeat() -> None:
    """Nor is the first output of a stream that a client began earlier."""
    world = World()
    assert world.caller.session is not None
    world.supervisor.beat(world.caller.session, world.caller, world.now)
    turn = world.supervisor.turn('arm')
    world.run(1.5, position=0.0, beats=False)
    world.supervisor.command('arm', way(9.0), world.caller, world.now, turn)
    world.run(0.4, position=0.0, beats=False)
    assert world.state is State.MOVING
    world.run(0.2, position=0.0, beats=False)
    assert world.state is State.STOPPING


def test_a_growing_motion_without_arrival_is_over_at_its_time() -> None:
    """Nothing else shows its end: it is bounded by its duration alone."""
    world = World()
    world.begin(Motion(Trajectory((Waypoint(1.0, (1.0,)),)), 1.0, once=True, settles=True,
                       growing=True))
    assert not math.isinf(world.poll())
    world.run(1.1, position=0.0)
    assert [each.reason for each in world.ended] == [Reason.DONE]


@pytest.mark.parametrize('sent', [True, False])
def test_an_event_is_done_once_it_was_sent_and_never_before(sent: bool) -> None:
    """Whatever replaces it between the poll that sent it and the next."""
    world = World()
    push = Motion(Press(), 30.0, once=True, momentary=True, settles=True)
    first = world.supervisor.command('arm', push, world.caller, world.now)
    if sent:
        world.poll()
        assert [output.setpoint for output in world.sent] == [Press()] and not world.ended
    world.supervisor.command('arm', push, world.caller, world.now)
    world.run(0.3, position=0.0)
    [end] = [each for each in world.ended if each.epoch == first]
    assert end.reason is (Reason.DONE if sent else Reason.SUPERSEDED)
    assert len(world.sent) == (2 if sent else 1)
