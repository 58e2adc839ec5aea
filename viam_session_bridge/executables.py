# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How every executable of this package starts: help, version, and early signals.

The imports of an executable take a second. This module imports none of them, so that --help and
--version need no ROS, and a signal during the imports ends the process without a traceback:
nothing has begun. Each executable module calls this one first, whether it is started by its name
or with ``python -m``.
"""

from collections.abc import Sequence
from importlib import import_module
import os
import signal
import sys
from typing import NamedTuple

from viam_session_bridge import __version__


class Executable(NamedTuple):
    """
    One executable.

    module: the one with its main. about: for --help; empty where main has help of its own.
    interrupted: the exit status after a signal that arrived before main.
    """

    module: str
    about: str = ''
    interrupted: int = 0


_PARAMETERS = """
Parameters come from ROS arguments:
  --ros-args --params-file FILE    a parameter file; config/*.yaml are examples
  --ros-args -p NAME:=VALUE        one parameter, such as grpc.port:=8081
  --ros-args -r FROM:=TO           a remapping; -r __ns:=/robot1 for a namespace
  --ros-args --log-level LEVEL     debug, info, warn, error or fatal
docs/parameters.md lists every parameter. Exit status: 0 after a clean end, 1 when something failed
or a stop was not confirmed, 2 when the parameters are wrong."""

EXECUTABLES = {
    'bridge': Executable('viam_session_bridge.bridge', f"""\
Usage: bridge [--help | --version] --ros-args --params-file FILE [...]

Serves Viam's API for the robot that the parameters describe, and stops what a client moved when
that client disconnects. Start a guard beside it, with the same arguments.
{_PARAMETERS}"""),
    'guard': Executable('viam_session_bridge.guard', f"""\
Usage: guard [--help | --version] --ros-args --params-file FILE [...]

Stops the robot when the bridge itself fails. It takes the same arguments as its bridge, and no
commands.
{_PARAMETERS}"""),
    'demo': Executable('viam_session_bridge.cli.demo', interrupted=130),
    'sim_base': Executable('viam_session_bridge.sim.diff_drive', """\
Usage: sim_base [--help | --version] [--ros-args -p NAME:=VALUE ...]

Simulates a base with a differential drive: it receives cmd_vel and publishes odom. Its parameters
are listed by `ros2 param list /sim_base` while it runs."""),
}

PROGRAM = 'viam-session-bridge'

# The commands of the console script `viam-session-bridge`, by name. Each is also an executable for
# `ros2 run`. pip installs the script only, since `bridge` is also a command of iproute2.
COMMANDS = {
    **{name: one.module for name, one in EXECUTABLES.items()},
    'keys': 'viam_session_bridge.cli.keys',
    # cli/operator_commands.py goes by the name of the command.
    **dict.fromkeys(('status', 'top', 'events', 'why', 'stop', 'estop', 'reset'),
                    'viam_session_bridge.cli.operator_commands'),
    'doctor': 'viam_session_bridge.cli.doctor',
}

USAGE = f"""\
usage: {PROGRAM} {{{' | '.join(COMMANDS)}}} ...

{PROGRAM} --version prints the version, {PROGRAM} keys --help the arguments
of a command. `ros2 run viam_session_bridge keys` is the same as `{PROGRAM} keys`."""


def start(name: str) -> int:
    """Run an executable with the arguments of this process; returns its exit status."""
    executable = EXECUTABLES[name]
    words = _own_words(sys.argv[1:])
    if '--version' in words:
        print(__version__)
        return 0
    if executable.about and any(word in ('-h', '--help') for word in words):
        print(executable.about)
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not sys.exit: an exception would be raised in the middle of an import.
        signal.signal(number, lambda number, frame: os._exit(executable.interrupted))
    status: int = import_module(executable.module).main()
    return status


def _own_words(words: list[str]) -> list[str]:
    """Return the arguments without those of ROS."""
    return words[:words.index('--ros-args')] if '--ros-args' in words else words


def bridge() -> int:
    """Run the bridge."""
    return start('bridge')


def guard() -> int:
    """Run the guard."""
    return start('guard')


def demo() -> int:
    """Run the demo."""
    return start('demo')


def sim_base() -> int:
    """Run the simulated base."""
    return start('sim_base')


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, or 2 if there is no such command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in ('-h', '--help'):
        print(USAGE)
        return 0
    if words and words[0] == '--version':
        print(__version__)
        return 0
    if not words or words[0] not in COMMANDS:
        print(USAGE, file=sys.stderr)
        return 2
    # The commands read sys.argv; those of ROS take all of it, with the name of the program.
    sys.argv = [f'{PROGRAM} {words[0]}', *words[1:]]
    if words[0] in EXECUTABLES:
        return start(words[0])
    status: int = import_module(COMMANDS[words[0]]).main()
    return status


if __name__ == '__main__':
    sys.exit(main())
