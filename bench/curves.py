# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The distributions of a run: a table for the page, and pictures that are drawn from that table.

    python bench/curves.py docs/benchmarks.md docs/pictures

draws the pictures of a page again.
"""

from collections.abc import Sequence
from html import escape
from importlib import import_module
from pathlib import Path
import re
import sys
from typing import NamedTuple

from report import Row, SHARES

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT)]
STYLE = import_module('pictures').STYLE

BRIDGE, BASELINE = 'bridge', 'baseline'

# px
WIDTH = 860
LEFT, RIGHT, TOP, BOTTOM = 80, 830, 50, 270
LEGEND, LINE = 335, 22
# So much wider than the greatest 99th percentile; what is beyond is not shown.
ROOM = 1.15
TICKS = 8  # at most

# The hues of tools/pictures.py, and one more.
CURVES = """
path.curve, path.grid { marker-end: none; }
path.grid { stroke-width: 0.5; }
path.curve { stroke-width: 2; }
text.left { text-anchor: start; } text.right { text-anchor: end; }
path.c0 { stroke: #0969da; } path.c1 { stroke: #bc4c00; }
path.baseline { stroke-dasharray: 6 4; }
@media (prefers-color-scheme: dark) {
  path.c0 { stroke: #4493f8; } path.c1 { stroke: #f0883e; }
}"""


class Picture(NamedTuple):
    """A picture: its file, its title, and the rows whose distributions it shows."""

    file: str
    title: str
    rows: tuple[str, ...]


class Curve(NamedTuple):
    """A distribution: how many samples, and the quantiles (ms) at SHARES."""

    count: int
    quantiles: tuple[float, ...]


PICTURES = (
    Picture('bench_kill.svg', 'From SIGKILL of the client to the zero that the driver receives',
            ('SIGKILL to zero received',)),
    Picture('bench_set_power.svg', 'From SetPower to the Twist that the driver receives',
            ('SetPower to Twist received', 'SetPower to Twist received, under load')))


def section(rows: Sequence[Row]) -> str:
    """Return the pictures and their table in Markdown; empty if none was measured."""
    wanted = {name for picture in PICTURES for name in picture.rows}
    lines = []
    for row in rows:
        for which, figure in ((BRIDGE, row.value), (BASELINE, row.baseline)):
            if row.name in wanted and figure and figure.quantiles:
                cells = [row.name, which, str(figure.count),
                         *(f'{one * 1e3:.2f}' for one in figure.quantiles)]
                lines.append(f'| {" | ".join(cells)} |')
    if not lines:
        return ''
    heading = ['distribution (ms)', 'of', 'n', *(f'{share} %' for share in SHARES)]
    table = [f'| {" | ".join(heading)} |', f'| :-- | :-- |{" --: |" * (len(SHARES) + 1)}', *lines]
    names = drawn('\n'.join(table))
    shown = [f'![{one.title}](pictures/{one.file})' for one in PICTURES if one.file in names]
    return '\n\n'.join([*shown, '\n'.join(table)])


def drawn(page: str) -> dict[str, str]:
    """Return each picture that the table of a page has rows for, as SVG, by its file."""
    curves = _curves(page)
    return {one.file: _draw(one, curves) for one in PICTURES
            if all((name, BRIDGE) in curves for name in one.rows)}


def write(page: str, folder: Path) -> None:
    """Write the pictures of a page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in drawn(page).items():
        (folder / name).write_text(picture, encoding='utf-8')


def _curves(page: str) -> dict[tuple[str, str], Curve]:
    """Return the distributions in the table of a page, by row and by whose it is."""
    curves = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if len(cells) == len(SHARES) + 3 and re.fullmatch('[0-9]+', cells[2]):
            curves[cells[0], cells[1]] = Curve(int(cells[2]), tuple(map(float, cells[3:])))
    return curves


def _draw(picture: Picture, curves: dict[tuple[str, str], Curve]) -> str:
    shown = [(name, which, number) for number, name in enumerate(picture.rows)
             for which in (BRIDGE, BASELINE) if (name, which) in curves]
    end = ROOM * max(curves[name, which].quantiles[SHARES.index(99)] for name, which, _ in shown)
    height = LEGEND + LINE * len(shown)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'width="{WIDTH}" height="{height}">', f'<style>{STYLE}{CURVES}</style>',
             f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP - 2}" width="{RIGHT - LEFT}" '
             f'height="{BOTTOM - TOP + 4}"/></clipPath>',
             _text((LEFT + RIGHT) / 2, 24, picture.title),
             *_axes(end)]
    for place, (name, which, number) in enumerate(shown):
        curve = curves[name, which]
        kind = f'curve c{number} {which}'
        points = 'L'.join(f'{_across(value, end):.1f} {_up(share):.1f}'
                          for share, value in zip(SHARES, curve.quantiles, strict=True))
        parts.append(f'<path class="{kind}" clip-path="url(#plot)" d="M{points}"/>')
        y = LEGEND + LINE * place
        parts.append(f'<path class="{kind}" d="M{LEFT} {y - 4}h40"/>')
        median, tail = (curve.quantiles[SHARES.index(share)] for share in (50, 99))
        parts.append(_text(
            LEFT + 52, y, f'{name}: {which}, n = {curve.count}, median {median:.2f} ms, '
            f'99 % within {tail:.2f} ms', 'small left'))
    return '\n'.join([*parts, '</svg>\n'])


def _axes(end: float) -> list[str]:
    step = next(size for power in range(-3, 6) for size in
                (10.0 ** power, 2 * 10.0 ** power, 5 * 10.0 ** power) if end / size <= TICKS)
    parts = []
    for share in range(0, 101, 25):
        y = _up(share)
        parts += [f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>',
                  _text(LEFT - 8, y + 4, f'{share} %', 'small right')]
    for number in range(int(end / step) + 1):
        x = _across(number * step, end)
        parts += [f'<path class="grid" d="M{x:.1f} {TOP}V{BOTTOM}"/>',
                  _text(x, BOTTOM + 18, f'{number * step:g}', 'small')]
    return [*parts, _text(
        (LEFT + RIGHT) / 2, BOTTOM + 38, 'ms; share of the samples within this time', 'small')]


def _across(milliseconds: float, end: float) -> float:
    return LEFT + (RIGHT - LEFT) * milliseconds / end


def _up(share: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * share / 100.0


def _text(x: float, y: float, text: str, kind: str = '') -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


if __name__ == '__main__':
    write(Path(sys.argv[1]).read_text(encoding='utf-8'), Path(sys.argv[2]))
