# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The least HTTP/2 that makes unary gRPC calls: a load generator that costs next to nothing.

With gRPC's own client on the other processor, half of what is measured is the client. No flow
control, no errors but a lost connection, no decoding of reply headers: a call was answered well
when its reply carried a message, which gRPC servers send with status OK only. RFC 9113, RFC 7541.
"""

from collections.abc import Callable
import socket
import ssl
import struct
from typing import NamedTuple

_PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK = _END_STREAM = 1
_END_HEADERS = 4
# Never to be topped up: replies are a few bytes.
_WINDOW = 2 ** 30
_HEAD = struct.Struct('>HBBBI')
_DYNAMIC = 62  # the first index after HPACK's static table
_TABLE_SIZE = 4096  # bytes; an entry counts 32 more than its text
Headers = tuple[tuple[str, str], ...]


class Reply(NamedTuple):
    """
    The answer to a call: its stream, and the message; None when the call was refused.

    headers: the last ones, as they came; gRPC's C core sends status texts in plain ASCII.
    """

    stream: int
    message: bytes | None
    headers: bytes


class Connection:
    """
    One connection. Not for several threads; fileno() suits selectors.

    ca: a file with the CA of the server, for TLS; '' for plain text.
    """

    def __init__(self, port: int, ca: str = '') -> None:
        self._socket = socket.create_connection(('127.0.0.1', port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What was decrypted and not read yet, which no selector reports.
        self._pending: Callable[[], int] = int
        if ca:
            context = ssl.create_default_context(cafile=ca)
            context.set_alpn_protocols(['h2'])
            encrypted = context.wrap_socket(self._socket, server_hostname='127.0.0.1')
            self._socket, self._pending = encrypted, encrypted.pending
        self._next_stream = 1
        self._received = bytearray()
        self._outgoing = bytearray(_PREFACE)
        self._open: set[int] = set()
        self._messages: dict[int, bytes] = {}
        # Headers that the server remembers, with their ordinal numbers.
        self._known: dict[tuple[str, str], int] = {}
        self._table_size = 0
        settings = struct.pack('>HI', 4, _WINDOW)  # INITIAL_WINDOW_SIZE
        self._outgoing += _frame(_SETTINGS, 0, 0, settings)
        self._outgoing += _frame(_WINDOW_UPDATE, 0, 0, struct.pack('>I', _WINDOW))
        self.flush()

    def fileno(self) -> int:
        """Return the descriptor to wait for replies on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection; open calls are abandoned."""
        self._socket.close()

    def call(self, path: str, message: bytes, metadata: Headers = ()) -> int:
        """Prepare a call and return its stream; flush() sends what was prepared."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._open.add(stream)
        headers = b''.join(self._encode(*header) for header in (
            (':method', 'POST'), (':scheme', 'http'), (':path', path),
            (':authority', 'bench'), ('te', 'trailers'), ('content-type', 'application/grpc'),
            *metadata))
        self._outgoing += _frame(_HEADERS, _END_HEADERS, stream, headers)
        self._outgoing += _frame(
            _DATA, _END_STREAM, stream, struct.pack('>BI', 0, len(message)) + message)
        return stream

    def flush(self) -> None:
        """Send everything prepared."""
        if self._outgoing:
            self._socket.sendall(self._outgoing)
            self._outgoing.clear()

    def receive(self) -> list[Reply]:
        """Read once and return the calls that are thereby answered. Raises ConnectionError."""
        received = self._socket.recv(65536)
        while self._pending():
            received += self._socket.recv(65536)
        if not received:
            raise ConnectionError('the server closed the connection')
        buffer = self._received
        buffer += received
        position = 0
        replies: list[Reply] = []
        while len(buffer) - position >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer, position)
            end = position + 9 + (high << 8 | low)
            if len(buffer) < end:
                break
            payload = bytes(buffer[position + 9:end])
            position = end
            if kind == _DATA:
                self._messages[stream] = self._messages.get(stream, b'') + payload
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                self._outgoing += _frame(kind, _ACK, 0, b'' if kind == _SETTINGS else payload)
            elif kind == _GOAWAY:
                raise ConnectionError(f'the server ended the connection: {payload[8:]!r}')
            ends = kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM)
            # A server that answered before it saw our end of stream resets it afterwards.
            if ends and stream in self._open:
                self._open.remove(stream)
                body = self._messages.pop(stream, None)
                replies.append(Reply(stream, None if body is None else body[5:], payload))
        del buffer[:position]
        self.flush()
        return replies

    def _encode(self, name: str, value: str) -> bytes:
        """Encode a header; one that the server remembers takes a byte."""
        header = name, value
        if header in self._known:
            return bytes((0x80 | _DYNAMIC + len(self._known) - 1 - self._known[header],))
        literal = _text(name) + _text(value)
        size = 32 + len(name) + len(value)
        if self._table_size + size > _TABLE_SIZE or len(self._known) >= 60:
            return b'\x00' + literal
        self._table_size += size
        self._known[header] = len(self._known)
        return b'\x40' + literal


def _text(text: str) -> bytes:
    assert len(text) < 127, text
    return bytes((len(text),)) + text.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload) >> 8, len(payload) & 255, kind, flags, stream) + payload
