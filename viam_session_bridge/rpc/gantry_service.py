# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.gantry.v1.GantryService: mm and mm/s of Viam into m and m/s, and back.

A position of Viam runs from 0 to the length of its axis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import require_finite, Trajectory
from viam_session_bridge.core.states import Reason
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.commands import CommandInfo
from viam_session_bridge.rpc.component_service import needs, tells
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.status import unimplemented
from viam_session_bridge.rpc.trajectories import Joints, MM, Pace, timed
from viam_session_bridge.rpc.urdf import Counting


@dataclass(frozen=True)
class GantryProperties:
    """
    What the service must know of a gantry. All lists are in the order of joints, one an axis.

    lengths_m: how far each axis goes. offsets_m: where the joint of each is (m) at Viam's 0.
    max_speed: m/s. tolerance (m): a goal is reached when all axes are so near, and at rest.
    max_move_duration: the longest that a move may take, s. home_m: where Home goes, m from Viam's
    0; empty when there is no home. description: the URDF, empty while none has arrived; None where
    none is configured. joint_scale: from a measured joint to its position. commands: those of
    DoCommand.
    """

    joints: tuple[str, ...]
    lengths_m: tuple[float, ...]
    offsets_m: tuple[float, ...]
    max_speed: float = 0.1
    tolerance: float = 0.002
    max_move_duration: float = 120.0
    home_m: tuple[float, ...] = ()
    has_feedback: bool = False
    description: Callable[[], str] | None = None
    joint_scale: float = 1.0
    commands: Mapping[str, CommandInfo] = field(default_factory=dict)

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Return how near to its goal each joint is there."""
        return (self.tolerance,) * len(self.joints)

    @property
    def counting(self) -> Counting:
        """Return how clients count the joints of the URDF."""
        return Counting(self.joint_scale, self.lengths_m, self.offsets_m)

    @property
    def joints_on_the_wire(self) -> Joints:
        """Return how positions_mm count the axes: mm from Viam's 0, up to the length."""
        return Joints(self.joints, (MM,) * len(self.joints),
                      tuple((0.0, length) for length in self.lengths_m))


class GantryService(JointService):
    """Serves the gantries of a gate. Methods are spelled as in the proto."""

    API = 'gantry'
    MESSAGES = proto.gantry

    @needs('joint_states_topic')
    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Answer the measured position of each axis, mm."""
        sample = self._measured(request.name, 'GetPosition')
        own = self.properties[request.name]
        return proto.gantry.GetPositionResponse(positions_mm=own.joints_on_the_wire.shown(
            [at - zero for at, zero in zip(sample.positions, own.offsets_m, strict=True)]))

    @needs('joint_states_topic')
    @tells(Trajectory)
    async def MoveToPosition(self, request: Any, call: Call) -> Any:
        """
        Move to a position of each axis (mm), none faster than asked for (mm/s) and allowed.

        All axes arrive together. Without speeds, or where one is 0, the fastest allowed counts.
        Answers when it is there.
        """
        own = self.properties[request.name]
        joints = own.joints_on_the_wire
        positions = joints.targets('positions_mm', request.positions_mm)
        speeds = (own.max_speed,) * len(own.joints)
        if request.speeds_mm_per_sec:
            speeds = tuple(
                _speed(index, speed / MM, own.max_speed) for index, speed in enumerate(
                    joints.parsed('speeds_mm_per_sec', request.speeds_mm_per_sec)))
        sample = self._measured(request.name, 'MoveToPosition')
        await call.move(request.name, self._way(
            own, request.name, sample.positions, positions, speeds, 'positions_mm'))
        return proto.gantry.MoveToPositionResponse()

    @needs('home_m', 'joint_states_topic')
    @tells(Trajectory)
    async def Home(self, request: Any, call: Call) -> Any:
        """
        Move to the configured home; answers whether it got there.

        Viam does not monitor this method, so only the caller's open connection holds the move.
        """
        own = self.properties[request.name]
        if not own.home_m:
            raise unimplemented(
                f'{request.name}: Home needs to know where home is; configure '
                f'{request.name}.home_m, or a service of the robot that homes it in '
                f'{request.name}.commands, for DoCommand')
        sample = self._measured(request.name, 'Home')
        ended = await call.move(request.name, self._way(
            own, request.name, sample.positions, own.home_m,
            (own.max_speed,) * len(own.joints), 'home_m', monitored=False))
        return proto.gantry.HomeResponse(homed=ended.reason is Reason.DONE)

    async def GetLengths(self, request: Any, call: Call) -> Any:
        """Answer the configured length of each axis, mm."""
        return proto.gantry.GetLengthsResponse(lengths_mm=[
            length / MM for length in self.properties[request.name].lengths_m])

    @needs('robot_description_topic')
    async def GetKinematics(self, request: Any, call: Call) -> Any:
        """Answer the URDF from the robot's root to the last axis; each counts as positions_mm."""
        return self._kinematics(request.name)

    def _way(self, own: GantryProperties, name: str, here: tuple[float, ...],
             positions: tuple[float, ...], speeds: tuple[float, ...], field_name: str,
             monitored: bool = True) -> Motion:
        """Return the way from here (m, of the joints) to positions (m from Viam's 0)."""
        goal = tuple(at + zero for at, zero in zip(positions, own.offsets_m, strict=True))
        trajectory = timed(here, [goal], Pace(speeds), own.max_move_duration, field_name)
        return self._goal(name, trajectory, monitored=monitored)


def _speed(index: int, asked: float, fastest: float) -> float:
    """Return the speed of an axis, m/s; asked: mm/s. Raises InvalidCommand."""
    if require_finite('speed', asked) < 0.0:
        raise InvalidCommand(
            f'speeds_mm_per_sec[{index}]: {asked:g}; expected a number above 0, or 0 for the '
            'fastest that is allowed')
    return min(asked * MM, fastest) if asked else fastest
