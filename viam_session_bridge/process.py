# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The start and end of the two safety processes, bridge and guard.

Exit status: 0 after a clean end, 1 when something failed or a stop was not confirmed, 2 for a
wrong configuration. Every wait during shutdown has a bound: where the stop loop hangs, or the lock
is never released, each driver receives a stop from a thread of its own, and the process exits
immediately.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, ExitStack, suppress
import fcntl
import functools
import gc
import math
import os
from queue import Empty, SimpleQueue
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, ClassVar, TextIO, TypeVar

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge import dds
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.locked_supervisor import LockedSupervisor
from viam_session_bridge.parameters.plugins import Unusable
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros.interfaces import EmergencyStopping
from viam_session_bridge.ros.journal import Journal, sinks_of
from viam_session_bridge.ros.node import BridgeNode, ExecutorThread, Report
from viam_session_bridge.ros.parameters import (
    ConfigurationError,
    explain_startup_error,
    where_from,
)
from viam_session_bridge.ros.pump import Pump

_Result = TypeVar('_Result')

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2

# Fast DDS may drop a message when its participant ends right after it (3-37 % of runs).
LINGER = 0.1

# The switch interval (s) after which a computing thread must let the pump run. The default of 5 ms
# would be the largest part of the delay of a stop.
SWITCH_INTERVAL = 0.0005

# A decision under the lock takes microseconds. One that has not returned after this time (s) never
# will.
LOCK_PATIENCE = 1.0

# A stop loop that has not ended this long (s) after it was requested to hangs.
PUMP_END = 1.0

# Where a part hangs, this much time (s) is left to log it.
LAST_WORDS = 1.0

# The threads that both have.
PUMP, EXECUTOR = 'the stop loop', 'the ROS executor'

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# The arguments that enable rclpy's own log file.
_WITH_LOG_FILE = '--enable-external-lib-logs'


class EndRequest:
    """
    Whether the process has to end: requested by signal handlers and by any thread.

    A signal handler interrupts the main thread anywhere, also in these methods, and a second
    signal interrupts the first handler. In a threading.Event, the lock would then be taken twice
    by one thread, for ever. A SimpleQueue may be interrupted by its own put.
    """

    def __init__(self) -> None:
        self._requests: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:  # noqa: A003
        """Request the end; may be repeated."""
        self._requests.put(None)

    def wait(self, timeout: float) -> bool:
        """Wait so long (s) for a request; returns whether there was one, now or before."""
        try:
            self._requests.get(timeout=timeout)
        except Empty:
            return False
        self.set()
        return True


class SafetyProcess:
    """
    The parts that bridge and guard both have, started and stopped in order.

    vital: the threads without which nothing is safe. explained: failures whose text is complete.
    Bounds of the shutdown (s): way_down for all parts together, after which one of them hangs;
    executor_end, of it, for the executor; teardown for rclpy's own end after that.
    """

    vital: ClassVar[tuple[str, ...]] = (PUMP, EXECUTOR)
    explained: ClassVar[tuple[type[BaseException], ...]] = ()
    way_down: ClassVar[float]
    executor_end: ClassVar[float]
    teardown: ClassVar[float]

    def __init__(self, node: Node, supervisor: LockedSupervisor[Any], config: BridgeConfig, *,
                 emergency: EmergencyStopping | None = None, companion: str = '',
                 is_open: Callable[[int], bool] = lambda socket: True) -> None:
        """
        Make the parts, except the pump.

        emergency, companion: see BridgeNode. is_open: see Journal.
        """
        self._node = node
        self._supervisor = supervisor
        self._leave = EndRequest()
        self._deaths: list[BaseException] = []
        self._logged = 0
        # The parts that hang: then the process cannot end in an orderly way.
        self.stuck: list[str] = []
        self._watchdog = ThreadWatchdog(supervisor.now, self.vital)
        is_guard = emergency is None
        self._journal = Journal(
            node.get_logger(), is_open, process='guard' if is_guard else 'bridge',
            node=node.get_fully_qualified_name(),
            sinks=sinks_of(node, config.events, is_guard), now=supervisor.now)
        self._ros = BridgeNode(
            node, supervisor, config, lambda: self._journal.faulty, self._beat_of(EXECUTOR),
            emergency=emergency, companion=companion, note=self._journal.event,
            reports=self._reports)
        self._executor = ExecutorThread(node, self._failed)

    def _add_pump(self, tell: Callable[[Outputs], None],
                  stale_after: float = math.inf) -> None:
        """Make the pump; see there."""
        self._pump = Pump(
            self._supervisor, self._ros.drivers, self._report, self._failed, self._ros.shared,
            self._beat_of(PUMP), BEAT_PERIOD, tell, stale_after)

    def run(self, leave: EndRequest | None = None) -> int:
        """
        Serve until a signal or a failure, come to rest, and return the exit status.

        leave: set by a signal, also by one that has come already.
        """
        self._leave = leave or self._leave
        self._pump.start()
        self._executor.start()
        self._serve()
        self._watch()
        return self._go_down()

    # ---- what a subclass adds -------------------------------------------------------------------

    def _serve(self) -> None:
        """Begin, with pump and executor running."""
        raise NotImplementedError

    def _begin_end(self) -> None:
        """Stop everything from now on: one decision under the lock."""
        raise NotImplementedError

    def _come_to_rest(self) -> list[str]:
        """Wait for rest, bounded, and end its own parts; returns what was not seen at rest."""
        raise NotImplementedError

    # ---- what runs ------------------------------------------------------------------------------

    def _report(self, outputs: Outputs, faults: dict[str, str], slow: str) -> None:
        self._journal.report(outputs, faults, slow)
        self._ros.notice(outputs)

    def _reports(self) -> Iterator[Report]:
        """Yield what diagnostics say of the process; on the executor's thread."""
        lost = self._journal.lost
        yield Report(
            'process', f'it runs; events lost since its start: {lost}' if lost else 'it runs',
            {'process': str(os.getpid()), 'events lost': str(lost)}, bool(lost))

    def _beat_of(self, part: str) -> Callable[[], None]:
        return functools.partial(self._watchdog.beat, part)

    def _failed(self, problem: BaseException) -> None:
        self._deaths.append(problem)
        self._leave.set()

    def _watch(self) -> None:
        """Return when the process must end: a signal, a failure, or a part that hangs."""
        garbage = GarbageCollection(self._supervisor.now())
        while not self._leave.wait(BEAT_PERIOD):
            garbage.collect_when_due(self._supervisor.now(), self._supervisor.quiet)
            self.stuck = self._watchdog.silent()
            if self.stuck:
                self._failed(RuntimeError('it hangs: ' + ', '.join(self.stuck)))

    # ---- how it ends ----------------------------------------------------------------------------

    def _go_down(self) -> int:
        """Stop everything and end the parts; returns even if one of them hangs."""
        if PUMP not in self.stuck:
            try:
                # The cause of a hanging part may hold the lock, too.
                within(LOCK_PATIENCE, self._begin_end)
                return within(self.way_down, self._end_in_order)
            except Exception as problem:
                self._deaths.append(problem)
                self.stuck.append('the shutdown')
        # No other part is left that could stop the drivers.
        self._pump.last_resort()
        with suppress(ThreadHung):
            within(LAST_WORDS, self._tell_why)
        return EXIT_FAILED

    def _end_in_order(self) -> int:
        self._log_failures()
        unrested = self._come_to_rest()
        if not self._pump.stop(timeout=PUMP_END):
            raise ThreadHung(f'{PUMP} has not ended within {PUMP_END:g} s')
        time.sleep(LINGER)
        self._journal.close(timeout=0.3)
        self._executor.stop(timeout=self.executor_end)
        if unrested:
            self._node.get_logger().error('left without seeing rest: ' + ', '.join(unrested))
        self._log_failures()
        return EXIT_FAILED if self._deaths or unrested else 0

    def _tell_why(self) -> None:
        self._log_failures()
        self._journal.close(timeout=0.3)

    def _log_failures(self) -> None:
        for problem in self._deaths[self._logged:]:
            self._logged += 1
            text = (str(problem) if isinstance(problem, self.explained)
                    else f'a vital part failed: {type(problem).__name__}: {problem}')
            self._node.get_logger().fatal(text)


def run(argv: Sequence[str],
        start: Callable[[], tuple[Node, Callable[[], SafetyProcess]]]) -> int:
    """
    Run a process with these arguments and return its exit status.

    start: makes the node, and also returns a function that makes the parts on it.
    """
    args = without_log_file(argv)
    node = None
    leave = EndRequest()
    # launch and the terminal may both send one: a second changes nothing.
    own_signals(lambda number, frame: leave.set())
    with nonblocking_stdio():
        sys.setswitchinterval(SWITCH_INTERVAL)
        confined = dds.settle()
        try:
            try:
                rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
                node, make = start()
                if confined:
                    dds.check_confined()
            except ConfigurationError:
                raise
            except Exception as problem:  # rclpy raises many kinds here
                print(explain_startup_error(problem, args), file=sys.stderr)
                return EXIT_MISCONFIGURED
            process = make()
            status = process.run(leave)
            if process.stuck:
                leave_at_once(status)
            # Everything is stopped and reported: how long rclpy takes to end is no failure.
            leave_by(process.teardown, status)
            return status
        except (ConfigurationError, Unusable) as problem:
            print(f'{where_from(args)}:\n{problem}', file=sys.stderr)
            return EXIT_MISCONFIGURED
        finally:
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()


def without_log_file(args: Sequence[str]) -> list[str]:
    """
    Return the arguments of a process for rclpy.init, its log file off unless they turn it on.

    rclpy writes that file while it holds the interpreter's lock: a slow disk would freeze the
    bridge and its guard alike. Logs still go to /rosout and to standard output.
    """
    if _WITH_LOG_FILE in args:
        return list(args)
    return [*args, '--ros-args', '--disable-external-lib-logs']


def own_signals(on_signal: Callable[[int, FrameType | None], None]) -> None:
    """Handle the signals that end a process here; launch and a terminal may both send one."""
    for number in _SIGNALS:
        # Under nohup a closed terminal is meant to change nothing.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)


# ---- standard output and error that never block -------------------------------------------------
#
# rclpy's logger writes while it holds the interpreter's lock. Without a reader (a full pipe, a
# hung terminal), the first line too many would freeze every thread, the stop loop among them. So
# a process writes into pipes of its own, which drop what does not fit, and one thread for each
# forwards the rest: its writes hold no lock.

# Bytes that may wait for a slow reader; the kernel may allow less.
CAPACITY = 1 << 20

# At the end, the wait for a reader (s).
READER_PATIENCE = 0.5

_CHUNK = 1 << 16


@contextmanager
def nonblocking_stdio() -> Iterator[None]:
    """Keep writes to standard output and error from blocking in this context."""
    # A socket that is opened later must not get the number of one that is closed: log lines would
    # be written to it. The lowest free number is given first.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    with ExitStack() as stack:
        for descriptor in (1, 2):
            stack.enter_context(_outlet(descriptor))
        yield


@contextmanager
def _outlet(descriptor: int) -> Iterator[None]:
    real = os.dup(descriptor)
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, CAPACITY)
    except (OSError, AttributeError):
        pass
    os.set_blocking(writing, False)
    _flush()
    os.dup2(writing, descriptor)
    os.close(writing)
    thread = threading.Thread(
        target=_pass_on, args=(reading, real), name=f'outlet {descriptor}', daemon=True)
    thread.start()
    try:
        yield
    finally:
        _flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
        thread.join(READER_PATIENCE)
        # Without a reader, the last lines are dropped.
        if not thread.is_alive():
            os.dup2(real, descriptor)


def _pass_on(reading: int, real: int) -> None:
    while chunk := os.read(reading, _CHUNK):
        try:
            while chunk:
                chunk = chunk[os.write(real, chunk):]
        except OSError:
            continue  # there is no reader any more; further output is dropped


def _streams() -> Iterator[TextIO]:
    """Yield standard output and error; Python has None for one that was closed at its start."""
    yield from filter(None, (sys.stdout, sys.stderr))


def _flush() -> None:
    for stream in _streams():
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


# ---- do all parts still run? --------------------------------------------------------------------
#
# Each part sends heartbeats; a silent part counts as failed. A thread that ends reports that
# itself: this is for one that hangs, in a driver, in a callback, in a handler. A freeze of the
# whole process is no fault of a part.

# A part that was silent for this time (s) counts as failed. Each sends at least five heartbeats
# per second. On a busy machine with hundreds of resources, delays of 2 s were measured.
PART_PATIENCE = 5.0
BEAT_PERIOD = 0.2

# How long (s) a part may take to start.
FIRST_PATIENCE = 30.0

# When the watchdog itself is this late (s), the whole process was frozen, and all timeouts
# restart.
OVERSLEPT = 0.5


class ThreadWatchdog:
    """
    The parts of one process, by name; now is the steady clock (s).

    beat may be called by any thread, silent by one.
    """

    def __init__(self, now: Callable[[], float], parts: Iterable[str]) -> None:
        self._now = now
        self._beats = dict.fromkeys(parts, now() + FIRST_PATIENCE - PART_PATIENCE)
        self._looked_at = now()

    def beat(self, part: str) -> None:
        """Note that a part runs."""
        self._beats[part] = self._now()

    def silent(self) -> list[str]:
        """Return the parts that hang."""
        now = self._now()
        late, self._looked_at = now - self._looked_at, now
        if late > OVERSLEPT:
            self._beats = {part: max(at, now) for part, at in self._beats.items()}
        return [part for part, at in self._beats.items() if now - at >= PART_PATIENCE]


# ---- garbage ------------------------------------------------------------------------------------

# The oldest generation is collected when nothing moves, at most once per first period (s); and at
# the latest after the second one, whatever moves.
QUIET_PERIOD = 60.0
LONGEST_PERIOD = 600.0
_NEVER = 1 << 30

# Thresholds of the younger generations: new objects (Python's own number, 700, is reached by a few
# calls), and collections of the youngest generation.
_YOUNG, _MIDDLE = 5000, 10


class GarbageCollection:
    """
    Python's collector, without full collections at arbitrary times, which freeze every thread.

    With 1,500 calls waiting, a full collection takes 20 ms, and there is one every other
    second. The younger generations are collected as usual. now: seconds on any steady clock.
    """

    def __init__(self, now: float, collect: Callable[[], object] = gc.collect) -> None:
        """Begin after the start: objects that exist then are never examined again."""
        self._collect = collect
        self._collected_at = now
        collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)

    def collect_when_due(self, now: float, quiet: bool) -> None:
        """Collect if it is time; quiet: nothing moves."""
        if now - self._collected_at >= (QUIET_PERIOD if quiet else LONGEST_PERIOD):
            self._collected_at = now
            self._collect()


# ---- bounded calls and exits --------------------------------------------------------------------


class ThreadHung(Exception):
    """A call did not return in time."""


def within(patience: float, call: Callable[[], _Result]) -> _Result:
    """
    Return what a call returns, made in a thread of its own; raise what it raises.

    Raises ThreadHung when it takes longer than that (s), or cannot begin. The thread then
    continues and may never end: a lock may be held forever, and whatever stops the robot must not
    wait for it.
    """
    results: list[_Result] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name='within', daemon=True)
    try:
        thread.start()
    except RuntimeError as problem:  # no memory for another thread
        raise ThreadHung(f'it could not begin: {problem}') from problem
    thread.join(patience)
    if problems:
        raise problems[0]
    if not results:
        raise ThreadHung(f'it did not return within {patience:g} s')
    return results[0]


def leave_at_once(status: int) -> None:
    """Exit immediately: a hanging part would block an orderly end for ever."""
    for stream in _streams():
        try:
            within(LINGER, stream.flush)
        except (ThreadHung, OSError, ValueError):
            pass
    # The last lines are still in the outlets.
    time.sleep(LINGER)
    os._exit(status)


def leave_by(patience: float, status: int) -> None:
    """Exit after this time (s) if the process has not ended by itself: parts may hang."""
    def wait() -> None:
        time.sleep(patience)
        os._exit(status)

    threading.Thread(target=wait, name='leave by', daemon=True).start()
