# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A trajectory streamed to an arm in small steps: no step is larger than its speed allows."""

import time
from typing import Any

import pytest

from processes import Client, Programs, settings, wait_until
from simulated_joints import furthest_leap, SimulatedJoints

RATE, SPEED = 50.0, 10.0  # Hz; degrees a second, as the client asks for
DEGREE = 0.0174533
ARM: dict[str, Any] = {
    'api': 'arm', 'driver': 'joint_state', 'topic': 'command', 'joints': ['shoulder'],
    'joint_states_topic': 'joint_states', 'stop': 'hold', 'command_rate': RATE,
    'max_joint_speed': 1.0, 'accept_no_timeout': True}


def streaming(client: Client, start: float, seconds: float, period: float) -> int:
    """Begin to stream a way from some degrees on: half a second a batch, a batch a period (s)."""
    batches = [[[at / 10.0, start + SPEED * at / 10.0] for at in range(first, first + 5)]
               for first in range(0, round(seconds * 10.0), 5)]
    return client.begin('stream', arm='arm', batches=batches, period=period)


def told(joints: SimulatedJoints, since: float) -> list[float]:
    return [one.end[0] / DEGREE for one in joints.since(since, 'state')]


def arrived(joints: SimulatedJoints, since: float, end: float) -> list[float]:
    """Wait for the last step, through another pipe than the answer; return all of them."""
    wait_until(lambda: (there := told(joints, since)) and there[-1] == pytest.approx(end),
               f'{end} degrees')
    return told(joints, since)


def check_led(joints: SimulatedJoints, since: float) -> None:
    """Assert that nothing went back, or to a point at once, which is 5 steps away."""
    there = told(joints, since)
    assert there == sorted(there)
    leap = furthest_leap(joints.since(since, 'state'), SPEED * DEGREE)
    assert leap < 3.0 * SPEED * DEGREE / RATE


def test_it_is_led_while_it_comes(programs: Programs) -> None:
    bridge = programs.bridge(settings({'arm': ARM}))
    joints = programs.add(SimulatedJoints(
        bridge.topic('command'), 'shoulder', type='state', speed=1.0,
        joint_states=bridge.topic('joint_states')))
    bridge.wait_drivers('arm')
    client = programs.client(bridge.address)
    wait_until(lambda: client.ask(
        'call', component='arm', name='arm', method='move_to_joint_positions',
        arguments=[{'JointPositions': {'values': [0.0]}}])['ok'], 'the arm can be used')
    since = time.monotonic()
    assert client.answer(streaming(client, 0.0, 2.0, period=0.4))['value'] == 4
    assert arrived(joints, since, 19.0)
    check_led(joints, since)
    # Now each batch comes when the arm has stood for a while: it is late, and not faster.
    since = time.monotonic()
    assert client.answer(streaming(client, 19.0, 1.5, period=1.2))['value'] == 3
    assert arrived(joints, since, 33.0)
    check_led(joints, since)
    assert time.monotonic() - since > 2.4 + 0.5
    # The end of the client ends the motion.
    streaming(client, 33.0, 30.0, period=0.4)
    wait_until(lambda: told(joints, since)[-1] > 38.0, 'motion')
    killed = client.kill()
    bridge.wait_logged('arm: stopping, the (call|connection)')
    wait_until(lambda: time.monotonic() - killed > 1.0, 'a second')
    before = [one.end[0] / DEGREE for one in joints.since(since, 'state') if one.at <= killed]
    assert told(joints, since)[-1] < before[-1] + 1.0 * SPEED
