# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turns the parameters that were found into one configuration or the list of every mistake.

Knows which names exist, given which resources are listed; what a value may be is checked in
`parameter_values`, how values relate in `parameter_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import difflib
from typing import Any

from viam_session_bridge.ros.parameter_joint_rules import check_joint
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_rules import (
    Block,
    check_emergency,
    check_grpc,
    check_resource,
    check_sessions,
    check_topics,
    Surroundings,
)
from viam_session_bridge.ros.parameter_spec import accepted, Entry, Kind, Spec
from viam_session_bridge.ros.parameter_tables import (
    APIS,
    BridgeConfig,
    foreign_to_driver,
    GLOBAL_BLOCKS,
    table_entries,
)
from viam_session_bridge.ros.parameter_values import check_value, Mistake

RESOURCES = Entry('resources', Kind.TEXTS, (), Spec(
    'Names of the resources that Viam clients see; each has a block of its own name'))

# Parameters that rclpy itself gives a node; a wrong type there is only logged by rclpy.
_STANDARD = {
    name: Entry(name, Kind.BOOL, False, Spec('Standard ROS parameter'))
    for name in ('use_sim_time', 'start_type_description_service')}
_QOS_OVERRIDES = 'qos_overrides'

RESERVED = frozenset({RESOURCES.name, _QOS_OVERRIDES, *GLOBAL_BLOCKS, *_STANDARD})
FORBIDDEN_IN_NAMES = ':+/.'


@dataclass
class Verdict:
    """`config` is None if there are `errors`. `values`: every value that passed, by full name."""

    config: BridgeConfig | None = None
    errors: list[str] = field(default_factory=list)
    values: dict[str, tuple[Entry, Any]] = field(default_factory=dict)


def judge(found: Mapping[str, Any], around: Surroundings) -> Verdict:
    """Judge all parameters of a node at once, given by full name."""
    verdict = Verdict()
    warnings: list[str] = []
    names = _resource_names(found, around, verdict)
    shared = {name: Block(name, table) for name, table in GLOBAL_BLOCKS.items()}
    resources = {name: Block(name, _api(name, found)) for name in names}
    known = {RESOURCES.name: RESOURCES, **_STANDARD}
    for block in (*shared.values(), *resources.values()):
        known.update(_fill(block, found, verdict))
    verdict.errors += _unknown_names(found, known, {**shared, **resources})
    for name, entry in _STANDARD.items():
        if name in found:
            _checked(name, entry, found[name], verdict)
    check_grpc(shared['grpc'], verdict.errors, warnings)
    check_sessions(shared['sessions'], verdict.errors, warnings)
    check_emergency(shared['estop'], verdict.errors, warnings)
    for block in resources.values():
        check_resource(
            block, shared['guard'].values.get('required') is True, verdict.errors, warnings)
        check_joint(block, verdict.errors, warnings)
    check_topics(list(resources.values()), around, verdict.errors, warnings)
    if not verdict.errors:
        verdict.config = BridgeConfig(
            **{name: block.table(**block.values) for name, block in shared.items()},
            resources=tuple(
                block.table(name=name, **block.values) for name, block in resources.items()),
            warnings=tuple(warnings))
    return verdict


def _resource_names(found: Mapping[str, Any], around: Surroundings,
                    verdict: Verdict) -> list[str]:
    names = _checked(RESOURCES.name, RESOURCES, found.get(RESOURCES.name) or (), verdict)
    if names is None:
        return []
    if not names:
        verdict.errors.append(str(Mistake(
            RESOURCES.name, 'nothing',
            'a list with at least one name, such as [base]. If the parameter file has one, check '
            f'that its top-level key matches the name of this node: {around.node_name!r} '
            "(or '/**' for any node)")))
    verdict.values[RESOURCES.name] = (RESOURCES, names)
    usable: list[str] = []
    for name in names:
        wanted = _name_problem(name, usable)
        if wanted:
            verdict.errors.append(str(Mistake(RESOURCES.name, repr(name), wanted)))
        if name and name not in usable and name not in RESERVED:
            usable.append(name)
    return usable


def _name_problem(name: str, before: list[str]) -> str | None:
    if not name or any(each in FORBIDDEN_IN_NAMES or each.isspace() for each in name):
        return ('names that are not empty and contain no spaces and none of '
                + ' '.join(FORBIDDEN_IN_NAMES))
    if name in RESERVED:
        return 'names other than ' + ', '.join(sorted(RESERVED)) + ', which mean something else'
    return 'each name once' if name in before else None


def _api(name: str, found: Mapping[str, Any]) -> type[ResourceConfig]:
    """Return the table of a resource; one without parameters of its own if the API is unknown."""
    api = found.get(f'{name}.api', next(iter(APIS)))
    return APIS[api] if isinstance(api, str) and api in APIS else ResourceConfig


def _fill(block: Block, found: Mapping[str, Any], verdict: Verdict) -> dict[str, Entry]:
    """Check the values of a block; return the parameters that it may have, by full name."""
    known: dict[str, Entry] = {}
    foreign = _foreign(block, found)
    for entry in table_entries(block.table):
        name = block.full(entry.name)
        if entry.name in foreign:
            block.values[entry.name] = entry.default
            continue
        known[name] = entry
        if name not in found and entry.required:
            verdict.errors.append(str(Mistake(name, 'nothing', accepted(entry))))
            continue
        value = _checked(name, entry, found.get(name, entry.default), verdict)
        if value is not None:
            block.values[entry.name] = value
            verdict.values[name] = (entry, value)
    return known


def _foreign(block: Block, found: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the parameters that belong to other drivers than the chosen one, with those."""
    if not issubclass(block.table, ResourceConfig):
        return {}
    driver = found.get(block.full('driver'))
    # Of a wrong driver nobody knows what it needs: then each driver's parameters are in order.
    if not isinstance(driver, str) or driver not in block.table.DRIVERS:
        return {}
    return foreign_to_driver(block.table, driver)


def _checked(name: str, entry: Entry, found: Any, verdict: Verdict) -> Any:
    try:
        return check_value(name, entry, found)
    except Mistake as mistake:
        verdict.errors.append(str(mistake))
        return None


def _unknown_names(found: Mapping[str, Any], known: Mapping[str, Entry],
                   blocks: Mapping[str, Block]) -> list[str]:
    errors: list[str] = []
    strays: dict[str, list[str]] = {}
    for name in sorted(found):
        block, _, short = name.partition('.')
        if name in known or block == _QOS_OVERRIDES:
            continue
        if short and block not in blocks:
            strays.setdefault(block, []).append(name)
        elif short and blocks[block].table is ResourceConfig:
            continue  # its API is wrong, so nobody knows which parameters it has
        else:
            errors.append(_unknown(name, short, blocks.get(block), found, known))
    for block, names in strays.items():
        nearest = difflib.get_close_matches(block, blocks, n=1, cutoff=0.0)[0]
        errors.append(str(Mistake(
            ', '.join(names), f'a block {block!r} that is not listed in {RESOURCES.name}',
            f'the blocks {", ".join(blocks)}; the nearest is {nearest!r}')))
    return errors


def _unknown(name: str, short: str, block: Block | None, found: Mapping[str, Any],
             known: Mapping[str, Entry]) -> str:
    if block is not None:
        owners = _foreign(block, found).get(short)
        if owners:
            return str(Mistake(
                name, f'a parameter that driver {found[block.full("driver")]!r} does not have',
                f'this parameter with {block.full("driver")} {" or ".join(map(repr, owners))}'))
        # A match inside the block is meant; the same word elsewhere only looks nearer.
        inside = [each for each in known if each.startswith(block.full(''))]
    else:
        inside = []
    nearest = difflib.get_close_matches(name, inside or known, n=1, cutoff=0.0)[0]
    return str(Mistake(name, 'an unknown parameter', f'the nearest known name is {nearest!r}'))
