# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs the bridge on the versions that robots have: `make matrix`, one row a cell.

Each cell is a virtual environment of its own with the named Python, rclpy, protobuf and grpcio
really installed; the tests named below run in it. viam-sdk pins its protobuf, so the client
programs of the system tests run in another environment (SDK_PYTHON). A cell whose Python is not on
this machine is named as not run. Writes docs/versions.md.
"""

import argparse
from dataclasses import dataclass
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / 'docs' / 'versions.md'

# Messages and rclpy of different releases do not mix.
KILTED = {'rclpy': '9.1.2', 'messages': '5.5.1', 'action-msgs': '2.3.0', 'std-srvs': '5.5.1'}
JAZZY = {'rclpy': '7.1.6', 'messages': '5.3.6', 'action-msgs': '2.0.3', 'std-srvs': '5.3.6'}
RELEASES = {'kilted': KILTED, 'jazzy': JAZZY}
SDK = 'viam-sdk==0.85.1'

# What depends on the versions: the wire, presence, rclpy, and a real client that is killed.
# Without viam-sdk in the cell, the comparisons with it skip and say so.
TESTS = (
    'test/core/test_supervisor.py', 'test/test_gate.py', 'test/rpc/test_wire.py',
    'test/rpc/test_sessions_wire.py', 'test/rpc/test_contract.py', 'test/rpc/test_presence.py',
    'test/rpc/test_sockets.py', 'test/rpc/test_reflection.py', 'test/ros/test_twist_driver.py',
    'test/ros/test_stop_path.py', 'test/ros/test_parameters.py',
    'test/system/test_client_ends.py', 'test/system/test_shutdown.py')


# rclpy from PyPI sets these for itself and its children; a cell has libraries of its own.
FOREIGN = frozenset({
    '_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'LD_LIBRARY_PATH', 'AMENT_PREFIX_PATH', 'PYTHONPATH',
    'ROS_DISTRO', 'PYTEST_ADDOPTS'})


@dataclass(frozen=True)
class Cell:
    """One combination. protobuf and grpcio are pip requirements."""

    release: str
    python: str
    protobuf: str
    grpcio: str

    @property
    def name(self) -> str:
        """Return a name for the folder and the table."""
        return f'{self.release}-py{self.python}-{self.protobuf}-{self.grpcio}'.replace('==', '')


CELLS = (
    Cell('jazzy', '3.10', 'protobuf==3.20.3', 'grpcio==1.51.1'),
    Cell('jazzy', '3.11', 'protobuf==4.25.9', 'grpcio==1.51.1'),
    Cell('jazzy', '3.12', 'protobuf==4.25.9', 'grpcio'),
    Cell('kilted', '3.11', 'protobuf==5.29.6', 'grpcio'),
    Cell('kilted', '3.12', 'protobuf==6.33.5', 'grpcio'),
    Cell('kilted', '3.13', 'protobuf>=7,<8', 'grpcio'),
)


def interpreter(version: str) -> str | None:
    """Return a Python of this version on this machine."""
    candidates = [f'python{version}']
    pyenv = Path.home() / '.pyenv' / 'versions'
    if pyenv.is_dir():
        candidates += [str(path / 'bin' / 'python') for path in pyenv.glob(f'{version}.*')]
    for candidate in candidates:
        found = shutil.which(candidate)
        if found and subprocess.run(
                [found, '-c', f'import sys; sys.exit(sys.version_info[:2] != '
                 f'{tuple(map(int, version.split(".")))})'], capture_output=True).returncode == 0:
            return found
    return None


def environment(folder: Path, python: str, *requirements: str) -> Path:
    """Make a virtual environment, unless it is there already; returns its Python."""
    inside = folder / 'bin' / 'python'
    stamp = folder / '.requirements'
    wanted = '\n'.join(requirements)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        subprocess.run([python, '-m', 'venv', '--clear', str(folder)], check=True)
        subprocess.run([str(inside), '-m', 'pip', 'install', '-q', *requirements], check=True)
        stamp.write_text(wanted)
    return inside


def requirements_of(cell: Cell) -> list[str]:
    """Return what pip installs for a cell."""
    ros = RELEASES[cell.release]
    messages = [f'ros-{name}=={ros["messages"]}' for name in (
        'geometry-msgs', 'nav-msgs', 'sensor-msgs', 'std-msgs', 'diagnostic-msgs',
        'trajectory-msgs')]
    return [
        f'ros-rclpy[fastrtps]=={ros["rclpy"]}', *messages,
        f'ros-action-msgs=={ros["action-msgs"]}', f'ros-std-srvs=={ros["std-srvs"]}',
        cell.protobuf, cell.grpcio, 'pyyaml', 'pytest', 'pytest-timeout', 'hypothesis']


def run(cell: Cell, work: Path, sdk_python: Path) -> dict[str, str]:
    """Install and test one cell; returns its row of the table."""
    row = {'ROS': cell.release, 'Python': cell.python}
    python = interpreter(cell.python)
    if python is None:
        return {**row, 'protobuf': cell.protobuf, 'grpcio': cell.grpcio,
                'result': f'not run: no Python {cell.python} here'}
    try:
        inside = environment(work / cell.name, python, *requirements_of(cell))
    except subprocess.CalledProcessError as problem:
        return {**row, 'protobuf': cell.protobuf, 'grpcio': cell.grpcio,
                'result': f'not run: cannot be installed ({problem})'}
    versions = subprocess.run(
        [str(inside), '-c', 'import sys, grpc, google.protobuf as p; '
         'print(sys.version.split()[0], p.__version__, grpc.__version__)'],
        capture_output=True, text=True, check=True).stdout.split()
    row.update(zip(('Python', 'protobuf', 'grpcio'), versions, strict=True))
    started = time.monotonic()
    log = work / f'{cell.name}.log'
    revision = subprocess.run(
        ['git', 'rev-parse', '--short', 'HEAD'], cwd=ROOT, capture_output=True,
        text=True).stdout.strip()
    variables = {
        **{name: value for name, value in os.environ.items() if name not in FOREIGN},
        'SDK_PYTHON': str(sdk_python), 'PYTHONPATH': str(ROOT)}
    with log.open('w') as output:
        status = subprocess.run(
            [str(inside), '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *TESTS], cwd=ROOT,
            env=variables, stdout=output, stderr=subprocess.STDOUT, timeout=1500).returncode
    summary = re.findall(r'\d+ (?:passed|failed|skipped|error)', log.read_text())
    row['result'] = ', '.join(summary) or f'no result, exit status {status}'
    row['revision'] = revision or 'unknown'
    (work / f'{cell.name}.json').write_text(json.dumps(row))
    print(f'{cell.name}: {row["result"]} ({time.monotonic() - started:.0f} s; {log})', flush=True)
    return row


def newest(cell: Cell, work: Path) -> dict[str, str] | None:
    """Return what the newest run of a cell came to, if there was one."""
    kept = work / f'{cell.name}.json'
    return json.loads(kept.read_text()) if kept.is_file() else None


def document(rows: list[dict[str, str]]) -> str:
    """Return the table as Markdown."""
    columns = ('ROS', 'Python', 'protobuf', 'grpcio', 'result', 'revision')
    lines = ['| ' + ' | '.join(columns) + ' |', '|---' * len(columns) + '|']
    lines += ['| ' + ' | '.join(row.get(column, '') for column in columns) + ' |' for row in rows]
    return f"""# Versions that were tested

Made by `make matrix` (tools/matrix.py); each row was really installed and run. The clients are
real programs of {SDK} in an environment of their own. Skipped are the comparisons with viam-sdk's
descriptors, which need it in the same environment; `make test` runs them.

""" + '\n'.join(lines) + '\n'


def main() -> int:
    """Run the cells and write the document."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--work', type=Path, default=ROOT / '.matrix')
    parser.add_argument('--only', help='run cells whose name contains this; the document shows '
                        'the newest results of the others')
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    sdk_python = environment(options.work / 'sdk', sys.executable, SDK)
    rows = [run(cell, options.work, sdk_python) for cell in CELLS
            if not options.only or options.only in cell.name]
    text = document([row for cell in CELLS if (row := newest(cell, options.work))])
    print(text)
    DOCUMENT.write_text(text)
    return int(any('failed' in row['result'] or 'passed' not in row['result'] for row in rows))


if __name__ == '__main__':
    sys.exit(main())
