# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The trajectory that a client streams to an arm: its messages in order, its points checked.

Viam's contract: an init first, batches after it; the first point at time 0 and from rest, times
rising from point to point, one velocity for each position where constraints are given. Ours
besides: the first point is where the arm is, and no joint is asked to be faster than it may.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import Waypoint
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.trajectories import Joints

# After so many points others get a turn: heartbeats must not wait for a long batch.
POINTS_IN_A_ROW = 100

# Speeds may exceed the limit by this share: clients plan with rounded numbers.
ROUNDING = 1.001


class Arm(Protocol):
    """What must be known of the arm."""

    @property
    def joints_on_the_wire(self) -> Joints:
        """Return how the wire counts its joints."""
        ...

    @property
    def speeds(self) -> tuple[float, ...]:
        """Return the fastest each joint may go, rad/s or m/s."""
        ...

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Return how near counts as there for each joint, rad or m."""
        ...

    @property
    def max_move_duration(self) -> float:
        """Return the longest trajectory that is accepted, s."""
        ...


class StreamedTrajectory:
    """
    One stream under way: first opened(), then batch() until it returns None.

    turn: its place in line, from its first message on. open_arm returns what must be known of the
    arm of a name, or raises what the client is told.
    """

    def __init__(self, requests: AsyncIterator[Any], call: Call,
                 open_arm: Callable[[str], Arm]) -> None:
        self.turn: int | None = None
        self._name = ''
        self._requests = requests
        self._call = call
        self._open_arm = open_arm
        self._count = 0
        self._last: Waypoint | None = None

    async def opened(self) -> str:
        """Take the first message; returns the name of the arm. Raises InvalidCommand."""
        first = await self._next()
        kind = None if first is None else first.WhichOneof('message')
        if first is None or kind != 'init':
            raise InvalidCommand(
                f'message: the first one is {kind or "missing"}; expected an init')
        self._open_arm(first.name)
        self._name = first.name
        # A Stop that comes from now on overtakes the move.
        self.turn = self._call.gate.turn(first.name)
        return self._name

    async def batch(self) -> list[Waypoint] | None:
        """Take the next batch, with rad and m; None after the last. Raises InvalidCommand."""
        request = await self._next()
        if request is None:
            return None
        kind = request.WhichOneof('message')
        if kind != 'batch':
            raise InvalidCommand(f'message: {kind or "nothing"} after the init; expected a batch')
        if request.name not in ('', self._name):
            raise InvalidCommand(
                f'name: {request.name[:64]!a} after {self._name!a}; a stream is for one arm')
        arm, points = self._open_arm(self._name), []
        for point in request.batch.points:
            points.append(self._checked(point, arm))
            if len(points) % POINTS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return points

    def require_start(self, first: Waypoint, here: Sequence[float]) -> None:
        """Raise InvalidCommand unless the first point is where the arm stands (rad or m)."""
        arm = self._open_arm(self._name)
        joints = arm.joints_on_the_wire
        for index, (wanted, found) in enumerate(zip(first.positions, here, strict=True)):
            tolerance = arm.tolerances[index]
            if abs(wanted - found) > tolerance:
                scale = joints.scales[index]
                raise InvalidCommand(
                    f'points[0].positions[{index}]: {wanted / scale:g}, but joint '
                    f'{joints.names[index]} is at {found / scale:g}; a trajectory begins where '
                    f'the arm is, within {tolerance / scale:g}')

    async def _next(self) -> Any:
        """Return the next message, or None after the last."""
        return await self._call.awaited(asyncio.ensure_future(_one(self._requests)))

    def _checked(self, point: Any, arm: Arm) -> Waypoint:
        field = f'points[{self._count}]'
        joints = arm.joints_on_the_wire
        # A duration of the wire is of any sign and size, but never NaN.
        time = point.time.seconds + point.time.nanos * 1e-9
        positions = joints.targets(f'{field}.positions', point.positions.values)
        velocities = self._velocities(f'{field}.constraints', point, arm)
        if time > arm.max_move_duration:
            raise InvalidCommand(
                f'{field}.time: {time:g} s; max_move_duration allows {arm.max_move_duration:g} s')
        if self._last is None:
            _require_start(field, time, velocities)
        else:
            _require_way(field, self._last, time, positions, arm)
        self._count += 1
        # Without its velocities. A curve through points that are all allowed may leave the joints'
        # limits, and be faster than its mean; the straight way between them does neither.
        self._last = Waypoint(time, positions)
        return self._last

    @staticmethod
    def _velocities(field: str, point: Any, arm: Arm) -> tuple[float, ...] | None:
        """Return the velocities of a point, rad/s or m/s, if it has any; all checked."""
        if not point.HasField('constraints'):
            return None
        constraints, joints = point.constraints, arm.joints_on_the_wire
        velocities = joints.parsed(f'{field}.velocities', constraints.velocities.values)
        if constraints.HasField('accelerations'):
            joints.parsed(f'{field}.accelerations', constraints.accelerations.values)
        for index, velocity in enumerate(velocities):
            _require_speed(f'{field}.velocities[{index}]', velocity, index, arm)
        return velocities


async def _one(requests: AsyncIterator[Any]) -> Any:
    async for request in requests:
        return request
    return None


def _require_start(field: str, time: float, velocities: tuple[float, ...] | None) -> None:
    if time != 0.0:
        raise InvalidCommand(f'{field}.time: {time:g} s; the first point comes at 0')
    if velocities is not None and any(velocities):
        raise InvalidCommand(
            f'{field}.constraints.velocities: not all 0; the first point is at rest')


def _require_way(field: str, last: Waypoint, time: float, positions: tuple[float, ...],
                 arm: Arm) -> None:
    if time <= last.time:
        raise InvalidCommand(
            f'{field}.time: {time:g} s does not come after {last.time:g} s; times rise from '
            'point to point')
    for index, (before, after) in enumerate(zip(last.positions, positions, strict=True)):
        _require_speed(
            f'{field}.positions[{index}]', (after - before) / (time - last.time), index, arm)


def _require_speed(field: str, speed: float, index: int, arm: Arm) -> None:
    fastest = arm.speeds[index]
    if abs(speed) > fastest * ROUNDING:
        joints = arm.joints_on_the_wire
        scale = joints.scales[index]
        raise InvalidCommand(
            f'{field}: joint {joints.names[index]} would go at {abs(speed) / scale:.6g} a second; '
            f'it may go at {fastest / scale:.6g}')
