# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that DoCommand calls by the names a resource's parameters give them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from std_srvs.srv import Empty, SetBool, Trigger

from viam_session_bridge.core.setpoints import ServiceCall
from viam_session_bridge.ros.drivers.services import Answer, ServiceCaller

# More calls of one command than this at the same time are refused.
MOST_CALLS = 8


@dataclass(frozen=True)
class Command:
    """One of them: its service, its kind ('trigger', 'set_bool', 'empty') and its limit (s)."""

    caller: ServiceCaller
    kind: str
    limit: float


class Commands:
    """Those of one resource, by name."""

    def __init__(self, resource: str, commands: Mapping[str, Command]) -> None:
        self._resource = resource
        self._commands = commands

    def call(self, call: ServiceCall, answer: Answer,
             late: Callable[[Any], None] | None = None) -> None:
        """
        Begin a call; answer is called once, within the command's limit, on any thread.

        late: gets the response of a call that had been given up.
        """
        command = self._commands.get(call.command)
        if command is None:
            known = ', '.join(sorted(self._commands)) or 'none'
            answer(f'{self._resource}: no command is named {call.command[:64]!a}; '
                   f'there are: {known}', '')
            return
        if command.caller.pending >= MOST_CALLS:
            answer(f'{command.caller.where}: {MOST_CALLS} calls have not been answered yet', '')
            return
        command.caller.ask(_request(command.kind, call), command.limit, answer, late)


def _request(kind: str, call: ServiceCall) -> Any:
    if kind == 'set_bool':
        return SetBool.Request(data=call.arguments['data'])
    return Trigger.Request() if kind == 'trigger' else Empty.Request()
