# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Sensors: a bridge that moves nothing, and its guard."""

import signal

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Range

from observer import spinning_node
from processes import Bridge, Client, Programs, wait_until

SENSORS = {
    'front': {'api': 'sensor', 'driver': 'range', 'topic': 'range', 'feedback_timeout': 30.0},
    'battery': {'api': 'sensor', 'driver': 'battery_state', 'topic': 'battery'}}


def readings(client: Client, name: str) -> dict[str, object]:
    """Return the answer of an SDK program."""
    return client.ask('call', component='sensor', name=name, method='get_readings')


def published(node: Node, bridge: Bridge, client: Client) -> object:
    """Publish a range until it is received, and return the readings."""
    publisher = node.create_publisher(Range, bridge.topic('range'), qos_profile_sensor_data)

    def received() -> object:
        # Best effort: what is sent before the bridge has found the publisher is lost.
        publisher.publish(Range(range=0.5, max_range=4.0))
        return readings(client, 'front').get('value')
    return wait_until(received, 'readings')


def test_a_bridge_with_sensors_only_serves_readings(programs: Programs) -> None:
    bridge = programs.bridge({
        'resources': list(SENSORS), **SENSORS, 'grpc': {'port': 0}, 'guard': {'required': True}})
    guard = programs.guard(bridge)
    assert guard.logged('guarding nothing')
    client = programs.client(bridge.address)
    refused = readings(client, 'battery')
    assert refused['code'] == 'FAILED_PRECONDITION'
    assert f'{bridge.topic("battery")} has no publisher' in str(refused['text'])
    with spinning_node('publisher') as node:
        assert published(node, bridge, client) == {
            'range_m': 0.5, 'detection': 'measured', 'min_range_m': 0.0,
            'max_range_m': 4.0, 'field_of_view_rad': 0.0}
    client.do('stop_all')
    for process in (bridge, guard):
        process.signal(signal.SIGTERM)
        assert process.ended() == 0, process.text
