# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is tried, step by step, when a stop was not confirmed.

A step begins when the one before was answered and its patience is over, for as long as the
resource is UNCONFIRMED; every outcome is logged and shown in diagnostics. Runs on the executor's
thread. Stops themselves go on meanwhile: they are the pump's.
"""

from collections.abc import Mapping, Sequence
import time
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool

from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.outputs import BoolEscalation, CallingEscalation
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.services import request_of, ServiceCaller, Services
from viam_session_bridge.ros.interfaces import Supervision
from viam_session_bridge.ros.profiles import COMMAND_QOS, steady_timer

# How often (s) it is looked whether a step is due, and messages are repeated.
PERIOD = 0.1


class _Message:
    """A step that publishes; as long as the trouble lasts, because one message may be lost."""

    def __init__(self, node: Node, step: BoolEscalation) -> None:
        self.patience = step.patience
        self._publisher = node.create_publisher(Bool, step.topic, COMMAND_QOS)
        self._message = Bool(data=step.value)
        self.where = f'{self._publisher.topic_name} ({str(step.value).lower()})'
        self.outcome = ''

    def begin(self) -> None:
        self.repeat()
        self.outcome = f'{self.where} is said'

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
        """Nothing: a service that said yes has been told."""

    def _take(self, problem: str, said: str) -> None:
        self.outcome = f'failed: {problem}' if problem else f'{self.where}: done {said}'.rstrip()


_Step = _Message | _Call


class _Ladder:
    """The steps of one resource, and how far it has come."""

    def __init__(self, name: str, steps: Sequence[_Step]) -> None:
        self._name = name
        self._steps = steps
        self._begun = 0
        self._told = 0
        self._answered_at = 0.0

    @property
    def outcomes(self) -> list[str]:
        """Return what came of the steps that have begun."""
        return [step.outcome or f'{step.where} has not answered yet'
                for step in self._steps[:self._begun]]

    def forget(self) -> None:
        """Begin with the first step when it happens again."""
        self._begun = self._told = 0

    def climb(self, now: float) -> list[str]:
        """Begin what is due; returns sentences for the log."""
        lines: list[str] = []
        for step in self._steps[:self._begun]:
            step.repeat()
        if self._told < self._begun and self._steps[self._told].outcome:
            step = self._steps[self._told]
            self._told += 1
            self._answered_at = now
            lines.append(f'{self._name}: escalation: {step.outcome}')
        waits = self._begun and (
            self._told < self._begun
            or now < self._answered_at + self._steps[self._begun - 1].patience)
        if self._begun < len(self._steps) and not waits:
            step = self._steps[self._begun]
            self._begun += 1
            lines.append(f'{self._name}: escalation: the stop is not confirmed; {step.where}')
            step.begin()
        return lines


class Escalations:
    """The steps of all resources that have any."""

    def __init__(self, node: Node, supervision: Supervision,
                 resources: Sequence[ActuatedConfig]) -> None:
        self._node = node
        self._supervision = supervision
        self._services = Services(node)
        self._ladders = {
            one.name: _Ladder(one.name, [self._step(one.name, step) for step in one.escalations])
            for one in resources if one.escalations}
        if self._ladders:
            self._timer = steady_timer(node, PERIOD, self._look)

    def outcomes(self) -> Mapping[str, list[str]]:
        """Return what came of the steps that have begun, by resource."""
        return {name: ladder.outcomes for name, ladder in self._ladders.items()}

    def _look(self) -> None:
        states = self._supervision.states()
        for name, ladder in self._ladders.items():
            if states[name] is not State.UNCONFIRMED:
                ladder.forget()
                continue
            for line in ladder.climb(time.monotonic()):
                self._node.get_logger().error(line)

    def _step(self, resource: str, step: Any) -> _Step:
        if step.kind == 'bool':
            return _Message(self._node, step)
        caller = self._services.caller(step.kind, step.service, f'{resource}.{step.name}.service')
        return _Call(caller, request_of(step.kind, getattr(step, 'value', False)), step)
