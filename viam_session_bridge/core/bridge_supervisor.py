# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The supervisor of a bridge among other processes: its guard, and other bridges.

What they say and what follows from it is judged in standing.py; here it is done.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
import itertools

from viam_session_bridge.core.actuator import Actuator
from viam_session_bridge.core.claims import Claim
from viam_session_bridge.core.emergency import EmergencySettings, NO_EMERGENCY
from viam_session_bridge.core.events import Notice, Outputs
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.pulse import Echo, Identity, Pulse
from viam_session_bridge.core.standing import Standing
from viam_session_bridge.core.states import State
from viam_session_bridge.core.supervisor import Supervisor


class BridgeSupervisor(Supervisor):
    """
    A supervisor that pulses, is covered by a guard, gives way to an elder bridge, and stops first.

    identity: None for one that nobody hears of. guard_required: nothing moves without a guard.
    """

    def __init__(self, resources: Iterable[Resource], policy: Policy, new_id: Callable[[], str],
                 emergency: EmergencySettings = NO_EMERGENCY,
                 *, identity: Identity | None = None, guard_required: bool = False) -> None:
        super().__init__(resources, policy, new_id, emergency)
        self._standing = Standing(identity, guard_required, [
            one.name for one in self._resources.values() if one.actuator.stop_on_start])
        # Whether another bridge drives this robot, as of the last poll.
        self._looks_on = False
        for resource in self._resources.values():
            # Whoever does not ask for a listener does not wait for one.
            if not resource.actuator.require_path:
                self._standing.matched(resource.name)

    # ---- what others say ------------------------------------------------------------------------

    def hear(self, pulse: Pulse, now: float) -> None:
        """Take a pulse of any bridge."""
        self._standing.hear(pulse, now)
        self._due = min(self._due, now)

    def echoed(self, echo: Echo, now: float) -> None:
        """Take a guard's echo: it lets motion out, or tells of a stall that we did not see."""
        latched = self._standing.inherits(echo)
        if latched:
            self._events.append(Notice(
                'the emergency stop was latched when the bridge before this one ended'))
            self.press_emergency(latched, now)
        if self._standing.echoed(echo, now):
            self._events.append(Notice(
                'the guard has stopped the robot, because this bridge was silent', grave=True))
            self._stall(now)
        for name in self._standing.left_moving(echo):
            if name in self._actuators:
                self._actuators[name].sources.moved()
                self._judge_late(name, now)
        for name in tuple(self._rounds.active):
            actuator = self._actuators[name]
            if actuator.readiness.uncovered and self._standing.covered(name, now):
                actuator.covered(now)
                self._touch(name, now)

    def path(self, name: str, problem: str, now: float) -> None:
        """Record whether a stop would reach the driver; an empty problem means that it would."""
        super().path(name, problem, now)
        if not problem:
            self._matched(name, now)

    def driver_appeared(self, name: str, now: float) -> None:
        """
        Tell a driver that has just come up to stop, unless the robot is known to rest.

        Where another bridge drives it, that one sees to it.
        """
        if not self._standing.gives_way(now):
            super().driver_appeared(name, now)
        self._matched(name, now)

    # ---- what follows ---------------------------------------------------------------------------

    @property
    def concern(self) -> frozenset[str]:
        """Return what must be stopped when nothing can be decided any more; needs no lock."""
        return frozenset() if self._looks_on else super().concern

    def say_goodbye(self, now: float) -> None:
        """Let the guard go: the next pulse is the last."""
        self._standing.say_goodbye()
        self._due = min(self._due, now)

    def troubles(self, now: float) -> dict[str, str]:
        """Return what is wrong about guard and other bridges, by subject."""
        return self._standing.troubles(now)

    def poll(self, now: float) -> Outputs:
        """Advance to now, and say besides which pulse goes out."""
        # After a freeze the guard seems silent, too: that is no reason of its own.
        self._fence(now)
        orders = self._standing.advance(self._moving(), now)
        self._looks_on = self._standing.gives_way(now)
        for name, reason in orders.stops.items():
            self.stop(name, now, reason)
        for name in orders.leaves:
            self._actuators[name].leave('another bridge drives this robot')
            self._touch(name, now)
        self._events += orders.notices
        outputs = super().poll(now)
        for name in self._standing.first_stops:
            if self._actuators[name].stopped_enough(now):
                self._standing.first_stop_done(name)
        pulse = self._pulse(now, bool(outputs.events))
        self._due = min(self._due, self._standing.due(now))
        return replace(outputs, wake=self._due, pulse=pulse)

    def _pulse(self, now: float, news: bool) -> Pulse | None:
        """Return the pulse that goes out; news: somebody's state has changed."""
        active = self._rounds.active
        # With hundreds of motions, most passes repeat one of them: those must not gather the rest.
        if not (news or self._goals or self._standing.pulse_is_due(active.keys(), now)):
            return None
        return self._standing.pulse(
            {name: self._actuators[name].epoch for name in active}, now, self._standing_goals(),
            tuple(name for name in active if self._actuators[name].state is State.UNCONFIRMED),
            self._emergency.reason,
            tuple(name for name in active if self._actuators[name].sources.delay))

    def _begin(self, actuator: Actuator, motion: Motion, claim: Claim, now: float) -> None:
        # Where nobody listens, that is what has to be told.
        if actuator.has_path:
            actuator.check_sources()
            self._standing.admit(actuator.name, now)
        super()._begin(actuator, motion, claim, now)
        if not self._standing.covered(actuator.name, now):
            actuator.readiness.await_cover(self._standing.answer_by(now))

    def _standing_goals(self) -> dict[str, tuple[str, ...]]:
        """Return our own goals of what is not idle, where there are any."""
        goals = {name: tuple(itertools.chain.from_iterable(actions.values()))
                 for name, actions in self._goals.items() if name in self._rounds.active}
        return {name: ids for name, ids in goals.items() if ids}

    def _matched(self, name: str, now: float) -> None:
        self._standing.matched(name)
        self._due = min(self._due, now)
