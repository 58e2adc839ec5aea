# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The systemd units: well-formed, two processes, and the same arguments for both."""

from pathlib import Path
import re
import shutil
import subprocess

import pytest

UNITS = Path(__file__).resolve().parent.parent / 'examples' / 'deployment'
BRIDGE, GUARD = (UNITS / f'viam-session-bridge{name}.service' for name in ('', '-guard'))


@pytest.mark.skipif(
    shutil.which('systemd-analyze') is None, reason='systemd-analyze is not installed')
@pytest.mark.parametrize('unit', [BRIDGE, GUARD], ids=lambda path: path.stem)
def test_unit_is_accepted_by_systemd(unit: Path) -> None:
    result = subprocess.run(
        ['systemd-analyze', 'verify', str(unit)], text=True, check=False, timeout=60.0,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Other units of the machine may be named, too.
    assert 'viam-session-bridge' not in result.stdout, result.stdout


def test_bridge_and_guard_get_the_same_arguments_and_different_executables() -> None:
    commands = [re.search(r'^ExecStart=(.*)$', unit.read_text(encoding='utf-8'), re.MULTILINE)
                for unit in (BRIDGE, GUARD)]
    bridge, guard = (match[1] for match in commands if match)
    assert '/bridge --ros-args' in bridge
    assert bridge.replace('/bridge --ros-args', '/guard --ros-args') == guard
    assert 'guard.required:=true' in guard


@pytest.mark.parametrize(('unit', 'bound'), [(BRIDGE, 5.5), (GUARD, 8.5)])
def test_systemd_waits_longer_than_a_stop_takes(unit: Path, bound: float) -> None:
    match = re.search(r'^TimeoutStopSec=(\d+)$', unit.read_text(encoding='utf-8'), re.MULTILINE)
    assert match and float(match[1]) > bound
