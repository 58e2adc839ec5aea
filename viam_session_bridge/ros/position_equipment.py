# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which driver and which feedback what goes to positions gets, by its table of parameters."""

from collections.abc import Callable
import functools
from typing import Any, cast, Protocol

from rclpy.node import Node

from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.gripper import GripperConfig
from viam_session_bridge.parameters.joints import JointRange, PositionedConfig, SeveralJointsConfig
from viam_session_bridge.ros.drivers.float_array import FloatArray
from viam_session_bridge.ros.drivers.float_array_position import FloatArrayPositionDriver
from viam_session_bridge.ros.drivers.float_position import FloatPositionDriver
from viam_session_bridge.ros.drivers.joint_state import JointStateDriver
from viam_session_bridge.ros.drivers.joint_trajectory import JointTrajectoryDriver
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.pose_goal import OLDEST, PoseGoalDriver
from viam_session_bridge.ros.drivers.positions import Joints
from viam_session_bridge.ros.interfaces import Driver, Supervision
from viam_session_bridge.ros.joint_states import JointGroup, JointReading, JointStates
from viam_session_bridge.ros.plugins import made, Tools
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.senses import Description, PoseFeedback, Senses


class ObservingDriver(Driver, Protocol):
    """A driver that must know where its joints are."""

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        ...


class PositionEquipment:
    """
    Makes drivers and feedback of what goes to positions.

    states and array: those of a topic, shared by all that name it.
    """

    def __init__(self, node: Node, supervision: Supervision,
                 states: Callable[[str], JointStates],
                 array: Callable[[str, str], FloatArray]) -> None:
        self._node = node
        self._supervision = supervision
        self._states = states
        self._array = array
        self._drivers: dict[str, ObservingDriver] = {}
        self._groups: dict[str, tuple[JointStates, JointGroup]] = {}
        self._senses: dict[str, Senses] = {}

    def driver(self, config: PositionedConfig, common: dict[str, Any]) -> Driver:
        """Return the driver of a resource."""
        driver = self._drivers[config.name] = self._joint_driver(config, common)
        if isinstance(config, SeveralJointsConfig):
            self._senses[config.name] = self._senses_of(config)
        if isinstance(config, ArmConfig) and config.pose_goal_topic:
            pose = self._pose(config.name)
            return PoseGoalDriver(
                self._node, config.name, config.pose_goal_topic, driver,
                frame=config.pose_frame, measured=pose,
                recent=functools.partial(pose.within, OLDEST),
                clock=self._supervision.now, **common)
        return driver

    def senses(self, name: str) -> Senses:
        """Return what else is known of a resource."""
        return self._senses.get(name, Senses())

    def listen(self, config: PositionedConfig) -> None:
        """Pass what feedback a resource has on to the supervisor and to its driver."""
        if not config.joint_states_topic:
            return
        states, driver = self._states(config.joint_states_topic), self._drivers[config.name]

        def take(reading: JointReading) -> None:
            driver.observe(reading)
            self._supervision.measured(config.name, reading.sample)

        group = states.watch(
            config.name, config.names, take,
            scale=config.scale_of_joints,
            continuous=_continuous(config), patience=config.feedback_timeout,
            ranges=config.ranges)
        self._groups[config.name] = states, group

    def _joint_driver(self, config: PositionedConfig, common: dict[str, Any]) -> ObservingDriver:
        joints = self._joints(config)
        if config.driver in config.PLUGINS:
            return _observing(made(config, Tools(
                self._node, config.name, clock=self._supervision.now, joints=joints, **common)))
        if config.driver == 'joint_trajectory':
            return JointTrajectoryDriver(
                self._node, config.name, config.topic, joints, hold_time=config.hold_time,
                on_late=functools.partial(self._supervision.runs_late, config.name), **common)
        if config.driver == 'joint_state':
            return JointStateDriver(
                self._node, config.name, config.topic, joints, stop=config.stop,
                with_velocities=config.with_velocities, **common)
        scaling = Scaling(
            'position', config.pace.fastest, config.stop_number, config.scale, config.offset,
            config.minimum, config.maximum)
        if config.driver == 'float_array':
            return FloatArrayPositionDriver(
                self._array(config.name, config.topic), config.name, config.index, joints,
                scaling=scaling, stop=config.stop, **common)
        if config.driver == 'float':
            return FloatPositionDriver(
                self._node, config.name, config.topic, joints, message=config.message,
                scaling=scaling, stop=config.stop, **common)
        raise TypeError(f'{config.name}: there is no driver {config.driver!r}')

    def _joints(self, config: PositionedConfig) -> Joints:
        seen = bool(config.joint_states_topic)
        return Joints(
            config.names,
            tuple(PositionHoldSettings(
                each.near, each.slowest, each.fastest, config.feedback_timeout,
                grips=isinstance(config, GripperConfig),
                # The command of a continuous joint may count from another turn.
                limits=JointRange() if name in _continuous(config) else limits)
                for name, each, limits in zip(
                    config.names, config.paces, config.ranges, strict=True)),
            1.0 / config.control_rate, self._supervision.now,
            functools.partial(self._problem, config.name) if seen else None)

    def _problem(self, name: str) -> str:
        """Say why there is no fresh measurement; empty when there is one."""
        if name not in self._groups:
            return f'{name}: its feedback is not set up yet'
        states, group = self._groups[name]
        return states.problem(group)

    def _senses_of(self, config: SeveralJointsConfig) -> Senses:
        description = pose = None
        if config.robot_description_topic:
            description = Description(self._node, config.robot_description_topic)
        if isinstance(config, ArmConfig) and config.pose_topic:
            pose = PoseFeedback(
                self._node, config.name, config.pose_topic, config.pose_frame,
                config.feedback_timeout, self._supervision.now)
        return Senses(description, pose)

    def _pose(self, name: str) -> PoseFeedback:
        pose = self._senses[name].pose
        if pose is None:
            raise TypeError(f'{name}: a pose goal needs the measured pose')
        return pose


def _continuous(config: PositionedConfig) -> tuple[str, ...]:
    return config.continuous_joints if isinstance(config, ArmConfig) else ()


def _observing(driver: Any) -> ObservingDriver:
    """Return a driver of another package, which need not want to know where its joints are."""
    if not hasattr(driver, 'observe'):
        driver.observe = lambda reading: None
    return cast(ObservingDriver, driver)
