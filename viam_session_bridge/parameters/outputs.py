# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a resource may have beside its driver: stop outputs, escalations, and DoCommand's calls.

All are lists of blocks. A safety-relevant choice has no default: which value stops, which value
releases, which goals are cancelled, whether a command moves. A latching action (emergency stop,
motor power, brake) is an escalation and not a stop output: the next command undoes a stop, a
person an escalation. Several resources may name the same service or topic as an escalation: the
robot's emergency stop, for example.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.parameters.rules import below, Own, rule, whole
from viam_session_bridge.parameters.schema import BlockConfig, described, Form, LARGEST

# The type of the service that cancels the goals of an action, whatever its type.
CANCEL_SERVICE = '/_action/cancel_goal'

# The types of messages with one number, in std_msgs/msg.
MESSAGES = ('float64', 'float32', 'int16', 'int32', 'bool')

ANSWER_TIMEOUT = described(
    'How long the answer of the service may take', unit='s', low=0.05, high=20.0)


@dataclass(frozen=True, kw_only=True)
class ServiceTable:
    """Parameters of everything that calls a service."""

    service: str = field(metadata=described(
        'Service that is called. Relative names follow the namespace', form=Form.SERVICE))


@dataclass(frozen=True, kw_only=True)
class StopOutputConfig(BlockConfig):
    """A stop output beside the driver's own."""

    # The outcome of a stop is reported; the stop is not done before.
    ACKNOWLEDGED: ClassVar[bool] = False
    # It must be released before the next motion.
    PREPARES: ClassVar[bool] = False

    kind: str = field(metadata=described('How the stop is sent'))


@dataclass(frozen=True, kw_only=True)
class CallingOutput(StopOutputConfig):
    """A stop output that waits for an answer."""

    ACKNOWLEDGED = True

    call_timeout: float = field(default=1.0, metadata=described(
        'How long one call may take. A call that takes longer is abandoned and repeated during '
        'the stop. Shorter than stop_timeout', unit='s', low=0.05, high=30.0))


@dataclass(frozen=True, kw_only=True)
class TriggerOutput(CallingOutput, ServiceTable):
    """Calls a std_srvs/srv/Trigger."""


@dataclass(frozen=True, kw_only=True)
class EmptyOutput(CallingOutput, ServiceTable):
    """Calls a std_srvs/srv/Empty."""


@dataclass(frozen=True, kw_only=True)
class HoldingTable:
    """Parameters of an output that keeps its value."""

    value: bool = field(metadata=described(
        'The value that stops. Drivers differ: false switches motors off, true pauses a servo'))
    release: bool = field(metadata=described(
        'The value that permits motion again; sent before the next motion, which begins after the '
        'answer. Where a service has not answered within call_timeout, or refuses, that motion '
        'ends before it has begun, and its call receives an error'))


@dataclass(frozen=True, kw_only=True)
class SetBoolOutput(CallingOutput, HoldingTable, ServiceTable):
    """Calls a std_srvs/srv/SetBool."""

    PREPARES = True


@dataclass(frozen=True, kw_only=True)
class CancelOutput(CallingOutput):
    """Cancels the goals of an action, whatever its type."""

    action: str = field(metadata=described(
        'Action whose goals are cancelled, such as navigate_to_pose. Its type need not be '
        'installed', form=Form.ACTION))
    goals: str = field(metadata=described(
        "Which goals. 'all': also those of other programs. 'own': those that first appear while a "
        'client moves this resource through the bridge, or within 5 s after a command of '
        'DoCommand that moves was stopped (an action does not report the sender of a goal); not '
        'those that existed before. After a failure of the bridge, only its guard knows them',
        choices=('own', 'all')))


@dataclass(frozen=True, kw_only=True)
class TopicTable:
    """Parameters of an output that publishes."""

    topic: str = field(metadata=described(
        'Topic that the output publishes on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))


@dataclass(frozen=True, kw_only=True)
class LockOutput(StopOutputConfig, HoldingTable, TopicTable):
    """Publishes a std_msgs/msg/Bool, as the locks of twist_mux take it."""

    PREPARES = True


@dataclass(frozen=True, kw_only=True)
class ZeroOutput(StopOutputConfig, TopicTable):
    """Publishes a velocity of zero."""

    stamped: bool = field(metadata=described(
        'The receiver takes geometry_msgs/msg/TwistStamped, not Twist'))
    frame_id: str = field(default='base_link', metadata=described(
        'Frame of the twist, written into the header where it is stamped', form=Form.FRAME))
    stamp: str = field(default='zero', metadata=described(
        "Stamp of each message, where it is stamped: 'zero' (the receiver takes the time of "
        "arrival) or 'now' (ROS time)", choices=('zero', 'now')))


@dataclass(frozen=True, kw_only=True)
class NumberOutput(StopOutputConfig, TopicTable):
    """Publishes a number that stops."""

    number: float = field(metadata=described(
        'The number that stops, unscaled', low=-LARGEST, high=LARGEST))
    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg. Bool: the number is 0 or 1',
        choices=MESSAGES))


StopOutputConfig.KINDS = {
    'trigger': TriggerOutput, 'set_bool': SetBoolOutput, 'empty': EmptyOutput,
    'cancel': CancelOutput, 'lock': LockOutput, 'zero': ZeroOutput, 'number': NumberOutput}


@dataclass(frozen=True, kw_only=True)
class CommandConfig(BlockConfig, ServiceTable):
    """A service that DoCommand calls."""

    kind: str = field(metadata=described(
        'Type of the service, in std_srvs/srv: Trigger, SetBool (clients give the value as '
        "'data') or Empty", choices=('trigger', 'set_bool', 'empty')))
    moves: bool = field(metadata=described(
        'The command moves the robot: the caller then owns the resource, whose stop outputs are '
        'sent when the caller disconnects. Commands that do not move run in parallel'))
    call_timeout: float = field(default=5.0, metadata=described(
        'How long the answer may take; then DoCommand fails', unit='s', low=0.05, high=600.0))

    @property
    def takes_data(self) -> bool:
        """Return whether it is switched on or off."""
        return self.kind == 'set_bool'


@dataclass(frozen=True, kw_only=True)
class Escalation(BlockConfig):
    """One step."""

    kind: str = field(metadata=described('How the step is sent'))
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
    """Parameters of a step that sends true or false."""

    value: bool = field(metadata=described(
        'The value to send. Drivers differ: false switches motors off, true presses an emergency '
        'stop'))


@dataclass(frozen=True, kw_only=True)
class SetBoolEscalation(CallingEscalation, ValueTable):
    """Calls a std_srvs/srv/SetBool."""


@dataclass(frozen=True, kw_only=True)
class BoolEscalation(Escalation, ValueTable, TopicTable):
    """Publishes a std_msgs/msg/Bool, repeatedly until the stop is confirmed or reset."""


Escalation.KINDS = {
    'trigger': TriggerEscalation, 'set_bool': SetBoolEscalation, 'empty': EmptyEscalation,
    'bool': BoolEscalation}


# ---- rules --------------------------------------------------------------------------------------

below(CallingOutput, 'call_timeout', '..stop_timeout', ' s')
whole(NumberOutput, 'number')


@rule(HoldingTable, 'value', 'release')
def _what_stops_does_not_release(own: Own, value: bool, release: bool) -> None:
    if value == release:
        own.wrong('release', str(value).lower(),
                  f'{str(not value).lower()}, because {own.value} is {str(value).lower()}')
