# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The console script viam-session-bridge: `viam-session-bridge keys list`.

Each command is also a separate executable for `ros2 run`. Only this one is on the search path:
`bridge`, for example, is also a command of iproute2.
"""

from collections.abc import Sequence
from importlib import import_module
import sys

from viam_session_bridge.executables import EXECUTABLES, start

PROGRAM = 'viam-session-bridge'

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

{PROGRAM} keys --help lists the arguments of a command. `ros2 run viam_session_bridge keys` is
the same as `{PROGRAM} keys`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, or 2 if there is no such command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in ('-h', '--help'):
        print(USAGE)
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
