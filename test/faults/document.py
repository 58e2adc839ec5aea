# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The report of a run as a page for people. Every figure on it is from this very run.

Names no host, no user and no path.
"""

from collections.abc import Sequence
from importlib.metadata import version
import os
from pathlib import Path
import platform

import report
from selftest import Proof

_PAGE = """# Faults

`make faults` makes all these faults again; `make faults ARGS="--document docs/faults.md"` also
writes this page.
{warnings}
**{summary}.**

A simulated robot without a command timeout drives. Real Viam SDK programs, the real bridge and the
real guard are processes of their own; faults are real signals, dead networks, restarted drivers. A
separate ROS node records how the robot really moves. **Unsafe time** is every second
in which it moves later than the bound of its fault, beyond its own braking, and every second in
which a motion without a reason to stop was disturbed. A process of its own records when the
host stood still; only that is taken off. A fault also fails when the robot is commanded to move
again after it was commanded to rest, however short that motion is.

**Every stop is reconstructed from the events** of bridge and guard alone, by the code of
`viam-session-bridge why`, and compared with the suite's own record: the messages that the driver
received and from which process, the fault, the client that commanded last, and whether the robot
was at rest. Resource, process, reason, time, client (session and port) and verdict must agree.
A stop without an event, an event without a stop, and every other difference is a failed fault.

The reaction is the time from the fault to standstill without the braking; for a driver that
restarts, from when it was matched; for a cut that heals, from then. A fault that could not be run
is not shown; it does not count as passed.

{table}
{not_shown}
One fault alone: `python test/faults/run.py --only NAME --seed N`.

## Can the suite fail?

Each of these deliberate breakages of the product, done from outside by replacing one of its parts
(`test/faults/breakages.py`), must be caught by its kind of fault.

{proofs}

## Machine

{machine}
"""

_PACKAGES = ('grpcio', 'protobuf', 'viam-sdk')


def page(total: report.Summary, table: Sequence[report.Row], proofs: Sequence[Proof]) -> str:
    """Return the page."""
    missing = [f'- {row.name}: {row.not_shown}' for row in table if row.not_shown]
    return _PAGE.format(
        warnings=_warnings(total), summary=str(total)[0].upper() + str(total)[1:],
        table=report.markdown(report.HEADINGS, [row.cells() for row in table]),
        not_shown='\nNot shown:\n\n' + '\n'.join(missing) + '\n' if missing else '',
        proofs=_proofs(proofs), machine='\n'.join(f'- {line}' for line in _machine()))


def _warnings(total: report.Summary) -> str:
    return '' if total.faults >= 100 else '\n**A short run: too few faults to quote.**\n'


def _proofs(proofs: Sequence[Proof]) -> str:
    if not proofs:
        return 'Not part of this run (`--breakages`).'
    return report.markdown(('breakage', 'what is broken', 'fault', 'caught by'), [
        (proof.name, proof.text, proof.kind,
         f'NOT SHOWN: {proof.not_shown}' if proof.not_shown
         else proof.by if proof.caught else '**NOT CAUGHT**') for proof in proofs])


def _machine() -> list[str]:
    return [f'{os.cpu_count()} processors: {_processor()}', f'Linux {platform.release()}',
            f'Python {platform.python_version()}',
            *(f'{name} {version(name)}' for name in _PACKAGES)]


def _processor() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        name, _, model = line.partition(':')
        if name.strip() == 'model name':
            return model.strip()
    return platform.machine()
