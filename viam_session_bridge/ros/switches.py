# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the drivers of switches, buttons and generic components from their parameters."""

from collections.abc import Callable
import functools
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool
from std_msgs.msg import Empty as EmptyMessage
from std_srvs.srv import Empty, SetBool, Trigger

from viam_session_bridge.parameters.button import ButtonConfig
from viam_session_bridge.parameters.generic import GenericConfig
from viam_session_bridge.parameters.switch import (
    PositionConfig,
    SetBoolPosition,
    SwitchConfig,
    TriggerPosition,
)
from viam_session_bridge.ros.drivers.answers import Report
from viam_session_bridge.ros.drivers.button import MessageButton, ServiceButton
from viam_session_bridge.ros.drivers.float import message_of, MESSAGES
from viam_session_bridge.ros.drivers.nothing import NoDriver
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.services import ServiceCaller, Services
from viam_session_bridge.ros.drivers.stop_calls import CallingStop
from viam_session_bridge.ros.drivers.switch import CalledPosition, NumberSwitch, ServiceSwitch
from viam_session_bridge.ros.interfaces import Driver, Supervision

# What these drivers are made from.
StillConfig = SwitchConfig | ButtonConfig | GenericConfig


class StillDrivers:
    """Makes them on one node. Everything on one service goes through one client, in order."""

    def __init__(self, node: Node, services: Services, supervision: Supervision) -> None:
        self._node = node
        self._services = services
        self._supervision = supervision

    def driver(self, config: StillConfig, answered: Callable[[], Report],
               on_appear: Callable[[], None]) -> Driver:
        """Return a driver; answered() returns who takes the outcome of its stops."""
        if isinstance(config, SwitchConfig):
            if config.driver == 'service':
                return self._service_switch(config, answered)
            output = self._topic(config, MESSAGES[config.message], on_appear)
            return NumberSwitch(config.name, output, [
                message_of(config.message, number) for number in config.numbers],
                config.safe_index)
        if isinstance(config, ButtonConfig):
            if config.driver == 'service':
                return ServiceButton(
                    config.name, self._supervision, self._services.caller(
                        config.kind, config.service, f'{config.name}.service'),
                    (Trigger if config.kind == 'trigger' else Empty).Request(),
                    config.call_timeout)
            message = Bool(data=True) if config.message == 'bool' else EmptyMessage()
            return MessageButton(
                config.name, self._topic(config, type(message), on_appear), message)
        return NoDriver(config.name)

    def _service_switch(self, config: SwitchConfig, answered: Callable[[], Report]) -> Driver:
        callers: dict[str, ServiceCaller] = {}
        positions = [self._position(config, each, callers) for each in config.positions]
        stopping = None
        if config.safe_index is not None:
            safe = positions[config.safe_index]
            source = f'the service of {safe.caller.where}'
            self._supervision.expect(config.name, source)
            stopping = CallingStop(
                safe.caller, safe.request, call_timeout=config.call_timeout,
                stop_timeout=config.stop_timeout, answered=answered(),
                seen=functools.partial(self._supervision.seen, config.name, source))
        return ServiceSwitch(
            config.name, self._supervision, positions, config.call_timeout, stopping)

    def _position(self, config: SwitchConfig, position: PositionConfig,
                  callers: dict[str, ServiceCaller]) -> CalledPosition:
        request: Any = Empty.Request()
        if isinstance(position, SetBoolPosition):
            request = SetBool.Request(data=position.value)
        elif isinstance(position, TriggerPosition):
            request = Trigger.Request()
        service: str = position.service  # type: ignore[attr-defined]
        where = f'{config.name}.{position.name}.service'
        if service not in callers:
            callers[service] = self._services.caller(position.kind, service, where)
        return CalledPosition(callers[service].named_by(where), request)

    def _topic(self, config: SwitchConfig | ButtonConfig, message_type: type,
               on_appear: Callable[[], None]) -> OutputTopic:
        return OutputTopic(
            self._node, config.name, message_type, config.topic, driver_node=config.driver_node,
            on_appear=on_appear, choice=f'{config.name}.message', chosen_by='message')
