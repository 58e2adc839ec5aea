# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.arm.v1.ArmService: converts degrees and mm of Viam to rad and m, and back.

Joints are listed from base to tip. A pose is that of the tip, relative to the base; the publisher
or subscriber of the pose defines which frames these are.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand, NoFeedback
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import PoseGoal, require_finite, Trajectory
from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.rpc import poses, proto
from viam_session_bridge.rpc.arm_stream import joints_of, StreamedMove, StreamedTrajectory
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, never, sends
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.status import unimplemented
from viam_session_bridge.rpc.trajectories import Pace, TrajectoryJoints

# The maximum number of positions in one request.
MOST_STATIONS = 1000

# A pose is reached when the tip has been there for this time (s); it is checked in a period (s).
POSE_DWELL = 0.2
POSE_PERIOD = 0.05


class ArmService(JointService):
    """viam.component.arm.v1.ArmService."""

    API = 'arm'

    async def GetJointPositions(self, request: Any, call: Call) -> Any:
        """Return the measured positions of the joints, degrees or mm."""
        sample = self._measured(request.name, 'GetJointPositions')
        joints = joints_of(self.configs[request.name])
        return proto.arm.GetJointPositionsResponse(
            positions=proto.arm.JointPositions(values=joints.shown(sample.positions)))

    @sends(Trajectory)
    async def MoveToJointPositions(self, request: Any, call: Call) -> None:
        """Move to positions of all joints, degrees or mm; returns when it has arrived."""
        joints = joints_of(self.configs[request.name])
        station = joints.targets('positions.values', request.positions.values)
        await self._move(request, [station], 'positions.values', call)

    @sends(Trajectory)
    async def MoveThroughJointPositions(self, request: Any, call: Call) -> None:
        """Move through positions of all joints, within the options; returns at the last one."""
        joints = joints_of(self.configs[request.name])
        if not 1 <= len(request.positions) <= MOST_STATIONS:
            raise InvalidCommand(
                f'positions: {len(request.positions)} are given; expected 1 to {MOST_STATIONS}')
        stations = [joints.targets(f'positions[{index}].values', positions.values)
                    for index, positions in enumerate(request.positions)]
        await self._move(request, stations, 'positions', call)

    @sends(Trajectory)
    async def MoveThroughJointPositionsStreamed(
            self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        """
        Move along a trajectory that arrives in batches; ends when the arm is at its end.

        The arm starts soon after the first points. It comes to rest at the last received point
        until more points arrive. Each valid batch is acknowledged at once. A Stop, a newer command
        or an error in the stream stops the arm where it is.
        """
        stream = StreamedTrajectory(requests, call, self._open_stream)
        name = await stream.opened()
        call.resource = self.resource(name)
        move = StreamedMove(
            call, name, lambda way, passed: self._goal(name, way, passed=passed),
            lambda first: stream.require_start(first, self._measured(
                name, 'MoveThroughJointPositionsStreamed').positions), stream.turn)
        try:
            while (points := await move.meanwhile(stream.batch)) is not None:
                move.add(points)
                reply = proto.arm.MoveThroughJointPositionsStreamedResponse()
                # In protobuf 3.20, a nested message class is not available by its name.
                reply.ack.SetInParent()
                yield reply
            await move.finish()
        finally:
            await move.abandon()

    @needs('pose_topic')
    async def GetEndPosition(self, request: Any, call: Call) -> Any:
        """Return the pose of the tip, mm and degrees, relative to the base."""
        return proto.arm.GetEndPositionResponse(
            pose=poses.to_viam(self._pose(request.name, 'GetEndPosition')))

    @needs('pose_goal_topic', 'pose_topic')
    @sends(PoseGoal)
    async def MoveToPosition(self, request: Any, call: Call) -> None:
        """Move the tip to a pose, mm and degrees; returns when it is measured there."""
        own = self.configs[request.name]
        goal = poses.from_viam(request.to, 'to')
        self._pose(request.name, 'MoveToPosition')
        watchers: list[asyncio.Task[None]] = []

        def accepted(epoch: int) -> None:
            watchers.append(asyncio.ensure_future(self._watch(request.name, goal, epoch)))

        try:
            await call.move(request.name, Motion(
                goal, own.max_move_duration, once=True, settles=True, momentary=True,
                answered=True), accepted)
        finally:
            for watcher in watchers:
                watcher.cancel()

    @never
    async def GetGeometries(self, request: Any, call: Call) -> Any:
        """Refuse: the URDF has the shapes, and the bridge does not compute their present poses."""
        raise unimplemented(
            f'{request.name}: GetGeometries is not served for arms; GetKinematics returns the '
            'URDF with its shapes')

    @never
    async def Get3DModels(self, request: Any, call: Call) -> Any:
        """Refuse: a robot description refers to meshes by paths on the robot."""
        raise unimplemented(
            f'{request.name}: Get3DModels is not served; meshes are not transferred')

    @never
    async def SetManualMode(self, request: Any, call: Call) -> Any:
        """Refuse: no driver has a manual mode."""
        raise unimplemented(
            f'{request.name}: SetManualMode is not served; configure a service of the robot that '
            f'sets it in {request.name}.commands, for DoCommand')

    @never
    async def GetManualMode(self, request: Any, call: Call) -> Any:
        """Refuse: no driver reports a manual mode."""
        raise unimplemented(
            f'{request.name}: GetManualMode is not served; no driver reports it')

    async def GetProperties(self, request: Any, call: Call) -> Any:
        """Return what is served: no manual mode; poses if the driver accepts them."""
        return proto.arm.GetPropertiesResponse(
            support_manual_mode=False,
            support_cartesian_commands=bool(self.configs[request.name].pose_goal_topic))

    async def _move(self, request: Any, stations: list[tuple[float, ...]], field_name: str,
                    call: Call) -> None:
        own = self.configs[request.name]
        options = getattr(request, 'options', None)
        pace = _pace_of(joints_of(own), own.speeds, options)
        await call.move(request.name, self._way(request.name, stations, pace, field_name))

    def _open_stream(self, name: str) -> ArmConfig:
        """Return an arm's configuration. Raises UnknownResource or NoFeedback."""
        self.resource(name)
        self._measured(name, 'MoveThroughJointPositionsStreamed')
        own: ArmConfig = self.configs[name]
        return own

    def _pose(self, name: str, method: str) -> PoseGoal:
        """Return the pose of the tip. Raises NoFeedback."""
        pose: PoseGoal | None = self._feedback(name).pose()
        if pose is None:
            raise NoFeedback(
                f'{name}: {method} needs the pose of the tip, and no pose has arrived lately '
                f'on {name}.pose_topic{self._why_silent(name)}')
        return pose

    async def _watch(self, name: str, goal: PoseGoal, epoch: int) -> None:
        """Report the goal as reached when the tip has been there for POSE_DWELL."""
        own, since = self.configs[name], math.inf
        while True:
            await asyncio.sleep(POSE_PERIOD)
            pose = self._feedback(name).pose()
            now = self._supervisor.now()
            along, turn = (math.inf, math.inf) if pose is None else poses.distance(pose, goal)
            if along > own.pose_tolerance or turn > own.tolerance:
                since = math.inf
                continue
            since = min(since, now)
            if now - since >= POSE_DWELL:
                self._supervisor.motion_answered(name, epoch, '')
                return


def _pace_of(joints: TrajectoryJoints, fastest: Sequence[float], options: Any) -> Pace:
    """
    Return the limits of each joint: the lower of the configured and the requested ones.

    fastest: the speed limit of each joint, rad/s or m/s. options: a MoveOptions message, or None.
    As in Viam's Go client, 0 means no limit. Raises InvalidCommand.
    """
    count = len(joints.names)
    speeds, accelerations = list(fastest), [math.inf] * count
    if options is not None:
        for bounds, field in ((speeds, 'max_vel_degs_per_sec'),
                              (accelerations, 'max_acc_degs_per_sec2')):
            _tighten(bounds, joints, field, [getattr(options, field)] * count)
            of_each = f'{field}_joints'
            _tighten(bounds, joints, of_each, getattr(options, of_each))
        if options.max_tcp_speed != 0.0:
            raise InvalidCommand(
                f'options.max_tcp_speed: {options.max_tcp_speed:g} m/s is not supported, because '
                'this bridge has no kinematics; leave it out and limit the joints')
    return Pace(tuple(speeds), tuple(accelerations))


def _tighten(bounds: list[float], joints: TrajectoryJoints, field: str,
             given: Sequence[float]) -> None:
    if not given:
        return
    if len(given) != len(bounds):
        raise InvalidCommand(
            f'options.{field}: {len(given)} values; expected {len(bounds)}, for the joints '
            + ', '.join(joints.names))
    for index, (value, scale) in enumerate(zip(given, joints.scales, strict=True)):
        if require_finite(f'options.{field}', value) < 0.0:
            raise InvalidCommand(f'options.{field}: {value:g}; expected a number above 0')
        if value > 0.0:
            bounds[index] = min(bounds[index], value * scale)
