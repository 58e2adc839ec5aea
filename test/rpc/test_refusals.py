# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The log of commands: the callers of motions, and refused commands."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest

from viam_session_bridge.core.events import (
    ClientConnected,
    ClientDisconnected,
    LogEvent,
    MotionBegun,
    Refusal,
)
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.rpc import calls, connections
from viam_session_bridge.rpc.calls import RefusalLog

TWO = {'left': VelocityLimits(1.0, 2.0), 'right': VelocityLimits(1.0, 2.0)}
FORWARD = (0.0, 0.5, 0.0)
PROBLEM = 'left.topic: nobody listens'


def refusals(events: list[Any]) -> list[Refusal]:
    return [one for one in events if isinstance(one, Refusal)]


def test_the_begin_of_a_motion_names_method_peer_and_sdk(bench: Any) -> None:
    client = bench.client()
    client.base.SetPower(name='base', linear=FORWARD, metadata=(('viam_client', 'python;0.1;v1'),))
    bench.until(bench.moves)
    [begun] = [one for one in bench.events if isinstance(one, MotionBegun)]
    assert begun.caller.method.endswith('BaseService/SetPower')
    assert begun.caller.sdk == 'python;0.1;v1'
    assert begun.caller.peer.startswith('ipv4:127.0.0.1:')
    assert str(begun.motion).startswith('linear (0.5, 0, 0) m/s')


def test_a_client_without_a_name_of_its_own_has_the_one_of_its_library(bench: Any) -> None:
    bench.client().base.SetPower(name='base', linear=FORWARD)
    bench.until(bench.moves)
    [begun] = [one for one in bench.events if isinstance(one, MotionBegun)]
    assert 'grpc-python' in begun.caller.sdk


def test_each_refused_command_leaves_one_line_for_each_resource_and_cause(
        start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, 'DISCOVERY_PATIENCE', 0.0)
    bench = start(bases=TWO)
    for name in TWO:
        bench.locked.path(name, f'{name}.topic: nobody listens')
    client = bench.client()
    for _ in range(3):
        for name in TWO:
            client.base.SetPower.refused(name=name, linear=FORWARD)
    lines = refusals(bench.events)
    assert len(lines) == 2
    assert lines[0].method.endswith('/SetPower') and PROBLEM in lines[0].problem
    assert lines[0].peer.startswith('ipv4:127.0.0.1:') and lines[0].resource == 'left'
    client.base.SetPower.refused(name='left', linear=(float('nan'), 0.0, 0.0))
    assert len(refusals(bench.events)) == 3, 'another cause'
    client.base.IsMoving.refused(name='nothing')
    assert len(refusals(bench.events)) == 3, 'a question is no command'


def test_a_refusal_after_a_while_counts_those_between(
        monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:

        def peer(self) -> str:
            return 'ipv4:1.2.3.4:5'

    events: list[LogEvent] = []
    log = RefusalLog(events.append)
    for period in (1e9, 1e9, 1e9, 0.0):
        monkeypatch.setattr(calls, 'REFUSAL_PERIOD', period)
        log.note('base', '/a/SetPower', Context(), calls.CallError(
            grpc.StatusCode.NOT_FOUND, 'no'), 'no')
    log.note('base', '/a/SetPower', Context(), calls.CallError(
        grpc.StatusCode.CANCELLED, 'its caller knows'), 'its caller knows')
    refusal = Refusal('/a/SetPower', 'ipv4:1.2.3.4:5', 'NOT_FOUND', 'no', 'base')
    assert events == [refusal, replace(refusal, more=2)]


def test_only_the_connection_of_a_client_that_closes_is_not_open(bench: Any) -> None:
    staying, leaving = bench.client(), bench.client()
    for client in (staying, leaving):
        client.start_session()
    [first, second] = bench.locked._supervisor.sessions.carriers
    assert bench.server.is_open(first) and bench.server.is_open(second)
    leaving.close()
    bench.until(lambda: not bench.server.is_open(second))
    assert bench.server.is_open(first)


def test_clients_that_connect_and_close_are_events_also_those_that_only_ask(bench: Any) -> None:
    staying, leaving = bench.client(), bench.client()
    staying.start_session()
    leaving.robot.ResourceNames()
    came = [one.peer for one in bench.events if isinstance(one, ClientConnected)]
    assert len(set(came)) == len(came) == 2
    leaving.robot.ResourceNames()
    leaving.close()
    bench.until(lambda: any(isinstance(one, ClientDisconnected) for one in bench.events))
    assert [one.peer for one in bench.events if isinstance(one, ClientDisconnected)] == [came[1]]
    assert bench.server.figures()['connections'] == '1'
    assert len([one for one in bench.events if isinstance(one, ClientConnected)]) == 2


def test_more_newcomers_than_a_journal_should_take_are_met_later() -> None:
    events: list[tuple[str, bool]] = []
    clients = connections.Clients(
        lambda peer: None if peer == 'unix:' else connections.Connection(
            1, -1, connections.Endpoint(b'', 1)), lambda *event: events.append(event))
    clients.meet('unix:')
    for number in range(connections.MOST_NEWCOMERS + 5):
        clients.meet(str(number))
    assert len(events) == connections.MOST_NEWCOMERS - 1, 'the one that cannot be told is no event'
    clients.look()
    assert len(clients) == 0 and events[-1][1] is False, 'none of these descriptors is open'
    clients.meet('24')
    assert events[-1] == ('24', True)


def test_the_process_that_listens_on_a_port_is_named(bench: Any) -> None:
    assert connections.port_holder(bench.port).startswith('process ')
    assert 'python' in connections.port_holder(bench.port)
    assert connections.port_holder(1) == ''
