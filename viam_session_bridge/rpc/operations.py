# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The running calls: listed, waited for, cancelled, and limited in number.

An operation has an id (metadata ``opid``, in and out) and belongs to the entity that called: other
entities cannot see it. Only StopAll cancels operations of other entities. The limits do not apply
to what keeps a robot safe: heartbeats, stops and the SDKs' health checks are always accepted.
Belongs to the event loop's thread.
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

# Each waiting call holds memory, so the number of calls that run at once is limited, in total and
# per connection. viam-server allows 100 per resource and service, including heartbeats.
MOST_RUNNING = 8192
MOST_FROM_ONE = 2048


@dataclass(eq=False)
class Operation:
    """
    One running call.

    id: UUID text. method: full path. started: wall clock (s), for display only. session: its
    session id, if the call carried one. calls: the number of calls that share it.
    """

    id: str  # noqa: A003
    method: str
    started: float
    session: str | None
    calls: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


def operation_id(metadata: dict[str, list[str]]) -> str:
    """Return the id that the caller chose; a new one if it sent none, or not exactly one UUID."""
    values = metadata.get(OPERATION_KEY, [])
    if len(values) == 1:
        try:
            return parse_session_id(values[0], OPERATION_KEY)
        except InvalidSessionId:
            pass  # as in viam-server: a call with a malformed id is not refused
    return str(uuid.uuid4())


class Operations:
    """All running calls of one server."""

    def __init__(self) -> None:
        # By entity and id.
        self._running: dict[tuple[str, str], Operation] = {}
        self._calls = 0
        self._by_peer: Counter[str] = Counter()

    def overload(self, peer: str) -> str:
        """Return why a call that arrives now may only stop; empty if there is no restriction."""
        if self._calls >= MOST_RUNNING:
            return f'{MOST_RUNNING} calls are running, which is the maximum of this bridge'
        if self._by_peer[peer] >= MOST_FROM_ONE:
            return f'{MOST_FROM_ONE} calls of this connection are running, which is the maximum'
        return ''

    @contextmanager
    def counted(self, peer: str) -> Iterator[None]:
        """Count a call while it runs."""
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
        Count and list a call while it runs.

        If a call of the same entity with the same id is running, both share one operation, as in
        viam-server. The operation ends with the last of its calls.
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
        """Cancel the operation of an entity with this id; an unknown id has no effect."""
        operation = self._running.get((entity, wanted))
        if operation is not None:
            operation.cancelled.set()

    def cancel_others(self, own: Operation | None, entity: str | None = None) -> None:
        """Cancel all operations but one: of all entities, or only of this one."""
        for operation in self._running.values() if entity is None else self.of(entity):
            if operation is not own:
                operation.cancelled.set()

    async def wait(self, entity: str, wanted: str) -> None:
        """Wait until an entity has no running operation with this id."""
        operation = self._running.get((entity, wanted))
        if operation is not None:
            await operation.ended.wait()
