# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Motion that a service begins: who waits is answered, and what begins too late is stopped again.

A service that hangs may carry out a call when the stop that was meant to end it is long over.
"""

from collections.abc import Callable
from typing import Any

from viam_session_bridge.ros.interfaces import Supervision


class MotionCalls:
    """Those of one resource. sent and stopped are called by the pump's thread."""

    def __init__(self, resource: str, supervision: Supervision) -> None:
        self._resource = resource
        self._supervision = supervision
        # How many stops there were: an answer that comes after one more has come too late.
        self._stops = 0
        self._stopped: int | None = None

    def sent(self) -> None:
        """Note that something is sent: the next stop is another one than the last."""
        self._stopped = None

    def stopped(self, epoch: int) -> None:
        """Note a repetition of a stop."""
        if epoch != self._stopped:
            self._stopped = epoch
            self._stops += 1

    def begin(self, epoch: int) -> tuple[Callable[[str, str], None], Callable[[Any], None]]:
        """
        Return who takes the answer of a call, and who takes one that was given up.

        The first gets what was wrong (empty: nothing) and what was said, the second the response.
        """
        stops = self._stops

        def answered(problem: str, detail: str) -> None:
            self._supervision.motion_answered(self._resource, epoch, problem, detail)
            if not problem:
                check()

        def check(response: Any = None) -> None:
            if self._stops != stops and getattr(response, 'success', True):
                self._supervision.moved_late(self._resource)

        return answered, check
