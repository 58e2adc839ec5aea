# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Operations: ids, listing, waiting, cancelling, and limits."""

from collections.abc import Callable, Iterator
from contextlib import suppress
import threading
import time
from typing import Any
import uuid

import grpc
import pytest

from components import command_config, component
from joint_bench import serve
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.rpc import operations, proto
from viam_session_bridge.rpc.auth import token_for

Code = grpc.StatusCode

TWO = {'left': VelocityLimits(1.0, 2.0), 'right': VelocityLimits(1.0, 2.0)}
FORWARD = (0.0, 0.5, 0.0)
CHOSEN = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'


class Begun:
    """
    A running call whose operation id is known before its response.

    In unary calls, gRPC returns the header only together with the response.
    """

    def __init__(self, client: Any, method: Any, opid: str, metadata: Any = (),
                 **fields: Any) -> None:
        path = f'/{method.descriptor.containing_service.full_name}/{method.descriptor.name}'
        self._call = client.channel.unary_stream(path)(
            method.request(**fields).SerializeToString(), timeout=20.0,
            metadata=[*metadata, *([('opid', opid)] if opid else [])])
        self.id = own_id(self._call)  # the bridge has accepted it
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        with suppress(grpc.RpcError):
            list(self._call)

    def done(self) -> bool:
        return not self._reading.is_alive()

    def code(self) -> Code:
        """Wait for its end."""
        self._reading.join()
        return self._call.code()


def drive(bench: Any, client: Any, name: str = 'base', opid: str = '') -> Begun:
    """Start a long move."""
    call = Begun(client, client.base.MoveStraight, opid, name=name, distance_mm=1000,
                 mm_per_sec=10)
    bench.until_moving(name)
    return call


def wait_for(client: Any, wanted: str, opid: str = '') -> Begun:
    """Start to wait for the end of an operation."""
    return Begun(client, client.robot.BlockForOperation, opid, id=wanted)


def own_id(call: Any) -> str:
    """Return the operation id in the header of a call with any result."""
    [value] = [value for key, value in call.initial_metadata() if key == 'opid']
    return str(value)


# ---- listing ----


def test_lists_a_running_move_with_its_session_and_not_itself(bench: Any, client: Any) -> None:
    session = client.start_session()
    before = time.time()
    move = client.base.MoveStraight.start(
        name='base', distance_mm=1000, mm_per_sec=500, sid=session)
    bench.until_moving()
    [operation] = client.robot.GetOperations().operations
    assert operation.method == '/viam.component.base.v1.BaseService/MoveStraight'
    assert operation.session_id == session
    assert str(uuid.UUID(operation.id)) == operation.id
    assert abs(operation.started.ToNanoseconds() / 1e9 - before) < 10.0
    assert operation.HasField('arguments')
    # The same id while it runs; it is removed afterwards.
    assert client.robot.GetOperations().operations[0].id == operation.id
    client.base.Stop(name='base')
    assert move.code() is Code.OK
    assert not client.robot.GetOperations().operations


def test_a_move_without_a_session_is_listed_without_one(bench: Any, client: Any) -> None:
    move = client.base.Spin.start(name='base', angle_deg=90, degs_per_sec=45)
    bench.until_moving()
    [operation] = client.robot.GetOperations().operations
    assert operation.method.endswith('/Spin')
    assert not operation.HasField('session_id')
    client.base.Stop(name='base')
    assert move.code() is Code.OK


def test_a_cancelled_move_is_no_longer_listed(bench: Any, client: Any) -> None:
    move = client.base.Spin.start(name='base', angle_deg=90, degs_per_sec=45)
    bench.until_moving()
    move.cancel()
    bench.until(lambda: not client.robot.GetOperations().operations)


def test_cancelling_an_operation_ends_its_move(
        bench: Any, client: Any, finish: Callable[..., Any]) -> None:
    move = client.base.MoveStraight.start(name='base', distance_mm=1000, mm_per_sec=500)
    bench.until_moving()
    [operation] = client.robot.GetOperations().operations
    for unknown in ('', 'nonsense', str(uuid.uuid4())):
        client.robot.CancelOperation(id=unknown)
    assert not move.done()
    bench.client().robot.CancelOperation(id=operation.id)
    assert finish(move).code is Code.CANCELLED
    bench.until_stopped()


# ---- ids ----


@pytest.mark.parametrize('sent', [CHOSEN, CHOSEN.upper()])
def test_a_caller_may_choose_the_id(bench: Any, client: Any, sent: str) -> None:
    move = drive(bench, client, opid=sent)
    [operation] = client.robot.GetOperations().operations
    assert operation.id == CHOSEN == move.id
    client.robot.CancelOperation(id=CHOSEN)
    assert move.code() is Code.CANCELLED
    assert own_id(client.robot.ResourceNames.start(metadata=[('opid', sent)])) == CHOSEN


@pytest.mark.parametrize('sent', [
    [''], ['nonsense'], [CHOSEN + '0'], [CHOSEN, CHOSEN], ['6ba7b8109dad-41d1-80b4-00c04fd430c8'],
    ['6-ba7b8109dad41d180b400c04fd430c8'], ['urn:{' + CHOSEN + '}']])
def test_what_is_not_exactly_one_id_is_replaced(client: Any, sent: list[str]) -> None:
    call = client.robot.ResourceNames.start(metadata=[('opid', value) for value in sent])
    assert call.code() is Code.OK
    told = own_id(call)
    assert str(uuid.UUID(told)) == told != CHOSEN


def test_a_refusal_has_an_operation_id(client: Any) -> None:
    chosen = [('opid', CHOSEN)]
    for call in (client.base.IsMoving.start(name='rihgt', metadata=chosen),
                 client.base.SetPower.start(name='rihgt', metadata=chosen),
                 client.base.Stop.start(name='rihgt', metadata=chosen),
                 client.robot.GetCloudMetadata.start(metadata=chosen)):
        assert call.code() is not Code.OK
        assert own_id(call) == CHOSEN


def test_calls_that_share_an_id_are_one_operation_until_the_last_is_over(
        start: Callable[..., Any]) -> None:
    bench = start(bases=TWO)
    client = bench.client()
    left, right = drive(bench, client, 'left'), drive(bench, client, 'right')
    first, second = (wait_for(client, move.id, CHOSEN) for move in (left, right))
    third = wait_for(client, CHOSEN)

    def listed() -> list[str]:
        return [one.id for one in client.robot.GetOperations().operations]

    assert listed().count(CHOSEN) == 1
    client.base.Stop(name='left')  # the call that began the operation ends
    assert first.code() is Code.OK
    assert listed().count(CHOSEN) == 1
    assert not second.done() and not third.done()
    client.base.Stop(name='right')
    assert second.code() is third.code() is Code.OK
    assert CHOSEN not in listed()


def test_cancelling_an_id_cancels_all_that_share_it(start: Callable[..., Any]) -> None:
    bench = start(bases=TWO)
    client = bench.client()
    moves = [drive(bench, client, name, CHOSEN) for name in TWO]
    client.robot.CancelOperation(id=CHOSEN)
    assert [move.code() for move in moves] == [Code.CANCELLED] * 2
    for name in TWO:
        bench.until_stopped(name)


# ---- waiting ----


def test_waiting_for_an_operation_ends_with_it(bench: Any, client: Any) -> None:
    move = drive(bench, client)
    waiting = wait_for(client, move.id)
    assert waiting.id != move.id
    assert not waiting.done()
    client.base.Stop(name='base')
    assert move.code() is waiting.code() is Code.OK


@pytest.mark.parametrize('wanted', ['', 'nonsense', '7d1b0f5c-2f6e-4e0c-9a64-1f3f0a5a9c11'])
def test_waiting_for_an_unknown_operation_returns_at_once(client: Any, wanted: str) -> None:
    client.robot.BlockForOperation(id=wanted)


def test_a_call_does_not_wait_for_itself(client: Any) -> None:
    client.robot.BlockForOperation(id=CHOSEN, metadata=[('opid', CHOSEN)])


def test_waiting_can_be_cancelled(bench: Any, client: Any) -> None:
    move = drive(bench, client)
    waiting = wait_for(client, move.id, CHOSEN)
    client.robot.CancelOperation(id=CHOSEN)
    assert waiting.code() is Code.CANCELLED
    assert not move.done()


def test_waiting_calls_do_not_hold_up_others(bench: Any, client: Any) -> None:
    waiting = [client.base.MoveStraight.start(name='base', distance_mm=1000, mm_per_sec=10)
               for _ in range(200)]
    bench.until(lambda: len(client.robot.GetOperations().operations) >= 1)
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session, timeout=5.0)
    client.base.Stop(name='base')
    assert {move.code() for move in waiting} == {Code.OK}


def test_waiting_calls_of_a_connection_never_block_its_stops_and_heartbeats(
        bench: Any, client: Any) -> None:
    session = client.start_session()
    move = client.base.MoveStraight.start(name='base', distance_mm=1000, mm_per_sec=10)
    bench.until_moving()
    [operation] = client.robot.GetOperations().operations
    waiting = [client.robot.BlockForOperation.start(id=operation.id) for _ in range(1100)]
    client.robot.SendSessionHeartbeat(id=session)
    client.base.Stop(name='base')
    bench.until_stopped()
    assert move.code() is Code.OK
    assert {one.code() for one in waiting} <= {Code.OK, Code.RESOURCE_EXHAUSTED}


# ---- entities ----


def of(key: str) -> list[tuple[str, str]]:
    """Return the metadata of a call with a key."""
    return [('authorization', f'Bearer {token_for(key)}')] if key else []


@pytest.mark.parametrize('key', ['', 'b'], ids=['no key', 'another key'])
def test_the_operations_of_another_key_do_not_exist(bench: Any, client: Any, key: str) -> None:
    mine, theirs = of('a'), of(key)
    move = client.base.MoveStraight.start(
        name='base', distance_mm=1000, mm_per_sec=10.0, metadata=[*mine, ('opid', CHOSEN)])
    bench.until_moving()
    other = bench.client()
    assert not other.robot.GetOperations(metadata=theirs).operations
    other.robot.BlockForOperation(id=CHOSEN, metadata=theirs)
    other.robot.CancelOperation(id=CHOSEN, metadata=theirs)
    # The same id of another key is another operation.
    waiting = Begun(other, other.robot.BlockForOperation, CHOSEN, metadata=theirs, id=CHOSEN)
    assert waiting.code() is Code.OK
    bench.settle()
    assert bench.moves() and not move.done()
    [listed] = bench.client().robot.GetOperations(metadata=mine).operations
    assert listed.id == CHOSEN
    bench.client().robot.CancelOperation(id=CHOSEN, metadata=mine)
    assert move.code() is Code.CANCELLED


def test_stop_all_cancels_what_every_key_runs(bench: Any, client: Any) -> None:
    move = client.base.MoveStraight.start(
        name='base', distance_mm=1000, mm_per_sec=10.0, metadata=of('a'))
    bench.until_moving()
    bench.client().robot.StopAll(metadata=of('b'))
    assert move.code() is Code.OK
    bench.until_stopped()


# ---- StopAll ----


def test_stop_all_cancels_what_waits_and_answers_moves_as_stop_does(
        start: Callable[..., Any]) -> None:
    bench = start(bases=TWO)
    client, other = bench.client(), bench.client()
    moves = [drive(bench, client, name) for name in TWO]
    waiting = wait_for(other, moves[0].id)
    session = client.start_session()
    call = bench.client().robot.StopAll.start(metadata=[('opid', CHOSEN)])
    assert call.code() is Code.OK and own_id(call) == CHOSEN
    for name in TWO:
        bench.until_stopped(name)
    assert [move.code() for move in moves] == [Code.OK] * 2
    assert waiting.code() is Code.CANCELLED
    client.robot.SendSessionHeartbeat(id=session)


def test_a_move_that_stop_all_ended_returns_ok_also_before_the_driver_has_stopped(
        bench: Any, client: Any) -> None:
    move, poll, held = drive(bench, client), bench.locked.poll, threading.Event()

    def held_up() -> Any:
        held.wait(10.0)
        return poll()

    bench.locked.poll = held_up
    client.robot.StopAll()
    client.robot.ResourceNames()
    assert not move.done()
    held.set()
    assert move.code() is Code.OK


def test_stop_all_ends_a_stream_that_has_not_begun_to_move(start: Callable[..., Any]) -> None:
    bench = serve(start, 'arm', component(
        'arm', joints=('a',), joint_states_topic='joint_states'), here=(0.0,))
    client, request = bench.client(), proto.arm.MoveThroughJointPositionsStreamedRequest
    begin = request(name='arm')
    begin.init.SetInParent()
    ended = threading.Event()

    def requests() -> Iterator[bytes]:
        yield begin.SerializeToString()
        ended.wait(10.0)

    stream = client.channel.stream_stream(
        '/viam.component.arm.v1.ArmService/MoveThroughJointPositionsStreamed')(requests())
    try:
        assert stream.initial_metadata()
        client.robot.StopAll()
        assert stream.code() is Code.CANCELLED
    finally:
        ended.set()
    assert not bench.locked.accepted


def test_stop_all_ends_a_service_command(start: Callable[..., Any]) -> None:
    bench = start(configs={'base': component('base', commands=(
        command_config('save', moves=False, kind='empty'),))})
    client, command = bench.client(), proto.google.Struct()
    command.update({'command': 'save'})
    call = client.base.DoCommand.start(name='base', command=command)
    bench.until(lambda: bench.service_commands)
    client.robot.StopAll()
    assert call.code() is Code.CANCELLED


# ---- limits ----


@pytest.fixture(params=['in all', 'of one connection'])
def bound(request: Any) -> str:
    """Return the name of each limit."""
    return {'in all': 'MOST_RUNNING', 'of one connection': 'MOST_FROM_ONE'}[request.param]


@pytest.fixture(params=['', CHOSEN], ids=['ids of their own', 'one id'])
def overloaded(request: Any, bound: str, bench: Any, client: Any,
               monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client that connects when the maximum number of calls waits."""
    move = drive(bench, client)
    calls = [wait_for(client, move.id, request.param) for _ in range(5)]
    monkeypatch.setattr(operations, bound, 6)
    client.chosen = [('opid', request.param)] if request.param else []
    yield client
    assert not move.done() or bench.told() is None
    assert len(calls) == 5


def test_calls_for_safety_and_connection_are_accepted_at_the_limit(
        bench: Any, overloaded: Any) -> None:
    robot, metadata = overloaded.robot, overloaded.chosen
    session = robot.StartSession(metadata=metadata).id
    robot.SendSessionHeartbeat(id=session, metadata=metadata)
    for method in (robot.ResourceNames, robot.ResourceRPCSubtypes, robot.GetVersion,
                   robot.GetOperations):
        method(metadata=metadata)
    robot.CancelOperation(id='nonsense', metadata=metadata)
    overloaded.auth.Authenticate(
        entity='me', credentials=proto.auth.Credentials(type='api-key'), metadata=metadata)
    overloaded.base.SetPower(name='base', metadata=metadata)  # zero
    bench.until_stopped()
    overloaded.base.Stop(name='base', metadata=metadata)
    robot.StopAll(metadata=metadata)


def test_other_calls_are_refused(bench: Any, overloaded: Any) -> None:
    metadata, before = overloaded.chosen, len(bench.locked.accepted)
    command = proto.google.Struct()
    for call in (overloaded.base.IsMoving.start(name='base', metadata=metadata),
                 overloaded.robot.BlockForOperation.start(id=CHOSEN, metadata=metadata),
                 overloaded.base.DoCommand.start(name='base', command=command, metadata=metadata),
                 overloaded.base.SetPower.start(name='base', linear=FORWARD, metadata=metadata),
                 overloaded.channel.stream_stream(
                     '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo')(iter([b'']))):
        assert call.code() is Code.RESOURCE_EXHAUSTED
    assert len(bench.locked.accepted) == before


def test_streams_are_counted(bench: Any, client: Any, bound: str,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def requests() -> Iterator[bytes]:
        yield proto.message('grpc.reflection.v1.ServerReflectionRequest')(
            list_services='').SerializeToString()
        ended.wait(10.0)

    stream = client.channel.stream_stream(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo')(requests())
    try:
        next(stream)
        monkeypatch.setattr(operations, bound, 2)
        client.base.IsMoving(name='base')
        monkeypatch.setattr(operations, bound, 1)
        assert client.base.IsMoving.refused(name='base').code is Code.RESOURCE_EXHAUSTED
        assert not client.robot.GetOperations().operations, 'reflection is not listed'
    finally:
        ended.set()
    assert stream.code() is Code.OK
    client.base.IsMoving(name='base')


def test_a_call_is_accepted_again_when_another_is_over(
        bench: Any, client: Any, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, bound, 1)
    move = drive(bench, client)
    assert client.base.IsMoving.refused(name='base').code is Code.RESOURCE_EXHAUSTED
    client.base.Stop(name='base')
    assert move.code() is Code.OK
    bench.until(lambda: not client.robot.GetOperations().operations)
    client.base.IsMoving(name='base')
