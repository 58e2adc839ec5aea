# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measures the bridge's latencies and load, each beside its baseline, and prints one table.

    python bench/run.py [--quick] [--only NAME ...] [--other PATH] [--json FILE]
                        [--document FILE]

To add a measurement: a module with a function measure(world) that returns rows, and a line in
MEASUREMENTS. This is no test: the exit status only shows whether everything could be measured.
"""

import argparse
from collections.abc import Callable
import json
import os
from pathlib import Path
import resource
import sys
import time

from children import ChildFailed, World
import command
import cpu
import crowd
import curves
import deadline
import document
import heartbeats
import kill
from report import Row, table
import spread
import tls
import waiting

MEASUREMENTS: dict[str, Callable[[World], list[Row]]] = {
    'deadline': deadline.measure,
    'waiting': waiting.measure,
    'spread': spread.measure,
    'kill': kill.measure,
    'command': command.measure,
    'heartbeats': heartbeats.measure,
    'tls': tls.measure,
    'crowd': crowd.measure,
    'cpu': cpu.measure,
}


class Machine:
    """What else happened on this machine while the run lasted."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ticks = self._read()

    def __str__(self) -> str:
        """Return it in one line; to be called when all processes of the run have ended."""
        ticks = [now - then for now, then in zip(self._read(), self._ticks, strict=True)]
        total = sum(ticks) / os.sysconf('SC_CLK_TCK') or 1.0
        user, nice, system, idle, waiting, irq, soft, stolen = (
            one / os.sysconf('SC_CLK_TCK') for one in ticks)
        ours = sum(usage.ru_utime + usage.ru_stime for usage in map(
            resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        others = max(0.0, user + nice + system + irq + soft - ours)
        return (f'what limits these numbers: {os.cpu_count()} processors, shared by the bridge, '
                'the load generators and the receivers; over '
                f'{time.monotonic() - self._began:.0f} s all of these together used '
                f'{ours / total:.0%} of the processors, other programs {others / total:.0%}, and '
                f'the host took {stolen / total:.1%} away')

    @staticmethod
    def _read() -> list[int]:
        return [int(one) for one in Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:9]]


def main() -> int:
    """Measure what was asked for; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.strip().split('\n', 1)[0])
    parser.add_argument('--quick', action='store_true', help='few samples: does it run at all?')
    parser.add_argument('--only', action='append', choices=MEASUREMENTS, metavar='NAME',
                        help='only this one of: ' + ', '.join(MEASUREMENTS) + '; may be repeated')
    parser.add_argument('--other', type=Path, metavar='PATH',
                        help='a checkout of another revision: cpu also measures its bridge')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write all figures there')
    parser.add_argument('--document', type=Path, metavar='FILE',
                        help='also write all figures there, in Markdown, and pictures of '
                             'distributions in the folder pictures beside it')
    options = parser.parse_args()
    rows: list[Row] = []
    problems: dict[str, str] = {}
    versions: dict[str, str] = {}
    machine = Machine()
    for name in options.only or MEASUREMENTS:
        print(f'measuring: {name} ...', file=sys.stderr, flush=True)
        with World(options.quick, options.other and options.other.resolve()) as world:
            try:
                rows += MEASUREMENTS[name](world)
            except (ChildFailed, ValueError) as problem:
                problems[name] = f'NOT MEASURED: {name}: {problem}\n{world.end_all()}'
    if options.document:
        with World(options.quick) as world:
            versions = document.versions(world)
    limits = str(machine)
    print(table(rows))
    print(f'\n{limits}', *problems.values(), sep='\n')
    if options.json:
        figures = {'rows': [row.data() for row in rows], 'limits': limits, 'quick': options.quick}
        options.json.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
    if options.document:
        page = document.markdown(rows, limits, versions, list(problems), options.quick)
        options.document.write_text(page, encoding='utf-8')
        curves.write(page, options.document.parent / 'pictures')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
