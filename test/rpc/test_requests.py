# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Malformed and long requests: refused with the cause; a Stop is still executed."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from components import command_config, component
from joint_bench import serve
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.calls import (
    decoder,
    LARGEST_REQUEST,
    REQUEST_LIMIT,
    request_limit,
)
from viam_session_bridge.rpc.status import CallError

Code = grpc.StatusCode
FORWARD = (0.0, 0.5, 0.0)
BASE = 'viam.component.base.v1'
KIB, MIB = 1024, 1024 * 1024


def field(number: int, content: bytes) -> bytes:
    """Return a bytes field in wire format."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    made = b''
    while value > 0x7f:
        made, value = made + bytes([value & 0x7f | 0x80]), value >> 7
    return made + bytes([value])


def nested(levels: int) -> bytes:
    """Return nested Structs with more levels than protobuf accepts."""
    struct = b''
    for _ in range(levels):
        struct = field(1, field(1, b'k') + field(2, field(5, struct)))
    return struct


NAME, EXTRA, DEEP = field(1, b'base'), 99, nested(200)

UNREADABLE = {
    'nested too deeply': NAME + field(EXTRA, DEEP),
    'cut off': NAME + field(EXTRA, b'x' * 100)[:50],
    'not a number': NAME + b'\xff' * 12,
    'after a number of each size': (
        b'\x50\x96\x01' + b'\x51' + b'8' * 8 + b'\x55' + b'4' * 4 + NAME + b'\xff'),
    'a group without an end': NAME + b'\x0b',
    'a strange name first': field(1, b'\xff') + NAME + field(EXTRA, DEEP),
}
unreadable = pytest.mark.parametrize(
    'content', list(UNREADABLE.values()), ids=list(UNREADABLE))


def send(client: Any, path: str, content: bytes, sid: str = '') -> Any:
    """Call with these bytes; return the call."""
    return client.channel.unary_unary(f'/{path}').future(
        content, timeout=10, metadata=[('viam-sid', sid)] if sid else [])


# ---- malformed requests ----


@unreadable
@pytest.mark.parametrize(('path', 'message'), [
    (f'{BASE}.BaseService/SetPower', f'{BASE}.SetPowerRequest'),
    (f'{BASE}.BaseService/MoveStraight', f'{BASE}.MoveStraightRequest')])
def test_a_malformed_request_is_refused_with_the_name_of_its_message(
        bench: Any, client: Any, path: str, message: str, content: bytes) -> None:
    call = send(client, path, content)
    assert call.code() is Code.INVALID_ARGUMENT
    assert call.details() == (
        f'the request is not a {message}: its bytes are malformed, or it is nested too deeply')
    bench.settle()
    assert bench.told() == 'nothing' and not bench.locked.accepted


def test_a_command_that_is_nested_too_deeply_is_refused(client: Any) -> None:
    call = send(client, f'{BASE}.BaseService/DoCommand', NAME + field(2, DEEP))
    assert call.code() is Code.INVALID_ARGUMENT
    assert 'viam.common.v1.DoCommandRequest' in call.details()


@pytest.mark.parametrize('method', ['StartSession', 'SendSessionHeartbeat', 'CancelOperation'])
def test_a_malformed_request_to_the_machine_is_refused(
        bench: Any, client: Any, method: str) -> None:
    call = send(client, f'viam.robot.v1.RobotService/{method}', b'\xff\xff\xff')
    assert call.code() is Code.INVALID_ARGUMENT
    assert f'viam.robot.v1.{method}Request' in call.details()
    assert not bench.locked.sessions()
    client.robot.ResourceNames()


def test_the_session_is_checked_before_the_request_is_parsed(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', sid=session)
    bench.clock.advance(2.0)
    call = send(client, f'{BASE}.BaseService/SetPower', b'\xff', session)
    assert (call.code(), call.details()) == (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')


@pytest.mark.parametrize('path', [
    'viam.component.arm.v1.ArmService/MoveThroughJointPositionsStreamed',
    'grpc.reflection.v1.ServerReflection/ServerReflectionInfo'])
def test_a_stream_ends_at_what_cannot_be_read(start: Callable[..., Any], path: str) -> None:
    bench = serve(start, 'arm', component(
        'arm', joints=('a',), joint_states_topic='joint_states'), here=(0.0,))
    call = bench.client().channel.stream_stream(f'/{path}')(iter([b'\xff']), timeout=10)
    with pytest.raises(grpc.RpcError):
        next(call)
    assert call.code() is Code.INVALID_ARGUMENT
    assert 'the request is not a ' in call.details()


# ---- malformed stops ----


@unreadable
def test_a_stop_with_a_readable_name_is_executed(
        bench: Any, client: Any, content: bytes) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    assert send(client, f'{BASE}.BaseService/Stop', content).code() is Code.OK
    bench.until_stopped()


@pytest.mark.parametrize('content', [b'\xff\xff\xff', field(EXTRA, DEEP), field(1, b'base')[:3]])
def test_a_stop_without_a_readable_name_is_refused(
        bench: Any, client: Any, content: bytes) -> None:
    call = send(client, f'{BASE}.BaseService/Stop', content)
    assert call.code() is Code.INVALID_ARGUMENT
    assert f'{BASE}.StopRequest' in call.details()


def test_a_name_that_is_no_text_is_not_found(client: Any) -> None:
    assert send(
        client, f'{BASE}.BaseService/Stop', field(1, b'ba\xffse')).code() is Code.NOT_FOUND


@pytest.mark.parametrize('content', [b'\xff\xff\xff', field(EXTRA, field(2, DEEP))])
def test_a_malformed_stop_all_is_executed(bench: Any, client: Any, content: bytes) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    assert send(client, 'viam.robot.v1.RobotService/StopAll', content).code() is Code.OK
    bench.until_stopped()


STOPS = [service.methods_by_name['Stop'] for service in proto.services()
         if 'Stop' in service.methods_by_name]


def test_there_are_stop_methods() -> None:
    assert len(STOPS) >= 6


@pytest.mark.parametrize('method', STOPS, ids=lambda method: method.containing_service.name)
@unreadable
def test_the_name_is_read_from_every_components_stop(method: Any, content: bytes) -> None:
    request = decoder(method)(content)
    assert request.DESCRIPTOR.full_name == method.input_type.full_name
    assert request.name == 'base'


# ---- long requests ----


def extra_of(size: int) -> Any:
    made = proto.google.Struct()
    made.update({'blob': 'x' * size})
    return made


def crowd(keys: int) -> bytes:
    """Return a Struct of many fields."""
    return b''.join(field(1, field(1, b'%d' % key) + field(2, field(3, b'')))
                    for key in range(keys))


METHODS = [method for service in proto.services() for method in service.methods]


def test_nearly_all_methods_accept_64_kib_and_grpc_accepts_the_largest_limit() -> None:
    limits = {method.full_name: request_limit(method) for method in METHODS}
    others = {name.rpartition('.')[2]: limit for name, limit in limits.items()
              if limit != REQUEST_LIMIT}
    assert others == {
        'MoveThroughJointPositions': 512 * KIB, 'MoveThroughJointPositionsStreamed': MIB,
        'ServerReflectionInfo': 4 * KIB, 'Authenticate': 4 * KIB}
    assert REQUEST_LIMIT == 64 * KIB and LARGEST_REQUEST == max(limits.values())


@pytest.mark.parametrize('method', METHODS, ids=lambda method: method.full_name)
def test_a_request_that_is_too_long_is_refused_by_method_size_and_limit(method: Any) -> None:
    limit = request_limit(method)
    decode, content = decoder(method), field(EXTRA, b'x' * limit)
    if method.name == 'StopAll':
        assert decode(content) == proto.robot.StopAllRequest()
        return
    with pytest.raises(CallError) as refusal:
        decode(content)
    assert refusal.value.code is Code.RESOURCE_EXHAUSTED
    assert str(refusal.value) == (
        f'{method.full_name}: the request has {len(content)} bytes; at most {limit} are accepted')


@pytest.mark.parametrize('size', [64 * KIB, LARGEST_REQUEST - 1000, LARGEST_REQUEST, 4 * MIB])
def test_an_oversized_command_is_refused_and_changes_nothing(
        bench: Any, client: Any, size: int) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    code, text = client.base.SetPower.refused(name='base', extra=extra_of(size))
    assert code is Code.RESOURCE_EXHAUSTED
    assert str(LARGEST_REQUEST if size >= LARGEST_REQUEST else REQUEST_LIMIT) in text
    assert (f'{BASE}.BaseService.SetPower: the request has ' in text) == (size < LARGEST_REQUEST)
    assert bench.moves(), 'a refused message changes nothing'
    client.robot.ResourceNames()
    bench.client().base.Stop(name='base')
    bench.until_stopped()


def test_a_command_of_nearly_the_limit_is_served(bench: Any, client: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD, extra=extra_of(REQUEST_LIMIT - 100))
    bench.until_moving()


@pytest.mark.parametrize('content', [
    field(EXTRA, b'x' * (LARGEST_REQUEST - 1000)), crowd(40_000)], ids=['one', 'many'])
@pytest.mark.parametrize('path', [
    f'{BASE}.BaseService/Stop', 'viam.robot.v1.RobotService/StopAll'])
def test_a_stop_that_is_too_long_to_be_parsed_is_executed(
        bench: Any, client: Any, path: str, content: bytes) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    assert REQUEST_LIMIT < len(content) < LARGEST_REQUEST
    assert send(client, path, NAME + field(EXTRA, content)).code() is Code.OK
    bench.until_stopped()


def test_the_session_is_checked_before_the_length(bench: Any, client: Any) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', sid=session)
    bench.clock.advance(2.0)
    call = send(client, f'{BASE}.BaseService/SetPower', b'x' * 2 * REQUEST_LIMIT, session)
    assert (call.code(), call.details()) == (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')


def test_a_key_too_many_is_named(start: Callable[..., Any]) -> None:
    client = start(configs={'base': component('base', commands=(
        command_config('dock', moves=True, kind='trigger'),))}).client()
    call = send(client, f'{BASE}.BaseService/DoCommand', NAME + field(2, crowd(1000)))
    assert call.code() is Code.INVALID_ARGUMENT
    assert call.details().startswith('command: unknown key ')


@pytest.mark.parametrize(('data', 'found'), [
    (['x'] * 1000, 'a list'), ({str(key): 'x' for key in range(1000)}, 'a Struct')])
def test_a_long_value_of_a_command_is_cut_in_the_refusal(
        start: Callable[..., Any], data: Any, found: str) -> None:
    client = start(configs={'base': component('base', commands=(
        command_config('fan', moves=True, kind='set_bool'),))}).client()
    for wish, key in (({'command': data}, 'command'), ({'command': 'fan', 'data': data}, 'data')):
        command = proto.google.Struct()
        command.update(wish)
        code, text = client.base.DoCommand.refused(name='base', command=command)
        assert code is Code.INVALID_ARGUMENT
        assert text.startswith(f"command.{key}: found '{found}'")


# ---- names ----


@pytest.mark.parametrize('name', ['remote:base', 'base:', ':base', 'base+camera', '+base'])
def test_a_name_of_a_remote_or_a_track_is_not_found(bench: Any, client: Any, name: str) -> None:
    for method in proto.service(f'{BASE}.BaseService').methods:
        fields = {'MoveStraight': {'distance_mm': 5, 'mm_per_sec': 5.0},
                  'Spin': {'angle_deg': 5.0, 'degs_per_sec': 5.0}}.get(method.name, {})
        code, text = getattr(client.base, method.name).refused(name=name, **fields)
        assert code is Code.NOT_FOUND, method.name
        assert f'{name!r}' in text and 'base' in text
    bench.settle()
    assert bench.told() == 'nothing'


@pytest.mark.parametrize('method', ['SetPower', 'SetVelocity', 'MoveStraight', 'Spin', 'Stop',
                                    'IsMoving', 'GetProperties', 'GetGeometries', 'GetStatus',
                                    'DoCommand'])
def test_a_name_of_another_api_is_not_found_and_left_alone(
        start: Callable[..., Any], method: str) -> None:
    """Nor is it stopped: as in viam-server, there is no base of this name."""
    bench = start(others=(ActuatedResource('motor', 'wheel', VelocityLimits(1.0, 1.0)),),
                  configs={'wheel': component('motor', name='wheel')})
    bench.locked.path('wheel', '')
    fields = {'MoveStraight': {'distance_mm': 5, 'mm_per_sec': 5.0},
              'Spin': {'angle_deg': 5.0, 'degs_per_sec': 5.0}}.get(method, {})
    code, text = getattr(bench.client().base, method).refused(name='wheel', **fields)
    assert code is Code.NOT_FOUND
    assert "'wheel'" in text and 'motor' in text
    bench.settle()
    assert bench.told('wheel') == 'nothing' and bench.state('wheel').value == 'idle'
