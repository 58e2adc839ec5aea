# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Switches: each position is a number on a topic, or a service call.

A stop sets the safe position. A switch without one has nothing to stop: nothing is sent.
"""

from typing import Any

from viam_session_bridge.core.setpoints import Choice, Setpoint
from viam_session_bridge.parameters.switch import (
    NumberSwitchTable,
    ServiceSwitchTable,
    SwitchConfig,
)
from viam_session_bridge.ros.drivers.number import message_of, MESSAGES
from viam_session_bridge.ros.drivers.services import MotionCalls, request_of, ServiceCaller
from viam_session_bridge.ros.drivers.stop_calls import CallingStop
from viam_session_bridge.ros.plugins import OwnTools, Tools


def position_of(resource: str, setpoint: Setpoint) -> int:
    """Return the requested position. Raises TypeError."""
    if not isinstance(setpoint, Choice):
        raise TypeError(f'{resource}: a switch cannot do {setpoint}')
    return setpoint.position


class NumberSwitch:
    """Publishes a message for each position. A stop publishes the safe one, if any."""

    NAME = 'float'
    APIS = ('switch',)
    TABLE = NumberSwitchTable

    def __init__(self, config: SwitchConfig, tools: Tools) -> None:
        self._resource = config.name
        self._output = tools.output(
            MESSAGES[config.message], config.topic, choice=f'{config.name}.message',
            chosen_by='message')
        self._messages = [message_of(config.message, each) for each in config.numbers]
        self._safe = config.safe_index

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish the number of a position."""
        self._output.publish(self._messages[position_of(self._resource, setpoint)])

    def stop(self, epoch: int) -> None:
        """Publish the number of the safe position, if there is one."""
        if self._safe is not None:
            self._output.publish(self._messages[self._safe])

    def path_problem(self) -> str:
        """Return why a position would reach no subscriber; empty when it would."""
        return self._output.path_problem()


class ServiceSwitch:
    """Calls a service for each position, and reports the result. A stop sets the safe one."""

    NAME = 'service'
    APIS = ('switch',)
    TABLE = ServiceSwitchTable

    def __init__(self, config: SwitchConfig, tools: OwnTools) -> None:
        self._resource = config.name
        self._limit = config.call_timeout
        self._calls = MotionCalls(config.name, tools.supervision)
        # All calls to one service use one client, so that they stay in order.
        callers: dict[str, ServiceCaller] = {}
        self._positions: list[tuple[ServiceCaller, Any]] = []
        each: Any
        for each in config.positions:
            where = f'{each.name}.service'
            if each.service not in callers:
                callers[each.service] = tools.caller(each.kind, each.service, where)
            self._positions.append((
                callers[each.service].named_by(f'{config.name}.{where}'),
                request_of(each.kind, getattr(each, 'value', False))))
        self._stopping: CallingStop | None = None
        if config.safe_index is not None:
            caller, request = self._positions[config.safe_index]
            self._stopping = CallingStop(
                caller, request, call_timeout=config.call_timeout,
                stop_timeout=config.stop_timeout, answered=tools.answers.part(),
                seen=tools.expected(f'the service of {caller.where}'))

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Call the service of a position."""
        caller, request = self._positions[position_of(self._resource, setpoint)]
        self._calls.sent()
        if self._stopping is not None:
            self._stopping.moved(setpoint)
        answered, late = self._calls.begin(epoch)
        caller.ask(request, self._limit, answered, late if self._stopping is not None else None)

    def stop(self, epoch: int) -> None:
        """Call the service of the safe position, until it has answered."""
        self._calls.stopped(epoch)
        if self._stopping is not None:
            self._stopping.stop(epoch)

    def path_problem(self) -> str:
        """Return why the safe position could not be set; empty when it could, or there is none."""
        return self._stopping.path_problem() if self._stopping is not None else ''
