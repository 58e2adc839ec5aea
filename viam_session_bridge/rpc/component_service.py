# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the services of all components have in common; nothing that only one of them knows.

A service derives from ComponentService, names its API and messages, and adds its own methods. What
a method needs of the configuration is marked beside it, and docs/methods.md shows it. A mark is no
behaviour: a method that is marked still refuses by itself what it cannot do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import inspect
from typing import Any, ClassVar, TypeVar

from viam_session_bridge.core.errors import InvalidCommand, NoFeedback, UnknownResource
from viam_session_bridge.core.group import Resource
from viam_session_bridge.core.move import Motion, MoveProfile
from viam_session_bridge.core.setpoints import ServiceCall
from viam_session_bridge.core.states import State
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.commands import do_command

# A driver that answers gives up on its service long before (s).
ANSWER_PATIENCE = 30.0

Configs = Mapping[str, Any]
Senses = Callable[[str], Any]

_Method = TypeVar('_Method', bound=Callable[..., Any])


@dataclass(frozen=True)
class Served:
    """
    How a method is served.

    meaning: in a sentence. needs: the parameters of the resource without which it answers
    UNIMPLEMENTED. never: it does so whatever is configured. tells: the kinds of setpoint that it
    has the resource told.
    """

    meaning: str = ''
    needs: tuple[str, ...] = ()
    never: bool = False
    tells: tuple[type, ...] = ()


def needs(*parameters: str) -> Callable[[_Method], _Method]:
    """Mark a method that is served only where these parameters of the resource are set."""
    def mark(method: _Method) -> _Method:
        method.__dict__['needs'] = parameters
        return method

    return mark


def tells(*setpoints: type) -> Callable[[_Method], _Method]:
    """Mark a method that has its resource told setpoints of these kinds."""
    def mark(method: _Method) -> _Method:
        method.__dict__['tells'] = setpoints
        return method

    return mark


def never(method: _Method) -> _Method:
    """Mark a method that only says why it is not served."""
    method.__dict__['never'] = True
    return method


def how_served(servicer: type, name: str) -> Served:
    """Return how the method of this name is served by a class of services."""
    method = getattr(servicer, name, None)
    if method is None:
        return Served(never=True)
    text = inspect.getdoc(method) or ''
    return Served(
        ' '.join(text.partition('\n\n')[0].split()), method.__dict__.get('needs', ()),
        method.__dict__.get('never', False), method.__dict__.get('tells', ()))


class ComponentService:
    """
    Serves the components of one API of a gate. Methods are spelled as in the proto.

    Before a method runs, its wrapper has found the resource that the request names (calls.py).

    API: its name, such as base. MESSAGES: the proto package. configs: the configuration of each
    resource, by name; those of other APIs may be among them. senses: of a name, what measures the
    resource beside its motion: `description` and `pose`, each where it is configured.
    """

    API: ClassVar[str]
    MESSAGES: ClassVar[Any]

    def __init__(self, supervisor: LockedBridge, configs: Configs, senses: Senses) -> None:
        self._supervisor = supervisor
        self.configs = configs
        self._senses = senses

    async def Stop(self, request: Any, call: Call) -> Any:
        """Stop; always accepted, from anybody."""
        self._supervisor.stop(request.name)
        return self.MESSAGES.StopResponse()

    async def IsMoving(self, request: Any, call: Call) -> Any:
        """Answer from feedback where configured; else whether a motion or stop is under way."""
        return self.MESSAGES.IsMovingResponse(is_moving=self._supervisor.is_moving(request.name))

    async def GetStatus(self, request: Any, call: Call) -> Any:
        """Answer the state of the stop machine and whether the component moves."""
        reply = proto.common.GetStatusResponse()
        state = self._supervisor.states()[request.name]
        reply.result.update({
            'state': state.value, 'is_moving': self._supervisor.is_moving(request.name),
            'stop_confirmed': state is not State.UNCONFIRMED})
        return reply

    @needs('commands')
    @tells(ServiceCall)
    async def DoCommand(self, request: Any, call: Call) -> Any:
        """Run one of the commands that are configured for the component."""
        commands = {each.name: each for each in self.configs[request.name].commands}
        return await do_command(request.name, commands, request, call)

    async def GetGeometries(self, request: Any, call: Call) -> Any:
        """Answer none: like a viam-server where no shape is configured."""
        return proto.common.GetGeometriesResponse()

    def resource(self, name: str) -> Resource:
        """Return a resource. Raises UnknownResource, also for a name of another API."""
        resource = self._supervisor.resource(name)
        if resource.api != self.API:
            raise UnknownResource(f'{name!r} is a {resource.api}, not a {self.API}')
        return resource

    def _why_silent(self, name: str) -> str:
        """Return what is known of why no feedback arrives, to be added to a refusal."""
        problem = self._supervisor.feedback_problem(name)
        return f' ({problem})' if problem else ''

    def _finite(self, name: str, course: MoveProfile, what: str, feedback: str,
                shows_progress: bool = True) -> Motion:
        """
        Return a course as a motion: steered where its progress is measured, else timed.

        A steered move may take max_move_duration, however slow it is. feedback: the parameter of
        what shows progress. shows_progress: the feedback, if there is any, does, and not only
        rest. Raises InvalidCommand when the move would last longer than that at the speed given
        (what names the field and its value), and NoFeedback when it would be timed and that is
        not allowed.
        """
        own = self.configs[name]
        duration = abs(course.amount) / course.speed
        if duration > own.max_move_duration:
            raise InvalidCommand(
                f'{what} would take {duration:.6g} s at the speed given; {name}.max_move_duration '
                f'allows {own.max_move_duration:g} s')
        setpoint = course.velocity(course.speed)
        if shows_progress and self._supervisor.resource(name).actuator.rest is not None:
            return Motion(setpoint, own.max_move_duration, course)
        if not own.allow_timed_moves:
            raise NoFeedback(
                f'{name}: this move would be timed, because nothing measures its progress; '
                f'configure {name}.{feedback}, or set {name}.allow_timed_moves')
        return Motion(setpoint, duration)
