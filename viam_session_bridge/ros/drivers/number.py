# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the drivers that publish numbers share: scaling a setpoint, and its message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Bool, Float32, Float64, Int16, Int32

from viam_session_bridge.core.setpoints import Power, Setpoint, Speed
from viam_session_bridge.parameters.joints import PositionedConfig
from viam_session_bridge.parameters.motor import MotorConfig

MESSAGES: dict[str, type] = {
    'float64': Float64, 'float32': Float32, 'int16': Int16, 'int32': Int32, 'bool': Bool}

# The ranges of the integers; a number outside is clamped.
_BOUNDS = {'int16': 2 ** 15 - 1, 'int32': 2 ** 31 - 1}


def message_of(message: str, number: float) -> Any:
    """Return a message of this key of MESSAGES; of a bool: whether the number is not 0."""
    if message == 'bool':
        return Bool(data=bool(number))
    bound = _BOUNDS.get(message)
    return MESSAGES[message](
        data=number if bound is None else min(bound, max(-bound - 1, round(number))))


@dataclass(frozen=True)
class Scaling:
    """
    How the setpoint of one joint becomes a number: offset + scale * setpoint, within bounds.

    command: whether the setpoint is 'velocity' (rad/s), 'power' or 'effort' (a share of the full
    one), or 'position' (rad or m); full_speed (rad/s) turns a velocity into a share. neutral: the
    number that stops; it is not scaled.
    """

    command: str
    full_speed: float
    neutral: float
    scale: float = 1.0
    offset: float = 0.0
    minimum: float = -1e9
    maximum: float = 1e9

    @classmethod
    def of_motor(cls, config: MotorConfig) -> Scaling:
        """Return the scaling of a motor."""
        return cls(config.command, config.max_speed, config.neutral, config.scale, config.offset,
                   config.minimum, config.maximum)

    @classmethod
    def of_position(cls, config: PositionedConfig) -> Scaling:
        """Return the scaling of positions of joints."""
        return cls('position', config.pace.fastest, config.stop_number, config.scale,
                   config.offset, config.minimum, config.maximum)

    def number(self, setpoint: Setpoint) -> float:
        """Return the number of a setpoint. Raises TypeError if a joint cannot execute it."""
        power = self.command in ('power', 'effort')
        if isinstance(setpoint, Speed) and self.command != 'effort':
            value = setpoint.value / self.full_speed if power else setpoint.value
        elif isinstance(setpoint, Power):
            value = setpoint.value if power else setpoint.value * self.full_speed
        else:
            raise TypeError(f'a driver of one {self.command} cannot do {setpoint}')
        return self.bounded(value)

    def bounded(self, value: float) -> float:
        """Return the number for a value that is in the command's unit already."""
        return min(self.maximum, max(self.minimum, self.offset + self.scale * value))
