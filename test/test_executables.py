# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""How executables start: --help, and signals that come before anything was begun."""

import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

import pytest

import linting
from viam_session_bridge import __version__
from viam_session_bridge.executables import EXECUTABLES

PATIENCE = 60.0  # s

ENVIRONMENT = {**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'PYTHONPATH':
               os.pathsep.join(filter(None, [str(linting.ROOT), os.environ.get('PYTHONPATH')]))}

ARGUMENTS = {
    'bridge': ['--ros-args', '--params-file', str(linting.ROOT / 'config' / 'base.yaml'),
               '-p', 'grpc.port:=0'],
    'guard': ['--ros-args', '--params-file', str(linting.ROOT / 'config' / 'base.yaml')],
    'demo': ['--serve', '0'], 'sim_base': []}


def started(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-m', EXECUTABLES[name].module, *arguments], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def handles_sigterm(process: subprocess.Popen[str]) -> bool:
    """Tell whether it has a handler for SIGTERM, which Python does not install by itself."""
    text = Path(f'/proc/{process.pid}/status').read_text(encoding='utf-8')
    caught = re.search(r'^SigCgt:\s*([0-9a-f]+)$', text, re.MULTILINE)
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize('name', EXECUTABLES)
@pytest.mark.parametrize('flag', ['--help', '-h'])
def test_help_is_printed_with_status_0(name: str, flag: str) -> None:
    process = started(name, flag)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert re.match(rf'(?i)usage: {name} ', output)


@pytest.mark.parametrize('module', [
    'viam_session_bridge.executables', *(one.module for one in EXECUTABLES.values())])
def test_version_is_printed_with_status_0(module: str) -> None:
    done = subprocess.run(
        [sys.executable, '-m', module, '--version'], env=ENVIRONMENT, text=True,
        capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, f'{__version__}\n'), done.stderr


@pytest.mark.parametrize('name', EXECUTABLES)
@pytest.mark.parametrize('later', [0.0, 0.3, 1.0])
def test_an_interrupt_while_it_starts_ends_it_without_a_traceback(name: str, later: float) -> None:
    """As soon as its own code runs, and while it imports, discovers or makes its parts."""
    process = started(name, *ARGUMENTS[name])
    try:
        end = time.monotonic() + PATIENCE
        while not handles_sigterm(process):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.001)
        time.sleep(later)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert 'Traceback' not in output and 'KeyboardInterrupt' not in output, output
    assert process.returncode in (0, EXECUTABLES[name].interrupted), output


def test_every_executable_of_the_package_is_known() -> None:
    text = (linting.ROOT / 'setup.py').read_text(encoding='utf-8')
    assert re.findall(r"'(\w+) = viam_session_bridge\.executables:(\w+)'", text) == [
        (name, name) for name in EXECUTABLES]
