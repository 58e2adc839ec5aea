# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What happened, in words: one line per event, written by a thread of its own.

A log sink may be slow or full; who reports hands over and never waits. When the queue is full,
reports are counted and dropped, and the loss is logged. What cannot be written ends nothing.
"""

from contextlib import suppress
import logging
import math
import queue
import re
import threading
import time

from rclpy.impl.rcutils_logger import RcutilsLogger

from viam_session_bridge.core.events import (
    Changed,
    Emergency,
    LogEvent,
    Notice,
    Outputs,
    SessionEnded,
    Stall,
    TakenOver,
)
from viam_session_bridge.core.presence import (
    Claim,
    ConnectionClaim,
    LeaseClaim,
    OpenClaim,
    SessionClaim,
)
from viam_session_bridge.core.sessions import shown_session
from viam_session_bridge.core.states import State

CAPACITY = 1000

# Slow calls are logged at most once in so long (s).
SLOW_PERIOD = 10.0

_Report = tuple[Outputs, dict[str, str], str]
_Line = tuple[int, str]


def describe_claim(claim: Claim | None) -> str:
    """Name who holds a motion."""
    if isinstance(claim, SessionClaim):
        return f'session {shown_session(claim.session)}'
    if isinstance(claim, ConnectionClaim):
        return f'connection {claim.socket} (no session)'
    if isinstance(claim, LeaseClaim):
        return f'a lease of {claim.peer or "an unknown peer"} (no session)'
    if isinstance(claim, OpenClaim):
        return 'a client without a session (nobody watches over it)'
    return 'nobody'


class Journal:
    """Writes reports of the pump, and what Python's logging is told, to a logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._queue: queue.Queue[_Report | _Line | None] = queue.Queue(CAPACITY)
        self._lost = 0
        self._slow_calls = 0
        self._slow_after = -math.inf
        self._faulty: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name='journal', daemon=True)
        self._thread.start()

    def report(self, outputs: Outputs, faults: dict[str, str], slow: str = '') -> None:
        """Take a report without ever waiting; slow: which call of a driver was."""
        news = any(one.first or one.resource in self._faulty for one in outputs.outputs)
        if not outputs.events and not faults and not news and not slow:
            return
        self._hand_over((outputs, faults, slow))

    def note(self, level: int, message: str) -> None:
        """Take a line at one of logging's levels without ever waiting."""
        self._hand_over((level, message))

    def _hand_over(self, item: _Report | _Line) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._lost += 1

    @property
    def faulty(self) -> dict[str, str]:
        """Drivers whose last report was a fault, and which."""
        return dict(self._faulty)

    def close(self, timeout: float = 1.0) -> None:
        """Write what is left, within a time limit (s)."""
        try:
            self._queue.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._take(item)
            except Exception as problem:  # the next line may be written again
                with suppress(Exception):
                    self._logger.error(
                        f'a report was not written: {type(problem).__name__}: {problem}')

    def _take(self, item: _Report | _Line) -> None:
        if len(item) == 3:
            self._write_report(*item)
        else:
            self._write_line(*item)
        if self._lost:
            lost, self._lost = self._lost, 0
            self._logger.warning(f'{lost} reports were lost: the log is too slow')

    def _write_report(self, outputs: Outputs, faults: dict[str, str], slow: str) -> None:
        for output in outputs.outputs:
            if output.resource not in faults:
                self._faulty.pop(output.resource, None)
        for resource, fault in faults.items():
            if kind_of(self._faulty.get(resource, '')) != kind_of(fault):
                self._logger.error(f'{resource}: driver fault: {fault}')
            self._faulty[resource] = fault
        if slow:
            self._slow_calls += 1
        if slow and time.monotonic() >= self._slow_after:
            self._logger.warning(f'{slow} ({self._slow_calls} slow calls since the last warning)')
            self._slow_calls, self._slow_after = 0, time.monotonic() + SLOW_PERIOD
        for event in outputs.events:
            self._write(event)

    def _write_line(self, level: int, message: str) -> None:
        # rclpy keys a logger's calls by their place in the source: one line for each level.
        if level >= logging.ERROR:
            self._logger.error(message)
        elif level >= logging.WARNING:
            self._logger.warning(message)
        else:
            self._logger.info(message)

    def _write(self, event: LogEvent) -> None:
        if isinstance(event, Changed):
            self._write_change(event)
        elif isinstance(event, SessionEnded):
            told = 'lapsed' if event.begun else 'was never used and is forgotten'
            if event.revoked:
                told = 'ended: its key was revoked, rotated or changed'
            self._logger.info(f'session {shown_session(event.session)} ({event.peer}) {told}')
        elif isinstance(event, TakenOver):
            self._logger.info(
                f'{event.resource}: taken over by {describe_claim(event.after)} '
                f'from {describe_claim(event.before)}')
        elif isinstance(event, Emergency):
            if event.reason:
                self._logger.error(
                    f'EMERGENCY STOP: {event.reason}; everything stops, and motion is refused '
                    'until ~/reset is called')
            else:
                self._logger.warning('the emergency stop was reset; only new commands move again')
        elif isinstance(event, Notice):
            if event.grave:
                self._logger.error(event.text)
            else:
                self._logger.info(event.text)
        elif isinstance(event, Stall):
            self._logger.error(
                f'the stop loop came {event.late * 1e3:.0f} ms late; every motion is stopped and '
                'only a new command moves again')

    def _write_change(self, event: Changed) -> None:
        if event.after is State.MOVING:
            self._logger.info(f'{event.resource}: moving for {describe_claim(event.claim)}')
        elif event.after is State.STOPPING:
            line = f'{event.resource}: stopping, {event.reason.value}'
            if event.detail:
                line += f' ({event.detail})'
            if event.claim is not None:
                line += f' [{describe_claim(event.claim)}]'
            if event.reason.is_unasked:
                self._logger.warning(line)
            else:
                self._logger.info(line)
        elif event.after is State.IDLE:
            how = 'verified' if event.verified else 'not verified: no feedback is configured'
            self._logger.info(f'{event.resource}: stopped ({event.detail or how})')
        else:
            self._logger.error(
                f'{event.resource}: STOP NOT CONFIRMED: {event.detail}; stops go on, motion is '
                'refused until the stop is confirmed or ~/reset is called')


def kind_of(problem: str) -> str:
    """Return a problem without its figures, which differ each time."""
    return re.sub(r'[0-9.]+', '', problem)


class JournalHandler(logging.Handler):
    """Hands the records of Python's logging over to a journal, without ever waiting."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record over."""
        try:
            self._journal.note(record.levelno, self.format(record))
        except Exception:  # as every handler does
            self.handleError(record)
