# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The results of a run: a row for each kind, and sums.

Every figure is from this very run. A fault that could not be run counts as not shown, never as
passed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from kinds import Kind
from selftest import Proof
from trial import Result

HEADINGS = ('fault', 'what happens', 'faults', 'bound', 'median', 'worst', 'unsafe time')


@dataclass(frozen=True)
class Row:
    """
    One kind. Times in seconds; reactions are None when nothing was shown.

    stops: those that were reconstructed from the events. differences: from the suite's record.
    """

    name: str
    text: str
    bound: float
    faults: int
    failed: int
    unsafe: float
    stalled: float
    median: float | None
    worst: float | None
    not_shown: str
    stops: int
    differences: int

    def cells(self) -> tuple[str, ...]:
        """Return the texts of this line, in the order of HEADINGS."""
        if self.not_shown:
            return self.name, self.text, '0', f'{self.bound:g} s', '-', '-', 'NOT SHOWN'
        unsafe = f'{self.unsafe:.2f} s' if self.unsafe else '0'
        if self.failed:
            unsafe += f', **{self.failed} FAILED**'
        return (self.name, self.text, str(self.faults), f'{self.bound:g} s',
                _shown(self.median), _shown(self.worst), unsafe)


def rows(kinds: Iterable[Kind], results: Sequence[Result]) -> list[Row]:
    """Return a row for each kind that the run had."""
    found = []
    for kind in kinds:
        own = [result for result in results if result.kind == kind.name]
        if not own:
            continue
        shown = [result for result in own if not result.not_shown]
        reactions = [result.reaction for result in shown if result.reaction is not None]
        found.append(Row(
            kind.name, kind.text, kind.bound, len(shown),
            sum(not result.good for result in shown), sum(result.unsafe for result in shown),
            sum(result.stalled for result in shown), median(reactions) if reactions else None,
            max(reactions, default=None), '' if shown else own[0].not_shown,
            sum(result.stops for result in shown), sum(result.differences for result in shown)))
    return found


@dataclass(frozen=True)
class Summary:
    """The sums of a run. Times in seconds."""

    seed: int
    faults: int
    kinds: int
    failed: int
    unsafe: float
    stalled: float
    not_shown: int
    took: float
    stops: int
    differences: int

    def __str__(self) -> str:
        """Return it in one line."""
        not_shown = f'; NOT SHOWN: {self.not_shown} kinds' if self.not_shown else ''
        return (f'{self.faults} faults of {self.kinds} kinds, seed {self.seed}, in '
                f'{self.took / 60.0:.0f} minutes: {self.unsafe:.2f} s of unsafe time, '
                f'{self.failed} faults failed{not_shown}; {self.stops} stops were reconstructed '
                f'from the events, {self.differences} stops differ from the events; the host '
                f'stood still for {self.stalled:.2f} s of what would have counted')


def summary(table: Sequence[Row], seed: int, took: float) -> Summary:
    """Add up a run."""
    return Summary(
        seed, sum(row.faults for row in table), sum(row.faults > 0 for row in table),
        sum(row.failed for row in table), sum(row.unsafe for row in table),
        sum(row.stalled for row in table), sum(bool(row.not_shown) for row in table), took,
        sum(row.stops for row in table), sum(row.differences for row in table))


def data(total: Summary, table: Sequence[Row], results: Sequence[Result],
         proofs: Sequence[Proof]) -> dict[str, Any]:
    """Return everything for a machine to read."""
    return {'summary': asdict(total), 'kinds': [asdict(row) for row in table],
            'faults': [asdict(result) for result in results],
            'breakages': [asdict(proof) for proof in proofs]}


def plain(table: Sequence[Row]) -> str:
    """Return the table for a terminal, without the long texts."""
    lines = [tuple(heading for heading in HEADINGS if heading != HEADINGS[1])]
    lines += [(cells[0], *cells[2:]) for cells in (row.cells() for row in table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
                     .rstrip() for line in lines)


def markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table for a page."""
    shown = [headings, [':--'] * len(headings), *lines]
    return '\n'.join('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |'
                     for line in shown)


def _shown(seconds: float | None) -> str:
    return '-' if seconds is None else f'{seconds:.3f} s'
