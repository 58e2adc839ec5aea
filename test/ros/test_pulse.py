# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The transport of pulses and echoes, and the fingerprint that two processes compare."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import json
import math
from pathlib import Path
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest
import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from processes import wait_until
from viam_session_bridge.core.events import Echo, Identity, Outputs, Pulse
from viam_session_bridge.guard import bridge_node, make_node
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.parameters.outputs import CancelOutput, TriggerOutput
from viam_session_bridge.parameters.shared import BridgeConfig, GuardConfig
from viam_session_bridge.ros import pulse as pulse_module
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.parameters import ConfigurationError
from viam_session_bridge.ros.pulse import (
    BridgePort,
    decode_echo,
    decode_pulse,
    ECHO_TOPIC,
    encode_echo,
    encode_pulse,
    GuardPort,
    PULSE_TOPIC,
)
from viam_session_bridge.ros.signatures import Signer

NAMES = st.text(min_size=1, max_size=8)
IDENTITIES = st.builds(
    Identity, st.uuids().map(str), st.floats(0.0, 1e9), st.text(max_size=12),
    st.floats(0.1, 5.0))
PULSES = st.builds(
    Pulse, IDENTITIES, st.integers(1, 2 ** 60), st.dictionaries(NAMES, st.integers(0, 2 ** 60)),
    st.dictionaries(NAMES, st.lists(st.uuids().map(str)).map(tuple)), st.booleans(),
    st.lists(NAMES).map(tuple), st.text(max_size=12), st.lists(NAMES).map(tuple),
    st.lists(NAMES).map(tuple))
ECHOES = st.builds(
    Echo, st.uuids().map(str), st.uuids().map(str), st.integers(1, 2 ** 60), st.text(max_size=12),
    st.integers(0, 100), st.lists(NAMES).map(tuple), st.text(max_size=12),
    st.lists(NAMES).map(tuple), st.integers(0, 2 ** 60))

SIGNER, STRANGER = Signer(b'k' * 32), Signer(b's' * 32)

GOOD = json.loads(encode_pulse(Pulse(Identity('i', 1.0, 'c', 0.25), 7, {'base': 3})))


# ---- the text -----------------------------------------------------------------------------------


@given(PULSES)
def test_a_pulse_arrives_as_it_was_sent(pulse: Pulse) -> None:
    assert decode_pulse(encode_pulse(pulse)) == pulse


@given(ECHOES)
def test_an_echo_arrives_as_it_was_sent(echo: Echo) -> None:
    assert decode_echo(encode_echo(echo)) == echo


@pytest.mark.parametrize(('change', 'told'), [
    ({'patience': 0.0}, 'patience'), ({'patience': -1.0}, 'patience'),
    ({'patience': math.nan}, 'patience'), ({'patience': 1e9}, 'patience'),
    ({'patience': '1'}, 'patience'), ({'started': math.inf}, 'started'),
    ({'instance': 3}, 'instance'), ({'sequence': 1.5}, 'sequence'),
    ({'sequence': True}, 'sequence'), ({'active': ['base']}, 'active'),
    ({'active': None}, 'active'), ({'goals': 1}, 'goals'),
])
def test_an_invalid_pulse_names_its_mistake(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decode_pulse(json.dumps({**GOOD, **change}))


def test_anything_else_is_no_pulse() -> None:
    for text in ('', 'null', '[]', '"pulse"', '{', '{}'):
        with pytest.raises(ValueError):
            decode_pulse(text)


# ---- the topics ---------------------------------------------------------------------------------


class Ports:
    """A bridge's and a guard's port in one process, and what each receives."""

    def __init__(self, node: Node) -> None:
        self.pulses: list[Pulse] = []
        self.unverified: list[Pulse] = []
        self.echoes: list[Echo] = []
        self.guard_pulses: list[Pulse] = []
        self.drained: list[float] = []
        self.bridge = BridgePort(
            node, SIGNER, 'own', lambda pulse, verified: (
                self.pulses if verified else self.unverified).append(pulse), self.echoes.append)
        self.guard = GuardPort(
            node, SIGNER, node.resolve_topic_name, self.guard_pulses.append,
            lambda: self.drained.append(time.monotonic()))
        self.topic, self.echo_topic = map(node.resolve_topic_name, (PULSE_TOPIC, ECHO_TOPIC))
        self.raw = node.create_publisher(String, PULSE_TOPIC, 10)
        self.raw_echoes = node.create_publisher(String, ECHO_TOPIC, 10)
        wait_until(lambda: node.count_subscribers(PULSE_TOPIC) >= 2
                   and node.count_subscribers(ECHO_TOPIC) >= 1
                   and self.raw.get_subscription_count() >= 2
                   and self.raw_echoes.get_subscription_count() >= 1, 'matches')

    def send(self, pulse: Pulse) -> None:
        """Publish a pulse of another bridge, signed with our key."""
        self.raw.publish(String(data=SIGNER.sign(self.topic, encode_pulse(pulse))))


@pytest.fixture(scope='module')
def talk(node: Node) -> Ports:
    return Ports(node)


def test_a_guard_receives_a_pulse_and_its_bridge_the_echo(talk: Ports) -> None:
    pulse = Pulse(Identity('own', 1.0, 'c', 0.25), 7, {'base': 3})
    wait_until(lambda: talk.bridge.tell(Outputs(pulse=pulse)) or talk.guard_pulses, 'a pulse')
    assert talk.guard_pulses[0] == pulse
    echo = Echo('guard', 'own', 7, 'c', 1, ('base',))
    wait_until(lambda: talk.guard.tell(Outputs(echoes=(
        replace(echo, instance='another'), echo))) or talk.echoes, 'an echo')
    assert set(talk.echoes) == {echo}
    assert not talk.pulses, 'our own pulse is ignored'


def test_another_bridge_is_received_and_invalid_messages_are_ignored(talk: Ports) -> None:
    other = Pulse(Identity('another', 1.0, 'c', 0.25), 8)
    for text in ('nonsense', '[' * 100000, json.dumps({**GOOD, 'active': {'base': None}}),
                 json.dumps({**GOOD, 'sequence': 10 ** 400, 'patience': 10 ** 400})):
        talk.raw.publish(String(data=text))
        talk.raw.publish(String(data=SIGNER.sign(talk.topic, text)))
    wait_until(lambda: talk.send(other) or talk.pulses, 'it')
    assert {one.sender.instance for one in talk.pulses} == {'another'}
    assert not {'another'} & {one.sender.instance for one in talk.unverified}


def test_what_is_not_signed_with_our_key_is_neither_a_pulse_nor_an_echo(talk: Ports) -> None:
    pulse = encode_pulse(Pulse(Identity('forged', 1.0, 'c', 0.25), 2 ** 60, {'base': 1}))
    echo = encode_echo(Echo('forged', 'own', 2 ** 60, 'c', fired=9, number=2 ** 60))
    signed = SIGNER.sign(talk.topic, pulse)
    for text in (pulse, pulse + '\n', STRANGER.sign(talk.topic, pulse), signed[:-1],
                 signed.replace('forged', 'FORGED'), SIGNER.sign('/other/pulse', pulse),
                 SIGNER.sign(talk.echo_topic, pulse)):
        talk.raw.publish(String(data=text))
    for text in (echo, STRANGER.sign(talk.echo_topic, echo), SIGNER.sign(talk.topic, echo)):
        talk.raw_echoes.publish(String(data=text))
    genuine = Echo('guard', 'own', 8, 'c', number=77)
    last = Pulse(Identity('last', 1.0, 'c', 0.25), 9)
    wait_until(lambda: talk.send(last) or (last in talk.pulses and last in talk.guard_pulses),
               'what was sent last')
    wait_until(lambda: talk.guard.tell(Outputs(echoes=(genuine,))) or genuine in talk.echoes,
               'the last echo')
    assert 'forged' not in {one.guard for one in talk.echoes}
    for heard in (talk.pulses, talk.guard_pulses):
        assert not {'forged', 'FORGED'} & {one.sender.instance for one in heard}
    assert 'forged' in {one.sender.instance for one in talk.unverified}


def test_a_message_that_is_too_long_is_dropped_unread(
        talk: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, 'LONGEST_MESSAGE', 2000)
    long = Pulse(Identity('long', 1.0, 'c', 0.25), 1, {'x' * 3000: 1})
    talk.send(long)
    last = Pulse(Identity('last', 1.0, 'c', 0.25), 10)
    wait_until(lambda: talk.send(last) or (last in talk.pulses and last in talk.guard_pulses),
               'what was sent last')
    assert long not in talk.pulses and long not in talk.guard_pulses


def test_a_pass_without_content_publishes_nothing(talk: Ports) -> None:
    # What other tests have sent has arrived when these have.
    last = Pulse(Identity('own', 1.0, 'c', 0.25), 10 ** 6)
    talk.bridge.tell(Outputs(pulse=last))
    wait_until(lambda: last in talk.guard_pulses, 'the last pulse')
    final = Echo('guard', 'own', 10 ** 6, 'c')
    talk.guard.tell(Outputs(echoes=(final,)))
    wait_until(lambda: final in talk.echoes, 'the last echo')
    before = len(talk.guard_pulses), len(talk.echoes), len(talk.drained)
    talk.bridge.tell(Outputs())
    talk.guard.tell(Outputs())
    since = len(talk.drained)
    talk.guard.tell(Outputs(drain=True))
    wait_until(lambda: len(talk.drained) > since, 'the queue is drained')
    assert (len(talk.guard_pulses), len(talk.echoes)) == before[:2]


def test_arrived_messages_are_taken_before_the_queue_counts_as_drained(talk: Ports) -> None:
    """The executor is blocked while a pulse arrives and the guard requests a drain."""
    order: list[str] = []
    held = time.monotonic() + 0.3

    def hold(pulse: Pulse) -> None:
        if pulse.sequence == 100:
            while time.monotonic() < held:
                time.sleep(0.01)
        order.append(str(pulse.sequence))

    talk.guard._input._take = hold
    talk.guard._drain.callback = lambda: order.append('drained')
    for sequence in (100, 101):
        talk.send(Pulse(Identity('another'), sequence))
        time.sleep(0.05)
    talk.guard.tell(Outputs(drain=True))
    wait_until(lambda: 'drained' in order, 'drained')
    assert order.index('101') < order.index('drained')


# ---- what both must have in common --------------------------------------------------------------


BASE = BaseConfig(name='base', driver='twist', topic='cmd_vel', receiver_timeout=0.5)
MOTOR = MotorConfig(
    name='motor', api='motor', driver='float', topic='speed', command='velocity', neutral=0.0,
    max_speed=1.0, joint_states_topic='joints', joint='wheel')


def test_topics_are_those_of_the_node_that_was_asked(node: Node) -> None:
    config = resolved(BridgeConfig(resources=(BASE, MOTOR)), node)
    base, motor = config.resources
    space = node.get_namespace()
    assert isinstance(base, BaseConfig) and isinstance(motor, MotorConfig)
    assert base.topic == f'{space}/cmd_vel' and base.odometry_topic == ''
    assert motor.topic == f'{space}/speed' and motor.joint_states_topic == f'{space}/joints'


@pytest.mark.parametrize(('name', 'full'), [
    ('~/halt', '/viam_session_bridge/halt'), ('halt', '/elsewhere'), ('/stop', '/stop')])
def test_services_and_actions_are_resolved_too(name: str, full: str) -> None:
    """The name of an action is not remapped: its services have their own names."""
    outputs = (
        TriggerOutput(name='first', kind='trigger', service=name),
        CancelOutput(name='second', kind='cancel', action=name, goals='all'))
    with process('-r', 'halt:=elsewhere'):
        around = Node('viam_session_bridge')
        config = BridgeConfig(resources=(replace(BASE, stop_outputs=outputs),))
        first, second = resolved(config, around).resources[0].stop_outputs
        assert isinstance(first, TriggerOutput) and isinstance(second, CancelOutput)
        assert first.service == full
        assert second.action == ('/halt' if name == 'halt' else full)
        around.destroy_node()


@pytest.mark.parametrize(('change', 'differs'), [
    (lambda one: replace(one, resources=(replace(BASE, topic='elsewhere'),)), True),
    (lambda one: replace(one, resources=(replace(BASE, stop_hold=2.0),)), True),
    (lambda one: replace(one, resources=(BASE, MOTOR)), True),
    (lambda one: replace(one, guard=GuardConfig(patience=0.5)), True),
    (lambda one: replace(one, guard=GuardConfig(required=True)), False),
    (lambda one: replace(one, warnings=('careful',)), False),
    (lambda one: replace(one, resources=(replace(BASE, max_linear_speed=0.1),)), False),
    (lambda one: replace(one, resources=(replace(BASE, accept_no_timeout=True),)), False),
])
def test_the_fingerprint_is_of_what_stops_depend_on(
        change: Callable[[BridgeConfig], BridgeConfig], differs: bool) -> None:
    config = BridgeConfig(resources=(BASE,))
    assert (fingerprint(change(config)) != fingerprint(config)) is differs
    assert fingerprint(config) == fingerprint(BridgeConfig(resources=(BASE,)))


# ---- the guard's own node -----------------------------------------------------------------------


@contextmanager
def process(*arguments: str) -> Iterator[None]:
    """Simulate a process that was started with these ROS arguments."""
    rclpy.init(args=['guard', '--ros-args', *arguments],
               signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.shutdown()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / 'bridge.yaml'
    path.write_text(
        'viam_session_bridge:\n  ros__parameters:\n    resources: [base]\n'
        '    base: {driver: twist, topic: cmd_vel, receiver_timeout: 0.5}\n')
    return str(path)


@pytest.mark.parametrize(('arguments', 'topic'), [
    ([], '/cmd_vel'),
    (['-r', 'cmd_vel:=other'], '/other'),
    (['-r', 'viam_session_bridge:cmd_vel:=~/drive'], '/viam_session_bridge/drive'),
    (['-r', '/cmd_vel:=/other', '-r', '/other:=/third'], '/other'),
    (['-r', '__node:=renamed', '-r', 'cmd_vel:=~/drive', '-p', 'resources:=[base]',
      '-p', 'base.driver:=twist', '-p', 'base.topic:=cmd_vel', '-p',
      'base.receiver_timeout:=0.5'], '/renamed/drive'),
])
def test_names_resolve_in_the_guard_as_in_the_bridge(
        file: str, arguments: list[str], topic: str) -> None:
    with process('--params-file', file, *arguments):
        around = bridge_node()
        node = make_node(around)
        publisher = node.create_publisher(String, around.config.resources[0].topic, 1)
        assert publisher.topic_name == topic
        assert node.get_name() == 'viam_session_bridge_guard'
        node.destroy_node()


def test_the_guard_lives_in_the_namespace_of_the_bridge(tmp_path: Path, file: str) -> None:
    path = tmp_path / 'space.yaml'
    path.write_text('/robot1/' + Path(file).read_text())
    with process('--params-file', str(path), '-r', '__ns:=/robot1',
                 '-r', '/diagnostics:=/robot1/diagnostics', '-p', 'use_sim_time:=true'):
        around = bridge_node()
        node = make_node(around)
        assert node.get_fully_qualified_name() == '/robot1/viam_session_bridge_guard'
        assert node.resolve_topic_name('/diagnostics') == '/robot1/diagnostics'
        assert around.names[PULSE_TOPIC] == '/robot1/viam_session_bridge/pulse'
        assert node.get_parameter('use_sim_time').value is True
        node.destroy_node()


def test_a_wrong_file_is_wrong_for_both(tmp_path: Path) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text('viam_session_bridge:\n  ros__parameters:\n    resources: [base]\n')
    with process('--params-file', str(path)), pytest.raises(ConfigurationError, match='driver'):
        bridge_node()


def test_a_pulse_contains_where_its_bridge_runs() -> None:
    """An older one does not, and is still accepted."""
    told = decode_pulse(encode_pulse(Pulse(Identity('i', host='robot1', process=7, port=80), 1)))
    assert str(told.sender) == "bridge (host 'robot1', process 7, port 80, instance 'i')"
    old = {name: value for name, value in GOOD.items() if name not in ('host', 'process', 'port')}
    assert str(decode_pulse(json.dumps(old)).sender) == "bridge (instance 'i')"
    with pytest.raises(ValueError, match='process'):
        decode_pulse(json.dumps({**GOOD, 'process': 'seven'}))
