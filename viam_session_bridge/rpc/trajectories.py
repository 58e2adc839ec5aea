# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Goals of several joints: units, checks, and how long the way takes; no component in here.

Inside, joints are rad and m. On the wire they are degrees and mm, or what a service says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import require_finite, Trajectory, Waypoint

MM = 1e-3

# The fastest point of a way from rest to rest, in units of its mean speed; and its strongest
# acceleration, in units of way / time^2. Cubic, as controllers interpolate.
PEAK_SPEED = 1.5
PEAK_ACCELERATION = 6.0

# No point comes sooner (s) after the one before it.
SHORTEST = 0.1


@dataclass(frozen=True)
class TrajectoryJoints:
    """
    The joints of one resource: how the wire counts them, and how far they go.

    scales: what one unit of the wire is, rad or m, for each joint. limits: (lowest, highest), rad
    or m, for each joint; empty when they are not known.
    """

    names: tuple[str, ...]
    scales: tuple[float, ...]
    limits: tuple[tuple[float, float], ...] = ()

    def parsed(self, field: str, values: Sequence[float]) -> tuple[float, ...]:
        """Return numbers of the wire in rad and m. Raises InvalidCommand that names the field."""
        if len(values) != len(self.names):
            raise InvalidCommand(
                f'{field}: {len(values)} values; expected {len(self.names)}, for the joints '
                + ', '.join(self.names))
        return tuple(require_finite(f'{field}[{index}]', value) * scale for index, (value, scale)
                     in enumerate(zip(values, self.scales, strict=True)))

    def targets(self, field: str, values: Sequence[float]) -> tuple[float, ...]:
        """Return positions of the wire in rad and m, within the limits. Raises InvalidCommand."""
        positions = self.parsed(field, values)
        for index, (position, (lowest, highest)) in enumerate(
                zip(positions, self.limits, strict=False)):
            if not lowest <= position <= highest:
                scale = self.scales[index]
                raise InvalidCommand(
                    f'{field}[{index}]: {values[index]:g} is out of the range of joint '
                    f'{self.names[index]}; expected {lowest / scale:.6g} to '
                    f'{highest / scale:.6g}')
        return positions

    def shown(self, positions: Sequence[float]) -> list[float]:
        """Return rad and m as the wire counts them."""
        return [position / scale for position, scale in zip(positions, self.scales, strict=True)]


@dataclass(frozen=True)
class Pace:
    """The fastest (rad/s or m/s) and the strongest (rad/s2 or m/s2) that each joint may go."""

    speeds: tuple[float, ...]
    accelerations: tuple[float, ...] = ()

    def seconds(self, way: Sequence[float]) -> float:
        """Return how long this way (rad or m, for each joint) takes, from rest to rest."""
        by_speed = (PEAK_SPEED * abs(part) / speed
                    for part, speed in zip(way, self.speeds, strict=True))
        by_acceleration = (math.sqrt(PEAK_ACCELERATION * abs(part) / strongest)
                           for part, strongest in zip(way, self.accelerations, strict=False))
        return max(SHORTEST, *by_speed, *by_acceleration)


def timed(start: tuple[float, ...], stations: Sequence[tuple[float, ...]], pace: Pace,
          longest: float, field: str) -> Trajectory:
    """
    Return the way from rest at start through the stations to rest at the last, at this pace.

    A joint passes a station without stopping where it goes on in the same direction. No joint
    overshoots, nor is faster or stronger than it may be, if the controller interpolates cubically.
    Raises InvalidCommand that names the field when it takes longer (s) than is accepted.
    """
    ways = [tuple(b - a for a, b in zip(one, other, strict=True))
            for one, other in zip([start, *stations], stations, strict=False)]
    durations = [pace.seconds(way) for way in ways]
    if not sum(durations) <= longest:
        raise InvalidCommand(
            f'{field}: this way would take {sum(durations):.6g} s at the speed that is allowed; '
            f'max_move_duration allows {longest:g} s')
    slopes = [tuple(part / duration for part in way)
              for way, duration in zip(ways, durations, strict=True)]
    # At the last station all joints stand.
    slopes.append((0.0,) * len(start))
    points, time = [], 0.0
    for index, station in enumerate(stations):
        time += durations[index]
        points.append(Waypoint(time, station, tuple(
            _passing(one, other)
            for one, other in zip(slopes[index], slopes[index + 1], strict=True))))
    return Trajectory(tuple(points))


def _passing(before: float, after: float) -> float:
    """Return the speed at a station: the harmonic mean, which keeps cubics monotone."""
    return 2.0 * before * after / (before + after) if before * after > 0.0 else 0.0
