# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Switches: each position is a number on a topic, or a call of a service.

A stop sets the safe position. A switch without one has nothing to stop: nothing is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from viam_session_bridge.core.setpoints import Choice, Setpoint
from viam_session_bridge.ros.drivers.motion_calls import MotionCalls
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.services import ServiceCaller
from viam_session_bridge.ros.drivers.stop_calls import CallingStop
from viam_session_bridge.ros.interfaces import Supervision


def position_of(resource: str, setpoint: Setpoint) -> int:
    """Return the position that is asked for. Raises TypeError."""
    if not isinstance(setpoint, Choice):
        raise TypeError(f'{resource}: a switch cannot do {setpoint}')
    return setpoint.position


class NumberSwitch:
    """Publishes a message for each position. safe: the one that a stop publishes, if any."""

    def __init__(self, resource: str, output: OutputTopic, messages: Sequence[Any],
                 safe: int | None) -> None:
        self._resource = resource
        self._output = output
        self._messages = messages
        self._safe = safe

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish the number of a position."""
        self._output.publish(self._messages[position_of(self._resource, setpoint)])

    def stop(self, epoch: int) -> None:
        """Publish the number of the safe position, if there is one."""
        if self._safe is not None:
            self._output.publish(self._messages[self._safe])

    def path_problem(self) -> str:
        """Say why nobody would hear of a position; empty when somebody would."""
        return self._output.path_problem()


@dataclass(frozen=True)
class CalledPosition:
    """How a position is set: the service, and what it is sent."""

    caller: ServiceCaller
    request: Any


class ServiceSwitch:
    """
    Calls a service for each position, and reports what came of it.

    limit (s) bounds a call. stopping: sets the safe position, if there is one.
    """

    def __init__(self, resource: str, supervision: Supervision,
                 positions: Sequence[CalledPosition], limit: float,
                 stopping: CallingStop | None) -> None:
        self._resource = resource
        self._positions = positions
        self._limit = limit
        self._stopping = stopping
        self._calls = MotionCalls(resource, supervision)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Call the service of a position."""
        position = self._positions[position_of(self._resource, setpoint)]
        self._calls.sent()
        if self._stopping is not None:
            self._stopping.moved(setpoint)
        answered, late = self._calls.begin(epoch)
        position.caller.ask(position.request, self._limit, answered,
                            late if self._stopping is not None else None)

    def stop(self, epoch: int) -> None:
        """Call the service of the safe position, until it has answered."""
        self._calls.stopped(epoch)
        if self._stopping is not None:
            self._stopping.stop(epoch)

    def path_problem(self) -> str:
        """Say why the safe position could not be set; empty when it could, or there is none."""
        return self._stopping.path_problem() if self._stopping is not None else ''
