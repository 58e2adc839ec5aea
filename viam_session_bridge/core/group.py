# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
All actuators of one robot: stopping them, what their drivers report, when each is polled.

Clients are handled in supervisor.py. Nothing here begins a motion: a guard is a group, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import heapq
import math

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.errors import unknown_resource
from viam_session_bridge.core.events import Ended, LogEvent, Notice, Output, Outputs, Stall
from viam_session_bridge.core.setpoints import Limits, Setpoint
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import Sample


class PollSchedule:
    """
    Which actuators must be polled: those with a new event at once, the others when they are due.

    A heap of instants (s), so that hundreds of idle actuators cost nothing.

    active: those that are not idle, or were not at the last poll, or were touched since. touches:
    the number of events.
    """

    def __init__(self) -> None:
        self.active: dict[str, None] = {}
        self.touches = 0
        self._touched: dict[str, None] = {}
        self._at: dict[str, float] = {}
        # Outdated entries stay until they reach the top: removing them would cost more.
        self._heap: list[tuple[float, str]] = []

    def touch(self, name: str) -> None:
        """Note an event of one actuator: it is polled next."""
        self.touches += 1
        self._touched[name] = None
        self.active[name] = None

    def touch_active(self) -> None:
        """Note an event that may concern every active actuator."""
        self.touches += 1
        self._touched.update(self.active)

    def take(self, now: float) -> list[str]:
        """Return which must be polled now: those that were touched first, then the earliest."""
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
        # Ids of our own goals, by resource and action: the guard cancels them if the bridge fails.
        self._goals: dict[str, dict[str, tuple[str, ...]]] = {}
        self._goals_are_new = False
        # The position in the queue of the newest command or stop of each resource.
        self._turns = dict.fromkeys(self._resources, 0)

    # ---- stopping -------------------------------------------------------------------------------

    def stop(self, name: str, now: float, reason: Reason = Reason.STOPPED,
             detail: str = '') -> int:
        """Stop one resource: always accepted, from every caller. Raises UnknownResource only."""
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

        untold: the motions of that pass that were too old to be sent to their drivers.
        """
        untold = tuple(untold)
        for output in untold:
            self._actuators[output.resource].not_sent(output.epoch)
        self.due = now
        stall = self._judged(Stall(
            late, within_pass=bool(untold), stopped=tuple(self._moving())))
        self._events.append(stall)
        self._stall(now, str(stall))

    def _judged(self, stall: Stall) -> Stall:
        """Return a stall with the limit that it exceeded."""
        return stall

    def _stall(self, now: float, detail: str) -> None:
        """Stop every motion; detail: what was late."""
        for name in list(self._moving()):
            self.stop(name, now, Reason.STALLED, detail)

    # ---- what drivers report --------------------------------------------------------------------

    def measured(self, name: str, sample: Sample, received_at: float) -> None:
        """Take a sample of a resource that has feedback; it may end a move."""
        actuator = self._actuator(name)
        if not sample.is_finite:
            warning = actuator.drop(sample, received_at)
            if warning:
                self._events.append(Notice(warning, warns=True))
                self.due = min(self.due, received_at)
        if actuator.measured(sample, received_at):
            self._touch(name, received_at)
        self._judge_late(name, received_at)

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Judge no stop of a resource until this source was seen; see Sources."""
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
        """Repeat a stop that could not be judged, if it can be now."""
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

        is_wrong: it never will, because the topic that shows rest has another type. Then motion is
        refused.
        """
        actuator = self._actuator(name)
        actuator.feedback_problem = problem
        actuator.feedback_is_wrong = is_wrong

    def contested(self, name: str, text: str, now: float) -> None:
        """Note that other nodes command a robot during a stop; text names them."""
        self._actuator(name).contested(text, now)

    def goals(self, name: str, action: str, goals: tuple[str, ...], now: float) -> None:
        """Take the ids of an action's goals that count as our own: a stop cancels them."""
        self._actuator(name)
        self._goals.setdefault(name, {})[action] = goals
        self._goals_are_new = True
        self.due = min(self.due, now)

    def driver_appeared(self, name: str, now: float) -> None:
        """Stop a driver that has just started, unless the robot is known to be at rest."""
        self._actuator(name).driver_appeared(self._next_epoch(), now)
        self._touch(name, now)

    def stop_answered(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take the outcome of an acknowledged stop output; an empty problem is success."""
        self._actuator(name).stop_answered(epoch, problem, now)
        self._touch(name, now)

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str,
                        now: float) -> None:
        """Take a driver's answer to a motion; an empty problem is success."""
        self._actuator(name).motion_answered(epoch, problem, detail, now)
        self._touch(name, now)

    def runs_late(self, name: str, epoch: int, late: float, now: float) -> None:
        """Note that a driver will be so much (s) later at the end of a motion than commanded."""
        self._actuator(name).runs_late(epoch, late)
        self._touch(name, now)

    def moved_late(self, name: str, now: float) -> None:
        """Stop a motion that may have begun only after its stop: it has no owner."""
        self.stop(name, now, Reason.LATE_MOTION)

    def prepared(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take a driver's answer to a preparation; an empty problem permits the motion."""
        self._actuator(name).prepared(epoch, problem, now)
        self._touch(name, now)

    # ---- queries --------------------------------------------------------------------------------

    def resource(self, name: str) -> ActuatedResource:
        """Return what is configured under this name. Raises UnknownResource."""
        resource = self._resources.get(name)
        if resource is None:
            raise unknown_resource(name, self._resources)
        return resource

    def is_moving(self, name: str, now: float) -> bool:
        """Return whether a resource moves; without feedback, in every state but IDLE."""
        return self._actuator(name).is_moving(now)

    def sample(self, name: str, now: float) -> Sample | None:
        """Return the newest measurement; None where it is unknown or stale."""
        return self._actuator(name).sample(now)

    def feedback_problem(self, name: str) -> str:
        """Return what is wrong with the feedback; empty when no fault is known."""
        return self._actuator(name).why_unmeasured

    def contradiction(self, name: str, now: float) -> str:
        """Return how the feedback of a resource contradicts itself; empty where it does not."""
        rest = self._actuator(name).rest
        return '' if rest is None else rest.contradiction(now)

    def speed(self, name: str, now: float) -> str:
        """Return topic and measured speed of a resource as text; empty if it is unknown."""
        rest = self._actuator(name).rest
        return '' if rest is None else rest.fastest(now)

    def setpoint(self, name: str) -> Setpoint | None:
        """Return the setpoint that a driver receives now; None for a stop or nothing."""
        return self._actuator(name).setpoint

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        return {name: actuator.state for name, actuator in self._actuators.items()}

    def arrivals(self, now: float) -> dict[str, tuple[float, float]]:
        """Return age (s) and rate (Hz) of the feedback of every resource that has received any."""
        found = {name: actuator.rest.arrivals(now) for name, actuator in self._actuators.items()
                 if actuator.rest is not None}
        return {name: one for name, one in found.items() if one is not None}

    def failures(self) -> dict[str, str]:
        """Return why stops were not confirmed, of every resource whose last one was not."""
        return {name: actuator.stop_failure for name, actuator in self._actuators.items()
                if actuator.stop_failure}

    @property
    def concern(self) -> frozenset[str]:
        """Return the resources to stop when the supervisor cannot decide; needs no lock."""
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
        """Advance to now, and return the outputs for every driver."""
        outputs, ended = self._poll_actuators(self._schedule.take(now), now)
        events, self._events = self._events, []
        self.due = self._schedule.finish()
        return Outputs(
            tuple(outputs), tuple(ended), tuple(events), self.due, at=now)

    def _poll_actuators(self, due: Iterable[str], now: float) -> tuple[list[Output], list[Ended]]:
        """Poll some actuators; returns their outputs, and which motions ended."""
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

    # ---- helpers --------------------------------------------------------------------------------

    def _touch(self, name: str, now: float) -> None:
        """Request a poll of this actuator now."""
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
