# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who waits for the pump: calls that are answered when their motion began or ended, and errands.

They are let go after the drivers were told, and learn what came of it then, not what was decided.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
import functools

from viam_session_bridge.core.events import Ended, Errand, Output, Outputs
from viam_session_bridge.core.states import Reason


@dataclass(frozen=True)
class Polled:
    """What the pump does next: drive the outputs, then release the calls that waited."""

    outputs: Outputs
    ended: tuple[Callable[[], None], ...] = ()
    begun: tuple[tuple[Output, Callable[[Ended | None], None]], ...] = ()
    errands: tuple[Errand, ...] = ()

    def release(self, untold: Collection[Output] = ()) -> None:
        """
        Tell those who waited what came of it; one that raises keeps nobody waiting.

        untold: motions that were not handed to their drivers after all, because of a stall.
        """
        waiters = list(self.ended)
        for output, begun in self.begun:
            end = Ended(output.resource, output.epoch, Reason.STALLED)
            waiters.append(functools.partial(begun, end if output in untold else None))
        problems: list[Exception] = []
        for waiter in waiters:
            try:
                waiter()
            except Exception as problem:
                problems.append(problem)
        if problems:
            raise problems[-1]


class Waiters:
    """Each is called once, on the pump's thread; the gate's lock guards them until then."""

    def __init__(self) -> None:
        self._for_end: dict[int, Callable[[Ended], None]] = {}
        self._for_begin: dict[int, Callable[[Ended | None], None]] = {}
        self._errands: list[Errand] = []

    def __len__(self) -> int:
        """Return how many motions and errands somebody waits for."""
        return len(self._for_end) + len(self._for_begin) + len(self._errands)

    def for_end(self, epoch: int, on_end: Callable[[Ended], None]) -> None:
        """Have this called with the end of a motion."""
        self._for_end[epoch] = on_end

    def for_begin(self, epoch: int, on_begun: Callable[[Ended | None], None]) -> None:
        """Have this called with None once a driver was told; with the end if that came before."""
        self._for_begin[epoch] = on_begun

    def errand(self, errand: Errand) -> None:
        """Have the pump run this."""
        self._errands.append(errand)

    def take(self, outputs: Outputs) -> Polled:
        """Take out those who wait for what these outputs say."""
        ended: list[Callable[[], None]] = []
        for end in outputs.ended:
            for waiting in (self._for_end, self._for_begin):
                if end.epoch in waiting:
                    ended.append(functools.partial(waiting.pop(end.epoch), end))
        # Most polls have many outputs, and nobody who waits for one.
        begun = tuple(
            (output, self._for_begin.pop(output.epoch)) for output in outputs.outputs
            if output.epoch in self._for_begin and not output.prepare
        ) if self._for_begin else ()
        errands, self._errands = tuple(self._errands), []
        return Polled(outputs, tuple(ended), begun, errands)
