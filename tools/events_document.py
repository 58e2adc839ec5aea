#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Writes docs/events.md from the code, so that the document cannot contradict it.

For developers, after a change to an event:

    python3 tools/events_document.py > docs/events.md
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
import inspect
import types
from typing import Any, get_args, get_origin, get_type_hints, Union

from viam_session_bridge.core.events import Changed
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Claim
from viam_session_bridge.core.states import Reason
from viam_session_bridge.ros.event_record import CHANGES, class_name, CLASSES

_INTRODUCTION = """\
# Events

<!-- Generated: python3 tools/events_document.py > docs/events.md -->

The bridge and the guard each publish what happens on `~/events` (`std_msgs/msg/String`, one JSON
object a message; reliable, transient local, depth 100): `/viam_session_bridge/events` and
`/viam_session_bridge_guard/events` without a namespace. A subscriber that is transient local
receives the last 100 events first, and a bag records them. With `events.audit_file` each process
appends the same objects to a file, one a line. How an operator uses them is in
[operations.md](operations.md).

New fields and new events may be added in any release: ignore what you do not know.

Every event has these fields:

| field | type | meaning |
|---|---|---|
| `event` | string | its name, one of those below |
| `time` | string | wall time, ISO 8601 in UTC |
| `steady` | number | the same instant on the steady clock of the machine (CLOCK_BOOTTIME), s |
| `boot` | string | which boot of the machine `steady` counts from: the start of its boot id |
| `process` | string | `bridge` or `guard` |
| `node` | string | full name of the node |
| `level` | string | `info`, `warning` or `error`, as in the log |
| `text` | string | a sentence for people; do not parse it |

A session id is shortened to its first eight characters: whoever has all of one can use it. Where
the texts below say None, JSON has `null`.
"""


def document() -> str:
    """Return the text of docs/events.md."""
    parts = [_INTRODUCTION]
    for kind in CLASSES:
        names = CHANGES if kind is Changed else {class_name(kind): ''}
        parts.append('## ' + ', '.join(f'`{name}`' for name in names) + '\n')
        if kind is Changed:
            parts.append('\n'.join(f'* `{name}`: {text}' for name, text in names.items()) + '\n')
        parts.append(inspect.cleandoc(kind.__doc__ or '') + '\n')
        parts.append('\n'.join(_table(kind)) + '\n')
    parts.append('## What the fields hold\n')
    for title, kind in (('caller', Caller), *(
            ('claim', one) for one in get_args(Claim))):
        parts.append(f'`{title}` ({kind.__name__}): {inspect.cleandoc(kind.__doc__ or "")}\n')
        parts.append('\n'.join(_table(kind)) + '\n')
    parts.append('A claim has `holder` besides: a text that names who holds the motion.\n')
    parts.append('`reason` is one of these; `reason_text` is the text beside it:\n')
    parts.append('\n'.join(['| reason | text |', '|---|---|', *(
        f'| `{one.name.lower()}` | {one.value} |' for one in Reason)]))
    return '\n'.join(parts) + '\n'


def _table(kind: type) -> Iterator[str]:
    hints = get_type_hints(kind)
    shown = [each for each in fields(kind) if each.name != 'text']  # type: ignore[arg-type]
    if shown:
        yield '| field | type |'
        yield '|---|---|'
    for each in shown:
        yield f'| `{each.name}` | {_type(hints[each.name])} |'
        if hints[each.name] is Reason:
            yield f'| `{each.name}_text` | string |'


def _type(hint: Any) -> str:
    if hint == Claim or hint == Claim | None:
        return 'object: a claim' + ('' if hint == Claim else ', or null')
    if get_origin(hint) in (Union, types.UnionType):
        return ' or '.join(_type(one) for one in get_args(hint))
    if hint is Motion:
        return 'string: the values of the motion'
    if hint is Reason:
        return 'string: a reason'
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return 'string: ' + ', '.join(f'`{one.name.lower()}`' for one in hint)
    if is_dataclass(hint):
        return f'object: a {hint.__name__.lower()}'  # type: ignore[union-attr]
    origin = get_origin(hint) or hint
    if origin is tuple:
        inner = [one for one in get_args(hint) if one is not Ellipsis]
        return f'list: {_type(inner[0])}'
    if origin is Mapping or getattr(origin, '__name__', '') == 'Mapping':
        return 'object: ' + _type(get_args(hint)[1])
    return {str: 'string', bool: 'true or false', int: 'integer', float: 'number',
            type(None): 'null'}[hint]


if __name__ == '__main__':
    print(document(), end='')
