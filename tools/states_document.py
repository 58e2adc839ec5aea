#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Prints the table of docs/design.md, "One actuator", from the transitions of core/states.py.

For developers, after a change to TRANSITIONS: replace the table there with what this prints.

    python3 tools/states_document.py
"""
from viam_session_bridge.core.states import Event, State, TRANSITIONS


def document() -> str:
    """Return the table: a row for each state, a column for each event."""
    rows = [['state', *(event.value for event in Event)], ['---'] * (len(Event) + 1)]
    rows += [[state.value, *(_after(state, event) for event in Event)] for state in State]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows) + '\n'


def _after(state: State, event: Event) -> str:
    after = TRANSITIONS.get((state, event))
    if after is not None:
        return after.value
    return 'refused' if event is Event.COMMANDED else '-'


if __name__ == '__main__':
    print(document(), end='')
