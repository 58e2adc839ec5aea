#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs a command and draws what it prints as an animated SVG: each line appears when it was printed.

    python3 tools/recording.py docs/pictures/demo.svg make demo ARGS=killed

The picture ends with all lines, and shows them at once where animations are off. Pauses are
shortened to LONGEST_PAUSE. Nothing is written when the command fails; the exit status is its own.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
import shlex
import subprocess
import sys
import time
from typing import NamedTuple

# Pauses (s) of a recording.
LONGEST_PAUSE = 2.0

# Sizes in px; of the font by its width.
CHARACTER, LINE, MARGIN = 8, 18, 14

# Backwards: a line is invisible until its animation begins.
STYLE = """
text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328;
  white-space: pre; animation: appear 1ms step-end backwards; }
text.command { font-weight: bold; }
rect { fill: #f6f8fa; stroke: #57606a; }
@keyframes appear { from { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { text { animation: none; } }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } rect { fill: #161b22; stroke: #9198a1; }
}"""


class Line(NamedTuple):
    """A line of output, and when it was printed (s)."""

    instant: float
    text: str


def shortened(lines: Iterable[Line]) -> list[Line]:
    """Return the lines with shorter pauses, from 0 s on."""
    shown, before, now = [], 0.0, 0.0
    for instant, text in lines:
        now += min(instant - before, LONGEST_PAUSE)
        before = instant
        shown.append(Line(now, text))
    return shown


def drawing(command: Sequence[str], lines: Iterable[Line]) -> str:
    """Return a command and its lines as SVG, readable on a light and on a dark background."""
    shown = [Line(0.0, f'$ {shlex.join(command)}'), *shortened(lines)]
    width = 2 * MARGIN + CHARACTER * max(len(line.text) for line in shown)
    height = 2 * MARGIN + LINE * len(shown)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
             f'width="{width:.0f}" height="{height}">', f'<style>{STYLE}</style>',
             f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="6"/>']
    for number, line in enumerate(shown):
        if line.text:
            style = f'style="animation-delay:{line.instant:.2f}s"' if number else 'class="command"'
            parts.append(f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 13}" {style} '
                         f'xml:space="preserve">{escape(line.text, quote=False)}</text>')
    return '\n'.join([*parts, '</svg>\n'])


def record(command: Sequence[str]) -> tuple[int, list[Line]]:
    """Run a command and show its output; returns its exit status, and its lines."""
    began, lines = time.monotonic(), []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end='', flush=True)
            lines.append(Line(time.monotonic() - began, line.rstrip()))
    return process.returncode, lines


def main() -> int:
    """Record; returns the exit status of the command."""
    if len(sys.argv) < 3:
        print(f'usage: {sys.argv[0]} FILE.svg COMMAND [ARGUMENT ...]', file=sys.stderr)
        return 2
    command = sys.argv[2:]
    status, lines = record(command)
    if status == 0:
        Path(sys.argv[1]).write_text(drawing(command, lines), encoding='utf-8')
    return status


if __name__ == '__main__':
    sys.exit(main())
