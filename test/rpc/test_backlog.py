# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Calls that waited during a stall of the bridge, on a real server: none is executed."""

from collections.abc import Callable
import threading
import time
from typing import Any

from processes import wait_until

FREEZE = 0.3  # s

# Reading this many calls takes longer than that.
CALLS = 1500


def test_calls_that_waited_during_a_stall_are_refused_until_they_pause(
        start: Callable[..., Any]) -> None:
    """Reading them takes longer than the stall; the first one after a pause is a new one."""
    bench = start(real_clock=True)
    client = bench.client()
    power = {'name': 'base', 'linear': (0.0, 0.5, 0.0)}
    client.base.SetPower(**power)
    bench.until_moving()
    # The loop is blocked while they are sent, so they wait in the socket.
    thaw = threading.Event()
    bench.server._loop.call_soon_threadsafe(thaw.wait)
    calls = [client.base.SetPower.start(**power) for _ in range(CALLS)]
    time.sleep(0.5)
    bench.locked.held_up(FREEZE, ())
    thaw.set()
    executed = [number for number, call in enumerate(calls) if not call.details()]
    assert not executed, f'{len(executed)} of {CALLS}, from no. {executed[0]} on'
    assert all('frozen' in call.details() for call in calls)
    bench.settle()
    assert not bench.moves()
    wait_until(lambda: not client.base.SetPower.start(**power).details(), 'a new command')
    bench.until_moving()
