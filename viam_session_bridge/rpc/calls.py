# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One call, as a servicer sees it: who calls, and motion on the caller's behalf.

Reads viam-sid on safety-monitored methods only, so that a malformed one can never refuse a Stop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import grpc

from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.errors import InvalidSessionId, NotYet
from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.sessions import NO_SESSION, parse_session_id
from viam_session_bridge.core.setpoints import Call as DriverCall
from viam_session_bridge.core.states import Reason, WISHED
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc.operations import Operation
from viam_session_bridge.rpc.status import CallError, crowded, MoveAborted

SESSION_KEY = 'viam-sid'

# Discovery of a driver that has just started may take a moment (s); a command waits for it.
DISCOVERY_PATIENCE = 1.0
RETRY_PERIOD = 0.02

# A driver gives up on its service long before (s).
ERRAND_PATIENCE = 30.0

_Result = TypeVar('_Result')


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


def is_late(context: Any) -> bool:
    """Tell whether the gRPC deadline of a call has passed: its caller waits no more."""
    left = context.time_remaining()
    return left is not None and left <= 0.0


# Not frozen: one is made for every heartbeat, and a frozen one takes several times as long.
@dataclass(slots=True)
class Call:
    """
    A call under way; never changed.

    watch: to be called once a motion may depend on a connection. locate: finds the open socket of
    the caller, for motion that Viam does not monitor. announce: sends the operation's
    id ahead of the answer, for calls that wait. operation: the call as GetOperations lists it.
    crowding: why it may do nothing but stop; empty unless too many calls ran when it came.
    """

    gate: LockedBridge
    caller: Caller
    metadata: dict[str, list[str]]
    context: Any
    watch: Callable[[], None]
    locate: Callable[[], int | None] = lambda: None
    announce: Callable[[], Awaitable[None]] | None = None
    operation: Operation | None = None
    crowding: str = ''

    async def command(self, name: str, motion: Motion) -> None:
        """
        Set a wish that holds until something ends it; answers when its driver was told.

        Raises a BridgeError, or MoveAborted when the driver, or the guard, did not get ready.
        """
        begun: _Waiter[Ended | None] = _Waiter()
        epoch, waits = await self._accepted(
            name, motion, lambda caller, turn: self.gate.begin(
                name, motion, caller, begun.tell, turn))
        if not waits:
            return
        ended = await self._waited(name, epoch, begun.future)
        if ended is not None and ended.reason not in WISHED:
            raise MoveAborted(name, ended.reason, ended.detail)

    async def move(self, name: str, motion: Motion,
                   accepted: Callable[[int], object] | None = None,
                   turn: int | None = None) -> Ended:
        """
        Make a finite move and wait for its end; returns how it ended, and what its driver said.

        A move that another command or a Stop ended has ended as wished. Raises MoveAborted when
        it ended otherwise. The caller's own cancellation, its gRPC deadline and CancelOperation
        end the move, if it is still the current one. accepted is told the epoch. turn: the gate's,
        from when the caller began to say what it wants, where that takes time.
        """
        if self._stops(name, motion):
            epoch = await self._accepted(
                name, motion, lambda caller, turn: self.gate.command(
                    name, motion, caller, turn=turn), turn)
            return Ended(name, epoch, Reason.STOPPED)
        ended: _Waiter[Ended] = _Waiter()
        epoch = await self._accepted(
            name, motion, lambda caller, turn: self.gate.command(
                name, motion, caller, ended.tell, turn), turn)
        if accepted is not None:
            accepted(epoch)
        end = await self._waited(name, epoch, ended.future)
        if end.reason not in WISHED:
            raise MoveAborted(name, end.reason, end.detail)
        return end

    async def _waited(self, name: str, epoch: int,
                      future: 'asyncio.Future[_Result]') -> _Result:
        """Return what came of a motion; the caller's cancellation, in any way, ends it."""
        try:
            if self.announce is not None:
                await self.announce()
            # Cancelled, but over already by a Stop or a newer command: its end is on the way.
            if not await self._first(future) and not self.gate.cancel(name, epoch):
                await asyncio.wait({future})
        except asyncio.CancelledError:
            self.gate.cancel(name, epoch)
            raise
        if not future.done():
            raise _cancelled(name)
        return future.result()

    async def errand(self, name: str, call: DriverCall) -> tuple[str, str]:
        """
        Have a driver run a command that moves nothing, and wait for its answer.

        Returns the problem (empty is success) and what the driver said. Raises CallError when
        CancelOperation or the call's deadline came first.
        """
        self.require_in_time()
        answered: _Waiter[tuple[str, str]] = _Waiter()
        self.gate.errand(
            name, call, lambda problem, detail: answered.tell((problem, detail)))
        try:
            return await asyncio.wait_for(self.awaited(answered.future), ERRAND_PATIENCE)
        except asyncio.TimeoutError:
            return f'its driver has not answered within {ERRAND_PATIENCE:g} s', ''

    async def awaited(self, future: 'asyncio.Future[_Result]') -> _Result:
        """Return what is waited for. Raises CallError when CancelOperation came first."""
        try:
            if await self._first(future):
                return future.result()
        finally:
            future.cancel()
        raise CallError(grpc.StatusCode.CANCELLED, 'the operation was cancelled')

    def require_in_time(self) -> None:
        """Raise CallError when the gRPC deadline of this call has passed."""
        if is_late(self.context):
            raise CallError(
                grpc.StatusCode.DEADLINE_EXCEEDED, 'the deadline of this call has passed')

    def _stops(self, name: str, motion: Motion) -> bool:
        return motion.within(self.gate.resource(name).limits).is_stop

    async def _first(self, ended: 'asyncio.Future[Any]') -> bool:
        """Wait for a future; tells whether it is done, not CancelOperation came first."""
        if self.operation is None:
            await asyncio.wait({ended})
            return True
        cancelled = asyncio.ensure_future(self.operation.cancelled.wait())
        either: set[asyncio.Future[Any]] = {ended, cancelled}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
        return ended.done()

    async def _accepted(self, name: str, motion: Motion,
                        give: Callable[[Caller, int | None], _Result],
                        turn: int | None = None) -> _Result:
        """Give a command, waiting a moment for what may pass by itself; each try decides anew."""
        stops = self._stops(name, motion)
        if self.crowding and not stops:
            raise crowded(self.crowding)
        loop = asyncio.get_running_loop()
        # The gate's clock counts suspended time: what waited through a freeze is too old.
        clocks = (self.gate.now, loop.time)
        give_up = [clock() + DISCOVERY_PATIENCE for clock in clocks]
        while True:
            # Each time: an event loop that was frozen may run us before it hears of the end.
            if not stops:
                self.require_in_time()
            try:
                accepted = give(self._claimant(motion), turn)
                self.watch()
                return accepted
            except NotYet as problem:
                turn, refusal = problem.turn, problem
            await self._pause(name)
            if any(clock() >= end for clock, end in zip(clocks, give_up, strict=True)):
                raise refusal

    def _claimant(self, motion: Motion) -> Caller:
        """Return who holds a motion; one that Viam does not monitor is held by a connection."""
        if motion.monitored:
            return self.caller
        return replace(self.caller, session=None, socket=self.locate())

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


class _Waiter(Generic[_Result]):
    """Waits on the event loop for what another thread tells."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[_Result] = self._loop.create_future()

    def tell(self, result: _Result) -> None:
        """Tell it, on any thread; must be called once."""
        try:
            self._loop.call_soon_threadsafe(self._settle, result)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more, and who tells must go on

    def _settle(self, result: _Result) -> None:
        if not self.future.done():
            self.future.set_result(result)
