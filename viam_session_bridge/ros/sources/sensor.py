# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Readings of sensors, from sensor_msgs/Range, Temperature and BatteryState (docs/sensors.md).

In these messages, NaN means that a value is not measured: it is left out. Readings have finite
numbers only, since JSON has no others.
"""

import math

from sensor_msgs.msg import BatteryState, Range, Temperature

from viam_session_bridge.ros.sources.source import Source

Readings = dict[str, float | str | bool]

# By the constants of BatteryState; 0 and unlisted numbers are unknown, and left out.
_STATUSES = ('', 'charging', 'discharging', 'not_charging', 'full')
_HEALTHS = ('', 'good', 'overheat', 'dead', 'overvoltage', 'unspecified_failure', 'cold',
            'watchdog_timer_expire', 'safety_timer_expire')


def read_range(message: Range) -> Readings:
    """
    Return the distance, and whether it was measured.

    REP 117: -inf is an object too close to measure, +inf is no object in range. A number outside
    the limits must be discarded.
    """
    distance, detection = message.range, 'invalid'
    if math.isinf(distance):
        detection = 'none' if distance > 0.0 else 'too_close'
    elif message.min_range <= distance <= message.max_range:
        detection = 'measured'
    return {
        'detection': detection,
        **_finite(
            range_m=distance if detection == 'measured' else math.nan,
            min_range_m=message.min_range, max_range_m=message.max_range,
            field_of_view_rad=message.field_of_view)}


def read_temperature(message: Temperature) -> Readings:
    """Return the temperature; a variance of 0 means that it is unknown."""
    return _finite(temperature_c=message.temperature, variance_c2=message.variance or math.nan)


def read_battery(message: BatteryState) -> Readings:
    """Return the measured values of a battery; the current is negative while it discharges."""
    readings: Readings = {'present': message.present, **_finite(
        voltage_v=message.voltage, current_a=message.current, temperature_c=message.temperature,
        percentage=message.percentage, charge_ah=message.charge, capacity_ah=message.capacity,
        design_capacity_ah=message.design_capacity)}
    for name, number, texts in (
            ('power_supply_status', message.power_supply_status, _STATUSES),
            ('power_supply_health', message.power_supply_health, _HEALTHS)):
        if 0 < number < len(texts):
            readings[name] = texts[number]
    return readings


def _finite(**values: float) -> Readings:
    return {name: value for name, value in values.items() if math.isfinite(value)}


class SensorSource(Source):
    """The readings of one sensor."""

    API = 'sensor'
    READERS = {
        'range': (Range, read_range), 'temperature': (Temperature, read_temperature),
        'battery_state': (BatteryState, read_battery)}
