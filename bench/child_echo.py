# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The baseline of every call: a bare grpc.aio server that answers any unary call."""

import asyncio
import threading
from typing import Any

import grpc

import protocol


class Echo(grpc.GenericRpcHandler):
    """Bytes in, nothing out: as much as a heartbeat or a command is answered with."""

    def service(self, details: Any) -> grpc.RpcMethodHandler:
        """Return the handler of every path."""
        return grpc.unary_unary_rpc_method_handler(self._answer)

    @staticmethod
    async def _answer(request: bytes, context: Any) -> bytes:
        return b''


async def run() -> None:
    """Serve on a port that the other side asks for."""
    server = grpc.aio.server(options=[('grpc.max_concurrent_streams', 1000)])
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port('127.0.0.1:0')
    await server.start()
    threading.Thread(
        target=protocol.serve, args=({'port': lambda: port},), daemon=True).start()
    await server.wait_for_termination()


if __name__ == '__main__':
    asyncio.run(run())
