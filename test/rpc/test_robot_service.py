# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
RobotService without sessions and operations: resources, StopAll; and the server.

Sessions are in test_sessions_wire.py, operations in test_operations.py, presence policies in
test_presence_policies.py.
"""

from collections.abc import Callable
import logging
import socket
import struct
import time
from typing import Any

import grpc
import pytest

from components import bridge_config, component
from processes import wait_until
from viam_session_bridge import __version__
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import RestSettings
from viam_session_bridge.locked_supervisor import locked_bridge, LockedBridge
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc import server as server_module
from viam_session_bridge.rpc.auth import NoAuthentication
from viam_session_bridge.rpc.connections import Clients, SocketMonitor
from viam_session_bridge.rpc.server import Server, ServerError

Code = grpc.StatusCode

TWO = {'left': VelocityLimits(1.0, 2.0), 'right': VelocityLimits(1.0, 2.0)}
FORWARD = (0.0, 0.5, 0.0)


# ---- resources ----


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


def test_get_version_returns_package_and_api_version(client: Any) -> None:
    reply = client.robot.GetVersion()
    assert reply.platform == 'viam_session_bridge'
    assert reply.version == __version__
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
    [began] = client.robot.GetMachineStatus().resources
    client.base.SetPower(name='base', linear=FORWARD)
    client.base.Stop(name='base')
    bench.until_stopped()
    bench.until_unconfirmed()  # no feedback has arrived
    [entry] = client.robot.GetMachineStatus().resources
    assert entry.state == proto.robot.ResourceStatus.State.Value('STATE_UNHEALTHY')
    assert 'not confirmed' in entry.error
    assert entry.last_updated.ToNanoseconds() > began.last_updated.ToNanoseconds()


def test_a_machine_status_names_the_configuration_and_when_it_was_changed(
        start: Callable[..., Any]) -> None:
    bench = start(bases=TWO)
    client, began = bench.client(), time.time_ns()
    before = client.robot.GetMachineStatus()
    assert before.HasField('config')
    assert 0 < before.config.last_updated.ToNanoseconds() <= began
    assert [one.last_updated for one in before.resources] == [before.config.last_updated] * 2
    another = bridge_config()
    bench.server.configure(another)
    after = client.robot.GetMachineStatus()
    assert after.config.revision == another.revision != before.config.revision
    assert after.config.last_updated.ToNanoseconds() >= began
    assert {one.revision for one in after.resources} == {another.revision}
    assert [one.last_updated for one in after.resources] == [after.config.last_updated] * 2


# ---- methods of a machine without cloud, frames and modules ----


def test_there_is_no_cloud(client: Any) -> None:
    assert client.robot.GetCloudMetadata.refused() == (
        Code.UNKNOWN, 'cloud metadata not available')


def test_frames_and_modules_are_none(client: Any) -> None:
    assert not client.robot.FrameSystemConfig().frame_system_configs
    assert not client.robot.GetModelsFromModules().models


def entry(**fields: Any) -> Any:
    return proto.common.LogEntry(**{
        'level': 'info', 'logger_name': 'my.module', 'message': 'hello', **fields})


def logged(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """Return the one log record of a client's entry."""
    [record] = [one for one in caplog.records if 'log of' in one.getMessage()]
    return record


@pytest.mark.parametrize(('level', 'ours'), [
    ('debug', logging.DEBUG), ('info', logging.INFO), ('INFO', logging.INFO),
    ('warn', logging.WARNING), ('error', logging.ERROR), ('fatal', logging.ERROR),
    ('', logging.INFO), ('x' * 50_000, logging.INFO)])
def test_a_log_entry_is_written_at_its_level(
        client: Any, caplog: pytest.LogCaptureFixture, level: str, ours: int) -> None:
    caplog.set_level(logging.DEBUG)
    client.robot.Log(logs=[entry(level=level)])
    record = logged(caplog)
    assert record.levelno == ours
    assert record.getMessage().startswith('log of ipv4:127.0.0.1:')
    assert record.getMessage().endswith(': my.module: hello')


@pytest.mark.parametrize('field', ['message', 'logger_name', 'level'])
def test_an_entry_can_neither_forge_another_nor_flood_the_log(
        client: Any, caplog: pytest.LogCaptureFixture, field: str) -> None:
    caplog.set_level(logging.DEBUG)
    text = 'für\n[ERROR] \x1b[2J\u2028' + 'x' * 50_000
    client.robot.Log(logs=[entry(**{field: text})])
    message = logged(caplog).getMessage()
    assert len(message) < 1300
    assert message.isprintable()
    assert ('... (50017 characters)' in message) == (field != 'level')
    assert ('für\\n[ERROR] \\x1b[2J\\u2028' in message) == (field != 'level')


@pytest.mark.parametrize('entries', [0, 2, 1000])
def test_a_call_logs_exactly_one_entry(
        client: Any, caplog: pytest.LogCaptureFixture, entries: int) -> None:
    code, text = client.robot.Log.refused(logs=[entry()] * entries)
    assert code is Code.INVALID_ARGUMENT
    assert text == f'logs: {entries} entries; expected exactly 1'
    assert 'log of' not in caplog.text


# ---- StopAll ----


def test_stop_all_stops_every_base_of_every_client(start: Callable[..., Any]) -> None:
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


# ---- refusals ----


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


@pytest.mark.parametrize('name', ['', 'x' * 50_000, 'ba\nse', 'Fahrgestell-Süd'])
def test_an_odd_name_is_refused_in_readable_words(bench: Any, client: Any, name: str) -> None:
    for method in (client.base.Stop, client.base.SetPower, client.base.IsMoving):
        refusal = method.refused(name=name)
        assert refusal.code is Code.NOT_FOUND
        assert 'base' in refusal.text
        assert refusal.text.isascii()
        assert refusal.text.isprintable()
        assert len(refusal.text) < 1000


class BrokenBridge(LockedBridge):
    """A supervisor that raises an unexpected exception."""

    def states(self) -> dict[str, State]:
        raise ZeroDivisionError('the secret of the house')


def test_an_unexpected_exception_is_internal_and_reveals_nothing(
        start: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    client = start(locked_class=BrokenBridge).client()
    refusal = client.robot.GetMachineStatus.refused()
    assert refusal.code is Code.INTERNAL
    assert refusal.text == (
        '/viam.robot.v1.RobotService/GetMachineStatus failed inside the bridge; see its log')
    assert 'the secret of the house' in caplog.text
    client.robot.ResourceNames()


# ---- the server ----


def test_a_port_in_use_is_an_error_that_names_the_parameter(
        bench: Any, start: Callable[..., Any]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        for port in (taken.getsockname()[1], bench.port):
            server = Server(
                bench.locked, bridge_config(port=port), {}.get, bench.deaths.append)
            with pytest.raises(ServerError, match='grpc.port') as caught:
                server.start()
            assert str(port) in str(caught.value)
            assert server.stop(10.0)


def test_an_address_of_another_machine_is_an_error(bench: Any) -> None:
    server = Server(
        bench.locked, bridge_config(host='203.0.113.1'), {}.get, bench.deaths.append)
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
    # No call waits for this move any more.
    bench.until_stopped()


def test_pings_of_idle_clients_do_not_close_the_connection(bench: Any) -> None:
    """Go clients ping without calls; by default, gRPC disconnects at the third such ping."""
    settings, ping, goaway, ack = 4, 6, 7, 1

    def frame(kind: int, flags: int, content: bytes) -> bytes:
        return struct.pack('>IBI', len(content) << 8 | kind, flags, 0) + content

    with socket.create_connection(('127.0.0.1', bench.port), timeout=10.0) as connection:
        stream = connection.makefile('rb')
        connection.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(settings, 0, b''))
        for number in range(10):
            connection.sendall(frame(ping, 0, struct.pack('>Q', number)))
            answered = None
            while answered != number:
                head, flags, _ = struct.unpack('>IBI', stream.read(9))
                kind, content = head & 0xff, stream.read(head >> 8)
                assert kind != goaway, content
                if kind == ping and flags & ack:
                    [answered] = struct.unpack('>Q', content)


def test_serves_ipv6_as_well(bench: Any) -> None:
    if not socket.has_ipv6 or not _has_ipv6_loopback():
        pytest.skip('this machine has no IPv6 loopback')
    server = Server(
        bench.locked, bridge_config([component('base')], host='::1'), {}.get,
        bench.deaths.append)
    port = server.start()
    try:
        with grpc.insecure_channel(f'[::1]:{port}') as channel:
            reply = channel.unary_unary('/viam.robot.v1.RobotService/ResourceNames')(
                b'', timeout=10)
            assert b'base' in reply
            channel.unary_unary('/viam.robot.v1.RobotService/StartSession')(b'', timeout=10)
            sessions = proto.robot.GetSessionsResponse.FromString(channel.unary_unary(
                '/viam.robot.v1.RobotService/GetSessions')(b'', timeout=10)).sessions
        [session] = sessions
        assert session.peer_connection_info.remote_address.startswith('[::1]:')
    finally:
        assert server.stop(10.0)


def _has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(('owner', 'name', 'task'), [
    (SocketMonitor, 'run', 'presence poller'), (Clients, 'look', 'client check'),
    (NoAuthentication, 'refresh', 'key check'),
    (server_module, 'others_awake', 'loop watch')])
def test_a_failure_of_what_runs_beside_the_calls_is_reported_and_ends_the_server(
        monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, task: str) -> None:
    """Without it, clients would be present for ever, or revoked keys stay valid."""
    def fail(*arguments: Any) -> None:
        raise OSError('no descriptor is left')

    async def fail_at_once(*arguments: Any) -> None:
        fail()

    monkeypatch.setattr(owner, name, fail_at_once if name == 'run' else fail)
    base = component('base')
    supervisor = locked_bridge([base.resource], Policy())
    deaths: list[BaseException] = []
    server = Server(supervisor, bridge_config([base]), {}.get, deaths.append)
    server.start()
    # After a stall, the watch looks at the other threads.
    supervisor.held_up(1.0, ())
    [problem] = wait_until(lambda: deaths, 'the failure')
    assert f'the {task} ended' in str(problem) and 'no descriptor is left' in str(problem)
    assert server.stop(10.0)
