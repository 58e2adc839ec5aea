# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.button.v1.ButtonService: pushed once for each call; there is nothing to stop."""

from typing import Any

from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Press
from viam_session_bridge.core.states import Reason
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.actuated_service import ActuatedService, ANSWER_PATIENCE
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import tells
from viam_session_bridge.rpc.status import MoveAborted


class ButtonService(ActuatedService):
    """Serves the buttons of a gate. Methods are spelled as in the proto."""

    API = 'button'

    @tells(Press)
    async def Push(self, request: Any, call: Call) -> Any:
        """
        Push it; answers when the driver was told, or has answered where it can.

        A push that something else overtook is an error: nobody may take it for one that was made.
        """
        ended = await call.move(request.name, Motion(
            Press(), ANSWER_PATIENCE, once=True, momentary=True, settles=True,
            answered=self.configs[request.name].answers))
        if ended.reason is not Reason.DONE:
            raise MoveAborted(request.name, ended.reason, ended.detail)
        return proto.button.PushResponse()
