# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keeps the robot, the bridge and the guard of the demo running, for programs of the user.

No scenario runs. The logs of bridge and guard are shown. It ends with success when it is
interrupted, and with a failure when one of the three ends.
"""

from collections.abc import Callable
from pathlib import Path
import sys

from viam_session_bridge.cli.harness import Harness, HarnessError

DRIVE = """\
Drive it, for example:
    {command}"""

# The key is valid for this run only.
SECURED = """\
It requires an API key and serves with TLS."""

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'python' / 'drive.py'


def serve(harness: Harness, say: Callable[[str], None]) -> int:
    """Serve until interrupted; returns the exit status. The harness is closed afterwards."""
    good = True
    try:
        say('starting the robot, the bridge and the guard ...')
        harness.open()
        say(f"\nThe robot's bridge serves at {harness.facts.address}.")
        if harness.access.environment:
            say(SECURED)
        say(DRIVE.format(command=' '.join((
            *(f'{name}={value}' for name, value in harness.access.environment.items()),
            sys.executable, str(EXAMPLE if EXAMPLE.is_file() else EXAMPLE.name),
            harness.facts.address))))
        say('Ctrl-C ends everything.')
        harness.follow_logs()
    except HarnessError as problem:
        good = False
        say(f'\nFAIL  {problem}\n{problem.log}')
    except KeyboardInterrupt:
        say('\nending the guard, the bridge and the robot')
    finally:
        statuses = harness.close()
        harness.show_events()
    return int(not good or any(statuses.values()))
