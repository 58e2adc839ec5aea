# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a bridge knows of its guard: whether one is there, fits, and has heard what moves.

A guard proves itself by its echoes only. It sends them from the loop that would stop the robot.
"""

from dataclasses import dataclass

from viam_session_bridge.core.pulse import Echo, Identity

# An idle bridge pulses once in a patience, and so a guard answers: one that has not for so many
# patiences is gone.
MEMORY = 4.0

# How many guards are remembered; more than one is there after one was frozen and replaced.
MOST_GUARDS = 8


@dataclass
class _Guard:
    heard_at: float
    sequence: int
    configuration: str
    fired: int
    unreached: frozenset[str]


class Cover:
    """The guards of one bridge. Times are seconds."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._guards: dict[str, _Guard] = {}

    def take(self, echo: Echo, now: float) -> bool:
        """Take an echo; tells whether that guard has fired since its last one."""
        if echo.instance != self._identity.instance:
            return False
        before = self._guards.pop(echo.guard, None)
        while len(self._guards) >= MOST_GUARDS:
            del self._guards[next(iter(self._guards))]
        sequence = max(echo.sequence, before.sequence if before else 0)
        self._guards[echo.guard] = _Guard(
            now, sequence, echo.configuration, echo.fired, frozenset(echo.unreached))
        return echo.fired > (before.fired if before else 0)

    def problem(self, now: float) -> str:
        """Say why no guard would stop this robot; empty when one would."""
        present = [one for one in self._guards.values() if now < self._gone_at(one)]
        if not present:
            return 'no guard answers (it is a process of its own: start it beside the bridge)'
        if not any(self._fits(one) for one in present):
            return (f'the guard runs with another configuration ({present[-1].configuration}, '
                    f'not {self._identity.configuration}): start both with the same file')
        return ''

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
        return guard.heard_at + MEMORY * self._identity.patience
