# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Sensors: nothing moves, so there is nothing to stop."""

from __future__ import annotations

from dataclasses import dataclass, field

from viam_session_bridge.parameters.resources import ResourceConfig
from viam_session_bridge.parameters.schema import described, Form, Spec


def _topic(message: str) -> dict[str, Spec]:
    return described(
        'Topic that is read, with messages of the type that the driver names: '
        'sensor_msgs/msg/Range, Temperature or BatteryState. Publishers with any QoS match',
        form=Form.FEEDBACK_TOPIC, message=message)


@dataclass(frozen=True, kw_only=True)
class RangeTable:
    """Parameters of a sensor with driver 'range'."""

    topic: str = field(metadata=_topic('sensor_msgs/msg/Range'))


@dataclass(frozen=True, kw_only=True)
class TemperatureTable:
    """Parameters of a sensor with driver 'temperature'."""

    topic: str = field(metadata=_topic('sensor_msgs/msg/Temperature'))


@dataclass(frozen=True, kw_only=True)
class BatteryStateTable:
    """Parameters of a sensor with driver 'battery_state'."""

    topic: str = field(metadata=_topic('sensor_msgs/msg/BatteryState'))


@dataclass(frozen=True, kw_only=True)
class SensorConfig(RangeTable, TemperatureTable, BatteryStateTable, ResourceConfig):
    """A sensor whose readings are the fields of a ROS message."""

    API = 'sensor'
    DRIVERS = {
        'range': RangeTable, 'temperature': TemperatureTable, 'battery_state': BatteryStateTable}

    feedback_timeout: float = field(default=2.0, metadata=described(
        'Age of the newest message from which on GetReadings fails. Longer than the period of the '
        'publisher', unit='s', low=0.05, high=3600.0))
