# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""How the motions of one actuator ended, until somebody takes note of it."""

from dataclasses import replace

from viam_session_bridge.core.events import Ended
from viam_session_bridge.core.states import Reason


class Endings:
    """One actuator's; each epoch ends once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended: list[Ended] = []
        # The epoch of a move that is made, and over when the robot rests.
        self._finishing: int | None = None

    def add(self, epoch: int, reason: Reason, detail: str = '') -> None:
        """Note the end of a motion; detail is its driver's text."""
        self._ended.append(Ended(self._name, epoch, reason, detail))

    def await_rest(self, epoch: int) -> None:
        """Note that a move is made, and over when the robot rests."""
        self._finishing = epoch

    def finish(self, reason: Reason) -> None:
        """End the move that waits for rest, if there is one."""
        if self._finishing is not None:
            self.add(self._finishing, reason)
            self._finishing = None

    def untold(self, epoch: int) -> None:
        """Take back that a motion was done by telling its driver, which was not told."""
        self._ended = [
            replace(end, reason=Reason.STALLED)
            if end.epoch == epoch and end.reason is Reason.DONE else end for end in self._ended]

    def take(self) -> list[Ended]:
        """Hand over what has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended
