# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A driver with all that belongs to its resource beside it: further stop outputs, and commands.

A stop is said by the driver first, then by each stop output in the order of the parameters. One
that raises skips none of the others.
"""

from collections.abc import Callable, Iterable, Sequence
import functools
from typing import Protocol

from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.ros.drivers.answers import Answers
from viam_session_bridge.ros.drivers.commands import Commands
from viam_session_bridge.ros.drivers.motion_calls import MotionCalls
from viam_session_bridge.ros.drivers.services import Answer
from viam_session_bridge.ros.interfaces import Driver, Supervision
from viam_session_bridge.ros.stop_path import path_warning


class StopOutput(Protocol):
    """
    One more way of saying that the robot shall stop. What it learns it reports by itself.

    Called by the pump's thread, but path_problem by the executor's; must return at once.
    """

    def moved(self, setpoint: Setpoint) -> None:
        """Take note that the robot is told to move so."""
        ...

    def stop(self, epoch: int) -> None:
        """Say it; called again and again until the stop is done."""
        ...

    def path_problem(self) -> str:
        """Say why it would not arrive; empty when it would."""
        ...


class ReleasedOutput(Protocol):
    """A stop output that holds what it said until it is released."""

    def prepare(self, epoch: int) -> None:
        """Release, and report."""
        ...


class CancellingOutput(Protocol):
    """A stop output that cancels goals of an action."""

    def adopt(self, goals: Iterable[str]) -> None:
        """Take these for goals that it has to cancel."""
        ...


class CompositeDriver:
    """
    Drives one resource by several parts.

    answers and readiness: collect what the parts report of stops and of getting ready.
    """

    def __init__(self, name: str, motion: Driver, supervision: Supervision, *,
                 outputs: Sequence[StopOutput] = (), released: Sequence[ReleasedOutput] = (),
                 cancelling: Sequence[CancellingOutput] = (),
                 commands: Commands | None = None, answers: Answers | None = None,
                 readiness: Answers | None = None) -> None:
        self._motion = motion
        self._outputs = outputs
        self._stoppers: tuple[Driver | StopOutput, ...] = (motion, *outputs)
        self._released = released
        self._cancelling = cancelling
        self._commands = commands or Commands(name, {})
        self._answers = answers
        self._readiness = readiness
        self._calls = MotionCalls(name, supervision)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Tell the robot to move: by its driver, or by one of the commands."""
        self._calls.sent()
        for output in self._outputs:
            output.moved(setpoint)
        if isinstance(setpoint, ServiceCall):
            answered, late = self._calls.begin(epoch)
            self._commands.call(setpoint, answered, late)
        else:
            self._motion.send(setpoint, epoch)

    def stop(self, epoch: int) -> None:
        """Say it in every way there is."""
        self._calls.stopped(epoch)
        if self._answers is not None:
            self._answers.begin(epoch)
        _each([functools.partial(one.stop, epoch) for one in self._stoppers])

    def prepare(self, setpoint: Setpoint, epoch: int) -> None:
        """Release what holds the robot."""
        if self._readiness is not None:
            self._readiness.begin(epoch)
        _each([functools.partial(one.prepare, epoch) for one in self._released])

    def call(self, call: ServiceCall, answer: Answer) -> None:
        """Run a command that does not move the robot; answer is called once, on any thread."""
        self._commands.call(call, answer)

    def adopt(self, goals: Iterable[str]) -> None:
        """Take these ids for goals that a stop has to cancel; on the executor's thread."""
        for one in self._cancelling:
            one.adopt(goals)

    def path_problem(self) -> str:
        """Say why a stop would not arrive everywhere; empty when it would."""
        # All are asked: each takes the opportunity to see whether its server has come up.
        problems = [one.path_problem() for one in self._stoppers]
        return next((problem for problem in problems if problem), '')

    def path_warning(self) -> str:
        """Say what spoils the path of the driver without closing it; empty when nothing does."""
        return path_warning(self._motion)


def _each(acts: Sequence[Callable[[], None]]) -> None:
    """Do everything, then raise what was raised first."""
    problem: Exception | None = None
    for act in acts:
        try:
            act()
        except Exception as raised:  # noqa: B902  one part's fault must not skip the others
            problem = problem or raised
    if problem is not None:
        raise problem
