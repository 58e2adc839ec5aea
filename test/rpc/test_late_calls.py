# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Calls whose gRPC deadline has passed: only stops are executed.

A call becomes late by blocking the event loop while its handler runs: then gRPC cannot cancel
it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
import threading
import time
from typing import Any

import grpc
import pytest

from components import bridge_config, command_config, component
from joint_bench import serve
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.auth import NoAuthentication
from viam_session_bridge.rpc.calls import Call, Registry
from viam_session_bridge.rpc.connections import SocketMonitor
from viam_session_bridge.rpc.operations import Operations
from viam_session_bridge.rpc.robot_service import RobotService
from viam_session_bridge.rpc.status import CallError

Code = grpc.StatusCode
FORWARD = (0.0, 0.5, 0.0)
DEADLINE = 0.3  # s

COMMANDS = (command_config('dock', moves=True, kind='trigger'),
            command_config('save', moves=False, kind='empty'))


def command(name: str) -> Any:
    made = proto.google.Struct()
    made.update({'command': name})
    return made


# The methods that move, by component; first those that Viam does not monitor.
MOTIONS = {
    'Home': ('gantry', {}),
    'DoCommand': ('base', {'command': command('dock')}),
    'MoveToPosition': ('gantry', {'positions_mm': [400.0, 200.0]}),
    'SetPower': ('base', {'linear': FORWARD}),
    'SetVelocity': ('base', {'linear': (0.0, 500.0, 0.0)}),
    'MoveStraight': ('base', {'distance_mm': 1000, 'mm_per_sec': 100.0}),
}


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge with a gantry and a base that accepts motions of connections."""
    gantry = component(
        'gantry', joints=('x', 'z'), lengths_m=(1.0, 0.3), offsets_m=(-0.5, 0.0), max_speed=0.2,
        home_m=(0.0, 0.3), joint_states_topic='joint_states')
    bench = serve(start, 'gantry', gantry, here=(-0.4, 0.1), paths=False, real_clock=True,
                  policy=Policy(stall_limit=60.0))
    bench.server.configure(bridge_config((gantry, component('base', commands=COMMANDS))))
    return bench


@contextmanager
def held_up(bench: Any) -> Iterator[None]:
    """
    Hold the lock that every handler needs until the deadline of the call has passed.

    It may be held before the call is read.
    """
    with bench.locked._lock:
        yield
        time.sleep(DEADLINE + 0.1)


def made_late(bench: Any, begin: Callable[[float], Any]) -> Any:
    """Make a call whose handler runs until its deadline (s) has passed; return the call."""
    deadline = DEADLINE
    while True:
        read, over = threading.Event(), threading.Event()

        def held(decision: Callable[..., Any], *arguments: Any, read: threading.Event = read,
                 over: threading.Event = over) -> Any:
            read.set()
            over.wait()
            return decision(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            # Every handler calls one of these first.
            for name in ('resource', 'stop_all'):
                patch.setattr(bench.locked, name, partial(held, getattr(bench.locked, name)))
            call = begin(deadline)
            call.code()  # waits for the end of the call
            over.set()
        if read.is_set():
            return call
        deadline *= 2.0  # a slow machine: it was not read in time


def call_of(client: Any, method: str) -> Any:
    """Start one of the motions, with a deadline."""
    api, fields = MOTIONS[method]
    return getattr(getattr(client, api), method).start(name=api, timeout=DEADLINE, **fields)


def nothing_was_begun(bench: Any, client: Any) -> bool:
    """Wait until the bridge has handled all calls; return whether none had an effect."""
    bench.until(lambda: not client.robot.GetOperations().operations)
    bench.settle()
    return not bench.locked.accepted and not bench.service_commands


@pytest.mark.parametrize('method', MOTIONS)
def test_a_motion_that_is_handled_after_its_deadline_does_not_begin(
        bench: Any, method: str) -> None:
    client = bench.client()
    bench.locked.path('base', '')
    bench.locked.path('gantry', '')
    client.robot.ResourceNames()  # connected
    with held_up(bench):
        call = call_of(client, method)
    assert call.code() is Code.DEADLINE_EXCEEDED
    assert nothing_was_begun(bench, client)


@pytest.mark.parametrize('method', MOTIONS)
def test_a_motion_that_waits_beyond_its_deadline_does_not_begin(bench: Any, method: str) -> None:
    client = bench.client()
    api, _ = MOTIONS[method]
    real_now, armed, frozen = bench.locked.now, threading.Event(), threading.Event()

    def now() -> float:
        # Between two tries: a try holds the lock.
        in_a_handler = threading.current_thread().name == 'grpc'
        if in_a_handler and armed.is_set() and not bench.locked._lock._is_owned():
            armed.clear()
            frozen.set()
            time.sleep(DEADLINE + 0.1)
        return float(real_now())

    bench.locked.now = now
    for _ in range(10):
        call = call_of(client, method)
        while not client.robot.GetOperations().operations and not call.done():
            pass
        armed.set()
        if frozen.wait(DEADLINE):
            break
        armed.clear()  # a slow machine: it has ended already
    assert frozen.is_set()
    bench.locked.path(api, '')  # the condition that it waited for
    assert call.code() is Code.DEADLINE_EXCEEDED
    assert nothing_was_begun(bench, client)


def test_a_command_that_moves_nothing_is_not_run_late_either(bench: Any) -> None:
    client = bench.client()
    client.robot.ResourceNames()
    with held_up(bench):
        call = client.base.DoCommand.start(
            name='base', command=command('save'), timeout=DEADLINE)
    assert call.code() is Code.DEADLINE_EXCEEDED
    assert nothing_was_begun(bench, client)


@pytest.mark.parametrize('stop', [
    lambda client, deadline: client.base.Stop.start(name='base', timeout=deadline),
    lambda client, deadline: client.robot.StopAll.start(timeout=deadline),
    lambda client, deadline: client.base.SetPower.start(name='base', timeout=deadline)],
    ids=['Stop', 'StopAll', 'zero'])
def test_a_stop_is_executed_after_its_deadline(
        bench: Any, stop: Callable[[Any, float], Any]) -> None:
    driver, other = bench.client(), bench.client()
    bench.locked.path('base', '')
    driver.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    other.robot.ResourceNames()
    call = made_late(bench, partial(stop, other))
    assert call.code() is Code.DEADLINE_EXCEEDED
    bench.until_stopped()


class LateContext:
    """The context of a call that was late already when it was read, which is rare in gRPC."""

    def __init__(self, session: str) -> None:
        self._session = session

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (('viam-sid', self._session),)

    def peer(self) -> str:
        return 'ipv4:127.0.0.1:1'

    def time_remaining(self) -> float:
        return 0.0


def presence_of(bench: Any) -> SocketMonitor:
    return SocketMonitor(
        now=bench.locked.now, wanted=frozenset, report=lambda taken_at, present: None)


def late(bench: Any, session: str, monitored: bool) -> Call:
    """Return such a call."""
    return Registry(bench.locked, presence_of(bench), Operations(), NoAuthentication())._open(
        LateContext(session), monitored, '/viam.robot.v1.RobotService/StopAll')


def test_a_late_call_renews_no_session(bench: Any) -> None:
    session = bench.client().start_session()
    [before] = bench.locked.sessions()
    call = late(bench, session, monitored=True)
    beat = late(bench, session, monitored=False)
    robot = RobotService(bench.locked, Operations(), {}, presence_of(bench))
    with pytest.raises(CallError, match='deadline'):
        asyncio.run(robot.SendSessionHeartbeat(
            proto.robot.SendSessionHeartbeatRequest(id=session), beat))
    call.resource = bench.locked.resource('base')
    # Nor does a zero command, which is a stop.
    asyncio.run(call.command('base', Motion(Velocity())))
    bench.until_stopped()
    [after] = bench.locked.sessions()
    assert (after.begun, after.deadline) == (before.begun, before.deadline)
