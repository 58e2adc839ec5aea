# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tells which client connections of our gRPC server are open and alive right now.

Motion depends on the answer, so it is positive evidence or nothing: a connection is present when
the kernel says that this very socket is established and that the peer's kernel spoke lately.
What follows from presence is decided in core/presence.py.

gRPC's own registry (channelz) is not asked. It goes on listing the socket of a killed client
until the last handler of that client has returned, and grpcio 1.51 even for as long as nobody
else connects.
"""

import asyncio
from collections.abc import Callable
import logging
import time

from viam_session_bridge.rpc import sockets

_log = logging.getLogger(__name__)

# A look may use a tenth of the event loop's time, but the next one is never put off beyond this.
_COST_FACTOR = 10.0
_LONGEST_PAUSE = 0.1  # s
_PROBE_AGAIN = 0.2  # s, between two questions to a silent peer
_LOG_PERIOD = 10.0  # s, between two log lines about looks that fail
_LEAST_TABLE = 16  # connections; closed ones are forgotten when the table has doubled

# Bytes. While a request is parsed, in C, no other Python runs: 32 MiB, viam-server's limit, would
# freeze everybody for most of a second. The longest request that is served is not half of this.
REQUEST_LIMIT = 4 * 1024 * 1024
REPLY_LIMIT = 32 * 1024 * 1024  # what the Go client takes

# Calls of one connection, more than operations.py lets wait: gRPC would keep the rest in the
# client, stops and heartbeats among them.
MOST_STREAMS = 4096


class PresenceUnavailable(RuntimeError):
    """This system does not tell which connections are open."""


def server_options(*, max_connections: int = 100, keepalive_time: float = 10.0,
                   keepalive_timeout: float = 20.0) -> list[tuple[str, int]]:
    """
    Return the channel arguments of the server.

    A peer that answers no HTTP/2 ping is disconnected keepalive_time + keepalive_timeout (s) after
    it was last heard: this finds a frozen client. It is patient on purpose, because a program that
    blocks its event loop answers no pings either. Lost networks are found by Presence, sooner.

    max_connections counts per listening address, and is heeded from grpcio 1.63 on; older ones
    ignore it.
    """
    return [
        # A port that is in use must be an error, never shared with another process.
        ('grpc.so_reuseport', 0),
        ('grpc.max_allowed_incoming_connections', max_connections),
        # Strangers that connect and say nothing hold one of these for so long.
        ('grpc.server_handshake_timeout_ms', 10_000),
        ('grpc.max_receive_message_length', REQUEST_LIMIT),
        ('grpc.max_send_message_length', REPLY_LIMIT),
        ('grpc.max_concurrent_streams', MOST_STREAMS),
        # With a thousand calls waiting, gRPC would begin to cancel others, heartbeats among them.
        ('grpc.server.max_pending_requests', 10_000),
        ('grpc.server.max_pending_requests_hard_limit', 20_000),
        ('grpc.keepalive_time_ms', round(keepalive_time * 1000)),
        ('grpc.keepalive_timeout_ms', round(keepalive_timeout * 1000)),
        # Newer cores wait for the longer of the two; by default this one is a minute.
        ('grpc.http2.ping_timeout_ms', round(keepalive_timeout * 1000)),
        # Our pings go on while the client calls nothing.
        ('grpc.keepalive_permit_without_calls', 1),
        ('grpc.http2.max_pings_without_data', 0),
        # Go clients ping idle connections every 20 s, which gRPC punishes by default.
        ('grpc.http2.min_ping_interval_without_data_ms', 5000),
        ('grpc.http2.max_ping_strikes', 0),
    ]


class Presence:
    """
    Watches the connections that motions depend on. Belongs to the event loop's thread.

    now is the clock of the reports (s), wanted tells which sockets motions depend on at present,
    report takes (taken_at, present sockets), network_timeout (s) is how long a peer's kernel may
    stay silent, period (s) is the pause between two looks.

    A socket is known by a number that the kernel never gives again, so neither a reused port nor a
    reused descriptor can be mistaken for the client that was.
    """

    def __init__(self, *, now: Callable[[], float], wanted: Callable[[], frozenset[int]],
                 report: Callable[[float, frozenset[int]], None],
                 network_timeout: float = 2.0, period: float = 0.01) -> None:
        self._now = now
        self._wanted = wanted
        self._report = report
        self._network_timeout = network_timeout
        self._period = period
        self._port = 0
        self._by_peer: dict[str, sockets.Connection] = {}
        self._descriptors: dict[int, int] = {}
        # At which silence (s) each socket's peer is asked again.
        self._next_probe: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_log = 0.0
        self._forget_at = _LEAST_TABLE

    def attach(self, port: int) -> None:
        """Watch the connections to this port; call it when the server has started."""
        try:
            works = sockets.listens(port)
        except OSError as error:
            raise PresenceUnavailable(f'cannot list the sockets of this process: {error}') \
                from error
        if not works:
            raise PresenceUnavailable(
                f'found no listening socket with port {port} in this process whose state and '
                'cookie can be read; Linux with /proc is needed to know which clients are there')
        self._port = port

    def socket_of(self, peer: str) -> int | None:
        """
        Return the id of the open connection with that context.peer(), as of this very moment.

        None when there is none, or when it cannot be told from another one. From then on the
        peer's kernel is asked every second whether it is still there.
        """
        known = self._by_peer.get(peer)
        # While a socket is established, no other one can exist between the same two ends.
        if known is not None and sockets.silence(known.fd, known.cookie) is not None:
            return known.cookie
        if len(self._by_peer) >= self._forget_at:
            self._forget_closed()
            self._forget_at = 2 * len(self._by_peer) + _LEAST_TABLE
        endpoint = sockets.parse_peer(peer)
        found = [] if endpoint is None else self._find(endpoint)
        if len(found) != 1:
            return None
        try:
            sockets.probe(found[0].fd)
        except OSError:
            return None
        self._by_peer[peer] = found[0]
        self._descriptors[found[0].cookie] = found[0].fd
        return found[0].cookie

    def known_socket(self, peer: str) -> int | None:
        """
        Return the id of that peer's connection for a call that begins no motion.

        Cheaper than socket_of: of a connection that is known it checks only that its descriptor
        was not given to another one, not that it is open still.
        """
        known = self._by_peer.get(peer)
        if known is not None and sockets.is_same(known.fd, known.cookie):
            return known.cookie
        return self.socket_of(peer)

    def look(self) -> None:
        """Look once and report which of the wanted sockets are present."""
        # In this order: a command that is older than the report was wanted when it was made.
        taken_at = self._now()
        wanted = self._wanted()
        self._report(taken_at, frozenset(filter(self._is_present, wanted)))

    async def run(self) -> None:
        """Look again and again while anything is wanted; never ends but by cancellation."""
        self._loop = asyncio.get_running_loop()
        while True:
            # Before the question, or a nudge between question and wait would be lost.
            self._wake.clear()
            started = time.thread_time()
            try:
                idle = not self._wanted()
                if not idle:
                    self.look()
            # Nothing was reported, which the supervisor takes for absence; looking must go on.
            except Exception:
                idle = False
                self._log_failure()
            if idle:
                await self._wake.wait()
            else:
                # Of the processor's time: waiting for the processor must not make looks rarer.
                cost = time.thread_time() - started
                await asyncio.sleep(min(max(self._period, _COST_FACTOR * cost), _LONGEST_PAUSE))

    def nudge(self) -> None:
        """Tell the poller that something may be wanted now. May be called from any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            # Closed in between: nobody polls any more.
            pass

    def _find(self, endpoint: sockets.Endpoint) -> list[sockets.Connection]:
        # Thousands of connections are known already, and a newcomer is none of them; unless one of
        # theirs was closed and its descriptor given to the newcomer.
        found = sockets.find(self._port, endpoint, self._descriptors.values())
        if not found:
            self._forget_closed()
            found = sockets.find(self._port, endpoint)
        return found

    def _is_present(self, socket_id: int) -> bool:
        fd = self._descriptors.get(socket_id)
        silence = None if fd is None else sockets.silence(fd, socket_id)
        if fd is None or silence is None or silence > self._network_timeout:
            return False
        # One lost probe must not stop a robot: ask again before time is up.
        if silence < sockets.PROBE_PERIOD:
            self._next_probe.pop(socket_id, None)
        elif silence >= self._next_probe.get(socket_id, 0.0):
            self._next_probe[socket_id] = silence + _PROBE_AGAIN
            try:
                sockets.probe_now(fd)
            except OSError:
                # Closed this moment.
                return False
        return True

    def _forget_closed(self) -> None:
        self._by_peer = {
            peer: one for peer, one in self._by_peer.items()
            if sockets.silence(one.fd, one.cookie) is not None}
        self._descriptors = {one.cookie: one.fd for one in self._by_peer.values()}
        self._next_probe.clear()

    def _log_failure(self) -> None:
        moment = time.monotonic()
        if moment >= self._next_log:
            self._next_log = moment + _LOG_PERIOD
            _log.exception('cannot tell which clients are present; motions without a session stop')
