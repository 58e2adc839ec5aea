# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The messages and services of Viam's gRPC API that this package declares.

This module loads the .proto files beside it; it has no behaviour of any service. To add a file:
write it at Viam's path, with Viam's names and numbers, and run tools/compile_protos.py. The
messages of a component are attributes of the package of its name.

    from viam_session_bridge.rpc import proto

    reply = proto.robot.StartSessionResponse(id='...')
    reply.heartbeat_window.FromSeconds(2)
    proto.message('viam.robot.v1.StartSessionRequest')      # the same classes, by full name

All descriptors are in a descriptor pool of this module. viam-sdk registers files of the same names
in protobuf's default pool, which refuses a second registration. So messages of the default pool
(`google.protobuf.struct_pb2.Struct`, viam-sdk's classes) are incompatible: most protobuf versions
refuse them with TypeError, and the C implementations of 4.21 and 4.22 crash if a constructor
receives one. Use `proto.google.Struct` and similar, or pass bytes.

There is no generated Python code: code of one protoc runs with few versions of protobuf, while
serialized descriptors load with all of them (3.20 to 7.x).
"""
from collections.abc import Iterator, Mapping
import importlib
from importlib import resources
from types import MappingProxyType
from typing import Any

from google.protobuf import __version__ as protobuf_version
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor import (
    Descriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

#: The release of Viam's api that the .proto files follow.
api_version = 'v0.1.601'


def _read_files() -> dict[str, FileDescriptorProto]:
    """Return the files of this package and all their imports, by name, imports first."""
    shipped = FileDescriptorSet.FromString(
        resources.files(__name__).joinpath('descriptors.binpb').read_bytes())
    own = {file.name: file for file in shipped.file}
    alpha = _alpha(own['grpc/reflection/v1/reflection.proto'])
    own[alpha.name] = alpha
    ordered: dict[str, FileDescriptorProto] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        file = own.get(name) or _read_installed(name)
        for imported in file.dependency:
            visit(imported)
        ordered[name] = file

    for name in own:
        visit(name)
    return ordered


def _alpha(file: FileDescriptorProto) -> FileDescriptorProto:
    """Return grpc.reflection.v1 as v1alpha: only the name differs."""
    text = text_format.MessageToString(file)
    for version in ('grpc/reflection/v1', 'grpc.reflection.v1'):
        text = text.replace(version, f'{version}alpha')
    return text_format.Parse(text, FileDescriptorProto())


def _read_installed(name: str) -> FileDescriptorProto:
    """
    Return a file of the installed protobuf (google/protobuf/struct.proto, ...).

    The C code of protobuf requires its own copy of these files.
    """
    module = importlib.import_module(name[:-len('.proto')].replace('/', '.') + '_pb2')
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def _class_maker(pool: descriptor_pool.DescriptorPool) -> Any:
    """Return the function that turns a Descriptor into its message class."""
    if hasattr(message_factory, 'GetMessageClass'):  # protobuf >= 4.22
        return message_factory.GetMessageClass
    return message_factory.MessageFactory(pool).GetPrototype


def _all_messages(file: Any) -> Iterator[Descriptor]:
    """Yield the descriptors of all messages of a file, nested ones after their parents."""
    pending = list(file.message_types_by_name.values())
    while pending:
        descriptor = pending.pop(0)
        yield descriptor
        pending.extend(descriptor.nested_types)


def _enum_symbols(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the top-level enums of a file and of their values."""
    for enum in file.enum_types_by_name.values():
        yield enum.full_name, EnumTypeWrapper(enum)
        # Enum values are in the scope of their enum, not inside it, as in C++.
        scope = enum.full_name[:-len(enum.name)]
        yield from ((scope + value.name, value.number) for value in enum.values)


_files = _read_files()
_serialized = {name: file.SerializeToString() for name, file in _files.items()}

#: The descriptors of the files of this package and of their imports.
pool = descriptor_pool.DescriptorPool()
for _content in _serialized.values():
    pool.AddSerializedFile(_content)
_make_class = _class_maker(pool)
_descriptors = [pool.FindFileByName(name) for name in _files]

# All classes are created now, not on demand: in pure Python, protobuf may create two classes for
# one message if two threads need it at once, and each would refuse the other's instances.
_messages: dict[str, type[Message]] = {
    descriptor.full_name: _make_class(descriptor)
    for file in _descriptors for descriptor in _all_messages(file)}
_services: dict[str, ServiceDescriptor] = {
    service.full_name: service
    for file in _descriptors for service in file.services_by_name.values()}
_methods: dict[str, Any] = {
    f'{file.package}.{service.name}.{method.name}': method
    for file in _files.values() for service in file.service for method in service.method}
_symbols: dict[str, Any] = {
    **_messages,
    **{name: value for file in _descriptors for name, value in _enum_symbols(file)}}


def message(full_name: str) -> type[Message]:
    """
    Return the class of a message, such as 'viam.robot.v1.StartSessionRequest'.

    Raises KeyError for a message that is not declared.
    """
    return _messages[full_name]


def service(full_name: str) -> ServiceDescriptor:
    """
    Return the descriptor of a service, such as 'viam.robot.v1.RobotService'.

    Raises KeyError for a service that is not declared.
    """
    return _services[full_name]


def services() -> tuple[ServiceDescriptor, ...]:
    """Return the descriptors of all declared services, sorted by full name."""
    return tuple(_services[name] for name in sorted(_services))


def _read_monitored() -> frozenset[str]:
    """
    Return the full names of the methods that have the option safety_heartbeat_monitored.

    MethodDescriptor.GetOptions() returns the MethodOptions of the default pool, which do not have
    the extension. So the options are parsed again, with the class from the pool of this module.

    Raises RuntimeError if no method has the option.
    """
    extension = pool.FindExtensionByName('viam.common.v1.safety_heartbeat_monitored')
    options: Any = message('google.protobuf.MethodOptions')
    try:
        options.RegisterExtension(extension)
    except (AttributeError, NotImplementedError):
        pass  # versions without this method find extensions in the pool
    monitored = frozenset(
        name for name, method in _methods.items()
        if options.FromString(method.options.SerializeToString()).Extensions[extension])
    if not monitored:
        # The server must not start if it would serve motion without monitoring it.
        raise RuntimeError(f'protobuf {protobuf_version} does not read {extension.full_name}')
    return monitored


_monitored = _read_monitored()


def is_monitored(method: MethodDescriptor) -> bool:
    """
    Return whether a method is safety-monitored: its caller must stay present.

    Raises KeyError for a method of a service that is not declared.
    """
    if method.full_name not in _methods:
        raise KeyError(method.full_name)
    return method.full_name in _monitored


def streams(method: MethodDescriptor) -> tuple[bool, bool]:
    """
    Return whether the client and whether the server sends a stream of messages.

    The method descriptors of older protobuf versions do not have this information.
    """
    declared = _methods[method.full_name]
    return declared.client_streaming, declared.server_streaming


def file_of(symbol: str) -> FileDescriptor:
    """
    Return the file that declares a message, an enum, a service, a method or an extension.

    Raises KeyError for a symbol that is not declared.
    """
    # The pool finds services, but no methods.
    return pool.FindFileContainingSymbol(
        symbol.rpartition('.')[0] if symbol in _methods else symbol)


def file_descriptor_protos() -> Mapping[str, bytes]:
    """
    Return the serialized FileDescriptorProtos of all files and their imports, by file name.

    Imports come first. Server reflection sends them: method options are complete, also if the
    installed protobuf does not know them.
    """
    return MappingProxyType(_serialized)


class Package:
    """The messages, enums and enum values of one protobuf package, as attributes."""

    def __init__(self, name: str) -> None:
        """Name the package: 'viam.robot.v1'."""
        self._prefix = name + '.'

    def __getattr__(self, name: str) -> Any:
        """Return a message class, an EnumTypeWrapper, or the number of an enum value."""
        try:
            return _symbols[self._prefix + name]
        except KeyError:
            raise AttributeError(f'no {self._prefix}{name} is declared') from None

    def __dir__(self) -> list[str]:
        """List the names, for completion at a prompt."""
        return sorted(name[len(self._prefix):] for name in _symbols
                      if name.startswith(self._prefix))


auth = Package('proto.rpc.v1')
common = Package('viam.common.v1')
google = Package('google.protobuf')
robot = Package('viam.robot.v1')


def service_of(api: str) -> ServiceDescriptor:
    """Return the service of a component, such as base."""
    package = f'viam.component.{api.replace("_", "")}.v1.'
    return next(one for one in services() if one.full_name.startswith(package))


def __getattr__(name: str) -> Package:
    """Return the package of a component, such as `proto.base`."""
    package = Package(f'viam.component.{name}.v1')
    if not dir(package):
        raise AttributeError(f'no viam.component.{name}.v1 is declared')
    globals()[name] = package
    return package
