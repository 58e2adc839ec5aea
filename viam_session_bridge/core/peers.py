# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a bridge sends to guards and other bridges, and what it knows of them.

1. The pump sends the pulse, from within the loop that stops robots: a timer beside that loop would
   outlive it. ros/pulse.py publishes it.
2. Only echoes prove that a guard runs. It sends them from the loop that would stop the robot.
3. Other bridges are known by their live pulses, never by the ROS graph: a bridge that was killed
   is listed there for 20 s. A pulse that is not signed with our key may come from any process. It
   can keep this bridge from moving, and nothing else: only to a verified bridge that started
   earlier does this bridge leave the robot.
4. A bridge that starts must assume that the robot moves: the bridge before it may have failed.
   Each output receives a stop once it has a subscriber, and its resource accepts commands when
   that stop was held; others do not wait for it. The stop continues until a command arrives: a
   driver that was matched a moment ago may not receive yet.

supervisor.py acts on the results.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import Enum
import math
from types import MappingProxyType

from viam_session_bridge.core.errors import JustStarted, NoGuard, OtherBridge
from viam_session_bridge.core.events import Echo, Identity, Notice, Pulse
from viam_session_bridge.core.states import Reason

# Pulses that are sent in the time that the guard waits for one.
PULSES_PER_PATIENCE = 5

# A pass that runs this share of a period early sends the pulse, instead of another pass a little
# later.
EARLY = 0.25


class PulseSchedule:
    """
    Decides when a pulse is sent.

    At once when a resource is no longer idle, so that the guard knows it before it moves, when
    the goals to cancel have changed, when a stop has failed, and when the emergency stop is
    latched or reset; several times in a patience while a resource is listed; once in a patience
    while none is.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._sequence = 0
        # When the next pulse must go out (s), if nothing happens before.
        self.due = -math.inf
        self._goodbye = False
        self._silent = False
        self._last: tuple[
            dict[str, tuple[str, ...]], tuple[str, ...], str, tuple[str, ...]] = {}, (), '', ()
        # Since which pulse each resource has been listed without a gap.
        self._listed: dict[str, int] = {}

    def serves_at(self, port: int) -> None:
        """Report the port from the next pulse on."""
        self._identity = replace(self._identity, port=port)

    def listed_since(self, name: str) -> int | None:
        """Return the first of the pulses that list this resource without a gap up to now."""
        return self._listed.get(name)

    def end_pulses(self) -> None:
        """Mark the next pulse as the last one."""
        self._goodbye = True
        self.due = -math.inf

    def is_due(self, active: Set[str], now: float) -> bool:
        """Return whether it is time, or a resource is active that was not listed; see poll."""
        early = EARLY * self._identity.patience / PULSES_PER_PATIENCE
        return not active <= self._listed.keys() or now >= self.due - early

    def poll(self, active: Mapping[str, int], now: float,
             goals: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
             unconfirmed: tuple[str, ...] = (), latched: str = '',
             unmoved: tuple[str, ...] = (), guards: tuple[str, ...] = ()) -> Pulse | None:
        """Return the pulse that is sent now, before any motion; None if none is due."""
        period = self._identity.patience / PULSES_PER_PATIENCE
        content = dict(goals), unconfirmed, latched, unmoved
        if self._silent or not (content != self._last or self.is_due(active.keys(), now)):
            return None
        self._sequence += 1
        self._last = content
        self._listed = {name: self._listed.get(name, self._sequence) for name in active}
        self.due = now + (period if active else self._identity.patience)
        if self._goodbye:
            self._silent = True
            self.due = math.inf
        return Pulse(
            self._identity, self._sequence, dict(active), content[0], self._goodbye, unconfirmed,
            latched, unmoved, guards)


# An idle bridge sends one pulse per patience, and a guard one echo: a guard that has sent none for
# this many patiences counts as ended.
GUARD_MEMORY = 4.0

# How many guards are remembered; more than one exists after one was frozen and replaced.
MOST_GUARDS = 8


@dataclass(frozen=True)
class _Guard:
    """
    Its newest echo, and when that was received (s).

    sequence: of the newest pulse that it has answered. unreached: of the echo, as a set.
    """

    echo: Echo
    received_at: float
    sequence: int
    unreached: frozenset[str]


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
        """Return whether an echo is for this bridge, and newer than all before of that guard."""
        before = self._guards.get(echo.guard)
        return echo.instance == self._identity.instance and (
            before is None or echo.number > before.echo.number)

    def take(self, echo: Echo, now: float) -> bool:
        """Take an echo that is new; returns whether that guard has fired since its last one."""
        before = self._guards.pop(echo.guard, None)
        while len(self._guards) >= MOST_GUARDS:
            del self._guards[next(iter(self._guards))]
        sequence = max(echo.sequence, before.sequence if before else 0)
        self._guards[echo.guard] = _Guard(echo, now, sequence, frozenset(echo.unreached))
        return echo.fired > (before.echo.fired if before else 0)

    def problem(self, now: float) -> str:
        """Return why no guard would stop this robot; empty when one would."""
        problem = (f'no guard answers within {GUARD_MEMORY * self._identity.patience:g} s, '
                   f'{GUARD_MEMORY:g} x guard.patience (it is a process of its own: start it '
                   'beside the bridge)')
        for one in self._guards.values():
            if now < self._gone_at(one):
                if self._fits(one):
                    return ''
                problem = ('the guard runs with another configuration '
                           f'({one.echo.configuration}, expected: '
                           f'{self._identity.configuration}): start both with the same file')
        return problem

    def covers(self, name: str, sequence: int | None, now: float) -> bool:
        """Return whether a guard that could stop it has received this pulse, or a later one."""
        return sequence is not None and any(
            one.sequence >= sequence and self._could_stop(one, name, now)
            for one in self._guards.values())

    def reaches(self, name: str, now: float) -> bool:
        """Return whether a suitable live guard reaches the driver of this resource."""
        return any(self._could_stop(one, name, now) for one in self._guards.values())

    def reaches_all(self, now: float) -> bool:
        """Return whether a suitable live guard reaches every driver."""
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
        return guard.echo.configuration == self._identity.configuration

    def _gone_at(self, guard: _Guard) -> float:
        return guard.received_at + GUARD_MEMORY * self._identity.patience


# An idle bridge sends one pulse per patience; after this many without one it counts as ended.
BRIDGE_MEMORY = 3.0

MOST_PEERS = 16


@dataclass(frozen=True)
class PeerBridge:
    """
    Another bridge. until: it counts as live until that instant (s).

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
        # Verified and unverified separately: any process may send the latter, so they replace none
        # of the verified.
        self._known: dict[bool, dict[str, PeerBridge]] = {True: {}, False: {}}

    def receive(self, pulse: Pulse, now: float, verified: bool) -> None:
        """Take a pulse; our own pulses and those that are not new are ignored."""
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

    def earlier(self, now: float) -> PeerBridge | None:
        """Return a live bridge that started before us, a verified one if there is one."""
        own = self._own.started, self._own.instance
        # Both sides compare the same pair, so that exactly one of them stays passive.
        for one in self._live(now):
            if _start(one) < own:
                return one
        return None

    def later(self, now: float) -> PeerBridge | None:
        """Return a live bridge that started after us, a verified one if there is one."""
        own = self._own.started, self._own.instance
        return next((one for one in self._live(now) if _start(one) > own), None)

    def changes_at(self, now: float) -> float:
        """Return when the next of them counts as ended (s), if it sends no more pulses."""
        at = math.inf
        for one in self._live(now):
            at = min(at, one.until)
        return at

    def _live(self, now: float) -> list[PeerBridge]:
        live: list[PeerBridge] = []
        for known in self._known.values():
            for one in known.values():
                if now < one.until:
                    live.append(one)
        return live


def _start(bridge: PeerBridge) -> tuple[float, str]:
    return bridge.identity.started, bridge.identity.instance


# How long (s) a new bridge only receives before it sends: discovery reports drivers and other
# bridges in one burst, in no defined order.
DISCOVERY_TIME = 0.5


class StartupStage(Enum):
    """The stage of a resource's first stop."""

    UNMATCHED = 'no subscriber yet'
    MATCHED = 'the stop is due'
    BEGUN = 'the stop is in progress'


class StartupStops:
    """
    The resources whose first stop is not done. Times are seconds.

    pending: the stage of each of them; their commands have to wait.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.pending = dict.fromkeys(names, StartupStage.UNMATCHED)
        self._from = math.inf

    def matched(self, name: str) -> None:
        """Note that a resource's output has a subscriber, or needs none."""
        if self.pending.get(name) is StartupStage.UNMATCHED:
            self.pending[name] = StartupStage.MATCHED

    def due(self, now: float) -> list[str]:
        """Return those whose stop must be sent now; the first call starts the discovery time."""
        if math.isinf(self._from):
            self._from = now + DISCOVERY_TIME
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
        """Make those that were begun due again, later; returns them."""
        names = self.lasting()
        self.pending.update(dict.fromkeys(names, StartupStage.MATCHED))
        return names

    def due_at(self) -> float:
        """Return when the next one is due (s)."""
        return self._from if StartupStage.MATCHED in self.pending.values() else math.inf


# How long (s) after its start a bridge waits before it logs that no guard answers.
GUARD_PATIENCE = 3.0

# Bounds (s) of how long motion waits for the guard's echo.
LEAST_ECHO = 0.25
MOST_ECHO = 1.0


@dataclass
class StartupOrder:
    """What the supervisor has to do: resources to stop, resources to leave, notices to log."""

    stops: dict[str, tuple[Reason, str]] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Peers:
    """
    The guards and other bridges of one bridge. Times are seconds on the supervisor's clock.

    identity: None for a bridge that sends no pulses. required: nothing moves without a guard.
    startup_stops: the resources that are stopped before they accept commands.

    earlier: the bridge that started earlier, as of the last advance; None without one.
    """

    def __init__(self, identity: Identity | None = None, required: bool = False,
                 startup_stops: Iterable[str] = ()) -> None:
        self._identity = identity or Identity('')
        # How long (s) this bridge may be silent.
        self.patience = self._identity.patience
        self._required = required
        self.pulser = PulseSchedule(self._identity) if identity is not None else None
        self.cover = GuardCover(self._identity)
        self.bridges = PeerBridges(self._identity)
        self.startup = StartupStops(startup_stops)
        self.earlier: PeerBridge | None = None
        self._guard_problem: str | None = None
        # The deadline of the first guard's answer, once the wait has begun.
        self._guard_by = math.inf
        self._inherited = False

    # ---- input ----------------------------------------------------------------------------------

    def inherits(self, echo: Echo) -> str:
        """
        Return why an emergency stop before ours was latched, once; empty where none was.

        Only once: a late echo must not undo a reset.
        """
        if self._inherited or not echo.latched:
            return ''
        self._inherited = True
        return echo.latched

    # ---- decisions ------------------------------------------------------------------------------

    def leaves_robot(self, now: float) -> bool:
        """Return whether another bridge certainly drives the robot, and sends its stops."""
        earlier = self.bridges.earlier(now)
        return earlier is not None and earlier.verified

    def admit(self, name: str, now: float) -> None:
        """Raise OtherBridge, NoGuard or JustStarted if this resource must not move yet."""
        earlier = self.bridges.earlier(now)
        if earlier is not None:
            raise OtherBridge(f'{name}: {_describe(earlier)}')
        if name in self.startup.pending:
            raise JustStarted(
                f'{name}: the bridge has just started and first stops what may still move; '
                'it accepts commands when that is done')
        if not self._required:
            return
        problem = self._uncovered(name, now)
        if problem:
            raise NoGuard(f'{name}: {problem}; guard.required is on')

    def _uncovered(self, name: str, now: float) -> str:
        """Return why no guard would stop this resource; empty when one would."""
        problem = self.cover.problem(now)
        if problem or self.cover.reaches(name, now):
            return problem
        return ("the guard does not reach its driver, so it could not stop it (the guard's log "
                'states why)')

    def covered(self, name: str, now: float) -> bool:
        """Return whether the guard would stop this resource, or no guard is required."""
        if not self._required or self.pulser is None:
            return True
        return self.cover.covers(name, self.pulser.listed_since(name), now)

    def answer_by(self, now: float) -> float:
        """Return the deadline (s) of a guard's answer to a pulse that is sent now."""
        return now + min(max(self.patience, LEAST_ECHO), MOST_ECHO)

    def advance(self, moving: Callable[[], Iterable[str]], now: float) -> StartupOrder:
        """Advance to now. moving: returns the resources that move."""
        orders = StartupOrder()
        startup_stops = self.startup.due(now) if self.startup.pending else []
        earlier = self.bridges.earlier(now)
        if earlier is not None and earlier.verified:
            orders.leaves = self.startup.take_back()
            orders.stops = dict.fromkeys(moving(), (Reason.OTHER_BRIDGE, _describe(earlier)))
        else:
            for name in startup_stops:
                self.startup.begun(name)
                orders.stops[name] = Reason.STARTED, ''
            if earlier is not None:
                orders.stops.update(dict.fromkeys(
                    moving(), (Reason.OTHER_BRIDGE, _describe(earlier))))
            elif self._required and not self.cover.reaches_all(now):
                orders.stops.update({
                    name: (Reason.NO_GUARD, self._uncovered(name, now)) for name in moving()
                    if not self.cover.reaches(name, now)})
        orders.notices = list(self._notices(earlier, now))
        return orders

    def due(self, now: float) -> float:
        """Return when advance must run next (s)."""
        due = math.inf if self.pulser is None else self.pulser.due
        changes = [self.bridges.changes_at(now), self.cover.ends_at(), self._guard_by]
        if self.startup.pending:
            changes.append(self.startup.due_at())
        for at in changes:
            if at > now:
                due = min(due, at)
        return due

    def troubles(self, now: float) -> dict[str, str]:
        """Return faults for diagnostics: about the guard, about other bridges."""
        found: dict[str, str] = {}
        problem = self.cover.problem(now)
        if problem and self._required:
            found['guard'] = problem
        earlier, later = self.bridges.earlier(now), self.bridges.later(now)
        if earlier is not None:
            found['other bridge'] = _describe(earlier)
        elif later is not None:
            found['other bridge'] = (
                f'a second {later.identity} has been started on this robot; it refuses motion '
                'as long as this bridge runs' + ('' if later.verified else f' ({_UNVERIFIED})'))
        return found

    def _notices(self, earlier: PeerBridge | None, now: float) -> Iterator[Notice]:
        if earlier is not self.earlier and _describe(earlier) != _describe(self.earlier):
            yield (Notice('the other bridge has ended: this one takes over') if earlier is None
                   else Notice(_describe(earlier), grave=True))
        self.earlier = earlier
        if self.pulser is not None:
            yield from self._guard_notices(self.cover.problem(now), now)

    def _guard_notices(self, problem: str, now: float) -> Iterator[Notice]:
        if problem == self._guard_problem:
            return
        effect = ('motion is refused until one answers (guard.required is on)' if self._required
                  else 'nothing stops the robot if this bridge fails (guard.required is off)')
        if not problem:
            yield Notice('a guard answers')
        else:
            # While a robot starts, its guard is missing for a moment.
            if self._guard_problem is None:
                if math.isinf(self._guard_by):
                    self._guard_by = now + GUARD_PATIENCE
                    yield Notice(f'waiting for a guard: {effect}', warns=not self._required)
                if now < self._guard_by:
                    return
                problem_text = f'{problem}; this bridge has waited for {GUARD_PATIENCE:g} s'
            else:
                problem_text = problem
            yield Notice(f'{problem_text}: {effect}', grave=self._required,
                         warns=not self._required)
        self._guard_problem = problem


_UNVERIFIED = (
    'its pulses are not signed with the key of this bridge: start both with the same '
    'guard.key_file, or find out which other node publishes on the topic of pulses')


def _describe(earlier: PeerBridge | None) -> str:
    if earlier is None:
        return ''
    if earlier.verified:
        return (f'another {earlier.identity} is already active on this robot; this bridge stays '
                'passive until that one ends')
    return (f'another process claims to be a {earlier.identity} that started earlier, so this '
            f'bridge moves nothing; {_UNVERIFIED}')
