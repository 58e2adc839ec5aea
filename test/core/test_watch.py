# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a guard judges silence. Stories by numbers, then random histories of bridges and stalls.

The bridge's patience is 0.25 s. A guard that is not held up drains its queue at once.
"""

from hypothesis import given
from hypothesis import strategies as st

from viam_session_bridge.core.events import Echo, Identity, Pulse
from viam_session_bridge.core.guard_rules import PulseVerdict, PulseWatch

PATIENCE = 0.25
BRIDGE = Identity('bridge', 10.0, 'abc', PATIENCE)


class Guard:
    """A watch whose loop is on time, and whose queue is always empty."""

    def __init__(self) -> None:
        self.watch = PulseWatch('guard', 'abc')
        self.now = 100.0
        self.wake = float('inf')
        self.verdicts: list[tuple[float, PulseVerdict]] = []
        self.drains = True

    def receive(self, now: float, *names: str, sender: Identity = BRIDGE, sequence: int = 0,
                goodbye: bool = False) -> bool:
        """Take a pulse, and let the loop run as it does then."""
        self.run(now)
        news = self.watch.receive(Pulse(
            sender, sequence or int(now * 1000), dict.fromkeys(names, 1), goodbye=goodbye,
            guards=('guard',)), now)
        self.pass_at(now)
        return news

    def pass_at(self, now: float) -> None:
        """Let the loop run once."""
        self.now = now
        self.verdicts += [(now, one) for one in self.watch.judge(now)]
        self.wake = self.watch.plan(now)
        if self.watch.must_drain(now) and self.drains:
            self.watch.drained(now)
            self.verdicts += [(now, one) for one in self.watch.judge(now)]
            self.wake = self.watch.plan(now)

    def run(self, until: float) -> None:
        """Let the loop run on time until then."""
        while self.wake <= until:
            self.pass_at(max(self.wake, self.now))
        self.now = until


def test_a_driver_that_becomes_reachable_is_reported_without_another_pulse() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    assert [echo.unreached for echo in guard.watch.echoes(('base',))] == [('base',)]
    assert guard.watch.echoes(('base',)) == ()
    assert [echo.unreached for echo in guard.watch.echoes()] == [()]
    assert guard.watch.echoes() == ()


def test_silence_is_judged_after_one_patience_exactly_and_once() -> None:
    guard = Guard()
    guard.receive(100.0, 'base', 'arm')
    guard.receive(100.05, 'base')
    guard.run(100.2999)
    assert not guard.verdicts
    guard.run(200.0)
    [(at, verdict)] = guard.verdicts
    assert at == 100.05 + PATIENCE
    assert list(verdict.pulse.active) == ['base'] and not verdict.pulse.goodbye


def test_the_silence_of_an_idle_bridge_stops_nothing() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.receive(100.1)
    guard.run(200.0)
    assert not guard.verdicts and not guard.watch.active


def test_after_a_goodbye_only_the_listed_resources_are_stopped() -> None:
    guard = Guard()
    guard.receive(100.0, 'base', goodbye=True)
    guard.run(200.0)
    [(at, verdict)] = guard.verdicts
    assert at == 100.0
    assert list(verdict.pulse.active) == ['base'] and verdict.pulse.goodbye


def test_a_bridge_that_is_back_can_fall_silent_again() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.run(101.0)
    guard.receive(101.0, 'base')
    guard.run(102.0)
    assert [at for at, _ in guard.verdicts] == [100.25, 101.25]
    assert guard.watch.echoes() == (Echo('guard', 'bridge', 101000, 'abc', 2, number=1),)


def test_a_pulse_is_answered_once_with_how_often_it_has_fired() -> None:
    guard = Guard()
    assert guard.watch.echoes() == ()
    guard.receive(100.0, 'base')
    assert guard.watch.echoes() == (Echo('guard', 'bridge', 100000, 'abc', 0, number=1),)
    assert guard.watch.echoes() == ()


def test_a_pulse_that_is_not_newer_is_ignored() -> None:
    guard = Guard()
    assert guard.receive(100.0, 'base', sequence=5)
    assert not guard.receive(100.1, sequence=5)
    assert not guard.receive(100.2, sequence=4)
    guard.run(200.0)
    assert [at for at, _ in guard.verdicts] == [100.25]


def test_bridges_are_judged_each_by_its_own_patience() -> None:
    guard = Guard()
    patient = Identity('patient', 10.0, 'abc', 2.0)
    guard.receive(100.0, 'arm', sender=patient)
    guard.receive(100.0, 'base')
    guard.run(200.0)
    assert [(at, one.pulse.sender.instance) for at, one in guard.verdicts] == [
        (100.25, 'bridge'), (102.0, 'patient')]


def test_pulses_in_the_queue_are_read_before_the_silence_is_judged() -> None:
    """The executor was held up, not the bridge."""
    guard = Guard()
    guard.drains = False
    guard.receive(100.0, 'base')
    guard.run(100.3)
    assert guard.watch.must_drain(100.3) and not guard.verdicts
    guard.receive(100.31, 'base')
    assert not guard.watch.must_drain(100.31)


def test_a_queue_that_is_never_drained_delays_the_stop_by_one_patience_at_most() -> None:
    guard = Guard()
    guard.drains = False
    guard.receive(100.0, 'base')
    guard.run(200.0)
    assert [at for at, _ in guard.verdicts] == [100.5]


def test_a_guard_that_overslept_waits_one_patience_more() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.pass_at(110.0)
    assert not guard.verdicts and guard.wake == 110.25
    guard.run(200.0)
    assert [at for at, _ in guard.verdicts] == [110.25]


def test_a_late_guard_that_receives_a_live_bridge_stops_nothing() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.pass_at(110.0)
    for step in range(100):
        guard.receive(110.2 + step * 0.05, 'base')
    assert not guard.verdicts


def test_a_guard_that_is_always_late_does_not_wait_for_ever() -> None:
    """One grace in one silence."""
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.pass_at(100.5)
    guard.pass_at(101.0)
    assert [at for at, _ in guard.verdicts] == [101.0]


def test_a_small_delay_of_the_guard_gives_no_extension() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    guard.pass_at(100.25 + 0.5 * PATIENCE)
    assert len(guard.verdicts) == 1


def test_another_live_bridge_keeps_what_it_lists() -> None:
    guard = Guard()
    heir = Identity('heir', 11.0, 'abc', PATIENCE)
    guard.receive(100.0, 'base', 'arm')
    guard.receive(100.2, 'arm', sender=heir)
    guard.run(100.3)
    assert guard.watch.is_listed('arm') and not guard.watch.is_listed('base')


def test_ended_bridges_do_not_accumulate_and_displace_no_bridge_that_moves() -> None:
    guard = Guard()
    guard.receive(100.0, 'base')
    for number in range(1000):
        guard.receive(100.0, sender=Identity(f'bridge {number}'))
    assert len(guard.watch._bridges) <= 16
    guard.run(200.0)
    assert [one.pulse.sender.instance for _, one in guard.verdicts] == ['bridge']


@given(st.lists(st.tuples(
    st.floats(0.001, 0.6), st.sampled_from(['pulse', 'pulse', 'idle', 'nap'])), max_size=60))
def test_every_silence_is_judged_once_on_time_and_nothing_else(
        steps: list[tuple[float, str]]) -> None:
    """The guard is frozen for a second at times; a bridge received soon after is not judged."""
    guard, expected, last, active = Guard(), [], 0.0, False
    sequence = 0
    for pause, step in [*steps, (10.0, 'idle')]:
        now = guard.now + pause
        guard.run(now)
        if active and now >= last + PATIENCE:
            expected.append(last + PATIENCE)
            active = False
        if step == 'nap':
            guard.pass_at(now + 1.0)
            now += 1.1
        sequence += 1
        active, last = step != 'idle', now
        guard.receive(now, *(['base'] if active else []), sequence=sequence)
    assert [at for at, _ in guard.verdicts] == expected
