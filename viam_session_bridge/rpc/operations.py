# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The calls that are running now, as GetOperations lists them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import time
import uuid


@dataclass(frozen=True)
class Operation:
    """One running call: id, method path, wall-clock start (s), session id if it carried one."""

    id: str
    method: str
    started: float
    session: str | None


class Operations:
    """Touched on the event loop's thread only."""

    def __init__(self) -> None:
        self._running: dict[str, Operation] = {}

    @contextmanager
    def running(self, method: str, session: str | None) -> Iterator[Operation]:
        """List a call for as long as it runs."""
        # The wall clock is for people to read; nothing is decided by it.
        operation = Operation(str(uuid.uuid4()), method, time.time(), session)
        self._running[operation.id] = operation
        try:
            yield operation
        finally:
            del self._running[operation.id]

    def others(self, own: str) -> list[Operation]:
        """Return all running operations but one."""
        return [operation for operation in self._running.values() if operation.id != own]
