# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The common base of the services of all components that can move and stop."""

from typing import Any

from viam_session_bridge.core.errors import InvalidCommand, NoFeedback
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion, MoveProfile
from viam_session_bridge.core.setpoints import ServiceCall
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.locked_supervisor import LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import Call
from viam_session_bridge.rpc.commands import do_command
from viam_session_bridge.rpc.component_service import (
    ComponentService,
    Configs,
    FeedbackOf,
    needs,
    sends,
)

# A driver that reports results ends a request to its service long before this time (s).
ANSWER_PATIENCE = 30.0


class ActuatedService(ComponentService):
    """Serves the components of one API that has actuators; see ComponentService."""

    def __init__(self, configs: Configs, feedback: FeedbackOf, supervisor: LockedBridge) -> None:
        super().__init__(configs, feedback)
        self._messages = proto.Package(proto.service_of(self.API).file.package)
        self._supervisor = supervisor

    async def Stop(self, request: Any, call: Call) -> None:
        """Stop; always accepted, from every caller."""
        self._supervisor.stop(request.name)

    async def IsMoving(self, request: Any, call: Call) -> Any:
        """Return whether it moves, from feedback; without, whether it has a motion or stop."""
        return self._messages.IsMovingResponse(is_moving=self._supervisor.is_moving(request.name))

    async def GetStatus(self, request: Any, call: Call) -> Any:
        """Return the state of the actuator and whether the component moves."""
        reply = proto.common.GetStatusResponse()
        state = self._supervisor.states()[request.name]
        reply.result.update({
            'state': state.value, 'is_moving': self._supervisor.is_moving(request.name),
            'stop_confirmed': state is not State.UNCONFIRMED})
        return reply

    @needs('commands')
    @sends(ServiceCall)
    async def DoCommand(self, request: Any, call: Call) -> Any:
        """Run a configured command of the component."""
        commands = {each.name: each for each in self.configs[request.name].commands}
        return await do_command(request.name, commands, request, call)

    def resource(self, name: str) -> ActuatedResource:
        """Return a resource. Raises UnknownResource, also for a resource of another API."""
        if name not in self.configs or self.configs[name].api != self.API:
            raise self._unknown(name)
        return self._supervisor.resource(name)

    def _measured(self, name: str, method: str) -> JointSample:
        """Return positions and speeds of the joints. Raises NoFeedback."""
        sample = self._supervisor.sample(name)
        if not isinstance(sample, JointSample):
            raise NoFeedback(
                f'{name}: {method} needs the positions of the joints, and no joint state of all '
                f'of them has arrived lately on {name}.joint_states_topic'
                f'{self._why_silent(name)}')
        return sample

    def _why_silent(self, name: str) -> str:
        """Return the known reason for missing feedback, to be added to a refusal."""
        problem = self._supervisor.feedback_problem(name)
        return f' ({problem})' if problem else ''

    def _finite(self, name: str, course: MoveProfile, what: str, feedback: str,
                shows_progress: bool = True) -> Motion:
        """
        Return a course as a motion: with feedback if its progress is measured, else timed.

        A move with feedback may take max_move_duration at any speed. feedback: the parameter of
        the feedback that shows progress. shows_progress: whether the configured feedback shows
        progress, and not only rest. Raises InvalidCommand if the move would last longer than
        max_move_duration at the given speed (what: the field and its value), and NoFeedback if
        the move would be timed and that is not allowed.
        """
        own = self.configs[name]
        duration = abs(course.amount) / course.speed
        if duration > own.max_move_duration:
            raise InvalidCommand(
                f'{what} would take {duration:.6g} s at the given speed; {name}.max_move_duration '
                f'allows {own.max_move_duration:g} s')
        setpoint = course.velocity(course.speed)
        if shows_progress and self._supervisor.resource(name).actuator.rest is not None:
            return Motion(setpoint, own.max_move_duration, course)
        if not own.allow_timed_moves:
            raise NoFeedback(
                f'{name}: this move would be timed, because nothing measures its progress; '
                f'configure {name}.{feedback}, or set {name}.allow_timed_moves')
        return Motion(setpoint, duration)
