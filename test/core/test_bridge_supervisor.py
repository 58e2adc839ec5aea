# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bridge among other processes with simulated time: guard, earlier bridges, first stops.

Two bases without feedback; a patience of 0.25 s, stops held for 1 s. The pump is always on time.
"""

from dataclasses import replace
from itertools import count
import math
import sys
from typing import Any

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import (
    EmergencyStopped,
    JustStarted,
    NoGuard,
    NoStopPath,
    NotYet,
    OtherBridge,
    Overtaken,
    Stalled,
)
from viam_session_bridge.core.events import (
    Changed,
    Command,
    Echo,
    Identity,
    Notice,
    Output,
    Outputs,
    Pulse,
)
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.peers import DISCOVERY_TIME
from viam_session_bridge.core.presence import Caller, Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.locked_supervisor import LockedBridge

IDLE, MOVING, STOPPING = State.IDLE, State.MOVING, State.STOPPING
AHEAD = Velocity((0.5, 0.0, 0.0))
PATIENCE = 0.25
OWN = Identity('own', 50.0, 'abc', PATIENCE)
EARLIER = Identity('earlier', 40.0, 'xyz', PATIENCE)
LATER = Identity('later', 60.0, 'abc', PATIENCE)


class World:
    """A supervisor and its pump; motion needs no present client here."""

    def __init__(self, *, required: bool = False, path: bool = True, **settings: Any) -> None:
        numbers = count(1)
        self.supervisor = Supervisor(
            [ActuatedResource('base', name, VelocityLimits(1.0, 1.0), ActuatorSettings(**settings))
             for name in ('left', 'right')],
            Policy(unsupervised=UnsupervisedPolicy.ALLOW, stall_limit=PATIENCE / 2.0),
            lambda: f's{next(numbers)}', identity=OWN, guard_required=required)
        self.now = 100.0
        self.wake = math.inf
        self.sent: list[tuple[float, Output]] = []
        self.pulses: list[tuple[float, Pulse]] = []
        self.events: list[object] = []
        self.guard = False
        self._numbers = count(1)
        if path:
            for name in ('left', 'right'):
                self.supervisor.path(name, '', self.now)
        self.poll()

    def poll(self) -> Outputs:
        """Let the pump run once, and a guard answer."""
        outputs = self.supervisor.poll(self.now)
        self.sent += [(self.now, one) for one in outputs.outputs]
        self.events += outputs.events
        self.wake = outputs.wake
        if outputs.pulse is not None:
            self.pulses.append((self.now, outputs.pulse))
            if self.guard:
                self.echo()
                self.poll()
        return outputs

    def run(self, until: float, earlier: Identity | None = None) -> None:
        """Let the pump run on time until then; the earlier pulses all the time."""
        sequence = count(int(self.now * 1000))
        while self.now < until:
            wake = self.wake if self.wake > self.now else self.now + 1e-3
            self.now = min(until, wake, self.now + 0.1 if earlier else until)
            if earlier:
                self.supervisor.receive(Pulse(earlier, next(sequence)), self.now)
            self.poll()

    def echo(self, sequence: int | None = None, configuration: str = 'abc',
             fired: int = 0, unreached: tuple[str, ...] = (), latched: str = '',
             moved: tuple[str, ...] = ()) -> None:
        """Let a guard answer a pulse, the last one by default."""
        self.supervisor.echoed(Echo(
            'guard', 'own', self.pulses[-1][1].sequence if sequence is None else sequence,
            configuration, fired, unreached, latched, moved, next(self._numbers)), self.now)

    def command(self, name: str = 'left', turn: int | None = None,
                setpoint: Velocity = AHEAD) -> int:
        """Drive ahead, and let the pump run."""
        epoch = self.supervisor.command(name, Motion(setpoint), Caller(), self.now, turn)
        self.poll()
        return epoch

    def state(self, name: str = 'left') -> State:
        """Return the state of a resource."""
        return self.supervisor.states()[name]

    def outputs(self, since: float = 0.0, name: str = 'left') -> list[Output]:
        """Return the outputs of a driver since then."""
        return [one for at, one in self.sent if at >= since and one.resource == name]

    def reasons(self) -> list[Reason]:
        """Return why stops began, in order."""
        return [one.reason for one in self.events
                if isinstance(one, Changed) and one.after is STOPPING]


# ---- an emergency stop of a bridge before this one ----------------------------------------------


def test_a_latch_of_a_bridge_before_this_one_stops_what_waits_for_the_guard() -> None:
    """It comes with the echo that motion waits for: nothing has moved by then."""
    world = World(required=True)
    world.echo()
    world.command()
    assert world.state() is MOVING and not world.outputs()
    world.echo(latched='a call of ~/estop')
    world.run(101.2)
    assert [one.setpoint for one in world.outputs()] == [None] * len(world.outputs())
    assert Reason.EMERGENCY in world.reasons()
    with pytest.raises(EmergencyStopped, match='a call of ~/estop'):
        world.command()
    assert world.pulses[-1][1].latched == 'a call of ~/estop'


def test_a_stop_that_fails_is_in_a_pulse_at_once() -> None:
    """If the bridge fails now, its guard knows it."""
    world = World(acknowledged=True)
    world.command()
    world.run(101.01)
    world.supervisor.stop('left', world.now)
    world.poll()
    world.supervisor.stop_answered(
        'left', world.outputs()[-1].epoch, 'no', world.now)
    world.poll()
    assert world.pulses[-1] == (world.now, world.pulses[-1][1])
    assert world.pulses[-1][1].unconfirmed == ('left',)


def test_the_last_command_is_the_one_in_force_also_where_its_owner_only_changed_it() -> None:
    world = World()
    back = Velocity((-0.5, 0.0, 0.0))
    world.command()
    world.run(101.0)
    world.command(setpoint=back)
    world.supervisor.stop('left', world.now)
    assert world.supervisor.commands() == {'left': Command(Caller(), Motion(back), world.now)}


def test_a_late_echo_does_not_undo_a_reset() -> None:
    world = World()
    world.echo(latched='a call of ~/estop')
    world.poll()
    world.supervisor.reset(world.now)
    world.poll()
    assert [pulse.latched for _, pulse in world.pulses][-2:] == ['a call of ~/estop', '']
    world.echo(latched='a call of ~/estop')
    assert not world.supervisor.emergency(world.now)


# ---- pulses -------------------------------------------------------------------------------------


def test_the_pulse_goes_with_the_first_motion_output_and_lists_it() -> None:
    world = World()
    world.run(101.05)
    epoch = world.supervisor.command('left', Motion(AHEAD), Caller(), world.now)
    outputs = world.poll()
    assert outputs.pulse is not None and outputs.pulse.active == {'left': epoch}
    assert [one.resource for one in outputs.outputs] == ['left']


def test_pulses_are_frequent_while_a_resource_is_listed_and_use_the_passes_of_commands() -> None:
    world = World()
    world.command()
    world.run(101.0)
    instants = [at for at, pulse in world.pulses if pulse.active]
    gaps = [after - before for before, after in zip(instants, instants[1:], strict=False)]
    assert max(gaps) <= PATIENCE / 5.0 + 1e-6
    assert set(instants) <= {at for at, _ in world.sent}, 'no wake-up of their own'
    world.supervisor.stop('left', world.now)
    world.run(103.0)
    assert world.state() is IDLE and world.pulses[-1][1].active == {}
    idle = [at for at, pulse in world.pulses if not pulse.active and at > 102.2]
    assert 2 <= len(idle) <= 5


def test_goals_to_cancel_are_in_a_pulse_at_once_with_the_listed_resources() -> None:
    """The bridge may fail at the next moment; what is idle has none that a guard would cancel."""
    world = World()
    world.supervisor.goals('left', 'nav', ('aa',), world.now)
    world.run(100.5)
    assert not any(pulse.goals for _, pulse in world.pulses)
    world.command()
    world.supervisor.goals('left', 'dock', ('bb', 'cc'), world.now)
    assert world.poll().pulse is not None
    assert world.pulses[-1][1].goals == {'left': ('aa', 'bb', 'cc')}
    world.supervisor.goals('left', 'nav', (), world.now)
    world.poll()
    assert world.pulses[-1][1].goals == {'left': ('bb', 'cc')}
    world.supervisor.stop('left', world.now)
    world.run(world.now + 2.0)
    assert world.state() is IDLE and world.pulses[-1][1].goals == {}


@pytest.mark.parametrize('stopped', ['stop', 'absence'])
def test_a_stop_makes_no_more_calls_when_hundreds_of_others_move(stopped: str) -> None:
    """What is gathered in the pass of a stop delays the stop."""
    def calls(others: int) -> int:
        names = ['mine', *(f'other{number}' for number in range(others))]
        settings = ActuatorSettings(command_rate=1.0, require_path=False)
        supervisor = Supervisor(
            [ActuatedResource('base', name, VelocityLimits(1.0, 1.0), settings) for name in names],
            Policy(SessionSettings(heartbeat_window=2.0), unsupervised=UnsupervisedPolicy.ALLOW),
            lambda: 'mine', identity=OWN)
        for name in names[1:]:
            supervisor.command(name, Motion(AHEAD), Caller(), 100.0)
        caller = Caller(supervisor.start_session(Caller(socket=1), '', 99.9).id, socket=1)
        supervisor.command('mine', Motion(AHEAD), caller, 100.0)
        supervisor.poll(100.0)
        supervisor.update_sockets(frozenset({1} if stopped == 'stop' else ()), 100.01, 100.01)
        if stopped == 'stop':
            supervisor.stop('mine', 100.01)
        counted = count()
        sys.setprofile(lambda frame, event, argument: next(counted) and None)
        try:
            outputs = supervisor.poll(100.01)
        finally:
            sys.setprofile(None)
        assert [(one.resource, one.setpoint) for one in outputs.outputs] == [('mine', None)]
        return next(counted)

    assert calls(300) == calls(3)


def test_pulses_make_a_stall_visible_that_no_output_would() -> None:
    """A goal is sent once, and no client has to be present: only the pulse is due."""
    world = World()
    world.supervisor.command('left', Motion(AHEAD, once=True), Caller(), world.now)
    world.poll()
    world.now += PATIENCE / 5.0 + PATIENCE / 2.0 + 0.01
    world.poll()
    assert world.reasons() == [Reason.STALLED]


def test_goodbye_lists_what_was_not_seen_at_rest_and_ends_the_pulses() -> None:
    world = World()
    world.command()
    world.supervisor.shut_down(world.now)
    world.supervisor.end_pulses(world.now)
    world.poll()
    assert world.pulses[-1][1].goodbye and set(world.pulses[-1][1].active) == {'left'}
    sent = len(world.pulses)
    world.run(110.0)
    assert len(world.pulses) == sent and world.state() is IDLE


# ---- the guard ----------------------------------------------------------------------------------


def test_without_a_guard_motion_goes_out_at_once_where_none_is_required() -> None:
    world = World()
    world.command()
    assert world.outputs()[0].setpoint == AHEAD
    assert world.supervisor.troubles(world.now) == {}


def test_a_required_guard_that_is_missing_refuses_motion_and_keeps_its_place() -> None:
    world = World(required=True)
    with pytest.raises(NoGuard, match='left: no guard answers.*guard.required is on') as refusal:
        world.command()
    assert world.supervisor.troubles(world.now) == {'guard': refusal.value.args[0].split(
        ': ', 1)[1].removesuffix('; guard.required is on')}
    world.echo()
    world.guard = True
    world.command(turn=refusal.value.turn)
    assert world.outputs(), 'the retry was accepted'


def test_a_stop_overtakes_a_command_that_waits_for_a_guard() -> None:
    world = World(required=True)
    with pytest.raises(NotYet) as refusal:
        world.command()
    world.supervisor.stop('left', world.now)
    world.echo()
    with pytest.raises(Overtaken):
        world.command(turn=refusal.value.turn)


def test_stops_need_no_guard() -> None:
    world = World(required=True)
    world.supervisor.stop('left', world.now)
    world.poll()
    assert world.outputs()[0].setpoint is None


def test_a_guard_with_another_configuration_refuses_motion() -> None:
    world = World(required=True)
    world.echo(configuration='xyz')
    with pytest.raises(NoGuard, match=r'another configuration \(xyz, expected: abc\)'):
        world.command()


def test_a_guard_that_could_not_stop_it_is_none() -> None:
    """It receives pulses, but its driver does not receive it: discovery takes its time."""
    world = World(required=True)
    world.echo(unreached=('left',))
    with pytest.raises(NoGuard, match='left: the guard does not reach its driver'):
        world.command()
    world.command('right')
    world.echo(unreached=('left',))
    world.poll()
    assert [one.setpoint for one in world.outputs(name='right')] == [AHEAD]
    world.echo(unreached=('right',))
    world.poll()
    assert world.state('right') is STOPPING and world.reasons()[-1] is Reason.NO_GUARD


def test_the_first_motion_waits_until_the_guard_has_received_its_pulse() -> None:
    world = World(required=True)
    world.echo()
    world.command()
    assert world.state() is MOVING and not world.outputs()
    world.echo(sequence=world.pulses[-1][1].sequence - 1)
    world.poll()
    assert not world.outputs(), 'an echo of an older pulse covers nothing'
    world.now += 0.003
    world.echo()
    world.poll()
    assert [one.setpoint for one in world.outputs()] == [AHEAD]


@pytest.mark.parametrize('settles', [False, True])
def test_a_move_that_is_shorter_than_the_wait_for_the_guard_is_made(settles: bool) -> None:
    world = World(required=True)
    world.echo()
    began = world.now
    world.supervisor.command(
        'left', Motion(AHEAD, 0.05, settles=settles), Caller(), world.now)
    world.poll()
    world.run(began + 0.15)
    assert world.state() is MOVING and not world.outputs()
    world.echo()
    world.poll()
    assert [one.setpoint for one in world.outputs()] == [AHEAD]
    world.run(began + 0.19)
    assert world.state() is MOVING
    world.run(began + 0.21)
    assert world.state() is (IDLE if settles else STOPPING)


def test_only_the_first_motion_waits() -> None:
    """A resource that the guard knows as listed may be commanded again without a delay."""
    world = World(required=True)
    world.echo()
    world.command()
    world.echo()
    world.poll()
    for step in range(3):
        world.now += 0.02
        world.command(setpoint=Velocity((0.1 * step + 0.1, 0.0, 0.0)))
        assert world.outputs()[-1].epoch == world.supervisor._actuators['left'].epoch, step


def test_a_guard_that_does_not_answer_in_time_ends_the_motion_before_it_began() -> None:
    world = World(required=True)
    world.echo()
    began = world.now
    world.command()
    world.run(began + 0.2)
    assert not world.outputs()
    world.run(began + 2.0)
    assert world.reasons() == [Reason.NO_GUARD]
    assert {one.setpoint for one in world.outputs()} == {None}


def test_commands_that_follow_each_other_wait_no_longer_together() -> None:
    world = World(required=True)
    world.echo()
    began = world.now
    while world.now < began + 0.24:
        world.command()
        world.now += 0.01
    world.run(began + 0.26)
    assert world.reasons() == [Reason.NO_GUARD]


def test_a_guard_that_ends_during_motion_stops_it() -> None:
    world = World(required=True)
    world.guard = True
    world.echo()
    world.command()
    world.run(102.0)
    assert world.state() is MOVING
    world.guard = False
    gone = world.now
    world.run(gone + 3.0)
    assert world.reasons() == [Reason.NO_GUARD]
    first = next(at for at, one in world.sent if one.setpoint is None)
    assert gone + 3 * PATIENCE <= first <= gone + 4 * PATIENCE + 1e-6
    assert any(isinstance(one, Notice) and one.grave for one in world.events)


def test_without_guard_required_the_end_of_a_guard_stops_nothing() -> None:
    world = World()
    world.guard = True
    world.command()
    world.run(102.0)
    world.guard = False
    world.run(105.0)
    assert world.state() is MOVING


def test_a_guard_that_fired_is_a_stall() -> None:
    """Everything that moves is stopped, and a command that may be old is refused."""
    world = World(required=True)
    world.guard = True
    world.echo()
    world.command('left')
    world.command('right')
    world.run(101.0)
    world.echo(fired=1)
    with pytest.raises(Stalled):
        world.supervisor.command('left', Motion(AHEAD), Caller(), world.now)
    world.guard = False
    world.poll()
    assert world.reasons() == [Reason.STALLED, Reason.STALLED]
    world.echo(fired=1)
    world.command('left')
    world.echo(fired=1)
    world.poll()
    assert world.state() is MOVING, 'sent once'


def test_a_freeze_longer_than_the_silence_of_a_lost_guard_is_a_stall() -> None:
    """No echo arrived meanwhile; the reason of the stop is the freeze, not the guard."""
    world = World(required=True)
    world.guard = True
    world.echo()
    world.command()
    world.run(101.0)
    world.now += 5 * PATIENCE
    world.poll()
    assert world.reasons() == [Reason.STALLED]


# ---- first stops --------------------------------------------------------------------------------


def test_what_may_still_move_is_stopped_before_it_takes_commands() -> None:
    world = World(path=False, stop_on_start=True)
    world.run(105.0)
    assert not world.sent
    with pytest.raises(NoStopPath):
        world.command()
    world.supervisor.driver_appeared('left', world.now)
    world.supervisor.path('left', '', world.now)
    matched = world.now
    world.poll()
    assert world.reasons() == [Reason.STARTED]
    with pytest.raises(JustStarted, match='has just started'):
        world.command()
    world.run(matched + 0.99)
    assert world.state() is STOPPING
    world.run(matched + 1.1)
    zeros = world.outputs(name='left')
    assert len(zeros) >= 20 and all(one.setpoint is None for one in zeros)
    assert not world.outputs(name='right'), 'there is no subscriber yet'
    world.command()
    assert world.state() is MOVING


def test_a_first_stop_continues_until_a_driver_that_was_just_matched_receives_it() -> None:
    """Unless a command comes; or rest is seen, which is better evidence than any hold."""
    for rest, last in ((None, 3.9), (RestSettings(), 0.95)):
        world = World(path=False, stop_on_start=True, rest=rest)
        world.run(105.0)
        world.supervisor.driver_appeared('left', world.now)
        world.supervisor.path('left', '', world.now)
        matched = world.now
        world.poll()
        while world.now < matched + 5.0:
            world.supervisor.measured('left', BaseSample(), world.now)
            world.run(world.now + 0.05)
        assert world.state() is IDLE
        assert matched + last <= world.sent[-1][0] <= matched + last + 0.15
        assert world.reasons() == [Reason.STARTED]


def test_one_that_is_done_need_not_wait_for_others() -> None:
    world = World(path=False, stop_on_start=True)
    world.supervisor.path('left', '', world.now)
    world.run(102.0)
    world.command('left')
    with pytest.raises(NoStopPath):
        world.command('right')


def test_a_driver_that_comes_back_later_is_no_first_match() -> None:
    world = World(stop_on_start=True)
    world.run(103.0)
    sent = len(world.sent)
    world.supervisor.driver_appeared('left', world.now)
    world.run(104.0)
    # Without feedback rest is not known: the rule of late drivers applies.
    assert world.reasons().count(Reason.STARTED) == 2
    assert world.reasons().count(Reason.LATE_DRIVER) == 1 and len(world.sent) > sent


def test_a_resource_that_needs_no_subscriber_is_stopped_at_once() -> None:
    world = World(path=False, stop_on_start=True, require_path=False)
    world.run(100.0 + DISCOVERY_TIME)
    assert world.reasons() == [Reason.STARTED, Reason.STARTED]


# ---- sources that were not seen yet -------------------------------------------------------------

ODOMETRY = 'odometry on /odom (left.odometry_topic)'
SERVER = 'the action server /navigate (left.navigation.action)'
UNVERIFIED = Reason.UNVERIFIED


class Waiting(World):
    """The left base has odometry and a server that answers stops; neither was seen yet."""

    def __init__(self, *sources: str, matched: bool = True, **changes: Any) -> None:
        super().__init__(path=False, **{
            'stop_on_start': True, 'rest': RestSettings(), 'stop_timeout': 2.0, **changes})
        for source in sources or (ODOMETRY,):
            self.supervisor.expect('left', source, True if source == ODOMETRY else None)
        if matched:
            self.supervisor.path('left', '', self.now)
            self.poll()

    def feed(self, until: float, speed: float = 0.0) -> None:
        """Let the pump run until then, while odometry arrives."""
        while self.now < until:
            self.supervisor.measured('left', BaseSample(linear=(speed, 0.0, 0.0)), self.now)
            self.poll()
            self.run(self.now + 0.05)

    def answer(self, problem: str = '') -> None:
        """Let the driver answer the newest stop."""
        self.supervisor.stop_answered('left', self.outputs()[-1].epoch, problem, self.now)
        self.poll()

    def failures(self) -> list[str]:
        """Return why stops were not confirmed."""
        return [one.detail for one in self.events
                if isinstance(one, Changed) and one.after is State.UNCONFIRMED]

    def ends(self) -> list[tuple[bool, str]]:
        """Return how stops ended: whether it was verified, and its detail."""
        return [(one.verified, one.detail) for one in self.events
                if isinstance(one, Changed) and one.before is STOPPING and one.after is IDLE]


def test_a_stop_whose_odometry_was_never_seen_is_sent_held_and_not_judged() -> None:
    world = Waiting()
    world.run(130.0)
    zeros = [at for at, one in world.sent if one.resource == 'left']
    assert zeros[0] == 100.0 + DISCOVERY_TIME and 0.95 <= zeros[-1] - zeros[0] <= 1.05
    assert world.reasons() == [Reason.STARTED] and world.state() is IDLE
    assert world.ends() == [(False, f'not verified: waiting for {ODOMETRY}')]
    assert world.supervisor.awaited() == {'left': ODOMETRY}
    assert world.supervisor.is_moving('left', world.now), 'unknown is not rest'
    world.supervisor.feedback('left', '/odom has no publisher')
    with pytest.raises(JustStarted, match='left: waiting for odometry on /odom .*left.odometry_'
                                          'topic.*/odom has no publisher') as refused:
        world.command()
    # A client that tries again is accepted once rest was seen.
    world.feed(132.0)
    assert world.ends()[1:] == [(True, '')] and not world.supervisor.awaited()
    assert world.reasons() == [Reason.STARTED, UNVERIFIED]
    assert world.supervisor.command(
        'left', Motion(AHEAD), Caller(), world.now, refused.value.turn)


def test_a_driver_that_was_just_matched_gets_the_whole_stop_also_where_it_is_not_judged() -> None:
    """It may receive only seconds after it was matched, and no feedback shows that."""
    world = Waiting(matched=False)
    world.run(105.0)
    world.supervisor.driver_appeared('left', world.now)
    world.supervisor.path('left', '', world.now)
    world.run(120.0)
    assert 108.9 <= world.sent[-1][0] <= 109.1 and world.reasons() == [Reason.STARTED]


def test_a_stop_of_a_client_is_not_judged_either_before_odometry_was_seen() -> None:
    world = Waiting()
    world.run(110.0)
    for until in (110.5, 130.0):
        world.supervisor.stop('left', world.now)
        world.run(until)
    assert not world.failures() and world.state() is IDLE
    assert 111.4 <= world.sent[-1][0] <= 111.6, 'each is held, and none for ever'
    assert not any(one.active for at, one in world.pulses if at > 112.0)


@pytest.mark.parametrize('seen', [100.7, 110.0])
def test_odometry_that_shows_motion_is_a_stop_again_and_the_timeout_counts_from_then(
        seen: float) -> None:
    """Also while the first stop is held."""
    world = Waiting()
    world.run(seen)
    world.feed(seen + 1.9, speed=0.3)
    assert world.state() is STOPPING and not world.failures()
    assert [at for at, one in world.sent if one.resource == 'left' and seen <= at <= seen + 0.06]
    world.feed(seen + 2.2, speed=0.3)
    [failure] = world.failures()
    assert failure.startswith('no rest was seen within 2 s (stop_timeout): ')


def test_odometry_that_falls_silent_after_it_was_seen_is_unknown_and_no_rest() -> None:
    world = Waiting()
    world.run(110.0)
    world.feed(110.01)
    world.run(111.9)
    assert world.state() is STOPPING
    world.run(112.1)
    [failure] = world.failures()
    assert failure.startswith('no rest was seen within 2 s (stop_timeout): ')


def test_motion_waits_for_odometry_also_where_no_first_stop_is_wanted() -> None:
    world = Waiting(stop_on_start=False)
    world.run(110.0)
    assert not world.sent
    with pytest.raises(JustStarted, match='left: waiting for odometry on /odom'):
        world.command()
    world.feed(110.1)
    world.command()
    assert world.state() is MOVING and not world.reasons()


def test_motion_is_taken_only_after_the_stop_that_is_judged() -> None:
    """Not in the moment between the first sample and rest."""
    world = Waiting()
    world.run(110.0)
    world.feed(110.2)
    with pytest.raises(JustStarted, match='has just started'):
        world.command()
    world.feed(111.5)
    world.command()
    assert world.state() is MOVING


def test_a_server_that_was_never_seen_fails_no_stop_and_is_named() -> None:
    world = Waiting(SERVER, ODOMETRY, acknowledged=True)
    world.run(110.0)
    assert world.supervisor.awaited() == {'left': f'{SERVER}, {ODOMETRY}'}
    world.feed(112.0)
    # Motion by others after rest, while the server is awaited, is not judged.
    world.feed(120.0, speed=0.3)
    assert not world.failures() and world.reasons() == [Reason.STARTED]
    assert world.supervisor.awaited() == {'left': SERVER}
    world.supervisor.seen('left', SERVER, world.now)
    world.poll()
    world.answer()
    world.feed(121.5)
    assert world.reasons() == [Reason.STARTED, UNVERIFIED]
    assert world.ends()[-1] == (True, '') and not world.failures()
    world.command()


def test_a_server_that_refuses_fails_a_stop_only_once_everything_was_seen() -> None:
    world = Waiting(SERVER, ODOMETRY, acknowledged=True)
    world.run(100.6)
    world.answer('the server refuses')
    world.supervisor.seen('left', SERVER, world.now)
    world.run(110.0)
    assert not world.failures()
    world.feed(110.01)
    world.answer('the server refuses')
    assert world.failures() == ['the server refuses']


def test_a_server_that_never_answers_has_its_timeout_from_when_it_was_seen() -> None:
    world = Waiting(SERVER, acknowledged=True, rest=None)
    world.run(101.0)
    world.supervisor.seen('left', SERVER, world.now)
    world.run(102.9)
    assert not world.failures()
    world.run(103.1)
    assert world.failures() == ['a stop output never answered']


def test_measured_motion_is_judged_at_once_also_while_a_server_is_awaited() -> None:
    """The alarm names the server; a reset by an operator makes it wait again."""
    world = Waiting(SERVER, ODOMETRY, acknowledged=True)
    world.run(110.0)
    world.feed(112.2, speed=0.3)
    assert world.failures() == [f'a stop output never answered; waiting for {SERVER}']
    assert world.supervisor.reset(world.now) == ['left']
    world.run(120.0)
    world.supervisor.stop('left', world.now)
    world.run(130.0)
    assert len(world.failures()) == 1 and world.state() is IDLE


def test_one_noisy_sample_is_no_evidence_of_motion_while_a_server_is_awaited() -> None:
    world = Waiting(SERVER, ODOMETRY, acknowledged=True)
    world.run(110.0)
    world.feed(110.01, speed=0.05)
    world.feed(120.0)
    assert not world.failures() and world.supervisor.awaited() == {'left': SERVER}


@pytest.mark.parametrize('received', [99.0, 100.8, 110.0])
def test_what_a_bridge_before_this_one_left_moving_is_judged_at_once(received: float) -> None:
    """As the guard reports: before the first stop, during it, or after its hold."""
    world = Waiting(matched=False)
    world.run(received)
    if received < 100.0:
        world.echo(moved=('left', 'unknown'))
    world.supervisor.path('left', '', world.now)
    world.poll()
    world.run(received + 1.0)
    if received > 100.0:
        assert not world.failures()
        world.echo(moved=('left', 'unknown'))
        world.poll()
    sent = max(world.now, 100.0 + DISCOVERY_TIME)
    world.run(sent + 1.9)
    assert not world.failures() and world.state() is STOPPING
    world.run(sent + 2.1)
    assert world.failures() == [
        f'no rest was seen within 2 s (stop_timeout); waiting for {ODOMETRY}']
    assert world.pulses[-1][1].unmoved == ()


def test_an_echo_for_another_bridge_is_no_evidence() -> None:
    world = Waiting()
    world.run(101.0)
    world.supervisor.echoed(Echo('guard', 'earlier', 1, 'abc', moved=('left',)), world.now)
    world.run(130.0)
    assert not world.failures()


def test_a_pulse_lists_the_stopped_resources_that_are_not_known_to_have_moved() -> None:
    """From the first of them that lists it, for the guard that may have to continue."""
    world = Waiting()
    world.run(101.0)
    listed = [one for _, one in world.pulses if one.active]
    assert listed and all(one.unmoved == ('left',) for one in listed)
    world.feed(101.01, speed=0.3)
    assert world.pulses[-1][1].active and world.pulses[-1][1].unmoved == ()


def test_a_first_stop_that_was_not_judged_is_left_to_an_earlier_bridge() -> None:
    world = Waiting()
    world.run(110.0)
    world.supervisor.receive(Pulse(EARLIER, 1), world.now)
    world.poll()
    sent = len(world.outputs())
    world.supervisor.measured('left', BaseSample(linear=(0.3, 0.0, 0.0)), world.now)
    world.run(110.4)
    assert len(world.outputs()) == sent
    # Once that has ended, it begins again.
    world.feed(115.0)
    assert world.reasons() == [Reason.STARTED, Reason.STARTED]
    assert world.ends()[-1] == (True, '')


def test_a_shutdown_while_odometry_is_awaited_ends_at_rest() -> None:
    """So that the guard, which receives the goodbye, has nothing to stop."""
    world = Waiting()
    world.run(101.0)
    world.supervisor.shut_down(world.now)
    world.run(103.0)
    world.supervisor.end_pulses(world.now)
    world.poll()
    assert world.pulses[-1][1].goodbye and not world.pulses[-1][1].active


def test_nothing_is_sent_where_no_first_stop_is_wanted() -> None:
    world = World()
    world.run(110.0)
    assert not world.sent


# ---- other bridges ------------------------------------------------------------------------------


def test_the_later_bridge_refuses_and_sends_nothing() -> None:
    world = World(stop_on_start=True)
    world.run(103.0, earlier=EARLIER)
    assert not world.sent
    with pytest.raises(OtherBridge, match="another bridge .instance 'earlier'. is already active"):
        world.command()
    assert 'earlier' in world.supervisor.troubles(world.now)['other bridge']


def test_when_the_earlier_bridge_becomes_silent_the_later_one_stops_first_and_then_moves() -> None:
    world = World(stop_on_start=True)
    world.run(103.0, earlier=EARLIER)
    world.run(103.8)
    assert world.reasons() == [Reason.STARTED, Reason.STARTED]
    world.run(106.0)
    world.command()
    assert world.state() is MOVING and world.supervisor.troubles(world.now) == {}


def test_first_stops_end_when_an_earlier_bridge_is_discovered_late() -> None:
    world = World(stop_on_start=True)
    world.run(100.0 + DISCOVERY_TIME + 0.1)
    assert world.sent
    world.supervisor.receive(Pulse(EARLIER, 1), world.now)
    world.poll()
    sent = len(world.sent)
    world.run(103.0, earlier=EARLIER)
    assert len(world.sent) == sent and world.state() is IDLE


def test_a_passive_bridge_stops_nothing_when_its_loop_fails() -> None:
    world = World()
    locked = LockedBridge(world.supervisor, lambda: world.now)
    world.poll()
    assert locked.concern() == {'left', 'right'}
    world.run(103.0, earlier=EARLIER)
    assert not locked.concern()
    world.run(106.0)
    assert locked.concern() == {'left', 'right'}


def test_motion_is_stopped_when_an_earlier_bridge_is_discovered() -> None:
    """It was frozen and thaws. It was there first."""
    world = World()
    world.command()
    world.supervisor.receive(Pulse(EARLIER, 1), world.now)
    world.poll()
    assert world.reasons() == [Reason.OTHER_BRIDGE]


def test_an_unverified_earlier_bridge_stops_and_blocks_motion_and_is_named() -> None:
    world = World()
    world.command()
    world.supervisor.receive(Pulse(EARLIER, 1), world.now, verified=False)
    world.poll()
    assert world.reasons() == [Reason.OTHER_BRIDGE]
    with pytest.raises(OtherBridge, match="instance 'earlier'.*not signed.*guard.key_file"):
        world.command()
    assert 'guard.key_file' in world.supervisor.troubles(world.now)['other bridge']
    assert any('guard.key_file' in one.text for one in world.events if isinstance(one, Notice))


def test_an_unverified_earlier_bridge_does_not_keep_this_bridge_from_stopping() -> None:
    """First stops go out, a late driver is stopped, and so is everything in the last resort."""
    world = World(stop_on_start=True)
    locked = LockedBridge(world.supervisor, lambda: world.now)
    for step in range(30):
        world.supervisor.receive(Pulse(EARLIER, step), world.now, verified=False)
        world.run(100.0 + step / 10.0)
    assert world.reasons() == [Reason.STARTED, Reason.STARTED]
    assert world.outputs() and locked.concern() == {'left', 'right'}


def test_an_echo_that_is_not_newer_neither_covers_nor_reports_a_fired_guard() -> None:
    world = World(required=True)
    world.supervisor.echoed(Echo('guard', 'own', 10 ** 9, 'abc', number=7), world.now)
    world.command()
    assert world.state() is MOVING
    for recorded in (Echo('guard', 'own', 10 ** 9, 'abc', fired=1, number=7),
                     Echo('guard', 'own', 10 ** 9, 'abc', latched='x', moved=('left',), number=6)):
        world.supervisor.echoed(recorded, world.now)
    world.poll()
    assert world.state() is MOVING
    assert not world.supervisor.emergency(world.now)


def test_a_driver_that_appears_is_stopped_by_the_earlier_bridge_only() -> None:
    world = World()
    world.command()
    world.run(102.0, earlier=EARLIER)
    assert world.state() is IDLE
    sent = len(world.sent)
    world.supervisor.driver_appeared('left', world.now)
    world.run(103.0, earlier=EARLIER)
    assert len(world.sent) == sent


def test_the_earlier_bridge_continues_and_reports_the_later_one() -> None:
    world = World()
    world.command()
    world.run(102.0, earlier=LATER)
    assert world.state() is MOVING
    assert 'later' in world.supervisor.troubles(world.now)['other bridge']


# ---- notices about guards ---------------------------------------------------------------------


def notices(world: World) -> list[Notice]:
    return [one for one in world.events if isinstance(one, Notice)]


@pytest.mark.parametrize('required', [True, False])
def test_a_bridge_without_a_guard_reports_it_at_its_start_and_after_3_s(required: bool) -> None:
    world = World(required=required)
    world.run(102.9)
    [begin] = notices(world)
    assert 'waiting for a guard' in begin.text and begin.warns is not required
    world.run(110.0)
    [_, alarm] = notices(world)
    assert 'no guard answers within 1 s, 4 x guard.patience' in alarm.text
    assert 'this bridge has waited for 3 s' in alarm.text
    assert ('motion is refused' if required else 'guard.required is off') in alarm.text
    assert (alarm.grave, alarm.warns) == (required, not required)


def test_a_guard_that_answers_within_3_s_is_the_only_notice() -> None:
    world = World(required=True)
    world.run(102.0)
    world.guard = True
    world.run(110.0)
    assert [one.text for one in notices(world)][1:] == ['a guard answers']


def test_motion_that_ends_without_a_guard_states_how_long_it_was_silent() -> None:
    world = World(required=True, stop_on_start=False)
    world.guard = True
    world.run(101.0)
    world.command()
    world.run(101.5)
    world.guard = False
    world.run(104.0)
    [stop] = [one for one in world.events if isinstance(one, Changed)
              and one.reason is Reason.NO_GUARD and one.before is MOVING]
    assert stop.detail.startswith('no guard answers within 1 s, 4 x guard.patience')


def test_another_bridge_is_named_by_host_process_and_port() -> None:
    world = World()
    world.run(103.0, earlier=replace(EARLIER, host='robot1', process=7, port=80))
    with pytest.raises(OtherBridge, match="host 'robot1', process 7, port 80"):
        world.command()


def test_the_port_is_in_the_pulse_as_soon_as_it_is_known() -> None:
    world = World()
    world.supervisor.serves_at(8081)
    world.run(101.0)
    assert world.pulses[-1][1].sender.port == 8081
