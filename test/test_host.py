# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What a busy machine takes away does not count; on a quiet one a duration is a duration."""

import time

import pytest

import host
from host import Sample

PRESSURE = """some avg10=1.53 avg60=1.87 avg300=1.73 total=1088168194
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
"""
STATISTICS = """cpu  100 0 100 1000 0 0 0 90 0 0
cpu0 50 0 50 500 0 0 0 70 0 0
cpu1 50 0 50 500 0 0 0 20 0 0
intr 12345
"""


def test_the_records_of_the_kernel_are_read() -> None:
    assert host.waited(PRESSURE) == pytest.approx(1088.168194)
    assert host.stolen(STATISTICS) == pytest.approx(70 * host.TICK)


@pytest.mark.parametrize(('began', 'ended', 'taken'), [
    (0.0, 1.0, 0.0), (1.0, 2.0, 0.75), (0.0, 2.0, 0.75), (1.5, 2.0, 0.375), (2.0, 2.5, 0.5),
    (1.0, 1.0, 0.0)])
def test_no_more_is_taken_than_there_was(began: float, ended: float, taken: float) -> None:
    """Quiet until 1, three quarters taken until 2, then all of it, and more than one processor."""
    samples = [Sample(0.0, 10.0), Sample(1.0, 10.0), Sample(2.0, 10.75), Sample(3.0, 12.75)]
    assert host.taken_between(samples, began, ended) == pytest.approx(taken)


def test_a_duration_is_at_most_the_difference_of_its_instants() -> None:
    began = time.monotonic()
    time.sleep(0.1)
    assert 0.0 <= host.took(began) <= time.monotonic() - began
    assert host.took(began, began + 0.05) <= 0.05
    assert host.took(began, began + 0.05) + host.lost(began, began + 0.05) == pytest.approx(0.05)
