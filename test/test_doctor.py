# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What `doctor` finds: mistakes are seeded into files and data, and the advice is checked.

Those that need a graph are in test/ros/test_doctor.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
import json
import math
from pathlib import Path
import socket
from typing import Any

import pytest
from rclpy.duration import Infinite
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from viam_session_bridge.cli import doctor, keys
from viam_session_bridge.cli.doctor_checks import (
    Arrival,
    clock_findings,
    command_findings,
    commanded,
    direction_findings,
    feedback_findings,
    Finding,
    headroom_findings,
    hold_findings,
    odometry_findings,
    peer_findings,
    Peers,
    port_findings,
    relay_findings,
    service_findings,
    steps,
    timing_findings,
    Wire,
)
from viam_session_bridge.core.events import Echo, Identity, Pulse
from viam_session_bridge.core.stop import BaseSample, RestSettings

GOOD = """\
/**:
  ros__parameters:
    resources: [base]
    base:
      api: base
      driver: twist
      topic: cmd_vel
      receiver_timeout: 0.5
      max_linear_speed: 0.3
      odometry_topic: odom
    grpc: {port: 0}
    guard: {key_file: KEY}
"""


def only(findings: Iterator[Finding]) -> Finding:
    """Return the one finding."""
    [found] = findings
    return found


# ---- the parameter file and what it names ----


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run the command on the good file with a change; returns its status and its JSON."""
    def run(old: str = 'nothing is', new: str = 'changed', *arguments: str,
            ) -> tuple[int, dict[str, Any]]:
        file = tmp_path / 'robot.yaml'
        file.write_text(GOOD.replace('KEY', str(tmp_path / 'guard.key')).replace(old, new))
        status = doctor.main([str(file), '--offline', '--json', *arguments])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return status, found
    return run


def found_at(result: tuple[int, dict[str, Any]], parameter: str, line: int) -> dict[str, Any]:
    """Return the one finding of a run, which must be of this parameter and line."""
    status, report = result
    [found] = report['findings']
    assert (status, found['parameter'], found['line']) == (1, parameter, line), found
    return dict(found)


def test_a_good_file_has_no_findings_and_status_0(run: Callable[..., Any]) -> None:
    status, report = run()
    assert (status, report['findings']) == (0, [])


def test_a_file_that_does_not_exist_cannot_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(['absent.yaml', '--offline']) == 2
    assert 'absent.yaml: cannot be read' in capsys.readouterr().err


def test_a_typo_in_a_parameter_is_found_with_the_name_that_is_meant(
        run: Callable[..., Any]) -> None:
    found = found_at(run('max_linear_speed', 'max_linear_sped'), 'base.max_linear_sped', 9)
    assert found['change'] == "rename it: 'base.max_linear_speed'"


def test_a_file_is_read_as_the_launch_file_starts_it_unless_it_says_otherwise(
        run: Callable[..., Any]) -> None:
    """A receiver without a known timeout needs a guard, which the launch file starts."""
    assert run('      receiver_timeout: 0.5\n', '')[0] == 0
    status, report = run('guard: {', 'guard: {required: false, ')
    assert status == 0
    status, report = run('receiver_timeout: 0.5\n', 'receiver_timeout: 0.0\n',
                         '--ros-args', '-p', 'guard.required:=false')
    assert status == 1 and report['findings'][0]['parameter'] == 'base.receiver_timeout'


def test_all_mistakes_are_found_at_once(run: Callable[..., Any]) -> None:
    status, report = run('driver: twist\n      topic: cmd_vel', 'driver: twits\n      topik: cmd')
    assert status == 1
    assert {one['parameter'] for one in report['findings']} >= {'base.driver', 'base.topik'}


def test_a_key_that_misses_the_namespace_of_the_node_is_found(run: Callable[..., Any]) -> None:
    found = found_at(
        run('/**', 'viam_session_bridge', '--namespace', '/robot1'), 'resources', 3)
    assert "'/robot1/viam_session_bridge' (or '/**'" in found['change']


def test_a_file_that_is_not_yaml_is_found(run: Callable[..., Any]) -> None:
    status, report = run('      api', '\tapi')
    assert status == 1 and 'is not YAML' in report['findings'][0]['what']


def test_a_port_in_use_is_found_with_the_process(run: Callable[..., Any]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        found = found_at(run('port: 0', f'port: {port}'), 'grpc.port', 11)
    assert f'port {port} is in use by process ' in found['what']
    assert f'grpc.port: {port + 1}' in found['change']


def test_the_port_of_the_bridge_that_is_checked_is_in_order() -> None:
    assert not list(port_findings('::1', 8080, 'in use', "process 12 ('bridge')", bridge=12))
    assert list(port_findings('::1', 8080, 'in use', "process 121 ('bridge')", bridge=12))


def _certificate(folder: Path, not_after: datetime) -> str:
    """Make a certificate; returns the parameters that name it."""
    trustme = pytest.importorskip('trustme', reason='trustme is not installed')
    pytest.importorskip('cryptography', reason='cryptography is not installed: no TLS')
    made = trustme.CA().issue_cert('localhost', not_after=not_after)
    certificate, key = folder / 'server.pem', folder / 'server.key'
    key.write_bytes(made.private_key_pem.bytes())
    key.chmod(0o600)
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    return f'port: 0, tls_certificate_file: {certificate}, tls_key_file: {key}'


def test_an_expired_certificate_is_found(run: Callable[..., Any], tmp_path: Path) -> None:
    found = found_at(run('port: 0', _certificate(tmp_path, datetime(2020, 1, 2))),
                     'grpc.tls_certificate_file', 11)
    assert 'expired at 2020-01-02' in found['what'] and 'valid now' in found['change']


def test_a_certificate_that_expires_soon_is_found(
        run: Callable[..., Any], tmp_path: Path) -> None:
    soon = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=9.5)
    found = found_at(run('port: 0', _certificate(tmp_path, soon)),
                     'grpc.tls_certificate_file', 11)
    assert 'expires in 9.' in found['what'] and 'a new certificate' in found['change']


def test_a_private_key_that_everybody_may_read_is_found(
        run: Callable[..., Any], tmp_path: Path) -> None:
    later = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=365)
    parameters = _certificate(tmp_path, later)
    (tmp_path / 'server.key').chmod(0o644)
    found = found_at(run('port: 0', parameters), 'grpc.tls_key_file', 11)
    assert found['change'] == f'chmod o= {tmp_path / "server.key"}'


def test_a_key_file_with_a_wrong_mode_is_found(
        run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'keys.json'
    assert keys.main(['--file', str(path), 'create', 'laptop']) == 0
    capsys.readouterr()
    good = ('guard: {', f'auth: {{key_file: {path}}}\n    guard: {{')
    assert run(*good)[1]['findings'] == []
    path.chmod(0o644)
    found = found_at(run(*good), 'auth.key_file', 12)
    assert '0644' in found['what'] and found['change'].startswith(f'chmod 600 {path}')
    path.unlink()
    found = found_at(run(*good), 'auth.key_file', 12)
    assert f'keys --file {path} create NAME' in found['change']


def test_a_guard_key_that_others_may_read_is_found_and_a_missing_one_is_not_made(
        run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / 'guard.key'
    run()
    assert not path.exists()
    path.write_text('00' * 32)
    path.chmod(0o640)
    found = found_at(run(), 'guard.key_file', 12)
    assert 'mode 0640' in found['what'] and 'chmod 600' in found['change']


def test_the_text_names_file_line_reason_and_change(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / 'robot.yaml'
    file.write_text(GOOD.replace('0.3', '300.0'))
    assert doctor.main([str(file), '--offline']) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'1. {file}:9  base.max_linear_speed'
    assert [line.split()[0] for line in lines[1:4]] == ['found', 'why', 'change']
    assert lines[-1] == '1 finding'


# ---- the graph ----

TWIST, STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'
COMMAND = Wire('base.topic', '/cmd_vel', TWIST)
FEEDBACK = Wire('base.odometry_topic', '/odom', 'nav_msgs/msg/Odometry',
                QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT), 0.5)


def endpoint(name: str = 'driver', kind: str = TWIST, **qos: Any) -> TopicEndpointInfo:
    """Return an endpoint as the graph shows it."""
    return TopicEndpointInfo(
        node_name=name, node_namespace='/', topic_type=kind, qos_profile=QoSProfile(
            **{'depth': 1, 'reliability': ReliabilityPolicy.RELIABLE,
               'durability': DurabilityPolicy.VOLATILE, 'deadline': Infinite,
               'liveliness_lease_duration': Infinite, **qos}))


def test_a_driver_that_subscribes_is_in_order() -> None:
    assert not list(command_findings(COMMAND, [endpoint()], [], []))
    reader = endpoint(reliability=ReliabilityPolicy.BEST_EFFORT)
    assert not list(command_findings(COMMAND, [reader], [], [], '/', '/driver'))


def test_a_topic_without_a_subscriber_is_found() -> None:
    found = only(command_findings(COMMAND, [], [], []))
    assert found.parameter == 'base.topic' and '/cmd_vel has no subscriber' in found.what
    assert found.change.startswith('start the driver')


def test_a_wrong_topic_is_found_with_the_one_that_is_meant() -> None:
    found = only(command_findings(COMMAND, [], [], ['/base/cmd_vel_in', '/other']))
    assert found.change == 'base.topic: /base/cmd_vel_in'


def test_a_missing_namespace_is_found_with_the_one_of_the_driver() -> None:
    found = only(command_findings(COMMAND, [], [], ['/robot1/cmd_vel']))
    assert 'in the namespace /robot1 ' in found.change
    assert 'base.topic: /robot1/cmd_vel' in found.change


def test_a_wrong_type_is_found_with_the_driver_that_publishes_it() -> None:
    found = only(command_findings(COMMAND, [endpoint(kind=STAMPED)], [], []))
    assert found.change == 'base.driver: twist_stamped'
    number = Wire('fan.topic', '/fan', 'std_msgs/msg/Float64')
    found = only(command_findings(number, [endpoint(kind='std_msgs/msg/Int16')], [], []))
    assert found.change == 'fan.message: int16'


def test_a_qos_that_does_not_match_is_found_with_the_policy() -> None:
    latched = endpoint(durability=DurabilityPolicy.TRANSIENT_LOCAL)
    found = only(command_findings(COMMAND, [latched], [], []))
    assert 'QoS of /driver' in found.what and 'durability VOLATILE' in found.change


def test_another_node_than_the_driver_is_found() -> None:
    found = only(command_findings(COMMAND, [endpoint('echo')], [], [], '/', '/driver'))
    assert found.parameter == found.change.partition(':')[0] == 'base.driver_node'


def test_a_second_publisher_is_found_with_its_name() -> None:
    found = only(command_findings(COMMAND, [endpoint()], [endpoint('joystick')], []))
    assert 'also published by /joystick' in found.what and 'twist_mux' in found.change


def test_feedback_without_a_publisher_of_its_type_is_found() -> None:
    found = only(feedback_findings(FEEDBACK, [], ['/wheels/odom']))
    assert 'base.odometry_topic: /wheels/odom' in found.change
    found = only(feedback_findings(FEEDBACK, [endpoint('slam', 'nav_msgs/msg/Path')], []))
    assert '/slam publishes /odom as nav_msgs/msg/Path' in found.what
    assert not list(feedback_findings(FEEDBACK, [endpoint('sim', FEEDBACK.kind)], []))


def test_feedback_whose_qos_does_not_match_is_found() -> None:
    latched = replace(FEEDBACK, qos=QoSProfile(
        depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    found = only(feedback_findings(latched, [endpoint('sim', FEEDBACK.kind)], []))
    assert 'QoS of /sim' in found.what and 'TRANSIENT_LOCAL' in found.change


def test_an_action_server_that_cannot_be_reached_is_found_with_the_one_that_can() -> None:
    wire = Wire('base.nav.action', '/navigate', 'action_msgs/srv/CancelGoal')
    found = only(service_findings(wire, [], ['/navigate_to_pose']))
    assert found.what == 'no node offers the action /navigate'
    assert found.change == 'base.nav.action: /navigate_to_pose'
    assert not list(service_findings(wire, [wire.kind], []))


def test_a_relay_that_drops_stamps_is_found_with_the_stamp_to_set() -> None:
    wire = Wire('base.topic', '/cmd_vel', STAMPED)
    found = only(relay_findings(wire, 'zero', '/velocity_smoother (on /cmd_vel)', []))
    assert found.change == 'base.stamp: now' and '/velocity_smoother' in found.what
    found = only(relay_findings(wire, 'now', '', ['/unstamper']))
    assert '/unstamper' in found.what and 'stamps are dropped' in found.what
    assert not list(relay_findings(wire, 'now', '/velocity_smoother', []))


def test_a_hold_that_ends_before_the_timeout_of_a_mux_is_found() -> None:
    found = only(hold_findings(COMMAND, 1.0, {'/twist_mux': 2.0}))
    assert found.change == 'base.stop_hold: 2.5'
    assert not list(hold_findings(COMMAND, 1.0, {'/twist_mux': 0.5}))


# ---- rate, age, clock, CPU ----


def arrivals(period: float, count: int, age: float = 0.01) -> list[Arrival]:
    return [Arrival(at, 100.0 + at - age, age) for at in (one * period for one in range(count))]


def test_fresh_feedback_is_in_order() -> None:
    assert not list(timing_findings(FEEDBACK, arrivals(0.05, 100), 5.0))


def test_stale_odometry_is_found_with_its_age() -> None:
    found = only(timing_findings(FEEDBACK, arrivals(0.05, 100, age=2.0), 5.0))
    assert 'are 2 s old' in found.what and 'stamp' in found.change


def test_odometry_from_the_future_is_found() -> None:
    found = only(timing_findings(FEEDBACK, arrivals(0.05, 100, age=-2.0), 5.0))
    assert '2 s in the future' in found.what and 'synchronized' in found.change


def test_slow_odometry_is_found_with_the_rate_that_is_needed() -> None:
    found = only(timing_findings(FEEDBACK, arrivals(1.0, 5), 5.0))
    assert '(1 Hz)' in found.what and 'base.feedback_timeout is 0.5 s' in found.what
    assert 'at least 6 Hz' in found.change and 'base.feedback_timeout: 3' in found.change


def test_silent_odometry_is_found() -> None:
    found = only(timing_findings(FEEDBACK, [], 5.0))
    assert 'nothing arrived on /odom for 5 s' in found.what


def test_a_pause_of_odometry_is_found_unless_this_machine_stood_still() -> None:
    early = arrivals(0.05, 20)
    late = [one._replace(at=one.at + 2.0, stamp=(one.stamp or 0.0) + 2.0) for one in early]
    found = only(timing_findings(FEEDBACK, early + late, 5.0))
    assert 'once none arrived for' in found.what
    assert not list(timing_findings(FEEDBACK, early + late, 5.0, stall=1.9))


def test_a_stamp_that_does_not_change_is_found() -> None:
    frozen = [one._replace(stamp=7.0) for one in arrivals(0.05, 20)]
    assert 'does not change: 7.000' in only(timing_findings(FEEDBACK, frozen, 5.0)).what


def test_simulated_time_without_a_clock_is_found() -> None:
    assert only(clock_findings(True, 0)).change.startswith('use_sim_time: false')
    assert not list(clock_findings(True, 1)) and not list(clock_findings(False, 0))


def test_a_machine_that_wakes_too_late_for_the_guard_is_found_with_a_patience() -> None:
    found = only(headroom_findings(0.2, 0.25, 5.0))
    assert '200 ms late' in found.what and 'guard.patience: 0.8' in found.change
    assert not list(headroom_findings(0.05, 0.25, 5.0))


# ---- bridge and guard ----

PULSE = Pulse(Identity('one', configuration='abc'), 1)
ECHO = Echo('guard', 'one', 1, 'abc')


def test_a_bridge_with_its_guard_is_in_order() -> None:
    assert not list(peer_findings(Peers([PULSE], [ECHO], 0, 1), 'abc', True, 'start it'))
    assert not list(peer_findings(Peers(), 'abc', True, 'start it'))


def test_a_missing_guard_is_found_with_what_to_start() -> None:
    found = only(peer_findings(Peers([PULSE]), 'abc', True, 'ros2 run ... guard'))
    assert 'no guard runs' in found.what and found.change == 'ros2 run ... guard'


def test_a_guard_with_another_file_is_found() -> None:
    peers = Peers([PULSE], [replace(ECHO, configuration='xyz')], 0, 1)
    found = only(peer_findings(peers, 'abc', True, 'ros2 run ... guard'))
    assert 'the guard has the configuration xyz, the bridge abc' in found.what
    assert 'ros2 run ... guard' in found.change


def test_a_bridge_with_another_file_is_found() -> None:
    found = only(peer_findings(Peers([PULSE], [ECHO], 0, 1), 'new', True, ''))
    assert 'the bridge that runs has the configuration abc' in found.what


def test_another_key_of_bridge_and_guard_is_found() -> None:
    found = only(peer_findings(Peers(unverified=3, guards=1), 'abc', True, ''))
    assert found.parameter == 'guard.key_file'


def test_a_guard_that_does_not_reach_a_driver_is_found() -> None:
    peers = Peers([PULSE], [replace(ECHO, unreached=('base',))], 0, 1)
    assert 'reaches no driver of base' in only(peer_findings(peers, 'abc', True, '')).what


# ---- does the robot measure what it does? ----

SETTINGS = RestSettings()


def drive(spoil: Callable[[BaseSample], BaseSample] = lambda sample: sample,
          speed: float = 0.3, turn: float = 0.5) -> list[tuple[float, BaseSample]]:
    """Return what odometry says on a circle of 5 s, as it is or spoilt."""
    x = y = yaw = 0.0
    samples = []
    for tick in range(100):
        samples.append((tick * 0.05, spoil(BaseSample(
            x=x, y=y, yaw=yaw, linear=(speed, 0.0, 0.0), angular=(0.0, 0.0, turn)))))
        x += speed * 0.05 * math.cos(yaw + turn * 0.025)
        y += speed * 0.05 * math.sin(yaw + turn * 0.025)
        yaw = math.remainder(yaw + turn * 0.05, math.tau)
    return samples


def odometry(spoil: Callable[[BaseSample], BaseSample] = lambda sample: sample,
             **motion: float) -> Iterator[Finding]:
    return odometry_findings(
        'base.odometry_topic', '/odom', steps(drive(spoil, **motion), SETTINGS))


@pytest.mark.parametrize('motion', [
    {}, {'speed': -0.3}, {'turn': 0.0}, {'speed': 0.0}, {'speed': 0.0, 'turn': 0.0},
    {'turn': -2.0}])
def test_odometry_that_agrees_with_itself_is_in_order(motion: dict[str, float]) -> None:
    assert not list(odometry(**motion))


def test_a_frozen_pose_is_found() -> None:
    found = only(odometry(lambda sample: replace(sample, x=1.0, y=2.0, yaw=0.5)))
    assert 'the pose on /odom is frozen' in found.what
    assert 'base.velocity_topic' in found.change


def test_a_zero_twist_is_found() -> None:
    found = only(odometry(
        lambda sample: replace(sample, linear=(0.0,) * 3, angular=(0.0,) * 3)))
    assert 'the twist on /odom is zero' in found.what
    assert 'base.rest_by: positions' in found.change


def test_a_reversed_sign_of_the_twist_is_found() -> None:
    found = only(odometry(lambda sample: replace(sample, linear=(-0.3, 0.0, 0.0))))
    assert 'reversed sign' in found.what and 'linear.x positive forwards' in found.change
    found = only(odometry(lambda sample: replace(sample, angular=(0.0, 0.0, -0.5))))
    assert 'turns against its pose' in found.what and 'counterclockwise' in found.change


def test_swapped_axes_of_the_twist_are_found() -> None:
    found = only(odometry(lambda sample: replace(sample, linear=(0.0, 0.3, 0.0))))
    assert 'swapped' in found.what and 'x forwards' in found.change


def test_a_twist_in_another_unit_is_found() -> None:
    found = only(odometry(lambda sample: replace(sample, linear=(300.0, 0.0, 0.0))))
    assert 'frozen' in found.what or 'factor' in found.what
    found = only(odometry(lambda sample: replace(sample, linear=(0.15, 0.0, 0.0))))
    assert 'factor of 2' in found.what


def test_a_jump_of_the_pose_is_no_motion() -> None:
    samples = drive(speed=0.0, turn=0.0)
    samples[50:] = [(at, replace(sample, x=30.0)) for at, sample in samples[50:]]
    settings = replace(SETTINGS, fastest_linear=0.3, fastest_angular=1.0)
    assert not any(any(one.moved) for one in steps(samples, settings))


def directed(command: str, spoil: Callable[[BaseSample], BaseSample] = lambda sample: sample,
             ) -> Iterator[Finding]:
    """Compare the circle with a command, as diagnostics show it once per second."""
    values = {'state': 'moving', 'last command': f'2026-01-01T00:00:00 SetVelocity {command}'}
    return direction_findings(
        'base.odometry_topic', '/odom', [commanded(at + 0.5, values) for at in range(5)],
        steps(drive(spoil), SETTINGS))


CIRCLE = 'linear (0.3, 0, 0) m/s, angular (0, 0, 0.5) rad/s'


def test_a_robot_that_follows_its_commands_is_in_order() -> None:
    assert not list(directed(CIRCLE))
    assert not list(directed('something that cannot be read'))


def test_a_robot_that_moves_against_its_commands_is_found() -> None:
    found = list(directed('linear (-0.3, 0, 0) m/s, angular (0, 0, -0.5) rad/s'))
    assert ['moves against' in found[0].what, 'turns against' in found[1].what] == [True, True]
    assert 'REP 103' in found[0].change


def test_a_robot_that_moves_across_its_commands_is_found() -> None:
    found = only(directed('linear (0, 0.3, 0) m/s, angular (0, 0, 0.5) rad/s'))
    assert 'swapped axes' in found.what and 'y to the left' in found.change


def test_what_was_not_commanded_all_the_time_is_not_compared() -> None:
    still = {'state': 'idle', 'last command': 'linear (-0.3, 0, 0) m/s, angular (0, 0, 0) rad/s'}
    commands = [commanded(float(at), still) for at in range(5)]
    assert not list(direction_findings(
        'base.odometry_topic', '/odom', commands, steps(drive(), SETTINGS)))
