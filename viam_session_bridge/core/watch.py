# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a guard judges the silence of bridges, by their pulses alone.

Silence means stop, but only silence that was really listened to: a guard that was itself held up
first hears what has come in meanwhile, and gives the bridge, which may have been held up too, one
patience more. Both are bounded: a guard that hears nothing stops the robot.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import math

from viam_session_bridge.core.pulse import Echo, Pulse

# How much later (share of a patience) than planned the guard's loop may come before its own delay
# is a reason for the silence.
OVERSLEPT = 0.5

# So many bridges are remembered, those that rely on the guard longest.
MOST_BRIDGES = 16


@dataclass(frozen=True)
class Verdict:
    """
    A bridge fell silent, or left: what it had not stopped.

    left: it said goodbye. unconfirmed: those whose stop had failed already. unmoved: see Pulse.
    """

    instance: str
    names: tuple[str, ...]
    left: bool = False
    unconfirmed: frozenset[str] = frozenset()
    unmoved: frozenset[str] = frozenset()


@dataclass
class _Bridge:
    pulse: Pulse
    heard_at: float
    # Nothing is judged before that, because the guard itself was held up.
    grace: float = -math.inf
    fired: int = 0
    judged: bool = False
    echo_due: bool = True
    # Why the emergency stop was latched before this bridge came, until it says that it knows.
    inherits: str = ''

    @property
    def silent_at(self) -> float:
        """Return when its silence is long enough."""
        if self.judged or not self.pulse.standing:
            return math.inf
        return max(self.heard_at + self.pulse.sender.patience, self.grace)


class Watch:
    """The bridges that one guard hears. Times are seconds on its own steady clock."""

    def __init__(self, guard: str, configuration: str) -> None:
        self._guard = guard
        self._configuration = configuration
        self._bridges: dict[str, _Bridge] = {}
        # Why the emergency stop of each bridge was latched when it last said something; also of
        # those that are gone.
        self._latches: dict[str, str] = {}
        self._planned = math.inf
        self._drained = -math.inf
        self._unreached: tuple[str, ...] = ()

    def hear(self, pulse: Pulse, now: float) -> bool:
        """Take a pulse; tells whether it is news."""
        instance = pulse.sender.instance
        before = self._bridges.get(instance)
        if before is not None and pulse.sequence <= before.pulse.sequence:
            return False
        self._bridges.pop(instance, None)
        while len(self._bridges) >= MOST_BRIDGES:
            self._forget_one()
        inherits = before.inherits if before else next(iter(self._latches.values()), '')
        self._bridges[instance] = _Bridge(
            pulse, now, fired=before.fired if before else 0, inherits=inherits)
        self._note_latch(pulse)
        return True

    def drained(self, now: float) -> None:
        """Note that everything which had arrived by then (s) was taken in."""
        self._drained = now

    def judge(self, now: float) -> list[Verdict]:
        """Return who has fallen silent, or left, since the last time."""
        self._notice_own_delay(now)
        verdicts: list[Verdict] = []
        for instance, bridge in self._bridges.items():
            standing = tuple(bridge.pulse.standing)
            unconfirmed = frozenset(bridge.pulse.unconfirmed)
            unmoved = frozenset(bridge.pulse.unmoved)
            if bridge.pulse.goodbye:
                if not bridge.judged:
                    verdicts.append(Verdict(instance, standing, True, unconfirmed, unmoved))
                bridge.judged = True
            elif now >= bridge.silent_at and self._heard_out(bridge, now):
                bridge.judged = True
                bridge.fired += 1
                verdicts.append(Verdict(instance, standing, False, unconfirmed, unmoved))
        return verdicts

    def plan(self, now: float) -> float:
        """Return when to judge again (s); what is late by then was the guard's own delay."""
        self._planned = min(
            (self._looks_at(bridge, now) for bridge in self._bridges.values()), default=math.inf)
        return self._planned

    def must_drain(self, now: float) -> bool:
        """Tell whether a verdict waits for nothing but an empty queue."""
        return any(now >= bridge.silent_at and not self._heard_out(bridge, now)
                   for bridge in self._bridges.values())

    def echoes(self, unreached: tuple[str, ...] = (),
               moved: tuple[str, ...] = ()) -> tuple[Echo, ...]:
        """
        Return the answers to what was heard since the last time.

        unreached: the resources that this guard could not stop now. When that has changed, the
        last pulse of each bridge is answered again: motion may be waiting for it. moved: see Echo.
        """
        changed, self._unreached = unreached != self._unreached, unreached
        echoes = tuple(
            Echo(self._guard, instance, bridge.pulse.sequence, self._configuration, bridge.fired,
                 unreached, bridge.inherits, moved)
            for instance, bridge in self._bridges.items() if bridge.echo_due or changed)
        for bridge in self._bridges.values():
            bridge.echo_due = False
        return echoes

    def stands(self, name: str) -> bool:
        """Tell whether a bridge that is there lists this resource."""
        return any(name in bridge.pulse.standing and not bridge.judged
                   for bridge in self._bridges.values())

    @property
    def standing(self) -> bool:
        """Tell whether a bridge that is there lists anything."""
        return any(True for _ in self.listed())

    def listed(self) -> Iterator[str]:
        """Return what the bridges that are there list."""
        return (name for bridge in self._bridges.values() if not bridge.judged
                for name in bridge.pulse.standing)

    def _note_latch(self, pulse: Pulse) -> None:
        """Keep a latch beyond the life of its bridge, until the one that inherits it has it."""
        instance = pulse.sender.instance
        self._latches.pop(instance, None)
        if not pulse.latched:
            return
        bridge = self._bridges[instance]
        if bridge.inherits:
            # From now on it is this bridge's to reset. Others that live say their own again.
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

    def _heard_out(self, bridge: _Bridge, now: float) -> bool:
        bound = bridge.silent_at + bridge.pulse.sender.patience
        return self._drained >= bridge.silent_at or now >= bound

    def _looks_at(self, bridge: _Bridge, now: float) -> float:
        if now < bridge.silent_at:
            return bridge.silent_at
        # Until the queue is known to be empty, or long enough.
        return bridge.silent_at + bridge.pulse.sender.patience

    def _forget_one(self) -> None:
        idle = (name for name, bridge in self._bridges.items()
                if bridge.judged or not bridge.pulse.standing)
        del self._bridges[next(idle, next(iter(self._bridges)))]
