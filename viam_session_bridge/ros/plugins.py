# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers that other packages bring: what they are given, and what they must be (docs/drivers.md).

How they are found, and what becomes of their tables, is in `parameters.plugins`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from rclpy.node import Node

from viam_session_bridge.parameters.plugins import Unusable
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.positions import Joints
from viam_session_bridge.ros.interfaces import Driver


@dataclass(frozen=True)
class Tools:
    """
    What a driver of another package is given to work with.

    node: to publish and subscribe on. resource: its name, which belongs into every complaint.
    driver_node: who must listen for its stop path to count, empty for anybody. on_appear: to be
    called when a receiver has come up, which `output` does. clock: steady, in seconds. joints: of
    an arm, a gantry, a gripper or a servo, with what `positions.Positions` needs to hold them.
    """

    node: Node
    resource: str
    driver_node: str
    on_appear: Callable[[], None]
    clock: Callable[[], float]
    joints: Joints | None = None

    def output(self, message_type: type, topic: str) -> OutputTopic:
        """Return a publisher for commands and stops, which knows whether anybody listens."""
        return OutputTopic(
            self.node, self.resource, message_type, topic, driver_node=self.driver_node,
            on_appear=self.on_appear, choice=f'another {self.resource}.driver')


class PluginDriver(Driver, Protocol):
    """
    A driver of another package: a class with these attributes, and the methods of `ports.Driver`.

    APIS: those of Viam that it can drive, such as base. TABLE: a frozen dataclass with keyword
    fields, each of them a parameter that `described(...)` describes. Its instances are
    part of the resource's configuration. A driver of joints may have a method `observe` as well,
    which gets every `joint_states.JointReading`, on the executor's thread.
    """

    APIS: ClassVar[Collection[str]]
    TABLE: ClassVar[type]

    def __init__(self, config: Any, tools: Tools) -> None:
        """Make the driver of one resource; config: the resource's, with the fields of TABLE."""
        ...


def made(config: ActuatedConfig, tools: Tools) -> Any:
    """Return the driver of a resource that another package brings. Raises Unusable."""
    try:
        return config.PLUGINS[config.driver](config, tools)
    except Exception as problem:  # noqa: B902  any code may run here
        raise Unusable(
            f'{config.name}.driver: {config.driver!r} could not be made: '
            f'{type(problem).__name__}: {problem}') from problem
