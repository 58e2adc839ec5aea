# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which faults a run consists of: drawn from a seed, in rounds. Pure; starts nothing.

In every round each kind comes once, the weighty ones more often; within a round kinds of the same
profile stand together, because a scene that survives is used again.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from kinds import Kind
from profiles import VARIANTS


class Drawn(NamedTuple):
    """A fault to be played: its kind, the seed of its own draws, and the variant of its scene."""

    kind: Kind
    seed: int
    variant: int


def plan(kinds: Sequence[Kind], faults: int, seed: int, variant: int | None = None) -> list[Drawn]:
    """
    Return the faults of a run; 0 of them means one of each kind.

    The first fault of a run has the run's seed, each later one the next number, so that any fault
    can be played alone.
    """
    random = Random(seed)
    order: list[tuple[Kind, int]] = []
    rounds = 0
    while len(order) < (faults or len(kinds)):
        chosen = (seed + rounds) % len(VARIANTS) if variant is None else variant
        rounds += 1
        once = [kind for kind in kinds for _ in range(kind.weight if faults else 1)]
        random.shuffle(once)
        profiles = list(dict.fromkeys(kind.profile.name for kind in once))
        once.sort(key=lambda kind: (profiles.index(kind.profile.name), kind.spoils))
        order += [(kind, chosen) for kind in once]
    if faults:
        order = order[:faults]
    return [Drawn(kind, seed + number, chosen) for number, (kind, chosen) in enumerate(order)]
