# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Deliberate breakages of the product, each of which some kind of fault must catch.

They replace methods of the real parts in the own process of the bridge (broken_bridge.py) or the
guard (broken_guard.py), so that the product needs no switch for them. One that no longer fits the
product fails when it is applied.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
import math
import threading
import time
from typing import Any

PULSE_PERIOD = 0.05  # s
LATE_PULSE = 0.5  # s


@dataclass(frozen=True)
class Breakage:
    """
    One breakage: what is broken, the kind that must catch it, and how it is done.

    guard: False for a scene without a guard. needs_guard: means nothing in a version without one.
    of_guard: it is the guard that is broken, not the bridge.
    """

    name: str
    text: str
    caught_by: str
    apply: Callable[[], None]
    guard: bool
    needs_guard: bool
    of_guard: bool

    def break_process(self, *, guard: bool) -> None:
        """Apply it to this process, if that is the one to break: a guard, or else a bridge."""
        if guard is self.of_guard:
            self.apply()


BREAKAGES: dict[str, Breakage] = {}


def breakage(text: str, caught_by: str, *, guard: bool = True, needs_guard: bool = False,
             of_guard: bool = False) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that breaks the product."""
    def register(apply: Callable[[], None]) -> Callable[[], None]:
        BREAKAGES[apply.__name__] = Breakage(
            apply.__name__, text, caught_by, apply, guard, needs_guard, of_guard)
        return apply
    return register


def _part(module: str, name: str) -> Any:
    return getattr(import_module(f'viam_session_bridge.{module}'), name)


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a method by what is made of it; fails when the product has no such method."""
    setattr(owner, name, make(getattr(owner, name)))


@breakage('there is no guard', 'bridge_killed', guard=False, needs_guard=True)
def no_guard() -> None:
    pass


@breakage('a bridge moves without a guard, though one is required', 'guard_killed',
          needs_guard=True)
def guard_not_required() -> None:
    peers = _part('core.peers', 'Peers')
    _replace(peers, 'admit', lambda old: lambda self, name, now: None)
    _replace(peers, 'covered', lambda old: lambda self, name, now: True)


@breakage('motion is sent before the guard is informed of it', 'bridge_killed_at_once',
          needs_guard=True)
def pulse_after_motion() -> None:
    _replace(_part('core.peers', 'Peers'), 'covered', lambda old: lambda self, name, now: True)
    since: dict[str, float] = {}

    def make(pulse: Any) -> Any:
        def late(self: Any, active: Any, now: float, *others: Any) -> Any:
            for name in set(since) - set(active):
                del since[name]
            return pulse(self, {
                name: epoch for name, epoch in active.items()
                if now - since.setdefault(name, now) > LATE_PULSE}, now, *others)
        return late
    _replace(_part('core.peers', 'PulseSchedule'), 'poll', make)


@breakage('a guard stops everything, also what a joystick moves',
          'bridge_killed_beside_a_joystick', needs_guard=True, of_guard=True)
def guard_stops_idle() -> None:
    rules = _part('core.guard_rules', 'GuardRules')
    silent = _part('core.states', 'Reason').BRIDGE_SILENT

    def make(carry_out: Any) -> Any:
        def stop_all(self: Any, verdict: Any, now: float) -> None:
            carry_out(self, verdict, now)
            for name in self._actuators:
                self.stop(name, now, silent)
        return stop_all
    _replace(rules, '_carry_out', make)


@breakage('a guard that was frozen takes its own silence for that of the bridge', 'guard_hiccup',
          needs_guard=True, of_guard=True)
def guard_without_grace() -> None:
    watch = _part('core.guard_rules', 'PulseWatch')
    _replace(watch, '_notice_own_delay', lambda old: lambda self, now: None)
    _replace(watch, '_is_drained', lambda old: lambda self, bridge, now: True)


@breakage('pulses come from a thread of their own and outlive a stuck stop loop',
          'bridge_driver_blocked', needs_guard=True)
def pulses_from_a_timer() -> None:
    port = _part('ros.pulse', 'BridgePort')
    encode = _part('ros.pulse', 'encode_pulse')
    newest: list[Any] = []

    def send(self: Any) -> None:
        sequence = 0
        while True:
            time.sleep(PULSE_PERIOD)
            if newest:
                sequence = max(sequence + 1, newest[-1].sequence)
                self._publisher.publish(type_of_message(
                    data=self._sign(encode(replace(newest[-1], sequence=sequence)))))

    type_of_message = _part('ros.pulse', 'String')

    def tell(self: Any, outputs: Any) -> None:
        if outputs.pulse is not None:
            if not newest:
                threading.Thread(target=send, args=(self,), daemon=True).start()
            newest.append(outputs.pulse)
    _replace(port, 'tell', lambda old: tell)


@breakage('a bridge that starts sends no stop', 'bridge_and_guard_restarted', needs_guard=True)
def no_stop_on_start() -> None:
    # Neither at once nor when it finds a driver, as its own state would require.
    _replace(_part('core.peers', 'StartupStops'), '__init__',
             lambda old: lambda self, names: old(self, []))
    late_driver_ignored()


@breakage('a second bridge does not give way', 'second_bridge', needs_guard=True)
def rivals_ignored() -> None:
    _replace(_part('core.peers', 'PeerBridges'), 'receive',
             lambda old: lambda self, pulse, now, verified: None)


@breakage('a stop is sent once and never again', 'another_publisher_without_feedback')
def no_repeat() -> None:
    def make(poll: Any) -> Any:
        def poll_once(self: Any, now: float) -> Any:
            output = poll(self, now)
            if output is not None and output.setpoint is None:
                self._cadence.end()
            return output
        return poll_once
    _replace(_part('core.actuator', 'Actuator'), 'poll', make)


@breakage('a bridge that was frozen continues without a stop', 'bridge_thawed')
def no_fence() -> None:
    supervisor = _part('core.supervisor', 'Supervisor')
    _replace(supervisor, '_fence', lambda old: (
        lambda self, now: self._anything_moves()))
    _replace(supervisor, '_stall', lambda old: lambda self, now, detail: None)
    # Whichever thread runs first: the last poll of the sockets is older than the freeze.
    _replace(_part('core.presence', 'OpenSockets'), 'proves', lambda old: (
        lambda self, socket, since, now: socket in self._open or self._taken_at < since))


@breakage('a motion that was stopped for a stall is taken up again', 'bridge_thawed')
def stall_forgiven() -> None:
    supervisor = _part('core.supervisor', 'Supervisor')
    stalled = _part('core.states', 'Reason').STALLED
    kept: dict[str, Any] = {}

    def stop(old: Any) -> Any:
        def keep(self: Any, name: str, now: float, reason: Any = None, detail: str = '') -> Any:
            actuator = self._actuators[name]
            # The guard reports that it fired: a stall again, of what was stopped already.
            if reason is stalled and actuator.motion is not None:
                kept[name] = now + 0.3, actuator.motion, actuator.claim
            return (old(self, name, now) if reason is None
                    else old(self, name, now, reason, detail))
        return keep

    def poll(old: Any) -> Any:
        def revive(self: Any, now: float) -> Any:
            for name in [name for name, (at, _, _) in kept.items() if now >= at]:
                _, motion, claim = kept.pop(name)
                # As if it had just been commanded: the connections were not checked meanwhile, and
                # an old claim would end by that.
                self._actuators[name].command(
                    motion, replace(claim, since=now), self._next_epoch(), now)
                self._touch(name, now)
            return old(self, now)
        return revive
    _replace(supervisor, 'stop', stop)
    _replace(supervisor, 'poll', poll)


@breakage('connections are not checked: each client counts as present', 'client_killed')
def stale_presence() -> None:
    _replace(_part('rpc.connections', 'SocketMonitor'), '_is_present',
             lambda old: lambda self, one: True)


@breakage('a connection without a session holds its motion for ever',
          'client_without_session_killed')
def connection_holds_for_ever() -> None:
    claim_type = _part('core.presence', 'ConnectionClaim')
    _replace(_part('core.presence', 'Presence'), 'absent', lambda old: lambda self, claim, now: (
        None if isinstance(claim, claim_type) else old(self, claim, now)))


@breakage('heartbeats keep a motion alive, on whatever connection they come',
          'client_killed_while_another_beats')
def heartbeats_hold_motion() -> None:
    claim_type = _part('core.presence', 'SessionClaim')

    def make(absent: Any) -> Any:
        def by_session(self: Any, claim: Any, now: float) -> Any:
            if isinstance(claim, claim_type) and self._sessions.get(claim.session, now):
                return None
            return absent(self, claim, now)
        return by_session
    _replace(_part('core.presence', 'Presence'), 'absent', make)


@breakage('sessions never expire', 'client_frozen')
def sessions_never_expire() -> None:
    _replace(_part('core.sessions', 'Session'), 'alive', lambda old: lambda self, now: True)


@breakage('a call under an expired session revives it',
          'client_frozen_with_calls_under_way')
def dead_sessions_revive() -> None:
    session_type = _part('core.sessions', 'Session')

    def make(beat: Any) -> Any:
        def revive(self: Any, session: str, entity: str, peer: str, socket: Any,
                   now: float) -> Any:
            if self.get(session, now) is None:
                self._sessions[session] = session_type(
                    id=session, entity=entity, window=self.settings.heartbeat_window,
                    deadline=now + self.settings.heartbeat_window, peer=peer)
            return beat(self, session, entity, peer, socket, now)
        return revive
    _replace(_part('core.sessions', 'SessionTable'), 'beat', make)


@breakage('the first owner of a motion remains its owner', 'owner_dies_after_takeover')
def takeover_ignored() -> None:
    def make(command: Any) -> Any:
        def keep_owner(self: Any, motion: Any, claim: Any, epoch: int, now: float) -> None:
            command(self, motion, self.claim or claim, epoch, now)
        return keep_owner
    _replace(_part('core.actuator', 'Actuator'), 'command', make)


@breakage('a client that is gone is stopped on its first resource only',
          'client_of_two_bases_killed')
def one_resource_only() -> None:
    _replace(_part('core.supervisor', 'Supervisor'), '_absence',
             lambda old: lambda self, name, now: (
                 old(self, name, now) if name == next(iter(self._actuators)) else None))


@breakage('a driver that appears receives nothing', 'driver_restarted')
def late_driver_ignored() -> None:
    _replace(_part('core.actuator', 'Actuator'), 'driver_appeared',
             lambda old: lambda self, epoch, now: None)


@breakage('a stop counts as done when its hold is over, whatever the feedback is',
          'another_publisher')
def rest_not_awaited() -> None:
    _replace(_part('core.stop', 'RestWatch'), 'at_rest',
             lambda old: lambda self, since, now: True)


@breakage('the end of a vital thread is ignored', 'bridge_thread_ended')
def deaths_ignored() -> None:
    _replace(_part('bridge', 'Bridge'), '_failed', lambda old: lambda self, problem: None)
    _replace(_part('process', 'ThreadWatchdog'), 'silent', lambda old: lambda self: [])


@breakage('a bridge that ends leaves everything as it is', 'bridge_terminated', guard=False)
def no_stop_at_the_end() -> None:
    _replace(_part('bridge', 'Bridge'), '_go_down', lambda old: lambda self: 0)


@breakage('deadlines are kept by the wall clock', 'wall_clock_stepped')
def wall_clock_deadlines() -> None:
    _replace(_part('locked_supervisor', 'LockedBridge'), '__init__', lambda old: (
        lambda self, *arguments: old(self, *arguments[:1], time.time)))


def _pose_ignored() -> None:
    _replace(_part('core.stop', '_Motion'), 'shown_by_position',
             lambda old: property(lambda self: False))


@breakage('the pose is ignored when rest is judged', 'odometry_twist_zero')
def pose_ignored() -> None:
    _pose_ignored()


@breakage('the guard ignores the pose when it judges rest',
          'odometry_twist_zero_and_bridge_killed', needs_guard=True, of_guard=True)
def pose_ignored_by_guard() -> None:
    _pose_ignored()


@breakage('one noisy message is motion: no speed is computed over a window', 'odometry_flickers')
def noise_is_motion() -> None:
    _replace(import_module('viam_session_bridge.core.stop'), '_mean',
             lambda old: lambda vectors: max(math.hypot(*vector) for vector in vectors))


def _failure_ignored(reason: str) -> None:
    """Let a move go on that must end for a reason."""
    ignored = getattr(_part('core.states', 'Reason'), reason)

    def make(failure: Any) -> Any:
        def go_on(self: Any, *arguments: Any) -> Any:
            found = failure(self, *arguments)
            return None if found is not None and found.reason is ignored else found
        return go_on
    _replace(_part('core.move', 'SteeredTracker'), 'failure', make)


@breakage('a move does not watch its direction', 'odometry_reversed_in_a_move')
def direction_ignored() -> None:
    _failure_ignored('BACKWARDS')


@breakage('a move trusts its pose alone, whatever its speed adds up to',
          'odometry_pose_frozen_in_a_move')
def speed_not_added_up() -> None:
    _failure_ignored('POSE_NOT_MOVING')


@breakage('a jump of the pose is travel', 'odometry_jumps_in_a_move')
def jump_is_travel() -> None:
    _replace(_part('core.stop', 'RestSettings'), 'is_jump',
             lambda old: lambda self, before, after, elapsed: False)


@breakage('the verdict on a stop does not wait for the first odometry', 'odometry_late')
def late_odometry_judged() -> None:
    _replace(_part('core.stop', 'Sources'), 'delay', lambda old: property(lambda self: ''))


@breakage('a command that does not change is repeated as often as one that does, though '
          'receiver_timeout is 0', 'driver_slow')
def unchanged_repeated() -> None:
    _replace(_part('core.actuator', 'Cadence'), 'passes_over',
             lambda old: lambda self, now, setpoint: False)


@breakage('the beginning of a stop is no event', 'client_killed')
def stop_not_reported() -> None:
    stopping = _part('core.states', 'State').STOPPING
    _replace(_part('ros.journal', 'Journal'), '_write', lambda old: (
        lambda self, event, steady, wall: None if getattr(event, 'after', None) is stopping
        else old(self, event, steady, wall)))


@breakage('the events of a guard give another reason for its stops', 'bridge_killed',
          needs_guard=True, of_guard=True)
def reason_misreported() -> None:
    left = _part('core.states', 'Reason').BRIDGE_LEFT

    def make(write: Any) -> Any:
        def misreport(self: Any, event: Any, steady: float, wall: float) -> None:
            write(self, replace(event, reason=left) if hasattr(event, 'reason') else event,
                  steady, wall)
        return misreport
    _replace(_part('ros.journal', 'Journal'), '_write', make)
