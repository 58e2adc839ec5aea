# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What `top` shows of recorded diagnostics and events, on terminals of several sizes."""

from collections.abc import Iterator
import io
import json
import os
import sys
import termios
from typing import Any

import pytest

from processes import wait_until
from viam_session_bridge.cli import top_view
from viam_session_bridge.cli.top_view import lines, View, view

BRIDGE = '/viam_session_bridge'

# As a bridge published them while the Python SDK drove it.
MOVING = {
    'state': 'moving', 'owner': 'session 51d73065...', 'since': '2026-11-29T23:14:39.913+00:00',
    'peer': 'ipv4:127.0.0.1:41628', 'entity': '0b57ac6e-1111-4222-8333-444444444444',
    'SDK': 'python;v0.85.1;vv0.1.601',
    'last command': '2026-11-29T23:14:39.912+00:00 SetPower linear (0.25, 0, 0) m/s, angular '
                    '(0, 0, 0) rad/s',
    'last stop': '2026-11-29T23:14:34.054+00:00 a client requested a stop',
    'last stop verified': 'rest on /odom, pose moves at 0 m/s, twist reports 0 m/s',
    'measured': 'on /odom, pose moves at 0.25 m/s, twist reports 0.25 m/s',
    'feedback age': '0.013 s', 'feedback rate': '45.3 Hz', 'subscribers': '1'}
GRPC = {'address': '127.0.0.1:18082', 'TLS': 'off', 'keys': 'none are needed', 'connections': '2',
        'sessions': '1', 'session 51d73065...': 'ipv4:127.0.0.1:41634, 1.9 s left'}


def status(subject: str, message: str, level: str = 'OK', node: str = BRIDGE,
           **values: str) -> dict[str, Any]:
    return {'name': f'{node}: {subject}', 'hardware_id': f'/{subject}', 'subject': subject,
            'level': level, 'message': message, 'values': values}


STATUSES = [
    status('base', 'idle', node=f'{BRIDGE}_guard', state='idle'),
    status('process', 'it runs', node=f'{BRIDGE}_guard', process='6778'),
    status('lidar', 'messages arrive'), status('base', 'moving', **MOVING),
    status('emergency stop', 'not pressed'), status('ROS links', 'every link is there'),
    status('process', 'it runs', process='6777'), status('guard', 'a guard answers'),
    status('gRPC', 'it serves', **GRPC)]
LATCHED = status('emergency stop', 'the emergency stop is latched (a call of ~/estop)', 'ERROR')


def event(number: int, level: str = 'info') -> dict[str, Any]:
    return {'event': 'notice', 'time': f'2026-11-29T23:14:{number:02d}.123+00:00', 'level': level,
            'process': 'bridge', 'text': f'event {number} ' + 'of a long text ' * 20}


def shown(statuses: list[dict[str, Any]] = STATUSES, stale: tuple[str, ...] = ()) -> View:
    return view(BRIDGE, statuses, stale, [event(number) for number in range(60)])


def rendered(content: View, width: int, height: int) -> list[str]:
    """Return the lines of the page that a terminal of this size shows."""
    console = pytest.importorskip('rich.console', reason='rich is not installed')
    recorder = console.Console(
        record=True, file=io.StringIO(), width=width, height=height, color_system='standard')
    recorder.print(top_view.page(content, width, height))
    return [line.rstrip() for line in recorder.export_text().splitlines()]


def columns(page: list[str], header: str) -> list[str]:
    """Return the cells below a header, by the words of the header as an index."""
    first = next(number for number, line in enumerate(page) if header in line)
    begin = page[first].index(header)
    end = page[first].find('  ', begin)
    room = len(page[first]) + 100 if end < 0 else len(page[first][:end]) + len(
        page[first][end:]) - len(page[first][end:].lstrip())
    return [line[begin:room].strip() for line in page[first + 1:]]


@pytest.mark.parametrize(('width', 'height'), [(80, 24), (100, 30), (170, 50)])
def test_a_page_fills_the_terminal_and_is_not_larger(width: int, height: int) -> None:
    page = rendered(shown(), width, height)
    assert len(page) == height and max(map(len, page)) <= width
    assert page[-1].partition('event ')[2].startswith('59 '), 'the newest event is the last'


@pytest.mark.parametrize(('width', 'height'), [(80, 24), (170, 50)])
def test_no_text_of_a_resource_is_lost_on_a_narrow_terminal(width: int, height: int) -> None:
    page = rendered(shown(), width, height)
    for header, wanted in {
            'resource': 'base lidar', 'state': 'moving',
            'owner': 'session 51d73065... 127.0.0.1:41628 key 0b57ac6e...',
            'last command': '23:14:39 SetPower linear (0.25, 0, 0) m/s, angular (0, 0, 0) rad/s',
            'measured': 'pose moves at 0.25 m/s, twist reports 0.25 m/s, 45.3 Hz messages arrive',
            'last stop': '23:14:34 a client requested a stop (rest on /odom)'}.items():
        first = next(number for number, line in enumerate(page) if 'session ' in line[:11])
        cells = columns(page[:first], header)
        assert ' '.join(filter(None, cells)) == wanted, page


def test_sessions_have_their_client_and_the_time_left_and_parts_their_state() -> None:
    page = rendered(shown(), 120, 40)
    [session] = [line for line in page if line.startswith('51d73065...')]
    assert session.split() == ['51d73065...', '127.0.0.1:41634', '1.9', 's']
    text = ' '.join(page)
    for part in ('emergency stop: not pressed', 'guard: a guard answers', 'process 6777',
                 'guard process: it runs, process 6778', 'address 127.0.0.1:18082, TLS off'):
        assert part in text


def test_problems_are_first_and_in_red_with_their_whole_text() -> None:
    statuses = [LATCHED if one['subject'] == 'emergency stop' else one for one in STATUSES]
    content = shown(statuses, ('/viam_session_bridge_guard: no diagnostics for 4 s',))
    page = rendered(content, 120, 40)
    assert page[1] == '/viam_session_bridge_guard: no diagnostics for 4 s'
    assert page[2] == f'{LATCHED["name"]}: {LATCHED["message"]}'
    assert 'emergency stop: ERROR' in ' '.join(page)
    console = pytest.importorskip('rich.console')
    recorder = console.Console(record=True, file=io.StringIO(), color_system='standard', width=120)
    recorder.print(top_view.page(content, 120, 40))
    assert '\x1b[31m/viam_session_bridge_guard: no diag' in recorder.export_text(styles=True)


def test_a_resource_that_moves_comes_before_those_that_are_idle() -> None:
    idle = [status(f'arm{number}', 'idle', state='idle') for number in range(60)]
    page = rendered(shown([*idle, *STATUSES]), 100, 20)
    assert page[2].startswith('base '), page


def test_markup_in_a_text_of_a_client_is_shown_as_it_is() -> None:
    odd = status('base', '[red]x[/red] [link=y]', 'WARN', state='idle')
    assert f'{BRIDGE}: base: [red]x[/red] [link=y]' in rendered(shown([odd]), 100, 20)


@pytest.mark.parametrize(('width', 'height'), [(80, 24), (60, 8)])
def test_without_rich_the_lines_are_cut_to_the_terminal(width: int, height: int) -> None:
    page = lines(shown(), width, height)
    assert len(page) == height and max(map(len, page)) <= width
    assert not any('\n' in line for line in page)
    assert any('51d73065...' in line and 'moving' in line for line in page), json.dumps(page)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Give the other end of a terminal that is standard input, and its descriptor."""
    other, own = os.openpty()
    with os.fdopen(own, 'r') as stream:
        monkeypatch.setattr(sys, 'stdin', stream)
        yield other, own
    os.close(other)


def test_q_ends_it_and_the_terminal_is_restored(
        terminal: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    other, own = terminal
    before = termios.tcgetattr(own)
    with pytest.raises(KeyboardInterrupt), top_view.terminal() as (show, ends):
        show(shown())
        assert not ends()
        os.write(other, b'x')
        os.write(other, b'q')
        wait_until(ends, 'the key is read')
        assert not termios.tcgetattr(own)[3] & termios.ICANON
        raise KeyboardInterrupt
    assert termios.tcgetattr(own) == before
    assert 'event 59' in capsys.readouterr().out, 'no terminal gets one page after the other'
