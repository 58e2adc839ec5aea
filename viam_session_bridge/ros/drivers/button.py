# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Buttons: a push is a message or a service call. There is nothing to stop."""

from std_msgs.msg import Bool, Empty

from viam_session_bridge.core.setpoints import Press, Setpoint
from viam_session_bridge.parameters.button import (
    ButtonConfig,
    MessageButtonTable,
    ServiceButtonTable,
)
from viam_session_bridge.ros.drivers.services import request_of
from viam_session_bridge.ros.plugins import OwnTools, Tools


class MessageButton:
    """Publishes a message for each push."""

    NAME = 'message'
    APIS = ('button',)
    TABLE = MessageButtonTable

    def __init__(self, config: ButtonConfig, tools: Tools) -> None:
        self._resource = config.name
        self._message = Bool(data=True) if config.message == 'bool' else Empty()
        self._output = tools.output(
            type(self._message), config.topic, choice=f'{config.name}.message',
            chosen_by='message')

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Push the button."""
        _require_push(self._resource, setpoint)
        self._output.publish(self._message)

    def stop(self, epoch: int) -> None:
        """Nothing is held, so nothing is sent."""

    def path_problem(self) -> str:
        """Return why a push would reach no subscriber; empty when it would."""
        return self._output.path_problem()


class ServiceButton:
    """Calls a service for each push, and reports the result within a time limit (s)."""

    NAME = 'service'
    APIS = ('button',)
    TABLE = ServiceButtonTable

    def __init__(self, config: ButtonConfig, tools: OwnTools) -> None:
        self._resource = config.name
        self._supervision = tools.supervision
        self._caller = tools.caller(config.kind, config.service, 'service')
        self._request = request_of(config.kind)
        self._limit = config.call_timeout

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Push the button."""
        _require_push(self._resource, setpoint)
        self._caller.ask(
            self._request, self._limit,
            lambda problem, detail: self._supervision.motion_answered(
                self._resource, epoch, problem, detail))

    def stop(self, epoch: int) -> None:
        """Nothing is held, so nothing is sent."""

    def path_problem(self) -> str:
        """Return nothing: a push without a server is answered with an error."""
        return ''


def _require_push(resource: str, setpoint: Setpoint) -> None:
    if not isinstance(setpoint, Press):
        raise TypeError(f'{resource}: a button cannot do {setpoint}')
