# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The timeline of a stop as a picture, from what the simulated robot has recorded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from viam_session_bridge.cli.observer import Track
from viam_session_bridge.cli.timeline import Report

# Shown (s) before the event that the times count from, and after the last one.
BEFORE, AFTER = 0.6, 0.8

# Readable on a light and on a dark background; the background itself is transparent.
_GREY, _SPEED, _COMMAND, _EVENT = '#808080', '#1f77b4', '#d62728', '#e08000'


class PlotError(Exception):
    """A picture cannot be drawn; the text says what to do."""


def load_pyplot() -> Any:
    """Return matplotlib's pyplot, without a display. Raises PlotError if it is missing."""
    try:
        import matplotlib
    except ImportError as problem:
        raise PlotError(
            '--plot needs matplotlib: apt install python3-matplotlib, or pip install '
            'matplotlib') from problem
    matplotlib.use('Agg')
    from matplotlib import pyplot
    return pyplot


def write(path: Path, title: str, report: Report, track: Track) -> None:
    """
    Draw commands, robot speed and events around the report's zero, as SVG, PNG or PDF by suffix.

    Raises PlotError if matplotlib is missing or refuses the suffix.
    """
    pyplot = load_pyplot()
    begin = report.zero - BEFORE
    end = max((instant for instant, _ in report.events if instant >= report.zero),
              default=report.zero) + AFTER
    with pyplot.rc_context({
            'svg.hashsalt': 'viam_session_bridge', 'text.color': _GREY, 'axes.labelcolor': _GREY,
            'axes.edgecolor': _GREY, 'xtick.color': _GREY, 'ytick.color': _GREY}):
        figure, axes = pyplot.subplots(figsize=(9.0, 4.2))
        _line(axes, report.zero, [
            (one.time, one.speed) for one in track.samples if begin <= one.time <= end],
            color=_SPEED, label='speed of the robot (odometry)')
        _line(axes, report.zero, [
            (one.time, one.speed) for one in track.commands if begin <= one.time <= end],
            color=_COMMAND, label='cmd_vel that the robot received', linestyle='none',
            marker='.', markersize=6)
        top = axes.get_ylim()[1]
        marks = sorted(mark for mark in report.events if begin <= mark[0] <= end)
        for number, (instant, text) in enumerate(marks):
            axes.axvline(instant - report.zero, color=_EVENT, linewidth=1.0, linestyle='--')
            axes.annotate(text, (instant - report.zero, top * (1.0 + 0.07 * (number + 1))),
                          color=_EVENT, fontsize=8, annotation_clip=False)
        axes.set_xlabel('s since the event')
        axes.set_ylabel('m/s')
        axes.set_title(title, loc='left', fontsize=10, y=1.08 + 0.07 * len(marks))
        axes.legend(loc='lower left', fontsize=8, framealpha=0.0)
        try:
            figure.savefig(path, transparent=True, bbox_inches='tight')
        except (OSError, ValueError) as problem:
            raise PlotError(f'--plot {path}: {problem}') from problem
        finally:
            pyplot.close(figure)


def _line(axes: Any, zero: float, points: Sequence[tuple[float, float]], **style: Any) -> None:
    axes.plot([instant - zero for instant, _ in points], [speed for _, speed in points], **style)
