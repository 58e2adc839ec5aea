# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Requests out of bytes, also out of bytes that are none.

A deserializer that raises leaves the answer to gRPC (UNKNOWN, and a text of Python's), and no
handler ever hears of the call. Ours hand an Undecodable on instead. A Stop is obeyed if only its
name can be read.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
import grpc

from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.status import CallError

_STOPS = frozenset({'Stop', 'StopAll'})
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Undecodable:
    """What stands for a request that could not be read; expected: the full name of its message."""

    expected: str


def decoder(method: MethodDescriptor) -> Callable[[bytes], Any]:
    """Return what makes a method's request of bytes, or an Undecodable; it never raises."""
    kind: Any = proto.message(method.input_type.full_name)
    stops = method.name in _STOPS

    def decode(content: bytes) -> Any:
        try:
            return kind.FromString(content)
        # Which exceptions there are depends on the protobuf that is installed.
        except Exception:
            salvaged = _salvaged(kind, content) if stops else None
            return Undecodable(method.input_type.full_name) if salvaged is None else salvaged

    return decode


def decoded(request: Any) -> Any:
    """Return a request that could be read. Raises CallError for another."""
    if isinstance(request, Undecodable):
        raise CallError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f'the request is no {request.expected}: its bytes are malformed, or it is nested too '
            'deeply')
    return request


class Decoded:
    """The requests of a stream. Raises CallError at one that could not be read."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests.__aiter__()

    def __aiter__(self) -> 'Decoded':
        """Return the one iterator that there is."""
        return self

    async def __anext__(self) -> Any:
        """Return the next request."""
        return decoded(await self._requests.__anext__())


def _salvaged(kind: Any, content: bytes) -> Any:
    """Return the stop that broken bytes ask for; None where they do not say of what."""
    field = kind.DESCRIPTOR.fields_by_name.get('name')
    if field is None:
        return kind()
    name = _last(field.number, content)
    return None if name is None else kind(name=name.decode('utf-8', 'replace'))


def _last(number: int, content: bytes) -> bytes | None:
    """Return the last value of a field of bytes, as far as the message can be read."""
    found, at = None, 0
    try:
        while at < len(content):
            tag, at = _varint(content, at)
            kind, length = tag & 7, 0
            if kind == _VARINT:
                _, at = _varint(content, at)
            elif kind == _BYTES:
                length, at = _varint(content, at)
            elif kind in (_FIXED32, _FIXED64):
                length = 4 if kind == _FIXED32 else 8
            else:
                break
            if at + length > len(content):
                break
            if kind == _BYTES and tag >> 3 == number:
                found = content[at:at + length]
            at += length
    except IndexError:
        pass  # it ends within a number
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number of the wire and where the next thing begins. Raises IndexError."""
    value = shift = 0
    while content[at] & 0x80:
        value |= (content[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise IndexError('no number is that long')
    return value | content[at] << shift, at + 1
