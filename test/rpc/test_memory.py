# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Memory after calls: no reference cycles, and a bounded resident memory."""

from collections.abc import Callable, Iterator
import gc
import os
import subprocess
import sys
import time
from types import FrameType
from typing import Any

import grpc
import pytest

from components import component
from joint_bench import serve
from viam_session_bridge.process import GarbageCollection
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import LARGEST_REQUEST

BASE = 'viam.component.base.v1.BaseService'
ROBOT = 'viam.robot.v1.RobotService'
ARM = 'viam.component.arm.v1.ArmService'
REFLECTION = 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
FORWARD = (0.0, 0.5, 0.0)
MIB = 1024 * 1024

# The growth of the resident memory by a flood of refused calls, as docs/safety.md states it.
CEILING = 128 * MIB


def resident() -> int:
    """Return the resident memory of this process, bytes."""
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.fixture
def as_in_the_bridge() -> Iterator[None]:
    """Configure the garbage collector as in a bridge while a resource moves."""
    before = gc.get_threshold()
    GarbageCollection(0.0)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def field(number: int, content: bytes) -> bytes:
    """Return a short bytes field in wire format."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


NAME, NOBODY = field(1, b'base'), field(1, b'nobody')
ENTRY = proto.robot.LogRequest(
    logs=[proto.common.LogEntry(level='info')]).SerializeToString()


# ---- no reference cycles ------------------------------------------------------------------

def frames_left() -> list[str]:
    """Return the functions of rpc whose frames only a full collection finds."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [one.f_code.co_name for one in gc.garbage if isinstance(one, FrameType)
                and '/viam_session_bridge/rpc/' in one.f_code.co_filename]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Disable garbage collection."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def calls(client: Any, path: str, content: bytes, **how: Any) -> None:
    """Make a few calls and wait for their ends."""
    for _ in range(3):
        client.channel.unary_unary(f'/{path}').future(content, timeout=20, **how).code()


@pytest.mark.parametrize(('path', 'content'), [
    (f'{BASE}/SetPower', b'\xff'),
    (f'{BASE}/SetPower', b'x' * 70_000),
    (f'{BASE}/SetPower', NOBODY),
    (f'{BASE}/MoveStraight', NAME + b'\x11\xff'),
    (f'{BASE}/DoCommand', NAME),
    (f'{BASE}/Stop', b'\xff'),
    (f'{ROBOT}/RestartModule', b''),
    (f'{ROBOT}/StreamStatus', b''),
    (f'{ROBOT}/Log', ENTRY * 2),
    (f'{ROBOT}/SendSessionHeartbeat', field(1, b'nonsense')),
    (f'{ROBOT}/StartSession', field(1, b'nonsense')),
    (f'{ROBOT}/ResourceNames', b''),
], ids=lambda value: value.rpartition('/')[2] if isinstance(value, str) else f'{value[:12]!r}')
def test_a_call_leaves_nothing_for_the_collector(
        client: Any, without_collector: None, path: str, content: bytes) -> None:
    calls(client, path, content)
    client.robot.ResourceNames()
    assert not frames_left()


def test_a_refused_call_that_has_waited_leaves_nothing_for_the_collector(
        start: Callable[..., Any], without_collector: None) -> None:
    client = start(paths=False).client()
    calls(client, f'{BASE}/SetPower', NAME + field(2, b'\x11' + b'\0' * 6 + b'\xe0\x3f'))
    client.robot.ResourceNames()
    assert not frames_left()


def test_a_cancelled_call_leaves_nothing_for_the_collector(
        bench: Any, client: Any, without_collector: None) -> None:
    for _ in range(3):
        move = client.base.MoveStraight.start(name='base', distance_mm=5000, mm_per_sec=500.0)
        bench.until_moving()
        move.cancel()
        bench.until_stopped()
    client.robot.ResourceNames()
    assert not frames_left()


@pytest.mark.parametrize('content', [b'\xff', b'x' * 5000, field(3, b'no.Such')])
@pytest.mark.parametrize('path', [f'{ARM}/MoveThroughJointPositionsStreamed', REFLECTION])
def test_a_stream_leaves_nothing_for_the_collector(
        start: Callable[..., Any], without_collector: None, path: str, content: bytes) -> None:
    bench = serve(start, 'arm', component('arm', joint_states_topic='joint_states'), here=(0.0,))
    client = bench.client()
    for _ in range(3):
        stream = client.channel.stream_stream(f'/{path}')(iter([content]), timeout=20)
        try:
            list(stream)
        except grpc.RpcError:
            pass
    client.robot.ResourceNames()
    assert not frames_left()


# ---- resident memory ----------------------------------------------------------------------------

FLOOD = """
import sys
import grpc

port, path, count, size, at_once = sys.argv[1:]
entry = bytes.fromhex(sys.stdin.read())
content, calls = entry * (int(size) // len(entry)), []
for number in range(int(count)):
    if number >= int(at_once):
        print(calls[number - int(at_once)].code().name)
    channel = grpc.insecure_channel(f'127.0.0.1:{port}', options=[
        ('grpc.use_local_subchannel_pool', 1), ('grpc.max_send_message_length', -1)])
    calls.append(channel.unary_unary(f'/{path}').future(content, timeout=60))
for call in calls[-int(at_once):]:
    print(call.code().name)
"""


@pytest.mark.parametrize('moving', [False, True], ids=['at_rest', 'while_a_base_moves'])
@pytest.mark.parametrize(('size', 'count'), [(4 * MIB - 1000, 10), (LARGEST_REQUEST - 1000, 40),
                                             (64 * 1024, 400)])
def test_a_flood_of_refused_calls_stays_below_the_ceiling(
        start: Callable[..., Any], as_in_the_bridge: None, moving: bool, size: int,
        count: int) -> None:
    """With Log, whose many entries take the most memory."""
    bench = start()
    client = bench.client()
    if moving:
        client.base.SetPower(name='base', linear=FORWARD)
        bench.until_moving()
    before = resident()
    peak = before
    with subprocess.Popen(
            [sys.executable, '-c', FLOOD, str(bench.port), f'{ROBOT}/Log', str(count), str(size),
             '4'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
        assert flood.stdin is not None and flood.stdout is not None
        flood.stdin.write(ENTRY.hex())
        flood.stdin.close()
        while flood.poll() is None:
            peak = max(peak, resident())
            time.sleep(0.005)
        codes = flood.stdout.read().split()
    assert len(codes) == count and 'OK' not in codes
    assert peak - before < CEILING, f'{(peak - before) // MIB} MiB more'
    assert bench.moves() == moving


# Reads no reply; prints how its streams end.
DEAF = """
import sys
import grpc

port, streams, requests = map(int, sys.argv[1:])
question, calls = bytes.fromhex(sys.stdin.read()), []
for _ in range(streams):
    channel = grpc.insecure_channel(f'127.0.0.1:{port}', options=[
        ('grpc.use_local_subchannel_pool', 1), ('grpc.max_send_message_length', -1)])
    calls.append(channel.stream_stream(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo')(
            iter([question] * requests), timeout=60))
print('up', flush=True)
for call in calls:
    print(call.code().name, flush=True)
"""


@pytest.mark.parametrize('size', [LARGEST_REQUEST - 1000, 5000])
def test_a_flood_of_reflection_requests_with_unread_replies_stays_below_the_ceiling(
        start: Callable[..., Any], as_in_the_bridge: None, size: int) -> None:
    bench, streams = start(), 30
    client = bench.client()
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    question = proto.Package('grpc.reflection.v1').ServerReflectionRequest(
        host='x' * size, list_services='*').SerializeToString()
    before = resident()
    with subprocess.Popen(
            [sys.executable, '-c', DEAF, str(bench.port), str(streams), '10'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as deaf:
        assert deaf.stdin is not None and deaf.stdout is not None
        deaf.stdin.write(question.hex())
        deaf.stdin.close()
        assert deaf.stdout.readline() == 'up\n'
        client.base.Stop(name='base')
        bench.until_stopped()
        assert deaf.stdout.read().split() == ['RESOURCE_EXHAUSTED'] * streams
    assert resident() - before < CEILING
