# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
config/two_motors.yaml as it is: two motors on one array, SDK programs that turn them, and end.

The controller holds the last speeds for ever, as a forward_command_controller does.
"""

import time
from typing import Any

import pytest
import yaml

from host import took
from processes import Bridge, Client, MARGIN, Motors, Programs, TEST, wait_until

FILE = TEST.parent / 'config' / 'two_motors.yaml'
TOPIC = 'forward_velocity_controller/commands'
NAMES = ('left', 'right')
NEAR = 0.1  # revolutions


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    # A free port, and patience with a busy machine.
    parameters = {**node['ros__parameters'], 'grpc': {'port': 0},
                  'guard': {**node['ros__parameters']['guard'], 'patience': 5.0}}
    bridge = shared.bridge(parameters)
    shared.guard(bridge)
    return bridge


@pytest.fixture(scope='module')
def motors(shared: Programs, bridge: Bridge) -> Motors:
    motors = shared.motors(
        bridge.topic(TOPIC), 'left_wheel_joint', 'right_wheel_joint', type='array',
        joint_states=bridge.topic('joint_states'))
    bridge.wait_drivers(*NAMES)
    return motors


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, motors: Motors) -> Client:
    client = shared.client(bridge.address)
    # Motion is refused until joint states have arrived.
    for name in NAMES:
        wait_until(lambda name=name: client.ask(
            'call', component='motor', name=name, method='get_position')['ok'], 'joint states')
    return client


@pytest.fixture(autouse=True)
def rested(client: Client) -> None:
    """Let both come to rest, and the bridge fall silent, before a test."""
    wait_until(lambda: all(
        order(client, name, 'get_status')['state'] == 'idle' for name in NAMES), 'rest')


def order(client: Client, name: str, method: str, *arguments: Any) -> Any:
    """Call a method of a motor, which must succeed; returns its value."""
    return client.do('call', component='motor', name=name, method=method, arguments=arguments)


def begin(client: Client, name: str, method: str, *arguments: Any) -> int:
    """Call a method of a motor without waiting for its end."""
    return client.begin(
        'call', component='motor', name=name, method=method, arguments=arguments)


def test_a_motor_without_a_command_gets_its_neutral_number(client: Client, motors: Motors) -> None:
    """One is turned, and stopped; the array is always complete."""
    since = time.monotonic()
    order(client, 'left', 'set_power', 0.5)
    motors.wait_data('motion', lambda data: data == (10.0, 0.0), since)
    asked = time.monotonic()
    order(client, 'left', 'stop')
    motors.wait_data('the stop', lambda data: data == (0.0, 0.0), asked)
    assert {one.data for one in motors.since(since)} <= {(10.0, 0.0), (0.0, 0.0)}


def test_both_are_steered_at_the_same_time(client: Client, motors: Motors) -> None:
    """Also the one that is mounted the other way round: forward is forward for clients."""
    for name in NAMES:
        order(client, name, 'reset_zero_position', 0.0)
    since = time.monotonic()
    moves = [begin(client, name, 'go_for', 60.0, 1.5) for name in NAMES]
    assert all(client.answer(move)['ok'] for move in moves)
    for name in NAMES:
        assert order(client, name, 'get_position') == pytest.approx(1.5, abs=NEAR)
    left, right = zip(*(one.data for one in motors.since(since)), strict=True)
    assert min(left) >= 0.0 > min(right) and max(right) <= 0.0


def test_the_end_of_one_client_stops_its_motor_only(
        programs: Programs, bridge: Bridge, motors: Motors) -> None:
    """The motor of another client continues without a gap."""
    a, b = (programs.client(bridge.address, ready=False) for _ in NAMES)
    for one, name in ((a, 'left'), (b, 'right')):
        one.wait_ready()
        order(one, name, 'set_power', 0.5)
    since = time.monotonic()
    motors.wait_data('both', lambda data: data == (10.0, -10.0), since)
    killed = a.kill()
    stopped = motors.wait_data('the stop', lambda data: data[0] == 0.0, killed)
    assert took(killed, stopped.at) <= MARGIN
    wait_until(lambda: motors.since(stopped.at + 1.5), 'repeated commands')
    assert {one.data for one in motors.since(stopped.at)} == {(0.0, -10.0)}
    killed = b.kill()
    stopped = motors.wait_data('the stop', lambda data: data == (0.0, 0.0), killed)
    assert took(killed, stopped.at) <= MARGIN


def test_the_end_of_a_client_stops_both_in_one_message(
        programs: Programs, bridge: Bridge, motors: Motors) -> None:
    """All stops of one session are sent in the same pass."""
    client = programs.client(bridge.address)
    for name in NAMES:
        order(client, name, 'set_power', 0.5)
    motors.wait_data('both', lambda data: data == (10.0, -10.0), time.monotonic())
    killed = client.kill()
    motors.wait_data('the stop', lambda data: data == (0.0, 0.0), killed)
    bridge.wait_logged('right: stopping, the connection that commanded it is closed')
    # Never one without the other.
    assert {one.data for one in motors.since(killed)} <= {(10.0, -10.0), (0.0, 0.0)}
