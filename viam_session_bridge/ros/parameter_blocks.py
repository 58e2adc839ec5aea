# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Blocks of parameters while they are read, and lists of blocks below a block.

A list is a field that names its table of blocks; the names of the list have a block each, beside
the parameters of the block that has the list:

    escalations: tuple[Escalation, ...] = field(
        default=(), metadata=described('What is tried when ...', blocks=Escalation))

    base.escalations: [brake]     in the parameter file
    base.brake.kind: trigger      read as Escalation.KINDS['trigger']
    base.brake.service: brake

The table derives from ``BlockConfig``. Its ``KINDS`` are classes derived from it, one for each
value of ``kind``; a table without kinds has the parameters of its own fields. The configuration
holds instances of these classes, in the order of the list. Lists may be nested. Rules find the
blocks in ``Block.children``; what values may be is checked in `parameter_values`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from viam_session_bridge.ros.parameter_spec import entries, Entry


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """A block that a list names."""

    KINDS: ClassVar[Mapping[str, type]] = {}

    name: str


@dataclass
class Block:
    """
    One block of the parameter file.

    name: in full. values: what passed, by short name; of a list of blocks, their names. entries:
    the parameters that it has. children: its blocks, by the name of their list.
    """

    name: str
    table: type
    values: dict[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    children: dict[str, list[Block]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Return the name within the block around it."""
        return self.name.rpartition('.')[2]

    def full(self, short: str) -> str:
        """Return the full name of one of the block's parameters."""
        return f'{self.name}.{short}'

    def family(self) -> Iterator[Block]:
        """Yield this block and all blocks below it."""
        yield self
        for blocks in self.children.values():
            for block in blocks:
                yield from block.family()

    def commanding(self) -> Iterator[Block]:
        """Yield the family without escalations: those may be shared between resources."""
        apart = {id(block) for block in self.children.get('escalations', [])}
        return (block for block in self.family() if id(block) not in apart)

    def built(self) -> Any:
        """Return the instance of the table; every value must have passed."""
        values = dict(self.values)
        for name, blocks in self.children.items():
            values[name] = tuple(block.built() for block in blocks)
        if any(each.name == 'name' for each in fields(self.table)):
            values['name'] = self.short
        return self.table(**values)


def kind_of(table: type, kind: Any) -> type:
    """Return the table of blocks of this kind; the table itself where the kind is unknown."""
    if issubclass(table, BlockConfig) and isinstance(kind, str):
        return table.KINDS.get(kind, table)
    return table


def block_entries(table: type, kinds: Mapping[str, type]) -> tuple[Entry, ...]:
    """Return the parameters of a block: its own, and those of every one of the kinds."""
    found = {entry.name: entry for each in (table, *kinds.values()) for entry in entries(each)}
    if kinds and 'kind' in found:
        spec = replace(found['kind'].spec, choices=tuple(kinds))
        found['kind'] = replace(found['kind'], spec=spec)
    return tuple(found.values())


def other_kinds(table: type, kind: Any) -> dict[str, tuple[str, ...]]:
    """Return the parameters that blocks of this kind do not have, each with the kinds that do."""
    if not issubclass(table, BlockConfig) or kind not in table.KINDS:
        return {}
    own = {each.name for each in entries(table.KINDS[kind])}
    others: dict[str, tuple[str, ...]] = {}
    for other, its_table in table.KINDS.items():
        for each in entries(its_table):
            if each.name not in own:
                others[each.name] = (*others.get(each.name, ()), other)
    return others
