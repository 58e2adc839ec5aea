# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
When a bridge sends pulses, and how it judges guards by echoes, and bridges by pulses.

A patience of 0.25 s: busy pulses every 0.05 s, idle ones every 0.25 s.
"""

from dataclasses import replace
from itertools import count
import math

from hypothesis import given
from hypothesis import strategies as st
import pytest

from viam_session_bridge.core.events import Echo, Identity, Pulse
from viam_session_bridge.core.peers import (
    DISCOVERY_TIME,
    GuardCover,
    PeerBridge,
    PeerBridges,
    PulseSchedule,
    StartupStops,
)

PATIENCE = 0.25
PERIOD = PATIENCE / 5.0
OWN = Identity('own', 10.0, 'abc', PATIENCE)
NUMBERS = count(1)


# ---- pulses -------------------------------------------------------------------------------------


def test_an_idle_bridge_pulses_once_in_a_patience() -> None:
    pulser = PulseSchedule(OWN)
    assert pulser.poll({}, 100.0) == Pulse(OWN, 1)
    assert pulser.due == 100.0 + PATIENCE
    assert pulser.poll({}, 100.1) is None
    assert pulser.poll({}, 100.25) == Pulse(OWN, 2)


def test_a_resource_that_is_no_longer_idle_is_in_a_pulse_at_once() -> None:
    pulser = PulseSchedule(OWN)
    pulser.poll({}, 100.0)
    pulse = pulser.poll({'base': 7}, 100.001)
    assert pulse == Pulse(OWN, 2, {'base': 7})
    assert pulser.due == pytest.approx(100.001 + PERIOD)
    assert pulser.poll({'base': 8}, 100.002) is None, 'the guard knows the base already'
    assert pulser.poll({'base': 8, 'arm': 9}, 100.003) == Pulse(OWN, 3, {'base': 8, 'arm': 9})


def test_a_pass_that_comes_a_little_early_takes_the_pulse_along() -> None:
    pulser = PulseSchedule(OWN)
    pulser.poll({'base': 7}, 100.0)
    assert pulser.poll({'base': 7}, 100.0 + 0.7 * PERIOD) is None
    assert pulser.poll({'base': 7}, 100.0 + 0.8 * PERIOD) is not None


def test_a_resource_is_listed_since_the_first_pulse_of_an_unbroken_row() -> None:
    pulser = PulseSchedule(OWN)
    assert pulser.listed_since('base') is None
    for step, active in enumerate([{'base': 7}, {'base': 8}, {}, {'base': 9}, {'base': 9}]):
        pulser.poll(active, 100.0 + step)
        assert pulser.listed_since('base') == [1, 1, None, 4, 4][step]


def test_what_went_idle_and_moves_again_between_two_pulses_is_still_listed() -> None:
    """The last pulse that was sent is what a guard goes by."""
    pulser = PulseSchedule(OWN)
    pulser.poll({'base': 7}, 100.0)
    assert pulser.poll({}, 100.01) is None
    assert pulser.poll({'base': 8}, 100.02) is None
    assert pulser.listed_since('base') == 1


def test_a_goodbye_is_sent_at_once_and_is_the_last_word() -> None:
    pulser = PulseSchedule(OWN)
    pulser.poll({'base': 7}, 100.0)
    pulser.end_pulses()
    assert pulser.due <= 100.0
    assert pulser.poll({'base': 7}, 100.001) == Pulse(OWN, 2, {'base': 7}, goodbye=True)
    assert pulser.due == math.inf
    assert pulser.poll({'base': 8, 'arm': 9}, 200.0) is None


@given(st.lists(st.tuples(
    st.floats(0.0, 0.3), st.sets(st.sampled_from(['a', 'b', 'c'])))))
def test_the_last_pulse_lists_every_active_resource_and_is_never_late(
        passes: list[tuple[float, set[str]]]) -> None:
    """Whatever comes: the last pulse lists every active resource, and is never too old."""
    pulser, now, sent, last = PulseSchedule(OWN), 100.0, Pulse(OWN, 0), -math.inf
    for pause, names in passes:
        now = min(now + pause, max(now, pulser.due))
        pulse = pulser.poll(dict.fromkeys(names, 1), now)
        if pulse is not None:
            assert pulse.sequence == sent.sequence + 1
            sent, last = pulse, now
        assert names <= set(sent.active)
        assert pulser.due - last <= (PERIOD if sent.active else PATIENCE) + 1e-9
        assert pulser.due > now


# ---- the guard's echoes -------------------------------------------------------------------------


def echo(sequence: int, **changes: object) -> Echo:
    return replace(
        Echo('guard', 'own', sequence, 'abc', number=next(NUMBERS)),
        **changes)  # type: ignore[arg-type]


def test_without_an_echo_there_is_no_guard() -> None:
    cover = GuardCover(OWN)
    assert 'no guard answers' in cover.problem(100.0)
    assert not cover.covers('left', 1, 100.0)
    cover.take(echo(5), 100.0)
    assert cover.problem(100.0) == ''
    assert cover.covers('left', 5, 100.0)
    assert not cover.covers('left', 6, 100.0) and not cover.covers('left', None, 100.0)


def test_a_guard_that_does_not_reach_a_driver_does_not_cover_it() -> None:
    cover = GuardCover(OWN)
    cover.take(echo(5, unreached=('left',)), 100.0)
    assert cover.problem(100.0) == ''
    assert not cover.reaches('left', 100.0) and not cover.covers('left', 5, 100.0)
    assert cover.reaches('right', 100.0) and cover.covers('right', 5, 100.0)
    cover.take(echo(6), 100.1)
    assert cover.reaches('left', 100.1) and cover.covers('left', 6, 100.1)


def test_a_guard_that_no_longer_answers_counts_as_ended() -> None:
    cover = GuardCover(OWN)
    cover.take(echo(5), 100.0)
    end = cover.ends_at()
    assert end == 100.0 + 4.0 * PATIENCE
    assert cover.covers('left', 5, end - 1e-6) and not cover.problem(end - 1e-6)
    assert not cover.covers('left', 5, end) and cover.problem(end)


def test_echoes_that_come_late_or_for_others_change_nothing() -> None:
    cover = GuardCover(OWN)
    cover.take(echo(5), 100.0)
    cover.take(echo(4), 100.1)
    assert cover.covers('left', 5, 100.1)
    assert not cover.is_new(echo(9, instance='another'))


def test_a_recorded_echo_does_not_replace_a_guard_that_has_ended() -> None:
    """Its number is not newer, whatever number its pulse has."""
    cover = GuardCover(OWN)
    recorded = echo(5)
    for one in (recorded, echo(6)):
        assert cover.is_new(one)
        cover.take(one, 100.0)
    assert not cover.is_new(recorded)
    assert cover.is_new(echo(4)), 'answered late, but sent now'
    assert cover.is_new(replace(recorded, guard='another'))
    assert cover.guards == ('guard',)


def test_a_guard_with_another_configuration_does_not_count_and_is_reported() -> None:
    cover = GuardCover(OWN)
    cover.take(echo(5, configuration='xyz'), 100.0)
    assert 'another configuration (xyz, expected: abc)' in cover.problem(100.0)
    assert not cover.covers('left', 5, 100.0)
    cover.take(echo(5, guard='second'), 100.0)
    assert cover.problem(100.0) == '' and cover.covers('left', 5, 100.0)


def test_each_time_that_a_guard_fired_is_reported_once() -> None:
    cover = GuardCover(OWN)
    assert not cover.take(echo(1), 100.0)
    assert cover.take(echo(2, fired=1), 100.1)
    assert not cover.take(echo(3, fired=1), 100.2)
    assert cover.take(echo(4, fired=2), 100.3)
    assert cover.take(echo(5, guard='another', fired=1), 100.4), 'it fired before its first echo'


def test_guards_that_come_and_go_do_not_pile_up() -> None:
    cover = GuardCover(OWN)
    for number in range(1000):
        cover.take(echo(number, guard=f'guard {number}'), 100.0)
    assert len(cover._guards) <= 8 and cover.covers('left', 999, 100.0)


# ---- other bridges ------------------------------------------------------------------------------


def who(peer: PeerBridge | None) -> Identity | None:
    return None if peer is None else peer.identity


def test_the_one_that_was_there_first_has_the_robot() -> None:
    """Both sides agree, also when both started at the same instant."""
    for first, second in [((9.0, 'z'), (10.0, 'a')), ((10.0, 'a'), (10.0, 'b'))]:
        earlier = Identity(first[1], first[0], 'abc', PATIENCE)
        later = Identity(second[1], second[0], 'xyz', PATIENCE)
        one, other = PeerBridges(earlier), PeerBridges(later)
        one.receive(Pulse(later, 1), 100.0, True)
        other.receive(Pulse(earlier, 1), 100.0, True)
        assert one.earlier(100.0) is None and who(one.later(100.0)) == later
        assert who(other.earlier(100.0)) == earlier and other.later(100.0) is None


def test_a_bridge_is_there_as_long_as_it_pulses_by_its_own_patience() -> None:
    rivals = PeerBridges(OWN)
    earlier = Identity('earlier', 1.0, 'xyz', 2.0)
    rivals.receive(Pulse(earlier, 1), 100.0, True)
    assert rivals.changes_at(100.0) == 106.0
    assert who(rivals.earlier(105.9)) == earlier and rivals.earlier(106.0) is None
    assert rivals.changes_at(106.0) == math.inf


def test_a_goodbye_ends_it_at_once_and_our_own_pulse_is_nobodys() -> None:
    rivals = PeerBridges(OWN)
    earlier = Identity('earlier', 1.0)
    rivals.receive(Pulse(earlier, 1), 100.0, True)
    rivals.receive(Pulse(earlier, 2, goodbye=True), 100.1, True)
    rivals.receive(Pulse(OWN, 1), 100.1, True)
    assert rivals.earlier(100.1) is None and rivals.later(100.1) is None
    rivals.receive(Pulse(earlier, 1), 100.2, True)
    assert rivals.earlier(100.2) is None, 'a recorded pulse does not bring it back'


def test_an_unverified_pulse_neither_ends_nor_replaces_a_verified_bridge() -> None:
    rivals = PeerBridges(OWN)
    earlier = Identity('earlier', 1.0, 'abc', PATIENCE)
    rivals.receive(Pulse(earlier, 1), 100.0, True)
    rivals.receive(Pulse(earlier, 9, goodbye=True), 100.1, False)
    rivals.receive(Pulse(replace(earlier, started=99.0), 9), 100.1, False)
    for number in range(100):
        rivals.receive(Pulse(Identity(f'forged {number}', 0.5), 1), 100.1, False)
    found = rivals.earlier(100.2)
    assert found is not None and found.identity == earlier and found.verified


def test_an_unverified_earlier_bridge_is_returned_as_unverified() -> None:
    rivals = PeerBridges(OWN)
    forged = Identity('forged', 1.0, 'abc', PATIENCE)
    rivals.receive(Pulse(forged, 1), 100.0, False)
    found = rivals.earlier(100.1)
    assert found is not None and found.identity == forged and not found.verified


# ---- first stops --------------------------------------------------------------------------------


def test_a_first_stop_is_due_at_its_match_but_not_before_others_were_listened_for() -> None:
    first = StartupStops(['base', 'arm'])
    first.matched('base')
    assert first.due_at() == math.inf, 'the loop does not run yet'
    assert first.due(100.0) == [] and first.due(100.1) == []
    assert first.due_at() == 100.0 + DISCOVERY_TIME
    assert first.due(100.0 + DISCOVERY_TIME) == ['base']
    first.begun('base')
    assert first.due(200.0) == [] and first.due_at() == math.inf
    assert set(first.pending) == {'base', 'arm'}
    first.done('base')
    first.done('arm')
    assert set(first.pending) == {'arm'}
    first.matched('base')
    first.matched('arm')
    assert first.due(200.0) == ['arm'], 'the first match only'


def test_a_first_stop_that_was_taken_back_is_due_again() -> None:
    first = StartupStops(['base', 'arm'])
    assert first.due(100.0) == []
    first.matched('base')
    first.begun('base')
    assert first.take_back() == ['base']
    first.done('base')
    assert first.due(200.0) == ['base']
