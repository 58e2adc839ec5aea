# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What several outputs of one resource say about the same stop, or about getting ready."""

from collections.abc import Callable
import functools
import threading

# Of an epoch: what was wrong; empty is success.
Report = Callable[[int, str], None]


class Answers:
    """
    Reports success when every part has answered well, and a problem as soon as one has any.

    Parts may answer again: one that failed and was tried again, for example. Answers come on any
    thread; those about another epoch than the newest say nothing.
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
        """Tell whether anybody will answer."""
        return self._parts > 0

    def part(self) -> Report:
        """Return the report of one more part. Before the first epoch."""
        number, self._parts = self._parts, self._parts + 1
        return functools.partial(self._take, number)

    def begin(self, epoch: int) -> None:
        """Wait for the answers about an epoch."""
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
