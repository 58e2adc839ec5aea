# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A client without SDK and without a session, on gRPC itself, as the C++ SDK is.

Takes orders and answers like the SDK program of the system tests, one at a time:
``{"id": N, "do": "set_power", "base": NAME, "linear": SHARE}`` and ``"stop"``.
"""

import json
import os
import sys
import time
from typing import Any

import grpc
from viam.proto.common import Vector3
from viam.proto.component.base import SetPowerRequest, SetPowerResponse, StopRequest, StopResponse
from viam.proto.robot import (
    ResourceNamesRequest,
    ResourceNamesResponse,
    StartSessionRequest,
    StartSessionResponse,
)

TIMEOUT = 10.0  # s


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)


class PlainClient:
    """One connection. Methods are the orders."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        # The C++ SDK asks right after connecting.
        self._call('viam.robot.v1.RobotService/ResourceNames', ResourceNamesRequest(),
                   ResourceNamesResponse)

    def set_power(self, base: str, linear: float) -> None:
        """Drive ahead."""
        self._call('viam.component.base.v1.BaseService/SetPower',
                   SetPowerRequest(name=base, linear=Vector3(y=linear)), SetPowerResponse)

    def stop(self, base: str) -> None:
        """Stop a base."""
        self._call('viam.component.base.v1.BaseService/Stop', StopRequest(name=base), StopResponse)

    def start_sessions(self, count: int) -> int:
        """Start many sessions at once and use none of them; returns how many were refused."""
        start = self._channel.unary_unary(
            '/viam.robot.v1.RobotService/StartSession', StartSessionRequest.SerializeToString,
            StartSessionResponse.FromString)
        calls = [start.future(StartSessionRequest(), timeout=TIMEOUT) for _ in range(count)]
        return sum(call.exception() is not None for call in calls)  # there are too many already

    def _call(self, method: str, request: Any, reply: Any) -> Any:
        return self._channel.unary_unary(
            f'/{method}', type(request).SerializeToString, reply.FromString)(
                request, timeout=TIMEOUT)


def main() -> None:
    client = PlainClient(sys.argv[1])
    say(event='ready')
    for line in sys.stdin:
        order = json.loads(line)
        number, name = order.pop('id'), order.pop('do')
        try:
            value = getattr(client, name)(**order)
        except grpc.RpcError as problem:
            say(id=number, ok=False, code=problem.code().name, text=problem.details())
        else:
            say(id=number, ok=True, value=value)
    os._exit(0)


if __name__ == '__main__':
    main()
