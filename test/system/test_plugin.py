# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A package with a driver of its own, installed: the example of docs/drivers.md, driven."""

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from host import took
from processes import Bridge, Client, MARGIN, Motors, Programs, settings, TEST, wait_until

EXAMPLE = TEST.parent / 'examples' / 'driver'
PATIENCE = 2.0  # s, of the guard: a bridge that is late by half of it stops, too

BOARD = """
from dataclasses import dataclass

@dataclass(frozen=True, kw_only=True)
class Table:
    pass

class Driver:
    APIS = ('base',)
    TABLE = Table
    send = stop = path_problem = lambda self: None

    def __init__(self, config, tools):
        raise ValueError('no motor board at 0x40')
"""


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the example where only this module's programs find it."""
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('installed')
    shutil.copytree(EXAMPLE, source, dirs_exist_ok=True)
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--no-index', '--no-deps',
         '--no-build-isolation', '--target', str(target), str(source)],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', os.pathsep.join(
            [str(target), str(TEST.parent), os.environ.get('PYTHONPATH', '')]).rstrip(os.pathsep))
        yield


@pytest.fixture(scope='module')
def bridge(shared: Programs, installed: None) -> Bridge:
    text = Path(EXAMPLE / 'wheels.yaml').read_text(encoding='utf-8')
    (node,) = yaml.safe_load(text).values()
    bridge = shared.bridge({
        **node['ros__parameters'], 'grpc': {'port': 0}, 'guard': {'patience': PATIENCE}})
    shared.guard(bridge)
    return bridge


@pytest.fixture(scope='module')
def wheels(shared: Programs, bridge: Bridge) -> Motors:
    wheels = shared.motors(bridge.topic('wheels/commands'), 'left', 'right', type='array')
    bridge.wait_drivers('base')
    return wheels


def test_one_that_cannot_be_made_ends_the_start_with_the_reason(
        programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the bridge and of the guard; no traceback, because the board is missing, not a line."""
    info = tmp_path / 'brought-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[viam_session_bridge.drivers]\nboard = board:Driver\n')
    (tmp_path / 'board.py').write_text(BOARD)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([
        str(tmp_path), str(TEST.parent), os.environ.get('PYTHONPATH', '')]).rstrip(os.pathsep))
    bridge = programs.bridge(settings({'base': {
        'driver': 'board', 'receiver_timeout': 0.5}}), ready=False)
    for one in (bridge, programs.guard(bridge, ready=False)):
        assert one.ended() == 2, one.text
        assert one.log[-1] == (
            "base.driver: 'board' could not be made: ValueError: no motor board at 0x40")


def test_it_drives_and_stops(
        programs: Programs, bridge: Bridge, wheels: Motors) -> None:
    """Forward, on the spot, and not at all after its client has ended."""
    client: Client = programs.client(bridge.address)
    since = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    wheels.wait_data('ahead', lambda data: data == pytest.approx((5.0, 5.0)), since)
    client.do('set_power', base='base', angular=1.0)
    wheels.wait_data('a turn', lambda data: data == pytest.approx((-2.0, 2.0)), since)
    killed = client.kill()
    stopped = wheels.wait_data('the stop', lambda data: data == (0.0, 0.0), killed)
    assert took(killed, stopped.at) <= MARGIN


def test_the_guard_has_it_too(programs: Programs, bridge: Bridge, wheels: Motors) -> None:
    """Made from the same parameters; it stops what a killed bridge had moved."""
    client = programs.client(bridge.address)
    since = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    wheels.wait_data('ahead', lambda data: data == pytest.approx((5.0, 5.0)), since)
    killed = bridge.kill()
    stopped = wheels.wait_data('the stop', lambda data: data == (0.0, 0.0), killed)
    assert took(killed, stopped.at) <= PATIENCE + MARGIN
    wait_until(lambda: wheels.since(stopped.at + 0.3), 'repeated stops')
