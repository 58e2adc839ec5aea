# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The processes of a run: started in one environment, read, and ended without leftovers.

This module has what every measurement shares. What is measured, with which processes, is in the
deadline, kill, command, heartbeats, tls, crowd, waiting, spread and cpu modules.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
import json
import os
from pathlib import Path
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PATIENCE = 60.0  # s, for one answer
_SERVING = re.compile(r'serving .* at \S+:(\d+)')

# One module isolates DDS traffic and removes leftovers.
sys.path.insert(0, str(ROOT / 'test'))
dds_environment = import_module('dds_environment')
sys.path.insert(0, str(ROOT))
lab_certificate = import_module('viam_session_bridge.cli.lab_certificate')

BASE = """
    {name}:
      api: base
      driver: twist
      topic: {name}/cmd_vel
      receiver_timeout: 0.5
      stop_on_start: false
      max_linear_speed: 1.0
      max_angular_speed: 1.0
"""
# Its odometry shows whether it is at rest.
MEASURED = f'{BASE}      odometry_topic: {{name}}/odom\n'
# It has no subscriber, and its command is repeated as rarely as possible.
HELD = """
    {name}:
      api: base
      driver: twist
      topic: {name}/cmd_vel
      accept_no_timeout: true
      stop_on_start: false
      require_stop_path: false
      command_rate: 1.0
      max_linear_speed: 1.0
      max_move_duration: 3600.0
"""
# A service is called on its stop, and its command is repeated as rarely as possible.
STOPPED = """
    {name}:
      api: base
      driver: twist
      topic: {name}/cmd_vel
      accept_no_timeout: true
      stop_on_start: false
      command_rate: 1.0
      stop_timeout: 30.0
      stop_outputs: [halt]
      halt: {{kind: trigger, service: {name}/halt}}
"""
PARAMETERS = """
/**:
  ros__parameters:
    resources: [{names}]
{bases}
    grpc: {{host: 127.0.0.1, port: 0, max_connections: 4096{tls}}}
    sessions: {{heartbeat_window: {window}, max_sessions: 4096}}
    guard: {{patience: {patience}}}
    run_time: {{allow_less_safe: true}}
    {events}
"""

TLS = ', tls_certificate_file: {0}/server.pem, tls_key_file: {0}/server.key'


class ChildFailed(RuntimeError):
    """A process ended, did not answer or reported an exception; the text has what it wrote."""


class Child:
    """A process that measures. ask() waits for the answer; begin() and finish() do it in two."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path,
                 folder: Path) -> None:
        self.log = log
        with log.open('wb') as errors:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], env=environment, cwd=folder, stderr=errors,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    @property
    def pid(self) -> int:
        """Return the process's number; ros_wheels' re-exec keeps it."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def log_end(self) -> str:
        """Return its name and the end of what it logged."""
        return f'{self.log.stem}:\n{self.log.read_text(errors="replace")[-2000:]}'

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have one thing done and return its result."""
        self.begin(do, **arguments)
        return self.finish()

    def begin(self, do: str, **arguments: Any) -> None:
        """Have something done; finish() must follow before the next."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({'do': do, **arguments}), file=self._process.stdin)
        except OSError:
            self._fail('is gone')

    def finish(self) -> Any:
        """Wait for the result of begin()."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            self._fail(f'gave no answer within {PATIENCE:g} s')
        line = self._process.stdout.readline()
        if not line:
            self._fail('ended')
        reply = json.loads(line)
        if 'error' in reply:
            raise ChildFailed(f'{self.log.stem}: {reply["error"]}')
        return reply['result']

    def wait_for_line(self, pattern: re.Pattern[str]) -> str:
        """Return the first group of a line that the process logs."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.alive:
            match = pattern.search(self.log.read_text(errors='replace'))
            if match:
                return match[1]
            time.sleep(0.02)
        self._fail(f'never logged {pattern.pattern!r}')
        raise AssertionError

    def processor_share_until(self, finish: Callable[[], Any]) -> tuple[Any, float]:
        """Return what finish() returns, and the share of one processor used meanwhile."""
        began, used = time.monotonic(), self.processor_time()
        result = finish()
        return result, (self.processor_time() - used) / (time.monotonic() - began)

    def processor_time(self) -> float:
        """Return the processor time (s) that all threads of the process have used."""
        fields = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def end(self) -> None:
        """End the process; kill it if it does not end. It is reaped either way."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except OSError:
            pass  # an unread request

    def _fail(self, what: str) -> None:
        raise ChildFailed(f'{what}; {self.log_end()}')


class World:
    """
    Starts the processes of one measurement by name, once each. A context manager.

    They have a ROS domain of their own and end with it: of two bridges in one domain, only the
    first takes commands. other: a checkout of another revision, whose bridge may be compared.
    """

    def __init__(self, quick: bool, other: Path | None = None) -> None:
        self.quick = quick
        self.other = other
        self._folder = tempfile.TemporaryDirectory(prefix='viam_session_bridge_bench.')
        self._children: dict[str, Child] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> 'World':
        os.environ.pop('ROS_DOMAIN_ID', None)
        dds_environment.isolate()
        self.environment = dict(os.environ)
        # Inherited from another environment, it would keep rclpy from finding its libraries.
        self.environment.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
        return self

    def __exit__(self, *problem: object) -> None:
        self.end_all()
        dds_environment.remove_leftovers()
        dds_environment.release()
        self._folder.cleanup()

    def scaled(self, full: int, quick: int) -> int:
        """Return how many: of a full run or of a quick one."""
        return quick if self.quick else full

    def child(self, script: str, *arguments: str, name: str = '') -> Child:
        """Return the process of a script in this folder; it is started at the first call."""
        return self._child(name or script, [str(HERE / f'child_{script}.py'), *arguments])

    def bridge(self, bases: list[str], *, window: float = 2.0, name: str = 'bridge',
               noting: bool = False, patience: float = 0.25, held: Sequence[str] = (),
               stopped: Sequence[str] = (), measured: Sequence[str] = (), tls: bool = False,
               audited: bool = False, plain: bool = False, root: Path = ROOT,
               namespace: str = '') -> Child:
        """
        Return a bridge with these bases: as users run it, or one that notes its stops.

        held: more bases, for long moves without a subscriber. stopped: more bases, each with a
        service that is called on its stop. measured: more bases, with odometry. tls: serve with
        TLS. audited: write an audit file. plain: without events and diagnostics. root: the
        checkout whose bridge it is. namespace: of another one a bridge may run beside it.
        """
        program = ([str(HERE / 'child_bridge.py')] if noting
                   else [str(HERE / 'child_plain.py')] if plain
                   else ['-m', 'viam_session_bridge.bridge'])
        file = Path(self._folder.name) / f'{name}.yaml'
        file.write_text(PARAMETERS.format(
            names=', '.join([*bases, *held, *stopped, *measured]), window=window,
            patience=patience,
            tls=TLS.format(self.certificates) if tls else '',
            events=f'events: {{audit_file: {file.with_suffix(".jsonl")}}}' if audited else '',
            bases=''.join([*(BASE.format(name=base) for base in bases),
                           *(HELD.format(name=base) for base in held),
                           *(STOPPED.format(name=base) for base in stopped),
                           *(MEASURED.format(name=base) for base in measured)])))
        return self._child(name, [
            *program, '--ros-args', '--params-file', str(file),
            *(['-r', f'__ns:={namespace}'] if namespace else [])], root)

    @property
    def certificates(self) -> Path:
        """Return the folder of the certificate for TLS, with its CA in ca.pem."""
        folder = Path(self._folder.name) / 'tls'
        if not folder.exists():
            lab_certificate.make(folder, ['localhost'])
        return folder

    def end(self, name: str) -> None:
        """End one process, so that it does not share the processors with the next measurement."""
        child = self._children.pop(name, None)
        if child is not None:
            child.end()

    def end_all(self) -> str:
        """End all processes; return what those wrote that had ended by themselves."""
        ended = [child.log_end() for child in self._children.values() if not child.alive]
        while self._children:
            self._children.popitem()[1].end()
        return '\n'.join(ended)

    def _child(self, name: str, arguments: list[str], root: Path = ROOT) -> Child:
        if name not in self._children:
            path = [str(root), self.environment.get('PYTHONPATH', '')]
            self._children[name] = Child(
                arguments, {**self.environment, 'PYTHONPATH': os.pathsep.join(filter(None, path))},
                Path(self._folder.name) / f'{name}.log', root)
        return self._children[name]


def port_of(bridge: Child) -> int:
    """Wait until a bridge serves; return its port."""
    return int(bridge.wait_for_line(_SERVING))
