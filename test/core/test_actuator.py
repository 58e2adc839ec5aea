# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The machine of one actuator: every cell of its table, then what lies between the cells.

The table is tested with a supervisor of one resource, because half of its columns need owners;
the rest by a bare actuator. Unless a test says otherwise: 20 outputs a second, a hold of 1 s and a
timeout of 5 s; rest means samples near zero for 0.3 s with no gap above 0.5 s.
"""

from collections.abc import Callable
from dataclasses import replace
import math

import pytest

from viam_session_bridge.core.actuator import (
    Actuator,
    ActuatorSettings,
    LATE_DRIVER_MEMORY,
    LEAST_SPACING,
)
from viam_session_bridge.core.errors import NoFeedback, NoStopPath, NotAtRest, StopOutstanding
from viam_session_bridge.core.events import Output, Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Along, Motion, MoveProfile
from viam_session_bridge.core.presence import Caller, OpenClaim, Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Event, Reason, State, TRANSITIONS
from viam_session_bridge.core.stop import (
    BaseSample,
    CONTEST_MEMORY,
    JointSample,
    LATE_DRIVER_HOLD,
    RestSettings,
)
from viam_session_bridge.core.supervisor import Supervisor

IDLE, MOVING, STOPPING, UNCONFIRMED = State.IDLE, State.MOVING, State.STOPPING, State.UNCONFIRMED
AHEAD = Velocity((0.5, 0.0, 0.0))
LEFT = Velocity(angular=(0.0, 0.0, 0.5))
ANN, BOB = Caller('ann', 1), Caller('bob', 2)
BLIND = ActuatorSettings()
SEEING = ActuatorSettings(rest=RestSettings())
ANSWERING = ActuatorSettings(acknowledged=True)


def twist(speed: float, turn_rate: float = 0.0) -> BaseSample:
    """Return odometry of a base that does not change its pose and reports these velocities."""
    return BaseSample(linear=(speed, 0.0, 0.0), angular=(0.0, 0.0, turn_rate))


# ---- the table ----------------------------------------------------------------------------------


class Rig:
    """One resource, its owner ann and another client, bob; it records the driver's outputs."""

    def __init__(self, settings: ActuatorSettings) -> None:
        names = iter(('ann', 'bob'))
        limits = VelocityLimits(1.0, 1.0)
        self.supervisor = Supervisor(
            [ActuatedResource('base', 'base', limits, settings)],
            Policy(SessionSettings(heartbeat_window=2.0), stop_on_disconnect=False),
            lambda: next(names))
        self.now = 100.0
        self.sent: list[Output] = []
        self.ended: list[Reason] = []
        self.wake = math.inf
        self.supervisor.path('base', '', self.now)
        for caller in (ANN, BOB):
            self.supervisor.start_session(caller, '', self.now)
        self.poll()

    @property
    def state(self) -> State:
        """State of the resource."""
        return self.supervisor.states()['base']

    def command(self, setpoint: Velocity = AHEAD, duration: float | None = None,
                caller: Caller = ANN) -> None:
        """Command now, and let the pump run."""
        self.supervisor.command('base', Motion(setpoint, duration), caller, self.now)
        self.poll()

    def poll(self) -> Outputs:
        """Let the pump run now."""
        outputs = self.supervisor.poll(self.now)
        self.sent += outputs.outputs
        self.ended += [ended.reason for ended in outputs.ended]
        self.wake = outputs.wake
        return outputs

    def run(self, seconds: float, *, beating: bool = True, rest: bool | None = False) -> None:
        """Let time pass with a pump that is always on time; rest None is a silent feedback."""
        until = self.now + seconds
        while self.now < until:
            # Another test checks that wake-ups are in the future; this one continues.
            wake = self.wake if self.wake > self.now else math.inf
            self.now = min(until, wake, self.now + 0.1)
            if beating:
                self.supervisor.beat('ann', ANN, self.now)
            if rest is not None:
                speed = 0.0 if rest else 0.4
                self.supervisor.measured('base', BaseSample(linear=(speed, 0.0, 0.0)), self.now)
            self.poll()


def idle() -> Rig:
    """Nothing was commanded yet."""
    return Rig(SEEING)


def moving() -> Rig:
    """Ann drives, and a measured velocity shows it."""
    rig = Rig(SEEING)
    rig.command()
    rig.run(1.0)
    return rig


def stopping() -> Rig:
    """Begin a stop; the robot still rolls."""
    rig = moving()
    rig.supervisor.stop('base', rig.now)
    rig.poll()
    return rig


def unconfirmed() -> Rig:
    """Let a stop fail: the robot rolls for the whole timeout."""
    rig = stopping()
    rig.run(5.0)
    return rig


def motion_command(rig: Rig) -> None:
    """Command a motion as a present claimant."""
    rig.command(LEFT, caller=BOB)


def zero_command(rig: Rig) -> None:
    """Command zero as another client than the owner."""
    rig.command(Velocity(), caller=BOB)


def stop(rig: Rig) -> None:
    """Stop, which carries no session at all."""
    rig.supervisor.stop('base', rig.now)
    rig.poll()


def owner_gone(rig: Rig) -> None:
    """Let the owner's session expire."""
    rig.run(2.0, beating=False)


def emergency_stop(rig: Rig) -> None:
    """StopAll."""
    rig.supervisor.stop_all(rig.now)
    rig.poll()


def stall(rig: Rig) -> None:
    """Let the pump be a quarter of a second late, and nothing else."""
    rig.now = min(rig.wake, rig.now + 0.5) + 0.25
    rig.supervisor.beat('ann', ANN, rig.now)
    rig.poll()


def move_done(rig: Rig) -> None:
    """Let a finite move reach its end."""
    rig.command(duration=0.5)
    rig.run(0.5)


def stop_done(rig: Rig) -> None:
    """Rest is seen for longer than hold and dwell."""
    rig.run(1.5, rest=True)


def stop_failed(rig: Rig) -> None:
    """Let the robot roll on for longer than the timeout."""
    rig.run(5.5)


def settled(rig: Rig) -> None:
    """Let a finite move reach its end, whose driver needs no stop."""
    rig.supervisor.command('base', Motion(AHEAD, 0.5, settles=True), ANN, rig.now)
    rig.run(0.5)


def stop_unverified(rig: Rig) -> None:
    """Let others move the robot for longer than the timeout."""
    while rig.state is STOPPING:
        rig.supervisor.contested('base', 'others move it', rig.now)
        rig.run(0.5)


def reset(rig: Rig) -> None:
    """Reset it as an operator."""
    rig.supervisor.reset(rig.now)
    rig.poll()


def left(rig: Rig) -> None:
    """Leave it to another bridge."""
    rig.supervisor._actuators['base'].leave('another bridge drives it')
    rig.poll()


STARTS = {IDLE: idle, MOVING: moving, STOPPING: stopping, UNCONFIRMED: unconfirmed}
TRIGGERS: dict[Event, list[Callable[[Rig], None]]] = {
    Event.COMMANDED: [motion_command],
    Event.STOP: [zero_command, stop, emergency_stop, owner_gone, stall, move_done],
    Event.SETTLED: [settled],
    Event.STOP_DONE: [stop_done],
    Event.STOP_FAILED: [stop_failed],
    Event.STOP_UNVERIFIED: [stop_unverified],
    Event.RESET: [reset],
    Event.LEFT: [left],
}
# These end a motion: they cannot happen, or request no stop, where there is none.
OF_MOTION = {(IDLE, owner_gone), (IDLE, stall), (IDLE, move_done), (STOPPING, move_done),
             (UNCONFIRMED, move_done)}
CELLS = [(before, trigger, after, event not in (Event.RESET, Event.LEFT))
         for (before, event), after in TRANSITIONS.items()
         for trigger in TRIGGERS[event] if (before, trigger) not in OF_MOTION]


@pytest.mark.parametrize(
    ('before', 'trigger', 'after', 'sent'), CELLS,
    ids=[f'{before.value}-{trigger.__name__}' for before, trigger, _, _ in CELLS])
def test_each_transition_happens_and_its_output_is_sent(
        before: State, trigger: Callable[[Rig], None], after: State, sent: bool) -> None:
    """Told to stop, that is, unless the transition leads to MOVING."""
    rig = STARTS[before]()
    assert rig.state is before
    rig.sent.clear()
    # LEAST_SPACING: a stop that follows another keeps this distance.
    rig.now += LEAST_SPACING
    trigger(rig)
    assert rig.state is after
    assert bool(rig.sent) == sent
    if after is MOVING:
        assert rig.sent[-1].setpoint == LEFT
    elif sent and trigger is not settled:
        assert rig.sent[-1].setpoint is None


@pytest.mark.parametrize(('before', 'trigger'), [
    (IDLE, owner_gone), (IDLE, stall), (UNCONFIRMED, stop_failed), (MOVING, left),
    (IDLE, reset), (MOVING, reset), (STOPPING, reset)])
def test_what_is_no_transition_changes_no_state(
        before: State, trigger: Callable[[Rig], None]) -> None:
    rig = STARTS[before]()
    trigger(rig)
    assert rig.state is before


@pytest.mark.parametrize(('state', 'event'), [
    (state, event) for state in State for event in Event if (state, event) not in TRANSITIONS])
def test_an_actuator_refuses_a_transition_that_is_not_in_the_table(
        state: State, event: Event) -> None:
    actuator = Actuator('base', BLIND)
    actuator.state = state
    with pytest.raises(RuntimeError, match=f'{event.name} cannot happen in state {state.name}'):
        actuator._to(event, Reason.DONE)
    assert actuator.state is state


def test_the_one_cell_that_refuses() -> None:
    """UNCONFIRMED refuses motion, states the cause and the remedy, and changes nothing."""
    rig = unconfirmed()
    rig.sent.clear()
    refusal = 'no rest was seen within 5 s.*when the stop is confirmed, or after a reset'
    with pytest.raises(NotAtRest, match=refusal):
        rig.supervisor.command('base', Motion(LEFT), BOB, rig.now)
    rig.run(0.2)
    assert rig.state is UNCONFIRMED
    assert all(output.setpoint is None for output in rig.sent)


@pytest.mark.parametrize('event', [zero_command, stop, emergency_stop])
def test_a_stop_releases_ownership(event: Callable[[Rig], None]) -> None:
    """After it, the end of the last caller's session does nothing to the resource any more."""
    rig = Rig(BLIND)
    rig.command()
    event(rig)
    # Two thirds of the hold before ann's deadline, one third after it.
    rig.now += 1.5
    rig.supervisor.stop('base', rig.now)
    rig.run(0.5, beating=False)
    rig.ended.clear()
    rig.run(2.0, beating=False)
    assert rig.state is IDLE
    assert rig.ended == []


def test_motion_that_could_never_be_verified_is_refused() -> None:
    """Its feedback is published as something else; the right publisher may still start."""
    rig = idle()
    rig.supervisor.feedback('base', 'odom has no publisher')
    rig.command()
    rig.supervisor.feedback('base', 'odom is a Twist', is_wrong=True)
    with pytest.raises(NoFeedback, match='base: .*odom is a Twist'):
        rig.command()
    assert rig.state is MOVING, 'the current motion continues'
    rig.command(Velocity())
    assert rig.state is STOPPING
    rig.supervisor.feedback('base', '')
    rig.command()
    assert rig.state is MOVING


def test_a_second_command_has_its_own_epoch() -> None:
    """MOVING to MOVING: the first motion is superseded, the driver receives the second at once."""
    rig = moving()
    rig.now += LEAST_SPACING
    first = rig.sent[-1].epoch
    motion_command(rig)
    assert rig.ended == [Reason.SUPERSEDED]
    assert rig.sent[-1] == Output('base', first + 1, LEFT, rig.now, first=True)


# ---- a bare actuator ----------------------------------------------------------------------------


def actuator(settings: ActuatorSettings) -> Actuator:
    """Return an idle actuator whose stop path was found."""
    machine = Actuator('base', settings)
    machine.path_problem = ''
    return machine


def go(machine: Actuator, epoch: int, now: float, duration: float | None = None) -> None:
    """Command a motion and poll."""
    machine.command(Motion(AHEAD, duration), OpenClaim(), epoch, now)
    machine.poll(now)


def halt(machine: Actuator, epoch: int, now: float) -> None:
    """Stop and poll."""
    machine.stop(Reason.STOPPED, epoch, now)
    machine.poll(now)


def follow(machine: Actuator, until: float, measured: Callable[[float], float] | None = None,
           now: float = 0.0) -> list[tuple[float, Output]]:
    """Poll when the machine is due; measured: speed at a time, every 50 ms from now."""
    sent = []
    sample_at = math.inf if measured is None else now
    last = -math.inf
    while (at := min(machine.wake_at(), sample_at)) <= until:
        if measured is not None and machine.rest is not None and at == sample_at:
            machine.measured(twist(measured(at), 0.0), at)
            sample_at += 0.05
        # Another test checks that the machine is not due at the same instant again.
        at = max(at, last + 1e-3) if at <= last else at
        last = at
        output = machine.poll(at)
        if output is not None:
            sent.append((at, output))
    return sent


# ---- repetition ---------------------------------------------------------------------------------


def test_a_held_setpoint_is_repeated_on_an_even_grid() -> None:
    """Twenty times a second, from the command on, always the same epoch; only one is the first."""
    machine = actuator(BLIND)
    machine.command(Motion(AHEAD), OpenClaim(), 7, 100.0)
    sent = follow(machine, 100.99)
    assert [at for at, _ in sent] == pytest.approx([100.0 + 0.05 * i for i in range(20)])
    assert {(output.setpoint, output.epoch) for _, output in sent} == {(AHEAD, 7)}
    assert [output.first for _, output in sent] == [True] + 19 * [False]


# 20 stops and changes a second, and one repetition of what does not change.
RARE = ActuatorSettings(repeat_rate=1.0)


def test_an_unchanged_setpoint_is_repeated_at_its_own_rate() -> None:
    machine = actuator(RARE)
    machine.command(Motion(AHEAD), OpenClaim(), 7, 100.0)
    sent = follow(machine, 103.5)
    assert [at for at, _ in sent] == pytest.approx([100.0, 101.0, 102.0, 103.0])


@pytest.mark.parametrize('settings', [RARE, BLIND])
def test_the_same_setpoint_commanded_again_is_a_repetition(settings: ActuatorSettings) -> None:
    """A client that commands it 100 times a second fills no queue; the newest epoch goes out."""
    machine = actuator(settings)
    sent = []
    for i in range(301):
        now = 100.0 + i / 100
        machine.command(Motion(AHEAD), OpenClaim(), i, now)
        sent += [(now, output.epoch) for output in [machine.poll(now)] if output is not None]
    rate = settings.repeat_rate or settings.command_rate
    assert len(sent) == 1 + 3 * rate
    assert all(epoch == round((now - 100.0) * 100) for now, epoch in sent)


@pytest.mark.parametrize('since', [0.02, 0.3, 0.97])
def test_a_new_setpoint_and_a_stop_go_out_at_once_whatever_the_rate(since: float) -> None:
    """A setpoint that was sent before, and then another one, is new again."""
    machine = actuator(RARE)
    now = 100.0
    for epoch, setpoint in enumerate((AHEAD, LEFT, AHEAD, LEFT)):
        machine.command(Motion(setpoint), OpenClaim(), epoch, now)
        output = machine.poll(now)
        assert output is not None and output.setpoint == setpoint
        now += since
        machine.poll(now)
    machine.stop(Reason.STOPPED, 9, now)
    output = machine.poll(now)
    assert output is not None and output.setpoint is None
    machine.command(Motion(LEFT), OpenClaim(), 10, now + 0.02)
    output = machine.poll(now + 0.02)
    assert output is not None and output.setpoint == LEFT


def test_a_stop_is_repeated_at_the_command_rate_whatever_the_rate_of_setpoints() -> None:
    machine = actuator(RARE)
    go(machine, 1, 100.0)
    machine.stop(Reason.STOPPED, 2, 100.3)
    sent = [at for at, _ in follow(machine, 101.28)]
    assert sent == pytest.approx([100.3 + 0.05 * i for i in range(20)])


def test_a_steered_setpoint_goes_out_at_the_command_rate_while_it_changes() -> None:
    """Driven at one speed it is repeated rarely; slowing down it follows the odometry."""
    machine = actuator(replace(SEEING, repeat_rate=1.0))
    machine.measured(BaseSample(), 100.0)
    course = MoveProfile(Along.PATH, 2.0, 0.5, 0.125)  # slows down in the second half
    machine.command(Motion(AHEAD, 30.0, course), OpenClaim(), 1, 100.0)
    sent = []
    for i in range(600):
        now = 100.0 + i / 100
        if i % 4 == 0:
            machine.measured(BaseSample(x=(now - 100.0) / 2, linear=(0.5, 0.0, 0.0)), now)
        output = machine.poll(now)
        if output is not None and output.setpoint is not None:
            sent.append((now, output.setpoint))
    slowing = [at for at, setpoint in sent if setpoint != AHEAD]
    assert [at for at, setpoint in sent if setpoint == AHEAD] == pytest.approx([100.0, 101.0])
    assert 101.5 < slowing[0] < 102.0
    gaps = [b - a for a, b in zip(slowing, slowing[1:], strict=False)]
    assert max(gaps) < 0.07 and min(gaps) > 0.03


def test_a_late_poll_makes_no_burst() -> None:
    """After a pause the setpoint is sent once; the next one keeps a whole period's distance."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    assert machine.poll(100.34) is not None
    assert machine.wake_at() == pytest.approx(100.39)
    assert machine.poll(100.38) is None


def test_a_slightly_late_poll_keeps_the_grid() -> None:
    """Jitter does not add up."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.poll(100.06)
    assert machine.wake_at() == pytest.approx(100.1)


def test_a_flood_of_commands_does_not_flood_the_driver() -> None:
    """A thousand commands a second become a hundred outputs, and the newest is sent."""
    machine = actuator(BLIND)
    sent = []
    for i in range(1000):
        now = 100.0 + i / 1000
        machine.command(Motion(Velocity((0.1 + i / 1e4, 0.0, 0.0))), OpenClaim(), i, now)
        output = machine.poll(now)
        if output is not None:
            assert output.epoch == i
            sent.append(now)
    assert 90 <= len(sent) <= 100
    assert min(b - a for a, b in zip(sent, sent[1:], strict=False)) >= LEAST_SPACING - 1e-9


def test_a_flood_of_stops_does_not_flood_the_driver() -> None:
    """The first stop goes out at once, those that follow keep their distance."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(Reason.STOPPED, 2, 100.001)
    assert machine.poll(100.001) is not None
    sent = []
    for i in range(100):
        now = 100.002 + i / 1000
        machine.stop(Reason.STOPPED, i + 3, now)
        sent += [output for output in [machine.poll(now)] if output is not None]
    assert 9 <= len(sent) <= 11


def test_the_first_output_after_a_change_of_state_never_waits() -> None:
    """A stop right after a setpoint, and the reverse, are sent at once."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(Reason.STOPPED, 2, 100.001)
    output = machine.poll(100.001)
    assert output is not None and output.setpoint is None
    machine.command(Motion(AHEAD), OpenClaim(), 3, 100.002)
    output = machine.poll(100.002)
    assert output is not None and output.setpoint == AHEAD


# ---- stops without feedback ---------------------------------------------------------------------


def test_without_feedback_zeros_are_repeated_for_the_hold_and_then_there_is_silence() -> None:
    """Zeros that never end keep Nav2 masked for ever."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(Reason.STOPPED, 2, 100.02)
    sent = follow(machine, 200.0)
    assert [at for at, _ in sent] == pytest.approx([100.02 + 0.05 * i for i in range(len(sent))])
    assert 0.949 < sent[-1][0] - 100.02 < 1.001
    assert {(output.setpoint, output.epoch) for _, output in sent} == {(None, 2)}
    assert machine.state is IDLE
    assert machine.wake_at() == math.inf
    changed = machine.take_notes()[1][-1]
    assert (changed.before, changed.after, changed.verified) == (STOPPING, IDLE, False)


def test_the_hold_is_exact_and_counts_from_the_first_output() -> None:
    """A stop that was not sent yet is not held yet."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(Reason.STOPPED, 2, 100.0)
    machine.poll(103.0)
    machine.poll(103.999)
    assert machine.state is STOPPING
    machine.poll(104.0)
    assert machine.state is IDLE


def test_another_stop_restarts_the_hold() -> None:
    """Each requested stop has its whole hold."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    halt(machine, 3, 101.9)
    machine.poll(102.899)
    assert machine.state is STOPPING
    machine.poll(102.9)
    assert machine.state is IDLE


def test_stops_that_are_repeated_beyond_the_timeout_do_not_fail_if_each_is_answered() -> None:
    """A client that sends a zero command twice a second stops a robot again, each time."""
    machine = actuator(ANSWERING)
    for number in range(20):
        now = 100.0 + 0.5 * number
        halt(machine, number + 1, now)
        machine.stop_answered(number + 1, '', now + 0.1)
    assert machine.state is STOPPING
    halt(machine, 21, 110.0)
    follow(machine, 114.9)
    assert machine.state is STOPPING
    machine.poll(115.0)
    assert machine.state is UNCONFIRMED, 'the last one has not been answered'


def test_the_report_of_a_stop_that_is_repeated_counts_from_its_first_output() -> None:
    """Also where the stop was confirmed before: it is one stop, from motion to rest."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.take_notes()
    machine.stop(Reason.STOPPED, 2, 101.0)
    machine.poll(101.25)
    halt(machine, 3, 102.0)
    machine.poll(103.0)
    assert machine.state is IDLE
    [_, over] = machine.take_changes()
    assert (over.latency, over.duration) == (0.25, 1.75)


def test_a_gap_of_the_feedback_fails_no_stop_that_is_repeated_at_rest() -> None:
    """Rest was seen less than stop_timeout ago."""
    machine = actuator(SEEING)
    for number in range(20):
        now = 100.0 + 0.5 * number
        halt(machine, number + 1, now)
        follow(machine, now + 0.5, lambda at: 0.0, now=now)
    halt(machine, 21, 110.6)
    machine.poll(110.65)
    assert machine.state is STOPPING, 'its samples are stale for a moment'
    follow(machine, 115.6)
    assert machine.state is UNCONFIRMED


def test_stops_that_are_repeated_postpone_no_failure_of_a_robot_that_moves() -> None:
    machine = actuator(replace(SEEING, acknowledged=True))
    for number in range(10):
        now = 100.0 + 0.5 * number
        halt(machine, number + 1, now)
        machine.stop_answered(number + 1, '', now + 0.01)
        follow(machine, now + 0.5, lambda at: 0.4, now=now)
    assert machine.state is UNCONFIRMED


def test_a_second_stop_before_the_first_was_sent_does_not_delay_it() -> None:
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(Reason.DISCONNECTED, 2, 100.005)
    machine.stop(Reason.STOPPED, 3, 100.005)
    assert machine.wake_at() == 100.005
    output = machine.poll(100.005)
    assert output is not None and output.setpoint is None


def test_time_in_which_the_process_was_frozen_fails_no_stop_that_waits_for_feedback() -> None:
    """The samples of that time have waited, too."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    follow(machine, 101.3, lambda at: 0.4, now=101.0)
    machine.poll(130.0)
    assert machine.state is STOPPING
    follow(machine, 130.5, lambda at: 0.0, now=130.0)
    assert machine.state is IDLE


def test_time_in_which_the_process_was_frozen_fails_no_stop_that_waits_for_an_answer() -> None:
    """Also if a stop was requested again before the first output."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    follow(machine, 101.3)
    halt(machine, 3, 130.0)
    assert machine.state is STOPPING
    machine.stop_answered(3, '', 130.1)
    machine.poll(131.0)
    assert machine.state is IDLE


def test_a_stop_fails_in_the_end_if_every_poll_is_late() -> None:
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    for late in range(8):
        machine.stop(Reason.STOPPED, 2 + late, 101.0 + late)
        machine.poll(101.0 + late)
    assert machine.state is UNCONFIRMED


def test_an_idle_actuator_sends_nothing() -> None:
    """An idle bridge never interferes with Nav2 or a joystick."""
    machine = actuator(BLIND)
    assert machine.wake_at() == math.inf
    for now in (0.0, 1.0, 1e6):
        assert machine.poll(now) is None


# ---- stops with feedback ------------------------------------------------------------------------


def test_with_feedback_zeros_are_repeated_until_rest_is_seen() -> None:
    """The robot rolls for 2 s: the stop lasts for these and the dwell, and is verified."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    sent = follow(machine, 110.0, lambda at: 0.0 if at > 103.0 else 0.3, now=101.0)
    assert machine.state is IDLE
    assert 103.29 <= sent[-1][0] <= 103.5
    changed = machine.take_notes()[1][-1]
    assert (changed.after, changed.verified) == (IDLE, True)


def test_rest_does_not_shorten_the_hold() -> None:
    """A robot that is at rest at once still receives the stop for the whole hold."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    sent = follow(machine, 110.0, lambda at: 0.0, now=101.0)
    assert machine.state is IDLE
    assert 101.949 < sent[-1][0] < 102.001


def test_rest_before_the_stop_proves_nothing() -> None:
    """Only samples received after the stop began count for the dwell."""
    machine = actuator(replace(SEEING, stop_hold=0.1))
    assert machine.rest is not None
    go(machine, 1, 100.0)
    for i in range(101):
        machine.measured(twist(0.0, 0.0), 100.0 + i / 100)
    halt(machine, 2, 101.0)
    machine.poll(101.29)
    assert machine.state is STOPPING
    for at in (101.1, 101.2, 101.29):
        machine.measured(twist(0.0, 0.0), at)
    machine.poll(101.295)
    assert machine.state is STOPPING
    machine.measured(twist(0.0, 0.0), 101.45)
    machine.poll(101.45)
    assert machine.state is IDLE


@pytest.mark.parametrize(
    ('speed', 'turn_rate'),
    [(0.3, 0.0), (-0.3, 0.0), (0.0, 0.6), (0.0, -0.6), (math.nan, 0.0), (0.0, math.nan),
     (math.inf, 0.0), (0.0, -math.inf)])
def test_one_sample_that_is_not_rest_begins_the_dwell_anew(speed: float, turn_rate: float) -> None:
    """Too fast, or not a number: what was seen before it no longer counts."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    for at in (101.9, 102.0, 102.1):
        machine.measured(twist(0.0, 0.0), at)
    machine.measured(twist(speed, turn_rate), 102.15)
    for at in (102.2, 102.3, 102.4):
        machine.measured(twist(0.0, 0.0), at)
    machine.poll(102.4)
    assert machine.state is STOPPING
    machine.measured(twist(0.0, 0.0), 102.51)
    machine.poll(102.51)
    assert machine.state is IDLE


def test_the_thresholds_themselves_count_as_rest() -> None:
    """A robot is at rest at 0.02 m/s and 0.05 rad/s, not above."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    machine.measured(twist(-0.02, 0.05), 100.0)
    assert not machine.is_moving(100.0)


def test_a_gap_in_the_feedback_begins_the_dwell_anew() -> None:
    """Whatever happened during the gap was not seen."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.measured(twist(0.0, 0.0), 101.1)
    machine.measured(twist(0.0, 0.0), 102.0)
    machine.poll(102.0)
    assert machine.state is STOPPING
    machine.measured(twist(0.0, 0.0), 102.31)
    machine.poll(102.31)
    assert machine.state is IDLE


@pytest.mark.parametrize('last', [0.0, math.nan])
def test_feedback_that_fell_silent_is_unknown_and_never_rest(last: float) -> None:
    """The last sample, rest or invalid, becomes stale; the stop fails at its timeout."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    go(machine, 1, 100.0)
    for at in (100.2, 100.5, 100.9):
        machine.measured(twist(last, 0.0), at)
    halt(machine, 2, 101.0)
    follow(machine, 105.999)
    assert machine.state is STOPPING
    machine.poll(106.0)
    assert machine.state is UNCONFIRMED


GARBAGE = JointSample((math.nan,), problem='joint elbow is measured at 100 rad')


def test_a_stop_is_not_confirmed_while_a_position_is_outside_of_its_limits() -> None:
    """Peers still or not; once it is measured within them, and at rest, the stop is done."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    machine.measured(JointSample((0.5,)), 100.9)
    halt(machine, 2, 101.0)
    now = 101.0
    while now < 106.1:
        machine.measured(GARBAGE, now)
        machine.poll(now)
        now += 0.1
    assert machine.state is UNCONFIRMED
    with pytest.raises(NotAtRest, match='no rest was seen .* measured at 100 rad'):
        go(machine, 3, now)
    assert 'measured at 100 rad' in machine.why_unmeasured
    while now < 107.0:
        machine.measured(JointSample((0.5,)), now)
        machine.poll(now)
        now += 0.1
    assert machine.state is IDLE and not machine.why_unmeasured


def test_a_move_that_is_steered_ends_when_a_position_remains_outside_of_its_limits() -> None:
    """After the feedback timeout, with a text that names it; not at a single sample."""
    machine = actuator(SEEING)
    machine.measured(JointSample((0.5,)), 100.0)
    machine.command(
        Motion(AHEAD, 10.0, MoveProfile(Along.JOINT, 1.0, 0.5, 1.0)), OpenClaim(), 1, 100.0)
    for at in (100.1, 100.2, 100.3, 100.4, 100.499):
        machine.measured(GARBAGE, at)
        machine.poll(at)
    assert machine.state is MOVING
    assert machine.wake_at() <= 100.5
    machine.poll(100.5)
    [ended], _ = machine.take_notes()
    assert (ended.reason, ended.detail) == (
        Reason.STALE_FEEDBACK, f'on the feedback, {GARBAGE.problem}')


def test_moving_is_answered_from_fresh_feedback_and_else_from_the_state() -> None:
    """Unknown means moving, unless nothing was commanded."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    assert not machine.is_moving(100.0)
    machine.measured(twist(0.5, 0.0), 100.0)
    assert machine.is_moving(100.499)
    assert not machine.is_moving(100.5)
    go(machine, 1, 101.0)
    assert machine.is_moving(101.0)
    machine.measured(twist(0.0, 0.0), 101.1)
    assert not machine.is_moving(101.2)
    machine.measured(twist(math.nan, 0.0), 101.3)
    assert machine.is_moving(101.3)
    blind = actuator(BLIND)
    assert not blind.is_moving(100.0)
    go(blind, 1, 100.0)
    assert blind.is_moving(100.0)
    halt(blind, 2, 101.0)
    assert blind.is_moving(101.0)


# ---- stops that fail ----------------------------------------------------------------------------


def test_a_command_during_a_stop_with_contradictory_feedback_is_accepted_until_the_stop_has_failed(
        ) -> None:
    """As during any stop; then it is refused with the measured values."""
    def drift(machine: Actuator, begin: float, end: float) -> None:
        for step in range(round((end - begin) * 50.0)):
            at = begin + 0.02 * step
            machine.measured(BaseSample(x=0.3 * at), at)
            machine.poll(at)

    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    drift(machine, 101.0, 103.0)
    assert machine.rest is not None
    assert 'pose moves at 0.3 m/s, twist reports 0 m/s' in machine.rest.contradiction(103.0)
    go(machine, 3, 103.0)
    assert machine.state is MOVING
    halt(machine, 4, 104.0)
    drift(machine, 104.0, 108.9)
    assert machine.state is STOPPING
    drift(machine, 108.9, 109.1)
    with pytest.raises(NotAtRest, match='pose moves at 0.3 m/s, twist reports 0 m/s'):
        go(machine, 5, 109.1)
    assert machine.state is UNCONFIRMED


def test_a_stop_without_rest_fails_at_its_timeout_and_is_repeated_without_end() -> None:
    """UNCONFIRMED: the zeros continue, and the machine is due for the failure itself."""
    machine = actuator(replace(SEEING, stop_timeout=5.03))
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    sent = follow(machine, 106.02)
    assert machine.state is STOPPING
    assert machine.wake_at() == pytest.approx(106.03)
    sent += follow(machine, 160.0)
    assert machine.state is UNCONFIRMED
    assert all(output.setpoint is None for _, output in sent)
    assert sent[-1][0] > 159.9
    assert [(c.before, c.after) for c in machine.take_notes()[1]][-1] == (STOPPING, UNCONFIRMED)


def test_another_stop_does_not_restart_the_timeout() -> None:
    """A client that requests a stop every second cannot delay the report of a failing stop."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    for epoch in range(2, 7):
        halt(machine, epoch, 99.0 + epoch)
        follow(machine, 99.9 + epoch)
    halt(machine, 7, 105.9)
    follow(machine, 105.999)
    assert machine.state is STOPPING
    machine.poll(106.0)
    assert machine.state is UNCONFIRMED


OTHER = '/teleop publishes on /cmd_vel'


def contested_stop(settings: ActuatorSettings, until: float, last: float) -> Actuator:
    """Stop at 101, contested twice a second up to last; return at until."""
    machine = actuator(settings)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    for step in range(int((until - 101.0) * 2) + 1):
        at = 101.0 + step / 2.0
        if at <= last:
            machine.contested(OTHER, at)
        follow(machine, at)
    return machine


def test_a_stop_that_others_contest_ends_at_its_timeout_and_is_no_failure() -> None:
    """Others move the robot: no alarm, no escalation, no zeros against them for ever."""
    machine = contested_stop(SEEING, 105.5, 105.5)
    assert machine.state is STOPPING
    follow(machine, 106.0)
    assert machine.state is IDLE
    change = machine.take_notes()[1][-1]
    assert (change.before, change.after, change.verified) == (STOPPING, IDLE, False)
    assert change.detail == f'not verified: {OTHER}'
    assert follow(machine, 120.0) == []
    # Rest was not confirmed: a driver that appears is stopped, as usual.
    machine.driver_appeared(3, 120.0)
    assert machine.state is STOPPING


def test_other_publishers_that_end_before_the_timeout_do_not_prevent_a_failed_stop() -> None:
    """What moves then moves because of us, or of a fault."""
    machine = contested_stop(SEEING, 106.0, 106.0 - CONTEST_MEMORY)
    assert machine.state is UNCONFIRMED


def test_other_publishers_during_an_earlier_stop_do_not_prevent_a_failed_stop() -> None:
    machine = contested_stop(replace(SEEING, stop_timeout=1.0), 101.5, 101.5)
    go(machine, 3, 101.6)
    halt(machine, 4, 101.7)
    follow(machine, 102.8)
    assert machine.state is UNCONFIRMED


def test_a_contested_stop_is_held_no_shorter_than_any() -> None:
    """Where the hold is longer than the timeout, it is waited for."""
    machine = contested_stop(replace(SEEING, stop_hold=6.5, stop_timeout=2.0), 107.0, 110.0)
    assert machine.state is STOPPING
    machine.contested(OTHER, 107.0)
    follow(machine, 107.5)
    assert machine.state is IDLE


def test_with_other_publishers_a_stop_output_without_an_answer_still_fails() -> None:
    machine = contested_stop(replace(SEEING, acknowledged=True), 106.0, 106.0)
    assert machine.state is UNCONFIRMED


def test_rest_that_is_seen_is_verified_also_with_other_publishers() -> None:
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.contested(OTHER, 101.0)
    for tick in range(15):
        machine.measured(BaseSample(), 101.0 + tick / 10.0)
        follow(machine, 101.0 + tick / 10.0)
    change = machine.take_notes()[1][-1]
    assert (change.after, change.verified, change.detail) == (IDLE, True, '')


def test_the_timeout_of_the_next_stop_is_its_own() -> None:
    """A stop that succeeded leaves no deadline behind, nor does one that motion replaced."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    go(machine, 3, 104.0)
    halt(machine, 4, 105.0)
    follow(machine, 109.999)
    assert machine.state is STOPPING
    machine.poll(110.0)
    assert machine.state is UNCONFIRMED


def failed(settings: ActuatorSettings = SEEING) -> Actuator:
    """Return an UNCONFIRMED actuator: stopped at 101, failed at 106."""
    machine = actuator(settings)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    follow(machine, 105.9)
    machine.poll(106.0)
    assert machine.state is UNCONFIRMED
    machine.take_notes()
    return machine


def test_rest_seen_late_ends_a_failed_stop() -> None:
    """From then on motion is accepted."""
    machine = failed()
    follow(machine, 108.0, lambda at: 0.0, now=107.0)
    assert machine.state is IDLE
    assert machine.take_notes()[1][-1].verified
    go(machine, 3, 109.0)
    assert machine.state is MOVING


def test_a_stop_sent_while_unconfirmed_is_really_sent() -> None:
    """Also when rest is seen at the same moment: a stop that was accepted goes out."""
    machine = failed()
    assert machine.rest is not None
    for at in (106.0, 106.1, 106.2, 106.3, 106.4):
        machine.measured(twist(0.0, 0.0), at)
    machine.stop(Reason.STOPPED, 3, 106.41)
    output = machine.poll(106.41)
    assert output is not None
    assert (output.setpoint, output.epoch, output.first) == (None, 3, True)


def test_a_reset_clears_the_latch_and_moves_nothing() -> None:
    """An operator's reset: IDLE, no outputs, and motion needs a new command."""
    machine = failed()
    assert machine.reset(107.0)
    assert machine.state is IDLE
    assert machine.poll(107.0) is None
    assert machine.wake_at() == math.inf
    go(machine, 3, 108.0)
    assert machine.state is MOVING


def test_a_reset_touches_nothing_but_the_latch() -> None:
    """In every other state it does nothing and returns that."""
    machine = actuator(BLIND)
    assert not machine.reset(99.0)
    go(machine, 1, 100.0)
    assert not machine.reset(100.5)
    assert machine.state is MOVING
    halt(machine, 2, 101.0)
    assert not machine.reset(101.5)
    assert machine.state is STOPPING


# ---- the clock of the pump ----------------------------------------------------------------------


@pytest.mark.parametrize('late', [0.0, 0.0004, 0.004, 0.04])
@pytest.mark.parametrize('hold', [0.33, 1.0])
@pytest.mark.parametrize('settings', [BLIND, SEEING, ANSWERING])
def test_the_next_poll_is_never_due_at_the_same_instant(
        settings: ActuatorSettings, hold: float, late: float) -> None:
    """However late each poll is, the next one is in the future: the pump never spins."""
    machine = actuator(replace(settings, stop_hold=hold))
    machine.command(Motion(AHEAD, 0.77), OpenClaim(), 1, 100.0)
    polls = 0
    while machine.wake_at() < 108.0:
        now = machine.wake_at() + (0.0 if polls % 2 else late)
        machine.poll(now)
        assert machine.wake_at() > now
        polls += 1
    assert polls < 250


def test_a_timeout_shorter_than_the_hold_does_not_spin_either() -> None:
    """A blind stop cannot fail: past its timeout it waits for its hold."""
    machine = actuator(replace(BLIND, stop_hold=1.0, stop_timeout=0.33))
    halt(machine, 1, 100.0)
    now = 0.0
    while machine.state is STOPPING:
        assert machine.wake_at() > now
        now = machine.wake_at()
        machine.poll(now)
    assert now == pytest.approx(101.0)


# ---- acknowledged stops -------------------------------------------------------------------------


def test_an_acknowledged_stop_that_answers_is_verified() -> None:
    """It ends with the hold, as a stop that is known to have arrived."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.stop_answered(2, '', 101.2)
    machine.poll(101.999)
    assert machine.state is STOPPING
    machine.poll(102.0)
    assert machine.state is IDLE
    assert machine.take_notes()[1][-1].verified


def test_a_late_answer_delays_the_end_of_the_stop() -> None:
    """Past the hold, the stop is repeated until the answer comes."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    assert follow(machine, 104.0)[-1][0] > 103.9
    machine.stop_answered(2, '', 104.01)
    machine.poll(104.01)
    assert machine.state is IDLE


def test_an_acknowledged_stop_that_fails_is_unconfirmed_at_once_also_without_feedback() -> None:
    """Its text is in the refusal of the next command."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.stop_answered(2, 'the service refused', 101.2)
    assert machine.state is UNCONFIRMED
    with pytest.raises(NotAtRest, match='the service refused'):
        go(machine, 3, 101.3)


def test_an_acknowledged_stop_that_never_answers_fails_at_the_timeout() -> None:
    """Silence is not success."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    follow(machine, 105.999)
    assert machine.state is STOPPING
    machine.poll(106.0)
    assert machine.state is UNCONFIRMED
    with pytest.raises(NotAtRest, match='never answered'):
        go(machine, 3, 106.1)


def test_motion_waits_for_an_outstanding_answer() -> None:
    """STOPPING to MOVING once it has come: the stop must not overtake the motion in the driver."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    with pytest.raises(StopOutstanding):
        go(machine, 3, 101.1)
    assert (machine.state, machine.epoch) == (STOPPING, 2)
    machine.stop_answered(2, '', 101.2)
    go(machine, 4, 101.3)
    assert machine.state is MOVING


def test_the_answer_to_an_earlier_stop_is_not_the_answer_to_this_one() -> None:
    """Answers carry their epoch."""
    machine = actuator(ANSWERING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    halt(machine, 3, 101.1)
    machine.stop_answered(2, '', 101.2)
    with pytest.raises(StopOutstanding):
        go(machine, 4, 101.3)
    machine.stop_answered(2, 'too late', 101.4)
    assert machine.state is STOPPING
    machine.stop_answered(3, '', 101.5)
    machine.poll(102.2)
    assert machine.state is IDLE


def test_a_repeated_stop_that_answers_at_last_ends_a_failed_one() -> None:
    """UNCONFIRMED without feedback: a stop that is sent again and succeeds is a stop done."""
    machine = failed(ANSWERING)
    halt(machine, 3, 107.0)
    machine.stop_answered(3, 'still no', 107.1)
    machine.poll(107.2)
    assert machine.state is UNCONFIRMED
    halt(machine, 4, 108.0)
    machine.stop_answered(4, '', 108.1)
    follow(machine, 109.1)
    assert machine.state is IDLE


def test_a_failure_does_not_shorten_the_hold() -> None:
    """A yes and rest that come after a stop failed early still wait for the rest of the zeros."""
    machine = actuator(replace(SEEING, acknowledged=True))
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.stop_answered(2, 'the service refused', 101.1)
    machine.stop_answered(2, '', 101.2)
    follow(machine, 101.9, lambda at: 0.0, now=101.2)
    assert machine.state is UNCONFIRMED
    follow(machine, 102.1, lambda at: 0.0, now=101.95)
    assert machine.state is IDLE


def test_standing_still_does_not_make_up_for_a_refusal() -> None:
    """A goal that was not cancelled moves the robot again when the zeros end."""
    machine = actuator(replace(SEEING, acknowledged=True))
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    machine.stop_answered(2, 'the server does not cancel', 101.1)
    sent = follow(machine, 110.0, lambda at: 0.0, now=101.1)
    assert machine.state is UNCONFIRMED and sent
    machine.stop_answered(2, '', 110.0)
    follow(machine, 110.2, lambda at: 0.0, now=110.0)
    assert machine.state is IDLE


def test_a_good_answer_after_the_timeout_ends_a_failed_stop() -> None:
    """It came late, but it came: the stop is done."""
    machine = failed(ANSWERING)
    machine.stop_answered(2, '', 107.0)
    follow(machine, 107.1)
    assert machine.state is IDLE


def test_an_answer_that_was_given_up_by_a_reset_refuses_nothing_later() -> None:
    """A reset also ends the wait for a driver that will never answer."""
    machine = failed(ANSWERING)
    halt(machine, 3, 107.0)
    assert machine.reset(108.0)
    go(machine, 4, 109.0)
    assert machine.state is MOVING


# ---- the stop path ------------------------------------------------------------------------------


def test_motion_needs_a_stop_path_and_the_refusal_states_its_problem() -> None:
    """Before the first check of the graph there is none."""
    machine = Actuator('base', BLIND)
    with pytest.raises(NoStopPath, match='base: .*not been checked'):
        go(machine, 1, 100.0)
    machine.path_problem = '/cmd_vel has no subscriber'
    with pytest.raises(NoStopPath, match='base: /cmd_vel has no subscriber'):
        go(machine, 1, 100.0)
    assert machine.state is IDLE
    assert machine.take_notes() == ([], [])


def test_a_stop_needs_no_path() -> None:
    """It is sent anyway: there may be a subscriber that is not discovered."""
    machine = Actuator('base', BLIND)
    machine.stop(Reason.STOPPED, 1, 100.0)
    assert machine.poll(100.0) is not None


def test_a_missing_path_can_be_allowed() -> None:
    """With require_path off, the operator answers for it."""
    machine = Actuator('base', replace(BLIND, require_path=False))
    go(machine, 1, 100.0)
    assert machine.state is MOVING


# ---- late drivers (law 10) ----------------------------------------------------------------------


def late(machine: Actuator, now: float) -> bool:
    """Let a driver appear; return whether it receives a stop; fail at any other output."""
    machine.driver_appeared(99, now)
    output = machine.poll(now)
    assert output is None or output.setpoint is None or machine.state is MOVING
    return output is not None and output.setpoint is None


def test_a_driver_receives_nothing_before_the_first_command() -> None:
    """The bridge has moved nothing yet, so no stop is needed."""
    assert not late(actuator(BLIND), 100.0)


def test_a_driver_that_appears_during_motion_receives_the_setpoint() -> None:
    """MOVING repeats it anyway."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.driver_appeared(2, 100.01)
    assert (machine.state, machine.epoch) == (MOVING, 1)


def test_a_driver_that_appears_during_the_stop_gets_all_of_the_hold() -> None:
    """It may have missed the zeros so far, and the next: it is matched before it receives."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    assert late(machine, 101.9)
    machine.poll(101.9 + LATE_DRIVER_HOLD - 0.1)
    assert machine.state is STOPPING
    machine.poll(101.9 + LATE_DRIVER_HOLD)
    assert machine.state is IDLE


def test_without_feedback_a_driver_that_appears_within_thirty_seconds_is_stopped() -> None:
    """A restarted driver may start with its last speed; later it receives nothing."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    sent = follow(machine, 200.0)
    last = sent[-1][0]
    assert machine.state is IDLE
    assert not late(machine, last + LATE_DRIVER_MEMORY)
    assert late(machine, last + LATE_DRIVER_MEMORY - 0.001)


def test_once_rest_was_confirmed_a_driver_is_left_alone() -> None:
    """With feedback the memory ends with the stop itself."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0)
    halt(machine, 2, 101.0)
    follow(machine, 103.0, lambda at: 0.0, now=101.0)
    assert machine.state is IDLE
    assert not late(machine, 103.1)


@pytest.mark.parametrize('after', [1.0, LATE_DRIVER_MEMORY - 1.0, LATE_DRIVER_MEMORY + 1.0, 1e4])
def test_with_feedback_the_memory_lasts_until_rest_was_confirmed(after: float) -> None:
    """An operator's reset confirms nothing: the thirty seconds apply without feedback only."""
    machine = failed()
    machine.reset(106.0)
    assert late(machine, 106.0 + after)


def test_while_unconfirmed_a_driver_that_appears_is_stopped() -> None:
    """The state stays."""
    machine = failed()
    assert late(machine, 106.02)
    assert machine.state is UNCONFIRMED


# ---- how motions end ----------------------------------------------------------------------------


def ends(machine: Actuator) -> list[tuple[int, Reason]]:
    """Take the ends so far."""
    return [(ended.epoch, ended.reason) for ended in machine.take_notes()[0]]


def test_a_timed_move_ends_exactly() -> None:
    """Its stop goes out at its end, not at the next repetition."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0, duration=1.03)
    follow(machine, 101.02)
    assert machine.wake_at() == pytest.approx(101.03)
    machine.poll(101.029)
    assert ends(machine) == []
    output = machine.poll(machine.wake_at())
    assert output is not None and (output.setpoint, output.epoch) == (None, 1)
    assert ends(machine) == [(1, Reason.DONE)]


def test_with_feedback_a_move_is_done_when_the_robot_rests() -> None:
    """The call ends when rest is seen, which may be before the hold is over."""
    machine = actuator(SEEING)
    assert machine.rest is not None
    go(machine, 1, 100.0, duration=1.0)
    machine.poll(101.0)
    assert (machine.state, ends(machine)) == (STOPPING, [])
    for at in (101.2, 101.3, 101.4, 101.5, 101.6):
        machine.measured(twist(0.0, 0.0), at)
    machine.poll(101.6)
    assert (machine.state, ends(machine)) == (STOPPING, [(1, Reason.DONE)])
    follow(machine, 103.0, lambda at: 0.0, now=101.7)
    assert (machine.state, ends(machine)) == (IDLE, [])


def test_with_feedback_a_move_whose_stop_fails_is_not_done() -> None:
    """The call's error states that the robot was not seen to come to rest."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0, duration=1.0)
    machine.poll(101.0)
    follow(machine, 106.01)
    assert ends(machine) == [(1, Reason.NOT_AT_REST)]


@pytest.mark.parametrize('reason', [
    Reason.STOPPED, Reason.CANCELLED, Reason.SESSION_ENDED, Reason.DISCONNECTED,
    Reason.LEASE_OVER, Reason.PATH_LOST, Reason.STALLED, Reason.SHUTDOWN])
def test_a_motion_ends_for_the_reason_of_its_stop(reason: Reason) -> None:
    """Once, with the epoch of the motion and not of the stop."""
    machine = actuator(BLIND)
    go(machine, 1, 100.0)
    machine.stop(reason, 2, 101.0)
    machine.stop(Reason.STOPPED, 3, 101.1)
    follow(machine, 110.0)
    assert ends(machine) == [(1, reason)]


def test_a_finished_move_that_waits_for_rest_can_still_be_stopped_or_superseded() -> None:
    """Whatever comes first ends it, and only once."""
    machine = actuator(SEEING)
    go(machine, 1, 100.0, duration=1.0)
    machine.poll(101.0)
    machine.stop(Reason.STOPPED, 2, 101.1)
    machine.poll(101.1)
    assert ends(machine) == [(1, Reason.STOPPED)]
    go(machine, 3, 101.2, duration=1.0)
    machine.poll(102.2)
    go(machine, 4, 102.3)
    assert ends(machine) == [(3, Reason.SUPERSEDED)]
    halt(machine, 5, 103.0)
    follow(machine, 106.0, lambda at: 0.0, now=103.0)
    assert ends(machine) == [(4, Reason.STOPPED)]


def test_a_stop_that_stopped_nothing_ends_nothing() -> None:
    """Only motions have an end."""
    machine = actuator(BLIND)
    halt(machine, 1, 100.0)
    follow(machine, 110.0)
    assert ends(machine) == []


# ---- moves that are steered by feedback ---------------------------------------------------------


def steered(machine: Actuator, now: float = 100.0) -> None:
    """Begin a drive of one metre at half a metre a second, ten seconds at most."""
    assert machine.rest is not None
    machine.measured(BaseSample(), now)
    course = MoveProfile(Along.PATH, 1.0, 0.5, 100.0)
    machine.command(Motion(AHEAD, 10.0, course), OpenClaim(), 1, now)
    machine.poll(now)


def slow(seconds: float) -> BaseSample:
    """Return odometry of a robot that drives at a tenth of the speed since so long (s)."""
    return BaseSample(x=0.05 * seconds, linear=(0.05, 0.0, 0.0))


def details(machine: Actuator) -> list[tuple[Reason, str]]:
    """Return how motions ended, with the text for the client."""
    return [(end.reason, end.detail) for end in machine.take_notes()[0]]


def roll(machine: Actuator, begin: float, end: float) -> None:
    """Roll at half a metre a second since 100, with odometry and polls every 100 ms."""
    for i in range(1, round((end - begin) * 10) + 1):
        now = begin + i / 10
        machine.measured(BaseSample(x=(now - 100.0) / 2, linear=(0.5, 0.0, 0.0)), now)
        machine.poll(now)


def test_a_steered_move_is_done_when_the_odometry_shows_its_end() -> None:
    """It stops there, and its call ends at rest."""
    machine = actuator(SEEING)
    steered(machine)
    roll(machine, 100.0, 101.8)
    assert machine.state is MOVING
    roll(machine, 101.8, 102.2)
    assert (machine.state, ends(machine)) == (STOPPING, [])
    for i in range(1, 11):
        machine.measured(BaseSample(x=1.1), 102.2 + i / 10)
        machine.poll(102.2 + i / 10)
    assert ends(machine) == [(1, Reason.DONE)]


def test_a_steered_move_has_a_time_limit() -> None:
    """A robot at a tenth of its speed is not stopped before; the limit is exact."""
    machine = actuator(SEEING)
    steered(machine)
    for i in range(1, 100):
        machine.measured(slow(i / 10), 100.0 + i / 10)
        machine.poll(100.0 + i / 10)
    assert machine.state is MOVING
    machine.measured(slow(9.9), 109.999)
    assert machine.wake_at() <= 110.0
    machine.poll(110.0)
    assert (machine.state, details(machine)) == (STOPPING, [(
        Reason.TIME_LIMIT,
        'the feedback shows 0.495 m of 1 m (commanded: 0.5 m/s) after 10 s (max_move_duration); '
        'on the feedback, pose moves at 0.0376 m/s, twist reports 0.05 m/s')])


def test_a_steered_move_ends_when_its_feedback_falls_silent() -> None:
    """Exactly then: the machine wakes for it."""
    machine = actuator(SEEING)
    steered(machine)
    roll(machine, 100.0, 101.0)
    sent = follow(machine, 101.499)
    assert machine.state is MOVING
    assert all(output.setpoint is not None for _, output in sent)
    follow(machine, 101.505)
    assert (machine.state, ends(machine)) == (STOPPING, [(1, Reason.STALE_FEEDBACK)])


NOT_NUMBERS = [
    BaseSample(x=math.nan, linear=(0.5, 0.0, 0.0)), BaseSample(yaw=math.inf),
    BaseSample(linear=(math.nan, 0.0, 0.0)), BaseSample(angular=(0.0, 0.0, -math.inf))]


@pytest.mark.parametrize('sample', NOT_NUMBERS, ids=repr)
def test_a_sample_that_is_not_a_number_does_not_end_a_steered_move(sample: BaseSample) -> None:
    """The move ends where it would without that sample, and not earlier or later."""
    ends_at = []
    for dropped in (False, True):
        machine = actuator(SEEING)
        steered(machine)
        now = 100.0
        while machine.state is MOVING and now < 110.0:
            now += 0.02
            machine.measured(BaseSample(x=0.5 * (now - 100.0), linear=(0.5, 0.0, 0.0)), now)
            if dropped:
                machine.measured(sample, now + 0.01)
                machine.poll(now + 0.01)
            machine.poll(now + 0.015)
        ends_at.append(now)
        assert machine.reason is Reason.DONE
    assert ends_at[0] == ends_at[1] < 103.0


@pytest.mark.parametrize('sample', NOT_NUMBERS, ids=repr)
def test_a_steered_move_ends_when_all_samples_of_the_feedback_timeout_are_not_numbers(
        sample: BaseSample) -> None:
    """Unknown means stop, at the time at which silence would end it."""
    machine = actuator(SEEING)
    steered(machine)
    for at in (100.1, 100.2, 100.3, 100.4, 100.499):
        machine.measured(sample, at)
        machine.poll(at)
    assert machine.state is MOVING
    assert machine.wake_at() <= 100.5
    machine.poll(100.5)
    assert (machine.state, ends(machine)) == (STOPPING, [(1, Reason.STALE_FEEDBACK)])


def test_a_steered_move_begins_although_the_newest_sample_is_not_a_number() -> None:
    machine = actuator(SEEING)
    machine.measured(slow(0.0), 100.0)
    machine.measured(NOT_NUMBERS[0], 100.3)
    machine.command(
        Motion(AHEAD, 10.0, MoveProfile(Along.PATH, 1.0, 0.5, 1.0)), OpenClaim(), 1, 100.499)
    machine.poll(100.499)
    assert machine.state is MOVING
    machine.poll(100.5)
    assert (machine.state, ends(machine)) == (STOPPING, [(1, Reason.STALE_FEEDBACK)])


def test_a_finite_move_with_the_same_setpoint_as_before_is_sent_at_once() -> None:
    """Its time counts from its first output; only what is held is passed over."""
    machine = actuator(RARE)
    go(machine, 1, 100.0)
    machine.poll(100.0)
    machine.command(Motion(AHEAD, 2.0), OpenClaim(), 2, 100.1)
    assert [output.epoch for _, output in follow(machine, 100.12)] == [2]
