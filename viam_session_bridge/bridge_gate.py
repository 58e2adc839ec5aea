# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The gate of a bridge: what its guard and other bridges say comes in here, too."""

from collections.abc import Callable
import uuid

from viam_session_bridge.core.bridge_supervisor import BridgeSupervisor
from viam_session_bridge.core.emergency import EmergencySettings, NO_EMERGENCY
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.pulse import Echo, Identity, Pulse
from viam_session_bridge.door import steady_now
from viam_session_bridge.gate import Gate


class BridgeGate(Gate):
    """The gate of a bridge that has a guard and may have rivals."""

    def __init__(self, supervisor: BridgeSupervisor,
                 clock: Callable[[], float] = steady_now) -> None:
        super().__init__(supervisor, clock)
        self._bridge = supervisor
        self._names = frozenset(one.name for one in supervisor.all_resources())

    def concern(self) -> frozenset[str]:
        """Return what must be stopped when nothing can be decided any more; takes no lock."""
        return frozenset() if self._bridge.looks_on else self._names

    def hear(self, pulse: Pulse) -> None:
        """Take the pulse of another bridge."""
        with self._lock:
            self._bridge.hear(pulse, self.now())
            self._wake_locked()

    def echoed(self, echo: Echo) -> None:
        """Take a guard's echo."""
        with self._lock:
            if self._bridge.echoed(echo, self.now()):
                self._wake_locked()

    def say_goodbye(self) -> None:
        """Let the guard go: the next pulse is the last."""
        with self._lock:
            self._bridge.say_goodbye(self.now())
            self._wake_locked()

    def troubles(self) -> dict[str, str]:
        """Return what is wrong about guard and other bridges, by subject."""
        with self._lock:
            return self._bridge.troubles(self.now())


def make_gate(resources: list[Resource], policy: Policy,
              emergency: EmergencySettings = NO_EMERGENCY, identity: Identity | None = None,
              guard_required: bool = False) -> BridgeGate:
    """Return a gate over a new supervisor, with random session ids."""
    return BridgeGate(BridgeSupervisor(
        resources, policy, lambda: str(uuid.uuid4()), emergency, identity=identity,
        guard_required=guard_required))
