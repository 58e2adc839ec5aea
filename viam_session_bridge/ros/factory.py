# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Makes the driver of each resource, and the feedback that its parameters name.

A driver is chosen by `api` and `driver`, among the classes in `drivers/` and those of other
packages: see `plugins`. Each parameter that names a topic of feedback has its source:
see `sources.tools`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
import functools
from importlib import import_module
import pkgutil
from types import ModuleType
from typing import Any

from rclpy.node import Node

from viam_session_bridge.parameters.arm import ArmConfig
from viam_session_bridge.parameters.joints import JointRange, PositionedConfig
from viam_session_bridge.parameters.plugins import Unusable
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros import drivers, sources
from viam_session_bridge.ros.drivers.composite import CompositeDriver
from viam_session_bridge.ros.drivers.pose_goal import PoseGoalDriver
from viam_session_bridge.ros.drivers.positions import Joints
from viam_session_bridge.ros.drivers.services import PassServices
from viam_session_bridge.ros.drivers.shared_array import FloatArray
from viam_session_bridge.ros.drivers.stop_outputs import Answers
from viam_session_bridge.ros.interfaces import Driver, SharedOutput, Supervision
from viam_session_bridge.ros.plugins import OwnTools
from viam_session_bridge.ros.position_hold import PositionHoldSettings
from viam_session_bridge.ros.sources.secondary_feedback import SecondaryFeedback
from viam_session_bridge.ros.sources.source import Source
from viam_session_bridge.ros.sources.tools import SourceTools


def _contents(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield what the modules of a package define, with its name."""
    for each in pkgutil.iter_modules(package.__path__):
        yield from vars(import_module(f'{package.__name__}.{each.name}')).items()


# The drivers of this package by API and name: every class that has them.
BUILT_IN: Mapping[tuple[str, str], Any] = {
    (api, each.NAME): each for _, each in _contents(drivers) if hasattr(each, 'NAME')
    for api in each.APIS}

# The sources, by the parameter that names their topic.
SOURCES: Mapping[str, Callable[[Any, SourceTools], Any]] = {
    parameter: source for name, each in _contents(sources) if name == 'SOURCES'
    for parameter, source in each.items()}

# The sources of resources without an actuator, by API.
READ_ONLY: Mapping[str, type[Source]] = {
    each.API: each for _, each in _contents(sources) if hasattr(each, 'API')}


class Factory:
    """Makes drivers and feedback on one node, shared where resources share a topic."""

    def __init__(self, node: Node, supervision: Supervision) -> None:
        self._node = node
        self._supervision = supervision
        self._services = PassServices(node)
        self._arrays: dict[str, FloatArray] = {}
        self._read: dict[str, Any] = {}
        # By resource and parameter: the source that reads its topic.
        self._sources: dict[str, dict[str, Any]] = {}

    @property
    def shared(self) -> tuple[SharedOutput, ...]:
        """Return the outputs that drivers share: messages first, then calls of services."""
        calls = (self._services,) if self._services.resources else ()
        return (*self._arrays.values(), *calls)

    def secondary_feedback(self, name: str) -> SecondaryFeedback:
        """Return what is known of a resource beside its motion."""
        sources = self._sources[name]
        return SecondaryFeedback(sources.get('robot_description_topic'), sources.get('pose_topic'))

    def driver(self, config: ActuatedConfig, on_appear: Callable[[], None]) -> Driver:
        """
        Return the driver of a resource, whose feedback is passed on from now on.

        on_appear runs when a new receiver has appeared.
        """
        name, supervision = config.name, self._supervision
        reading = SourceTools(
            self._node, functools.partial(supervision.measured, name), supervision.now,
            shared=self._read)
        found = self._sources[name] = {
            parameter: source(config, reading) for parameter, source in SOURCES.items()
            if getattr(config, parameter, '') and parameter not in _own_fields(config)}
        tools = OwnTools(
            self._node, name, config.driver_node, on_appear, supervision.now,
            _joints(config, supervision.now, found.get('joint_states_topic')),
            supervision=supervision, services=self._services,
            answers=Answers(functools.partial(supervision.stop_answered, name)),
            readiness=Answers(functools.partial(supervision.prepared, name)),
            array=functools.partial(self._array, name), stop_timeout=config.stop_timeout,
            pose=found.get('pose_topic'))
        driver = _made(config, tools)
        if tools.joints is not None and hasattr(driver, 'observe'):
            reading.observers.append(driver.observe)
        if isinstance(config, ArmConfig) and config.pose_goal_topic:
            driver = PoseGoalDriver(config, tools, driver)
        if config.stop_outputs or config.commands or tools.answers.expected:
            return CompositeDriver(config, tools, driver)
        return driver

    def _array(self, resource: str, topic: str) -> FloatArray:
        name = self._node.resolve_topic_name(topic)
        if name not in self._arrays:
            self._arrays[name] = FloatArray(self._node, resource, topic)
        return self._arrays[name]


def _own_fields(config: ActuatedConfig) -> set[str]:
    """Return the parameters of a driver of another package, which may mean anything."""
    plugin = config.PLUGINS.get(config.driver)
    return set() if plugin is None else {each.name for each in fields(plugin.TABLE)}


def _made(config: ActuatedConfig, tools: OwnTools) -> Any:
    """Return the driver that the parameters name. Raises Unusable."""
    plugin = config.PLUGINS.get(config.driver)
    if plugin is None:
        return BUILT_IN[config.api, config.driver](config, tools)
    try:
        return plugin(config, tools)
    except Exception as problem:  # noqa: B902  any code may run here
        raise Unusable(
            f'{config.name}.driver: {config.driver!r} could not be made: '
            f'{type(problem).__name__}: {problem}') from problem


def _joints(config: ActuatedConfig, clock: Callable[[], float],
            problem: Callable[[], str] | None) -> Joints | None:
    """
    Return the joints of a position-controlled resource; None for others.

    problem: returns why there is no fresh measurement; None if there is no feedback at all.
    """
    if not isinstance(config, PositionedConfig):
        return None
    return Joints(
        config.names,
        tuple(PositionHoldSettings(
            each.near, each.slowest, each.fastest, config.feedback_timeout,
            keeps_grip=config.api == 'gripper',
            # The command of a continuous joint may be offset by whole turns.
            limits=JointRange() if name in config.continuous_joints else limits)
            for name, each, limits in zip(
                config.names, config.paces, config.ranges, strict=True)),
        1.0 / config.control_rate, clock, problem)
