# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
All actuators of one robot: stopping them, what their drivers report, how they stand.

Nothing here knows who commands what; that is the supervisor's business.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
import math

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.errors import shown, UnknownResource
from viam_session_bridge.core.events import Ended, Event, Output
from viam_session_bridge.core.rest import Sample
from viam_session_bridge.core.rounds import Rounds
from viam_session_bridge.core.setpoints import Limits, Setpoint
from viam_session_bridge.core.states import Reason, State

# Stops after which a command that waited for its turn is not executed any more.
_OVERTAKING = frozenset({Reason.STOPPED, Reason.STALLED, Reason.SHUTDOWN, Reason.EMERGENCY})


@dataclass(frozen=True)
class Resource:
    """One commandable thing: its API (such as base), its name, its limits and how it is driven."""

    api: str
    name: str
    limits: Limits
    actuator: ActuatorSettings = ActuatorSettings()


class Fleet:
    """Times are seconds on one steady clock, given by the caller, never running backwards."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = {resource.name: resource for resource in resources}
        self._actuators = {
            name: Actuator(name, resource.actuator) for name, resource in self._resources.items()}
        self._epoch = 0
        self._due = math.inf
        self._events: list[Event] = []
        self._rounds = Rounds()
        # Ids of our own goals, by resource and action: for whoever cancels them when we cannot.
        self._goals: dict[str, dict[str, tuple[str, ...]]] = {}
        # The place in line of the newest command or stop of each resource.
        self._turns = dict.fromkeys(self._resources, 0)

    # ---- stopping -------------------------------------------------------------------------------

    def stop(self, name: str, now: float, reason: Reason = Reason.STOPPED,
             detail: str = '') -> int:
        """Stop one resource: always accepted, from anybody. Raises UnknownResource only."""
        actuator = self._actuator(name)
        if reason in _OVERTAKING:
            self._next_turn(name)
        actuator.stop(reason, self._next_epoch(), now, detail)
        self._touch(name, now)
        return actuator.epoch

    def stop_all(self, now: float, reason: Reason = Reason.STOPPED) -> None:
        """Stop every resource."""
        for name in self._actuators:
            self.stop(name, now, reason)

    # ---- what drivers report --------------------------------------------------------------------

    def measured(self, name: str, sample: Sample, received_at: float) -> None:
        """Take a sample of a resource that has feedback; a move may be over by it."""
        if self._actuator(name).measured(sample, received_at):
            self._touch(name, received_at)
        self._judge_late(name, received_at)

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Judge no stop of a resource before this source was seen; see Sources."""
        actuator = self._actuator(name)
        if actuator.rest is not None or has_pose is None:
            actuator.sources.expect(source, has_pose)

    def seen(self, name: str, source: str, now: float) -> None:
        """Note that a source of a resource exists."""
        self._actuator(name).sources.seen(source)
        self._judge_late(name, now)

    def awaited(self) -> dict[str, str]:
        """Return the sources that were not seen yet, of every resource that has any."""
        return {name: actuator.sources.awaited for name, actuator in self._actuators.items()
                if actuator.sources.awaited}

    def _judge_late(self, name: str, now: float) -> None:
        """Stop again what could not be judged, if it can now."""
        if self._actuator(name).can_judge_now:
            self.stop(name, now, Reason.UNVERIFIED)

    def path(self, name: str, problem: str, now: float) -> None:
        """Record whether a stop would reach the driver; an empty problem means that it would."""
        actuator = self._actuator(name)
        actuator.path_problem = problem
        if problem and actuator.settings.require_path and actuator.state is State.MOVING:
            self.stop(name, now, Reason.PATH_LOST, problem)

    def feedback(self, name: str, problem: str, is_wrong: bool = False) -> None:
        """
        Record why feedback cannot arrive; an empty problem means that it may.

        is_wrong: it never will, because what shows rest is published as something else. Then
        motion is refused.
        """
        actuator = self._actuator(name)
        actuator.feedback_problem = problem
        actuator.feedback_is_wrong = is_wrong

    def contested(self, name: str, text: str, now: float) -> None:
        """Note that others command a robot that is being stopped; text says who."""
        self._actuator(name).contested(text, now)

    def goals(self, name: str, action: str, goals: tuple[str, ...], now: float) -> None:
        """Take the ids of the goals of an action that a stop would cancel as our own."""
        self._actuator(name)
        self._goals.setdefault(name, {})[action] = goals
        self._due = min(self._due, now)

    def driver_appeared(self, name: str, now: float) -> None:
        """Tell a driver that has just come up to stop, unless the robot is known to rest."""
        self._actuator(name).driver_appeared(self._next_epoch(), now)
        self._touch(name, now)

    def stop_answered(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take the outcome of an acknowledged stop output; an empty problem is success."""
        self._actuator(name).stop_answered(epoch, problem, now)
        self._touch(name, now)

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str,
                        now: float) -> None:
        """Take what a driver says of a motion that it answers; an empty problem is success."""
        self._actuator(name).motion_answered(epoch, problem, detail, now)
        self._touch(name, now)

    def runs_late(self, name: str, epoch: int, late: float, now: float) -> None:
        """Note that a driver will be so much (s) later at the end of a motion than it was told."""
        self._actuator(name).runs_late(epoch, late)
        self._touch(name, now)

    def moved_late(self, name: str, now: float) -> None:
        """Stop what may have begun to move only after it was told to stop: nobody owns that."""
        self.stop(name, now, Reason.LATE_MOTION)

    def prepared(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take what a driver says about getting ready; an empty problem lets motion go out."""
        self._actuator(name).prepared(epoch, problem, now)
        self._touch(name, now)

    def is_held_back(self, name: str) -> bool:
        """Tell whether a motion waits for the guard, or for its driver to get ready."""
        return self._actuator(name).is_held_back

    # ---- questions ------------------------------------------------------------------------------

    def resource(self, name: str) -> Resource:
        """Return what is configured under this name. Raises UnknownResource."""
        self._actuator(name)
        return self._resources[name]

    def all_resources(self) -> list[Resource]:
        """Return everything that is configured, in its order."""
        return list(self._resources.values())

    def is_moving(self, name: str, now: float) -> bool:
        """Tell whether a resource moves; without feedback, anything but IDLE counts as moving."""
        return self._actuator(name).is_moving(now)

    def sample(self, name: str, now: float) -> Sample | None:
        """Return what was measured last; None where it is unknown or stale."""
        return self._actuator(name).sample(now)

    def feedback_problem(self, name: str) -> str:
        """Say what is wrong with the feedback; empty when nothing is known to be."""
        return self._actuator(name).why_unmeasured

    def contradiction(self, name: str, now: float) -> str:
        """Say how the feedback of a resource contradicts itself; empty where it does not."""
        rest = self._actuator(name).rest
        return '' if rest is None else rest.contradiction(now)

    def wish(self, name: str) -> Setpoint | None:
        """Return what the driver of a resource is told now; None for a stop or nothing."""
        return self._actuator(name).wish

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        return {name: actuator.state for name, actuator in self._actuators.items()}

    @property
    def due(self) -> float:
        """Return when the next poll is due at the latest (s)."""
        return self._due

    @property
    def concern(self) -> frozenset[str]:
        """Return what must be stopped when nothing can be decided any more; needs no lock."""
        return frozenset(self._resources)

    def troubles(self, now: float) -> dict[str, str]:
        """Return what is wrong that concerns no single resource, by subject."""
        return {}

    @property
    def quiet(self) -> bool:
        """Whether nothing moves or is being stopped; may be read without the lock."""
        return not self._rounds.active

    # ---- rounds ---------------------------------------------------------------------------------

    def _poll_those(self, due: Iterable[str], now: float, wake_at: Callable[[Actuator], float],
                    ) -> tuple[list[Output], list[Ended]]:
        """
        Poll some actuators; returns what they are told, and which motions ended.

        wake_at: when, beside its own reasons, an actuator must be looked at again.
        """
        outputs: list[Output] = []
        ended: list[Ended] = []
        for name in due:
            actuator = self._actuators[name]
            output = actuator.poll(now)
            if output is not None:
                outputs.append(output)
            actuator_ended, changed = actuator.take_notes()
            ended += actuator_ended
            self._events += changed
            self._rounds.plan(
                name, min(actuator.wake_at(), wake_at(actuator)), actuator.state is State.IDLE)
        return outputs, ended

    # ---- small things ---------------------------------------------------------------------------

    def _touch(self, name: str, now: float) -> None:
        """Have this actuator polled now."""
        self._rounds.touch(name)
        self._due = min(self._due, now)

    def _moving(self) -> Iterator[str]:
        return (n for n in self._rounds.active if self._actuators[n].state is State.MOVING)

    def _actuator(self, name: str) -> Actuator:
        actuator = self._actuators.get(name)
        if actuator is None:
            raise UnknownResource(
                f'no resource is named {shown(name)}; there are: '
                + (', '.join(sorted(self._resources)) or 'none'))
        return actuator

    def turn(self, name: str) -> int:
        """Return the place in line of a command that begins to form now; see command()."""
        self._actuator(name)
        return self._turns[name]

    def _next_turn(self, name: str) -> int:
        self._turns[name] += 1
        return self._turns[name]

    def _next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch
