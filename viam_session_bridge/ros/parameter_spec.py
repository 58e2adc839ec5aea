# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What can be said about one parameter, and how a table of parameters is read from a dataclass.

A table is a frozen dataclass; each field that carries `described(...)` is one ROS parameter. Its
type is the annotation, its default the dataclass default (none: the parameter is required). A
number whose default is None may be left unset.
The tables themselves are in `parameter_tables`; judging values is done in `parameter_checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
import enum
from typing import Any, get_type_hints

_KEY = 'parameter_spec'


class Kind(enum.Enum):
    """Type of a parameter; the value is how messages and documents call it."""

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
    """What a string means; the value is how messages and documents call it."""

    TEXT = 'a non-empty string'
    HOST = 'an IP address or a host name'
    OUTPUT_TOPIC = 'a ROS topic name'
    SERVICE = 'a ROS service name'
    ACTION = 'a ROS action name'
    FEEDBACK_TOPIC = 'a ROS topic name to read'
    NODE = "a full node name such as '/robot1/diff_drive_controller'"
    FRAME = 'a tf frame name (no leading slash, no spaces)'


@dataclass(frozen=True)
class Spec:
    """
    Meaning and limits of one parameter.

    `low` and `high` bound a number (every number, in a list) and include the bound itself, except
    that `low` is excluded where `low_excluded` is set. `choices` lists the only strings accepted;
    `refused` says of others that may be expected why they are not.
    `empty` says what an empty string or list, or a number that is not set, means; where it is ''
    none is accepted. `length` is the number of elements of a non-empty list, 0 any number.
    `blocks` is the table of the blocks that a list of strings names. `message` is the type of the
    messages of a topic that is read. Only a `mutable` parameter may change at run time.
    """

    description: str
    unit: str = ''
    low: float = 0.0
    high: float = 0.0
    low_excluded: bool = False
    choices: tuple[str, ...] = ()
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    form: Form = Form.TEXT
    empty: str = ''
    length: int = 0
    blocks: type | None = None
    message: str = ''
    mutable: bool = False


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
    for field in dataclasses.fields(table):
        spec = field.metadata.get(_KEY)
        if isinstance(spec, Spec):
            kind = Kind.TEXTS if spec.blocks else _KIND_OF_HINT[hints[field.name]]
            found.append(Entry(field.name, kind, field.default, spec))
    return tuple(found)


def accepted(entry: Entry) -> str:
    """Return in words which values a parameter accepts, with the unit."""
    spec = entry.spec
    if entry.kind is Kind.TEXT:
        if spec.choices:
            return ' or '.join(repr(choice) for choice in spec.choices)
        return spec.form.value + (f", or '' ({spec.empty})" if spec.empty else '')
    absent = f', or no such line ({spec.empty})' if spec.empty else ''
    if entry.kind is Kind.FLOATS:
        wanted = f'{spec.length} numbers' if spec.length else 'numbers'
        return f'{wanted} {_bounds(spec)}{absent}'
    if entry.kind in (Kind.INT, Kind.FLOAT):
        return f'{entry.kind.value} {_bounds(spec)}{absent}'
    if spec.blocks:
        return 'names, each of a block beside this parameter'
    return entry.kind.value


def _bounds(spec: Spec) -> str:
    first = f'above {spec.low:g}, up to' if spec.low_excluded else f'from {spec.low:g} to'
    return f'{first} {spec.high:g} {spec.unit}'.rstrip()
