# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The interface of drivers: what each receives, and what it must provide (docs/drivers.md).

It is the same for the drivers of this package, in `drivers`, and for those of other packages.
`parameters.plugins` finds those of other packages and reads their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
import functools
from typing import Any, ClassVar, Protocol

from rclpy.node import Node

from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.positions import Joints
from viam_session_bridge.ros.drivers.services import PassServices, ServiceCaller
from viam_session_bridge.ros.drivers.shared_array import FloatArray
from viam_session_bridge.ros.drivers.stop_outputs import Answers
from viam_session_bridge.ros.interfaces import Driver, Supervision
from viam_session_bridge.ros.sources.secondary_feedback import PoseFeedback


@dataclass(frozen=True)
class Tools:
    """
    What a driver receives.

    node: to publish and subscribe on. resource: its name, which belongs into every error.
    driver_node: the node that must subscribe for the stop path, empty for any node. on_appear: to
    be called when a receiver has appeared, which `output` does. clock: steady, in seconds. joints:
    of an arm, a gantry, a gripper or a servo, with what `positions.Positions` needs to hold them.
    """

    node: Node
    resource: str
    driver_node: str
    on_appear: Callable[[], None]
    clock: Callable[[], float]
    joints: Joints | None = None

    def output(self, message_type: type, topic: str, **details: Any) -> OutputTopic:
        """
        Return a publisher for commands and stops, which knows whether there is a subscriber.

        details: arguments that differ from the defaults; see OutputTopic.
        """
        return OutputTopic(self.node, self.resource, message_type, topic, **{
            'driver_node': self.driver_node, 'on_appear': self.on_appear,
            'choice': f'another {self.resource}.driver', **details})


@dataclass(frozen=True, kw_only=True)
class OwnTools(Tools):
    """
    What drivers and stop outputs of this package receive in addition; no public API.

    answers and readiness: collect what the parts of the resource report about stops and about
    getting ready. array: returns the array that all resources with this topic share. stop_timeout:
    that of the resource (s). pose: the pose of the tip of an arm.
    """

    supervision: Supervision
    services: PassServices
    answers: Answers
    readiness: Answers
    array: Callable[[str], FloatArray]
    stop_timeout: float
    pose: PoseFeedback | None = None

    def caller(self, kind: str, service: str, where: str) -> ServiceCaller:
        """Return a client of a service; where: the parameter that names it, in the resource."""
        return self.services.caller(kind, service, f'{self.resource}.{where}')

    def output_of(self, block: Any, message_type: type, chosen_by: str) -> OutputTopic:
        """Return a publisher on the topic of a block, whose parameter chosen_by sets the type."""
        name = f'{self.resource}.{block.name}'
        return OutputTopic(
            self.node, name, message_type, block.topic, driver_node='', on_appear=self.on_appear,
            choice=f'another topic or {name}.{chosen_by}', chosen_by=chosen_by)

    def expected(self, source: str) -> Callable[[], None]:
        """Delay verdicts on stops until a source exists; returns what to call when it does."""
        self.supervision.expect(self.resource, source)
        return functools.partial(self.supervision.seen, self.resource, source)


class PluginDriver(Driver, Protocol):
    """
    A driver: a class with these attributes, and the methods of `interfaces.Driver`.

    APIS: the Viam APIs that it can drive, such as base. TABLE: a frozen dataclass with keyword
    fields, each of them a parameter that `described(...)` describes. Its instances are
    part of the resource's configuration. A driver of joints may have a method `observe` as well,
    which receives every `joint_states.JointReading`, on the executor's thread.

    The name that a parameter file gives as `driver` is, for one of this package, its attribute
    NAME; for one of another package, the name of its entry point.
    """

    APIS: ClassVar[Collection[str]]
    TABLE: ClassVar[type]

    def __init__(self, config: Any, tools: Tools) -> None:
        """Make the driver of one resource; config: the resource's, with the fields of TABLE."""
