# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The safety loop: poll the supervisor, send outputs to drivers, sleep until the next event.

The only thread that commands actuators. A late command cannot follow a stop, because there is no
queue for it to wait in. It never waits for a driver and never writes a log: a slow disk must not
delay a stop.
"""

from collections.abc import Callable, Mapping, Sequence
import ctypes
import functools
import math
import threading
import time
from typing import cast

from viam_session_bridge.core.events import LastResort, Output, Outputs, ServiceCommand
from viam_session_bridge.ros.interfaces import Driver, PartsDriver, SharedOutput, Supervision

# A driver call that takes longer than this (s) delays the stops of other resources; it is logged.
SLOW_CALL = 0.02

# If the decision loop has failed, zeros are sent to every driver for this time (s) and period (s).
LAST_RESORT_HOLD = 1.0
LAST_RESORT_PERIOD = 0.05

# The epoch of stops without a decision; their answers are not awaited.
LAST_RESORT_EPOCH = 0

# The name under which faults of publishing to other processes are reported.
PROCESSES = 'pulse'


# prctl(2): the timer slack of this thread in ns, by which the kernel may wake it late; the default
# is 50 us, to save power.
_PR_SET_TIMERSLACK = 29
_LEAST_SLACK = 1


class Pump:
    """
    Runs in a plain thread on the steady clock.

    shared: outputs that drivers share, each flushed once in a pass. tell: publishes what the
    outputs have for other processes; must not block. report: takes the outputs of a pass, driver
    faults by resource, and which call was slow (empty: none); must not block. on_death: called if
    the loop cannot go on, after a stop was sent to every driver. beat: called in every pass, and
    there is one every beat_period (s) at least. Motion that was decided longer than stale_after
    (s) ago is not sent, and the supervisor is informed of that stall.
    """

    def __init__(self, supervision: Supervision, drivers: Mapping[str, Driver],
                 report: Callable[[Outputs, dict[str, str], str], None],
                 on_death: Callable[[BaseException], None],
                 shared: Sequence[SharedOutput] = (),
                 beat: Callable[[], None] = lambda: None,
                 beat_period: float = math.inf,
                 tell: Callable[[Outputs], None] = lambda outputs: None,
                 stale_after: float = math.inf) -> None:
        self._supervision = supervision
        self._shared = shared
        self._tell = tell
        self._stale_after = stale_after
        self._drivers = drivers
        self._report = report
        self._on_death = on_death
        self._beat = beat
        self._beat_period = beat_period
        self._ended = False
        # How long (s) the slowest call of this pass took, and what it was.
        self._slowest = (0.0, '')
        self._thread = threading.Thread(target=self._run, name='pump', daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the loop after its current pass; returns whether it has ended in time (s)."""
        self._ended = True
        self._supervision.wake()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        _sharpen_timer()
        try:
            while not self._ended:
                self._beat()
                wake = self._pass()
                self._supervision.wait(min(wake, self._supervision.now() + self._beat_period))
        except BaseException as problem:
            self.last_resort()
            self._on_death(problem)

    def _pass(self) -> float:
        """Poll once and act on it; returns when to come again (s)."""
        began = self._supervision.now()
        polled = self._supervision.poll()
        outputs = polled.outputs
        faults: dict[str, str] = {}
        # Stops go out first: the motion of a slow driver must not delay the stop of another one.
        for output in outputs.outputs:
            if output.setpoint is None:
                self._drive(output, faults)
        # Calls that belong to stops begin before any motion is sent, which may be slow.
        self._flush_all(faults)
        # Then the pulse, so that a guard knows what is about to move. A driver that hangs in a
        # stop or in an earlier motion delays it, so that the guard takes over: this is intended.
        fault = self._attempt('sending the pulse', functools.partial(self._tell, outputs))
        if fault:
            faults[PROCESSES] = fault
        motions = [output for output in outputs.outputs if output.setpoint is not None]
        untold: Sequence[Output] = ()
        for index, output in enumerate(motions):
            # After a freeze in the middle of a pass, the rest of its motion is stale.
            late = self._supervision.now() - began
            if late > self._stale_after:
                untold = motions[index:]
                self._supervision.held_up(late, untold)
                break
            self._drive(output, faults)
        self._flush_all(faults)
        for command in polled.service_commands:
            self._run_command(command, faults)
        if polled.service_commands:
            self._flush_all(faults)
        polled.release(untold)
        slow = self._slow()
        if outputs.outputs or outputs.events or faults or slow:
            self._report(outputs, faults, slow)
        return outputs.wake

    def _slow(self) -> str:
        """Return which call of this pass was slow; empty where none was."""
        (took, what), self._slowest = self._slowest, (0.0, '')
        return '' if took <= SLOW_CALL else (
            f'{what} took {took * 1e3:.0f} ms (limit {SLOW_CALL * 1e3:.0f} ms); stops of other '
            'resources wait as long')

    def _drive(self, output: Output, faults: dict[str, str]) -> None:
        driver, setpoint, epoch = self._drivers[output.resource], output.setpoint, output.epoch
        act: Callable[[], None]
        if setpoint is None:
            act = functools.partial(driver.stop, epoch)
        elif output.prepare:
            act = functools.partial(cast(PartsDriver, driver).prepare, setpoint, epoch)
        else:
            act = functools.partial(driver.send, setpoint, epoch)
        what = 'the stop' if setpoint is None else 'the setpoint'
        fault = self._attempt(f'{output.resource}: publishing {what}', act)
        if fault:
            faults[output.resource] = fault

    def _run_command(self, command: ServiceCommand, faults: dict[str, str]) -> None:
        driver = cast(PartsDriver, self._drivers[command.resource])

        def call() -> None:
            try:
                driver.call(command.call, command.answer)
            except Exception as problem:
                command.answer(f'{type(problem).__name__}: {problem}', '')
                raise

        fault = self._attempt(f'{command.resource}: beginning a command of DoCommand', call)
        if fault:
            faults[command.resource] = fault

    def _flush_all(self, faults: dict[str, str]) -> None:
        for shared in self._shared:
            fault = self._attempt(
                f'{", ".join(shared.resources)}: sending what they share', shared.flush)
            if fault:
                faults.update(dict.fromkeys(shared.resources, fault))

    def _attempt(self, what: str, act: Callable[[], None]) -> str:
        """Run a call of a driver; returns its fault, or nothing."""
        began = time.monotonic()
        fault = _fault(act)
        self._slowest = max(self._slowest, (time.monotonic() - began, what))
        return fault

    def last_resort(self) -> None:
        """
        Send stops to the drivers for a second, whatever was decided.

        Each in its own thread: one that hangs, or waits for a lock that is never released, must
        not delay the others. Returns in any case.
        """
        began, end = self._supervision.now(), time.monotonic() + LAST_RESORT_HOLD
        names = set(self._supervision.concern())
        acts: list[Callable[[], None]] = [
            functools.partial(driver.stop, LAST_RESORT_EPOCH)
            for name, driver in self._drivers.items() if name in names]
        acts += [shared.flush for shared in self._shared if not names.isdisjoint(shared.resources)]
        threads = [threading.Thread(target=_repeat, args=(act, end), daemon=True) for act in acts]
        for thread, act in zip(threads, acts, strict=True):
            try:
                thread.start()
            except RuntimeError:  # no memory for another thread
                _fault(act)
        _fault(functools.partial(self._report_last_resort, names, began))
        time.sleep(max(0.0, end + LAST_RESORT_PERIOD - time.monotonic()))

    def _report_last_resort(self, names: set[str], began: float) -> None:
        event = LastResort(tuple(sorted(names.intersection(self._drivers))))
        self._report(Outputs(events=(event,), at=began), {}, '')


def _repeat(act: Callable[[], None], end: float) -> None:
    # Once at least: on a busy machine, this thread may start after the end.
    while True:
        _fault(act)
        time.sleep(LAST_RESORT_PERIOD)
        if time.monotonic() >= end:
            return


def _sharpen_timer() -> None:
    """Let the kernel wake the calling thread as exactly as possible; ignore a failure."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_LEAST_SLACK), 0, 0, 0)
    except (OSError, AttributeError):
        pass


def _fault(act: Callable[[], None]) -> str:
    try:
        act()
    except Exception as problem:  # noqa: B902  a fault of one driver must not skip the others
        return f'{type(problem).__name__}: {problem}'
    return ''
