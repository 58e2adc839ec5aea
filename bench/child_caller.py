# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A client that makes one call at a time, paced, with gRPC's own asyncio client."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

import calls
import protocol
from viam_session_bridge.locked_supervisor import steady_now
from viam_session_bridge.rpc import proto


class Caller:
    """Calls a bridge, and the bare echo server with the same messages. Times are in s."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._channels: dict[int, grpc.aio.Channel] = {}

    def set_power(self, port: int, base: str, powers: list[float],
                  interval: float, ca: str = '') -> list[float]:
        """
        Command these powers in a session of our own; return the moment before each call.

        ca: a file with the CA of the server, for TLS; '' for plain text.
        """
        return self._loop.run_until_complete(self._set_power(port, base, powers, interval, ca))

    def echo(self, port: int, base: str, powers: list[float], interval: float) -> list[float]:
        """Make the same calls to a server that only answers; return the round trips."""
        return self._loop.run_until_complete(self._echo(port, base, powers, interval))

    async def _set_power(self, port: int, base: str, powers: list[float],
                         interval: float, ca: str) -> list[float]:
        channel = self._channel(port, ca)
        start = channel.unary_unary(
            calls.START, proto.robot.StartSessionRequest.SerializeToString,
            proto.robot.StartSessionResponse.FromString)
        session = (await start(proto.robot.StartSessionRequest())).id
        call = channel.unary_unary(
            calls.SET_POWER, proto.base.SetPowerRequest.SerializeToString,
            proto.base.SetPowerResponse.FromString)
        requests = [calls.set_power_request(base, power) for power in powers]
        return [sent for sent, _ in await _paced(
            requests, interval, lambda one: call(one, metadata=calls.metadata(session)))]

    async def _echo(self, port: int, base: str, powers: list[float],
                    interval: float) -> list[float]:
        call = self._channel(port).unary_unary(calls.SET_POWER)
        requests = [calls.set_power(base, power) for power in powers]
        session = calls.metadata('0' * 36)
        return [done - sent for sent, done in await _paced(
            requests, interval, lambda one: call(one, metadata=session))]

    def _channel(self, port: int, ca: str = '') -> grpc.aio.Channel:
        if port not in self._channels:
            asyncio.set_event_loop(self._loop)
            address = f'127.0.0.1:{port}'
            self._channels[port] = (
                grpc.aio.secure_channel(
                    address, grpc.ssl_channel_credentials(Path(ca).read_bytes()))
                if ca else grpc.aio.insecure_channel(address))
        return self._channels[port]


async def _paced(requests: list[Any], interval: float,
                 call: Callable[[Any], Awaitable[Any]]) -> list[tuple[float, float]]:
    """Make calls, not back to back; return the moments before and after each."""
    moments = []
    due = steady_now()
    for request in requests:
        due += interval
        await asyncio.sleep(max(0.0, due - steady_now()))
        sent = steady_now()
        await call(request)
        moments.append((sent, steady_now()))
    return moments


if __name__ == '__main__':
    caller = Caller()
    protocol.serve({'set_power': caller.set_power, 'echo': caller.echo})
