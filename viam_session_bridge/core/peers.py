# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a bridge says to the processes around it, and what it knows of them: guards, other bridges.

1. The pump sends the pulse, from within the loop that stops robots: a timer beside that loop would
   outlive it. How it travels is the business of ros/pulse.py.
2. A guard proves itself by its echoes only. It sends them from the loop that would stop the robot.
3. Other bridges are known by their live pulses, never by the ROS graph: a bridge that was killed
   is listed there for 20 s. A pulse that is not signed with our key may come from anybody. It can
   keep this bridge from moving, and nothing else: a verified elder alone is left the robot.
4. A bridge that starts must assume that the robot moves: whoever ran before it may have died. Each
   output is told to stop once it has a subscriber, and its resource takes commands when that stop
   was held; others do not wait for it. Until a command comes the stop goes on: a driver that was
   matched a moment ago may not receive yet.

The supervisor does what follows from it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
import math
from types import MappingProxyType

from viam_session_bridge.core.errors import JustStarted, NoGuard, OtherBridge
from viam_session_bridge.core.events import Echo, Identity, Notice, Pulse
from viam_session_bridge.core.states import Reason

# So many pulses go out in the time that the guard waits for one.
PULSES_PER_PATIENCE = 5

# A pass that comes this share of a period early takes the pulse along, instead of another one a
# little later.
EARLY = 0.25


class PulseSchedule:
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
        # When the next pulse must go out (s), if nothing happens before.
        self.due = -math.inf
        self._goodbye = False
        self._silent = False
        self._said: tuple[
            dict[str, tuple[str, ...]], tuple[str, ...], str, tuple[str, ...]] = {}, (), '', ()
        # Since which pulse each resource has been listed without a gap.
        self._listed: dict[str, int] = {}

    def listed_since(self, name: str) -> int | None:
        """Return the first of the pulses that list this resource without a gap up to now."""
        return self._listed.get(name)

    def say_goodbye(self) -> None:
        """Let the next pulse be the last."""
        self._goodbye = True
        self.due = -math.inf

    def is_due(self, active: Set[str], now: float) -> bool:
        """Tell whether it is time, or somebody stands who was not listed; see poll."""
        early = EARLY * self._identity.patience / PULSES_PER_PATIENCE
        return not active <= self._listed.keys() or now >= self.due - early

    def poll(self, active: Mapping[str, int], now: float,
             goals: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
             unconfirmed: tuple[str, ...] = (), latched: str = '',
             unmoved: tuple[str, ...] = (), guards: tuple[str, ...] = ()) -> Pulse | None:
        """Return the pulse that goes out now, before any motion; None if none is due."""
        period = self._identity.patience / PULSES_PER_PATIENCE
        said = dict(goals), unconfirmed, latched, unmoved
        if self._silent or not (said != self._said or self.is_due(active.keys(), now)):
            return None
        self._sequence += 1
        self._said = said
        self._listed = {name: self._listed.get(name, self._sequence) for name in active}
        self.due = now + (period if active else self._identity.patience)
        if self._goodbye:
            self._silent = True
            self.due = math.inf
        return Pulse(
            self._identity, self._sequence, dict(active), said[0], self._goodbye, unconfirmed,
            latched, unmoved, guards)


# An idle bridge pulses once in a patience, and so a guard answers: one that has not for so many
# patiences is gone.
GUARD_MEMORY = 4.0

# How many guards are remembered; more than one is there after one was frozen and replaced.
MOST_GUARDS = 8


@dataclass
class _Guard:
    heard_at: float
    sequence: int
    configuration: str
    fired: int
    unreached: frozenset[str]
    number: int


class GuardCover:
    """The guards of one bridge. Times are seconds."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._guards: dict[str, _Guard] = {}

    @property
    def guards(self) -> tuple[str, ...]:
        """Return the guards that have answered."""
        return tuple(self._guards)

    def is_new(self, echo: Echo) -> bool:
        """Tell whether an echo is for this bridge, and newer than all of that guard before."""
        before = self._guards.get(echo.guard)
        return echo.instance == self._identity.instance and (
            before is None or echo.number > before.number)

    def take(self, echo: Echo, now: float) -> bool:
        """Take an echo that is new; tells whether that guard has fired since its last one."""
        before = self._guards.pop(echo.guard, None)
        while len(self._guards) >= MOST_GUARDS:
            del self._guards[next(iter(self._guards))]
        sequence = max(echo.sequence, before.sequence if before else 0)
        self._guards[echo.guard] = _Guard(
            now, sequence, echo.configuration, echo.fired, frozenset(echo.unreached),
            echo.number)
        return echo.fired > (before.fired if before else 0)

    def problem(self, now: float) -> str:
        """Say why no guard would stop this robot; empty when one would."""
        problem = 'no guard answers (it is a process of its own: start it beside the bridge)'
        for one in self._guards.values():
            if now < self._gone_at(one):
                if self._fits(one):
                    return ''
                problem = (f'the guard runs with another configuration ({one.configuration}, not '
                           f'{self._identity.configuration}): start both with the same file')
        return problem

    def covers(self, name: str, sequence: int | None, now: float) -> bool:
        """Tell whether a guard that could stop it has heard the pulse of this number, or later."""
        return sequence is not None and any(
            one.sequence >= sequence and self._could_stop(one, name, now)
            for one in self._guards.values())

    def reaches(self, name: str, now: float) -> bool:
        """Tell whether a guard that fits is there and reaches the driver of this resource."""
        return any(self._could_stop(one, name, now) for one in self._guards.values())

    def reaches_all(self, now: float) -> bool:
        """Tell whether a guard that fits is there and reaches every driver."""
        return any(self._fits(one) and now < self._gone_at(one) and not one.unreached
                   for one in self._guards.values())

    def ends_at(self) -> float:
        """Return when the cover ends if no further echo comes (s); in the past without any."""
        return max((self._gone_at(one) for one in self._guards.values() if self._fits(one)),
                   default=0.0)

    def _could_stop(self, guard: _Guard, name: str, now: float) -> bool:
        return (self._fits(guard) and now < self._gone_at(guard)
                and name not in guard.unreached)

    def _fits(self, guard: _Guard) -> bool:
        return guard.configuration == self._identity.configuration

    def _gone_at(self, guard: _Guard) -> float:
        return guard.heard_at + GUARD_MEMORY * self._identity.patience


# An idle bridge pulses once in its patience; one that has not for so many of them is gone.
BRIDGE_MEMORY = 3.0

MOST_PEERS = 16


@dataclass(frozen=True)
class PeerBridge:
    """
    Another bridge, which counts as live until that instant (s).

    verified: its pulses are signed with our key.
    """

    identity: Identity
    verified: bool
    sequence: int = 0
    until: float = math.inf


class PeerBridges:
    """What one bridge knows of the others. Times are seconds."""

    def __init__(self, own: Identity) -> None:
        self._own = own
        # The verified and the others, apart: those that anybody may send replace none of ours.
        self._known: dict[bool, dict[str, PeerBridge]] = {True: {}, False: {}}

    def hear(self, pulse: Pulse, now: float, verified: bool) -> None:
        """Take a pulse; our own says nothing, and neither does one that is not new."""
        sender = pulse.sender
        if sender.instance == self._own.instance:
            return
        known = self._known[verified]
        before = known.get(sender.instance)
        if before is not None and verified and pulse.sequence <= before.sequence:
            return
        known.pop(sender.instance, None)
        while len(known) >= MOST_PEERS:
            del known[next(iter(known))]
        until = now if pulse.goodbye else now + BRIDGE_MEMORY * sender.patience
        known[sender.instance] = PeerBridge(sender, verified, pulse.sequence, until)

    def elder(self, now: float) -> PeerBridge | None:
        """Return a live bridge that was there before us, a verified one if there is one."""
        own = self._own.started, self._own.instance
        # Both sides compare the same pair, so that exactly one of them gives way.
        return next((one for one in self._live(now) if _age(one) < own), None)

    def younger(self, now: float) -> PeerBridge | None:
        """Return a live bridge that has come after us, a verified one if there is one."""
        own = self._own.started, self._own.instance
        return next((one for one in self._live(now) if _age(one) > own), None)

    def changes_at(self, now: float) -> float:
        """Return when the next of them falls silent for good (s), if it says no more."""
        return min((one.until for one in self._live(now)), default=math.inf)

    def _live(self, now: float) -> Iterator[PeerBridge]:
        return (one for known in self._known.values() for one in known.values()
                if now < one.until)


def _age(bridge: PeerBridge) -> tuple[float, str]:
    return bridge.identity.started, bridge.identity.instance


# So long (s) a new bridge listens for others before it says anything: what it finds of drivers
# and of other bridges comes in one burst of discovery, in no order.
LISTENING = 0.5


class StartupStage(Enum):
    """How far a resource is."""

    UNMATCHED = 'nobody has listened yet'
    MATCHED = 'the stop is due'
    BEGUN = 'the stop lasts'


class StartupStops:
    """
    The resources whose first stop is not done. Times are seconds.

    pending: how far each of them is; those have to wait with commands.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.pending = dict.fromkeys(names, StartupStage.UNMATCHED)
        self._from = math.inf

    def matched(self, name: str) -> None:
        """Note that a resource's output has a subscriber, or needs none."""
        if self.pending.get(name) is StartupStage.UNMATCHED:
            self.pending[name] = StartupStage.MATCHED

    def due(self, now: float) -> list[str]:
        """Return those that must be told to stop now; the first call begins the listening."""
        if math.isinf(self._from):
            self._from = now + LISTENING
        if now < self._from:
            return []
        return [name for name, stage in self.pending.items() if stage is StartupStage.MATCHED]

    def begun(self, name: str) -> None:
        """Note that the stop was begun."""
        self.pending[name] = StartupStage.BEGUN

    def lasting(self) -> list[str]:
        """Return those whose stop was begun and is not done."""
        return [name for name, stage in self.pending.items() if stage is StartupStage.BEGUN]

    def done(self, name: str) -> None:
        """Note that the stop is over: done, or failed."""
        if self.pending.get(name) is StartupStage.BEGUN:
            del self.pending[name]

    def take_back(self) -> list[str]:
        """Let those that were begun be due again, later; returns them."""
        names = self.lasting()
        self.pending.update(dict.fromkeys(names, StartupStage.MATCHED))
        return names

    def due_at(self) -> float:
        """Return when the next one is due (s)."""
        return self._from if StartupStage.MATCHED in self.pending.values() else math.inf


# Bounds (s) of how long motion waits for the guard's echo.
LEAST_ECHO = 0.25
MOST_ECHO = 1.0


@dataclass
class StartupOrder:
    """What the supervisor has to do: stop these, leave those to others, tell that."""

    stops: dict[str, Reason] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Peers:
    """
    What one bridge says and knows. Times are seconds on the supervisor's clock.

    identity: None for one that says nothing to anybody. required: nothing moves without a guard.
    startup_stops: the resources that are stopped before they take commands.

    elder: the bridge that was there first, as of the last advance; None when it is this one.
    """

    def __init__(self, identity: Identity | None = None, required: bool = False,
                 startup_stops: Iterable[str] = ()) -> None:
        self._identity = identity or Identity('')
        self._required = required
        self.pulser = PulseSchedule(self._identity) if identity is not None else None
        self.cover = GuardCover(self._identity)
        self.bridges = PeerBridges(self._identity)
        self.startup = StartupStops(startup_stops)
        self.elder: PeerBridge | None = None
        self._guard_problem: str | None = None
        self._inherited = False

    # ---- what comes in --------------------------------------------------------------------------

    def inherits(self, echo: Echo) -> str:
        """
        Return why an emergency stop before ours was latched, once; empty where none was.

        Only once: a late echo must not undo a reset.
        """
        if self._inherited or not echo.latched:
            return ''
        self._inherited = True
        return echo.latched

    # ---- what follows ---------------------------------------------------------------------------

    def leaves_robot(self, now: float) -> bool:
        """Tell whether another bridge has the robot for certain, and sees to its stops."""
        elder = self.bridges.elder(now)
        return elder is not None and elder.verified

    def admit(self, name: str, now: float) -> None:
        """Raise OtherBridge, NoGuard or JustStarted if this resource must not move yet."""
        elder = self.bridges.elder(now)
        if elder is not None:
            raise OtherBridge(f'{name}: {_describe(elder)}')
        if name in self.startup.pending:
            raise JustStarted(
                f'{name}: the bridge has just started and first stops what may still move; '
                'commands are taken when that is done')
        if not self._required:
            return
        problem = self.cover.problem(now)
        if problem:
            raise NoGuard(f'{name}: {problem}; guard.required is on')
        if not self.cover.reaches(name, now):
            raise NoGuard(
                f'{name}: the guard does not reach its driver, so it could not stop it (the '
                "guard's log says why); guard.required is on")

    def covered(self, name: str, now: float) -> bool:
        """Tell whether the guard would stop this resource, or none has to."""
        if not self._required or self.pulser is None:
            return True
        return self.cover.covers(name, self.pulser.listed_since(name), now)

    def answer_by(self, now: float) -> float:
        """Return until when (s) a guard that is there must have answered a pulse sent now."""
        return now + min(max(self._identity.patience, LEAST_ECHO), MOST_ECHO)

    def advance(self, moving: Callable[[], Iterable[str]], now: float) -> StartupOrder:
        """Advance to now. moving: gives the resources that move."""
        orders = StartupOrder()
        startup_stops = self.startup.due(now) if self.startup.pending else []
        elder = self.bridges.elder(now)
        if elder is not None and elder.verified:
            orders.leaves = self.startup.take_back()
            orders.stops = dict.fromkeys(moving(), Reason.OTHER_BRIDGE)
        else:
            for name in startup_stops:
                self.startup.begun(name)
                orders.stops[name] = Reason.STARTED
            if elder is not None:
                orders.stops.update(dict.fromkeys(moving(), Reason.OTHER_BRIDGE))
            elif self._required and not self.cover.reaches_all(now):
                orders.stops.update(dict.fromkeys(
                    (name for name in moving() if not self.cover.reaches(name, now)),
                    Reason.NO_GUARD))
        orders.notices = list(self._notices(elder, now))
        return orders

    def due(self, now: float) -> float:
        """Return when something of this must be looked at again (s)."""
        due = math.inf if self.pulser is None else self.pulser.due
        changes = [self.bridges.changes_at(now), self.cover.ends_at()]
        if self.startup.pending:
            changes.append(self.startup.due_at())
        for at in changes:
            if at > now:
                due = min(due, at)
        return due

    def troubles(self, now: float) -> dict[str, str]:
        """Return what is wrong, for diagnostics: about the guard, about other bridges."""
        found: dict[str, str] = {}
        problem = self.cover.problem(now)
        if problem and self._required:
            found['guard'] = problem
        elder, younger = self.bridges.elder(now), self.bridges.younger(now)
        if elder is not None:
            found['other bridge'] = _describe(elder)
        elif younger is not None:
            found['other bridge'] = (
                f'a second bridge ({younger.identity.instance}) has been started on this robot; '
                'it refuses motion as long as this one lives'
                + ('' if younger.verified else f' ({_UNVERIFIED})'))
        return found

    def _notices(self, elder: PeerBridge | None, now: float) -> Iterator[Notice]:
        if _described(elder) != _described(self.elder):
            yield (Notice('the other bridge is gone: this one takes over') if elder is None
                   else Notice(_describe(elder), grave=True))
        self.elder = elder
        problem = self.cover.problem(now)
        if problem == self._guard_problem:
            return
        # While a robot comes up, its guard is missing for a moment: not worth a word.
        if not problem:
            yield Notice('a guard is listening')
        elif self._guard_problem is not None:
            yield Notice(problem, grave=self._required)
        if not problem or self._guard_problem is not None:
            self._guard_problem = problem


_UNVERIFIED = (
    'its pulses are not signed with the key of this bridge: start both with the same '
    'guard.key_file, or find out who else publishes on the topic of pulses')


def _describe(elder: PeerBridge) -> str:
    if elder.verified:
        return (f'another bridge ({elder.identity.instance}) drives this robot and was there '
                'first; this one only looks on until that one ends')
    return (f'another process ({elder.identity.instance}) says that it is a bridge that drives '
            f'this robot and was there first, so this one moves nothing; {_UNVERIFIED}')


def _described(elder: PeerBridge | None) -> str:
    return '' if elder is None else _describe(elder)
