#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Draws the pictures of the documents that follow from the code: docs/pictures/*.svg.

For developers, after a change to the transitions of core/states.py, or to the processes:

    python3 tools/pictures.py
"""
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
import math
from pathlib import Path

from viam_session_bridge.core.states import State, TRANSITIONS

FOLDER = Path(__file__).resolve().parents[1] / 'docs' / 'pictures'

STYLE = """
text { font: 14px sans-serif; fill: #1f2328; text-anchor: middle; }
text.small { font-size: 12px; fill: #57606a; }
text.halo { font-size: 12px; stroke: #ffffff; stroke-width: 5; }
rect { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.5; }
rect.strong { fill: #ddf4ff; stroke: #0969da; }
rect.group { fill: none; stroke-dasharray: 5 4; }
path { fill: none; stroke: #57606a; stroke-width: 1.5; marker-end: url(#head); }
marker path { fill: #57606a; stroke: none; marker-end: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } text.small { fill: #9198a1; }
  text.halo { stroke: #0d1117; }
  rect { fill: #161b22; stroke: #9198a1; }
  rect.strong { fill: #0c2d6b; stroke: #4493f8; }
  path { stroke: #9198a1; } marker path { fill: #9198a1; }
}"""


@dataclass(frozen=True)
class Box:
    """A box around its centre, with lines of text; kind: its class of style."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    kind: str = ''

    def edge(self, x: float, y: float) -> tuple[float, float]:
        """Return where a line from the centre to that point leaves the box."""
        across, down = x - self.x, y - self.y
        scale = min(self.width / 2.0 / abs(across) if across else math.inf,
                    self.height / 2.0 / abs(down) if down else math.inf)
        return self.x + across * scale, self.y + down * scale


@dataclass(frozen=True)
class Arrow:
    """An arrow between two boxes; bend: how far (px) it curves to its left; text at its middle."""

    start: Box
    end: Box
    lines: tuple[str, ...] = ()
    bend: float = 0.0


def picture(width: int, height: int, boxes: Iterable[Box], arrows: Iterable[Arrow]) -> str:
    """Return a picture as SVG, readable on a light and on a dark background."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}">', f'<style>{STYLE}</style>',
             '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
             'markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z"/></marker>'
             '</defs>']
    for box in boxes:
        parts.append(
            f'<rect class="{box.kind}" x="{box.x - box.width / 2:g}" '
            f'y="{box.y - box.height / 2:g}" width="{box.width:g}" height="{box.height:g}" '
            'rx="6"/>')
        top = box.y - box.height / 2 + 18 if box.kind == 'group' else (
            box.y + 5 - 9 * (len(box.lines) - 1))
        parts += _text(box.x, top, box.lines)
    for arrow in arrows:
        parts += _arrow(arrow)
    return '\n'.join([*parts, '</svg>\n'])


def _arrow(arrow: Arrow) -> Iterable[str]:
    start, end = arrow.start, arrow.end
    across, down = end.x - start.x, end.y - start.y
    length = math.hypot(across, down)
    # The control point of a quadratic curve lies twice as far out as its middle.
    x = (start.x + end.x) / 2 + 2 * arrow.bend * down / length
    y = (start.y + end.y) / 2 - 2 * arrow.bend * across / length
    (x1, y1), (x2, y2) = start.edge(x, y), end.edge(x, y)
    yield f'<path d="M{x1:.1f} {y1:.1f}Q{x:.1f} {y:.1f} {x2:.1f} {y2:.1f}"/>'
    middle = (x1 + 2 * x + x2) / 4, (y1 + 2 * y + y2) / 4
    above = middle[1] + 4 - 8 * (len(arrow.lines) - 1)
    # The text stands on the line: first its background.
    yield from _text(middle[0], above, arrow.lines, 'halo')
    yield from _text(middle[0], above, arrow.lines, 'small')


def _text(x: float, y: float, lines: Iterable[str], kind: str = '') -> Iterable[str]:
    for number, line in enumerate(lines):
        small = kind or ('small' if number else '')
        yield f'<text class="{small}" x="{x:.1f}" y="{y + 16 * number:.1f}">{escape(line)}</text>'


def states() -> str:
    """Return the state machine of an actuator, from TRANSITIONS; without what changes nothing."""
    places = {State.IDLE: (110, 200), State.MOVING: (430, 60), State.STOPPING: (750, 200),
              State.UNCONFIRMED: (430, 360)}
    boxes = {state: Box(x, y, 130, 44, (state.value,), 'strong' if state is State.STOPPING else '')
             for state, (x, y) in places.items()}
    events: dict[tuple[State, State], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        if before is not after:
            events.setdefault((before, after), []).append(event.value)
    arrows = [
        Arrow(boxes[before], boxes[after], tuple(texts),
              22.0 if (after, before) in events else 0.0)
        for (before, after), texts in events.items()]
    return picture(860, 420, boxes.values(), arrows)


def processes() -> str:
    """Return the processes, and what goes from one to the other."""
    clients = Box(110, 90, 190, 60, ('Viam SDK programs', 'Python, Go, TypeScript, C++'))
    bridge = Box(460, 140, 340, 230, ('bridge',), 'group')
    grpc = Box(380, 90, 140, 50, ('gRPC', 'translates, decides'))
    executor = Box(550, 90, 120, 50, ('ROS executor', 'feedback'))
    lock = Box(380, 200, 140, 50, ('supervisor', 'one lock, one clock'), 'strong')
    pump = Box(550, 200, 120, 50, ('pump', 'the stop loop'), 'strong')
    drivers = Box(820, 140, 190, 60, ('drivers of the robot', 'cmd_vel, actions, services'))
    guard = Box(460, 340, 340, 56, ('guard', 'stops what the bridge moved if its pulse ceases'),
                'strong')
    return picture(930, 385, [bridge, clients, grpc, executor, lock, pump, drivers, guard], [
        Arrow(clients, grpc, ('commands,', 'heartbeats')),
        Arrow(grpc, lock), Arrow(executor, lock), Arrow(lock, pump),
        Arrow(drivers, executor, ('feedback',)),
        Arrow(pump, drivers, ('commands, stops',)),
        Arrow(pump, guard, ('pulse',), 24.0), Arrow(guard, pump, ('echo',), 24.0),
        Arrow(guard, drivers, ('stops',))])


PICTURES = {'states.svg': states, 'processes.svg': processes}


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw(), encoding='utf-8')


if __name__ == '__main__':
    main()
