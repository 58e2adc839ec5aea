# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Child processes of a demonstration: started, watched, and never left behind.

What a child prints goes to a file, so that nobody has to read a pipe in time and the end of it
can be shown when something went wrong.
"""

from collections.abc import Mapping, Sequence
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys

from viam_session_bridge.cli.isolation import remove_abandoned, segments_of

# How long (s) a child may take to go down when it is asked to.
PATIENCE = 8.0

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Let the kernel end a child whose parent was killed; the child runs this before exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A Python module of ours that runs in a process of its own."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], folder: Path,
                 environment: Mapping[str, str] | None = None) -> None:
        """
        Start it; name is how people are told about it, folder where its output goes.

        environment: variables that it gets besides ours.
        """
        self.name = name
        self._log = folder / f'{name.replace(" ", "_")}.log'
        with self._log.open('wb') as log:
            # In a session of its own: Ctrl-C in the terminal does not reach it, we end it.
            self._process = subprocess.Popen(
                [sys.executable, '-u', '-m', module, *arguments], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(environment or {})},
                preexec_fn=_die_with_parent)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return all it has printed so far."""
        return self._log.read_text(encoding='utf-8', errors='replace')

    def tail(self, lines: int = 20) -> str:
        """Return the last lines it has printed."""
        return '\n'.join(self.output().splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, at once and also while it is frozen, and wait until it is gone."""
        # While it lives, or nobody could say which it had.
        segments = segments_of(self.pid)
        self._process.kill()
        self._process.wait()
        remove_abandoned(segments)

    def end(self) -> int:
        """Ask it to go, insist after a while, and return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode


def is_frozen(pid: int) -> bool:
    """Tell whether a process is stopped (SIGSTOP has been carried out)."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except FileNotFoundError:
        return False
    # The name in parentheses may hold anything, spaces too; the state follows it.
    return stat.rpartition(')')[2].split()[0] == 'T'
