# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which session ids are alive. Times are seconds; every session here has a window of 2 s."""

from itertools import count

import pytest

from viam_session_bridge.core.errors import InvalidSessionId, SessionExpired, TooManySessions
from viam_session_bridge.core.sessions import (
    CROWDED_PATIENCE,
    FIRST_BEAT_PATIENCE,
    NO_SESSION,
    parse_session_id,
    Session,
    SessionSettings,
    SessionTable,
)

ID = '0b57ac6e-9f1c-4b5e-8d3a-1f2e3d4c5b6a'


def table(window: float = 2.0, most: int = 1024) -> SessionTable:
    """Make a table whose ids count upwards."""
    numbers = count(1)
    return SessionTable(
        SessionSettings(window, most), lambda: f'00000000-0000-4000-8000-{next(numbers):012x}')


def start(sessions: SessionTable, now: float, entity: str = 'ann', socket: int | None = 1,
          resume: str = '') -> Session:
    """Start a session with everything but the interesting part filled in."""
    return sessions.start(entity, 'peer', socket, now, resume)


def beat(sessions: SessionTable, session: Session, now: float, entity: str = 'ann',
         socket: int | None = 1) -> Session:
    """Send one heartbeat."""
    return sessions.beat(session.id, entity, 'peer', socket, now)


# ---- alive and expired--------------------------------------------------------------------------


def test_a_session_waits_twenty_seconds_for_its_first_beat() -> None:
    """Python deadlocks when a session expires between StartSession and its first beat."""
    sessions = table()
    session = start(sessions, 100.0)
    assert sessions.get(session.id, 119.999) is session
    beat(sessions, session, 119.999)
    assert session.begun
    assert session.deadline == 121.999


def test_without_any_beat_a_session_is_dropped_at_twenty_seconds() -> None:
    """The patience for the first beat is exact and ends like every deadline."""
    sessions = table()
    session = start(sessions, 100.0)
    assert sessions.get(session.id, 100.0 + FIRST_BEAT_PATIENCE) is None
    with pytest.raises(SessionExpired):
        beat(sessions, session, 120.0)


def test_the_window_counts_from_the_last_beat() -> None:
    """Every beat moves the deadline one window ahead of itself."""
    sessions = table()
    session = start(sessions, 100.0)
    for now in (101.0, 102.9, 104.8):
        beat(sessions, session, now)
        assert session.deadline == now + 2.0


def test_at_its_deadline_a_session_has_expired_in_every_call() -> None:
    """At ``now >= deadline`` a session has expired in each call, whether or not a sweep ran."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    just_before = 101.999999
    assert session.alive(just_before) and not session.alive(102.0)
    assert sessions.get(session.id, just_before) is session
    assert sessions.get(session.id, 102.0) is None
    assert sessions.living(just_before) == [session]
    assert sessions.living(102.0) == []
    with pytest.raises(SessionExpired):
        beat(sessions, session, 102.0)
    assert start(sessions, 102.0, resume=session.id).id != session.id
    assert sessions.expire(just_before) == []
    assert sessions.expire(102.0) == [session]


def test_an_expired_id_stays_expired() -> None:
    """A refused beat revives nothing: the next one is refused, too, also after the sweep."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    for now in (102.0, 102.1):
        with pytest.raises(SessionExpired):
            beat(sessions, session, now)
    assert session.deadline == 102.0
    sessions.expire(102.2)
    with pytest.raises(SessionExpired):
        beat(sessions, session, 102.3)


def test_a_beat_for_a_foreign_session_is_refused_like_an_unknown_one() -> None:
    """Another entity's id looks as if it did not exist, and nothing about the session changes."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    with pytest.raises(SessionExpired) as foreign:
        beat(sessions, session, 101.0, entity='bob', socket=9)
    with pytest.raises(SessionExpired) as unknown:
        sessions.beat(ID, 'bob', 'peer', 9, 101.0)
    assert str(foreign.value) == session.id
    assert str(unknown.value) == ID
    assert (session.deadline, sessions.carriers) == (102.0, {1: session.id})


def test_looking_a_session_up_does_not_renew_it() -> None:
    """Only beats, monitored calls and resumes renew."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    sessions.get(session.id, 101.0)
    sessions.living(101.0)
    sessions.expire(101.0)
    assert session.deadline == 102.0


def test_each_session_expires_alone() -> None:
    """A sweep removes the expired and keeps the others in their order."""
    sessions = table()
    one, two, three = (start(sessions, 100.0) for _ in range(3))
    beat(sessions, one, 100.0)
    beat(sessions, two, 101.0)
    beat(sessions, three, 102.0)
    assert sessions.expire(103.0) == [one, two]
    assert sessions.living(103.0) == [three]
    assert sessions.expire(103.0) == []


def test_beats_may_come_over_any_connection() -> None:
    """Each connection is remembered with the session of its last call."""
    sessions = table()
    one, two = start(sessions, 100.0, socket=1), start(sessions, 100.0, socket=1)
    beat(sessions, one, 101.0, socket=2)
    beat(sessions, one, 102.0, socket=None)
    assert sessions.carriers == {1: two.id, 2: one.id}
    assert one.deadline == 104.0


def test_the_peer_is_that_of_the_newest_call() -> None:
    """It shows the origin of a session's last call."""
    sessions = table()
    session = start(sessions, 100.0)
    sessions.beat(session.id, 'ann', 'ipv4:10.0.0.2:5', 1, 101.0)
    assert session.peer == 'ipv4:10.0.0.2:5'


# ---- resume -------------------------------------------------------------------------------------


def test_resume_renews_a_living_session() -> None:
    """The same id comes back, a window ahead, with its new connection."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    assert start(sessions, 101.5, socket=7, resume=session.id) is session
    assert session.deadline == 103.5
    assert set(sessions.carriers) == {1, 7}


def test_resume_finds_the_id_in_any_spelling() -> None:
    """Upper case, braces, the urn prefix and bare digits name the same session."""
    sessions = table()
    session = start(sessions, 100.0)
    for text in (session.id.upper(), '{' + session.id + '}', 'urn:uuid:' + session.id,
                 session.id.replace('-', '')):
        assert start(sessions, 100.0, resume=text) is session


def test_resume_of_a_session_that_never_beat_keeps_the_first_patience() -> None:
    """A resume does not start the clock: Python's first beat comes after it."""
    sessions = table()
    session = start(sessions, 100.0)
    assert start(sessions, 110.0, resume=session.id) is session
    assert not session.begun
    assert session.deadline == 130.0


@pytest.mark.parametrize('case', ['unknown', 'dead', 'foreign', 'nil'])
def test_resume_of_anything_else_gives_a_new_session(case: str) -> None:
    """Every SDK expects a fresh session for an id that is unknown, expired or another's."""
    sessions = table()
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    resume = {'unknown': ID, 'nil': NO_SESSION}.get(case, session.id)
    fresh = start(sessions, 102.0 if case == 'dead' else 101.0,
                  entity='bob' if case == 'foreign' else 'ann', resume=resume)
    assert fresh is not session
    assert fresh.id not in (session.id, resume)
    assert not fresh.begun
    assert session.deadline == 102.0


def test_resume_of_a_malformed_id_is_refused_and_starts_nothing() -> None:
    """The refusal names the field and the text."""
    sessions = table()
    with pytest.raises(InvalidSessionId, match=r"resume.*'nonsense'"):
        start(sessions, 100.0, resume='nonsense')
    assert sessions.living(100.0) == []


# ---- how many -----------------------------------------------------------------------------------


def test_there_are_at_most_max_sessions() -> None:
    """The last that fits is accepted, the next is refused, the others are unharmed."""
    sessions = table(most=3)
    kept = [start(sessions, 100.0) for _ in range(3)]
    with pytest.raises(TooManySessions, match='max_sessions allows 3'):
        start(sessions, 100.0)
    assert sessions.living(100.0) == kept


def test_sessions_that_never_begin_keep_out_others_for_two_seconds_only() -> None:
    """In a table that is half full; those that came before keep their patience."""
    sessions = table(most=1024)
    kept = [start(sessions, 100.0) for _ in range(512)]
    short = [start(sessions, 100.0) for _ in range(512)]
    assert {one.deadline for one in kept} == {100.0 + FIRST_BEAT_PATIENCE}
    assert {one.deadline for one in short} == {100.0 + CROWDED_PATIENCE}
    with pytest.raises(TooManySessions):
        start(sessions, 100.0 + CROWDED_PATIENCE - 0.001)
    newest = start(sessions, 100.0 + CROWDED_PATIENCE)
    assert sessions.living(100.0 + CROWDED_PATIENCE) == [*kept, newest]


def test_a_session_that_begins_in_a_crowded_table_has_its_window() -> None:
    sessions = table(window=5.0, most=2)
    start(sessions, 100.0)
    session = start(sessions, 100.0)
    assert start(sessions, 101.0, resume=session.id).deadline == 101.0 + CROWDED_PATIENCE
    assert beat(sessions, session, 102.0).deadline == 107.0
    assert start(sessions, 103.0, resume=session.id).deadline == 108.0


def test_a_resume_in_a_crowd_takes_nothing_from_the_first_patience() -> None:
    sessions = table(most=2)
    session = start(sessions, 100.0)
    start(sessions, 100.0)
    assert start(sessions, 101.0, resume=session.id).deadline == 100.0 + FIRST_BEAT_PATIENCE


def test_a_full_table_still_resumes() -> None:
    """A resume needs no new place."""
    sessions = table(most=1)
    session = start(sessions, 100.0)
    assert start(sessions, 101.0, resume=session.id) is session


def test_expired_sessions_occupy_no_place() -> None:
    """A session has expired at its deadline, so its place is free then, sweep or not."""
    sessions = table(most=1)
    session = start(sessions, 100.0)
    beat(sessions, session, 100.0)
    with pytest.raises(TooManySessions):
        start(sessions, 101.999)
    assert start(sessions, 102.0).id != session.id


def test_a_session_keeps_the_window_it_was_promised() -> None:
    """A change of the window holds for sessions that start later."""
    sessions = table(window=2.0)
    old = start(sessions, 100.0)
    sessions.settings = SessionSettings(heartbeat_window=5.0)
    new = start(sessions, 100.0)
    assert (beat(sessions, old, 101.0).deadline, beat(sessions, new, 101.0).deadline) == (
        103.0, 106.0)
    assert start(sessions, 102.0, resume=old.id).deadline == 104.0


# ---- ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize('text', [
    ID, ID.upper(), 'urn:uuid:' + ID, 'URN:UUID:' + ID.upper(), '{' + ID + '}',
    ID.replace('-', ''), ID.replace('-', '').upper(),
])
def test_every_spelling_of_viam_server_is_accepted(text: str) -> None:
    """All of them become the canonical lower-case one."""
    assert parse_session_id(text, 'viam-sid') == ID


@pytest.mark.parametrize('text', [
    '', ' ', ID[:-1], ID + '0', ' ' + ID, ID + '\n', ID.replace('-', '_'), 'g' + ID[1:],
    '{' + ID, ID + '}', ID + ',' + ID, ID.replace('-', '')[:-1], ID.replace('-', '', 1),
    'urn:' + ID, '\u0661' + ID[1:], 'x' * 10_000,
])
def test_anything_else_is_refused_by_the_name_of_its_field(text: str) -> None:
    """The refusal is short, printable, and states what is expected."""
    with pytest.raises(InvalidSessionId) as refusal:
        parse_session_id(text, 'viam-sid')
    message = str(refusal.value)
    assert message.startswith('viam-sid: ')
    assert 'UUID' in message
    assert message.isascii() and message.isprintable()
    assert len(message) < 200
