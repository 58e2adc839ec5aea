# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One actuator's stop: how long it is repeated, when it has failed, and whether it was answered.

Hold and timeout run from the first output: a stop that was never sent is neither.
"""

import math

# A driver that appeared may begin to hear seconds after it was matched (up to 2.1 s seen on a busy
# machine), so its stop is repeated this long (s) at least.
LATE_DRIVER_HOLD = 4.0

# What others do with the robot is looked at twice a second; it says nothing any more after so
# long (s).
CONTEST_MEMORY = 1.5


class Stopping:
    """Times are seconds. acknowledged: the driver reports the outcome of each stop."""

    def __init__(self, hold: float, timeout: float, acknowledged: bool) -> None:
        self._hold = hold
        self._timeout = timeout
        self._acknowledged = acknowledged
        self._hold_until = math.inf
        self._fails_at = math.inf
        self._late_until = -math.inf
        self._latest = math.inf
        self._answered_well = False
        self._sent_at = math.inf
        self._contest = ''
        self._contest_until = -math.inf
        self.began = -math.inf
        self.outstanding = False

    def begin(self, now: float, fresh: bool) -> None:
        """Begin; a stop that goes on already (not fresh) holds anew, but has no more time."""
        if fresh:
            self._fails_at = self._sent_at = math.inf
            self._contest_until = -math.inf
            self.began = now
        self._hold_until = math.inf
        self._answered_well = False
        self.outstanding = self._acknowledged

    def for_late_driver(self, matched_at: float) -> None:
        """Hold on until a driver that was matched at that instant (s) hears it."""
        self._late_until = max(self._late_until, matched_at + LATE_DRIVER_HOLD)

    def contested(self, text: str, now: float) -> None:
        """Note that others command the robot meanwhile; text says who."""
        self._contest = text
        self._contest_until = now + CONTEST_MEMORY

    def sent(self, now: float) -> None:
        """Note its first output."""
        self._hold_until = now + self._hold
        self._fails_at = min(self._fails_at, now + self._timeout, self._latest)
        self._sent_at = min(self._sent_at, now)

    def is_held(self, now: float) -> bool:
        """Tell whether it was repeated for long enough, also for a late driver."""
        return now >= self._held_until

    def said_for(self, now: float, seconds: float) -> bool:
        """Tell whether it has been said for so long (s)."""
        return now - self._sent_at >= seconds

    def hurry(self, until: float) -> None:
        """Have this stop, and every later one, fail by then: nobody waits any longer."""
        self._latest = until
        self._fails_at = min(self._fails_at, until)

    def answered(self, well: bool) -> None:
        """Take the driver's report."""
        self.outstanding = False
        self._answered_well = well

    def end(self) -> None:
        """Wait for nothing any more."""
        self.outstanding = False

    def problem(self, now: float, at_rest: bool) -> str:
        """Say why it has failed by now; empty while it has not. at_rest: or nobody can tell."""
        if now < self._fails_at or (at_rest and not self.outstanding):
            return ''
        if self.outstanding:
            return 'a stop output never answered'
        if now < self._contest_until:
            return ''
        if now >= self._latest:
            return 'no rest was seen, and there is no time left to wait for it'
        return f'no rest was seen within {self._timeout:g} s'

    def yielded(self, now: float) -> str:
        """
        Say who else commands the robot, once it was told for long enough; empty otherwise.

        Its motion is theirs then: more stops would fight them for ever.
        """
        over = now >= max(self._fails_at, self._held_until) and not self.outstanding
        return self._contest if over and now < self._contest_until else ''

    def done(self, now: float, at_rest: bool) -> bool:
        """Tell whether it is over. at_rest: rest was seen, or nobody can tell."""
        return self.enough(now, at_rest) and now >= self._late_until

    def enough(self, now: float, at_rest: bool) -> bool:
        """Tell whether it is over but for a driver that may not hear yet; see done."""
        return at_rest and not self.outstanding and now >= self._hold_until

    def redeemed(self, now: float, seen: bool, blind: bool) -> bool:
        """Tell whether a stop that had failed is over after all."""
        # A goal that was not cancelled moves the robot again as soon as the zeros end, however
        # still it stands now.
        told = self._answered_well if self._acknowledged else seen
        return self.is_held(now) and told and (seen or blind)

    def wake_at(self, after: float) -> float:
        """Return when it must be judged next; once past, at every repetition."""
        ends = (self._hold_until, self._late_until, self._fails_at, self._contest_until)
        return min((at for at in ends if at > after), default=math.inf)

    @property
    def _held_until(self) -> float:
        return max(self._hold_until, self._late_until)
