# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Goals of several joints: units, checks, and the duration of a move. Used by several components.

Internally, joints are in rad and m; in messages in degrees and mm, or in the units of a service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import require_finite, Trajectory, Waypoint

MM = 1e-3

# Of a move from rest to rest: peak speed relative to mean speed, and peak acceleration
# relative to distance / time^2. For cubic interpolation, as in controllers.
PEAK_SPEED = 1.5
PEAK_ACCELERATION = 6.0

# The shortest time between two points (s).
SHORTEST = 0.1


@dataclass(frozen=True)
class TrajectoryJoints:
    """
    The joints of one resource: the units of their messages, and their limits.

    scales: the value of one unit of the messages, rad or m, for each joint. limits: (lowest,
    highest), rad or m, for each joint; empty if they are unknown.
    """

    names: tuple[str, ...]
    scales: tuple[float, ...]
    limits: tuple[tuple[float, float], ...] = ()

    def parsed(self, field: str, values: Sequence[float]) -> tuple[float, ...]:
        """Convert values of a message to rad and m. Raises InvalidCommand with the field."""
        if len(values) != len(self.names):
            raise InvalidCommand(
                f'{field}: {len(values)} values; expected {len(self.names)}, for the joints '
                + ', '.join(self.names))
        return tuple(require_finite(f'{field}[{index}]', value) * scale for index, (value, scale)
                     in enumerate(zip(values, self.scales, strict=True)))

    def targets(self, field: str, values: Sequence[float]) -> tuple[float, ...]:
        """Convert positions of a message to rad and m and check them. Raises InvalidCommand."""
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
        """Convert rad and m to the units of the messages."""
        return [position / scale for position, scale in zip(positions, self.scales, strict=True)]


@dataclass(frozen=True)
class Pace:
    """The maximum speed (rad/s or m/s) and acceleration (rad/s2 or m/s2) of each joint."""

    speeds: tuple[float, ...]
    accelerations: tuple[float, ...] = ()

    def seconds(self, way: Sequence[float]) -> float:
        """Return the duration of a move by `way` (rad or m, for each joint), from rest to rest."""
        by_speed = (PEAK_SPEED * abs(part) / speed
                    for part, speed in zip(way, self.speeds, strict=True))
        by_acceleration = (math.sqrt(PEAK_ACCELERATION * abs(part) / strongest)
                           for part, strongest in zip(way, self.accelerations, strict=False))
        return max(SHORTEST, *by_speed, *by_acceleration)


def timed(start: tuple[float, ...], stations: Sequence[tuple[float, ...]], pace: Pace,
          longest: float, field: str) -> Trajectory:
    """
    Return the trajectory from rest at start through the stations to rest at the last one.

    A joint passes a station without stopping if it continues in the same direction. If the
    controller interpolates cubically, no joint overshoots, and none exceeds its speed or
    acceleration. Raises InvalidCommand with the field if the move takes longer than `longest` (s).
    """
    ways = [tuple(b - a for a, b in zip(one, other, strict=True))
            for one, other in zip([start, *stations], stations, strict=False)]
    durations = [pace.seconds(way) for way in ways]
    if not sum(durations) <= longest:
        raise InvalidCommand(
            f'{field}: this move would take {sum(durations):.6g} s at the allowed speed; '
            f'max_move_duration allows {longest:g} s')
    slopes = [tuple(part / duration for part in way)
              for way, duration in zip(ways, durations, strict=True)]
    # At the last station all joints are at rest.
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
