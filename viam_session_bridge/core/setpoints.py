# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Setpoints of actuators in SI units and ROS axes, and their limits.

Frames follow REP 103: x forward, y left, z up, counter-clockwise positive; metres, radians,
seconds. Every value here is finite: a NaN or an infinity is refused at construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math
from typing import ClassVar, Protocol

from viam_session_bridge.core.errors import InvalidCommand

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)


class Setpoint(Protocol):
    """What a driver can receive, beside a stop."""

    @property
    def is_zero(self) -> bool:
        """Return whether it commands a stop."""


class Limits(Protocol):
    """The limits of a setpoint. Setpoints that cannot be clamped are refused elsewhere."""

    def clamp(self, setpoint: Setpoint) -> Setpoint:
        """Return the setpoint, within the limits."""


def require_finite(name: str, value: float) -> float:
    """Return value as a float. Raises InvalidCommand that names it when it is NaN or infinite."""
    value = float(value)
    if not math.isfinite(value):
        raise InvalidCommand(f'{name}: {value} is not a finite number')
    return value


def finite_vector(name: str, vector: Vector) -> Vector:
    """Return a vector. Raises InvalidCommand that names the part that is NaN or infinite."""
    if not all(map(math.isfinite, vector)):
        for axis, value in zip('xyz', vector, strict=True):
            require_finite(f'{name}.{axis}', value)
    return vector


@dataclass(frozen=True)
class Velocity:
    """A body twist in the base frame: linear (x, y, z) in m/s, angular (x, y, z) in rad/s."""

    linear: Vector = ZERO
    angular: Vector = ZERO

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.linear, *self.angular))):
            finite_vector('linear', self.linear)
            finite_vector('angular', self.angular)

    def __str__(self) -> str:
        """Return it with units."""
        return f'linear {_shown(self.linear)} m/s, angular {_shown(self.angular)} rad/s'

    @property
    def is_zero(self) -> bool:
        """All six numbers are zero: a stop."""
        return not any(self.linear) and not any(self.angular)

    @property
    def speed(self) -> float:
        """Length of the linear part, m/s."""
        return math.hypot(*self.linear)


@dataclass(frozen=True)
class VelocityLimits:
    """
    The highest speeds of a base: linear in m/s, angular in rad/s.

    A base that is not holonomic drives along x and turns about z; other components of a setpoint
    are removed, as Viam's own wheeled base does.
    """

    linear: float
    angular: float
    holonomic: bool = False

    def clamp(self, setpoint: Setpoint) -> Setpoint:
        """Return the setpoint with both lengths within the limits, directions kept."""
        if not isinstance(setpoint, Velocity):
            return setpoint
        linear, angular = setpoint.linear, setpoint.angular
        if not self.holonomic:
            linear, angular = (linear[0], 0.0, 0.0), (0.0, 0.0, angular[2])
        if math.hypot(*linear) > self.linear:
            linear = _shortened(linear, self.linear)
        if math.hypot(*angular) > self.angular:
            angular = _shortened(angular, self.angular)
        if (linear, angular) == (setpoint.linear, setpoint.angular):
            return setpoint
        return Velocity(linear, angular)


def _shown(values: Sequence[float]) -> str:
    # Adding zero turns -0 into 0.
    return f'({", ".join(f"{value + 0.0:.3g}" for value in values)})'


def _shortened(vector: Vector, length: float) -> Vector:
    # Dividing first: the length of a huge but finite vector may be infinite.
    largest = max(abs(part) for part in vector)
    unit = [part / largest for part in vector]
    scale = length / math.hypot(*unit)
    return (unit[0] * scale, unit[1] * scale, unit[2] * scale)


@dataclass(frozen=True)
class Power:
    """A share of an actuator's full power, -1 to 1."""

    value: float

    def __post_init__(self) -> None:
        require_finite('power', self.value)

    def __str__(self) -> str:
        """Return it as text."""
        return f'{self.value:.3g} of full power'

    @property
    def is_zero(self) -> bool:
        """No power is a stop."""
        return self.value == 0.0


@dataclass(frozen=True)
class Speed:
    """The velocity of one joint, rad/s, or m/s where it is prismatic."""

    value: float

    def __post_init__(self) -> None:
        require_finite('speed', self.value)

    def __str__(self) -> str:
        """Return it with its unit."""
        return f'{self.value:.3g} rad/s or m/s'

    @property
    def is_zero(self) -> bool:
        """No speed is a stop."""
        return self.value == 0.0


@dataclass(frozen=True)
class Waypoint:
    """
    A point of a trajectory: seconds from its start, positions in the resource's order of joints.

    Positions are rad, or m where a joint is prismatic; velocities rad/s or m/s, or None to leave
    them to the controller.
    """

    time: float
    positions: tuple[float, ...]
    velocities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        require_finite('time', self.time)
        for index, value in enumerate((*self.positions, *(self.velocities or ()))):
            require_finite(f'values[{index}]', value)


@dataclass(frozen=True)
class Trajectory:
    """Positions to reach in order; at least one point, times rising. A goal is never a stop."""

    points: tuple[Waypoint, ...]
    is_zero: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.points:
            raise InvalidCommand('points: a trajectory has at least one')
        times = [point.time for point in self.points]
        for earlier, later in zip(times, times[1:], strict=False):
            if later <= earlier:
                raise InvalidCommand(f'points: time {later:g} s does not come after {earlier:g} s')
        if len({len(point.positions) for point in self.points}) != 1:
            raise InvalidCommand('points: all have the same number of positions')

    def __str__(self) -> str:
        """Return its end and its duration."""
        return (f'{len(self.points)} points to {_shown(self.end.positions)} rad or m in '
                f'{self.end.time:.3g} s')

    @property
    def end(self) -> Waypoint:
        """Return the last point."""
        return self.points[-1]


@dataclass(frozen=True)
class Choice:
    """A position of a switch; resting: it is the safe position."""

    position: int
    resting: bool = False

    @property
    def is_zero(self) -> bool:
        """Choosing the safe position is a stop."""
        return self.resting


@dataclass(frozen=True)
class Press:
    """A button is pushed, once. A push is never a stop."""

    is_zero: ClassVar[bool] = False


@dataclass(frozen=True)
class ServiceCall:
    """
    One of the commands that are configured for a resource, by name, with its arguments.

    Its effect is not known, so it is never a stop.
    """

    command: str
    arguments: Mapping[str, bool] = field(default_factory=dict)
    is_zero: ClassVar[bool] = False


@dataclass(frozen=True)
class PoseGoal:
    """
    A pose to reach: position (m) and orientation (unit quaternion x, y, z, w) in a frame.

    frame: the name of a tf frame; empty for the driver's own. A goal is never a stop.
    """

    position: Vector
    orientation: tuple[float, float, float, float]
    frame: str = ''
    is_zero: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for axis, value in zip('xyz', self.position, strict=True):
            require_finite(f'position.{axis}', value)
        for axis, value in zip('xyzw', self.orientation, strict=True):
            require_finite(f'orientation.{axis}', value)
        length = math.hypot(*self.orientation)
        if abs(length - 1.0) > 1e-3:
            raise InvalidCommand(
                f'orientation: a quaternion of length {length:g}; expected a unit quaternion')


@dataclass(frozen=True)
class JointLimits:
    """The highest speed of a single actuator: rad/s or m/s; power is within -1 to 1."""

    speed: float = math.inf

    def clamp(self, setpoint: Setpoint) -> Setpoint:
        """Return power and speed clamped to the limits; everything else unchanged."""
        if isinstance(setpoint, Power):
            return Power(min(1.0, max(-1.0, setpoint.value)))
        if isinstance(setpoint, Speed):
            return Speed(min(self.speed, max(-self.speed, setpoint.value)))
        return setpoint
