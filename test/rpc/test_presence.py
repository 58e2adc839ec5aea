# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Presence of clients: real servers, real clients in other processes, real network failures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Set
import contextlib
import logging
import os
from pathlib import Path
import queue
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import grpc
import pytest

from host import took
from viam_session_bridge.rpc.connections import SocketMonitor, SocketMonitorUnavailable
from viam_session_bridge.rpc.server import server_options

HELPER = Path(__file__).with_name('presence_helper.py')
ROOT = Path(__file__).parents[2]
DEADLINE = 30.0  # s, the limit of all waits


class Helper:
    """A helper process, and the lines of its output."""

    def __init__(self, *arguments: str, namespace: str = '') -> None:
        prefix = ['ip', 'netns', 'exec', namespace] if namespace else []
        paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(HELPER), *arguments], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())

    def line(self, timeout: float = 2 * DEADLINE) -> str:
        """Return the next line; raises queue.Empty."""
        return self._lines.get(timeout=timeout)

    def end(self) -> None:
        """Kill it and wait for its end."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextlib.contextmanager
def helper(*arguments: str, namespace: str = '') -> Iterator[Helper]:
    one = Helper(*arguments, namespace=namespace)
    try:
        yield one
    finally:
        one.end()


class Watched:
    """A server with a SocketMonitor, and all its reports."""

    def __init__(self) -> None:
        self.port = 0
        self.peers: list[str] = []
        self.wanted: set[int] = set()
        self.wanted_calls = 0
        self.reports: list[tuple[float, frozenset[int]]] = []
        self.failure: Exception | None = None
        self.presence = SocketMonitor(
            now=time.monotonic, wanted=self._wanted, report=lambda *it: self.reports.append(it))

    def _wanted(self) -> frozenset[int]:
        self.wanted_calls += 1
        if self.failure is not None:
            raise self.failure
        return frozenset(self.wanted)

    def want(self, *ids: int | None) -> None:
        self.wanted = {one for one in ids if one is not None}
        self.presence.wake()

    def present(self) -> Set[int | None] | None:
        return self.reports[-1][1] if self.reports else None


async def eventually(condition: Callable[[], bool], timeout: float = DEADLINE) -> None:
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, 'never came true'
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def watched(host: str = '127.0.0.1',
                  options: list[tuple[str, int]] | None = None) -> AsyncIterator[Watched]:
    one = Watched()

    async def handle(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        one.peers.append(context.peer())
        return b''

    async def hang(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        one.peers.append(context.peer())
        while not released.is_set():
            # Like a handler with a long cleanup: it does not end when its client is gone.
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()
        return b''

    class Methods(grpc.GenericRpcHandler):

        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(
                hang if details.method.endswith('hang') else handle)

    released = asyncio.Event()
    server = grpc.aio.server(options=server_options() if options is None else options)
    server.add_generic_rpc_handlers((Methods(),))
    one.port = server.add_insecure_port(f'{host}:0')
    await server.start()
    one.presence.attach(one.port)
    poller = asyncio.ensure_future(one.presence.run())
    try:
        yield one
    finally:
        released.set()
        poller.cancel()
        await asyncio.gather(poller, return_exceptions=True)
        await server.stop(0)


@contextlib.asynccontextmanager
async def called(one: Watched, host: str = '127.0.0.1', method: str = '') -> AsyncIterator[Helper]:
    """Start a client and wait until it has called."""
    expected = len(one.peers) + (2 if method else 1)
    with helper('client', f'{host}:{one.port}', method) as client:
        await asyncio.to_thread(client.line)
        await eventually(lambda: len(one.peers) >= expected)
        yield client


def connect(one: Watched, source_port: int = 0) -> socket.socket:
    """Connect without sending; closing resets the connection, so that the port is free."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    stream.bind(('127.0.0.1', source_port))
    stream.connect(('127.0.0.1', one.port))
    return stream


async def accepted(one: Watched, peer: str) -> int:
    await eventually(lambda: one.presence.socket_of(peer) is not None)
    found = one.presence.socket_of(peer)
    assert found is not None
    return found


def test_killed_client_disappears_while_others_stay() -> None:
    async def scenario() -> None:
        async with watched() as one, called(one) as victim, called(one):
            victims, others = (one.presence.socket_of(peer) for peer in one.peers)
            assert victims is not None and others is not None and victims != others
            one.want(victims, others)
            await eventually(lambda: one.present() == {victims, others})
            victim.process.kill()
            await eventually(lambda: one.present() == {others})
            assert one.presence.socket_of(one.peers[0]) is None
    asyncio.run(scenario())


def test_killed_client_disappears_while_its_call_goes_on() -> None:
    # gRPC's channelz lists it until the handler ends.
    async def scenario() -> None:
        async with watched() as one, called(one, method='hang') as victim:
            caller = one.presence.socket_of(one.peers[-1])
            one.want(caller)
            await eventually(lambda: one.present() == {caller})
            victim.process.kill()
            await eventually(lambda: one.present() == set())
    asyncio.run(scenario())


def test_frozen_client_is_disconnected_in_the_end() -> None:
    async def scenario() -> None:
        impatient = server_options(keepalive_time=1.0, keepalive_timeout=1.0)
        async with watched(options=impatient) as one:
            async with called(one) as frozen:
                caller = one.presence.socket_of(one.peers[0])
                one.want(caller)
                await eventually(lambda: one.present() == {caller})
                frozen.process.send_signal(signal.SIGSTOP)
                await eventually(lambda: one.present() == set())
    asyncio.run(scenario())


def test_reused_peer_is_another_client() -> None:
    async def scenario() -> None:
        async with watched() as one:
            with connect(one) as first:
                port = first.getsockname()[1]
                peer = f'ipv4:127.0.0.1:{port}'
                old = await accepted(one, peer)
                one.want(old)
                await eventually(lambda: one.present() == {old})
            with connect(one, port):
                new = await accepted(one, peer)
                assert new != old
                seen = len(one.reports)
                await eventually(lambda: len(one.reports) > seen + 3)
                assert one.present() == set()
                one.want(old, new)
                await eventually(lambda: one.present() == {new})
    asyncio.run(scenario())


def test_clients_of_another_server_are_not_found() -> None:
    async def scenario() -> None:
        async with watched() as one, watched() as other, called(other):
            assert other.presence.socket_of(other.peers[0]) is not None
            assert one.presence.socket_of(other.peers[0]) is None
            assert one.presence.socket_of('unix:') is None
    asyncio.run(scenario())


@pytest.mark.parametrize('listen, call', [
    ('[::1]', '[::1]'), ('[::]', '[::1]'), ('[::]', '127.0.0.1'), ('0.0.0.0', '127.0.0.1')])
def test_every_kind_of_address(listen: str, call: str) -> None:
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError as error:
        if ':' in listen:
            pytest.skip(f'no IPv6 here: {error}')

    async def scenario() -> None:
        async with watched(listen) as one:
            async with grpc.aio.insecure_channel(f'{call}:{one.port}') as channel:
                await channel.unary_unary('/test/quick')(b'')
                caller = one.presence.socket_of(one.peers[0])
                one.want(caller)
                await eventually(lambda: caller is not None and one.present() == {caller})
            await eventually(lambda: one.present() == set())
    asyncio.run(scenario())


def test_sockets_are_not_polled_while_none_is_wanted() -> None:
    async def scenario() -> None:
        async with watched() as one, called(one):
            caller = one.presence.socket_of(one.peers[0])
            await eventually(lambda: one.wanted_calls == 1)
            # The time of twenty polls.
            await asyncio.sleep(0.2)
            assert (one.wanted_calls, one.reports) == (1, [])
            one.want(caller)
            await eventually(lambda: one.present() == {caller})
            one.want()
            # Longer than any pause: a poll may be running.
            await asyncio.sleep(0.15)
            seen = one.wanted_calls
            await asyncio.sleep(0.2)
            assert one.wanted_calls == seen
    asyncio.run(scenario())


def test_failed_poll_reports_nothing_and_polling_continues(
        caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with watched() as one, called(one):
            caller = one.presence.socket_of(one.peers[0])
            one.want(caller)
            await eventually(lambda: one.present() == {caller})
            one.failure = OSError('no more descriptors')
            seen, calls = len(one.reports), one.wanted_calls
            await eventually(lambda: one.wanted_calls > calls + 5)
            assert len(one.reports) == seen
            one.failure = None
            await eventually(lambda: len(one.reports) > seen)
    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert len([one for one in caplog.records if 'which clients are present' in one.message]) == 1


def test_time_of_a_report_is_before_its_measurements() -> None:
    steps: list[object] = []

    def now() -> float:
        steps.append('now')
        return float(len(steps))

    def wanted() -> frozenset[int]:
        steps.append('wanted')
        return frozenset({-1})

    presence = SocketMonitor(now=now, wanted=wanted, report=lambda *it: steps.append(it))
    presence.poll_sockets()
    assert steps == ['now', 'wanted', (1.0, frozenset())]


def test_a_wake_without_a_poller_is_harmless() -> None:
    presence = SocketMonitor(now=time.monotonic, wanted=frozenset, report=lambda *it: None)
    presence.wake()

    async def scenario() -> None:
        poller = asyncio.ensure_future(presence.run())
        await asyncio.sleep(0)
        poller.cancel()
    asyncio.run(scenario())
    presence.wake()


def test_attach_refuses_a_port_without_a_server() -> None:
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        presence = SocketMonitor(now=time.monotonic, wanted=frozenset, report=lambda *it: None)
        with pytest.raises(SocketMonitorUnavailable, match='no listening socket'):
            presence.attach(unused.getsockname()[1])


def test_port_in_use_is_an_error() -> None:
    async def scenario() -> None:
        async with watched() as one:
            second = grpc.aio.server(options=server_options())
            with pytest.raises(RuntimeError):
                second.add_insecure_port(f'127.0.0.1:{one.port}')
    asyncio.run(scenario())


def test_connections_are_capped() -> None:
    if tuple(map(int, grpc.__version__.split('.')[:2])) < (1, 63):
        pytest.skip('grpcio has no cap before 1.63')

    async def scenario() -> None:
        async with watched(options=server_options(max_connections=2)) as one:
            with connect(one) as first, connect(one) as second, connect(one) as third:
                third.settimeout(DEADLINE)
                assert third.recv(1) == b''
                for stream in (first, second):
                    await accepted(one, f'ipv4:127.0.0.1:{stream.getsockname()[1]}')
    asyncio.run(scenario())


def ip(*arguments: str) -> None:
    subprocess.run(['ip', *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def linked_namespaces() -> Iterator[tuple[str, str]]:
    """Two network namespaces, 192.0.2.1 and 192.0.2.2, with a link that can be cut."""
    if shutil.which('ip') is None or os.geteuid() != 0:
        pytest.skip('network namespaces need root and iproute2')
    names = f'presence_s{os.getpid()}', f'presence_c{os.getpid()}'
    try:
        try:
            for name in names:
                ip('netns', 'add', name)
            ip('-n', names[0], 'link', 'add', 'cable', 'type', 'veth',
               'peer', 'name', 'cable', 'netns', names[1])
        except subprocess.CalledProcessError as error:
            pytest.skip(f'no network namespaces here: {error.stderr.strip()}')
        for name, address in zip(names, ('192.0.2.1/24', '192.0.2.2/24'), strict=True):
            ip('-n', name, 'address', 'add', address, 'dev', 'cable')
            ip('-n', name, 'link', 'set', 'cable', 'up')
        yield names
    finally:
        for name in names:
            subprocess.run(['ip', 'netns', 'delete', name], check=False, capture_output=True)


def test_lost_network_is_absence_and_frozen_program_is_not(
        linked_namespaces: tuple[str, str]) -> None:
    servers, clients = linked_namespaces
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(helper('serve', '192.0.2.1', namespace=servers))
        address = '192.0.2.1:' + server.line().removeprefix('port ')
        idle, frozen = (stack.enter_context(helper('client', address, namespace=clients))
                        for _ in range(2))
        present = ''
        while len(present.split()) < 3:
            present = server.line()
        frozen.line()
        frozen.process.send_signal(signal.SIGSTOP)
        # 1.5 times the network timeout (2 s): no client may be reported absent.
        with pytest.raises(queue.Empty):
            server.line(timeout=3.0)
        ip('-n', clients, 'link', 'set', 'cable', 'down')
        pulled = time.monotonic()
        while present != 'present':
            present = server.line()
        # 2 s, and a margin for a busy machine. No FIN, no reset: HTTP/2 pings would take 30 s.
        assert took(pulled) < 3.5
        assert idle.process.poll() is None
