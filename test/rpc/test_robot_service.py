# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
RobotService apart from sessions: what there is, what runs, StopAll; and the server around it.

Sessions are in test_sessions_wire.py, who may hold a motion is in test_presence_policies.py.
"""

from collections.abc import Callable
import socket
import time
from typing import Any
import uuid

import grpc
import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.fleet import Resource
from viam_session_bridge.core.rest import RestSettings
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.core.states import State
from viam_session_bridge.gate import Gate
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.server import Server, ServerError, ServerSettings

Code = grpc.StatusCode

TWO = {'left': VelocityLimits(1.0, 2.0), 'right': VelocityLimits(1.0, 2.0)}
FORWARD = (0.0, 0.5, 0.0)


# ---- what there is ----


def test_lists_every_resource_by_its_full_name(start: Callable[..., Any]) -> None:
    names = start(bases=TWO).client().robot.ResourceNames().resources
    assert [(n.namespace, n.type, n.subtype, n.name) for n in names] == [
        ('rdk', 'component', 'base', 'left'), ('rdk', 'component', 'base', 'right')]


def test_lists_each_api_once_with_its_service(start: Callable[..., Any]) -> None:
    [entry] = start(bases=TWO).client().robot.ResourceRPCSubtypes().resource_rpc_subtypes
    assert entry.proto_service == 'viam.component.base.v1.BaseService'
    assert (entry.subtype.namespace, entry.subtype.type, entry.subtype.subtype) == (
        'rdk', 'component', 'base')
    assert entry.subtype.name == ''


def test_tells_its_version(client: Any) -> None:
    reply = client.robot.GetVersion()
    assert reply.platform == 'viam_session_bridge'
    assert reply.version
    assert reply.api_version == proto.api_version


def test_a_healthy_machine_is_running_and_ready(start: Callable[..., Any]) -> None:
    reply = start(bases=TWO).client().robot.GetMachineStatus()
    assert reply.state == proto.robot.GetMachineStatusResponse.State.Value('STATE_RUNNING')
    ready = proto.robot.ResourceStatus.State.Value('STATE_READY')
    assert [(one.name.name, one.state, one.error) for one in reply.resources] == [
        ('left', ready, ''), ('right', ready, '')]


def test_a_base_whose_stop_was_not_confirmed_is_unhealthy(start: Callable[..., Any]) -> None:
    bench = start(actuator=ActuatorSettings(
        stop_hold=0.1, stop_timeout=0.5, rest=RestSettings()))
    client = bench.client()
    client.base.SetPower(name='base', linear=FORWARD)
    client.base.Stop(name='base')
    bench.until_stopped()
    bench.clock.advance(1.0)  # and no feedback ever came
    bench.until(lambda: bench.state() is State.UNCONFIRMED)
    [entry] = client.robot.GetMachineStatus().resources
    assert entry.state == proto.robot.ResourceStatus.State.Value('STATE_UNHEALTHY')
    assert 'not confirmed' in entry.error


# ---- operations ----


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
    # The same id as long as it runs; nothing is left of it afterwards.
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


# ---- StopAll ----


def test_stop_all_stops_every_base_whoever_drives(start: Callable[..., Any]) -> None:
    bench = start(bases=TWO)
    driver, other = bench.client(), bench.client()
    session = driver.start_session()
    driver.base.SetPower(name='left', linear=FORWARD, sid=session)
    move = driver.base.MoveStraight.start(name='right', distance_mm=1000, mm_per_sec=100)
    for name in TWO:
        bench.until_moving(name)
    other.robot.StopAll()
    for name in TWO:
        bench.until_stopped(name)
    assert move.code() is Code.OK


def test_stop_all_works_with_a_malformed_session_id(bench: Any, client: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    client.robot.StopAll(sid='nonsense')
    bench.until_stopped()


def test_stop_all_names_its_caller_in_the_log(
        bench: Any, client: Any, caplog: pytest.LogCaptureFixture) -> None:
    client.robot.StopAll()
    assert any('StopAll' in text and '127.0.0.1' in text for text in caplog.messages)


# ---- what is refused ----


def test_every_refusal_of_a_name_lists_the_names_there_are(start: Callable[..., Any]) -> None:
    client = start(bases=TWO).client()
    moves = {'MoveStraight': {'distance_mm': 5, 'mm_per_sec': 5.0},
             'Spin': {'angle_deg': 5.0, 'degs_per_sec': 5.0}}
    for method in proto.service('viam.component.base.v1.BaseService').methods:
        refusal = getattr(client.base, method.name).refused(
            name='rihgt', **moves.get(method.name, {}))
        assert refusal.code is Code.NOT_FOUND, method.name
        for text in ("'rihgt'", 'left', 'right'):
            assert text in refusal.text, method.name


@pytest.mark.parametrize('method', ['SetPower', 'SetVelocity', 'IsMoving', 'GetProperties',
                                    'GetGeometries', 'GetStatus', 'DoCommand'])
def test_a_name_of_another_api_is_not_found(start: Callable[..., Any], method: str) -> None:
    bench = start(others=(Resource('motor', 'wheel', VelocityLimits(1.0, 1.0)),))
    bench.gate.path('wheel', '')
    refusal = getattr(bench.client().base, method).refused(name='wheel')
    assert refusal.code is Code.NOT_FOUND
    assert "'wheel'" in refusal.text
    assert 'motor' in refusal.text
    assert bench.told('wheel') == 'nothing'


@pytest.mark.parametrize('name', ['', 'x' * 100_000, 'ba\nse', 'Fahrgestell-Süd'])
def test_an_odd_name_is_refused_in_readable_words(bench: Any, client: Any, name: str) -> None:
    for method in (client.base.Stop, client.base.SetPower, client.base.IsMoving):
        refusal = method.refused(name=name)
        assert refusal.code is Code.NOT_FOUND
        assert 'base' in refusal.text
        assert refusal.text.isascii()
        assert refusal.text.isprintable()
        assert len(refusal.text) < 1000


class BrokenGate(Gate):
    """A gate with a mistake in it."""

    def states(self) -> dict[str, State]:
        raise ZeroDivisionError('the secret of the house')


def test_a_mistake_of_ours_is_internal_and_tells_no_secrets(
        start: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    client = start(gate_class=BrokenGate).client()
    refusal = client.robot.GetMachineStatus.refused()
    assert refusal.code is Code.INTERNAL
    assert refusal.text == (
        '/viam.robot.v1.RobotService/GetMachineStatus failed inside the bridge; see its log')
    assert 'the secret of the house' in caplog.text
    client.robot.ResourceNames()


def test_an_oversized_message_is_refused_and_the_server_lives(bench: Any, client: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    extra = proto.google.Struct()
    extra.update({'blob': 'x' * (33 * 1024 * 1024)})
    refusal = client.base.SetPower.refused(name='base', extra=extra)
    assert refusal.code is Code.RESOURCE_EXHAUSTED
    assert bench.moves(), 'a refused message changes nothing'
    client.robot.ResourceNames()
    bench.client().base.Stop(name='base')
    bench.until_stopped()


def test_a_large_message_within_the_limit_is_served(bench: Any, client: Any) -> None:
    extra = proto.google.Struct()
    extra.update({'blob': 'x' * (24 * 1024 * 1024)})
    client.base.Stop(name='base', extra=extra)
    bench.until_stopped()


def test_bytes_that_are_no_request_are_refused_and_the_server_lives(
        bench: Any, client: Any) -> None:
    for path in ('viam.component.base.v1.BaseService/SetPower',
                 'viam.robot.v1.RobotService/StartSession'):
        call = client.channel.unary_unary(f'/{path}').future(b'\xff\xff\xff', timeout=10)
        assert call.code() not in (Code.OK, Code.DEADLINE_EXCEEDED)
    assert bench.told() == 'nothing'
    assert not bench.gate.sessions()
    client.robot.ResourceNames()


# ---- the server ----


def test_a_port_in_use_is_an_error_that_names_the_parameter(
        bench: Any, start: Callable[..., Any]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        for port in (taken.getsockname()[1], bench.port):
            server = Server(bench.gate, ServerSettings(port=port), {}, bench.deaths.append)
            with pytest.raises(ServerError, match='grpc.port') as caught:
                server.start()
            assert str(port) in str(caught.value)
            assert server.stop(10.0)


def test_an_address_of_another_machine_is_an_error(bench: Any) -> None:
    server = Server(bench.gate, ServerSettings('203.0.113.1', 0), {}, bench.deaths.append)
    with pytest.raises(ServerError, match='203.0.113.1'):
        server.start()


def test_stopping_the_server_closes_connections_and_frees_the_port(
        start: Callable[..., Any], finish: Callable[..., Any]) -> None:
    bench = start()
    client = bench.client()
    move = client.base.MoveStraight.start(name='base', distance_mm=1000, mm_per_sec=10)
    bench.until_moving()
    assert bench.server.stop(10.0)
    assert finish(move).code in (Code.UNAVAILABLE, Code.CANCELLED)
    with socket.socket() as probe:
        assert probe.connect_ex(('127.0.0.1', bench.port)) != 0
    # Nobody waits for this move any more.
    bench.until_stopped()


def test_serves_ipv6_as_well(bench: Any) -> None:
    if not socket.has_ipv6 or not _has_ipv6_loopback():
        pytest.skip('this machine has no IPv6 loopback')
    server = Server(bench.gate, ServerSettings('::1', 0), {}, bench.deaths.append)
    port = server.start()
    try:
        with grpc.insecure_channel(f'[::1]:{port}') as channel:
            reply = channel.unary_unary('/viam.robot.v1.RobotService/ResourceNames')(
                b'', timeout=10)
        assert b'base' in reply
    finally:
        assert server.stop(10.0)


def _has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_waiting_calls_do_not_hold_up_others(bench: Any, client: Any) -> None:
    waiting = [client.base.MoveStraight.start(name='base', distance_mm=1000, mm_per_sec=10)
               for _ in range(200)]
    bench.until(lambda: len(client.robot.GetOperations().operations) >= 1)
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session, timeout=5.0)
    client.base.Stop(name='base')
    assert {move.code() for move in waiting} == {Code.OK}


def test_waiting_calls_of_a_connection_never_keep_out_its_stops_and_beats(
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
