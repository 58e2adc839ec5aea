# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The TypeScript SDK on Node: examples/typescript/drive.mjs as it is, installed with npm.

It starts no session, so its connection is its presence. Skipped where node, npm or its packages
are not to be had.
"""

from collections.abc import Callable
import json
from pathlib import Path
import re
import shutil
import signal
import subprocess
import time
from typing import Any

import pytest

from processes import Program

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'typescript'

OLDEST = 20  # the version of Node that package.json asks for
INSTALLING = 90.0  # s
WINDOW = 2.0  # s, the default
AT_ONCE = 0.0  # s
FOREVER = '600'  # s


# Asks for what the SDK's own end-to-end test of a machine's status and version asks for.
STATUS = """
import { createGrpcTransport } from '@connectrpc/connect-node';
import { RobotClient } from '@viamrobotics/sdk';
globalThis.VIAM = {
  GRPC_TRANSPORT_FACTORY: (options) => createGrpcTransport({ httpVersion: '2', ...options }),
};
const robot = new RobotClient();
await robot.dial({ host: `http://${process.argv[2]}` });
const status = await robot.getMachineStatus();
const version = await robot.getVersion();
console.log('status', JSON.stringify({
  state: status.state, resources: status.resources.length, config: status.config?.revision,
  updated: status.resources.every((one) => one.lastUpdated) && !!status.config.lastUpdated,
  version: version.version, api: version.apiVersion }));
process.exit();
"""


@pytest.fixture(scope='module')
def node() -> str:
    """Return the path of a Node that is new enough."""
    path = shutil.which('node')
    if path is None:
        pytest.skip('node is not installed')
    version = subprocess.run([path, '--version'], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip('v').partition('.')[0]) < OLDEST:
        pytest.skip(f'node is {version}, older than {OLDEST}')
    return path


@pytest.fixture(scope='module')
def example(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example in a folder of its own, exactly by its lock file."""
    npm = shutil.which('npm')
    if npm is None:
        pytest.skip('npm is not installed')
    folder = tmp_path_factory.mktemp('typescript')
    for name in ('package.json', 'package-lock.json', 'drive.mjs'):
        shutil.copy(EXAMPLE / name, folder)
    command = [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund']
    try:
        installed = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.TimeoutExpired:
        pytest.skip(f'npm ci takes longer than {INSTALLING:g} s')
    if installed.returncode:
        pytest.skip(f'npm ci failed: {installed.stderr.strip()[-300:]}')
    return folder / 'drive.mjs'


@pytest.fixture
def drive(node: str, example: Path, run: Callable[..., Program],
          robot: Any) -> Callable[..., Program]:
    """Start the example at that power, for so many seconds."""
    def start(power: float, seconds: str = FOREVER) -> Program:
        return run(node, example, robot.address, 'base', seconds, str(power))
    return start


def test_it_lists_drives_and_stops(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    program = drive(0.5, '1')
    assert program.ended() == 0, program.text
    assert program.logged('^resource rdk:component:base/base$')
    assert program.logged('^stops$')
    moved = robot.wait_speed(0.5, began)
    robot.driver.check_stop(robot.topic, moved, 1.0)
    robot.bridge.wait_logged('base: stopping, a client requested a stop .*no session')


def test_a_killed_client_stops_with_its_connection(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    """It has no session, and nothing but its connection holds it beyond a window."""
    program = drive(1.0)
    robot.wait_speed(1.0, began)
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    robot.driver.check_stop(robot.topic, program.kill(), AT_ONCE)
    robot.bridge.wait_logged(
        'base: stopping, the connection that commanded it is closed .*no session')


def test_a_frozen_client_is_not_given_up_within_the_window(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    """Its kernel still answers; a program may be busy for this time."""
    program = drive(1.0)
    robot.wait_speed(1.0, began)
    program.freeze()
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    program.signal(signal.SIGCONT)
    robot.driver.check_stop(robot.topic, program.kill(), AT_ONCE)


def test_only_the_end_of_the_last_caller_stops(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    """A drives, B takes over, A is killed: the base continues. B is killed: it stops."""
    a = drive(0.4)
    robot.wait_speed(0.4, began)
    taken = time.monotonic()
    b = drive(0.8)
    robot.wait_speed(0.8, taken)
    a.kill()
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    assert {one.linear[0] for one in robot.driver.heard(robot.topic, time.monotonic() - 1.0)} == {
        0.4}
    robot.driver.check_stop(robot.topic, b.kill(), AT_ONCE)


def test_with_a_key_it_connects_over_tls_with_the_right_ca_and_name_only(
        secured: Any, run: Callable[..., Program], node: str, example: Path,
        began: float) -> None:
    """With another CA or name it reports the reason and retries; see docs/security.md."""
    robot = secured.robot

    def start(ca: Path, address: str) -> Program:
        return run('/usr/bin/env', f'NODE_EXTRA_CA_CERTS={ca}', *secured.key, node, example,
                   f'https://{address}', 'base', FOREVER, '1')
    start(secured.other_ca, robot.address).wait_logged('unable to verify the first certificate')
    right = start(secured.ca, robot.address)
    robot.wait_speed(1.0, began)
    secured.issue('other.local')
    start(secured.ca, robot.address).wait_logged("does not match certificate's altnames")
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    robot.driver.check_stop(robot.topic, right.kill(), AT_ONCE)


def test_the_machine_status_has_what_the_sdks_own_test_expects(
        robot: Any, node: str, example: Path, run: Callable[..., Program]) -> None:
    """As e2e/tests/robot-client-apis.node.spec.ts of viamrobotics/viam-typescript-sdk asserts."""
    program = example.with_name('status.mjs')
    program.write_text(STATUS, encoding='utf-8')
    done = run(node, program, robot.address)
    assert done.ended() == 0, done.text
    said = done.logged('^status ({.*})$')
    assert said, done.text
    found = json.loads(said[1])
    assert found['state'] is not None
    assert found['resources'] > 0
    assert found['config'] and found['updated']
    assert re.fullmatch(r'v?\d+\.\d+\.\d+', found['version'])
    assert re.fullmatch(r'v\d+\.\d+\.\d+', found['api'])


def test_the_versions_of_the_example_are_pinned() -> None:
    """The versions are pinned, and the lock file names no private registry."""
    package = (EXAMPLE / 'package.json').read_text(encoding='utf-8')
    dependencies = package.partition('"dependencies"')[2]
    assert len(re.findall(r'": "\d+\.\d+\.\d+"', dependencies)) == 2
    assert '"resolved"' not in (EXAMPLE / 'package-lock.json').read_text(encoding='utf-8')
