# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a run has found, as a page for people to read. Every figure on it is from this very run.

It names no host, no user and no path: the output of failed processes stays on the terminal.
"""

from collections.abc import Sequence
from importlib.metadata import version
import os
from pathlib import Path
import platform

from children import World
import curves
import moves
import report

_PAGE = """# Benchmarks

`make bench` measures all this again; `make bench ARGS="--document docs/benchmarks.md"` also writes
this page.
{warnings}
## Machine

{machine}

## Latencies and load

A baseline is what the same machine does in the same run without the bridge, or without the load;
the notes below say which. `x` is the measured figure divided by its baseline.

{table}

{limits}
{distributions}
## How far off moves end

Simulated, without ROS; `python bench/moves.py` repeats it, to the digit.

```
{moves}
```
"""


_DISTRIBUTIONS = """
## Distributions

How many % of the samples took at most how long. `make bench` draws the pictures from the table.

{}
"""


def versions(world: World) -> dict[str, str]:
    """Return the versions of what a run uses, by name; empty where unknown."""
    ros: dict[str, str] = world.child('bare', 'bare/versions').ask('versions')
    return {'Python': platform.python_version(), 'grpcio': version('grpcio'),
            'protobuf': version('protobuf'), **ros}


def markdown(rows: Sequence[report.Row], limits: str, used: dict[str, str],
             missing: Sequence[str], quick: bool) -> str:
    """Return the page. missing: the measurements that failed; quick: whether samples are few."""
    warnings = ['A quick run: too few samples to quote.'] if quick else []
    warnings += [f'Could not be measured: {name}.' for name in missing]
    machine = [f'{os.cpu_count()} processors: {_processor()}',
               *(f'{name} {number or "of unknown version"}' for name, number in used.items())]
    distributions = curves.section(rows)
    return _PAGE.format(
        warnings=''.join(f'\n**{one}**\n' for one in warnings),
        machine='\n'.join(f'- {line}' for line in machine), table=report.markdown(rows),
        limits=limits[:1].upper() + limits[1:] + '.', moves=moves.table(),
        distributions=_DISTRIBUTIONS.format(distributions) if distributions else '')


def _processor() -> str:
    """Return the processor's model; if the kernel reports none, its architecture."""
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        name, _, model = line.partition(':')
        if name.strip() == 'model name':
            return model.strip()
    return platform.machine()
