# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Random histories against the laws of docs/safety.md.

Clients come, go, beat and command at random, pollers fail, pumps are late, feedback is wrong;
a simple model beside the supervisor knows the live clients and the owners. All times are
whole 64ths of a second, so that events meet deadlines exactly. BRIDGE_PROPERTIES=2000 runs
that many histories.
"""

from dataclasses import dataclass
import math
import os
import pickle

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, RuleBasedStateMachine
import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import (
    BridgeError,
    NoStopPath,
    NotAtRest,
    SessionExpired,
    ShuttingDown,
    Stalled,
    StopOutstanding,
    Unsupervised,
)
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy, SOCKETS_PATIENCE, UnsupervisedPolicy
from viam_session_bridge.core.sessions import FIRST_BEAT_PATIENCE, SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.core.supervisor import LONGEST_ECHO, Supervisor

EXAMPLES = int(os.environ.get('BRIDGE_PROPERTIES', '100'))

TICK = 1.0 / 64.0
WINDOW = 2.0
STALL_LIMIT = 0.125
COMMON = {'command_rate': 16.0, 'stop_hold': 0.75, 'stop_timeout': 3.0 + TICK}
RESOURCES = {
    'blind': ActuatorSettings(**COMMON),
    'seeing': ActuatorSettings(**COMMON, rest=RestSettings(dwell=0.25, patience=0.5)),
    'answering': ActuatorSettings(**COMMON, acknowledged=True),
}
NAMES = st.sampled_from(sorted(RESOURCES))
SOCKETS = st.integers(1, 4)
SPEEDS = st.sampled_from([0.0, 0.25, -0.5])
DURATIONS = st.sampled_from([None, None, 0.0, 0.5 + TICK, 1.0, 3.0 + TICK])
# Half of the waits end exactly where something may happen.
WAITS = st.one_of(
    st.sampled_from([TICK, SOCKETS_PATIENCE, STALL_LIMIT, 0.75, 1.0, WINDOW, 3.0]),
    st.integers(1, 300).map(lambda ticks: ticks * TICK))


class Ids:
    """Session ids that count upwards, and can be copied with their supervisor."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> str:
        self.number += 1
        return f'00000000-0000-4000-8000-{self.number:012}'


@dataclass
class Client:
    """What the model knows of a session."""

    deadline: float
    begun: bool = False


@dataclass
class Owned:
    """What the model knows of a motion: whose it is, since when, until when."""

    epoch: int
    holder: str
    since: float
    ends_at: float
    session: str = ''
    socket: int | None = None
    lease_until: float = math.inf
    late: float = 0.0


class Histories(RuleBasedStateMachine):
    """Every rule happens at one instant; only the two waits let time pass."""

    @initialize(unsupervised=st.sampled_from(list(UnsupervisedPolicy)),
                stop_on_disconnect=st.booleans())
    def begin(self, unsupervised: UnsupervisedPolicy, stop_on_disconnect: bool) -> None:
        self.policy = Policy(
            SessionSettings(WINDOW, max_sessions=64), stop_on_disconnect, unsupervised,
            STALL_LIMIT)
        self.supervisor = Supervisor(
            [ActuatedResource('base', name, VelocityLimits(1.0, 1.0), actuator)
             for name, actuator in RESOURCES.items()],
            self.policy, Ids())
        self.now = 1000.0
        self.clients: dict[str, Client] = {}
        self.dead: set[str] = set()
        self.open = {1, 2, 3, 4}
        self.carriers: set[int] = set()
        self.look_taken_at = -math.inf
        self.looked: frozenset[int] = frozenset()
        self.poller_lives = True
        self.paths = dict.fromkeys(RESOURCES, True)
        self.owned_motions: dict[str, Owned | None] = dict.fromkeys(RESOURCES)
        self.speed = 0.0
        self.feedback_lives = True
        self.answers_live = True
        self.epochs: set[int] = set()
        self.ended: set[int] = set()
        # The stop that has not answered yet: its epoch, 0 before it was sent, None for none.
        self.unanswered: int | None = None
        self.shutting_down = False
        self.over = False
        # A command detected a late pump; the stops of that stall are not sent yet.
        self.frozen = False
        # What was sent during a freeze is not executed right after it, either.
        self.backlog_until = -math.inf
        # When the pump has to run, as far as it was told; the instant of the last poll.
        self.asked = math.inf
        for name in RESOURCES:
            self.supervisor.path(name, '', self.now)
        self.poll()

    # ---- the simple model -----------------------------------------------------------------------

    def alive(self, session: str) -> bool:
        """Return whether its deadline is in the future; expired ones are in a list."""
        if session not in self.dead and self.now >= self.clients[session].deadline:
            self.dead.add(session)
        return session not in self.dead

    def connected(self, socket: int | None, since: float) -> bool:
        """Evidence is the newest poll since the command, or the command itself, while fresh."""
        if self.look_taken_at < since:
            return self.now < since + SOCKETS_PATIENCE
        return self.now < self.look_taken_at + SOCKETS_PATIENCE and socket in self.looked

    def present(self, owned: Owned) -> bool:
        """Whether the owner of this motion is still present."""
        if owned.holder == 'session':
            return self.alive(owned.session) and (
                not self.policy.stop_on_disconnect
                or self.connected(owned.socket, owned.since))
        if owned.holder == 'connection':
            return self.connected(owned.socket, owned.since)
        return self.now < owned.lease_until

    def stalled(self) -> bool:
        """Whether the pump is later than it may be while something moves."""
        return self.now - self.asked > STALL_LIMIT and any(self.owned_motions.values())

    def note_stall(self) -> None:
        """Note until when commands are refused, if there is a stall that was not noticed."""
        if self.stalled():
            self.backlog_until = max(
                self.backlog_until, self.now + min(self.now - self.asked, LONGEST_ECHO))

    def renew(self, caller: Caller) -> None:
        """Renew the session of a call that was let in."""
        if caller.session is None:
            return
        client = self.clients[caller.session]
        client.begun = True
        client.deadline = self.now + WINDOW
        self.carry(caller.socket)

    def carry(self, socket: int | None) -> None:
        """Remember that this connection carries a session; it holds no motion by that."""
        if socket is not None:
            self.carriers.add(socket)

    def forget(self, name: str) -> None:
        """Note a stop: the resource has no owner, and the pump is due now."""
        self.owned_motions[name] = None
        if name == 'answering':
            self.unanswered = 0
        self.asked = min(self.asked, self.now)

    def refusal(self, name: str, caller: Caller) -> type[BridgeError] | None:
        """Which error a motion command must raise now; None when it must be accepted."""
        state = self.supervisor.states()[name]
        if self.shutting_down:
            return ShuttingDown
        if self.stalled() or self.frozen or self.now < self.backlog_until:
            return Stalled
        if caller.session is not None:
            unsupervised = self.policy.stop_on_disconnect and caller.socket is None
        else:
            policy = self.policy.unsupervised
            unsupervised = policy is UnsupervisedPolicy.REJECT or (
                policy is UnsupervisedPolicy.CONNECTION and caller.socket is None)
        if unsupervised:
            return Unsupervised
        if state is State.UNCONFIRMED:
            return NotAtRest
        if name == 'answering' and self.unanswered is not None:
            return StopOutstanding
        return None if self.paths[name] else NoStopPath

    def owned(self, epoch: int, caller: Caller, duration: float | None) -> Owned:
        """Write down an accepted motion."""
        ends_at = math.inf if duration is None else self.now + duration
        owned = Owned(epoch, 'nobody', self.now, ends_at)
        policy = self.policy.unsupervised
        if caller.session is not None:
            owned.holder, owned.session, owned.socket = 'session', caller.session, caller.socket
        elif policy is UnsupervisedPolicy.LEASE or caller.socket in self.carriers:
            owned.holder = 'lease'
            # The lease of a blocking call lasts for it, at least.
            owned.lease_until = self.now + WINDOW + (duration or 0.0)
        elif policy is UnsupervisedPolicy.CONNECTION:
            assert caller.socket is not None
            owned.holder, owned.socket = 'connection', caller.socket
        return owned

    # ---- what clients do ------------------------------------------------------------------------

    def caller(self, who: int, socket: int) -> Caller:
        """Pick a session, expired or alive, or none; the connection is known if it is open."""
        session = [None, *self.clients][who % (len(self.clients) + 1)]
        return Caller(session, socket if socket in self.open else None)

    @rule(socket=SOCKETS)
    def start_session(self, socket: int) -> None:
        known = socket if socket in self.open else None
        session = self.supervisor.start_session(Caller(socket=known), '', self.now)
        assert session.id not in self.clients
        self.clients[session.id] = Client(self.now + FIRST_BEAT_PATIENCE)
        self.carry(known)

    @rule(who=st.integers(0, 20), socket=SOCKETS)
    def resume(self, who: int, socket: int) -> None:
        """Any client with the id may resume, over any connection; expired ones do not."""
        caller = self.caller(who, socket)
        if caller.session is None or not self.alive(caller.session):
            return
        resumed = self.supervisor.start_session(
            Caller(socket=caller.socket), caller.session, self.now)
        assert resumed.id == caller.session
        client = self.clients[caller.session]
        patience = WINDOW if client.begun else resumed.deadline - self.now
        client.deadline = max(client.deadline, self.now + patience)
        self.carry(caller.socket)

    @rule(who=st.integers(0, 20), socket=SOCKETS)
    def beat(self, who: int, socket: int) -> None:
        caller = self.caller(who, socket)
        if caller.session is None:
            return
        try:
            self.supervisor.beat(caller.session, caller, self.now)
        except SessionExpired:
            assert not self.alive(caller.session)
        else:
            assert self.alive(caller.session)
            self.renew(caller)

    @rule(who=st.integers(0, 20), socket=SOCKETS, name=NAMES, speed=SPEEDS, duration=DURATIONS)
    def command(self, who: int, socket: int, name: str, speed: float,
                duration: float | None) -> None:
        caller = self.caller(who, socket)
        motion = Motion(Velocity((speed, 0.0, 0.0)), duration)
        lives = caller.session is None or self.alive(caller.session)
        if lives:
            self.renew(caller)
        if not lives:
            expected: type[BridgeError] | None = SessionExpired
        else:
            expected = None if motion.is_stop else self.refusal(name, caller)
        try:
            epoch = self.supervisor.command(name, motion, caller, self.now)
        except BridgeError as error:
            assert type(error) is expected
            if expected is Stalled:
                self.frozen = self.frozen or self.stalled()
                self.note_stall()
                for other in [other for other, owned in self.owned_motions.items() if owned]:
                    self.forget(other)
                assert State.MOVING not in self.supervisor.states().values()
            return
        assert expected is None
        if motion.is_stop:
            self.forget(name)
            self.check_stopping(name)
            return
        self.asked = min(self.asked, self.now) if any(self.owned_motions.values()) else self.now
        self.owned_motions[name] = self.owned(epoch, caller, duration)
        self.epochs.add(epoch)
        assert self.supervisor.states()[name] is State.MOVING

    @rule(name=NAMES, socket=SOCKETS, who=st.integers(0, 20), duration=DURATIONS, seconds=WAITS)
    def drive(self, name: str, socket: int, who: int, duration: float | None,
              seconds: float) -> None:
        """Command with every condition fulfilled, and let some time pass."""
        self.drive_off(name, socket, who, duration)
        self.wait(seconds)

    @rule(name=NAMES, socket=SOCKETS, who=st.integers(0, 20), duration=DURATIONS)
    def drive_off(self, name: str, socket: int, who: int, duration: float | None) -> None:
        """Command with every condition fulfilled."""
        self.connect(socket)
        self.reset()
        self.path(name, True)
        living = [who for who, session in enumerate(self.clients, 1) if self.alive(session)]
        if not living:
            self.start_session(socket)
            living = [len(self.clients)]
        self.poll()
        # One command in eight has no session.
        self.command(living[who % len(living)] if who % 4 else 0, socket, name, 0.25, duration)

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        self.supervisor.stop(name, self.now)
        self.forget(name)
        self.check_stopping(name)

    @rule()
    def stop_all(self) -> None:
        self.supervisor.stop_all(self.now)
        self.everything_stopped()
        assert not set(self.supervisor.states().values()) & {State.IDLE, State.MOVING}

    @rule(name=NAMES, back=st.integers(0, 2))
    def cancel(self, name: str, back: int) -> None:
        owned = self.owned_motions[name]
        current = sorted(self.epochs)[-1 - back:][:1]
        epoch = current[0] if current else 1
        ran = owned is not None and owned.epoch == epoch
        assert self.supervisor.cancel(name, epoch, self.now) is ran
        if ran:
            self.forget(name)

    @rule(name=NAMES, back=st.integers(0, 2), late=st.sampled_from([0.0, 0.5, 2.0]))
    def runs_late(self, name: str, back: int, late: float) -> None:
        """Only a current motion is waited for, by the last delay of its driver."""
        owned = self.owned_motions[name]
        epoch = [*sorted(self.epochs)[-1 - back:][:1], 1][0]
        self.supervisor.runs_late(name, epoch, late, self.now)
        self.asked = min(self.asked, self.now)
        if owned is None or owned.epoch != epoch:
            return
        owned.ends_at, owned.late = owned.ends_at + late - owned.late, late
        if owned.holder == 'lease' and self.now < owned.ends_at < math.inf:
            owned.lease_until = max(owned.lease_until, owned.ends_at + WINDOW)

    @rule(name=NAMES, back=st.integers(0, 2), speed=st.sampled_from([0.25, -0.5]),
          duration=st.sampled_from([None, 0.5 + TICK, 3.0 + TICK]))
    def go_on(self, name: str, back: int, speed: float, duration: float | None) -> None:
        """Only a current motion of a present client continues; none begins."""
        owned = self.owned_motions[name]
        epoch = [*sorted(self.epochs)[-1 - back:][:1], 1][0]
        stalled = self.stalled()
        self.note_stall()
        motion = Motion(Velocity((speed, 0.0, 0.0)), duration)
        goes_on = self.supervisor.go_on(name, epoch, motion, self.now)
        self.asked = min(self.asked, self.now) if goes_on or stalled else self.asked
        if stalled:
            self.frozen = True
            assert not goes_on
            for other in [other for other, each in self.owned_motions.items() if each]:
                self.forget(other)
        elif owned is None or owned.epoch != epoch:
            assert not goes_on
        elif not self.present(owned):
            assert not goes_on, 'its owner is absent'
            self.forget(name)
        else:
            assert goes_on
            owned.ends_at = math.inf if duration is None else self.now + duration
            if owned.holder == 'lease':
                owned.lease_until = max(owned.lease_until, self.now + WINDOW + (duration or 0.0))
        assert (self.supervisor.states()[name] is State.MOVING) == bool(self.owned_motions[name])

    def check_stopping(self, name: str) -> None:
        """After a stop was accepted the actuator is stopping or cannot confirm it."""
        assert self.supervisor.states()[name] in (State.STOPPING, State.UNCONFIRMED)

    def everything_stopped(self) -> None:
        """No motion is left."""
        states = self.supervisor.states()
        for name in RESOURCES:
            if states[name] is not State.IDLE:
                self.forget(name)
        assert State.MOVING not in states.values()
        assert not any(self.owned_motions.values())

    # ---- what happens to them -------------------------------------------------------------------

    @rule(sockets=st.sampled_from([{1}, {2}, {3}, {4}, {1, 2, 3, 4}]), seconds=WAITS)
    def disconnect(self, sockets: set[int], seconds: float) -> None:
        self.open -= sockets
        self.wait(seconds)

    @rule(socket=SOCKETS)
    def connect(self, socket: int) -> None:
        self.open.add(socket)

    @rule(lives=st.booleans(), seconds=WAITS)
    def poller(self, lives: bool, seconds: float) -> None:
        self.poller_lives = lives
        self.wait(seconds)

    @rule(age=st.sampled_from([0.0, 0.0, TICK, 0.25, SOCKETS_PATIENCE]))
    def look(self, age: float) -> None:
        """Deliver a poll begun a while ago; it may be older than one that is known."""
        taken_at = self.now - age
        self.supervisor.update_sockets(frozenset(self.open), taken_at, self.now)
        if taken_at >= self.look_taken_at:
            self.look_taken_at, self.looked = taken_at, frozenset(self.open)

    @rule(name=NAMES, there=st.sampled_from([True, True, True, False]))
    def path(self, name: str, there: bool) -> None:
        self.supervisor.path(name, '' if there else 'there is no subscriber', self.now)
        self.paths[name] = there
        if not there and self.owned_motions[name]:
            self.forget(name)

    @rule(name=NAMES)
    def driver_appeared(self, name: str) -> None:
        self.supervisor.driver_appeared(name, self.now)
        self.asked = min(self.asked, self.now)
        states = self.supervisor.states()
        if name == 'answering' and states[name] in (State.STOPPING, State.UNCONFIRMED):
            self.unanswered = 0

    @rule(speed=st.sampled_from([0.0, 0.0, 0.0, 0.5, math.nan]), lives=st.booleans(),
          answers=st.booleans())
    def robot(self, speed: float, lives: bool, answers: bool) -> None:
        self.speed, self.feedback_lives, self.answers_live = speed, lives, answers

    @precondition(lambda self: self.unanswered)
    @rule(well=st.booleans())
    def answer(self, well: bool) -> None:
        assert self.unanswered
        self.supervisor.stop_answered(
            'answering', self.unanswered, '' if well else 'no', self.now)
        self.asked = min(self.asked, self.now)
        self.unanswered = None

    @rule()
    def reset(self) -> None:
        before = self.supervisor.states()
        cleared = self.supervisor.reset(self.now)
        assert cleared == [name for name in before if before[name] is State.UNCONFIRMED]
        if 'answering' in cleared:
            self.unanswered = None

    @precondition(lambda self: len(self.epochs) > 3)
    @rule()
    def shut_down(self) -> None:
        self.supervisor.shut_down(self.now)
        self.shutting_down = True
        self.everything_stopped()

    # ---- time -----------------------------------------------------------------------------------

    @rule()
    def poll(self) -> None:
        """Let the pump run, and check its outputs against the laws."""
        stalled = self.stalled()
        self.note_stall()
        before = dict(self.owned_motions)
        leaves = {
            name: stalled or not self.present(owned) or self.now >= owned.ends_at
            for name, owned in before.items() if owned}
        outputs = self.supervisor.poll(self.now)
        states = self.supervisor.states()
        for name, owned in before.items():
            if owned is None:
                assert states[name] is not State.MOVING, 'no client commanded this'
            elif leaves[name]:
                assert states[name] is not State.MOVING, 'its owner is absent'
                self.forget(name)
            else:
                assert states[name] is State.MOVING, 'its owner is still there'
        self.check_outputs(outputs)
        self.check_ends(outputs, before, stalled)
        # Asked to come again at the same instant, a pump would spin.
        assert outputs.wake > self.now
        self.asked = outputs.wake
        self.frozen = False
        self.check_wake(outputs)

    def check_outputs(self, outputs: Outputs) -> None:
        """Only a present owner's setpoint is a motion; everything else is a stop, once a pass."""
        names = [output.resource for output in outputs.outputs]
        assert len(names) == len(set(names))
        for output in outputs.outputs:
            owned = self.owned_motions[output.resource]
            if output.setpoint is None:
                assert owned is None
                if output.resource == 'answering' and output.first:
                    self.unanswered = output.epoch
            else:
                assert not output.setpoint.is_zero
                assert owned is not None and owned.epoch == output.epoch
                assert self.present(owned)
                assert self.paths[output.resource]
                assert not self.shutting_down
            assert output.due <= self.now
        if self.supervisor.states()['answering'] not in (State.STOPPING, State.UNCONFIRMED):
            self.unanswered = None

    def check_ends(self, outputs: Outputs, before: dict[str, Owned | None], stalled: bool) -> None:
        """Every epoch ends once, and for a reason that was there."""
        for ended in outputs.ended:
            if ended.epoch not in self.epochs:
                continue
            assert ended.epoch not in self.ended
            self.ended.add(ended.epoch)
            owned = before[ended.resource]
            if owned is None or owned.epoch != ended.epoch:
                continue
            if stalled:
                assert ended.reason is Reason.STALLED
            elif self.present(owned):
                assert ended.reason is Reason.DONE
            else:
                assert ended.reason in {
                    'session': {Reason.SESSION_ENDED, Reason.DISCONNECTED},
                    'connection': {Reason.DISCONNECTED}, 'lease': {Reason.LEASE_OVER},
                }[owned.holder]
                assert (ended.reason is Reason.SESSION_ENDED) == (
                    owned.holder == 'session' and not self.alive(owned.session))

    def check_wake(self, outputs: Outputs) -> None:
        """Nothing that time alone brings about happens before the pump's next wake-up."""
        just_before = min(outputs.wake, self.now + 8.0) - TICK / 16.0
        if just_before > self.now and not self.over:
            early = pickle.loads(pickle.dumps(self.supervisor))
            found = early.poll(just_before)
            assert (found.outputs, found.ended, found.events) == ((), (), ())
            assert early.states() == self.supervisor.states()

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        """Let time pass: the pump is on time, poller and feedback work if they are alive."""
        until = self.now + seconds
        look_at = sample_at = self.now
        while self.now < until:
            self.poll()
            self.now = min(until, self.asked, max(look_at, self.now + TICK))
            if self.now >= look_at:
                look_at = self.now + 0.125
                if self.poller_lives:
                    self.look(0.0)
            if self.now >= sample_at and self.feedback_lives:
                sample_at = self.now + 0.125
                self.supervisor.measured(
                    'seeing', BaseSample(linear=(self.speed, 0.0, 0.0)), self.now)
            if self.unanswered and self.answers_live:
                self.answer(True)
        self.poll()

    @rule(seconds=WAITS)
    def oversleep(self, seconds: float) -> None:
        """Let time pass while the whole bridge is frozen; what runs first then is another rule."""
        self.now += seconds

    # ---- always ---------------------------------------------------------------------------------

    @invariant()
    def the_dead_stay_dead(self) -> None:
        """Whatever happened since."""
        if not hasattr(self, 'clients'):
            return
        living = {session.id for session in self.supervisor.sessions.living(self.now)}
        assert living == {session for session in self.clients if self.alive(session)}

    def teardown(self) -> None:
        """Stop everything: it comes to rest, is silent, and every motion has ended."""
        if not hasattr(self, 'supervisor'):
            return
        self.poll()
        self.over = True
        self.robot(0.0, True, True)
        # The second is a stop of its own: the first may share its timeout with one under way.
        for seconds in (4.0, 2 * TICK):
            self.supervisor.stop_all(self.now)
            self.everything_stopped()
            self.wait(seconds)
        self.wait(8.0)
        assert set(self.supervisor.states().values()) == {State.IDLE}
        assert self.ended == self.epochs
        assert self.supervisor.poll(self.now).outputs == ()


TestHistories = pytest.mark.timeout(max(300, EXAMPLES))(Histories.TestCase)
TestHistories.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=50, database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
