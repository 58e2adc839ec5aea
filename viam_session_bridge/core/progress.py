# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How far the motion of one actuator has come: what is measured of it, and when it is over.

It judges, and changes no state; the actuator does what follows.
"""

import math

from viam_session_bridge.core.course import ArrivalTracker, Failure, Tracker
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.rest import RestWatch, Sample
from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.core.states import Reason


class Progress:
    """
    One actuator's: a motion, or none. Times are seconds on the supervisor's clock.

    rest: what its feedback says about speed; None without feedback. start_timeout: how long a
    move whose progress is measured may take to begin; 0 is for ever.
    """

    def __init__(self, rest: RestWatch | None, start_timeout: float) -> None:
        self._rest = rest
        self._start_timeout = start_timeout
        # The newest that shows where it is; a move counts from there.
        self._newest: Sample | None = None
        self._posed_at = -math.inf
        self._judged_at = -math.inf
        self.end()

    def end(self) -> None:
        """Forget the motion."""
        self.motion: Motion | None = None
        self._tracker: Tracker | ArrivalTracker | None = None
        self._unanswered: int | None = None
        self._ends_at = math.inf
        self._arrives_at = math.inf
        # When the driver was told first (s), by how much (s) it is late since, and whether there
        # is no more to tell it.
        self._set_out: float | None = None
        self._late = 0.0
        self._is_told = False

    def begin(self, motion: Motion, epoch: int, now: float) -> None:
        """Begin a motion."""
        self._tracker = None
        self._judge_by(motion, now)
        self._arrives_at = math.inf
        self._set_out, self._late, self._is_told = None, 0.0, False
        self._unanswered = epoch if motion.answered else None

    def go_on(self, motion: Motion, passed: float | None, now: float) -> None:
        """Judge by the rest of the way, as it is known now; passed: see Supervisor.go_on."""
        really = self.passed(now)
        # What was left then is not what is left now: time has gone on, or the driver has said
        # meanwhile how late it is.
        since = now if passed is None or really is None else now + passed - really
        self._judge_by(motion, since)
        self._arrives_at = since + motion.earliest

    def _judge_by(self, motion: Motion, now: float) -> None:
        before, self._tracker = self._tracker, None
        self.motion = motion
        if motion.course is not None and self._rest is not None:
            self._tracker = motion.course.tracker(motion.setpoint, self._rest.settings)
            if self._newest is not None:
                self._tracker.take(self._newest, now, driven=False)
            self._tracker.moves_at(self._rest.speeds(now))
            if isinstance(before, ArrivalTracker) and isinstance(self._tracker, ArrivalTracker):
                self._tracker.go_on(before)
        self._ends_at = math.inf if motion.duration is None else now + motion.duration

    def passed(self, now: float) -> float | None:
        """Return how much of the way (s) its driver has made; None before it was told."""
        return None if self._set_out is None else now - self._set_out - self._late

    def time_left(self, now: float) -> float:
        """Return how long (s) the motion may still take; 0 where time does not end it."""
        return 0.0 if math.isinf(self._ends_at) else max(0.0, self._ends_at - now)

    def runs_late(self, late: float) -> None:
        """Note that its driver will be so much (s) later at the end than it was told."""
        later, self._late = late - self._late, late
        self._ends_at += later
        self._arrives_at += later

    @property
    def wish(self) -> Setpoint | None:
        """Return what the driver is told now; None without a motion."""
        steered = self._tracker.wish() if self._tracker is not None else None
        return steered or (self.motion.setpoint if self.motion else None)

    @property
    def is_steered(self) -> bool:
        """Tell whether feedback says when it is over."""
        return self._tracker is not None

    def take(self, sample: Sample, received_at: float) -> bool:
        """Take what was measured; tells whether it shows that the motion is over."""
        if sample.has_pose:
            self._newest, self._posed_at = (
                (sample, received_at) if sample.is_finite else (None, -math.inf))
        if self._tracker is None or not sample.is_finite:
            return False
        self._tracker.take(sample, received_at, self._set_out is not None)
        return self._tracker.done or self._failure(received_at) is not None

    def _failure(self, now: float) -> Failure | None:
        if self._tracker is None or self._set_out is None:
            return None
        return self._tracker.failure(now, self.passed(now) or 0.0, self._start_timeout)

    def may_set_out(self, now: float) -> None:
        """Note that it had to wait until now: that takes nothing from a timed move."""
        if self.motion is not None and self.motion.duration is not None:
            self._ends_at = now + self.motion.duration

    def told_first(self, now: float) -> None:
        """Note that the driver has been told for the first time."""
        self._set_out = now
        if self.motion is not None:
            self._arrives_at = now + self.motion.earliest

    def told(self, now: float) -> None:
        """Note that the driver has been told all there is to tell."""
        self._is_told = True
        # A momentary one ends with the next poll, which comes at once.
        if self.motion is not None and self.motion.momentary and self._unanswered is None:
            self._ends_at = now

    def untold(self) -> None:
        """Take back that the driver has been told."""
        self._is_told = False

    @property
    def is_done_by_telling(self) -> bool:
        """Tell whether it was done as soon as the driver was told, and that has been."""
        return (self.motion is not None and self.motion.momentary and self._is_told
                and self._unanswered is None)

    def awaits(self, epoch: int) -> bool:
        """Tell whether the driver has not answered yet what it was told in this epoch."""
        return self.motion is not None and self._unanswered == epoch

    def answered(self, now: float) -> None:
        """Note that the driver has answered well; a momentary motion is over by that."""
        self._unanswered = None
        if self.motion is not None and self.motion.momentary:
            self._ends_at = now

    def verdict(self, now: float) -> Failure | None:
        """Return why the motion is over, and details; None while it is not."""
        self._judged_at = now
        over = now >= self._ends_at
        if self._tracker is None:
            if not over:
                return None
            if self._unanswered is None:
                return Failure(Reason.DONE, '')
            return Failure(Reason.TIME_LIMIT, f'no answer within {self._limit}')
        if now >= self._stale_at:
            return Failure(Reason.STALE_FEEDBACK, self._rest.account(now) if self._rest else '')
        if self._has_arrived(now):
            return Failure(Reason.DONE, '')
        if over:
            growing = self.motion is not None and self.motion.growing
            return Failure(Reason.TIME_LIMIT, (
                f'{self._tracker.account()} after {self._limit} '
                f'{"without more points of the way" if growing else "(max_move_duration)"}'))
        return self._failure(now)

    @property
    def _limit(self) -> str:
        duration = None if self.motion is None else self.motion.duration
        return 'its time' if duration is None else f'{duration:.4g} s'

    def wake_at(self) -> float:
        """Return when it must be judged next, if nothing happens before."""
        if self._tracker is None or self._rest is None:
            return self._ends_at
        # Once past, only the next sample can tell that it stands there.
        arrives_at = (self._arrives_at if self._may_arrive and self._arrives_at > self._judged_at
                      else math.inf)
        return min(self._ends_at, self._stale_at, arrives_at)

    @property
    def _stale_at(self) -> float:
        """Return when the feedback that the move is watched by says nothing any more."""
        if self._rest is None:
            return -math.inf
        if not self._rest.has_measurement:
            return -math.inf
        return min(self._rest.stale_at, self._posed_at + self._rest.settings.patience)

    def _has_arrived(self, now: float) -> bool:
        return (self._may_arrive and now >= self._arrives_at
                and (isinstance(self._tracker, Tracker)
                     or self._rest is not None and self._rest.stands(now)))

    @property
    def _may_arrive(self) -> bool:
        """Tell whether it is where it has to go, as far as that is known to be the end."""
        return (self._tracker is not None and self._tracker.done
                and self.motion is not None and not self.motion.growing)
