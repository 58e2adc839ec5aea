# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Compares the descriptors of this package with those in viam-sdk.

Tests the .proto files and the module that loads them; services are tested elsewhere.
"""
from collections.abc import Iterator
import datetime
import importlib
import importlib.util
import os
from pathlib import Path
import random
import subprocess
import sys
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.text_format import MessageToString
from hypothesis import given, settings, strategies
import pytest

from viam_session_bridge.rpc import proto

FieldProto = descriptor_pb2.FieldDescriptorProto

OUR_FILES = sorted(name for name in proto.file_descriptor_protos()
                   if not name.startswith('google/'))


def viam_module(file_name: str) -> ModuleType:
    """Import what viam-sdk generated from its file of this name, or skip."""
    pytest.importorskip('viam', reason='viam-sdk is not installed: nothing to compare with')
    module = file_name[:-len('.proto')].replace('/', '.') + '_pb2'
    # gRPC's own services come with grpclib, on which viam-sdk is built.
    grpc_own = file_name.startswith('grpc/')
    return importlib.import_module(
        module.replace('grpc', 'grpclib', 1) if grpc_own else f'viam.gen.{module}')


# ---- every declared name, number and type ----


def facts(serialized: bytes) -> dict[str, dict[str, Any]]:
    """Flatten a FileDescriptorProto: full name of each element -> what must agree."""
    file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
    found = {'file': {'package': file.package, 'syntax': file.syntax}}
    for message in file.message_type:
        found.update(message_facts(file.package, message))
    for enum in file.enum_type:
        found.update(enum_facts(file.package, enum))
    for extension in file.extension:
        found[f'{file.package}.{extension.name}'] = field_facts(extension, ())
    for service in file.service:
        found[f'{file.package}.{service.name}'] = {'service': options(service)}
        for method in service.method:
            found[f'{file.package}.{service.name}.{method.name}'] = {
                'input': method.input_type, 'output': method.output_type,
                'streams': (method.client_streaming, method.server_streaming),
                'options': options(method)}
    return found


def message_facts(scope: str, message: Any) -> dict[str, dict[str, Any]]:
    """Flatten a message and its nested types."""
    name = f'{scope}.{message.name}'
    found = {name: {
        'message': options(message),
        'reserved': (sorted((r.start, r.end) for r in message.reserved_range),
                     sorted(message.reserved_name))}}
    oneofs = [oneof.name for oneof in message.oneof_decl]
    for field in message.field:
        found[f'{name}.{field.name}'] = field_facts(field, oneofs)
    for nested in message.nested_type:
        found.update(message_facts(name, nested))
    for enum in message.enum_type:
        found.update(enum_facts(name, enum))
    return found


def enum_facts(scope: str, enum: Any) -> dict[str, dict[str, Any]]:
    """Flatten an enum."""
    name = f'{scope}.{enum.name}'
    found = {name: {'enum': options(enum)}}
    for value in enum.value:
        found[f'{name}.{value.name}'] = {'number': value.number, 'options': options(value)}
    return found


def field_facts(field: Any, oneofs: Any) -> dict[str, Any]:
    """Return what must agree for a field or an extension."""
    first, *others = field.name.split('_')
    return {
        'number': field.number,
        'type': FieldProto.Type.Name(field.type), 'type_name': field.type_name,
        'label': FieldProto.Label.Name(field.label),
        'proto3_optional': field.proto3_optional,
        'oneof': oneofs[field.oneof_index] if field.HasField('oneof_index') else None,
        # Generated code may omit the name if it is the default.
        'json_name': field.json_name or first + ''.join(word.capitalize() for word in others),
        'extendee': field.extendee, 'default': field.default_value, 'options': options(field)}


def options(thing: Any) -> dict[str, Any]:
    """Return the options of an element, without REST routes, which are not served."""
    return {option.full_name: value for option, value in thing.options.ListFields()
            if option.full_name != 'google.api.http'}


@pytest.mark.parametrize('file_name', OUR_FILES)
def test_every_declaration_agrees_with_viam(file_name: str) -> None:
    theirs = facts(viam_module(file_name).DESCRIPTOR.serialized_pb)
    ours = facts(proto.file_descriptor_protos()[file_name])
    # A file may declare less than theirs, but what it declares is complete.
    relevant = {name: value for name, value in theirs.items()
                if name in ours or name.rpartition('.')[0] in ours}
    assert ours == relevant


# Omitted by this package. These belonged to the stream of status that Viam has removed: no method
# uses them, and viam-server does not send them any more.
LEFT_OUT = {f'component/{api}/v1/{api}.proto': {f'viam.component.{api}.v1.Status'}
            for api in ('arm', 'gantry', 'motor', 'servo')}


@pytest.mark.parametrize(
    'file_name', [name for name in OUR_FILES if name.startswith(('component/', 'robot/'))])
def test_nothing_of_an_api_that_is_served_is_left_out(file_name: str) -> None:
    """Except what is listed here with its reason."""
    theirs = facts(viam_module(file_name).DESCRIPTOR.serialized_pb)
    missing = theirs.keys() - facts(proto.file_descriptor_protos()[file_name]).keys()
    # Parts of a missing element are missing, too.
    assert {name for name in missing if name.rpartition('.')[0] not in missing} == (
        LEFT_OUT.get(file_name, set()))


@pytest.mark.parametrize('service', proto.services(), ids=lambda service: service.full_name)
def test_services_have_viams_methods_and_monitor_the_same(service: Any) -> None:
    theirs = viam_module(service.file.name).DESCRIPTOR.services_by_name[service.name]
    option = viam_module('common/v1/common.proto').safety_heartbeat_monitored
    assert ({method.name: proto.is_monitored(method) for method in service.methods}
            == {method.name: method.GetOptions().Extensions[option] for method in theirs.methods})


def test_follows_the_api_version_of_the_sdk() -> None:
    viam_module('common/v1/common.proto')
    from viam.version_metadata import API_VERSION
    assert proto.api_version == API_VERSION, 'see what changed, then update api_version'


# ---- bytes ----


def all_messages() -> Iterator[tuple[str, str]]:
    """Yield file and full name of all top-level messages."""
    for file_name in OUR_FILES:
        file = descriptor_pb2.FileDescriptorProto.FromString(
            proto.file_descriptor_protos()[file_name])
        for message in file.message_type:
            yield file_name, f'{file.package}.{message.name}'


SCALARS = {
    FieldProto.TYPE_DOUBLE: (-1.5, 1e300, float('inf'), float('nan')),
    FieldProto.TYPE_FLOAT: (-1.5, float('inf')),
    FieldProto.TYPE_BOOL: (True,),
    FieldProto.TYPE_STRING: ('', 'x', 'Grüße', 'x' * 200),
    FieldProto.TYPE_BYTES: (b'', b'\x00\xff'),
    FieldProto.TYPE_INT32: (-2**31, 2**31 - 1, 1),
    FieldProto.TYPE_INT64: (-2**63, 2**63 - 1, 1),
    FieldProto.TYPE_UINT32: (2**32 - 1, 1),
    FieldProto.TYPE_UINT64: (2**64 - 1, 1),
    FieldProto.TYPE_FIXED32: (2**32 - 1, 1),
    FieldProto.TYPE_FIXED64: (2**64 - 1, 1),
}


def fill(message: Any, chance: random.Random, depth: int = 0) -> Any:
    """Set some fields of a message, and of the messages in it, at random; return it."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < (0.3 if depth < 4 else 1):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = chance.choice(('', 'k')), field.message_type.fields_by_name['value']
            assert value.message_type, f'{field.full_name}: teach this test maps of scalars'
            fill(getattr(message, field.name)[key], chance, depth + 1)
        elif isinstance(getattr(message, field.name), (str, bytes, bool, int, float)):
            values = ([value.number for value in field.enum_type.values] if field.enum_type
                      else SCALARS[field.type])
            setattr(message, field.name, chance.choice(values))
        elif field.message_type and hasattr(getattr(message, field.name), 'add'):
            for _ in range(chance.randint(1, 2)):
                fill(getattr(message, field.name).add(), chance, depth + 1)
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), chance, depth + 1)
        else:
            getattr(message, field.name).extend(SCALARS[field.type])
    return message


@given(seed=strategies.integers(min_value=0, max_value=2**64))
@settings(max_examples=20)
def test_bytes_have_the_same_meaning_for_both(seed: int) -> None:
    chance = random.Random(seed)
    for file_name, full_name in all_messages():
        theirs = getattr(viam_module(file_name), full_name.rpartition('.')[2])
        ours = proto.message(full_name)
        for here, there in ((ours, theirs), (theirs, ours)):
            sent = fill(here(), chance)
            received = there.FromString(sent.SerializeToString())
            # Fields that are unknown to the other side would appear as numbers, or not at all.
            assert MessageToString(received) == MessageToString(sent)
            assert (received.SerializeToString(deterministic=True)
                    == sent.SerializeToString(deterministic=True))


# The protobuf in C and the one in Python find extensions in different ways.
IMPLEMENTATIONS: tuple[dict[str, str], ...] = (
    {}, {'PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION': 'python'})

COEXIST = """
import sys
if sys.argv[1] == 'viam first':
    from viam.gen.component.base.v1 import base_pb2
from viam_session_bridge.rpc import proto
served = proto.file_descriptor_protos()['component/base/v1/base.proto']
from viam.gen.common.v1 import common_pb2
from viam.gen.component.base.v1 import base_pb2
from viam.gen.robot.v1 import robot_grpc, robot_pb2
from google.protobuf import descriptor_pb2

ours = proto.base.SetPowerRequest(name='wheels', linear=proto.common.Vector3(y=0.5))
ours.extra.update({'why': [1, None, {'deep': True}]})
theirs = base_pb2.SetPowerRequest.FromString(ours.SerializeToString())
assert theirs.linear.y == 0.5 and theirs.extra['why'][2]['deep'] is True
assert proto.base.SetPowerRequest.FromString(theirs.SerializeToString()) == ours
assert ours.DESCRIPTOR is not theirs.DESCRIPTOR

reply = robot_pb2.StartSessionResponse(id='a')
reply.heartbeat_window.FromMilliseconds(1500)
reply = proto.robot.StartSessionResponse.FromString(reply.SerializeToString())
assert reply.heartbeat_window.ToMilliseconds() == 1500

# What reflection would send keeps the option, although protobuf met it first as unknown.
methods = descriptor_pb2.FileDescriptorProto.FromString(served).service[0].method
print([m.name for m in methods if m.options.Extensions[common_pb2.safety_heartbeat_monitored]])
"""


def run_python(script: str, *arguments: str, **environment: str) -> str:
    """Run a script in a new interpreter with the same package; return its output."""
    done = subprocess.run(
        [sys.executable, '-c', script, *arguments], capture_output=True, text=True, timeout=60,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize('order', ['viam first', 'viam last'])
@pytest.mark.parametrize('implementation', IMPLEMENTATIONS, ids=str)
def test_module_and_sdk_work_in_one_process(order: str, implementation: dict[str, str]) -> None:
    pytest.importorskip('viam', reason='viam-sdk is not installed: nobody to share with')
    printed = run_python(COEXIST, order, **implementation)
    assert printed.splitlines()[-1] == "['MoveStraight', 'Spin', 'SetPower', 'SetVelocity']"


# ---- the module itself ----


def test_monitored_methods_are_known_without_the_sdk() -> None:
    script = """
from viam_session_bridge.rpc import proto
print(sum(proto.is_monitored(method) for s in proto.services() for method in s.methods))
"""
    here = sum(proto.is_monitored(method) for s in proto.services() for method in s.methods)
    assert here > 0
    for implementation in IMPLEMENTATIONS:
        assert run_python(script, **implementation) == str(here)


def test_well_known_types_have_their_conveniences() -> None:
    request = proto.common.DoCommandRequest(name='wheels', command=proto.google.Struct())
    request.command.update({'number': 1, 'list': [True, None, 'text'], 'inner': {'deep': 2}})
    assert request.command['inner']['deep'] == 2
    assert list(request.command['list']) == [True, None, 'text']
    operation = proto.robot.Operation()
    operation.started.FromDatetime(datetime.datetime(2024, 1, 2, 3))
    assert operation.started.ToDatetime() == datetime.datetime(2024, 1, 2, 3)
    reply = proto.robot.StartSessionResponse()
    reply.heartbeat_window.FromTimedelta(datetime.timedelta(seconds=2.5))
    assert (reply.heartbeat_window.seconds, reply.heartbeat_window.nanos) == (2, 500_000_000)


def test_finds_things_by_name() -> None:
    assert proto.robot.StartSessionRequest is proto.message('viam.robot.v1.StartSessionRequest')
    assert proto.robot.PEER_CONNECTION_TYPE_GRPC == 1
    assert proto.robot.PeerConnectionType.Name(1) == 'PEER_CONNECTION_TYPE_GRPC'
    assert proto.robot.ResourceStatus.STATE_READY == 3
    service = proto.service('viam.robot.v1.RobotService')
    assert len(service.methods) == 26
    assert proto.streams(service.methods_by_name['Tunnel']) == (True, True)
    assert proto.streams(service.methods_by_name['StreamStatus']) == (False, True)
    assert proto.streams(service.methods_by_name['StopAll']) == (False, False)


def test_an_undeclared_name_is_an_error_with_the_name() -> None:
    with pytest.raises(KeyError, match='viam.robot.v1.Nothing'):
        proto.message('viam.robot.v1.Nothing')
    with pytest.raises(KeyError, match='viam.robot.v1.NothingService'):
        proto.service('viam.robot.v1.NothingService')
    with pytest.raises(AttributeError, match='viam.robot.v1.Nothing'):
        assert proto.robot.Nothing


def test_imports_come_before_importers() -> None:
    seen: set[str] = set()
    for name, serialized in proto.file_descriptor_protos().items():
        file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
        assert file.name == name
        assert seen.issuperset(file.dependency)
        seen.add(name)


def test_descriptors_are_compiled_from_the_sources() -> None:
    pytest.importorskip('grpc_tools', reason='grpcio-tools is not installed: cannot compile')
    path = Path(__file__).resolve().parents[2] / 'tools' / 'compile_protos.py'
    spec = importlib.util.spec_from_file_location('compile_protos', path)
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    parse = descriptor_pb2.FileDescriptorSet.FromString
    assert parse(tool.DESCRIPTORS.read_bytes()) == parse(tool.compile_protos()), (
        'run tools/compile_protos.py and check in the result')
