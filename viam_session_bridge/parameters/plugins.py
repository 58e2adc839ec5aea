# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers of other packages: how they are found, and how their tables extend those of an API.

A package names its driver in the entry point group below. The name of the entry point is the value
of `driver` in a parameter file; it loads a class as `plugin.PluginDriver` describes it. Only
drivers that a resource names are loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
import dataclasses
from dataclasses import dataclass
from importlib.metadata import entry_points, EntryPoint
from typing import Any

from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import entries, KINDS

GROUP = 'viam_session_bridge.drivers'

_tables: dict[tuple[type, str, Any], type[ActuatedConfig]] = {}

# The methods of every driver.
_METHODS = ('send', 'stop', 'path_problem')


class Unusable(Exception):
    """A configured driver cannot be used; the text states why."""


def brought() -> dict[str, list[EntryPoint]]:
    """Return the drivers of other packages, by name; this searches the disk."""
    found: dict[str, list[EntryPoint]] = {}
    for each in entry_points(group=GROUP):
        found.setdefault(each.name, []).append(each)
    return found


def origins_of(found: Sequence[EntryPoint]) -> list[str]:
    """Return the packages of these drivers, as text."""
    return sorted({f'{each.dist.name if each.dist else "?"} ({each.value})' for each in found})


def with_driver(table: type[ActuatedConfig], api: str, driver: str,
                found: Sequence[EntryPoint]) -> type[ActuatedConfig]:
    """
    Return the table of an API with a driver of another package added.

    found: the drivers of this name; at least one. Raises Unusable.
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


def _extended(table: type[ActuatedConfig], api: str, driver: str, plugin: Any,
              origin: str) -> type[ActuatedConfig]:
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
    # Before anything moves: a missing stop method would only show when a stop is needed.
    missing = [name for name in _METHODS if not callable(getattr(plugin, name, None))]
    if missing:
        raise Unusable(f'brought by {origin}, which has no method {" and no ".join(missing)}')
    names = {each.name for each in dataclasses.fields(own)}
    vague = sorted(each.name for each in dataclasses.fields(own) if not each.metadata)
    if vague:
        raise Unusable(
            f'brought by {origin}, whose TABLE has no described(...) for {", ".join(vague)}')
    try:
        entries(own)
    except Exception as problem:  # noqa: B902  annotations may be anything
        raise Unusable(
            f'brought by {origin}, whose TABLE has a type that no parameter can have: '
            f'{type(problem).__name__}: {problem}; a field is {KINDS}') from problem
    # The parameters of its other drivers do not conflict with this one.
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
    extended: type[ActuatedConfig] = dataclass(frozen=True, kw_only=True)(made)
    return extended
