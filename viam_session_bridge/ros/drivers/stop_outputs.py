# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stop outputs of a resource, and their combined result for a stop or for getting ready.

Each kind is made by a function of its own; the table of the kinds is in composite.py.
"""

from collections.abc import Callable, Iterable
import functools
import threading

from viam_session_bridge.core.setpoints import Setpoint

# For an epoch: the error; empty is success.
Report = Callable[[int, str], None]


class StopOutput:
    """
    One more way to stop the resource. It reports its results by itself.

    Called by the pump's thread, but path_problem and adopt by the executor's; must return at once.
    """

    def moved(self, setpoint: Setpoint) -> None:
        """Note that this motion is sent."""

    def stop(self, epoch: int) -> None:
        """Send the stop; called again and again until the stop is done."""
        raise NotImplementedError

    def prepare(self, epoch: int) -> None:
        """Release what the stop holds, and report; only where the kind PREPARES."""

    def adopt(self, goals: Iterable[str]) -> None:
        """Add these ids to the goals to cancel, if this output cancels goals."""

    def path_problem(self) -> str:
        """Return why the stop would not arrive; empty when it would."""
        raise NotImplementedError


class Answers:
    """
    Reports success when every part has succeeded, and a problem as soon as one part has one.

    Parts may answer again: after a failure and a retry, for example. Answers may come on any
    thread; those for an epoch other than the newest are ignored.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        # Guards what follows; never held while reporting.
        self._lock = threading.Lock()
        self._parts = 0
        self._epoch: int | None = None
        self._problems: dict[int, str] = {}

    @property
    def expected(self) -> bool:
        """Return whether there is a part that answers."""
        return self._parts > 0

    def part(self) -> Report:
        """Return the report of one more part. Before the first epoch."""
        number, self._parts = self._parts, self._parts + 1
        return functools.partial(self._take, number)

    def begin(self, epoch: int) -> None:
        """Expect the answers for an epoch."""
        with self._lock:
            if epoch != self._epoch:
                self._epoch = epoch
                self._problems = {}

    def _take(self, part: int, epoch: int, problem: str) -> None:
        with self._lock:
            if epoch != self._epoch:
                return
            self._problems[part] = problem
            complete = len(self._problems) == self._parts and not any(self._problems.values())
        if problem or complete:
            self._report(epoch, problem)
