# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Since when a resource has its owner and how it stopped last, out of events: for diagnostics.

The pump writes, the executor reads: each entry is replaced as a whole, so that neither waits.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from viam_session_bridge.core.events import Changed, Command, LogEvent, MotionBegun
from viam_session_bridge.core.states import State
from viam_session_bridge.ros.event_record import describe_claim, plain

_STOPS = {State.STOPPING: 'under way', State.UNCONFIRMED: 'NOT CONFIRMED'}


class _Past(NamedTuple):
    """An event and the wall time (s) at which it was noticed."""

    event: LogEvent
    wall: float


class History:
    """The last owner, stop and verdict of each resource."""

    def __init__(self) -> None:
        self._motions: dict[str, _Past] = {}
        self._stops: dict[str, _Past] = {}
        self._verdicts: dict[str, _Past] = {}

    def take(self, events: Iterable[LogEvent], wall: float) -> None:
        """Take the events of one pass."""
        for event in events:
            if isinstance(event, MotionBegun):
                self._motions[event.resource] = _Past(event, wall)
            elif isinstance(event, Changed) and event.after is not State.MOVING:
                if event.after is State.STOPPING:
                    self._stops[event.resource] = _Past(event, wall)
                self._verdicts[event.resource] = _Past(event, wall)

    def values(self, resource: str, state: State, command: Command | None,
               booted: float) -> Iterator[tuple[str, str]]:
        """
        Yield what diagnostics show: names and values, those that are known.

        command: the last one of the resource. booted: the wall time (s) at which the steady clock
        was 0.
        """
        past = self._motions.get(resource)
        if state is State.MOVING and past is not None and isinstance(past.event, MotionBegun):
            yield 'owner', describe_claim(past.event.claim)
            yield 'since', _shown(past.wall)
        if command is not None:
            call = command.caller.method.rpartition('.')[2].rpartition('/')[2]
            yield 'peer', command.caller.peer
            yield 'entity', command.caller.entity
            yield 'SDK', command.caller.sdk
            yield 'last command', f'{_shown(booted + command.at)} {call} {plain(command.motion)}'
        past = self._stops.get(resource)
        if past is not None and isinstance(past.event, Changed):
            yield 'last stop', f'{_shown(past.wall)} {past.event.reason.value}'
            verdict = self._verdicts[resource].event
            if isinstance(verdict, Changed):
                yield 'last stop verified', _STOPS.get(verdict.after) or (
                    verdict.evidence or 'yes' if verdict.verified
                    else verdict.detail or 'no: nothing shows rest')


def _shown(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().isoformat(timespec='milliseconds')
