# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
DoCommand: the configured commands of a component, by name. Used by all components.

    {"command": "dock"}                     a command without data
    {"command": "lights", "data": true}     one that is switched on or off

The result is {"success": bool, "message": str}.
"""

from collections.abc import Mapping
from typing import Any

from viam_session_bridge.core.errors import InvalidCommand, shown
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import ServiceCall
from viam_session_bridge.core.states import Reason
from viam_session_bridge.parameters.outputs import CommandConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.status import MoveAborted

COMMAND, DATA = 'command', 'data'


async def do_command(name: str, commands: Mapping[str, CommandConfig], request: Any,
                     call: Call) -> Any:
    """Run the command of a request and return its result. Raises a BridgeError."""
    command = _parsed(request.command, commands)
    if commands[command.command].moves:
        problem, message = await _moved(name, command, call)
    else:
        problem, message = await call.service_command(name, command)
    reply = proto.common.DoCommandResponse()
    reply.result.update({'success': not problem, 'message': problem or message})
    return reply


async def _moved(name: str, command: ServiceCall, call: Call) -> tuple[str, str]:
    """Run a command that moves; its motion lasts until its caller is gone."""
    try:
        ended = await call.move(
            name, Motion(command, once=True, answered=True, monitored=False))
    except MoveAborted as aborted:
        # A refusal by the service is a result, not a failure of the call.
        if aborted.reason is Reason.REFUSED:
            return aborted.detail or aborted.reason.value, ''
        raise
    # A Stop or another command came before the response of the service.
    if ended.reason is not Reason.DONE:
        return ended.reason.value, ''
    return '', ended.detail


def _parsed(struct: Any, commands: Mapping[str, CommandConfig]) -> ServiceCall:
    """Return the command that a Struct contains. Raises InvalidCommand."""
    # The first unknown key ends the parsing, before a message of a million keys is converted.
    unknown = next((key for key in struct if key not in (COMMAND, DATA)), None)
    if unknown is not None:
        raise InvalidCommand(
            f'command: unknown key {shown(unknown)}; expected {COMMAND!r} and, for some '
            f'commands, {DATA!r}')
    fields = {key: _value(struct.fields[key]) for key in struct}
    known = ', '.join(sorted(commands))
    wanted = fields.get(COMMAND)
    if not isinstance(wanted, str) or wanted not in commands:
        found = 'it is missing' if COMMAND not in fields else f'found {shown(str(wanted))}'
        raise InvalidCommand(f'command.{COMMAND}: {found}; expected one of: {known}')
    if not commands[wanted].takes_data:
        if DATA in fields:
            raise InvalidCommand(f'command.{DATA}: the command {wanted} takes no data')
        return ServiceCall(wanted)
    data = fields.get(DATA)
    if not isinstance(data, bool):
        found = 'it is missing' if DATA not in fields else f'found {shown(str(data))}'
        raise InvalidCommand(
            f'command.{DATA}: {found}; the command {wanted} expects true or false')
    return ServiceCall(wanted, {DATA: data})


def _value(value: Any) -> Any:
    """Return a Value as a Python value; for lists and Structs, which no command takes, a name."""
    kind = value.WhichOneof('kind')
    if kind in ('list_value', 'struct_value'):
        return {'list_value': 'a list', 'struct_value': 'a Struct'}[kind]
    return None if kind in ('null_value', None) else getattr(value, kind)
