# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""config/pan_tilt.yaml as it is: servos without position feedback, and a laser."""

import time
from typing import Any

import pytest
import yaml

from host import took
from observer import Observer
from ownership import led, Ownership, Part, Sign
from processes import Bridge, Client, MARGIN, Motors, Programs, TEST, wait_until
from simulated_joints import furthest_leap, SimulatedJoints, Told

FILE = TEST.parent / 'config' / 'pan_tilt.yaml'
NAMES = ('pan', 'tilt')

SLOW = 20.0  # degrees/s

# Microseconds for each degree.
PULSE = 2000.0 / 180.0


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    # A free port, and patience with a busy machine.
    bridge = shared.bridge({
        **node['ros__parameters'], 'grpc': {'port': 0},
        'guard': {**node['ros__parameters']['guard'], 'patience': 5.0},
        'run_time': {'allow_less_safe': True}})
    shared.guard(bridge)
    return bridge


@pytest.fixture(scope='module')
def servos(shared: Programs, bridge: Bridge) -> dict[str, SimulatedJoints]:
    started = {name: shared.add(SimulatedJoints(
        bridge.topic(f'{name}/pulse'), name, node=f'/{name}', type='int16'), ready=False)
        for name in NAMES}
    for one in started.values():
        one.wait_ready()
    bridge.wait_drivers(*NAMES)
    for name, one in started.items():
        one.wait_matched(bridge.topic(f'{name}/pulse'))
    return started


@pytest.fixture(scope='module')
def laser(shared: Programs, bridge: Bridge) -> Motors:
    laser = shared.motors(bridge.topic('laser/enable'), type='bool', node='/laser')
    bridge.wait_drivers('laser')
    return laser


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, servos: dict[str, SimulatedJoints]) -> Client:
    return shared.client(bridge.address)


def order(client: Client, name: str, method: str, *arguments: Any) -> Any:
    """Call a method of a servo, which must succeed; returns its value."""
    return client.do('call', component='servo', name=name, method=method, arguments=arguments)


@pytest.fixture(autouse=True)
def centred(bridge: Bridge, client: Client, servos: dict[str, SimulatedJoints],
            observer: Observer) -> None:
    """Begin each test in the middle, received by the servos."""
    wait_until(lambda: all(
        order(client, name, 'get_status')['state'] == 'idle' for name in NAMES), 'rest')
    for name in NAMES:
        limit = f'{name}.max_speed_deg_s'
        usual = observer.get(bridge, limit)
        assert observer.set(bridge, limit, 10.0 * usual) == (True, '')
        # The guard may find the servos later than the bridge does.
        wait_until(lambda name=name: client.ask(
            'call', component='servo', name=name, method='move', arguments=(90,))['ok'],
            f'{name} is in the middle')
        assert observer.set(bridge, limit, usual) == (True, '')
        wait_until(lambda told=servos[name].told: told and told[-1].end == [1500], 'the middle')


def going(client: Client, servos: dict[str, SimulatedJoints], name: str, angle: int) -> int:
    """Begin to turn and wait until it does."""
    since = time.monotonic()
    move = client.begin('call', component='servo', name=name, method='move', arguments=(angle,))
    servos[name].wait_told('motion', lambda told: abs(told.end[0] - 1500) > 30, since)
    return move


def stopped(servo: SimulatedJoints, since: float) -> Told:
    """Check that the last step was repeated in time, and nothing followed; returns it."""
    wait_until(lambda: time.monotonic() - servo.told[-1].at > 0.5, 'silence')
    moved = [one for one in servo.since(since) if one.end != servo.told[-1].end]
    assert not moved or took(since, moved[-1].at) <= MARGIN / 2
    return servo.told[-1]


def test_a_servo_is_led_to_its_angle(
        client: Client, servos: dict[str, SimulatedJoints]) -> None:
    """Step by step; the other one is mounted upside down."""
    since = time.monotonic()
    order(client, 'pan', 'move', 135)
    # Through another pipe than the answer, perhaps later.
    servos['pan'].wait_told(
        'the end', lambda told: told.end == [round(500 + 135 * PULSE)], since)
    pulses = [one.end[0] for one in servos['pan'].since(since)]
    assert pulses == sorted(pulses) and pulses[-1] == round(500 + 135 * PULSE)
    assert len(pulses) > 20 and pulses[0] < 1520
    order(client, 'tilt', 'move', 45)
    servos['tilt'].wait_told('the end', lambda told: told.end == [2000])


def test_a_servo_without_feedback_refuses_its_position(client: Client) -> None:
    """Its position is not invented; an angle out of its range is refused."""
    refused = client.ask('call', component='servo', name='pan', method='get_position')
    assert refused['code'] == 'UNIMPLEMENTED' and 'pan.joint_states_topic' in refused['text']
    refused = client.ask('call', component='servo', name='tilt', method='move', arguments=(30,))
    assert refused['code'] == 'INVALID_ARGUMENT' and 'angle_deg' in refused['text']


def test_stop_repeats_the_last_step(
        client: Client, servos: dict[str, SimulatedJoints]) -> None:
    """The servo stays on its way, and the move has ended with success."""
    move = going(client, servos, 'pan', 180)
    asked = time.monotonic()
    order(client, 'pan', 'stop')
    assert client.answer(move)['ok']
    assert 1500 < stopped(servos['pan'], asked).end[0] < 2400


def test_the_last_caller_owns_the_servo(
        programs: Programs, bridge: Bridge, servos: dict[str, SimulatedJoints],
        observer: Observer) -> None:
    """A turns it, B takes over, A is killed: it goes on without a jump. B is killed: it stops."""
    a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
    a.wait_ready()
    b.wait_ready()
    # So slow that it has not arrived when B is killed, also on a busy machine.
    with observer.changed(bridge, 'pan.max_speed_deg_s', SLOW):
        since = time.monotonic()
        first = going(a, servos, 'pan', 135)
        second = b.begin('call', component='servo', name='pan', method='move', arguments=(180,))
        assert a.answer(first)['ok'], 'superseded'
        a.kill()
        servos['pan'].wait_told('more than A commanded', lambda told: told.end[0] > 2010, since)
        assert not b.answered(second)
        killed = b.kill()
        assert stopped(servos['pan'], killed).end[0] < 2480
    told = servos['pan'].since(since)
    pulses = [one.end[0] for one in told]
    assert pulses == sorted(pulses) and furthest_leap(told, SLOW * PULSE) < 50.0


def switch(client: Client, method: str, *arguments: Any) -> Any:
    """Call a method of the laser's switch, which must succeed; returns its value."""
    return client.do('call', component='switch', name='laser', method=method, arguments=arguments)


def test_the_laser_is_switched_off_at_the_end_of_its_owner(
        programs: Programs, bridge: Bridge, laser: Motors,
        servos: dict[str, SimulatedJoints]) -> None:
    """And the servo it moves stops at the same time."""
    victim = programs.client(bridge.address)
    since = time.monotonic()
    assert switch(victim, 'get_number_of_positions') == [2, ['off', 'on']]
    switch(victim, 'set_position', 1)
    laser.wait_data('light', lambda data: data == (True,), since)
    going(victim, servos, 'pan', 180)
    killed = victim.kill()
    off = laser.wait_data('darkness', lambda data: data == (False,), killed)
    assert took(killed, off.at) <= MARGIN
    assert stopped(servos['pan'], killed).end[0] < 2400
    assert not laser.heard[-1].data[0]


@pytest.fixture(scope='module')
def parts(servos: dict[str, SimulatedJoints], laser: Motors) -> list[Part]:
    def servo(name: str, angle: int, slow: float) -> Part:
        # So slow (deg/s) that the way takes long, so fast that no two steps are the same pulse.
        return Part('servo', name, 'move', (angle,), lambda since: led(
            [(one.at, one.end) for one in servos[name].since(since)]),
            lasts=True, slow=(f'{name}.max_speed_deg_s', slow))
    return [servo('pan', 180, 8.0), servo('tilt', 135, 6.0), Part(
        'switch', 'laser', 'set_position', (1,), lambda since: [
            Sign(one.at, bool(one.data[0])) for one in laser.since(since)], has_stop=False)]


class TestPanTilt(Ownership):
    """Two servos, and a laser that Viam has no Stop for."""
