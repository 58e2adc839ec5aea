# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The door between threads: races told with barriers, waiting told with the real clock.

No test sleeps. A race is run many times; what must hold afterwards holds however it went. That it
went both ways is asserted, too: who comes last to a barrier is always the first behind it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
import gc
from itertools import count
import math
from random import Random
import sys
import threading
import time
import weakref

import pytest

from viam_session_bridge.bridge_gate import make_gate
from viam_session_bridge.core.cadence import LEAST_SPACING
from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.errors import BridgeError, SessionExpired, UnknownResource
from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.rest import BaseSample
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.door import steady_now
from viam_session_bridge.gate import Gate

AHEAD = Motion(Velocity((0.5, 0.0, 0.0)))
ZERO = Motion(Velocity())
RESOURCES = [Resource('base', name, VelocityLimits(1.0, 1.0)) for name in ('left', 'right')]
POLICY = Policy(SessionSettings(heartbeat_window=2.0), stop_on_disconnect=False, stall_limit=1e9)
ROUNDS = 300
RACES = 2000  # of two threads, which take less than a millisecond each
ENOUGH = RACES // 20  # of either outcome

# Behind the barrier each spins for up to so many turns, longer than it takes to wake a thread.
MOST_SPINS = 3000
PATIENCE = 20.0


class FakeClock:
    """A clock that stands until it is told to go on; never backwards."""

    def __init__(self, now: float = 100.0) -> None:
        self.time = now

    def __call__(self) -> float:
        """Read the clock."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Go on."""
        assert seconds >= 0.0
        self.time += seconds


def fake_gate() -> tuple[Gate, FakeClock, Caller]:
    """Return a gate, its clock, and a session that has just beaten."""
    clock = FakeClock()
    numbers = count(1)
    gate = Gate(Supervisor(RESOURCES, POLICY, lambda: f's{next(numbers)}'), clock)
    return gate, clock, ready(gate)


def real_gate() -> tuple[Gate, Caller]:
    """Return a gate on the real clock, and a session that has just beaten."""
    gate = make_gate(RESOURCES, POLICY)
    return gate, ready(gate)


def ready(gate: Gate) -> Caller:
    """Let the stop paths be found, and start a session."""
    for name in ('left', 'right'):
        gate.path(name, '')
    caller = Caller(gate.start_session(Caller()).id)
    gate.admit(caller)
    gate.poll()
    return caller


@pytest.fixture
def chance() -> Iterator[Random]:
    """Return a source of chance, and let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield Random(5)
    sys.setswitchinterval(before)


def together(*jobs: Callable[[], object], chance: Random | None = None) -> None:
    """
    Run all jobs at once, each on a thread of its own; raise what one of them raised.

    chance: lets each begin a little later, and in any order.
    """
    barrier = threading.Barrier(len(jobs))
    raised: list[BaseException] = []
    spins = [chance.randrange(MOST_SPINS) if chance else 0 for _ in jobs]

    def run(job: Callable[[], object], spins: int) -> None:
        try:
            barrier.wait(PATIENCE)
            for _ in range(spins):
                pass
            job()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=one, daemon=True)
               for one in zip(jobs, spins, strict=True)]
    if chance:
        chance.shuffle(threads)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


# ---- races --------------------------------------------------------------------------------------


def test_a_command_that_races_its_sessions_expiry_is_refused_or_counts(chance: Random) -> None:
    """No gap for a session to die in: what was accepted is owned by a living session."""
    outcomes: Counter[str] = Counter()
    for _ in range(RACES):
        gate, clock, ann = fake_gate()
        clock.advance(1.9)
        outcome: list[str] = []

        def command(gate: Gate = gate, ann: Caller = ann, outcome: list[str] = outcome) -> None:
            try:
                gate.command('left', AHEAD, ann)
                outcome.append('accepted')
            except SessionExpired:
                outcome.append('refused')

        def expire(gate: Gate = gate, clock: FakeClock = clock) -> None:
            clock.advance(0.1)
            gate.poll()

        together(command, expire, chance=chance)
        moving = [output for output in gate.poll().outputs.outputs if output.setpoint]
        lives = gate.sessions()
        outcomes[outcome[0]] += 1
        if outcome == ['refused']:
            assert gate.states()['left'] is State.IDLE
            assert not moving and not lives
        else:
            assert gate.states()['left'] is State.MOVING
            assert lives
    assert min(outcomes['accepted'], outcomes['refused']) >= ENOUGH, outcomes


def test_after_a_stop_returned_no_poll_tells_of_an_earlier_command(chance: Random) -> None:
    """State crosses threads, not messages: there is no queue for a late command to wait in."""
    gate, clock, ann = fake_gate()
    issued: list[int] = [0]
    stopped: list[int] = [0]
    worlds: Counter[str] = Counter()
    done = threading.Event()

    def drive() -> None:
        while not done.is_set():
            issued.append(gate.command('left', AHEAD, ann))
            # Or the others would seldom get the lock.
            time.sleep(0.0)

    def pump() -> None:
        while not done.is_set():
            newest = stopped[-1]
            for output in gate.poll().outputs.outputs:
                assert output.setpoint is None or output.epoch > newest
                worlds['stopped' if output.setpoint is None else 'newer'] += 1
                # Outputs keep a distance in time; the session is to live on all the same.
                clock.advance(LEAST_SPACING)
                gate.admit(ann)

    def stop() -> None:
        end = time.monotonic() + PATIENCE / 2.0
        try:
            while min(worlds['stopped'], worlds['newer']) < ENOUGH and time.monotonic() < end:
                newest = issued[-1]
                gate.stop('left')
                stopped.append(newest)
                for _ in range(chance.randrange(MOST_SPINS)):
                    pass
        finally:
            done.set()

    together(drive, drive, pump, stop, chance=chance)
    assert min(worlds['stopped'], worlds['newer']) >= ENOUGH, worlds
    gate.stop('left')
    assert all(output.setpoint is None for output in gate.poll().outputs.outputs)


def test_a_stop_that_races_a_command_ends_in_one_of_two_worlds(chance: Random) -> None:
    """The command came first and is stopped, or it came second and moves; never in between."""
    worlds: Counter[State] = Counter()
    for _ in range(RACES):
        gate, _, ann = fake_gate()
        ends: list[Ended] = []
        together(lambda gate=gate, ann=ann, ends=ends: gate.command(
                     'left', AHEAD, ann, ends.append),
                 lambda gate=gate: gate.stop('left'), chance=chance)
        polled = gate.poll()
        polled.release()
        stopped = [output.setpoint is None for output in polled.outputs.outputs]
        reasons = [ended.reason for ended in ends]
        state = gate.states()['left']
        worlds[state] += 1
        if state is State.MOVING:
            assert (stopped, reasons) == ([False], [])
        else:
            assert (stopped, reasons) == ([True], [Reason.STOPPED])
    assert min(worlds[State.MOVING], worlds[State.STOPPING]) >= ENOUGH, worlds


def test_on_end_is_called_exactly_once_however_many_race(chance: Random) -> None:
    """Commands, cancels, an expiry and polls from all sides: every call that waits is told."""
    gate, clock, ann = fake_gate()
    told: Counter[int] = Counter()
    reasons: Counter[Reason] = Counter()
    waiting: list[int] = []
    numbers = count()
    drivers = 4
    left = threading.Semaphore(0)
    done = threading.Event()

    def drive() -> None:
        try:
            for i in range(ROUNDS):
                number = next(numbers)
                name = 'left' if i % 2 else 'right'

                def on_end(ended: Ended, number: int = number) -> None:
                    told[number] += 1
                    reasons[ended.reason] += 1

                epoch = gate.command(name, AHEAD, ann, on_end)
                waiting.append(number)
                if i % 3 == 0:
                    gate.cancel(name, epoch)
        finally:
            left.release()

    def pump() -> None:
        while not done.is_set():
            gate.poll().release()

    def watch() -> None:
        for _ in range(drivers):
            assert left.acquire(timeout=PATIENCE)
        done.set()

    together(*[drive] * drivers, pump, watch, chance=chance)
    clock.advance(2.0)
    gate.poll().release()
    assert len(waiting) == drivers * ROUNDS
    assert told == Counter(waiting)
    assert reasons[Reason.CANCELLED] and reasons[Reason.SUPERSEDED], reasons


def test_many_threads_hammer_every_entrance(chance: Random) -> None:
    """Nothing but refusals comes out, nothing hangs, and a stop still stops."""
    gate, caller = real_gate()
    jobs: list[Callable[[], object]] = [
        lambda: gate.command('left', AHEAD, caller, lambda reason: None),
        lambda: gate.command('right', Motion(AHEAD.setpoint, 0.001), caller),
        lambda: gate.command('left', ZERO, Caller()),
        lambda: gate.stop('left'),
        gate.stop_all,
        lambda: gate.cancel('right', 7),
        lambda: gate.beat(caller.session or '', caller),
        lambda: gate.admit(caller),
        lambda: gate.start_session(Caller(socket=3), caller.session or ''),
        gate.sessions,
        lambda: gate.look(gate.now(), frozenset([1, 2])),
        gate.watched_sockets,
        lambda: gate.measured('left', BaseSample(linear=(0.1, 0.0, 0.0))),
        lambda: gate.path('right', ''),
        lambda: gate.driver_appeared('left'),
        lambda: gate.is_moving('left'),
        gate.states,
        gate.resources,
        gate.reset,
        gate.wake,
        lambda: gate.configure(POLICY, {'left': VelocityLimits(1.0, 1.0)}),
        lambda: gate.wait(gate.poll().outputs.wake if gate.states() else 0.0),
    ]

    def hammer(job: Callable[[], object]) -> None:
        for _ in range(100):
            try:
                job()
            except BridgeError:
                pass

    done = threading.Event()

    def keep_waking() -> None:
        # The job that waits as the pump does must not wait for ever once the others are through.
        while not done.is_set():
            gate.wake()

    waker = threading.Thread(target=keep_waking, daemon=True)
    waker.start()
    try:
        together(*[lambda job=job: hammer(job) for job in jobs], chance=chance)
    finally:
        done.set()
        waker.join(PATIENCE)
    gate.stop_all()
    assert all(output.setpoint is None for output in gate.poll().outputs.outputs)
    assert State.MOVING not in gate.states().values()


# ---- the ends of motions ------------------------------------------------------------------------


def test_on_end_is_called_by_the_pump_and_with_the_reason() -> None:
    """Not by the one who ended the motion, nor under the lock: it may enter the gate again."""
    gate, _, ann = fake_gate()
    ends: list[tuple[Reason, dict[str, State]]] = []
    gate.command('left', AHEAD, ann, lambda ended: ends.append((ended.reason, gate.states())))
    gate.poll().release()
    gate.stop('left')
    assert ends == []
    polled = gate.poll()
    assert ends == []
    together(polled.release)
    assert [(reason, states['left']) for reason, states in ends] == [
        (Reason.STOPPED, State.STOPPING)]
    gate.poll().release()
    assert len(ends) == 1


def test_on_end_of_a_refused_command_is_never_called() -> None:
    """The caller has the exception."""
    gate, clock, ann = fake_gate()
    ends: list[Ended] = []
    clock.advance(2.0)
    with pytest.raises(SessionExpired):
        gate.command('left', AHEAD, ann, ends.append)
    gate.stop_all()
    for _ in range(3):
        clock.advance(1.0)
        gate.poll().release()
    assert ends == []


@pytest.mark.parametrize('motion', [
    ZERO, Motion(AHEAD.setpoint, 0.0), Motion(Velocity(), 3.0),
    Motion(Velocity((0.0, 0.5, 0.0)), 3.0)],
    ids=['zero', 'takes no time', 'zero for a while', 'nothing left after clamping'])
def test_on_end_of_a_zero_command_is_called_too(motion: Motion) -> None:
    """A move that is a stop has ended as wished: the call that waits for it must not hang."""
    gate, clock, ann = fake_gate()
    ends: list[Ended] = []
    gate.command('left', motion, ann, ends.append)
    for _ in range(8):
        gate.poll().release()
        clock.advance(0.5)
    assert len(ends) == 1
    assert ends[0].reason in (Reason.DONE, Reason.STOPPED)


@pytest.mark.parametrize(('end', 'reason'), [
    (lambda gate, clock, epoch: clock.advance(1.0), Reason.DONE),
    (lambda gate, clock, epoch: gate.stop('left'), Reason.STOPPED),
    (lambda gate, clock, epoch: gate.stop_all(), Reason.STOPPED),
    (lambda gate, clock, epoch: gate.cancel('left', epoch), Reason.CANCELLED),
    (lambda gate, clock, epoch: gate.path('left', 'gone'), Reason.PATH_LOST),
    (lambda gate, clock, epoch: gate.shut_down(), Reason.SHUTDOWN),
])
def test_a_blocking_move_ends_for_its_reason(
        end: Callable[[Gate, FakeClock, int], object], reason: Reason) -> None:
    """Once, whatever else happens later."""
    gate, clock, ann = fake_gate()
    ends: list[Ended] = []
    epoch = gate.command('left', Motion(AHEAD.setpoint, 1.0), ann, ends.append)
    gate.poll().release()
    end(gate, clock, epoch)
    gate.poll().release()
    gate.stop_all()
    clock.advance(5.0)
    gate.poll().release()
    assert [ended.reason for ended in ends] == [reason]


def test_whoever_was_told_is_forgotten() -> None:
    """A bridge that runs for months keeps nothing of the calls that it answered."""
    gate, _, ann = fake_gate()

    def on_end(ended: Ended) -> None:
        pass

    gone = weakref.ref(on_end)
    gate.command('left', AHEAD, ann, on_end)
    del on_end
    assert gone() is not None
    gate.stop('left')
    gate.poll().release()
    gc.collect()
    assert gone() is None


def test_one_waiter_that_raises_does_not_silence_the_others() -> None:
    """Its event loop may be closed already; the rest is told all the same."""
    gate, _, ann = fake_gate()
    ends: list[Ended] = []

    def broken(ended: Ended) -> None:
        raise RuntimeError('event loop is closed')

    gate.command('left', AHEAD, ann, broken)
    gate.command('right', AHEAD, ann, ends.append)
    gate.stop_all()
    polled = gate.poll()
    try:
        polled.release()
    except RuntimeError:
        pass
    assert [ended.reason for ended in ends] == [Reason.STOPPED]


# ---- waiting ------------------------------------------------------------------------------------


def waits(gate: Gate, until: float = math.inf) -> threading.Thread:
    """Let a pump wait on a thread of its own."""
    thread = threading.Thread(target=gate.wait, args=(until,), daemon=True)
    thread.start()
    return thread


CHANGES: list[Callable[[Gate, Caller], object]] = [
    lambda gate, ann: gate.command('left', AHEAD, ann),
    lambda gate, ann: gate.command('left', ZERO, ann),
    lambda gate, ann: gate.stop('left'),
    lambda gate, ann: gate.stop_all(),
    lambda gate, ann: gate.cancel('left', 1),
    lambda gate, ann: gate.shut_down(),
    lambda gate, ann: gate.reset(),
    lambda gate, ann: gate.path('left', 'gone'),
    lambda gate, ann: gate.driver_appeared('left'),
    lambda gate, ann: gate.start_session(Caller()),
    lambda gate, ann: gate.configure(POLICY, {}),
    lambda gate, ann: gate.wake(),
]


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_before_the_wait_is_not_lost(change: Callable[[Gate, Caller], object]) -> None:
    """The pump decided to sleep, something changed, then it went to sleep: it does not."""
    gate, ann = real_gate()
    gate.poll()
    change(gate, ann)
    thread = waits(gate)
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_wakes_a_waiting_pump(change: Callable[[Gate, Caller], object]) -> None:
    """However long it meant to sleep."""
    gate, ann = real_gate()
    gate.poll()
    thread = waits(gate)
    change(gate, ann)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_look_wakes_the_pump_only_when_it_ends_a_motion() -> None:
    """Looks come a hundred times a second."""
    gate = make_gate(RESOURCES, Policy(stall_limit=1e9))
    gate.path('left', '')
    gate.command('left', AHEAD, Caller(socket=5))
    gate.poll()
    gate.look(gate.now(), frozenset([5]))
    before = steady_now()
    gate.wait(before + 0.05)
    assert steady_now() >= before + 0.05
    gate.look(gate.now(), frozenset())
    thread = waits(gate)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_changes_nothing_that_the_pump_plans_does_not_wake_it() -> None:
    """Beats and feedback come all the time; a deadline that moved is noticed at its old place."""
    gate, ann = real_gate()
    gate.poll()
    gate.beat(ann.session or '', ann)
    gate.admit(ann)
    gate.measured('left', BaseSample())
    gate.is_moving('left')
    with pytest.raises(UnknownResource):
        gate.stop('nobody')
    before = steady_now()
    gate.wait(before + 0.05)
    assert steady_now() >= before + 0.05


@pytest.mark.parametrize('until', [-math.inf, 0.0, 100.0])
def test_an_instant_that_is_over_is_not_waited_for(until: float) -> None:
    """The clock stands at 100: at or before it, the wait is over at once."""
    gate, _, _ = fake_gate()
    thread = waits(gate, until)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_only_a_poll_takes_the_wake_up_away() -> None:
    """A wait that returned early returns again at once, until somebody polled."""
    gate, _ = real_gate()
    gate.wake()
    gate.wait(math.inf)
    gate.wait(math.inf)
    gate.poll()
    before = steady_now()
    gate.wait(before + 0.05)
    assert steady_now() >= before + 0.05


def test_no_wake_up_is_lost_in_a_long_conversation() -> None:
    """A pump that waits without end answers every single command of another thread."""
    gate, ann = real_gate()
    answered = threading.Semaphore(0)

    def pump() -> None:
        for _ in range(ROUNDS):
            gate.wait(math.inf)
            gate.poll()
            answered.release()

    def drive() -> None:
        for _ in range(ROUNDS):
            gate.command('left', AHEAD, ann)
            assert answered.acquire(timeout=PATIENCE)

    together(pump, drive)


def test_the_steady_clock_never_goes_back_and_keeps_pace() -> None:
    """It counts seconds, as the monotonic clock does between two suspends."""
    monotonic, steady = time.monotonic(), steady_now()
    readings = [steady_now() for _ in range(1000)]
    assert readings == sorted(readings)
    assert abs((steady_now() - steady) - (time.monotonic() - monotonic)) < 1.0


def test_every_session_has_an_id_of_its_own_that_clients_can_parse() -> None:
    """Random, canonical UUIDs."""
    gate, _ = real_gate()
    ids = {gate.start_session(Caller()).id for _ in range(50)}
    assert len(ids) == 50
    for text in ids:
        assert gate.start_session(Caller(), text).id == text
