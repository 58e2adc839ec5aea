# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Sources of sensors: the readings of each message, and the reason for no reading."""

from itertools import count
import math
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import pytest
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import BatteryState, Range, Temperature

from observer import spinning_node
from processes import wait_until
from viam_session_bridge.core.errors import NoFeedback
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import table_entries
from viam_session_bridge.parameters.sensor import SensorConfig
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros.factory import READ_ONLY
from viam_session_bridge.ros.fingerprint import fingerprint
from viam_session_bridge.ros.node import BridgeNode
from viam_session_bridge.ros.sources.sensor import read_battery, read_range, read_temperature
from viam_session_bridge.ros.sources.source import Source
from viam_session_bridge.ros.stop_path import type_name

NAN, INF = math.nan, math.inf
TIMEOUT = 2.0

_topics = count(1)


class Rig:
    """A range sensor on its own topic with a simulated clock, and its publishers."""

    def __init__(self, node: Node) -> None:
        self.now = 100.0
        self.topic = node.resolve_topic_name(f'range{next(_topics)}')
        self.node = node
        config = SimpleNamespace(
            name='front', driver='range', topic=self.topic, feedback_timeout=TIMEOUT)
        self.source: Source = READ_ONLY['sensor'](node, config, lambda: self.now)

    def publish(self, message: Any = None, reliable: bool = False, latched: bool = False) -> None:
        """Publish a message, and wait until it was received."""
        message, before = message or Range(range=0.5, max_range=4.0), self.source._newest
        publisher = self.node.create_publisher(type(message), self.topic, QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=(DurabilityPolicy.TRANSIENT_LOCAL if latched
                        else DurabilityPolicy.VOLATILE)))
        wait_until(publisher.get_subscription_count, 'a match')
        publisher.publish(message)
        wait_until(lambda: self.source._newest is not before, 'the message')
        self.node.destroy_publisher(publisher)
        wait_until(lambda: not self.node.get_publishers_info_by_topic(self.topic), 'its end')


@pytest.fixture
def rig(node: Node) -> Rig:
    return Rig(node)


@pytest.mark.parametrize('qos', [
    {}, {'reliable': True}, {'reliable': True, 'latched': True}], ids=str)
def test_a_publisher_with_any_qos_is_read(rig: Rig, qos: dict[str, bool]) -> None:
    rig.publish(**qos)
    assert rig.source.read()['range_m'] == 0.5
    assert rig.source.problem() == ''


def test_an_old_message_is_refused_with_its_age_the_limit_and_the_cause(rig: Rig) -> None:
    rig.publish()
    rig.now += 1.99
    assert rig.source.read()['range_m'] == 0.5
    rig.now += 0.51
    with pytest.raises(NoFeedback) as refused:
        rig.source.read()
    assert str(refused.value) == (
        f'front.topic: the newest message on {rig.topic} is 2.5 s old; front.feedback_timeout is '
        f'2 s; {rig.topic} has no publisher (expected sensor_msgs/msg/Range)')
    rig.publish()
    assert rig.source.problem() == ''


def test_without_a_message_the_cause_is_named(rig: Rig) -> None:
    assert rig.source.problem() == (
        f'front.topic: no message has arrived on {rig.topic}; front.feedback_timeout is 2 s; '
        f'{rig.topic} has no publisher (expected sensor_msgs/msg/Range)')
    silent = rig.node.create_publisher(Range, rig.topic, 1)
    wait_until(lambda: 'there is a publisher of sensor_msgs/msg/Range, but it does not publish'
               in rig.source.problem(), 'the publisher')
    rig.node.destroy_publisher(silent)


def test_another_type_is_named(rig: Rig) -> None:
    with spinning_node('thermometer') as other:
        other.create_publisher(Temperature, rig.topic, 1)
        wait_until(lambda: rig.source.problem().endswith(
            f'on {rig.topic} /thermometer publishes sensor_msgs/msg/Temperature; expected '
            'sensor_msgs/msg/Range'), 'the cause')


def test_a_repeated_stamp_is_no_new_message(rig: Rig) -> None:
    message = Range(range=0.5, max_range=4.0)
    message.header.stamp.sec = 7
    rig.source._take(message)
    rig.now += TIMEOUT
    rig.source._take(message)
    publisher = rig.node.create_publisher(Range, rig.topic, 1)
    wait_until(lambda: 'messages arrive, but their stamp does not change' in rig.source.problem(),
               'the cause')
    rig.node.destroy_publisher(publisher)
    message.header.stamp.sec = 8
    rig.source._take(message)
    assert rig.source.problem() == ''


@pytest.mark.parametrize(('distance', 'detection'), [
    (0.5, 'measured'), (0.1, 'measured'), (4.0, 'measured'), (0.05, 'invalid'), (4.1, 'invalid'),
    (NAN, 'invalid'), (-INF, 'too_close'), (INF, 'none')])
def test_a_range_is_answered_only_where_it_was_measured(distance: float, detection: str) -> None:
    """REP 117, and the limits of the message."""
    # Numbers that a float32 holds.
    low, high = Range(range=0.1).range, 4.0
    readings = read_range(Range(
        range=low if distance == 0.1 else distance, min_range=low, max_range=high,
        field_of_view=0.25))
    assert readings['detection'] == detection
    assert ('range_m' in readings) == (detection == 'measured')
    assert (readings['min_range_m'], readings['max_range_m']) == (low, high)
    assert readings['field_of_view_rad'] == 0.25


def test_a_temperature_that_is_not_a_number_and_a_variance_of_0_are_left_out() -> None:
    assert read_temperature(Temperature(temperature=21.5, variance=0.25)) == {
        'temperature_c': 21.5, 'variance_c2': 0.25}
    assert read_temperature(Temperature(temperature=NAN)) == {}


def test_what_is_not_measured_of_a_battery_is_left_out() -> None:
    assert read_battery(BatteryState(
        present=True, voltage=12.5, current=-1.5, temperature=NAN, charge=NAN, capacity=NAN,
        design_capacity=4.0, percentage=0.75,
        power_supply_status=BatteryState.POWER_SUPPLY_STATUS_DISCHARGING,
        power_supply_health=BatteryState.POWER_SUPPLY_HEALTH_UNKNOWN)) == {
            'present': True, 'voltage_v': 12.5, 'current_a': -1.5, 'design_capacity_ah': 4.0,
            'percentage': 0.75, 'power_supply_status': 'discharging'}
    full = read_battery(BatteryState(
        power_supply_status=BatteryState.POWER_SUPPLY_STATUS_FULL,
        power_supply_health=BatteryState.POWER_SUPPLY_HEALTH_SAFETY_TIMER_EXPIRE))
    assert (full['power_supply_status'], full['power_supply_health']) == (
        'full', 'safety_timer_expire')
    assert 'power_supply_status' not in read_battery(BatteryState(power_supply_status=200))


@pytest.mark.parametrize('table', [
    table for table in APIS.values() if not issubclass(table, ActuatedConfig)])
def test_a_source_reads_the_messages_that_the_parameters_name(table: Any) -> None:
    """For every component without an actuator, and each of its drivers."""
    readers = READ_ONLY[table.API].READERS
    assert readers.keys() == table.DRIVERS.keys()
    for driver, (message_type, _) in readers.items():
        [topic] = [one for one in table_entries(table, driver) if one.name == 'topic']
        assert topic.spec.message == type_name(message_type)


def test_a_sensor_is_not_part_of_supervisor_pump_and_guard(node: Node) -> None:
    """Its topic is checked, and diagnostics show the problem."""
    base = BaseConfig(name='base', driver='twist', topic='cmd_vel')
    sensor = SensorConfig(
        name='front', api='sensor', driver='range', topic=f'range{next(_topics)}')
    config = BridgeConfig(resources=(sensor, base))
    assert config.actuated == (base,)
    assert fingerprint(config) == fingerprint(BridgeConfig(resources=(base,)))
    supervisor = locked_bridge([one.resource for one in config.actuated], Policy())
    bridge = BridgeNode(node, supervisor, config, dict, lambda: None)
    assert supervisor.states().keys() == bridge.drivers.keys() == {'base'}
    assert 'no message has arrived' in bridge.secondary_feedback('front').problem()
    said: list[DiagnosticStatus] = []
    node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda array: said.extend(array.status), 10)
    wait_until(lambda: [one for one in said if one.name.endswith(': front')
                        and one.level == DiagnosticStatus.WARN
                        and one.message.startswith('front.topic: no message')], 'diagnostics')
