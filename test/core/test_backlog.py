# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""For how long a call may have waited since a freeze, by numbers."""

import math

import pytest

from viam_session_bridge.core.supervisor import (
    Backlog,
    DRAINING,
    LONGEST_DRAIN,
    LONGEST_ECHO,
    PAUSE,
)

# Looks have a clock of their own.
BEGIN = 7.0


def frozen(late: float = 0.4, now: float = 100.0) -> Backlog:
    backlog = Backlog()
    backlog.watch()
    assert not backlog.draining
    backlog.thawed(late, now)
    return backlog


def look(backlog: Backlog, after: float, calls: int = 50, *, awake: bool = False,
         used: float = 0.0) -> None:
    backlog.looked(BEGIN + after, calls, awake, used)


def test_calls_are_refused_for_as_long_as_the_freeze_took() -> None:
    backlog = Backlog()
    assert not backlog.holds(100.0)
    backlog.thawed(0.4, 100.0)
    assert backlog.holds(100.39) and not backlog.holds(100.4)
    backlog.thawed(60.0, 200.0)
    assert backlog.holds(200.0 + LONGEST_ECHO - 0.01) and not backlog.holds(200.0 + LONGEST_ECHO)
    assert not backlog.draining, 'nothing would detect a pause'


def test_calls_that_continue_to_arrive_are_refused_until_they_pause_while_all_threads_sleep(
        ) -> None:
    backlog = frozen()
    look(backlog, 0.0, 49)
    look(backlog, 1.0)
    look(backlog, 2.0)
    look(backlog, 2.0 + PAUSE * 0.9)
    assert backlog.draining and backlog.holds(102.0)
    look(backlog, 2.0 + PAUSE * 1.1)
    assert not backlog.draining and not backlog.holds(100.4)
    assert backlog.holds(100.39), 'no sooner than without looks'


def test_what_was_quiet_before_the_first_look_is_no_pause() -> None:
    backlog = frozen()
    look(backlog, 5.0)
    look(backlog, 6.0)
    assert backlog.draining, 'the first quiet look is the beginning of a pause'
    look(backlog, 6.0 + PAUSE * 1.1)
    assert not backlog.draining


@pytest.mark.parametrize('calls, awake', [(51, False), (50, True)], ids=[
    'a call has arrived', 'a thread runs, or waits for a processor'])
def test_a_look_that_is_not_quiet_restarts_the_pause(calls: int, awake: bool) -> None:
    backlog = frozen()
    look(backlog, 0.0)
    look(backlog, 1.0)
    look(backlog, 2.0, calls, awake=awake)
    look(backlog, 3.0, calls)
    look(backlog, 3.0 + PAUSE * 0.9, calls)
    assert backlog.draining
    look(backlog, 3.0 + PAUSE * 1.1, calls)
    assert not backlog.draining


def test_a_short_freeze_does_not_end_the_refusal_after_a_long_one() -> None:
    backlog = Backlog()
    backlog.thawed(1.0, 100.0)
    backlog.thawed(0.2, 100.1)
    assert backlog.holds(100.99) and not backlog.holds(101.0)


def test_a_second_freeze_restarts_the_pause() -> None:
    backlog = frozen()
    look(backlog, 0.0)
    look(backlog, 1.0)
    backlog.thawed(0.2, 101.0)
    look(backlog, 2.0)
    assert backlog.draining


@pytest.mark.parametrize('late, bound', [(0.2, 0.2 * DRAINING), (600.0, LONGEST_DRAIN)])
def test_after_the_bound_the_shortest_pause_while_all_threads_sleep_is_enough(
        late: float, bound: float) -> None:
    """On a busy machine, clients that repeat refused calls make no longer one."""
    backlog = frozen(late)
    look(backlog, 0.0, 1)
    look(backlog, bound * 0.99, 1)
    assert backlog.draining
    look(backlog, bound * 1.01, 2)
    look(backlog, bound * 1.02, 2, awake=True)
    assert backlog.draining
    look(backlog, bound * 1.03, 2)
    assert not backlog.draining


@pytest.mark.parametrize('late, bound', [(0.2, 0.2 * DRAINING), (600.0, LONGEST_DRAIN)])
def test_calls_that_never_pause_are_refused_until_the_process_has_used_so_much_processor_time(
        late: float, bound: float) -> None:
    backlog = frozen(late)
    # However long that takes on a busy machine.
    for number in range(100):
        look(backlog, number * 1.0, number, awake=True, used=bound / 101.0)
    assert backlog.holds(math.inf)
    look(backlog, 100.0, 100, awake=True, used=bound / 50.0)
    assert not backlog.draining and not backlog.holds(300.0)
