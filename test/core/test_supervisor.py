# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sequences of client calls and robot feedback, with simulated time.

Two bases without feedback and one with, a heartbeat window of 2 s, a pump that may be 0.125 s
late. `stop_on_disconnect` is off here: connections have their own tests in test_presence.py.
"""

from dataclasses import replace
from itertools import count
import math

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import (
    NoStopPath,
    NotYet,
    Overtaken,
    SessionExpired,
    ShuttingDown,
    Stalled,
    TooManySessions,
    UnknownResource,
    Unsupervised,
)
from viam_session_bridge.core.events import (
    Changed,
    Ended,
    MotionBegun,
    Output,
    Outputs,
    SessionEnded,
    SessionStarted,
    Stall,
)
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy, SessionClaim, UnsupervisedPolicy
from viam_session_bridge.core.sessions import parse_session_id, SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.core.supervisor import Supervisor

IDLE, MOVING, STOPPING, UNCONFIRMED = State.IDLE, State.MOVING, State.STOPPING, State.UNCONFIRMED
AHEAD, BACK = Velocity((0.5, 0.0, 0.0)), Velocity((-0.5, 0.0, 0.0))
ZERO = Velocity()
POLICY = Policy(SessionSettings(heartbeat_window=2.0, max_sessions=8), stop_on_disconnect=False)
LIMITS = VelocityLimits(1.0, 1.0)
SILENT = 'no heartbeat or command of the session for 2 s, limit 2 s (sessions.heartbeat_window)'


class World:
    """A supervisor, and a pump that is always on time unless a test delays it."""

    def __init__(self, policy: Policy = POLICY) -> None:
        numbers = count(1)
        self.supervisor = Supervisor(
            [ActuatedResource('base', 'left', LIMITS), ActuatedResource('base', 'right', LIMITS),
             ActuatedResource('base', 'seen', LIMITS, ActuatorSettings(rest=RestSettings()))],
            policy, lambda: f's{next(numbers)}')
        for name in ('left', 'right', 'seen'):
            self.supervisor.path(name, '', 0.0)
        self.sent: list[tuple[float, Output]] = []
        self.ended: list[Ended] = []
        self.events: list[object] = []
        self.wake = math.inf
        self.now = 0.0

    def session(self, now: float) -> Caller:
        """Start a session and send its first beat."""
        caller = Caller(self.supervisor.start_session(Caller(), '', now).id)
        self.beat(caller, now)
        self.poll(now)
        return caller

    def beat(self, caller: Caller, now: float) -> None:
        """Send a heartbeat."""
        assert caller.session is not None
        self.supervisor.beat(caller.session, caller, now)

    def command(self, name: str, setpoint: Velocity, caller: Caller, now: float,
                duration: float | None = None) -> int:
        """Command, and let the pump run."""
        epoch = self.supervisor.command(name, Motion(setpoint, duration), caller, now)
        self.poll(now)
        return epoch

    def stop(self, name: str, now: float) -> None:
        """Stop, and let the pump run."""
        self.supervisor.stop(name, now)
        self.poll(now)

    def poll(self, now: float) -> Outputs:
        """Let the pump run once."""
        self.now = now
        outputs = self.supervisor.poll(now)
        self.sent += [(now, output) for output in outputs.outputs]
        self.ended += outputs.ended
        self.events += outputs.events
        self.wake = outputs.wake
        return outputs

    def run(self, until: float, *beating: Caller) -> None:
        """Let the pump run on time until then, and these sessions beat all the time."""
        while self.now < until:
            # A wake-up that does not lie ahead is for another test to find.
            wake = self.wake if self.wake > self.now else self.now + 1e-3
            now = min(until, wake, self.now + 0.5 if beating else until)
            for caller in beating:
                self.beat(caller, now)
            self.poll(now)

    def last(self, name: str) -> tuple[float, Output]:
        """Return the last output of this resource, and when."""
        return [(at, output) for at, output in self.sent if output.resource == name][-1]

    def state(self, name: str) -> State:
        """Return the state of a resource."""
        return self.supervisor.states()[name]


# ---- takeover: the cases of viamrobotics/rdk, robot/session_test.go ---------------------------


def test_two_clients_one_base() -> None:
    """The last caller owns the base, and only the owner's end stops it."""
    world = World()
    # 1. Two clients start sessions; ann drives.
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.1)
    # 2. Bob takes over.
    world.run(101.0, ann, bob)
    world.command('left', BACK, bob, 101.0)
    # 3. Ann disappears: her session expires, and the base continues for bob.
    world.run(104.0, bob)
    assert [type(event) for event in world.events if not isinstance(event, Changed)] == [
        SessionStarted, SessionStarted, MotionBegun, MotionBegun, SessionEnded]
    assert world.state('left') is MOVING
    assert world.last('left')[1].setpoint == BACK
    # 4. Bob disappears, too: the base stops at his deadline.
    world.run(106.0)
    assert world.state('left') is STOPPING
    at, output = world.last('left')
    assert (at, output.setpoint) == (106.0, None)
    # 5. Both motions have ended, each in its own way.
    assert [ended.reason for ended in world.ended] == [Reason.SUPERSEDED, Reason.SESSION_ENDED]


def test_taken_back() -> None:
    """Ann, bob, ann again: bob's end does nothing, ann's stops the base."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.command('left', BACK, bob, 100.1)
    world.command('left', AHEAD, ann, 100.2)
    world.run(103.0, ann)
    assert world.state('left') is MOVING
    world.run(105.0)
    assert world.state('left') is STOPPING


def test_two_clients_two_bases() -> None:
    """One session's end never stops another's base."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.command('right', AHEAD, bob, 100.0)
    world.run(110.0, bob)
    assert (world.state('left'), world.state('right')) == (IDLE, MOVING)


def test_one_client_two_bases() -> None:
    """Everything that a session owns is stopped in the same pass."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.run(100.5)
    world.command('right', AHEAD, ann, 100.5)
    world.run(102.5)
    stops = [(at, output.resource) for at, output in world.sent if output.first
             and output.setpoint is None]
    assert stops == [(102.5, 'left'), (102.5, 'right')]


def test_a_refused_command_takes_nothing_over() -> None:
    """Ownership passes with an accepted command only."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.supervisor.configure(
        replace(POLICY, unsupervised=UnsupervisedPolicy.REJECT), {}, world.now)
    with pytest.raises(Unsupervised):
        world.command('left', BACK, Caller(socket=3), 100.1)
    world.run(101.9)
    assert world.last('left')[1].setpoint == AHEAD
    world.run(102.0)
    assert world.ended == [Ended('left', 1, Reason.SESSION_ENDED, SILENT)]


def test_after_a_stop_the_old_owners_end_stops_nothing() -> None:
    """Bob stops ann's base and a third client drives it: ann's expiry does not touch it."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.stop('left', 100.5)
    world.run(101.9, bob)
    assert world.state('left') is IDLE
    world.run(103.0, bob)
    assert world.state('left') is IDLE
    assert all(at < 101.6 for at, _ in world.sent)


def test_a_takeover_is_reported_with_both_names() -> None:
    """Not when the same session commands again, nor when the base had no owner."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.command('left', BACK, ann, 100.1)
    world.command('left', BACK, bob, 100.2)
    world.stop('left', 100.3)
    world.command('left', BACK, ann, 100.4)
    assert [(event.claim, event.before) for event in world.events
            if isinstance(event, MotionBegun)] == [
        (SessionClaim('s1', None, 100.0), None),
        (SessionClaim('s2', None, 100.2), SessionClaim('s1', None, 100.1)),
        (SessionClaim('s1', None, 100.4), None)]


def test_the_events_of_a_stop_and_a_motion_between_two_polls_keep_their_order() -> None:
    """Or the stop seems to end the motion that follows it."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.supervisor.stop('left', 100.1)
    world.supervisor.command('left', Motion(BACK), ann, 100.1)
    del world.events[:]
    world.poll(100.1)
    assert [event.after if isinstance(event, Changed) else type(event)
            for event in world.events] == [STOPPING, MOVING, MotionBegun]


# ---- commands -----------------------------------------------------------------------------------


def test_a_command_renews_its_session() -> None:
    """A client that streams commands needs no heartbeats."""
    world = World()
    ann = world.session(100.0)
    for now in (101.9, 103.8, 105.7):
        world.run(now - 0.01)
        world.command('left', AHEAD, ann, now)
    world.run(107.69)
    assert world.state('left') is MOVING
    world.run(107.7)
    assert world.state('left') is STOPPING


@pytest.mark.parametrize('polled', [True, False])
def test_an_expired_session_commands_nothing(polled: bool) -> None:
    """At its deadline, also without a poll: also with zero, also an unknown resource."""
    world = World()
    ann = world.session(100.0)
    if polled:
        world.run(102.0)
    for name, setpoint in (('left', AHEAD), ('left', ZERO), ('nobody', AHEAD)):
        with pytest.raises(SessionExpired):
            world.supervisor.command(name, Motion(setpoint), ann, 102.0)
    assert world.sent == []
    assert world.state('left') is IDLE


def test_a_command_at_the_deadline_is_too_late_and_one_before_it_is_not() -> None:
    """The deadline is exact."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 101.999)
    world.run(103.99)
    with pytest.raises(SessionExpired):
        world.command('left', AHEAD, ann, 103.999)
    world.poll(103.999)
    assert world.state('left') is STOPPING


def test_an_unknown_resource_is_refused_with_the_names_there_are() -> None:
    """For commands, stops, cancels and questions; the session was renewed first."""
    world = World()
    ann = world.session(100.0)
    supervisor = world.supervisor
    with pytest.raises(UnknownResource, match="'up'.*left, right, seen"):
        world.command('up', AHEAD, ann, 101.0)
    assert supervisor.sessions.living(102.9)
    for ask in (lambda: supervisor.stop('up', 101.0), lambda: supervisor.cancel('up', 1, 101.0),
                lambda: supervisor.resource('up'), lambda: supervisor.is_moving('up', 101.0)):
        with pytest.raises(UnknownResource):
            ask()


def test_commands_are_clamped_to_the_limits_of_their_base() -> None:
    """And limits may change at run time."""
    world = World()
    ann = world.session(100.0)
    world.command('left', Velocity((9.0, 0.0, 0.0)), ann, 100.0)
    assert world.last('left')[1].setpoint == Velocity((1.0, 0.0, 0.0))
    world.supervisor.configure(POLICY, {'left': VelocityLimits(0.25, 1.0)}, world.now)
    world.run(100.1)
    world.command('left', Velocity((9.0, 0.0, 0.0)), ann, 100.12)
    assert world.last('left')[1].setpoint == Velocity((0.25, 0.0, 0.0))
    assert world.supervisor.resource('left').limits.linear == 0.25
    assert world.supervisor.resource('right').limits.linear == 1.0


def test_a_change_for_an_unknown_resource_changes_nothing() -> None:
    """Neither the policy nor the limits that were named before it."""
    world = World()
    changed = replace(POLICY, stall_limit=9.0, sessions=SessionSettings(max_sessions=1))
    with pytest.raises(UnknownResource):
        world.supervisor.configure(
            changed, {'left': VelocityLimits(0.1, 0.1), 'up': VelocityLimits(0.1, 0.1)},
            100.0)
    assert world.supervisor.resource('left').limits == LIMITS
    world.session(100.0)
    world.session(100.0)


@pytest.mark.parametrize('state', list(State))
@pytest.mark.parametrize('how', ['no path', 'shutdown', 'other session', 'no session', 'stalled'])
def test_a_zero_command_is_a_stop_in_every_state_from_any_client(state: State, how: str) -> None:
    """Latch, missing stop path, shutdown and stall included; there is no owner afterwards."""
    world = World(replace(POLICY, unsupervised=UnsupervisedPolicy.REJECT))
    ann, bob = world.session(100.0), world.session(100.0)
    now = 100.0
    if state is not IDLE:
        world.command('seen', AHEAD, ann, now)
    if state in (STOPPING, UNCONFIRMED):
        world.stop('seen', now)
    if state is UNCONFIRMED:
        world.run(now := 105.5, ann, bob)
    assert world.state('seen') is state
    if how == 'shutdown':
        world.supervisor.shut_down(now)
    if how == 'no path':
        world.supervisor.path('seen', 'there is no subscriber', now)
    now += 0.3 if how == 'stalled' else 0.02
    world.sent.clear()
    caller = {'other session': bob, 'no session': Caller()}.get(how, ann)
    world.command('seen', ZERO, caller, now)
    assert world.state('seen') is (UNCONFIRMED if state is UNCONFIRMED else STOPPING)
    assert world.last('seen')[1].setpoint is None
    assert world.supervisor.watched_sockets() == frozenset()


def test_after_a_stop_the_driver_receives_only_zeros_until_a_new_command() -> None:
    """Heartbeats, polls, new sessions and time resume nothing."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.stop('left', 100.5)
    world.sent.clear()
    world.supervisor.start_session(ann, '', 100.6)
    world.supervisor.path('left', '', 100.7)
    world.run(140.0, ann)
    assert world.sent and all(output.setpoint is None for _, output in world.sent)
    world.command('left', BACK, ann, 140.0)
    assert world.last('left')[1].setpoint == BACK


def test_stop_all_stops_everything_also_what_is_idle() -> None:
    """An emergency stop sends zeros to every driver."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.sent.clear()
    world.supervisor.stop_all(100.1)
    world.poll(100.1)
    assert [(output.resource, output.setpoint) for _, output in world.sent] == [
        ('left', None), ('right', None), ('seen', None)]


# ---- keys ---------------------------------------------------------------------------------------


def of(entity: str, socket: int) -> Caller:
    """Return a caller without a session, on a connection of its own."""
    return Caller(entity=entity, socket=socket)


def test_a_revoked_key_loses_its_sessions_and_all_that_it_set_in_motion() -> None:
    """Under a session, and by a connection alone; what others drive continues."""
    world = World()
    begun = world.supervisor.start_session(of('mine', 1), '', 100.0)
    world.supervisor.start_session(of('others', 2), '', 100.0)
    world.command('left', AHEAD, replace(of('mine', 1), session=begun.id), 100.0)
    world.command('right', AHEAD, of('mine', 3), 100.0)
    world.command('seen', AHEAD, of('others', 2), 100.0)
    world.supervisor.revoke('mine', 100.1)
    assert world.supervisor.due <= 100.1, 'the pump comes at once'
    world.poll(100.1)
    assert [one.reason for one in world.ended] == [Reason.REVOKED] * 2
    assert (world.state('left'), world.state('right')) == (STOPPING, STOPPING)
    assert world.state('seen') is MOVING
    assert SessionEnded('s1', '', begun=True, revoked=True) in world.events
    with pytest.raises(SessionExpired):
        world.beat(replace(of('mine', 1), session=begun.id), 100.2)


def test_a_revoked_key_that_moves_nothing_stops_nothing() -> None:
    """Idle drivers receive no zeros because of it, nor does what another took over."""
    world = World()
    world.command('left', AHEAD, of('mine', 1), 100.0)
    world.command('left', BACK, of('others', 2), 100.1)
    world.command('right', AHEAD, of('mine', 1), 100.1)
    world.stop('right', 100.2)
    before = world.supervisor.states()
    world.sent.clear()
    world.supervisor.revoke('mine', 100.3)
    world.poll(100.3)
    assert world.supervisor.states() == before and world.state('left') is MOVING
    assert not [one for one in world.ended if one.reason is Reason.REVOKED]


def test_stop_own_stops_what_a_key_commanded_last_in_every_state() -> None:
    """And nothing that another key took over, or that no client has commanded yet."""
    world = World()
    world.command('left', AHEAD, of('mine', 1), 100.0)
    world.command('right', AHEAD, of('mine', 1), 100.0)
    world.command('right', BACK, of('others', 2), 100.1)
    assert world.supervisor.stop_own('mine', 100.2) == ['left']
    world.poll(100.2)
    assert (world.state('left'), world.state('right')) == (STOPPING, MOVING)
    assert world.supervisor.stop_own('mine', 100.3) == ['left'], 'again: it begins the hold anew'
    assert world.supervisor.stop_own('nobody', 100.3) == []


# ---- commands that wait for their turn ----------------------------------------------------------


def turn_of(world: World, caller: Caller, now: float) -> int:
    """Command while no stop path is there; returns the turn that the refusal gives."""
    world.supervisor.path('left', 'there is no subscriber', now)
    with pytest.raises(NotYet) as refusal:
        world.command('left', AHEAD, caller, now)
    return refusal.value.turn


def retry(world: World, caller: Caller, now: float, turn: int) -> int:
    """Try again with a turn, now that the path is there."""
    world.supervisor.path('left', '', now)
    return world.supervisor.command('left', Motion(AHEAD), caller, now, turn)


def test_a_command_that_may_pass_keeps_its_turn() -> None:
    """Refused as often as it tries, and accepted when the driver was discovered."""
    world = World()
    ann = world.session(100.0)
    turn = turn_of(world, ann, 100.0)
    with pytest.raises(NotYet) as again:
        world.supervisor.command('left', Motion(AHEAD), ann, 100.1, turn)
    assert again.value.turn == turn
    retry(world, ann, 100.2, turn)
    assert world.state('left') is MOVING


@pytest.mark.parametrize('between', ['stop', 'stop all', 'zero', 'command', 'waiting command'])
def test_a_late_command_never_follows_a_stop_or_a_newer_command(between: str) -> None:
    """Whoever came while it waited has overtaken it, even if that one waits, too."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    turn = turn_of(world, ann, 100.0)
    if between == 'stop':
        world.stop('left', 100.1)
    elif between == 'stop all':
        world.supervisor.stop_all(100.1)
    elif between == 'zero':
        world.command('left', ZERO, bob, 100.1)
    elif between == 'command':
        world.supervisor.path('left', '', 100.1)
        world.command('left', BACK, bob, 100.1)
    else:
        turn_of(world, bob, 100.1)
    before = world.state('left')
    with pytest.raises(Overtaken, match='left'):
        retry(world, ann, 100.2, turn)
    assert world.state('left') is before


def test_a_stop_overtakes_a_command_that_is_still_waiting() -> None:
    world = World()
    ann = world.session(100.0)
    before, after = world.supervisor.turn('left'), world.supervisor.turn('right')
    world.stop('left', 100.1)
    with pytest.raises(Overtaken, match='left'):
        retry(world, ann, 100.2, before)
    world.supervisor.path('right', '', 100.2)
    world.supervisor.command('right', Motion(AHEAD), ann, 100.2, after)
    assert world.state('right') is MOVING


def test_what_happens_to_another_base_overtakes_nothing() -> None:
    """Turns are counted for each resource by itself."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    turn = turn_of(world, ann, 100.0)
    world.command('right', AHEAD, bob, 100.1)
    world.stop('right', 100.15)
    retry(world, ann, 100.2, turn)
    assert world.state('left') is MOVING


def test_an_expired_session_is_refused_before_other_checks() -> None:
    """Also when its turn is over."""
    world = World()
    ann = world.session(100.0)
    turn = turn_of(world, ann, 100.0)
    world.stop('left', 100.1)
    with pytest.raises(SessionExpired):
        retry(world, ann, 102.0, turn)


# ---- epochs and ends ----------------------------------------------------------------------------


def test_every_command_has_an_epoch_of_its_own() -> None:
    """Across all resources, ever growing; every output has it."""
    world = World()
    ann = world.session(100.0)
    epochs = [world.command(name, AHEAD, ann, 100.0 + i / 10)
              for i, name in enumerate(['left', 'right', 'left'])]
    assert epochs == sorted(set(epochs))
    assert world.last('left')[1].epoch == epochs[2]
    assert world.last('right')[1].epoch == epochs[1]


def test_a_cancelled_call_ends_its_own_motion() -> None:
    """As long as it is the current one."""
    world = World()
    ann = world.session(100.0)
    epoch = world.command('left', AHEAD, ann, 100.0, duration=10.0)
    assert world.supervisor.cancel('left', epoch, 100.5)
    world.poll(100.5)
    assert world.ended == [Ended('left', epoch, Reason.CANCELLED)]
    assert world.state('left') is STOPPING


def test_a_cancelled_call_does_not_end_the_motion_of_another() -> None:
    """It was superseded, or stopped, or cancelled before."""
    world = World()
    ann = world.session(100.0)
    old = world.command('left', AHEAD, ann, 100.0, duration=10.0)
    new = world.command('left', BACK, ann, 100.1, duration=10.0)
    assert not world.supervisor.cancel('left', old, 100.15)
    world.poll(100.15)
    assert world.state('left') is MOVING
    world.stop('left', 100.2)
    assert not world.supervisor.cancel('left', new, 100.3)
    assert world.ended == [Ended('left', old, Reason.SUPERSEDED),
                           Ended('left', new, Reason.STOPPED)]


def test_a_timed_move_is_done_on_time_and_its_session_may_go_afterwards() -> None:
    """The end is exact; the zeros belong to the move's epoch."""
    world = World()
    ann = world.session(100.0)
    epoch = world.command('left', AHEAD, ann, 100.0, duration=1.234)
    world.run(101.3, ann)
    assert world.ended == [Ended('left', epoch, Reason.DONE)]
    assert [at for at, output in world.sent if output.setpoint is None][0] == 101.234
    world.run(110.0)
    assert len(world.ended) == 1


def test_a_move_that_outlives_its_session_ends_with_it() -> None:
    """A long blocking call is one beat, at its start."""
    world = World()
    ann = world.session(100.0)
    epoch = world.command('left', AHEAD, ann, 100.0, duration=10.0)
    world.run(102.0)
    assert world.ended == [Ended('left', epoch, Reason.SESSION_ENDED, SILENT)]


def test_a_lost_path_ends_the_motion_and_refuses_the_next() -> None:
    """Found again, it is accepted again; nothing resumes by itself."""
    world = World()
    ann = world.session(100.0)
    epoch = world.command('left', AHEAD, ann, 100.0)
    world.supervisor.path('left', '/cmd_vel has no subscriber', 100.5)
    world.poll(100.5)
    assert world.ended == [
        Ended('left', epoch, Reason.PATH_LOST, '/cmd_vel has no subscriber')]
    with pytest.raises(NoStopPath, match='left: /cmd_vel has no subscriber'):
        world.command('left', AHEAD, ann, 100.6)
    world.supervisor.path('left', '', 100.7)
    world.run(101.0, ann)
    assert world.state('left') is STOPPING
    world.command('left', AHEAD, ann, 101.1)
    assert world.state('left') is MOVING


def test_a_lost_path_of_one_base_does_not_concern_the_other() -> None:
    """Nor one that rests."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.supervisor.path('right', 'gone', 100.1)
    world.poll(100.1)
    assert world.state('left') is MOVING
    assert world.state('right') is IDLE


def test_a_change_of_state_is_reported_once_with_its_reason_and_owner() -> None:
    """For the log: from, to, why, whose, and whether rest was seen."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.run(104.0)
    claim = SessionClaim('s1', None, 100.0)
    assert [event for event in world.events if isinstance(event, Changed)] == [
        Changed('left', IDLE, MOVING, Reason.COMMANDED, claim),
        Changed('left', MOVING, STOPPING, Reason.SESSION_ENDED, claim, detail=SILENT),
        Changed('left', STOPPING, IDLE, Reason.SESSION_ENDED, None, verified=False)]


# ---- reset and shutdown -------------------------------------------------------------------------


def test_reset_clears_what_is_unconfirmed_and_returns_it() -> None:
    """It starts nothing."""
    world = World()
    ann = world.session(100.0)
    world.command('seen', AHEAD, ann, 100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.stop('seen', 100.1)
    world.run(105.5, ann)
    assert world.state('seen') is UNCONFIRMED
    assert world.supervisor.reset(105.5) == ['seen']
    assert world.supervisor.reset(105.5) == []
    assert (world.state('seen'), world.state('left')) == (IDLE, MOVING)


def test_shutdown_stops_what_moves_and_leaves_the_idle_alone() -> None:
    """From then on motion is refused, for every caller."""
    world = World()
    ann = world.session(100.0)
    epoch = world.command('left', AHEAD, ann, 100.0)
    world.supervisor.shut_down(100.5)
    world.sent.clear()
    world.poll(100.5)
    assert [(output.resource, output.setpoint) for _, output in world.sent] == [('left', None)]
    assert world.ended == [Ended('left', epoch, Reason.SHUTDOWN)]
    for name in ('left', 'right'):
        with pytest.raises(ShuttingDown, match=name):
            world.command(name, AHEAD, ann, 100.6)
    world.run(110.0, ann)
    assert world.state('left') is IDLE


# ---- law 11: a stall is an absence --------------------------------------------------------------


def test_a_pump_that_was_late_sends_stops_before_any_other_output() -> None:
    """Also what belongs to a session that is alive and beating."""
    world = World()
    ann, bob = world.session(100.0), world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.command('right', AHEAD, bob, 100.0)
    late = world.wake + 0.126
    world.sent.clear()
    world.poll(late)
    assert [output.setpoint for _, output in world.sent] == [None, None]
    assert {ended.reason for ended in world.ended} == {Reason.STALLED}
    assert [event.late for event in world.events if isinstance(event, Stall)] == [
        pytest.approx(0.126)]
    # Only a new command moves again.
    world.run(110.0, ann, bob)
    assert world.state('left') is IDLE
    world.command('left', AHEAD, ann, 110.0)
    assert world.state('left') is MOVING


def test_a_pump_that_is_a_little_late_is_no_stall() -> None:
    """The limit itself is still good."""
    world = World(replace(POLICY, stall_limit=0.125))
    ann = world.session(128.0)
    world.command('left', AHEAD, ann, 128.0)
    world.poll(world.wake + 0.1249)
    assert world.state('left') is MOVING


def test_a_command_that_finds_the_pump_late_is_refused_and_stops_everything() -> None:
    """It may be as old as the stall, and so may others: until the stops are sent."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    with pytest.raises(Stalled, match='right: .*send it again'):
        world.supervisor.command('right', Motion(AHEAD), ann, 100.5)
    assert (world.state('left'), world.state('right')) == (STOPPING, IDLE)
    with pytest.raises(Stalled):
        world.supervisor.command('left', Motion(AHEAD), ann, 100.55)
    assert [output.setpoint for output in world.poll(100.6).outputs] == [None]
    # It came 0.45 s late: for as long, what comes may have been sent during it.
    with pytest.raises(Stalled):
        world.supervisor.command('left', Motion(AHEAD), ann, 100.94)
    world.command('right', AHEAD, ann, 100.96)
    assert (world.state('left'), world.state('right')) == (STOPPING, MOVING)


def test_commands_that_waited_through_a_freeze_of_an_idle_bridge_are_refused() -> None:
    """They are read right after it; what comes later is new. Stops are always accepted."""
    world = World(replace(POLICY, poll_period=0.2))
    ann = Caller(world.supervisor.start_session(Caller(), '', 100.0).id)
    world.poll(100.0)
    world.stop('right', 109.0)
    ann = Caller(world.supervisor.start_session(Caller(), '', 109.0).id)
    with pytest.raises(Stalled):
        world.supervisor.command('left', Motion(AHEAD), ann, 109.0)
    for now in (109.0, 109.2, 109.4, 109.6, 109.8):
        world.poll(now)
        with pytest.raises(Stalled):
            world.supervisor.command('left', Motion(AHEAD), ann, now + 0.19)
    late = [event.late for event in world.events if isinstance(event, Stall)]
    assert late == [pytest.approx(8.8)]
    world.poll(110.0)
    world.command('left', AHEAD, ann, 110.0)
    assert world.state('left') is MOVING


@pytest.mark.parametrize('living', [True, False])
def test_a_command_after_hours_of_idling_is_no_stall(living: bool) -> None:
    """While nothing moved, no output was due."""
    world = World()
    ann = world.session(100.0)
    if living:
        world.run(5_000.0, ann)
    else:
        # The pump slept all the time, as it may: nothing moved.
        ann = world.session(5_000.0)
    world.command('left', AHEAD, ann, 5_000.1)
    world.run(5_000.3)
    assert world.state('left') is MOVING
    assert not any(isinstance(event, Stall) for event in world.events)


def test_a_late_pump_is_no_stall_while_nothing_moves() -> None:
    """Stops continue as before, and the next command counts from its own time."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.stop('left', 100.01)
    world.supervisor.command('right', Motion(AHEAD), ann, 100.5)
    world.poll(100.55)
    assert world.state('right') is MOVING
    assert not any(isinstance(event, Stall) for event in world.events)


def test_a_pump_that_does_not_come_after_a_command_is_a_stall() -> None:
    """A first command has waited too long when the pump gets to it."""
    world = World()
    ann = world.session(100.0)
    world.supervisor.command('left', Motion(AHEAD), ann, 100.0)
    assert all(output.setpoint is None for output in world.poll(100.2).outputs)
    late = 'the stop loop came 200 ms late (limit 125 ms, half of guard.patience)'
    assert world.ended == [Ended('left', 1, Reason.STALLED, late)]
    [stall] = [event for event in world.events if isinstance(event, Stall)]
    assert stall.stopped == ('left',) and stall.refused == pytest.approx(0.2)


def test_commands_in_a_row_do_not_hide_a_sleeping_pump() -> None:
    """The first one that was not served is what counts."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    with pytest.raises(Stalled):
        for i in range(1, 100):
            world.supervisor.command('left', Motion(AHEAD), ann, 100.0 + i / 50)
    assert world.state('left') is STOPPING


# ---- time ---------------------------------------------------------------------------------------


def test_the_pump_is_woken_exactly_at_the_deadline_of_an_owner() -> None:
    """Not at the next tick."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.beat(ann, 100.017)
    world.run(102.0)
    assert world.wake == 102.017
    world.poll(102.0169)
    assert world.state('left') is MOVING
    world.poll(102.017)
    assert world.state('left') is STOPPING


def test_an_empty_bridge_never_wakes() -> None:
    """No sessions, no motion: nothing to do."""
    world = World()
    assert world.poll(100.0) == Outputs()


def test_sessions_that_move_nothing_are_removed_and_reported() -> None:
    """Within a second of their death, also those that never beat."""
    world = World()
    world.supervisor.start_session(Caller(peer='p1'), '', 100.0)
    ann = Caller(world.supervisor.start_session(Caller(peer='p2'), '', 100.0).id, peer='p2')
    world.beat(ann, 100.0)
    world.poll(100.0)
    assert world.events == [SessionStarted('s1', 'p1'), SessionStarted('s2', 'p2')]
    world.run(103.0)
    assert world.events[2:] == [SessionEnded('s2', 'p2', begun=True)]
    world.run(121.0)
    assert world.events[3:] == [SessionEnded('s1', 'p1', begun=False)]
    assert world.wake == math.inf


def test_a_resumed_session_is_told_as_one() -> None:
    world = World()
    ids = [f'{number:032x}' for number in (1, 2)]
    world.supervisor.sessions._new_id = (parse_session_id(one, 'id') for one in ids).__next__
    session = world.supervisor.start_session(Caller(peer='p1', entity='ann'), '', 100.0)
    world.supervisor.start_session(Caller(peer='p2', entity='ann'), session.id.upper(), 101.0)
    world.supervisor.start_session(Caller(peer='p3', entity='bob'), session.id, 101.0)
    world.poll(101.0)
    assert world.events[1:] == [SessionStarted(session.id, 'p2', 'ann', resumed=True),
                                SessionStarted(parse_session_id(ids[1], 'id'), 'p3', 'bob')]


def test_sessions_that_an_operator_ends_stop_what_they_move_and_nothing_else() -> None:
    world = World()
    ann, bob = world.session(100.0), Caller(socket=7)
    world.command('left', AHEAD, ann, 100.0)
    world.supervisor.update_sockets(frozenset({7}), 100.05, 100.05)
    world.command('right', AHEAD, bob, 100.1)
    world.poll(100.1)
    assert world.supervisor.expire_sessions(100.2) == 1
    world.poll(100.2)
    assert world.state('left') is STOPPING and world.state('right') is MOVING
    [ended] = [one for one in world.events if isinstance(one, SessionEnded)]
    assert ended.by_operator
    with pytest.raises(SessionExpired):
        world.beat(ann, 100.3)


def test_every_end_of_a_session_is_reported_also_in_a_full_table() -> None:
    """A full table removes expired sessions: the log still reports them."""
    world = World(replace(POLICY, sessions=SessionSettings(2.0, max_sessions=1)))
    world.session(100.0)
    with pytest.raises(TooManySessions):
        world.session(101.0)
    world.session(102.0)
    world.run(103.5)
    assert [event.session for event in world.events if isinstance(event, SessionEnded)] == ['s1']


# ---- feedback and late drivers, as the outside sees them ----------------------------------------


def test_feedback_reaches_only_those_that_have_any() -> None:
    """A sample for a base without feedback is left out."""
    world = World()
    world.supervisor.measured('left', BaseSample(linear=(0.5, 0.0, 0.0)), 100.0)
    world.supervisor.measured('seen', BaseSample(linear=(0.5, 0.0, 0.0)), 100.0)
    assert not world.supervisor.is_moving('left', 100.1)
    assert world.supervisor.is_moving('seen', 100.1)


def test_a_driver_that_appears_is_stopped_at_once() -> None:
    """And one that appears at a base that never moved is not."""
    world = World()
    ann = world.session(100.0)
    world.command('left', AHEAD, ann, 100.0)
    world.stop('left', 100.5)
    world.run(110.0, ann)
    world.sent.clear()
    for name in ('left', 'right'):
        world.supervisor.driver_appeared(name, 110.0)
    world.poll(110.0)
    assert [(output.resource, output.setpoint) for _, output in world.sent] == [('left', None)]
    assert (world.state('left'), world.state('right')) == (STOPPING, IDLE)


def test_an_acknowledged_stop_is_awaited() -> None:
    """Its answer comes in by resource and epoch."""
    supervisor = Supervisor(
        [ActuatedResource('base', 'base', LIMITS, ActuatorSettings(acknowledged=True))], POLICY,
        lambda: 's1')
    epoch = supervisor.stop('base', 100.0)
    supervisor.poll(100.0)
    supervisor.poll(101.5)
    assert supervisor.states() == {'base': STOPPING}
    supervisor.stop_answered('base', epoch, '', 101.6)
    supervisor.poll(101.6)
    assert supervisor.states() == {'base': IDLE}
