# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The lock between threads: races run with barriers, waiting with the real clock.

No test sleeps. A race is run many times; what must hold afterwards holds however it went. That it
went both ways is asserted, too: who comes last to a barrier is always the first behind it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
import gc
from itertools import count
import math
from random import Random
import sys
import threading
import time
import weakref

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings, LEAST_SPACING
from viam_session_bridge.core.errors import (
    BridgeError,
    SessionExpired,
    StopOutstanding,
    UnknownResource,
)
from viam_session_bridge.core.events import Ended, Identity, Pulse
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import ServiceCall, Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import BaseSample
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.locked_supervisor import (
    locked_bridge,
    LockedBridge,
    LockedGuard,
    steady_now,
)

AHEAD = Motion(Velocity((0.5, 0.0, 0.0)))
ZERO = Motion(Velocity())
RESOURCES = [
    ActuatedResource('base', name, VelocityLimits(1.0, 1.0)) for name in ('left', 'right')]
POLICY = Policy(SessionSettings(heartbeat_window=2.0), stop_on_disconnect=False, stall_limit=1e9)
ROUNDS = 300
RACES = 2000  # of two threads, which take less than a millisecond each
ENOUGH = RACES // 20  # of either outcome

# Behind the barrier each spins for up to so many turns, longer than it takes to wake a thread.
MOST_SPINS = 3000
PATIENCE = 20.0


class FakeClock:
    """A clock that advances only when a test moves it; never backwards."""

    def __init__(self, now: float = 100.0) -> None:
        self.time = now

    def __call__(self) -> float:
        """Read the clock."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Go on."""
        assert seconds >= 0.0
        self.time += seconds


def faked() -> tuple[LockedBridge, FakeClock, Caller]:
    """Return a locked, its clock, and a session that has just beaten."""
    clock = FakeClock()
    numbers = count(1)
    locked = LockedBridge(Supervisor(RESOURCES, POLICY, lambda: f's{next(numbers)}'), clock)
    return locked, clock, ready(locked)


def real() -> tuple[LockedBridge, Caller]:
    """Return a locked on the real clock, and a session that has just beaten."""
    locked = locked_bridge(RESOURCES, POLICY)
    return locked, ready(locked)


def ready(locked: LockedBridge) -> Caller:
    """Let the stop paths be found, and start a session."""
    for name in ('left', 'right'):
        locked.path(name, '')
    caller = Caller(locked.start_session(Caller()).id)
    locked.admit(caller)
    locked.poll()
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
    """No gap in which a session expires: an accepted motion is owned by a live session."""
    outcomes: Counter[str] = Counter()
    for _ in range(RACES):
        locked, clock, ann = faked()
        clock.advance(1.9)
        outcome: list[str] = []

        def command(locked: LockedBridge = locked, ann: Caller = ann,
                    outcome: list[str] = outcome) -> None:
            try:
                locked.command('left', AHEAD, ann)
                outcome.append('accepted')
            except SessionExpired:
                outcome.append('refused')

        def expire(locked: LockedBridge = locked, clock: FakeClock = clock) -> None:
            clock.advance(0.1)
            locked.poll()

        together(command, expire, chance=chance)
        moving = [output for output in locked.poll().outputs.outputs if output.setpoint]
        lives = locked.sessions()
        outcomes[outcome[0]] += 1
        if outcome == ['refused']:
            assert locked.states()['left'] is State.IDLE
            assert not moving and not lives
        else:
            assert locked.states()['left'] is State.MOVING
            assert lives
    assert min(outcomes['accepted'], outcomes['refused']) >= ENOUGH, outcomes


def test_after_a_stop_returned_no_poll_sends_an_earlier_command(chance: Random) -> None:
    """State crosses threads, not messages: there is no queue for a late command to wait in."""
    locked, clock, ann = faked()
    issued: list[int] = [0]
    stopped: list[int] = [0]
    worlds: Counter[str] = Counter()
    done = threading.Event()

    def drive() -> None:
        while not done.is_set():
            issued.append(locked.command('left', AHEAD, ann))
            # Or the others would seldom get the lock.
            time.sleep(0.0)

    def pump() -> None:
        while not done.is_set():
            newest = stopped[-1]
            for output in locked.poll().outputs.outputs:
                assert output.setpoint is None or output.epoch > newest
                worlds['stopped' if output.setpoint is None else 'newer'] += 1
                # Outputs keep a distance in time; the session stays alive all the same.
                clock.advance(LEAST_SPACING)
                locked.admit(ann)

    def stop() -> None:
        end = time.monotonic() + PATIENCE / 2.0
        try:
            while min(worlds['stopped'], worlds['newer']) < ENOUGH and time.monotonic() < end:
                newest = issued[-1]
                locked.stop('left')
                stopped.append(newest)
                for _ in range(chance.randrange(MOST_SPINS)):
                    pass
        finally:
            done.set()

    together(drive, drive, pump, stop, chance=chance)
    assert min(worlds['stopped'], worlds['newer']) >= ENOUGH, worlds
    locked.stop('left')
    assert all(output.setpoint is None for output in locked.poll().outputs.outputs)


def test_a_stop_that_races_a_command_ends_in_one_of_two_worlds(chance: Random) -> None:
    """The command came first and is stopped, or it came second and moves; never in between."""
    worlds: Counter[State] = Counter()
    for _ in range(RACES):
        locked, _, ann = faked()
        ends: list[Ended] = []
        together(lambda locked=locked, ann=ann, ends=ends: locked.command(
                     'left', AHEAD, ann, ends.append),
                 lambda locked=locked: locked.stop('left'), chance=chance)
        polled = locked.poll()
        polled.release()
        stopped = [output.setpoint is None for output in polled.outputs.outputs]
        reasons = [ended.reason for ended in ends]
        state = locked.states()['left']
        worlds[state] += 1
        if state is State.MOVING:
            assert (stopped, reasons) == ([False], [])
        else:
            assert (stopped, reasons) == ([True], [Reason.STOPPED])
    assert min(worlds[State.MOVING], worlds[State.STOPPING]) >= ENOUGH, worlds


def test_on_end_is_called_exactly_once_however_many_race(chance: Random) -> None:
    """Commands, cancels, an expiry and polls from all sides: every waiting call is answered."""
    locked, clock, ann = faked()
    sent: Counter[int] = Counter()
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
                    sent[number] += 1
                    reasons[ended.reason] += 1

                epoch = locked.command(name, AHEAD, ann, on_end)
                waiting.append(number)
                if i % 3 == 0:
                    locked.cancel(name, epoch)
        finally:
            left.release()

    def pump() -> None:
        while not done.is_set():
            locked.poll().release()

    def watch() -> None:
        for _ in range(drivers):
            assert left.acquire(timeout=PATIENCE)
        done.set()

    together(*[drive] * drivers, pump, watch, chance=chance)
    clock.advance(2.0)
    locked.poll().release()
    assert len(waiting) == drivers * ROUNDS
    assert sent == Counter(waiting)
    assert reasons[Reason.CANCELLED] and reasons[Reason.SUPERSEDED], reasons


def test_many_threads_hammer_every_entrance(chance: Random) -> None:
    """Nothing but refusals comes out, nothing hangs, and a stop still stops."""
    locked, caller = real()
    jobs: list[Callable[[], object]] = [
        lambda: locked.command('left', AHEAD, caller, lambda reason: None),
        lambda: locked.command('right', Motion(AHEAD.setpoint, 0.001), caller),
        lambda: locked.command('left', ZERO, Caller()),
        lambda: locked.stop('left'),
        locked.stop_all,
        lambda: locked.cancel('right', 7),
        lambda: locked.beat(caller.session or '', caller),
        lambda: locked.admit(caller),
        lambda: locked.start_session(Caller(socket=3), caller.session or ''),
        locked.sessions,
        lambda: locked.update_sockets(locked.now(), frozenset([1, 2])),
        locked.watched_sockets,
        lambda: locked.measured('left', BaseSample(linear=(0.1, 0.0, 0.0))),
        lambda: locked.path('right', ''),
        lambda: locked.driver_appeared('left'),
        lambda: locked.is_moving('left'),
        locked.states,
        locked.reset,
        locked.wake,
        lambda: locked.configure(POLICY, {'left': VelocityLimits(1.0, 1.0)}),
        lambda: locked.wait(locked.poll().outputs.wake if locked.states() else 0.0),
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
            locked.wake()

    waker = threading.Thread(target=keep_waking, daemon=True)
    waker.start()
    try:
        together(*[lambda job=job: hammer(job) for job in jobs], chance=chance)
    finally:
        done.set()
        waker.join(PATIENCE)
    locked.stop_all()
    assert all(output.setpoint is None for output in locked.poll().outputs.outputs)
    assert State.MOVING not in locked.states().values()


# ---- the ends of motions ------------------------------------------------------------------------


def test_on_end_is_called_by_the_pump_and_with_the_reason() -> None:
    """Not by the thread that ended the motion, nor under the lock: it may take the lock again."""
    locked, _, ann = faked()
    ends: list[tuple[Reason, dict[str, State]]] = []
    locked.command('left', AHEAD, ann, lambda ended: ends.append((ended.reason, locked.states())))
    locked.poll().release()
    locked.stop('left')
    assert ends == []
    polled = locked.poll()
    assert ends == []
    together(polled.release)
    assert [(reason, states['left']) for reason, states in ends] == [
        (Reason.STOPPED, State.STOPPING)]
    locked.poll().release()
    assert len(ends) == 1


def test_on_end_of_a_refused_command_is_never_called() -> None:
    """The caller has the exception."""
    locked, clock, ann = faked()
    ends: list[Ended] = []
    clock.advance(2.0)
    with pytest.raises(SessionExpired):
        locked.command('left', AHEAD, ann, ends.append)
    locked.stop_all()
    for _ in range(3):
        clock.advance(1.0)
        locked.poll().release()
    assert ends == []


@pytest.mark.parametrize('motion', [
    ZERO, Motion(AHEAD.setpoint, 0.0), Motion(Velocity(), 3.0),
    Motion(Velocity((0.0, 0.5, 0.0)), 3.0)],
    ids=['zero', 'takes no time', 'zero for a while', 'nothing left after clamping'])
def test_on_end_of_a_zero_command_is_called_too(motion: Motion) -> None:
    """A move that is a stop has ended as requested: the call that waits for it must not hang."""
    locked, clock, ann = faked()
    ends: list[Ended] = []
    locked.command('left', motion, ann, ends.append)
    for _ in range(8):
        locked.poll().release()
        clock.advance(0.5)
    assert len(ends) == 1
    assert ends[0].reason in (Reason.DONE, Reason.STOPPED)


@pytest.mark.parametrize(('end', 'reason'), [
    (lambda locked, clock, epoch: clock.advance(1.0), Reason.DONE),
    (lambda locked, clock, epoch: locked.stop('left'), Reason.STOPPED),
    (lambda locked, clock, epoch: locked.stop_all(), Reason.STOPPED),
    (lambda locked, clock, epoch: locked.cancel('left', epoch), Reason.CANCELLED),
    (lambda locked, clock, epoch: locked.path('left', 'gone'), Reason.PATH_LOST),
    (lambda locked, clock, epoch: locked.shut_down(), Reason.SHUTDOWN),
])
def test_a_blocking_move_ends_for_its_reason(
        end: Callable[[LockedBridge, FakeClock, int], object], reason: Reason) -> None:
    """Once, whatever else happens later."""
    locked, clock, ann = faked()
    ends: list[Ended] = []
    epoch = locked.command('left', Motion(AHEAD.setpoint, 1.0), ann, ends.append)
    locked.poll().release()
    end(locked, clock, epoch)
    locked.poll().release()
    locked.stop_all()
    clock.advance(5.0)
    locked.poll().release()
    assert [ended.reason for ended in ends] == [reason]


def test_an_answered_call_is_removed() -> None:
    """A bridge that runs for months keeps nothing of the calls that it answered."""
    locked, _, ann = faked()

    def on_end(ended: Ended) -> None:
        pass

    gone = weakref.ref(on_end)
    locked.command('left', AHEAD, ann, on_end)
    del on_end
    assert gone() is not None
    locked.stop('left')
    locked.poll().release()
    gc.collect()
    assert gone() is None


def test_one_waiter_that_raises_does_not_silence_the_others() -> None:
    """Its event loop may be closed already; the others are answered all the same."""
    locked, _, ann = faked()
    ends: list[Ended] = []

    def broken(ended: Ended) -> None:
        raise RuntimeError('event loop is closed')

    locked.command('left', AHEAD, ann, broken)
    locked.command('right', AHEAD, ann, ends.append)
    locked.stop_all()
    polled = locked.poll()
    try:
        polled.release()
    except RuntimeError:
        pass
    assert [ended.reason for ended in ends] == [Reason.STOPPED]


# ---- what a guard can do ------------------------------------------------------------------------


def test_a_guard_receives_pulses_and_has_no_method_for_clients() -> None:
    """Nobody can command it, by type: no method of a bridge of that kind is there at all."""
    public = {name for name in vars(LockedBridge) if not name.startswith('_')}
    assert {'command', 'begin', 'go_on', 'service_command', 'press_emergency'} < public
    assert {name for name in public if hasattr(LockedGuard, name)} == {'receive'}


# ---- waiting ------------------------------------------------------------------------------------


def waits(locked: LockedBridge, until: float = math.inf) -> threading.Thread:
    """Let a pump wait on a thread of its own."""
    thread = threading.Thread(target=locked.wait, args=(until,), daemon=True)
    thread.start()
    return thread


# What makes the pump due: each after a motion of `left` was commanded, sent and paused for.
CHANGES: list[Callable[[LockedBridge, Caller, int], object]] = [
    lambda locked, ann, epoch: locked.command('left', AHEAD, ann),
    lambda locked, ann, epoch: locked.command('right', AHEAD, ann, lambda ended: None),
    lambda locked, ann, epoch: locked.begin('right', AHEAD, ann, lambda ended: None),
    lambda locked, ann, epoch: locked.command('left', ZERO, ann),
    lambda locked, ann, epoch: locked.go_on('left', epoch, AHEAD, 0.0),
    lambda locked, ann, epoch: locked.service_command(
        'left', ServiceCall('dock'), lambda problem, text: None),
    lambda locked, ann, epoch: locked.stop('right'),
    lambda locked, ann, epoch: locked.stop_all(),
    lambda locked, ann, epoch: locked.cancel('left', epoch),
    lambda locked, ann, epoch: locked.press_emergency('a test'),
    lambda locked, ann, epoch: locked.hear_emergency(True),
    lambda locked, ann, epoch: locked.shut_down(),
    lambda locked, ann, epoch: locked.path('left', 'gone'),
    lambda locked, ann, epoch: locked.driver_appeared('left'),
    lambda locked, ann, epoch: locked.stop_answered('left', epoch, ''),
    lambda locked, ann, epoch: locked.motion_answered('left', epoch, ''),
    lambda locked, ann, epoch: locked.goals('left', '/move', ('12',)),
    lambda locked, ann, epoch: locked.moved_late('left'),
    lambda locked, ann, epoch: locked.prepared('left', epoch, ''),
    lambda locked, ann, epoch: locked.runs_late('left', epoch, 0.1),
    lambda locked, ann, epoch: locked.update_sockets(locked.now(), frozenset()),
    lambda locked, ann, epoch: locked.configure(POLICY, {}),
    lambda locked, ann, epoch: locked.held_up(1.0, ()),
    lambda locked, ann, epoch: locked.end_pulses(),
    lambda locked, ann, epoch: locked.receive(Pulse(Identity('other', patience=1.0), 1)),
    lambda locked, ann, epoch: locked.wake(),
]


def moving() -> tuple[LockedBridge, Caller, int]:
    """Return what a caller without a session moves, and has just been sent."""
    locked, _ = real()
    caller = Caller(socket=5)
    epoch = locked.command('left', AHEAD, caller)
    locked.poll()
    return locked, caller, epoch


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_before_the_wait_is_not_lost(
        change: Callable[[LockedBridge, Caller, int], object]) -> None:
    """The pump decided to sleep, something changed, then it went to sleep: it does not."""
    locked, caller, epoch = moving()
    change(locked, caller, epoch)
    thread = waits(locked)
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_wakes_a_waiting_pump(
        change: Callable[[LockedBridge, Caller, int], object]) -> None:
    """However long it meant to sleep."""
    locked, caller, epoch = moving()
    thread = waits(locked)
    change(locked, caller, epoch)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_first_session_has_the_pump_plan_its_end() -> None:
    """It slept without end: nothing moved, and there was no session."""
    locked = locked_bridge(RESOURCES, POLICY)
    assert locked.poll().outputs.wake == math.inf
    thread = waits(locked)
    locked.start_session(Caller())
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert locked.poll().outputs.wake < math.inf


def test_a_reset_of_what_was_not_confirmed_wakes_the_pump() -> None:
    clock = FakeClock()
    settings = ActuatorSettings(stop_hold=0.1, stop_timeout=0.2, acknowledged=True)
    locked = LockedBridge(Supervisor(
        [replace(RESOURCES[0], actuator=settings)], POLICY, lambda: 's'), clock)
    locked.path('left', '')
    locked.command('left', AHEAD, Caller(socket=5))
    locked.poll()
    locked.stop('left')
    for _ in range(10):
        clock.advance(0.1)
        locked.poll()
    assert locked.states()['left'] is State.UNCONFIRMED
    assert locked.reset() == ['left']
    thread = waits(locked)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_refusal_that_stops_something_wakes_the_pump() -> None:
    """A command that waits for a stop raises; the stop goes out at once all the same."""
    locked, ann = real()
    locked.command('left', Motion(ServiceCall('dock')), ann)
    locked.poll()
    thread = waits(locked)
    with pytest.raises(StopOutstanding):
        locked.command('left', AHEAD, ann)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_poll_of_the_sockets_wakes_the_pump_only_when_it_ends_a_motion() -> None:
    """Looks come a hundred times a second."""
    locked = locked_bridge(RESOURCES, Policy(stall_limit=1e9))
    locked.path('left', '')
    locked.command('left', AHEAD, Caller(socket=5))
    locked.poll()
    locked.update_sockets(locked.now(), frozenset([5]))
    before = steady_now()
    locked.wait(before + 0.05)
    assert steady_now() >= before + 0.05
    locked.update_sockets(locked.now(), frozenset())
    thread = waits(locked)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_changes_nothing_that_the_pump_plans_does_not_wake_it() -> None:
    """Beats and feedback come all the time; a deadline that moved is noticed at its old place."""
    locked, ann = real()
    locked.poll()
    assert not locked.cancel('left', 1) and not locked.reset()
    locked.shut_down()
    locked.beat(ann.session or '', ann)
    locked.admit(ann)
    locked.measured('left', BaseSample())
    locked.is_moving('left')
    with pytest.raises(UnknownResource):
        locked.stop('nobody')
    before = steady_now()
    locked.wait(before + 0.05)
    assert steady_now() >= before + 0.05


@pytest.mark.parametrize('until', [-math.inf, 0.0, 100.0])
def test_an_instant_that_is_over_is_not_waited_for(until: float) -> None:
    """The clock is at 100: at or before it, the wait is over at once."""
    locked, _, _ = faked()
    thread = waits(locked, until)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_only_a_poll_takes_the_wake_up_away() -> None:
    """A wait that returned early returns again at once, until the next poll."""
    locked, _ = real()
    locked.wake()
    locked.wait(math.inf)
    locked.wait(math.inf)
    locked.poll()
    before = steady_now()
    locked.wait(before + 0.05)
    assert steady_now() >= before + 0.05


def test_no_wake_up_is_lost_in_a_long_conversation() -> None:
    """A pump that waits without end answers every single command of another thread."""
    locked, ann = real()
    answered = threading.Semaphore(0)

    def pump() -> None:
        for _ in range(ROUNDS):
            locked.wait(math.inf)
            locked.poll()
            answered.release()

    def drive() -> None:
        for _ in range(ROUNDS):
            locked.command('left', AHEAD, ann)
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
    locked, _ = real()
    ids = {locked.start_session(Caller()).id for _ in range(50)}
    assert len(ids) == 50
    for text in ids:
        assert locked.start_session(Caller(), text).id == text
