# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark runs and its table can be read. What it measures is no matter of tests."""

import json
import os
from pathlib import Path
import subprocess
import sys

import linting

HEADINGS = ['measured', 'n', 'p50', 'p99', 'baseline p50', 'baseline p99', 'x p50', 'x p99',
            'target', 'met']


# Prints the domains of two measurements that run at the same time.
DOMAINS = """
import sys
sys.path.insert(0, 'bench')
from children import World
with World(quick=True) as one, World(quick=True) as other:
    print(*(world.environment['ROS_DOMAIN_ID'] for world in (one, other)))
"""


def quick(name: str, figures: Path) -> subprocess.CompletedProcess[str]:
    """Run one benchmark shortly; it must succeed."""
    run = subprocess.run(
        [sys.executable, 'bench/run.py', '--quick', '--only', name, '--json', str(figures)],
        cwd=linting.ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run


def test_measurements_have_ros_domains_of_their_own_in_every_environment() -> None:
    """Of two bridges in one domain, only the first takes commands."""
    run = subprocess.run(
        [sys.executable, '-c', DOMAINS], cwd=linting.ROOT, capture_output=True, text=True,
        check=True, env={**os.environ, 'ROS_DOMAIN_ID': '0'})
    one, other = run.stdout.split()
    assert len({one, other, '0'}) == 3


def test_the_spread_of_stops_has_a_row_for_each_number_of_resources(tmp_path: Path) -> None:
    """And one with hung services; the calls of services are timed as well."""
    figures = tmp_path / 'figures.json'
    run = quick('spread', figures)
    rows = json.loads(figures.read_text(encoding='utf-8'))['rows']
    names = [f'first to last stop, {size}' for size in (
        '1 resource', '10 resources', '100 resources', '100 resources, 10 hung')]
    assert [row['name'] for row in rows] == names
    assert all(0 < row['value']['p50'] <= row['value']['p99'] for row in rows)
    for name in names[2:]:
        assert f'{name}: ' in run.stdout
    assert run.stdout.count('first zero to last call p50') == 2


def test_quick_run_prints_a_table(tmp_path: Path) -> None:
    """One row, beside a baseline of the same run; the same figures for machines."""
    figures = tmp_path / 'figures.json'
    run = quick('heartbeats', figures)
    lines = run.stdout.splitlines()
    assert [cell.strip() for cell in lines[0].split('|')] == HEADINGS
    cells = [cell.strip() for cell in lines[2].split('|')]
    shown = dict(zip(HEADINGS, cells, strict=True))
    assert shown['measured'] == 'heartbeats per second'
    assert shown['met'] in ('yes', 'NO')
    assert 'what limits these numbers: ' in run.stdout
    row, = json.loads(figures.read_text(encoding='utf-8'))['rows']
    assert row['value']['p50'] > 0 and row['baseline']['p50'] > 0
    assert shown['p50'] == f'{row["value"]["p50"]:.0f} /s'
    assert shown['x p50'] == f'{row["ratio_p50"]:.2f}'
