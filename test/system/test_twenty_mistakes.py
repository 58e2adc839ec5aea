# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Typical mistakes of a user new to ROS or to Viam, and their error messages.

Each is made as a user makes it: with a parameter file, in the graph, or with the SDK. The answer
is one message that names what was found and what is accepted; never a traceback.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import re
import socket
import subprocess
import sys
from typing import Any, NamedTuple

from geometry_msgs.msg import Twist, TwistStamped
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile

from observer import spinning_node
import processes
from processes import base, Bridge, Client, new_namespace, Programs, settings

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
    grpc: {port: 0}
"""

# ---- mistakes in the parameter file -------------------------------------------------------------


class Mistake(NamedTuple):
    """What is replaced in the good file by what, and the words of the answer."""

    old: str
    new: str
    words: tuple[str, ...]
    arguments: tuple[str, ...] = ()


MISTAKES = {
    'a file without the key of the node': Mistake(
        GOOD, 'resources: [base]\nbase: {driver: twist, topic: cmd_vel}\n',
        ("'resources' is not under a key 'ros__parameters'", 'line 1', 'accepted')),
    'a tab in the file': Mistake(
        '      api', '\tapi', ('is not YAML', r"'\t'", 'line 5')),
    'a typo in the name of a parameter': Mistake(
        'max_linear_speed', 'max_linear_sped', ('base.max_linear_sped', 'base.max_linear_speed')),
    'a typo in the api': Mistake(
        'api: base', 'api: bse', ('base.api', "'bse'", 'accepted', "'base'", "'motor'")),
    'a typo in the driver': Mistake(
        'driver: twist', 'driver: twist_stampd',
        ('base.driver', "'twist_stampd'", 'accepted', "'twist_stamped'")),
    'a driver of a package that is not installed': Mistake(
        'driver: twist', 'driver: wheels',
        ('base.driver', "'wheels'", 'accepted', "'twist'", 'package')),
    'a node in a namespace with the plain name of the node as key': Mistake(
        '/**', 'viam_session_bridge',
        ('resources', "'/robot1/viam_session_bridge'", "'/**'"), ('-r', '__ns:=/robot1')),
    'a number in quotes': Mistake(
        '0.3', '"0.3"', ('base.max_linear_speed', "'0.3'", 'string', 'accepted', 'm/s')),
    'a number with a point where an integer is meant': Mistake(
        'port: 0', 'port: 8080.0', ('grpc.port', '8080.0', 'integer')),
    'millimetres where metres are meant': Mistake(
        '0.3', '300', ('base.max_linear_speed', '300', 'accepted', '20', 'm/s')),
    'a list without elements': Mistake(
        'api: base', 'stop_outputs: []', ('stop_outputs', 'empty list', 'line 5')),
    'a name where a list is meant': Mistake(
        '[base]', 'base', ('resources', "'base' (a string)", 'list of strings')),
    'a resource without a block': Mistake(
        '[base]', '[base, arm]', ('resources', "'arm'", 'arm.api', 'arm.driver')),
    'a resource without a topic': Mistake(
        '      topic: cmd_vel\n', '', ('base.topic', 'nothing', 'a ROS topic name')),
    'a robot without a command timeout and no guard': Mistake(
        'timeout: 0.5', 'timeout: 0.0',
        ('base.receiver_timeout', 'guard.required', 'base.accept_no_timeout')),
    'an address of the network': Mistake(
        'port: 0', 'host: 0.0.0.0', ('grpc.host', "'0.0.0.0'", 'grpc.allow_anonymous')),
    'a file that does not exist': Mistake(
        '', '', ('absent.yaml', 'cannot be read', 'No such file'),
        ('--params-file', 'absent.yaml')),
}


def start(folder: Path, number: int, mistake: Mistake) -> subprocess.CompletedProcess[str]:
    """Start a bridge with a mistake, as `ros2 run` does."""
    file = folder / f'{number}.yaml'
    file.write_text(GOOD.replace(mistake.old, mistake.new) if mistake.old else GOOD)
    return subprocess.run(
        [sys.executable, '-m', 'viam_session_bridge.bridge', '--ros-args', '--params-file',
         str(file), *mistake.arguments], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=processes.PATIENCE * 2)


@pytest.fixture(scope='module')
def answers(tmp_path_factory: pytest.TempPathFactory,
            ) -> Iterator[dict[str, subprocess.CompletedProcess[str]]]:
    """Return the answer to each mistake; two processes at a time."""
    folder = tmp_path_factory.mktemp('mistakes')
    with ThreadPoolExecutor(2) as pool:
        started = {name: pool.submit(start, folder, number, mistake)
                   for number, (name, mistake) in enumerate(MISTAKES.items())}
        yield {name: one.result() for name, one in started.items()}


# The first one waits for all starts.
@pytest.mark.timeout(600)
@pytest.mark.parametrize('name', MISTAKES)
def test_a_mistake_in_the_file_is_one_message_with_field_value_and_what_is_accepted(
        answers: dict[str, subprocess.CompletedProcess[str]], name: str) -> None:
    answer = answers[name]
    assert answer.returncode == 2, answer.stdout
    assert 'Traceback' not in answer.stdout and '.cpp' not in answer.stdout
    lines = [line for line in answer.stdout.splitlines() if line.strip()]
    said = [line for line in lines if all(word in line for word in MISTAKES[name].words)]
    assert len(said) == 1, answer.stdout
    # Besides, at most a line of rcl's own and one that names the file.
    assert len(lines) <= 3, answer.stdout


def test_a_port_in_use_is_one_message_with_the_parameter(programs: Programs) -> None:
    with socket.create_server(('127.0.0.1', 0)) as holder:
        port = holder.getsockname()[1]
        bridge = programs.bridge(settings(port=port), ready=False)
        assert bridge.ended() == 1
    assert 'Traceback' not in bridge.text
    assert any('grpc.port' in line and str(port) in line for line in bridge.log), bridge.text


# ---- mistakes in the graph ----------------------------------------------------------------------


class Robot(NamedTuple):
    """A bridge whose bases have a mistake each, and a client."""

    bridge: Bridge
    client: Client

    def refusal(self, **order: Any) -> str:
        """Return the text of a refusal."""
        answer = self.client.ask(**order)
        assert not answer['ok'], answer
        return f'{answer["code"]}: {answer["text"]}'


@pytest.fixture(scope='module')
def robot(shared: Programs) -> Iterator[Robot]:
    """Return a robot with one driver that works and three that do not."""
    bridge = shared.bridge(settings({
        'base': base(max_linear_speed=0.5), 'typo': base('cmd_vell'),
        'stamped': base('stamped/cmd_vel'), 'latched': base('latched/cmd_vel')}),
        namespace=new_namespace())
    with spinning_node('drivers') as node:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        kept = [
            node.create_subscription(Twist, bridge.topic(), lambda message: None, 10),
            node.create_subscription(
                TwistStamped, bridge.topic('stamped/cmd_vel'), lambda message: None, 10),
            node.create_subscription(
                Twist, bridge.topic('latched/cmd_vel'), lambda message: None, latched)]
        bridge.wait_drivers('base')
        for name in ('stamped', 'latched'):
            bridge.wait_logged(f'no stop path: {name}.* (/drivers|whose QoS)')
        yield Robot(bridge, shared.client(bridge.address))
        del kept


def drive(name: str) -> dict[str, Any]:
    return {'do': 'set_power', 'base': name, 'linear': 0.5}


def test_a_wrong_topic_is_named_with_the_type_that_is_expected(robot: Robot) -> None:
    said = robot.refusal(**drive('typo'))
    assert 'typo.topic' in said and robot.bridge.topic('cmd_vell') in said
    assert 'geometry_msgs/msg/Twist' in said and 'FAILED_PRECONDITION' in said


def test_a_driver_with_another_type_is_named_with_the_parameter_to_change(robot: Robot) -> None:
    said = robot.refusal(**drive('stamped'))
    assert 'stamped.driver' in said and 'twist_stamped' in said
    assert 'geometry_msgs/msg/TwistStamped' in said and '/drivers' in said


def test_a_driver_whose_qos_does_not_match_is_named_with_the_policy(robot: Robot) -> None:
    said = robot.refusal(**drive('latched'))
    assert 'latched.topic' in said and '/drivers' in said
    assert 'TRANSIENT_LOCAL' in said and 'VOLATILE' in said


def test_a_wrong_ros_domain_is_named(programs: Programs) -> None:
    """No node of another program is there, so ROS_DOMAIN_ID is the first thing to check."""
    domain = f'{int(os.environ["ROS_DOMAIN_ID"]) % 100 + 101}'
    bridge = programs.bridge(prefix=('env', f'ROS_DOMAIN_ID={domain}'))
    found = bridge.wait_logged(r'no stop path: base\.topic.*')
    assert f'ROS_DOMAIN_ID is {domain}' in found[0]


def test_a_missing_guard_is_named_with_what_to_start(programs: Programs) -> None:
    bridge = programs.bridge({
        **settings(patience=0.25), 'guard': {'required': True, 'patience': 0.25}})
    with spinning_node('drivers') as node:
        kept = node.create_subscription(Twist, bridge.topic(), lambda message: None, 10)
        bridge.wait_drivers()
        said = programs.client(bridge.address).ask(**drive('base'))
        del kept
    assert not said['ok'] and 'no guard answers' in said['text'], said
    assert 'beside the bridge' in said['text']


def test_a_second_bridge_names_the_first(programs: Programs, robot: Robot) -> None:
    second = programs.bridge(
        settings({'base': base(max_linear_speed=0.5)}), namespace=robot.bridge.namespace)
    second.wait_logged('another bridge')
    # Until its own discovery is done, it refuses for that reason.
    second.wait_logged('base: a driver is connected')
    client = programs.client(second.address)
    said = client.ask(**drive('base'))
    assert not said['ok'] and 'another bridge' in said['text'], said


# ---- mistakes in the program --------------------------------------------------------------------


def test_a_wrong_name_of_a_resource_is_answered_with_the_names_that_exist(robot: Robot) -> None:
    said = robot.refusal(**drive('bse'))
    assert "'bse'" in said and re.search(r'\bbase\b', said)


def test_metres_where_the_sdk_means_millimetres_are_answered_with_the_unit(robot: Robot) -> None:
    """A speed of 0.0002 is one of mm/s; the move would take more than an hour."""
    said = robot.refusal(do='move_straight', base='base', distance=1, velocity=0.0002)
    assert 'mm' in said, said


def test_a_command_without_a_session_where_one_is_required_is_answered_with_the_policy(
        programs: Programs) -> None:
    bridge = programs.bridge(settings(sessions={'unsupervised': 'reject'}))
    client = programs.client(bridge.address, sessions=False)
    said = client.ask(**drive('base'))
    assert not said['ok']
    assert 'sessions.unsupervised' in said['text'] and 'viam-sid' in said['text'], said
