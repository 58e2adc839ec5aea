# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Buttons: a push is a message, or a call of a service. There is nothing to stop."""

from typing import Any

from viam_session_bridge.core.setpoints import Press, Setpoint
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.services import ServiceCaller
from viam_session_bridge.ros.interfaces import Supervision


class MessageButton:
    """Publishes a message for each push."""

    def __init__(self, resource: str, output: OutputTopic, message: Any) -> None:
        self._resource = resource
        self._output = output
        self._message = message

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Push it."""
        _require_push(self._resource, setpoint)
        self._output.publish(self._message)

    def stop(self, epoch: int) -> None:
        """Nothing is held, so nothing is sent."""

    def path_problem(self) -> str:
        """Say why nobody would hear of a push; empty when somebody would."""
        return self._output.path_problem()


class ServiceButton:
    """Calls a service for each push, and reports what came of it within limit (s)."""

    def __init__(self, resource: str, supervision: Supervision, caller: ServiceCaller,
                 request: Any, limit: float) -> None:
        self._resource = resource
        self._supervision = supervision
        self._caller = caller
        self._request = request
        self._limit = limit

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Push it."""
        _require_push(self._resource, setpoint)
        self._caller.ask(
            self._request, self._limit,
            lambda problem, detail: self._supervision.motion_answered(
                self._resource, epoch, problem, detail))

    def stop(self, epoch: int) -> None:
        """Nothing is held, so nothing is sent."""

    def path_problem(self) -> str:
        """Find nothing: a push that nobody serves is answered so."""
        return ''


def _require_push(resource: str, setpoint: Setpoint) -> None:
    if not isinstance(setpoint, Press):
        raise TypeError(f'{resource}: a button cannot do {setpoint}')
