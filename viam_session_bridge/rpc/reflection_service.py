# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
grpc.reflection: lists the served services, and their descriptors with all options.

Clients read from the descriptors which methods are safety-monitored (option 84260), so the
descriptors are sent exactly as in the files of this package. v1 and v1alpha differ only in their
package name.

A reply is created when gRPC has accepted the previous one; then the next request is read. So for a
client that does not read, only as many replies are created as its flow control windows hold.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from google.protobuf.descriptor import FileDescriptor
import grpc

from viam_session_bridge.core.errors import shown
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.status import exhausted

VERSIONS = ('v1', 'v1alpha')

# Concurrent streams, of both versions: unread replies take up to 3 MB per stream, and each stream
# may create a reply before the event loop runs the next task of another call.
MOST_REFLECTIONS = 32


class ReflectionService:
    """
    One version of grpc.reflection.

    services: the full names of the served services. streams: limits the streams of all versions.
    """

    def __init__(self, version: str, services: Iterable[str],
                 streams: asyncio.Semaphore) -> None:
        self._package = proto.Package(f'grpc.reflection.{version}')
        self._services = sorted(services)
        self._streams = streams

    async def ServerReflectionInfo(
            self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Answer each request in turn."""
        if self._streams.locked():
            raise exhausted(
                f'ServerReflectionInfo: {MOST_REFLECTIONS} streams are open, which is the maximum '
                'of this bridge')
        async with self._streams:
            async for request in requests:
                yield self._reply(request)

    def _reply(self, request: Any) -> Any:
        reply = self._package.ServerReflectionResponse(
            valid_host=request.host, original_request=request)
        try:
            self._answer(request, reply)
        except KeyError:
            asked = getattr(request, request.WhichOneof('message_request'))
            reply.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            reply.error_response.error_message = f'unknown: {shown(str(asked), 400)}'
        return reply

    def _answer(self, request: Any, reply: Any) -> None:
        kind = request.WhichOneof('message_request')
        if kind == 'list_services':
            for name in self._services:
                reply.list_services_response.service.add(name=name)
        elif kind == 'file_by_filename':
            _add(proto.pool.FindFileByName(request.file_by_filename), reply)
        elif kind == 'file_containing_symbol':
            _add(proto.file_of(request.file_containing_symbol), reply)
        elif kind == 'file_containing_extension':
            wanted = request.file_containing_extension
            extended = proto.pool.FindMessageTypeByName(wanted.containing_type)
            _add(proto.pool.FindExtensionByNumber(extended, wanted.extension_number).file, reply)
        elif kind == 'all_extension_numbers_of_type':
            name = request.all_extension_numbers_of_type
            extensions = proto.pool.FindAllExtensions(proto.pool.FindMessageTypeByName(name))
            reply.all_extension_numbers_response.base_type_name = name
            reply.all_extension_numbers_response.extension_number.extend(
                sorted(extension.number for extension in extensions))
        else:
            reply.error_response.error_code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
            reply.error_response.error_message = 'message_request: it is missing'


def _add(file: FileDescriptor, reply: Any) -> None:
    """Add a file and all its imports, serialized."""
    contents = proto.file_descriptor_protos()
    needed = {file.name: file}
    wanted = [file]
    while wanted:
        for imported in wanted.pop().dependencies:
            if imported.name not in needed:
                needed[imported.name] = imported
                wanted.append(imported)
    reply.file_descriptor_response.file_descriptor_proto.extend(map(contents.get, needed))
