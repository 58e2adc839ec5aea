# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Claims: how long a client holds a motion, for every kind of claim, under every policy.

One base without feedback, a heartbeat window of 2 s. A poll of the open sockets is valid for
half a second; `looking` continues the polls while a test waits.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
import math

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import SessionExpired, Unsupervised
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import (
    Caller,
    Claim,
    ConnectionClaim,
    LeaseClaim,
    OpenClaim,
    OpenSockets,
    Policy,
    same_holder,
    SessionClaim,
    SOCKETS_PATIENCE,
    UnsupervisedPolicy,
)
from viam_session_bridge.core.sessions import MOST_CARRIERS, SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.supervisor import Supervisor

AHEAD = Motion(Velocity((0.5, 0.0, 0.0)))
CONNECTION, LEASE = UnsupervisedPolicy.CONNECTION, UnsupervisedPolicy.LEASE
ALLOW, REJECT = UnsupervisedPolicy.ALLOW, UnsupervisedPolicy.REJECT
S1 = '00000000-0000-4000-8000-000000000001'
EVERY_POLICY = list(UnsupervisedPolicy)


class Rig:
    """A base that one caller commands; the first session is called S1."""

    def __init__(self, unsupervised: UnsupervisedPolicy = CONNECTION,
                 stop_on_disconnect: bool = True,
                 ready_timeout: float | None = None) -> None:
        numbers = count(1)
        self.supervisor = Supervisor(
            [ActuatedResource('base', 'base', VelocityLimits(1.0, 1.0),
                              ActuatorSettings(ready_timeout=ready_timeout))],
            Policy(SessionSettings(heartbeat_window=2.0), stop_on_disconnect, unsupervised),
            lambda: f'00000000-0000-4000-8000-{next(numbers):012}')
        self.supervisor.path('base', '', 0.0)
        self.wake = self.supervisor.poll(0.0).wake

    @property
    def moves(self) -> bool:
        """Return whether the driver still receives motion."""
        return self.supervisor.states()['base'] is State.MOVING

    def start_session(self, socket: int | None, now: float, key: str = '') -> Caller:
        """Start a session over this connection."""
        session = self.supervisor.start_session(Caller(socket=socket, entity=key), '', now)
        return Caller(session.id, socket, key)

    def command(self, caller: Caller, now: float, duration: float | None = None) -> None:
        """Command, and let the pump run."""
        self.supervisor.command('base', Motion(AHEAD.setpoint, duration), caller, now)
        self.poll(now)

    def poll(self, now: float) -> list[Reason]:
        """Let the pump run; returns how motions ended."""
        outputs = self.supervisor.poll(now)
        self.wake = outputs.wake
        return [ended.reason for ended in outputs.ended]

    def run(self, until: float, looking: Iterable[int] | None = None) -> list[Reason]:
        """Let the pump run on time, and the poller too if it sees anything, until just before."""
        ends: list[Reason] = []
        look_at = self.wake if looking is not None else math.inf
        while (now := min(self.wake, look_at)) < until:
            if looking is not None and now == look_at:
                self.supervisor.update_sockets(frozenset(looking), now, now)
                look_at += 0.1
            ends += self.poll(now)
        return ends


# ---- a session ----------------------------------------------------------------------------------


@pytest.mark.parametrize('policy', EVERY_POLICY)
@pytest.mark.parametrize('stop_on_disconnect', [True, False])
def test_a_session_holds_its_motion_while_it_beats(policy: UnsupervisedPolicy,
                                                   stop_on_disconnect: bool) -> None:
    """Whatever the policy for others is; and it is stopped exactly at its deadline."""
    rig = Rig(policy, stop_on_disconnect)
    ann = rig.start_session(1, 100.0)
    rig.command(ann, 100.0)
    for now in (101.9, 103.8, 105.7):
        assert rig.run(now, looking=[1]) == []
        rig.supervisor.beat(S1, ann, now)
    assert rig.run(107.7, looking=[1]) == []
    assert rig.moves
    assert rig.wake == 107.7
    assert rig.poll(107.7) == [Reason.SESSION_ENDED]
    assert not rig.moves


def test_with_stop_on_disconnect_the_motion_ends_with_its_connection() -> None:
    """The session stays alive and may command again; its motion does not resume by itself."""
    rig = Rig()
    ann = rig.start_session(1, 100.0)
    rig.command(ann, 100.0)
    assert rig.run(100.5, looking=[1]) == []
    assert rig.supervisor.update_sockets(frozenset(), 100.5, 100.5)
    assert rig.poll(100.5) == [Reason.DISCONNECTED]
    rig.supervisor.beat(S1, Caller(S1, 2), 100.6)
    rig.supervisor.update_sockets(frozenset([2]), 100.7, 100.7)
    rig.poll(100.7)
    assert not rig.moves
    rig.command(Caller(S1, 2), 100.8)
    assert rig.run(101.5, looking=[2]) == []
    assert rig.moves


def test_without_stop_on_disconnect_only_the_window_counts() -> None:
    """No polls are needed, and a caller with an unknown connection is accepted."""
    rig = Rig(stop_on_disconnect=False)
    ann = rig.start_session(None, 100.0)
    rig.command(ann, 100.0)
    assert rig.supervisor.watched_sockets() == frozenset()
    assert not rig.supervisor.update_sockets(frozenset(), 100.1, 100.1)
    assert rig.run(102.0) == []
    assert rig.poll(102.0) == [Reason.SESSION_ENDED]


@pytest.mark.parametrize('key', ['', 'key 1'], ids=['no keys', 'one key'])
@pytest.mark.parametrize('call', ['heartbeat', 'resume', 'refused command'])
def test_no_call_but_an_accepted_command_holds_the_motion_of_a_disconnected_client(
        call: str, key: str) -> None:
    """A is killed while B, which knows the id, keeps the session alive over its own connection."""
    rig = Rig()
    ann, bob = rig.start_session(1, 100.0, key), Caller(S1, 2, key)
    rig.command(ann, 100.0)
    for step in range(8):
        now = 100.1 + step / 20.0
        if call == 'heartbeat':
            rig.supervisor.beat(S1, bob, now)
        elif call == 'resume':
            assert rig.supervisor.start_session(replace(bob, session=None), S1, now).id == S1
        else:
            with pytest.raises(Unsupervised):
                rig.command(replace(bob, socket=None), now)
        rig.run(now, looking=[1, 2])
    assert rig.moves
    assert rig.supervisor.watched_sockets() == {1}
    rig.supervisor.update_sockets(frozenset([2]), 100.5, 100.5)
    assert rig.poll(100.5) == [Reason.DISCONNECTED]
    assert rig.supervisor.sessions.living(100.5), 'the session itself stays alive'


@pytest.mark.parametrize('key', ['', 'key 2'], ids=['no key', 'another key'])
def test_the_session_of_another_key_appears_expired_and_its_motion_is_not_affected(
        key: str) -> None:
    """B has another key than A, or none: it can neither renew, command under nor resume the id."""
    rig = Rig()
    ann, bob = rig.start_session(1, 100.0, 'key 1'), Caller(S1, 2, key)
    rig.command(ann, 100.0)
    for attempt in (lambda: rig.supervisor.beat(S1, bob, 100.05),
                    lambda: rig.supervisor.admit(bob, 100.05),
                    lambda: rig.command(bob, 100.05),
                    lambda: rig.supervisor.command('base', AHEAD, bob, 100.05, turn=1)):
        with pytest.raises(SessionExpired):
            attempt()
    assert rig.supervisor.start_session(replace(bob, session=None), S1, 100.05).id != S1
    assert rig.moves
    assert rig.supervisor.sessions.get(S1, 100.05) is not None
    assert rig.run(102.0, looking=[1]) == []
    assert rig.poll(102.0) == [Reason.SESSION_ENDED]


def test_a_command_of_another_connection_under_the_same_id_is_held_by_that_connection() -> None:
    """B commands under A's id and leaves: the motion ends, although A's session is alive."""
    rig = Rig()
    ann = rig.start_session(1, 100.0)
    rig.command(ann, 100.0)
    rig.command(Caller(S1, 2), 100.1)
    assert rig.supervisor.watched_sockets() == {2}
    assert rig.run(100.5, looking=[2]) == [], "A's own connection does not matter any more"
    assert rig.run(100.9, looking=[1]) == [Reason.DISCONNECTED]
    assert not rig.moves


def test_each_motion_of_a_session_is_held_by_the_connection_that_commanded_it() -> None:
    """Two bases, one session, two connections: each ends with its own."""
    supervisor = Supervisor(
        [ActuatedResource('base', name, VelocityLimits(1.0, 1.0)) for name in ('left', 'right')],
        Policy(SessionSettings(60.0)), lambda: S1)
    for name, socket in (('left', 1), ('right', 2)):
        supervisor.path(name, '', 0.0)
        if socket == 1:
            supervisor.start_session(Caller(socket=1), '', 0.0)
        supervisor.command(name, AHEAD, Caller(S1, socket), 0.0)
    assert supervisor.watched_sockets() == {1, 2}
    supervisor.update_sockets(frozenset([1]), 0.05, 0.05)
    supervisor.poll(0.05)
    assert supervisor.states() == {'left': State.MOVING, 'right': State.STOPPING}


def test_a_command_repeated_over_a_new_connection_moves_the_motion_to_it() -> None:
    """An SDK that reconnects and continues to command does not stop."""
    rig = Rig()
    ann = rig.start_session(1, 100.0)
    rig.command(ann, 100.0)
    rig.run(100.2, looking=[1])
    rig.command(Caller(S1, 2), 100.2)
    assert rig.run(101.5, looking=[2]) == []
    assert rig.moves


def test_a_session_whose_connection_is_unknown_may_not_move_with_stop_on_disconnect() -> None:
    """Its disconnection could not be detected. The refused command still renewed the session."""
    rig = Rig()
    ann = rig.start_session(None, 100.0)
    with pytest.raises(Unsupervised, match='base: .*not among the open ones.*stop_on_disconnect'):
        rig.command(ann, 101.0)
    assert not rig.moves
    assert rig.supervisor.sessions.living(102.9)
    assert not rig.supervisor.sessions.living(103.0)


def test_a_session_never_expires_between_start_and_first_beat() -> None:
    """It owns nothing meanwhile, and has 20 s."""
    rig = Rig()
    rig.start_session(1, 100.0)
    rig.run(119.9)
    rig.supervisor.beat(S1, Caller(S1, 1), 119.99)
    assert rig.supervisor.sessions.living(121.9)


# ---- a client without a session -----------------------------------------------------------------


def test_connection_the_open_connection_holds_the_motion() -> None:
    """The default: as long as every poll lists it, however long that is."""
    rig = Rig(CONNECTION)
    rig.command(Caller(socket=7), 100.0)
    assert rig.supervisor.watched_sockets() == {7}
    assert rig.run(200.0, looking=[7, 8]) == []
    assert rig.moves
    assert rig.supervisor.update_sockets(frozenset([8]), 200.0, 200.0)
    assert rig.poll(200.0) == [Reason.DISCONNECTED]


def test_connection_an_unknown_connection_holds_nothing() -> None:
    """Motion is refused when the caller's socket is not among the open ones."""
    rig = Rig(CONNECTION)
    with pytest.raises(Unsupervised, match='base: .*not among the open ones'):
        rig.command(Caller(), 100.0)
    assert not rig.moves


@pytest.mark.parametrize('socket', [None, 7])
def test_lease_one_window_per_command(socket: int | None) -> None:
    """Whoever is connected: the motion lasts one window from the last command, exactly."""
    rig = Rig(LEASE)
    rig.command(Caller(socket=socket), 100.0)
    rig.run(101.5)
    rig.command(Caller(socket=socket), 101.5)
    assert rig.run(103.5) == []
    assert rig.wake == 103.5
    assert rig.poll(103.5) == [Reason.LEASE_OVER]


@pytest.mark.parametrize('duration', [0.5, 2.0, 7.5])
def test_lease_an_open_blocking_call_holds_its_move(duration: float) -> None:
    """Also one that takes longer than the window: it is done, not cut off."""
    rig = Rig(LEASE)
    rig.command(Caller(socket=7), 100.0, duration)
    assert rig.run(100.0 + duration) == []
    assert rig.moves
    assert rig.poll(100.0 + duration) == [Reason.DONE]


def test_lease_a_move_that_had_to_wait_is_held_to_its_end() -> None:
    """What getting ready took is not taken from the lease of its call."""
    rig = Rig(LEASE, ready_timeout=5.0)
    epoch = rig.supervisor.command(
        'base', Motion(AHEAD.setpoint, 3.0), Caller(socket=7), 100.0)
    assert rig.poll(100.0) == [] and rig.run(102.5) == []
    rig.supervisor.prepared('base', epoch, '', 102.5)
    rig.poll(102.5)
    assert rig.run(105.5) == [] and rig.moves
    assert rig.poll(105.5) == [Reason.DONE]


def test_allow_no_absence_stops_it() -> None:
    """The behaviour of viam-server, by explicit choice: no poll, no window, no end."""
    rig = Rig(ALLOW)
    rig.command(Caller(), 100.0)
    assert rig.supervisor.watched_sockets() == frozenset()
    assert not rig.supervisor.update_sockets(frozenset(), 100.1, 100.1)
    assert rig.run(160.0) == []
    assert rig.moves


def test_reject_motion_needs_a_session() -> None:
    """The refusal states what to do."""
    rig = Rig(REJECT)
    with pytest.raises(Unsupervised, match='unsupervised: reject.*start a session.*viam-sid'):
        rig.command(Caller(socket=7), 100.0)
    assert not rig.moves


@pytest.mark.parametrize('policy', EVERY_POLICY)
def test_a_stop_needs_no_presence(policy: UnsupervisedPolicy) -> None:
    """A zero command without session or known connection stops what moves, under every policy."""
    rig = Rig(policy)
    rig.command(rig.start_session(1, 100.0), 100.0)
    rig.supervisor.command('base', Motion(Velocity()), Caller(), 100.1)
    assert set(rig.poll(100.1)) == {Reason.STOPPED}


# ---- without a session, on a connection that carried one ----------------------------------------


@pytest.mark.parametrize('policy', [CONNECTION, LEASE, ALLOW])
@pytest.mark.parametrize('carried', ['start', 'beat', 'command'])
def test_a_session_less_command_beside_a_session_gets_one_window(
        policy: UnsupervisedPolicy, carried: str) -> None:
    """Python sends its command without the id when its first heartbeat failed: a lease it is."""
    rig = Rig(policy)
    ann = rig.start_session(7 if carried == 'start' else 1, 100.0)
    if carried == 'beat':
        rig.supervisor.beat(S1, Caller(S1, 7), 100.0)
    if carried == 'command':
        rig.command(Caller(ann.session, 7), 100.0)
    rig.run(100.5, looking=[1, 7])
    rig.command(Caller(socket=7), 100.5)
    assert rig.run(102.5, looking=[1, 7]) == []
    assert rig.moves
    assert rig.poll(102.5) == [Reason.LEASE_OVER]


def test_a_connection_is_remembered_as_a_carrier_after_its_session_expired() -> None:
    """What kind of client is behind it does not change."""
    rig = Rig(ALLOW)
    rig.start_session(7, 100.0)
    rig.run(130.0)
    rig.command(Caller(socket=7), 130.0)
    rig.run(132.0)
    assert rig.poll(132.0) == [Reason.LEASE_OVER]


def test_reject_refuses_it_too() -> None:
    """A lease is not a session."""
    rig = Rig(REJECT)
    rig.start_session(7, 100.0)
    with pytest.raises(Unsupervised):
        rig.command(Caller(socket=7), 100.5)


def test_a_carrier_in_use_is_not_forgotten() -> None:
    """However many connections come and go beside it."""
    rig = Rig(ALLOW)
    ann = rig.start_session(5, 100.0)
    for socket in range(10, 10 + 2 * MOST_CARRIERS):
        rig.supervisor.beat(S1, Caller(S1, socket), 100.0)
        if socket % 100 == 0:
            rig.supervisor.beat(S1, ann, 100.0)
    rig.supervisor.beat(S1, ann, 100.0)
    rig.command(Caller(socket=5), 100.5)
    rig.run(102.5)
    assert rig.poll(102.5) == [Reason.LEASE_OVER]


# ---- law 12: evidence ---------------------------------------------------------------------------


@pytest.mark.parametrize('with_session', [True, False])
def test_without_polls_of_the_sockets_no_client_is_present(with_session: bool) -> None:
    """A failed poller ends every motion of a connection, with or without heartbeats."""
    rig = Rig()
    caller = rig.start_session(1, 100.0) if with_session else Caller(socket=1)
    rig.command(caller, 100.0)
    assert rig.run(100.3, looking=[1]) == []
    last = 100.3
    rig.supervisor.update_sockets(frozenset([1]), last, last)
    rig.poll(last)
    if with_session:
        rig.supervisor.beat(S1, caller, last + 0.4)
    assert rig.run(last + SOCKETS_PATIENCE) == []
    assert rig.wake == last + SOCKETS_PATIENCE
    assert rig.poll(last + SOCKETS_PATIENCE) == [Reason.DISCONNECTED]


@pytest.mark.parametrize('with_session', [True, False])
def test_without_any_poll_of_the_sockets_the_command_itself_becomes_stale(
        with_session: bool) -> None:
    """It proves that its sender was present, for half a second."""
    rig = Rig()
    rig.command(rig.start_session(1, 100.0) if with_session else Caller(socket=1), 100.0)
    assert rig.run(100.5) == []
    assert rig.poll(100.5) == [Reason.DISCONNECTED]


def test_a_poll_made_before_the_command_proves_nothing() -> None:
    """Neither that the connection is open, nor, arriving late, that it is closed."""
    rig = Rig()
    rig.supervisor.update_sockets(frozenset([1]), 99.9, 99.9)
    rig.command(Caller(socket=1), 100.0)
    assert not rig.supervisor.update_sockets(frozenset(), 99.99, 100.01)
    assert rig.poll(100.02) == []
    rig.run(100.5)
    assert rig.moves
    assert rig.poll(100.5) == [Reason.DISCONNECTED]


def test_a_poll_that_began_with_the_command_counts() -> None:
    """At equal times the poll did not begin before the command arrived."""
    rig = Rig()
    rig.command(Caller(socket=1), 100.0)
    assert rig.supervisor.update_sockets(frozenset([2]), 100.0, 100.01)
    assert rig.poll(100.01) == [Reason.DISCONNECTED]
    rig.command(Caller(socket=1), 101.0)
    assert not rig.supervisor.update_sockets(frozenset([1]), 101.0, 101.4)
    assert rig.run(101.5) == []
    assert rig.poll(101.5) == [Reason.DISCONNECTED]


def test_a_poll_counts_from_its_beginning() -> None:
    """One that took long to arrive is as old as its beginning."""
    rig = Rig()
    rig.command(Caller(socket=1), 100.0)
    rig.supervisor.update_sockets(frozenset([1]), 100.1, 100.55)
    assert rig.run(100.6) == []
    assert rig.poll(100.6) == [Reason.DISCONNECTED]


def test_of_polls_that_arrive_out_of_order_the_newest_counts() -> None:
    """The newest poll counts; of two begun at the same time, the one that came last."""
    sockets = OpenSockets()
    sockets.update_sockets(frozenset([1]), 101.0)
    sockets.update_sockets(frozenset(), 100.9)
    assert sockets.proves(1, 100.0, 101.2)
    sockets.update_sockets(frozenset([2]), 101.0)
    assert not sockets.proves(1, 100.0, 101.2)
    assert sockets.proves(2, 100.0, 101.2)
    assert not sockets.proves(None, 100.0, 101.2)


@pytest.mark.parametrize('with_session', [True, False])
def test_the_evidence_of_hundreds_of_motions_ends_in_one_pass(with_session: bool) -> None:
    """While it is valid, no motion wakes the pump: one poll is enough for all."""
    names = [f'base{number}' for number in range(200)]
    supervisor = Supervisor(
        [ActuatedResource(
            'base', name, VelocityLimits(1.0, 1.0), ActuatorSettings(require_path=False))
         for name in names], Policy(SessionSettings(heartbeat_window=60.0)), lambda: 's1')
    caller = Caller(socket=1)
    if with_session:
        caller = Caller(supervisor.start_session(caller, '', 100.0).id, socket=1)
    now, looked, polls = 100.0, 100.0, [100.0]
    for name in names:
        supervisor.command(name, Motion(AHEAD.setpoint, once=True), caller, now)
        supervisor.poll(now)
        supervisor.update_sockets(frozenset([1]), now, now)
        now += 0.004
    proven, wake, ends = now + SOCKETS_PATIENCE, now, dict[str, None]()
    while not ends:
        if now < proven + 5.0:
            supervisor.update_sockets(frozenset([1]), now, now)
            looked = now
        now = min(wake, now + 0.01)
        if now == wake:
            polls.append(now)
            outputs = supervisor.poll(now)
            wake, ends = outputs.wake, {one.resource: None for one in outputs.ended}
    assert now == looked + SOCKETS_PATIENCE and ends.keys() == set(names)
    assert sum(at > proven for at in polls) <= 2.0 * (now - proven) / SOCKETS_PATIENCE


def test_evidence_expires_exactly() -> None:
    """At ``taken_at + patience`` it is stale, as every deadline."""
    sockets = OpenSockets()
    sockets.update_sockets(frozenset([1]), 101.0)
    assert sockets.proves(1, 100.0, 101.499999)
    assert not sockets.proves(1, 100.0, 101.5)
    assert sockets.stale_at == 101.5


def test_only_what_a_motion_rests_on_is_watched() -> None:
    """Nothing before it, nothing after its end: a poll costs time."""
    rig = Rig()
    ann = rig.start_session(1, 100.0)
    assert rig.supervisor.watched_sockets() == frozenset()
    rig.command(ann, 100.0)
    assert rig.supervisor.watched_sockets() == {1}
    rig.supervisor.stop('base', 100.1)
    assert rig.supervisor.watched_sockets() == frozenset()


# ---- holders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(('one', 'other', 'same'), [
    (SessionClaim('a', 1, 1.0), SessionClaim('a', 2, 2.0), True),
    (SessionClaim('a', 1, 1.0), SessionClaim('b', 1, 1.0), False),
    (ConnectionClaim(1, 1.0), ConnectionClaim(1, 2.0), True),
    (ConnectionClaim(1, 1.0), ConnectionClaim(2, 1.0), False),
    (LeaseClaim(1.0, 'x'), LeaseClaim(2.0, 'x'), True),
    (LeaseClaim(1.0, 'x'), LeaseClaim(1.0, 'y'), False),
    (OpenClaim(), OpenClaim(), True),
    (OpenClaim(), SessionClaim('a', 1, 1.0), False),
    (None, SessionClaim('a', 1, 1.0), False),
    (None, None, False),
])
def test_the_same_holder_is_the_same_session_connection_or_leaseholder(
        one: Claim | None, other: Claim | None, same: bool) -> None:
    """The time of the command does not matter; without a claim there is no holder."""
    assert same_holder(one, other) is same
    assert same_holder(other, one) is same


# ---- what Viam does not monitor -----------------------------------------------------------------


@pytest.mark.parametrize('policy', EVERY_POLICY)
@pytest.mark.parametrize('with_session', [True, False])
def test_unmonitored_motion_is_held_by_its_connection_under_every_policy(
        policy: UnsupervisedPolicy, with_session: bool) -> None:
    """Nobody checks a session for it, so neither a session nor a policy can vouch for it."""
    rig = Rig(policy, stop_on_disconnect=False)
    caller = rig.start_session(1, 100.0) if with_session else Caller(socket=1)
    rig.supervisor.command(
        'base', Motion(AHEAD.setpoint, monitored=False), caller, 100.0)
    rig.poll(100.0)
    assert rig.run(101.5, looking=[1]) == []
    assert rig.moves
    rig.supervisor.update_sockets(frozenset([2]), 101.5, 101.5)
    assert rig.poll(101.5) == [Reason.DISCONNECTED]
    with pytest.raises(Unsupervised):
        rig.supervisor.command(
            'base', Motion(AHEAD.setpoint, monitored=False), Caller(), 101.6)
