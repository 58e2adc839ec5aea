# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Since when a resource has its owner and how it stopped last, out of events: for diagnostics.

The pump writes, the executor reads: each entry is replaced as a whole, so that neither waits.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from viam_session_bridge.core.events import Changed, Command, LogEvent, MotionBegun
from viam_session_bridge.core.states import State
from viam_session_bridge.ros.event_record import describe_claim, plain

_STOPS = {State.STOPPING: 'under way', State.UNCONFIRMED: 'NOT CONFIRMED'}


class History:
    """The last owner, stop and verdict of each resource."""

    def __init__(self) -> None:
        self._motions: dict[str, tuple[MotionBegun, float]] = {}
        self._stops: dict[str, tuple[Changed, float]] = {}
        self._verdicts: dict[str, Changed] = {}

    def take(self, events: Iterable[LogEvent], wall: float) -> None:
        """Take the events of one pass."""
        for event in events:
            if isinstance(event, MotionBegun):
                self._motions[event.resource] = event, wall
            elif isinstance(event, Changed) and event.after is not State.MOVING:
                self._verdicts[event.resource] = event
                if event.after is State.STOPPING:
                    self._stops[event.resource] = event, wall

    def values(self, resource: str, state: State, command: Command | None,
               booted: float) -> Iterator[tuple[str, str]]:
        """
        Yield what diagnostics show: names and values, those that are known.

        command: the last one of the resource. booted: the wall time (s) at which the steady clock
        was 0.
        """
        if state is State.MOVING and resource in self._motions:
            motion, wall = self._motions[resource]
            yield 'owner', describe_claim(motion.claim)
            yield 'since', _shown(wall)
        if command is not None:
            call = command.caller.method.rpartition('.')[2].rpartition('/')[2]
            yield 'peer', command.caller.peer
            yield 'entity', command.caller.entity
            yield 'SDK', command.caller.sdk
            yield 'last command', f'{_shown(booted + command.at)} {call} {plain(command.motion)}'
        if resource in self._stops:
            stop, wall = self._stops[resource]
            yield 'last stop', f'{_shown(wall)} {stop.reason.value}'
            verdict = self._verdicts[resource]
            yield 'last stop verified', _STOPS.get(verdict.after) or (
                verdict.evidence or 'yes' if verdict.verified
                else verdict.detail or 'no: nothing shows rest')


def _shown(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().isoformat(timespec='milliseconds')
