# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of this package have in common: how they end, signals, garbage."""

from collections.abc import Callable, Sequence
import gc
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TypeVar

_Result = TypeVar('_Result')

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2

# Fast DDS may drop a message when its participant goes down right after it (3-37 % of runs).
LINGER = 0.1

# How soon (s) a thread that computes must let the pump run. The default of 5 ms would be the
# largest part of the delay of a stop.
SWITCH_INTERVAL = 0.0005

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# What brings back rclpy's own log file.
_WITH_LOG_FILE = '--enable-external-lib-logs'


def without_log_file(args: Sequence[str]) -> list[str]:
    """
    Return the arguments of a process for rclpy.init, its log file off unless they turn it on.

    rclpy writes that file while it holds the interpreter's lock: a disk that is slow would freeze
    the bridge and its guard alike. What is logged still goes to /rosout and to standard output.
    """
    if _WITH_LOG_FILE in args:
        return list(args)
    return [*args, '--ros-args', '--disable-external-lib-logs']


def own_signals(on_signal: Callable[[int, FrameType | None], None]) -> None:
    """Have the signals that end a process handled here; launch and a terminal may both send."""
    for number in _SIGNALS:
        # Under nohup a closed terminal is meant to change nothing.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)


# Garbage that has grown old is collected when nothing moves, at most once in so many seconds; and
# at the latest after so many, whatever moves.
QUIET_PERIOD = 60.0
LONGEST_PERIOD = 600.0
_NEVER = 1 << 30

# What is young is looked through when there are so many objects more (Python's own number, 700, is
# reached by a few calls), and what has survived that when it happened so often.
_YOUNG, _MIDDLE = 5000, 10


class Garbage:
    """
    Python's collector, kept from freezing every thread at a moment of its own choosing.

    With 1,500 calls waiting, a full collection takes 20 ms, and there is one every other
    second. What is young is collected as ever. now, look: seconds on any steady clock.
    """

    def __init__(self, now: float, collect: Callable[[], object] = gc.collect) -> None:
        """Begin when everything is up: what exists then is never walked through again."""
        self._collect = collect
        self._collected_at = now
        collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)

    def look(self, now: float, quiet: bool) -> None:
        """Collect if it is time; quiet: nothing moves."""
        if now - self._collected_at >= (QUIET_PERIOD if quiet else LONGEST_PERIOD):
            self._collected_at = now
            self._collect()


class Hanging(Exception):
    """A call did not come back in time."""


def within(patience: float, call: Callable[[], _Result]) -> _Result:
    """
    Return what a call returns, made in a thread of its own; raise what it raises.

    Raises Hanging when it takes longer than that (s). It goes on, then, and may never end: a lock
    may be held for ever, and whoever has to stop the robot must not wait for it.
    """
    results: list[_Result] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name='within', daemon=True)
    thread.start()
    thread.join(patience)
    if problems:
        raise problems[0]
    if not results:
        raise Hanging(f'it did not come back within {patience:g} s')
    return results[0]


def leave_at_once(status: int) -> None:
    """End the process as it stands: what hangs would keep an orderly end waiting for ever."""
    for stream in (sys.stdout, sys.stderr):
        try:
            within(LINGER, stream.flush)
        except (Hanging, OSError, ValueError):
            pass
    # The last words are on their way through the outlets.
    time.sleep(LINGER)
    os._exit(status)


def leave_by(patience: float, status: int) -> None:
    """End the process after so long (s) if it has not ended by itself: parts may hang in it."""
    def wait() -> None:
        time.sleep(patience)
        os._exit(status)

    threading.Thread(target=wait, name='leave by', daemon=True).start()
