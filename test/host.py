# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How long something took, without the time in which this machine had no processor for it.

Judge by order where the order shows what matters. Where only a duration does, use `took`: on a
quiet machine it is the plain difference of two instants, on a busy one it is less. The kernel
records what is subtracted: the time in which some task waited for a processor
(/proc/pressure/cpu), and the time that the host of a virtual machine took away (steal in
/proc/stat). Instants are seconds of time.monotonic().
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
import os
from pathlib import Path
import threading
import time
from typing import NamedTuple

PRESSURE = Path('/proc/pressure/cpu')
STATISTICS = Path('/proc/stat')
PERIOD = 0.05  # s
TICK = 1.0 / os.sysconf('SC_CLK_TCK')  # s


class Sample(NamedTuple):
    """What the machine had taken away until an instant (both s)."""

    at: float
    taken: float


_samples: list[Sample] = []
_lock = threading.Lock()


def waited(text: str) -> float:
    """Return for how long (s) some task waited for a processor, from /proc/pressure/cpu."""
    fields = dict(word.split('=') for word in text.splitlines()[0].split()[1:])
    return int(fields['total']) * 1e-6


def stolen(text: str) -> float:
    """Return for how long (s) the host took the processor that it took most, from /proc/stat."""
    rows = [line.split() for line in text.splitlines() if line.startswith('cpu')][1:]
    return max((int(row[8]) for row in rows), default=0) * TICK


def sample() -> None:
    """Read the records of the kernel. Without pressure information only steal counts."""
    with _lock:
        pressure = waited(PRESSURE.read_text()) if PRESSURE.exists() else 0.0
        taken = pressure + stolen(STATISTICS.read_text())
        _samples.append(Sample(time.monotonic(), taken))


def taken_between(samples: Sequence[Sample], began: float, ended: float) -> float:
    """Return the seconds that were taken between two instants, never more than lie there."""
    return min(_taken(samples, ended) - _taken(samples, began), ended - began)


def _taken(samples: Sequence[Sample], at: float) -> float:
    """Return what had been taken until an instant, interpolated."""
    before = samples[max(0, bisect_right(samples, at, key=_instant) - 1)]
    after = samples[min(len(samples) - 1, bisect_left(samples, at, key=_instant))]
    if after.at <= before.at:
        return before.taken
    share = (at - before.at) / (after.at - before.at)
    return before.taken + share * (after.taken - before.taken)


def _instant(one: Sample) -> float:
    return one.at


def took(began: float, ended: float | None = None) -> float:
    """Return the seconds from one instant to another (now by default) that count."""
    ended = time.monotonic() if ended is None else ended
    return ended - began - lost(began, ended)


def lost(began: float, ended: float | None = None) -> float:
    """Return the seconds from one instant to another (now by default) that do not count."""
    ended = time.monotonic() if ended is None else ended
    if ended > _samples[-1].at:
        sample()
    return taken_between(_samples, began, ended)


def _record() -> None:
    while True:
        time.sleep(PERIOD)
        try:
            sample()
        except OSError:
            pass  # a test has taken all file descriptors; the next sample counts for both


sample()
threading.Thread(target=_record, name='host', daemon=True).start()
