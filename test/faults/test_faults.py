# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A short part of the fault suite, and proof that it can fail; `make faults` is the long one."""

import os
from pathlib import Path
import re
import subprocess
import sys

import pytest

HERE = Path(__file__).resolve().parent
# The modules of the suite belong to no package.
sys.path.append(str(HERE))
from verdict import passed_at, Rest, resumed_at, Sample  # noqa: E402

ROOT = HERE.parents[1]
SAFETY = ROOT / 'docs' / 'safety.md'
REPORT = ROOT / 'docs' / 'faults.md'
PATIENCE = 280.0
KINDS = ('client_killed', 'client_without_session_killed', 'bridge_killed', 'bridge_terminated')


def run(*arguments: str) -> 'subprocess.CompletedProcess[str]':
    """Run the suite in a DDS domain of its own."""
    environment = {name: value for name, value in os.environ.items() if name != 'ROS_DOMAIN_ID'}
    return subprocess.run(
        [sys.executable, str(HERE / 'run.py'), *arguments], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)


@pytest.mark.timeout(PATIENCE + 20.0)
def test_these_faults_leave_no_unsafe_time() -> None:
    """The commonest ends of clients and of the bridge; `run.py --quick` makes more."""
    done = run('--only', *KINDS, '--seed', '1')
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('; good [') == len(KINDS), done.stdout


@pytest.mark.timeout(PATIENCE + 20.0)
@pytest.mark.parametrize('breakage', ['stale_presence', 'no_guard', 'no_fence'])
def test_a_broken_product_is_caught(breakage: str) -> None:
    """What is broken from outside must show as unsafe time."""
    done = run('--only', '--breakages', breakage, '--seed', '1')
    assert done.returncode == 0, done.stdout
    assert f'breakage {breakage}' in done.stdout and 'caught: ' in done.stdout


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
