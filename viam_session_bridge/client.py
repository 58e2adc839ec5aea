# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A Viam session that the commanding program manages itself.

Viam's Go SDK offers manual session management, its Python SDK does not. This module works beside
viam-sdk (with `disable_sessions=True`) or alone, against this bridge and against viam-server. It
needs grpcio and no ROS.

    async with AsyncSession('robot.lan:8080', credentials) as session:   # asyncio
        session.attach(robot)          # every call of this viam-sdk client names the session
        await base.set_power(...)

    with Session('robot.lan:8080', credentials) as session:              # threads
        stub.SetPower(request, metadata=session.metadata)

A session is alive while heartbeats arrive within its window. `AsyncSession` sends them from the
program's own event loop: a loop that is blocked for longer than the window loses the session, and
the robot stops. `Session` sends them from a thread: they prove only that the process runs.

There is no call that ends a session. After `close` the server receives no heartbeats, and ends the
session when its window has passed. This bridge also stops a motion when the connection that
carried its command closes.

Sources: viam.robot.v1.RobotService (StartSession, SendSessionHeartbeat, GetSessions) and
proto.rpc.v1.AuthService.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
import threading
import time
from types import TracebackType
from typing import Any, TypeVar

import grpc

from viam_session_bridge.rpc import proto

#: The key of the request metadata that names the session.
METADATA_KEY = 'viam-sid'
# Heartbeats in each window, as Viam's SDKs send them.
BEATS = 5
# s; how long a call may take. A heartbeat also ends with its session's window.
CALL_TIMEOUT = 10.0
_EXPIRED = 'SESSION_EXPIRED'
# Names of methods that command no motion begin with one of these. Servers read the session of
# commands only, so that a session that is over never refuses a Stop.
_HARMLESS = ('Get', 'Is', 'List', 'Stop')

_Result = TypeVar('_Result')


class SessionExpired(Exception):
    """The session is over. A robot that it drove has stopped; only a new command moves it."""


class InvalidCredentials(ValueError):
    """The credentials cannot be used as they are; the text names the field."""


@dataclass(frozen=True)
class Credentials:
    """
    The access to a machine.

    api_key_id, api_key: an API key; both or neither. tls: encrypt the connection; None means yes
    if there is a key. root_certificates: a PEM file of the authorities to trust, instead of those
    of grpcio. plain_text_key: send the key without TLS, readable for anyone on the network.
    Raises InvalidCredentials.
    """

    api_key_id: str = ''
    api_key: str = field(default='', repr=False)
    tls: bool | None = None
    root_certificates: str | Path | None = None
    plain_text_key: bool = False

    def __post_init__(self) -> None:
        if bool(self.api_key_id) != bool(self.api_key):
            missing = 'api_key' if self.api_key_id else 'api_key_id'
            raise InvalidCredentials(
                f'{missing} is empty; give api_key_id and api_key, or neither')
        if self.root_certificates is not None and not self.encrypted:
            raise InvalidCredentials(
                'root_certificates is given, but tls is off; set tls=True')
        if self.api_key and not self.encrypted and not self.plain_text_key:
            raise InvalidCredentials(
                'tls is off, so api_key would be sent in plain text; set plain_text_key=True to '
                'accept that')

    @property
    def encrypted(self) -> bool:
        """Return whether the connection uses TLS."""
        return bool(self.api_key or self.root_certificates) if self.tls is None else self.tls


@dataclass(frozen=True)
class SessionInfo:
    """An open session of a machine, and the address (host:port) it was last used from."""

    id: str  # noqa: A003
    remote_address: str


class AsyncSession:
    """
    A session of one machine, for asyncio.

    address: host:port. resume: the id of a session to continue; if it is over, a new one starts,
    see `resumed`. on_expired is called once, with the reason, when the session ends by itself:
    the server no longer knows it, or answered no heartbeat for a whole window.
    beat: send heartbeats in the background; without, call `heartbeat` at least once each window.
    """

    def __init__(self, address: str, credentials: Credentials | None = None, *, resume: str = '',
                 on_expired: Callable[[str], object] | None = None, beat: bool = True) -> None:
        self._address = address
        self._credentials = credentials or Credentials()
        self._resume = resume
        self._on_expired = on_expired
        self._beat = beat
        self._channel: grpc.aio.Channel | None = None
        self._token: tuple[tuple[str, str], ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._id = ''
        self._window = 0.0
        # When the last answered heartbeat was sent (s). The server's window starts later.
        self._proven = 0.0
        self._ended = 'it was not started'

    @property
    def id(self) -> str:  # noqa: A003
        """Return the id of the session; empty before `start`."""
        return self._id

    @property
    def window(self) -> float:
        """Return how long (s) the session lives after a heartbeat."""
        return self._window

    @property
    def resumed(self) -> bool:
        """Return whether the session of `resume` continues."""
        return bool(self._id) and self._id == self._resume

    @property
    def expired(self) -> str:
        """Return why the session is over; empty while it is alive."""
        self._judge()
        return self._ended

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return session and token as metadata of a command. Raises SessionExpired."""
        self.check()
        return (*self._token, (METADATA_KEY, self._id))

    def check(self) -> None:
        """Raise SessionExpired if the session is over."""
        if self.expired:
            raise SessionExpired(f'session of {self._address} is over: {self._ended}')

    async def start(self) -> 'AsyncSession':
        """Connect, start or resume the session, and begin with heartbeats. Raises RpcError."""
        if self._channel is not None:
            raise RuntimeError(f'the session of {self._address} was started before')
        self._channel = _open(self._address, self._credentials)
        try:
            sent = time.monotonic()
            reply = await self._call('StartSession', proto.robot.StartSessionRequest(
                resume=self._resume))
            self._id, self._window = reply.id, reply.heartbeat_window.ToNanoseconds() / 1e9
            self._proven, self._ended = sent, ''
            # viam-server and this bridge count a session as used from its first heartbeat on.
            await self.heartbeat()
        except BaseException:
            await self.close()
            raise
        if self._beat:
            self._task = asyncio.create_task(self._send_heartbeats())
        return self

    async def heartbeat(self) -> None:
        """Renew the session. Raises SessionExpired, and RpcError without an answer."""
        self.check()
        sent = time.monotonic()
        try:
            await self._call(
                'SendSessionHeartbeat', proto.robot.SendSessionHeartbeatRequest(id=self._id),
                max(0.0, self._proven + self._window - sent))
        except grpc.aio.AioRpcError as problem:
            if problem.details() == _EXPIRED:
                self._end('the server answered SESSION_EXPIRED')
            self.check()
            raise
        self._proven = sent

    async def sessions(self) -> list[SessionInfo]:
        """Return the open sessions of the machine. Raises RpcError."""
        reply = await self._call('GetSessions', proto.robot.GetSessionsRequest())
        return [SessionInfo(one.id, one.peer_connection_info.remote_address)
                for one in reply.sessions]

    def attach(self, client: Any) -> None:
        """
        Let every call of a viam-sdk client name this session.

        client: a viam.robot.client.RobotClient made with `disable_sessions=True`, or a
        grpclib.client.Channel. When the session is over, commands raise SessionExpired and are not
        sent; Stop and calls that only read are sent as before.
        """
        from grpclib.client import Channel
        from grpclib.events import listen, RecvTrailingMetadata, SendRequest

        channel = client if isinstance(client, Channel) else getattr(client, '_channel', None)
        if not isinstance(channel, Channel):
            raise TypeError(
                f'attach: {type(client).__name__} is neither a RobotClient nor a grpclib Channel')

        async def send_request(event: SendRequest) -> None:
            if not event.method_name.startswith(('/viam.component.', '/viam.service.')):
                return
            if not event.method_name.rpartition('/')[2].startswith(_HARMLESS):
                self.check()
            event.metadata[METADATA_KEY] = self._id

        async def recv_trailing_metadata(event: RecvTrailingMetadata) -> None:
            if event.status_message == _EXPIRED:
                self._end('the server answered SESSION_EXPIRED')

        listen(channel, SendRequest, send_request)
        listen(channel, RecvTrailingMetadata, recv_trailing_metadata)

    async def close(self) -> None:
        """Send no more heartbeats and close the connection. The server ends the session itself."""
        self._end('it was closed', report=False)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> 'AsyncSession':
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.close()

    def _end(self, reason: str, report: bool = True) -> None:
        if not self._ended:
            self._ended = reason
            if report and self._on_expired is not None:
                self._on_expired(reason)

    def _judge(self) -> None:
        silent = time.monotonic() - self._proven
        if not self._ended and silent >= self._window:
            self._end(f'no heartbeat was answered for {silent:.2f} s; the window is '
                      f'{self._window:g} s')

    async def _send_heartbeats(self) -> None:
        pause = self._window / BEATS
        while not self.expired:
            await asyncio.sleep(pause)
            try:
                await self.heartbeat()
            except SessionExpired:
                return
            except grpc.aio.AioRpcError:
                # No answer. The window decides whether that was the end.
                continue

    async def _call(self, method: str, request: Any, timeout: float = CALL_TIMEOUT) -> Any:
        if self._credentials.api_key and not self._token:
            self._token = await self._authenticate()
        try:
            return await self._send('viam.robot.v1.RobotService', method, request, timeout)
        except grpc.aio.AioRpcError as problem:
            # A token may end before its key does; a revoked key is refused again.
            if problem.code() is not grpc.StatusCode.UNAUTHENTICATED or not self._token:
                raise
        self._token = await self._authenticate()
        return await self._send('viam.robot.v1.RobotService', method, request, timeout)

    async def _authenticate(self) -> tuple[tuple[str, str], ...]:
        self._token = ()
        reply = await self._send(
            'proto.rpc.v1.AuthService', 'Authenticate', proto.auth.AuthenticateRequest(
                entity=self._credentials.api_key_id, credentials=proto.auth.Credentials(
                    type='api-key', payload=self._credentials.api_key)), CALL_TIMEOUT)
        return (('authorization', f'Bearer {reply.access_token}'),)

    async def _send(self, service: str, method: str, request: Any, timeout: float) -> Any:
        if self._channel is None:
            raise RuntimeError(f'the session of {self._address} was not started')
        answer = proto.service(service).methods_by_name[method].output_type.full_name
        return await self._channel.unary_unary(
            f'/{service}/{method}', request_serializer=type(request).SerializeToString,
            response_deserializer=proto.message(answer).FromString,
        )(request, metadata=self._token, timeout=timeout)


class Session:
    """
    A session of one machine, for programs with threads.

    Takes what `AsyncSession` takes, which it runs on an event loop in a thread of its own.
    on_expired is called on that thread. It may call `close`, but nothing that waits for an answer.
    """

    def __init__(self, address: str, credentials: Credentials | None = None, *, resume: str = '',
                 on_expired: Callable[[str], object] | None = None, beat: bool = True) -> None:
        self._session = AsyncSession(
            address, credentials, resume=resume, on_expired=self._on_own_thread, beat=beat)
        self._on_expired = on_expired
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def id(self) -> str:  # noqa: A003
        """Return the id of the session; empty before `start`."""
        return self._session.id

    @property
    def window(self) -> float:
        """Return how long (s) the session lives after a heartbeat."""
        return self._session.window

    @property
    def resumed(self) -> bool:
        """Return whether the session of `resume` continues."""
        return self._session.resumed

    @property
    def expired(self) -> str:
        """Return why the session is over; empty while it is alive."""
        return self._session.expired

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return session and token as metadata of a command. Raises SessionExpired."""
        return self._session.metadata

    def check(self) -> None:
        """Raise SessionExpired if the session is over."""
        self._session.check()

    def start(self) -> 'Session':
        """Connect, start or resume the session, and begin with heartbeats. Raises RpcError."""
        if self._thread is not None:
            raise RuntimeError('the session was started before')
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run_until_stopped, args=(self._loop,), name='viam-session', daemon=True)
        self._thread.start()
        try:
            self._run(self._session.start())
        except BaseException:
            self.close()
            raise
        return self

    def heartbeat(self) -> None:
        """Renew the session. Raises SessionExpired, and RpcError without an answer."""
        self._run(self._session.heartbeat())

    def sessions(self) -> list[SessionInfo]:
        """Return the open sessions of the machine. Raises RpcError."""
        return self._run(self._session.sessions())

    def close(self) -> None:
        """Send no more heartbeats and close the connection. The server ends the session itself."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        closed = asyncio.run_coroutine_threadsafe(self._session.close(), loop)
        closed.add_done_callback(lambda done: loop.call_soon_threadsafe(loop.stop))
        if threading.current_thread() is not self._thread:
            closed.result()
            self._thread.join()

    def __enter__(self) -> 'Session':
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._loop is None:
            work.close()
            raise RuntimeError('the session is not open; call start first')
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError('on_expired: it would wait for its own thread; only close is '
                               'possible here')
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _on_own_thread(self, reason: str) -> None:
        """Call on_expired, once: several threads may find that the session is over."""
        loop = self._loop
        if threading.current_thread() is self._thread:
            on_expired, self._on_expired = self._on_expired, None
            if on_expired is not None:
                on_expired(reason)
        elif loop is not None:
            with suppress(RuntimeError):  # closed in the meantime
                loop.call_soon_threadsafe(self._on_own_thread, reason)


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _open(address: str, credentials: Credentials) -> grpc.aio.Channel:
    # By default connections of a process are shared; this bridge judges presence by connection.
    options = (('grpc.use_local_subchannel_pool', 1),)
    if not credentials.encrypted:
        return grpc.aio.insecure_channel(address, options)
    roots = credentials.root_certificates
    return grpc.aio.secure_channel(
        address, grpc.ssl_channel_credentials(None if roots is None else Path(roots).read_bytes()),
        options)
