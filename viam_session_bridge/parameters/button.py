# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import Press
from viam_session_bridge.parameters.outputs import ANSWER_TIMEOUT, ServiceTable
from viam_session_bridge.parameters.resources import ActuatedConfig, COMMAND_TOPIC
from viam_session_bridge.parameters.schema import described


@dataclass(frozen=True, kw_only=True)
class MessageButtonTable:
    """Parameters of a button with driver 'message': a push is a message."""

    TAKES: ClassVar[tuple[type, ...]] = (Press,)

    topic: str = field(metadata=COMMAND_TOPIC)
    message: str = field(default='bool', metadata=described(
        'Type of the message, in std_msgs/msg: Bool (true) or Empty', choices=('bool', 'empty')))


@dataclass(frozen=True, kw_only=True)
class ServiceButtonTable(ServiceTable):
    """Parameters of a button with driver 'service': a push is a call."""

    TAKES: ClassVar[tuple[type, ...]] = (Press,)

    kind: str = field(metadata=described(
        'Type of the service, in std_srvs/srv: Trigger or Empty', choices=('trigger', 'empty')))
    call_timeout: float = field(default=2.0, metadata=ANSWER_TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class ButtonConfig(MessageButtonTable, ServiceButtonTable, ActuatedConfig):
    """A button that is pushed and not held."""

    API = 'button'
    DRIVERS = {'message': MessageButtonTable, 'service': ServiceButtonTable}
    MOVES_BY_ITSELF = False

    @property
    def answers(self) -> bool:
        """Return whether the outcome of a push is reported."""
        return self.driver == 'service'
