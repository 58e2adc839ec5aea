# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The rules of a guard: how it judges the silence of bridges, and what it stops then.

Silence means stop, but only silence while the guard itself was receiving: a guard that was delayed
first reads the pulses that have arrived meanwhile, and extends the timeout of the bridge, which
may have been delayed too, by one patience. Both are bounded: a guard that receives nothing stops
the robot.

Pulses are verified before they arrive here (ros/signatures.py). Their numbers show which are new.
A pulse of an unknown bridge may be a recording from before this guard started, unless it names
this guard: until one does, such a bridge can add resources to a stop, and remove none.

A guard drives the same actuators as the bridge, so that its stops are repeated until rest is seen,
and are reported when it is not. It is a group of actuators and no supervisor: it has no method
that begins a motion.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
import math

from viam_session_bridge.core.events import (
    Changed,
    Echo,
    GuardTookOver,
    Notice,
    Outputs,
    Pulse,
)
from viam_session_bridge.core.group import ActuatedResource, ActuatorGroup
from viam_session_bridge.core.states import Reason, State

# How much later (share of a patience) than planned the guard's loop may run before its own delay
# counts as a cause of the silence.
OVERSLEPT = 0.5

# How many bridges are remembered; those that list resources are kept longest.
MOST_BRIDGES = 16


@dataclass(frozen=True)
class PulseVerdict:
    """
    A bridge became silent, or left: its last pulse lists what it had not stopped.

    silence (s): since that pulse, for texts.
    """

    pulse: Pulse
    silence: float


@dataclass
class _Bridge:
    pulse: Pulse
    received_at: float
    # Nothing is judged before that, because the guard itself was delayed.
    grace: float = -math.inf
    fired: int = 0
    judged: bool = False
    echo_due: bool = True
    # Why the emergency stop was latched before this bridge started, until its pulses report it.
    inherits: str = ''
    # One of its pulses named this guard: it is no recording.
    is_live: bool = False

    @property
    def silent_at(self) -> float:
        """Return when its silence exceeds its patience (s)."""
        if self.judged or not self.pulse.active:
            return math.inf
        return max(self.received_at + self.pulse.sender.patience, self.grace)


class PulseWatch:
    """The bridges whose pulses one guard receives. Times are seconds on its own steady clock."""

    def __init__(self, guard: str, configuration: str) -> None:
        self._guard = guard
        self._configuration = configuration
        self._bridges: dict[str, _Bridge] = {}
        # Why the emergency stop of each bridge was latched according to its last pulse; also of
        # bridges that have ended.
        self._latches: dict[str, str] = {}
        self._planned = math.inf
        self._drained = -math.inf
        self._unreached: tuple[str, ...] = ()
        self._number = 0

    def receive(self, pulse: Pulse, now: float) -> bool:
        """Take a pulse; returns whether it is new."""
        instance = pulse.sender.instance
        before = self._bridges.get(instance)
        if before is not None and pulse.sequence <= before.pulse.sequence:
            return False
        self._bridges.pop(instance, None)
        while len(self._bridges) >= MOST_BRIDGES:
            self._forget_one()
        inherits = before.inherits if before else next(iter(self._latches.values()), '')
        bridge = self._bridges[instance] = _Bridge(
            pulse, now, fired=before.fired if before else 0, inherits=inherits,
            is_live=self._guard in pulse.guards or (before is not None and before.is_live))
        if bridge.is_live:
            self._note_latch(pulse)
        return True

    def is_live(self, instance: str) -> bool:
        """Return whether this bridge is proven to run at the same time as this guard."""
        return instance in self._bridges and self._bridges[instance].is_live

    def drained(self, now: float) -> None:
        """Note that every pulse that had arrived by then (s) was read."""
        self._drained = now

    def judge(self, now: float) -> list[PulseVerdict]:
        """Return which bridges have become silent, or left, since the last call."""
        self._notice_own_delay(now)
        verdicts: list[PulseVerdict] = []
        for bridge in self._bridges.values():
            if bridge.judged:
                continue
            left = bridge.pulse.goodbye
            if left or (now >= bridge.silent_at and self._is_drained(bridge, now)):
                bridge.judged = True
                if not left:
                    bridge.fired += 1
                verdicts.append(PulseVerdict(bridge.pulse, now - bridge.received_at))
        return verdicts

    def plan(self, now: float) -> float:
        """Return when to judge again (s); a later call shows the guard's own delay."""
        self._planned = min(
            (self._judge_at(bridge, now) for bridge in self._bridges.values()), default=math.inf)
        return self._planned

    def must_drain(self, now: float) -> bool:
        """Return whether a verdict only waits for an empty queue."""
        return any(now >= bridge.silent_at and not self._is_drained(bridge, now)
                   for bridge in self._bridges.values())

    def echoes(self, unreached: tuple[str, ...] = (),
               moved: tuple[str, ...] = ()) -> tuple[Echo, ...]:
        """
        Return the answers to the pulses since the last call.

        unreached: the resources that this guard could not stop now. When that has changed, the
        last pulse of each bridge is answered again: motion may be waiting for it. moved: see Echo.
        """
        changed, self._unreached = unreached != self._unreached, unreached
        echoes: list[Echo] = []
        for instance, bridge in self._bridges.items():
            if bridge.echo_due or changed:
                bridge.echo_due = False
                self._number += 1
                echoes.append(Echo(
                    self._guard, instance, bridge.pulse.sequence, self._configuration,
                    bridge.fired, unreached, bridge.inherits, moved, self._number))
        return tuple(echoes)

    def is_listed(self, name: str) -> bool:
        """Return whether a live bridge lists this resource."""
        return any(name in bridge.pulse.active and not bridge.judged and bridge.is_live
                   for bridge in self._bridges.values())

    @property
    def active(self) -> bool:
        """Return whether a bridge that is not silent lists any resource."""
        return any(True for _ in self.listed())

    def listed(self) -> Iterator[str]:
        """Return the resources that the bridges list which are not silent."""
        return (name for bridge in self._bridges.values() if not bridge.judged
                for name in bridge.pulse.active)

    def _note_latch(self, pulse: Pulse) -> None:
        """Keep a latch after its bridge has ended, until the next bridge has latched it."""
        instance = pulse.sender.instance
        self._latches.pop(instance, None)
        if not pulse.latched:
            return
        bridge = self._bridges[instance]
        if bridge.inherits:
            # From now on this bridge resets it. Other live bridges report their own again.
            self._latches.clear()
            bridge.inherits = ''
        while len(self._latches) >= MOST_BRIDGES:
            del self._latches[next(iter(self._latches))]
        self._latches[instance] = pulse.latched

    def _notice_own_delay(self, now: float) -> None:
        late = now - self._planned
        self._planned = math.inf
        for bridge in self._bridges.values():
            patience = bridge.pulse.sender.patience
            # Once in a silence: a guard that is always late must not wait for ever.
            if late > OVERSLEPT * patience and math.isinf(bridge.grace):
                bridge.grace = now + patience

    def _is_drained(self, bridge: _Bridge, now: float) -> bool:
        bound = bridge.silent_at + bridge.pulse.sender.patience
        return self._drained >= bridge.silent_at or now >= bound

    def _judge_at(self, bridge: _Bridge, now: float) -> float:
        if now < bridge.silent_at:
            return bridge.silent_at
        # Until the queue is known to be empty, or the bound has passed.
        return bridge.silent_at + bridge.pulse.sender.patience

    def _forget_one(self) -> None:
        idle = (name for name, bridge in self._bridges.items()
                if bridge.judged or not bridge.pulse.active)
        del self._bridges[next(idle, next(iter(self._bridges)))]


class GuardRules(ActuatorGroup):
    """It stops no idle resource, and sends nothing once a bridge is back."""

    def __init__(self, resources: Iterable[ActuatedResource], watch: PulseWatch) -> None:
        super().__init__(resources)
        self._watch = watch
        # The resources that are being stopped, each with the instance of its bridge.
        self._held: dict[str, str] = {}
        # Resources that a bridge left moving, until rest is seen or another bridge handles them.
        self._left_moving: set[str] = set()
        # The resources to stop when the supervisor cannot decide: read without a lock, so the set
        # is replaced, never changed.
        self._concern: frozenset[str] = frozenset()

    @property
    def concern(self) -> frozenset[str]:
        """Return the resources to stop when the supervisor cannot decide; needs no lock."""
        return self._concern

    def receive(self, pulse: Pulse, now: float) -> None:
        """Take a pulse: a bridge that is back sends its stops itself."""
        if not self._watch.receive(pulse, now):
            return
        self.due = min(self.due, now)
        self._note_concern()
        if not self._watch.is_live(pulse.sender.instance):
            return
        self._left_moving -= pulse.active.keys() - set(pulse.unmoved)
        if pulse.goodbye:
            return
        for name, instance in list(self._held.items()):
            if instance == pulse.sender.instance or name in pulse.active:
                del self._held[name]
                self._actuators[name].leave('a bridge handles it again')
                self._touch(name, now)

    def drained(self, now: float) -> None:
        """Note that every pulse that had arrived by now was read."""
        self._watch.drained(now)
        self.due = min(self.due, now)

    def rests(self) -> bool:
        """Return whether no bridge relies on this guard and its own stops are done."""
        return not self._watch.active and all(
            actuator.state is State.IDLE for actuator in self._actuators.values())

    def hurry(self, until: float, now: float) -> None:
        """Let every stop that is not done by that instant (s) fail."""
        for actuator in self._actuators.values():
            actuator.hurry(until)
        for name in tuple(self._schedule.active):
            self._touch(name, now)
        self.due = min(self.due, now)

    def reset(self, now: float) -> list[str]:
        """Clear every unconfirmed stop; it is no evidence of motion for the next bridge."""
        cleared = super().reset(now)
        self._left_moving.difference_update(cleared)
        return cleared

    def poll(self, now: float) -> Outputs:
        """Advance to now, judge the silence, and add the echoes."""
        for verdict in self._watch.judge(now):
            self._carry_out(verdict, now)
        outputs = super().poll(now)
        self._left_moving.difference_update(
            event.resource for event in outputs.events
            if isinstance(event, Changed) and event.verified)
        self.due = min(self.due, self._watch.plan(now))
        self._note_concern()
        unreached = tuple(
            name for name, actuator in self._actuators.items() if not actuator.has_path)
        return replace(
            outputs, wake=self.due, drain=self._watch.must_drain(now),
            echoes=self._watch.echoes(unreached, tuple(sorted(self._left_moving))))

    def _carry_out(self, verdict: PulseVerdict, now: float) -> None:
        pulse = verdict.pulse
        # Another live bridge stops the resources that it lists.
        names = [name for name in pulse.active
                 if name in self._actuators and not self._watch.is_listed(name)]
        for name in names:
            if name in pulse.unmoved:
                self._actuators[name].sources.forget_motion()
            else:
                self._actuators[name].sources.moved()
                self._left_moving.add(name)
            self.stop(name, now, Reason.BRIDGE_LEFT if pulse.goodbye else Reason.BRIDGE_SILENT)
            if name in pulse.unconfirmed:
                self._actuators[name].doubt('the bridge had not seen it at rest')
            self._held[name] = pulse.sender.instance
        if pulse.goodbye:
            text = f'{pulse.sender} has left'
        else:
            text = (f'no pulse for {verdict.silence:.2f} s (limit {pulse.sender.patience:g} s, '
                    f'guard.patience): {pulse.sender} has become silent')
        if names:
            text += '; stopping ' + ', '.join(names)
        self._events.append(
            GuardTookOver(
                text, grave=True, bridge=pulse.sender.instance, resources=tuple(names),
                left=pulse.goodbye) if names else Notice(text))

    def _note_concern(self) -> None:
        self._concern = frozenset(self._watch.listed()).union(
            name for name in self._schedule.active
            if self._actuators[name].state is not State.IDLE)
