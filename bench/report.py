# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The result of a measurement, and its row in the table, whatever is measured.

Every number in a row was measured in this run; a ratio is between two such numbers.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEADINGS = ('measured', 'n', 'p50', 'p99', 'baseline p50', 'baseline p99', 'x p50', 'x p99',
            'target', 'met')
# Of the samples, in %: where a distribution is shown.
SHARES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
TEXTS = (0, len(HEADINGS) - 2, len(HEADINGS) - 1)  # the columns that are no numbers


@dataclass(frozen=True)
class Figure:
    """
    What one distribution came to: how many samples, the median and the 99th percentile.

    p99 is None where a tail means nothing (rates, counts). quantiles: at each of SHARES; empty
    where there is no distribution.
    """

    count: int
    p50: float
    p99: float | None = None
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """
    One line of the table.

    unit: of both figures; times are in seconds here and shown in ms. baseline: what the same
    machine does in the same run without us; None where nothing comparable exists. met: None where
    nothing was demanded. what_baseline, notes: shown below the table.
    """

    name: str
    unit: str
    value: Figure
    baseline: Figure | None = None
    target: str = ''
    met: bool | None = None
    what_baseline: str = ''
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return the row for a machine to read, in its own units, with the ratios."""
        return {**asdict(self), 'ratio_p50': self._ratio('p50'), 'ratio_p99': self._ratio('p99')}

    def within(self, limit: float) -> bool:
        """Return whether neither median nor tail is more than so many times the baseline's."""
        ratios = (self._ratio('p50'), self._ratio('p99'))
        return all(ratio is not None and ratio <= limit for ratio in ratios)

    def cells(self) -> tuple[str, ...]:
        """Return the texts of this line, in the order of HEADINGS."""
        baseline = self.baseline or Figure(0, float('nan'))
        ratios = (self._ratio('p50'), self._ratio('p99'))
        return (
            self.name, str(self.value.count), self._shown(self.value.p50),
            self._shown(self.value.p99),
            self._shown(baseline.p50) if self.baseline else '-', self._shown(baseline.p99),
            *('-' if ratio is None else f'{ratio:.2f}' for ratio in ratios),
            self.target or '-', {True: 'yes', False: 'NO', None: '-'}[self.met])

    def _ratio(self, which: str) -> float | None:
        value, baseline = getattr(self.value, which), getattr(self.baseline, which, None)
        return value / baseline if value is not None and baseline else None

    def _shown(self, number: float | None) -> str:
        if number is None:
            return '-'
        if self.unit == 's':
            return f'{number * 1e3:.2f} ms'
        shown = f'{number:.1f}' if abs(number) < 100 and number % 1 else f'{number:.0f}'
        return f'{shown} {self.unit}'.strip()


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that this share (0 to 1) of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def figure(samples: Sequence[float]) -> Figure:
    """Return median, 99th percentile and quantiles. Raises ValueError without samples."""
    if not samples:
        raise ValueError('nothing was measured')
    return Figure(len(samples), percentile(samples, 0.5), percentile(samples, 0.99),
                  tuple(percentile(samples, share / 100.0) for share in SHARES))


def table(rows: Sequence[Row]) -> str:
    """Return the table, then the baselines and the notes of each row."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    shown = [_line(line, widths) for line in lines]
    shown.insert(1, '-+-'.join('-' * width for width in widths))
    remarks = _remarks(rows)
    return '\n'.join([*shown, *([''] if remarks else []), *remarks])


def markdown(rows: Sequence[Row]) -> str:
    """Return the same as table(), in Markdown."""
    ruler = tuple(':--' if column in TEXTS else '--:' for column in range(len(HEADINGS)))
    lines = [f'| {" | ".join(line)} |'
             for line in (HEADINGS, ruler, *(row.cells() for row in rows))]
    return '\n'.join([*lines, '', *(f'- {remark}' for remark in _remarks(rows))])


def _remarks(rows: Sequence[Row]) -> list[str]:
    remarks = []
    for row in rows:
        if row.what_baseline:
            remarks.append(f'{row.name}: baseline: {row.what_baseline}')
        remarks += [f'{row.name}: {note}' for note in row.notes]
    return remarks


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return ' | '.join(
        cell.ljust(width) if column in TEXTS else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))).rstrip()
