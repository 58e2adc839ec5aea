# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bridge, drivers and Viam clients as separate processes, and how tests control them.

They are separate processes, because inside one process Fast DDS hides faults of type and QoS, and
because only a process can be killed. Instants are seconds of time.monotonic(), which all of them
share.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
import json
import os
from pathlib import Path
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

import yaml

from host import took
import viam_session_bridge

TEST = Path(__file__).resolve().parent
DRIVER = TEST / 'system' / 'programs' / 'driver.py'
MOTORS = TEST / 'system' / 'programs' / 'motors.py'
CLIENT = TEST / 'system' / 'programs' / 'client.py'

# How long (s) a program may take to start or an answer to arrive on a busy machine.
PATIENCE = 60.0

# How much later (s) than its bound something may be seen on a busy machine.
MARGIN = 1.0

# Every bridge gets its own namespace: Fast DDS keeps killed ones for 20 s.
_numbers = count(1)


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the condition's first true value; fail with ``what`` when there is none in time."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() >= end:
            raise AssertionError(f'not within {patience:g} s: {what}')
        time.sleep(0.005)
    return value


def new_namespace() -> str:
    """Return a ROS namespace that no other bridge of this run has."""
    return f'/run{next(_numbers)}'


def environment() -> dict[str, str]:
    """Return an environment in which children find the package that the tests have found."""
    paths = [str(Path(viam_session_bridge.__file__).parent.parent), os.environ.get('PYTHONPATH')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))}


class Program:
    """A Python program in a child process, whose output is read by a thread."""

    # Which Python runs it.
    interpreter = sys.executable

    def __init__(self, *arguments: str | Path, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, self.interpreter, *map(str, arguments)]
        self.name = ' '.join(command[-3:])
        self.log: list[str] = []
        self.started = time.monotonic()
        # The signals that it was sent, and when (s).
        self.signals: list[tuple[signal.Signals, float]] = []
        # When (s) its input was closed, so that it ends by itself.
        self.finished: float | None = None
        # Not in our process group: Ctrl-C at the terminal is for pytest, which then cleans up.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, bufsize=1, start_new_session=True, env=environment())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('{'):
                self.take(json.loads(line))
            else:
                self.log.append(line.rstrip())

    def take(self, entry: dict[str, Any]) -> None:
        """Take an entry that the program wrote."""

    def send(self, **order: Any) -> None:
        """Write an order to the program."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + '\n')
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> float:
        """Send a signal; returns when (s)."""
        at = time.monotonic()
        self.process.send_signal(number)
        self.signals.append((number, at))
        return at

    def freeze(self) -> float:
        """Send SIGSTOP and wait until every thread has stopped; returns when it was sent (s)."""
        at = self.signal(signal.SIGSTOP)
        tasks = Path(f'/proc/{self.process.pid}/task')

        def frozen() -> bool:
            try:
                return all((task / 'stat').read_text().rpartition(')')[2].split()[0] == 'T'
                           for task in tasks.iterdir())
            except (FileNotFoundError, ProcessLookupError):
                return False  # a thread has ended meanwhile
        wait_until(frozen, f'{self.name} is frozen')
        return at

    def kill(self) -> float:
        """Send SIGKILL and wait until the process is dead; returns when it was sent (s)."""
        at = self.signal(signal.SIGKILL)
        self.ended()
        return at

    def finish(self) -> float:
        """End the program's input, upon which it closes cleanly; returns when it had ended (s)."""
        assert self.process.stdin is not None
        self.finished = time.monotonic()
        self.process.stdin.close()
        self.ended()
        return time.monotonic()

    def ended(self, patience: float = PATIENCE) -> int:
        """
        Wait for the end of the process and of its output; returns the exit status.

        It fails when that takes longer than its patience (s); see `host.took`.
        """
        began = time.monotonic()
        while (status := self.process.poll()) is None:
            assert took(began) <= patience, f'{self.name} still runs after {patience:g} s'
            time.sleep(0.02)
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        return status

    def logged(self, pattern: str) -> re.Match[str] | None:
        """Return the first match in a line of the log."""
        return next((match for line in list(self.log) if (match := re.search(pattern, line))),
                    None)

    def wait_logged(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait for a line of the log; fails at once when the program ends before."""
        def seen() -> re.Match[str] | None:
            gone = self.process.poll() is not None and not self._reader.is_alive()
            match = self.logged(pattern)
            assert match or not gone, f'{self.name} has ended without {pattern!r}:\n{self.text}'
            return match
        return wait_until(seen, f'{pattern!r} in the log of {self.name}', patience)

    @property
    def text(self) -> str:
        """Everything that was written and is no entry."""
        return '\n'.join(list(self.log))


class Heard(NamedTuple):
    """A velocity that a driver received: m/s, rad/s, and when (s)."""

    topic: str
    at: float
    linear: tuple[float, float, float]
    angular: tuple[float, float, float]
    stamp: tuple[int, int] | None
    frame: str | None

    @property
    def is_zero(self) -> bool:
        """Whether it is a stop."""
        return not any(self.linear) and not any(self.angular)


class Driver(Program):
    """The recording driver; what it received is kept in order of arrival."""

    def __init__(self, *topics: str, node: str = '/driver', prefix: Sequence[str] = (),
                 **options: Any) -> None:
        words = [f'--topic={topic}' for topic in topics]
        words += [f'--{name.replace("_", "-")}={value}' for name, value in options.items()]
        self._heard: list[Heard] = []
        # By topic, how many publishers it has found.
        self._writers: dict[str, int] = {}
        # How many times the mode of its odometry has changed.
        self._modes = 0
        self.ready = threading.Event()
        super().__init__(DRIVER, f'--node={node}', *words, prefix=prefix)

    def take(self, entry: dict[str, Any]) -> None:
        """Record the output of the driver."""
        if entry['event'] == 'twist':
            self._heard.append(Heard(
                entry['topic'], entry['at'], tuple(entry['linear']), tuple(entry['angular']),
                tuple(entry['stamp']) if entry['stamp'] else None, entry['frame']))
        elif entry['event'] == 'matched':
            self._writers[entry['topic']] = entry['writers']
        elif entry['event'] == 'odometry':
            self._modes += 1
        elif entry['event'] == 'ready':
            self.ready.set()

    def wait_ready(self) -> None:
        """Wait until it runs and has subscribed."""
        assert self.ready.wait(PATIENCE), f'the driver did not start:\n{self.text}'

    def wait_matched(self, topic: str, writers: int = 1) -> None:
        """Wait until it has found the publishers, perhaps seconds after they have found it."""
        wait_until(lambda: self._writers.get(topic, 0) >= writers,
                   f'{writers} publishers of {topic}')

    def odometry(self, mode: str) -> None:
        """Change what it publishes, see programs/driver.py, and wait until it does."""
        before = self._modes
        self.send(do='odometry', mode=mode)
        wait_until(lambda: self._modes > before, f'odometry: {mode}')

    def heard(self, topic: str | None = None, since: float = 0.0) -> list[Heard]:
        """Return what arrived on a topic (all topics by default) since an instant (s)."""
        return [one for one in list(self._heard)
                if one.at >= since and topic in (None, one.topic)]

    def wait_motion(self, topic: str, since: float, patience: float = PATIENCE) -> Heard:
        """Wait for the first velocity that is not zero."""
        return wait_until(
            lambda: next((one for one in self.heard(topic, since) if not one.is_zero), None),
            f'motion on {topic}', patience)

    def wait_zero(self, topic: str, since: float, patience: float = PATIENCE) -> Heard:
        """Wait for the first stop."""
        return wait_until(
            lambda: next((one for one in self.heard(topic, since) if one.is_zero), None),
            f'a zero on {topic}', patience)

    def wait_silence(self, topic: str, quiet: float = 0.6) -> None:
        """Wait until nothing has arrived for a while (s)."""
        began = time.monotonic()

        def silent() -> bool:
            heard = self.heard(topic)
            return time.monotonic() - max(began, heard[-1].at if heard else 0.0) >= quiet
        wait_until(silent, f'silence on {topic}')

    def check_no_motion(self, topic: str, since: float, duration: float = 0.8) -> None:
        """Check that nothing but zeros has arrived since an instant (s), nor does for a while."""
        end = time.monotonic() + duration

        def over() -> bool:
            motion = [one for one in self.heard(topic, since) if not one.is_zero]
            assert not motion, f'motion on {topic}: {motion[0]}'
            return time.monotonic() >= end
        wait_until(over, 'the time has passed', duration + PATIENCE)

    def check_driving(self, topic: str, duration: float) -> None:
        """Check that held motion is repeated for a while (s), without a stop."""
        since = time.monotonic()
        wait_until(lambda: self.heard(topic, since + duration), f'repeated commands on {topic}',
                   duration + PATIENCE)
        assert not any(one.is_zero for one in self.heard(topic, since))

    def check_stop(self, topic: str, since: float, within: float,
                   quiet: float = 0.6) -> list[Heard]:
        """
        Check that a stop arrived in time and was the last command; returns its zeros.

        The first zero arrives within that time (s) of ``since``, only zeros follow, and then no
        message for a while (quiet, s), which is to be longer than the stop is repeated where its
        zeros are counted.
        """
        first = self.wait_zero(topic, since)
        assert took(since, first.at) <= within + MARGIN
        self.wait_silence(topic, quiet)
        zeros = self.heard(topic, first.at)
        assert all(one.is_zero for one in zeros), zeros
        return zeros


class Numbers(NamedTuple):
    """What simulated motors received: one number, or an array; and when (s)."""

    at: float
    data: tuple[float, ...]


class Motors(Program):
    """Simulated motors behind one topic; what they received is kept in order of arrival."""

    def __init__(self, topic: str, *joints: str, node: str = '/motors', joint_states: str = '',
                 type: str = 'float64',  # noqa: A002
                 velocity: bool = True) -> None:
        self.heard: list[Numbers] = []
        self.ready = threading.Event()
        super().__init__(
            MOTORS, f'--node={node}', f'--topic={topic}', f'--type={type}',
            *(f'--joint={joint}' for joint in joints), f'--joint-states={joint_states}',
            '--velocity' if velocity else '--no-velocity')

    def take(self, entry: dict[str, Any]) -> None:
        """Record the output of the motors."""
        if entry['event'] == 'numbers':
            self.heard.append(Numbers(entry['at'], tuple(entry['data'])))
        elif entry['event'] == 'ready':
            self.ready.set()

    def wait_ready(self) -> None:
        """Wait until they have subscribed."""
        assert self.ready.wait(PATIENCE), f'the motors did not start:\n{self.text}'

    def since(self, at: float) -> list[Numbers]:
        """Return what arrived since an instant (s)."""
        return [one for one in list(self.heard) if one.at >= at]

    def wait_data(self, what: str, wanted: Callable[[tuple[float, ...]], bool],
                  since: float = 0.0) -> Numbers:
        """Wait for the first numbers since an instant (s) that fulfil the condition."""
        return wait_until(
            lambda: next((one for one in self.since(since) if wanted(one.data)), None), what)


class Client(Program):
    """A real Viam SDK program that takes orders."""

    # viam-sdk pins its protobuf: tools/matrix.py gives it an environment of its own.
    interpreter = os.environ.get('SDK_PYTHON', sys.executable)

    def __init__(self, address: str, *, sessions: bool = True,
                 prefix: Sequence[str] = ()) -> None:
        self.ready = threading.Event()
        self._answers: dict[int, dict[str, Any]] = {}
        self._numbers = count(1)
        super().__init__(CLIENT, address, *([] if sessions else ['--disable-sessions']),
                         prefix=prefix)

    def take(self, entry: dict[str, Any]) -> None:
        """Record an answer."""
        if 'id' in entry:
            self._answers[entry['id']] = entry
        else:
            self.ready.set()

    def wait_ready(self) -> None:
        """Wait until it is connected."""
        assert self.ready.wait(PATIENCE), f'the client did not connect:\n{self.text}'

    def begin(self, do: str, **arguments: Any) -> int:
        """Give an order without waiting; returns its number."""
        number = next(self._numbers)
        self.send(id=number, do=do, **arguments)
        return number

    def answered(self, number: int) -> bool:
        """Return whether an order was answered."""
        return number in self._answers

    def answer(self, number: int, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for the answer to an order."""
        return wait_until(
            lambda: self._answers.get(number), f'answer {number} of {self.name}', patience)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        return self.answer(self.begin(do, **arguments))

    def do(self, do: str, **arguments: Any) -> Any:
        """Give an order that must succeed; returns its value."""
        answer = self.ask(do, **arguments)
        assert answer['ok'], answer
        return answer['value']


class Watcher(Program):
    """A bridge or a guard."""

    def wait_drivers(self, *names: str) -> None:
        """Wait until drivers were found: discovery takes seconds on a busy machine."""
        for name in names or ('base',):
            self.wait_logged(f'{name}: a driver is connected')


class Bridge(Watcher):
    """The bridge itself, on a free port, in a namespace of its own."""

    # Its guard, if it was started with one.
    guard: 'Guard | None' = None

    def __init__(self, file: Path, parameters: dict[str, Any], *,
                 namespace: str | None = None, arguments: Sequence[str] = (),
                 prefix: Sequence[str] = (),
                 program: Sequence[str | Path] = ('-m', 'viam_session_bridge.bridge')) -> None:
        self.namespace = namespace or new_namespace()
        self.node = f'{self.namespace}/viam_session_bridge'
        self.file = file
        self.arguments = arguments
        file.write_text(yaml.safe_dump({'/**': {'ros__parameters': parameters}}))
        super().__init__(
            *program, '--ros-args', '-r', f'__ns:={self.namespace}',
            '--params-file', file, *arguments, prefix=prefix)

    def wait_ready(self) -> None:
        """Wait until it serves."""
        self.address = self.wait_logged(r'serving .* at (\S+)$')[1]
        self.port = int(self.address.rpartition(':')[2])

    def wait_drivers(self, *names: str) -> None:
        """Wait until this bridge has found drivers, and its guard, without which nothing moves."""
        super().wait_drivers(*names)
        if self.guard is not None:
            self.guard.wait_drivers(*names)

    def topic(self, name: str = 'cmd_vel') -> str:
        """Return a topic's full name."""
        return f'{self.namespace}/{name}'


class Guard(Watcher):
    """The guard of a bridge, with the same file and the same arguments."""

    def __init__(self, bridge: Bridge, *, file: Path | None = None,
                 prefix: Sequence[str] = (),
                 program: Sequence[str | Path] = ('-m', 'viam_session_bridge.guard')) -> None:
        super().__init__(
            *program, '--ros-args', '-r', f'__ns:={bridge.namespace}',
            '--params-file', file or bridge.file, *bridge.arguments, prefix=prefix)

    def wait_ready(self) -> None:
        """Wait until it receives its bridge's pulse, and stops would arrive."""
        self.wait_logged('guarding ')


def base(topic: str = 'cmd_vel', **changes: Any) -> dict[str, Any]:
    """Return the parameters of a base; shorter holds and no stop at the start, to save time."""
    return {'driver': 'twist', 'topic': topic, 'accept_no_timeout': True, 'stop_hold': 0.5,
            'stop_on_start': False, **changes}


def settings(bases: dict[str, dict[str, Any]] | None = None, *, port: int = 0,
             patience: float = 5.0, grpc: dict[str, Any] | None = None,
             **blocks: Any) -> dict[str, Any]:
    """
    Return the parameters of a bridge; one base called 'base' by default.

    patience is the guard's (s): large, so that a stall of the machine does not stop motions in
    tests that are not about stalls.
    """
    bases = bases if bases is not None else {'base': base()}
    return {'resources': list(bases), **bases, 'grpc': {'port': port, **(grpc or {})},
            'guard': {'patience': patience}, **blocks}


class Programs:
    """Starts programs and ends every one of them, whatever happens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = count(1)
        self._running: list[Program] = []

    def bridge(self, parameters: dict[str, Any] | None = None, *, ready: bool = True,
               **options: Any) -> Bridge:
        """Start a bridge and wait until it serves."""
        file = self._folder / f'bridge{next(self._files)}.yaml'
        bridge = Bridge(file, settings() if parameters is None else parameters, **options)
        self._running.append(bridge)
        if ready:
            bridge.wait_ready()
        return bridge

    def guard(self, bridge: Bridge, *, ready: bool = True, **options: Any) -> Guard:
        """Start the guard of a bridge and wait until both have found each other."""
        bridge.guard = guard = Guard(bridge, **options)
        self._running.append(guard)
        if ready:
            guard.wait_ready()
            bridge.wait_logged('a guard answers')
        return guard

    def driver(self, *topics: str, ready: bool = True, **options: Any) -> Driver:
        """Start a driver and wait until it has subscribed."""
        driver = Driver(*topics, **options)
        self._running.append(driver)
        if ready:
            driver.wait_ready()
        return driver

    def motors(self, *words: str, ready: bool = True, **options: Any) -> Motors:
        """Start simulated motors and wait until they have subscribed."""
        motors = Motors(*words, **options)
        self._running.append(motors)
        if ready:
            motors.wait_ready()
        return motors

    def client(self, address: str, *, ready: bool = True, **options: Any) -> Client:
        """Start a client and wait until it is connected."""
        client = Client(address, **options)
        self._running.append(client)
        if ready:
            client.wait_ready()
        return client

    def add(self, program: Any, *, ready: bool = True) -> Any:
        """Add a program that was started, to be ended; returns it, ready by default."""
        self._running.append(program)
        if ready:
            program.wait_ready()
        return program

    def close(self) -> None:
        """Kill what still runs, and print what it wrote, for the report of a failure."""
        for program in self._running:
            if program.process.poll() is None:
                program.process.kill()
        for program in self._running:
            program.ended()
            print(f'--- {program.name}\n{program.text}')
        self._running.clear()


class Proxy:
    """Passes TCP connections on to a port, until cut() closes them."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = True
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self._server.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, reopen: bool) -> float:
        """Close all connections; later ones are refused unless reopened. Returns when (s)."""
        with self._lock:
            self._open = reopen
            pairs, self._pairs = self._pairs, []
        at = time.monotonic()
        for pair in pairs:
            for end in pair:
                _shut(end)
        return at

    def reopen(self) -> None:
        """Pass connections on again."""
        self._open = True

    def close(self) -> None:
        """End everything."""
        self.cut(reopen=False)
        _shut(self._server)
        for end in (self._server, *self._ends):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(('127.0.0.1', self._target))
                self._pairs.append((client, server))
                self._ends += client, server
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _shut(sink)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@contextmanager
def running(folder: Path) -> Iterator[Programs]:
    """Give programs for a while."""
    programs = Programs(folder)
    try:
        yield programs
    finally:
        programs.close()
