# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a guard does about a silent bridge: with simulated time, first alone, then with a bridge.

Three bases, the last with feedback. Stops are held for 1 s, a patience is 0.25 s.
"""

from itertools import count
import math

from hypothesis import given
from hypothesis import strategies as st

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.events import Changed, Echo, Identity, Notice, Output, Pulse
from viam_session_bridge.core.group import ActuatedResource, ActuatorGroup
from viam_session_bridge.core.guard_rules import GuardRules, PulseWatch
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy, UnsupervisedPolicy
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.core.supervisor import Supervisor

IDLE, STOPPING, UNCONFIRMED = State.IDLE, State.STOPPING, State.UNCONFIRMED
PATIENCE = 0.25
BRIDGE = Identity('bridge', 10.0, 'abc', PATIENCE)
HEIR = Identity('heir', 90.0, 'abc', PATIENCE)
RESOURCES = [
    ActuatedResource('base', 'left', VelocityLimits(1.0, 1.0)),
    ActuatedResource('base', 'right', VelocityLimits(1.0, 1.0)),
    ActuatedResource(
        'base', 'seen', VelocityLimits(1.0, 1.0), ActuatorSettings(rest=RestSettings())),
]


class Process:
    """A supervisor with a pump that is on time, unless it is frozen or killed."""

    def __init__(self, supervisor: ActuatorGroup) -> None:
        self.supervisor = supervisor
        self.wake = 100.0
        self.restless = 0
        self.sent: list[tuple[float, Output]] = []
        self.events: list[object] = []
        self.pulses: list[Pulse] = []
        self.echoes: list[Echo] = []

    def poll(self, now: float) -> None:
        """Let the pump run once; its queue is always empty."""
        outputs = self.supervisor.poll(now)
        self.sent += [(now, one) for one in outputs.outputs]
        self.events += outputs.events
        self.pulses += [outputs.pulse] if outputs.pulse else []
        self.echoes += outputs.echoes
        self.wake = outputs.wake
        if outputs.drain:
            assert isinstance(self.supervisor, GuardRules)
            self.supervisor.drained(now)
            self.poll(now)


class Guard(Process):
    """A guard alone, with the pulses of a test."""

    def __init__(self) -> None:
        self.sentry = GuardRules(RESOURCES, PulseWatch('guard', 'abc'))
        super().__init__(self.sentry)
        self.now = 100.0
        self._sequences = count(1)

    def receive(self, *names: str, sender: Identity = BRIDGE, goodbye: bool = False,
                unconfirmed: tuple[str, ...] = (), latched: str = '',
                unmoved: tuple[str, ...] = (), guards: tuple[str, ...] = ('guard',),
                sequence: int | None = None) -> None:
        """Take a pulse."""
        self.sentry.receive(Pulse(
            sender, next(self._sequences) if sequence is None else sequence,
            dict.fromkeys(names, 1), goodbye=goodbye, unconfirmed=unconfirmed, latched=latched,
            unmoved=unmoved, guards=guards), self.now)
        self.poll(self.now)

    def run_moving(self, until: float) -> None:
        """Let it run until then, while odometry shows that the last base moves."""
        while self.now < until:
            self.run(min(until, self.now + 0.02))
            self.sentry.measured('seen', BaseSample(linear=(0.2, 0.0, 0.0)), self.now)

    def run(self, until: float) -> None:
        """Let it run on time until then."""
        while self.wake <= until:
            self.now = self.wake if self.wake > self.now else self.now + 1e-3
            self.poll(self.now)
        self.now = until

    def states(self) -> dict[str, State]:
        """Return those that are not idle."""
        return {name: state for name, state in self.sentry.states().items() if state is not IDLE}

    def names(self) -> set[str]:
        """Return the resources with any output."""
        return {one.resource for _, one in self.sent}


def test_silence_stops_what_was_listed_and_touches_nothing_else() -> None:
    guard = Guard()
    guard.receive('left')
    guard.run(100.3)
    guard.run(110.0)
    zeros = [at for at, _ in guard.sent]
    assert guard.names() == {'left'} and all(one.setpoint is None for _, one in guard.sent)
    assert zeros[0] == 100.25 and 101.2 <= zeros[-1] <= 101.3
    assert not guard.states() and guard.sentry.rests()
    reasons = [one.reason for one in guard.events if isinstance(one, Changed)]
    assert reasons[0] is Reason.BRIDGE_SILENT
    notices = [one for one in guard.events if isinstance(one, Notice)]
    assert len(notices) == 1 and 'stopping left' in notices[0].text and notices[0].grave
    assert notices[0].text.startswith(
        'no pulse for 0.25 s (limit 0.25 s, guard.patience): bridge (')


def test_an_idle_bridge_may_die_without_a_zero() -> None:
    guard = Guard()
    guard.receive()
    guard.run(200.0)
    assert not guard.sent and not guard.events


def test_a_stop_that_is_not_seen_goes_on_and_is_reported() -> None:
    guard = Guard()
    guard.receive('seen')
    guard.run_moving(108.0)
    assert guard.states() == {'seen': UNCONFIRMED}
    assert not guard.sentry.rests()
    assert guard.sent[-1][0] > 107.9


def test_a_driver_that_the_guard_has_just_discovered_receives_stops_for_longer() -> None:
    """A guard that was started again a moment ago: the driver may not receive from it yet."""
    guard = Guard()
    guard.sentry.driver_appeared('left', guard.now)
    guard.receive('left', 'right')
    guard.run(110.0)
    last = {one.resource: at for at, one in guard.sent}
    assert 103.9 <= last['left'] <= 104.1 and last['right'] <= 101.3


def test_a_guard_that_has_to_go_has_failed_stops_early_enough_for_their_escalations() -> None:
    """Resources without feedback are not reported."""
    guard = Guard()
    guard.receive('left', 'seen')
    guard.sentry.hurry(103.0, guard.now)
    guard.poll(guard.now)
    guard.run_moving(102.9)
    assert guard.states() == {'seen': STOPPING}
    guard.run_moving(103.0)
    assert guard.states() == {'seen': UNCONFIRMED}
    failed = [one.detail for one in guard.events
              if isinstance(one, Changed) and one.after is UNCONFIRMED]
    [text] = failed
    assert text.startswith('no rest was seen, and there is no time left to wait for it: ')
    assert 'twist reports 0.2 m/s' in text
    # Also what a bridge leaves behind only then.
    guard.receive('seen', sender=HEIR)
    assert not guard.states()
    guard.receive('seen', sender=HEIR, goodbye=True)
    guard.run_moving(103.2)
    assert guard.states() == {'seen': UNCONFIRMED}
    assert guard.sent[-1][0] > 103.1, 'stops continue'


def test_a_stop_that_failed_in_the_bridge_begins_failed_in_its_guard() -> None:
    """Its escalations must not wait for the same rest a second time."""
    for goodbye in (False, True):
        guard = Guard()
        guard.receive('left', 'seen', unconfirmed=('seen',))
        if goodbye:
            guard.receive('left', 'seen', unconfirmed=('seen',), goodbye=True)
        guard.run_moving(100.3)
        assert guard.states() == {'left': STOPPING, 'seen': UNCONFIRMED}
        assert guard.names() == {'left', 'seen'}


def test_a_guard_that_takes_over_judges_at_once_also_where_it_never_saw_odometry() -> None:
    """Something was commanded by the bridge."""
    for goodbye in (False, True):
        guard = Guard()
        guard.sentry.expect('seen', 'odometry on /odom', has_pose=True)
        guard.receive('seen', goodbye=goodbye)
        guard.run(110.0)
        assert guard.states() == {'seen': UNCONFIRMED}
        failed = [one.detail for one in guard.events
                  if isinstance(one, Changed) and one.after is UNCONFIRMED]
        assert failed == [
            'no rest was seen within 5 s (stop_timeout); waiting for odometry on /odom']


def test_what_is_not_known_to_have_moved_is_stopped_by_a_guard_and_not_judged() -> None:
    """Not even where it had moved for an earlier bridge, which the guard had seen at rest."""
    guard = Guard()
    guard.sentry.expect('seen', 'odometry on /odom', has_pose=True)
    guard.receive('seen', sender=HEIR)
    guard.run(100.5)
    guard.receive('seen', unmoved=('seen',))
    guard.run(120.0)
    assert not guard.states() and guard.sentry.rests()
    assert guard.sent[-1][0] <= 102.0


def test_what_a_bridge_left_moving_is_reported_to_the_next_one_until_that_one_lists_it() -> None:
    guard = Guard()
    guard.receive('left', 'seen', unmoved=('left',))
    guard.run(101.0)
    assert guard.echoes[-1].moved == ()
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].moved == ('seen',)
    guard.receive('seen', sender=HEIR, unmoved=('seen',))
    assert guard.echoes[-1].moved == ('seen',), 'its pulse does not list it yet'
    guard.receive('seen', sender=HEIR)
    assert guard.echoes[-1].moved == ()


def test_what_the_guard_saw_at_rest_or_an_operator_reset_is_not_reported() -> None:
    for reset in (False, True):
        guard = Guard()
        guard.receive('seen')
        guard.run_moving(108.0)
        guard.receive(sender=HEIR)
        assert guard.echoes[-1].moved == ('seen',)
        if reset:
            guard.sentry.reset(guard.now)
        while guard.now < 110.0:
            speed = 0.2 if reset else 0.0
            guard.sentry.measured(
                'seen', BaseSample(linear=(speed, 0.0, 0.0)), guard.now)
            guard.run(guard.now + 0.05)
        guard.receive(sender=HEIR)
        assert guard.echoes[-1].moved == ()


def test_what_concerns_a_guard_is_what_a_bridge_lists_and_what_it_stops() -> None:
    """For its last resort: nothing that was idle."""
    guard = Guard()
    assert guard.sentry.concern == frozenset()
    guard.receive('left')
    assert guard.sentry.concern == {'left'}
    guard.run(100.3)
    guard.receive('right', sender=HEIR)
    assert guard.sentry.concern == {'left', 'right'}
    guard.receive(sender=HEIR)
    guard.run(110.0)
    assert guard.sentry.concern == frozenset()


# ---- an emergency stop outlives its bridge ------------------------------------------------------


def test_a_latch_is_reported_to_the_next_bridge_until_that_one_is_latched() -> None:
    guard = Guard()
    guard.receive(latched='a call')
    assert guard.echoes[-1].latched == '', 'it knows'
    guard.run(150.0)
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == 'a call'
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == 'a call'
    guard.receive(sender=HEIR, latched='a call')
    assert guard.echoes[-1].latched == ''
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == '', 'a reset is a reset'
    guard.receive(sender=Identity('third', 95.0, 'abc', PATIENCE))
    assert guard.echoes[-1].latched == '', 'for those who come later, too'


def test_a_latch_survives_a_goodbye_and_a_reset_of_its_own_bridge_ends_it() -> None:
    guard = Guard()
    guard.receive(latched='a call')
    guard.receive(latched='a call', goodbye=True)
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == 'a call'
    guard = Guard()
    guard.receive(latched='a call')
    guard.receive()
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == ''


def test_two_living_bridges_do_not_press_each_other_again() -> None:
    """A reset of the earlier bridge, while the later one is latched as well."""
    guard = Guard()
    guard.receive(latched='a call')
    guard.receive(sender=HEIR)
    guard.receive(sender=HEIR, latched='a call')
    guard.receive()
    assert guard.echoes[-1].latched == ''
    guard.receive(sender=HEIR)
    assert guard.echoes[-1].latched == ''


def test_a_bridge_that_is_back_finds_the_guard_silent() -> None:
    guard = Guard()
    guard.receive('left', 'seen')
    guard.run(100.5)
    assert set(guard.states()) == {'left', 'seen'}
    guard.receive('left')
    assert not guard.states()
    sent = len(guard.sent)
    guard.run(100.74)
    assert len(guard.sent) == sent
    assert guard.echoes[-1].fired == 1


def test_a_driver_that_appears_is_left_to_a_bridge_that_is_back() -> None:
    """A late subscriber on a base that a new bridge drives: the guard does not interfere."""
    for heir in (BRIDGE, HEIR):
        guard = Guard()
        guard.receive('left')
        guard.run(102.0)
        assert not guard.states()
        guard.sentry.driver_appeared('left', guard.now)
        guard.poll(guard.now)
        assert set(guard.states()) == {'left'}, 'while no bridge is back, it may still move'
        guard.run(107.0)
        guard.receive('left', sender=heir)
        sent = len(guard.sent)
        guard.sentry.driver_appeared('left', guard.now)
        guard.poll(guard.now)
        assert len(guard.sent) == sent


def test_an_heir_that_does_not_list_a_resource_leaves_it_to_the_guard() -> None:
    """A bridge that was started again has not found the driver yet."""
    guard = Guard()
    guard.receive('left', 'right')
    guard.run(100.5)
    guard.receive(sender=HEIR)
    assert set(guard.states()) == {'left', 'right'}
    guard.receive('right', sender=HEIR)
    assert set(guard.states()) == {'left'}


def test_what_an_heir_has_in_hand_is_not_stopped() -> None:
    guard = Guard()
    guard.receive('left', 'right')
    guard.run(100.2)
    guard.receive('left', sender=HEIR)
    guard.run(100.3)
    assert set(guard.states()) == {'right'}


def test_recorded_pulses_of_an_earlier_bridge_do_not_take_a_resource_from_the_guard() -> None:
    """They are signed and their numbers grow, but they name no live guard."""
    guard, recorded = Guard(), Identity('earlier', 5.0, 'abc', PATIENCE)
    guard.receive('left', 'seen')
    for step in range(1, 20):
        guard.run(100.0 + step * 0.05)
        guard.receive('left', 'seen', sender=recorded, guards=('an earlier guard',), sequence=step)
    assert guard.states() == {'left': STOPPING, 'seen': STOPPING}
    guard.receive('left', 'seen', sender=HEIR)
    assert guard.states() == {}, 'a live bridge handles them'


def test_a_recorded_pulse_does_not_clear_what_the_guard_remembers() -> None:
    recorded = Identity('earlier', 5.0, 'abc', PATIENCE)
    guard = Guard()
    guard.receive('left', latched='a call')
    guard.run(100.5)
    for latched in ('older', ''):
        guard.receive('left', sender=recorded, guards=(), latched=latched)
    guard.run(103.0)
    guard.echoes.clear()
    guard.receive(sender=HEIR)
    [echo] = guard.echoes
    assert echo.latched == 'a call' and echo.moved == ('left',)


def test_a_pulse_of_a_bridge_that_does_not_know_the_guard_yet_is_answered_and_watched() -> None:
    guard = Guard()
    guard.receive('left', guards=())
    assert [one.instance for one in guard.echoes] == ['bridge']
    guard.run(100.0 + PATIENCE + 0.01)
    assert guard.states() == {'left': STOPPING}


def test_a_jump_of_the_sequence_is_accepted_and_an_older_pulse_is_not() -> None:
    """A guard that was frozen must recover; without the key no process can send a number."""
    guard = Guard()
    guard.receive('left', sequence=1)
    guard.receive('left', 'right', sequence=2 ** 60)
    guard.receive(sequence=2)
    guard.run(100.0 + PATIENCE + 0.01)
    assert guard.states() == {'left': STOPPING, 'right': STOPPING}
    guard.receive('left', 'right', sequence=2 ** 60)
    assert guard.states() == {'left': STOPPING, 'right': STOPPING}, 'the same once more'


def test_a_goodbye_releases_the_guard_but_not_before_the_listed_resources_are_stopped() -> None:
    guard = Guard()
    guard.receive('left')
    guard.receive('left', goodbye=True)
    assert set(guard.states()) == {'left'} and not guard.sentry.rests()
    guard.run(102.0)
    assert guard.sentry.rests()
    assert guard.echoes[-1].fired == 0, 'no bridge became silent'


def test_a_goodbye_at_rest_is_silence_for_good() -> None:
    guard = Guard()
    guard.receive('left')
    assert not guard.sentry.rests()
    guard.receive(goodbye=True)
    guard.run(200.0)
    assert not guard.sent and guard.sentry.rests()


def test_a_resource_that_only_the_bridge_knows_is_no_reason_to_fail() -> None:
    guard = Guard()
    guard.receive('unknown', 'left')
    guard.run(101.0)
    assert guard.names() == {'left'}


# ---- bridge and guard together ------------------------------------------------------------------


class Robot:
    """One bridge, one guard, and the last outputs, with simulated time."""

    def __init__(self, required: bool) -> None:
        ids = count(1)
        self.bridge = Process(Supervisor(
            RESOURCES, Policy(unsupervised=UnsupervisedPolicy.ALLOW, stall_limit=PATIENCE / 2.0),
            lambda: f's{next(ids)}', identity=BRIDGE, guard_required=required))
        self.guard = Process(GuardRules(RESOURCES, PulseWatch('guard', 'abc')))
        self.now = 100.0
        self.alive = True
        self.asleep = {'bridge': -math.inf, 'guard': -math.inf}
        self.driver: dict[str, Output] = {}
        for name in ('left', 'right', 'seen'):
            self.bridge.supervisor.path(name, '', self.now)
            self.guard.supervisor.path(name, '', self.now)

    def run(self, until: float) -> None:
        """Let both run until then, as far as they can; messages arrive at once."""
        while True:
            wakes = {who: max(process.wake, self.asleep[who], self.now)
                     for who, process in (('bridge', self.bridge), ('guard', self.guard))
                     if who == 'guard' or self.alive}
            who = min(wakes, key=lambda one: wakes[one])
            if wakes[who] > until:
                self.now = until
                return
            self.now = wakes[who]
            self._pass(who)

    def command(self, name: str, speed: float) -> None:
        """Command, if the bridge is awake."""
        if self.alive and self.now >= self.asleep['bridge']:
            try:
                self.bridge.supervisor.command(
                    name, Motion(Velocity((speed, 0.0, 0.0))), Caller(), self.now)
            except Exception:
                return
            self._pass('bridge')

    def moves(self) -> set[str]:
        """Return the resources whose last output is motion."""
        return {name for name, one in self.driver.items() if one.setpoint is not None}

    def _pass(self, who: str) -> None:
        process = self.bridge if who == 'bridge' else self.guard
        sent, pulses, echoes = len(process.sent), len(process.pulses), len(process.echoes)
        process.poll(self.now)
        for pulse in process.pulses[pulses:]:
            self.guard.supervisor.receive(pulse, self.now)  # type: ignore[attr-defined]
            self.guard.wake = self.now
        for echo in process.echoes[echoes:]:
            self.bridge.supervisor.echoed(echo, self.now)  # type: ignore[attr-defined]
            self.bridge.wake = self.now
        for _, output in process.sent[sent:]:
            self.driver[output.resource] = output
        # A loop that never sleeps is a fault of its own.
        process.restless = process.restless + 1 if process.wake <= self.now else 0
        assert process.restless < 20, (who, self.now, process.supervisor.states())


STEPS = st.lists(st.tuples(
    st.floats(0.0, 0.5),
    st.sampled_from(['left', 'right', 'stop', 'bridge sleeps', 'guard sleeps']),
    st.floats(0.0, 2.0)), max_size=30)


@given(STEPS, st.booleans())
def test_when_the_bridge_fails_everything_is_stopped_in_bounded_time(
        steps: list[tuple[float, str, float]], required: bool) -> None:
    """Whatever stalled before: one patience, one grace, one bound on the queue, one nap."""
    robot = Robot(required)
    robot.run(101.0)
    for pause, step, number in steps:
        robot.run(robot.now + pause)
        if step in ('left', 'right'):
            robot.command(step, 0.1 + number / 4.0)
        elif step == 'stop':
            robot.command('left', 0.0)
        else:
            robot.asleep[step.split()[0]] = robot.now + number
    robot.alive = False
    listed = set(robot.bridge.pulses[-1].active)
    assert robot.moves() <= listed, 'what moves was listed before'
    touched = len(robot.guard.sent)
    robot.run(max(robot.now, robot.asleep['guard']) + 2.0 * PATIENCE + 1e-3)
    assert not robot.moves()
    assert {one.resource for _, one in robot.guard.sent[touched:]} <= listed
    robot.run(robot.now + 7.0)
    assert set(robot.guard.supervisor.states().values()) <= {IDLE, UNCONFIRMED}


@given(STEPS)
def test_after_a_freeze_nothing_moves_but_by_a_new_command(
        steps: list[tuple[float, str, float]]) -> None:
    """The guard stops during the freeze, and the bridge sends only stops afterwards."""
    robot = Robot(required=True)
    robot.run(101.0)
    for pause, step, number in steps:
        robot.run(robot.now + pause)
        if step in ('left', 'right'):
            robot.command(step, 0.1 + number / 4.0)
        elif step == 'guard sleeps':
            robot.asleep['guard'] = robot.now + number
    robot.asleep['bridge'] = robot.now + 5.0
    robot.run(robot.now + 4.9)
    assert not robot.moves()
    sent = len(robot.bridge.sent)
    robot.run(robot.now + 4.0)
    assert all(one.setpoint is None for _, one in robot.bridge.sent[sent:])
    assert not robot.moves()


def test_a_guard_has_no_way_to_begin_a_motion() -> None:
    """By type: it is a group of actuators, and commands are the supervisor's."""
    assert not issubclass(GuardRules, Supervisor)
    begins = {'command', 'go_on', 'admit', 'start_session'}
    assert all(hasattr(Supervisor, name) for name in begins)
    assert not any(hasattr(GuardRules, name) for name in begins)
