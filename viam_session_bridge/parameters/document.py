# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/parameters.md from the tables, so that the document cannot contradict the code."""

from __future__ import annotations

import textwrap

from viam_session_bridge.parameters.load import APIS, FORBIDDEN_IN_NAMES, RESERVED, RESOURCES
from viam_session_bridge.parameters.schema import (
    accepted,
    BlockConfig,
    choice_of,
    Entry,
    foreign,
    Kind,
    table_entries,
)
from viam_session_bridge.parameters.shared import GLOBAL_BLOCKS

_INTRODUCTION = f"""\
# Parameters

<!-- Generated: python3 -m viam_session_bridge.ros.parameters > docs/parameters.md -->

A complete file with comments is `config/base.yaml`. All mistakes of a file are reported at
once, and the bridge then ends with exit status 2. Unknown names are mistakes. An integer is
accepted where a number is meant. An empty list (`[]`) cannot be written in a ROS parameter file:
leave the line out instead.

Parameters marked *yes* under "run time" can be changed with `ros2 param set`; those marked *no*
refuse with a reason. Limits accept values up to the one that they had when the bridge started.
More than that, and any change where *if permitted* is noted, needs `run_time.allow_less_safe:
true` in the parameter file. `ros2 param describe` shows the same texts as this page.

The top-level key of the file is `/**`: a node of any name, in any namespace. The full name of the
node works as well: `viam_session_bridge`, or in a namespace `/robot1/viam_session_bridge`.

## Top level

| parameter | type | default | accepted | run time | meaning |
|---|---|---|---|---|---|
| `{RESOURCES.name}` | list of strings | required | at least one name, each once | no | \
{RESOURCES.spec.description}. Not in a name: spaces and any of `{' '.join(FORBIDDEN_IN_NAMES)}`. \
Not a name: {', '.join(f'`{each}`' for each in sorted(RESERVED))} |
"""

_TYPE_NAMES = {
    Kind.BOOL: 'bool', Kind.INT: 'integer', Kind.FLOAT: 'number', Kind.TEXT: 'string',
    Kind.FLOATS: 'list of numbers', Kind.TEXTS: 'list of strings'}


def document() -> str:
    """Return the text of docs/parameters.md."""
    parts = [_INTRODUCTION]
    for name, table in GLOBAL_BLOCKS.items():
        parts.append(f'## `{name}`: {_summary(table)}\n')
        parts.append(_table(f'{name}.', table))
    for api, table in APIS.items():
        parts.append(f'## A resource with `api: {api}`: {_summary(table)}\n')
        parts.append('`<name>` stands for the name of the resource.\n')
        parts.append(_table('<name>.', table))
    for name, table in _listed().items():
        parts.append(f'## A block that `<name>.{name}` lists: {_summary(table)}\n')
        parts.append('`<name>` stands for the name of the resource, `<block>` for one of the '
                     f'names in `<name>.{name}`.\n')
        parts += [f'- kind `{kind}`: {_summary(each)}' for kind, each in table.KINDS.items()]
        parts.append(('\n' if table.KINDS else '') + _table('<name>.<block>.', table))
    return '\n'.join(parts)


def _listed() -> dict[str, type[BlockConfig]]:
    """Return the tables of the blocks that resources may list, by the name of the list."""
    return {entry.name: entry.spec.blocks for table in APIS.values()
            for entry in table_entries(table)
            if entry.spec.blocks and issubclass(entry.spec.blocks, BlockConfig)}


def _summary(table: type) -> str:
    text = textwrap.dedent(table.__doc__ or '').strip().splitlines()[0].rstrip('.')
    return text[0].lower() + text[1:]


def _table(prefix: str, table: type) -> str:
    lines = [
        '| parameter | type | default | accepted | run time | meaning |',
        '|---|---|---|---|---|---|']
    for entry in table_entries(table):
        spec = entry.spec
        run_time = spec.safe_change.value if spec.mutable else 'no'
        meaning = spec.description.replace('|', '\\|') + _drivers(table, entry)
        lines.append(
            f'| `{prefix}{entry.name}` | {_TYPE_NAMES[entry.kind]} | {_default(entry)} '
            f'| {accepted(entry)} | {run_time} | {meaning} |')
    return '\n'.join(lines) + '\n'


def _default(entry: Entry) -> str:
    if entry.required:
        return 'required'
    if entry.default == ():
        return 'none'
    if entry.default is None:
        return 'not set'
    if isinstance(entry.default, bool):
        return f'`{str(entry.default).lower()}`'
    text = f"'{entry.default}'" if isinstance(entry.default, str) else f'{entry.default}'
    return f'`{text}` {entry.spec.unit}'.rstrip()


def _drivers(table: type, entry: Entry) -> str:
    choice, tables = choice_of(table)
    owners = [repr(each) for each in tables if entry.name not in foreign(table, each)]
    return f' (only with {choice} {" or ".join(owners)})' if len(owners) < len(tables) else ''
