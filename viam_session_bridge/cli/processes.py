# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Child processes of a demonstration: started, monitored, and always ended.

The output of a child goes to a file, so that no pipe has to be read in time and its end can be
shown after a failure.
"""

from collections.abc import Mapping, Sequence
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys

from viam_session_bridge.cli.isolation import remove_abandoned, segments_of

# How long (s) a child may take to end after a signal.
PATIENCE = 8.0

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Let the kernel end this child if its parent is killed; runs in the child before exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A Python module of this package that runs in its own process."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], folder: Path,
                 environment: Mapping[str, str] | None = None) -> None:
        """
        Start it; name: shown to users; folder: of its output.

        environment: additional variables.
        """
        self.name = name
        self._log = folder / f'{name.replace(" ", "_")}.log'
        self._read = 0
        with self._log.open('wb') as log:
            # In its own session: Ctrl-C in the terminal does not reach it, the demo ends it.
            self._process = subprocess.Popen(
                [sys.executable, '-u', '-m', module, *arguments], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(environment or {})},
                preexec_fn=_end_with_parent)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return its whole output so far."""
        return self._log.read_text(encoding='utf-8', errors='replace')

    def news(self) -> list[str]:
        """Return the lines that it has printed since the last call, complete ones only."""
        with self._log.open('rb') as log:
            log.seek(self._read)
            text = log.read()
        complete = text[:text.rfind(b'\n') + 1]
        self._read += len(complete)
        return complete.decode('utf-8', 'replace').splitlines()

    def tail(self, lines: int = 20) -> str:
        """Return the last lines it has printed."""
        return '\n'.join(self.output().splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, even if it is frozen, and wait until it has ended."""
        # While it runs: afterwards its segments are unknown.
        segments = segments_of(self.pid)
        self._process.kill()
        self._process.wait()
        remove_abandoned(segments)

    def end(self) -> int:
        """
        End it by a signal, kill it after a while, and return its exit status.

        The status is 0 if it had no handler for the signal yet: nothing had begun.
        """
        if self._process.poll() is None:
            # Not SIGINT: before the child has its own handlers, Python would print a traceback.
            self._process.send_signal(signal.SIGTERM)
            try:
                if self._process.wait(PATIENCE) == -signal.SIGTERM:
                    return 0
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode


def is_frozen(pid: int) -> bool:
    """Return whether a process is stopped (SIGSTOP has been carried out)."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except FileNotFoundError:
        return False
    # The name in parentheses may hold anything, spaces too; the state follows it.
    return stat.rpartition(')')[2].split()[0] == 'T'
