# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.button.v1.ButtonService: one push for each call; there is nothing to stop."""

from typing import Any

from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import Press
from viam_session_bridge.core.states import Reason
from viam_session_bridge.rpc.actuated_service import ActuatedService, ANSWER_PATIENCE
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import sends
from viam_session_bridge.rpc.status import MoveAborted


class ButtonService(ActuatedService):
    """viam.component.button.v1.ButtonService."""

    API = 'button'

    @sends(Press)
    async def Push(self, request: Any, call: Call) -> None:
        """
        Push it; returns when the driver has received it, or has reported its result if it can.

        If another command came before the push, this is an error: the push was not made.
        """
        ended = await call.move(request.name, Motion(
            Press(), ANSWER_PATIENCE, once=True, momentary=True, settles=True,
            answered=self.configs[request.name].answers))
        if ended.reason is not Reason.DONE:
            raise MoveAborted(request.name, ended.reason, ended.detail)
