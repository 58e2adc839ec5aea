# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A trajectory that a client streams to an arm, and the move along it while it still arrives.

Viam's rules: an init first, then batches; the first point at time 0 and at rest; increasing times;
if constraints are given, one velocity for each position. This bridge also requires that the first
point is the arm's position, and that no joint exceeds its speed limit.

If the client stops sending, the arm comes to rest at the last received point. The driver receives
new points just before the arm begins its last known segment, not sooner, because a controller
restarts slightly behind its joints with each new trajectory. If a client sends too late, the arm
is at rest, and the rest of the trajectory is delayed by that time.
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

# After this many points the event loop runs other tasks: a long batch must not delay heartbeats.
POINTS_IN_A_ROW = 100

# Speeds may exceed the limit by this factor, because clients plan with rounded numbers.
ROUNDING = 1.001

# Points that arrive within this time (s) of the first one are collected before the arm starts.
GATHER = 0.3

# The time (s) before its last segment at which the driver receives more points, if there are any;
# checked in this period (s).
LEAD = 0.15
PERIOD = 0.05

# The maximum number of points in one message to the driver: creating a longer one would delay the
# stops of other resources.
MOST_SENT = 500

# If a stream sends no more points, the move ends after this factor times the rest of the known
# trajectory, plus this time (s).
DRY_FACTOR = 3.0
DRY_MARGIN = 5.0

# While more points than this are ahead of the arm, no further message is read from the socket.
MOST_POINTS = 10_000

_Result = TypeVar('_Result')


# ---- the messages of the client -----------------------------------------------------------------

def joints_of(arm: ArmConfig) -> TrajectoryJoints:
    """Return the joints of an arm with the units of JointPositions: degrees, or mm."""
    return TrajectoryJoints(
        arm.joints, tuple(MM if unit == 'm' else math.radians(1.0) for unit in arm.units),
        tuple(zip(arm.joint_minimums, arm.joint_maximums, strict=True)))


class StreamedTrajectory:
    """
    One running stream: first opened(), then batch() until it returns None.

    turn: the number from the supervisor at the first message. open_arm: returns the configuration
    of an arm by name, or raises the refusal.
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
        """Read the first message; returns the name of the arm. Raises InvalidCommand."""
        first = await self._next()
        kind = None if first is None else first.WhichOneof('message')
        if first is None or kind != 'init':
            raise InvalidCommand(
                f'message: the first one is {kind or "missing"}; expected an init')
        self._open_arm(first.name)
        self._name = first.name
        # A Stop from now on prevents the move.
        self.turn = self._call.supervisor.turn(first.name)
        return self._name

    async def batch(self) -> list[Waypoint] | None:
        """Read the next batch, in rad and m; None after the last. Raises InvalidCommand."""
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
        """Raise InvalidCommand unless the first point is the arm's position (rad or m)."""
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
        # A Duration message has any sign and size, but is never NaN.
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
        # Without the velocities. A curve through valid points may leave the position limits, and
        # be faster than its mean; linear interpolation does neither.
        self._last = Waypoint(time, positions)
        return self._last

    @staticmethod
    def _velocities(field: str, point: Any, arm: ArmConfig) -> tuple[float, ...] | None:
        """Return the checked velocities of a point, rad/s or m/s, if it has any."""
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
            f'{field}: joint {joints.names[index]} would move at {abs(speed) / scale:.6g} per '
            f'second; at most {fastest / scale:.6g} is allowed')


# ---- the move ----------------------------------------------------------------------------------

class StreamedMove:
    """
    One move. Times of points are seconds from its start, without its pauses.

    name: the arm's. goal: creates the motion from the rest of the trajectory and the time (s) that
    has passed of it. require_start: raises InvalidCommand unless a point is the arm's position.
    turn: the number from the supervisor at the first message of the client.
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
        # None until the supervisor has accepted the move, and after its end.
        self._epoch: int | None = None
        # The trajectory that was sent to the driver, and the time of it that has passed. Times are
        # those of the driver: they count from its first setpoint, which the guard or a lock may
        # delay; they stop while the driver is late, and continue while the arm waits for points.
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
        Continue the move until a message arrives, and return it; None if the move ends before.

        No message is read while too many points are ahead of the arm.
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
        Move to the last received point, unless the move is over; returns when it has arrived.

        Raises InvalidCommand if there are too few points, MoveAborted, or another refusal. A Stop
        or a newer command is a regular end, except while the client is still sending.
        """
        self._is_whole = True
        if self._task is None and not self._coming:
            raise InvalidCommand(
                f'points: {0 if self._first is None else 1}; expected 2 or more: the position of '
                'the arm, and a goal')
        self._advance()
        while not self._is_over:
            await self._pause()
        if self._task is not None:
            end = await self._task
            if self._is_cut_short:
                raise MoveAborted(self._name, end.reason, end.detail)

    async def abandon(self) -> None:
        """End the move, if it is not over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.exception()  # already reported, or the client is gone

    @property
    def _ahead(self) -> int:
        """Return how many points the arm has not reached."""
        return len(self._coming) + len(self._sent) - self._behind(self._passed)

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
                self._send_more(passed)
            elif self._is_whole and self._grows and not self._coming:
                self._go_on(passed)

    @property
    def _last_stretch_at(self) -> float:
        """Return when the arm begins its last segment that was sent to the driver."""
        return self._sent[-2].time if len(self._sent) > 1 else 0.0

    @property
    def _sent(self) -> tuple[Waypoint, ...]:
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
        """Return the passed time (s) of the trajectory; None before its start and at its end."""
        if self._epoch is None or self._is_over:
            return None
        passed = self._call.supervisor.passed(self._name, self._epoch)
        self._passed = passed or 0.0
        return passed

    def _send_more(self, passed: float) -> None:
        end, ahead = self._sent[-1], self._sent[self._behind(passed):]
        if not ahead:
            # The arm has waited at the last point since then.
            self._paused += passed - end.time
            ahead = (Waypoint(passed, end.positions),)
        self._take(ahead)
        self._go_on(passed)

    def _behind(self, passed: float) -> int:
        """Return how many of the sent points have passed at that time (s)."""
        return bisect_right(self._sent, passed, key=lambda point: point.time)

    def _take(self, ahead: tuple[Waypoint, ...]) -> None:
        """Append received points to the points ahead, as the rest of the trajectory."""
        count = max(1, MOST_SENT - len(ahead))
        taken, self._coming = self._coming[:count], self._coming[count:]
        self._way = Trajectory(ahead + tuple(
            replace(point, time=point.time + self._paused) for point in taken))

    def _go_on(self, passed: float) -> None:
        if self._epoch is None or not self._call.supervisor.go_on(
                self._name, self._epoch, self._motion(passed), passed):
            # The move has ended; the task receives the result.
            self._epoch = None

    def _motion(self, passed: float) -> Motion:
        if self._way is None:
            raise RuntimeError('there is no trajectory yet')
        self._grows = not (self._is_whole and not self._coming)
        motion = self._goal(self._way, passed)
        if not self._grows:
            return motion
        limit = DRY_FACTOR * motion.earliest + DRY_MARGIN
        return replace(motion, duration=limit, growing=True)
