# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tables of escalations: what is tried, in order, when a stop of a resource was not confirmed.

What latches (emergency stops, motor power, brakes) belongs here and not among the stop outputs: a
stop must be undone by the next command, an escalation by a person. Several resources may name the
same service or topic: the robot's emergency stop, for example.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from viam_session_bridge.ros.parameter_blocks import BlockConfig
from viam_session_bridge.ros.parameter_outputs import ServiceTable, TopicTable
from viam_session_bridge.ros.parameter_spec import described


@dataclass(frozen=True, kw_only=True)
class Escalation(BlockConfig):
    """One step."""

    kind: str = field(metadata=described('How it is said'))
    patience: float = field(default=1.0, metadata=described(
        'How long the robot may take to come to rest after this step; then the next one is '
        'tried', unit='s', low=0.0, high=60.0))


@dataclass(frozen=True, kw_only=True)
class CallingEscalation(Escalation, ServiceTable):
    """A step that calls a service once."""

    call_timeout: float = field(default=1.0, metadata=described(
        'How long the answer may take; then the next step is tried', unit='s', low=0.05,
        high=30.0))


@dataclass(frozen=True, kw_only=True)
class TriggerEscalation(CallingEscalation):
    """Calls a std_srvs/srv/Trigger."""


@dataclass(frozen=True, kw_only=True)
class EmptyEscalation(CallingEscalation):
    """Calls a std_srvs/srv/Empty."""


@dataclass(frozen=True, kw_only=True)
class ValueTable:
    """Parameters of a step that says true or false."""

    value: bool = field(metadata=described(
        'What is said. Drivers differ: false switches motors off, true presses an emergency '
        'stop'))


@dataclass(frozen=True, kw_only=True)
class SetBoolEscalation(CallingEscalation, ValueTable):
    """Calls a std_srvs/srv/SetBool."""


@dataclass(frozen=True, kw_only=True)
class BoolEscalation(Escalation, ValueTable, TopicTable):
    """Publishes a std_msgs/msg/Bool, again and again until the stop is confirmed or reset."""


Escalation.KINDS = {
    'trigger': TriggerEscalation, 'set_bool': SetBoolEscalation, 'empty': EmptyEscalation,
    'bool': BoolEscalation}
