# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Random histories of a bridge among others: its guard, earlier bridges, the emergency stop.

A simple model of the processes states which outputs must never be sent. Ownership is tested in
test_supervisor_properties.py, so there is one session here, which is alive or not.
All times are whole 64ths of a second. BRIDGE_PROPERTIES=2000 runs that many histories.
"""

from dataclasses import dataclass, field
import math
import os
import pickle

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, RuleBasedStateMachine
import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.errors import BridgeError, EmergencyStopped
from viam_session_bridge.core.events import Changed, Echo, Identity, Notice, Output, Outputs, Pulse
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.peers import BRIDGE_MEMORY, GUARD_MEMORY
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.sessions import FIRST_BEAT_PATIENCE, SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import BaseSample, CONTEST_MEMORY, RestSettings
from viam_session_bridge.core.supervisor import Supervisor

EXAMPLES = int(os.environ.get('BRIDGE_PROPERTIES', '60'))

TICK = 1.0 / 64.0
WINDOW = 2.0
PATIENCE = 0.25
ESTOP_TIMEOUT = 1.0
STEP = 4.0 * TICK  # how often others send
AHEAD = Motion(Velocity((0.25, 0.0, 0.0)))
OWN = Identity('own', 900.0, 'abc', PATIENCE)
EARLIER = Identity('earlier', 800.0, 'xyz', PATIENCE)
LATER = Identity('later', 950.0, 'abc', PATIENCE)
COMMON = {'command_rate': 16.0, 'stop_hold': 0.75, 'stop_timeout': 3.0 + TICK}
RESOURCES = {
    'plain': ActuatorSettings(**COMMON),
    'first': ActuatorSettings(**COMMON, stop_on_start=True),
    'locked': ActuatorSettings(**COMMON, ready_timeout=0.5),
    'seeing': ActuatorSettings(**COMMON, rest=RestSettings(dwell=0.25, patience=0.5)),
    'late': ActuatorSettings(
        **COMMON, rest=RestSettings(dwell=0.25, patience=0.5), acknowledged=True,
        stop_on_start=True),
}
# The sources of the resource 'late'; either may start at any time, or never.
SOURCES = ('odometry on /odom', 'the action server /navigate')
NAMES = st.sampled_from(sorted(RESOURCES))
WAITS = st.one_of(
    st.sampled_from([TICK, 0.125, PATIENCE, BRIDGE_MEMORY * PATIENCE, GUARD_MEMORY * PATIENCE]),
    st.integers(1, 200).map(lambda ticks: ticks * TICK))


class Ids:
    """Session ids that can be copied with their supervisor."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> str:
        self.number += 1
        return f's{self.number}'


@dataclass
class Guard:
    """What the model knows of a guard."""

    heard_at: float = -math.inf
    sequence: int = 0
    configuration: str = 'abc'
    unreached: frozenset[str] = frozenset()
    lives: bool = True
    lag: int = 0  # pulses


@dataclass
class Sent:
    """The outputs of a driver, and what the model permits next."""

    epoch: int = 0
    stopped_by: int = 0
    stops: int = 0
    listed: int | None = None
    ready: bool = False
    asked: int | None = None
    revoked: set[int] = field(default_factory=set)


class Neighbourhoods(RuleBasedStateMachine):
    """Every rule happens at one instant; only the waits let time pass."""

    @initialize(estop=st.booleans(), hasty=st.sampled_from([None, *sorted(RESOURCES)]),
                there=st.sets(st.sampled_from(SOURCES)))
    def begin(self, estop: bool, hasty: str | None, there: set[str]) -> None:
        self.supervisor = Supervisor(
            [ActuatedResource('base', name, VelocityLimits(1.0, 1.0), actuator)
             for name, actuator in RESOURCES.items()],
            Policy(SessionSettings(WINDOW), stop_on_disconnect=False, stall_limit=PATIENCE / 2.0),
            Ids(), EmergencySettings('/estop', ESTOP_TIMEOUT) if estop else EmergencySettings(),
            identity=OWN, guard_required=True)
        self.now = 1000.0
        self.estop = estop
        self.estop_lives = True
        self.pressed = self.latched = False
        self.estop_heard = -math.inf
        self.guard = Guard()
        self.sequence = 0
        self.earlier_lives = False
        self.earlier_until = -math.inf
        self.client_lives = True
        self.paths = dict.fromkeys(RESOURCES, True)
        self.drivers_live = True
        self.speed = 0.0
        self.contested_at = -math.inf
        self.sent = {name: Sent() for name in RESOURCES}
        self.rivals = 0
        self.echoes = 0
        self.over = False
        # What of SOURCES was seen, and whether there is evidence that 'late' may have moved.
        self.seen: set[str] = set()
        self.feeds = SOURCES[0] in there
        self.may_have_moved = False
        for source in SOURCES:
            self.supervisor.expect('late', source, True if source == SOURCES[0] else None)
        if SOURCES[1] in there:
            self.server_appears()
        for name in RESOURCES:
            self.supervisor.path(name, '', self.now)
        self.session = self.supervisor.start_session(Caller(), '', self.now).id
        self.deadline = -math.inf
        self.wait(2.0 * STEP)
        if hasty:
            self.command(hasty)
        self.wait(1.0)

    # ---- the simple model -----------------------------------------------------------------------

    def revoke(self, *names: str) -> None:
        """Note that the motions of these must not be sent again."""
        for name in names or RESOURCES:
            sent = self.sent[name]
            sent.revoked.add(sent.epoch)
            sent.ready, sent.asked = False, None

    def reached(self, name: str) -> bool:
        """Whether a guard that fits is there and reaches this driver."""
        guard = self.guard
        return (self.now < guard.heard_at + GUARD_MEMORY * PATIENCE
                and guard.configuration == 'abc' and name not in guard.unreached)

    def silent_estop(self) -> bool:
        """Whether the emergency stop is silent, which counts as pressed."""
        return self.estop and self.now >= self.estop_heard + ESTOP_TIMEOUT

    def judge(self) -> None:
        """Revoke what time has made impossible by now."""
        if self.silent_estop() and self.estop_heard > -math.inf:
            self.latched = True
        if self.latched or self.now < self.earlier_until or self.now >= self.deadline:
            self.revoke()
        for name in RESOURCES:
            if not self.reached(name):
                self.revoke(name)

    def check(self, output: Output) -> None:
        """Hold one output against the laws."""
        sent = self.sent[output.resource]
        if output.setpoint is None:
            sent.stops += 1
            sent.stopped_by = max(sent.stopped_by, output.epoch)
            return
        assert not output.setpoint.is_zero
        assert output.epoch == sent.epoch and output.epoch not in sent.revoked
        assert output.epoch > sent.stopped_by, 'motion after the stop of its epoch'
        assert self.paths[output.resource], 'there is no subscriber'
        assert self.now < self.deadline, 'its owner is absent'
        assert not self.latched and not self.silent_estop(), 'the emergency stop is latched'
        assert self.now >= self.earlier_until, 'another bridge drives this robot'
        assert self.reached(output.resource), 'no guard would stop it'
        assert sent.stops or output.resource not in ('first', 'late'), 'it was not stopped first'
        assert self.seen.issuperset(SOURCES) or output.resource != 'late', 'no stop is judged yet'
        if output.first:
            assert sent.listed is not None and self.guard.sequence >= sent.listed, (
                'the guard has not received it')
        if output.prepare:
            assert output.resource == 'locked'
            sent.asked = output.epoch
        else:
            assert sent.ready or output.resource != 'locked', 'its lock is not released'

    # ---- the pump -------------------------------------------------------------------------------

    @rule()
    def poll(self) -> None:
        """Let the pump run, and check its outputs against the laws."""
        self.judge()
        outputs = self.supervisor.poll(self.now)
        for output in outputs.outputs:
            self.check(output)
        for event in outputs.events:
            if not isinstance(event, Changed):
                continue
            if event.resource == 'late' and event.after is State.UNCONFIRMED:
                assert self.seen.issuperset(SOURCES) or self.may_have_moved, (
                    'a stop that could not be judged has failed')
            if event.detail.startswith('not verified: waiting for'):
                assert event.resource == 'late' and not self.may_have_moved
                assert not self.seen.issuperset(SOURCES)
            elif event.detail.startswith('not verified'):
                assert event.resource == 'seeing'
                assert self.now < self.contested_at + CONTEST_MEMORY
        if outputs.pulse is not None:
            self.sequence = outputs.pulse.sequence
            for name, sent in self.sent.items():
                listed = name in outputs.pulse.active
                sent.listed = (sent.listed or self.sequence) if listed else None
        for name, state in self.supervisor.states().items():
            if state is State.MOVING:
                assert self.sent[name].epoch not in self.sent[name].revoked, 'it was to stop'
        assert outputs.wake > self.now
        self.wake = outputs.wake
        self.check_wake(outputs)

    def check_wake(self, outputs: Outputs) -> None:
        """Nothing that time alone brings about happens before the pump's next wake-up."""
        just_before = min(outputs.wake, self.now + 8.0) - TICK / 16.0
        if just_before > self.now and not self.over:
            early = pickle.loads(pickle.dumps(self.supervisor))
            found = early.poll(just_before)
            # Reports about others may be a little late.
            events = [one for one in found.events if not isinstance(one, Notice)]
            assert (found.outputs, found.ended, events) == ((), (), [])
            assert early.states() == self.supervisor.states()

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        """Let time pass: the pump is on time, and the others send if they are alive."""
        until = self.now + seconds
        speak_at = self.now
        while self.now < until:
            self.poll()
            self.now = min(until, self.wake, speak_at if speak_at > self.now else math.inf)
            if self.now >= speak_at:
                speak_at = self.now + STEP
                self.speak()
        self.poll()

    def speak(self) -> None:
        """Let every live process send its periodic messages."""
        if self.guard.lives:
            self.echo(self.guard.lag)
        if self.earlier_lives:
            self.rival(EARLIER, False)
        if self.client_lives:
            self.beat()
        if self.estop and self.estop_lives:
            self.hear_estop(self.pressed)
        if self.drivers_live:
            self.prepare(True)
        self.supervisor.measured('seeing', BaseSample(linear=(self.speed, 0.0, 0.0)), self.now)
        if self.feeds:
            self.measure_late()
        if self.drivers_live:
            self.supervisor.stop_answered(
                'late', self.sent['late'].stopped_by,
                '' if SOURCES[1] in self.seen else 'it is not served', self.now)

    def measure_late(self) -> None:
        """Let a sample of the late one arrive; motion is evidence while a stop is not judged."""
        self.seen.add(SOURCES[0])
        self.may_have_moved = self.may_have_moved or self.speed > 0.0
        self.supervisor.measured('late', BaseSample(linear=(self.speed, 0.0, 0.0)), self.now)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def oversleep(self, seconds: float) -> None:
        """Let time pass while the whole bridge is frozen; what runs first then is another rule."""
        self.now += seconds
        self.revoke()

    # ---- what clients do ------------------------------------------------------------------------

    @rule()
    def beat(self) -> None:
        try:
            self.supervisor.beat(self.session, Caller(self.session), self.now)
        except BridgeError:
            # What the old one moved ends before the new one moves anything.
            self.poll()
            self.session = self.supervisor.start_session(Caller(), '', self.now).id
            # Its window begins with its first beat or command.
            self.deadline = self.now + FIRST_BEAT_PATIENCE
        else:
            self.deadline = self.now + WINDOW

    @rule(lives=st.booleans())
    def client(self, lives: bool) -> None:
        self.client_lives = lives

    @rule(name=NAMES)
    def command(self, name: str) -> None:
        expected = self.now < self.deadline
        try:
            epoch = self.supervisor.command(name, AHEAD, Caller(self.session), self.now)
        except BridgeError:
            if expected:
                self.deadline = self.now + WINDOW
            return
        assert expected, 'its session has expired'
        assert not self.latched and not self.silent_estop()
        assert self.now >= self.earlier_until and self.reached(name) and self.paths[name]
        self.deadline = self.now + WINDOW
        self.sent[name].epoch = epoch

    @rule(names=st.sets(NAMES, min_size=1), seconds=WAITS)
    def drive(self, names: set[str], seconds: float) -> None:
        """Command with every condition fulfilled, and let some time pass."""
        self.make_well()
        for name in names:
            self.command(name)
        self.wait(seconds)

    @rule(names=st.sets(NAMES, min_size=1), what=st.sampled_from([
        'earlier comes', 'guard fails', 'guard misfits', 'guard lags', 'estop falls silent',
        'client fails', 'driver hangs', 'runaway']), seconds=WAITS)
    def trouble(self, names: set[str], what: str, seconds: float) -> None:
        """Let something happen to resources that move, or are about to."""
        if what == 'guard lags':
            self.make_well()
            self.guard.lag = 2
        else:
            self.drive(names, 0.5)
        self.earlier_lives = what == 'earlier comes'
        self.client_lives = what != 'client fails'
        self.estop_lives = what != 'estop falls silent'
        self.drivers_live = what != 'driver hangs'
        self.guard.lives = what != 'guard fails'
        if what == 'guard misfits':
            self.guard.configuration = 'xyz'
            self.echo(0)
        self.wait(seconds)
        for name in names:
            self.command(name)
        self.wait(seconds)
        if what == 'runaway':
            self.speed = 0.5
            self.stop('seeing')
            self.wait(2.0)
            self.contest()
            self.wait(seconds)

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        self.supervisor.stop(name, self.now)
        self.revoke(name)

    @rule()
    def stop_all(self) -> None:
        self.supervisor.stop_all(self.now)
        self.revoke()

    # ---- what drivers do ------------------------------------------------------------------------

    @rule(name=NAMES, there=st.booleans())
    def path(self, name: str, there: bool) -> None:
        self.supervisor.path(name, '' if there else 'there is no subscriber', self.now)
        self.paths[name] = there
        if not there:
            self.revoke(name)

    @rule(name=NAMES)
    def driver_appeared(self, name: str) -> None:
        self.supervisor.driver_appeared(name, self.now)

    @rule(lives=st.booleans(), speed=st.sampled_from([0.0, 0.0, 0.5]))
    def robot(self, lives: bool, speed: float) -> None:
        self.drivers_live, self.speed = lives, speed

    @precondition(lambda self: self.sent['locked'].asked)
    @rule(well=st.booleans())
    def prepare(self, well: bool) -> None:
        """Release the lock, or fail to; too late, it has no effect."""
        sent = self.sent['locked']
        if sent.asked is None:
            return
        epoch, sent.asked = sent.asked, None
        self.supervisor.prepared('locked', epoch, '' if well else 'no', self.now)
        sent.ready = well
        if not well:
            self.revoke('locked')

    @rule(feeds=st.booleans())
    def late_odometry(self, feeds: bool) -> None:
        """Let odometry begin, or end."""
        self.feeds = feeds

    @rule()
    def server_appears(self) -> None:
        self.seen.add(SOURCES[1])
        self.supervisor.seen('late', SOURCES[1], self.now)

    @rule(well=st.booleans())
    def stop_answered(self, well: bool) -> None:
        """No answer to a stop that cannot be judged fails it."""
        self.supervisor.stop_answered(
            'late', self.sent['late'].stopped_by, '' if well else 'no', self.now)

    @rule()
    def contest(self) -> None:
        """Somebody else commands what sees whether it rests."""
        self.supervisor.contested('seeing', '/teleop publishes on /cmd_vel', self.now)
        self.contested_at = self.now

    # ---- the emergency stop ---------------------------------------------------------------------

    @precondition(lambda self: self.estop)
    @rule(pressed=st.booleans())
    def hear_estop(self, pressed: bool) -> None:
        self.supervisor.hear_emergency(pressed, self.now)
        self.pressed, self.estop_heard = pressed, self.now
        if pressed:
            self.latched = True
            self.revoke()

    @precondition(lambda self: self.estop)
    @rule(lives=st.booleans())
    def estop_source(self, lives: bool) -> None:
        self.estop_lives = lives

    @rule()
    def press(self) -> None:
        self.supervisor.press_emergency('by a service call', self.now)
        self.latched = True
        self.revoke()

    @rule()
    def reset(self) -> None:
        try:
            self.supervisor.reset(self.now)
        except EmergencyStopped:
            assert self.pressed or self.silent_estop()
        else:
            assert not self.pressed
            self.latched = False

    # ---- other processes ------------------------------------------------------------------------

    @rule(back=st.integers(0, 3), moved=st.sampled_from([(), (), ('late',)]))
    def echo(self, back: int, moved: tuple[str, ...] = ()) -> None:
        """Let the guard answer one of the last pulses."""
        sequence = max(1, self.sequence - back)
        self.echoes += 1
        self.supervisor.echoed(Echo(
            'guard', 'own', sequence, self.guard.configuration, 0,
            tuple(self.guard.unreached), moved=moved, number=self.echoes), self.now)
        self.may_have_moved = self.may_have_moved or bool(moved)
        self.guard.heard_at = self.now
        self.guard.sequence = max(self.guard.sequence, sequence)

    @rule(lives=st.booleans(), fits=st.sampled_from([True, True, True, False]),
          unreached=st.sets(NAMES, max_size=2), lag=st.integers(0, 3))
    def guard_changes(self, lives: bool, fits: bool, unreached: set[str], lag: int) -> None:
        self.guard.lives, self.guard.lag = lives, lag
        self.guard.configuration = 'abc' if fits else 'xyz'
        self.guard.unreached = frozenset(unreached)
        self.echo(0)

    @rule(who=st.sampled_from([EARLIER, LATER]), goodbye=st.booleans())
    def rival(self, who: Identity, goodbye: bool) -> None:
        self.rivals += 1
        self.supervisor.receive(Pulse(who, self.rivals, goodbye=goodbye), self.now)
        if who is EARLIER:
            self.earlier_until = -math.inf if goodbye else self.now + BRIDGE_MEMORY * PATIENCE

    @rule(lives=st.booleans())
    def earlier(self, lives: bool) -> None:
        self.earlier_lives = lives

    # ---- the end --------------------------------------------------------------------------------

    def make_well(self) -> None:
        """Remove every obstacle, and let everything finish."""
        self.client_lives = self.drivers_live = self.estop_lives = self.feeds = True
        self.server_appears()
        self.pressed = self.earlier_lives = False
        self.speed = 0.0
        self.guard = Guard(self.guard.heard_at, self.guard.sequence)
        self.rival(EARLIER, True)
        for name in RESOURCES:
            self.path(name, True)
        self.wait(1.0 + TICK)
        self.reset()
        self.wait(1.0 + TICK)

    def teardown(self) -> None:
        """Whatever happened: without obstacles, everything moves, and then rests."""
        if not hasattr(self, 'wake'):
            return
        self.over = True
        self.make_well()
        self.stop_all()
        self.wait(4.0)
        assert set(self.supervisor.states().values()) == {State.IDLE}
        for name in RESOURCES:
            self.command(name)
        self.wait(0.5)
        assert set(self.supervisor.states().values()) == {State.MOVING}
        self.client_lives = False
        self.wait(WINDOW + 4.0)
        assert set(self.supervisor.states().values()) == {State.IDLE}


TestNeighbourhoods = pytest.mark.timeout(max(300, EXAMPLES))(Neighbourhoods.TestCase)
TestNeighbourhoods.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=25, database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
