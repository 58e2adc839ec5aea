# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A driver together with the stop outputs and the commands of its resource.

A stop is sent by the driver first, then by each stop output in the order of the parameters. If
one raises, the others are still sent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
from typing import Any

from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.ros.drivers.commands import Commands
from viam_session_bridge.ros.drivers.services import Answer, MotionCalls
from viam_session_bridge.ros.drivers.stop_calls import calling
from viam_session_bridge.ros.drivers.stop_cancel import cancelling
from viam_session_bridge.ros.drivers.stop_messages import lock, number, zero
from viam_session_bridge.ros.drivers.stop_outputs import StopOutput
from viam_session_bridge.ros.interfaces import Driver
from viam_session_bridge.ros.plugins import OwnTools
from viam_session_bridge.ros.stop_path import path_warning

# Makes a stop output from its block of parameters.
StopOutputFactory = Callable[[Any, OwnTools], StopOutput]

STOP_OUTPUTS: Mapping[str, StopOutputFactory] = {
    'trigger': calling, 'empty': calling, 'set_bool': calling, 'cancel': cancelling,
    'lock': lock, 'zero': zero, 'number': number}


class CompositeDriver:
    """Drives one resource with several parts."""

    def __init__(self, config: ActuatedConfig, tools: OwnTools, motion: Driver) -> None:
        self._motion = motion
        self._outputs = [STOP_OUTPUTS[each.kind](each, tools) for each in config.stop_outputs]
        self._stoppers: tuple[Driver | StopOutput, ...] = (motion, *self._outputs)
        self._released = [output for output, each in zip(
            self._outputs, config.stop_outputs, strict=True) if each.PREPARES]
        self._commands = Commands(config, tools)
        self._answers = tools.answers
        self._readiness = tools.readiness
        self._calls = MotionCalls(config.name, tools.supervision)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Send a motion: through the driver, or through one of the commands."""
        self._calls.sent()
        for output in self._outputs:
            output.moved(setpoint)
        if isinstance(setpoint, ServiceCall):
            answered, late = self._calls.begin(epoch)
            self._commands.call(setpoint, answered, late)
        else:
            self._motion.send(setpoint, epoch)

    def stop(self, epoch: int) -> None:
        """Send all stop outputs."""
        self._calls.stopped(epoch)
        self._answers.begin(epoch)
        _each([functools.partial(one.stop, epoch) for one in self._stoppers])

    def prepare(self, setpoint: Setpoint, epoch: int) -> None:
        """Release what a stop holds (locks, motor power)."""
        self._readiness.begin(epoch)
        _each([functools.partial(one.prepare, epoch) for one in self._released])

    def call(self, call: ServiceCall, answer: Answer) -> None:
        """Run a command that does not move the robot; answer is called once, on any thread."""
        self._commands.call(call, answer)

    def adopt(self, goals: Iterable[str]) -> None:
        """Add these ids to the goals that a stop cancels; on the executor's thread."""
        for one in self._outputs:
            one.adopt(goals)

    def path_problem(self) -> str:
        """Return why a stop would not reach every receiver; empty when it would."""
        # All are checked: each one also checks whether its server has started.
        problems = [one.path_problem() for one in self._stoppers]
        return next((problem for problem in problems if problem), '')

    def path_warning(self) -> str:
        """Return what impairs the driver's path without blocking it; empty if nothing does."""
        return path_warning(self._motion)


def _each(acts: Sequence[Callable[[], None]]) -> None:
    """Run all, then raise the first exception."""
    problem: Exception | None = None
    for act in acts:
        try:
            act()
        except Exception as raised:  # noqa: B902  a fault of one part must not skip the others
            problem = problem or raised
    if problem is not None:
        raise problem
