# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which driver and which feedback each resource gets, by its table of parameters."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from viam_session_bridge.core.stop import BaseSample
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.button import ButtonConfig
from viam_session_bridge.parameters.feedback import VelocityFeedbackTable
from viam_session_bridge.parameters.generic import GenericConfig
from viam_session_bridge.parameters.joints import PositionedConfig
from viam_session_bridge.parameters.motor import MotorConfig
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.switch import SwitchConfig
from viam_session_bridge.ros.drivers.float import FloatDriver
from viam_session_bridge.ros.drivers.float_array import FloatArray
from viam_session_bridge.ros.drivers.joint_state import JointVelocityDriver
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.services import PassServices
from viam_session_bridge.ros.drivers.twist import TwistDriver
from viam_session_bridge.ros.feedback import OdometryFeedback, VelocityFeedback
from viam_session_bridge.ros.fittings import Fittings
from viam_session_bridge.ros.interfaces import Driver, SharedOutput, Supervision
from viam_session_bridge.ros.joint_states import JointStates
from viam_session_bridge.ros.plugins import made, Tools
from viam_session_bridge.ros.position_equipment import PositionEquipment
from viam_session_bridge.ros.senses import Senses
from viam_session_bridge.ros.switches import StillDrivers


class Equipment:
    """Makes drivers and feedback on one node, shared where resources share a topic."""

    def __init__(self, node: Node, supervision: Supervision) -> None:
        self._node = node
        self._supervision = supervision
        self._velocities: list[OdometryFeedback | VelocityFeedback] = []
        self._arrays: dict[str, FloatArray] = {}
        self._joint_states: dict[str, JointStates] = {}
        self._services = PassServices(node)
        self._still = StillDrivers(node, self._services, supervision)
        self._positions = PositionEquipment(node, supervision, self._states, self._array)

    def driver(self, config: ActuatedConfig, on_appear: Callable[[], None]) -> Driver:
        """Return the driver of a resource; on_appear runs when a receiver has come up."""
        fittings = Fittings(self._node, self._services, self._supervision, config, on_appear)
        if config.driver in config.PLUGINS and not isinstance(config, PositionedConfig):
            return fittings.fitted(made(config, Tools(
                self._node, config.name, config.driver_node, on_appear, self._supervision.now)))
        if isinstance(config, (SwitchConfig, ButtonConfig, GenericConfig)):
            return fittings.fitted(self._still.driver(config, fittings.answers.part, on_appear))
        return fittings.fitted(self._driver(config, on_appear))

    def _driver(self, config: ActuatedConfig, on_appear: Callable[[], None]) -> Driver:
        common: dict[str, Any] = {'driver_node': config.driver_node, 'on_appear': on_appear}
        if isinstance(config, PositionedConfig):
            return self._positions.driver(config, common)
        if isinstance(config, BaseConfig):
            return TwistDriver(
                self._node, config.name, config.topic, stamped=config.driver == 'twist_stamped',
                stamp=config.stamp, frame_id=config.frame_id, **common)
        if isinstance(config, MotorConfig):
            if config.driver == 'float_array':
                return self._array(config.name, config.topic).join(
                    config.name, config.index, scaling_of(config), **common)
            if config.driver == 'joint_state':
                return JointVelocityDriver(
                    self._node, config.name, config.topic, config.joint,
                    scaling=Scaling(
                        'velocity', config.max_speed, 0.0, 1.0 / config.joint_scale), **common)
            return FloatDriver(
                self._node, config.name, config.topic, message=config.message,
                scaling=scaling_of(config), **common)
        raise TypeError(f'{config.name}: there is no driver for api {config.api}')

    @property
    def shared(self) -> tuple[SharedOutput, ...]:
        """Return the outputs that drivers share: messages first, then calls of services."""
        calls = (self._services,) if self._services.resources else ()
        return (*self._arrays.values(), *calls)

    def senses(self, name: str) -> Senses:
        """Return what is known of a resource beside its motion."""
        return self._positions.senses(name)

    def _array(self, resource: str, topic: str) -> FloatArray:
        name = self._node.resolve_topic_name(topic)
        if name not in self._arrays:
            self._arrays[name] = FloatArray(self._node, resource, topic)
        return self._arrays[name]

    def _states(self, topic: str) -> JointStates:
        name = self._node.resolve_topic_name(topic)
        if name not in self._joint_states:
            self._joint_states[name] = JointStates(self._node, topic, self._supervision.now)
        return self._joint_states[name]

    def listen(self, config: ActuatedConfig) -> None:
        """Pass the feedback of a resource on to the supervisor, if it has any."""
        def take(sample: Any) -> None:
            self._supervision.measured(config.name, sample)

        if isinstance(config, VelocityFeedbackTable):
            self._listen_to_velocity(config, take)
        if isinstance(config, MotorConfig) and config.joint_states_topic:
            self._states(config.joint_states_topic).watch(
                config.name, (config.joint,), lambda reading: take(reading.sample),
                scale=config.joint_scale, patience=config.feedback_timeout,
                continuous=(config.joint,) if config.continuous else ())
        if isinstance(config, GenericConfig) and config.joint_states_topic:
            self._states(config.joint_states_topic).watch(
                config.name, config.joints, lambda reading: take(reading.sample),
                patience=config.feedback_timeout)
        if isinstance(config, PositionedConfig):
            self._positions.listen(config)

    def _listen_to_velocity(self, config: VelocityFeedbackTable,
                            take: Callable[[BaseSample], None]) -> None:
        if config.odometry_topic:
            self._velocities.append(OdometryFeedback(
                self._node, config.odometry_topic, take,
                shows_rest=not config.velocity_topic))
        if config.velocity_topic:
            self._velocities.append(VelocityFeedback(self._node, config.velocity_topic, take))


def scaling_of(config: MotorConfig) -> Scaling:
    """Return how a motor's wishes become numbers."""
    return Scaling(
        config.command, config.max_speed, config.neutral, config.scale, config.offset,
        config.minimum, config.maximum)
