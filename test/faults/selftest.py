# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Proves that the suite can fail: every deliberate breakage must be caught by its kind of fault.

A breakage is caught when its fault shows unsafe time or an answer that must not be, not when the
fault could merely not be made; and when the whole product passes the same kind of fault.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from breakages import Breakage, BREAKAGES
from draw import Drawn
from kinds import Kind, KINDS
from parts import guard_exists
from profiles import VARIANTS
from stage import Stage
from trial import Result

# What a fault draws may let a breakage pass; in one of so many it must not.
TRIES = 4


@dataclass(frozen=True)
class Proof:
    """What came of a breakage. by: how it was caught; tries: the faults that were needed."""

    name: str
    text: str
    kind: str
    caught: bool
    by: str = ''
    tries: int = 0
    not_shown: str = ''

    @property
    def good(self) -> bool:
        """Whether it was caught; one that was not shown proves nothing and fails nothing."""
        return self.caught or bool(self.not_shown)


def prove(folder: Path, domains: Iterator[int], names: Iterable[str], seed: int,
          sound: Set[str] = frozenset()) -> Iterator[Proof]:
    """
    Yield the outcome of each breakage.

    sound: the kinds that the whole product is known to pass; others it has to pass here first.
    """
    for number, name in enumerate(names):
        place = folder / name
        place.mkdir()
        yield _prove(place, domains, BREAKAGES[name], seed + number * TRIES, sound)


def _prove(folder: Path, domains: Iterator[int], breakage: Breakage, seed: int,
           sound: Set[str]) -> Proof:
    kind = KINDS[breakage.caught_by]
    missing = kind.missing()
    if breakage.needs_guard and not guard_exists():
        missing = 'this version has no guard'
    if missing:
        return Proof(breakage.name, breakage.text, kind.name, False, not_shown=missing)
    if kind.name not in sound and (by := _fails_whole(folder / 'whole', domains, kind, seed)):
        return Proof(breakage.name, breakage.text, kind.name, False,
                     f'because the whole product fails, too: {by}')
    stage = Stage(folder, domains, guard=guard_exists() and breakage.guard,
                  breakage=breakage.name)
    try:
        for number in range(TRIES):
            result = stage.play(Drawn(kind, seed + number, (seed + number) % len(VARIANTS)))
            if by := evidence(result):
                return Proof(breakage.name, breakage.text, kind.name, True, by, number + 1)
    finally:
        stage.close()
    return Proof(breakage.name, breakage.text, kind.name, False,
                 '; '.join(result.problems), TRIES)


def _fails_whole(folder: Path, domains: Iterator[int], kind: Kind, seed: int) -> str:
    """Return what the product shows without a breakage; empty when it passes."""
    folder.mkdir()
    stage = Stage(folder, domains)
    try:
        return evidence(stage.play(Drawn(kind, seed, seed % len(VARIANTS))))
    finally:
        stage.close()


def evidence(result: Result) -> str:
    """Return what a result shows against the product; empty when nothing."""
    if result.could_not_run:
        return ''
    words = [f'{result.unsafe:.1f} s of unsafe time'] if result.unsafe else []
    return '; '.join([*words, *result.problems])
