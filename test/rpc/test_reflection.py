# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Server reflection, as Go (v1alpha) and TypeScript (v1) use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
import subprocess
import sys
import threading
from typing import Any

from google.protobuf import descriptor_pb2
import grpc
import pytest

from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.reflection_service import (
    MOST_REFLECTIONS,
    ReflectionService,
    VERSIONS,
)

BASE = 'viam.component.base.v1.BaseService'


def ask(bench: Any, version: str, **question: Any) -> Any:
    package = proto.Package(f'grpc.reflection.{version}')
    call = bench.client().channel.stream_stream(
        f'/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo',
        request_serializer=package.ServerReflectionRequest.SerializeToString,
        response_deserializer=package.ServerReflectionResponse.FromString)
    return next(call(iter([package.ServerReflectionRequest(**question)]), timeout=10))


@pytest.mark.parametrize('version', VERSIONS)
def test_lists_what_is_served(start: Callable[..., Any], version: str) -> None:
    reply = ask(start(), version, list_services='*')
    names = [service.name for service in reply.list_services_response.service]
    assert {BASE, 'viam.robot.v1.RobotService'} <= set(names)
    assert {f'grpc.reflection.{each}.ServerReflection' for each in VERSIONS} <= set(names)


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('question', [
    {'file_containing_symbol': BASE}, {'file_containing_symbol': BASE + '.SetPower'},
    {'file_by_filename': 'component/base/v1/base.proto'}])
def test_descriptors_keep_the_safety_option(
        start: Callable[..., Any], version: str, question: dict[str, str]) -> None:
    """Clients decide by it whether a call carries a session; standard parsers must find it."""
    reply = ask(start(), version, **question)
    files = {file.name: file for file in map(
        descriptor_pb2.FileDescriptorProto.FromString,
        reply.file_descriptor_response.file_descriptor_proto)}
    methods = {method.name: method for method in
               files['component/base/v1/base.proto'].service[0].method}
    # Field 84260, wire type 0, value true.
    mark = bytes([0xA0, 0x92, 0x29, 0x01])
    assert mark in methods['SetPower'].options.SerializeToString()
    assert mark not in methods['Stop'].options.SerializeToString()
    for file in files.values():
        assert set(file.dependency) <= set(files), 'a client cannot build what it has no import of'


@pytest.mark.parametrize('version', VERSIONS)
def test_unknown_names_are_not_found(start: Callable[..., Any], version: str) -> None:
    bench = start()
    for question in ({'file_containing_symbol': 'no.Such'}, {'file_by_filename': 'x' * 4000},
                     {'all_extension_numbers_of_type': 'no.Such'},
                     {'file_containing_extension': {
                         'containing_type': 'no.Such', 'extension_number': 7}}):
        assert ask(bench, version, **question).error_response.error_code == 5
    assert ask(bench, version).error_response.error_code == 3


def test_extensions_are_found(start: Callable[..., Any]) -> None:
    bench, extended = start(), 'google.protobuf.MethodOptions'
    reply = ask(bench, 'v1', all_extension_numbers_of_type=extended)
    assert 84260 in reply.all_extension_numbers_response.extension_number
    reply = ask(bench, 'v1', file_containing_extension={
        'containing_type': extended, 'extension_number': 84260})
    assert reply.file_descriptor_response.file_descriptor_proto


def test_a_message_an_enum_a_service_and_a_method_have_a_file() -> None:
    for service in proto.services():
        for name in (service.full_name, *(method.full_name for method in service.methods),
                     *(method.input_type.full_name for method in service.methods)):
            assert proto.file_of(name).name, name
    assert proto.file_of('viam.robot.v1.GetMachineStatusResponse.State').name
    with pytest.raises(KeyError):
        proto.file_of(f'{BASE}.NoMethod')


@pytest.mark.parametrize('version', VERSIONS)
def test_each_version_of_reflection_describes_itself(
        start: Callable[..., Any], version: str) -> None:
    name = f'grpc.reflection.{version}.ServerReflection'
    reply = ask(start(), version, file_containing_symbol=name)
    [file] = map(descriptor_pb2.FileDescriptorProto.FromString,
                 reply.file_descriptor_response.file_descriptor_proto)
    assert (file.name, file.package) == (
        f'grpc/reflection/{version}/reflection.proto', f'grpc.reflection.{version}')
    [method] = file.service[0].method
    assert method.input_type == f'.grpc.reflection.{version}.ServerReflectionRequest'


# ---- limits ----

def opened(bench: Any, version: str, requests: Iterator[bytes]) -> Any:
    """Open a stream over a connection of its own; return the call."""
    return bench.client().channel.stream_stream(
        f'/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo')(requests)


@pytest.mark.parametrize('version', VERSIONS)
def test_a_request_of_more_than_4_kib_is_refused(
        start: Callable[..., Any], version: str) -> None:
    request = proto.Package(f'grpc.reflection.{version}').ServerReflectionRequest(
        host='x' * 4097, list_services='*').SerializeToString()
    call = opened(start(), version, iter([request]))
    with pytest.raises(grpc.RpcError):
        next(call)
    assert (call.code(), call.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, (
        f'grpc.reflection.{version}.ServerReflection.ServerReflectionInfo: the request has '
        f'{len(request)} bytes; at most 4096 are accepted'))


def test_a_stream_too_many_is_refused_until_another_one_ends(
        start: Callable[..., Any]) -> None:
    bench, question = start(), proto.Package('grpc.reflection.v1').ServerReflectionRequest(
        list_services='*').SerializeToString()
    with ExitStack() as ends:
        def asked() -> Any:
            """Send one request, and leave the stream open."""
            asking = iter([question])
            ended = threading.Event()
            ends.callback(ended.set)

            def requests() -> Iterator[bytes]:
                yield from asking
                ended.wait(60)

            return opened(bench, VERSIONS[len(calls) % 2], requests())

        calls: list[Any] = []
        for _ in range(MOST_REFLECTIONS):
            calls.append(asked())
            next(calls[-1])
        refused = asked()
        with pytest.raises(grpc.RpcError):
            next(refused)
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert f'{MOST_REFLECTIONS} streams' in refused.details()
        calls[3].cancel()

        def served() -> bool:
            try:
                return bool(next(asked()))
            except grpc.RpcError:
                return False

        bench.until(served)


# Reads no reply.
DEAF = """
import sys
import grpc

port, streams, requests = map(int, sys.argv[1:])
question, calls = bytes.fromhex(sys.stdin.readline()), []
for _ in range(streams):
    channel = grpc.insecure_channel(
        f'127.0.0.1:{port}', options=[('grpc.use_local_subchannel_pool', 1)])
    calls.append(channel.stream_stream(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo')(iter([question] * requests)))
print('up', flush=True)
sys.stdin.read()
"""


def test_streams_with_unread_replies_pause_and_do_not_delay_a_stop(
        start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made, answer = [0], ReflectionService._answer

    def counted(self: ReflectionService, request: Any, reply: Any) -> None:
        made[0] += 1
        answer(self, request, reply)

    monkeypatch.setattr(ReflectionService, '_answer', counted)
    bench, streams, requests = start(), 30, 10_000
    client = bench.client()
    client.base.SetPower(name='base', linear=(0.0, 0.5, 0.0))
    bench.until_moving()
    question = proto.Package('grpc.reflection.v1').ServerReflectionRequest(
        host='x' * 4000, file_containing_symbol='viam.robot.v1.RobotService')
    with subprocess.Popen([sys.executable, '-c', DEAF, *map(str, (bench.port, streams, requests))],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as deaf:
        try:
            assert deaf.stdin is not None and deaf.stdout is not None
            deaf.stdin.write(question.SerializeToString().hex() + '\n')
            deaf.stdin.flush()
            assert deaf.stdout.readline() == 'up\n'
            bench.until(lambda: made[0] >= 10 * streams)
            client.base.Stop(name='base')
            bench.until_stopped()
            assert made[0] < streams * requests / 10, 'the Stop did not wait for them'
        finally:
            deaf.kill()
    client.robot.ResourceNames()
