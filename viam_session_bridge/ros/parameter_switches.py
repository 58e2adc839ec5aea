# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of what has no motion of its own: switches, buttons and generic components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.core.setpoints import Choice, Press
from viam_session_bridge.ros.parameter_blocks import BlockConfig
from viam_session_bridge.ros.parameter_outputs import LARGEST, ServiceTable
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_spec import described, Form
from viam_session_bridge.ros.parameter_velocity import VelocityFeedbackTable

_CALL_TIMEOUT = described(
    'How long the answer of the service may take', unit='s', low=0.05, high=20.0)


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

    value: bool = field(metadata=described('What the service is given for this position'))


PositionConfig.KINDS = {
    'trigger': TriggerPosition, 'set_bool': SetBoolPosition, 'empty': EmptyPosition}


@dataclass(frozen=True, kw_only=True)
class NumberSwitchTable:
    """Parameters of a switch with driver 'float': each position is a number on a topic."""

    TAKES: ClassVar[tuple[type, ...]] = (Choice,)

    topic: str = field(metadata=described(
        'Topic that the number is published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))
    message: str = field(default='float64', metadata=described(
        'Type of the message, in std_msgs/msg. Bool: the numbers are 0 and 1',
        choices=('float64', 'float32', 'int16', 'int32', 'bool')))
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
    call_timeout: float = field(default=2.0, metadata=_CALL_TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class SwitchConfig(NumberSwitchTable, ServiceSwitchTable, ResourceConfig):
    """A switch with several positions."""

    DRIVERS = {'float': NumberSwitchTable, 'service': ServiceSwitchTable}
    MOVES_BY_ITSELF = False

    safe_position: str = field(default='', metadata=described(
        'Label of the position that is set when its owner vanishes, and on every stop',
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
        """Tell whether the outcome of each position is reported."""
        return self.driver == 'service'

    @property
    def acknowledged(self) -> bool:
        """Tell whether the outcome of each stop is reported."""
        return super().acknowledged or (self.answers and bool(self.safe_position))


@dataclass(frozen=True, kw_only=True)
class MessageButtonTable:
    """Parameters of a button with driver 'message': a push is a message."""

    TAKES: ClassVar[tuple[type, ...]] = (Press,)

    topic: str = field(metadata=described(
        'Topic that a push is published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))
    message: str = field(default='bool', metadata=described(
        'Type of the message, in std_msgs/msg: Bool (true) or Empty', choices=('bool', 'empty')))


@dataclass(frozen=True, kw_only=True)
class ServiceButtonTable(ServiceTable):
    """Parameters of a button with driver 'service': a push is a call."""

    TAKES: ClassVar[tuple[type, ...]] = (Press,)

    kind: str = field(metadata=described(
        'Type of the service, in std_srvs/srv: Trigger or Empty', choices=('trigger', 'empty')))
    call_timeout: float = field(default=2.0, metadata=_CALL_TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class ButtonConfig(MessageButtonTable, ServiceButtonTable, ResourceConfig):
    """A button that is pushed and not held."""

    DRIVERS = {'message': MessageButtonTable, 'service': ServiceButtonTable}
    MOVES_BY_ITSELF = False

    @property
    def answers(self) -> bool:
        """Tell whether the outcome of a push is reported."""
        return self.driver == 'service'


@dataclass(frozen=True, kw_only=True)
class GenericTable:
    """Parameters of a generic component: none; it has commands and stop outputs only."""


@dataclass(frozen=True, kw_only=True)
class GenericConfig(VelocityFeedbackTable, ResourceConfig):
    """A generic component: what DoCommand calls, and what stops it."""

    DRIVERS = {'commands': GenericTable}
    MOVES_BY_ITSELF = False

    driver: str = field(default='commands', metadata=described(
        'How the resource is moved and stopped: by its commands and stop outputs'))
    joint_states_topic: str = field(default='', metadata=described(
        'sensor_msgs/msg/JointState that shows whether its joints are at rest, instead of '
        'odometry or a velocity. Without velocities the positions are differentiated',
        form=Form.FEEDBACK_TOPIC, message='sensor_msgs/msg/JointState',
        empty='odometry_topic or velocity_topic shows it, or nothing'))
    joints: tuple[str, ...] = field(default=(), metadata=described(
        'Names of the joints that are all at rest when a stop is done',
        empty='only without joint_states_topic'))
    rest_speed: float = field(default=0.05, metadata=described(
        'Measured speed of a joint below which it is at rest', unit='rad/s or m/s', low=0.0,
        high=10.0, low_excluded=True))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows whether it is at rest."""
        return self.joint_states_topic or super().feedback_topic
