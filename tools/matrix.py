# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Runs the bridge on the versions that robots have: `make matrix`, one row a cell.

Each cell is a virtual environment of its own with the named Python, rclpy, protobuf and grpcio
really installed; the tests named below run in it. viam-sdk pins its protobuf, so the client
programs of the system tests run in another environment (SDK_PYTHON). A cell that could not be run
has a row with the reason. Writes docs/versions.md; the exit status is 0 if every cell was run and
passed.
"""

import argparse
from collections.abc import Sequence
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

# What depends on the versions: the wire, every service, presence, rclpy, and real clients, robots'
# services and guards. Without viam-sdk in the cell, the comparisons with it are skipped.
TESTS = (
    'test/core/test_supervisor.py', 'test/test_locked_supervisor.py', 'test/rpc/test_wire.py',
    'test/rpc/test_sessions_wire.py', 'test/rpc/test_contract.py', 'test/rpc/test_presence.py',
    'test/rpc/test_sockets.py', 'test/rpc/test_tls.py', 'test/rpc/test_reflection.py',
    'test/rpc/test_robot_service.py', 'test/rpc/test_base_service.py',
    'test/rpc/test_motor_service.py',
    'test/rpc/test_arm_service.py', 'test/rpc/test_arm_stream.py',
    'test/rpc/test_gantry_service.py', 'test/rpc/test_gripper_service.py',
    'test/rpc/test_servo_service.py', 'test/rpc/test_switch_service.py',
    'test/rpc/test_commands.py', 'test/ros/test_twist_driver.py', 'test/ros/test_stop_path.py',
    'test/parameters/test_parameters.py', 'test/test_dds.py', 'test/system/test_client_ends.py',
    'test/system/test_shutdown.py', 'test/system/test_stop_services.py',
    'test/system/test_guard.py')

# How long (s) the tests of a cell may take; they need a tenth of it.
PATIENCE = 1500.0

# The result in a row if all tests passed.
GOOD = re.compile(r'\d+ passed(, \d+ skipped)?')

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
    # The pair of Ubuntu 24.04 and of Debian 12: what Debian calls protobuf 3.21.12 is 4.21.12 in
    # Python. Ubuntu has Python 3.12, for which the index has no grpcio 1.51.1.
    Cell('jazzy', '3.11', 'protobuf==4.21.12', 'grpcio==1.51.1'),
    Cell('jazzy', '3.11', 'protobuf==4.25.9', 'grpcio==1.51.1'),
    Cell('jazzy', '3.12', 'protobuf==4.25.9', 'grpcio'),
    Cell('kilted', '3.11', 'protobuf==5.29.6', 'grpcio'),
    Cell('kilted', '3.12', 'protobuf==6.33.5', 'grpcio'),
    Cell('kilted', '3.13', 'protobuf>=7,<8', 'grpcio'),
)


PLATFORMS = """
## Platforms

- **Computers.** Tested: x86_64. Not tested: ARM64. The package has no compiled part, but the index
  has rclpy for x86_64 only, so that ARM64 needs an installed ROS 2.
- **Middleware.** Tested: Fast DDS (`rmw_fastrtps_cpp`). Not tested: CycloneDDS
  (`rmw_cyclonedds_cpp`) and Zenoh (`rmw_zenoh_cpp`); the index has neither.
- **ROS 2.** Tested: Jazzy and Kilted, from the Python package index. Not tested: Lyrical, Rolling.
- **Ubuntu 24.04 and Debian 12.** Tested: their protobuf and grpcio (3.21.12, which is 4.21.12 in
  Python, and 1.51.1) on Python 3.11. Not tested: the same on Ubuntu's Python 3.12, for which the
  index has no grpcio 1.51.1.
- **launch_ros.** The tests of the launch file run where ROS 2 is installed. The index does not
  have it, so CI skips them with that message.

These figures depend on Fast DDS. With another middleware, measure again (`make bench`,
`make faults`):

- A driver that was killed looks alive for 20 s (the lease of a participant), and receives its stop
  0.4 s after it was started again (announcements every 0.3 s, over UDP; docs/design.md, "DDS").
- Bridge and guard stay on 127.0.0.1 by a profile of Fast DDS, and end if a socket is bound to
  more.
- A process that ends waits 0.1 s, because Fast DDS may drop its last message.
- All latencies in docs/benchmarks.md and docs/faults.md.

These do not: the heartbeat window, `guard.patience`, `stop_hold`, `stop_timeout`, and what the
kernel reports about sockets.
"""


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
        cell.protobuf, cell.grpcio, 'pyyaml', 'pytest', 'pytest-timeout', 'hypothesis',
        'cryptography', 'trustme']


class NotRun(Exception):
    """A cell could not be tested; the text has the reason."""


def run(cell: Cell, work: Path, sdk_python: Path) -> dict[str, str]:
    """Install and test one cell; returns its row of the table, and keeps it in the folder work."""
    row = {'ROS': cell.release, 'Python': cell.python, 'protobuf': cell.protobuf,
           'grpcio': cell.grpcio, 'revision': revision()}
    started = time.monotonic()
    try:
        inside = installed(cell, work)
        row.update(versions(inside))
        row['result'] = tested(inside, work / f'{cell.name}.log', sdk_python)
    except NotRun as problem:
        row['result'] = f'not run: {problem}'
    # In the place of what an earlier run came to, also where nothing was run.
    (work / f'{cell.name}.json').write_text(json.dumps(row))
    print(f'{cell.name}: {row["result"]} ({time.monotonic() - started:.0f} s)', flush=True)
    return row


def revision() -> str:
    """Return the commit that is tested."""
    return subprocess.run(
        ['git', 'rev-parse', '--short', 'HEAD'], cwd=ROOT, capture_output=True,
        text=True).stdout.strip() or 'unknown'


def installed(cell: Cell, work: Path) -> Path:
    """Return the Python of a cell's environment. Raises NotRun."""
    python = interpreter(cell.python)
    if python is None:
        raise NotRun(f'no Python {cell.python} here')
    try:
        return environment(work / cell.name, python, *requirements_of(cell))
    except subprocess.CalledProcessError as problem:
        raise NotRun(
            f'{problem.cmd[2]} failed with status {problem.returncode}') from problem


def versions(inside: Path) -> dict[str, str]:
    """Return what is really there. Raises NotRun."""
    asked = subprocess.run(
        [str(inside), '-c', 'import sys, grpc, google.protobuf as p; '
         'print(sys.version.split()[0], p.__version__, grpc.__version__)'],
        capture_output=True, text=True)
    if asked.returncode:
        raise NotRun((asked.stderr.strip() or 'no output').splitlines()[-1])
    return dict(zip(('Python', 'protobuf', 'grpcio'), asked.stdout.split(), strict=True))


def tested(inside: Path, log: Path, sdk_python: Path, tests: Sequence[str] = TESTS,
           patience: float = PATIENCE) -> str:
    """Run the tests, at most so long (s); returns what came of it."""
    variables = {
        **{name: value for name, value in os.environ.items() if name not in FOREIGN},
        'SDK_PYTHON': str(sdk_python), 'PYTHONPATH': str(ROOT)}
    with log.open('w') as output:
        try:
            status = subprocess.run(
                [str(inside), '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *tests], cwd=ROOT,
                env=variables, stdout=output, stderr=subprocess.STDOUT,
                timeout=patience).returncode
        except subprocess.TimeoutExpired:
            return f'failed: not done after {patience:g} s'
    return outcome(log.read_text(), status)


def outcome(text: str, status: int) -> str:
    """Return the result in pytest's output and exit status; only GOOD is a success."""
    # The last line that counts: what tests print may look like one.
    counts = [found for line in text.splitlines()
              if (found := re.findall(r'\d+ (?:passed|failed|skipped|errors?)\b', line))
              and ' in ' in line]
    result = 'no result'
    if counts:
        result = ', '.join(sorted(counts[-1], key=lambda one: one.split()[1]))
    return result if status == 0 else f'{result}, exit status {status}'


def newest(cell: Cell, work: Path) -> dict[str, str]:
    """Return what the newest run of a cell came to."""
    kept = work / f'{cell.name}.json'
    if kept.is_file():
        row: dict[str, str] = json.loads(kept.read_text())
        return row
    return {'ROS': cell.release, 'Python': cell.python, 'protobuf': cell.protobuf,
            'grpcio': cell.grpcio, 'result': 'not run: left out'}


def document(rows: list[dict[str, str]]) -> str:
    """Return the table as Markdown."""
    columns = ('ROS', 'Python', 'protobuf', 'grpcio', 'result', 'revision')
    lines = ['| ' + ' | '.join(columns) + ' |', '|---' * len(columns) + '|']
    lines += ['| ' + ' | '.join(row.get(column, '') for column in columns) + ' |' for row in rows]
    return f"""# Versions that were tested

Made by `make matrix` (tools/matrix.py); each row was really installed and run, or has the reason.
The clients are real programs of {SDK} in an environment of their own. Skipped are the
comparisons with viam-sdk's descriptors, which need it in the same environment; `make test` runs
them.

""" + '\n'.join(lines) + '\n' + PLATFORMS


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
    text = document([newest(cell, options.work) for cell in CELLS])
    print(text)
    DOCUMENT.write_text(text)
    return int(not rows or not all(GOOD.fullmatch(row['result']) for row in rows))


if __name__ == '__main__':
    sys.exit(main())
