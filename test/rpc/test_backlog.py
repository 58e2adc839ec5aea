# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Calls that waited during a stall of the bridge, on a real server: none is executed."""

from collections.abc import Callable
import hashlib
import resource
import threading
import time
from typing import Any

import pytest

from processes import wait_until
from viam_session_bridge.rpc import server

FREEZE = 0.3  # s

# Reading this many calls takes longer than that. The processor time for it remains far below what
# the bridge may use before it executes calls that never pause, also where it takes a minute.
CALLS = 900


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
    # On a very busy machine, gRPC itself cancels those that have waited for 30 s.
    assert 'frozen' in calls[0].details()
    bench.settle()
    assert not bench.moves()
    wait_until(lambda: not client.base.SetPower.start(**power).details(), 'a new command')
    bench.until_moving()


def test_a_command_is_refused_while_another_thread_of_the_process_is_awake(
        start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be one of gRPC that still holds older calls, even if none has arrived for long."""
    awake = True
    monkeypatch.setattr(server, 'others_awake', lambda: awake)
    bench = start(real_clock=True)
    client = bench.client()
    power = {'name': 'base', 'linear': (0.0, 0.5, 0.0)}
    client.base.SetPower(**power)
    bench.locked.held_up(FREEZE, ())
    time.sleep(2.0 * FREEZE)
    assert 'frozen' in client.base.SetPower.refused(**power).text
    awake = False
    wait_until(lambda: not client.base.SetPower.start(**power).details(), 'a new command')


def test_a_thread_that_computes_is_awake_and_one_that_waits_is_not() -> None:
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            hashlib.pbkdf2_hmac('sha256', b'', b'', 20_000)  # without the interpreter's lock

    waiting = threading.Thread(target=ended.wait)
    waiting.start()
    wait_until(lambda: not server.others_awake(), 'sleep')
    computing = threading.Thread(target=compute)
    computing.start()
    wait_until(server.others_awake, 'a thread that computes')
    ended.set()
    computing.join()
    waiting.join()


def test_threads_count_as_awake_where_no_descriptor_is_left_to_look_at_them() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wait_until(lambda: not server.others_awake(), 'sleep')
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        assert server.others_awake()
        with pytest.raises(OSError):
            server._is_awake(str(threading.get_native_id()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
