# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sessions over gRPC: start, resume, heartbeats, expiry, and viam-sid on every kind of method.

The rules of the session table are in test/core.
"""

from collections.abc import Callable
import re
from typing import Any
import uuid

import grpc
import pytest

from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode

EXPIRED = (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')
UNKNOWN_ID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
ZERO_ID = '00000000-0000-0000-0000-000000000000'
WINDOW = 2.0
FORWARD = (0.0, 0.5, 0.0)

MONITORED: dict[str, dict[str, Any]] = {
    'SetPower': {'linear': FORWARD},
    'SetVelocity': {'linear': (0.0, 100.0, 0.0)},
    'MoveStraight': {'distance_mm': 1000, 'mm_per_sec': 100.0},
    'Spin': {'angle_deg': 90.0, 'degs_per_sec': 45.0},
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    'canonical': str,
    'upper case': str.upper,
    'urn': 'urn:uuid:{}'.format,
    'braces': '{{{}}}'.format,
    'bare hex': lambda text: text.replace('-', ''),
}
MALFORMED = {
    'empty': '', 'word': 'nonsense', 'too short': UNKNOWN_ID[:-1], 'too long': UNKNOWN_ID + '0',
    'no hex': UNKNOWN_ID.replace('6', 'g'), 'dashes moved': '6ba7b81-09dad-41d1-80b4-00c04fd430c8',
    'half braces': '{' + UNKNOWN_ID, 'two in one': f'{UNKNOWN_ID},{UNKNOWN_ID}',
    'very long': 'a' * 5000,
}


def policy(window: float = WINDOW, most: int = 1024) -> Policy:
    """Return a policy with which only the end of a session ends a motion."""
    return Policy(
        SessionSettings(window, most), stop_on_disconnect=False,
        unsupervised=UnsupervisedPolicy.ALLOW, stall_limit=float('inf'))


def ids(client: Any) -> list[str]:
    return [session.id for session in client.robot.GetSessions().sessions]


def living(bench: Any) -> list[str]:
    return [session.id for session in bench.locked.sessions()]


def launch(client: Any, bench: Any, method: str, **how: Any) -> Any:
    """Start a monitored call that must be accepted, and wait until the base moves."""
    before = len(bench.locked.accepted)
    call = getattr(client.base, method).start(name='base', timeout=30, **MONITORED[method], **how)
    bench.until(lambda: len(bench.locked.accepted) > before)
    bench.until_moving()
    return call


# ---- start ----


@pytest.mark.parametrize('window', [0.03, 0.5, 2.0, 2.5, 60.0])
def test_a_new_session_has_a_uuid_and_the_configured_window(
        start: Callable[..., Any], window: float) -> None:
    reply = start(policy=policy(window)).client().robot.StartSession()
    parsed = uuid.UUID(reply.id)
    assert str(parsed) == reply.id
    assert parsed.version == 4
    assert reply.heartbeat_window.ToNanoseconds() == round(window * 1e9)


def test_every_session_has_an_id_of_its_own(bench: Any, client: Any) -> None:
    started = [client.start_session() for _ in range(50)]
    assert len(set(started)) == 50
    assert living(bench) == started
    assert len(set(ids(client))) == 50


def test_a_header_on_start_session_is_ignored(client: Any) -> None:
    assert client.start_session(sid='nonsense') != client.start_session(sid=UNKNOWN_ID)


# ---- resume ----


@pytest.mark.parametrize('spelling', SPELLINGS)
def test_resuming_an_active_session_returns_the_same_text(client: Any, spelling: str) -> None:
    session = client.start_session()
    text = SPELLINGS[spelling](session)
    reply = client.robot.StartSession(resume=text)
    assert reply.id == text
    assert reply.heartbeat_window.ToNanoseconds() == 2_000_000_000
    assert ids(client) == [session]


def test_resuming_renews(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    for _ in range(3):
        bench.clock.advance(WINDOW * 0.75)
        assert client.start_session(resume=session) == session
    bench.clock.advance(WINDOW)
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED


def test_resuming_an_expired_session_gives_a_new_one(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW)
    renewed = client.start_session(resume=session)
    assert renewed != session
    assert ids(client) == [renewed]
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED
    client.robot.SendSessionHeartbeat(id=renewed)


@pytest.mark.parametrize('unknown', [UNKNOWN_ID, ZERO_ID])
def test_resuming_an_unknown_id_gives_a_new_session(client: Any, unknown: str) -> None:
    session = client.start_session(resume=unknown)
    assert session != unknown
    assert ids(client) == [session]


@pytest.mark.parametrize('text', [text for text in MALFORMED.values() if text] + ['äöü', ' '])
def test_a_malformed_resume_is_refused_and_changes_nothing(
        bench: Any, client: Any, text: str) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW * 0.75)
    refusal = client.robot.StartSession.refused(resume=text)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert 'resume' in refusal.text
    assert ascii(text[:20])[1:-1] in refusal.text
    assert refusal.text.isascii()
    assert len(refusal.text) < 500
    assert ids(client) == [session]
    bench.clock.advance(WINDOW * 0.25)
    assert not ids(client), 'a refused resume must not renew'


# ---- heartbeats and the end ----


@pytest.mark.parametrize('spelling', SPELLINGS)
def test_heartbeats_keep_a_session_active(bench: Any, client: Any, spelling: str) -> None:
    session = client.start_session()
    for _ in range(5):
        client.robot.SendSessionHeartbeat(id=SPELLINGS[spelling](session))
        bench.clock.advance(WINDOW * 0.99)
    assert ids(client) == [session]


def test_a_session_is_expired_from_its_deadline_on(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW)
    for _ in range(2):
        assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED
        assert client.base.SetPower.refused(name='base', linear=FORWARD, sid=session) == EXPIRED
    assert not ids(client)
    assert bench.told() == 'nothing'


def test_a_session_does_not_expire_before_its_first_heartbeat(bench: Any, client: Any) -> None:
    session = client.start_session()
    bench.clock.advance(19.9)
    assert ids(client) == [session]
    client.robot.SendSessionHeartbeat(id=session)
    # Its time starts with that heartbeat.
    bench.clock.advance(WINDOW * 0.99)
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW)
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED


def test_a_resume_does_not_start_the_clock_of_a_session_without_heartbeat(
        bench: Any, client: Any) -> None:
    session = client.start_session()
    assert client.start_session(resume=session) == session
    bench.clock.advance(WINDOW * 2)
    client.robot.SendSessionHeartbeat(id=session)


def test_a_monitored_call_starts_the_clock(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    bench.clock.advance(WINDOW)
    bench.until_stopped()
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED


def test_a_session_without_heartbeats_is_removed(bench: Any, client: Any) -> None:
    session = client.start_session()
    bench.clock.advance(20.0)
    assert not ids(client)
    assert client.start_session(resume=session) != session


@pytest.mark.parametrize('unknown', [UNKNOWN_ID, ZERO_ID])
def test_a_heartbeat_for_an_unknown_session_is_expired(client: Any, unknown: str) -> None:
    assert client.robot.SendSessionHeartbeat.refused(id=unknown) == EXPIRED


@pytest.mark.parametrize('text', MALFORMED.values(), ids=MALFORMED)
def test_a_heartbeat_with_a_malformed_id_names_the_error(client: Any, text: str) -> None:
    refusal = client.robot.SendSessionHeartbeat.refused(id=text)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert refusal.text != 'SESSION_EXPIRED'
    assert re.match(r'id\b', refusal.text)
    assert len(refusal.text) < 500


def test_heartbeats_may_come_over_another_connection(bench: Any, client: Any) -> None:
    session = client.start_session()
    other = bench.client()
    for _ in range(3):
        other.robot.SendSessionHeartbeat(id=session)
        bench.clock.advance(WINDOW * 0.75)
    client.base.SetPower(name='base', linear=FORWARD, sid=session)


# ---- GetSessions ----


def test_lists_active_sessions_with_the_peer_of_their_last_call(bench: Any, client: Any) -> None:
    first, second = client.start_session(), bench.client().start_session()
    client.robot.SendSessionHeartbeat(id=first)

    def shown() -> dict[str, tuple[int, str]]:
        return {session.id: (session.peer_connection_info.type,
                             session.peer_connection_info.remote_address)
                for session in client.robot.GetSessions().sessions}

    began = shown()
    own, other = began
    assert own == first
    assert other != second
    for kind, address in began.values():
        assert kind == proto.robot.PEER_CONNECTION_TYPE_GRPC
        assert re.fullmatch(r'127\.0\.0\.1:\d+', address)
    assert began[own] != began[other]
    bench.client().robot.SendSessionHeartbeat(id=second)
    later = shown()
    assert later[own] == began[own]
    assert later[other] != began[other]
    bench.clock.advance(WINDOW)
    assert list(shown()) == [], 'both have begun and are dead'


def test_only_the_connection_that_used_a_session_last_sees_its_id(
        bench: Any, client: Any) -> None:
    session, other = client.start_session(), bench.client()
    [alias] = ids(other)
    assert alias != session
    parsed = uuid.UUID(alias)
    assert (str(parsed), parsed.version) == (alias, 4)
    assert ids(other) == ids(bench.client()) == [alias], 'always the same'
    assert ids(client) == [session]
    for attempt in (other.robot.SendSessionHeartbeat.refused(id=alias),
                    other.base.SetPower.refused(name='base', linear=FORWARD, sid=alias)):
        assert attempt == EXPIRED
    resumed = other.start_session(resume=alias)
    assert resumed not in (alias, session)
    other.robot.SendSessionHeartbeat(id=session)
    assert session in ids(other), 'a connection that proves that it knows the id sees it'
    assert session in ids(client)


def test_get_operations_shows_the_session_of_another_client_by_the_same_alias(
        bench: Any, client: Any) -> None:
    session, other = client.start_session(), bench.client()
    move = client.base.MoveStraight.start(
        name='base', distance_mm=1000, mm_per_sec=10.0, sid=session)
    bench.until_moving()
    [alias] = ids(other)
    assert alias != session
    assert [one.session_id for one in other.robot.GetOperations().operations] == [alias]
    assert [one.session_id for one in client.robot.GetOperations().operations] == [session]
    client.base.Stop(name='base')
    assert move.code() is Code.OK


# ---- the maximum ----


def test_sessions_beyond_the_limit_are_refused_until_one_expires(
        start: Callable[..., Any]) -> None:
    bench = start(policy=policy(most=3))
    client = bench.client()
    started = [client.start_session() for _ in range(3)]
    client.robot.SendSessionHeartbeat(id=started[0])
    for resume in ('', UNKNOWN_ID):
        refusal = client.robot.StartSession.refused(resume=resume)
        assert refusal.code is Code.RESOURCE_EXHAUSTED
        assert 'sessions.max_sessions' in refusal.text
        assert '3' in refusal.text
    assert client.robot.StartSession.refused(resume='x').code is Code.INVALID_ARGUMENT
    assert client.start_session(resume=started[1]) == started[1]
    assert living(bench) == started
    bench.clock.advance(WINDOW)
    # The last one was started when the table was half full, and had no heartbeat.
    assert living(bench) == started[1:2]
    newest = client.start_session()
    assert living(bench) == [started[1], newest]


# ---- viam-sid on monitored methods ----


@pytest.mark.parametrize('method', MONITORED)
@pytest.mark.parametrize('spelling', SPELLINGS)
def test_an_active_session_drives_and_is_renewed(
        bench: Any, client: Any, method: str, spelling: str) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW * 0.75)
    launch(client, bench, method, sid=SPELLINGS[spelling](session))
    assert bench.locked.accepted[-1][2].session == session
    bench.clock.advance(WINDOW * 0.75)
    bench.settle()
    assert bench.moves()
    assert ids(client) == [session]
    bench.clock.advance(WINDOW * 0.25)
    bench.until_stopped()


@pytest.mark.parametrize('method', MONITORED)
@pytest.mark.parametrize('spelling', SPELLINGS)
def test_the_zero_id_is_no_session(bench: Any, client: Any, method: str, spelling: str) -> None:
    launch(client, bench, method, sid=SPELLINGS[spelling](ZERO_ID))
    assert bench.locked.accepted[-1][2].session is None


@pytest.mark.parametrize('method', MONITORED)
def test_a_call_without_a_session_is_accepted(bench: Any, client: Any, method: str) -> None:
    launch(client, bench, method)
    assert bench.locked.accepted[-1][2].session is None


@pytest.mark.parametrize('method', MONITORED)
@pytest.mark.parametrize('kind', ['unknown', 'dead'])
def test_an_expired_or_unknown_session_is_refused(
        bench: Any, client: Any, method: str, kind: str) -> None:
    session = UNKNOWN_ID
    if kind == 'dead':
        session = client.start_session()
        client.robot.SendSessionHeartbeat(id=session)
        bench.clock.advance(WINDOW)
    call = getattr(client.base, method)
    assert call.refused(name='base', sid=session, **MONITORED[method]) == EXPIRED
    assert call.refused(name='base', sid=session) == EXPIRED, 'not even for a zero command'
    bench.settle()
    assert bench.told() == 'nothing'


def refusals_of_bad_headers(client: Any, method: str, session: str) -> list[tuple[str, Any]]:
    """Call with every kind of bad header; return (which, refusal) pairs."""
    call = getattr(client.base, method)
    found = [
        (which, call.refused(name='base', sid=text, **MONITORED[method]))
        for which, text in MALFORMED.items()]
    twice = {'two': (session, UNKNOWN_ID), 'the same twice': (session, session),
             'one and an empty one': (session, ''), 'two zeros': (ZERO_ID, ZERO_ID)}
    return found + [
        (which, call.refused(name='base', metadata=[('viam-sid', one) for one in both],
                             **MONITORED[method]))
        for which, both in twice.items()]


@pytest.mark.parametrize('method', MONITORED)
def test_a_bad_header_is_refused_and_changes_nothing(
        bench: Any, client: Any, method: str) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    accepted = list(bench.locked.accepted)
    bench.clock.advance(WINDOW * 0.75)
    for which, refusal in refusals_of_bad_headers(client, method, session):
        assert refusal.code is Code.INVALID_ARGUMENT, which
        assert 'viam-sid' in refusal.text, which
        assert refusal.text != 'SESSION_EXPIRED', which
        assert len(refusal.text) < 500
    assert bench.locked.accepted == accepted
    bench.settle()
    assert bench.moves()
    bench.clock.advance(WINDOW * 0.25)
    bench.until_stopped()  # not renewed, but still the owner


def test_the_session_is_checked_before_anything_else(start: Callable[..., Any]) -> None:
    bench = start(policy=policy(), paths=False)
    client = bench.client()
    nan = float('nan')
    worst = {'name': 'nobody', 'linear': (nan, nan, nan)}
    assert client.base.SetPower.refused(**worst, sid=UNKNOWN_ID) == EXPIRED
    assert client.base.SetVelocity.refused(**worst, sid=UNKNOWN_ID) == EXPIRED
    assert client.base.MoveStraight.refused(
        name='nobody', distance_mm=2**62, mm_per_sec=nan, sid=UNKNOWN_ID) == EXPIRED
    assert client.base.Spin.refused(
        name='nobody', angle_deg=nan, degs_per_sec=nan, sid=UNKNOWN_ID) == EXPIRED
    assert 'viam-sid' in client.base.SetPower.refused(**worst, sid='x').text
    bench.locked.shut_down()
    assert client.base.SetPower.refused(
        name='base', linear=FORWARD, sid=UNKNOWN_ID) == EXPIRED


@pytest.mark.parametrize(('how', 'code'), [
    ({'name': 'nobody', 'linear': FORWARD}, Code.NOT_FOUND),
    ({'name': 'base', 'linear': (0.0, float('nan'), 0.0)}, Code.INVALID_ARGUMENT)])
def test_a_refused_command_renews_its_session(
        bench: Any, client: Any, how: dict[str, Any], code: Code) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW * 0.75)
    assert client.base.SetPower.refused(sid=session, **how).code is code
    bench.clock.advance(WINDOW * 0.75)
    assert ids(client) == [session]


# ---- viam-sid on other methods ----


@pytest.mark.parametrize('values', [
    ('nonsense',), ('',), (UNKNOWN_ID,), (ZERO_ID,), (UNKNOWN_ID, UNKNOWN_ID)])
def test_other_methods_ignore_the_header(
        bench: Any, client: Any, values: tuple[str, ...]) -> None:
    metadata = [('viam-sid', value) for value in values]
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    session = client.start_session(metadata=metadata)
    client.robot.SendSessionHeartbeat(id=session, metadata=metadata)
    for method in ('GetSessions', 'ResourceNames', 'GetOperations', 'GetVersion',
                   'GetMachineStatus', 'ResourceRPCSubtypes'):
        getattr(client.robot, method)(metadata=metadata)
    for method in ('GetProperties', 'GetGeometries', 'GetStatus', 'IsMoving'):
        getattr(client.base, method)(name='base', metadata=metadata)
    assert bench.moves()
    client.base.Stop(name='base', metadata=metadata)
    bench.until_stopped()


def test_other_methods_do_not_renew(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(WINDOW * 0.75)
    client.base.Stop(name='base', sid=session)
    client.base.IsMoving(name='base', sid=session)
    client.robot.GetSessions(sid=session)
    bench.clock.advance(WINDOW * 0.25)
    assert client.robot.SendSessionHeartbeat.refused(id=session) == EXPIRED


# ---- the owner of a motion ----


def test_the_end_of_the_last_caller_stops_and_of_another_does_not(
        bench: Any, client: Any) -> None:
    first, second = client.start_session(), client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=first)
    client.base.SetPower(name='base', linear=(0.0, 0.25, 0.0), sid=second)
    bench.clock.advance(WINDOW * 0.75)
    bench.until(lambda: bench.moves() and bench.told().linear[0] == 0.25)
    client.robot.SendSessionHeartbeat(id=second)
    bench.clock.advance(WINDOW * 0.25)
    bench.settle()
    assert ids(client) == [second]
    assert bench.moves(), 'the first session has ended, and owned nothing any more'
    bench.clock.advance(WINDOW * 0.75)
    bench.until_stopped()


def test_a_refused_command_takes_nothing_over(bench: Any, client: Any) -> None:
    owner, other = client.start_session(), client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=owner)
    bench.until_moving()
    client.robot.SendSessionHeartbeat(id=other)
    assert client.base.SetPower.refused(
        name='base', linear=(0.0, float('inf'), 0.0), sid=other).code is Code.INVALID_ARGUMENT
    for _ in range(2):
        bench.clock.advance(WINDOW * 0.5)
        client.robot.SendSessionHeartbeat(id=other)
    bench.until_stopped()
    assert ids(client) == [other]
