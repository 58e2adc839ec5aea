# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The path of a call from the request bytes to the servicer and back: one wrapper for all methods.

The wrapper authenticates the caller, checks and renews the session of safety-monitored methods
before anything else, resolves the resource that a component request names, and converts refusals
to gRPC statuses; so no servicer contains a ``try``. The option in the descriptors states which
methods are monitored; there is no second list. viam-sid is read on monitored methods only, so that
a malformed one can never refuse a Stop.

Methods receive bytes and parse them after the session was checked: if a deserializer raises, gRPC
answers by itself (UNKNOWN, with a text of Python) and calls no handler. The length is checked
first, because a parsed request takes up to 70 times its length. A Stop is executed even if only
its name can be read.

gRPC keeps the exception of an abort in the call, and the aborting frame refers to that exception:
everything that the frame holds stays in memory until the next full collection (process.py). So an
inner frame holds the request; it has returned before the abort.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
import logging
import time
from typing import Any, Generic, NamedTuple, TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
import grpc

from viam_session_bridge.core.errors import (
    bounded,
    BridgeError,
    InvalidSessionId,
    NotYet,
    shown,
)
from viam_session_bridge.core.events import Ended, LogEvent, Refusal
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller
from viam_session_bridge.core.sessions import NO_SESSION, parse_session_id
from viam_session_bridge.core.setpoints import ServiceCall
from viam_session_bridge.core.states import Reason
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.auth import (
    AUTHENTICATE,
    Authentication,
    Rights,
    SIGNALING,
    unauthenticated,
)
from viam_session_bridge.rpc.connections import Clients, SocketMonitor
from viam_session_bridge.rpc.operations import operation_id, OPERATION_KEY, Operations
from viam_session_bridge.rpc.status import (
    CallError,
    exhausted,
    MoveAborted,
    status_of,
    unimplemented,
)
from viam_session_bridge.rpc.throttle import Throttle

SESSION_KEY = 'viam-sid'

# A command waits so long (s) for the discovery of a driver that has just started.
DISCOVERY_PATIENCE = 1.0
RETRY_PERIOD = 0.02

# A driver ends a request to its service long before this time (s).
ERRAND_PATIENCE = 30.0

# Accepted at any load: other calls must not block what keeps a robot safe or a client connected.
_UNBOUNDED = frozenset({AUTHENTICATE} | {
    f'viam.robot.v1.RobotService.{name}' for name in (
        'StartSession', 'ResourceNames', 'ResourceRPCSubtypes', 'GetVersion', 'GetOperations',
        'StopAll', 'CancelOperation')})

# Short and frequent (thousands per second): they are not listed as operations and send no header.
_UNLISTED = frozenset({'viam.robot.v1.RobotService.SendSessionHeartbeat'})

_STOPS = frozenset({'Stop', 'StopAll'})

# Commands besides the methods that Viam monitors. Refusals of commands are logged.
_OTHER_COMMANDS = _STOPS | {'DoCommand', 'Home'}

# Refusals of one resource for the same cause are logged once in this period (s).
REFUSAL_PERIOD = 10.0

# Metadata that names the client software: set by Viam's SDKs, or by the gRPC library.
_SDK_KEYS = ('viam_client', 'user-agent')

# In a Stop that cannot be parsed, Python reads at most this many fields to find the name.
_MOST_FIELDS = 1000

# The longest request that a method parses, bytes. The parser (in C) blocks all other Python code,
# and a parsed request may take 70 times its length.
REQUEST_LIMIT = 64 * 1024
_OTHER_LIMITS = {
    # Every peer may send it, before it is authenticated. It holds a key id and a key.
    AUTHENTICATE: 4 * 1024,
    # MOST_STATIONS positions of an arm with up to 60 joints.
    'viam.component.arm.v1.ArmService.MoveThroughJointPositions': 512 * 1024,
    # A batch of 5,000 points of 6 joints with velocities and accelerations; more come in the next.
    'viam.component.arm.v1.ArmService.MoveThroughJointPositionsStreamed': 1024 * 1024,
    # Each reply repeats its request.
    **{f'grpc.reflection.{version}.ServerReflection.ServerReflectionInfo': 4 * 1024
       for version in ('v1', 'v1alpha')},
}

# gRPC itself refuses requests that are longer than the largest limit.
LARGEST_REQUEST = max(_OTHER_LIMITS.values())
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Result = TypeVar('_Result')

_LOG = logging.getLogger(__name__)


# ---- decoding of requests, also of malformed ones -----------------------------------------------

def request_limit(method: MethodDescriptor) -> int:
    """Return the longest request that a method parses, bytes."""
    return _OTHER_LIMITS.get(method.full_name, REQUEST_LIMIT)


def decoder(method: MethodDescriptor) -> Callable[[bytes], Any]:
    """Return the function that decodes a method's request; it raises only CallError."""
    kind: Any = proto.message(method.input_type.full_name)
    limit = request_limit(method)
    stops = method.name in _STOPS

    def decode(content: bytes) -> Any:
        if len(content) <= limit:
            try:
                return kind.FromString(content)
            # The exception types depend on the protobuf version.
            except Exception:
                code, text = grpc.StatusCode.INVALID_ARGUMENT, (
                    f'the request is not a {method.input_type.full_name}: its bytes are '
                    'malformed, or it is nested too deeply')
        else:
            code, text = grpc.StatusCode.RESOURCE_EXHAUSTED, (
                f'{method.full_name}: the request has {len(content)} bytes; at most {limit} are '
                'accepted')
        salvaged = _salvaged(kind, content) if stops else None
        if salvaged is None:
            raise CallError(code, text)
        return salvaged

    return decode


async def _decoded(requests: AsyncIterator[bytes],
                   decode: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    """Yield the decoded requests of a stream. Raises CallError at one that cannot be decoded."""
    async for content in requests:
        yield decode(content)


def _salvaged(kind: Any, content: bytes) -> Any:
    """Return the Stop request that malformed bytes contain; None if they contain no name."""
    field = kind.DESCRIPTOR.fields_by_name.get('name')
    if field is None:
        return kind()
    name = _last(field.number, content)
    return None if name is None else kind(name=name.decode('utf-8', 'replace'))


def _last(number: int, content: bytes) -> bytes | None:
    """Return the last value of a bytes field in the readable part of a message."""
    found, at = None, 0
    try:
        for _ in range(_MOST_FIELDS):
            if at >= len(content):
                break
            tag, at = _varint(content, at)
            kind, length = tag & 7, 0
            if kind == _VARINT:
                _, at = _varint(content, at)
            elif kind == _BYTES:
                length, at = _varint(content, at)
            elif kind in (_FIXED32, _FIXED64):
                length = 4 if kind == _FIXED32 else 8
            else:
                break
            if at + length > len(content):
                break
            if kind == _BYTES and tag >> 3 == number:
                found = content[at:at + length]
            at += length
    except IndexError:
        pass  # the message ends within a number
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a varint and the position after it. Raises IndexError."""
    value = shift = 0
    while content[at] & 0x80:
        value |= (content[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise IndexError('a varint has at most 64 bits')
    return value | content[at] << shift, at + 1


# ---- the caller, and its motion -----------------------------------------------------------------

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


def sdk_of(metadata: dict[str, list[str]]) -> str:
    """Return the client software that the metadata names, unverified and bounded; or ''."""
    for key in _SDK_KEYS:
        if key in metadata:
            return bounded(metadata[key][0])
    return ''


def is_late(context: Any) -> bool:
    """Return whether the gRPC deadline of a call has passed, so that its caller has given up."""
    left = context.time_remaining()
    return left is not None and left <= 0.0


# Not frozen: every heartbeat creates one, and creating a frozen one takes several times as long.
@dataclass(slots=True, eq=False)
class Call:
    """
    A running call. The wrapper sets the fields that are not known at its arrival.

    watch: to be called once a motion may depend on a connection. locate: finds the open socket of
    the caller, for motion that Viam does not monitor. operation: the Operation that GetOperations
    lists; None for a call that is not listed, which never waits. announced: its id was sent.
    overload: why the call may only stop; empty unless too many calls ran at its arrival.
    resource: the Resource that the request names, for a method of a component.
    rights: what the caller may do. revoked: its key has been revoked during the call.
    """

    supervisor: LockedBridge
    rights: Rights
    caller: Caller
    metadata: dict[str, list[str]]
    context: Any
    watch: Callable[[], None]
    locate: Callable[[], int | None] = lambda: None
    operation: Any = None
    announced: bool = False
    overload: str = ''
    resource: Any = None
    revoked: bool = False

    async def announce(self) -> None:
        """Send the response header with the operation id, once: for calls that wait."""
        if not self.announced:
            self.announced = True
            await self.context.send_initial_metadata(((OPERATION_KEY, self.operation.id),))

    async def command(self, name: str, motion: Motion) -> None:
        """
        Set a motion that lasts until it is ended; returns when its driver has received it.

        Raises a BridgeError, or MoveAborted if the driver or the guard did not become ready.
        """
        begun: _Waiter[Ended | None] = _Waiter()
        epoch, waits = await self._accepted(
            name, motion, lambda caller, turn: self.supervisor.begin(
                name, motion, caller, begun.set_result, turn))
        if waits:
            await self._waited(name, epoch, begun.future)

    async def move(self, name: str, motion: Motion,
                   accepted: Callable[[int], object] | None = None,
                   turn: int | None = None) -> Ended:
        """
        Make a finite move and wait for its end; returns how it ended, and its driver's message.

        A Stop or another command is a regular end. Raises MoveAborted at any other early end. The
        caller's own cancellation, its gRPC deadline and CancelOperation end the move if it is
        still the current one. accepted receives the epoch. turn: the number from the supervisor
        when the command began, for commands that take time to arrive.
        """
        stops = self._stops(motion)
        ended: _Waiter[Ended] = _Waiter()
        epoch = await self._accepted(
            name, motion, lambda caller, turn: self.supervisor.command(
                name, motion, caller, None if stops else ended.set_result, turn), turn)
        if stops:
            return Ended(name, epoch, Reason.STOPPED)
        if accepted is not None:
            accepted(epoch)
        return await self._waited(name, epoch, ended.future)

    async def _waited(self, name: str, epoch: int,
                      future: 'asyncio.Future[_Result]') -> _Result:
        """
        Return the result of a motion; any cancellation by the caller ends the motion.

        Raises MoveAborted if the motion ended early, and not by its caller or another command.
        """
        try:
            await self.announce()
            # Cancelled after a Stop or a newer command has ended it: wait for that result.
            if not await self._first(future) and not self.supervisor.cancel(name, epoch):
                await asyncio.wait({future})
        except BaseException:
            self.supervisor.cancel(name, epoch)
            raise
        if not future.done():
            raise _cancelled(name)
        result = future.result()
        if isinstance(result, Ended) and not result.reason.answers_ok:
            raise MoveAborted(name, result.reason, result.detail)
        return result

    async def service_command(self, name: str, call: ServiceCall) -> tuple[str, str]:
        """
        Have a driver run a command that moves nothing, and wait for its response.

        Returns the problem (empty on success) and the driver's message. Raises CallError if
        CancelOperation or the call's deadline came first.
        """
        self.require_in_time()
        self.rights.require_command(name)
        answered: _Waiter[tuple[str, str]] = _Waiter()
        self.supervisor.service_command(
            name, call, lambda problem, detail: answered.set_result((problem, detail)))
        try:
            return await asyncio.wait_for(self.awaited(answered.future), ERRAND_PATIENCE)
        except asyncio.TimeoutError:
            return f'its driver has not answered within {ERRAND_PATIENCE:g} s', ''

    async def awaited(self, future: 'asyncio.Future[_Result]') -> _Result:
        """Return the result of a future. Raises CallError if CancelOperation came first."""
        try:
            if await self._first(future):
                return future.result()
        finally:
            future.cancel()
        raise CallError(grpc.StatusCode.CANCELLED, 'the operation was cancelled')

    def require_in_time(self) -> None:
        """Raise CallError when the gRPC deadline of this call has passed."""
        if is_late(self.context):
            raise _too_late()

    def _stops(self, motion: Motion) -> bool:
        return motion.within(self.resource.limits).is_stop

    async def _first(self, ended: 'asyncio.Future[Any]') -> bool:
        """Wait for a future; returns False if CancelOperation came first."""
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
        """Give a command; a refusal that may be temporary is retried for a moment."""
        limited = self.overload or self.rights.command is not None
        if limited and not self._stops(motion):
            self.rights.require_command(name)
            if self.overload:
                raise exhausted(self.overload)
        # The supervisor's clock counts suspended time: a command that waited during it is too old.
        clocks = (self.supervisor.now, asyncio.get_running_loop().time)
        give_up: list[float] = []
        while True:
            # At each try: after a stall, the event loop may run this before it handles the end of
            # the call.
            if is_late(self.context) and not self._stops(motion):
                raise _too_late()
            try:
                # A connection holds what Viam does not monitor.
                accepted = give(self.caller if motion.monitored else replace(
                    self.caller, session=None, socket=self.locate()), turn)
                self.watch()
                return accepted
            except NotYet as problem:
                turn, refusal = problem.turn, problem
            give_up = give_up or [clock() + DISCOVERY_PATIENCE for clock in clocks]
            await self._pause(name)
            if any(clock() >= end for clock, end in zip(clocks, give_up, strict=True)):
                raise refusal

    async def _pause(self, name: str) -> None:
        try:
            await asyncio.wait_for(self.operation.cancelled.wait(), RETRY_PERIOD)
        except asyncio.TimeoutError:
            return
        raise _cancelled(name)


def _too_late() -> CallError:
    return CallError(grpc.StatusCode.DEADLINE_EXCEEDED, 'the deadline of this call has passed')


def _cancelled(name: str) -> CallError:
    return CallError(grpc.StatusCode.CANCELLED, f'{name}: the operation was cancelled')


class _Waiter(Generic[_Result]):
    """A future on the event loop whose result another thread sets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[_Result] = self._loop.create_future()

    def set_result(self, result: _Result) -> None:
        """Set the result, from any thread; must be called once."""
        try:
            self._loop.call_soon_threadsafe(self._settle, result)
        except RuntimeError:
            pass  # the loop is closed, and nothing waits for the result

    def _settle(self, result: _Result) -> None:
        if not self.future.done():
            self.future.set_result(result)


# ---- handlers -----------------------------------------------------------------------------------

Behaviour = Callable[[Any, Call], Awaitable[Any]]
_Streaming = Callable[[Any, Call], AsyncGenerator[Any, None]]


class Registry:
    """Creates the gRPC handlers of one server."""

    def __init__(self, supervisor: LockedBridge, presence: SocketMonitor,
                 operations: Operations, authentication: Authentication,
                 clients: Clients | None = None,
                 note: Callable[[LogEvent], None] = lambda event: None) -> None:
        """Begin; clients meet the peer of each call, note takes refusals worth an event."""
        self._supervisor = supervisor
        self._presence = presence
        self._operations = operations
        self._authentication = authentication
        # By entity: the running calls, with their tasks.
        self._under_way: dict[str, dict[Call, asyncio.Task[Any]]] = {}
        self._refusals = RefusalLog(note)
        self._clients = Clients(lambda peer: None, lambda peer, came: None) if (
            clients is None) else clients
        # The number of calls received.
        self.calls = 0

    def handler(self, service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
        """
        Return the handler of a service, for the methods that the servicer has.

        A method of a servicer that returns None sends the empty response. A servicer with a method
        `resource` serves components; that method resolves the resource that a request names.
        """
        return grpc.method_handlers_generic_handler(
            service.full_name,
            {method.name: self._method(method, servicer) for method in service.methods
             if hasattr(servicer, method.name)})

    def end_calls(self, entity: str) -> None:
        """End all calls of a key that is no longer valid, with UNAUTHENTICATED."""
        for call, task in self._under_way.get(entity, {}).items():
            call.revoked = True
            task.cancel()

    @contextmanager
    def _ended_with_its_key(self, call: Call) -> Iterator[None]:
        """End a call when its caller's key becomes invalid, with a CallError."""
        entity, task = call.caller.entity, asyncio.current_task()
        assert task is not None
        self._under_way.setdefault(entity, {})[call] = task
        try:
            yield
        except asyncio.CancelledError:
            if not call.revoked:
                raise
            raise unauthenticated(f'key {entity} was revoked, rotated or changed') from None
        finally:
            calls = self._under_way[entity]
            del calls[call]
            if not calls:
                del self._under_way[entity]

    def _method(self, method: MethodDescriptor, servicer: object) -> grpc.RpcMethodHandler:
        behaviour = getattr(servicer, method.name)
        serialize = proto.message(method.output_type.full_name).SerializeToString
        if any(proto.streams(method)):
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(method, behaviour), response_serializer=serialize)
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, behaviour, getattr(servicer, 'resource', None)),
            response_serializer=serialize)

    def _unary(self, method: MethodDescriptor, behaviour: Behaviour,
               resource: Callable[[str], Any] | None) -> Callable[..., Any]:
        monitored = proto.is_monitored(method)
        listed = method.full_name not in _UNLISTED
        public = method.full_name == AUTHENTICATE
        # Call checks the right to command; every caller may stop.
        reads = not (monitored or method.name == 'Stop')
        bounded = reads and method.full_name not in _UNBOUNDED
        path = f'/{method.containing_service.full_name}/{method.name}'
        decode, empty = decoder(method), proto.message(method.output_type.full_name)()

        commands = monitored or method.name in _OTHER_COMMANDS

        async def answer(content: bytes, context: Any) -> Any:
            """Return the reply, or a _Refusal."""
            call, named = None, ''
            try:
                call = self._open(context, monitored, path, public)
                if not listed:
                    return await behaviour(decode(content), call)
                overload = self._operations.overload(call.caller.peer)
                with self._ended_with_its_key(call), self._operations.running(
                        operation_id(call.metadata), path, call.caller) as call.operation:
                    if bounded and overload:
                        raise exhausted(overload)
                    request = decode(content)
                    call.overload = overload
                    if resource is not None:
                        call.resource = resource(request.name)
                        named = request.name
                        if reads:
                            call.rights.require_read(named)
                    # The header is sent after the method has run: a Stop is executed even if its
                    # caller disconnects at once, and a command is not delayed.
                    reply = await behaviour(request, call)
                    await call.announce()
                    return empty if reply is None else reply
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception as problem:
                refusal = _refusal(problem, path)
                if commands:
                    self._refusals.note(named, path, context, problem, refusal.text)
            if call is not None and call.operation is not None:
                await call.announce()
            return refusal

        async def handle(content: bytes, context: Any) -> Any:
            reply = await answer(content, context)
            if not isinstance(reply, _Refusal):
                return reply
            abort = context.abort(*reply)
            del content, context  # see the docstring of the module
            await abort
            return None

        return handle

    def _streaming(self, method: MethodDescriptor, behaviour: _Streaming) -> Callable[..., Any]:
        """Return the handler of a stream; all streams are counted, monitored ones are listed."""
        monitored = proto.is_monitored(method)
        path = f'/{method.containing_service.full_name}/{method.name}'
        decode = decoder(method)

        async def answer(requests: Any, context: Any) -> AsyncGenerator[Any, None]:
            """Yield the replies; the last one may be a _Refusal."""
            try:
                call = self._open(context, monitored, path)
                overload = self._operations.overload(call.caller.peer)
                if overload:
                    raise exhausted(overload)
                with self._ended_with_its_key(call), (
                        self._operations.running(
                            operation_id(call.metadata), path, call.caller) if monitored
                        else self._operations.counted(call.caller.peer)) as call.operation:
                    if monitored:
                        await call.announce()
                    # Closed as soon as the client is gone: the end of its motion must not wait
                    # for garbage collection.
                    async with aclosing(behaviour(_decoded(requests, decode), call)) as replies:
                        async for reply in replies:
                            yield reply
                return
            except (asyncio.CancelledError, grpc.aio.AbortError, GeneratorExit):
                raise
            except Exception as problem:
                refusal = _refusal(problem, path)
                if monitored:
                    self._refusals.note('', path, context, problem, refusal.text)
            yield refusal

        async def handle(requests: Any, context: Any) -> AsyncIterator[Any]:
            abort = None
            async with aclosing(answer(requests, context)) as replies:
                async for reply in replies:
                    if isinstance(reply, _Refusal):
                        abort = context.abort(*reply)
                    else:
                        yield reply
            if abort is not None:
                del requests, context, replies  # see the docstring of the module
                await abort

        return handle

    def unserved(self) -> grpc.GenericRpcHandler:
        """Return the handler of all methods that no other handler serves."""
        return _Unserved(self._abort_unserved)

    def _abort_unserved(self, path: str, context: Any) -> Awaitable[None]:
        """Return the abort of a call of such a method."""
        try:
            # SDKs continue without WebRTC only if this status does not depend on credentials.
            if not path.startswith(f'/{SIGNALING}/'):
                self._open(context, monitored=False, path=path)
            raise unimplemented(f'{shown(path)} is not served by viam_session_bridge')
        except CallError as problem:
            abort: Awaitable[None] = context.abort(*_refusal(problem, path))
        return abort

    def _open(self, context: Any, monitored: bool, path: str, public: bool = False) -> Call:
        """
        Authenticate the caller. On a monitored method, check the session before anything else.

        public: the method is served without authentication.
        """
        self.calls += 1
        metadata: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata() or ():
            metadata.setdefault(key, []).append(value)
        peer, watch = context.peer(), self._presence.wake
        rights = _NOTHING if public else self._authentication.rights(metadata, peer)
        if peer not in self._clients.known:
            self._clients.meet(peer)
        if not monitored:
            caller = Caller(entity=rights.entity, peer=peer, method=path, sdk=sdk_of(metadata))
            # Only motion that Viam does not monitor needs the socket, so it is found on demand.
            return Call(self._supervisor, rights, caller, metadata, context, watch,
                        locate=partial(self._presence.socket_of, peer))
        session = session_of(metadata)
        # A call that arrives after its deadline does not prove that its client is present: it
        # renews no session, and of commands only a stop is executed (Call).
        if is_late(context):
            session = None
        caller = Caller(session, self._presence.socket_of(peer), rights.entity, peer, path,
                        sdk_of(metadata))
        self._supervisor.admit(caller)
        return Call(self._supervisor, rights, caller, metadata, context, watch,
                    locate=lambda: caller.socket)


# The rights of a caller that is not authenticated.
_NOTHING = Rights(command=frozenset(), read=False, stops_all=False)


class _Unserved(grpc.GenericRpcHandler):
    """Refuses methods that no handler serves; as a stream, without reading a request."""

    def __init__(self, abort: Callable[[str, Any], Awaitable[None]]) -> None:
        self._abort = abort

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        """Return the handler that refuses this method."""
        path = handler_call_details.method

        async def refuse(requests: Any, context: Any) -> None:
            abort = self._abort(path, context)
            del requests, context  # see the docstring of the module
            await abort

        return grpc.stream_stream_rpc_method_handler(refuse)


class RefusalLog:
    """Notes refused commands, once per resource and cause in each period."""

    def __init__(self, note: Callable[[LogEvent], None]) -> None:
        self._note = note
        # All resources that are not configured count as one.
        self._throttle = Throttle()

    def note(self, resource: str, path: str, context: Any, problem: Exception,
             text: str) -> None:
        """
        Take a refusal. resource: the target of the command; empty if none is known.

        Moves that ended early are not logged here: they were accepted, and their end is in the
        log. Nor are calls that their callers cancelled.
        """
        if isinstance(problem, MoveAborted) or (
                isinstance(problem, CallError) and problem.code is grpc.StatusCode.CANCELLED):
            return
        cause = (problem.code.name if isinstance(problem, CallError)
                 else type(problem).__name__)
        more = self._throttle.due((resource, cause), time.monotonic(), REFUSAL_PERIOD)
        if more is not None:
            self._note(Refusal(path, context.peer(), cause, text, resource, more))


class _Refusal(NamedTuple):
    """How a call is refused."""

    code: grpc.StatusCode
    text: str


def _refusal(problem: Exception, path: str) -> _Refusal:
    """
    Return the status for an exception; an exception that is not a refusal is logged.

    The frames of the exception are released: they hold the request, and one may hold the
    exception.
    """
    if isinstance(problem, (BridgeError, CallError)):
        refusal = _Refusal(*status_of(problem))
    else:
        _LOG.error('%s failed inside the bridge', path, exc_info=problem)
        refusal = _Refusal(
            grpc.StatusCode.INTERNAL, f'{path} failed inside the bridge; see its log')
    chain: BaseException | None = problem
    while chain is not None:
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__
    return refusal
