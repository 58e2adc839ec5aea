# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The other process of test_presence.py: a client, or a server in a network namespace of its own.

client ADDRESS: opens one connection, calls once, says 'called', and holds the connection.
client ADDRESS hang: calls a method that does not return.
serve HOST: serves, watches every client that calls, and says 'port N' and 'present IDS'.
"""

import asyncio
from collections.abc import Awaitable, Callable
import sys
import time

import grpc

from viam_session_bridge.rpc.connections import SocketMonitor
from viam_session_bridge.rpc.server import server_options

Handler = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


class AnyMethod(grpc.GenericRpcHandler):
    """Serves every method with one handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Return the handler, whatever was called."""
        return grpc.unary_unary_rpc_method_handler(self._handler)


def client(address: str, method: str) -> None:
    """Call once; then hold the connection until the process is killed or stdin ends."""
    channel = grpc.insecure_channel(address)
    channel.unary_unary('/test/quick')(b'', wait_for_ready=True, timeout=20.0)
    # Kept: a call without a reference is cancelled.
    call = channel.unary_unary('/test/hang').future(b'') if method == 'hang' else None
    print('called', flush=True)
    sys.stdin.read()
    if call is not None:
        call.cancel()


async def serve(host: str) -> None:
    """Serve until killed."""
    wanted: set[int] = set()
    reported: frozenset[int] = frozenset()

    def report(taken_at: float, present: frozenset[int]) -> None:
        nonlocal reported
        if present != reported:
            reported = present
            print('present', *sorted(present), flush=True)

    presence = SocketMonitor(now=time.monotonic, wanted=lambda: frozenset(wanted), report=report)

    async def handle(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        caller = presence.socket_of(context.peer())
        if caller is not None:
            wanted.add(caller)
            presence.wake()
        return b''

    server = grpc.aio.server(options=server_options())
    server.add_generic_rpc_handlers((AnyMethod(handle),))
    port = server.add_insecure_port(f'{host}:0')
    await server.start()
    presence.attach(port)
    print('port', port, flush=True)
    await presence.run()


if __name__ == '__main__':
    if sys.argv[1] == 'serve':
        asyncio.run(serve(sys.argv[2]))
    else:
        client(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else '')
