# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turns servicers into gRPC handlers: one wrapper for every method.

The wrapper finds out who calls, checks and renews the session of safety-monitored methods before
anything else, and translates refusals; so no servicer contains a ``try``. Which methods are
monitored is read from the option in the descriptors, never from a second list.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from functools import partial
import logging
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
import grpc

from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.errors import BridgeError
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.auth import entity_of
from viam_session_bridge.rpc.calls import Call, is_late, session_of
from viam_session_bridge.rpc.decoding import Decoded, decoded, decoder
from viam_session_bridge.rpc.operations import (
    Operation,
    operation_id,
    OPERATION_KEY,
    Operations,
)
from viam_session_bridge.rpc.presence import Presence
from viam_session_bridge.rpc.status import CallError, crowded, status_of, unimplemented

Behaviour = Callable[[Any, Call], Awaitable[Any]]
_Streaming = Callable[[Any, Call], AsyncGenerator[Any, None]]

_LOG = logging.getLogger(__name__)

# Always let in: no flood of other calls may starve what keeps a robot safe or a client connected.
_UNBOUNDED = frozenset({'proto.rpc.v1.AuthService.Authenticate'} | {
    f'viam.robot.v1.RobotService.{name}' for name in (
        'StartSession', 'ResourceNames', 'ResourceRPCSubtypes', 'GetVersion', 'GetOperations',
        'StopAll', 'CancelOperation')})

# Thousands a second, and over in no time: listing them and sending a header ahead of each answer
# would only cost.
_UNLISTED = frozenset({'viam.robot.v1.RobotService.SendSessionHeartbeat'})


class Registry:
    """Makes the handlers of one server."""

    def __init__(self, gate: LockedBridge, presence: Presence, operations: Operations) -> None:
        self._gate = gate
        self._presence = presence
        self._operations = operations
        # How many calls have come in.
        self.calls = 0

    def handler(self, service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
        """Return the handler of a service; what the servicer lacks is refused as not served."""
        return grpc.method_handlers_generic_handler(
            service.full_name,
            {method.name: self._method(method, servicer) for method in service.methods})

    def _method(self, method: MethodDescriptor, servicer: object) -> grpc.RpcMethodHandler:
        reads, writes = proto.streams(method)
        behaviour = getattr(servicer, method.name, None)
        coding = {
            'request_deserializer': decoder(method),
            'response_serializer': proto.message(method.output_type.full_name).SerializeToString}
        if reads or writes:
            if behaviour is not None:
                behaviour = self._streaming(method, behaviour)
            make = {(False, True): grpc.unary_stream_rpc_method_handler,
                    (True, False): grpc.stream_unary_rpc_method_handler,
                    (True, True): grpc.stream_stream_rpc_method_handler}[reads, writes]
            return make(behaviour or self._refusal(method), **coding)
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, behaviour or _missing(method)), **coding)

    def _unary(self, method: MethodDescriptor, behaviour: Behaviour) -> Callable[..., Any]:
        monitored = proto.is_monitored(method)
        listed = method.full_name not in _UNLISTED
        bounded = not (
            monitored or method.name == 'Stop' or method.full_name in _UNBOUNDED)
        path = f'/{method.containing_service.full_name}/{method.name}'

        async def handle(request: Any, context: Any) -> Any:
            header = None
            try:
                call = self._open(context, monitored)
                if not listed:
                    return await behaviour(decoded(request), call)
                crowding = self._operations.crowded(call.caller.peer)
                with self._running(call, path) as operation:
                    header = _Header(context, operation.id)
                    if bounded and crowding:
                        raise crowded(crowding)
                    # First the deed, then the header: a Stop is carried out even if its caller
                    # leaves at once, and a command is not kept waiting.
                    reply = await behaviour(decoded(request), replace(
                        call, operation=operation, announce=header.send, crowding=crowding))
                    await header.send()
                    return reply
            except (BridgeError, CallError) as problem:
                code, text = status_of(problem)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception:
                code, text = _broken(path)
            if header is not None:
                await header.send()
            await context.abort(code, text)
            return None

        return handle

    def _streaming(self, method: MethodDescriptor, behaviour: _Streaming) -> Callable[..., Any]:
        """Return the handler of a stream that is served; all count, the monitored are listed."""
        monitored = proto.is_monitored(method)
        path = f'/{method.containing_service.full_name}/{method.name}'

        async def handle(requests: Any, context: Any) -> AsyncIterator[Any]:
            try:
                call = self._open(context, monitored)
                crowding = self._operations.crowded(call.caller.peer)
                if crowding:
                    raise crowded(crowding)
                with (self._running(call, path) if monitored
                      else self._operations.counted(call.caller.peer)) as operation:
                    if operation is not None:
                        announce = _Header(context, operation.id).send
                        await announce()
                        call = replace(call, operation=operation, announce=announce)
                    # Closed at once where the client has gone: what it began must not wait for
                    # the collector of garbage.
                    async with aclosing(behaviour(Decoded(requests), call)) as replies:
                        async for reply in replies:
                            yield reply
                return
            except (BridgeError, CallError) as problem:
                code, text = status_of(problem)
            except (asyncio.CancelledError, grpc.aio.AbortError, GeneratorExit):
                raise
            except Exception:
                code, text = _broken(path)
            await context.abort(code, text)

        return handle

    def _running(self, call: Call, path: str) -> AbstractContextManager[Operation]:
        return self._operations.running(
            operation_id(call.metadata), path, call.caller.session, call.caller.peer)

    def _refusal(self, method: MethodDescriptor) -> Callable[..., Any]:
        """Return the handler of a stream that is not served; the session still comes first."""
        monitored = proto.is_monitored(method)

        async def refuse(request: Any, context: Any) -> Any:
            try:
                self._open(context, monitored)
                raise _not_served(method)
            except (BridgeError, CallError) as problem:
                await context.abort(*status_of(problem))

        return refuse

    def _open(self, context: Any, monitored: bool) -> Call:
        """Find out who calls. On a monitored method the session decides before anything else."""
        self.calls += 1
        metadata: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata() or ():
            metadata.setdefault(key, []).append(value)
        peer, watch = context.peer(), self._presence.nudge
        if not monitored:
            caller = Caller(entity=entity_of(metadata), peer=peer)
            # The search is worth its time only for motion that Viam does not monitor.
            return Call(self._gate, caller, metadata, context, watch,
                        locate=partial(self._presence.socket_of, peer))
        session = session_of(metadata)
        # What comes after its deadline tells of a client that was: it renews nothing, and of
        # commands only a stop is carried out then (calls.py).
        if is_late(context):
            session = None
        caller = Caller(session, self._presence.socket_of(peer), entity_of(metadata), peer)
        self._gate.admit(caller)
        return Call(self._gate, caller, metadata, context, watch,
                    locate=lambda: caller.socket)


class _Header:
    """The response header that tells a call's operation id; sent once."""

    def __init__(self, context: Any, operation: str) -> None:
        self._context = context
        self._operation = operation
        self._sent = False

    async def send(self) -> None:
        if not self._sent:
            self._sent = True
            await self._context.send_initial_metadata(((OPERATION_KEY, self._operation),))


def _broken(path: str) -> tuple[grpc.StatusCode, str]:
    """Log what went wrong; return what the client is told of it."""
    _LOG.exception('%s failed', path)
    return grpc.StatusCode.INTERNAL, f'{path} failed inside the bridge; see its log'


def _not_served(method: MethodDescriptor) -> CallError:
    return unimplemented(f'{method.full_name} is not served by viam_session_bridge')


def _missing(method: MethodDescriptor) -> Behaviour:
    async def refuse(request: Any, call: Call) -> Any:
        raise _not_served(method)

    return refuse
