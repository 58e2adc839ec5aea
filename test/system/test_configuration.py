# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a whole process; test/parameters/test_parameters.py has the details."""

import os
from pathlib import Path
import signal
import socket
import time
from typing import Any

import grpc
import pytest

from host import took
from observer import Observer
from processes import base, Bridge, Driver, MARGIN, Program, Programs, settings, wait_until


def refused(programs: Programs, parameters: dict[str, Any], **options: Any) -> list[str]:
    """Start a bridge that must end with status 2; returns what it wrote."""
    bridge = programs.bridge(parameters, ready=False, **options)
    assert bridge.ended() == 2, bridge.text
    assert 'Traceback' not in bridge.text
    return bridge.log


def test_all_mistakes_are_reported_at_once(programs: Programs) -> None:
    """Range, unknown name with the nearest known one, missing topic, and a wrong type."""
    log = refused(programs, {
        'resources': ['base'],
        'base': {'driver': 'twist', 'max_linear_sped': 0.2, 'receiver_timeout': 0.5},
        'sessions': {'heartbeat_window': 61.0},
        'grpc': {'port': 'http'},
    })
    for name, *parts in (
            ('base.max_linear_sped', 'base.max_linear_speed'),
            ('base.topic',),
            ('sessions.heartbeat_window', '61', '60'),
            ('grpc.port', 'http')):
        lines = [line for line in log if line.startswith('- ') and name in line]
        assert lines and all(part in lines[0] for part in parts), (name, log)


def test_a_file_that_is_not_yaml_is_named(programs: Programs, tmp_path: Path) -> None:
    """No lines of C files, no traceback: the file, the place and what is wrong there."""
    broken = tmp_path / 'broken.yaml'
    broken.write_text('viam_session_bridge: {ros__parameters: [')
    log = refused(programs, settings(), arguments=['--params-file', str(broken)])
    assert any('broken.yaml' in line and 'not YAML' in line for line in log)


def test_mistakes_are_listed_below_the_name_of_their_file_with_a_suggestion(
        programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / 'robot.yaml'
    file.write_text('viam_session_bridge:\n  ros__parameters:\n    resources: [base]\n'
                    '    base: {driver: twist, topic: cmd_vel, receiver_timeout: 0.5,\n'
                    '           max_liner_speed: 0.2}\n')
    bridge = programs.add(Program(
        '-m', 'viam_session_bridge.bridge', '--ros-args', '--params-file', str(file)),
        ready=False)
    assert bridge.ended() == 2
    assert bridge.log == [
        f'The parameters are wrong; parameter file: {file}:',
        "- unknown parameter 'base.max_liner_speed'; did you mean 'base.max_linear_speed'?"]


def test_a_file_for_another_node_is_no_configuration(programs: Programs, tmp_path: Path) -> None:
    """ROS ignores such a file silently; the bridge then has nothing to serve."""
    file = tmp_path / 'other.yaml'
    file.write_text('viam_bridge:\n  ros__parameters:\n    resources: [base]\n')
    log = refused(programs, {'use_sim_time': False}, arguments=['--params-file', str(file)])
    assert any('resources' in line for line in log)


def test_beyond_loopback_needs_consent(programs: Programs) -> None:
    """Without authentication, any host on the network could control the robot."""
    log = refused(programs, settings(grpc={'host': '0.0.0.0'}))
    assert any('grpc.host' in line and 'grpc.allow_anonymous' in line for line in log)


def test_with_a_key_file_that_is_missing_no_client_can_log_in(
        programs: Programs, tmp_path: Path) -> None:
    """The bridge runs: the first key may be created later."""
    bridge = programs.bridge(settings(auth={'key_file': str(tmp_path / 'keys.json')}))
    bridge.wait_logged(
        'auth.key_file: .*keys.json: there is no such key file.*no client can log in')
    with grpc.insecure_channel(bridge.address) as channel:
        call = channel.unary_unary('/viam.robot.v1.RobotService/StopAll')
        with pytest.raises(grpc.RpcError) as refused:
            call(b'', timeout=10.0)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_two_bases_on_one_topic_are_refused(programs: Programs) -> None:
    """Also where only the namespace makes the names the same."""
    log = refused(programs, settings(
        {'one': base('cmd_vel'), 'two': base('/robot/cmd_vel')}), namespace='/robot')
    assert any('/robot/cmd_vel' in line and 'one' in line and 'two' in line for line in log)


def test_a_certificate_that_cannot_be_read_is_named(programs: Programs) -> None:
    """The bridge does not fall back to plain text."""
    bridge = programs.bridge(settings(grpc={
        'tls_certificate_file': '/nowhere/server.pem', 'tls_key_file': '/nowhere/server.key'}),
        ready=False)
    assert bridge.ended() == 1
    assert any("grpc.tls_certificate_file: found '/nowhere/server.pem'" in line
               and 'cannot be read' in line for line in bridge.log), bridge.text
    assert 'Traceback' not in bridge.text


def test_a_port_in_use_is_named(programs: Programs) -> None:
    """Two bridges must never share a port: half of the commands would go to either."""
    with socket.create_server(('127.0.0.1', 0)) as holder:
        port = holder.getsockname()[1]
        bridge = programs.bridge(settings(port=port), ready=False)
        assert bridge.ended() == 1
    [line] = [line for line in bridge.log if f':{port}' in line]
    assert 'grpc.port' in line and f'the port is in use by process {os.getpid()} (' in line
    assert 'Traceback' not in bridge.text


def test_a_second_bridge_on_the_port_of_the_first_ends(programs: Programs) -> None:
    """The same, with gRPC's own listening socket, which could be shared (SO_REUSEPORT)."""
    first = programs.bridge()
    second = programs.bridge(settings(port=first.port), ready=False)
    assert second.ended() == 1
    assert any('grpc.port' in line and str(first.port) in line for line in second.log)
    assert programs.client(first.address).do('is_moving', base='base') is False


# ---- a running bridge ---------------------------------------------------------------------------


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings(
        {'base': base(max_linear_speed=0.5)}, use_sim_time=True,
        run_time={'allow_less_safe': True}))


@pytest.fixture(scope='module')
def driver(shared: Programs, bridge: Bridge) -> Driver:
    driver = shared.driver(bridge.topic())
    bridge.wait_drivers()
    return driver


def test_a_receiver_timeout_that_is_not_set_is_hinted_at_once(bridge: Bridge) -> None:
    """Exactly one line for each resource, before it serves."""
    hints = [line for line in bridge.log if 'base.receiver_timeout is not set' in line]
    assert len(hints) == 1 and 'deep queue' in hints[0], bridge.text


def test_the_port_can_be_asked_for(bridge: Bridge, observer: Observer) -> None:
    """With port 0 the system chooses; grpc.actual_port has the number."""
    assert observer.get(bridge, 'grpc.actual_port') == bridge.port
    assert observer.get(bridge, 'grpc.port') == 0


def test_stops_are_on_time_when_ros_time_stands_still(
        programs: Programs, bridge: Bridge, driver: Driver, observer: Observer) -> None:
    """use_sim_time and no /clock: moves, motions without an owner and holds end on time."""
    client = programs.client(bridge.address)
    client.do('move_straight', base='base', distance=200, velocity=500.0)
    # Through another pipe than the answer, perhaps later; the stop is the last of it.
    driver.wait_zero(bridge.topic(), driver.wait_motion(bridge.topic(), 0.0).at)
    moves = [one for one in driver.heard() if not one.is_zero]
    assert moves[-1].at - moves[0].at >= 0.2
    assert took(moves[0].at, moves[-1].at) <= 0.4 + MARGIN
    driver.check_stop(bridge.topic(), moves[-1].at, 0.1)
    again = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), again)
    driver.check_stop(bridge.topic(), client.kill(), 0.0)
    observer.wait_status('base', 0, time.monotonic())


def test_a_limit_can_be_changed_at_run_time(
        programs: Programs, bridge: Bridge, driver: Driver, observer: Observer) -> None:
    """The next command is clamped to the new limit."""
    client = programs.client(bridge.address)
    assert observer.set(bridge, 'base.max_linear_speed', 0.1) == (True, '')
    began = time.monotonic()
    client.do('set_velocity', base='base', linear=5000.0)
    assert driver.wait_motion(bridge.topic(), began).linear == (0.1, 0.0, 0.0)
    assert observer.set(bridge, 'base.max_linear_speed', 0.5)[0]
    client.do('set_power', base='base', linear=0.5)
    wait_until(lambda: driver.heard()[-1].linear == (0.25, 0.0, 0.0), 'half of the new limit')
    client.do('stop', base='base')


@pytest.mark.parametrize(('name', 'value', 'reason'), [
    ('base.topic', 'elsewhere', 'read'),
    ('grpc.port', 9000, 'read'),
    ('base.max_linear_speed', 50.0, '20'),
    ('base.max_linear_sped', 0.1, ''),
])
def test_other_changes_are_refused_with_a_reason(
        bridge: Bridge, observer: Observer, name: str, value: Any, reason: str) -> None:
    """Read-only, out of range, unknown; the value stays."""
    changed, said = observer.set(bridge, name, value)
    assert not changed
    assert said and reason in said


def test_a_shorter_window_counts_for_new_sessions(
        programs: Programs, bridge: Bridge, driver: Driver, observer: Observer) -> None:
    """sessions.* may change: a frozen client that came later is stopped after the new window."""
    assert observer.set(bridge, 'sessions.heartbeat_window', 4.0)[0]
    client = programs.client(bridge.address)
    began = time.monotonic()
    client.do('set_power', base='base', linear=1.0)
    driver.wait_motion(bridge.topic(), began)
    frozen = client.freeze()
    stopped = driver.wait_zero(bridge.topic(), frozen).at
    assert stopped - frozen >= 2.5
    assert took(frozen, stopped) <= 4.0 + MARGIN
    client.signal(signal.SIGCONT)
