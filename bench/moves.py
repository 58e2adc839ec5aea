# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How far off do MoveStraight and Spin end? 100 simulated moves each, timed beside steered.

The core drives a modelled base: commands arrive late, wheels slip, acceleration is limited, and
the odometry is late and noisy but sees the slip (as visual or laser odometry does). Runs without
ROS and in no time, since the core takes time as a number; seeded, so that it repeats.

    python bench/moves.py [--moves 100] [--seed 1]
"""

import argparse
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
import math
from pathlib import Path
import random
import statistics
import sys

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings  # noqa: E402
from viam_session_bridge.core.events import Ended  # noqa: E402
from viam_session_bridge.core.move import (  # noqa: E402
    Along,
    Motion,  # noqa: E402
    MoveProfile,
)
from viam_session_bridge.core.presence import OpenClaim  # noqa: E402
from viam_session_bridge.core.stop import BaseSample, RestSettings  # noqa: E402

MOVES, SEED = 100, 1
STEP = 0.002  # s, of the model
ODOMETRY_PERIOD = 0.02  # s


@dataclass
class Base:
    """A base along one degree of freedom at a time: metres or radians."""

    chance: random.Random
    acceleration: float
    latency: float
    slip: float
    noise: float
    along: Along
    place: float = 0.0
    speed: float = 0.0

    def __post_init__(self) -> None:
        self._orders: deque[tuple[float, float]] = deque()
        self._setpoint = 0.0
        self._seen: deque[tuple[float, float, float]] = deque()

    def order(self, setpoint: float, now: float) -> None:
        """Take a command; it acts after the latency."""
        self._orders.append((now + self.latency, setpoint))

    def step(self, now: float) -> None:
        """Advance by STEP."""
        while self._orders and self._orders[0][0] <= now:
            self._setpoint = self._orders.popleft()[1]
        change = self.acceleration * STEP
        self.speed += max(-change, min(change, self._setpoint - self.speed))
        self.place += self.speed * (1.0 - self.slip) * STEP

    def odometry(self, now: float) -> BaseSample | None:
        """Return the newest sample that has arrived, half the latency old."""
        noisy = self.place + self.chance.gauss(0.0, self.noise)
        self._seen.append((now + self.latency / 2.0, noisy, self.speed))
        arrived = None
        while self._seen and self._seen[0][0] <= now:
            arrived = self._seen.popleft()
        if arrived is None:
            return None
        _, place, speed = arrived
        if self.along is Along.PATH:
            return BaseSample(x=place, linear=(speed, 0.0, 0.0))
        return BaseSample(yaw=math.remainder(place, math.tau), angular=(0.0, 0.0, speed))


def run(base: Base, course: MoveProfile, steered: bool) -> float:
    """Drive one move with the real actuator; return where it ended minus where it should."""
    rest = RestSettings() if steered else None
    actuator = Actuator('base', ActuatorSettings(require_path=False, rest=rest))
    duration = abs(course.amount) / course.speed
    velocity = course.velocity(course.speed)
    motion = Motion(velocity, duration * 3.0 + 5.0, course) if steered else Motion(
        velocity, duration)
    now, next_odometry, begun, ended = 0.0, 0.0, False, False
    while not (ended and base.speed == 0.0) and now < 120.0:
        base.step(now)
        if now >= next_odometry:
            next_odometry += ODOMETRY_PERIOD
            sample = base.odometry(now)
            if sample is not None:
                actuator.measured(sample, now)
        if not begun and now > 0.5:
            actuator.command(motion, OpenClaim(), 1, now)
            begun = True
        output = actuator.poll(now)
        if output is not None:
            setpoint = output.setpoint
            axis = 0.0 if setpoint is None else (
                setpoint.linear[0] if course.along is Along.PATH else setpoint.angular[2])
            base.order(axis, now)
        ended = ended or any(isinstance(one, Ended) for one in actuator.take_notes()[0])
        now += STEP
    return base.place - course.amount


def moves(along: Along, count: int, seed: int) -> Iterator[tuple[float, float]]:
    """Yield the absolute error of each move, timed and steered, m or rad."""
    chance = random.Random(seed)
    straight = along is Along.PATH
    for _ in range(count):
        amount = chance.choice((-1, 1)) * (
            chance.uniform(0.2, 2.0) if straight else chance.uniform(0.2, 2.0 * math.pi))
        speed = chance.uniform(0.1, 0.5) if straight else chance.uniform(0.3, 1.0)
        model = {
            'acceleration': chance.uniform(0.7, 2.0) if straight else chance.uniform(1.5, 4.0),
            'latency': chance.uniform(0.02, 0.12), 'slip': chance.uniform(0.0, 0.15),
            'noise': 0.002, 'along': along}
        course = MoveProfile(along, amount, speed, 0.5 if straight else 1.0)
        yield tuple(
            abs(run(Base(random.Random(chance.random()), **model), course, steered))
            for steered in (False, True))


def table(count: int = MOVES, seed: int = SEED) -> str:
    """Return the errors of so many moves of each kind, as a text of a few lines."""
    lines = [f'{count} moves each; latency 20-120 ms, slip 0-15 %, odometry noise 2 mm '
             f'or 2 mrad, seed {seed}',
             f'{"":14}{"timed: median":>16}{"p95":>9}{"worst":>9}{"steered: median":>18}'
             f'{"p95":>9}{"worst":>9}']
    for name, along, factor, unit in (
            ('MoveStraight', Along.PATH, 1e3, 'mm'), ('Spin', Along.YAW, 180 / math.pi, 'deg')):
        errors = list(zip(*moves(along, count, seed), strict=True))
        row = f'{name:14}'
        for width, each in zip((16, 18), errors, strict=True):
            figures = (statistics.median(each), statistics.quantiles(each, n=20)[-1], max(each))
            row += ''.join(f'{figure * factor:{w}.1f}' for figure, w in zip(
                figures, (width, 9, 9), strict=True))
        lines.append(f'{row} {unit}')
    return '\n'.join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--moves', type=int, default=MOVES)
    parser.add_argument('--seed', type=int, default=SEED)
    options = parser.parse_args()
    print(table(options.moves, options.seed))


if __name__ == '__main__':
    main()
