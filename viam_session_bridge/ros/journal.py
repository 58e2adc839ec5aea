# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What happened, in words and as JSON: written by a thread of its own.

Each event is one line of the log, and one record (event_record.py) for ~/events and the audit
file. All of these may be slow or full; who reports hands over and never waits. When the queue is
full, reports are counted and dropped, and the loss is logged. What cannot be written ends nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
import functools
import logging
import math
import queue
import re
import threading
import time
from typing import NamedTuple

from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node
from std_msgs.msg import String

from viam_session_bridge.core.events import (
    Changed,
    ClientConnected,
    ClientDisconnected,
    ConfigurationChanged,
    DriverAppeared,
    DriverDisappeared,
    Emergency,
    Escalation,
    EventsLost,
    LastResort,
    LogEvent,
    MotionBegun,
    Notice,
    Outputs,
    Refusal,
    SessionEnded,
    SessionStarted,
    Stall,
)
from viam_session_bridge.core.sessions import shown_session
from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.shared import EventsConfig
from viam_session_bridge.ros.audit import AuditFile, guards_own
from viam_session_bridge.ros.event_record import describe_claim, plain, record
from viam_session_bridge.ros.profiles import EVENTS_QOS

CAPACITY = 1000

# Events and log lines of other threads, which clients cause, leave this part of the queue to the
# pump.
OTHERS_CAPACITY = CAPACITY // 2

# Slow calls are logged at most once in so long (s).
SLOW_PERIOD = 10.0

# A sink that fails is logged at most once in so long (s).
SINK_PERIOD = 60.0


class Sink(NamedTuple):
    """Where records go beside the log: its name for texts, and what writes a line."""

    name: str
    write: Callable[[str], None]


def sinks_of(node: Node, config: EventsConfig, is_guard: bool) -> list[Sink]:
    """Return what the records of a process are written to: ~/events, and a file if configured."""
    publisher = node.create_publisher(String, '~/events', EVENTS_QOS)
    sinks = [Sink(publisher.topic_name, lambda line: publisher.publish(String(data=line)))]
    if config.audit_file:
        path = guards_own(config.audit_file) if is_guard else config.audit_file
        audit = AuditFile(path, round(config.audit_file_size * 1e6), config.audit_files)
        sinks.append(Sink(f'events.audit_file {audit.path}', audit.write))
    return sinks


class Journal:
    """Writes reports of the pump, events of other threads, and records of Python's logging."""

    def __init__(self, logger: RcutilsLogger,
                 is_open: Callable[[int], bool] = lambda socket: True, *,
                 process: str = 'bridge', node: str = '', sinks: Sequence[Sink] = (),
                 now: Callable[[], float] = time.monotonic) -> None:
        """
        Begin.

        is_open tells whether the connection of a client's socket is still open. process, node:
        who writes the records. now: the steady clock (s) of the reports.
        """
        self._logger = logger
        self._is_open = is_open
        self._process = process
        self._node = node
        self._sinks = sinks
        self._now = now
        # Of each sink that fails: how many records it has lost since that was logged, and when it
        # may be logged again (s).
        self._unwritten: dict[str, tuple[int, float]] = {}
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(CAPACITY)
        # How many events and lines were lost since the start: those that the log has reported, and
        # those that it has not.
        self._reported = self._lost = 0
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
        self._hand_over(functools.partial(
            self._write_report, outputs, faults, slow, time.time()))

    def event(self, event: LogEvent) -> None:
        """Take an event of any other thread without ever waiting."""
        self._hand_over(
            functools.partial(self._write, event, self._now(), time.time()), OTHERS_CAPACITY)

    def note(self, level: int, message: str) -> None:
        """Take a line at one of logging's levels without ever waiting."""
        self._hand_over(functools.partial(self._write_line, level, message), OTHERS_CAPACITY)

    @property
    def lost(self) -> int:
        """Return how many events and lines were lost since the start."""
        return self._reported + self._lost

    def _hand_over(self, item: Callable[[], None], most: int = CAPACITY) -> None:
        try:
            if self._queue.qsize() >= most:
                raise queue.Full
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
                item()
                self._tell_loss()
            except Exception as problem:  # the next line may be written again
                with suppress(Exception):
                    self._logger.error(
                        f'a report was not written: {type(problem).__name__}: {problem}')

    def _tell_loss(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._reported += lost
            self._write(EventsLost(lost), self._now(), time.time())

    def _write_report(self, outputs: Outputs, faults: dict[str, str], slow: str,
                      wall: float) -> None:
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
            self._write(event, outputs.at, wall)

    def _write_line(self, level: int, message: str) -> None:
        # rclpy keys a logger's calls by their place in the source: one line for each level.
        if level >= logging.ERROR:
            self._logger.error(message)
        elif level >= logging.WARNING:
            self._logger.warning(message)
        else:
            self._logger.info(message)

    def _write(self, event: LogEvent, steady: float, wall: float) -> None:
        level, text = sentence(event, self._is_open)
        if not text:
            return
        self._write_line(level, text)
        if not self._sinks:
            return
        line = record(
            event, steady=steady, wall=wall, process=self._process, node=self._node,
            level=logging.getLevelName(level).lower(), text=text)
        for sink in self._sinks:
            self._send(sink, line)

    def _send(self, sink: Sink, line: str) -> None:
        """Write a record to a sink; one that fails is tried again with the next record."""
        try:
            sink.write(line)
        except Exception as problem:
            count, quiet_until = self._unwritten.get(sink.name, (0, -math.inf))
            count += 1
            self._reported += 1
            if time.monotonic() >= quiet_until:
                self._logger.error(
                    f'{sink.name}: {problem}; events that were not written: {count}; the next '
                    'ones are tried')
                count, quiet_until = 0, time.monotonic() + SINK_PERIOD
            self._unwritten[sink.name] = count, quiet_until


# ---- sentences ----------------------------------------------------------------------------------

def sentence(event: LogEvent,
             is_open: Callable[[int], bool] = lambda socket: True) -> tuple[int, str]:
    """Return the level and the line of an event; an empty one where another event says more."""
    if isinstance(event, Changed):
        return _changed(event)
    if isinstance(event, MotionBegun):
        return logging.INFO, _begun(event)
    if isinstance(event, SessionStarted):
        key = f', key {event.entity}' if event.entity else ''
        return logging.INFO, (f'session {shown_session(event.session)} ({event.peer}{key}) '
                              f'{"resumed" if event.resumed else "started"}')
    if isinstance(event, SessionEnded):
        return logging.INFO, (f'session {shown_session(event.session)} ({event.peer}) '
                              f'{_end_of_session(event, is_open)}')
    if isinstance(event, Refusal):
        more = f' ({event.more} more like this since the last message)' if event.more else ''
        return logging.WARNING, (f'refused {event.method.rpartition("/")[2]} of {event.peer}: '
                                 f'{event.problem}{more}')
    if isinstance(event, Emergency):
        return (logging.ERROR, f'EMERGENCY STOP: {event.reason}; everything stops, and motion is '
                'refused until ~/reset is called') if event.reason else (
            logging.WARNING, 'the emergency stop was reset; only new commands move again')
    if isinstance(event, Notice):
        return (logging.ERROR if event.grave else
                logging.WARNING if event.warns else logging.INFO), event.text
    if isinstance(event, Stall):
        stopped = ', '.join(event.stopped) or 'nothing, since nothing moved'
        return logging.ERROR, (
            f'{event}: the computer was overloaded or suspended, or a call held the interpreter; '
            f'stopped: {stopped}; commands are refused for {event.refused:.2g} s at least, and '
            'only a new one moves again')
    return _of_surroundings(event)


def _of_surroundings(event: LogEvent) -> tuple[int, str]:
    """Return the sentence of what clients, drivers, operators and files do."""
    if isinstance(event, ClientConnected):
        return logging.INFO, f'client {event.peer} connected'
    if isinstance(event, ClientDisconnected):
        return logging.INFO, f'client {event.peer} disconnected'
    if isinstance(event, Escalation):
        return logging.ERROR, f'{event.resource}: escalation: {event.step}'
    if isinstance(event, ConfigurationChanged):
        return logging.WARNING, 'configuration changed: ' + '; '.join(
            f'{name} from {before} to {after}' for name, (before, after) in event.changes.items())
    if isinstance(event, DriverAppeared):
        return logging.INFO, f'{event.resource}: a driver is connected'
    if isinstance(event, DriverDisappeared):
        return logging.WARNING, f'no stop path: {event.problem}'
    if isinstance(event, LastResort):
        return logging.ERROR, (
            'the stop loop has failed; as a last resort, stops are sent to the drivers of '
            f'{", ".join(event.resources) or "nothing, since nothing moved"}; nothing confirms '
            'them, and this process ends')
    if isinstance(event, EventsLost):
        return logging.WARNING, f'{event.count} reports were lost: the log is too slow'
    raise TypeError(f'{type(event).__name__} has no sentence')


def _end_of_session(event: SessionEnded, is_open: Callable[[int], bool]) -> str:
    """Say how a session came to its end: only a client that was there let it lapse."""
    if event.revoked:
        return 'ended: its key was revoked, rotated or changed'
    if event.by_operator:
        return 'ended: an operator called ~/expire_sessions'
    if not event.begun:
        return 'was never used and is forgotten'
    if event.sockets and not any(map(is_open, event.sockets)):
        return 'has ended: its connections were closed'
    return f'lapsed: nothing of it came for {event.window:g} s (sessions.heartbeat_window)'


def _changed(event: Changed) -> tuple[int, str]:
    if event.after is State.MOVING:
        return logging.INFO, ''  # MotionBegun says more
    if event.after is State.STOPPING:
        line = f'{event.resource}: stopping, {event.reason.value}'
        if event.detail:
            line += f' ({event.detail})'
        if event.claim is not None:
            line += f' [{describe_claim(event.claim)}]'
        return logging.WARNING if event.reason.is_unrequested else logging.INFO, line
    if event.after is State.IDLE:
        how = 'verified' if event.verified else 'not verified: no feedback is configured'
        return logging.INFO, f'{event.resource}: stopped ({event.detail or how})'
    return logging.ERROR, (
        f'{event.resource}: STOP NOT CONFIRMED: {event.detail}; stops go on, motion is refused '
        'until the stop is confirmed or ~/reset is called')


def _begun(event: MotionBegun) -> str:
    """Say who has a resource move, by what call, and how."""
    caller = event.caller
    entity = f', entity {caller.entity}' if caller.entity else ''
    sdk = f', {caller.sdk}' if caller.sdk else ''
    verb, other = 'moving', ''
    if event.before is not None:
        verb, other = 'taken over', f' from {describe_claim(event.before)}'
    place = f' ({caller.peer or "an unknown peer"}{entity}{sdk})'
    call = f'{caller.method.rpartition("/")[2]}: ' if caller.method else ''
    return (f'{event.resource}: {verb} {"by" if event.before else "for"} '
            f'{describe_claim(event.claim)}{place}{other}: {call}{plain(event.motion)}')


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
