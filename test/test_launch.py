# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks launch/bridge.launch.py: what it declares, and what it really runs.

launch and launch_ros come with ROS 2 only, not from PyPI. Without them only the declarations are
checked, and the other tests are skipped with a message. With them a child process replaces
`ros2 launch`, on an installation of the package made for the test.
"""

import ast
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml

import linting

LAUNCH_FILE = linting.ROOT / 'launch' / 'bridge.launch.py'
ARGUMENTS = {
    'params_file', 'namespace', 'log_level', 'host', 'port', 'use_sim_time', 'guard',
    'guard_required', 'respawn', 'respawn_delay',
}

# What `ros2 launch` does with a launch file and arguments: once for each list of arguments that
# '--' separates, in a group that pushes the namespace `pushed`, if that is given.
LAUNCHER = """
import sys
from itertools import groupby
from launch import LaunchDescription, LaunchService
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace
robots = [dict(word.split(':=', 1) for word in words)
          for divider, words in groupby(sys.argv[2:], '--'.__eq__) if not divider]
service = LaunchService()
service.include_launch_description(LaunchDescription([GroupAction([
    *([PushRosNamespace(robot.pop('pushed'))] if 'pushed' in robot else []),
    IncludeLaunchDescription(
        PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=robot.items())])
    for robot in robots]))
sys.exit(service.run())
"""

# Stands in for bridge and guard: writes down how it was called, once per start. The guard waits
# for its end, the bridge for the guard if it has to.
RECORDER = """
import json, signal, sys, time
from pathlib import Path
files = [sys.argv[i + 1] for i, word in enumerate(sys.argv) if word == '--params-file']
guards = sys.argv[0].endswith('guard')
if guards:
    # Before the record: when the bridge has seen that, it ends, and launch ends the guard.
    signal.signal(signal.SIGINT, lambda *_: sys.exit())
with open({record!r}, 'a') as record:
    print(json.dumps([sys.argv, [Path(file).read_text() for file in files]]), file=record)
if guards:
    signal.pause()
end = time.monotonic() + 30.0
while {wait!r} and '/guard"' not in Path({record!r}).read_text() and time.monotonic() < end:
    time.sleep(0.01)
"""

# The real ones.
PROGRAM = """
import sys
from viam_session_bridge.executables import start
sys.exit(start(sys.argv[0].rpartition('/')[2]))
"""


def require_launch() -> None:
    if not linting.available('launch', 'launch_ros'):
        pytest.skip('launch_ros is not installed (it comes with ROS 2, not from PyPI)')


def install(prefix: Path, executable: str) -> None:
    """Make the least that launch takes for an installed package, with this as executables."""
    marker = prefix / 'share/ament_index/resource_index/packages/viam_session_bridge'
    marker.parent.mkdir(parents=True)
    marker.touch()
    share = prefix / 'share/viam_session_bridge'
    share.mkdir()
    (share / 'config').symlink_to(linting.ROOT / 'config')
    for name in ('bridge', 'guard'):
        program = prefix / 'lib/viam_session_bridge' / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!{sys.executable}\n{executable}', encoding='utf-8')
        program.chmod(0o755)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    require_launch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'prefix'), prepend=':')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    return tmp_path / 'prefix'


def launch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', LAUNCHER, str(LAUNCH_FILE), *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def press_ctrl_c(process: subprocess.Popen[str]) -> str:
    """Interrupt launch and its children, as a terminal does; return all that was printed."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def starts(record: Path) -> list[tuple[str, list[str], list[dict[str, Any]]]]:
    """Return each start: bridge or guard, its arguments, and the parameter files it was given."""
    if not record.exists():
        return []
    return [(words[0].rpartition('/')[2], words[1:], [yaml.safe_load(text) for text in files])
            for words, files in map(json.loads, record.read_text(encoding='utf-8').splitlines())]


def recorded(prefix: Path, *arguments: str, executable: str = 'bridge',
             ) -> tuple[list[str], list[dict[str, Any]]]:
    """Launch with the recorder; return the arguments and parameter files of a program."""
    record = prefix.parent / 'record.jsonl'
    install(prefix, RECORDER.format(record=str(record), wait=executable == 'guard'))
    process = launch(*arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    ((words, files),) = [(words, files) for name, words, files in starts(record)
                         if name == executable]
    return words, files


def merged(files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters of the files that launch_ros wrote for our overrides."""
    result: dict[str, Any] = {}
    for file in files:
        for block in file.values():
            result.update(block['ros__parameters'])
    return result


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    path = tmp_path / 'params.yaml'
    path.write_text('/**:\n  ros__parameters:\n'
                    '    token: "0815"\n    names: []\n', encoding='utf-8')
    return path


def test_declares_its_arguments_with_descriptions() -> None:
    """Reads the text only, so it runs everywhere."""
    declared: dict[str, str] = {}
    for node in ast.walk(ast.parse(LAUNCH_FILE.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'DeclareLaunchArgument':
            words = {word.arg: word.value for word in node.keywords}
            assert 'default_value' in words
            declared[ast.literal_eval(node.args[0])] = ast.literal_eval(words['description'])
    assert set(declared) == ARGUMENTS
    assert all(len(text) > 20 and text.endswith(('.', 'false.')) for text in declared.values())


def test_description_loads() -> None:
    require_launch()
    from launch import LaunchContext
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    source = PythonLaunchDescriptionSource(str(LAUNCH_FILE))
    description = source.get_launch_description(LaunchContext())
    assert {argument.name for argument in description.get_launch_arguments()} == ARGUMENTS


def test_without_arguments_the_parameter_file_rules(prefix: Path, params_file: Path) -> None:
    words, files = recorded(prefix, f'params_file:={params_file}', 'guard:=false')
    assert '__node:=viam_session_bridge' in words
    assert words[words.index('--log-level') + 1] == 'info'
    assert words.count('--params-file') == 1
    assert str(params_file) in words
    assert merged(files) == {'token': '0815', 'names': []}


def test_arguments_override_the_parameter_file(prefix: Path, params_file: Path) -> None:
    words, files = recorded(
        prefix, f'params_file:={params_file}', 'host:=1.5', 'port:=9090', 'use_sim_time:=true',
        'log_level:=debug')
    assert words[words.index('--log-level') + 1] == 'debug'
    assert words.count('--params-file') == 2
    assert merged(files[1:]) == {
        'grpc.host': '1.5', 'grpc.port': 9090, 'use_sim_time': True, 'guard.required': True}


@pytest.mark.parametrize(('arguments', 'namespace'), [
    (['namespace:=robot1'], '/robot1'),
    (['pushed:=robot1'], '/robot1'),
    (['pushed:=fleet', 'namespace:=robot1'], '/fleet/robot1'),
    (['pushed:=fleet', 'namespace:=/robot1'], '/robot1'),
])
@pytest.mark.parametrize('executable', ['bridge', 'guard'])
def test_in_a_namespace_the_parameter_file_itself_is_passed(
        prefix: Path, params_file: Path, arguments: list[str], namespace: str,
        executable: str) -> None:
    """No copy: what is edited later is what a respawned process reads."""
    words, _ = recorded(prefix, f'params_file:={params_file}', *arguments, executable=executable)
    assert f'__ns:={namespace}' in words
    assert words[words.index('--params-file') + 1] == str(params_file)


@pytest.mark.parametrize(('arguments', 'required'), [
    ([], {'guard.required': True}),
    (['guard_required:=false'], {'guard.required': False}),
])
def test_the_guard_gets_what_the_bridge_gets(
        prefix: Path, params_file: Path, arguments: list[str], required: dict[str, Any]) -> None:
    """All but the name, which it takes by itself; and it ends with the bridge."""
    words, files = recorded(
        prefix, f'params_file:={params_file}', 'namespace:=robot1', *arguments,
        executable='guard')
    assert '__ns:=/robot1' in words
    assert not any(word.startswith('__node') for word in words)
    assert merged(files[:1]) == {'token': '0815', 'names': []}
    assert merged(files[1:]) == required


def test_without_a_guard_only_the_bridge_is_started(prefix: Path, params_file: Path) -> None:
    recorded(prefix, f'params_file:={params_file}', 'guard:=false')
    assert [name for name, _, _ in starts(prefix.parent / 'record.jsonl')] == ['bridge']


@pytest.mark.parametrize(
    'argument', ['port:=http', 'use_sim_time:=maybe', 'respawn:=2', 'guard:=no'])
def test_bad_argument_is_named(prefix: Path, params_file: Path, argument: str) -> None:
    install(prefix, 'raise SystemExit("started in spite of it")')
    process = launch(f'params_file:={params_file}', argument)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f'launch argument {argument.split(":=")[0]} is' in output
    assert 'started in spite' not in output


def test_a_missing_parameter_file_is_named(prefix: Path, tmp_path: Path) -> None:
    install(prefix, 'raise SystemExit("started in spite of it")')
    process = launch(f'params_file:={tmp_path / "absent.yaml"}')
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert 'launch argument params_file is' in output and 'absent.yaml' in output
    assert 'started in spite' not in output


def test_respawn_starts_it_again(prefix: Path, params_file: Path) -> None:
    record = prefix.parent / 'record.jsonl'
    install(prefix, RECORDER.format(record=str(record), wait=True))
    process = launch(f'params_file:={params_file}', 'respawn:=true', 'respawn_delay:=0.1')
    try:
        wait_until(lambda: sum(name == 'bridge' for name, _, _ in starts(record)) >= 2, process)
    finally:
        press_ctrl_c(process)
    assert sum(name == 'guard' for name, _, _ in starts(record)) == 1, 'it covers the gap'


MISTAKEN = """
import sys, time
from pathlib import Path
name = sys.argv[0].rpartition('/')[2]
with open({record!r}, 'a') as record:
    print('["%s"]' % name, file=record)
if name == 'guard':
    sys.exit(2)
# Long enough for several respawns of the guard, 0.5 s apart.
time.sleep(3.0)
sys.exit(2)
"""


@pytest.mark.parametrize('respawn', ['false', 'true'])
def test_a_process_with_wrong_parameters_is_not_started_again(
        prefix: Path, params_file: Path, respawn: str) -> None:
    """It ends with status 2, and would report the same again; launch ends by itself."""
    record = prefix.parent / 'record.jsonl'
    install(prefix, MISTAKEN.format(record=str(record)))
    process = launch(f'params_file:={params_file}', f'respawn:={respawn}')
    output, _ = process.communicate(timeout=60)
    started = [json.loads(line)[0] for line in record.read_text(encoding='utf-8').splitlines()]
    assert sorted(started) == ['bridge', 'guard'], output


def test_a_mistake_in_a_file_of_a_namespace_names_that_file(
        prefix: Path, params_file: Path) -> None:
    """Not of the copy that was made for the namespace."""
    params_file.write_text('viam_session_bridge:\n  ros__parameters:\n    token: "0815"\n',
                           encoding='utf-8')
    install(prefix, PROGRAM)
    process = launch(f'params_file:={params_file}', 'namespace:=robot1')
    output, _ = process.communicate(timeout=60)
    assert f'The parameters are wrong; parameter file: {params_file}' in output, output
    assert output.count("unknown parameter 'token'; did you mean") == 2, 'of bridge and guard'
    assert 'Traceback' not in output


def test_bridge_starts_with_the_shipped_parameters_and_stops_cleanly(prefix: Path) -> None:
    """The real ones: they answer on the configured port, and end within 5 s."""
    install(prefix, PROGRAM)
    port = free_port()
    process = launch('host:=127.0.0.1', f'port:={port}')
    try:
        wait_until(lambda: listens(port) and guards(prefix) == 1, process)
    finally:
        output = press_ctrl_c(process)
    assert output.count('process has finished cleanly') == 2, output
    assert 'SIGTERM' not in output, output


def test_two_robots_in_pushed_namespaces_serve_with_one_parameter_file(
        prefix: Path, tmp_path: Path) -> None:
    """The real ones; each guard reads the parameters of its own bridge."""
    install(prefix, PROGRAM)
    file = tmp_path / 'robot.yaml'
    file.write_text((linting.ROOT / 'config' / 'base.yaml').read_text(encoding='utf-8'))
    ports = [free_port(), free_port()]
    process = launch(
        'pushed:=robot1', f'port:={ports[0]}', f'params_file:={file}', '--',
        'pushed:=robot2', f'port:={ports[1]}', f'params_file:={file}')
    try:
        wait_until(lambda: all(map(listens, ports)) and guards(prefix) == 2, process)
    finally:
        output = press_ctrl_c(process)
    for number, port in enumerate(ports, start=1):
        lines = [line for line in output.splitlines() if f'[robot{number}.viam_session' in line]
        assert any(f':{port}' in line and 'serving base' in line for line in lines), output


def wait_until(condition: Any, process: subprocess.Popen[str], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline, f'not within {seconds} s'
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def guards(prefix: Path) -> int:
    """Return how many guards launch's own log shows at work."""
    return sum(path.read_text(encoding='utf-8', errors='replace').count('guarding base')
               for path in (prefix.parent / 'log').rglob('launch.log'))


# The claims of ports, which other test processes respect until this one ends.
_claimed: list[socket.socket] = []


def free_port() -> int:
    """Return a port that no client and no port 0 gets, and that no other test process has got."""
    text = Path('/proc/sys/net/ipv4/ip_local_port_range').read_text(encoding='ascii')
    lowest = int(text.split()[0])
    for port in range(lowest - 1 if lowest > 10000 else 32767, 1024, -1):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f'\0viam_session_bridge.test.port.{port}')
            with socket.create_server(('127.0.0.1', port)):
                pass
        except OSError:
            claim.close()
            continue
        _claimed.append(claim)
        return port
    raise AssertionError('every port below the ephemeral ones is taken')
