# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tables of what a resource may have beside its driver: further stop outputs, and DoCommand's calls.

Both are lists of blocks (see `parameter_blocks`). What must be said by a person has no default:
which value stops, which value releases, whose goals are cancelled, whether a command moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.ros.parameter_blocks import BlockConfig
from viam_session_bridge.ros.parameter_spec import described, Form

LARGEST = 1e9


@dataclass(frozen=True, kw_only=True)
class ServiceTable:
    """Parameters of everything that calls a service."""

    service: str = field(metadata=described(
        'Service that is called. Relative names follow the namespace', form=Form.SERVICE))


@dataclass(frozen=True, kw_only=True)
class StopOutput(BlockConfig):
    """A stop output beside the driver's own."""

    # The outcome of a stop is reported, so that the stop is not done before.
    ACKNOWLEDGED: ClassVar[bool] = False
    # It must be released before the next motion.
    PREPARES: ClassVar[bool] = False

    kind: str = field(metadata=described('How the stop is said'))


@dataclass(frozen=True, kw_only=True)
class CallingOutput(StopOutput):
    """A stop output that waits for an answer."""

    ACKNOWLEDGED = True

    call_timeout: float = field(default=1.0, metadata=described(
        'How long one call may take. One that takes longer is given up and made again while the '
        'stop lasts. Shorter than stop_timeout', unit='s', low=0.05, high=30.0))


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
        'What stops. Drivers differ: false switches motors off, true pauses a servo'))
    release: bool = field(metadata=described(
        'What lets the robot move again; sent before the next motion, which begins when that was '
        'answered. Where a service has not answered within call_timeout, or says no, that motion '
        'ends before it has begun, and the call that asked for it is told so'))


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
        "Whose goals. 'all': those of other programs too. 'own': those that first show while a "
        'client moves this resource through the bridge, or within 5 s after a command of '
        'DoCommand that moves was stopped (an action does not tell who sent a goal); not those '
        'that were there before. Of a bridge that died, only its guard knows them',
        choices=('own', 'all')))


@dataclass(frozen=True, kw_only=True)
class TopicTable:
    """Parameters of an output that publishes."""

    topic: str = field(metadata=described(
        'Topic that the output publishes on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))


@dataclass(frozen=True, kw_only=True)
class LockOutput(StopOutput, HoldingTable, TopicTable):
    """Publishes a std_msgs/msg/Bool, as the locks of twist_mux take it."""

    PREPARES = True


@dataclass(frozen=True, kw_only=True)
class ZeroOutput(StopOutput, TopicTable):
    """Publishes a velocity of zero."""

    stamped: bool = field(metadata=described(
        'The receiver takes geometry_msgs/msg/TwistStamped, not Twist'))
    frame_id: str = field(default='base_link', metadata=described(
        'Frame of the twist, written into the header where it is stamped', form=Form.FRAME))
    stamp: str = field(default='zero', metadata=described(
        "Stamp of each message, where it is stamped: 'zero' (the receiver takes the time of "
        "arrival) or 'now' (ROS time)", choices=('zero', 'now')))


@dataclass(frozen=True, kw_only=True)
class NumberOutput(StopOutput, TopicTable):
    """Publishes a number that stops."""

    number: float = field(metadata=described(
        'The number that stops, as it is', low=-LARGEST, high=LARGEST))
    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg. Bool: the number is 0 or 1',
        choices=('float64', 'float32', 'int16', 'int32', 'bool')))


StopOutput.KINDS = {
    'trigger': TriggerOutput, 'set_bool': SetBoolOutput, 'empty': EmptyOutput,
    'cancel': CancelOutput, 'lock': LockOutput, 'zero': ZeroOutput, 'number': NumberOutput}


@dataclass(frozen=True, kw_only=True)
class CommandConfig(BlockConfig, ServiceTable):
    """A service that DoCommand calls."""

    kind: str = field(metadata=described(
        'Type of the service, in std_srvs/srv: Trigger, SetBool (clients give the value as '
        "'data') or Empty", choices=('trigger', 'set_bool', 'empty')))
    moves: bool = field(metadata=described(
        'The robot moves by it: the caller then owns the resource, whose stop outputs are sent '
        'when it vanishes. Commands that do not move run beside everything else'))
    call_timeout: float = field(default=5.0, metadata=described(
        'How long the answer may take; then DoCommand fails', unit='s', low=0.05, high=600.0))
