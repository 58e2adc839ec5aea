# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""viam.robot.v1.RobotService: sessions, resources, operations, and StopAll."""

import asyncio
from collections.abc import Callable, Sequence
import hmac
import logging
import secrets
import time
from typing import Any, NamedTuple
import uuid

import grpc

from viam_session_bridge import __version__
from viam_session_bridge.core.group import Resource
from viam_session_bridge.core.presence import Caller
from viam_session_bridge.core.sessions import parse_session_id
from viam_session_bridge.core.states import State
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.connections import shown_address, SocketMonitor
from viam_session_bridge.rpc.operations import Operations
from viam_session_bridge.rpc.status import CallError

NAMESPACE, TYPE = 'rdk', 'component'

# The maximum lengths of the parts of a client's log entry, in characters.
LONGEST_NAME = 64
LONGEST_MESSAGE = 1000

# A client's entry is logged as an error at most: it must not trigger alarms for fatal errors.
_LEVELS = {
    'debug': logging.DEBUG, 'info': logging.INFO, 'warn': logging.WARNING,
    'warning': logging.WARNING, 'error': logging.ERROR, 'dpanic': logging.ERROR,
    'panic': logging.ERROR, 'fatal': logging.ERROR, 'critical': logging.ERROR}

_LOG = logging.getLogger(__name__)


class Revision(NamedTuple):
    """The active configuration, and its time (s since the epoch, for display only)."""

    name: str
    since: float


class _Health(NamedTuple):
    """Whether a resource is healthy, and since when (s since the epoch) this is reported."""

    healthy: bool
    since: float


class RobotService:
    """
    viam.robot.v1.RobotService.

    resources: all configured resources, with and without an actuator, in order. revision: returns
    the active configuration.
    """

    def __init__(self, supervisor: LockedBridge, operations: Operations,
                 resources: Sequence[Resource], presence: SocketMonitor,
                 revision: Callable[[], Revision] = lambda: Revision('', 0.0)) -> None:
        self._supervisor = supervisor
        self._revision = revision
        self._health: dict[str, _Health] = {}
        self._operations = operations
        self._resources = resources
        self._presence = presence
        self._alias_key = secrets.token_bytes()

    # ---- sessions -------------------------------------------------------------------------------

    async def StartSession(self, request: Any, call: Call) -> Any:
        """Start a session, or resume one; an expired or foreign id gives a new session."""
        caller = _from(call, self._presence.socket_of(call.caller.peer))
        session = self._supervisor.start_session(caller, request.resume)
        resumed = request.resume and session.id == parse_session_id(request.resume, 'resume')
        # A resumed id is returned unchanged: clients compare the text.
        reply = proto.robot.StartSessionResponse(id=request.resume if resumed else session.id)
        reply.heartbeat_window.FromNanoseconds(round(session.window * 1e9))
        return reply

    async def SendSessionHeartbeat(self, request: Any, call: Call) -> Any:
        """Renew a session; SESSION_EXPIRED if it has expired or belongs to another entity."""
        call.require_in_time()
        self._supervisor.beat(parse_session_id(request.id, 'id'),
                              _from(call, self._presence.known_socket(call.caller.peer)))
        return _HEARTBEAT

    async def GetSessions(self, request: Any, call: Call) -> Any:
        """
        List the active sessions and the addresses of their last calls.

        An id gives access to its session, so it is returned only to the connection that used it
        last; others receive an alias.
        """
        reply = proto.robot.GetSessionsResponse()
        own = self._own_session(call)
        for session in self._supervisor.sessions():
            shown = session.id
            if session.entity != call.caller.entity or session.id != own:
                shown = self._alias(session.id)
            entry = reply.sessions.add(id=shown)
            entry.peer_connection_info.type = proto.robot.PEER_CONNECTION_TYPE_GRPC
            entry.peer_connection_info.remote_address = shown_address(session.peer)
        return reply

    def _own_session(self, call: Call) -> str:
        return self._supervisor.session_on(self._presence.known_socket(call.caller.peer))

    def _alias(self, session_id: str) -> str:
        """Return the constant alias of a session id; it gives no access."""
        digest = hmac.digest(self._alias_key, session_id.encode(), 'sha256')
        return str(uuid.UUID(bytes=digest[:16], version=4))

    # ---- resources ------------------------------------------------------------------------------

    async def ResourceNames(self, request: Any, call: Call) -> Any:
        """List every resource by its full name."""
        return proto.robot.ResourceNamesResponse(
            resources=[_name(resource) for resource in self._resources])

    async def ResourceRPCSubtypes(self, request: Any, call: Call) -> Any:
        """List the APIs of the configured resources with their services."""
        reply = proto.robot.ResourceRPCSubtypesResponse()
        for api in sorted({resource.api for resource in self._resources}):
            entry = reply.resource_rpc_subtypes.add(proto_service=proto.service_of(api).full_name)
            entry.subtype.CopyFrom(proto.common.ResourceName(
                namespace=NAMESPACE, type=TYPE, subtype=api))
        return reply

    async def GetVersion(self, request: Any, call: Call) -> Any:
        """Return name and version of this server, and the release of Viam's API."""
        return proto.robot.GetVersionResponse(
            platform='viam_session_bridge', version=__version__,
            api_version=proto.api_version)

    async def GetMachineStatus(self, request: Any, call: Call) -> Any:
        """
        Return which resources are ready; a resource whose stop was not confirmed is unhealthy.

        last_updated is the start, the last change of a parameter, or the time at which the present
        health of the resource was first reported.
        """
        robot = proto.robot
        reply = robot.GetMachineStatusResponse(
            state=robot.GetMachineStatusResponse.State.Value('STATE_RUNNING'))
        revision = self._revision()
        reply.config.revision = revision.name
        reply.config.last_updated.FromNanoseconds(int(revision.since * 1e9))
        states = self._supervisor.states()
        for resource in self._resources:
            entry = reply.resources.add(name=_name(resource), revision=revision.name)
            healthy = states.get(resource.name) is not State.UNCONFIRMED
            known = self._health.get(resource.name, _Health(True, revision.since))
            if healthy is not known.healthy:
                known = _Health(healthy, time.time())
            self._health[resource.name] = known
            entry.last_updated.FromNanoseconds(int(max(known.since, revision.since) * 1e9))
            entry.state = robot.ResourceStatus.State.Value(
                'STATE_READY' if healthy else 'STATE_UNHEALTHY')
            if not healthy:
                entry.error = 'the last stop was not confirmed; motion is refused'
        return reply

    async def GetOperations(self, request: Any, call: Call) -> Any:
        """List the running calls of the caller's entity, without this call."""
        reply = proto.robot.GetOperationsResponse()
        own = self._own_session(call)
        for operation in self._operations.of(call.caller.entity):
            if operation is call.operation:
                continue
            entry = reply.operations.add(id=operation.id, method=operation.method)
            entry.arguments.SetInParent()
            entry.started.FromNanoseconds(int(operation.started * 1e9))
            if operation.session is not None:
                entry.session_id = (
                    operation.session if operation.session == own
                    else self._alias(operation.session))
        return reply

    async def CancelOperation(self, request: Any, call: Call) -> None:
        """Cancel a running call; an unknown id has no effect, as in viam-server."""
        self._operations.cancel(call.caller.entity, request.id)

    async def BlockForOperation(self, request: Any, call: Call) -> None:
        """Return when no call of this id is running; at once for an unknown id."""
        if request.id != call.operation.id:
            await call.announce()
            await call.awaited(asyncio.ensure_future(
                self._operations.wait(call.caller.entity, request.id)))

    # ---- methods of a machine without cloud, frames and modules ---------------------------------

    async def GetCloudMetadata(self, request: Any, call: Call) -> Any:
        """Refuse as a viam-server without a cloud configuration does."""
        raise CallError(grpc.StatusCode.UNKNOWN, 'cloud metadata not available')

    async def FrameSystemConfig(self, request: Any, call: Call) -> Any:
        """Return an empty frame system: the frames are in ROS."""
        return proto.robot.FrameSystemConfigResponse()

    async def GetModelsFromModules(self, request: Any, call: Call) -> Any:
        """Return an empty list: there are no modules."""
        return proto.robot.GetModelsFromModulesResponse()

    async def Log(self, request: Any, call: Call) -> None:
        """Write one log entry of a client to the log, shortened; one per call, as viam-server."""
        if len(request.logs) != 1:
            raise CallError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f'logs: {len(request.logs)} entries; expected exactly 1')
        [entry] = request.logs
        _LOG.log(
            _LEVELS.get(entry.level[:LONGEST_NAME].lower(), logging.INFO), 'log of %s: %s: %s',
            call.caller.peer, _in_one_line(entry.logger_name, LONGEST_NAME),
            _in_one_line(entry.message, LONGEST_MESSAGE))

    # ---- stopping -------------------------------------------------------------------------------

    async def StopAll(self, request: Any, call: Call) -> Any:
        """
        Stop every resource and cancel every other call; accepted from every caller.

        C++ clients call it when they close. A move that it stops returns OK, as after Stop. For a
        key with `stop_all: own` it stops only the resources that the key was the last to command,
        and cancels only its calls.
        """
        if call.rights.stops_all:
            self._supervisor.stop_all()
            self._operations.cancel_others(call.operation)
            _LOG.warning('StopAll by %s: all resources stop', call.caller.peer)
        else:
            stopped = self._supervisor.stop_own(call.caller.entity)
            self._operations.cancel_others(call.operation, call.caller.entity)
            _LOG.warning('StopAll by %s, key %s: stops what it commanded last: %s',
                         call.caller.peer, call.caller.entity, ', '.join(stopped) or 'nothing')
        # The event loop runs other tasks, so that a flood of StopAll cannot delay heartbeats.
        await asyncio.sleep(0)
        return proto.robot.StopAllResponse()


def _from(call: Call, socket: int | None) -> Caller:
    return Caller(call.caller.session, socket, call.caller.entity, call.caller.peer)


def _in_one_line(text: str, most: int) -> str:
    """
    Return a text without control characters, so that an entry cannot imitate another one.

    A longer text is cut, and its length is appended.
    """
    line = ''.join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:most])
    return line if len(text) <= most else f'{line}... ({len(text)} characters)'


_HEARTBEAT = proto.robot.SendSessionHeartbeatResponse()


def _name(resource: Resource) -> Any:
    return proto.common.ResourceName(
        namespace=NAMESPACE, type=TYPE, subtype=resource.api, name=resource.name)
