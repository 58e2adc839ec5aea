# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The sign of life of a bridge: what it says, and when. And what its guard answers.

The pump sends it, from within the loop that stops robots: a timer beside that loop would outlive
it. How it travels is the business of ros/pulse.py.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
import math
from types import MappingProxyType

# So many pulses go out in the time that the guard waits for one.
PULSES_PER_PATIENCE = 5

# A pass that comes this share of a period early takes the pulse along, instead of another one a
# little later.
EARLY = 0.25


@dataclass(frozen=True)
class Identity:
    """
    Which run of which bridge: instance is unique, started orders them (s on its steady clock).

    configuration: fingerprint of what stops depend on. patience (s): how long it may be silent
    before its guard stops what it moved.
    """

    instance: str
    started: float = 0.0
    configuration: str = ''
    patience: float = 0.25


@dataclass(frozen=True)
class Pulse:
    """
    One sign of life.

    standing: the epoch of every resource that is not idle. goals: the ids of actions to cancel,
    for each resource that has any. goodbye: no further pulse follows, on purpose; what still
    stands was not seen at rest. unconfirmed: those among the standing whose stop has failed.
    latched: why the emergency stop is latched; empty while it is open. unmoved: those among the
    standing of which nobody knows that they moved, and whose feedback or servers were not seen.
    """

    sender: Identity
    sequence: int
    standing: Mapping[str, int] = field(default_factory=dict)
    goals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    goodbye: bool = False
    unconfirmed: tuple[str, ...] = ()
    latched: str = ''
    unmoved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Echo:
    """
    A guard's answer to one pulse.

    guard: unique for each run of a guard. instance, sequence: of the pulse. configuration: the
    guard's own. fired: how often this guard has stopped what that instance had moved. unreached:
    the resources that this guard could not stop, because their drivers do not hear it. latched:
    why the emergency stop of a bridge before this one was latched, while nobody has reset it.
    moved: the resources that a bridge before this one left moving, or without a confirmed stop.
    """

    guard: str
    instance: str
    sequence: int
    configuration: str = ''
    fired: int = 0
    unreached: tuple[str, ...] = ()
    latched: str = ''
    moved: tuple[str, ...] = ()


class Pulser:
    """
    Decides when a pulse goes out.

    At once when something is no longer idle, so that the guard knows it before it moves, when
    there are other goals to cancel, when a stop has failed, and when the emergency stop is latched
    or reset; several times in a patience while something stands; once in a patience while nothing
    does.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._sequence = 0
        self._due = -math.inf
        self._goodbye = False
        self._silent = False
        self._said: tuple[
            dict[str, tuple[str, ...]], tuple[str, ...], str, tuple[str, ...]] = {}, (), '', ()
        # Since which pulse each resource has been listed without a gap.
        self._listed: dict[str, int] = {}

    @property
    def due(self) -> float:
        """Return when the next pulse must go out (s), if nothing happens before."""
        return self._due

    def listed_since(self, name: str) -> int | None:
        """Return the first of the pulses that list this resource without a gap up to now."""
        return self._listed.get(name)

    def say_goodbye(self) -> None:
        """Let the next pulse be the last."""
        self._goodbye = True
        self._due = -math.inf

    def is_due(self, standing: Set[str], now: float) -> bool:
        """Tell whether it is time, or somebody stands who was not listed; see poll."""
        early = EARLY * self._identity.patience / PULSES_PER_PATIENCE
        return not standing <= self._listed.keys() or now >= self._due - early

    def poll(self, standing: Mapping[str, int], now: float,
             goals: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
             unconfirmed: tuple[str, ...] = (), latched: str = '',
             unmoved: tuple[str, ...] = ()) -> Pulse | None:
        """Return the pulse that goes out now, before any motion; None if none is due."""
        period = self._identity.patience / PULSES_PER_PATIENCE
        said = dict(goals), unconfirmed, latched, unmoved
        if self._silent or not (said != self._said or self.is_due(standing.keys(), now)):
            return None
        self._sequence += 1
        self._said = said
        self._listed = {name: self._listed.get(name, self._sequence) for name in standing}
        self._due = now + (period if standing else self._identity.patience)
        if self._goodbye:
            self._silent = True
            self._due = math.inf
        return Pulse(
            self._identity, self._sequence, dict(standing), said[0], self._goodbye, unconfirmed,
            latched, unmoved)
