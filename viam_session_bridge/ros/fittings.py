# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fits a resource's driver with its stop outputs and commands, by their blocks of parameters.

Which driver a resource has is decided in `equipment`.
"""

from collections.abc import Callable
import functools
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Empty, SetBool, Trigger

from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.outputs import (
    CANCEL_SERVICE,
    CancelOutput,
    EmptyOutput,
    LockOutput,
    NumberOutput,
    SetBoolOutput,
    StopOutputConfig,
    TriggerOutput,
    ZeroOutput,
)
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.answers import Answers
from viam_session_bridge.ros.drivers.commands import Command, Commands
from viam_session_bridge.ros.drivers.composite import CompositeDriver
from viam_session_bridge.ros.drivers.float import message_of, MESSAGES
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.services import Services
from viam_session_bridge.ros.drivers.stop_calls import CallingStop
from viam_session_bridge.ros.drivers.stop_cancel import CancelStop
from viam_session_bridge.ros.drivers.stop_messages import LockStop, MessageStop
from viam_session_bridge.ros.interfaces import Driver, Supervision


class Fittings:
    """Makes the parts of one resource that stand beside its driver."""

    def __init__(self, node: Node, services: Services, supervision: Supervision,
                 config: ActuatedConfig, on_appear: Callable[[], None]) -> None:
        self._node = node
        self._services = services
        self._supervision = supervision
        self._config = config
        self._on_appear = on_appear
        self.answers = Answers(functools.partial(supervision.stop_answered, config.name))
        self.readiness = Answers(functools.partial(supervision.prepared, config.name))

    def fitted(self, driver: Driver) -> Driver:
        """Return the driver with all that belongs to its resource, itself where that is all."""
        config = self._config
        if not (config.stop_outputs or config.commands or self.answers.expected):
            return driver
        outputs = [self._output(each) for each in config.stop_outputs]
        return CompositeDriver(
            config.name, driver, self._supervision, outputs=outputs,
            released=[one for one, each in zip(outputs, config.stop_outputs, strict=True)
                      if each.PREPARES],
            cancelling=[one for one in outputs if isinstance(one, CancelStop)],
            commands=self._commands(), answers=self.answers, readiness=self.readiness)

    def _commands(self) -> Commands:
        return Commands(self._config.name, {
            each.name: Command(
                self._services.caller(each.kind, each.service, self._where(each, 'service')),
                each.kind, each.call_timeout)
            for each in self._config.commands})

    def _output(self, output: StopOutputConfig) -> Any:
        if isinstance(output, LockOutput):
            return LockStop(
                self._topic(output, Bool, 'topic'), output.value, output.release,
                self.readiness.part())
        if isinstance(output, ZeroOutput):
            if not output.stamped:
                return MessageStop(self._topic(output, Twist, 'stamped'), Twist())
            message = TwistStamped()
            message.header.frame_id = output.frame_id
            return MessageStop(
                self._topic(output, TwistStamped, 'stamped'), message,
                self._node.get_clock() if output.stamp == 'now' else None)
        if isinstance(output, NumberOutput):
            return MessageStop(
                self._topic(output, MESSAGES[output.message], 'message'),
                message_of(output.message, output.number))
        if isinstance(output, CancelOutput):
            return CancelStop(
                self._node, output.action, self._services.caller(
                    output.kind, output.action + CANCEL_SERVICE, self._where(output, 'action')),
                call_timeout=output.call_timeout, stop_timeout=self._config.stop_timeout,
                answered=self.answers.part(), own=output.goals == 'own',
                moving=self._is_moving,
                tell=functools.partial(
                    self._supervision.goals, self._config.name, output.action),
                late=functools.partial(self._supervision.moved_late, self._config.name),
                seen=self._expected(
                    'action server', self._node.resolve_service_name(
                        output.action + CANCEL_SERVICE).removesuffix(CANCEL_SERVICE),
                    self._where(output, 'action')))
        return self._calling(output)

    def _expected(self, kind: str, server: str, where: str) -> Callable[[], None]:
        """Have verdicts wait for a server; returns what to call when it is there."""
        source = f'the {kind} {server} ({where})'
        self._supervision.expect(self._config.name, source)
        return functools.partial(self._supervision.seen, self._config.name, source)

    def _is_moving(self) -> bool:
        return self._supervision.states()[self._config.name] is State.MOVING

    def _calling(self, output: StopOutputConfig) -> CallingStop:
        if not isinstance(output, (TriggerOutput, EmptyOutput, SetBoolOutput)):
            raise TypeError(f'{self._config.name}.{output.name}: no stop output is {output.kind}')
        common: dict[str, Any] = {
            'call_timeout': output.call_timeout, 'stop_timeout': self._config.stop_timeout,
            'answered': self.answers.part(),
            'seen': self._expected(
                'service', self._node.resolve_service_name(output.service),
                self._where(output, 'service'))}
        caller = self._services.caller(output.kind, output.service, self._where(output, 'service'))
        if isinstance(output, SetBoolOutput):
            return CallingStop(
                caller, SetBool.Request(data=output.value),
                release=SetBool.Request(data=output.release), prepared=self.readiness.part(),
                **common)
        request = Trigger if isinstance(output, TriggerOutput) else Empty
        return CallingStop(caller, request.Request(), **common)

    def _topic(self, output: Any, message_type: type, chosen_by: str) -> OutputTopic:
        block = f'{self._config.name}.{output.name}'
        return OutputTopic(
            self._node, block, message_type, output.topic, driver_node='',
            on_appear=self._on_appear, choice=f'another topic or {block}.{chosen_by}',
            chosen_by=chosen_by)

    def _where(self, output: Any, parameter: str) -> str:
        return f'{self._config.name}.{output.name}.{parameter}'
