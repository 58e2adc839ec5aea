# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
grpc.reflection: which services are served, and their descriptors with all options.

Clients read from the descriptors which methods are safety-monitored (option 84260), so they go out
exactly as they are in our files. v1 and v1alpha differ in their package only.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc

from viam_session_bridge.rpc import proto

VERSIONS = ('v1', 'v1alpha')


class Catalogue:
    """Files by name, and the file of every symbol and extension."""

    def __init__(self) -> None:
        self.files = dict(proto.file_descriptor_protos())
        self.symbols: dict[str, str] = {}
        self.extensions: dict[tuple[str, int], str] = {}
        self._imports: dict[str, list[str]] = {}
        parse = proto.message('google.protobuf.FileDescriptorProto').FromString
        for name, content in self.files.items():
            file: Any = parse(content)
            self._imports[name] = list(file.dependency)
            self._index(file)

    def with_imports(self, name: str) -> list[bytes]:
        """Return a file and everything it needs, serialized. Raises KeyError."""
        wanted, seen = [name], {name: self.files[name]}
        while wanted:
            for imported in self._imports[wanted.pop()]:
                if imported not in seen:
                    seen[imported] = self.files[imported]
                    wanted.append(imported)
        return list(seen.values())

    def numbers_of(self, extended: str) -> list[int]:
        """Return the numbers of all extensions of a message."""
        return sorted(number for name, number in self.extensions if name == extended)

    def _index(self, file: Any) -> None:
        prefix = file.package + '.' if file.package else ''
        for service in file.service:
            self.symbols[prefix + service.name] = file.name
            for method in service.method:
                self.symbols[f'{prefix}{service.name}.{method.name}'] = file.name
        for enum in file.enum_type:
            self.symbols[prefix + enum.name] = file.name
        for extension in file.extension:
            self.symbols[prefix + extension.name] = file.name
            self.extensions[extension.extendee.lstrip('.'), extension.number] = file.name
        nested = [(prefix, message) for message in file.message_type]
        while nested:
            scope, message = nested.pop()
            self.symbols[scope + message.name] = file.name
            inner = f'{scope}{message.name}.'
            self.symbols.update(dict.fromkeys(
                (inner + enum.name for enum in message.enum_type), file.name))
            nested += [(inner, child) for child in message.nested_type]


class ReflectionService:
    """One version of grpc.reflection; services: the full names of what is served."""

    def __init__(self, version: str, catalogue: Catalogue, services: Iterable[str]) -> None:
        self._package = proto.Package(f'grpc.reflection.{version}')
        self._catalogue = catalogue
        self._services = sorted(services)

    async def ServerReflectionInfo(
            self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Answer each question in turn."""
        async for request in requests:
            reply = self._package.ServerReflectionResponse(
                valid_host=request.host, original_request=request)
            try:
                self._answer(request, reply)
            except KeyError as unknown:
                reply.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
                reply.error_response.error_message = f'not known here: {unknown.args[0]!a}'[:500]
            yield reply

    def _answer(self, request: Any, reply: Any) -> None:
        known = self._catalogue
        kind = request.WhichOneof('message_request')
        if kind == 'list_services':
            for name in self._services:
                reply.list_services_response.service.add(name=name)
        elif kind == 'file_by_filename':
            self._file(request.file_by_filename, reply)
        elif kind == 'file_containing_symbol':
            self._file(known.symbols[request.file_containing_symbol], reply)
        elif kind == 'file_containing_extension':
            wanted = request.file_containing_extension
            self._file(known.extensions[wanted.containing_type, wanted.extension_number], reply)
        elif kind == 'all_extension_numbers_of_type':
            name = request.all_extension_numbers_of_type
            if name not in known.symbols:
                raise KeyError(name)
            reply.all_extension_numbers_response.base_type_name = name
            reply.all_extension_numbers_response.extension_number.extend(known.numbers_of(name))
        else:
            reply.error_response.error_code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
            reply.error_response.error_message = 'message_request: nothing is asked'

    def _file(self, name: str, reply: Any) -> None:
        reply.file_descriptor_response.file_descriptor_proto.extend(
            self._catalogue.with_imports(name))
