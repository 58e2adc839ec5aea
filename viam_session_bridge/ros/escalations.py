# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The escalation steps after a stop that was not confirmed.

A step begins when the previous one was answered and its patience is over, for as long as the
resource is UNCONFIRMED; every outcome is logged and shown in diagnostics. Runs on the executor's
thread. The pump continues to send stops meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
import time
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool

from viam_session_bridge.core.events import Escalation, LogEvent
from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.outputs import BoolEscalation, CallingEscalation
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.services import request_of, ServiceCaller, Services
from viam_session_bridge.ros.interfaces import Supervision
from viam_session_bridge.ros.profiles import COMMAND_QOS, steady_timer

# The period (s) of the check for due steps, and of repeated messages.
PERIOD = 0.1


class _Message:
    """A step that publishes while the resource is UNCONFIRMED: a single message may be lost."""

    def __init__(self, node: Node, step: BoolEscalation) -> None:
        self.patience = step.patience
        self._publisher = node.create_publisher(Bool, step.topic, COMMAND_QOS)
        self._message = Bool(data=step.value)
        self.where = f'{self._publisher.topic_name} ({str(step.value).lower()})'
        self.outcome = ''

    def begin(self) -> None:
        self.repeat()
        self.outcome = f'{self.where} is published'

    def repeat(self) -> None:
        self._publisher.publish(self._message)


class _Call:
    """A step that calls a service, once."""

    def __init__(self, caller: ServiceCaller, request: Any, step: CallingEscalation) -> None:
        self.patience = step.patience
        self._caller = caller
        self._request = request
        self._limit = step.call_timeout
        self.where = caller.where
        self.outcome = ''

    def begin(self) -> None:
        self.outcome = ''
        self._caller.ask(self._request, self._limit, self._take)

    def repeat(self) -> None:
        """Do nothing: the service is called once."""

    def _take(self, problem: str, text: str) -> None:
        self.outcome = f'failed: {problem}' if problem else f'{self.where}: done {text}'.rstrip()


_Step = _Message | _Call


class _Steps:
    """The steps of one resource, and its current step."""

    def __init__(self, name: str, steps: Sequence[_Step]) -> None:
        self._name = name
        self._steps = steps
        self._begun = 0
        self._logged = 0
        self._answered_at = 0.0

    @property
    def outcomes(self) -> list[str]:
        """Return the outcomes of the steps that have begun."""
        return [step.outcome or f'{step.where} has not answered yet'
                for step in self._steps[:self._begun]]

    def restart(self) -> None:
        """Begin with the first step at the next failure."""
        self._begun = self._logged = 0

    def advance(self, now: float) -> list[str]:
        """Begin the steps that are due; returns what to report of them."""
        lines: list[str] = []
        for step in self._steps[:self._begun]:
            step.repeat()
        if self._logged < self._begun and self._steps[self._logged].outcome:
            step = self._steps[self._logged]
            self._logged += 1
            self._answered_at = now
            lines.append(step.outcome)
        waits = self._begun and (
            self._logged < self._begun
            or now < self._answered_at + self._steps[self._begun - 1].patience)
        if self._begun < len(self._steps) and not waits:
            step = self._steps[self._begun]
            self._begun += 1
            lines.append(f'the stop is not confirmed; {step.where}')
            step.begin()
        return lines


class Escalations:
    """The steps of all resources that have any."""

    def __init__(self, node: Node, supervision: Supervision,
                 resources: Sequence[ActuatedConfig],
                 note: Callable[[LogEvent], None]) -> None:
        """Begin; note takes an event for each step that begins, and for each outcome."""
        self._node = node
        self._note = note
        self._supervision = supervision
        self._services = Services(node)
        self._by_resource = {
            one.name: _Steps(one.name, [self._step(one.name, step) for step in one.escalations])
            for one in resources if one.escalations}
        if self._by_resource:
            self._timer = steady_timer(node, PERIOD, self._check)

    def outcomes(self) -> Mapping[str, list[str]]:
        """Return the outcomes of the steps that have begun, by resource."""
        return {name: steps.outcomes for name, steps in self._by_resource.items()}

    def _check(self) -> None:
        states = self._supervision.states()
        for name, steps in self._by_resource.items():
            if states[name] is not State.UNCONFIRMED:
                steps.restart()
                continue
            for line in steps.advance(time.monotonic()):
                self._note(Escalation(name, line))

    def _step(self, resource: str, step: Any) -> _Step:
        if step.kind == 'bool':
            return _Message(self._node, step)
        caller = self._services.caller(step.kind, step.service, f'{resource}.{step.name}.service')
        return _Call(caller, request_of(step.kind, getattr(step, 'value', False)), step)
