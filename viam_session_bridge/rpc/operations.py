# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The calls that are running now: listed, waited for, cancelled, and kept within bounds.

An operation has an id (metadata ``opid``, in and out) and belongs to the entity that called: for
another one it does not exist. Only StopAll cancels what others run. Bounds never concern what
keeps a robot safe: heartbeats, stops and the SDKs' health checks are always let in. Belongs to
the event loop's thread.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import time
import uuid

from viam_session_bridge.core.errors import InvalidSessionId
from viam_session_bridge.core.presence import Caller
from viam_session_bridge.core.sessions import parse_session_id

OPERATION_KEY = 'opid'

# Waiting calls are cheap, but each holds memory: so many may run at once, in all and for each
# connection. viam-server allows 100 for each resource and service, heartbeats among them.
MOST_RUNNING = 8192
MOST_FROM_ONE = 2048


@dataclass(eq=False)
class Operation:
    """
    One running call.

    id: UUID text. method: full path. started: wall clock, s, for people to read; nothing is
    decided by it. session: its session id, if the call carried one. calls: how many share it.
    """

    id: str  # noqa: A003
    method: str
    started: float
    session: str | None
    calls: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


def operation_id(metadata: dict[str, list[str]]) -> str:
    """Return the id that a caller chose, or a new one when it sent none or not exactly a UUID."""
    values = metadata.get(OPERATION_KEY, [])
    if len(values) == 1:
        try:
            return parse_session_id(values[0], OPERATION_KEY)
        except InvalidSessionId:
            pass  # as viam-server: a malformed id is no reason to refuse a call
    return str(uuid.uuid4())


class Operations:
    """All running calls of one server."""

    def __init__(self) -> None:
        # By entity and id.
        self._running: dict[tuple[str, str], Operation] = {}
        self._calls = 0
        self._by_peer: Counter[str] = Counter()

    def crowded(self, peer: str) -> str:
        """Say why a call that comes now may do nothing but stop; empty when it may do all."""
        if self._calls >= MOST_RUNNING:
            return f'{MOST_RUNNING} calls are running, which is the most this bridge lets in'
        if self._by_peer[peer] >= MOST_FROM_ONE:
            return f'{MOST_FROM_ONE} calls of this connection are running, the most it may have'
        return ''

    @contextmanager
    def counted(self, peer: str) -> Iterator[None]:
        """Count a call for as long as it runs."""
        self._calls += 1
        self._by_peer[peer] += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    @contextmanager
    def running(self, chosen: str, method: str, caller: Caller) -> Iterator[Operation]:
        """
        Count and list a call for as long as it runs.

        A call whose id its entity is already running shares that operation, as in viam-server; it
        is over when the last of its calls is.
        """
        key = caller.entity, chosen
        operation = self._running.get(key) or Operation(
            chosen, method, time.time(), caller.session)
        self._running[key] = operation
        operation.calls += 1
        try:
            with self.counted(caller.peer):
                yield operation
        finally:
            operation.calls -= 1
            if not operation.calls:
                del self._running[key]
                operation.ended.set()

    def of(self, entity: str) -> list[Operation]:
        """Return the running operations of an entity."""
        return [operation for (owner, _), operation in self._running.items() if owner == entity]

    def cancel(self, entity: str, wanted: str) -> None:
        """Cancel what an entity runs under this id; an unknown id has no effect."""
        operation = self._running.get((entity, wanted))
        if operation is not None:
            operation.cancelled.set()

    def cancel_others(self, own: Operation | None, entity: str | None = None) -> None:
        """Cancel all that runs but one, whoever runs it, or only what this entity runs."""
        for operation in self._running.values() if entity is None else self.of(entity):
            if operation is not own:
                operation.cancelled.set()

    async def wait(self, entity: str, wanted: str) -> None:
        """Return when an entity runs nothing under this id."""
        operation = self._running.get((entity, wanted))
        if operation is not None:
            await operation.ended.wait()
