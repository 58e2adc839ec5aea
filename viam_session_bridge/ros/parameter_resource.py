# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tables of all resources have in common, whatever their API and driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from viam_session_bridge.ros.parameter_escalations import Escalation
from viam_session_bridge.ros.parameter_outputs import CommandConfig, StopOutput
from viam_session_bridge.ros.parameter_spec import described, Form

# Releasing may take so much longer (s) than its services: they say better what was wrong.
RELEASE_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True)
class ResourceConfig:
    """What every resource has, whatever its API and driver."""

    # The tables of its drivers. TAKES of a table: the kinds of setpoint that its driver can do.
    DRIVERS: ClassVar[Mapping[str, type]] = {}
    # Those of the drivers that other packages bring, with their classes.
    PLUGINS: ClassVar[Mapping[str, Any]] = {}
    # Its driver can set it in motion. Otherwise only commands can, and only stop outputs stop it.
    MOVES_BY_ITSELF: ClassVar[bool] = True

    name: str
    api: str = field(default='base', metadata=described('Viam API that the resource serves'))
    driver: str = field(metadata=described('How the resource is moved and stopped'))
    command_rate: float = field(default=20.0, metadata=described(
        'How often a held command is repeated. At least 3 times per receiver_timeout',
        unit='Hz', low=1.0, high=100.0))
    receiver_timeout: float = field(default=0.0, metadata=described(
        'Command timeout of the receiver: after this long without a command it stops by itself '
        '(cmd_vel_timeout of a diff_drive_controller, for example); 0 says that it has none',
        unit='s', low=0.0, high=60.0))
    accept_no_timeout: bool = field(default=False, metadata=described(
        'Accept a receiver without command timeout although no guard is required, so that it '
        'keeps moving if the bridge itself dies'))
    stop_on_start: bool = field(default=True, metadata=described(
        'When the bridge starts, stop what a predecessor may have left moving, as soon as a '
        'receiver listens. Commands are taken when that stop is done'))
    stop_hold: float = field(default=1.0, metadata=described(
        'How long a stop is repeated. Longer than the timeout of the slowest mux on the way',
        unit='s', low=0.1, high=30.0))
    stop_timeout: float = field(default=5.0, metadata=described(
        'When a stop that was not seen to succeed counts as failed. Longer than stop_hold',
        unit='s', low=0.1, high=60.0, low_excluded=True))
    require_stop_path: bool = field(default=True, metadata=described(
        'Refuse a command while no receiver of the right type and QoS listens, so that a stop '
        'would reach nobody'))
    driver_node: str = field(default='', metadata=described(
        'Node that must listen for the stop path to count', form=Form.NODE,
        empty='any node counts'))
    stop_outputs: tuple[StopOutput, ...] = field(default=(), metadata=described(
        "What is sent on a stop, after the driver's own neutral command", blocks=StopOutput))
    commands: tuple[CommandConfig, ...] = field(default=(), metadata=described(
        'What clients can call with DoCommand({"command": "<the name>"})', blocks=CommandConfig))

    escalations: tuple[Escalation, ...] = field(default=(), metadata=described(
        'What is tried, in this order, when a stop was not confirmed. The place for everything '
        'that latches', blocks=Escalation))

    @property
    def acknowledged(self) -> bool:
        """Tell whether the outcome of each stop is reported."""
        return any(output.ACKNOWLEDGED for output in self.stop_outputs)

    @property
    def ready_timeout(self) -> float | None:
        """Return how long (s) releasing may take before a motion; None: there is nothing to."""
        return max((RELEASE_MARGIN + getattr(output, 'call_timeout', 0.0)
                    for output in self.stop_outputs if output.PREPARES), default=None)

    @property
    def leads(self) -> bool:
        """Tell whether its driver leads joints along at every tick."""
        return bool(getattr(self.DRIVERS[self.driver], 'LEADS', False))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows whether the resource is at rest; empty without feedback."""
        return ''
