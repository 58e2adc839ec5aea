# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
All stops of one lost session: from the first to the last, for 1, 10 and 100 resources.

Each resource has a velocity topic and a service that must be called. The last row has ten
resources whose services hang: their process is frozen, which DDS does not notice for 20 s.
"""

from collections.abc import Callable
import os
import re
import signal
import time
from typing import Any

from children import port_of, World
from report import Figure, figure, Row

MOST = 100
HUNG = 10
NAMES = [f'base{number}' for number in range(MOST)]
SIZES = (1, 10, MOST)
WINDOW = 0.5  # s
LIMIT = 0.010  # s, for all of them
RATIO = 1.5  # of those with hung services to those without: near 1
AFTER = 0.3  # s: after the window and this long, the stops have been sent
TRIES = 5
PATIENCE = 30.0  # s, until they were answered, or a subscriber was found


def measure(world: World) -> list[Row]:
    """Return a row for each number of resources, and one with hung services."""
    world.child('services', *NAMES[HUNG:], name='robot')
    hung = world.child('services', *NAMES[:HUNG], name='hung')
    bridge = world.bridge([], stopped=NAMES, window=WINDOW, noting=True, patience=2.0)
    load = world.child('load', name='lost')
    burst = world.child('burst', *(f'{name}/cmd_vel' for name in NAMES), name='burst')
    port = port_of(bridge)
    for name in NAMES:
        bridge.wait_for_line(re.compile(rf'({name}): a driver is connected'))
    _until(lambda: burst.ask('matched'), 'a reader of every topic')
    times = world.scaled(30, 3)

    def rest() -> None:
        """Wait until everything has answered, and motion is accepted again."""
        _until(lambda: not bridge.ask('busy'), 'the end of the stops')

    def lose(names: list[str], hangs: bool = False) -> tuple[float, float]:
        """
        Lose a session that moves these; return how long stops, and calls too, took (s).

        hangs: while services hang. When this machine stood still meanwhile, it is done again.
        """
        for _ in range(TRIES):
            bridge.ask('spreads')
            if hangs:
                rest()
                os.kill(hung.pid, signal.SIGSTOP)
            try:
                moved = load.ask('lose', port=port, bases=names)
                time.sleep(WINDOW + AFTER)
                spreads = _until(lambda: bridge.ask('spreads'), 'the stops and calls')
            finally:
                os.kill(hung.pid, signal.SIGCONT)
            if moved and [count for count, _, _ in spreads] == [len(names)]:
                return float(spreads[0][1]), float(spreads[0][2])
            rest()
        raise ValueError(f'no session of {TRIES} moved {len(names)} and lapsed as a whole')

    rows = []
    for size in SIZES:
        rest()
        took, baselines = [], []
        for _ in range(times):
            took.append(lose(NAMES[:size]))
            baselines.append(float(burst.ask('burst', count=size)))
        rows.append(_row(size, took, figure(baselines)))
    rows.append(_hung_row(rows[-1].value, [lose(NAMES, hangs=True) for _ in range(times)]))
    return rows


def _until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise ValueError(f'not within {PATIENCE:g} s: {what}')
        time.sleep(0.05)
    return value


def _row(size: int, took: list[tuple[float, float]], baseline: Figure) -> Row:
    value, called = (figure(one) for one in zip(*took, strict=True))
    name = f'first to last stop, {size} resource{"s" if size > 1 else ""}'
    what_baseline = 'as many zeros in a row by bare rclpy publishers, to the same readers'
    if size < MOST:
        return Row(name, 's', value, baseline, what_baseline=what_baseline)
    return Row(
        name, 's', value, baseline, f'p50 < {LIMIT * 1e3:.0f} ms', value.p50 < LIMIT,
        what_baseline,
        notes=('one session is lost; each stop is a zero Twist handed to DDS, and a service call '
               f'that is begun when all of these are out: {_calls(called)}',))


def _calls(called: Figure) -> str:
    assert called.p99 is not None
    return (f'first zero to last call p50 {called.p50 * 1e3:.2f} ms, '
            f'p99 {called.p99 * 1e3:.2f} ms')


def _hung_row(without: Figure, took: list[tuple[float, float]]) -> Row:
    value, called = (figure(one) for one in zip(*took, strict=True))
    return Row(
        f'first to last stop, {MOST} resources, {HUNG} hung', 's', value, without,
        f'p50 <= {RATIO:g} x none hung', value.p50 <= RATIO * without.p50,
        what_baseline='the same without hung services',
        notes=('the services of ten hang, and hold up neither zeros nor the calls of others: '
               f'{_calls(called)}',))
