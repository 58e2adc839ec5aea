# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The kernel's reports about sockets of this process, on plain TCP connections."""

from collections.abc import Iterator
import contextlib
import os
import socket

import pytest

from viam_session_bridge.rpc import connections


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Two connections to one listener: client's end, server's end."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(('127.0.0.1', 0)))
        assert connections.listens(listener.getsockname()[1])
        found = []
        for _ in range(2):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            found.append((client, stack.enter_context(listener.accept()[0])))
        yield found


def find(client: socket.socket) -> list[connections.Connection]:
    own, port = client.getsockname()
    return connections.find(
        client.getpeername()[1], connections.Endpoint(socket.inet_aton(own), port))


@pytest.mark.parametrize('peer, address, port', [
    ('ipv4:192.0.2.1:80', b'\xc0\0\2\1', 80),
    ('ipv6:%5B::1%5D:80', bytes(15) + b'\1', 80),
    ('ipv6:[::1]:80', bytes(15) + b'\1', 80),
    ('ipv6:%5B::ffff:192.0.2.1%5D:80', b'\xc0\0\2\1', 80),
    ('ipv6:%5Bfe80::1%25eth0%5D:80', b'\xfe\x80' + bytes(13) + b'\1', 80),
])
def test_peers_are_parsed(peer: str, address: bytes, port: int) -> None:
    assert connections.parse_peer(peer) == (address, port)


@pytest.mark.parametrize('peer', ['', 'unix:', 'unix:/tmp/x', 'ipv4:192.0.2:80', 'ipv4:192.0.2.1'])
def test_other_peers_are_not_parsed(peer: str) -> None:
    assert connections.parse_peer(peer) is None


@pytest.mark.parametrize(('peer', 'shown'), [
    ('ipv4:127.0.0.1:35314', '127.0.0.1:35314'), ('ipv6:%5B::1%5D:80', '[::1]:80'),
    ('ipv6:[fe80::1%25eth0]:80', '[fe80::1%eth0]:80'), ('unix:/tmp/x', 'unix:/tmp/x'),
    ('', '')])
def test_peers_are_shown_as_addresses(peer: str, shown: str) -> None:
    assert connections.shown_address(peer) == shown


def test_each_connection_has_its_own_cookie(
        pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    (one,), (other,) = (find(client) for client, _ in pairs)
    assert [one.fd, other.fd] == [server.fileno() for _, server in pairs]
    assert one.cookie != other.cookie
    assert connections.silence(one.fd, one.cookie) is not None
    assert connections.silence(one.fd, other.cookie) is None


def test_descriptor_of_another_socket_is_absent(
        pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    (found,) = find(pairs[0][0])
    os.dup2(pairs[1][1].fileno(), found.fd)
    assert connections.silence(found.fd, found.cookie) is None


def test_half_closed_connection_is_absent(
        pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    client, server = pairs[0]
    (found,) = find(client)
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b''
    assert connections.silence(found.fd, found.cookie) is None
    client.close()
    assert connections.silence(found.fd, found.cookie) is None


def test_closed_descriptor_is_absent(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    client, server = pairs[0]
    (found,) = find(client)
    server.close()
    assert connections.silence(found.fd, found.cookie) is None
    with pytest.raises(OSError):
        connections.probe(found.fd)


def test_probing_is_switched_on(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    client, server = pairs[0]
    (found,) = find(client)
    connections.probe(found.fd)
    assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 1
    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 1
