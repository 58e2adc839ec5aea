# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a bridge stands with the processes around it: its guard, and other bridges.

It says what its pulses say, refuses motion that a guard should cover and none does, gives way to a
bridge that was there first, and begins with stops. The supervisor does what it says.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
import math

from viam_session_bridge.core.cover import Cover
from viam_session_bridge.core.errors import JustStarted, NoGuard, OtherBridge
from viam_session_bridge.core.events import Notice
from viam_session_bridge.core.first_stops import FirstStops
from viam_session_bridge.core.pulse import Echo, Identity, Pulse, Pulser
from viam_session_bridge.core.rivals import Rivals
from viam_session_bridge.core.states import Reason

# Bounds (s) of how long motion waits for the guard's echo.
LEAST_ECHO = 0.25
MOST_ECHO = 1.0


@dataclass
class Orders:
    """What the supervisor has to do: stop these, leave those to others, tell that."""

    stops: dict[str, Reason] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Standing:
    """
    One bridge's. Times are seconds on the supervisor's clock.

    identity: None for one that says nothing to anybody. required: nothing moves without a guard.
    first_stops: the resources that are stopped before they take commands.
    """

    def __init__(self, identity: Identity | None = None, required: bool = False,
                 first_stops: Iterable[str] = ()) -> None:
        self._identity = identity or Identity('')
        self._required = required
        self._pulser = Pulser(self._identity) if identity is not None else None
        self._cover = Cover(self._identity)
        self._rivals = Rivals(self._identity)
        self._first = FirstStops(first_stops)
        self._guard_problem: str | None = None
        self._elder: Identity | None = None
        self._inherited = False

    # ---- what comes in --------------------------------------------------------------------------

    def hear(self, pulse: Pulse, now: float) -> None:
        """Take a pulse of any bridge."""
        self._rivals.hear(pulse, now)

    def echoed(self, echo: Echo, now: float) -> bool:
        """Take a guard's echo; tells whether it has fired at us."""
        return self._cover.take(echo, now)

    def inherits(self, echo: Echo) -> str:
        """
        Return why an emergency stop before ours was latched, once; empty where none was.

        Only once: a late echo must not undo a reset.
        """
        if self._inherited or echo.instance != self._identity.instance or not echo.latched:
            return ''
        self._inherited = True
        return echo.latched

    def left_moving(self, echo: Echo) -> tuple[str, ...]:
        """Return the resources that a bridge before this one left moving, as an echo says."""
        return echo.moved if echo.instance == self._identity.instance else ()

    def matched(self, name: str) -> None:
        """Note that somebody listens to a resource's output, or need not."""
        self._first.matched(name)

    @property
    def first_stops(self) -> list[str]:
        """Return the resources whose first stop lasts."""
        return self._first.lasting()

    def first_stop_done(self, name: str) -> None:
        """Note that the first stop of this resource is over."""
        self._first.done(name)

    # ---- what follows ---------------------------------------------------------------------------

    def admit(self, name: str, now: float) -> None:
        """Raise OtherBridge, NoGuard or JustStarted if this resource must not move yet."""
        elder = self._rivals.elder(now)
        if elder is not None:
            raise OtherBridge(f'{name}: {_describe(elder)}')
        if self._first.pending(name):
            raise JustStarted(
                f'{name}: the bridge has just started and first stops what may still move; '
                'commands are taken when that is done')
        problem = self._cover.problem(now) if self._required else ''
        if problem:
            raise NoGuard(f'{name}: {problem}; guard.required is on')
        if self._required and not self._cover.reaches(name, now):
            raise NoGuard(
                f'{name}: the guard does not reach its driver, so it could not stop it (the '
                "guard's log says why); guard.required is on")

    def gives_way(self, now: float) -> bool:
        """Tell whether another bridge drives this robot."""
        return self._rivals.elder(now) is not None

    def covered(self, name: str, now: float) -> bool:
        """Tell whether the guard would stop this resource, or none has to."""
        if not self._required or self._pulser is None:
            return True
        return self._cover.covers(name, self._pulser.listed_since(name), now)

    def answer_by(self, now: float) -> float:
        """Return until when (s) a guard that is there must have answered a pulse sent now."""
        return now + min(max(self._identity.patience, LEAST_ECHO), MOST_ECHO)

    def advance(self, moving: Iterator[str], now: float) -> Orders:
        """Advance to now. moving: the resources that move."""
        orders = Orders()
        self._first.listen(now)
        elder = self._rivals.elder(now)
        if elder is not None:
            orders.leaves = self._first.take_back()
            orders.stops = dict.fromkeys(moving, Reason.OTHER_BRIDGE)
        else:
            for name in self._first.due(now):
                self._first.begun(name)
                orders.stops[name] = Reason.STARTED
            if self._required and not self._cover.reaches_all(now):
                orders.stops.update(dict.fromkeys(
                    (name for name in moving if not self._cover.reaches(name, now)),
                    Reason.NO_GUARD))
        orders.notices = list(self._notices(elder, now))
        return orders

    def pulse_is_due(self, standing: Set[str], now: float) -> bool:
        """Tell whether a pulse goes out also where nothing else is new than who stands."""
        return self._pulser is not None and self._pulser.is_due(standing, now)

    def pulse(self, standing: Mapping[str, int], now: float,
              goals: Mapping[str, tuple[str, ...]], unconfirmed: tuple[str, ...] = (),
              latched: str = '', unmoved: tuple[str, ...] = ()) -> Pulse | None:
        """Return the pulse that goes out now, if one is due; see Pulse for what it says."""
        if self._pulser is None:
            return None
        return self._pulser.poll(standing, now, goals, unconfirmed, latched, unmoved)

    def say_goodbye(self) -> None:
        """Let the next pulse be the last."""
        if self._pulser is not None:
            self._pulser.say_goodbye()

    def due(self, now: float) -> float:
        """Return when something of this must be looked at again (s)."""
        pulse = math.inf if self._pulser is None else self._pulser.due
        changes = (self._rivals.changes_at(now), self._cover.ends_at(), self._first.due_at())
        return min((pulse, *(at for at in changes if at > now)))

    def troubles(self, now: float) -> dict[str, str]:
        """Return what is wrong, for diagnostics: about the guard, about other bridges."""
        found: dict[str, str] = {}
        problem = self._cover.problem(now)
        if problem and self._required:
            found['guard'] = problem
        elder, younger = self._rivals.elder(now), self._rivals.younger(now)
        if elder is not None:
            found['other bridge'] = _describe(elder)
        elif younger is not None:
            found['other bridge'] = (
                f'a second bridge ({younger.instance}) has been started on this robot; it '
                'refuses motion as long as this one lives')
        return found

    def _notices(self, elder: Identity | None, now: float) -> Iterator[Notice]:
        if elder != self._elder:
            yield (Notice('the other bridge is gone: this one takes over') if elder is None
                   else Notice(_describe(elder), grave=True))
        self._elder = elder
        problem = self._cover.problem(now)
        if problem == self._guard_problem:
            return
        # While a robot comes up, its guard is missing for a moment: not worth a word.
        if not problem:
            yield Notice('a guard is listening')
        elif self._guard_problem is not None:
            yield Notice(problem, grave=self._required)
        if not problem or self._guard_problem is not None:
            self._guard_problem = problem


def _describe(elder: Identity) -> str:
    return (f'another bridge ({elder.instance}) drives this robot and was there first; this one '
            'only looks on until that one ends')
