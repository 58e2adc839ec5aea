# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The Python session client with a real server; with the real viam-sdk where it is attached."""

import asyncio
from collections.abc import Callable
import queue
import threading
import time
from typing import Any

import grpc
import pytest

from processes import wait_until
from viam_session_bridge.client import (
    AsyncSession,
    Credentials,
    InvalidCredentials,
    Session,
    SessionExpired,
)
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import SessionSettings

WINDOW = 2.0
KEY_ID = '0d5a1f0e-3c1f-4a42-8a3c-1f0e3c1f4a42'


@pytest.fixture
def real(start: Callable[..., Any]) -> Any:
    """Return a bridge in real time that tolerates stalls of a busy machine."""
    return start(policy=Policy(SessionSettings(WINDOW), stall_limit=60.0), real_clock=True,
                 actuator=ActuatorSettings(stop_hold=0.2))


def address(bench: Any) -> str:
    return f'127.0.0.1:{bench.port}'


def drive(bench: Any, metadata: Any) -> None:
    bench.client().base.SetPower(name='base', linear=(0.0, 0.5, 0.0), metadata=metadata)


def test_attached_sdk_client_drives_under_the_session_and_stops_when_it_closes(real: Any) -> None:
    viam = pytest.importorskip('viam.components.base')
    client = pytest.importorskip('viam.robot.client')
    dial = pytest.importorskip('viam.rpc.dial')

    async def program() -> None:
        robot = await client.RobotClient.at_address(
            address(real), client.RobotClient.Options(disable_sessions=True, dial_options=(
                dial.DialOptions(insecure=True, disable_webrtc=True))))
        try:
            base = viam.Base.from_robot(robot, 'base')
            async with AsyncSession(address(real)) as session:
                session.attach(robot)
                await base.set_power(viam.Vector3(y=0.5), viam.Vector3())
                assert real.locked.accepted[-1][2].session == session.id
                assert [one.id for one in await session.sessions()] == [session.id]
                await asyncio.sleep(2 * WINDOW)
                assert not session.expired and await base.is_moving()
            # The connection of the SDK is still open: missing heartbeats are sufficient.
            give_up = time.monotonic() + 20.0
            while real.told() is not None:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.02)
            with pytest.raises(SessionExpired, match='it was closed'):
                await base.set_power(viam.Vector3(y=0.5), viam.Vector3())
            await base.stop()
        finally:
            await robot.close()

    asyncio.run(asyncio.wait_for(program(), 60.0))


def test_event_loop_blocked_for_a_window_ends_the_session_and_reports_it_once(real: Any) -> None:
    ends: list[str] = []

    async def program() -> None:
        async with AsyncSession(address(real), on_expired=ends.append) as session:
            drive(real, session.metadata)
            real.until_moving()
            time.sleep(WINDOW + 0.2)  # blocks the loop on purpose
            real.until_stopped()
            with pytest.raises(SessionExpired, match='the window is 2 s'):
                session.check()
            with pytest.raises(SessionExpired):
                await session.heartbeat()

    asyncio.run(asyncio.wait_for(program(), 60.0))
    assert len(ends) == 1 and 'no heartbeat was answered' in ends[0]


def test_session_of_a_thread_stays_active_while_the_program_waits_and_resumes_by_its_id(
        real: Any) -> None:
    with Session(address(real)) as session:
        connection = real.client()
        connection.base.SetPower(
            name='base', linear=(0.0, 0.5, 0.0), metadata=session.metadata)
        real.until_moving()
        real.still_moves_for(2 * WINDOW)
        assert not session.resumed
        with Session(address(real), resume=session.id) as again:
            assert again.resumed and again.id == session.id
        with Session(address(real), resume=KEY_ID) as new:
            assert not new.resumed and new.id not in (session.id, KEY_ID)
        assert len(session.sessions()) == 2
    real.until_stopped()


def test_session_that_the_server_does_not_have_ends(start: Callable[..., Any]) -> None:
    bench, ends = start(policy=Policy(SessionSettings(30.0))), []
    with Session(address(bench), on_expired=ends.append, beat=False) as session:
        session.heartbeat()
        bench.clock.advance(31.0)
        bench.settle()
        with pytest.raises(SessionExpired, match='SESSION_EXPIRED'):
            session.heartbeat()
        assert session.expired == ends[0] and len(ends) == 1
        with pytest.raises(SessionExpired):
            assert session.metadata


def test_the_end_of_a_session_is_reported_once_on_its_thread_whichever_thread_finds_it(
        real: Any) -> None:
    reported: queue.Queue[str] = queue.Queue()
    with Session(address(real), beat=False, on_expired=lambda reason: reported.put(
            threading.current_thread().name)) as session:
        wait_until(lambda: session.expired, 'the end of the window')
        assert reported.get(timeout=30.0) == 'viam-session'
    assert reported.empty()


def test_a_session_may_be_closed_by_what_is_called_when_it_ends(bench: Any) -> None:
    ends: list[str] = []

    def close(reason: str) -> None:
        with pytest.raises(RuntimeError, match='its own thread'):
            session.sessions()
        session.close()
        ends.append(reason)

    session = Session(address(bench), on_expired=close).start()
    thread = session._thread
    assert thread is not None
    bench.locked.expire_sessions()
    thread.join(30.0)
    assert not thread.is_alive() and len(ends) == 1
    session.close()


def test_heartbeat_that_is_not_answered_raises_and_the_window_decides(
        start: Callable[..., Any]) -> None:
    bench = start(policy=Policy(SessionSettings(30.0)))
    with Session(address(bench), beat=False) as session:
        bench.server.stop(10.0)
        with pytest.raises(grpc.RpcError):
            session.heartbeat()
        assert not session.expired


def test_session_that_cannot_connect_raises_and_leaves_no_thread() -> None:
    session = Session('127.0.0.1:1')
    with pytest.raises(grpc.RpcError):
        session.start()
    assert session._thread is not None and not session._thread.is_alive()
    with pytest.raises(RuntimeError, match='call start first'):
        session.heartbeat()
    with pytest.raises(RuntimeError, match='started before'):
        session.start()


def test_session_that_was_not_started_is_over() -> None:
    session = Session('127.0.0.1:1')
    with pytest.raises(SessionExpired, match='not started'):
        session.check()
    session.close()


@pytest.mark.parametrize(('fields', 'field'), [
    ({'api_key_id': KEY_ID}, 'api_key is empty'), ({'api_key': 'x'}, 'api_key_id is empty'),
    ({'api_key_id': KEY_ID, 'api_key': 'x', 'tls': False}, 'plain_text_key'),
    ({'root_certificates': 'ca.pem', 'tls': False}, 'root_certificates')])
def test_credentials_that_cannot_be_used_are_refused_by_field(
        fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidCredentials, match=field):
        Credentials(**fields)
    assert 'secret' not in repr(Credentials(api_key_id=KEY_ID, api_key='secret'))


def test_key_is_exchanged_for_a_token_that_every_call_carries(real: Any) -> None:
    credentials = Credentials(KEY_ID, 'secret', tls=False, plain_text_key=True)
    with Session(address(real), credentials) as session:
        drive(real, session.metadata)
        assert [one.id for one in session.sessions()] == [session.id]
        owner, = {one.entity for one in real.locked.sessions()}
        assert owner == KEY_ID


def test_attach_refuses_an_object_that_is_not_a_client() -> None:
    pytest.importorskip('grpclib')
    with pytest.raises(TypeError, match='neither a RobotClient nor a grpclib Channel'):
        AsyncSession('127.0.0.1:1').attach('robot')
