# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the drivers that publish numbers share: how a wish becomes one."""

from dataclasses import dataclass

from viam_session_bridge.core.setpoints import Power, Setpoint, Speed


@dataclass(frozen=True)
class Scaling:
    """
    How a wish for one joint becomes a number: offset + scale * wish, within bounds.

    command: whether the wish is 'velocity' (rad/s), 'power' or 'effort' (a share of the full one),
    or 'position' (rad or m); full_speed (rad/s) turns a velocity into a share. neutral: the number
    that stops, never changed.
    """

    command: str
    full_speed: float
    neutral: float
    scale: float = 1.0
    offset: float = 0.0
    minimum: float = -1e9
    maximum: float = 1e9

    def number(self, setpoint: Setpoint) -> float:
        """Return the number for a wish. Raises TypeError for one that a joint cannot do."""
        power = self.command in ('power', 'effort')
        if isinstance(setpoint, Speed) and self.command != 'effort':
            wish = setpoint.value / self.full_speed if power else setpoint.value
        elif isinstance(setpoint, Power):
            wish = setpoint.value if power else setpoint.value * self.full_speed
        else:
            raise TypeError(f'a driver of one {self.command} cannot do {setpoint}')
        return self.bounded(wish)

    def bounded(self, wish: float) -> float:
        """Return the number for a wish that is in the command's unit already."""
        return min(self.maximum, max(self.minimum, self.offset + self.scale * wish))
