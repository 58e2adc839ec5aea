# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.servo.v1.ServoService: converts whole degrees to rad of a joint, and back."""

import math
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.setpoints import Trajectory
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.component_service import needs, sends
from viam_session_bridge.rpc.joint_service import JointService
from viam_session_bridge.rpc.status import failed_precondition
from viam_session_bridge.rpc.trajectories import Pace


class ServoService(JointService):
    """viam.component.servo.v1.ServoService."""

    API = 'servo'

    @sends(Trajectory)
    async def Move(self, request: Any, call: Call) -> None:
        """Turn to an angle, degrees; returns when it has arrived, or its time is over."""
        own, angle = self.configs[request.name], request.angle_deg
        if not own.minimum_deg <= angle <= own.maximum_deg:
            raise InvalidCommand(
                f'angle_deg: {angle} is out of the range of {request.name}; expected '
                f'{own.minimum_deg:g} to {own.maximum_deg:g}')
        goal = (math.radians(angle + own.offset_deg),)
        await call.move(request.name, self._way(
            request.name, [goal], Pace(own.speeds), 'angle_deg',
            whole=(math.radians(own.maximum_deg - own.minimum_deg),)))

    @needs('joint_states_topic')
    async def GetPosition(self, request: Any, call: Call) -> Any:
        """Return the measured angle, in whole degrees."""
        sample = self._measured(request.name, 'GetPosition')
        own = self.configs[request.name]
        measured = math.degrees(sample.positions[0]) - own.offset_deg
        # A servo at 0 may be measured slightly below, which Viam's unsigned angle cannot express.
        angle = round(max(0.0, measured) if measured >= -own.tolerance_deg else measured)
        if not 0 <= angle < 2**32:
            raise failed_precondition(
                f'{request.name}: it is measured at {angle} degrees, and angles in Viam begin at '
                f'0; is {request.name}.offset_deg right?')
        return proto.servo.GetPositionResponse(position_deg=angle)
