# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs the commands of README.md in their order, in a copy of what a clean clone has.

Commands are the lines of code blocks, and the code in the text, that begin with the name of a
program below. Python blocks run against the bridge of `make bridge`, on a free port; the clone
uses the virtual environment VENV. What takes long or is run by another part of the CI is run in a
short form, and a command whose program is missing is left out with a note. A command that
HOW does not list is an error. Exit status: 0 when every command has succeeded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import os
from pathlib import Path
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get('VENV', ROOT / '.venv')).absolute()

# How long (s) a command may take, and the bridge may take to serve.
PATIENCE = 240.0

PROGRAMS = ('make', 'cd', 'python3', '.venv/bin/python', 'PYTHONPATH=.', 'ros2', 'colcon',
            'rosdep', 'pip', 'npm', 'node', 'go', 'viam-server', 'git')

# By pattern, the first that matches: the form that is run ('' as it is), the program without which
# the command is left out, or why it is not run at all.
COLLECT = '--collect-only -q'
SERVE = 'make bridge'
KEYS = '.venv/bin/python -m viam_session_bridge.cli.keys --help'
HOW: tuple[tuple[str, str, str, str], ...] = (
    (r'make bridge', SERVE, '', ''),
    (r'make bridge ARGS="--params-file .*"', '', '', 'it is `make bridge` with another file'),
    (r'make demo', 'make demo ARGS=killed', '', ''),
    (r'make demo ARGS=(\S+)', r'make demo ARGS="\1 killed"', '', ''),
    (r'make test ARGS="(.*)"', rf'make test ARGS="\1 {COLLECT}"', '', ''),
    (r'make test ARGS=(\S+)', rf'make test ARGS="\1 {COLLECT}"', '', ''),
    (r'make test', 'make test ARGS=test/test_readme_check.py', '', ''),
    (r'make clients', f'make clients ARGS="{COLLECT}"', '', ''),
    (r'make (faults|bench|matrix)', r'make \1 ARGS=--help', '', ''),
    (r'make (check|site)', '', '', 'other stages of .ci/run run the same'),
    (r'git clone .*', '', '', 'this is one'),
    (r'(cd ~/ws|colcon|rosdep).*', '', '', 'the colcon stages of .ci/run do the same'),
    (r'pip install viam-sdk', '', '', 'requirements/test.txt installs it into the environment'),
    (r'(ros2 run viam_session_bridge |\S+ -m viam_session_bridge\.cli\.)keys .*', KEYS, '', ''),
    (r'ros2 launch .*', '', '', 'test/test_launch.py runs the launch file where ROS 2 is'),
    (r'viam-server .*', '', 'viam-server', ''),
    (r'\S*python3? .*:8081', '', 'viam-server', ''),
    (r'(PYTHONPATH=\. )?\S*python3? .*', '', '', ''),
    (r'cd examples/typescript .*', '', 'npm', ''),
)


@dataclass(frozen=True)
class Step:
    """A command of the README, the form of it that is run, and why it is left out if it is."""

    written: str
    run: str
    omitted: str = ''


class Unknown(Exception):
    """The README has a command that HOW does not list."""


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a README in their order."""
    for block, inline in re.findall(
            r'^```\w*\n(.*?)^```$|`([^`\n]+)`', text, re.MULTILINE | re.DOTALL):
        # Code in the text may hold a link: `program -config `[`file`](file).
        lines = [inline] if inline else block.splitlines()
        for line in lines:
            command = line.partition(' #')[0].strip()
            if command.split(' ')[0] in PROGRAMS and ' ' in command:
                yield command


def steps(text: str) -> list[Step]:
    """Return each command once, in their order. Raises Unknown."""
    return [step(command) for command in dict.fromkeys(commands(text))]


def step(command: str) -> Step:
    """Return what is to be done for a command. Raises Unknown."""
    for pattern, form, program, reason in HOW:
        match = re.fullmatch(pattern, command)
        if match is None:
            continue
        if program and shutil.which(program) is None:
            reason = f'{program} is not installed'
        return Step(command, match.expand(form) if form else command, reason)
    raise Unknown(f'{command!r}: tools/readme_check.py has no rule for this command')


def free_port() -> int:
    """Return a TCP port that is not in use."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def environment() -> Mapping[str, str]:
    """Return an environment in which only the clone and the virtual environment are found."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ('PYTHONPATH', '_ROS_WHEELS_BOOTSTRAP_COMPLETE')}
    return {**kept, 'VENV': str(VENV)}


class Bridge:
    """The bridge of `make bridge`, on a free port."""

    def __init__(self, clone: Path) -> None:
        """Start it."""
        self.port = free_port()
        self._log = clone / 'bridge.log'
        with self._log.open('w') as log:
            self._process = subprocess.Popen(
                ['make', 'bridge', f'ARGS=--serve {self.port}'], cwd=clone, env=environment(),
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def wait(self) -> None:
        """Return when it takes commands; exit otherwise."""
        end = time.monotonic() + PATIENCE
        while 'Drive it' not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() >= end:
                self.end()
                sys.exit(f'{SERVE} does not serve:\n{self._log.read_text()}')
            time.sleep(0.1)

    def end(self) -> int:
        """Press Ctrl-C, as its user does; returns the exit status of make."""
        if self._process.poll() is None:
            # The terminal sends it to make and to its children.
            os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(PATIENCE)


def run(command: str, clone: Path) -> bool:
    """Run a command in the clone; prints its output and returns False when it has failed."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            ['bash', '-c', command], cwd=clone, env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PATIENCE)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as problem:
        output, status = str(problem), -1
    # A red line, or the failure of an SDK that does not end the program, is a failure, too.
    good = status == 0 and not re.search(r'\bERROR\b|Traceback', output)
    print(f'{"ok    " if good else "FAILED"} {command} ({time.monotonic() - began:.0f} s)',
          flush=True)
    if not good:
        print(f'exit status {status}\n{output}')
    return good


def check(clone: Path) -> list[str]:
    """Run everything in the clone; returns what has failed."""
    text = (clone / 'README.md').read_text(encoding='utf-8')
    plan = steps(text)
    for number, program in enumerate(blocks(text, 'python')):
        (clone / f'readme_{number}.py').write_text(program)
        plan.append(Step(
            f'Python block {number + 1}', f'.venv/bin/python readme_{number}.py',
            '' if ':8080' in program and 'robot.local' not in program else
            'it drives from another machine; test/system/test_demo.py runs it'))
    failed: list[str] = []
    bridge: Bridge | None = None
    try:
        for each in plan:
            if each.omitted:
                print(f'-      {each.written}: {each.omitted}')
            elif each.run == SERVE:
                if bridge is None:
                    bridge = Bridge(clone)
                    print(f'begun  {SERVE} at port {bridge.port}')
            else:
                # In the README the user has a bridge by then.
                command = each.run
                if ':8080' in command or each.written.startswith('Python'):
                    assert bridge is not None, f'no `{SERVE}` before {each.written!r}'
                    bridge.wait()
                    command = command.replace(':8080', f':{bridge.port}')
                    for script in clone.glob('readme_*.py'):
                        script.write_text(script.read_text().replace(':8080', f':{bridge.port}'))
                if not run(command, clone):
                    failed.append(each.written)
    finally:
        # Interrupted as by a terminal, make reports 2 for the 0 of its program or 130 for SIGINT.
        if bridge is not None and bridge.end() not in (0, 2, 130, -signal.SIGINT):
            failed.append(f'{SERVE}: it does not end well')
    return failed


def copy_tracked(clone: Path) -> None:
    """Copy the files that git tracks, as they are now: nothing that was built or left behind."""
    # Without a clone's objection to a checkout of another user, as in a container.
    tracked = subprocess.run(
        ['git', '-c', f'safe.directory={ROOT}', 'ls-files', '-z'], cwd=ROOT, check=True,
        stdout=subprocess.PIPE, text=True).stdout
    for name in filter(None, tracked.split('\0')):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)


def main() -> int:
    """Copy what a clone has, and run the commands there."""
    with tempfile.TemporaryDirectory(prefix='readme_check_') as folder:
        clone = Path(folder) / 'viam_session_bridge'
        copy_tracked(clone)
        (clone / '.venv').symlink_to(VENV)
        failed = check(clone)
    for each in failed:
        print(f'FAILED: {shlex.quote(each)}')
    return int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
