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

# Where command_rate is not set (Hz): how often drivers are sent setpoints that change, stops, and
# setpoints that do not change.
USUAL_RATE = 20.0

# How often (Hz) an unchanged setpoint is sent to a receiver that never stops by itself. One that
# takes 0.5 s for each message then works off its queue twice as fast as it is filled.
RARE_RATE = 1.0

# A receiver that gets fewer commands than this per timeout stops and starts with every delay.
COMMANDS_PER_TIMEOUT = 3

MOST_RATE = 100.0


def control_rate(command_rate: float | None, receiver_timeout: float | None) -> float:
    """Return how often (Hz) a driver is sent stops and setpoints that change."""
    if command_rate is not None:
        return command_rate
    least = COMMANDS_PER_TIMEOUT / receiver_timeout if receiver_timeout else 0.0
    return min(max(USUAL_RATE, least), MOST_RATE)


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
    command_rate: float | None = field(default=None, metadata=described(
        'How often a setpoint is sent: one that changes, one that is held unchanged, the steps of '
        'a driver that leads joints, and a stop. A new command and a new stop are sent at once, '
        f'whatever the rate. At least {COMMANDS_PER_TIMEOUT} times per receiver_timeout',
        unit='Hz', low=1.0, high=MOST_RATE,
        empty=f'{USUAL_RATE:g} Hz, or more where receiver_timeout needs it; of an unchanged '
        f'setpoint {RARE_RATE:g} Hz if receiver_timeout is 0'))
    receiver_timeout: float | None = field(default=None, metadata=described(
        'Command timeout of the receiver: after this long without a command it stops by itself '
        '(cmd_vel_timeout of a diff_drive_controller, for example). Of several nodes in a row, '
        'such as a mux and a controller, the shortest. 0: it never stops by itself; an unchanged '
        f'setpoint is then repeated at {RARE_RATE:g} Hz only (see command_rate), so that a slow '
        'receiver does not fill its queue with old commands',
        unit='s', low=0.0, high=60.0,
        empty='it is not known: counts as a receiver without timeout, but an unchanged setpoint '
        f'is repeated at {USUAL_RATE:g} Hz'))
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
    def control_rate(self) -> float:
        """Return how often (Hz) the driver is sent stops and setpoints that change."""
        return control_rate(self.command_rate, self.receiver_timeout)

    @property
    def repeat_rate(self) -> float:
        """Return how often (Hz) the driver is sent a setpoint that does not change."""
        rarely = self.receiver_timeout == 0.0 and self.command_rate is None and not self.leads
        return RARE_RATE if rarely else self.control_rate

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
