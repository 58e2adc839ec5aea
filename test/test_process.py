# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""When old garbage is collected: not while anything moves, if that can be helped."""

from collections.abc import Iterator
import gc

import pytest

from viam_session_bridge.process import Garbage, LONGEST_PERIOD, QUIET_PERIOD


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Collections:
    """Counts; called as gc.collect is."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_it_waits_until_nothing_moves() -> None:
    collected = Collections()
    garbage = Garbage(100.0, collected)
    assert collected.count == 1
    garbage.look(100.0 + QUIET_PERIOD, False)
    garbage.look(100.0 + LONGEST_PERIOD - 0.1, False)
    assert collected.count == 1
    garbage.look(100.0 + LONGEST_PERIOD - 0.1, True)
    assert collected.count == 2


def test_it_does_not_wait_for_ever() -> None:
    collected = Collections()
    garbage = Garbage(100.0, collected)
    garbage.look(100.0 + LONGEST_PERIOD, False)
    garbage.look(100.1 + LONGEST_PERIOD, False)
    assert collected.count == 2


def test_in_a_quiet_time_it_comes_now_and_then() -> None:
    collected = Collections()
    garbage = Garbage(100.0, collected)
    for second in range(int(2.5 * QUIET_PERIOD)):
        garbage.look(100.0 + second, True)
    assert collected.count == 3


def test_the_collector_makes_no_full_collection_by_itself() -> None:
    Garbage(100.0)
    before = gc.get_stats()[2]['collections']
    kept = [[[]] for _ in range(200_000)]
    assert kept and gc.get_stats()[2]['collections'] == before
