# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Go: the Viam Go SDK (examples/go/drive), and the session API by hand (examples/go/session_by_hand).

Compiling is not for every test run. session_by_hand is built from modules that are there already,
or with the environment variable BUILD_CLIENTS=1 from the network. The SDK, a matter of minutes, is
built only with BUILD_CLIENTS=1; VIAM_GO_DRIVE names a program that was built before.
"""

from collections.abc import Callable
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import time
from typing import Any

import pytest

from processes import base, Program, Programs, settings, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples' / 'go'

QUICK = 60.0  # s, from modules and objects that are there
PATIENT = 1800.0  # s, when it was asked for
WINDOW = 2.0  # s, the default
AT_ONCE = 0.0  # s
RECONNECTING = 40.0  # s; the SDK looks every 10 s, for up to 5 s
DRIVES = '^drives, error: <nil>$'


@pytest.fixture(scope='module')
def session_by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the example, if that is quick or was asked for."""
    return _built('session_by_hand', tmp_path_factory.mktemp('go'))


@pytest.fixture(scope='module')
def drive_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the SDK's example: the one that is named, or built if that was asked for."""
    if named := os.environ.get('VIAM_GO_DRIVE'):
        return Path(named)
    if not os.environ.get('BUILD_CLIENTS'):
        pytest.skip('the Viam Go SDK takes minutes to compile; BUILD_CLIENTS=1 does, and '
                    'VIAM_GO_DRIVE may name the program that examples/go/drive says how to build')
    return _built('drive', tmp_path_factory.mktemp('go'), '-tags', 'no_cgo')


def _built(example: str, folder: Path, *options: str) -> Path:
    go = shutil.which('go') or shutil.which('go', path='/usr/local/go/bin')
    if go is None:
        pytest.skip('go is not installed')
    asked = bool(os.environ.get('BUILD_CLIENTS'))
    environment = {**os.environ, 'CGO_ENABLED': '0', 'GOTOOLCHAIN': 'local'}
    if not asked:
        environment['GOPROXY'] = 'off'
    try:
        built = subprocess.run(
            [go, 'build', '-p', '2', *options, '-o', folder / example, '.'],
            cwd=EXAMPLES / example, env=environment, capture_output=True, text=True,
            timeout=PATIENT if asked else QUICK)
    except subprocess.TimeoutExpired:
        if asked:
            raise
        pytest.skip(f'building takes longer than {QUICK:g} s; BUILD_CLIENTS=1 allows for that')
    if built.returncode:
        reason = f'go build failed: {built.stderr.strip()[-300:]}'
        assert not asked, reason
        pytest.skip(f'{reason}; BUILD_CLIENTS=1 fetches modules')
    return folder / example


@pytest.fixture
def drive(run: Callable[..., Program], drive_program: Path) -> Callable[..., Program]:
    """Start the SDK's example at that power; each line of input makes it drive again."""
    def start(robot: Any, power: float, *options: str) -> Program:
        return run(drive_program, '--power', str(power), *options, robot.address)
    return start


def session_of(robot: Any) -> str:
    """Return the session under which the base was last set in motion."""
    return re.findall(r'base: moving for session (\S+)', robot.bridge.text)[-1]


def enter(program: Program) -> None:
    """Press Enter."""
    assert program.process.stdin is not None
    program.process.stdin.write('\n')
    program.process.stdin.flush()


def test_a_session_held_by_hand(
        robot: Any, run: Callable[..., Program], session_by_hand: Path, began: float) -> None:
    program = run(session_by_hand, robot.address)
    robot.wait_speed(0.5, began)
    assert program.ended() == 0, program.text
    session = program.logged('^session (.*) window 2s$')
    assert session
    for line in (f'^open {session[1]} from .*:[0-9]+$', '^moving with heartbeats true$',
                 '^moving without heartbeats false$', '^refused InvalidArgument SESSION_EXPIRED$'):
        assert program.logged(line), program.text
    robot.bridge.wait_logged(f'session {session[1][:8]}... .* (lapsed|has ended)')


@pytest.mark.parametrize('options', [(), ('--remote', 'bridge')], ids=['sdk', 'remote'])
def test_it_lists_drives_and_stops(
        robot: Any, drive: Callable[..., Program], began: float,
        options: tuple[str, ...]) -> None:
    """The SDK learns the service from reflection; as a remote it is a viam-server's own client."""
    program = drive(robot, 0.5, *options)
    robot.wait_speed(0.5, began)
    program.wait_logged(DRIVES)
    assert program.logged('^resource rdk:component:base/base$')
    # The service and the number of methods in reflection.
    assert program.logged(r'^api rdk:component:base viam\.component\.base\.v1\.BaseService \d+$')
    assert session_of(robot)
    stopped = program.finish()
    assert program.logged('^stops, error: <nil>$')
    robot.driver.wait_silence(robot.topic)
    assert not any(not one.is_zero for one in robot.driver.heard(robot.topic, stopped))


def test_a_killed_client_stops_its_base(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    program = drive(robot, 1.0)
    robot.wait_speed(1.0, began)
    # Heartbeats hold it.
    robot.driver.check_driving(robot.topic, 2 * WINDOW)
    robot.driver.check_stop(robot.topic, program.kill(), AT_ONCE)


def test_a_lost_session_is_recovered_without_the_caller_noticing(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    """Frozen: stopped after the window. Thawed: the next call succeeds, under a new session."""
    program = drive(robot, 1.0)
    robot.wait_speed(1.0, began)
    robot.driver.check_driving(robot.topic, 1.0)
    old = session_of(robot)
    frozen = program.freeze()
    zeros = robot.driver.check_stop(robot.topic, frozen, WINDOW)
    assert zeros[0].at - frozen >= WINDOW / 2
    thawed = program.signal(signal.SIGCONT)
    robot.driver.check_no_motion(robot.topic, thawed)
    enter(program)
    robot.wait_speed(1.0, thawed)
    wait_until(lambda: program.text.count('drives, error: <nil>') == 2, 'the second call')
    # The SDK may log that a heartbeat was refused; no call was.
    assert not program.logged('^drives, error: (?!<nil>$)')
    assert session_of(robot) != old
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    robot.driver.check_stop(robot.topic, program.kill(), AT_ONCE)


def test_only_the_end_of_the_last_caller_stops(
        robot: Any, drive: Callable[..., Program], began: float) -> None:
    """A drives, B takes over, A is killed: the base continues. B is killed: it stops."""
    a = drive(robot, 0.4)
    robot.wait_speed(0.4, began)
    taken = time.monotonic()
    b = drive(robot, 0.8)
    robot.wait_speed(0.8, taken)
    a.kill()
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    robot.driver.check_stop(robot.topic, b.kill(), AT_ONCE)


def test_it_reconnects_after_a_restart_of_the_bridge(
        programs: Programs, own_robot: Any, drive: Callable[..., Program], began: float) -> None:
    """The same program drives again, by itself, at the bridge that came after."""
    robot = own_robot
    program = drive(robot, 1.0)
    robot.wait_speed(1.0, began)
    old = session_of(robot)
    robot.bridge.kill()
    bridge = programs.bridge(
        settings({'base': base(max_linear_speed=0.5)}, port=robot.bridge.port),
        namespace=robot.bridge.namespace)
    bridge.wait_drivers()
    again = robot._replace(bridge=bridge)
    began_again = time.monotonic()
    robot.driver.check_no_motion(robot.topic, began_again)

    def driven() -> bool:
        before = program.text.count('drives, error')
        enter(program)
        wait_until(lambda: program.text.count('drives, error') > before, 'an answer',
                   RECONNECTING)
        return program.text.count('drives, error: <nil>') > 1
    wait_until(driven, 'a command that succeeds', RECONNECTING)
    again.wait_speed(1.0, began_again)
    assert session_of(again) != old
    robot.driver.check_stop(robot.topic, program.kill(), AT_ONCE)


def test_with_a_key_it_connects_over_tls_with_the_right_ca_and_name_only(
        secured: Any, run: Callable[..., Program], drive_program: Path, began: float) -> None:
    """With another CA or name it fails after 90 s without a reason; see docs/security.md."""
    robot = secured.robot

    def start(ca: Path, address: str) -> Program:
        return run('/usr/bin/env', f'SSL_CERT_FILE={ca}', *secured.key, drive_program, '--tls',
                   '--power', '1', address)
    wrong = [start(secured.other_ca, robot.address),
             start(secured.ca, f'127.0.0.1:{robot.bridge.port}')]
    right = start(secured.ca, robot.address)
    robot.wait_speed(1.0, began)
    right.wait_logged(DRIVES)
    # They began earlier.
    assert not any('resource' in program.text for program in wrong)
    robot.driver.check_driving(robot.topic, WINDOW + 0.5)
    robot.driver.check_stop(robot.topic, right.kill(), AT_ONCE)
