# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Properties of every table of transitions; test_actuator.py runs each of its cells."""

import pytest

from viam_session_bridge.core.states import Event, State, TRANSITIONS


@pytest.mark.parametrize('state', State)
def test_a_stop_is_accepted_in_every_state_and_leads_to_no_motion(state: State) -> None:
    assert TRANSITIONS[state, Event.STOP] in (State.STOPPING, State.UNCONFIRMED)


def test_only_a_command_begins_motion_and_none_does_after_an_unconfirmed_stop() -> None:
    begins = {before: event for (before, event), after in TRANSITIONS.items()
              if after is State.MOVING}
    assert set(begins.values()) == {Event.COMMANDED}
    assert State.UNCONFIRMED not in begins


def test_a_failed_stop_is_over_when_it_is_done_reset_or_left_to_another_process() -> None:
    leaves = {event for (before, event), after in TRANSITIONS.items()
              if before is State.UNCONFIRMED and after is not State.UNCONFIRMED}
    assert leaves == {Event.STOP_DONE, Event.RESET, Event.LEFT}
