# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is due when, however often it was planned anew."""

import math

from hypothesis import given
from hypothesis import strategies as st

from viam_session_bridge.core.group import Agenda

PLANS = st.lists(st.tuples(
    st.sampled_from('abc'), st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf]),
    st.sampled_from([None, 0.5, 1.0, 2.5])))


def test_the_newest_plan_counts() -> None:
    agenda = Agenda()
    agenda.plan('a', 1.0)
    agenda.plan('a', 2.0)
    assert agenda.take_due(1.5) == []
    assert agenda.earliest() == 2.0
    agenda.plan('a', math.inf)
    assert agenda.earliest() == math.inf


def test_what_is_due_is_taken_once() -> None:
    agenda = Agenda()
    agenda.plan('b', 2.0)
    agenda.plan('a', 1.0)
    assert agenda.take_due(2.0) == ['a', 'b']
    assert agenda.take_due(9.0) == []
    agenda.plan('a', 1.0)
    assert agenda.take_due(1.0) == ['a']


@given(PLANS)
def test_it_is_a_dictionary_of_instants(plans: list[tuple[str, float, float | None]]) -> None:
    """Beside a plain one, with takings in between."""
    agenda, plain = Agenda(), dict[str, float]()
    for name, at, now in plans:
        agenda.plan(name, at)
        plain[name] = at
        if now is not None:
            due = {one for one, when in plain.items() if when <= now}
            assert set(agenda.take_due(now)) == due
            for one in due:
                del plain[one]
        assert agenda.earliest() == min(plain.values(), default=math.inf)
