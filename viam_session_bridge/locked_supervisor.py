# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The only lock and the only clock: every decision of a supervisor is made here, one at a time.

A public method is one decision: it takes the lock and reads the clock (see ``_decide``). Nothing
slow happens under the lock: the supervisor decides, the caller acts afterwards. When a decision
makes the supervisor due earlier than the planned pass of the pump, it wakes the pump.

LockedSupervisor serves the pump, the drivers and the feedback. LockedBridge adds the calls of
clients, LockedGuard the pulses of bridges: a guard has no method that commands.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
import functools
import math
import threading
import time
from typing import Generic, TypeVar
import uuid

from viam_session_bridge.core.emergency import EmergencySettings, NO_EMERGENCY
from viam_session_bridge.core.events import (
    Command,
    Echo,
    Ended,
    Identity,
    Output,
    Outputs,
    Pulse,
    ServiceCommand,
)
from viam_session_bridge.core.group import ActuatedResource, ActuatorGroup
from viam_session_bridge.core.guard_rules import GuardRules
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.sessions import Session
from viam_session_bridge.core.setpoints import Limits, ServiceCall, Setpoint
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import Sample
from viam_session_bridge.core.supervisor import Supervisor

# CLOCK_BOOTTIME continues during suspend: after a resume, sessions have aged by that time.
_CLOCK_ID = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)

_Core = TypeVar('_Core', bound=ActuatorGroup)
_Result = TypeVar('_Result')


def steady_now() -> float:
    """Return seconds on the steady clock of all deadlines; it counts suspended time too."""
    return time.clock_gettime(_CLOCK_ID)


@dataclass(frozen=True)
class Polled:
    """What the pump does next: drive the outputs, then release the calls that waited."""

    outputs: Outputs
    ended: tuple[Callable[[], None], ...] = ()
    begun: tuple[tuple[Output, Callable[[Ended | None], None]], ...] = ()
    service_commands: tuple[ServiceCommand, ...] = ()

    def release(self, untold: Collection[Output] = ()) -> None:
        """
        Answer the waiting calls; an exception in one does not block the others.

        untold: motions that were not sent to their drivers after all, because of a stall.
        """
        waiters = list(self.ended)
        for output, begun in self.begun:
            end = Ended(output.resource, output.epoch, Reason.STALLED)
            waiters.append(functools.partial(begun, end if output in untold else None))
        problems: list[Exception] = []
        for waiter in waiters:
            try:
                waiter()
            except Exception as problem:
                problems.append(problem)
        if problems:
            raise problems[-1]


class _Waiters:
    """
    Each is called once, on the pump's thread; the lock guards them until then.

    for_end: by the epoch of a motion, what is called with its end. for_begin: what is called with
    None after its first output, or with an earlier end. service_commands: those for the pump.
    """

    def __init__(self) -> None:
        self.for_end: dict[int, Callable[[Ended], None]] = {}
        self.for_begin: dict[int, Callable[[Ended | None], None]] = {}
        self.service_commands: list[ServiceCommand] = []

    def take(self, outputs: Outputs) -> Polled:
        """Remove and return the calls that wait for these outputs."""
        ended: list[Callable[[], None]] = []
        for end in outputs.ended:
            for waiting in (self.for_end, self.for_begin):
                if end.epoch in waiting:
                    ended.append(functools.partial(waiting.pop(end.epoch), end))
        # Most polls have many outputs, and no call that waits for one.
        begun = tuple(
            (output, self.for_begin.pop(output.epoch)) for output in outputs.outputs
            if output.epoch in self.for_begin and not output.prepare
        ) if self.for_begin else ()
        service_commands, self.service_commands = tuple(self.service_commands), []
        return Polled(outputs, tuple(ended), begun, service_commands)


class LockedSupervisor(Generic[_Core]):
    """The supervisor as the pump, the drivers and the feedback use it, from any thread."""

    def __init__(self, supervisor: _Core, clock: Callable[[], float] = steady_now) -> None:
        self._supervisor = supervisor
        self.now = clock
        # Guards the supervisor and the waiters. Taken by RPC handlers, the ROS executor and the
        # pump; never held while publishing, logging or calling back.
        self._lock = threading.Condition(threading.Lock())
        # The planned time of the next pass of the pump (s), and whether it was woken.
        self._planned = math.inf
        self._woken = False
        # The calls that the pump answers after a poll; under the lock.
        self._polled: Callable[[Outputs], Polled] = Polled

    def _decide(self, decision: Callable[[float], _Result]) -> _Result:
        """
        Return a decision that is made now, under the lock; it may also raise.

        Wakes the pump if it is due earlier than its planned pass, or due already.
        """
        with self._lock:
            now = self.now()
            try:
                return decision(now)
            finally:
                due = self._supervisor.due
                if due < self._planned or due <= now:
                    self._wake_locked()

    # ---- what drivers report --------------------------------------------------------------------

    def measured(self, name: str, sample: Sample) -> None:
        """Take a feedback sample that has just been received."""
        self._decide(lambda now: self._supervisor.measured(name, sample, now))

    def path(self, name: str, problem: str) -> None:
        """Record whether a stop would reach the driver; empty means that it would."""
        self._decide(lambda now: self._supervisor.path(name, problem, now))

    def feedback(self, name: str, problem: str, is_wrong: bool = False) -> None:
        """Record why feedback cannot arrive; see ActuatorGroup.feedback."""
        self._decide(lambda now: self._supervisor.feedback(name, problem, is_wrong))

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Judge no stop of a resource before this source was seen; see ActuatorGroup.expect."""
        self._decide(lambda now: self._supervisor.expect(name, source, has_pose))

    def seen(self, name: str, source: str) -> None:
        """Note that a source of a resource exists."""
        self._decide(lambda now: self._supervisor.seen(name, source, now))

    def contested(self, name: str, text: str) -> None:
        """Note that other nodes command a resource during a stop; text names them."""
        self._decide(lambda now: self._supervisor.contested(name, text, now))

    def driver_appeared(self, name: str) -> None:
        """Stop a driver that has just started, unless the robot is known to be at rest."""
        self._decide(lambda now: self._supervisor.driver_appeared(name, now))

    def stop_answered(self, name: str, epoch: int, problem: str) -> None:
        """Take the outcome of an acknowledged stop output; an empty problem is success."""
        self._decide(lambda now: self._supervisor.stop_answered(name, epoch, problem, now))

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str = '') -> None:
        """Take a driver's answer to a motion; an empty problem is success."""
        self._decide(
            lambda now: self._supervisor.motion_answered(name, epoch, problem, detail, now))

    def goals(self, name: str, action: str, goals: tuple[str, ...]) -> None:
        """Take the ids of an action's goals that count as our own: a stop cancels them."""
        self._decide(lambda now: self._supervisor.goals(name, action, goals, now))

    def moved_late(self, name: str) -> None:
        """Stop a motion that may have begun only after its stop."""
        self._decide(lambda now: self._supervisor.moved_late(name, now))

    def prepared(self, name: str, epoch: int, problem: str) -> None:
        """Take a driver's answer to a preparation; an empty problem permits the motion."""
        self._decide(lambda now: self._supervisor.prepared(name, epoch, problem, now))

    def runs_late(self, name: str, epoch: int, late: float) -> None:
        """Note that a driver will be so much (s) later at the end of a motion than commanded."""
        self._decide(lambda now: self._supervisor.runs_late(name, epoch, late, now))

    def reset(self) -> list[str]:
        """
        Clear every stop that was not confirmed, and the emergency stop; never starts motion.

        Raises EmergencyStopped, and clears nothing, while that is pressed.
        """
        return self._decide(lambda now: self._supervisor.reset(now))

    # ---- questions ------------------------------------------------------------------------------

    def awaited(self) -> dict[str, str]:
        """Return the sources that were not seen yet, of every resource that has any."""
        return self._decide(lambda now: self._supervisor.awaited())

    def contradiction(self, name: str) -> str:
        """Return how the feedback of a resource contradicts itself; empty where it does not."""
        return self._decide(lambda now: self._supervisor.contradiction(name, now))

    def speed(self, name: str) -> str:
        """Return topic and measured speed of a resource as text; empty if it is unknown."""
        return self._decide(lambda now: self._supervisor.speed(name, now))

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        return self._decide(lambda now: self._supervisor.states())

    def arrivals(self) -> dict[str, tuple[float, float]]:
        """Return age (s) and rate (Hz) of the feedback of every resource that has received any."""
        return self._decide(lambda now: self._supervisor.arrivals(now))

    def failures(self) -> dict[str, str]:
        """Return why stops were not confirmed, of every resource whose last one was not."""
        return self._decide(lambda now: self._supervisor.failures())

    def troubles(self) -> dict[str, str]:
        """Return what is wrong that concerns no single resource, by subject."""
        return self._decide(lambda now: self._supervisor.troubles(now))

    def concern(self) -> frozenset[str]:
        """Return the resources to stop when the supervisor cannot decide; takes no lock."""
        return self._supervisor.concern

    @property
    def quiet(self) -> bool:
        """Whether nothing moves or is being stopped; takes no lock."""
        return self._supervisor.quiet

    # ---- for the pump ---------------------------------------------------------------------------

    def poll(self) -> Polled:
        """Advance to now and return what is to be done."""
        with self._lock:
            self._woken = False
            outputs = self._supervisor.poll(self.now())
            self._planned = outputs.wake
            return self._polled(outputs)

    def wait(self, until: float) -> None:
        """Sleep until that instant (s), or until something changes."""
        with self._lock:
            while not self._woken:
                left = until - self.now()
                if left <= 0.0:
                    return
                self._lock.wait(None if math.isinf(left) else left)

    def held_up(self, late: float, untold: Collection[Output]) -> None:
        """Stop every motion: the pump was late (s), and has not sent the untold outputs."""
        self._decide(lambda now: self._supervisor.held_up(late, now, untold))

    def wake(self) -> None:
        """Wake the pump."""
        with self._lock:
            self._wake_locked()

    def _wake_locked(self) -> None:
        if not self._woken:
            self._woken = True
            self._lock.notify_all()


class LockedBridge(LockedSupervisor[Supervisor]):
    """A bridge's supervisor: it takes commands of clients, echoes, and pulses of bridges."""

    def __init__(self, supervisor: Supervisor,
                 clock: Callable[[], float] = steady_now) -> None:
        super().__init__(supervisor, clock)
        self._waiters = _Waiters()
        self._polled = self._waiters.take

    # ---- sessions -------------------------------------------------------------------------------

    def start_session(self, caller: Caller, resume: str = '') -> Session:
        """Start a session or resume one; see SessionTable.start."""
        return self._decide(lambda now: self._supervisor.start_session(caller, resume, now))

    def beat(self, session_id: str, caller: Caller) -> None:
        """Renew a session. Raises SessionExpired."""
        self._decide(lambda now: self._supervisor.beat(session_id, caller, now))

    def admit(self, caller: Caller) -> None:
        """Check and renew the session of a monitored call. Raises SessionExpired."""
        self._decide(lambda now: self._supervisor.admit(caller, now))

    def sessions(self) -> list[Session]:
        """Return copies of the sessions that are alive, oldest first."""
        return self._decide(lambda now: [
            replace(session) for session in self._supervisor.sessions.living(now)])

    def session_on(self, socket: int | None) -> str:
        """Return the session of the last call on a connection that named one, or nothing."""
        return self._decide(lambda now: '' if socket is None else
                            self._supervisor.sessions.carriers.get(socket, ''))

    # ---- commands -------------------------------------------------------------------------------

    def command(self, name: str, motion: Motion, caller: Caller,
                on_end: Callable[[Ended], None] | None = None, turn: int | None = None) -> int:
        """
        Check, renew, take ownership and set the new motion in one step; returns its epoch.

        on_end is called once, on the pump's thread, after the outputs were sent. Raises a
        BridgeError; then on_end is never called, and nothing has changed but the renewed session,
        except that StopOutstanding may have stopped the current motion.
        """
        def decision(now: float) -> int:
            epoch = self._supervisor.command(name, motion, caller, now, turn)
            if on_end is not None:
                self._waiters.for_end[epoch] = on_end
            return epoch
        return self._decide(decision)

    def begin(self, name: str, motion: Motion, caller: Caller,
              on_begun: Callable[[Ended | None], None],
              turn: int | None = None) -> tuple[int, bool]:
        """
        Command a motion without a fixed end; returns its epoch, and whether it has to wait.

        Where the guard or the driver has to get ready first, on_begun is called once, on the
        pump's thread: with None after the first output, or with an earlier end.
        """
        def decision(now: float) -> tuple[int, bool]:
            epoch = self._supervisor.command(name, motion, caller, now, turn)
            waits = self._supervisor.is_held_back(name)
            if waits:
                self._waiters.for_begin[epoch] = on_begun
            return epoch, waits
        return self._decide(decision)

    def go_on(self, name: str, epoch: int, motion: Motion, passed: float) -> bool:
        """Replace the rest of a motion after so much of it (s); see Supervisor.go_on."""
        return self._decide(
            lambda now: self._supervisor.go_on(name, epoch, motion, now, passed))

    def passed(self, name: str, epoch: int) -> float | None:
        """Return how far (s) a motion has advanced; see Supervisor.passed."""
        return self._decide(lambda now: self._supervisor.passed(name, epoch, now))

    def turn(self, name: str) -> int:
        """Return the queue position of a command that starts to wait. Raises UnknownResource."""
        return self._decide(lambda now: self._supervisor.turn(name))

    def service_command(
            self, name: str, call: ServiceCall, on_answer: Callable[[str, str], None]) -> None:
        """
        Let the driver run a command that does not move the robot. Raises UnknownResource.

        on_answer is called once, on any thread, with the problem (empty: none) and the answer that
        the driver received.
        """
        with self._lock:
            self._supervisor.resource(name)
            self._waiters.service_commands.append(ServiceCommand(name, call, on_answer))
            self._wake_locked()

    def stop(self, name: str) -> None:
        """Stop a resource; always accepted. Raises UnknownResource only."""
        self._decide(lambda now: self._supervisor.stop(name, now))

    def stop_all(self) -> None:
        """Stop every resource."""
        self._decide(lambda now: self._supervisor.stop_all(now))

    def commands(self) -> dict[str, Command]:
        """Return the last command that each resource has accepted."""
        return self._decide(lambda now: self._supervisor.commands())

    def stop_own(self, entity: str) -> list[str]:
        """Stop, and return, the resources that this entity was the last to command."""
        return self._decide(lambda now: self._supervisor.stop_own(entity, now))

    def revoke(self, entity: str) -> None:
        """End the sessions of an entity, and every motion that it commanded."""
        self._decide(lambda now: self._supervisor.revoke(entity, now))

    def expire_sessions(self) -> int:
        """End every session, so that what they hold stops; returns how many there were."""
        return self._decide(lambda now: self._supervisor.expire_sessions(now))

    def cancel(self, name: str, epoch: int) -> bool:
        """End the motion of this epoch if it still runs; returns whether it did."""
        return self._decide(lambda now: self._supervisor.cancel(name, epoch, now))

    def press_emergency(self, reason: str) -> None:
        """Stop everything and refuse motion until a reset."""
        self._decide(lambda now: self._supervisor.press_emergency(reason, now))

    def hear_emergency(self, pressed: bool) -> None:
        """Take a message of the configured emergency stop topic."""
        self._decide(lambda now: self._supervisor.hear_emergency(pressed, now))

    def emergency(self) -> str:
        """Return why the emergency stop refuses motion; empty when it does not."""
        return self._decide(lambda now: self._supervisor.emergency(now))

    def shut_down(self) -> None:
        """Refuse motion from now on, and stop everything that is not idle."""
        self._decide(lambda now: self._supervisor.shut_down(now))

    def configure(self, policy: Policy, limits: Mapping[str, Limits]) -> None:
        """Replace policy and limits at run time."""
        self._decide(lambda now: self._supervisor.configure(policy, limits, now))

    # ---- queries --------------------------------------------------------------------------------

    def resource(self, name: str) -> ActuatedResource:
        """Return what is configured under this name. Raises UnknownResource."""
        # Under the lock: a call that waits here still detects that its deadline has passed.
        return self._decide(lambda now: self._supervisor.resource(name))

    def is_moving(self, name: str) -> bool:
        """Return whether a resource moves, from feedback where there is any."""
        return self._decide(lambda now: self._supervisor.is_moving(name, now))

    def sample(self, name: str) -> Sample | None:
        """Return the newest measurement; None where it is unknown or stale."""
        return self._decide(lambda now: self._supervisor.sample(name, now))

    def feedback_problem(self, name: str) -> str:
        """Return why feedback cannot arrive; empty when it may."""
        return self._decide(lambda now: self._supervisor.feedback_problem(name))

    def setpoint(self, name: str) -> Setpoint | None:
        """Return the setpoint that a driver receives now; None for a stop or nothing."""
        return self._decide(lambda now: self._supervisor.setpoint(name))

    # ---- evidence -------------------------------------------------------------------------------

    def update_sockets(self, taken_at: float, open_sockets: frozenset[int]) -> None:
        """Take a poll of the open sockets, begun at taken_at (s)."""
        self._decide(lambda now: self._supervisor.update_sockets(open_sockets, taken_at, now))

    def watched_sockets(self) -> frozenset[int]:
        """Return the connections that a motion depends on now."""
        return self._decide(lambda now: self._supervisor.watched_sockets())

    def watch_backlog(self) -> None:
        """Note that backlog_looked will be called while draining returns true."""
        self._decide(lambda now: self._supervisor.backlog.watch())

    def draining(self) -> bool:
        """Return whether calls are refused until none is left that came during a freeze."""
        return self._decide(lambda now: self._supervisor.backlog.draining)

    def backlog_looked(self, at: float, calls: int, awake: bool, used: float) -> None:
        """Take a look at the gRPC server; see Backlog.looked."""
        self._decide(lambda now: self._supervisor.backlog.looked(at, calls, awake, used))

    # ---- other processes ------------------------------------------------------------------------

    def receive(self, pulse: Pulse, verified: bool = True) -> None:
        """Take the pulse of another bridge; verified: it is signed with our key."""
        self._decide(lambda now: self._supervisor.receive(pulse, now, verified))

    def echoed(self, echo: Echo) -> None:
        """Take a guard's echo."""
        self._decide(lambda now: self._supervisor.echoed(echo, now))

    def serves_at(self, port: int) -> None:
        """Set the port at which clients are served, for other bridges."""
        self._decide(lambda now: self._supervisor.serves_at(port))

    def guard_problem(self) -> str:
        """Say why no guard would stop this robot, whether or not one is required."""
        return self._decide(lambda now: self._supervisor.guard_problem(now))

    def end_pulses(self) -> None:
        """Release the guard: the next pulse is the last."""
        self._decide(lambda now: self._supervisor.end_pulses(now))


class LockedGuard(LockedSupervisor[GuardRules]):
    """A guard's supervisor: it receives pulses, and no commands."""

    def receive(self, pulse: Pulse) -> None:
        """Take a bridge's pulse."""
        self._decide(lambda now: self._supervisor.receive(pulse, now))

    def drained(self) -> None:
        """Note that every pulse that had arrived was read."""
        self._decide(lambda now: self._supervisor.drained(now))

    def rests(self) -> bool:
        """Return whether no bridge relies on this guard and its own stops are done."""
        return self._decide(lambda now: self._supervisor.rests())

    def hurry(self, patience: float) -> None:
        """Let every stop that is not done after this time (s) fail: the guard ends."""
        self._decide(lambda now: self._supervisor.hurry(now + patience, now))


def locked_bridge(resources: list[ActuatedResource], policy: Policy,
                  emergency: EmergencySettings = NO_EMERGENCY, identity: Identity | None = None,
                  guard_required: bool = False) -> LockedBridge:
    """Return a bridge's supervisor with random session ids, behind its lock."""
    return LockedBridge(Supervisor(
        resources, policy, lambda: str(uuid.uuid4()), emergency, identity=identity,
        guard_required=guard_required))
