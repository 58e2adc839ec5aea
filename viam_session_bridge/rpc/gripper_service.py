# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.gripper.v1.GripperService: whether an object is held is measured, never assumed.

A gripper that was closed, and came to rest before the closed position, holds an object. Its inputs
are the positions of its joints: rad, or mm for prismatic joints, as in Viam's own clients.
"""

import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.core.states import Reason
from viam_session_bridge.parameters.gripper import GripperConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, sends
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.status import failed_precondition
from viam_session_bridge.rpc.trajectories import MM, Pace, TrajectoryJoints


class GripperService(JointService):
    """viam.component.gripper.v1.GripperService."""

    API = 'gripper'
    MOUNTED = True

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        # The distance to closed after the Grab, of grippers that hold an object since then.
        self._grips: dict[str, float] = {}

    @sends(Trajectory)
    async def Open(self, request: Any, call: Call) -> None:
        """Open; returns when it is open."""
        own = self.configs[request.name]
        await self._move(request.name, (own.open_position,) * len(own.joints), call)

    @sends(Trajectory)
    async def Grab(self, request: Any, call: Call) -> Any:
        """
        Close until it is closed or at rest; returns whether it is measured to hold an object.

        Without a measurement, success is false, and the reply's extra states the reason.
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

    @sends(Trajectory)
    async def GoToInputs(self, request: Any, call: Call) -> None:
        """
        Move to positions of the joints, rad or mm; returns when it has arrived.

        A gripper whose driver can only open and close refuses positions between these.
        """
        own = self.configs[request.name]
        goal = _joints_of(own).targets('values', request.values)
        if not own.between:
            goal = _end(own, goal)
        await self._move(request.name, goal, call)

    @needs('joint_states_topic')
    async def GetCurrentInputs(self, request: Any, call: Call) -> Any:
        """Return the measured positions of the joints, rad or mm."""
        sample = self._measured(request.name, 'GetCurrentInputs')
        joints = _joints_of(self.configs[request.name])
        return proto.gripper.GetCurrentInputsResponse(values=joints.shown(sample.positions))

    @needs('joint_states_topic')
    async def IsHoldingSomething(self, request: Any, call: Call) -> Any:
        """
        Return whether it is still where its last Grab ended, before the closed position.

        If it is half open without such a Grab, this is unknown, and the call is refused.
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
        raise failed_precondition(
            f'{name}: it is between open and closed, and not where a Grab ended, so it is unknown '
            'whether it holds something')

    async def _move(self, name: str, goal: tuple[float, ...], call: Call,
                    anywhere: bool = False) -> Reason:
        """Move all joints to a goal (rad or m); returns how it ended."""
        own = self.configs[name]
        whole = (abs(own.open_position - own.closed_position),) * len(own.joints)
        ended = await call.move(
            name, self._way(name, [goal], Pace(own.speeds), name, whole=whole, anywhere=anywhere),
            lambda epoch: self._grips.pop(name, None))
        return ended.reason

    def _judge_grab(self, name: str, before: tuple[float, ...], held: bool) -> tuple[bool, str]:
        """Return whether a completed Grab holds an object, or why this is unknown."""
        own = self.configs[name]
        if not own.joint_states_topic:
            return False, ('there is no feedback that shows whether it holds something; '
                           f'configure {name}.joint_states_topic')
        way = _way_to_close(own, self._measured(name, 'Grab').positions)
        if way <= own.tolerance:
            return False, ''
        # A gripper that did not move holds an object only if it held one before.
        if not held and _way_to_close(own, before) - way <= own.tolerance:
            return False, 'it did not move'
        self._grips[name] = way
        return True, ''


def _joints_of(own: GripperConfig) -> TrajectoryJoints:
    """Return the joints with the units of inputs: rad, or mm."""
    low, high = sorted((own.open_position, own.closed_position))
    return TrajectoryJoints(own.joints, (MM if own.prismatic else 1.0,) * len(own.joints),
                            ((low, high),) * len(own.joints))


def _way_to_close(own: GripperConfig, positions: tuple[float, ...]) -> float:
    """Return the largest distance of a joint to closed, rad or m."""
    return max((abs(at - own.closed_position) for at in positions), default=0.0)


def _end(own: GripperConfig, goal: tuple[float, ...]) -> tuple[float, ...]:
    """Return the position of a goal that is open or closed. Raises InvalidCommand."""
    for end in (own.open_position, own.closed_position):
        if all(math.isclose(at, end, abs_tol=own.tolerance) for at in goal):
            return (end,) * len(goal)
    joints = _joints_of(own)
    ends = ' or '.join(f'{joints.shown([end])[0]:g}' for end in sorted(
        (own.open_position, own.closed_position)))
    raise InvalidCommand(
        f'values[0]: {joints.shown(goal)[0]:g}; expected {ends}: the driver of this gripper can '
        'only open and close')
