# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turns the parameters that were found into one configuration or the list of every mistake.

Knows the blocks of the top level; `parameter_filling` reads them, `parameter_rules` relates their
values, `parameter_unknown` answers the names that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from viam_session_bridge.ros import plugins
from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_filling import Filling, FORBIDDEN_IN_NAMES
from viam_session_bridge.ros.parameter_joint_rules import check_joint
from viam_session_bridge.ros.parameter_output_rules import check_outputs, check_services
from viam_session_bridge.ros.parameter_position_rules import check_positions
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_rules import (
    check_emergency,
    check_grpc,
    check_resource,
    check_sessions,
    Surroundings,
)
from viam_session_bridge.ros.parameter_spec import Entry, Kind, Spec
from viam_session_bridge.ros.parameter_switch_rules import check_switch
from viam_session_bridge.ros.parameter_tables import APIS, BridgeConfig, GLOBAL_BLOCKS
from viam_session_bridge.ros.parameter_topic_rules import check_topics
from viam_session_bridge.ros.parameter_unknown import unknown_names
from viam_session_bridge.ros.parameter_values import Mistake

__all__ = ['FORBIDDEN_IN_NAMES', 'judge', 'RESERVED', 'RESOURCES', 'Verdict']

RESOURCES = Entry('resources', Kind.TEXTS, (), Spec(
    'Names of the resources that Viam clients see; each has a block of its own name'))

# Parameters that rclpy itself gives a node; a wrong type there is only logged by rclpy.
_STANDARD = {
    name: Entry(name, Kind.BOOL, False, Spec('Standard ROS parameter'))
    for name in ('use_sim_time', 'start_type_description_service')}
_QOS_OVERRIDES = 'qos_overrides'

RESERVED = frozenset({RESOURCES.name, _QOS_OVERRIDES, *GLOBAL_BLOCKS, *_STANDARD})


@dataclass
class Verdict:
    """`config` is None if there are `errors`. `values`: every value that passed, by full name."""

    config: BridgeConfig | None = None
    errors: list[str] = field(default_factory=list)
    values: dict[str, tuple[Entry, Any]] = field(default_factory=dict)


def judge(found: Mapping[str, Any], around: Surroundings) -> Verdict:
    """Judge all parameters of a node at once, given by full name."""
    filling = Filling(found)
    errors, warnings = filling.errors, list[str]()
    shared = {name: Block(name, table) for name, table in GLOBAL_BLOCKS.items()}
    names = _resource_names(filling, around)
    brought = plugins.brought() if names else {}
    resources = {
        name: Block(name, _table(name, found, brought, errors, warnings)) for name in names}
    for block in (*shared.values(), *resources.values()):
        filling.fill(block)
    filling.known.update(_STANDARD)
    errors += unknown_names(
        filling, {**shared, **resources}, RESOURCES.name, frozenset({_QOS_OVERRIDES}))
    values = dict(filling.values)
    for name, entry in _STANDARD.items():
        if name in found:
            filling.take(name, entry)
    check_grpc(shared['grpc'], errors, warnings)
    check_sessions(shared['sessions'], errors, warnings)
    check_emergency(shared['estop'], errors, warnings)
    for block in resources.values():
        check_resource(
            block, shared['guard'].values.get('required') is True, errors, warnings)
        check_joint(block, errors, warnings)
        check_positions(block, errors, warnings)
        check_outputs(block, errors, warnings)
        check_switch(block, errors, warnings)
    check_topics(list(resources.values()), shared['estop'], around, errors, warnings)
    check_services(list(resources.values()), around, errors, warnings)
    if errors:
        return Verdict(errors=errors, values=values)
    return Verdict(BridgeConfig(
        **{name: block.built() for name, block in shared.items()},
        resources=tuple(block.built() for block in resources.values()),
        warnings=tuple(warnings)), values=values)


def _resource_names(filling: Filling, around: Surroundings) -> list[str]:
    names = filling.take(RESOURCES.name, RESOURCES)
    if names is None:
        return []
    if not names:
        filling.errors.append(str(Mistake(
            RESOURCES.name, 'nothing',
            'a list with at least one name, such as [base]. If the parameter file has one, check '
            f'that its top-level key matches the name of this node: {around.node_name!r} '
            "(or '/**' for any node)")))
    usable = filling.usable(
        RESOURCES.name, names, RESERVED,
        ', '.join(sorted(RESERVED)) + ', which mean something else')
    described = {name.partition('.')[0] for name in filling.found if '.' in name}
    for name in usable:
        if name not in described:
            filling.errors.append(str(Mistake(
                RESOURCES.name, f'{name!r}, of which nothing is said',
                f'names that each have a block beside this parameter, with {name}.api, '
                f'{name}.driver and what they need')))
    return [name for name in usable if name in described]


def _table(name: str, found: Mapping[str, Any], brought: Mapping[str, list[EntryPoint]],
           errors: list[str], warnings: list[str]) -> type[ResourceConfig]:
    """Return the table of a resource; one without parameters of its own if nobody knows it."""
    api, driver = found.get(f'{name}.api', next(iter(APIS))), found.get(f'{name}.driver')
    if not isinstance(api, str) or api not in APIS:
        return ResourceConfig
    table = APIS[api]
    if not isinstance(driver, str):
        return table
    if driver in table.DRIVERS:
        if driver in brought:
            warnings.append(
                f'{name}.driver is {driver!r}: the one of this package is used, not that of '
                f'{" and ".join(plugins.origins_of(brought[driver]))}.')
        return table
    if driver not in brought:
        return table
    try:
        return plugins.with_driver(table, api, driver, brought[driver])
    except plugins.Unusable as problem:
        errors.append(str(Mistake(
            f'{name}.driver', f'{driver!r}, {problem}',
            ' or '.join(map(repr, table.DRIVERS)) + ', or one that fits (docs/drivers.md)')))
        return ResourceConfig
