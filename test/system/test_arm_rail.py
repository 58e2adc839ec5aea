# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""An arm on a rail: what is rest for an elbow (rad/s) is motion for a rail (m/s)."""

import time
from typing import Any

from processes import Client, Programs, settings, wait_until
from simulated_joints import SimulatedJoints


def arm(topic: str, **own: Any) -> dict[str, Any]:
    """Return the block of an arm."""
    return {
        'api': 'arm', 'driver': 'joint_trajectory', 'topic': topic, 'joints': ['rail', 'elbow'],
        'prismatic_joints': ['rail'], 'max_joint_speed': 1.0, 'joint_states_topic': 'joints',
        'accept_no_timeout': True, 'stop_hold': 0.3, 'stop_timeout': 20.0, **own}


def order(client: Client, name: str, method: str, *arguments: Any) -> Any:
    """Call a method of an arm, which must succeed; returns its value."""
    return client.do('call', component='arm', name=name, method=method, arguments=arguments)


def test_its_stop_lasts_until_the_rail_rests(programs: Programs) -> None:
    """The elbow's threshold is 0.02 rad/s, the rail's 0.002 m/s; it rolls at up to 0.012 m/s."""
    bridge = programs.bridge(settings({
        'arm': arm('trajectory'),
        # Another process moves what the arm's joint states show.
        'pusher': arm('push', prismatic_max_speed=0.012)}))
    programs.add(SimulatedJoints(bridge.topic('trajectory'), 'rail', 'elbow', node='/idle'))
    programs.add(SimulatedJoints(
        bridge.topic('push'), 'rail', 'elbow', joint_states=bridge.topic('joints')))
    bridge.wait_drivers('arm', 'pusher')
    client, pushing = (programs.client(bridge.address) for _ in range(2))
    # Joint states have arrived, without which both are idle as well, and motion is refused.
    for name in ('arm', 'pusher'):
        bridge.wait_logged(rf'{name}: stopped \(verified\)')
    wait_until(lambda: all(order(client, name, 'get_status')['state'] == 'idle' for name in (
        'arm', 'pusher')), 'rest')
    before = bridge.text.count('arm: stopped (verified)')
    pushing.begin('call', component='arm', name='pusher', method='move_to_joint_positions',
                  arguments=[{'JointPositions': {'values': [100.0, 0.0]}}])
    # mm
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 10.0, 'motion')
    order(client, 'arm', 'stop')
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 1.5, 'much longer than the hold')
    assert order(client, 'arm', 'get_status')['state'] == 'stopping'
    order(client, 'pusher', 'stop')
    wait_until(lambda: order(client, 'arm', 'get_status')['state'] == 'idle', 'rest')
    wait_until(lambda: bridge.text.count('arm: stopped (verified)') > before, 'the log')
