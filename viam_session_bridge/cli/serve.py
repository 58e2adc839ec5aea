# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keeps the robot, the bridge and the guard of the demo running, for programs that somebody writes.

Nothing is played; it ends when it is interrupted, and well, or when one of the three ends.
"""

from collections.abc import Callable
from pathlib import Path
import sys

from viam_session_bridge.cli.harness import Harness, HarnessError

DRIVE = """\
Drive it, for example:
    {python} {example} {address}"""

# The key is good for this run only.
SECURED = """\
It asks for an API key and serves with TLS. For a program of the Python SDK that connects with
RobotClient.Options.with_api_key and reads the key from the environment, put before it:
    {variables}"""

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'python' / 'drive.py'


def serve(stage: Harness, say: Callable[[str], None]) -> int:
    """Serve until interrupted; returns the exit status. The stage is closed afterwards."""
    good = True
    try:
        say('starting the robot, the bridge and the guard ...')
        stage.open()
        say(f"\nThe robot's bridge serves at {stage.facts.address}.")
        if stage.access.environment:
            say(SECURED.format(address=stage.facts.address, variables=' '.join(
                f'{name}={value}' for name, value in stage.access.environment.items())))
        else:
            say(DRIVE.format(
                address=stage.facts.address, python=sys.executable,
                example=EXAMPLE if EXAMPLE.is_file() else 'drive.py'))
        say('Ctrl-C ends everything.')
        stage.attend()
    except HarnessError as problem:
        good = False
        say(f'\nFAIL  {problem}\n{problem.log}')
    except KeyboardInterrupt:
        say('\nending the guard, the bridge and the robot')
    finally:
        statuses = stage.close()
    return int(not good or any(statuses.values()))
