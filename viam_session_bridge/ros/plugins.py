# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers that other packages bring: how they are found, and what they are given (docs/drivers.md).

A package names its driver in the entry point group below. The name of the entry point is what a
parameter file says as `driver`; what it loads is a class as `PluginDriver` describes it. Nothing
is loaded that no resource asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
import dataclasses
from dataclasses import dataclass
from importlib.metadata import entry_points, EntryPoint
from typing import Any, ClassVar, Protocol

from rclpy.node import Node

from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.positions import Joints
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_spec import entries, KINDS
from viam_session_bridge.ros.ports import Driver

GROUP = 'viam_session_bridge.drivers'

_tables: dict[tuple[type, str, Any], type[ResourceConfig]] = {}


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
    fields, each of them a parameter that `parameter_spec.described` describes. Its instances are
    part of the resource's configuration. A driver of joints may have a method `observe` as well,
    which gets every `joint_states.JointReading`, on the executor's thread.
    """

    APIS: ClassVar[Collection[str]]
    TABLE: ClassVar[type]

    def __init__(self, config: Any, tools: Tools) -> None:
        """Make the driver of one resource; config: the resource's, with the fields of TABLE."""
        ...


# What every driver can do.
_METHODS = ('send', 'stop', 'path_problem')


class Unusable(Exception):
    """A driver that was asked for cannot be used; the text says why."""


def brought() -> dict[str, list[EntryPoint]]:
    """Return what other packages bring, by the names of drivers; it takes a search on the disk."""
    found: dict[str, list[EntryPoint]] = {}
    for each in entry_points(group=GROUP):
        found.setdefault(each.name, []).append(each)
    return found


def origins_of(found: Sequence[EntryPoint]) -> list[str]:
    """Return who brings these, as a sentence names them."""
    return sorted({f'{each.dist.name if each.dist else "?"} ({each.value})' for each in found})


def with_driver(table: type[ResourceConfig], api: str, driver: str,
                found: Sequence[EntryPoint]) -> type[ResourceConfig]:
    """
    Return the table of an API with a driver of another package added.

    found: who brings one of this name; at least one. Raises Unusable.
    """
    origins = origins_of(found)
    if len(origins) > 1:
        raise Unusable(f'brought by {" and by ".join(origins)}')
    try:
        plugin = found[0].load()
    except Exception as problem:  # noqa: B902  any code may run here
        raise Unusable(
            f'brought by {origins[0]}, which cannot be loaded: {type(problem).__name__}: '
            f'{problem}') from problem
    # One table for all of its resources, and for every change at run time.
    key = table, driver, plugin
    if key not in _tables:
        _tables[key] = _extended(table, api, driver, plugin, origins[0])
    return _tables[key]


def made(config: ResourceConfig, tools: Tools) -> Any:
    """Return the driver of a resource that another package brings. Raises Unusable."""
    try:
        return config.PLUGINS[config.driver](config, tools)
    except Exception as problem:  # noqa: B902  any code may run here
        raise Unusable(
            f'{config.name}.driver: {config.driver!r} could not be made: '
            f'{type(problem).__name__}: {problem}') from problem


def _extended(table: type[ResourceConfig], api: str, driver: str, plugin: Any,
              origin: str) -> type[ResourceConfig]:
    apis, own = getattr(plugin, 'APIS', None), getattr(plugin, 'TABLE', None)
    if not isinstance(apis, Collection) or isinstance(apis, str):
        raise Unusable(f'brought by {origin}, which has no collection APIS')
    if api not in apis:
        raise Unusable(f'brought by {origin}, for api {" or ".join(map(repr, apis))} only')
    if not (isinstance(own, type) and dataclasses.is_dataclass(own)
            and own.__dataclass_params__.frozen  # type: ignore[attr-defined]
            and all(each.kw_only for each in dataclasses.fields(own))):
        raise Unusable(
            f'brought by {origin}, whose TABLE is no @dataclass(frozen=True, kw_only=True)')
    # Before anything moves: without a stop, nobody would find out until one is needed.
    missing = [name for name in _METHODS if not callable(getattr(plugin, name, None))]
    if missing:
        raise Unusable(f'brought by {origin}, which has no method {" and no ".join(missing)}')
    names = {each.name for each in dataclasses.fields(own)}
    vague = sorted(each.name for each in dataclasses.fields(own) if not each.metadata)
    if vague:
        raise Unusable(
            f'brought by {origin}, whose TABLE says of {", ".join(vague)} no described(...)')
    try:
        entries(own)
    except Exception as problem:  # noqa: B902  annotations may be anything
        raise Unusable(
            f'brought by {origin}, whose TABLE has a type that no parameter has: '
            f'{type(problem).__name__}: {problem}; a field is {KINDS}') from problem
    # Those of its other drivers do not count beside this one.
    others = {each.name for one in table.DRIVERS.values() for each in dataclasses.fields(one)}
    taken = sorted(names & ({each.name for each in dataclasses.fields(table)} - others))
    if taken:
        raise Unusable(
            f'brought by {origin}, whose TABLE has {", ".join(taken)}, which is a parameter of '
            f'every {api}')
    made: Any = type(f'{table.__name__}With{plugin.__name__}', (own, table), {
        '__doc__': table.__doc__, '__module__': own.__module__,
        'DRIVERS': {**table.DRIVERS, driver: own},
        'PLUGINS': {**table.PLUGINS, driver: plugin}})
    extended: type[ResourceConfig] = dataclass(frozen=True, kw_only=True)(made)
    return extended
