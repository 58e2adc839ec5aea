# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import Choice
from viam_session_bridge.parameters.checks import beyond_message
from viam_session_bridge.parameters.outputs import ANSWER_TIMEOUT, MESSAGES, ServiceTable
from viam_session_bridge.parameters.resources import ActuatedConfig, COMMAND_TOPIC
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import BlockConfig, described, LARGEST

LEAST_POSITIONS = 2


@dataclass(frozen=True, kw_only=True)
class PositionConfig(BlockConfig):
    """A position of a switch."""

    kind: str = field(metadata=described('How the position is set'))


@dataclass(frozen=True, kw_only=True)
class TriggerPosition(PositionConfig, ServiceTable):
    """Calls a std_srvs/srv/Trigger."""


@dataclass(frozen=True, kw_only=True)
class EmptyPosition(PositionConfig, ServiceTable):
    """Calls a std_srvs/srv/Empty."""


@dataclass(frozen=True, kw_only=True)
class SetBoolPosition(PositionConfig, ServiceTable):
    """Calls a std_srvs/srv/SetBool."""

    value: bool = field(metadata=described('The value that the service receives'))


PositionConfig.KINDS = {
    'trigger': TriggerPosition, 'set_bool': SetBoolPosition, 'empty': EmptyPosition}


@dataclass(frozen=True, kw_only=True)
class NumberSwitchTable:
    """Parameters of a switch with driver 'float': each position is a number on a topic."""

    TAKES: ClassVar[tuple[type, ...]] = (Choice,)

    topic: str = field(metadata=COMMAND_TOPIC)
    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg. Bool: the numbers are 0 and 1',
        choices=MESSAGES))
    labels: tuple[str, ...] = field(metadata=described(
        'Names of the positions, as clients see them, from position 0 on. YAML reads off and on '
        "without quotes as false and true: write ['off', 'on']"))
    numbers: tuple[float, ...] = field(metadata=described(
        'The number of each position, in the order of labels', low=-LARGEST, high=LARGEST))


@dataclass(frozen=True, kw_only=True)
class ServiceSwitchTable:
    """Parameters of a switch with driver 'service': each position calls a service."""

    TAKES: ClassVar[tuple[type, ...]] = (Choice,)

    positions: tuple[PositionConfig, ...] = field(default=(), metadata=described(
        'Positions of the switch, from position 0 on; clients see the names as labels',
        blocks=PositionConfig))
    call_timeout: float = field(default=2.0, metadata=ANSWER_TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class SwitchConfig(NumberSwitchTable, ServiceSwitchTable, ActuatedConfig):
    """A switch with several positions."""

    API = 'switch'
    DRIVERS = {'float': NumberSwitchTable, 'service': ServiceSwitchTable}
    MOVES_BY_ITSELF = False

    safe_position: str = field(default='', metadata=described(
        'Label of the position that is set when its owner disconnects, and on every stop',
        empty='none: there is nothing to stop, the switch stays where it is'))

    @property
    def position_labels(self) -> tuple[str, ...]:
        """Return the names of the positions, from position 0 on."""
        return self.labels or tuple(each.name for each in self.positions)

    @property
    def safe_index(self) -> int | None:
        """Return the number of the safe position, if there is one."""
        return self.position_labels.index(self.safe_position) if self.safe_position else None

    @property
    def answers(self) -> bool:
        """Return whether the outcome of each position is reported."""
        return self.driver == 'service'

    @property
    def acknowledged(self) -> bool:
        """Return whether the outcome of each stop is reported."""
        return super().acknowledged or (self.answers and bool(self.safe_position))


@rule(SwitchConfig, 'driver', 'labels', 'safe_position')
@rule(SwitchConfig, 'driver', 'positions', 'safe_position')
def _positions_are_told_apart(
        own: Own, driver: str, labels: tuple[str, ...], safe: str) -> None:
    short = 'positions' if driver == 'service' else 'labels'
    if len(labels) < LEAST_POSITIONS or len(set(labels)) < len(labels) or not all(labels):
        own.wrong(short, f'{list(labels)!r}', f'at least {LEAST_POSITIONS} names, each once')
    if safe and safe not in labels:
        own.wrong('safe_position', repr(safe),
                  f"one of {own.block.full(short)} ({', '.join(labels)}), or '' (none)")


@rule(NumberSwitchTable, 'labels', 'numbers', 'message')
def _each_label_has_a_number(
        own: Own, labels: tuple[str, ...], numbers: tuple[float, ...], message: str) -> None:
    if len(numbers) != len(labels):
        own.wrong('numbers', f'{len(numbers)} numbers',
                  f'{len(labels)} numbers, one for each of {own.labels}')
    if len(set(numbers)) < len(numbers):
        own.wrong('numbers', f'{list(numbers)!r}',
                  'each number once, or two positions would be the same')
    for number in numbers:
        if wanted := beyond_message(number, message, own.message, 'whole numbers'):
            own.wrong('numbers', f'{number:g}', wanted)
