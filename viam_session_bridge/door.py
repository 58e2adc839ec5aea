# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The door between threads: the only lock and the only clock.

What drivers and feedback bring, and the pump, come through here; what callers ask for comes in by
the gate, which is this door and more. Nothing slow happens under the lock: the supervisor decides,
the caller acts afterwards. What changes a wish wakes the pump.
"""

from collections.abc import Callable, Collection
import math
import threading
import time

from viam_session_bridge.core.events import Output
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.rest import Sample
from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.core.states import State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.core.waiters import Polled, Waiters

# CLOCK_BOOTTIME runs on while a laptop sleeps: after a resume, sessions are as old as they look.
_CLOCK_ID = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)


def steady_now() -> float:
    """Return seconds on the steady clock of all deadlines; it counts suspended time too."""
    return time.clock_gettime(_CLOCK_ID)


class Door:
    """Serialises every decision. Public methods take the lock; the supervisor never does."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float] = steady_now) -> None:
        self._supervisor = supervisor
        self.now = clock
        # Guards the supervisor and the waiters. Taken by RPC handlers, the ROS executor and the
        # pump; never held while publishing, logging or calling back.
        self._lock = threading.Condition(threading.Lock())
        self._woken = False
        self._waiters = Waiters()

    # ---- what drivers report --------------------------------------------------------------------

    def measured(self, name: str, sample: Sample) -> None:
        """Take a feedback sample that has just been received."""
        with self._lock:
            if self._supervisor.measured(name, sample, self.now()):
                self._wake_locked()

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        """Judge no stop of a resource before this source was seen; see Fleet.expect."""
        with self._lock:
            self._supervisor.expect(name, source, has_pose)

    def seen(self, name: str, source: str) -> None:
        """Note that a source of a resource exists."""
        with self._lock:
            self._supervisor.seen(name, source, self.now())
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

    def contradiction(self, name: str) -> str:
        """Say how the feedback of a resource contradicts itself; empty where it does not."""
        with self._lock:
            return self._supervisor.contradiction(name, self.now())

    def wish(self, name: str) -> Setpoint | None:
        """Return what the driver of a resource is told now; None for a stop or nothing."""
        with self._lock:
            return self._supervisor.wish(name)

    def states(self) -> dict[str, State]:
        """Return the state of every resource."""
        with self._lock:
            return self._supervisor.states()

    def awaited(self) -> dict[str, str]:
        """Return the sources that were not seen yet, of every resource that has any."""
        with self._lock:
            return self._supervisor.awaited()

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
