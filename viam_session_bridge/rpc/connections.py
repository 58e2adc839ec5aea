# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Monitors which client connections of this process's gRPC server are open, and whether they respond.

Motion depends on the result, so only positive evidence counts: a connection is present if the
kernel reports that this socket is established and that the peer's kernel has responded lately.
core/presence.py decides what follows from presence.

gRPC's registry (channelz) is not used. It lists the socket of a killed client until the last
handler of that client has returned, and in grpcio 1.51 until another client connects.

gRPC owns the sockets and does not expose them, so they are found in /proc/self/fd and queried by
file descriptor number. Linux only. The cookie (SO_COOKIE) identifies a socket: the kernel never
assigns it again, while descriptor numbers and ports are reused at once.

libc is called directly: a Python socket object would own the descriptor and close it at some time,
and a duplicate, when closed, drops the record locks of a file that has the same number meanwhile.
PyDLL keeps the interpreter's lock during the call: none of these calls blocks.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
import ctypes
from ipaddress import ip_address, IPv6Address
import logging
import os
import re
import socket
import struct
import sys
import time
from typing import NamedTuple
import urllib.parse

from viam_session_bridge.core.errors import shown

_log = logging.getLogger(__name__)

# Polls of the sockets may use a tenth of the event loop's time, but the pause is never longer than
# this.
_COST_FACTOR = 10.0
_LONGEST_PAUSE = 0.1  # s
_PROBE_AGAIN = 0.2  # s, between two probes of a silent peer
_LOG_PERIOD = 10.0  # s, between two log lines about failed polls
_LEAST_TABLE = 16  # connections; closed ones are removed when the table has doubled

_libc = ctypes.PyDLL(None, use_errno=True)

_SO_COOKIE = 57  # asm-generic/socket.h; the socket module does not name it
_ESTABLISHED = 1  # include/net/tcp_states.h
_LISTEN = 10
# struct tcp_info of linux/tcp.h, up to the last field used here; the beginning never changes.
_TCP_INFO_SIZE = 60
_LAST_DATA_AND_ACK_RECEIVED = struct.Struct('=II')  # milliseconds ago
_LAST_DATA_RECEIVED_OFFSET = 52
# s; the finest that the kernel offers.
PROBE_PERIOD = 1
# The number of unanswered probes after which the kernel closes the connection, where gRPC sets no
# TCP_USER_TIMEOUT. `silence` detects absence long before.
_PROBES = 40
_PEER = re.compile(r'ipv[46]:\[?([^\]]+?)\]?:(\d+)')


class Endpoint(NamedTuple):
    """One end of a TCP connection: 4 or 16 address bytes, port. IPv4-mapped counts as IPv4."""

    address: bytes
    port: int


class Connection(NamedTuple):
    """An established connection of this process: cookie, descriptor number and the other end."""

    cookie: int
    fd: int
    peer: Endpoint


class SocketMonitorUnavailable(RuntimeError):
    """This system does not report which connections are open."""


class SocketMonitor:
    """
    Monitors the connections that motions depend on. Belongs to the event loop's thread.

    now: the clock of the reports (s). wanted: returns the sockets that motions depend on now.
    report: takes (taken_at, present sockets). network_timeout: how long (s) a peer's kernel may
    stay silent. period: the pause between two polls (s).

    The kernel never assigns the id of a socket again, so a reused port or descriptor cannot be
    mistaken for an earlier client.
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
        self._by_peer: dict[str, Connection] = {}
        self._descriptors: dict[int, int] = {}
        # The silence (s) at which each socket's peer is probed again.
        self._next_probe: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_log = 0.0
        self._forget_at = _LEAST_TABLE

    def attach(self, port: int) -> None:
        """Monitor the connections to this port; call it when the server has started."""
        try:
            works = listens(port)
        except OSError as error:
            raise SocketMonitorUnavailable(f'cannot list the sockets of this process: {error}') \
                from error
        if not works:
            raise SocketMonitorUnavailable(
                f'found no listening socket with port {port} in this process whose state and '
                'cookie can be read; Linux with /proc is needed to monitor client connections')
        self._port = port

    def socket_of(self, peer: str) -> int | None:
        """
        Return the id of the connection of that context.peer() that is open at this moment.

        None if there is none, or if it cannot be distinguished from another one. From then on the
        kernel probes the peer every second.
        """
        known = self._by_peer.get(peer)
        # While a socket is established, there is no other one between the same two endpoints.
        if known is not None and silence(known.fd, known.cookie) is not None:
            return known.cookie
        if len(self._by_peer) >= self._forget_at:
            self._forget_closed()
            self._forget_at = 2 * len(self._by_peer) + _LEAST_TABLE
        found = self._find(peer)
        if found is None:
            return None
        try:
            probe(found.fd)
        except OSError:
            return None
        self._by_peer[peer] = found
        self._descriptors[found.cookie] = found.fd
        return found.cookie

    def known_socket(self, peer: str) -> int | None:
        """
        Return the id of that peer's connection for a call that begins no motion.

        Faster than socket_of: of a known connection it checks only that the descriptor still
        belongs to it, not that it is still open.
        """
        known = self._known(peer)
        return self.socket_of(peer) if known is None else known.cookie

    def connection_of(self, peer: str) -> Connection | None:
        """Return that peer's connection, whose kernel is not asked anything for it."""
        return self._known(peer) or self._find(peer)

    def is_open(self, socket_id: int) -> bool:
        """Return whether a connection is open now. May be called from any thread."""
        fd = self._descriptors.get(socket_id)
        return fd is not None and silence(fd, socket_id) is not None

    def poll_sockets(self) -> None:
        """Poll the wanted sockets once and report which of them are present."""
        # In this order: the sockets of all commands before taken_at are in the report.
        taken_at = self._now()
        wanted = self._wanted()
        self._report(taken_at, frozenset(filter(self._is_present, wanted)))

    async def run(self) -> None:
        """Poll repeatedly while any socket is wanted; ends only by cancellation."""
        self._loop = asyncio.get_running_loop()
        while True:
            # Before the poll, or a wake-up between poll and wait would be lost.
            self._wake.clear()
            started = time.thread_time()
            try:
                idle = not self._wanted()
                if not idle:
                    self.poll_sockets()
            # The supervisor treats a missing report as absence; polling must go on.
            except Exception:
                idle = False
                self._log_failure()
            if idle:
                await self._wake.wait()
            else:
                # CPU time, not wall time: a busy machine must not make polls rarer.
                cost = time.thread_time() - started
                await asyncio.sleep(min(max(self._period, _COST_FACTOR * cost), _LONGEST_PAUSE))

    def wake(self) -> None:
        """Wake the poller: a socket may be wanted now. May be called from any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            pass  # closed in the meantime: the poller has ended

    def _known(self, peer: str) -> Connection | None:
        known = self._by_peer.get(peer)
        return known if known is not None and is_same(known.fd, known.cookie) else None

    def _find(self, peer: str) -> Connection | None:
        endpoint = parse_peer(peer)
        if endpoint is None:
            return None
        try:
            # Thousands of connections may be known already. A new one is not among them, unless a
            # known one was closed and the new one has its descriptor.
            found = find(self._port, endpoint, self._descriptors.values())
            if not found:
                self._forget_closed()
                found = find(self._port, endpoint)
        except OSError:
            # No descriptor is left to list the others. No motion begins, but a Stop must work.
            self._log_failure()
            return None
        return found[0] if len(found) == 1 else None

    def _is_present(self, socket_id: int) -> bool:
        fd = self._descriptors.get(socket_id)
        silent = None if fd is None else silence(fd, socket_id)
        if fd is None or silent is None or silent > self._network_timeout:
            return False
        # One lost probe must not stop a robot: probe again before the timeout.
        if silent < PROBE_PERIOD:
            self._next_probe.pop(socket_id, None)
        elif silent >= self._next_probe.get(socket_id, 0.0):
            self._next_probe[socket_id] = silent + _PROBE_AGAIN
            try:
                probe_now(fd)
            except OSError:
                return False  # just closed
        return True

    def _forget_closed(self) -> None:
        self._by_peer = {
            peer: one for peer, one in self._by_peer.items()
            if silence(one.fd, one.cookie) is not None}
        self._descriptors = {one.cookie: one.fd for one in self._by_peer.values()}
        self._next_probe.clear()

    def _log_failure(self) -> None:
        moment = time.monotonic()
        if moment >= self._next_log:
            self._next_log = moment + _LOG_PERIOD
            _log.exception(
                'cannot determine which clients are present; motions without a session stop')


# So many connections are met between two looks; a flood must not fill the journal.
MOST_NEWCOMERS = 20


class Clients:
    """
    Which clients are connected, for events. Belongs to the event loop's thread.

    connection_of: see SocketMonitor. note is called with a peer, and whether it came or has gone.
    """

    def __init__(self, connection_of: Callable[[str], Connection | None],
                 note: Callable[[str, bool], None]) -> None:
        self._connection_of = connection_of
        self._note = note
        # By peer; None if its connection cannot be identified.
        self.known: dict[str, Connection | None] = {}
        self._newcomers = 0

    def __len__(self) -> int:
        """Return how many are connected."""
        return len(self.known)

    def meet(self, peer: str) -> None:
        """Note a call of this peer."""
        if peer in self.known or self._newcomers >= MOST_NEWCOMERS:
            return
        self._newcomers += 1
        self.known[peer] = connection = self._connection_of(peer)
        if connection is not None:
            self._note(peer, True)

    def look(self) -> None:
        """Find out who has gone; to be called about once a second."""
        self._newcomers = 0
        for peer, one in tuple(self.known.items()):
            if one is None:
                del self.known[peer]
            elif not is_same(one.fd, one.cookie):
                del self.known[peer]
                self._note(peer, False)


# ---- what the kernel reports about one socket ---------------------------------------------------

def parse_peer(peer: str) -> Endpoint | None:
    """
    Parse gRPC's context.peer(), such as 'ipv4:127.0.0.1:80' or 'ipv6:%5B::1%5D:80'.

    Returns None for anything else, such as unix sockets. An IPv6 zone is left out.
    """
    match = _PEER.fullmatch(urllib.parse.unquote(peer))
    if match is None:
        return None
    try:
        address = ip_address(match[1].partition('%')[0])
    except ValueError:
        return None
    return Endpoint(_canonical(address.packed), int(match[2]))


def shown_address(peer: str) -> str:
    """
    Return gRPC's context.peer() in the format of viam-server: '127.0.0.1:80', '[::1]:80'.

    Anything else than an IP address is returned unchanged.
    """
    match = _PEER.fullmatch(urllib.parse.unquote(peer))
    if match is None:
        return peer
    return f'[{match[1]}]:{match[2]}' if ':' in match[1] else f'{match[1]}:{match[2]}'


def find(port: int, peer: Endpoint, besides: Collection[int] = ()) -> list[Connection]:
    """
    Return the established TCP connections of this process between the port and that peer.

    Leaves out the descriptors `besides`.

    More than one is possible: a peer may use one port to connect to two addresses of this host.
    Takes about 3 microseconds per open descriptor.
    """
    found = []
    left_out = set(besides)
    # The newest first: usually a new connection is searched.
    for fd in sorted(left for left in _descriptors() if left not in left_out)[::-1]:
        try:
            if _name(_libc.getpeername, fd, peer.port) != peer:
                continue
            cookie = _cookie(fd)
            # Checked again: another socket may have received the number before the cookie was
            # read. Not after that: `silence` excludes it.
            if (_name(_libc.getpeername, fd, peer.port) == peer
                    and _name(_libc.getsockname, fd, port) is not None
                    and silence(fd, cookie) is not None):
                found.append(Connection(cookie, fd, peer))
        except OSError:
            # Not a socket, not connected, not TCP, or closed since it was listed.
            continue
    return found


def listens(port: int) -> bool:
    """Return whether this process has a listening TCP socket on this port."""
    for fd in _descriptors():
        try:
            if _name(_libc.getsockname, fd, port) and _tcp_info(fd)[0] == _LISTEN:
                # Raises if the kernel has no socket cookies: they are required.
                _cookie(fd)
                return True
        except OSError:
            continue
    return False


def port_holder(port: int) -> str:
    """
    Return a description of the process that listens on a port; empty if there is none.

    The kernel shows only the processes of this user, except to root.
    """
    inodes = set()
    for table in ('tcp', 'tcp6'):
        try:
            with open(f'/proc/self/net/{table}', encoding='ascii') as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        inodes |= {f'socket:[{row[9]}]' for row in rows
                   if int(row[3], 16) == _LISTEN and int(row[1].rpartition(':')[2], 16) == port}
    if not inodes:
        return ''
    for process in filter(str.isdigit, os.listdir('/proc')):
        if not inodes.isdisjoint(_open_files(process)):
            words = ''
            with suppress(OSError), open(f'/proc/{process}/cmdline', encoding='utf-8',
                                         errors='replace') as file:
                words = file.read().replace('\0', ' ').strip()
            return f'process {process} ({shown(words)})'
    return 'a process that the kernel does not show to this user'


def _open_files(process: str) -> Iterator[str]:
    """Yield what the descriptors of a process refer to, as far as the kernel shows them."""
    folder = f'/proc/{process}/fd'
    with suppress(OSError):  # the process has ended, or belongs to another user
        for one in os.listdir(folder):
            # Descriptors may be closed meanwhile: the one that listed this process is.
            with suppress(OSError):
                yield os.readlink(f'{folder}/{one}')


def is_same(fd: int, cookie: int) -> bool:
    """Return whether the descriptor still belongs to that socket, open or not."""
    try:
        return _cookie(fd) == cookie
    except OSError:
        return False


def silence(fd: int, cookie: int) -> float | None:
    """
    Return the time (s) since the last data or acknowledgement from the peer's kernel.

    None if the descriptor no longer belongs to that socket, or if the connection is not
    established: closed or reset by either side, or half-closed by the peer.
    """
    try:
        # In this order: gRPC's threads may close the socket, and accept another one under the same
        # number, between the two calls. The cookie is never given again, so if the descriptor
        # still has it afterwards, the information is about this socket.
        info = _tcp_info(fd)
        if _cookie(fd) != cookie or info[0] != _ESTABLISHED:
            return None
    except OSError:
        return None
    return min(_LAST_DATA_AND_ACK_RECEIVED.unpack_from(info, _LAST_DATA_RECEIVED_OFFSET)) / 1e3


def probe(fd: int) -> None:
    """
    Have the kernel probe the peer after each PROBE_PERIOD of silence. Raises OSError.

    The peer's kernel responds, also for a program that is busy, blocked or stopped.
    """
    _set(fd, socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_PERIOD)
    _set(fd, socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    _set(fd, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe_now(fd)


def probe_now(fd: int) -> None:
    """
    Probe at once if the peer has been silent for PROBE_PERIOD already. Raises OSError.

    Setting the idle time makes Linux recompute the time of the next probe, which is then overdue
    (tcp_sock_set_keepidle in net/ipv4/tcp.c).
    """
    _set(fd, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_PERIOD)


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir('/proc/self/fd')]


def _canonical(packed: bytes) -> bytes:
    mapped = IPv6Address(packed).ipv4_mapped if len(packed) == 16 else None
    return packed if mapped is None else mapped.packed


def _name(function: Callable[..., int], fd: int, port: int) -> Endpoint | None:
    """Return one endpoint of a socket, or None if its port differs (checked first: most do)."""
    buffer = ctypes.create_string_buffer(128)  # sizeof(struct sockaddr_storage)
    size = ctypes.c_uint32(128)
    if function(fd, buffer, ctypes.byref(size)) != 0:
        raise _last_error()
    raw = buffer.raw
    if int.from_bytes(raw[2:4], 'big') != port:
        return None
    family = int.from_bytes(raw[0:2], sys.byteorder)
    if family == socket.AF_INET:
        return Endpoint(raw[4:8], port)
    if family == socket.AF_INET6:
        return Endpoint(_canonical(raw[8:24]), port)
    return None


def _cookie(fd: int) -> int:
    return int.from_bytes(_get(fd, socket.SOL_SOCKET, _SO_COOKIE, 8), sys.byteorder)


def _tcp_info(fd: int) -> bytes:
    """Return a socket's struct tcp_info, which begins with its state."""
    return _get(fd, socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)


def _get(fd: int, level: int, option: int, size: int) -> bytes:
    buffer = ctypes.create_string_buffer(size)
    got = ctypes.c_uint32(size)
    if _libc.getsockopt(fd, level, option, buffer, ctypes.byref(got)) != 0:
        raise _last_error()
    if got.value < size:
        raise OSError(f'socket option {level}/{option} has {got.value} bytes, expected {size}')
    return buffer.raw


def _set(fd: int, level: int, option: int, value: int) -> None:
    number = ctypes.c_int(value)
    if _libc.setsockopt(fd, level, option, ctypes.byref(number), ctypes.sizeof(number)) != 0:
        raise _last_error()


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
