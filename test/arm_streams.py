# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A client that streams a trajectory to an arm, message by message; helpers of tests."""

from collections.abc import Iterator
import queue
from typing import Any

import grpc
import pytest

from viam_session_bridge.rpc import proto

METHOD = '/viam.component.arm.v1.ArmService/MoveThroughJointPositionsStreamed'
Request = proto.arm.MoveThroughJointPositionsStreamedRequest


def point(time: float, *values: float, velocities: Any = None, accelerations: Any = None) -> Any:
    """Return a point: s, degrees, degrees/s, degrees/s2."""
    made = proto.arm.TrajectoryPoint(positions=proto.arm.JointPositions(values=values))
    made.time.FromNanoseconds(round(time * 1e9))
    if velocities is not None:
        made.constraints.velocities.values.extend(velocities)
    if accelerations is not None:
        made.constraints.accelerations.values.extend(accelerations)
    return made


def init(name: str = 'arm') -> Any:
    request = Request(name=name)
    request.init.SetInParent()
    return request


def batch(*points: Any, name: str = '') -> Any:
    request = Request(name=name)
    request.batch.SetInParent()
    request.batch.points.extend(points)
    return request


class Stream:
    """One call, message by message."""

    def __init__(self, bench: Any, sid: str | None = None, opid: str | None = None) -> None:
        self._messages: queue.Queue[Any] = queue.Queue()
        metadata = [(key, value) for key, value in (('viam-sid', sid), ('opid', opid)) if value]
        self.call = bench.client().channel.stream_stream(
            METHOD, request_serializer=Request.SerializeToString,
            response_deserializer=proto.arm.MoveThroughJointPositionsStreamedResponse.FromString)(
                self._feed(), metadata=metadata, timeout=20.0)

    def _feed(self) -> Iterator[Any]:
        while (message := self._messages.get()) is not None:
            yield message

    def send(self, *messages: Any) -> 'Stream':
        for message in messages:
            self._messages.put(message)
        return self

    def end(self) -> 'Stream':
        self._messages.put(None)
        return self

    def acknowledged(self) -> bool:
        """Wait for the next acknowledgement."""
        return bool(next(self.call).HasField('ack'))

    def refused(self) -> tuple[grpc.StatusCode, str]:
        """Return how it ends."""
        self.end()
        with pytest.raises(grpc.RpcError):
            while True:
                next(self.call)
        return self.call.code(), self.call.details()
