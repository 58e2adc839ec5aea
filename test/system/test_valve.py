# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A gripper with a valve: open or closed, by a Bool. It keeps its grip when clients end."""

from collections.abc import Iterator
import time
from typing import Any, NamedTuple

import pytest

from processes import Bridge, Client, Programs, wait_until
from simulated_joints import SimulatedJoints

HAND: dict[str, Any] = {
    'api': 'gripper', 'driver': 'float', 'message': 'bool', 'topic': 'valve', 'joints': ['valve'],
    'open_position': 0.0, 'closed_position': 1.0, 'max_speed': 3.0, 'tolerance': 0.1,
    'rest_speed': 0.1, 'stop': 'last', 'receiver_timeout': 0.0}

# Of the guard (s), with a busy machine.
PATIENCE = 1.0


class Robot(NamedTuple):
    """The bridge and its valve."""

    bridge: Bridge
    valve: SimulatedJoints


@pytest.fixture
def robot(programs: Programs) -> Iterator[Robot]:
    bridge = programs.bridge({
        'grpc': {'port': 0}, 'guard': {'required': True, 'patience': PATIENCE},
        'resources': ['hand'], 'hand': HAND})
    valve = programs.add(SimulatedJoints(bridge.topic('valve'), 'valve', type='bool'),
                         ready=False)
    programs.guard(bridge)
    valve.wait_ready()
    bridge.wait_drivers('hand')
    yield Robot(bridge, valve)


def order(client: Client, method: str, *arguments: Any) -> dict[str, Any]:
    return client.ask('call', component='gripper', name='hand', method=method,
                      arguments=arguments)


def told(robot: Robot, since: float) -> list[bool]:
    return [one.what['data'][0] for one in robot.valve.since(since, 'numbers')]


def test_it_keeps_its_grip_when_client_bridge_or_guard_end(
        programs: Programs, robot: Robot) -> None:
    client = programs.client(robot.bridge.address)
    assert not told(robot, 0.0), 'earlier commands are unknown here'
    assert order(client, 'open')['ok']
    assert set(told(robot, 0.0)) == {False}
    since = time.monotonic()
    grabbed = order(client, 'grab')
    assert grabbed['ok'] and grabbed['value'] is False, 'nothing shows what it holds'
    assert set(told(robot, since)) == {True}, 'there is nothing between'
    since = time.monotonic()
    order(client, 'stop')
    wait_until(lambda: told(robot, since), 'a stop')
    grab = client.begin('call', component='gripper', name='hand', method='grab', arguments=())
    wait_until(lambda: order(client, 'is_moving')['value'], 'the motion')
    client.kill()
    robot.bridge.wait_logged('hand: stopped')
    assert grab and set(told(robot, since)) == {True}
    # Nor does a killed bridge, or the guard that does not know the command, open it.
    robot.bridge.kill()
    killed = time.monotonic()
    wait_until(lambda: time.monotonic() - killed > 2.0 * PATIENCE, 'the guard')
    assert set(told(robot, since)) == {True}


def test_what_lies_between_is_refused(programs: Programs, robot: Robot) -> None:
    client = programs.client(robot.bridge.address)
    refused = client.ask('call', component='gripper', name='hand', method='go_to_inputs',
                         arguments=[[0.5]])
    assert refused['code'] == 'INVALID_ARGUMENT'
    assert refused['text'].endswith(
        'values[0]: 0.5; expected 0 or 1: the driver of this gripper can only open and close')
    assert not told(robot, 0.0)
    assert client.ask('call', component='gripper', name='hand', method='go_to_inputs',
                      arguments=[[1.0]])['ok']
    assert set(told(robot, 0.0)) == {True}
