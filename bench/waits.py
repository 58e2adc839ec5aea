# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The baseline of all deadlines: how late a bare timed wait of a Python thread ends."""

import random
import threading

from viam_session_bridge.locked_supervisor import steady_now

# Of the length of the waits that are compared with it: s, from and to.
_SHORTEST, _LONGEST = 0.03, 0.06


class BareWaits:
    """A thread that waits, notes by how much it was late (s), and waits again."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._overshoots: list[float] = []
        threading.Thread(target=self._run, name='bare-waits', daemon=True).start()

    def take(self) -> list[float]:
        """Return what was noted since the last call."""
        noted, self._overshoots = self._overshoots, []
        return noted

    def _run(self) -> None:
        while True:
            with self._condition:
                until = steady_now() + random.uniform(_SHORTEST, _LONGEST)
                self._condition.wait(until - steady_now())
                self._overshoots.append(steady_now() - until)
