# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The test run's own DDS environment: no clash with other runs, no effect on running processes."""

import fcntl
import os
from pathlib import Path
import subprocess
import sys

import pytest

import dds_environment

DEAD = 'fastdds_00000000000000aa'
ALIVE = 'fastdds_00000000000000bb'


@pytest.fixture
def own_port() -> str:
    return f'fastdds_port{7400 + 250 * int(os.environ["ROS_DOMAIN_ID"]) + 10}'


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_run_has_a_domain_and_stays_on_this_machine() -> None:
    assert 0 <= int(os.environ['ROS_DOMAIN_ID']) <= 232
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' in os.environ


def test_two_claims_get_different_domains() -> None:
    first, second = dds_environment.claim_domain(), dds_environment.claim_domain()
    assert first != second
    assert {first, second} <= set(dds_environment.DOMAINS)


def test_segments_of_ended_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    make(tmp_path, DEAD, f'{DEAD}_el', ALIVE, f'{ALIVE}_el', 'somebody_elses_file')
    with (tmp_path / f'{ALIVE}_el').open('ab') as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        removed = dds_environment.remove_leftovers(tmp_path, min_age=0.0)
    assert set(removed) == {DEAD, f'{DEAD}_el'}
    assert (tmp_path / ALIVE).exists()
    assert (tmp_path / 'somebody_elses_file').exists()


def test_young_files_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, DEAD, f'{DEAD}_el')
    assert dds_environment.remove_leftovers(tmp_path, min_age=60.0) == []


def test_ports_of_other_domains_are_left_alone(tmp_path: Path, own_port: str) -> None:
    foreign = f'fastdds_port{7400 + 250 * 200}'
    make(tmp_path, own_port, f'{own_port}_el', f'sem.{own_port}_mutex', foreign, f'{foreign}_el')
    removed = dds_environment.remove_leftovers(tmp_path, min_age=0.0)
    assert set(removed) == {own_port, f'{own_port}_el', f'sem.{own_port}_mutex'}


def test_a_port_with_one_living_user_stays(tmp_path: Path, own_port: str) -> None:
    make(tmp_path, own_port, f'{own_port}_el', f'{own_port}_sl')
    with (tmp_path / f'{own_port}_sl').open('ab') as user:
        fcntl.flock(user, fcntl.LOCK_SH)
        assert dds_environment.remove_leftovers(tmp_path, min_age=0.0) == []


def segments_of(process: int) -> list[str]:
    """Return the Fast DDS segments that this process has mapped."""
    maps = Path(f'/proc/{process}/maps').read_text(encoding='utf-8')
    files = {Path(line.split()[-1]) for line in maps.splitlines() if '/dev/shm/' in line}
    return [file.name for file in files if dds_environment.SEGMENT.fullmatch(file.name)]


def test_what_a_killed_ros_process_leaves_is_removed() -> None:
    """Real Fast DDS: its files are recognised, kept while it runs, removed once it was killed."""
    program = ('import rclpy, time; rclpy.init(); node = rclpy.create_node("n"); '
               'print("up", flush=True); time.sleep(60)')
    child = subprocess.Popen(
        [sys.executable, '-c', program], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b'up\n'
        segments = segments_of(child.pid)
        if not segments:
            pytest.skip('this RMW leaves no Fast DDS files in shared memory')
        for name in segments:
            # Old enough to be judged by its lock; files of other processes keep their age.
            os.utime(dds_environment.SHARED_MEMORY / f'{name}_el', (0, 0))
        dds_environment.remove_leftovers()
        assert all((dds_environment.SHARED_MEMORY / name).exists() for name in segments)
    finally:
        child.kill()
        child.communicate()
    dds_environment.remove_leftovers()
    assert not any((dds_environment.SHARED_MEMORY / name).exists() for name in segments)


def test_a_worker_takes_a_domain_of_its_own_where_one_is_set(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PYTEST_XDIST_WORKER', 'gw0')
    monkeypatch.setenv('ROS_DOMAIN_ID', '232')
    dds_environment.isolate()
    assert int(os.environ['ROS_DOMAIN_ID']) in dds_environment.DOMAINS


def test_without_workers_a_domain_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('PYTEST_XDIST_WORKER', raising=False)
    monkeypatch.setenv('ROS_DOMAIN_ID', '232')
    dds_environment.isolate()
    assert os.environ['ROS_DOMAIN_ID'] == '232'


def test_two_workers_of_one_run_have_different_domains(tmp_path: Path) -> None:
    """Two real workers of pytest-xdist with this conftest, and with a domain that they inherit."""
    pytest.importorskip('xdist', reason='pytest-xdist is not installed')
    (tmp_path / 'test_domain.py').write_text(
        'import os\nfrom pathlib import Path\n\ndef test_domain() -> None:\n'
        '    name = os.environ["PYTEST_XDIST_WORKER"]\n'
        '    Path(__file__).with_name(name).write_text(os.environ["ROS_DOMAIN_ID"])\n')
    here = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'conftest', '-n', '2', '--dist', 'each',
         '--rootdir', str(tmp_path), '-c', os.devnull, str(tmp_path)],
        cwd=tmp_path, check=True, timeout=110.0,
        env={**os.environ, 'ROS_DOMAIN_ID': '232', 'PYTHONPATH': here})
    domains = {int((tmp_path / name).read_text()) for name in ('gw0', 'gw1')}
    assert len(domains) == 2
    assert domains <= set(dds_environment.DOMAINS)
