# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Brings up clients and kills them. Forked rather than started: a kill every half second.

gRPC may be used after a fork only where it was not used before: this process makes no calls.
"""

from collections.abc import Callable
import os
import signal
import socket
import time

import grpc

import calls
import protocol
from viam_session_bridge.locked_supervisor import steady_now
from viam_session_bridge.rpc import proto

BEAT_INTERVAL = 0.4  # s


class Spawner:
    """One client at a time."""

    def __init__(self) -> None:
        self._client = 0

    def driving(self, port: int, base: str) -> None:
        """Bring up a client that has moved a base and holds its session by heartbeats."""
        self._fork(lambda ready: _drive(port, base, ready))

    def connected(self, port: int) -> None:
        """Bring up a client that has opened a TCP connection and does nothing."""
        self._fork(lambda ready: _connect(port, ready))

    def kill(self) -> float:
        """Kill the client; return the moment before (s)."""
        moment = steady_now()
        os.kill(self._client, signal.SIGKILL)
        os.waitpid(self._client, 0)
        return moment

    def _fork(self, live: Callable[[Callable[[], object]], None]) -> None:
        reading, writing = os.pipe()
        self._client = os.fork()
        if self._client == 0:
            try:
                live(lambda: os.write(writing, b'.'))
            finally:
                os._exit(1)
        os.close(writing)
        ready = os.read(reading, 1)
        os.close(reading)
        if not ready:
            os.waitpid(self._client, 0)
            raise RuntimeError('the client failed')


def _drive(port: int, base: str, ready: Callable[[], object]) -> None:
    killer = os.getppid()
    channel = grpc.insecure_channel(f'127.0.0.1:{port}')
    session = calls.session_in(channel.unary_unary(calls.START)(b''))
    channel.unary_unary(calls.SET_POWER)(
        calls.set_power(base, 0.5), metadata=calls.metadata(session))
    ready()
    # A client must not outlive this process.
    beat = channel.unary_unary(
        calls.BEAT, proto.robot.SendSessionHeartbeatRequest.SerializeToString,
        proto.robot.SendSessionHeartbeatResponse.FromString)
    while os.getppid() == killer:
        beat(proto.robot.SendSessionHeartbeatRequest(id=session))
        time.sleep(BEAT_INTERVAL)


def _connect(port: int, ready: Callable[[], object]) -> None:
    killer = os.getppid()
    with socket.create_connection(('127.0.0.1', port)):
        ready()
        while os.getppid() == killer:
            time.sleep(BEAT_INTERVAL)


if __name__ == '__main__':
    spawner = Spawner()
    protocol.serve({'driving': spawner.driving, 'connected': spawner.connected,
                    'kill': spawner.kill})
