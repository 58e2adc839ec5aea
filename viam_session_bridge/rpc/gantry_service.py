# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.gantry.v1.GantryService: converts mm and mm/s of Viam to m and m/s, and back.

A position of Viam is between 0 and the length of its axis.
"""

from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.core.states import Reason
from viam_session_bridge.parameters.gantry import GantryConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, sends
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.trajectories import MM, Pace, TrajectoryJoints
from viam_session_bridge.rpc.urdf import Counting


class GantryService(JointService):
    """viam.component.gantry.v1.GantryService."""

    API = 'gantry'

    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Return the measured position of each axis, mm."""
        sample = self._measured(request.name, 'GetPosition')
        own = self.configs[request.name]
        return proto.gantry.GetPositionResponse(positions_mm=_joints_of(own).shown(
            [at - zero for at, zero in zip(sample.positions, own.zeros, strict=True)]))

    @sends(Trajectory)
    async def MoveToPosition(self, request: Any, call: Call) -> None:
        """
        Move to a position of each axis (mm), within the requested (mm/s) and the allowed speed.

        All axes arrive together. Without speeds, or for a speed of 0, the allowed speed applies.
        Returns when the gantry has arrived.
        """
        own = self.configs[request.name]
        joints = _joints_of(own)
        positions = joints.targets('positions_mm', request.positions_mm)
        speeds = own.speeds
        if request.speeds_mm_per_sec:
            speeds = tuple(
                _speed(index, speed, own.max_speed) for index, speed in enumerate(
                    joints.parsed('speeds_mm_per_sec', request.speeds_mm_per_sec)))
        await call.move(request.name, self._to(
            request.name, positions, speeds, 'positions_mm'))

    @needs('home_m')
    @sends(Trajectory)
    async def Home(self, request: Any, call: Call) -> Any:
        """
        Move to the configured home; returns whether it has arrived.

        Viam does not monitor this method, so only the caller's open connection holds the move. A
        service of the robot that homes it may be one of its commands instead, for DoCommand.
        """
        own = self.configs[request.name]
        ended = await call.move(request.name, self._to(
            request.name, own.home_m, own.speeds, 'home_m', monitored=False))
        return proto.gantry.HomeResponse(homed=ended.reason is Reason.DONE)

    async def GetLengths(self, request: Any, call: Call) -> Any:
        """Return the configured length of each axis, mm."""
        return proto.gantry.GetLengthsResponse(lengths_mm=[
            length / MM for length in self.configs[request.name].lengths_m])

    def _counting(self, own: GantryConfig) -> Counting:
        return Counting(own.scale_of_joints, own.lengths_m, own.zeros)

    def _to(self, name: str, positions: tuple[float, ...], speeds: tuple[float, ...],
            field_name: str, monitored: bool = True) -> Motion:
        """Return the motion to positions, m from Viam's 0."""
        zeros = self.configs[name].zeros
        goal = tuple(at + zero for at, zero in zip(positions, zeros, strict=True))
        return self._way(name, [goal], Pace(speeds), field_name, monitored=monitored)


def _joints_of(own: GantryConfig) -> TrajectoryJoints:
    """Return the axes with the units of positions_mm: mm from Viam's 0 to the length."""
    return TrajectoryJoints(own.joints, (MM,) * len(own.joints),
                            tuple((0.0, length) for length in own.lengths_m))


def _speed(index: int, asked: float, fastest: float) -> float:
    """Return the speed of an axis, m/s. Raises InvalidCommand."""
    if asked < 0.0:
        raise InvalidCommand(
            f'speeds_mm_per_sec[{index}]: {asked / MM:g}; expected a number above 0, or 0 for the '
            'highest allowed speed')
    return min(asked, fastest) if asked else fastest
