# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
config/gantry.yaml as it is: two axes behind a controller that moves to each position at once.

The bridge commands small steps, so that the axes stay where they are if it fails.
"""

from collections.abc import Iterator
import time
from typing import Any

import pytest
import yaml

from ownership import led, Ownership, Part
from processes import Bridge, Client, Programs, TEST, wait_until
from simulated_joints import furthest_leap, SimulatedJoints

FILE = TEST.parent / 'config' / 'gantry.yaml'


def started(programs: Programs) -> tuple[Bridge, SimulatedJoints]:
    """Start a bridge and the axes that it drives, in the middle of their way."""
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    # A free port, and patience with a busy machine.
    bridge = programs.bridge({
        **node['ros__parameters'], 'grpc': {'port': 0}, 'guard': {'patience': 5.0}})
    axes = programs.add(SimulatedJoints(
        bridge.topic('gantry_controller/commands'), 'x_joint', 'y_joint', type='array',
        start=(0.0, 0.2), joint_states=bridge.topic('joint_states')))
    bridge.wait_drivers('gantry')
    return bridge, axes


@pytest.fixture(scope='module')
def robot(shared: Programs) -> tuple[Bridge, SimulatedJoints]:
    return started(shared)


@pytest.fixture(scope='module')
def client(shared: Programs, robot: tuple[Bridge, SimulatedJoints]) -> Client:
    return shared.client(robot[0].address)


def order(client: Client, method: str, *arguments: Any) -> Any:
    """Call a method of the gantry, which must succeed; returns its value."""
    return client.do('call', component='gantry', name='gantry', method=method,
                     arguments=arguments)


def centre(client: Client) -> None:
    """Move to the middle. Refused before joint states have arrived, and while they are late."""
    wait_until(lambda: client.ask(
        'call', component='gantry', name='gantry', method='move_to_position',
        arguments=([400.0, 200.0], [100.0, 100.0]))['ok'], 'the middle')


def going(client: Client, axes: SimulatedJoints) -> int:
    """Begin to move along x, slowly, and wait until it does."""
    since = time.monotonic()
    move = client.begin('call', component='gantry', name='gantry', method='move_to_position',
                        arguments=([700.0, 200.0], [100.0, 100.0]))
    axes.wait_told('motion', lambda told: told.end[0] > 0.02, since)
    return move


@pytest.fixture(autouse=True)
def centred(request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin each test in the middle; no message may ever be incomplete."""
    client, (_, axes) = (request.getfixturevalue(name) for name in ('client', 'robot'))
    wait_until(lambda: order(client, 'get_status')['state'] == 'idle', 'rest')
    centre(client)
    began = time.monotonic()
    yield
    assert not axes.since(began, 'rejected')


def test_a_move_is_led_and_arrives(
        client: Client, robot: tuple[Bridge, SimulatedJoints]) -> None:
    """In steps no larger than its speed allows, from where it is; in mm from Viam's 0."""
    since = time.monotonic()
    order(client, 'move_to_position', [500.0, 150.0], [100.0, 50.0])
    assert order(client, 'get_position') == pytest.approx([500.0, 150.0], abs=2.5)
    assert order(client, 'get_lengths') == pytest.approx([800.0, 400.0])
    # Through another pipe than the answer, perhaps later.
    robot[1].wait_told('the end', lambda told: told.end[0] == pytest.approx(0.1), since)
    told = robot[1].since(since)
    xs = [one.end[0] for one in told]
    assert xs == sorted(xs) and xs[-1] == pytest.approx(0.1)
    assert len(xs) > 20 and furthest_leap(told, 0.1) < 0.01


def test_home_is_where_it_was_configured(client: Client) -> None:
    """And answers that it got there."""
    assert order(client, 'home') is True
    assert order(client, 'get_position') == pytest.approx([0.0, 0.0], abs=2.5)


def test_stop_repeats_the_measured_positions(
        client: Client, robot: tuple[Bridge, SimulatedJoints]) -> None:
    """The move ends with success."""
    move = going(client, robot[1])
    order(client, 'stop')
    answered = time.monotonic()
    assert client.answer(move)['ok']
    wait_until(lambda: order(client, 'get_status')['state'] == 'idle', 'rest')
    xs = [one.end[0] for one in robot[1].since(answered + 0.3)]
    assert len(set(xs)) == 1 and len(xs) > 10, 'one position, again and again'
    assert order(client, 'get_position')[0] == pytest.approx(400.0 + xs[0] * 1000.0, abs=1.0)


@pytest.mark.parametrize('method', ['move_to_position', 'home'])
def test_the_end_of_the_client_stops_the_gantry(
        programs: Programs, client: Client, robot: tuple[Bridge, SimulatedJoints],
        method: str) -> None:
    """Home, too, which Viam does not monitor."""
    bridge, axes = robot
    victim = programs.client(bridge.address)
    since = time.monotonic()
    arguments = ([700.0, 200.0], [100.0, 100.0]) if method == 'move_to_position' else ()
    victim.begin('call', component='gantry', name='gantry', method=method, arguments=arguments)
    axes.wait_told('motion', lambda told: abs(told.end[0]) > 0.02, since)
    victim.kill()
    wait_until(lambda: order(client, 'get_status')['state'] == 'idle', 'rest')
    rested = time.monotonic()
    bridge.wait_logged('gantry: stopping, the (call was cancelled|connection)')
    xs = {one.end[0] for one in axes.since(rested)}
    assert len(xs) <= 1 and 100.0 < order(client, 'get_position')[0] < 600.0


@pytest.fixture(scope='module')
def bridge(robot: tuple[Bridge, SimulatedJoints]) -> Bridge:
    return robot[0]


@pytest.fixture(scope='module')
def parts(robot: tuple[Bridge, SimulatedJoints]) -> list[Part]:
    return [Part('gantry', 'gantry', 'move_to_position', ([700.0, 200.0], [20.0, 20.0]),
                 lambda since: led([(one.at, one.end) for one in robot[1].since(since)]),
                 lasts=True, settles=0.3)]


class TestGantry(Ownership):
    """A stop repeats what is measured, which the last step may be ahead of."""


def test_the_end_of_the_bridge_leaves_the_gantry_where_it_is(programs: Programs) -> None:
    """Without further steps it does not move on."""
    bridge, axes = started(programs)
    client = programs.client(bridge.address)
    centre(client)
    going(client, axes)
    killed = bridge.kill()
    wait_until(lambda: time.monotonic() > killed + 0.5, 'the last message has arrived')
    assert max(one.end[0] for one in axes.told) < 0.2
