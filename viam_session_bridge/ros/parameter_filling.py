# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fills blocks with the values that were found, and finds the blocks that their lists name.

What a value may be is checked in `parameter_values`; how values relate in `parameter_rules`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from viam_session_bridge.ros.parameter_blocks import (
    Block,
    block_entries,
    BlockConfig,
    kind_of,
    other_kinds,
)
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_spec import accepted, Entry, Kind
from viam_session_bridge.ros.parameter_tables import foreign_to_driver, table_entries
from viam_session_bridge.ros.parameter_values import check_value, Mistake

FORBIDDEN_IN_NAMES = ':+/.'

# What stands for a required parameter of another driver.
_NOTHING: Mapping[Kind, Any] = {
    Kind.BOOL: False, Kind.INT: 0, Kind.FLOAT: 0.0, Kind.TEXT: '', Kind.FLOATS: (),
    Kind.TEXTS: ()}


@dataclass
class Filling:
    """
    What was found, and what came of it.

    known: the parameters that exist, by full name. values: every value that passed.
    """

    found: Mapping[str, Any]
    known: dict[str, Entry] = field(default_factory=dict)
    values: dict[str, tuple[Entry, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def take(self, name: str, entry: Entry) -> Any:
        """
        Return the value of a parameter; notes the value or the mistake.

        None is a value that is wrong, or, where it is noted, one that is not set.
        """
        self.known[name] = entry
        if name not in self.found and entry.required:
            self.errors.append(str(Mistake(name, 'nothing', accepted(entry))))
            return None
        try:
            value = check_value(name, entry, self.found.get(name, entry.default))
        except Mistake as mistake:
            self.errors.append(str(mistake))
            return None
        self.values[name] = (entry, value)
        return value

    def fill(self, block: Block) -> None:
        """Check the values of a block and of all below it."""
        foreign = foreign_to(block, self.found)
        kind = self.found.get(block.full('kind'))
        chosen = kind_of(block.table, kind)
        if chosen is block.table and issubclass(block.table, BlockConfig) and block.table.KINDS:
            self._fill_unknown_kind(block)
            return
        block.entries = _entries(block, chosen)
        block.table = chosen
        for entry in block.entries:
            if entry.name in foreign:
                unused = _NOTHING[entry.kind] if entry.required else entry.default
                block.values[entry.name] = unused
                continue
            name = block.full(entry.name)
            value = self.take(name, entry)
            if name in self.values:
                block.values[entry.name] = value
        self._fill_children(block)

    def _fill_unknown_kind(self, block: Block) -> None:
        """Of a wrong kind nobody knows what it needs: each kind's parameters are in order."""
        for entry in block_entries(block.table, block.table.KINDS):  # type: ignore[attr-defined]
            if entry.name == 'kind':
                self.take(block.full(entry.name), entry)
            else:
                self.known[block.full(entry.name)] = entry

    def _fill_children(self, block: Block) -> None:
        taken = {entry.name for entry in block.entries}
        for entry in block.entries:
            names = block.values.get(entry.name) if entry.spec.blocks else None
            if names is None or entry.spec.blocks is None:
                continue
            where = block.full(entry.name)
            block.children[entry.name] = [
                Block(block.full(name), entry.spec.blocks)
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


def foreign_to(block: Block, found: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the parameters that belong to other drivers or kinds than the chosen one."""
    if issubclass(block.table, BlockConfig):
        return other_kinds(block.table, found.get(block.full('kind')))
    if not issubclass(block.table, ResourceConfig):
        return {}
    driver = found.get(block.full('driver'))
    # Of a wrong driver nobody knows what it needs: then each driver's parameters are in order.
    if not isinstance(driver, str) or driver not in block.table.DRIVERS:
        return {}
    return foreign_to_driver(block.table, driver)


def _entries(block: Block, chosen: type) -> tuple[Entry, ...]:
    if chosen is not block.table:
        return block_entries(chosen, {})
    return table_entries(block.table)
