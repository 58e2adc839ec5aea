# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turns the parameters of a node into one configuration or the list of every mistake.

Fills the blocks of the top level and the blocks below them with the values that were found. The
error for an unknown name states the most similar known one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
import difflib
import importlib
from importlib.metadata import EntryPoint
import pkgutil
from typing import Any

from viam_session_bridge import parameters
from viam_session_bridge.parameters import plugins
from viam_session_bridge.parameters.checks import check_value, GraphNames, Mistake
from viam_session_bridge.parameters.resources import ActuatedConfig, ResourceConfig
from viam_session_bridge.parameters.rules import check_rules
from viam_session_bridge.parameters.schema import (
    accepted,
    Block,
    choice_of,
    entries,
    Entry,
    foreign,
    Kind,
    Spec,
    table_entries,
)
from viam_session_bridge.parameters.shared import BridgeConfig, GLOBAL_BLOCKS
from viam_session_bridge.parameters.topics import check_services, check_topics

# The components, by their APIs; see the end of this file.
APIS = ResourceConfig.APIS

FORBIDDEN_IN_NAMES = ':+/.'

RESOURCES = Entry('resources', Kind.TEXTS, (), Spec(
    'Names of the resources that Viam clients see; each has a block of its own name'))

# Parameters that rclpy itself declares for a node; rclpy only logs a wrong type.
_STANDARD = {
    name: Entry(name, Kind.BOOL, False, Spec('Standard ROS parameter'))
    for name in ('use_sim_time', 'start_type_description_service')}
_QOS_OVERRIDES = 'qos_overrides'

RESERVED = frozenset({RESOURCES.name, _QOS_OVERRIDES, *GLOBAL_BLOCKS, *_STANDARD})


@dataclass
class CheckedChange:
    """`config` is None if there are `errors`. `values`: every value that passed, by full name."""

    config: BridgeConfig | None = None
    errors: list[str] = field(default_factory=list)
    values: dict[str, tuple[Entry, Any]] = field(default_factory=dict)


def judge(found: Mapping[str, Any], around: GraphNames) -> CheckedChange:
    """Judge all parameters of a node at once, given by full name."""
    filling = Filling(found, around)
    errors, warnings = filling.errors, list[str]()
    shared = {name: Block(name, table) for name, table in GLOBAL_BLOCKS.items()}
    names = _resource_names(filling, around)
    brought = plugins.brought() if names else {}
    resources = {
        name: Block(name, _table(name, found, brought, errors, warnings)) for name in names}
    top = {**shared, **resources}
    for block in top.values():
        filling.fill(block)
    filling.known.update(_STANDARD)
    errors += unknown_names(filling, top)
    values = dict(filling.values)
    for name, entry in _STANDARD.items():
        if name in found:
            filling.take(name, entry)
    for block in top.values():
        check_rules(block, top, errors, warnings)
    check_topics(list(resources.values()), shared['estop'], around, errors, warnings)
    check_services(list(resources.values()), around, errors, warnings)
    if errors:
        return CheckedChange(errors=errors, values=values)
    return CheckedChange(BridgeConfig(
        **{name: block.built() for name, block in shared.items()},
        resources=tuple(block.built() for block in resources.values()),
        warnings=tuple(warnings)), values=values)


def _resource_names(filling: Filling, around: GraphNames) -> list[str]:
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
                RESOURCES.name, f'{name!r}, which has no block',
                f'names that each have a block beside this parameter, with {name}.api, '
                f'{name}.driver and what they need')))
    return [name for name in usable if name in described]


def _table(name: str, found: Mapping[str, Any], brought: Mapping[str, list[EntryPoint]],
           errors: list[str], warnings: list[str]) -> type[ResourceConfig]:
    """Return the table of a resource; one without parameters of its own if it is unknown."""
    api, driver = found.get(f'{name}.api', ResourceConfig.api), found.get(f'{name}.driver')
    if not isinstance(api, str) or api not in APIS:
        return ResourceConfig
    table = APIS[api]
    if not isinstance(driver, str):
        return table
    if driver in table.DRIVERS:
        if driver in brought:
            warnings.append(
                f'{name}.driver is {driver!r}: the driver of this package is used, not that of '
                f'{" and ".join(plugins.origins_of(brought[driver]))}.')
        return table
    if driver not in brought or not issubclass(table, ActuatedConfig):
        return table
    try:
        return plugins.with_driver(table, api, driver, brought[driver])
    except plugins.Unusable as problem:
        errors.append(str(Mistake(
            f'{name}.driver', f'{driver!r}, {problem}',
            ' or '.join(map(repr, table.DRIVERS)) + ', or a suitable one (docs/drivers.md)')))
        return ResourceConfig


# ---- filling blocks -----------------------------------------------------------------------------

# The value of a required parameter of another driver.
_NOTHING: Mapping[Kind, Any] = {
    Kind.BOOL: False, Kind.INT: 0, Kind.FLOAT: 0.0, Kind.TEXT: '', Kind.FLOATS: (),
    Kind.TEXTS: ()}


@dataclass
class Filling:
    """
    The values that were found, and the results.

    known: the parameters that exist, by full name. values: every value that passed.
    """

    found: Mapping[str, Any]
    around: GraphNames | None = None
    known: dict[str, Entry] = field(default_factory=dict)
    values: dict[str, tuple[Entry, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def take(self, name: str, entry: Entry) -> Any:
        """
        Return the value of a parameter; notes the value or the mistake.

        None means that the value is wrong, or, if it is noted, not set.
        """
        self.known[name] = entry
        if name not in self.found and entry.required:
            self.errors.append(str(Mistake(name, 'nothing', accepted(entry))))
            return None
        try:
            value = check_value(
                name, entry, self.found.get(name, entry.default), self.around)
        except Mistake as mistake:
            self.errors.append(str(mistake))
            return None
        self.values[name] = (entry, value)
        return value

    def fill(self, block: Block) -> None:
        """Check the values of a block and of all below it."""
        choice, tables = choice_of(block.table)
        chosen = self.found.get(block.full(choice))
        others = foreign(block.table, chosen)
        block.entries = table_entries(block.table, chosen)
        if choice == 'kind':
            if not isinstance(chosen, str) or chosen not in tables:
                self._fill_unknown_kind(block)
                return
            block.table = tables[chosen]
            block.entries = entries(block.table)
        for entry in block.entries:
            if entry.name in others:
                block.unused[entry.name] = (
                    _NOTHING[entry.kind] if entry.required else entry.default)
                continue
            name = block.full(entry.name)
            value = self.take(name, entry)
            if name in self.values:
                block.values[entry.name] = value
        self._fill_children(block)

    def _fill_unknown_kind(self, block: Block) -> None:
        """Accept the parameters of every kind, because the needs of a wrong one are unknown."""
        everything, block.entries = block.entries, ()
        for entry in everything:
            self.known[block.full(entry.name)] = entry
            if entry.name == 'kind':
                self.take(block.full(entry.name), entry)

    def _fill_children(self, block: Block) -> None:
        taken = {entry.name for entry in block.entries}
        for entry in block.entries:
            names = block.values.get(entry.name) if entry.spec.blocks else None
            if names is None or entry.spec.blocks is None:
                continue
            where = block.full(entry.name)
            block.children[entry.name] = [
                Block(block.full(name), entry.spec.blocks, around=block)
                for name in self.usable(where, names, taken,
                                        f'the other parameters and blocks of {block.name}')]
            for child in block.children[entry.name]:
                taken.add(child.short)
                self.fill(child)

    def usable(self, where: str, names: tuple[str, ...], taken: Collection[str],
               meaning: str) -> list[str]:
        """Return the names of a list that may name a block; the others are mistakes."""
        usable: list[str] = []
        for name in names:
            wanted = None
            if not name or any(each in FORBIDDEN_IN_NAMES or each.isspace() for each in name):
                wanted = ('names that are not empty and contain no spaces and none of '
                          + ' '.join(FORBIDDEN_IN_NAMES))
            elif name in taken:
                wanted = f'names other than those of {meaning}'
            elif name in usable:
                wanted = 'each name once'
            if wanted:
                self.errors.append(str(Mistake(where, repr(name), wanted)))
            if name and name not in usable and name not in taken:
                usable.append(name)
        return usable


# ---- names that no table knows ------------------------------------------------------------------

def unknown_names(filling: Filling, blocks: Mapping[str, Block]) -> list[str]:
    """Return a mistake for each unknown name or block; blocks: those of the top level by name."""
    errors: list[str] = []
    strays: dict[tuple[str, str], list[str]] = {}
    everything = {block.name: block for top in blocks.values() for block in top.family()}
    for name in sorted(filling.found):
        first, _, rest = name.partition('.')
        if name in filling.known or first == _QOS_OVERRIDES:
            continue
        if rest and first not in blocks:
            # A list that is wrong itself names no block: one mistake is reported once.
            if RESOURCES.name in filling.values:
                strays.setdefault(('', first), []).append(name)
            continue
        block = _innermost(name, everything)
        if block is not None and block.table is ResourceConfig:
            continue  # its API is wrong, so its parameters are unknown
        child, _, deeper = name[len(block.name) + 1:].partition('.') if block else ('', '', '')
        if block is not None and deeper and any(_lists(block)):
            if all(each in block.values or each in block.unused for each in _lists(block)):
                strays.setdefault((block.name, child), []).append(name)
        else:
            errors.append(_unknown(name, block, filling))
    for (around, stray), names in strays.items():
        errors.append(_stray(stray, names, everything.get(around), blocks))
    return errors


def _innermost(name: str, blocks: Mapping[str, Block]) -> Block | None:
    while name:
        name = name.rpartition('.')[0]
        if name in blocks:
            return blocks[name]
    return None


def _lists(block: Block) -> Iterator[str]:
    return (entry.name for entry in block.entries if entry.spec.blocks)


def _stray(stray: str, names: list[str], around: Block | None,
           blocks: Mapping[str, Block]) -> str:
    lists = [RESOURCES.name]
    known = list(blocks)
    if around is not None:
        lists = [around.full(each) for each in _lists(around)]
        known = [child.short for children in around.children.values() for child in children]
    found = f'a block {stray!r} that is not listed in {" or ".join(lists)}'
    nearest = difflib.get_close_matches(stray, known, n=1, cutoff=0.0)
    wanted = 'no such block'
    if nearest:
        wanted = f'the blocks {", ".join(known)}; the nearest is {nearest[0]!r}'
    return str(Mistake(', '.join(names), found, wanted))


def _unknown(name: str, block: Block | None, filling: Filling) -> str:
    inside: list[str] = []
    if block is not None:
        owners = _owners(name, block, filling)
        if owners:
            return owners
        # A match inside the block is preferred to a more similar name elsewhere.
        inside = [each for each in filling.known if each.startswith(block.full(''))]
    nearest = difflib.get_close_matches(name, inside or filling.known, n=1, cutoff=0.0)[0]
    return f'unknown parameter {name!r}; did you mean {nearest!r}?'


def _owners(name: str, block: Block, filling: Filling) -> str:
    """Return the mistake of a parameter that only another driver or kind has; else ''."""
    choice, _ = choice_of(block.table)
    chosen = filling.found.get(block.full(choice))
    owners = foreign(block.table, chosen).get(name.removeprefix(block.full('')))
    if not owners:
        return ''
    return str(Mistake(
        name, f'a parameter that {choice} {chosen!r} does not have',
        f'this parameter with {block.full(choice)} {" or ".join(map(repr, owners))}'))


# ---- components ---------------------------------------------------------------------------------

# Each module of this package may declare one; it registers when it is imported.
for _module in pkgutil.iter_modules(parameters.__path__):
    importlib.import_module(f'{parameters.__name__}.{_module.name}')
# In a fixed order, independent of the imports: documents and errors list them.
for _api in sorted(APIS):
    APIS[_api] = APIS.pop(_api)
