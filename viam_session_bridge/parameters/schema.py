# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The description of one parameter, and how a table of parameters is read from a dataclass.

A table is a frozen dataclass; each field that carries `described(...)` is one ROS parameter. Its
type is the annotation, its default the dataclass default (none: the parameter is required). A
number whose default is None may be left unset.

One parameter may choose which others exist: `kind` by the table's `KINDS`, `driver` by its
`DRIVERS`, both a map from a value to the table with the parameters of that choice.

A list of blocks is a field that names their table; the names of the list have a block each, beside
the parameters of the block that has the list:

    escalations: tuple[Escalation, ...] = field(
        default=(), metadata=described('What is tried when ...', blocks=Escalation))

    base.escalations: [brake]     in the parameter file
    base.brake.kind: trigger      read as Escalation.KINDS['trigger']
    base.brake.service: brake

The table derives from ``BlockConfig``; those in its ``KINDS`` derive from it. The configuration
holds instances of these classes, in the order of the list. Lists may be nested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import dataclasses
from dataclasses import dataclass, field, fields, replace
import enum
from typing import Any, ClassVar, get_type_hints

_KEY = 'parameter_spec'

# The bound of numbers that this package does not interpret.
LARGEST = 1e9


class Kind(enum.Enum):
    """Type of a parameter; the value is its name in messages and documents."""

    BOOL = 'true or false'
    INT = 'an integer'
    FLOAT = 'a number'
    TEXT = 'a string'
    FLOATS = 'a list of numbers'
    TEXTS = 'a list of strings'


_KIND_OF_HINT: dict[Any, Kind] = {
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.FLOAT,
    float | None: Kind.FLOAT,
    str: Kind.TEXT,
    tuple[float, ...]: Kind.FLOATS,
    tuple[str, ...]: Kind.TEXTS,
}


KINDS = 'bool, int, float, float | None, str, tuple[float, ...] or tuple[str, ...]'


class Form(enum.Enum):
    """What a string means; the value is its name in messages and documents."""

    TEXT = 'a non-empty string'
    HOST = 'an IP address or a host name'
    OUTPUT_TOPIC = 'a ROS topic name'
    SERVICE = 'a ROS service name'
    ACTION = 'a ROS action name'
    FEEDBACK_TOPIC = 'a ROS topic name to read'
    NODE = "a full node name such as '/robot1/diff_drive_controller'"
    FILE = "an absolute path of a file, or one that begins with '~/'"
    FRAME = 'a tf frame name (no leading slash, no spaces)'


class SafeChange(enum.Enum):
    """Which changes at run time need no permission; the value is its name in documents."""

    ANY = 'yes'
    # Up to the value that it had when the bridge started.
    LOWER = 'up to its value at the start'
    NONE = 'if permitted'


@dataclass(frozen=True)
class Spec:
    """
    Meaning and limits of one parameter.

    `low` and `high` bound a number (every number, in a list) and include the bound itself, except
    that `low` is excluded where `low_excluded` is set. `choices` lists the only strings accepted,
    beside `others`, a text; `refused` states for other likely strings why they are not accepted.
    `empty` states the meaning of an empty string or list, or of a number that is not set; where it
    is '' none is accepted. `length` is the number of elements of a non-empty list, 0 any number.
    `blocks` is the table of the blocks that a list of strings names. `message` is the type of the
    messages of a topic that is read. Only a `mutable` parameter may change at run time,
    and without permission (run_time.allow_less_safe) only as `safe_change` says.
    """

    description: str
    unit: str = ''
    low: float = 0.0
    high: float = 0.0
    low_excluded: bool = False
    choices: tuple[str, ...] = ()
    others: str = ''
    refused: Mapping[str, str] = field(default_factory=dict)
    form: Form = Form.TEXT
    empty: str = ''
    length: int = 0
    blocks: type | None = None
    message: str = ''
    mutable: bool = False
    safe_change: SafeChange = SafeChange.LOWER


@dataclass(frozen=True)
class Entry:
    """One parameter of a table. `default` is `dataclasses.MISSING` where a value is required."""

    name: str
    kind: Kind
    default: Any
    spec: Spec

    @property
    def required(self) -> bool:
        """Return whether the parameter file must give a value."""
        return self.default is dataclasses.MISSING


def described(description: str, **limits: Any) -> dict[str, Spec]:
    """Return the dataclass field metadata of a parameter; `limits` are the fields of `Spec`."""
    return {_KEY: Spec(description, **limits)}


def entries(table: type) -> tuple[Entry, ...]:
    """Return the parameters of a table in the order of its fields; others are left out."""
    hints = get_type_hints(table)
    found = []
    for each in fields(table):
        spec = each.metadata.get(_KEY)
        if isinstance(spec, Spec):
            kind = Kind.TEXTS if spec.blocks else _KIND_OF_HINT[hints[each.name]]
            found.append(Entry(each.name, kind, each.default, spec))
    return tuple(found)


def accepted(entry: Entry) -> str:
    """Return in words which values a parameter accepts, with the unit."""
    spec = entry.spec
    if entry.kind is Kind.TEXT:
        if spec.choices:
            return ' or '.join([*map(repr, spec.choices), *filter(None, [spec.others])])
        return spec.form.value + (f", or '' ({spec.empty})" if spec.empty else '')
    absent = f', or no such line ({spec.empty})' if spec.empty else ''
    if entry.kind is Kind.FLOATS:
        wanted = f'{spec.length} numbers' if spec.length else 'numbers'
        return f'{wanted} {_bounds(spec)}{absent}'
    if entry.kind in (Kind.INT, Kind.FLOAT):
        return f'{entry.kind.value} {_bounds(spec)}{absent}'
    if spec.blocks:
        return 'names, each of a block beside this parameter'
    return str(entry.kind.value)


def _bounds(spec: Spec) -> str:
    first = f'above {spec.low:g}, up to' if spec.low_excluded else f'from {spec.low:g} to'
    return f'{first} {spec.high:g} {spec.unit}'.rstrip()


# ---- choices and blocks -------------------------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """A block that a list names."""

    KINDS: ClassVar[Mapping[str, type]] = {}

    name: str


# Parameters that choose, and the tables among which they do.
_CHOICES = {'api': 'APIS', 'driver': 'DRIVERS', 'kind': 'KINDS'}


def choice_of(table: type) -> tuple[str, Mapping[str, type]]:
    """Return the parameter that chooses which others exist, and its choices."""
    for name in ('driver', 'kind'):
        if tables := getattr(table, _CHOICES[name], None):
            return name, tables
    return '', {}


def table_entries(table: type, chosen: Any = None) -> tuple[Entry, ...]:
    """
    Return the parameters of a table and of all its choices.

    Where several drivers or kinds have a parameter, the one of the chosen driver or kind.
    """
    options = choice_of(table)[1]
    last = [options[chosen]] if isinstance(chosen, str) and chosen in options else []
    found = {entry.name: entry for each in (table, *options.values(), *last)
             for entry in entries(each)}
    for name, attribute in _CHOICES.items():
        if name in found and (tables := getattr(table, attribute, None)):
            spec = replace(found[name].spec, choices=tuple(tables))
            found[name] = replace(found[name], spec=spec)
    return tuple(found.values())


def foreign(table: type, chosen: Any) -> dict[str, tuple[str, ...]]:
    """Return the parameters that this choice does not have, each with the choices that do."""
    _, tables = choice_of(table)
    # The needs of a wrong choice are unknown: the parameters of every choice are accepted.
    if not isinstance(chosen, str) or chosen not in tables:
        return {}
    own = {each.name for each in entries(tables[chosen])}
    others: dict[str, tuple[str, ...]] = {}
    for other, its_table in tables.items():
        for each in entries(its_table):
            if each.name not in own:
                others[each.name] = (*others.get(each.name, ()), other)
    return others


@dataclass
class Block:
    """
    One block of the parameter file.

    name: in full. values: those that passed, by short name; of a list of blocks, their names.
    unused: the values of the parameters of other drivers. entries: the parameters of its table.
    around: the block whose list names it. children: its blocks, by the name of their list.
    """

    name: str
    table: type
    values: dict[str, Any] = field(default_factory=dict)
    unused: dict[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    around: Block | None = None
    children: dict[str, list[Block]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Return the name within the block around it."""
        return self.name.rpartition('.')[2]

    def full(self, short: str) -> str:
        """Return the full name of one of the block's parameters."""
        return f'{self.name}.{short}'

    @property
    def top(self) -> Block:
        """Return the block of the top level that it belongs to."""
        return self.around.top if self.around else self

    def listed(self, name: str) -> list[Block]:
        """Return the blocks that one of its lists names."""
        return self.children.get(name, [])

    def family(self) -> Iterator[Block]:
        """Yield this block and all blocks below it."""
        yield self
        for blocks in self.children.values():
            for block in blocks:
                yield from block.family()

    def commanding(self) -> Iterator[Block]:
        """Yield the family without escalations: resources may share those."""
        apart = {id(block) for block in self.listed('escalations')}
        return (block for block in self.family() if id(block) not in apart)

    def built(self) -> Any:
        """Return the instance of the table; every value must have passed."""
        values = {**self.unused, **self.values}
        for name, blocks in self.children.items():
            values[name] = tuple(block.built() for block in blocks)
        if any(each.name == 'name' for each in fields(self.table)):
            values['name'] = self.short
        return self.table(**values)
