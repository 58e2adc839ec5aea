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
    caught = {row[0] for row in cells if len(row) == 4 and 'NOT ' not in row[3]}
    assert caught - {'breakage', ':--'} == registered('breakage', 'breakages.py')


def test_every_kind_of_fault_is_explained() -> None:
    """docs/safety.md names every kind that there is, and none that there is not."""
    kinds = registered('kind', 'faults_*.py')
    assert len(kinds) > 40
    rows = rows_of(SAFETY)
    told = {name for line in rows for name in re.findall(
        r'`(\w+)`', line.rstrip(' |').rpartition('|')[2])}
    assert told == kinds
