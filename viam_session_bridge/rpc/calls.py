# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One call, as a servicer sees it: who calls, and motion on the caller's behalf.

Reads viam-sid on safety-monitored methods only, so that a malformed one can never refuse a Stop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.errors import InvalidSessionId, NotYet
from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.sessions import NO_SESSION, parse_session_id
from viam_session_bridge.core.states import WISHED
from viam_session_bridge.gate import Gate
from viam_session_bridge.rpc.operations import Operation
from viam_session_bridge.rpc.status import CallError, crowded, MoveAborted

SESSION_KEY = 'viam-sid'

# Discovery of a driver that has just started may take a moment (s); a command waits for it.
DISCOVERY_PATIENCE = 1.0
RETRY_PERIOD = 0.02


def session_of(metadata: dict[str, list[str]]) -> str | None:
    """Return the canonical session id of a monitored call. Raises InvalidSessionId."""
    values = metadata.get(SESSION_KEY, [])
    if not values:
        return None
    if len(values) > 1:
        raise InvalidSessionId(
            f'{SESSION_KEY}: found more than one session id in metadata; send exactly one')
    session = parse_session_id(values[0], SESSION_KEY)
    return None if session == NO_SESSION else session


@dataclass(frozen=True)
class Call:
    """
    A call under way.

    watch: to be called once a motion may depend on a connection. announce: sends the operation's
    id ahead of the answer, for calls that wait. operation: the call as GetOperations lists it.
    """

    gate: Gate
    caller: Caller
    metadata: dict[str, list[str]]
    context: Any
    watch: Callable[[], None]
    announce: Callable[[], Awaitable[None]] | None = None
    operation: Operation | None = None

    async def command(self, name: str, motion: Motion) -> None:
        """Set a wish that holds until something ends it. Raises a BridgeError."""
        await self._accepted(name, motion, None)

    async def move(self, name: str, motion: Motion) -> str:
        """
        Make a finite move and wait for its end.

        Returns what its driver said, if it answers; a move that another command or a Stop ended
        has ended as wished. Raises MoveAborted when it ended otherwise. The caller's own
        cancellation, its gRPC deadline and CancelOperation end the move, if it is still the
        current one.
        """
        if self._stops(name, motion):
            await self.command(name, motion)
            return ''
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Ended] = loop.create_future()

        def on_end(end: Ended) -> None:
            try:
                loop.call_soon_threadsafe(_settle, ended, end)
            except RuntimeError:
                pass  # the loop is closed: nobody waits any more, and the pump must go on

        epoch = await self._accepted(name, motion, on_end)
        try:
            if self.announce is not None:
                await self.announce()
            end = await self._first(ended)
        except asyncio.CancelledError:
            self.gate.cancel(name, epoch)
            raise
        if end is None:
            self.gate.cancel(name, epoch)
            raise _cancelled(name)
        if end.reason not in WISHED:
            raise MoveAborted(name, end.reason, end.detail)
        return end.detail

    def _stops(self, name: str, motion: Motion) -> bool:
        return motion.within(self.gate.resource(name).limits).is_stop

    async def _first(self, ended: 'asyncio.Future[Ended]') -> Ended | None:
        """Return how the move ended, or None when CancelOperation came first."""
        if self.operation is None:
            return await ended
        cancelled = asyncio.ensure_future(self.operation.cancelled.wait())
        either: set[asyncio.Future[Any]] = {ended, cancelled}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
        return ended.result() if ended.done() else None

    async def _accepted(self, name: str, motion: Motion, on_end: Any) -> int:
        """Command, waiting a moment for what may pass by itself; each try decides anew."""
        if self.operation is not None and self.operation.crowded and not self._stops(name, motion):
            raise crowded(self.operation.crowded)
        loop = asyncio.get_running_loop()
        # The gate's clock counts suspended time: what waited through a freeze is too old.
        clocks = (self.gate.now, loop.time)
        give_up = [clock() + DISCOVERY_PATIENCE for clock in clocks]
        turn: int | None = None
        while True:
            try:
                epoch = self.gate.command(name, motion, self.caller, on_end, turn)
                self.watch()
                return epoch
            except NotYet as problem:
                turn, refusal = problem.turn, problem
            await self._pause(name)
            if any(clock() >= end for clock, end in zip(clocks, give_up, strict=True)):
                raise refusal

    async def _pause(self, name: str) -> None:
        if self.operation is None:
            await asyncio.sleep(RETRY_PERIOD)
            return
        try:
            await asyncio.wait_for(self.operation.cancelled.wait(), RETRY_PERIOD)
        except asyncio.TimeoutError:
            return
        raise _cancelled(name)


def _cancelled(name: str) -> CallError:
    return CallError(grpc.StatusCode.CANCELLED, f'{name}: the operation was cancelled')


def _settle(future: 'asyncio.Future[Ended]', end: Ended) -> None:
    if not future.done():
        future.set_result(end)
