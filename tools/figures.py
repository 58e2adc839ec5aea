#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measures the structure of the package, and prints it as Markdown for docs/design.md.

    python3 tools/figures.py            all figures
    python3 tools/figures.py --json     the two traced paths only, for the test

The paths are traced in a real bridge with a profile function. A bridge runs in this process, in a
ROS domain of its own, for a simulated base.

* A command: from the arrival of SetPower, for a base at rest, to the publication of the Twist.
* The end of a client: from the check of its socket, which is closed, to the publication of zero.

Only functions of the package count: in the gRPC thread those of the callback that decides, until
it wakes the pump; in the pump those from there to the publication. What else the threads do
meanwhile is not part of the path.
A stall of the host may change the path of a run. So runs are repeated until more than half of
them passed through the same files in the same order; of these, the one with the median number of
calls is shown. Calls are counted as Python's profiler counts them, comprehensions and generators
too, so that they differ with its version.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Callable, Iterator
import io
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tokenize
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'viam_session_bridge'
sys.path.insert(0, str(ROOT))

from viam_session_bridge.cli.isolation import isolated  # noqa: E402

RUNS = 5
PATIENCE = 60.0  # s, for each wait

# Operator commands are programs around the bridge.
AROUND = 'cli'

_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
           tokenize.ENDMARKER, tokenize.ENCODING}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# The client of the second trace: moves the base, and waits to be killed.
_CLIENT = """
import sys
import grpc
channel = grpc.insecure_channel(sys.argv[1])
# A UUID as text, behind the tag and the length of the first field.
session = channel.unary_unary(sys.argv[2])(b'', timeout=30)[2:38].decode()
channel.unary_unary(sys.argv[3])(
    bytes.fromhex(sys.argv[4]), metadata=[('viam-sid', session)], timeout=30)
sys.stdin.read()
"""
SET_POWER = '/viam.component.base.v1.BaseService/SetPower'
STOP = '/viam.component.base.v1.BaseService/Stop'
START_SESSION = '/viam.robot.v1.RobotService/StartSession'


# ---- code lines and importers -------------------------------------------------------------------

def modules() -> dict[str, Path]:
    """Return the files of the package by module name, without the package's own name."""
    return {'.'.join(path.relative_to(PACKAGE).with_suffix('').parts): path
            for path in sorted(PACKAGE.rglob('*.py'))}


def code_lines(source: str) -> int:
    """Return how many lines hold a token, without comments and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            lines.difference_update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return len(lines)


def lines_by_part() -> dict[str, int]:
    """Return the code lines of each subpackage; those of plain modules are under '.'."""
    found: Counter[str] = Counter()
    for name, path in modules().items():
        found[name.partition('.')[0] if '.' in name else '.'] += code_lines(
            path.read_text(encoding='utf-8'))
    return dict(sorted(found.items()))


def importers() -> dict[str, int]:
    """Return how many modules of the package import each module."""
    known = modules()
    found = dict.fromkeys(known, 0)
    for name, path in known.items():
        imported = {target for one in _imported(path) for target in (
            one, f'{one}.__init__', one.rpartition('.')[0]) if target in known}
        for target in imported - {name}:
            found[target] += 1
    return found


def _imported(path: Path) -> Iterator[str]:
    """Yield the names of the package that a module imports; each may be a module or in one."""
    prefix = PACKAGE.name + '.'
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (one.name.removeprefix(prefix) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and f'{node.module}.'.startswith(prefix):
            yield from (f'{node.module}.{one.name}'.removeprefix(prefix) for one in node.names)


# ---- traced paths -------------------------------------------------------------------------------

class Call(NamedTuple):
    """
    A call of a function, in a file of the package; or a wake of the pump; or a Twist.

    thread: its name. turn: the callback of the event loop in which it was made.
    """

    thread: str
    turn: int
    file: str
    wakes: bool = False
    twist: Any = None


class Trace(NamedTuple):
    """What a path came through: the files in order of their first call, and how many calls."""

    files: list[str]
    calls: int


class Recorder:
    """A profile function that keeps the calls of all threads that start after it was set."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.published = threading.Event()
        self._turn = 0

    def begin(self) -> None:
        """Forget what was recorded."""
        self.calls = []
        self.published.clear()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Record a call."""
        if event != 'call':
            return
        code = frame.f_code
        file, name = code.co_filename, code.co_name
        # Not kept by thread identifier: the next thread may get that of one that has ended.
        call = Call(threading.current_thread().name, self._turn, file)
        if file.startswith(f'{PACKAGE}/'):
            self.calls.append(call._replace(file=file[len(f'{PACKAGE}/'):]))
        elif name == '_run' and file.endswith('asyncio/events.py'):
            self._turn += 1
        elif name == 'notify' and file == threading.__file__ and call.thread == 'grpc':
            self.calls.append(call._replace(wakes=True))
        elif name == 'publish' and file.endswith('rclpy/publisher.py'):
            message = frame.f_locals['msg']
            if type(message).__name__ == 'Twist':
                self.calls.append(call._replace(twist=message))
                self.published.set()


def path_to(calls: list[Call], end: int) -> Trace | None:
    """
    Return the path to a publication: to the last wake of the pump before it, and from there.

    None without a wake: then it was not the gRPC thread that decided, but the pump after a stall.
    """
    woken = max((index for index, one in enumerate(calls[:end]) if one.wakes), default=None)
    if woken is None:
        return None
    turn = calls[woken].turn
    deciding = [one.file for one in calls[:woken] if one.thread == 'grpc' and one.turn == turn]
    acting = [one.file for one in calls[woken:end] if one.thread == 'pump']
    return Trace(list(dict.fromkeys(deciding + acting)), len(deciding + acting))


class Tracer(threading.Thread):
    """Drives the bridge of this process, and ends it."""

    def __init__(self, recorder: Recorder, port: int) -> None:
        super().__init__(name='tracer', daemon=True)
        self._recorder = recorder
        self._address = f'127.0.0.1:{port}'
        self._ended = False
        self.paths: dict[str, list[Trace]] = {'command': [], 'death': []}
        self.problem = 'the bridge ended'

    def run(self) -> None:
        """Trace, and end the bridge as a terminal would."""
        try:
            self._trace()
            self.problem = ''
        except Exception as problem:  # shown by the main thread
            self.problem = f'{type(problem).__name__}: {problem}'
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def _trace(self) -> None:
        import grpc

        from viam_session_bridge.rpc import proto
        power = proto.base.SetPowerRequest(
            name='base', linear=proto.common.Vector3(y=0.5)).SerializeToString()
        stop = proto.base.StopRequest(name='base').SerializeToString()
        channel = grpc.insecure_channel(self._address)
        grpc.channel_ready_future(channel).result(PATIENCE)
        begun = time.monotonic()
        while typical(self.paths['command']) is None and time.monotonic() < begun + 2.0 * PATIENCE:
            session = proto.robot.StartSessionResponse.FromString(
                channel.unary_unary(START_SESSION)(b'', timeout=PATIENCE))
            self._recorder.begin()
            try:
                channel.unary_unary(SET_POWER)(
                    power, metadata=[('viam-sid', session.id)], timeout=PATIENCE)
            except grpc.RpcError:
                # Until its robot is found, and after a stall of the host, the bridge refuses.
                if time.monotonic() > begun + PATIENCE:
                    raise
                time.sleep(0.05)
                continue
            calls, end = self._until(lambda twist: twist.linear.x != 0.0)
            self._keep('command', path_to(calls, end))
            channel.unary_unary(STOP)(stop, timeout=PATIENCE)
            self._until_silent()
        while typical(self.paths['death']) is None and time.monotonic() < begun + 4.0 * PATIENCE:
            self._recorder.begin()
            with subprocess.Popen(
                    [sys.executable, '-c', _CLIENT, self._address, START_SESSION, SET_POWER,
                     power.hex()], stdin=subprocess.PIPE) as client:
                self._until(lambda twist: twist.linear.x != 0.0)
                self._recorder.begin()
                client.kill()
            calls, end = self._until(lambda twist: twist.linear.x == 0.0)
            self._keep('death', path_to(calls, end))
            self._until_silent()
        channel.close()

    def _keep(self, name: str, path: Trace | None) -> None:
        if path is not None:
            self.paths[name].append(path)

    def _until(self, wanted: Callable[[Any], bool]) -> tuple[list[Call], int]:
        """Wait for a Twist; returns what was recorded, and its place there."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            self._recorder.published.wait(0.1)
            calls = self._recorder.calls
            for index, one in enumerate(calls):
                if one.twist is not None and wanted(one.twist):
                    return calls, index
        raise TimeoutError('the Twist was not published')

    def _until_silent(self) -> None:
        """Wait until the stop is over: an idle bridge publishes nothing."""
        self._recorder.begin()
        while self._recorder.published.wait(0.5):
            self._recorder.begin()
            time.sleep(0.1)


def trace() -> dict[str, Trace]:
    """Run a bridge, and return the path of a command and that of the end of a client."""
    with tempfile.TemporaryDirectory() as folder, isolated(None, folder):
        from viam_session_bridge import bridge

        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        robot = subprocess.Popen([sys.executable, '-m', 'viam_session_bridge.sim.diff_drive'],
                                 cwd=ROOT, stderr=subprocess.DEVNULL)
        recorder = Recorder()
        tracer = Tracer(recorder, port)
        threading.setprofile(recorder)
        try:
            tracer.start()
            status = bridge.main([
                'bridge', '--ros-args', '--log-level', 'warn',
                '--params-file', str(ROOT / 'config' / 'base.yaml'),
                '-p', f'grpc.port:={port}', '-p', 'base.stop_hold:=0.3',
                '-p', 'guard.patience:=5.0'])
        finally:
            threading.setprofile(None)
            robot.kill()
            robot.wait()
    if tracer.problem:
        raise RuntimeError(f'{tracer.problem} (the bridge ended with status {status})')
    found: dict[str, Trace] = {}
    for name, paths in tracer.paths.items():
        path = typical(paths)
        if path is None:
            raise RuntimeError(f'{name}: of {len(paths)} runs, no path is that of more than half')
        found[name] = path
    return found


def typical(paths: list[Trace]) -> Trace | None:
    """Return the path of most runs, with the median of their calls; None while there is none."""
    if len(paths) < RUNS:
        return None
    [(files, count)] = Counter(tuple(path.files) for path in paths).most_common(1)
    calls = sorted(path.calls for path in paths if tuple(path.files) == files)
    return Trace(list(files), calls[count // 2]) if 2 * count > len(paths) else None


# ---- the document -------------------------------------------------------------------------------

HEADINGS = {'command': 'Follow a command', 'death': 'Follow the end of a client'}
_MEANINGS = {'command': 'SetPower from the wire to the Twist',
             'death': 'the end of a client to zero'}


def document(paths: dict[str, Trace]) -> str:
    """Return all figures as Markdown."""
    lines = lines_by_part()
    total = sum(lines.values())
    text = ['| what | figure |', '|---|---|']
    text += [f'| {_MEANINGS[name]} | {len(path.files)} files, {path.calls} calls |'
             for name, path in paths.items()]
    text += [f'| code lines without `{AROUND}` | {total - lines.get(AROUND, 0)} |',
             '| code lines by part | '
             + ', '.join(f'{part} {count}' for part, count in lines.items()) + ' |', '']
    for name, path in paths.items():
        text += [f'### {HEADINGS[name]}', '',
                 *(f'{index}. `{file}`' for index, file in enumerate(path.files, 1)), '']
    text += ['| importers | modules |', '|---|---|']
    by_count: dict[int, list[str]] = {}
    for module, count in importers().items():
        if not module.endswith('__init__'):
            by_count.setdefault(count, []).append(module)
    text += [f'| {count} | {", ".join(names)} |' for count, names in sorted(by_count.items())]
    return '\n'.join(text)


def main() -> int:
    """Print what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n\n')[0])
    parser.add_argument('--json', action='store_true', help='only the traced paths')
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps(trace()), flush=True)
        # A bridge that has ended gives its process some seconds more, and no other status.
        os._exit(0)
    traced = subprocess.run(
        [sys.executable, __file__, '--json'], stdout=subprocess.PIPE, check=True)
    print(document({name: Trace(*path) for name, path in json.loads(traced.stdout).items()}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
