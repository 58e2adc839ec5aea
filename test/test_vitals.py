# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Who hangs, told apart from a process that was frozen as a whole. Time is a number here."""

from viam_session_bridge.vitals import (
    BEAT_PERIOD,
    FIRST_PATIENCE,
    OVERSLEPT,
    PATIENCE,
    Vitals,
)


class Rig:
    """Two parts; `run` lets time pass with a punctual watcher and those that beat."""

    def __init__(self) -> None:
        self.now = 100.0
        self.vitals = Vitals(lambda: self.now, ('pump', 'grpc'))

    def run(self, seconds: float, *beating: str) -> list[str]:
        silent: list[str] = []
        until = self.now + seconds
        while self.now < until:
            self.now += BEAT_PERIOD
            for part in beating:
                self.vitals.beat(part)
            silent = self.vitals.silent()
        return silent


def test_whoever_beats_is_well() -> None:
    assert Rig().run(60.0, 'pump', 'grpc') == []


def test_who_hangs_is_found_in_time_and_by_name() -> None:
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    assert rig.run(PATIENCE - 2 * BEAT_PERIOD, 'grpc') == []
    assert rig.run(3 * BEAT_PERIOD, 'grpc') == ['pump']


def test_a_part_that_never_begins_is_found() -> None:
    rig = Rig()
    assert rig.run(FIRST_PATIENCE - 2 * BEAT_PERIOD, 'grpc') == []
    assert rig.run(3 * BEAT_PERIOD, 'grpc') == ['pump']


def test_a_frozen_process_gets_new_time() -> None:
    """After SIGCONT every part is late, and none of them hangs."""
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    rig.now += 3600.0
    assert rig.vitals.silent() == []
    assert rig.run(PATIENCE / 2) == []
    assert rig.run(PATIENCE, 'grpc') == ['pump']


def test_a_watcher_that_comes_a_little_late_forgives_nobody() -> None:
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    for _ in range(round(PATIENCE / OVERSLEPT) + 2):
        rig.now += OVERSLEPT * 0.9
        rig.vitals.beat('grpc')
        silent = rig.vitals.silent()
    assert silent == ['pump']
