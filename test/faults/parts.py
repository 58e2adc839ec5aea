# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The processes of a scene, and their output: robot, recorder, bridge, guard, clients.

This module starts and controls them; which of them a fault needs is in profiles and kinds.
 Instants are seconds of time.monotonic(), which all of them share.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
import fcntl
import importlib.util
from itertools import count
import os
from pathlib import Path
import re
import select
import socket
import subprocess
import threading
import time
from typing import Any, NamedTuple

from processes import Bridge, Client, PATIENCE, Program, wait_until
from reconstruction import Command
from verdict import Sample, Span
from viam_session_bridge.ros.parameters import GUARD_NAME, NODE_NAME

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / 'programs'

# fcntl(2); Python names it from 3.10 on, but not on every system.
_F_SETPIPE_SZ = getattr(fcntl, 'F_SETPIPE_SZ', 1031)
_PAGE = 4096


def guard_exists() -> bool:
    """Return whether this version has a guard."""
    return importlib.util.find_spec('viam_session_bridge.guard') is not None


class Ready(Program):
    """A program that reports when it is ready."""

    def __init__(self, *arguments: str | Path, prefix: Sequence[str] = ()) -> None:
        self.ready = threading.Event()
        super().__init__(*arguments, prefix=prefix)

    def take(self, entry: dict[str, Any]) -> None:
        """Note that it is ready."""
        if entry.get('event') == 'ready':
            self.ready.set()

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        wait_until(lambda: self.ready.is_set() or self.process.poll() is not None,
                   f'{self.name} is ready')
        assert self.ready.is_set(), f'{self.name} did not start:\n{self.text}'


class Robot(Ready):
    """The simulated robot; bases that come up with a speed (m/s) are written NAME=SPEED."""

    def __init__(self, namespace: str, *bases: str, options: Sequence[str] = (),
                 prefix: Sequence[str] = ()) -> None:
        # Base, how many command it now, and since when (s).
        self.matches: list[tuple[str, int, float]] = []
        # When (s) its emergency stop was pressed.
        self.presses: list[float] = []
        # The commands that it received: when (s), the base, the publisher, and whether to stop.
        self.received: list[tuple[float, str, str, bool]] = []
        # The nodes of their publishers.
        self.publishers: dict[str, str] = {}
        super().__init__(
            PROGRAMS / 'robot.py', f'--namespace={namespace}',
            *(f'--base={base}' for base in bases), *options, prefix=prefix)
        self.life = str(self.process.pid)

    def commands(self) -> list[Command]:
        """Return the commands that it received, with the processes that sent them."""
        return [Command(at, base, sender_of(publisher, self.publishers.get(publisher, '')), zero,
                        self.life)
                for at, base, publisher, zero in list(self.received)]

    def take(self, entry: dict[str, Any]) -> None:
        """Note matches of its command topics, its commands, and presses of its emergency stop."""
        super().take(entry)
        if entry.get('event') == 'command':
            self.received.append(
                (entry['at'], entry['base'], entry['publisher'], entry['zero']))
        if entry.get('event') == 'publisher':
            self.publishers[entry['publisher']] = entry['node']
        if entry.get('event') == 'emergency':
            self.presses.append(entry['at'])
        if entry.get('event') == 'matched':
            self.matches.append((entry['base'], entry['writers'], entry['at']))


def sender_of(publisher: str, node: str) -> str:
    """Return who a publisher of commands is; empty where DDS does not tell. See Command."""
    if not (publisher and node):
        return ''
    return {NODE_NAME: 'bridge', GUARD_NAME: 'guard'}.get(node, 'another')


class Recorder(Ready):
    """What the robot truly did: samples by base and by life of the robot."""

    def __init__(self, namespace: str, prefix: Sequence[str] = ()) -> None:
        self._tracks: dict[str, dict[str, list[Sample]]] = defaultdict(dict)
        self._lock = threading.Lock()
        super().__init__(PROGRAMS / 'recorder.py', f'--namespace={namespace}', prefix=prefix)

    def take(self, entry: dict[str, Any]) -> None:
        """Keep samples, in the order of their instants."""
        super().take(entry)
        with self._lock:
            for base, life, *numbers in entry.get('samples', ()):
                self._tracks[base].setdefault(life, []).append(Sample(*numbers))

    def lives(self, base: str, since: float = 0.0) -> list[list[Sample]]:
        """Return what is known of a base since an instant (s) and just before, life by life."""
        with self._lock:
            found = []
            for samples in self._tracks[base].values():
                later = next((number for number, sample in enumerate(samples)
                              if sample.at >= since), len(samples))
                found.append(samples[max(0, later - 1):])
            return found

    def newest(self, base: str, life: str) -> Sample | None:
        """Return the newest sample of a robot; None before its first."""
        with self._lock:
            samples = self._tracks[base].get(life)
            return samples[-1] if samples else None


class Stalls(Ready):
    """When the host stood still, recorded by a process that does nothing else."""

    def __init__(self) -> None:
        self.seen: list[Span] = []
        super().__init__(PROGRAMS / 'stalls.py')

    def take(self, entry: dict[str, Any]) -> None:
        """Keep a stall."""
        super().take(entry)
        if 'began' in entry:
            self.seen.append((entry['began'], entry['ended']))

    def since(self, at: float) -> list[Span]:
        """Return the stalls that ended after an instant (s)."""
        return [one for one in list(self.seen) if one[1] > at]


class FaultyBridge(Bridge):
    """The real bridge, whose output may be left unread."""

    program: Sequence[str] = ('-m', 'viam_session_bridge.bridge')

    def __init__(self, namespace: str, file: Path, prefix: Sequence[str] = ()) -> None:
        self._reading = threading.Event()
        self._reading.set()
        self._waiting = threading.Event()
        self.namespace = namespace
        self.node = f'{namespace}/viam_session_bridge'
        Program.__init__(
            self, *self.program, '--ros-args', '-r', f'__ns:={namespace}', '--params-file', file,
            prefix=prefix)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not self._reading.is_set():
                self._waiting.set()
                self._reading.wait()
            self.log.append(line.rstrip())

    def matched(self, base: str, since: float) -> float | None:
        """Return when (s) it logged a subscriber of a base, first after an instant."""
        offset = time.time() - time.monotonic()
        pattern = re.compile(rf'\[(\d+\.\d+)\] \[[^]]*\]: {base}: a listener was matched')
        instants = (float(found[1]) - offset for found in map(pattern.search, list(self.log))
                    if found)
        return next((at for at in instants if at >= since), None)

    def fill_log(self) -> None:
        """Read its output no more, and leave no room in its pipe."""
        assert self.process.stdout is not None
        self._reading.clear()
        fcntl.fcntl(self.process.stdout, _F_SETPIPE_SZ, _PAGE)
        # A description of our own: the bridge must find its own one blocking, as ever.
        pipe = os.open(f'/proc/{self.process.pid}/fd/1', os.O_WRONLY | os.O_NONBLOCK)
        try:
            # The reader takes what is there once more before it learns that it must wait.
            os.write(pipe, b'\n')
            assert self._waiting.wait(PATIENCE)
            for size in (_PAGE, 1):
                try:
                    while True:
                        os.write(pipe, b'\n' * size)
                except BlockingIOError:
                    pass
        finally:
            os.close(pipe)

    def read_log(self) -> None:
        """Read its output again."""
        self._reading.set()

    def ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end, and read what was left unread before the pipe is closed."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return super().ended(0.0)
        self.read_log()
        return super().ended(patience)


class SickBridge(FaultyBridge):
    """The real bridge with a thread that injects faults on request."""

    program = (str(HERE / 'broken_bridge.py'),)


class Guard(Program):
    """The real guard."""

    program: Sequence[str] = ('-m', 'viam_session_bridge.guard')

    def __init__(self, namespace: str, file: Path, prefix: Sequence[str] = ()) -> None:
        super().__init__(
            *self.program, '--ros-args', '-r', f'__ns:={namespace}', '--params-file', file,
            prefix=prefix)

    def wait_ready(self) -> None:
        """Wait until it watches."""
        self.wait_logged('guarding ')


class BrokenGuard(Guard):
    """The real guard with a deliberate breakage, if that is one of the guard."""

    program = (str(HERE / 'broken_guard.py'),)


class FaultyClient(Client):
    """
    A client program of this suite; takes orders as the one of the system tests does.

    line: what carries its connections, if something does.
    """

    script: Path
    line: 'Line | None' = None

    def ports(self) -> frozenset[int]:
        """Return the TCP ports by which the bridge knows its connections."""
        return self.line.ports() if self.line else tcp_ports(self.process.pid)

    def __init__(self, *arguments: str, prefix: Sequence[str] = ()) -> None:
        self.ready = threading.Event()
        self._answers: dict[int, dict[str, Any]] = {}
        self._numbers = count(1)
        Program.__init__(self, self.script, *arguments, prefix=prefix)


class SdkClient(FaultyClient):
    """A real Viam SDK program."""

    script = PROGRAMS / 'sdk_client.py'


class PlainClient(FaultyClient):
    """A program on gRPC itself, without a session."""

    script = PROGRAMS / 'plain_client.py'


class Publisher(Ready):
    """Another node that publishes all the time."""

    def __init__(self, *arguments: str, prefix: Sequence[str] = ()) -> None:
        super().__init__(PROGRAMS / 'publisher.py', *arguments, prefix=prefix)


class Crowd:
    """Many connections that send the HTTP/2 preface and then nothing."""

    _HELLO = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4\0\0\0\0\0'  # and empty SETTINGS

    def __init__(self, address: str, count: int) -> None:
        host, _, port = address.rpartition(':')
        self._sockets = []
        for _ in range(count):
            connection = socket.create_connection((host, int(port)), PATIENCE)
            connection.sendall(self._HELLO)
            self._sockets.append(connection)

    def closed(self) -> bool:
        """Wait until the other side has closed one of them; returns whether it did."""
        watch = select.poll()
        for connection in self._sockets:
            watch.register(connection, select.POLLRDHUP)
        return bool(watch.poll(PATIENCE * 1e3))

    def close(self) -> None:
        """Close them all."""
        for connection in self._sockets:
            connection.close()


class SlowLine(NamedTuple):
    """One direction of a connection that passes a Line."""

    source: socket.socket
    sink: socket.socket


class Line:
    """
    A network that can hold back what it carries, and deliver it later.

    What a client writes meanwhile waits, like calls in the socket of a frozen machine.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(':')
        self._target = host, int(port)
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: list[socket.socket] = []
        self._ports: list[int] = []
        self._server = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self._server.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def ports(self) -> frozenset[int]:
        """Return the ports of its own connections to the bridge."""
        return frozenset(self._ports)

    def hold(self) -> float:
        """Deliver nothing from now on; returns when that was (s)."""
        at = time.monotonic()
        self._flows.clear()
        return at

    def deliver(self) -> float:
        """Deliver what was held back, and everything later; returns when that was (s)."""
        at = time.monotonic()
        self._flows.set()
        return at

    def cut(self) -> float:
        """Close every connection; returns when that was (s)."""
        at = time.monotonic()
        _shut(self._sockets)
        return at

    def close(self) -> None:
        """End everything."""
        self.deliver()
        _shut([self._server, *self._sockets])
        for one in (self._server, *self._sockets):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._ports.append(server.getsockname()[1])
            self._sockets += client, server
            for line in (SlowLine(client, server), SlowLine(server, client)):
                threading.Thread(target=self._carry, args=(line,), daemon=True).start()

    def _carry(self, line: SlowLine) -> None:
        try:
            while data := line.source.recv(65536):
                self._flows.wait()
                line.sink.sendall(data)
        except OSError:
            pass
        _shut(line)


def tcp_ports(pid: int) -> frozenset[int]:
    """Return the local ports of the TCP connections of a process."""
    links = []
    for descriptor in Path(f'/proc/{pid}/fd').iterdir():
        try:
            links.append(os.readlink(descriptor))
        except OSError:
            pass  # it was closed meanwhile
    rows = [row.split() for table in ('tcp', 'tcp6')
            for row in Path(f'/proc/{pid}/net/{table}').read_text().splitlines()[1:]]
    return frozenset(int(row[1].rpartition(':')[2], 16) for row in rows
                     if f'socket:[{row[9]}]' in links)


def _shut(ends: Iterable[socket.socket]) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was faster


def with_environment(**variables: str) -> list[str]:
    """Return the prefix that starts a program, under the same process id, with these set."""
    return ['env', *(f'{name}={value}' for name, value in variables.items())]
