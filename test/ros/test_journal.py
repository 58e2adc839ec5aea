# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The journal: what is written for which event, and that it never keeps the pump waiting."""

from collections.abc import Iterator
from dataclasses import replace
import logging
import threading
import time

import pytest

from host import took
from processes import PATIENCE, wait_until
from viam_session_bridge.core.events import (
    Changed,
    ClientConnected,
    LogEvent,
    MotionBegun,
    Notice,
    Output,
    Outputs,
    SessionEnded,
    Stall,
)
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import (
    Caller,
    ConnectionClaim,
    LeaseClaim,
    OpenClaim,
    SessionClaim,
)
from viam_session_bridge.core.setpoints import Power, Velocity
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.ros.event_record import describe_claim
from viam_session_bridge.ros.journal import (
    CAPACITY,
    Journal,
    JournalHandler,
    OTHERS_CAPACITY,
)

CLAIM = SessionClaim('0b57ac6e', 1, 1.0)
CALLER = Caller(
    '0b57ac6e', 7, 'ann', 'ipv4:10.0.0.1:5', '/viam.component.base.v1.BaseService/SetPower',
    'python;0.1')
MOVE = Output('base', 1, Velocity((0.1, 0.0, 0.0)), 0.0)


class Log:
    """A logger that keeps (level, line) and can be made to block."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.open = threading.Event()
        self.open.set()

    def info(self, message: str) -> bool:
        return self._write('info', message)

    def warning(self, message: str) -> bool:
        return self._write('warning', message)

    def error(self, message: str) -> bool:
        return self._write('error', message)

    def _write(self, level: str, message: str) -> bool:
        self.open.wait(30.0)
        self.lines.append((level, message))
        return True


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def journal(log: Log) -> Iterator[Journal]:
    journal = Journal(log)
    yield journal
    log.open.set()
    journal.close()


def change(after: State, reason: Reason = Reason.COMMANDED, **details: object) -> Changed:
    return Changed('base', State.IDLE, after, reason, **details)


LINES = [
    (MotionBegun('base', CALLER, CLAIM, Motion(Velocity((0.5, 0.0, 0.0)))), 'info', (
        'base: moving for session 0b57ac6e... (ipv4:10.0.0.1:5, entity ann, python;0.1): '
        'SetPower: linear (0.5, 0, 0) m/s, angular (0, 0, 0) rad/s',)),
    (change(State.STOPPING, Reason.STOPPED, claim=CLAIM), 'info',
     ('base', 'stopping', 'requested a stop', 'session 0b57ac6e')),
    (change(State.STOPPING, Reason.LATE_DRIVER), 'warning', ('base', 'driver appeared')),
    (change(State.STOPPING, Reason.SESSION_ENDED, claim=CLAIM), 'warning', ('session', 'ended')),
    (change(State.STOPPING, Reason.DISCONNECTED, claim=CLAIM), 'warning', ('connection',)),
    (change(State.STOPPING, Reason.PATH_LOST), 'warning', ('stop path',)),
    (change(State.STOPPING, Reason.STALLED), 'warning', ('frozen',)),
    (change(State.IDLE, Reason.STOPPED, verified=True), 'info', ('base: stopped (verified)',)),
    (change(State.IDLE, Reason.STOPPED), 'info', ('base: stopped', 'not verified')),
    (change(State.UNCONFIRMED, Reason.NOT_AT_REST, detail='no rest was seen within 5 s'), 'error',
     ('base', 'NOT CONFIRMED', 'no rest was seen within 5 s', '~/reset')),
    (SessionEnded('0b57ac6e', 'ipv4:127.0.0.1:80', True), 'info',
     ('0b57ac6e', 'ipv4:127.0.0.1:80', 'lapsed', 'sessions.heartbeat_window')),
    (SessionEnded('0b57ac6e', '', False), 'info', ('never used',)),
    (SessionEnded('0b57ac6e', '', True, revoked=True), 'info', ('ended', 'key was revoked')),
    (change(State.STOPPING, Reason.REVOKED, claim=CLAIM), 'warning', ('key', 'was revoked')),
    (MotionBegun('base', Caller(), ConnectionClaim(7, 2.0), Motion(Power(0.5), 3.0), CLAIM),
     'info', ('base: taken over by connection 7', 'an unknown peer', 'from session 0b57ac6e',
              '0.5 of full power; 3 s at most')),
    (Stall(0.1234, 0.125, 'half of guard.patience', True, ('base', 'arm'), 0.12), 'error',
     ('123 ms late, within one pass (limit 125 ms, half of guard.patience)', 'stopped: base, arm;',
      'refused for 0.12 s')),
    (Notice('an operator should look', warns=True), 'warning', ('should look',)),
]


@pytest.mark.parametrize(('event', 'level', 'parts'), LINES)
def test_every_event_is_one_line(
        log: Log, journal: Journal, event: LogEvent, level: str, parts: tuple[str, ...]) -> None:
    """Who, what and why, at a level that an operator can filter by."""
    journal.report(Outputs(events=(event,)), {})
    journal.close(PATIENCE)
    ((found, line),) = log.lines
    assert found == level
    assert all(part in line for part in parts), line


def test_a_session_id_is_never_written_in_full() -> None:
    """Whoever has it can use the session."""
    session = '0b57ac6e-9dad-41d1-80b4-00c04fd430c8'
    assert describe_claim(replace(CLAIM, session=session)) == 'session 0b57ac6e...'


@pytest.mark.parametrize(('open_sockets', 'says'), [
    (set(), 'has ended: its connections were closed'),
    ({3}, 'lapsed: nothing of it came for 2 s')])
def test_only_a_session_whose_client_is_still_connected_has_lapsed(
        log: Log, open_sockets: set[int], says: str) -> None:
    journal = Journal(log, open_sockets.__contains__)
    journal.report(Outputs(events=(
        SessionEnded('0b57ac6e', 'ipv4:127.0.0.1:80', True, 2.0, (3, 4)),)), {})
    journal.close(PATIENCE)
    [(_, line)] = log.lines
    assert says in line and ('lapsed' in line) is bool(open_sockets)


@pytest.mark.parametrize(('claim', 'words'), [
    (CLAIM, 'session 0b57ac6e'), (ConnectionClaim(7, 1.0), 'connection 7 (no session)'),
    (LeaseClaim(2.0, 'ipv4:10.0.0.1:5'), 'ipv4:10.0.0.1:5'), (LeaseClaim(2.0), 'unknown'),
    (OpenClaim(), 'nobody watches'), (None, 'nobody')])
def test_every_claim_has_words(claim: object, words: str) -> None:
    """For the log."""
    assert words in describe_claim(claim)


def test_a_log_that_hangs_keeps_nobody_waiting(log: Log, journal: Journal) -> None:
    """What does not fit is counted, and the loss is told when the log recovers."""
    log.open.clear()
    for _ in range(CAPACITY + 50):
        journal.report(Outputs(events=(Stall(0.2),)), {})
    assert not log.lines, 'all was reported while the log hung'
    log.open.set()
    journal.close(PATIENCE)
    lost = [line for level, line in log.lines if level == 'warning' and 'lost' in line]
    assert len(lost) == 1 and 45 <= int(lost[0].split()[0]) <= 50


def test_what_a_log_that_hangs_loses_is_counted_while_it_hangs(
        log: Log, journal: Journal) -> None:
    """Diagnostics show the number; the log itself cannot."""
    log.open.clear()
    for number in range(OTHERS_CAPACITY + 11):
        journal.note(logging.INFO, str(number))
    # One of them is being written.
    assert journal.lost in (10, 11)


def test_a_log_that_hangs_does_not_hold_up_the_end(log: Log, journal: Journal) -> None:
    """close() is bounded, also with a full queue."""
    log.open.clear()
    for _ in range(CAPACITY + 50):
        journal.report(Outputs(events=(Stall(0.2),)), {})
    began = time.monotonic()
    journal.close(timeout=0.2)
    assert took(began) < 1.5


def test_a_lasting_fault_is_one_line_and_stays_known(log: Log, journal: Journal) -> None:
    """It repeats at 20 Hz; the log shall not."""
    for _ in range(20):
        journal.report(Outputs((MOVE,)), {'base': 'OSError: unplugged'})
    wait_until(lambda: journal.faulty == {'base': 'OSError: unplugged'}, 'the fault')
    journal.close(PATIENCE)
    assert log.lines == [('error', 'base: driver fault: OSError: unplugged')]


def test_slow_calls_are_one_warning_in_a_while_and_no_fault(log: Log, journal: Journal) -> None:
    """A busy computer is no fault of the driver, and no error."""
    for lasted in range(50, 70):
        journal.report(Outputs((MOVE,)), {}, f'base: publishing the stop took {lasted} ms')
    journal.close(PATIENCE)
    assert log.lines == [('warning', (
        'base: publishing the stop took 50 ms (1 slow calls since the last warning)'))]
    assert journal.faulty == {}


def test_a_fault_that_is_over_is_forgotten(log: Log, journal: Journal) -> None:
    """By the next output that succeeds: diagnostics must not show an error for a whole drive."""
    journal.report(Outputs((MOVE,)), {'base': 'OSError: unplugged'})
    wait_until(lambda: journal.faulty, 'the fault')
    journal.report(Outputs((MOVE,)), {})
    wait_until(lambda: not journal.faulty, 'that it is over', 2.0)


def test_held_motion_is_not_worth_a_line(log: Log, journal: Journal) -> None:
    """20 outputs a second, no event."""
    for _ in range(50):
        journal.report(Outputs((MOVE,)), {})
    journal.close(PATIENCE)
    assert not log.lines


def test_a_line_that_cannot_be_written_ends_nothing(log: Log, journal: Journal) -> None:
    """The next one may: a log that has died would be full soon, and nobody would know why."""
    journal.report(Outputs(events=(Stall('late'),)), {})  # type: ignore[arg-type]
    journal.report(Outputs(events=(Stall(0.1234),)), {})
    journal.close(PATIENCE)
    assert [level for level, _ in log.lines] == ['error', 'error']
    assert 'was not written' in log.lines[0][1] and '123 ms' in log.lines[1][1]


def test_records_of_python_wait_for_nobody(log: Log, journal: Journal) -> None:
    """And fill no memory."""
    log.open.clear()
    handler = JournalHandler(journal)
    for number in range(CAPACITY + 50):
        handler.handle(logging.LogRecord('rpc', logging.INFO, '', 0, 'no. %d', (number,), None))
    log.open.set()
    journal.close(PATIENCE)
    assert any('lost' in line for _, line in log.lines)
    assert len(log.lines) <= CAPACITY + 3


def test_records_of_python_and_events_of_clients_displace_no_report_of_the_pump(
        log: Log, journal: Journal) -> None:
    log.open.clear()
    handler = JournalHandler(journal)
    for _ in range(CAPACITY):
        handler.handle(logging.LogRecord('rpc', logging.INFO, '', 0, 'log of a client', (), None))
        journal.event(ClientConnected('ipv4:10.0.0.1:5'))
    journal.report(Outputs(events=(Stall(0.2),)), {})
    log.open.set()
    journal.close(timeout=10.0)
    assert any('late' in line for level, line in log.lines if level == 'error')


def test_records_of_python_keep_their_level(log: Log, journal: Journal) -> None:
    """What rpc logs comes out of the node's logger."""
    handler = JournalHandler(journal)
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        handler.handle(logging.LogRecord('rpc', level, '', 0, 'said %s', ('so',), None))
    journal.close(PATIENCE)
    assert log.lines == [('info', 'said so'), ('warning', 'said so'), ('error', 'said so'),
                         ('error', 'said so')]
