# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of sensors, and of components without an actuator in general."""

from typing import Any

import pytest

from viam_session_bridge.parameters import load, plugins
from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import APIS, judge
from viam_session_bridge.parameters.resources import ActuatedConfig, ResourceConfig
from viam_session_bridge.parameters.sensor import SensorConfig

AROUND = GraphNames('/bridge', '/', '/{}'.format, '/{}'.format)

FRONT: dict[str, Any] = {
    'resources': ['front'], 'front.api': 'sensor', 'front.driver': 'range', 'front.topic': 'range'}


def errors(**changes: Any) -> list[str]:
    changed = {f'front.{name}': value for name, value in changes.items()}
    return judge({name: value for name, value in {**FRONT, **changed}.items()
                  if value is not None}, AROUND).errors


def test_a_configuration_with_sensors_only_is_valid() -> None:
    """It needs no guard and no timeout of a receiver, and nothing is to be warned of."""
    verdict = judge(FRONT, AROUND)
    assert verdict.config is not None, verdict.errors
    assert verdict.config.resources == (
        SensorConfig(name='front', api='sensor', driver='range', topic='range'),)
    assert not verdict.config.actuated and not verdict.config.warnings


def test_mistakes_name_field_value_and_what_is_accepted() -> None:
    assert errors(topic=None) == [
        'front.topic: found nothing; accepted: a ROS topic name to read']
    assert errors(driver='sonar') == [
        "front.driver: found 'sonar'; accepted: 'range' or 'temperature' or 'battery_state'"]
    assert errors(feedback_timeout=0.0) == [
        'front.feedback_timeout: found 0.0; accepted: a number from 0.05 to 3600 s']
    [error] = errors(stop_hold=1.0)
    assert error.startswith("unknown parameter 'front.stop_hold'")


def test_an_unknown_api_lists_all_that_are_known_in_order() -> None:
    [error] = errors(api='sonar')
    assert list(APIS) == sorted(APIS)
    assert error == "front.api: found 'sonar'; accepted: " + ' or '.join(map(repr, APIS))


def test_a_sensor_reads_no_topic_with_messages_of_another_type() -> None:
    """The driver determines their type."""
    both = {**FRONT, 'resources': ['front', 'back'], 'back.api': 'sensor', 'back.topic': 'range'}
    assert not judge({**both, 'back.driver': 'range'}, AROUND).errors
    [error] = judge({**both, 'back.driver': 'temperature'}, AROUND).errors
    assert error.startswith("back.topic: found 'range', which resolves to '/range' like "
                            'front.topic with sensor_msgs/msg/Range')


def test_a_sensor_does_not_read_what_commands_the_robot() -> None:
    [error] = judge({
        **FRONT, 'resources': ['front', 'base'], 'base.driver': 'twist', 'base.topic': 'range',
        'base.receiver_timeout': 0.5}, AROUND).errors
    assert error.startswith('front.topic: ') and 'like base.topic' in error


def test_drivers_of_other_packages_are_for_actuators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load.plugins, 'brought', lambda: {'sonar': []})
    monkeypatch.setattr(plugins, 'with_driver', lambda *arguments: pytest.fail('it was searched'))
    [error] = errors(driver='sonar')
    assert error.startswith("front.driver: found 'sonar'; accepted: 'range'")


def test_a_table_registers_with_an_api_of_its_own_only() -> None:
    """Those that drivers of other packages extend are no components of their own."""
    class Extended(SensorConfig):
        pass

    assert APIS['sensor'] is SensorConfig
    assert all('API' in vars(table) for table in APIS.values())
    assert not {ResourceConfig, ActuatedConfig, Extended} & set(APIS.values())
