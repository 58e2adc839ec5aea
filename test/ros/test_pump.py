# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The safety loop, with the real supervisor, real threads and drivers that record their calls.

No rclpy here. The clock is real except where a stall is simulated.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
import math
import threading
import time
from typing import Any

import pytest

from host import took
from processes import MARGIN, PATIENCE, wait_until
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import Stalled
from viam_session_bridge.core.events import Ended, Identity, LastResort, Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.locked_supervisor import locked_bridge, LockedBridge, Polled
from viam_session_bridge.ros import pump as pump_module
from viam_session_bridge.ros.pump import Pump, SLOW_CALL

NAMES = ('a', 'b', 'c')
FORWARD = Motion(Velocity((0.2, 0.0, 0.0)))
HOLD = 1.0  # s; a stall of the machine must leave room for several stops
PULSE = 'pulse:'
WINDOW = 30.0  # s; sessions are not tested here


class RecordingDriver:
    """Records (name, setpoint or None, when) in a list that all drivers share."""

    def __init__(self, name: str, told: list[tuple[str, Velocity | None, float]]) -> None:
        self.name = name
        self.told = told
        self.fault: Callable[[], None] = lambda: None

    def send(self, setpoint: Velocity, epoch: int) -> None:
        self.told.append((self.name, setpoint, time.monotonic()))
        self.fault()

    def stop(self, epoch: int) -> None:
        self.told.append((self.name, None, time.monotonic()))
        self.fault()

    def path_problem(self) -> str:
        return ''


class SharedRecorder:
    """Records each flush in the list of the drivers that share it."""

    resources = ('a', 'b')

    def __init__(self, told: list[tuple[str, Velocity | None, float]]) -> None:
        self.told = told
        self.fault: Callable[[], None] = lambda: None

    def flush(self) -> None:
        self.told.append(('flush', None, time.monotonic()))
        self.fault()


class Rig:
    """The supervisor, its pump and three drivers; pulses go to `pulse` between their calls."""

    def __init__(self, locked: LockedBridge | None = None, sharing: bool = False,
                 stale_after: float = math.inf) -> None:
        self.pulse: Callable[[Outputs], None] = self._tell
        self.locked = locked or locked_bridge(resources(), policy())
        self.told: list[tuple[str, Velocity | None, float]] = []
        self.drivers = {name: RecordingDriver(name, self.told) for name in NAMES}
        self.reports: list[tuple[Outputs, dict[str, str], str]] = []
        self.failures: list[BaseException] = []
        self.shared = SharedRecorder(self.told)
        self.pump = Pump(
            self.locked, self.drivers, self._report, self.failures.append,
            [self.shared] if sharing else [], tell=lambda outputs: self.pulse(outputs),
            stale_after=stale_after)
        self.caller = Caller(self.locked.start_session(Caller()).id)

    def _tell(self, outputs: Outputs) -> None:
        if outputs.pulse is not None:
            self.told.append((PULSE + ','.join(outputs.pulse.active), None, time.monotonic()))

    def _report(self, outputs: Outputs, faults: dict[str, str], slow: str) -> None:
        self.reports.append((outputs, faults, slow))

    def start(self) -> 'Rig':
        self.pump.start()
        return self

    def command(self, name: str, motion: Motion = FORWARD, **options: Any) -> int:
        return self.locked.command(name, motion, self.caller, **options)

    def of(self, name: str, since: int = 0) -> list[Velocity | None]:
        return [setpoint for driver, setpoint, _ in self.told[since:] if driver == name]

    def faults(self) -> list[dict[str, str]]:
        return [faults for _, faults, _ in list(self.reports) if faults]


def resources() -> list[ActuatedResource]:
    return [ActuatedResource('base', name, VelocityLimits(1.0, 1.0), ActuatorSettings(
        stop_hold=HOLD, require_path=False)) for name in NAMES]


def policy() -> Policy:
    return Policy(sessions=SessionSettings(WINDOW), stop_on_disconnect=False, stall_limit=10.0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    if rig.pump.alive:
        rig.pump.stop(5.0)


def test_a_setpoint_is_repeated_then_stopped_and_then_nothing_is_sent(rig: Rig) -> None:
    """20 Hz while it holds, zeros for the hold time, nothing afterwards."""
    rig.start().command('a')
    wait_until(lambda: len(rig.of('a')) >= 6, 'repetition')
    moves = [at for _, _, at in rig.told]
    assert moves[5] - moves[0] >= 0.2
    assert took(moves[0], moves[5]) <= 0.25 + MARGIN
    rig.locked.stop('a')
    wait_until(lambda: rig.locked.states()['a'].value == 'idle', 'the end of the hold')
    told = rig.of('a')
    first = told.index(None)
    assert set(told[:first]) == {FORWARD.setpoint} and set(told[first:]) == {None}
    assert len(told) - first >= 3
    time.sleep(0.3)
    assert rig.of('a') == told
    assert not rig.of('b')


def test_an_idle_pump_sends_nothing(rig: Rig) -> None:
    """Also when it is woken."""
    rig.locked.poll()  # it takes the event of the rig's session
    rig.start()
    for _ in range(20):
        rig.locked.wake()
        time.sleep(0.005)
    assert not rig.told and not rig.reports
    assert rig.pump.stop(5.0) and not rig.pump.alive and not rig.failures


def test_a_driver_that_raises_skips_no_other_and_is_reported(rig: Rig) -> None:
    """Other resources continue, its own stop is retried, and the report names it."""
    rig.drivers['a'].fault = fail(OSError('unplugged'))
    rig.start()
    for name in NAMES:
        rig.command(name)
    wait_until(lambda: all(rig.of(name).count(FORWARD.setpoint) >= 3 for name in NAMES),
               'all are driven')
    mark = len(rig.told)
    rig.locked.stop_all()
    wait_until(lambda: all(rig.of(name, mark).count(None) >= 3 for name in NAMES), 'all stop')
    assert rig.faults()
    assert all('unplugged' in faults['a'] and set(faults) == {'a'} for faults in rig.faults())
    assert rig.pump.alive and not rig.failures


def test_a_driver_that_blocks_is_reported_and_delays_the_others_by_its_call_only(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other resources are at most 50 ms late, and the report names the driver."""
    monkeypatch.setattr(pump_module, 'SLOW_CALL', SLOW_CALL)
    lasted: list[float] = []

    def block() -> None:
        began = time.monotonic()
        time.sleep(0.05)
        lasted.append(time.monotonic() - began)

    rig.drivers['b'].fault = block
    rig.start()
    for name in NAMES:
        rig.command(name)
    wait_until(lambda: all(len(rig.of(name)) >= 3 for name in NAMES), 'all are driven')
    mark = len(rig.told)
    asked = time.monotonic()
    rig.locked.stop_all()
    stopped = wait_until(
        lambda: [at for name, setpoint, at in rig.told[mark:] if name == 'c' and not setpoint],
        'the stop of another resource')
    assert took(asked, stopped[0]) < 0.5
    slow = [text for _, _, text in rig.reports if text.startswith('b: publishing')]
    assert slow and '(limit 20 ms)' in slow[0]
    # A busy machine makes the call longer; the report has what it lasted.
    reported = float(slow[0].partition(' took ')[2].partition(' ms')[0])
    assert any(0.0 <= reported - round(one * 1e3) < 10.0 for one in lasted), (slow[0], lasted)
    assert not rig.faults() and rig.pump.alive, 'a slow call is no fault'


def test_stops_go_out_before_motion_in_the_same_pass(rig: Rig) -> None:
    """The motion of a slow driver must not delay the stop of another resource."""
    rig.start()
    for name in NAMES:
        rig.command(name)
    wait_until(lambda: all(rig.of(name) for name in NAMES), 'all are driven')
    # While 'a' holds the pump inside a pass, a stop and new motions gather for the next one.
    inside, release = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        release.wait(PATIENCE)

    rig.drivers['a'].fault = hold
    assert inside.wait(PATIENCE)
    rig.drivers['a'].fault = lambda: None
    rig.command('a')
    rig.command('b')
    rig.locked.stop('c')
    # The next output of each is due by then.
    time.sleep(0.1)
    release.set()

    def passes() -> list[list[str]]:
        stops = [[output.resource for output in outputs.outputs if output.setpoint is None]
                 for outputs, _, _ in list(rig.reports)]
        return [names for names in stops if 'c' in names]

    # A pass is reported after all its outputs.
    assert wait_until(passes, 'the pass with the stop')[0] == ['c']
    stop_at = next(i for i, (name, setpoint, _) in enumerate(rig.told)
                   if name == 'c' and setpoint is None)
    # The interrupted pass still sends the motions of b and c; the stop follows.
    following = rig.told[stop_at + 1:stop_at + 3]
    assert {name for name, _, _ in following} == {'a', 'b'}


def test_a_poll_that_raises_stops_every_driver_before_the_report() -> None:
    """The last resort: repeated zeros to all, even past a driver that raises."""
    broken = threading.Event()

    class Breaking(LockedBridge):

        def poll(self) -> Polled:
            if broken.is_set():
                raise ZeroDivisionError('deciding failed')
            return super().poll()

    rig = Rig(Breaking(Supervisor(resources(), policy(), lambda: ID)))
    told_at_death: list[int] = []
    rig.pump = Pump(rig.locked, rig.drivers, lambda *_: None,
                    lambda problem: (told_at_death.append(len(rig.told)),
                                     rig.failures.append(problem))[0],
                    [rig.shared])
    rig.start().command('a')
    wait_until(lambda: len(rig.of('a')) >= 2, 'motion')
    rig.drivers['b'].fault = fail(OSError('unplugged'))
    mark = len(rig.told)
    broken.set()
    wait_until(lambda: rig.failures, 'the report of the failure')
    assert isinstance(rig.failures[0], ZeroDivisionError)
    for name in NAMES:
        # 'a' may have received one more motion between the mark and the fault.
        last = [setpoint for driver, setpoint, _ in rig.told[mark:told_at_death[0]]
                if driver == name][-4:]
        assert last == [None] * 4
    names = [name for name, _, _ in rig.told[:told_at_death[0]]]
    # Only the last resort has called 'b'.
    assert 'flush' in names[names.index('b'):]
    wait_until(lambda: not rig.pump.alive, 'the end of the thread')


@pytest.fixture
def sharing() -> Iterator[Rig]:
    """Give a rig whose drivers share an output."""
    rig = Rig(sharing=True)
    yield rig
    if rig.pump.alive:
        rig.pump.stop(5.0)


def test_what_drivers_share_goes_out_once_after_all_of_them(sharing: Rig) -> None:
    """Stops of several that are due at once make one message."""
    rig = sharing
    for name in NAMES:
        rig.command(name)
    rig.start()
    wait_until(lambda: 'flush' in [name for name, _, _ in rig.told], 'the first pass')
    mark = len(rig.told)
    rig.locked.stop_all()
    wait_until(lambda: all(None in rig.of(name, mark) for name in NAMES), 'the stops')
    # A pass that was under way sends the rest of its motion before.
    first = next(index for index, (name, setpoint, _) in enumerate(rig.told)
                 if index >= mark and name in NAMES and setpoint is None)
    wait_until(lambda: len(rig.told) >= first + 4, 'the end of the pass')
    following = [(name, setpoint) for name, setpoint, _ in rig.told[first:first + 4]]
    assert set(following[:3]) == {(name, None) for name in NAMES}
    assert following[3] == ('flush', None)


def test_a_fault_of_a_shared_output_is_reported_for_all_its_resources(sharing: Rig) -> None:
    """And the others continue."""
    rig = sharing
    rig.shared.fault = fail(OSError('unplugged'))
    rig.command('c')
    rig.start()
    wait_until(lambda: len(rig.of('c')) >= 3, 'repetition')
    assert all(set(faults) == {'a', 'b'} and 'unplugged' in faults['a']
               for faults in rig.faults())
    assert rig.faults() and not rig.failures


def test_waiting_calls_are_answered_after_the_drivers_were_called(rig: Rig) -> None:
    """When a call is answered that its motion has ended, the stop was sent."""
    told: list[tuple[Reason, list[Velocity | None]]] = []
    rig.start().command('a', Motion(FORWARD.setpoint, 0.15),
                        on_end=lambda ended: told.append((ended.reason, rig.of('a'))))
    wait_until(lambda: told, 'the end of the move')
    reason, before = told[0]
    assert reason is Reason.DONE and before[-1] is None


def test_a_waiter_that_raises_leaves_nothing_moving(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not the loop continues, each driver stays monitored and no fault is hidden."""
    monkeypatch.setattr(pump_module, 'LAST_RESORT_HOLD', 0.3)
    rig.start().command('b')
    rig.command('a', on_end=fail(RuntimeError('the loop is closed')))
    wait_until(lambda: rig.of('a') and rig.of('b'), 'motion')
    rig.locked.stop('a')
    wait_until(lambda: rig.of('a')[-1] is None, 'the stop')
    wait_until(lambda: rig.failures or len(rig.of('a')) > 6, 'the failure or further stops')
    if not rig.pump.alive or rig.failures:
        assert isinstance(rig.failures[0], RuntimeError)
        assert rig.of('b')[-1] is None
    else:
        rig.locked.stop('b')
        wait_until(lambda: rig.of('b')[-1] is None, 'a stop by a loop that continues')


def test_a_report_that_raises_is_a_failure_with_stops(rig: Rig) -> None:
    """The loop must not end without stops."""
    rig.pump = Pump(rig.locked, rig.drivers, fail(ValueError('no log')), rig.failures.append)
    rig.start().command('a')
    wait_until(lambda: rig.failures, 'the report of the failure')
    assert rig.told[-1][1] is None and len(rig.of('c')) >= 3


def test_a_driver_that_hangs_does_not_delay_the_others_in_the_last_resort(rig: Rig) -> None:
    """The first driver may be the one that made the loop hang."""
    release = threading.Event()
    rig.drivers['a'].fault = release.wait
    rig.pump.last_resort()
    release.set()
    for name in ('b', 'c'):
        assert rig.of(name).count(None) >= 3


def test_a_driver_whose_last_resort_starts_after_its_end_is_stopped_once(rig: Rig) -> None:
    """A busy machine may start the thread that late."""
    pump_module._repeat(lambda: rig.drivers['a'].stop(0), time.monotonic() - 1.0)
    assert rig.of('a') == [None]


def test_the_last_resort_stops_what_concerns_it(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard must not stop what its bridge has never moved."""
    monkeypatch.setattr(pump_module, 'LAST_RESORT_HOLD', 0.3)
    monkeypatch.setattr(rig.locked, 'concern', lambda: {'b'})
    rig.pump.last_resort()
    assert {name for name, _, _ in rig.told} == {'b'}


def test_the_last_resort_is_an_event_that_names_what_it_stops(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No decision is behind these stops, so no other event tells of them."""
    monkeypatch.setattr(pump_module, 'LAST_RESORT_HOLD', 0.3)
    monkeypatch.setattr(rig.locked, 'concern', lambda: {'b', 'a', 'no output of ours'})
    before = rig.locked.now()
    rig.pump.last_resort()
    [(outputs, _, _)] = rig.reports
    assert outputs.events == (LastResort(('a', 'b')),)
    assert before <= outputs.at <= rig.locked.now()


def test_a_report_that_fails_does_not_end_the_last_resort(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be no memory for it."""
    monkeypatch.setattr(pump_module, 'LAST_RESORT_HOLD', 0.3)
    monkeypatch.setattr(rig.locked, 'concern', lambda: {'b'})
    monkeypatch.setattr(rig.pump, '_report', lambda *arguments: 1 / 0)
    rig.pump.last_resort()
    assert rig.of('b')


# ---- the pulse ----------------------------------------------------------------------------------


@pytest.fixture
def pulsing() -> Iterator[Rig]:
    rig = Rig(locked_bridge(resources(), policy(), identity=Identity('own', patience=0.25)))
    yield rig
    if rig.pump.alive:
        rig.pump.stop(5.0)


def test_a_pulse_is_sent_after_the_stops_and_before_the_motion_of_its_pass(pulsing: Rig) -> None:
    """Nothing delays a stop, and nothing moves before the guard is informed."""
    rig = pulsing
    rig.command('a')
    rig.start()
    wait_until(lambda: rig.of('a'), 'motion')
    rig.pump.stop(5.0)
    names = [name for name, _, _ in rig.told]
    assert names.index(PULSE + 'a') < names.index('a')
    del rig.told[:]
    rig.locked.stop('a')
    rig.command('b')
    rig.pump._pass()
    assert [name for name, _, _ in rig.told] == ['a', PULSE + 'a,b', 'b']


@pytest.mark.parametrize('blocked', ['stop', 'send'])
def test_a_driver_that_does_not_come_back_ends_the_pulse(pulsing: Rig, blocked: str) -> None:
    """A timer beside the loop would continue."""
    rig, free = pulsing, threading.Event()
    rig.start().command('a')
    wait_until(lambda: rig.of('a'), 'motion')
    inside = threading.Event()

    def block() -> None:
        inside.set()
        free.wait(PATIENCE)

    rig.drivers['a'].fault = block
    if blocked == 'stop':
        rig.locked.stop('a')
    assert inside.wait(PATIENCE), 'the call that blocks'
    pulses = [name for name, _, _ in rig.told if name.startswith(PULSE)]
    time.sleep(0.5)
    assert [name for name, _, _ in rig.told if name.startswith(PULSE)] == pulses
    free.set()
    rig.drivers['a'].fault = lambda: None
    wait_until(lambda: len([name for name, _, _ in rig.told if name.startswith(PULSE)])
               > len(pulses), 'the pulse again')


@pytest.mark.parametrize('motion', [
    FORWARD, replace(FORWARD, once=True, momentary=True, settles=True)], ids=['held', 'momentary'])
def test_motion_that_was_decided_before_a_freeze_is_never_sent(motion: Motion) -> None:
    """
    The pass is frozen between its pulse and its motion, as SIGSTOP can cause.

    The pump informs the supervisor: between two passes it may see no stall, and a motion that is
    sent only once would be lost without a report.
    """
    rig = freezing()
    ended: list[Ended] = []
    rig.command('a', motion, on_end=ended.append)
    rig.start()
    wait_until(lambda: ended, 'the end of the motion')
    rig.pump.stop(5.0)
    assert ended[0].reason is Reason.STALLED
    assert set(rig.of('a')) == {None}


def test_a_push_that_a_freeze_and_a_newer_one_ended_was_not_made() -> None:
    """The newer one arrives in the pass that detects the freeze, before it is reported."""
    rig, push = freezing(), replace(FORWARD, once=True, momentary=True, settles=True)
    ended: list[Ended] = []
    tell = rig.pulse

    def overtake(outputs: Outputs) -> None:
        tell(outputs)
        rig.pulse = lambda outputs: None
        rig.command('a', push)

    rig.pulse = overtake
    rig.command('a', push, on_end=ended.append)
    rig.pump._pass()
    rig.pump._pass()
    assert [one.reason for one in ended] == [Reason.STALLED]
    assert set(rig.of('a')) == {None}


def test_a_call_that_waits_for_a_motion_is_not_answered_with_success_after_a_freeze() -> None:
    """The motion waited until its driver was ready, and then the freeze occurred."""
    rig = freezing(ready_timeout=5.0)
    rig.drivers['a'].prepare = lambda setpoint, epoch: rig.locked.prepared('a', epoch, '')
    begun: list[Ended | None] = []
    _, waits = rig.locked.begin('a', FORWARD, rig.caller, begun.append)
    assert waits
    rig.start()
    wait_until(lambda: begun, 'the answer')
    assert begun[0] is not None and begun[0].reason is Reason.STALLED
    wait_until(lambda: rig.locked.states()['a'].value == 'idle', 'the end of the stop')
    assert set(rig.of('a')) == {None} and len(begun) == 1
    rig.pump.stop(5.0)


def freezing(ready_timeout: float | None = None) -> Rig:
    """Return a rig that freezes once, in the pass that would send a motion."""
    patience = 0.4
    rig = Rig(
        locked_bridge([
            replace(one, actuator=replace(one.actuator, ready_timeout=ready_timeout))
            for one in resources()],
            replace(policy(), stall_limit=math.inf), identity=Identity('own', patience=patience)),
        stale_after=patience / 2.0)

    def freeze(outputs: Outputs) -> None:
        if any(one.setpoint and not one.prepare for one in outputs.outputs):
            rig.pulse = lambda outputs: None
            time.sleep(0.6 * patience)

    rig.pulse = freeze
    return rig


def test_a_pulse_that_cannot_be_published_prevents_no_stop_and_is_reported(pulsing: Rig) -> None:
    rig = pulsing
    rig.pulse = fail(OSError('no network'))
    rig.start().command('a')
    wait_until(lambda: rig.of('a'), 'motion')
    rig.locked.stop('a')
    wait_until(lambda: None in rig.of('a'), 'the stop')
    assert rig.faults()[0] == {'pulse': 'OSError: no network'}


ID = '0b57ac6e-9f1c-4b5e-8d3a-1f2e3d4c5b6a'


def test_no_command_from_a_stall_is_sent_before_its_stop() -> None:
    """
    Law 11 with many queued commands: all of them may be stale.

    The first one that is handled detects the stall and is refused. The next ones are as old, and
    the stop was not sent yet: no motion may be sent before it.
    """
    now = [100.0]
    supervisor = Supervisor(
        resources(), Policy(sessions=SessionSettings(WINDOW), stop_on_disconnect=False,
                            stall_limit=0.125), lambda: ID)
    locked = LockedBridge(supervisor, lambda: now[0])
    rig = Rig(locked)
    rig.command('a')
    locked.poll()
    now[0] += 1.0
    with pytest.raises(Stalled):
        rig.command('a')
    try:
        rig.command('a')
    except Stalled:
        pass
    outputs = locked.poll().outputs.outputs
    assert [output.setpoint for output in outputs if output.resource == 'a'] == [None]


def fail(problem: Exception) -> Callable[..., None]:
    """Return a callable that raises."""
    def raising(*_: object) -> None:
        raise problem
    return raising
