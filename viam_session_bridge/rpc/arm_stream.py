# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The trajectory that a client streams to an arm, and the move along it while it still comes.

Viam's contract: an init first, batches after it; the first point at time 0 and from rest, times
rising from point to point, one velocity for each position where constraints are given. Ours
besides: the first point is where the arm is, and no joint is asked to be faster than it may.

An arm whose client falls silent comes to rest at the last point that is known. It is told more
just before it begins the last stretch that it knows, not sooner: each time, a controller begins a
little behind where it had the joints. A client that sends too late finds the arm at rest, and the
rest of its trajectory is so much later.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
import math
from typing import Any, TypeVar

from viam_session_bridge.core.errors import InvalidCommand, shown
from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.status import MoveAborted
from viam_session_bridge.rpc.trajectories import MM, TrajectoryJoints

# After so many points others get a turn: heartbeats must not wait for a long batch.
POINTS_IN_A_ROW = 100

# Speeds may exceed the limit by this share: clients plan with rounded numbers.
ROUNDING = 1.001

# What comes within this time (s) of the first point is gathered before the arm sets out.
GATHER = 0.3

# So long (s) before its last stretch it is told more, where more has come; it is looked at in this
# period (s).
LEAD = 0.15
PERIOD = 0.05

# So many points the driver is told at once: the stops of others should not have to wait while a
# message of more is made.
MOST_TOLD = 500

# A stream that brings nothing more ends the move after so many times what is left of the way that
# is known, and so long (s).
DRY_FACTOR = 3.0
DRY_MARGIN = 5.0

# With more points than this ahead of the arm, a client's next message waits in its socket.
MOST_POINTS = 10_000

_Result = TypeVar('_Result')


# ---- what the client says ----------------------------------------------------------------------

def joints_of(arm: ArmConfig) -> TrajectoryJoints:
    """Return how JointPositions count the joints of an arm: degrees, or mm."""
    return TrajectoryJoints(
        arm.joints, tuple(MM if unit == 'm' else math.radians(1.0) for unit in arm.units),
        tuple(zip(arm.joint_minimums, arm.joint_maximums, strict=True)))


class StreamedTrajectory:
    """
    One stream under way: first opened(), then batch() until it returns None.

    turn: its place in line, from its first message on. open_arm returns what must be known of the
    arm of a name, or raises what the client is told.
    """

    def __init__(self, requests: AsyncIterator[Any], call: Call,
                 open_arm: Callable[[str], ArmConfig]) -> None:
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
        self.turn = self._call.supervisor.turn(first.name)
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
                f'name: {shown(request.name)} after {self._name!a}; a stream is for one arm')
        arm, points = self._open_arm(self._name), []
        for point in request.batch.points:
            points.append(self._checked(point, arm))
            if len(points) % POINTS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return points

    def require_start(self, first: Waypoint, here: Sequence[float]) -> None:
        """Raise InvalidCommand unless the first point is where the arm stands (rad or m)."""
        arm = self._open_arm(self._name)
        joints = joints_of(arm)
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

    def _checked(self, point: Any, arm: ArmConfig) -> Waypoint:
        field = f'points[{self._count}]'
        joints = joints_of(arm)
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
    def _velocities(field: str, point: Any, arm: ArmConfig) -> tuple[float, ...] | None:
        """Return the velocities of a point, rad/s or m/s, if it has any; all checked."""
        if not point.HasField('constraints'):
            return None
        constraints, joints = point.constraints, joints_of(arm)
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
                 arm: ArmConfig) -> None:
    if time <= last.time:
        raise InvalidCommand(
            f'{field}.time: {time:g} s does not come after {last.time:g} s; times rise from '
            'point to point')
    for index, (before, after) in enumerate(zip(last.positions, positions, strict=True)):
        _require_speed(
            f'{field}.positions[{index}]', (after - before) / (time - last.time), index, arm)


def _require_speed(field: str, speed: float, index: int, arm: ArmConfig) -> None:
    fastest = arm.speeds[index]
    if abs(speed) > fastest * ROUNDING:
        joints = joints_of(arm)
        scale = joints.scales[index]
        raise InvalidCommand(
            f'{field}: joint {joints.names[index]} would go at {abs(speed) / scale:.6g} a second; '
            f'it may go at {fastest / scale:.6g}')


# ---- the move ----------------------------------------------------------------------------------

class StreamedMove:
    """
    One move. Times of points are seconds from its start, without its pauses.

    name: the arm's. goal: makes the motion of what is left of the way, which so many seconds have
    passed of. require_start: raises InvalidCommand unless a point is where the arm is. turn: the
    gate's, from when the client began to say what it wants.
    """

    def __init__(self, call: Call, name: str, goal: Callable[[Trajectory, float], Motion],
                 require_start: Callable[[Waypoint], None], turn: int | None) -> None:
        self._call = call
        self._name = name
        self._goal = goal
        self._require_start = require_start
        self._turn = turn
        self._first: Waypoint | None = None
        self._coming: list[Waypoint] = []
        self._came_at = math.inf
        self._is_whole = False
        self._is_cut_short = False
        self._task: asyncio.Task[Ended] | None = None
        # None until the gate has accepted it, and when it has ended.
        self._epoch: int | None = None
        # What the driver was told, and how much of it the arm has made. Times are the driver's:
        # they count from when it was first told, which a guard or a lock may hold up, stand while
        # it is late, and run on while the arm stands and waits.
        self._passed = 0.0
        self._way: Trajectory | None = None
        self._paused = 0.0
        self._grows = True

    @property
    def _now(self) -> float:
        return self._call.supervisor.now()

    def add(self, points: Sequence[Waypoint]) -> None:
        """Append points."""
        coming = list(points)
        if self._first is None and coming:
            self._first = coming.pop(0)
        if coming and math.isinf(self._came_at):
            self._came_at = self._now
        self._coming += coming
        self._advance()

    async def meanwhile(self, receive: Callable[[], Awaitable[_Result]]) -> _Result | None:
        """
        Go on until a message is there, and return it; None when the move is over before.

        It is received when few enough points are ahead of the arm.
        """
        while self._ahead > MOST_POINTS and not self._is_over:
            await self._pause()
        coming = asyncio.ensure_future(receive())
        try:
            while not coming.done():
                if self._is_over:
                    self._is_cut_short = True
                    return None
                await self._pause(coming)
            return coming.result()
        finally:
            coming.cancel()

    async def finish(self) -> None:
        """
        Go to the last point that has come, unless it is over; answers when it is there.

        Raises InvalidCommand when there is no way to go, MoveAborted, or what else refused it. A
        Stop or a newer command ends it as wished, but for a client that had more to say.
        """
        self._is_whole = True
        if self._task is None and not self._coming:
            raise InvalidCommand(
                f'points: {0 if self._first is None else 1}; expected 2 or more: where the arm '
                'is, and where it goes')
        self._advance()
        while not self._is_over:
            await self._pause()
        if self._task is not None:
            end = await self._task
            if self._is_cut_short:
                raise MoveAborted(self._name, end.reason, end.detail)

    async def abandon(self) -> None:
        """End it, if it is not over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.exception()  # it was told already, or nobody listens any more

    @property
    def _ahead(self) -> int:
        """Return how many points the arm has not come to."""
        return len(self._coming) + len(self._told) - self._behind(self._passed)

    @property
    def _is_over(self) -> bool:
        return self._task is not None and self._task.done()

    async def _pause(self, *others: 'asyncio.Future[Any]') -> None:
        tasks: set[asyncio.Future[Any]] = {*others}
        if self._task is not None:
            tasks.add(self._task)
        if tasks:
            await asyncio.wait(tasks, timeout=PERIOD, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(PERIOD)
        self._advance()

    def _advance(self) -> None:
        if self._task is None:
            if self._coming and (self._is_whole or self._now - self._came_at >= GATHER):
                self._set_out()
        elif (passed := self._under_way()) is not None:
            if self._coming and passed >= self._last_stretch_at - LEAD:
                self._tell_more(passed)
            elif self._is_whole and self._grows and not self._coming:
                self._go_on(passed)

    @property
    def _last_stretch_at(self) -> float:
        """Return when the arm begins its way to the last point that it was told."""
        return self._told[-2].time if len(self._told) > 1 else 0.0

    @property
    def _told(self) -> tuple[Waypoint, ...]:
        return () if self._way is None else self._way.points

    def _set_out(self) -> None:
        if self._first is not None:
            self._require_start(self._first)
        self._take(())
        self._task = asyncio.ensure_future(
            self._call.move(self._name, self._motion(0.0), self._accepted, self._turn))

    def _accepted(self, epoch: int) -> None:
        self._epoch = epoch

    def _under_way(self) -> float | None:
        """Return how much of the way (s) the arm has made; None before, and after the end."""
        if self._epoch is None or self._is_over:
            return None
        passed = self._call.supervisor.passed(self._name, self._epoch)
        self._passed = passed or 0.0
        return passed

    def _tell_more(self, passed: float) -> None:
        end, ahead = self._told[-1], self._told[self._behind(passed):]
        if not ahead:
            # It stands there since.
            self._paused += passed - end.time
            ahead = (Waypoint(passed, end.positions),)
        self._take(ahead)
        self._go_on(passed)

    def _behind(self, passed: float) -> int:
        """Return how many of the points that the driver was told have passed by then (s)."""
        return bisect_right(self._told, passed, key=lambda point: point.time)

    def _take(self, ahead: tuple[Waypoint, ...]) -> None:
        """Make what has come the rest of the way, behind the points that are ahead."""
        count = max(1, MOST_TOLD - len(ahead))
        taken, self._coming = self._coming[:count], self._coming[count:]
        self._way = Trajectory(ahead + tuple(
            replace(point, time=point.time + self._paused) for point in taken))

    def _go_on(self, passed: float) -> None:
        if self._epoch is None or not self._call.supervisor.go_on(
                self._name, self._epoch, self._motion(passed), passed):
            # Its end is on the way.
            self._epoch = None

    def _motion(self, passed: float) -> Motion:
        if self._way is None:
            raise RuntimeError('there is no way to go yet')
        self._grows = not (self._is_whole and not self._coming)
        motion = self._goal(self._way, passed)
        if not self._grows:
            return motion
        limit = DRY_FACTOR * motion.earliest + DRY_MARGIN
        return replace(motion, duration=limit, growing=True)
