# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated joints in a separate process, and their commands (see programs/joints.py)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
import threading
from typing import Any, NamedTuple

from processes import PATIENCE, Program, TEST, wait_until

JOINTS = TEST / 'system' / 'programs' / 'joints.py'


class Told(NamedTuple):
    """
    What simulated joints received, and when (s).

    kind: trajectory, rejected, numbers, state or pose; what: the entry as it was written.
    """

    at: float
    kind: str
    what: dict[str, Any]

    @property
    def end(self) -> list[float]:
        """Return the positions at the end of a trajectory; of anything else, the only ones."""
        if self.kind == 'trajectory':
            end: list[float] = self.what['points'][-1]['positions']
            return end
        numbers: list[float] = self.what.get('data') or self.what.get('positions') or []
        return numbers


def furthest_leap(told: Sequence[Told], speed: float) -> float:
    """
    Return by how much a position was ahead of a motion at this speed.

    In the units of the command, of the first joint; from one message to the next, by the time of
    sending: a stall of the machine makes a longer step, and no leap.
    """
    return max(after.end[0] - before.end[0] - speed * (after.what['sent'] - before.what['sent'])
               for before, after in pairwise(told))


class SimulatedJoints(Program):
    """Simulated joints that take positions; commands are kept in order of arrival."""

    def __init__(self, topic: str, *joints: str, node: str = '/joints', **options: Any) -> None:
        self.told: list[Told] = []
        # By topic, how many publishers they have found.
        self._writers: dict[str, int] = {}
        self.ready = threading.Event()
        words = [f'--joint={joint}' for joint in joints]
        words += [f'--start={start}' for start in options.pop('start', ())]
        words += [f'--{name.replace("_", "-")}={value}' for name, value in options.items()]
        super().__init__(JOINTS, f'--node={node}', f'--topic={topic}', *words)

    def take(self, entry: dict[str, Any]) -> None:
        """Record the output of the joints."""
        if entry['event'] == 'ready':
            self.ready.set()
        elif entry['event'] == 'matched':
            self._writers[entry['topic']] = entry['writers']
        else:
            self.told.append(Told(entry['at'], entry['event'], entry))

    def wait_ready(self) -> None:
        """Wait until they have subscribed."""
        assert self.ready.wait(PATIENCE), f'the joints did not start:\n{self.text}'

    def wait_matched(self, *topics: str) -> None:
        """Wait until they have found a publisher of each topic: a goal is sent once."""
        for topic in topics:
            wait_until(lambda topic=topic: self._writers.get(topic), f'a publisher of {topic}')

    def since(self, at: float, kind: str = '') -> list[Told]:
        """Return what arrived since an instant (s)."""
        return [one for one in list(self.told) if one.at >= at and kind in ('', one.kind)]

    def wait_told(self, what: str, wanted: Callable[[Told], bool], since: float = 0.0) -> Told:
        """Wait for the first message since an instant (s) that fulfils the condition."""
        return wait_until(
            lambda: next((one for one in self.since(since) if wanted(one)), None), what)
