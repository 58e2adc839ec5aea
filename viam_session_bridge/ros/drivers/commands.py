# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that DoCommand calls by the names of a resource's parameters; driver 'commands'."""

from collections.abc import Callable
from typing import Any

from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.parameters.generic import GenericTable
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.services import Answer, request_of
from viam_session_bridge.ros.plugins import OwnTools, Tools

# More calls of one command than this at the same time are refused.
MOST_CALLS = 8


class Commands:
    """The services of one resource, by name."""

    def __init__(self, config: ActuatedConfig, tools: OwnTools) -> None:
        self._resource = config.name
        self._commands = {
            each.name: (each, tools.caller(each.kind, each.service, f'{each.name}.service'))
            for each in config.commands}

    def call(self, call: ServiceCall, answer: Answer,
             late: Callable[[Any], None] | None = None) -> None:
        """
        Begin a call; answer is called once, within the command's limit, on any thread.

        late: receives the response of a call that has timed out.
        """
        if call.command not in self._commands:
            known = ', '.join(sorted(self._commands)) or 'none'
            answer(f'{self._resource}: no command is named {call.command[:64]!a}; '
                   f'there are: {known}', '')
            return
        config, caller = self._commands[call.command]
        if caller.pending >= MOST_CALLS:
            answer(f'{caller.where}: {MOST_CALLS} calls have not been answered yet', '')
            return
        request = request_of(config.kind, call.arguments['data'] if config.takes_data else False)
        caller.ask(request, config.call_timeout, answer, late)


class CommandsDriver:
    """The driver of a resource that has only commands and stop outputs: it sends nothing."""

    NAME = 'commands'
    APIS = ('generic',)
    TABLE = GenericTable

    def __init__(self, config: ActuatedConfig, tools: Tools) -> None:
        self._resource = config.name

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Refuse."""
        raise TypeError(f'{self._resource}: it has commands only and cannot do {setpoint}')

    def stop(self, epoch: int) -> None:
        """Do nothing: this driver moves nothing."""

    def path_problem(self) -> str:
        """Return nothing: this driver sends nothing."""
        return ''
