# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The definition and registration of kinds of faults; the kinds are in faults_*.py."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from parts import guard_exists
from profiles import PLAIN, Profile
from trial import Trial

Act = Callable[[Trial], None]

# The bounds (s) of the promise; the robot's own braking comes on top.
AT_ONCE = 0.2  # a client that is gone; a partition that has healed
SLACK = 0.1  # beyond a window
BRIDGE_GONE = 0.5
GUARD_GONE = 1.2  # four patiences, and a look
DRIVER_BACK = 0.5

# Reasons of stops, as in the events, by what explains them.
GONE = ('disconnected',)  # the connection of the client is closed
SILENT_CLIENT = ('session_ended',)  # it freezes, or its network fails
GONE_IN_A_CALL = ('disconnected', 'cancelled')  # its call may end before its connection
SILENT_BRIDGE = ('bridge_silent',)  # the guard stops what it had moved
THAWED_BRIDGE = ('bridge_silent', 'stalled')  # and then the bridge itself
# The driver ends, and the client; the guard may notice first that it reaches no driver.
GONE_DRIVER = ('disconnected', 'path_lost', 'no_guard')
FAILED_BRIDGE = ('bridge_silent', 'last_resort')  # its stop loop fails


@dataclass(frozen=True)
class Kind:
    """
    One kind of fault.

    bound: seconds. spoils: the scene cannot be used afterwards. needs_guard: cannot be shown
    without one. quick: among the normal tests. weight: how often it is drawn, compared to others.
    reasons: those of the stops that it may cause, as in the events.
    """

    name: str
    text: str
    act: Act
    bound: float
    profile: Profile
    spoils: bool
    needs_guard: bool
    quick: bool
    weight: int
    reasons: frozenset[str]

    def missing(self) -> str:
        """Return why it cannot be shown here; empty when it can."""
        if self.needs_guard and not guard_exists():
            return 'this version has no guard'
        return self.profile.missing()


KINDS: dict[str, Kind] = {}


def kind(bound: float, text: str, *, profile: Profile = PLAIN, spoils: bool = False,
         needs_guard: bool = False, quick: bool = False, weight: int = 1,
         reasons: Collection[str] = GONE) -> Callable[[Act], Act]:
    """Register a function as a kind of fault; the kind has its name."""
    def register(act: Act) -> Act:
        name = act.__name__
        KINDS[name] = Kind(
            name, text, act, bound, profile, spoils, needs_guard, quick, weight,
            frozenset(reasons))
        return act
    return register
