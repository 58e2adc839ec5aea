# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The demo as a user runs it: its exit status, what it prints, and what it leaves behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from viam_session_bridge.cli.demo import _run
from viam_session_bridge.cli.isolation import segments_of
from viam_session_bridge.cli.processes import Child
from viam_session_bridge.cli.scenarios import Scenario
from viam_session_bridge.cli.timeline import Report

ROOT = Path(__file__).resolve().parents[2]
DEMO = 'viam_session_bridge.cli.demo'
PATIENCE = 150.0

# Half the window makes the demo faster. What is allowed shrinks with it.
WINDOW = 1.0
PATIENCE_OF_GUARD = 1.0
QUICK = ['--ros-args', '-p', f'sessions.heartbeat_window:={WINDOW}']

pytest.importorskip('viam', reason='the demo needs viam-sdk')


def demo(*arguments: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run(
        [sys.executable, '-m', DEMO, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)


def timelines(output: str) -> list[dict[str, float]]:
    """Return each scenario's timeline: what happened, and when (s) from the scenario's zero."""
    scenarios = re.split(r'^Scenario \d.*$', output, flags=re.MULTILINE)[1:]
    event = re.compile(r'^ +([+-]\d+\.\d{3}) s +(.+)$', re.MULTILINE)
    return [{text: float(instant) for instant, text in event.findall(scenario)}
            for scenario in scenarios]


def wait_for(condition: Callable[[], bool], patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, 'the condition was not met in time'
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    text = Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='utf-8')
    return [int(word) for word in text.split()]


def is_gone(pid: int) -> bool:
    try:
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError):
        return True
    # A zombie, if its parent does not reap it.
    return stat.rpartition(')')[2].split()[0] == 'Z'


@pytest.mark.timeout(200)
def test_every_scenario_passes() -> None:
    result = demo(*QUICK)
    assert result.returncode == 0, result.stdout
    assert '\x1b' not in result.stdout
    killed, frozen, takeover, bridge = timelines(result.stdout)
    zero, rest = 'first zero cmd_vel received by the robot', 'robot at rest'
    assert killed['last command of program A'] < 0.0 < killed[zero] <= killed[rest] < 0.5
    assert WINDOW / 2.0 < frozen[zero] <= frozen[rest] < WINDOW + 0.5
    assert takeover['the robot receives its first command from program B'] < 0.0
    assert WINDOW < takeover['program B is killed (SIGKILL)'] < takeover[zero] <= takeover[rest]
    assert PATIENCE_OF_GUARD / 2.0 < bridge[zero] <= bridge[rest] < PATIENCE_OF_GUARD + 0.5
    assert bridge[rest] < bridge['the bridge is started again']
    # A scenario that the machine disturbed by a stall is printed again.
    ends = set(re.findall(r'distance travelled after (.*): \d+ mm', result.stdout))
    assert len(ends) == 4, ends
    assert re.findall(r'^PASS  (\w+)', result.stdout, re.MULTILINE) == [
        'killed', 'frozen', 'takeover', 'bridge']
    assert not re.search(r'^FAIL', result.stdout, re.MULTILINE), result.stdout


def test_a_secure_demo_passes() -> None:
    """One scenario: only the connection of the programs is different."""
    pytest.importorskip('cryptography', reason='cryptography is not installed: no TLS')
    result = demo('killed', '--secure', *QUICK)
    assert result.returncode == 0, result.stdout
    assert 'requires an API key from each program' in result.stdout
    assert re.findall(r'^PASS  (\w+)', result.stdout, re.MULTILINE) == ['killed']


@pytest.mark.parametrize(('disturbed', 'unsafe', 'passes'), [
    ((True, False), False, True), ((True, True, True, True), False, False),
    ((True, False), True, False)])
def test_a_scenario_whose_robot_could_not_report_is_run_again(
        disturbed: tuple[bool, ...], unsafe: bool, passes: bool) -> None:
    """Up to a limit, and not after unsafe motion."""
    attempts = iter(disturbed)

    def run(harness: Any) -> Report:
        report = Report(zero=0.0, disturbed=next(attempts))
        report.check(not report.disturbed, 'the robot reported all the time')
        report.check(not unsafe, 'at rest in time', safety=True)
        return report

    child = SimpleNamespace(tail=lambda: 'the log')
    harness: Any = SimpleNamespace(
        facts=SimpleNamespace(window=WINDOW, patience=PATIENCE_OF_GUARD), stalls=lambda: 0,
        end_programs=lambda: None, watch=lambda seconds: None, bridge=child, guard=child,
        robot=child)
    assert _run(Scenario('one', '', '', '', run), harness)[0] is passes


@pytest.mark.timeout(200)
def test_it_fails_when_the_robot_stops_late() -> None:
    result = demo('killed', '--ros-args', '-p', 'sessions.stop_on_disconnect:=false')
    assert result.returncode == 1, result.stdout
    assert re.search(r'^  FAIL  at rest \d\.\d+ s after .*, allowed 0\.500 s$', result.stdout,
                     re.MULTILINE), result.stdout
    assert re.search(r'^  \| .*base: stopping', result.stdout, re.MULTILINE), result.stdout
    assert re.findall(r'^FAIL  (\w+)', result.stdout, re.MULTILINE) == ['killed'], result.stdout


def test_it_shows_why_the_bridge_does_not_start() -> None:
    result = demo('killed', '--ros-args', '-p', 'sessions.no_such_parameter:=1')
    assert result.returncode == 1
    assert re.search(r'^  \| .*sessions\.no_such_parameter', result.stdout, re.MULTILINE)
    assert re.search(r'^FAIL  killed +not run$', result.stdout, re.MULTILINE)


def test_an_unknown_scenario_is_answered_with_the_names_that_exist() -> None:
    result = demo('no_such_scenario')
    assert result.returncode == 2
    assert 'killed, frozen, takeover, bridge' in result.stdout


def test_without_the_sdk_it_names_what_to_install() -> None:
    program = ('import sys; sys.modules["viam"] = None; '
               f'from {DEMO} import main; sys.exit(main([]))')
    result = subprocess.run([sys.executable, '-c', program], cwd=ROOT, text=True,
                            stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert 'pip install viam-sdk' in result.stderr


@pytest.mark.timeout(200)
@pytest.mark.parametrize(('number', 'status'), [
    (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_or_file_is_left_behind(
        tmp_path: Path, number: signal.Signals, status: int) -> None:
    log = tmp_path / 'demo.log'
    with log.open('w') as output:
        process = subprocess.Popen([sys.executable, '-m', DEMO], cwd=ROOT, stdout=output,
                                   stderr=subprocess.STDOUT,
                                   env={**os.environ, 'TMPDIR': str(tmp_path)})
    try:
        wait_for(lambda: process.poll() is not None or len(children(process.pid)) == 4)
        assert process.poll() is None, log.read_text(encoding='utf-8')
        started = children(process.pid)
        process.send_signal(number)
        assert process.wait(60.0) == status
        wait_for(lambda: all(is_gone(pid) for pid in started))
    finally:
        process.kill()
        process.wait()
    assert 'Traceback' not in log.read_text(encoding='utf-8')
    if status > 0:
        assert list(tmp_path.iterdir()) == [log]


def test_a_killed_child_leaves_no_segment_and_removes_no_other(tmp_path: Path) -> None:
    robot = 'viam_session_bridge.sim.diff_drive'
    started = [Child('killed', robot, [], tmp_path)]
    try:
        wait_for(lambda: bool(segments_of(started[0].pid)))
        # There is no other process in this domain yet: later each maps the other's as well.
        own = segments_of(started[0].pid)
        started.append(Child('other', robot, [], tmp_path))
        wait_for(lambda: bool(segments_of(started[1].pid) - own))
        others = segments_of(started[1].pid) - own
        started[0].kill()
        assert not any(path.exists() for path in own)
        assert all(path.exists() for path in others)
    finally:
        for child in started:
            child.kill()


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """Serve the robot of the demo, as `make bridge` does; yields the bridge's address."""
    log = folder / 'served.log'
    with log.open('w') as output:
        process = subprocess.Popen([sys.executable, '-m', DEMO, '--serve', '0', *options],
                                   cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: 'Ctrl-C ends' in log.read_text(encoding='utf-8')
                 or process.poll() is not None)
        started = children(process.pid)
        found = re.search(r'serves at (\S+)\.$', log.read_text(encoding='utf-8'), re.MULTILINE)
        assert found, log.read_text(encoding='utf-8')
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(60.0) == 0, log.read_text(encoding='utf-8')
        wait_for(lambda: all(is_gone(pid) for pid in started))
    finally:
        process.kill()
        process.wait()
        print(log.read_text(encoding='utf-8'))


EXAMPLES = {
    ('drive.py', '--seconds=1'): 'base drives.*base stops',
    ('takeover.py',): 'A drives +moving: True.*B has taken over +moving: True.*'
                      'A has left +moving: True.*B has left +moving: False',
    ('session_by_hand.py',): r'session (\S+) window 2\.0.*open \1 from .*'
                             r'moving with heartbeats True.*moving without heartbeats False.*'
                             r'refused \w+ SESSION_EXPIRED',
    # Heartbeats have a task of their own, which may report the end before or after the answer.
    ('session_client.py',): r'moving with heartbeats True(?=.*over: no heartbeat was answered).*'
                            r'moving without heartbeats False.*refused: .*the window is 2 s',
}


@pytest.mark.timeout(200)
def test_examples_control_a_robot_that_is_served(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        for (program, *options), printed in EXAMPLES.items():
            result = subprocess.run(
                [sys.executable, str(ROOT / 'examples' / 'python' / program), address, *options],
                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60.0,
                check=False)
            assert result.returncode == 0, result.stdout
            assert re.search(printed, result.stdout, re.DOTALL), result.stdout
    log = (tmp_path / 'served.log').read_text(encoding='utf-8')
    assert re.search(r'^bridge: .*base: moving for session .*python.*: SetPower: linear', log,
                     re.MULTILINE)
    assert re.search(r'^guard: .*guarding base$', log, re.MULTILINE), 'the logs of both are shown'


@pytest.mark.timeout(200)
def test_the_program_of_the_readme_needs_key_and_ca_where_the_demo_is_secure(
        tmp_path: Path) -> None:
    pytest.importorskip('cryptography', reason='cryptography is not installed: no TLS')
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    [program] = [one for one in re.findall(r'```python\n(.*?)```', readme, re.DOTALL)
                 if 'with_api_key' in one]
    assert len(program.splitlines()) == 6
    with served(tmp_path, '--secure') as address:
        log = (tmp_path / 'served.log').read_text(encoding='utf-8')
        variables = dict(re.findall(r'((?:VIAM_API|SSL)_\w+)=(\S+)', log))
        for name, value in (
                ('robot.local:8080', address), ('KEY ID', variables['VIAM_API_KEY_ID']),
                ('KEY', variables['VIAM_API_KEY'])):
            assert f"'{name}'" in program
            program = program.replace(f"'{name}'", repr(value))

        def status(program: str, **environment: str) -> int:
            return subprocess.run(
                [sys.executable, '-c', program], env={**os.environ, **environment},
                timeout=60.0, check=False, stderr=subprocess.DEVNULL).returncode
        assert status(program, SSL_CERT_FILE=variables['SSL_CERT_FILE']) == 0
        assert status(program) != 0, 'without the CA'
        [command] = re.findall(r'^    (VIAM_API_KEY_ID=.*)$', log, re.MULTILINE)
        assert subprocess.run(
            f'{command} --seconds 0.5', shell=True, timeout=60.0, check=False).returncode == 0
        wrong = program.replace(variables['VIAM_API_KEY'], 'x' * len(variables['VIAM_API_KEY']))
        assert status(wrong, SSL_CERT_FILE=variables['SSL_CERT_FILE']) != 0, 'with a wrong key'
