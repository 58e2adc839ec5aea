# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The gRPC server: a thread with an event loop of its own.

Handlers convert requests, call the supervisor and wait. They never publish and never block the
loop, so that heartbeats are handled without delay.
"""

import asyncio
from collections.abc import Callable
import errno
import logging
import os
import socket
import threading
import time

import grpc

from viam_session_bridge.core.events import ClientConnected, ClientDisconnected, LogEvent
from viam_session_bridge.core.sessions import shown_session
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService
from viam_session_bridge.rpc.auth import (
    Authentication,
    AuthService,
    KeyAuthentication,
    NoAuthentication,
)
from viam_session_bridge.rpc.calls import LARGEST_REQUEST, Registry
from viam_session_bridge.rpc.component_service import components, Configs, FeedbackOf
from viam_session_bridge.rpc.connections import Clients, port_holder, SocketMonitor
from viam_session_bridge.rpc.operations import Operations
from viam_session_bridge.rpc.reflection_service import (
    MOST_REFLECTIONS,
    ReflectionService,
    VERSIONS,
)
from viam_session_bridge.rpc.robot_service import Revision, RobotService
from viam_session_bridge.rpc.tls import CertificateFiles

_LOG = logging.getLogger(__name__)

START_PATIENCE = 10.0

# The pause (s) between two looks for calls that waited during a stall, and the turns of the event
# loop in each: a call passes through gRPC's threads and the loop several times until it counts.
DRAIN_TICK = 0.002
DRAIN_TURNS = 20

# Each call checks the key file. This period (s) bounds the time to stop the motions of a revoked
# key that makes no calls.
KEY_PERIOD = 0.1

# A client that has gone is noticed, for events, within so long (s).
CLIENTS_PERIOD = 1.0

# So many sessions are shown in diagnostics.
MOST_SHOWN = 20

REPLY_LIMIT = 32 * 1024 * 1024  # bytes; the limit of the Go client

# Calls of one connection, more than operations.py accepts: otherwise gRPC would hold back further
# calls in the client, also stops and heartbeats.
MOST_STREAMS = 4096

# The service class of each component API, by the full name of the service.
COMPONENTS = components()


def server_options(*, max_connections: int = 100, keepalive_time: float = 10.0,
                   keepalive_timeout: float = 20.0) -> list[tuple[str, int]]:
    """
    Return the channel arguments of the server.

    A peer that does not answer HTTP/2 pings is disconnected keepalive_time + keepalive_timeout (s)
    after its last data: this detects a frozen client. The times are long, because a program that
    blocks its event loop does not answer pings either. The SocketMonitor detects a lost network
    sooner.

    max_connections applies to each listening address, with grpcio 1.63 and later; older versions
    ignore it.
    """
    return [
        # A port in use must be an error; it must never be shared with another process.
        ('grpc.so_reuseport', 0),
        ('grpc.max_allowed_incoming_connections', max_connections),
        # The time after which a connection without a handshake is closed.
        ('grpc.server_handshake_timeout_ms', 10_000),
        ('grpc.max_receive_message_length', LARGEST_REQUEST),
        ('grpc.max_send_message_length', REPLY_LIMIT),
        ('grpc.max_concurrent_streams', MOST_STREAMS),
        # By default, gRPC cancels calls, also heartbeats, when a thousand calls wait.
        ('grpc.server.max_pending_requests', 10_000),
        ('grpc.server.max_pending_requests_hard_limit', 20_000),
        ('grpc.keepalive_time_ms', round(keepalive_time * 1000)),
        ('grpc.keepalive_timeout_ms', round(keepalive_timeout * 1000)),
        # Newer gRPC versions use the longer of the two; the default of this one is a minute.
        ('grpc.http2.ping_timeout_ms', round(keepalive_timeout * 1000)),
        # The server also pings while the client makes no calls.
        ('grpc.keepalive_permit_without_calls', 1),
        ('grpc.http2.max_pings_without_data', 0),
        # Go clients ping idle connections every 20 s; by default, gRPC closes such connections.
        ('grpc.http2.min_ping_interval_without_data_ms', 5000),
        ('grpc.http2.max_ping_strikes', 0),
    ]


class ServerError(Exception):
    """The server cannot start; the text states the cause and the parameter."""


class Server:
    """
    Serves Viam's API for a supervisor.

    feedback: see ComponentService. on_death: called if the server ends without a call of stop().
    beat: called by the event loop every beat_period (s), for the watchdog of threads.
    note takes what clients do, for whoever writes events; it must not block.
    """

    def __init__(self, supervisor: LockedBridge, config: BridgeConfig, feedback: FeedbackOf,
                 on_death: Callable[[BaseException], None],
                 beat: Callable[[], None] = lambda: None, beat_period: float = 1.0,
                 note: Callable[[LogEvent], None] = lambda event: None) -> None:
        self._supervisor = supervisor
        self._config = config
        self._revision = Revision(config.revision, time.time())
        configs = _by_name(config)
        self._components = {
            name: (service(configs, feedback, supervisor) if issubclass(service, ActuatedService)
                   else service(configs, feedback)) for name, service in COMPONENTS.items()}
        self._resources = [one.resource for one in config.resources]
        self._on_death = on_death
        self._beat = beat
        self._beat_period = beat_period
        self._note = note
        self._clients: Clients | None = None
        self._thread = threading.Thread(target=self._run, name='grpc', daemon=True)
        self._started = threading.Event()
        self._problem: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._presence: SocketMonitor | None = None
        self.port = 0

    def configure(self, config: BridgeConfig) -> None:
        """Replace the configurations of the resources, and the revision."""
        self._revision = Revision(config.revision, time.time())
        configs = _by_name(config)
        for component in self._components.values():
            component.configs = configs

    def figures(self) -> dict[str, str]:
        """Return what diagnostics show, by name; may be called from any thread."""
        sessions, now = self._supervisor.sessions(), self._supervisor.now()
        shown = {
            f'session {shown_session(one.id)}':
            f'{one.peer}{one.entity and ", key "}{one.entity}, {one.deadline - now:.1f} s left'
            for one in sessions[:MOST_SHOWN]}
        return {
            'address': f'{self._config.grpc.host}:{self.port}',
            'TLS': self._config.grpc.tls_certificate_file or 'off',
            'keys': self._config.auth.key_file or 'none are needed',
            'connections': str(0 if self._clients is None else len(self._clients)),
            'sessions': str(len(sessions)), **shown}

    def is_open(self, socket: int) -> bool:
        """Return whether a client's connection is open; may be called from any thread."""
        return self._presence is None or self._presence.is_open(socket)

    def start(self) -> int:
        """Start serving and return the port. Raises ServerError."""
        self._thread.start()
        if not self._started.wait(START_PATIENCE):
            raise ServerError(f'the gRPC server did not start within {START_PATIENCE:g} s')
        if self._problem is not None:
            raise ServerError(str(self._problem)) from self._problem
        return self.port

    def stop(self, timeout: float) -> bool:
        """Close every connection and end; returns whether that was done in time (s)."""
        loop, end = self._loop, self._end
        if loop is not None and end is not None:
            try:
                loop.call_soon_threadsafe(end.set)
            except RuntimeError:
                pass  # the loop has already ended
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asked = False
        try:
            asyncio.run(self._serve())
            asked = True
        except BaseException as problem:
            self._problem = problem
        finally:
            starting = not self._started.is_set()
            self._started.set()
        if not asked and not starting and self._problem is not None:
            self._on_death(self._problem)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        presence = SocketMonitor(
            now=self._supervisor.now, wanted=self._supervisor.watched_sockets,
            report=self._supervisor.update_sockets,
            network_timeout=self._config.sessions.network_timeout)
        self._presence = presence
        server = grpc.aio.server(
            options=server_options(max_connections=self._config.grpc.max_connections))
        operations = Operations()
        # The callback uses the registry: it is called only after the registry exists.
        authentication = self._authentication(lambda entity: self._end_key(registry, entity))
        clients = self._clients = Clients(presence.connection_of, lambda peer, came: self._note(
            ClientConnected(peer) if came else ClientDisconnected(peer)))
        registry = Registry(
            self._supervisor, presence, operations, authentication, clients, self._note)
        robot = RobotService(
            self._supervisor, operations, self._resources, presence, lambda: self._revision)
        served: dict[str, object] = {
            'viam.robot.v1.RobotService': robot,
            'proto.rpc.v1.AuthService': AuthService(authentication),
            **self._components}
        reflection = {f'grpc.reflection.{version}.ServerReflection': version
                      for version in VERSIONS}
        streams = asyncio.Semaphore(MOST_REFLECTIONS)
        for name, version in reflection.items():
            served[name] = ReflectionService(version, [*served, *reflection], streams)
        server.add_generic_rpc_handlers(tuple(
            registry.handler(proto.service(name), servicer) for name, servicer in served.items()))
        server.add_generic_rpc_handlers((registry.unserved(),))
        self.port = self._bind(server)
        await server.start()
        presence.attach(self.port)
        self._supervisor.watch_backlog()
        ending = asyncio.create_task(self._end.wait())
        # None may end: no client would be known to be present, or a revoked key would stay valid.
        vital = [asyncio.create_task(one, name=name) for name, one in (
            ('presence poller', presence.run()), ('loop watch', self._watch_loop(registry)),
            ('key check', _repeat(authentication.refresh, KEY_PERIOD)),
            ('client check', _repeat(clients.look, CLIENTS_PERIOD)))]
        self._started.set()
        try:
            await asyncio.wait({ending, *vital}, return_when=asyncio.FIRST_COMPLETED)
            for task in vital:
                if task.done():
                    raise RuntimeError(
                        f'the {task.get_name()} ended: {task.exception()!r}') from task.exception()
        finally:
            ending.cancel()
            for task in vital:
                task.cancel()
            await server.stop(grace=0.2)

    def _authentication(self, on_end: Callable[[str], None]) -> Authentication:
        if not self._config.auth.key_file:
            return NoAuthentication()
        return KeyAuthentication(
            self._config.auth.key_file, self._supervisor.now, on_end,
            [one.name for one in self._resources])

    def _end_key(self, registry: Registry, entity: str) -> None:
        """End the sessions, calls and motions of a key that is no longer valid."""
        self._supervisor.revoke(entity)
        registry.end_calls(entity)

    async def _watch_loop(self, registry: Registry) -> None:
        """Call beat periodically; after a stall, look whether waiting calls are left."""
        supervisor = self._supervisor
        while True:
            self._beat()
            if not supervisor.draining():
                await asyncio.sleep(self._beat_period)
                continue
            began, used = time.monotonic(), time.process_time()
            await asyncio.sleep(DRAIN_TICK)
            awake = others_awake()
            for _ in range(DRAIN_TURNS):
                await asyncio.sleep(0.0)
            now = time.monotonic()
            supervisor.backlog_looked(now, registry.calls, awake or others_awake(),
                                      min(time.process_time() - used, now - began))

    def _bind(self, server: grpc.aio.Server) -> int:
        host, port = self._config.grpc.host, self._config.grpc.port
        address = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
        credentials = self._credentials()
        refusal = f'grpc.host, grpc.port: cannot listen on {address}'
        # If gRPC cannot bind, it logs a line of its own without the cause.
        try:
            _try_to_bind(host, port)
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise ServerError(f'{refusal}: {problem.strerror}') from problem
            holder = port_holder(port) or 'a process that is ending'
            raise ServerError(f'{refusal}: the port is in use by {holder}') from problem
        try:
            bound = (server.add_insecure_port(address) if credentials is None
                     else server.add_secure_port(address, credentials))
        except RuntimeError as problem:
            raise ServerError(refusal) from problem
        if bound == 0:
            raise ServerError(refusal)
        return bound

    def _credentials(self) -> grpc.ServerCredentials | None:
        certificate, key = (
            self._config.grpc.tls_certificate_file, self._config.grpc.tls_key_file)
        return CertificateFiles(certificate, key).credentials() if certificate else None


def _by_name(config: BridgeConfig) -> Configs:
    return {one.name: one for one in config.resources}


async def _repeat(action: Callable[[], None], period: float) -> None:
    while True:
        await asyncio.sleep(period)
        action()


def others_awake() -> bool:
    """Return whether another thread of this process runs, or waits for a processor, or may."""
    own = str(threading.get_native_id())
    try:
        return any(_is_awake(thread) for thread in os.listdir('/proc/self/task') if thread != own)
    except OSError:
        return True  # it cannot be known, for example because no descriptor is left


def _is_awake(thread: str) -> bool:
    try:
        with open(f'/proc/self/task/{thread}/stat', 'rb') as file:
            state = file.read().rpartition(b') ')[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has just ended
    # Not in an interruptible sleep, and not ending. A page that is read from the disk (D) counts.
    return state not in b'SIZX'


def _try_to_bind(host: str, port: int) -> None:
    """Raise OSError if a port cannot be bound now."""
    if port == 0:
        return
    for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        with socket.socket(family, kind, protocol) as probe:
            # As gRPC does: closed connections in TIME_WAIT do not prevent binding.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
            # With that option, two sockets may be bound to one port, but only one may listen.
            probe.listen(1)
