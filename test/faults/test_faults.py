# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A short part of the fault suite, and proof that it can fail; `make faults` is the long one."""

from collections.abc import Mapping
from dataclasses import replace
import os
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
# The modules of the suite belong to no package.
sys.path.append(str(HERE))
from reconstruction import Command, compare, Drive, Record  # noqa: E402
from verdict import passed_at, Rest, resumed_at, Sample  # noqa: E402

ROOT = HERE.parents[1]
SAFETY = ROOT / 'docs' / 'safety.md'
REPORT = ROOT / 'docs' / 'faults.md'
PATIENCE = 480.0
KINDS = ('client_killed', 'client_without_session_killed', 'bridge_killed', 'bridge_terminated')


BROKEN = ('no_fence', 'stale_presence', 'no_guard', 'stop_not_reported')


@pytest.fixture(scope='module')
def made() -> str:
    """Return what the suite says of these faults and breakages, in a DDS domain of its own."""
    environment = {name: value for name, value in os.environ.items() if name != 'ROS_DOMAIN_ID'}
    return subprocess.run(
        [sys.executable, str(HERE / 'run.py'), '--only', *KINDS, '--breakages', *BROKEN,
         '--seed', '1'], env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE).stdout


@pytest.mark.timeout(PATIENCE + 20.0)
def test_these_faults_leave_no_unsafe_time_and_their_events_do_not_differ(made: str) -> None:
    """The commonest ends of clients and of the bridge; `run.py --quick` makes more."""
    assert made.count('; good [') == len(KINDS), made
    compared = re.search(r'(\d+) stops were reconstructed .*, 0 stops differ', made)
    assert compared and int(compared[1]) >= len(KINDS), made


@pytest.mark.timeout(PATIENCE + 20.0)
@pytest.mark.parametrize('breakage', BROKEN)
def test_a_broken_product_is_caught(made: str, breakage: str) -> None:
    """What is broken from outside must show as unsafe time, or as events that differ."""
    assert re.search(rf'^breakage {breakage} .*: caught: ', made, re.MULTILINE), made


def life(*targets: float) -> list[Sample]:
    """Return a sample of every tenth of a second, of a robot that has each speed at once."""
    return [Sample(number / 10.0, target, 0.0, target) for number, target in enumerate(targets)]


@pytest.mark.parametrize(('targets', 'resumed'), [
    ((0.5, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0), 0.5),
    ((0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0), None),  # within the bound
    ((0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5), None),  # after the end of the demand
    ((0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5), None),  # it was not taken up again: it never ended
    ((0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0), None),  # the speed of another node
])
def test_a_motion_that_is_taken_up_again_is_seen_whatever_its_duration(
        targets: tuple[float, ...], resumed: float | None) -> None:
    demand = Rest('base', 0.0, 0.25, 0.7, foreign=0.1)
    assert resumed_at(demand, [life(*targets)], []) == resumed
    assert resumed_at(demand, [life(*targets)], [(0.3, 0.5)]) == resumed, 'a stall after the bound'
    assert resumed_at(demand, [life(*targets)], [(0.2, 0.5)]) is None, 'a stall in the bound'


def test_travel_counts_from_the_beginning_forward_or_back() -> None:
    assert passed_at(life(0.0, -1.0, -1.0, -1.0, 0.0), 0.15) == pytest.approx(0.3)
    assert passed_at(life(0.0, 1.0, -1.0, 1.0, 0.0), 0.15) is None


def event(name: str, at: float, process: str = 'bridge', **content: Any) -> dict[str, Any]:
    """Return an event of the base on the steady clock (s)."""
    return {'event': name, 'time': f'2026-01-01T00:00:{at:09.6f}+00:00', 'steady': at,
            'process': process, 'resource': 'base', 'text': name, **content}


def verdict(name: str, at: float, process: str = 'bridge', **content: Any) -> dict[str, Any]:
    """Return how a stop was judged that began a second before."""
    return event(name, at, process, **{'duration': 1.0, 'detail': '', **content})


# A client drives and is gone after 5 s; the stop is held for a second.
CALLER = {'peer': 'ipv4:127.0.0.1:4711', 'session': '0b57ac6e...'}
BEGUN = event('motion_begun', 1.0, caller=CALLER, motion='ahead')
STOPPED = event('stop_started', 5.0, before='moving', reason='disconnected')
EVENTS = [BEGUN, STOPPED, verdict('stop_unverified', 6.0)]
RECORD = Record(
    since=0.0, until=7.0, reasons=('disconnected',), measured=False, disturbed=False,
    commands=[Command(1.01, 'base', 'bridge', False), Command(4.99, 'base', 'bridge', False),
              *(Command(5.002 + number / 20.0, 'base', 'bridge', True) for number in range(20))],
    drives=[Drive(0.99, 'base', '0b57ac6e-1111', frozenset({4711}))],
    cut={}, silent={}, killed={}, rests=lambda base, at: True)


def differences(events: list[Mapping[str, Any]], **changes: Any) -> list[str]:
    """Return how events differ from a record that is changed."""
    return compare(events, replace(RECORD, **changes)).differences


def test_a_stop_that_events_and_record_agree_on_does_not_differ() -> None:
    assert compare(EVENTS, RECORD).stops == 1
    assert differences(EVENTS) == []


@pytest.mark.parametrize(('events', 'changes', 'says'), [
    ([BEGUN], {}, 'received a stop of the bridge 5.002 s.* no event of the bridge says so'),
    (EVENTS, {'commands': RECORD.commands[:2]}, 'its driver received none'),
    (EVENTS, {'commands': [Command(5.7, 'base', 'bridge', True)]}, 'received one 0.700 s later'),
    ([BEGUN, {**STOPPED, 'steady': 5.1}, EVENTS[2]], {}, 'no event of the bridge says so'),
    ([BEGUN, {**STOPPED, 'process': 'guard'}, verdict('stop_unverified', 6.0, 'guard')], {},
     'no event of the bridge says so'),
    ([BEGUN, {**STOPPED, 'resource': 'second'}], {}, 'no event of the bridge says so'),
    ([event('stop_started', 0.1, before='idle', reason='started'), BEGUN],
     {'lost': lambda began, ended: ended - began}, 'no event of the bridge says so'),
    (EVENTS, {'commands': [Command(8.0, 'base', 'bridge', True)],
              'lost': lambda began, ended: ended - began}, 'received one 3.000 s later'),
    ([BEGUN, {**STOPPED, 'reason': 'stopped'}, EVENTS[2]], {}, 'explains disconnected only'),
    (EVENTS[1:], {}, 'do not say who drove'),
    (EVENTS, {'drives': [*RECORD.drives, Drive(2.0, 'base', '', frozenset({4712}))]},
     'ipv4:127.0.0.1:4711 drove; the client that did has the ports .4712'),
    (EVENTS, {'drives': [RECORD.drives[0]._replace(session='99999999-1111')]},
     'session 0b57ac6e drove; it was 99999999'),
    ([*EVENTS[:2], verdict('stop_confirmed', 6.0)], {}, 'nothing measures it'),
    ([*EVENTS[:2], verdict('stop_confirmed', 6.0)],
     {'measured': True, 'rests': lambda base, at: at > 6.5}, 'confirmed after 6.000 s; it moved'),
    (EVENTS, {'measured': True}, 'though rest is measured'),
    ([*EVENTS[:2], verdict('stop_unconfirmed', 6.0, detail='no rest')], {'measured': True},
     'not confirmed: no rest'),
    ([*EVENTS[:2], verdict('stop_unverified', 6.0, duration=0.2)], {},
     'the first stop was sent after 5.800 s; its driver received it after 5.002 s'),
])
def test_every_difference_between_events_and_record_is_found(
        events: list[Mapping[str, Any]], changes: dict[str, Any], says: str) -> None:
    assert re.search(says, '; '.join(differences(events, **changes)))


@pytest.mark.parametrize(('events', 'changes'), [
    ([BEGUN], {'killed': {'bridge': [5.1]}, 'until': 5.15}),  # killed before it was written
    (EVENTS, {'commands': [Command(8.0, 'base', 'bridge', True)],
              'cut': {('bridge', 'base'): [(4.0, 7.9)]}}),  # no network until then
    (EVENTS, {'commands': [*RECORD.commands, Command(6.9, 'base', 'another', True)]}),
    (EVENTS, {'commands': [one._replace(by='') for one in RECORD.commands]}),  # older rclpy
    ([BEGUN, {**STOPPED, 'reason': 'stalled'}, EVENTS[2]],
     {'lost': lambda began, ended: 0.5 * (ended - began)}),  # an overloaded machine
])
def test_what_the_record_explains_is_no_difference(
        events: list[Mapping[str, Any]], changes: dict[str, Any]) -> None:
    assert differences(events, **changes) == []


def registered(decorator: str, pattern: str) -> set[str]:
    """Return the names of what is decorated so in the files of the suite."""
    return {name for path in HERE.glob(pattern) for name in re.findall(
        rf'^@{decorator}\(.*?^def (\w+)\(', path.read_text(encoding='utf-8'),
        re.DOTALL | re.MULTILINE)}


def rows_of(page: Path) -> list[str]:
    """Return the rows of the tables of a page."""
    return [line for line in page.read_text(encoding='utf-8').splitlines()
            if line.startswith('| ')]


def test_the_report_shows_what_is_promised() -> None:
    """docs/faults.md: every kind without unsafe time, and every breakage caught, in one run."""
    text = REPORT.read_text(encoding='utf-8')
    made = re.search(r'\*\*(\d+) faults of (\d+) kinds.*: 0\.00 s of unsafe time, 0 faults failed',
                     text)
    assert made and int(made[1]) >= 200 and int(made[2]) >= 15
    assert re.search(r'[1-9]\d* stops were reconstructed from the events, 0 stops differ', text)
    cells = [[cell.strip() for cell in row.strip('| ').split(' | ')] for row in rows_of(REPORT)]
    shown = {row[0] for row in cells if len(row) == 7 and row[2] != '0' and row[6] == '0'}
    assert shown == registered('kind', 'faults_*.py')
    caught = {row[0] for row in cells
              if len(row) == 4 and not re.search('NOT (CAUGHT|SHOWN)', row[3])}
    assert caught - {'breakage', ':--'} == registered('breakage', 'breakages.py')


def test_every_kind_of_fault_is_explained() -> None:
    """docs/safety.md names every kind that there is, and none that there is not."""
    kinds = registered('kind', 'faults_*.py')
    assert len(kinds) > 40
    rows = rows_of(SAFETY)
    told = {name for line in rows for name in re.findall(
        r'`(\w+)`', line.rstrip(' |').rpartition('|')[2])}
    assert told == kinds
