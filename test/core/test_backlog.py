# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""For how long a call may have waited since a freeze, by numbers."""

from viam_session_bridge.core.supervisor import Backlog, DRAINING, LONGEST_DRAIN, LONGEST_ECHO


def test_calls_are_refused_for_as_long_as_the_freeze_took() -> None:
    backlog = Backlog()
    assert not backlog.holds(100.0)
    backlog.thawed(0.4, 100.0)
    assert backlog.holds(100.39) and not backlog.holds(100.4)
    backlog.thawed(60.0, 200.0)
    assert backlog.holds(200.0 + LONGEST_ECHO - 0.01) and not backlog.holds(200.0 + LONGEST_ECHO)
    assert not backlog.draining(200.0), 'no pause would be reported'


def test_calls_that_go_on_coming_are_refused_until_they_pause() -> None:
    backlog = Backlog()
    backlog.watch()
    assert not backlog.draining(100.0)
    backlog.thawed(0.4, 100.0)
    assert backlog.draining(100.0) and backlog.holds(102.0)
    # What was quiet before the thaw was the freeze.
    backlog.paused(99.9)
    assert backlog.holds(102.0)
    backlog.paused(100.05)
    assert backlog.holds(100.39), 'no sooner than without'
    assert not backlog.holds(100.4)


def test_they_are_not_refused_for_ever() -> None:
    backlog = Backlog()
    backlog.watch()
    backlog.thawed(0.2, 100.0)
    assert backlog.holds(100.0 + 0.2 * DRAINING - 0.01)
    assert not backlog.holds(100.0 + 0.2 * DRAINING)
    backlog.thawed(600.0, 200.0)
    assert backlog.holds(200.0 + LONGEST_DRAIN - 0.01)
    assert not backlog.holds(200.0 + LONGEST_DRAIN)
