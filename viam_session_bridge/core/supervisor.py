# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who last commanded what, and whether they are still there.

The supervisor holds the sessions, the evidence of open connections and one actuator per resource.
Every call checks, renews, takes ownership and sets the new wish in one step; ``poll`` turns time
into outputs. Viam's rule holds: the last caller owns a resource; only its owner's end stops it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
import math

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.agenda import Agenda
from viam_session_bridge.core.claims import Caller, same_holder
from viam_session_bridge.core.course import Sample
from viam_session_bridge.core.errors import (
    NotYet,
    Overtaken,
    ShuttingDown,
    Stalled,
    UnknownResource,
)
from viam_session_bridge.core.events import (
    Ended,
    Event,
    Output,
    Outputs,
    Overslept,
    SessionEnded,
    TakenOver,
)
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.presence import Policy, Presence
from viam_session_bridge.core.sessions import Session, SessionTable
from viam_session_bridge.core.setpoints import Limits, Setpoint
from viam_session_bridge.core.states import Reason, State

# Sessions that move nothing are cleared away at this period (s); those that do, at their deadline.
SWEEP_PERIOD = 1.0


@dataclass(frozen=True)
class Resource:
    """One commandable thing: its API (such as base), its name, its limits and how it is driven."""

    api: str
    name: str
    limits: Limits
    actuator: ActuatorSettings = ActuatorSettings()


class Supervisor:
    """Times are seconds on one steady clock, given by the caller, never running backwards."""

    def __init__(self, resources: Iterable[Resource], policy: Policy,
                 new_id: Callable[[], str]) -> None:
        self._resources = {resource.name: resource for resource in resources}
        self._actuators = {
            name: Actuator(name, resource.actuator) for name, resource in self._resources.items()}
        self.sessions = SessionTable(policy.sessions, new_id)
        self._presence = Presence(policy, self.sessions)
        self._policy = policy
        self._epoch = 0
        self._due = math.inf
        self._sweep_at = math.inf
        self._shutting_down = False
        self._stalled = False
        self._events: list[Event] = []
        # Who is not idle (or was not at the last poll), and who must be polled next: those
        # that something happened to at once, the others when their time comes.
        self._active: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._agenda = Agenda()
        # The place in line of the newest command or stop of each resource.
        self._turns = dict.fromkeys(self._resources, 0)

    # ---- sessions -------------------------------------------------------------------------------

    def start_session(self, caller: Caller, resume: str, now: float) -> Session:
        """Start or resume; see SessionTable.start."""
        if self.sessions.full:
            self._retire(now)
        session = self.sessions.start(caller.entity, caller.peer, caller.socket, now, resume)
        self._presence.carries_session(caller.socket)
        self._sweep_at = min(self._sweep_at, now + SWEEP_PERIOD)
        return session

    def beat(self, session_id: str, caller: Caller, now: float) -> Session:
        """Renew a session. Raises SessionExpired."""
        session = self.sessions.beat(session_id, caller.entity, caller.peer, caller.socket, now)
        self._presence.carries_session(caller.socket)
        return session

    def admit(self, caller: Caller, now: float) -> None:
        """Check and renew the session of a monitored call, before anything else is looked at."""
        if caller.session is not None:
            self.beat(caller.session, caller, now)

    # ---- commands -------------------------------------------------------------------------------

    def command(self, name: str, motion: Motion, caller: Caller, now: float,
                turn: int | None = None) -> int:
        """
        Set a resource's wish and make the caller its owner; returns the epoch of this command.

        A zero command is a Stop. Raises a BridgeError and changes nothing but the renewed session.
        A refusal that may pass (NotYet) gives a turn; trying again with it raises Overtaken once a
        Stop or a newer command came, so that a late command can never follow a stop.
        """
        self.admit(caller, now)
        actuator = self._actuator(name)
        if turn is not None and turn != self._turns[name]:
            raise Overtaken(f'{name}: a stop or a newer command came while this one waited')
        motion = motion.within(self._resources[name].limits)
        if motion.is_stop:
            epoch = self.stop(name, now)
            actuator.ended.append(Ended(name, epoch, Reason.STOPPED))
            return epoch
        if self._shutting_down:
            raise ShuttingDown(f'{name}: the bridge is shutting down; only stops are accepted')
        self._fence(now)
        if self._stalled:
            raise Stalled(
                f'{name}: the bridge was frozen for a moment and has stopped every motion; '
                'this command may be old, so it is not executed: send it again')
        claim = self._presence.grant(name, caller, motion, now)
        before = actuator.claim
        idle = next(self._moving(), None) is None
        try:
            actuator.command(motion, claim, self._next_epoch(), now)
        except NotYet as problem:
            problem.turn = self._next_turn(name) if turn is None else turn
            raise
        self._next_turn(name)
        self._touch(name)
        # While nothing moved, nobody waited for the pump: its lateness counts from here.
        self._due = now if idle else min(self._due, now)
        if before is not None and not same_holder(before, claim):
            self._events.append(TakenOver(name, before, claim))
        return actuator.epoch

    def stop(self, name: str, now: float, reason: Reason = Reason.STOPPED) -> int:
        """Stop one resource: always accepted, from anybody. Raises UnknownResource only."""
        actuator = self._actuator(name)
        if reason in (Reason.STOPPED, Reason.STALLED, Reason.SHUTDOWN):
            self._next_turn(name)
        actuator.stop(reason, self._next_epoch(), now)
        self._touch(name)
        self._due = min(self._due, now)
        return actuator.epoch

    def stop_all(self, now: float, reason: Reason = Reason.STOPPED) -> None:
        """Stop every resource."""
        for name in self._actuators:
            self.stop(name, now, reason)

    def cancel(self, name: str, epoch: int, now: float) -> bool:
        """End the motion of one epoch, if it is still the current one; tells whether it was."""
        actuator = self._actuator(name)
        current = actuator.epoch == epoch and actuator.state is State.MOVING
        if current:
            self.stop(name, now, Reason.CANCELLED)
        return current

    def reset(self, now: float) -> list[str]:
        """Clear every UNCONFIRMED actuator; never starts motion. Returns their names."""
        cleared = [name for name, actuator in self._actuators.items() if actuator.reset(now)]
        for name in cleared:
            self._touch(name)
        return cleared

    def shut_down(self, now: float) -> None:
        """Refuse motion from now on, and stop what is not idle."""
        self._shutting_down = True
        for name, actuator in self._actuators.items():
            if actuator.state is not State.IDLE:
                self.stop(name, now, Reason.SHUTDOWN)

    # ---- evidence -------------------------------------------------------------------------------

    def look(self, open_sockets: frozenset[int], taken_at: float, now: float) -> bool:
        """Take a look at the open connections; tells whether a motion lost its claimant by it."""
        self._presence.look(open_sockets, taken_at)
        lost = [name for name in self._active if self._absence(name, now) is not None]
        for name in lost:
            self._touch(name)
        return bool(lost)

    def watched_sockets(self, now: float) -> frozenset[int]:
        """Return the connections that a motion depends on now."""
        watched = (
            self._presence.sockets(self._actuators[name].claim, now) for name in self._active)
        return frozenset().union(*watched)

    def measured(self, name: str, sample: Sample, received_at: float) -> bool:
        """Take a sample of a resource that has feedback; tells whether a move is done by it."""
        done = self._actuator(name).measured(sample, received_at)
        if done:
            self._touch(name)
        return done

    def path(self, name: str, problem: str, now: float) -> None:
        """Record whether a stop would reach the driver; an empty problem means that it would."""
        actuator = self._actuator(name)
        actuator.path_problem = problem
        if problem and actuator.settings.require_path and actuator.state is State.MOVING:
            self.stop(name, now, Reason.PATH_LOST)

    def driver_appeared(self, name: str, now: float) -> None:
        """Tell a driver that has just come up to stop, unless the robot is known to rest."""
        self._actuator(name).driver_appeared(self._next_epoch(), now)
        self._touch(name)
        self._due = min(self._due, now)

    def stop_answered(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take the outcome of an acknowledged stop output; an empty problem is success."""
        self._actuator(name).stop_answered(epoch, problem, now)
        self._touch(name)
        self._due = min(self._due, now)

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str,
                        now: float) -> None:
        """Take what a driver says of a motion that it answers; an empty problem is success."""
        self._actuator(name).motion_answered(epoch, problem, detail, now)
        self._touch(name)
        self._due = min(self._due, now)

    def prepared(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take what a driver says about getting ready; an empty problem lets motion go out."""
        self._actuator(name).prepared(epoch, problem, now)
        self._touch(name)
        self._due = min(self._due, now)

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

    def wish(self, name: str) -> Setpoint | None:
        """Return what the driver of a resource is told now; None for a stop or nothing."""
        return self._actuator(name).wish

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        return {name: actuator.state for name, actuator in self._actuators.items()}

    # ---- changes at run time --------------------------------------------------------------------

    def configure(self, policy: Policy, limits: Mapping[str, Limits]) -> None:
        """
        Replace the policy and some limits. Sessions keep the window they were promised.

        Raises UnknownResource and changes nothing.
        """
        for name in limits:
            self._actuator(name)
        self._policy = policy
        self._presence.policy = policy
        self.sessions.settings = policy.sessions
        for name, limit in limits.items():
            self._resources[name] = replace(self._resources[name], limits=limit)
        self._touched.update(self._active)

    # ---- time -----------------------------------------------------------------------------------

    def poll(self, now: float) -> Outputs:
        """Advance to now: end what has lost its claimant, and say what every driver is told."""
        self._fence(now)
        # The stops of a stall are among this poll's outputs: what comes now comes after them.
        self._stalled = False
        self._sweep(now)
        outputs: list[Output] = []
        ended: list[Ended] = []
        events, self._events = self._events, []
        for name in dict.fromkeys((*self._touched, *self._agenda.take_due(now))):
            absence = self._absence(name, now)
            if absence is not None:
                self.stop(name, now, absence)
            actuator = self._actuators[name]
            output = actuator.poll(now)
            if output is not None:
                outputs.append(output)
            actuator_ended, changed = actuator.take_notes()
            ended += actuator_ended
            events += changed
            self._plan(name, actuator, now)
        self._touched.clear()
        self._due = min(self._sweep_at, self._agenda.earliest())
        return Outputs(tuple(outputs), tuple(ended), tuple(events), self._due)

    def _plan(self, name: str, actuator: Actuator, now: float) -> None:
        """Note when an actuator must be polled again: never too late, perhaps too early."""
        if actuator.state is State.IDLE:
            self._active.pop(name, None)
        at = actuator.wake_at()
        if actuator.claim is not None:
            at = min(at, self._presence.ends_at(actuator.claim, now))
        self._agenda.plan(name, at)

    def _absence(self, name: str, now: float) -> Reason | None:
        claim = self._actuators[name].claim
        return None if claim is None else self._presence.absent(claim, now)

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at:
            return
        self._retire(now)
        self._sweep_at = now + SWEEP_PERIOD if self.sessions.living(now) else math.inf

    def _retire(self, now: float) -> None:
        for session in self.sessions.expire(now):
            self._events.append(SessionEnded(session.id, session.peer, session.begun))

    def _fence(self, now: float) -> None:
        """Stop every motion if the pump overslept: nobody was watching meanwhile."""
        late = now - self._due
        if late <= self._policy.stall_limit:
            return
        moving = list(self._moving())
        if not moving:
            return
        self._stalled = True
        self._events.append(Overslept(late))
        for name in moving:
            self.stop(name, now, Reason.STALLED)

    # ---- small things ---------------------------------------------------------------------------

    def _touch(self, name: str) -> None:
        self._touched[name] = None
        self._active[name] = None

    def _moving(self) -> Iterator[str]:
        return (n for n in self._active if self._actuators[n].state is State.MOVING)

    def _actuator(self, name: str) -> Actuator:
        actuator = self._actuators.get(name)
        if actuator is None:
            raise UnknownResource(
                f'no resource is named {name[:64]!a}; there are: '
                + (', '.join(sorted(self._resources)) or 'none'))
        return actuator

    def _next_turn(self, name: str) -> int:
        self._turns[name] += 1
        return self._turns[name]

    def _next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch
