# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
viam.component.switch.v1.SwitchService: one of several positions, numbered from 0.

Viam has no Stop for a switch. A switch with a safe position keeps another position only while its
owner is present; setting the safe position is its Stop.
"""

from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Choice
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService, ANSWER_PATIENCE
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import sends
from viam_session_bridge.rpc.status import failed_precondition


class SwitchService(ActuatedService):
    """viam.component.switch.v1.SwitchService."""

    API = 'switch'

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        # The position that was set last, by switch; a switch has no feedback.
        self._set: dict[str, int] = {}

    @sends(Choice)
    async def SetPosition(self, request: Any, call: Call) -> None:
        """Set a position; returns when the driver has received it, or has reported its result."""
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
            # The position is unknown until the driver has reported success.
            ended = await call.move(
                request.name, motion, lambda epoch: self._set.pop(request.name, None))
            # A stop has set the safe position, if there is one; otherwise it is unknown whether
            # the position was set.
            known = ended.reason is Reason.DONE or (
                ended.reason is Reason.STOPPED and own.safe_index is not None)
            if not known:
                return
        else:
            await call.command(request.name, motion)
        self._set[request.name] = position

    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Return the position that was sent to the driver last; refused while it is unknown."""
        known = self._set.get(request.name)
        safe = self.configs[request.name].safe_index
        state = self._supervisor.states()[request.name]
        setpoint = self._supervisor.setpoint(request.name)
        if safe is not None and known is not None and not isinstance(setpoint, Choice):
            # Its owner is gone, or it was stopped: the driver has received the safe position.
            stopping = state is State.STOPPING and call.resource.actuator.acknowledged
            known = None if stopping or state is State.UNCONFIRMED else safe
        if known is None:
            raise failed_precondition(
                f'{request.name}: its position is unknown: a switch has no feedback, and '
                + ('its driver has not confirmed the safe position'
                   if request.name in self._set else
                   'no position was set since the bridge started'))
        return proto.switch.GetPositionResponse(position=known)

    async def GetNumberOfPositions(self, request: Any, call: Call) -> Any:
        """Return the number of positions, and their labels."""
        own = self.configs[request.name]
        return proto.switch.GetNumberOfPositionsResponse(
            number_of_positions=len(own.position_labels), labels=own.position_labels)
