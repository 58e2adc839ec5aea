# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Generic components: they have no motion of their own, only commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from viam_session_bridge.core.stop import JointRest
from viam_session_bridge.parameters.feedback import VelocityFeedbackTable
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True, kw_only=True)
class GenericTable:
    """Parameters of a generic component: none; it has commands and stop outputs only."""


@dataclass(frozen=True, kw_only=True)
class GenericConfig(VelocityFeedbackTable, ActuatedConfig):
    """A generic component: the commands of DoCommand, and the stop outputs."""

    API = 'generic'
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

    @property
    def joint_rests(self) -> tuple[JointRest, ...]:
        """Return the joints that are at rest when it is; none where a whole robot is."""
        return tuple(JointRest(name, 'rad or m', self.rest_speed) for name in (
            self.joints if self.joint_states_topic else ()))


@rule(GenericConfig, 'commands')
def _clients_can_do_something_with_it(own: Own, commands: tuple[str, ...]) -> None:
    if not commands:
        own.warn(f'{own.block.name} has no {own.commands}: clients can do nothing with it.')


@rule(GenericConfig, 'joint_states_topic', 'joints')
def _joints_are_named_where_they_are_measured(
        own: Own, states: str, joints: tuple[str, ...]) -> None:
    if states and (not joints or not all(joints) or len(set(joints)) < len(joints)):
        own.wrong('joints', f'{list(joints)!r}' if joints else 'nothing',
                  f'the names of joints in the messages of {own.joint_states_topic}, each once')
    if joints and not states:
        own.wrong('joints', f'{list(joints)!r}',
                  f'joints only together with {own.joint_states_topic}')


@rule(GenericConfig, 'joint_states_topic', 'odometry_topic', 'velocity_topic')
def _one_feedback_shows_rest(own: Own, states: str, odometry: str, velocity: str) -> None:
    for topic, name in ((odometry, own.odometry_topic), (velocity, own.velocity_topic)):
        if states and topic:
            own.wrong('joint_states_topic', repr(states),
                      f'no such line beside {name}: one of them shows rest')
