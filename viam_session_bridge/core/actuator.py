# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The state machine of one actuator; states.py has its transitions as a table.

It decides which outputs its driver receives and when; it knows neither sessions nor other
actuators. A stop needs evidence: with feedback it is repeated until the robot is at rest, without
feedback for the hold, and an acknowledged output must have answered (stop.py).

1. Stops, and setpoints that change, go out at the control period. A setpoint that does not change
   is repeated at the repeat period, which may be longer: a receiver that is slower than its
   commands queues them, and executes them after the stop. It makes no difference which process
   repeats it: a client that sends the same command again changes nothing (Cadence).
2. Before the first output of a motion, a required guard must have received the pulse that lists
   it, and the driver must be ready: a lock or a disabled drive is a stop output that stays, and
   has to be released by a service that may answer later (Readiness).
3. A driver continues with the last number it received, and a service with what it began. A
   ServiceCall does not end the motion before it, and a motion does not end what a ServiceCall
   began. A stop is sent between the two (STOP_BETWEEN).
4. Each epoch ends once.
"""

from dataclasses import dataclass, replace
import math

from viam_session_bridge.core.errors import (
    JustStarted,
    NoFeedback,
    NoStopPath,
    NotAtRest,
    StopOutstanding,
)
from viam_session_bridge.core.events import Changed, Ended, Output
from viam_session_bridge.core.move import Motion, MoveProgress
from viam_session_bridge.core.presence import Claim
from viam_session_bridge.core.setpoints import ServiceCall, Setpoint, Speed, Velocity
from viam_session_bridge.core.states import Event, Reason, State, TRANSITIONS
from viam_session_bridge.core.stop import RestSettings, RestWatch, Sample, Sources, Stopping

# A client that floods commands must not flood the driver: outputs of new commands keep this
# distance (s). The first output after a change of state never waits.
LEAST_SPACING = 0.01


class Cadence:
    """
    One actuator's. Times are seconds on the supervisor's clock.

    period (s): between two outputs of a stop or of setpoints that change. repeat (s): between two
    outputs of the same setpoint; not shorter than period.

    due: when the next output may be sent. last: when the last one was sent. first: the next output
    is the first of its kind since the setpoint has changed.
    """

    def __init__(self, period: float, repeat: float) -> None:
        self._period = period
        self._repeat = max(repeat, period)
        self._setpoint: Setpoint | None = None
        self._repeat_at = -math.inf
        self.due = math.inf
        self.last = -math.inf
        self.first = False

    def begin(self, now: float, fresh: bool) -> None:
        """Begin to send something else; fresh: the state has changed, so it must not wait."""
        self.first = True
        if fresh:
            self.due, self._repeat_at = now, -math.inf
        else:
            self.again(now)

    def again(self, now: float) -> None:
        """Send it as soon as the driver may receive another output, and no later than planned."""
        self.due = min(self.due, max(now, self.last + LEAST_SPACING))

    def late(self, now: float) -> float:
        """Return how much later (s) than planned the next output of a stop is sent now."""
        return now - self.last - self._period

    def end(self) -> None:
        """Send nothing more."""
        self.due = math.inf

    def passes_over(self, now: float, setpoint: Setpoint | None) -> bool:
        """Return whether the output that is due can be omitted: the same setpoint, too early."""
        if setpoint is None or now >= self._repeat_at or setpoint != self._setpoint:
            return False
        self.due = min(self._next(self._period, now), self._repeat_at)
        return True

    def sent(self, now: float, setpoint: Setpoint | None, once: bool) -> None:
        """Note an output that is sent now, None for a stop; once: there is nothing to repeat."""
        self.first, self.last, self._setpoint = False, now, setpoint
        self.due, self._repeat_at = self._next(self._period, now), self._next(self._repeat, now)
        if once:
            self.due = math.inf

    def _next(self, period: float, now: float) -> float:
        # An even grid, but never a burst to catch up.
        due = self.due + period
        return due if due > now else now + period


class Readiness:
    """
    What must be ready before the first output of a motion: the guard, then the driver.

    Times are seconds. patience: how long the driver may take, before it is stopped again and the
    move ends; None for a driver that needs no preparation.

    covered_by: deadline of the guard's answer; infinite when none is needed. cover_patience: the
    time from the request to that deadline. awaited: the driver has to get ready. fails_at:
    deadline of the driver.
    """

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        # The process that ran before may have left a lock engaged.
        self._needed = patience is not None
        self.covered_by = math.inf
        self.cover_patience = 0.0
        self.fails_at = math.inf
        self.awaited = False
        self._asked_in: int | None = None

    def stopped(self) -> None:
        """Note that a stop was begun: what it engages must be released before motion."""
        self._needed = self._patience is not None
        self._done()
        self.covered_by = math.inf

    def begin(self) -> None:
        """Begin a motion; awaited: it has to wait. One answer is enough for all motions."""
        self.awaited = self._needed

    def await_cover(self, until: float, now: float) -> None:
        """Wait for the guard; a motion that supersedes another one keeps its deadline."""
        if math.isinf(self.covered_by):
            self.covered_by, self.cover_patience = until, until - now

    @property
    def uncovered(self) -> bool:
        """Return whether the guard has not answered yet."""
        return self.covered_by < math.inf

    @property
    def holds_back(self) -> bool:
        """Return whether motion has to wait for the guard or the driver."""
        return self.awaited or self.covered_by < math.inf

    @property
    def blocks(self) -> bool:
        """Return whether no output is sent until the guard or the requested driver answers."""
        return self._asked_in is not None or self.covered_by < math.inf

    def asked(self, epoch: int, now: float) -> None:
        """Note that the driver received a request to get ready, in this epoch."""
        self._asked_in = epoch
        self.fails_at = math.inf if self._patience is None else now + self._patience

    def is_answered_by(self, epoch: int) -> bool:
        """Return whether an answer about this epoch is the awaited one."""
        return self._asked_in == epoch

    def ready(self) -> None:
        """Note that the driver is ready: motion may be sent."""
        self._needed = False
        self._done()

    def _done(self) -> None:
        self._asked_in = None
        self.fails_at = math.inf
        self.awaited = False


# So long (s) a stop is sent between a ServiceCall and another motion: a stop message that is lost
# needs successors.
STOP_BETWEEN = 0.2

# Without feedback, a driver that appears this soon (s) after our last output receives a stop: it
# may have started with its last speed.
LATE_DRIVER_MEMORY = 30.0

# A stop that is repeated so much (s) later than planned was delayed by a freeze of this process.
# Feedback and answers have waited as long, so that time does not count for the stop's timeout.
FROZEN = 0.5

# Samples that are no measurement are reported once in this period (s).
DROP_PERIOD = 10.0


@dataclass(frozen=True)
class ActuatorSettings:
    """
    How one actuator is driven.

    command_rate (Hz): how often a stop is repeated, and a setpoint sent that changes. repeat_rate
    (Hz): how often a setpoint is repeated that does not; None for command_rate. stop_hold (s): how
    long a stop is repeated at least. stop_timeout (s): how long it may take. rest: feedback, if
    there is any. move_start_timeout (s): how long a move whose progress is measured may take to
    begin; 0 is for ever. acknowledged: the driver reports the outcome of each stop. ready_timeout
    (s): how long it may take to get ready before the first motion after a stop; None where there
    is nothing to get ready. leads: it moves joints along a trajectory, with an output at every
    tick. require_path: refuse motion while no stop could arrive. stop_on_start: a bridge that
    starts stops it before it accepts commands.
    """

    command_rate: float = 20.0
    repeat_rate: float | None = None
    stop_hold: float = 1.0
    stop_timeout: float = 5.0
    rest: RestSettings | None = None
    move_start_timeout: float = 3.0
    acknowledged: bool = False
    ready_timeout: float | None = None
    leads: bool = False
    require_path: bool = True
    stop_on_start: bool = False


class Actuator:
    """One actuator. Times are seconds on the supervisor's clock."""

    def __init__(self, name: str, settings: ActuatorSettings) -> None:
        self.name = name
        self.settings = settings
        self.state = State.IDLE
        self.epoch = 0
        self.claim: Claim | None = None
        self.reason = Reason.DONE
        self.path_problem = 'its stop path has not been checked yet'
        self.feedback_problem = ''
        self.feedback_is_wrong = False
        self.rest = RestWatch(settings.rest) if settings.rest else None
        self.readiness = Readiness(settings.ready_timeout)
        self._progress = MoveProgress(self.rest, settings.move_start_timeout)
        self._stopping = Stopping(
            settings.stop_hold, settings.stop_timeout, settings.acknowledged)
        self._ended: list[Ended] = []
        # The epoch of a move that has reached its goal; it ends when the robot is at rest.
        self._finishing: int | None = None
        self._changed: list[Changed] = []
        self._cadence = Cadence(
            1.0 / settings.command_rate, 1.0 / (settings.repeat_rate or settings.command_rate))
        self._polled_at = -math.inf
        self._appeared_at = -math.inf
        self._stop_failure = ''
        self._rest_confirmed = True
        self.sources = Sources()
        # Whether the last stop was, or is, not judged because of a source that was not seen yet.
        self._unjudged = False
        # The setpoint of the last motion.
        self._last: Setpoint | None = None
        # The newest measurement with a pose, and when it was received.
        self._sample: Sample | None = None
        self._sample_at = -math.inf
        # How many samples were no measurement, and when a warning about them is due (s).
        self._dropped = 0
        self._drop_due = -math.inf
        # The commanded speed when the stop began, m/s or rad/s; 0 where that is no speed.
        self._last_speed = 0.0

    @property
    def has_path(self) -> bool:
        """Return whether a stop would reach the driver, or need not."""
        return not (self.settings.require_path and self.path_problem)

    @property
    def stop_failure(self) -> str:
        """Return why the last stop was not confirmed; empty where none is outstanding."""
        return self._stop_failure if self.state is State.UNCONFIRMED else ''

    @property
    def motion(self) -> Motion | None:
        """Return the current motion; None without one."""
        return self._progress.motion

    @property
    def setpoint(self) -> Setpoint | None:
        """Return the setpoint that the driver receives now; None for a stop or nothing."""
        return self._progress.setpoint

    def passed(self, now: float) -> float | None:
        """Return how far (s) its driver is in the motion; None before its first output."""
        return self._progress.passed(now)

    def sample(self, now: float) -> Sample | None:
        """Return the newest measurement; None where it is unknown or stale."""
        fresh = self.rest is not None and now < min(
            self.rest.stale_at, self._sample_at + self.rest.settings.patience)
        return self._sample if fresh else None

    @property
    def why_unmeasured(self) -> str:
        """Return what is wrong with the feedback; empty when no fault is known."""
        return self.feedback_problem or ('' if self.rest is None else self.rest.problem)

    def command(self, motion: Motion, claim: Claim, epoch: int, now: float) -> None:
        """
        Begin a motion; it supersedes the current one.

        Raises NotAtRest, StopOutstanding, NoStopPath, NoFeedback or JustStarted and changes
        nothing, except that StopOutstanding may have stopped the current motion.
        """
        if (self.state, Event.COMMANDED) not in TRANSITIONS:
            raise NotAtRest(
                f'{self.name}: motion is refused because the last stop was not confirmed '
                f'({self._stop_failure}); it is accepted again when the stop is confirmed, or '
                'after a reset')
        if self._stopping.outstanding:
            raise StopOutstanding(f'{self.name}: a stop output has not answered yet')
        if not self.has_path:
            raise NoStopPath(f'{self.name}: {self.path_problem}')
        self.check_sources()
        if motion.course and self.sample(now) is None:
            why = f' ({self.why_unmeasured})' if self.why_unmeasured else ''
            raise NoFeedback(
                f'{self.name}: feedback controls this move, and none has arrived recently{why}')
        self._part(motion.setpoint, epoch, now)
        fresh = self.state is not State.MOVING
        self._end(Reason.SUPERSEDED)
        self._to(Event.COMMANDED, Reason.COMMANDED, claim)
        self._last = motion.setpoint
        self.epoch = epoch
        self.claim = claim
        self._rest_confirmed = False
        self._progress.begin(motion, epoch, now)
        self.readiness.begin()
        self._cadence.begin(now, fresh)

    def check_sources(self) -> None:
        """Raise NoFeedback or JustStarted while the stop of a motion could not be confirmed."""
        if self.feedback_is_wrong and self.rest is not None:
            raise NoFeedback(f'{self.name}: no stop could be verified: {self.feedback_problem}')
        if self.sources.unseen:
            why = f' ({self.why_unmeasured})' if self.why_unmeasured else ''
            raise JustStarted(
                f'{self.name}: waiting for {self.sources.awaited}{why}; motion is refused until '
                'each of these was seen once, because no stop could be confirmed before')

    def time_left(self, now: float) -> float:
        """Return how long (s) its motion may still take; 0 where time does not end it."""
        return self._progress.time_left(now)

    def go_on(self, motion: Motion, passed: float | None, now: float) -> None:
        """Continue with the rest of the motion, as it is known now; the state is MOVING."""
        before = self.motion
        self._progress.go_on(motion, passed, now)
        # A setpoint that is sent once is sent again only if it is new: a controller that restarts
        # a trajectory begins at the position of the joints, a little behind its own reference.
        is_new = before is None or before.setpoint is not motion.setpoint
        if is_new and not self._cadence.first and motion.is_sent_once(self.settings.leads):
            self._cadence.again(now)

    def stop(self, reason: Reason, epoch: int, now: float, detail: str = '') -> None:
        """Begin a stop, or restart its hold. Accepted in every state; ownership is released."""
        self._end(reason, detail)
        self.readiness.stopped()
        fresh = TRANSITIONS[self.state, Event.STOP] is not self.state
        if fresh:
            self._last_speed = _speed_of(self._progress.setpoint)
            self._rest_confirmed = False
        self._to(Event.STOP, reason, self.claim, detail=detail)
        self.reason = reason
        self.epoch = epoch
        self._progress.end()
        self.claim = None
        # The timeout of a stop that could not be judged so far starts now.
        self._stopping.begin(now, fresh or self._unjudged, self._is_confirmed(now))
        self._unjudged = bool(self.sources.delay)
        self.sources.stopped()
        if reason is Reason.LATE_DRIVER:
            self._stopping.for_late_driver(now)
        elif reason.by_new_process and (self.rest is None or self._unjudged):
            self._stopping.for_late_driver(self._appeared_at)
        self._cadence.begin(now, fresh)

    def _is_confirmed(self, now: float) -> bool:
        """Return whether its stop outputs have answered, and rest is seen where it is measured."""
        return not self._stopping.outstanding and (
            self.rest is None or self.rest.at_rest(self._stopping.began, now))

    def _part(self, setpoint: Setpoint, epoch: int, now: float) -> None:
        """Stop first what this setpoint would not end; until then, raise StopOutstanding."""
        if not (isinstance(setpoint, ServiceCall) or isinstance(self._last, ServiceCall)):
            return
        if self.state is State.MOVING and setpoint != self._last:
            self.stop(Reason.SUPERSEDED, epoch, now)
        elif self.state is not State.STOPPING or self._stopping.sent_for(now, STOP_BETWEEN):
            return
        raise StopOutstanding(f'{self.name}: the command before this one is stopped first')

    def stop_answered(self, epoch: int, problem: str, now: float) -> None:
        """Take the outcome of an acknowledged stop; an empty problem is success."""
        # An answer may still arrive after its timeout; then the stop is done after all.
        late = self.state is State.UNCONFIRMED and self.settings.acknowledged
        if epoch != self.epoch or not (self._stopping.outstanding or late):
            return
        if problem and self.sources.delay:
            return
        self._stopping.answered(well=not problem)
        if problem and self._allows(Event.STOP_FAILED):
            self._fail(problem, now)

    def motion_answered(self, epoch: int, problem: str, detail: str, now: float) -> None:
        """Take the driver's answer to a motion; an empty problem is success."""
        motion = self.motion
        if motion is None or not self._progress.awaits(epoch):
            return
        if motion.settles and (problem or motion.momentary):
            self._settle(Reason.REFUSED if problem else Reason.DONE, now, problem or detail)
        elif problem:
            self.stop(Reason.REFUSED, epoch, now, problem)
        else:
            self.note_end(epoch, Reason.DONE, detail)
            self._progress.answered(now)

    def prepared(self, epoch: int, problem: str, now: float) -> None:
        """Take the driver's answer to a preparation; an empty problem permits the motion."""
        if self.state is not State.MOVING or not self.readiness.is_answered_by(epoch):
            return
        if problem:
            self.stop(Reason.NOT_READY, self.epoch, now, problem)
            return
        self.readiness.ready()
        self._cadence.begin(now, fresh=True)
        self._let_go(now)

    def runs_late(self, epoch: int, late: float) -> None:
        """Note that the driver will be so much (s) later at the end than commanded."""
        if epoch == self.epoch and self.state is State.MOVING:
            self._progress.runs_late(late)

    def covered(self, now: float) -> None:
        """Note that the guard has answered a pulse that lists the motion."""
        self.readiness.covered_by = math.inf
        self._let_go(now)

    def _let_go(self, now: float) -> None:
        """Start the time of the motion once it no longer has to wait."""
        if not self.readiness.holds_back:
            self._progress.may_set_out(now)

    def not_sent(self, epoch: int) -> None:
        """Note that the driver did not receive this motion after all; its end comes next."""
        if epoch == self.epoch:
            self._progress.not_sent()
        # It may have ended since, as done by its output.
        self._ended = [
            replace(end, reason=Reason.STALLED)
            if end.epoch == epoch and end.reason is Reason.DONE else end for end in self._ended]

    def driver_appeared(self, epoch: int, now: float) -> None:
        """Stop a driver that has just started, unless the robot is known to be at rest."""
        self._appeared_at = now
        if self.state is State.MOVING or self._rest_confirmed:
            return
        forgotten = self.rest is None and now - self._cadence.last >= LATE_DRIVER_MEMORY
        if self.state is State.IDLE and forgotten:
            return
        self.stop(Reason.LATE_DRIVER, epoch, now)

    def hurry(self, until: float) -> None:
        """Let the current stop, and every later one, fail at this instant (s) unless done."""
        self._stopping.hurry(until)

    def doubt(self, problem: str) -> None:
        """Count the stop that has just begun as failed; it continues all the same."""
        if self._allows(Event.STOP_FAILED):
            self._fail(problem)

    def stopped_enough(self, now: float) -> bool:
        """Return whether the stop is over, except for a driver that may not receive yet."""
        if self._unjudged:
            return False
        at_rest = self.rest is None or self.rest.at_rest(self._stopping.began, now)
        return self.state is not State.STOPPING or self._stopping.enough(now, at_rest)

    @property
    def can_judge_now(self) -> bool:
        """Return whether a stop that could not be judged must be sent again, to be judged."""
        return self._unjudged and not self.sources.delay

    def reset(self, now: float) -> bool:
        """Clear UNCONFIRMED for an operator; returns whether it did. Never starts motion."""
        if not self._allows(Event.RESET):
            return False
        self._to(Event.RESET, Reason.STOPPED, detail='reset by an operator')
        self.sources.forget_motion()
        self._end_stop()
        return True

    def leave(self, detail: str) -> None:
        """Send nothing more: another process stops it, and handles drivers that appear."""
        if not self._allows(Event.LEFT):
            return
        self._finish_waiting(self.reason)
        self._to(Event.LEFT, self.reason, detail=detail)
        self._end_stop()
        self._rest_confirmed = True
        self._unjudged = False

    def contested(self, text: str, now: float) -> None:
        """Note that other nodes command the robot during a stop; text names them."""
        self._stopping.contested(text, now)

    def measured(self, sample: Sample, received_at: float) -> bool:
        """Take a feedback sample; returns whether it ends a move."""
        if self.rest is None:
            return False
        if sample.shows_rest:
            self.rest.take(sample, received_at)
        if sample.has_pose and sample.is_finite:
            self._sample, self._sample_at = sample, received_at
        if self.sources.unseen and sample.is_finite:
            self.sources.measured(
                sample.has_pose, self._unjudged and self.rest.has_moved(received_at),
                self.rest.at_rest(self._stopping.began, received_at))
        return self._progress.take(sample, received_at)

    def drop(self, sample: Sample, now: float) -> str:
        """
        Count a sample that is no measurement; returns the text of a warning, if one is due.

        For a move, it is as if the sample had not arrived; a stop is not confirmed by what was
        measured before it (RestWatch).
        """
        if self.rest is None:
            return ''
        self._dropped += 1
        if now < self._drop_due:
            return ''
        self._drop_due = now + DROP_PERIOD
        settings = self.rest.settings
        return (f'{self.name}: a sample of its feedback was dropped: {settings.fault(sample)}; '
                f'dropped since the start: {self._dropped}; a move ends if no valid one arrives '
                f'for {settings.patience:g} s (feedback_timeout)')

    def is_moving(self, now: float) -> bool:
        """Judge by feedback where it is known; else every state but IDLE counts as moving."""
        measured = self.rest.moving(now) if self.rest else None
        if measured is not None:
            return measured
        return self.state is not State.IDLE or self._unjudged

    def poll(self, now: float) -> Output | None:
        """Advance to now and return the output for the driver, if any."""
        self._polled_at = now
        if self.state is State.MOVING:
            self._judge_motion(now)
        if self.state in (State.STOPPING, State.UNCONFIRMED):
            self._judge_stop(now)
        if now < self._cadence.due or self.readiness.blocks:
            return None
        motion, setpoint = self._progress.motion, self._progress.setpoint
        once = motion is not None and motion.is_sent_once(self.settings.leads)
        # The time of a finite move counts from its first output, which therefore never waits.
        begins = self._cadence.first and motion is not None and motion.duration is not None
        if not (once or begins) and self._cadence.passes_over(now, setpoint):
            return None
        output = Output(self.name, self.epoch, setpoint, self._cadence.due,
                        self._cadence.first, self.readiness.awaited)
        if output.prepare:
            self.readiness.asked(self.epoch, now)
            return output
        if output.first and motion is None:
            self._stopping.sent(now)
        elif output.first:
            self._progress.sent_first(now)
        self._cadence.sent(now, setpoint, once)
        if once:
            self._progress.all_sent(now)
        return output

    def wake_at(self) -> float:
        """Return when poll must run next, if nothing happens before."""
        if self.state is State.IDLE:
            return math.inf
        wake = min(self.readiness.covered_by, self.readiness.fails_at)
        if not self.readiness.holds_back:
            wake = min(wake, self._progress.wake_at(), self._cadence.due)
        elif not self.readiness.blocks:
            wake = min(wake, self._cadence.due)
        if self.state is State.STOPPING:
            wake = min(wake, self._stopping.wake_at(self._polled_at))
        return wake

    @property
    def is_held_back(self) -> bool:
        """Return whether its motion waits for the guard, or for the driver to get ready."""
        return self.state is State.MOVING and self.readiness.holds_back

    def take_notes(self) -> tuple[list[Ended], list[Changed]]:
        """Return the ends and changes since the last call."""
        notes = self._ended, self._changed
        self._ended, self._changed = [], []
        return notes

    def take_changes(self) -> list[Changed]:
        """Return the changes since the last call of this, or of take_notes."""
        changed, self._changed = self._changed, []
        return changed

    def note_end(self, epoch: int, reason: Reason, detail: str = '') -> None:
        """Note the end of a motion; detail is its driver's text."""
        self._ended.append(Ended(self.name, epoch, reason, detail))

    def _finish_waiting(self, reason: Reason, detail: str = '') -> None:
        """End the move that waits for rest, if there is one."""
        if self._finishing is not None:
            self.note_end(self._finishing, reason, detail)
            self._finishing = None

    def _judge_motion(self, now: float) -> None:
        if now >= self.readiness.covered_by:
            self.stop(Reason.NO_GUARD, self.epoch, now,
                      f'no echo of the guard within {self.readiness.cover_patience:g} s '
                      '(guard.patience)')
        elif now >= self.readiness.fails_at:
            self.stop(Reason.NOT_READY, self.epoch, now,
                      f'it did not answer within {self.settings.ready_timeout:g} s '
                      '(call_timeout of what is released)')
        elif not self.readiness.holds_back:
            over = self._progress.verdict(now)
            if over is not None and over.reason is Reason.DONE:
                self._finish(now)
            elif over is not None:
                self.stop(over.reason, self.epoch, now, over.detail)

    def _finish(self, now: float) -> None:
        epoch = self.epoch
        motion = self.motion
        if motion is not None and motion.settles:
            self._settle(Reason.DONE, now)
            return
        self.stop(Reason.DONE, epoch, now)
        # With feedback, a move is over when the robot is at rest.
        if self.rest is None:
            self.note_end(epoch, Reason.DONE)
        else:
            self._finishing = epoch

    def _settle(self, reason: Reason, now: float, detail: str = '') -> None:
        if self.readiness.holds_back:
            # A lock that is being released must be engaged again.
            if reason is Reason.DONE:
                self.note_end(self.epoch, reason, detail)
            self.stop(reason, self.epoch, now, detail)
            return
        self.note_end(self.epoch, reason, detail)
        verified = self._progress.is_steered
        self._to(Event.SETTLED, reason, self.claim, verified=verified)
        self._rest_confirmed = verified
        self._progress.end()
        self.claim = None
        self._cadence.end()

    def _judge_stop(self, now: float) -> None:
        late = self._cadence.late(now)
        if late > FROZEN:
            self._stopping.postpone(late)
        if self.state is State.STOPPING and self.sources.delay:
            self._hold_unjudged(now)
            return
        blind = self.rest is None
        seen = self.rest is not None and self.rest.at_rest(self._stopping.began, now)
        if seen:
            self._finish_waiting(Reason.DONE)
        others = ''
        if self.state is State.UNCONFIRMED:
            done = self._stopping.redeemed(now, seen, blind)
        else:
            done = self._stopping.done(now, seen or blind)
            if not done:
                problem = self._stopping.problem(now, seen or blind)
                if problem:
                    self._fail(self._explained(problem, now), now)
                    return
                others = self._stopping.yielded(now)
        # A requested stop is sent, even where rest is seen before.
        if self._cadence.first or not (done or others):
            return
        self._rest_confirmed = seen
        self._end_stop()
        self._finish_waiting(Reason.NOT_AT_REST, others)
        if done:
            self._to(Event.STOP_DONE, self.reason, verified=seen or self.settings.acknowledged,
                     over_at=now, evidence=self._evidence(seen, now))
        else:
            self._to(Event.STOP_UNVERIFIED, self.reason, detail=f'not verified: {others}',
                     over_at=now)

    def _hold_unjudged(self, now: float) -> None:
        """End the stop with its hold: no source that could confirm it exists yet."""
        if self._stopping.is_held(now) and not self._cadence.first:
            self._end_stop()
            self._to(Event.STOP_UNVERIFIED, self.reason,
                     detail=f'not verified: waiting for {self.sources.awaited}', over_at=now)

    def _evidence(self, seen: bool, now: float) -> str:
        """Say what confirms the stop that is over; empty where nothing does."""
        found = [f'rest {self.rest.fastest(now)}'] if seen and self.rest is not None else []
        found += ['its stop outputs answered'] if self.settings.acknowledged else []
        return ' and '.join(found)

    def _end_stop(self) -> None:
        """Stop waiting and sending."""
        self._stopping.end()
        self._cadence.end()

    def _explained(self, problem: str, now: float) -> str:
        """Add to a stop's failure what is missing or measured, and the probable cause."""
        if self.sources.awaited:
            return f'{problem}; waiting for {self.sources.awaited}'
        if self.rest is None or self._stopping.outstanding:
            return problem
        text, speed = f'{problem}: {self.rest.account(now)}', self.rest.speed(now)
        if self._last_speed and speed and abs(speed - self._last_speed) < 0.25 * self._last_speed:
            text += (f'; it still moves at the {self._last_speed:.3g} m/s or rad/s commanded '
                     'before the stop: its receiver may be working through a queue of old '
                     'commands (see command_rate, receiver_timeout), or does not execute stops')
        return text

    def _fail(self, problem: str, now: float | None = None) -> None:
        self._stop_failure = problem
        self._stopping.end()
        self._to(Event.STOP_FAILED, Reason.NOT_AT_REST, detail=problem, over_at=now)
        self._finish_waiting(Reason.NOT_AT_REST, problem)

    def _end(self, reason: Reason, detail: str = '') -> None:
        if self.state is State.MOVING and reason is not Reason.DONE:
            # This end comes between the poll that sent it and the one that notes its end.
            done = self._progress.is_done_by_sending
            self.note_end(
                self.epoch, Reason.DONE if done else reason, '' if done else detail)
        # A driver that appears must not fail a finished move that waits for rest.
        if reason is not Reason.LATE_DRIVER:
            self._finish_waiting(reason, detail)

    def _allows(self, event: Event) -> bool:
        """Return whether this may happen in the state as it is."""
        return (self.state, event) in TRANSITIONS

    def _to(self, event: Event, reason: Reason, claim: Claim | None = None,
            verified: bool = False, detail: str = '', *, over_at: float | None = None,
            evidence: str = '') -> None:
        """Change to the next state. Raises RuntimeError when there is no such transition."""
        before, after = self.state, TRANSITIONS.get((self.state, event))
        if after is None:
            raise RuntimeError(f'{self.name}: {event.name} cannot happen in state {before.name}')
        if after is not before:
            latency, duration = (
                (None, None) if over_at is None else self._stopping.figures(over_at))
            self._changed.append(Changed(
                self.name, before, after, reason, claim, verified, detail, latency, duration,
                evidence))
        self.state = after


def _speed_of(setpoint: Setpoint | None) -> float:
    """Return the speed that a setpoint commands, m/s or rad/s; 0 where it is no speed."""
    if isinstance(setpoint, Velocity):
        return setpoint.speed
    return abs(setpoint.value) if isinstance(setpoint, Speed) else 0.0
