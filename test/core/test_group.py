# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which actuators must be polled when, however often the plan changes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from viam_session_bridge.core.group import PollSchedule

PLANS = st.lists(st.tuples(
    st.sampled_from('abc'), st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf]),
    st.sampled_from([None, 0.5, 1.0, 2.5])))


def test_the_newest_plan_counts() -> None:
    schedule = PollSchedule()
    schedule.plan('a', 1.0)
    schedule.plan('a', 2.0)
    assert schedule.take(1.5) == []
    assert schedule.finish() == 2.0
    schedule.plan('a', math.inf)
    assert schedule.finish() == math.inf


def test_what_is_due_is_taken_once() -> None:
    schedule = PollSchedule()
    schedule.plan('b', 2.0)
    schedule.plan('a', 1.0)
    assert schedule.take(2.0) == ['a', 'b']
    assert schedule.take(9.0) == []
    schedule.plan('a', 1.0)
    assert schedule.take(1.0) == ['a']


@given(PLANS)
def test_it_is_a_dictionary_of_instants(plans: list[tuple[str, float, float | None]]) -> None:
    """Beside a plain one, with takings in between."""
    schedule, plain = PollSchedule(), dict[str, float]()
    for name, at, now in plans:
        schedule.plan(name, at)
        plain[name] = at
        if now is not None:
            due = {one for one, when in plain.items() if when <= now}
            assert set(schedule.take(now)) == due
            for one in due:
                del plain[one]
        assert schedule.finish() == min(plain.values(), default=math.inf)
