# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Motors end to end: SDK programs turn simulated motors, and end.

The motors turn at the last commanded speed, for ever: only stops that arrive stop them.
"""

import math
import time
from typing import Any

import pytest

from host import lost, took
from processes import Bridge, Client, MARGIN, Motors, Programs, settings, wait_until

FASTEST = 20.0  # rad/s
NEAR = 0.1  # revolutions


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    """Serve a motor with joint states (without velocities) and one without feedback."""
    common: dict[str, Any] = {
        'api': 'motor', 'driver': 'float', 'command': 'velocity', 'neutral': 0.0,
        'max_speed': FASTEST, 'accept_no_timeout': True, 'stop_hold': 0.5,
        'stop_on_start': False}
    return shared.bridge(settings({
        'seen': {**common, 'topic': 'seen', 'joint_states_topic': 'joints', 'joint': 'wheel'},
        'blind': {**common, 'topic': 'blind', 'command': 'power', 'message': 'int16',
                  'scale': 400.0, 'offset': 1500.0, 'neutral': 1500.0}}))


@pytest.fixture(scope='module')
def motors(shared: Programs, bridge: Bridge) -> dict[str, Motors]:
    started = {
        'seen': shared.motors(bridge.topic('seen'), 'wheel', ready=False, velocity=False,
                              joint_states=bridge.topic('joints')),
        'blind': shared.motors(bridge.topic('blind'), type='int16', ready=False)}
    for one in started.values():
        one.wait_ready()
    bridge.wait_drivers(*started)
    return started


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, motors: dict[str, Motors]) -> Client:
    return shared.client(bridge.address)


def order(client: Client, name: str, method: str, *arguments: Any) -> Any:
    """Call a method of a motor, which must succeed; returns its value."""
    return client.do('call', component='motor', name=name, method=method, arguments=arguments)


def test_moves_are_steered_by_the_joint(client: Client, motors: dict[str, Motors]) -> None:
    """
    There and back, counted from home; the call answers when the motor rests.

    It is as near as the steering was on time, at 1 revolution a second.
    """
    wait_until(lambda: client.ask(
        'call', component='motor', name='seen', method='get_position')['ok'], 'joint states')
    order(client, 'seen', 'reset_zero_position', 0.0)
    for method, number, end in (('go_for', 2.0, 2.0), ('go_to', 1.0, 1.0)):
        began = time.monotonic()
        order(client, 'seen', method, 60.0, number)
        near = NEAR + lost(began)
        assert order(client, 'seen', 'get_position') == pytest.approx(end, abs=near)
        assert order(client, 'seen', 'is_moving') is False
    fastest = max(abs(one.data[0]) for one in motors['seen'].heard)
    assert fastest == pytest.approx(math.tau)


def test_a_timed_move_takes_its_time(client: Client, motors: dict[str, Motors]) -> None:
    """60 rpm for 1 revolution: 1 s at 31 % of full power."""
    since = time.monotonic()
    order(client, 'blind', 'go_for', 60.0, 1.0)
    # Through another pipe than the answer, perhaps later; the stop is the last of it.
    begun = motors['blind'].wait_data('motion', lambda data: data != (1500,), since)
    motors['blind'].wait_data('the stop', lambda data: data == (1500,), begun.at)
    motion = [one for one in motors['blind'].since(since) if one.data != (1500,)]
    assert {one.data for one in motion} == {(1500 + round(400 * math.tau / FASTEST),)}
    assert motion[-1].at - motion[0].at >= 0.8
    assert took(motion[0].at, motion[-1].at) <= 1.0 + MARGIN
    refused = client.ask('call', component='motor', name='blind', method='go_to',
                         arguments=(60.0, 1.0))
    assert not refused['ok'] and 'blind.joint_states_topic' in refused['text']


def test_stop_stops(bridge: Bridge, client: Client, motors: dict[str, Motors]) -> None:
    """Power, then the neutral number; IsPowered answers the power."""
    since = time.monotonic()
    order(client, 'blind', 'set_power', 0.5)
    motors['blind'].wait_data('motion', lambda data: data == (1700,), since)
    assert order(client, 'blind', 'is_powered') == [True, 0.5]
    asked = time.monotonic()
    order(client, 'blind', 'stop')
    motors['blind'].wait_data('the stop', lambda data: data == (1500,), asked)
    assert order(client, 'blind', 'is_powered') == [False, 0.0]


@pytest.mark.parametrize(('name', 'neutral'), [('seen', 0.0), ('blind', 1500)])
def test_only_the_end_of_the_last_caller_stops(
        programs: Programs, bridge: Bridge, client: Client, motors: dict[str, Motors], name: str,
        neutral: float) -> None:
    """A turns it, B takes over, A is killed: it continues. B is killed: it stops at once."""
    a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
    a.wait_ready()
    b.wait_ready()
    began = time.monotonic()
    order(a, name, 'set_rpm', 60.0)
    motors[name].wait_data('motion', lambda data: data != (neutral,), began)
    order(b, name, 'set_power', 0.5)
    faster = (1700,) if name == 'blind' else (FASTEST / 2,)
    motors[name].wait_data("B's command", lambda data: data == faster, began)
    a.kill()
    later = time.monotonic()
    wait_until(lambda: motors[name].since(later + 2.5), 'repeated commands')
    assert {one.data for one in motors[name].since(later)} == {faster}
    killed = b.kill()
    stopped = motors[name].wait_data('the stop', lambda data: data == (neutral,), killed)
    assert took(killed, stopped.at) <= MARGIN
    bridge.wait_logged(f'{name}: stopping, the connection that commanded it is closed')
    wait_until(lambda: order(client, name, 'is_moving') is False, 'rest')
    assert {one.data for one in motors[name].since(stopped.at)} == {(neutral,)}
