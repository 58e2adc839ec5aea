# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What may be asked of an actuator: setpoints in SI units and ROS axes, and their limits.

Frames follow REP 103: x forward, y left, z up, counter-clockwise positive; metres, radians,
seconds. Whatever is made here is finite: a NaN or an infinity is refused at construction.
"""

from dataclasses import dataclass
import math

from viam_session_bridge.core.errors import InvalidCommand

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)


def require_finite(name: str, value: float) -> float:
    """Return value as a float. Raises InvalidCommand that names it when it is NaN or infinite."""
    value = float(value)
    if not math.isfinite(value):
        raise InvalidCommand(f'{name}: {value} is not a finite number')
    return value


@dataclass(frozen=True)
class Velocity:
    """A body twist in the base frame: linear (x, y, z) in m/s, angular (x, y, z) in rad/s."""

    linear: Vector = ZERO
    angular: Vector = ZERO

    def __post_init__(self) -> None:
        for name, vector in (('linear', self.linear), ('angular', self.angular)):
            for axis, value in zip('xyz', vector, strict=True):
                require_finite(f'{name}.{axis}', value)

    @property
    def is_zero(self) -> bool:
        """All six numbers are zero: a stop."""
        return not any(self.linear) and not any(self.angular)

    @property
    def speed(self) -> float:
        """Length of the linear part, m/s."""
        return math.hypot(*self.linear)

    @property
    def turn_rate(self) -> float:
        """Length of the angular part, rad/s."""
        return math.hypot(*self.angular)


@dataclass(frozen=True)
class VelocityLimits:
    """
    The fastest a base may be asked to go: linear in m/s, angular in rad/s.

    A base that is not holonomic drives along x and turns about z; other parts of a wish are left
    out, as Viam's own wheeled base does.
    """

    linear: float
    angular: float
    holonomic: bool = False

    def clamp(self, wish: Velocity) -> Velocity:
        """Return the wish with both lengths within the limits, directions kept."""
        if not self.holonomic:
            wish = Velocity((wish.linear[0], 0.0, 0.0), (0.0, 0.0, wish.angular[2]))
        return Velocity(
            _shorten(wish.linear, self.linear), _shorten(wish.angular, self.angular))


def _shorten(vector: Vector, limit: float) -> Vector:
    length = math.hypot(*vector)
    if length <= limit:
        return vector
    # Dividing first: the length of a huge but finite vector may be infinite.
    largest = max(abs(part) for part in vector)
    unit = [part / largest for part in vector]
    scale = limit / math.hypot(*unit)
    return (unit[0] * scale, unit[1] * scale, unit[2] * scale)
