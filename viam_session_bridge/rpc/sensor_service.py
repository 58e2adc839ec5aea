# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.component.sensor.v1.SensorService: read only, so any process with a source may serve it."""

from typing import Any

from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.component_service import ComponentService, never
from viam_session_bridge.rpc.status import unimplemented


class SensorService(ComponentService):
    """viam.component.sensor.v1.SensorService."""

    API = 'sensor'

    async def GetReadings(self, request: Any, call: Any) -> Any:
        """Return the fields of the newest message; an error while none is fresh."""
        reply = proto.common.GetReadingsResponse()
        for name, value in self._feedback(request.name).read().items():
            kind = {bool: 'bool_value', str: 'string_value'}.get(type(value), 'number_value')
            setattr(reply.readings[name], kind, value)
        return reply

    async def GetStatus(self, request: Any, call: Any) -> Any:
        """Return whether the newest message is fresh, and otherwise why not."""
        problem = self._feedback(request.name).problem()
        reply = proto.common.GetStatusResponse()
        reply.result.update({'is_fresh': not problem, 'problem': problem})
        return reply

    @never
    async def DoCommand(self, request: Any, call: Any) -> Any:
        """Refuse: a sensor has no commands."""
        raise unimplemented(f'{request.name}: DoCommand is not served: a sensor has no commands')
