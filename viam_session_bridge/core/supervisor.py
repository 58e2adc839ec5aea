# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which client last commanded which resource, and whether it is still present.

The supervisor of a bridge holds the sessions, the evidence of open connections and one actuator
per resource. Every call checks, renews, takes ownership and sets the new setpoint in one step;
``poll`` turns time into outputs. Viam's rule applies: the last caller owns a resource; only its
owner's end stops it. peers.py judges pulses and echoes; the supervisor acts on the results.

Calls that arrived while the bridge was frozen wait in the sockets, and are read after it. They are
as old as the freeze was long, and cannot be distinguished from new ones: none is executed as long
as some may be left (Backlog).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
import itertools
import math

from viam_session_bridge.core.actuator import Actuator
from viam_session_bridge.core.emergency import EmergencySettings, EmergencyStop, NO_EMERGENCY
from viam_session_bridge.core.errors import (
    EmergencyStopped,
    NotYet,
    Overtaken,
    ShuttingDown,
    Stalled,
    StopOutstanding,
)
from viam_session_bridge.core.events import (
    Changed,
    Command,
    Echo,
    Emergency,
    GuardTookOver,
    Identity,
    LogEvent,
    MotionBegun,
    Notice,
    Output,
    Outputs,
    Pulse,
    SessionEnded,
    SessionStarted,
    Stall,
)
from viam_session_bridge.core.group import ActuatedResource, ActuatorGroup
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.peers import Peers
from viam_session_bridge.core.presence import Caller, Policy, Presence, same_holder
from viam_session_bridge.core.sessions import parse_session_id, Session, SessionTable
from viam_session_bridge.core.setpoints import Limits
from viam_session_bridge.core.states import Reason, State

# After a freeze commands are refused for as long as it took, and no longer than this (s) ...
LONGEST_ECHO = 1.0

# ... unless calls continue to arrive one after the other: then until they pause. After this
# multiple of the freeze, and no more than LONGEST_DRAIN (s), the shortest pause is enough; and
# none is needed after the process has used as much processor time. On a busy machine it needs
# longer to read the same calls.
DRAINING = 10.0
LONGEST_DRAIN = 5.0

# Calls have paused if none arrives for so long (s).
PAUSE = 0.01


class Backlog:
    """
    The calls that waited during a freeze. Times are seconds.

    That no call arrives shows nothing while a thread that would read it waits for a processor. So
    a pause counts only if all other threads of the process sleep at its beginning and at its end.
    """

    def __init__(self) -> None:
        # The caller looks at the gRPC server while this drains.
        self._watched = False
        self._refused_until = -math.inf
        # The processor time that the process may still use.
        self._left = 0.0
        # The number of calls at the last look, since when there was none, and when the shortest
        # pause is enough.
        self._calls: int | None = None
        self._quiet_since = math.inf
        self._hurried_at = math.inf

    def watch(self) -> None:
        """Note that the caller will call looked while draining is true."""
        self._watched = True

    def thawed(self, late: float, now: float) -> None:
        """Note the end of a freeze of so long (s)."""
        self._refused_until = max(self._refused_until, now + min(late, LONGEST_ECHO))
        self._calls = None
        if self._watched:
            self._left = max(self._left, min(DRAINING * late, LONGEST_DRAIN))

    def looked(self, at: float, calls: int, awake: bool, used: float) -> None:
        """
        Take a look at the gRPC server, at an instant (s) of any steady clock.

        calls: how many have arrived since the start. awake: another thread of the process runs, or
        waits for a processor. used: the processor time (s) of the process since the last look.
        """
        if self._calls is None:
            self._hurried_at = at + self._left
        quiet = calls == self._calls and not awake
        self._left, self._calls = self._left - used, calls
        self._quiet_since = min(self._quiet_since, at) if quiet else math.inf
        if quiet and at >= min(self._quiet_since + PAUSE, self._hurried_at):
            self._left = 0.0

    @property
    def draining(self) -> bool:
        """Return whether old calls may be left, so that a pause must be detected."""
        return self._left > 0.0

    def holds(self, now: float) -> bool:
        """Return whether a call that arrives now may be one of them."""
        return self._left > 0.0 or now < self._refused_until


# Sessions that move nothing are removed at this period (s); those that do, at their deadline.
SWEEP_PERIOD = 1.0

# A freeze of more than this (s) while nothing moves is logged: commands may have waited.
IDLE_STALL = 0.5


class Supervisor(ActuatorGroup):
    """
    The supervisor of a bridge. Times are seconds on one steady clock that never runs backwards.

    identity: None for one that sends no pulses. guard_required: nothing moves without a guard.
    """

    def __init__(self, resources: Iterable[ActuatedResource], policy: Policy,
                 new_id: Callable[[], str],
                 emergency: EmergencySettings = NO_EMERGENCY,
                 *, identity: Identity | None = None, guard_required: bool = False) -> None:
        super().__init__(resources)
        self._peers = Peers(identity, guard_required, [
            one.name for one in self._resources.values() if one.actuator.stop_on_start])
        for one in self._resources.values():
            # A resource that requires no subscriber does not wait for one.
            if not one.actuator.require_path:
                self._peers.startup.matched(one.name)
        self.sessions = SessionTable(policy.sessions, new_id)
        self._presence = Presence(policy, self.sessions)
        self._policy = policy
        self._sweep_at = math.inf
        self._shutting_down = False
        self._stalled = False
        self.backlog = Backlog()
        # Commands that no poll of the sockets has followed yet, and when they arrived.
        self._unproven: dict[str, float] = {}
        self._commands: dict[str, Command] = {}
        self._watched: frozenset[int] = frozenset()
        self._watched_as_of = -1
        self._polled_at = math.inf
        self._emergency = EmergencyStop(emergency)

    # ---- sessions -------------------------------------------------------------------------------

    def start_session(self, caller: Caller, resume: str, now: float) -> Session:
        """Start or resume; see SessionTable.start."""
        if self.sessions.full:
            self._retire(now)
        session = self.sessions.start(caller.entity, caller.peer, caller.socket, now, resume)
        resumed = bool(resume) and session.id == parse_session_id(resume, 'resume')
        self._events.append(SessionStarted(session.id, caller.peer, caller.entity, resumed))
        self._sweep_at = min(self._sweep_at, now + SWEEP_PERIOD)
        self.due = min(self.due, now)
        return session

    def beat(self, session_id: str, caller: Caller, now: float) -> Session:
        """Renew a session. Raises SessionExpired."""
        return self.sessions.beat(session_id, caller.entity, caller.peer, caller.socket, now)

    def admit(self, caller: Caller, now: float) -> None:
        """Check and renew the session of a monitored call, before any other check."""
        if caller.session is not None:
            self.sessions.beat(caller.session, caller.entity, caller.peer, caller.socket, now)

    # ---- commands -------------------------------------------------------------------------------

    def command(self, name: str, motion: Motion, caller: Caller, now: float,
                turn: int | None = None) -> int:
        """
        Set a resource's setpoint and make the caller its owner; returns the epoch of this command.

        A zero command is a Stop. Raises a BridgeError and changes nothing but the renewed session,
        except that StopOutstanding may have stopped the current motion. A refusal that may pass
        (NotYet) gives a turn; a retry with it raises Overtaken after a Stop or a newer command, so
        that a late command can never follow a stop. A retry renews nothing: it does not come from
        the client.
        """
        if turn is None:
            self.admit(caller, now)
        elif caller.session is not None:
            self.sessions.require(caller.session, caller.entity, now)
        actuator = self._actuator(name)
        if turn is not None and turn != self._turns[name]:
            raise Overtaken(f'{name}: a stop or a newer command arrived while this one waited')
        motion = motion.within(self._resources[name].limits)
        if motion.is_stop:
            epoch = self.stop(name, now)
            actuator.note_end(epoch, Reason.STOPPED)
            return epoch
        if self._shutting_down:
            raise ShuttingDown(f'{name}: the bridge is shutting down; only stops are accepted')
        latched = self._emergency.problem(now)
        if latched:
            raise EmergencyStopped(f'{name}: {latched}')
        moving = self._fence(now)
        if self._stalled or self.backlog.holds(now):
            raise Stalled(
                f'{name}: the bridge was frozen for a moment; this command may have waited since '
                'then, so it is not executed: send it again')
        claim = self._presence.grant(name, caller, motion, now)
        before = actuator.claim
        try:
            # Where there is no subscriber, the refusal has to state that.
            if actuator.has_path:
                actuator.check_sources()
                self._peers.admit(name, now)
            actuator.command(motion, claim, self._next_epoch(), now)
        except NotYet as problem:
            if turn is None:
                self._turns[name] += 1
            problem.turn = self._turns[name]
            if isinstance(problem, StopOutstanding):
                self._touch(name, now)
            raise
        if not self._peers.covered(name, now):
            actuator.readiness.await_cover(self._peers.answer_by(now), now)
        self._turns[name] += 1
        self._touch(name, now)
        self._commands[name] = Command(caller, motion, now)
        self._unproven[name] = now
        if not moving:
            # While nothing moved, the pump had no deadline: its delay counts from here.
            self.due = now
        # Events keep their order: a stop since the last poll began before this motion.
        self._events += actuator.take_changes()
        if before is None or not same_holder(before, claim):
            self._events.append(MotionBegun(name, caller, claim, motion, before))
        if motion.is_timed:
            self._events.append(Notice(
                f'{name}: this move is timed and takes {motion.duration:.4g} s, because no '
                'feedback shows its progress'))
        return actuator.epoch

    def go_on(self, name: str, epoch: int, motion: Motion, now: float,
              passed: float | None = None) -> bool:
        """
        Replace what is left of the motion of one epoch, if it is still the current one.

        motion: the rest (see Motion) after so much of the motion (s); by default, now. Returns
        whether it continues. It renews no session: the client that began it holds it, or it has
        ended.
        """
        actuator = self._actuator(name)
        self._fence(now)
        claim = actuator.claim
        if actuator.epoch != epoch or actuator.state is not State.MOVING or claim is None:
            return False
        absence = self._presence.absent(claim, now)
        if absence is not None:
            self.stop(name, now, absence, self._presence.account(claim, now))
            return False
        motion = motion.within(self._resources[name].limits)
        actuator.go_on(motion, passed, now)
        self._prolong(actuator, now)
        self._touch(name, now)
        return True

    def passed(self, name: str, epoch: int, now: float) -> float | None:
        """
        Return how far (s) this epoch's motion has advanced; None before and after it.

        Counted from its first output, less the delay of the driver.
        """
        actuator = self._actuator(name)
        return actuator.passed(now) if actuator.epoch == epoch else None

    def cancel(self, name: str, epoch: int, now: float) -> bool:
        """End the motion of one epoch, if it is still the current one; returns whether it was."""
        actuator = self._actuator(name)
        current = actuator.epoch == epoch and actuator.state is State.MOVING
        if current:
            self.stop(name, now, Reason.CANCELLED)
        return current

    def commands(self) -> dict[str, Command]:
        """Return the last command that each resource has accepted; a stop is none."""
        return dict(self._commands)

    def stop_own(self, entity: str, now: float) -> list[str]:
        """Stop, and return, the resources that this entity was the last to command."""
        own = [name for name, one in self._commands.items() if one.caller.entity == entity]
        for name in own:
            self.stop(name, now)
        return own

    def revoke(self, entity: str, now: float) -> None:
        """End the sessions of an entity, and every motion that it commanded."""
        for session in self.sessions.end(entity):
            self._events.append(
                SessionEnded(session.id, session.peer, session.begun, revoked=True))
        for name, one in self._commands.items():
            if one.caller.entity == entity and self._actuators[name].state is State.MOVING:
                self.stop(name, now, Reason.REVOKED)
        self.due = min(self.due, now)

    def expire_sessions(self, now: float) -> int:
        """End every session, so that what they hold stops; returns how many there were."""
        ended = self.sessions.end()
        for session in ended:
            self._events.append(
                SessionEnded(session.id, session.peer, session.begun, by_operator=True))
        self._schedule.touch_active()
        self.due = min(self.due, now)
        return len(ended)

    def reset(self, now: float) -> list[str]:
        """
        Clear every UNCONFIRMED actuator and the emergency stop; never starts motion.

        Returns the cleared items. Raises EmergencyStopped, and clears nothing, while the emergency
        stop is pressed.
        """
        latched = self._emergency.reason
        problem = self._emergency.reset(now)
        if problem:
            raise EmergencyStopped(problem)
        if latched:
            self._events.append(Emergency(''))
            self.due = min(self.due, now)
        cleared = super().reset(now)
        return ['the emergency stop', *cleared] if latched else cleared

    def press_emergency(self, reason: str, now: float) -> None:
        """Stop everything, at each call again, and refuse motion until a reset."""
        self._emergency.press(reason)
        self._latched(now)

    def hear_emergency(self, pressed: bool, now: float) -> None:
        """Take a message of the configured emergency stop topic."""
        is_new = not self._emergency.reason
        if self._emergency.received(pressed, now):
            # Two publishers that disagree press all the time: one event is enough.
            self._latched(now, is_new)
        self.due = min(self.due, now)

    def _latched(self, now: float, is_new: bool = True) -> None:
        if is_new:
            self._events.append(Emergency(self._emergency.reason))
        self.stop_all(now, Reason.EMERGENCY)

    def emergency(self, now: float) -> str:
        """Return why the emergency stop refuses motion; empty when it does not."""
        return self._emergency.problem(now)

    def shut_down(self, now: float) -> None:
        """Refuse motion from now on, and stop what is not idle."""
        self._shutting_down = True
        for name, actuator in self._actuators.items():
            if actuator.state is not State.IDLE:
                self.stop(name, now, Reason.SHUTDOWN)

    def turn(self, name: str) -> int:
        """Return the position in the queue of a command that starts to wait now; see command()."""
        self._actuator(name)
        return self._turns[name]

    def is_held_back(self, name: str) -> bool:
        """Return whether a motion waits for the guard, or for its driver to get ready."""
        return self._actuators[name].is_held_back

    # ---- evidence -------------------------------------------------------------------------------

    def update_sockets(self, open_sockets: frozenset[int], taken_at: float, now: float) -> bool:
        """Take a poll of the sockets; returns whether a motion has lost its claimant."""
        # While no connection is missing, only motions are judged whose command is newer than the
        # last poll: with hundreds of motions, the others would cost more than all the rest.
        missing = self._presence.update_sockets(open_sockets, taken_at)
        judged = tuple(self._schedule.active if missing else self._unproven)
        self._unproven = {
            name: since for name, since in self._unproven.items() if since > taken_at}
        lost = [name for name in judged if self._absence(name, now) is not None]
        for name in lost:
            self._touch(name, now)
        return bool(lost)

    def watched_sockets(self) -> frozenset[int]:
        """Return the connections that a motion depends on now."""
        if self._schedule.touches != self._watched_as_of:
            self._watched_as_of = self._schedule.touches
            sockets = (self._presence.socket(self._actuators[name].claim)
                       for name in self._schedule.active)
            self._watched = frozenset(socket for socket in sockets if socket is not None)
        return self._watched

    def prepared(self, name: str, epoch: int, problem: str, now: float) -> None:
        """Take a driver's answer to a preparation; it restarts the lease of a finite move."""
        actuator = self._actuator(name)
        held_back = actuator.is_held_back
        super().prepared(name, epoch, problem, now)
        motion = actuator.motion
        if held_back and not actuator.is_held_back and motion and motion.duration is not None:
            self._prolong(actuator, now)

    def runs_late(self, name: str, epoch: int, late: float, now: float) -> None:
        """Note how late a driver will be; a lease of the motion lasts as much longer."""
        super().runs_late(name, epoch, late, now)
        actuator = self._actuator(name)
        if actuator.epoch == epoch and actuator.time_left(now):
            self._prolong(actuator, now)

    def _prolong(self, actuator: Actuator, now: float) -> None:
        if actuator.claim is not None:
            actuator.claim = self._presence.prolonged(
                actuator.claim, actuator.time_left(now), now)

    # ---- changes at run time --------------------------------------------------------------------

    def configure(self, policy: Policy, limits: Mapping[str, Limits], now: float) -> None:
        """
        Replace the policy and some limits. Sessions keep their window.

        Raises UnknownResource and changes nothing.
        """
        for name in limits:
            self._actuator(name)
        self._policy = policy
        self._presence.policy = policy
        self.sessions.settings = policy.sessions
        for name, limit in limits.items():
            self._resources[name] = replace(self._resources[name], limits=limit)
        self._schedule.touch_active()
        self.due = min(self.due, now)

    # ---- other processes ------------------------------------------------------------------------

    def receive(self, pulse: Pulse, now: float, verified: bool = True) -> None:
        """Take a pulse of any bridge; verified: it is signed with our key."""
        self._peers.bridges.receive(pulse, now, verified)
        self.due = min(self.due, now)

    def echoed(self, echo: Echo, now: float) -> None:
        """Take a guard's echo: it permits motion, or reports a stall that we did not notice."""
        if not self._peers.cover.is_new(echo):
            return
        latched = self._peers.inherits(echo)
        if latched:
            self._events.append(Notice(
                'the emergency stop was latched when the bridge before this one ended'))
            self.press_emergency(latched, now)
        if self._peers.cover.take(echo, now):
            self._events.append(GuardTookOver(
                'the guard has stopped the robot, because this bridge was silent for longer than '
                f'{self._peers.patience:g} s (guard.patience)', grave=True))
            self._stall(now, f'the guard received no pulse for {self._peers.patience:g} s '
                             '(guard.patience)')
        for name in echo.moved:
            if name in self._actuators:
                self._actuators[name].sources.moved()
                self._judge_late(name, now)
        for name in tuple(self._schedule.active):
            actuator = self._actuators[name]
            if actuator.readiness.uncovered and self._peers.covered(name, now):
                actuator.covered(now)
                self._touch(name, now)

    def path(self, name: str, problem: str, now: float) -> None:
        """Record whether a stop would reach the driver; an empty problem means that it would."""
        super().path(name, problem, now)
        if not problem:
            self._matched(name, now)

    def driver_appeared(self, name: str, now: float) -> None:
        """
        Stop a driver that has just started, unless the robot is known to be at rest.

        Where another bridge drives the robot, that bridge sends the stop.
        """
        if not self._peers.leaves_robot(now):
            super().driver_appeared(name, now)
        self._matched(name, now)

    def _matched(self, name: str, now: float) -> None:
        self._peers.startup.matched(name)
        self.due = min(self.due, now)

    @property
    def concern(self) -> frozenset[str]:
        """Return the resources to stop when the supervisor cannot decide; needs no lock."""
        earlier = self._peers.earlier
        return frozenset() if earlier is not None and earlier.verified else super().concern

    def serves_at(self, port: int) -> None:
        """Set the port at which clients are served, for other bridges."""
        if self._peers.pulser is not None:
            self._peers.pulser.serves_at(port)

    def end_pulses(self, now: float) -> None:
        """Release the guard: the next pulse is the last."""
        if self._peers.pulser is not None:
            self._peers.pulser.end_pulses()
        self.due = min(self.due, now)

    def guard_problem(self, now: float) -> str:
        """Say why no guard would stop this robot, whether or not one is required."""
        return self._peers.cover.problem(now)

    def troubles(self, now: float) -> dict[str, str]:
        """Return the faults of guard and other bridges, by subject."""
        return self._peers.troubles(now)

    # ---- time -----------------------------------------------------------------------------------

    def poll(self, now: float) -> Outputs:
        """Advance to now: stop motions without a claimant, and return the outputs."""
        # After a freeze the guard seems silent, too: that is no separate reason.
        self._fence(now)
        orders = self._peers.advance(self._moving, now)
        for name, (reason, detail) in orders.stops.items():
            self.stop(name, now, reason, detail)
        for name in orders.leaves:
            self._actuators[name].leave('another bridge drives this robot')
            self._touch(name, now)
        self._events += orders.notices
        stale_at = self._presence.open_sockets.stale_at
        if self._polled_at < stale_at <= now:
            self._schedule.touch_active()
        # The stops of a stall are among this poll's outputs: later commands follow them.
        self._stalled = False
        self._polled_at = now
        if self._emergency.check(now):
            self._latched(now)
        due = self._schedule.take(now)
        for name in due:
            absence, claim = self._absence(name, now), self._actuators[name].claim
            if absence is not None and claim is not None:
                self.stop(name, now, absence, self._presence.account(claim, now))
        # Only now: the silence of a removed session is no longer known.
        if now >= self._sweep_at:
            self._retire(now)
            self._sweep_at = now + SWEEP_PERIOD if self.sessions.living(now) else math.inf
        outputs, ended = self._poll_actuators(due, now)
        events, self._events = self._events, []
        startup = self._peers.startup
        if startup.pending:
            for name in startup.lasting():
                if self._actuators[name].stopped_enough(now):
                    startup.done(name)
        pulse = self._pulse(due, now, events)
        self.due = min(self._sweep_at, self._emergency.wake_at(), self._schedule.finish(),
                       self._peers.due(now))
        if self._schedule.active and stale_at > now:
            self.due = min(self.due, stale_at)
        return Outputs(
            tuple(outputs), tuple(ended), tuple(events), self.due, pulse, at=now)

    def _wake_at(self, actuator: Actuator, now: float) -> float:
        """Return when an actuator must be polled next (s), if nothing happens before."""
        wake = actuator.wake_at()
        if actuator.claim is None:
            return wake
        return min(wake, self._presence.ends_at(actuator.claim, now))

    def _absence(self, name: str, now: float) -> Reason | None:
        claim = self._actuators[name].claim
        return None if claim is None else self._presence.absent(claim, now)

    def _alters_pulse(self, event: LogEvent) -> bool:
        """Return whether this changes the pulse, beside the active resources."""
        if isinstance(event, Changed):
            return (State.UNCONFIRMED in (event.before, event.after)
                    or event.resource in self._goals
                    or bool(self._actuators[event.resource].sources.delay))
        return isinstance(event, Emergency)

    def _pulse(self, polled: Iterable[str], now: float,
               events: Iterable[LogEvent]) -> Pulse | None:
        """Return the pulse to send. polled: the resources that may not be listed yet."""
        pulser, active = self._peers.pulser, self._schedule.active
        # A stop must not wait until hundreds of unchanged motions are collected.
        if pulser is None or not (
                pulser.is_due(active.keys() & polled, now) or self._goals_are_new
                or any(map(self._alters_pulse, events))):
            return None
        self._goals_are_new = False
        listed: dict[str, int] = {}
        goals: dict[str, tuple[str, ...]] = {}
        unconfirmed: list[str] = []
        unmoved: list[str] = []
        for name in active:
            actuator = self._actuators[name]
            listed[name] = actuator.epoch
            ids = tuple(itertools.chain.from_iterable(self._goals.get(name, {}).values()))
            if ids:
                goals[name] = ids
            if actuator.state is State.UNCONFIRMED:
                unconfirmed.append(name)
            if actuator.sources.delay:
                unmoved.append(name)
        return pulser.poll(listed, now, goals, tuple(unconfirmed), self._emergency.reason,
                           tuple(unmoved), self._peers.cover.guards)

    def _retire(self, now: float) -> None:
        for session in self.sessions.expire(now):
            self._events.append(SessionEnded(
                session.id, session.peer, session.begun, window=session.window,
                sockets=self.sessions.sockets_of(session.id)))

    def _fence(self, now: float) -> bool:
        """Stop every motion if the pump was late; returns whether anything moved until now."""
        moving = self._anything_moves()
        expected = self._polled_at + self._policy.poll_period
        late = now - (min(self.due, expected) if moving else expected)
        if late > (self._policy.stall_limit if moving else IDLE_STALL):
            self.held_up(late, now)
        return moving

    def held_up(self, late: float, now: float, untold: Iterable[Output] = ()) -> None:
        """Note a stall: commands that arrive now may have waited since then, and are refused."""
        self.backlog.thawed(late, now)
        self._polled_at = now
        super().held_up(late, now, untold)

    def _judged(self, stall: Stall) -> Stall:
        """Return a stall with the limit that it exceeded, and how long commands are refused."""
        moving = bool(stall.stopped) or stall.within_pass
        return replace(
            stall, limit=self._policy.stall_limit if moving else IDLE_STALL,
            rule='half of guard.patience' if moving else 'while nothing moves',
            refused=min(stall.late, LONGEST_ECHO))

    def _stall(self, now: float, detail: str) -> None:
        """Stop every motion, and refuse commands until the stops are sent: both may be old."""
        self._stalled = True
        super()._stall(now, detail)
