# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What `top` shows: one screen of problems, resources, sessions, parts and the last events.

Diagnostics and events in, rows out; with rich in colour and without flicker, otherwise as text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
import os
import re
import select
import sys
import termios
import tty
from typing import Any, NamedTuple

from viam_session_bridge.cli.why import at, Event, shown_time

# Everything else that diagnostics have a status for is a resource.
_PARTS = ('emergency stop', 'guard', 'gRPC', 'ROS links', 'process')

# What the line of a part shows of its values.
_FIGURES = {'gRPC': ('address', 'TLS', 'connections', 'sessions'), 'process': ('process',)}

_COLOURS = {'OK': 'green', 'WARN': 'yellow', 'ERROR': 'red', 'STALE': 'red',
            'warning': 'yellow', 'error': 'red'}

_ISO = re.compile(r'\b\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+[+-]\d\d:\d\d')


class Row(NamedTuple):
    """Cells of a table, and the level that gives them their colour."""

    level: str
    cells: tuple[str, ...]


class View(NamedTuple):
    """
    One screen.

    problems, parts, events: one cell each; the newest event is the last. resources, sessions: the
    cells of their columns.
    """

    title: str
    problems: list[Row]
    resources: list[Row]
    sessions: list[Row]
    parts: list[Row]
    events: list[Row]


# The columns of the tables, and which of them share the room that the others leave.
RESOURCE_COLUMNS = {'resource': False, 'state': False, 'owner': False, 'last command': True,
                    'measured': True, 'last stop': True}
SESSION_COLUMNS = {'session': False, 'client': False, 'time left': True}


def view(bridge: str, statuses: Sequence[Mapping[str, Any]], stale: Sequence[str],
         events: Sequence[Event]) -> View:
    """Return what is shown; stale: what to say of nodes without new diagnostics."""
    own = [one for one in statuses if one['name'] == f'{bridge}: {one["subject"]}']
    others = [one for one in statuses if one not in own]
    problems = [Row('ERROR', (text,)) for text in stale] + [
        Row(one['level'], (f'{one["name"]}: {one["message"]}',)) for one in statuses
        if one['level'] != 'OK']
    resources = [_resource(one) for one in own if one['subject'] not in _PARTS]
    parts = [one for one in own if one['subject'] in _PARTS] + [
        one for one in others if one['subject'] == 'process']
    figures: dict[str, str] = next(
        (one['values'] for one in own if one['subject'] == 'gRPC'), {})
    return View(
        f'{bridge}   {datetime.now():%H:%M:%S}   ROS domain '
        f'{os.environ.get("ROS_DOMAIN_ID") or "0"}   q: quit', problems,
        # What moves comes first where not all have room.
        sorted(resources, key=lambda row: row.cells[1] in ('', 'idle')),
        [Row('OK', _session(key, text)) for key, text in figures.items()
         if key.startswith('session ')],
        [_part(one, bridge) for one in parts],
        [Row(str(one.get('level', '')), (
            f'{shown_time(at(one))} {one.get("process", ""):6} {one.get("text", "")}',))
         for one in events])


def _resource(status: Mapping[str, Any]) -> Row:
    values = status['values']
    owner = [values['owner'], values.get('peer', '').partition(':')[2],
             _short_key(values.get('entity', ''))] if 'owner' in values else []
    # The topic is the same all the time. A sensor has no state.
    measured = [values.get('measured', '').partition(', ')[2], values.get('feedback rate', ''),
                '' if 'state' in values else status['message']]
    verified = values.get('last stop verified', '').partition(',')[0]
    return Row(status['level'], (
        status['subject'], values.get('state', ''), '\n'.join(filter(None, owner)),
        _ISO.sub(r'\1', values.get('last command', '')), ', '.join(filter(None, measured)),
        _ISO.sub(r'\1', values.get('last stop', '')) + (f' ({verified})' if verified else '')))


def _short_key(key: str) -> str:
    return f'key {key[:8]}...' if key[8:] else key and f'key {key}'


def _session(key: str, text: str) -> tuple[str, str, str]:
    client, _, left = text.rpartition(', ')
    return key.removeprefix('session '), client.partition(':')[2], left.removesuffix(' left')


def _part(status: Mapping[str, Any], bridge: str) -> Row:
    subject, level, values = status['subject'], status['level'], status['values']
    if subject == 'process':
        subject = 'bridge' if status['name'].startswith(f'{bridge}: ') else 'guard process'
    figures = [f'{name} {values[name]}' for name in _FIGURES.get(status['subject'], ())
               if name in values]
    # The text of a problem is among the problems.
    message = status['message'] if level == 'OK' else level
    return Row(level, (f'{subject}: {", ".join([message, *figures])}',))


# ---- with rich ----------------------------------------------------------------------------------

def page(shown: View, width: int, height: int) -> Any:
    """Return a screen for rich: as many events as there is room for below the rest."""
    from rich.console import Console, Group
    from rich.text import Text

    parts = [Text(row.cells[0], style=_COLOURS[row.level]) for row in shown.parts]
    above = Group(
        Text(shown.title, style='bold', no_wrap=True, overflow='ellipsis'),
        *(Text(row.cells[0], style=_COLOURS[row.level]) for row in shown.problems),
        *(_table(columns, rows) for columns, rows in (
            (RESOURCE_COLUMNS, shown.resources), (SESSION_COLUMNS, shown.sessions)) if rows),
        Text('; ').join(parts))
    console = Console(width=width, height=height)
    room = height - len(console.render_lines(above, console.options.update(height=None))) - 1
    lines = [Text(row.cells[0], style=_COLOURS.get(row.level, ''), no_wrap=True,
                  overflow='ellipsis') for row in (shown.events[-room:] if room > 0 else [])]
    if lines:
        return Group(above, Text('events', style='bold'), *lines)
    return above


def _table(columns: Mapping[str, bool], rows: Sequence[Row]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0),
                  header_style='bold')
    for column, shares in columns.items():
        table.add_column(column, ratio=1 if shares else None, no_wrap=not shares, overflow='fold')
    for row in rows:
        first, *others = row.cells
        table.add_row(Text(first, style=_COLOURS[row.level]), *map(Text, others))
    return table


# ---- without rich -------------------------------------------------------------------------------

def lines(shown: View, width: int = 10000, height: int = 1000) -> list[str]:
    """Return a screen as lines that are cut to its size."""
    found = [shown.title]
    for rows in (shown.problems, shown.resources, shown.sessions, shown.parts):
        found += [f'{row.level:5} {"  ".join(filter(None, row.cells))}'.replace('\n', ' ')
                  for row in rows]
    room = height - len(found)
    found += [row.cells[0] for row in (shown.events[-room:] if room > 0 else [])]
    return [line[:width] for line in found[:height]]


# ---- the terminal -------------------------------------------------------------------------------

@contextmanager
def terminal() -> Iterator[tuple[Callable[[View], None], Callable[[], bool]]]:
    """
    Give what shows a view in place of the last one, and what tells whether q was pressed.

    The terminal is restored at the end, also after Ctrl-C. What is no terminal gets one view
    after the other.
    """
    with _keys() as ends:
        if not sys.stdout.isatty():
            yield lambda shown: print('\n'.join(lines(shown)), flush=True), ends
            return
        try:
            from rich.console import Console
            from rich.live import Live
        except ImportError:
            yield _print, ends
            return
        console = Console()
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda shown: live.update(page(shown, *console.size), refresh=True), ends


def _print(shown: View) -> None:
    size = os.get_terminal_size()
    text = '\n'.join(lines(shown, size.columns, size.lines))
    print(f'\x1b[H\x1b[2J{text}', end='', flush=True)


@contextmanager
def _keys() -> Iterator[Callable[[], bool]]:
    """Give what tells whether q or Ctrl-D was pressed; Ctrl-C stays a signal."""
    if not sys.stdin.isatty():
        yield lambda: False
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield lambda: bool(select.select([number], [], [], 0.0)[0]) and any(
            key in b'qQ\x04' for key in os.read(number, 64))
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
