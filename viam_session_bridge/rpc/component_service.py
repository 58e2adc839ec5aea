# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the services of all components have in common; nothing that only one of them knows.

A service derives from ComponentService, names its API and messages, and adds its own methods.
"""

from typing import Any, ClassVar

from viam_session_bridge.core.course import Course
from viam_session_bridge.core.errors import InvalidCommand, NoFeedback, UnknownResource
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.setpoints import Call as DriverCall
from viam_session_bridge.core.states import State
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.commands import do_command
from viam_session_bridge.rpc.methods import needs, tells

# A driver that answers gives up on its service long before (s).
ANSWER_PATIENCE = 30.0


class ComponentService:
    """
    Serves the components of one API of a gate. Methods are spelled as in the proto.

    API: its name, such as base. MESSAGES: the proto package. properties: what each resource says
    about itself, by name; those of other APIs may be among them.
    """

    API: ClassVar[str]
    MESSAGES: ClassVar[Any]

    def __init__(self, gate: LockedBridge, properties: dict[str, Any]) -> None:
        self._gate = gate
        self.properties = properties

    async def Stop(self, request: Any, call: Call) -> Any:
        """Stop; always accepted, from anybody."""
        self._resource(request.name)
        self._gate.stop(request.name)
        return self.MESSAGES.StopResponse()

    async def IsMoving(self, request: Any, call: Call) -> Any:
        """Answer from feedback where configured; else whether a motion or stop is under way."""
        self._resource(request.name)
        return self.MESSAGES.IsMovingResponse(is_moving=self._gate.is_moving(request.name))

    async def GetStatus(self, request: Any, call: Call) -> Any:
        """Answer the state of the stop machine and whether the component moves."""
        self._resource(request.name)
        reply = proto.common.GetStatusResponse()
        state = self._gate.states()[request.name]
        reply.result.update({
            'state': state.value, 'is_moving': self._gate.is_moving(request.name),
            'stop_confirmed': state is not State.UNCONFIRMED})
        return reply

    @needs('commands')
    @tells(DriverCall)
    async def DoCommand(self, request: Any, call: Call) -> Any:
        """Run one of the commands that are configured for the component."""
        self._resource(request.name)
        commands = self.properties[request.name].commands
        return await do_command(request.name, commands, request, call)

    def _resource(self, name: str) -> Resource:
        """Return a resource. Raises UnknownResource, also for a name of another API."""
        resource = self._gate.resource(name)
        if resource.api != self.API:
            raise UnknownResource(f'{name!r} is a {resource.api}, not a {self.API}')
        return resource

    def _why_silent(self, name: str) -> str:
        """Return what is known of why no feedback arrives, to be added to a refusal."""
        problem = self._gate.feedback_problem(name)
        return f' ({problem})' if problem else ''

    def _finite(self, name: str, course: Course, longest: float, what: str, *,
                measured: str, is_measured: bool, allow_timed: bool) -> Motion:
        """
        Return a course as a motion: steered where its progress is measured, else timed.

        A steered move may take the longest duration (s), as slow as it is. measured: the parameter
        of the feedback that shows progress. is_measured: it is there. Raises InvalidCommand when
        the move would last longer than that at the speed given (what names the field and its
        value), and NoFeedback when it would be timed and allow_timed is false.
        """
        duration = abs(course.amount) / course.speed
        if duration > longest:
            raise InvalidCommand(
                f'{what} would take {duration:.6g} s at the speed given; {name}.max_move_duration '
                f'allows {longest:g} s')
        setpoint = course.velocity(course.speed)
        if is_measured:
            return Motion(setpoint, longest, course)
        if not allow_timed:
            raise NoFeedback(
                f'{name}: this move would be timed, because nothing measures its progress; '
                f'configure {name}.{measured}, or set {name}.allow_timed_moves')
        return Motion(setpoint, duration)
