# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.gripper.v1.GripperService: whether something is held is measured, never assumed.

A gripper that closed, and stands short of closed, holds something. Its inputs are the positions of
its joints: rad, or mm where they are prismatic, as Viam's own clients count them.
"""

import math
from typing import Any

import grpc

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Trajectory, Waypoint
from viam_session_bridge.core.states import Reason
from viam_session_bridge.parameters.gripper import GripperConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, tells
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.status import CallError
from viam_session_bridge.rpc.trajectories import MM, Pace, timed, TrajectoryJoints


class GripperService(JointService):
    """Serves the grippers of a gate. Methods are spelled as in the proto."""

    API = 'gripper'

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        # Of grippers that hold something by a Grab: how far from closed they stood then.
        self._grips: dict[str, float] = {}

    @tells(Trajectory)
    async def Open(self, request: Any, call: Call) -> Any:
        """Open; answers when it is open."""
        own = self.configs[request.name]
        await self._move(request.name, (own.open_position,) * len(own.joints), call)
        return proto.gripper.OpenResponse()

    @tells(Trajectory)
    async def Grab(self, request: Any, call: Call) -> Any:
        """
        Close until it is closed or stands; answers whether it is seen to hold something.

        What is not seen is not claimed: success is false then, and the reply's extra says why.
        """
        own, name = self.configs[request.name], request.name
        before = self._measured(name, 'Grab').positions if own.joint_states_topic else ()
        held = name in self._grips
        reason = await self._move(
            name, (own.closed_position,) * len(own.joints), call, anywhere=True)
        success, unknown = False, reason.value
        if reason is Reason.DONE:
            success, unknown = self._judge_grab(name, before, held)
        reply = proto.gripper.GrabResponse(success=success)
        if unknown:
            reply.extra.update({'unknown': unknown})
        return reply

    @tells(Trajectory)
    async def GoToInputs(self, request: Any, call: Call) -> Any:
        """
        Move to positions of the joints, rad or mm; answers when it is there.

        One that is told no more than to open or to close refuses what lies between.
        """
        own = self.configs[request.name]
        goal = _joints_of(own).targets('values', request.values)
        if not own.between:
            goal = _end(own, goal)
        await self._move(request.name, goal, call)
        return proto.gripper.GoToInputsResponse()

    @needs('joint_states_topic')
    async def GetCurrentInputs(self, request: Any, call: Call) -> Any:
        """Answer the measured positions of the joints, rad or mm."""
        sample = self._measured(request.name, 'GetCurrentInputs')
        joints = _joints_of(self.configs[request.name])
        return proto.gripper.GetCurrentInputsResponse(values=joints.shown(sample.positions))

    @needs('joint_states_topic')
    async def IsHoldingSomething(self, request: Any, call: Call) -> Any:
        """
        Answer whether it stands as its last Grab left it, short of closed.

        Half open without such a Grab, nobody can tell; that is refused, not guessed.
        """
        name = request.name
        positions = self._measured(name, 'IsHoldingSomething').positions
        own = self.configs[name]
        way, grip = _way_to_close(own, positions), self._grips.get(name)
        reply = proto.gripper.IsHoldingSomethingResponse
        if grip is not None and own.tolerance < way <= grip + own.tolerance:
            return reply(is_holding_something=True)
        whole = abs(own.open_position - own.closed_position)
        if way <= own.tolerance or way >= whole - own.tolerance:
            return reply(is_holding_something=False)
        raise CallError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f'{name}: it stands between open and closed, and not as a Grab left it, so nobody can '
            'tell whether it holds something')

    @needs('robot_description_topic')
    async def GetKinematics(self, request: Any, call: Call) -> Any:
        """
        Answer the URDF from the link that carries its first joint to its last joint.

        Viam's clients read a chain: a gripper whose joints are beside each other is refused.
        """
        return self._kinematics(request.name, mounted=True)

    async def _move(self, name: str, goal: tuple[float, ...], call: Call,
                    anywhere: bool = False) -> Reason:
        """Move all joints to a goal (rad or m); returns how it ended."""
        ended = await call.move(
            name, self._way(name, goal, anywhere), lambda epoch: self._grips.pop(name, None))
        return ended.reason

    def _way(self, name: str, goal: tuple[float, ...], anywhere: bool) -> Motion:
        own = self.configs[name]
        pace = Pace((own.max_speed,) * len(own.joints))
        if own.joint_states_topic:
            here = self._measured(name, 'moving').positions
            return self._goal(
                name, timed(here, [goal], pace, own.max_move_duration, name), anywhere)
        # From wherever it is: the whole way.
        whole = (abs(own.open_position - own.closed_position),) * len(own.joints)
        return self._goal(name, Trajectory((Waypoint(pace.seconds(whole), goal),)))

    def _judge_grab(self, name: str, before: tuple[float, ...], held: bool) -> tuple[bool, str]:
        """Return whether a Grab that has ended holds something, or why nobody can tell."""
        own = self.configs[name]
        if not own.joint_states_topic:
            return False, (f'nothing tells whether it holds something; configure '
                           f'{name}.joint_states_topic')
        way = _way_to_close(own, self._measured(name, 'Grab').positions)
        if way <= own.tolerance:
            return False, ''
        # A gripper that did not even move holds only what it held before.
        if not held and _way_to_close(own, before) - way <= own.tolerance:
            return False, 'it did not move'
        self._grips[name] = way
        return True, ''


def _joints_of(own: GripperConfig) -> TrajectoryJoints:
    """Return how inputs count the joints: rad, or mm."""
    low, high = sorted((own.open_position, own.closed_position))
    return TrajectoryJoints(own.joints, (MM if own.prismatic else 1.0,) * len(own.joints),
                            ((low, high),) * len(own.joints))


def _way_to_close(own: GripperConfig, positions: tuple[float, ...]) -> float:
    """Return how far the joint that is farthest from closed is from it, rad or m."""
    return max((abs(at - own.closed_position) for at in positions), default=0.0)


def _end(own: GripperConfig, goal: tuple[float, ...]) -> tuple[float, ...]:
    """Return the end, open or closed, that a goal names. Raises InvalidCommand."""
    for end in (own.open_position, own.closed_position):
        if all(math.isclose(at, end, abs_tol=own.tolerance) for at in goal):
            return (end,) * len(goal)
    joints = _joints_of(own)
    ends = ' or '.join(f'{joints.shown([end])[0]:g}' for end in sorted(
        (own.open_position, own.closed_position)))
    raise InvalidCommand(
        f'values[0]: {joints.shown(goal)[0]:g}; expected {ends}: this gripper is told only to '
        'open or to close')
