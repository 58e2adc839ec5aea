# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark runs and its table can be read. What it measures is no matter of tests."""

import json
import os
from pathlib import Path
import subprocess
import sys
from xml.etree import ElementTree

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


# A page with the distributions of one picture: made up, and different for bridge and baseline.
PAGE = '\n'.join(
    f'| SIGKILL to zero received | {which} | 60 | '
    + ' | '.join(f'{first + number:.2f}' for number in range(14)) + ' |'
    for which, first in (('bridge', 2.5), ('baseline', 1.25)))


def draw(page: Path, folder: Path) -> dict[str, str]:
    """Draw the pictures of a page into a folder; return them by name."""
    subprocess.run(
        [sys.executable, 'bench/curves.py', str(page), str(folder)], cwd=linting.ROOT, check=True)
    return {one.name: one.read_text(encoding='utf-8') for one in folder.iterdir()}


def test_the_pictures_of_the_benchmarks_are_drawn_from_the_table_beside_them(
        tmp_path: Path) -> None:
    """Run: python3 bench/curves.py docs/benchmarks.md docs/pictures."""
    page = linting.ROOT / 'docs' / 'benchmarks.md'
    pictures = draw(page, tmp_path)
    assert set(pictures) == {'bench_kill.svg', 'bench_set_power.svg'}
    for name, picture in pictures.items():
        assert f'(pictures/{name})' in page.read_text(encoding='utf-8')
        assert (page.parent / 'pictures' / name).read_text(encoding='utf-8') == picture


def test_a_picture_shows_the_quantiles_of_its_table_in_light_and_dark_mode(
        tmp_path: Path) -> None:
    (tmp_path / 'page.md').write_text(PAGE, encoding='utf-8')
    picture = draw(tmp_path / 'page.md', tmp_path / 'pictures')['bench_kill.svg']
    texts = [one.text or '' for one in ElementTree.fromstring(picture).iter()]
    for which, median, tail in (('bridge', '8.50', '14.50'), ('baseline', '7.25', '13.25')):
        assert (f'SIGKILL to zero received: {which}, n = 60, median {median} ms, '
                f'99 % within {tail} ms') in texts
    assert 'prefers-color-scheme: dark' in picture
    # The greatest of the axes is 1.15 times the greatest 99th percentile: 750 px for 16.675 ms.
    assert f'd="M{80 + 2.5 / 16.675 * 750:.1f} 270.0L' in picture


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
