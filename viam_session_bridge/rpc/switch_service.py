# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.switch.v1.SwitchService: one of several positions, counted from 0.

Viam has no Stop for a switch. One that has a safe position is held in any other only while its
owner is present; choosing the safe position is its Stop.
"""

from typing import Any

import grpc

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Choice
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService, ANSWER_PATIENCE
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import tells
from viam_session_bridge.rpc.status import CallError


class SwitchService(ActuatedService):
    """Serves the switches of a gate. Methods are spelled as in the proto."""

    API = 'switch'

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        # What each switch was set to last; a switch has no feedback.
        self._set: dict[str, int] = {}

    @tells(Choice)
    async def SetPosition(self, request: Any, call: Call) -> Any:
        """Set a position; answers when the driver was told, or has answered where it can."""
        own, position = self.configs[request.name], request.position
        count = len(own.position_labels)
        if position >= count:
            raise InvalidCommand(
                f'position: {position}; {request.name} has the positions 0 to '
                f'{count - 1} ({", ".join(own.position_labels)})')
        choice = Choice(position, resting=position == own.safe_index)
        if own.safe_index is None:
            motion = Motion(choice, ANSWER_PATIENCE, once=True, momentary=True, settles=True,
                            answered=own.answers)
        else:
            motion = Motion(choice, once=own.answers, answered=own.answers)
        if own.safe_index is None or own.answers:
            # Until it is known to have worked, the position is not known.
            ended = await call.move(
                request.name, motion, lambda epoch: self._set.pop(request.name, None))
            # One that has a safe position was told that by the stop; any other may have been set,
            # or not.
            known = ended.reason is Reason.DONE or (
                ended.reason is Reason.STOPPED and own.safe_index is not None)
            if not known:
                return proto.switch.SetPositionResponse()
        else:
            await call.command(request.name, motion)
        self._set[request.name] = position
        return proto.switch.SetPositionResponse()

    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Answer the position that the driver was told last; refused while that is not known."""
        known = self._set.get(request.name)
        safe = self.configs[request.name].safe_index
        state = self._supervisor.states()[request.name]
        setpoint = self._supervisor.setpoint(request.name)
        if safe is not None and known is not None and not isinstance(setpoint, Choice):
            # Its owner is gone, or it was stopped: the driver was told the safe position.
            stopping = state is State.STOPPING and call.resource.actuator.acknowledged
            known = None if stopping or state is State.UNCONFIRMED else safe
        if known is None:
            raise CallError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f'{request.name}: its position is not known: a switch has no feedback, and '
                + ('its driver has not confirmed the safe position'
                   if request.name in self._set else
                   'nothing was set since the bridge started'))
        return proto.switch.GetPositionResponse(position=known)

    async def GetNumberOfPositions(self, request: Any, call: Call) -> Any:
        """Answer how many positions it has, and their labels."""
        own = self.configs[request.name]
        return proto.switch.GetNumberOfPositionsResponse(
            number_of_positions=len(own.position_labels), labels=own.position_labels)
