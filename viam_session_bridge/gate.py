# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The door between threads: the only lock and the only clock.

RPC handlers, ROS callbacks and the pump all come through here. Nothing slow happens under the
lock: the supervisor decides, the caller acts afterwards. What changes a wish wakes the pump.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
import math
import threading
import time

from viam_session_bridge.core.claims import Caller
from viam_session_bridge.core.course import Sample
from viam_session_bridge.core.errors import StopOutstanding
from viam_session_bridge.core.events import Ended, Errand, Output
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.motion import Motion
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import Session
from viam_session_bridge.core.setpoints import Call, Limits, Setpoint
from viam_session_bridge.core.states import State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.core.waiters import Polled, Waiters

# CLOCK_BOOTTIME runs on while a laptop sleeps: after a resume, sessions are as old as they look.
_CLOCK_ID = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)


def steady_now() -> float:
    """Return seconds on the steady clock of all deadlines; it counts suspended time too."""
    return time.clock_gettime(_CLOCK_ID)


class Gate:
    """Serialises every decision. Public methods take the lock; the supervisor never does."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float] = steady_now) -> None:
        self._supervisor = supervisor
        self.now = clock
        # Guards the supervisor and the waiters. Taken by RPC handlers, the ROS executor and the
        # pump; never held while publishing, logging or calling back.
        self._lock = threading.Condition(threading.Lock())
        self._woken = False
        self._waiters = Waiters()

    # ---- sessions -------------------------------------------------------------------------------

    def start_session(self, caller: Caller, resume: str = '') -> Session:
        """Start a session or resume one; see SessionTable.start."""
        with self._lock:
            # The pump sleeps without end while there is nothing to do: let it plan the sweep.
            self._wake_locked()
            return self._supervisor.start_session(caller, resume, self.now())

    def beat(self, session_id: str, caller: Caller) -> None:
        """Renew a session. Raises SessionExpired."""
        with self._lock:
            self._supervisor.beat(session_id, caller, self.now())

    def admit(self, caller: Caller) -> None:
        """Check and renew the session of a monitored call. Raises SessionExpired."""
        with self._lock:
            self._supervisor.admit(caller, self.now())

    def sessions(self) -> list[Session]:
        """Return copies of the sessions that are alive, oldest first."""
        with self._lock:
            return [replace(session, sockets=dict(session.sockets))
                    for session in self._supervisor.sessions.living(self.now())]

    # ---- commands -------------------------------------------------------------------------------

    def command(self, name: str, motion: Motion, caller: Caller,
                on_end: Callable[[Ended], None] | None = None, turn: int | None = None) -> int:
        """
        Check, renew, take ownership and set the new motion in one step; returns its epoch.

        on_end is called once, on the pump's thread, after the drivers were told. Raises a
        BridgeError; then on_end is never called, and nothing has changed but the renewed session,
        and that StopOutstanding may have stopped what has to end first.
        """
        with self._lock:
            epoch = self._command_locked(name, motion, caller, turn)
            if on_end is not None:
                self._waiters.for_end(epoch, on_end)
            return epoch

    def begin(self, name: str, motion: Motion, caller: Caller,
              on_begun: Callable[[Ended | None], None],
              turn: int | None = None) -> tuple[int, bool]:
        """
        Command what holds until something ends it; returns its epoch, and whether it has to wait.

        Where the guard or the driver has to get ready first, on_begun is called once, on the
        pump's thread: with None after the driver was told, or with the end that came before.
        """
        with self._lock:
            epoch = self._command_locked(name, motion, caller, turn)
            waits = self._supervisor.is_held_back(name)
            if waits:
                self._waiters.for_begin(epoch, on_begun)
            return epoch, waits

    def _command_locked(self, name: str, motion: Motion, caller: Caller,
                        turn: int | None) -> int:
        try:
            epoch = self._supervisor.command(name, motion, caller, self.now(), turn)
        except StopOutstanding:
            self._wake_locked()
            raise
        self._wake_locked()
        return epoch

    def go_on(self, name: str, epoch: int, motion: Motion, passed: float) -> bool:
        """Replace what was left of a motion after so much of its way (s); see Supervisor.go_on."""
        with self._lock:
            goes_on = self._supervisor.go_on(name, epoch, motion, self.now(), passed)
            self._wake_locked()
            return goes_on

    def passed(self, name: str, epoch: int) -> float | None:
        """Return how much of its way (s) a motion has made; see Supervisor.passed."""
        with self._lock:
            return self._supervisor.passed(name, epoch, self.now())

    def turn(self, name: str) -> int:
        """Return the place in line of a command that begins to form. Raises UnknownResource."""
        with self._lock:
            return self._supervisor.turn(name)

    def errand(self, name: str, call: Call, on_answer: Callable[[str, str], None]) -> None:
        """
        Have the driver run a command that does not move the robot. Raises UnknownResource.

        on_answer is called once, on any thread, with what was wrong (empty: nothing) and what the
        driver was told.
        """
        with self._lock:
            self._supervisor.resource(name)
            self._waiters.errand(Errand(name, call, on_answer))
            self._wake_locked()

    def stop(self, name: str) -> None:
        """Stop a resource; always accepted. Raises UnknownResource only."""
        with self._lock:
            self._supervisor.stop(name, self.now())
            self._wake_locked()

    def stop_all(self) -> None:
        """Stop every resource."""
        with self._lock:
            self._supervisor.stop_all(self.now())
            self._wake_locked()

    def cancel(self, name: str, epoch: int) -> bool:
        """End the motion of this epoch if it still runs; tells whether it did."""
        with self._lock:
            cancelled = self._supervisor.cancel(name, epoch, self.now())
            self._wake_locked()
            return cancelled

    def reset(self) -> list[str]:
        """
        Clear every stop that was not confirmed, and the emergency stop; never starts motion.

        Raises EmergencyStopped, and clears nothing, while that is pressed.
        """
        with self._lock:
            cleared = self._supervisor.reset(self.now())
            self._wake_locked()
            return cleared

    def press_emergency(self, reason: str) -> None:
        """Stop everything and refuse motion until a reset."""
        with self._lock:
            self._supervisor.press_emergency(reason, self.now())
            self._wake_locked()

    def hear_emergency(self, pressed: bool) -> None:
        """Take what the configured emergency stop says."""
        with self._lock:
            self._supervisor.hear_emergency(pressed, self.now())
            self._wake_locked()

    def emergency(self) -> str:
        """Say why the emergency stop refuses motion; empty when it does not."""
        with self._lock:
            return self._supervisor.emergency(self.now())

    def shut_down(self) -> None:
        """Refuse motion from now on, and stop everything that is not idle."""
        with self._lock:
            self._supervisor.shut_down(self.now())
            self._wake_locked()

    def configure(self, policy: Policy, limits: Mapping[str, Limits]) -> None:
        """Replace policy and limits at run time."""
        with self._lock:
            self._supervisor.configure(policy, limits)
            self._wake_locked()

    # ---- evidence -------------------------------------------------------------------------------

    def look(self, taken_at: float, open_sockets: frozenset[int]) -> None:
        """Take a look at the open connections, begun at taken_at (s)."""
        with self._lock:
            if self._supervisor.look(open_sockets, taken_at, self.now()):
                self._wake_locked()

    def watched_sockets(self) -> frozenset[int]:
        """Return the connections that a motion depends on now."""
        with self._lock:
            return self._supervisor.watched_sockets(self.now())

    def measured(self, name: str, sample: Sample) -> None:
        """Take a feedback sample that has just been received."""
        with self._lock:
            if self._supervisor.measured(name, sample, self.now()):
                self._wake_locked()

    def path(self, name: str, problem: str) -> None:
        """Record whether a stop would reach the driver; empty means that it would."""
        with self._lock:
            self._supervisor.path(name, problem, self.now())
            self._wake_locked()

    def feedback(self, name: str, problem: str, is_wrong: bool = False) -> None:
        """Record why feedback cannot arrive; see Fleet.feedback."""
        with self._lock:
            self._supervisor.feedback(name, problem, is_wrong)

    def contested(self, name: str, text: str) -> None:
        """Note that others have just commanded what is being stopped; text says who."""
        with self._lock:
            self._supervisor.contested(name, text, self.now())

    def driver_appeared(self, name: str) -> None:
        """Tell a driver that has just come up to stop, unless the robot is known to rest."""
        with self._lock:
            self._supervisor.driver_appeared(name, self.now())
            self._wake_locked()

    def stop_answered(self, name: str, epoch: int, problem: str) -> None:
        """Take the outcome of an acknowledged stop output; an empty problem is success."""
        with self._lock:
            self._supervisor.stop_answered(name, epoch, problem, self.now())
            self._wake_locked()

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str = '') -> None:
        """Take what a driver says of a motion that it answers; an empty problem is success."""
        with self._lock:
            self._supervisor.motion_answered(name, epoch, problem, detail, self.now())
            self._wake_locked()

    def goals(self, name: str, action: str, goals: tuple[str, ...]) -> None:
        """Take the ids of the goals of an action that a stop would cancel as our own."""
        with self._lock:
            self._supervisor.goals(name, action, goals, self.now())
            self._wake_locked()

    def moved_late(self, name: str) -> None:
        """Stop what may have begun to move only after it was told to stop."""
        with self._lock:
            self._supervisor.moved_late(name, self.now())
            self._wake_locked()

    def prepared(self, name: str, epoch: int, problem: str) -> None:
        """Take what a driver says about getting ready; an empty problem lets motion go out."""
        with self._lock:
            self._supervisor.prepared(name, epoch, problem, self.now())
            self._wake_locked()

    def runs_late(self, name: str, epoch: int, late: float) -> None:
        """Note that a driver will be so much (s) later at the end of a motion than it was told."""
        with self._lock:
            self._supervisor.runs_late(name, epoch, late, self.now())
            self._wake_locked()

    def watch_backlog(self) -> None:
        """Note that backlog_paused will be called when draining tells that it matters."""
        with self._lock:
            self._supervisor.backlog.watch()

    def draining(self) -> bool:
        """Tell whether calls are refused until none is left that came during a freeze."""
        with self._lock:
            return self._supervisor.backlog.draining(self.now())

    def backlog_paused(self, since: float) -> None:
        """Note that every call was read at once, and none came for a moment, since then (s)."""
        with self._lock:
            self._supervisor.backlog.paused(since)

    # ---- questions ------------------------------------------------------------------------------

    def resource(self, name: str) -> Resource:
        """Return what is configured under this name. Raises UnknownResource."""
        with self._lock:
            return self._supervisor.resource(name)

    def resources(self) -> list[Resource]:
        """Return everything that is configured, in its order."""
        with self._lock:
            return self._supervisor.all_resources()

    def is_moving(self, name: str) -> bool:
        """Tell whether a resource moves, from feedback where there is any."""
        with self._lock:
            return self._supervisor.is_moving(name, self.now())

    def sample(self, name: str) -> Sample | None:
        """Return what was measured last; None where it is unknown or stale."""
        with self._lock:
            return self._supervisor.sample(name, self.now())

    def feedback_problem(self, name: str) -> str:
        """Say why feedback cannot arrive; empty when it may."""
        with self._lock:
            return self._supervisor.feedback_problem(name)

    def wish(self, name: str) -> Setpoint | None:
        """Return what the driver of a resource is told now; None for a stop or nothing."""
        with self._lock:
            return self._supervisor.wish(name)

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        with self._lock:
            return self._supervisor.states()

    @property
    def quiet(self) -> bool:
        """Whether nothing moves or is being stopped; takes no lock."""
        return self._supervisor.quiet

    # ---- the pump's side ------------------------------------------------------------------------

    def poll(self) -> Polled:
        """Advance to now and return what is to be done."""
        with self._lock:
            self._woken = False
            return self._waiters.take(self._supervisor.poll(self.now()))

    def wait(self, until: float) -> None:
        """Sleep until that instant (s), or until something changes."""
        with self._lock:
            while not self._woken:
                left = until - self.now()
                if left <= 0.0:
                    return
                self._lock.wait(None if math.isinf(left) else left)

    def held_up(self, late: float, untold: Collection[Output]) -> None:
        """Stop every motion: the pump has not told these, which were decided so long (s) ago."""
        with self._lock:
            self._supervisor.held_up(late, self.now(), untold)
            self._wake_locked()

    def wake(self) -> None:
        """Wake the pump."""
        with self._lock:
            self._wake_locked()

    def _wake_locked(self) -> None:
        self._woken = True
        self._lock.notify_all()
