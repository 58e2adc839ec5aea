# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Other bridges on the same robot, known by their live pulses.

Never by the ROS graph: a bridge that was killed stands there for 20 s, and its successor must not
wait for a ghost.
"""

import math

from viam_session_bridge.core.pulse import Identity, Pulse

# An idle bridge pulses once in its patience; one that has not for so many of them is gone.
MEMORY = 3.0

MOST_RIVALS = 16


class Rivals:
    """What one bridge hears of the others. Times are seconds."""

    def __init__(self, own: Identity) -> None:
        self._own = own
        self._live: dict[str, tuple[Identity, float]] = {}

    def hear(self, pulse: Pulse, now: float) -> None:
        """Take a pulse; our own says nothing."""
        sender = pulse.sender
        if sender.instance == self._own.instance:
            return
        self._live.pop(sender.instance, None)
        if pulse.goodbye:
            return
        while len(self._live) >= MOST_RIVALS:
            del self._live[next(iter(self._live))]
        self._live[sender.instance] = sender, now + MEMORY * sender.patience

    def elder(self, now: float) -> Identity | None:
        """Return a live bridge that was there before us, if there is one: it has the robot."""
        # Both sides compare the same pair, so that exactly one of them gives way.
        return next((one for one, until in self._live.values() if now < until
                     and (one.started, one.instance) < (self._own.started, self._own.instance)),
                    None)

    def younger(self, now: float) -> Identity | None:
        """Return a live bridge that has come after us, if there is one."""
        return next((one for one, until in self._live.values() if now < until
                     and (one.started, one.instance) > (self._own.started, self._own.instance)),
                    None)

    def changes_at(self, now: float) -> float:
        """Return when the next of them falls silent for good (s), if it says no more."""
        return min((until for _, until in self._live.values() if until > now), default=math.inf)
