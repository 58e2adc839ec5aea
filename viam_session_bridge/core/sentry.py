# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The supervisor of a guard: nobody commands it, and it stops what a silent bridge had moved.

It drives the same actuators, so that its stops are repeated until rest is seen, and are reported
when it is not, like those of the bridge.
"""

from collections.abc import Iterable
from dataclasses import replace
import math

from viam_session_bridge.core.events import Changed, Notice, Outputs
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.pulse import Pulse
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.core.watch import Verdict, Watch


class Sentry(Supervisor):
    """Touches nothing that was idle, and is silent as soon as a bridge is back."""

    def __init__(self, resources: Iterable[Resource], watch: Watch) -> None:
        super().__init__(resources, Policy(stall_limit=math.inf), lambda: '')
        self._watch = watch
        # Whose resources are being stopped: instance of the bridge by name.
        self._held: dict[str, str] = {}
        # What a bridge left moving, until it is seen at rest or a bridge that knows sees to it.
        self._left_moving: set[str] = set()
        # What must be stopped if nothing can be decided any more: read without a lock, so it is
        # replaced, never changed.
        self._concern: frozenset[str] = frozenset()

    @property
    def concern(self) -> frozenset[str]:
        """Return what must be stopped when nothing can be decided any more; needs no lock."""
        return self._concern

    def hear(self, pulse: Pulse, now: float) -> None:
        """Take a pulse: a bridge that is back sees to its stops itself."""
        if not self._watch.hear(pulse, now):
            return
        self._due = min(self._due, now)
        self._note_concern()
        self._left_moving -= pulse.standing.keys() - set(pulse.unmoved)
        if pulse.goodbye:
            return
        for name, instance in list(self._held.items()):
            if instance == pulse.sender.instance or name in pulse.standing:
                del self._held[name]
                self._actuators[name].leave('a bridge sees to it again')
                self._touch(name, now)

    def drained(self, now: float) -> None:
        """Note that everything that had arrived by now was taken in."""
        self._watch.drained(now)
        self._due = min(self._due, now)

    def rests(self) -> bool:
        """Tell whether no bridge relies on this guard and its own stops are done."""
        return not self._watch.standing and all(
            actuator.state is State.IDLE for actuator in self._actuators.values())

    def hurry(self, until: float, now: float) -> None:
        """Have every stop done by that instant (s); one that is not has failed by then."""
        for actuator in self._actuators.values():
            actuator.hurry(until)
        for name in tuple(self._rounds.active):
            self._touch(name, now)
        self._due = min(self._due, now)

    def reset(self, now: float) -> list[str]:
        """Clear what was not confirmed; the next bridge has no evidence of motion from it."""
        cleared = super().reset(now)
        self._left_moving.difference_update(cleared)
        return cleared

    def poll(self, now: float) -> Outputs:
        """Advance to now, judge the silence, and say besides what is answered."""
        for verdict in self._watch.judge(now):
            self._carry_out(verdict, now)
        outputs = super().poll(now)
        self._left_moving.difference_update(
            event.resource for event in outputs.events
            if isinstance(event, Changed) and event.verified)
        self._due = min(self._due, self._watch.plan(now))
        self._note_concern()
        unreached = tuple(
            name for name, actuator in self._actuators.items() if not actuator.has_path)
        return replace(outputs, wake=self._due, echoes=self._watch.echoes(
                           unreached, tuple(sorted(self._left_moving))),
                       drain=self._watch.must_drain(now))

    def _carry_out(self, verdict: Verdict, now: float) -> None:
        # What another bridge has in hand meanwhile is its business.
        names = [name for name in verdict.names
                 if name in self._actuators and not self._watch.stands(name)]
        for name in names:
            if name in verdict.unmoved:
                self._actuators[name].sources.forget_motion()
            else:
                self._actuators[name].sources.moved()
                self._left_moving.add(name)
            self.stop(name, now, Reason.BRIDGE_LEFT if verdict.left else Reason.BRIDGE_SILENT)
            if name in verdict.unconfirmed:
                self._actuators[name].doubt('the bridge had not seen it at rest')
            self._held[name] = verdict.instance
        if verdict.left:
            text = f'bridge {verdict.instance} has left'
        else:
            text = f'bridge {verdict.instance} has fallen silent'
        if names:
            text += '; stopping ' + ', '.join(names)
        self._events.append(Notice(text, grave=bool(names)))

    def _note_concern(self) -> None:
        self._concern = frozenset(self._watch.listed()).union(
            name for name in self._rounds.active
            if self._actuators[name].state is not State.IDLE)
