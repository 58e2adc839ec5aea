# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which driver and which feedback each resource gets, by its table of parameters."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from viam_session_bridge.ros.drivers.float import FloatDriver
from viam_session_bridge.ros.drivers.float_array import FloatArray
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.services import Services
from viam_session_bridge.ros.drivers.twist import TwistDriver
from viam_session_bridge.ros.feedback import OdometryFeedback
from viam_session_bridge.ros.fittings import Fittings
from viam_session_bridge.ros.joint_states import JointStates
from viam_session_bridge.ros.parameters import (
    BaseConfig,
    ButtonConfig,
    GenericConfig,
    MotorConfig,
    ResourceConfig,
    SwitchConfig,
)
from viam_session_bridge.ros.ports import Driver, SharedOutput, Supervision
from viam_session_bridge.ros.switches import StillDrivers


class Equipment:
    """Makes drivers and feedback on one node, shared where resources share a topic."""

    def __init__(self, node: Node, supervision: Supervision) -> None:
        self._node = node
        self._supervision = supervision
        self._odometry: list[OdometryFeedback] = []
        self._arrays: dict[str, FloatArray] = {}
        self._joint_states: dict[str, JointStates] = {}
        self._services = Services(node)
        self._still = StillDrivers(node, self._services, supervision)

    def driver(self, config: ResourceConfig, on_appear: Callable[[], None]) -> Driver:
        """Return the driver of a resource; on_appear runs when a receiver has come up."""
        fittings = Fittings(self._node, self._services, self._supervision, config, on_appear)
        if isinstance(config, (SwitchConfig, ButtonConfig, GenericConfig)):
            return fittings.fitted(self._still.driver(config, fittings.answers.part, on_appear))
        return fittings.fitted(self._driver(config, on_appear))

    def _driver(self, config: ResourceConfig, on_appear: Callable[[], None]) -> Driver:
        common: dict[str, Any] = {'driver_node': config.driver_node, 'on_appear': on_appear}
        if isinstance(config, BaseConfig):
            return TwistDriver(
                self._node, config.name, config.topic, stamped=config.driver == 'twist_stamped',
                stamp=config.stamp, frame_id=config.frame_id, **common)
        if isinstance(config, MotorConfig):
            if config.driver == 'float_array':
                return self._array(config).join(
                    config.name, config.index, scaling_of(config), **common)
            return FloatDriver(
                self._node, config.name, config.topic, message=config.message,
                scaling=scaling_of(config), **common)
        raise TypeError(f'{config.name}: there is no driver for api {config.api}')

    @property
    def shared(self) -> tuple[SharedOutput, ...]:
        """Return the outputs that drivers share."""
        return tuple(self._arrays.values())

    def _array(self, config: MotorConfig) -> FloatArray:
        topic = self._node.resolve_topic_name(config.topic)
        if topic not in self._arrays:
            self._arrays[topic] = FloatArray(self._node, config.name, config.topic)
        return self._arrays[topic]

    def listen(self, config: ResourceConfig) -> None:
        """Pass the feedback of a resource on to the gate, if it has any."""
        def take(sample: Any) -> None:
            self._supervision.measured(config.name, sample)

        if isinstance(config, BaseConfig) and config.odometry_topic:
            self._odometry.append(OdometryFeedback(self._node, config.odometry_topic, take))
        if isinstance(config, MotorConfig) and config.joint_states_topic:
            topic = config.joint_states_topic
            if topic not in self._joint_states:
                self._joint_states[topic] = JointStates(
                    self._node, topic, self._supervision.now)
            self._joint_states[topic].watch(
                config.name, (config.joint,), lambda reading: take(reading.sample),
                scale=config.joint_scale, patience=config.feedback_timeout)


def scaling_of(config: MotorConfig) -> Scaling:
    """Return how a motor's wishes become numbers."""
    return Scaling(
        config.command, config.max_speed, config.neutral, config.scale, config.offset,
        config.minimum, config.maximum)
