# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
All actuators of one robot: stopping them, what their drivers report, when each is polled.

Nothing here knows who commands what; that is the supervisor's business. Nothing here begins a
motion, either: a guard is a group, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import heapq
import math

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.errors import unknown_resource
from viam_session_bridge.core.events import Ended, LogEvent, Output, Outputs, Stall
from viam_session_bridge.core.setpoints import Limits, Setpoint
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import Sample


class PollSchedule:
    """
    Who must be polled: those that something happened to at once, the others when they are due.

    A heap of instants (s), so that hundreds of idle ones cost nothing.

    active: who is not idle, or was not at the last poll, or was touched since. touches: how often
    something happened.
    """

    def __init__(self) -> None:
        self.active: dict[str, None] = {}
        self.touches = 0
        self._touched: dict[str, None] = {}
        self._at: dict[str, float] = {}
        # Entries that were overtaken stay until they come up: removing them would cost more.
        self._heap: list[tuple[float, str]] = []

    def touch(self, name: str) -> None:
        """Note that something happened to one: it is polled next."""
        self.touches += 1
        self._touched[name] = None
        self.active[name] = None

    def touch_active(self) -> None:
        """Note that something happened that may concern everybody who is active."""
        self.touches += 1
        self._touched.update(self.active)

    def take(self, now: float) -> list[str]:
        """Return who must be polled now: those that were touched first, then the earliest."""
        due = dict(self._touched)
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                due[name] = None
        return list(due)

    def plan(self, name: str, at: float, idle: bool = False) -> None:
        """Set when one is due (s), infinity for never: never too late, perhaps too early."""
        if idle:
            self.active.pop(name, None)
        if self._at.get(name) != at:
            self._at[name] = at
            if at < math.inf:
                heapq.heappush(self._heap, (at, name))

    def finish(self) -> float:
        """End the polls; returns when the next one is due (s), infinity for never."""
        self._touched.clear()
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf


@dataclass(frozen=True)
class Resource:
    """What clients find in the list of resources: its API (such as base) and its name."""

    api: str
    name: str


@dataclass(frozen=True)
class ActuatedResource(Resource):
    """A resource that is moved and stopped: its limits and how it is driven."""

    limits: Limits
    actuator: ActuatorSettings = ActuatorSettings()


class ActuatorGroup:
    """Times are seconds on one steady clock, given by the caller, never running backwards."""

    def __init__(self, resources: Iterable[ActuatedResource]) -> None:
        self._resources = {resource.name: resource for resource in resources}
        self._actuators = {
            name: Actuator(name, resource.actuator) for name, resource in self._resources.items()}
        self._epoch = 0
        # When the next poll is due at the latest (s).
        self.due = math.inf
        self._events: list[LogEvent] = []
        self._schedule = PollSchedule()
        # Ids of our own goals, by resource and action: for whoever cancels them when we cannot.
        self._goals: dict[str, dict[str, tuple[str, ...]]] = {}
        self._goals_are_new = False
        # The place in line of the newest command or stop of each resource.
        self._turns = dict.fromkeys(self._resources, 0)

    # ---- stopping -------------------------------------------------------------------------------

    def stop(self, name: str, now: float, reason: Reason = Reason.STOPPED,
             detail: str = '') -> int:
        """Stop one resource: always accepted, from anybody. Raises UnknownResource only."""
        actuator = self._actuator(name)
        if reason.overtakes:
            self._turns[name] += 1
        actuator.stop(reason, self._next_epoch(), now, detail)
        self._touch(name, now)
        return actuator.epoch

    def stop_all(self, now: float, reason: Reason = Reason.STOPPED) -> None:
        """Stop every resource."""
        for name in self._actuators:
            self.stop(name, now, reason)

    def reset(self, now: float) -> list[str]:
        """Clear every UNCONFIRMED actuator; never starts motion. Returns what was cleared."""
        cleared = [name for name, actuator in self._actuators.items() if actuator.reset(now)]
        for name in cleared:
            self._touch(name, now)
        return cleared

    def held_up(self, late: float, now: float, untold: Iterable[Output] = ()) -> None:
        """
        Note that the pump came so late (s), in a pass or between two: a stall stops every motion.

        untold: the motions of that pass that were too old to be handed to their drivers.
        """
        for output in untold:
            self._actuators[output.resource].untold(output.epoch)
        self.due = now
        self._events.append(Stall(late))
        self._stall(now)

    def _stall(self, now: float) -> None:
        """Stop every motion."""
        for name in list(self._moving()):
            self.stop(name, now, Reason.STALLED)

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
        self._goals_are_new = True
        self.due = min(self.due, now)

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

    # ---- questions ------------------------------------------------------------------------------

    def resource(self, name: str) -> ActuatedResource:
        """Return what is configured under this name. Raises UnknownResource."""
        resource = self._resources.get(name)
        if resource is None:
            raise unknown_resource(name, self._resources)
        return resource

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

    def failures(self) -> dict[str, str]:
        """Return why stops were not confirmed, of every resource whose last one was not."""
        return {name: actuator.stop_failure for name, actuator in self._actuators.items()
                if actuator.stop_failure}

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
        return not self._schedule.active

    # ---- polls ----------------------------------------------------------------------------------

    def poll(self, now: float) -> Outputs:
        """Advance to now, and say what every driver is told."""
        outputs, ended = self._poll_actuators(self._schedule.take(now), now)
        events, self._events = self._events, []
        self.due = self._schedule.finish()
        return Outputs(tuple(outputs), tuple(ended), tuple(events), self.due)

    def _poll_actuators(self, due: Iterable[str], now: float) -> tuple[list[Output], list[Ended]]:
        """Poll some actuators; returns what they are told, and which motions ended."""
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
            self._schedule.plan(
                name, self._wake_at(actuator, now), actuator.state is State.IDLE)
        return outputs, ended

    def _wake_at(self, actuator: Actuator, now: float) -> float:
        """Return when an actuator must be polled next (s), if nothing happens before."""
        return actuator.wake_at()

    # ---- small things ---------------------------------------------------------------------------

    def _touch(self, name: str, now: float) -> None:
        """Have this actuator polled now."""
        self._schedule.touch(name)
        self.due = min(self.due, now)

    def _moving(self) -> Iterator[str]:
        """Return the resources that move."""
        for name in self._schedule.active:
            if self._actuators[name].state is State.MOVING:
                yield name

    def _anything_moves(self) -> bool:
        for name in self._schedule.active:
            if self._actuators[name].state is State.MOVING:
                return True
        return False

    def _actuator(self, name: str) -> Actuator:
        actuator = self._actuators.get(name)
        if actuator is None:
            raise unknown_resource(name, self._resources)
        return actuator

    def _next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch
