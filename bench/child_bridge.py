# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bridge, wired by its own main; its supervisor and its drivers note when stops go out.

The parts are the real ones, with two additional readings of the clock and a check of the events of
a pass. A bare timed wait runs beside them, in a thread of the same process.
"""

from collections.abc import Callable
import sys
import threading
from typing import Any
import uuid

import protocol
from viam_session_bridge import bridge, process
from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.events import Changed, Identity
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Caller, Policy, SessionClaim
from viam_session_bridge.core.sessions import Session
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.locked_supervisor import LockedBridge, Polled
from viam_session_bridge.ros.interfaces import Driver, SharedOutput
from viam_session_bridge.ros.node import BridgeNode
from waits import BareWaits


class Notes:
    """Which resources are about to be stopped, since when (s), and how late stops were (s)."""

    def __init__(self) -> None:
        self.deadlines: dict[str, float] = {}
        self._overshoots: list[float] = []
        self._stops: dict[float, list[tuple[float, float]]] = {}
        self._calls: dict[float, float] = {}

    def stopped(self, resource: str, began: float, moment: float) -> None:
        """Note that a driver has handed over a stop, and when it began to."""
        deadline = self.deadlines.pop(resource, None)
        if deadline is not None:
            self._overshoots.append(moment - deadline)
            self._stops.setdefault(deadline, []).append((began, moment))

    def flushed(self, moment: float) -> None:
        """Note that the service calls of a pass have been begun."""
        for deadline in self._stops.keys() - self._calls.keys():
            self._calls[deadline] = moment

    def spreads(self) -> list[tuple[int, float, float]]:
        """
        Return how many stops each lost session had, and how long (s) they took.

        The last number: until the calls of services had begun, too. A session whose calls have
        not begun yet is left for later.
        """
        calls = dict(self._calls)
        noted = {deadline: self._stops.pop(deadline) for deadline in calls}
        for deadline in calls:
            del self._calls[deadline]
        firsts = {deadline: min(begin for begin, _ in stops) for deadline, stops in noted.items()}
        return [(len(stops), max(end for _, end in stops) - firsts[deadline],
                 calls[deadline] - firsts[deadline]) for deadline, stops in noted.items()]

    def take(self) -> list[float]:
        """Return what was noted since the last call."""
        noted, self._overshoots = self._overshoots, []
        return noted


class NotingBridge(LockedBridge):
    """Finds the deadline of the session behind each stop."""

    def __init__(self, resources: list[ActuatedResource], policy: Policy,
                 emergency: EmergencySettings, identity: Identity, guard_required: bool) -> None:
        super().__init__(Supervisor(
            resources, policy, lambda: str(uuid.uuid4()), emergency, identity=identity,
            guard_required=guard_required))
        self._known: dict[str, Session] = {}
        BRIDGES.append(self)

    def start_session(self, caller: Caller, resume: str = '') -> Session:
        """Start a session, and keep it: the table forgets its deadline when it expires."""
        session = super().start_session(caller, resume)
        self._known[session.id] = session
        return session

    def poll(self) -> Polled:
        """Poll, and note the deadlines that have passed."""
        polled = super().poll()
        for event in polled.outputs.events:
            if (isinstance(event, Changed) and event.after is State.STOPPING
                    and event.reason is Reason.SESSION_ENDED
                    and isinstance(event.claim, SessionClaim)):
                NOTES.deadlines[event.resource] = self._known[event.claim.session].deadline
        return polled


class NotingDriver:
    """A driver of any kind; the clock is read when stop() has returned."""

    def __init__(self, name: str, driver: Driver, now: Callable[[], float]) -> None:
        self._name = name
        self._driver = driver
        self._now = now

    def __getattr__(self, name: str) -> Any:
        """Pass on everything but stop."""
        return getattr(self._driver, name)

    def stop(self, *arguments: Any) -> Any:
        """Stop, and note the time before and after."""
        began = self._now()
        result = self._driver.stop(*arguments)
        NOTES.stopped(self._name, began, self._now())
        return result


class NotingOutput:
    """What drivers share; the clock is read when it has been flushed."""

    def __init__(self, shared: SharedOutput, now: Callable[[], float]) -> None:
        self.resources = shared.resources
        self._shared = shared
        self._now = now

    def flush(self) -> None:
        """Flush, then note the time."""
        self._shared.flush()
        NOTES.flushed(self._now())


class NotingNode(BridgeNode):
    """The bridge's node, with its drivers wrapped."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        now = self._supervision.now
        self.drivers = {name: NotingDriver(name, driver, now)
                        for name, driver in self.drivers.items()}
        # The outputs that drivers share.
        self.shared = [NotingOutput(one, now) for one in self.shared]


NOTES = Notes()
BRIDGES: list[LockedBridge] = []


def busy() -> int:
    """Return how many resources are not idle."""
    return sum(state is not State.IDLE for state in BRIDGES[0].states().values())


if __name__ == '__main__':
    bridge.locked_bridge = NotingBridge
    process.BridgeNode = NotingNode
    waits = BareWaits()
    threading.Thread(target=protocol.serve, daemon=True, args=(
        {'take': lambda: {'stops': NOTES.take(), 'waits': waits.take()},
         'spreads': NOTES.spreads, 'busy': busy},)).start()
    sys.exit(bridge.main())
