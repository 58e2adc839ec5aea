# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A Viam SDK program that executes orders: orders in, answers out, one JSON object a line.

Every order is a task of its own, so that several may run at once. An order is
``{"id": N, "do": NAME, ...arguments}``; its answer ``{"id": N, "ok": true, "value": ...}`` or
``{"id": N, "ok": false, "code": "INVALID_ARGUMENT", "text": ...}``, both with "at", seconds of
CLOCK_MONOTONIC. It ends at the end of its input, without closing its session.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
import json
import os
import sys
import time
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpclib.exceptions import GRPCError
from viam.components.arm import Arm
from viam.components.base import Base, Vector3
from viam.components.button import Button
from viam.components.gantry import Gantry
from viam.components.generic import Generic
from viam.components.gripper import Gripper
from viam.components.motor import Motor
from viam.components.sensor import Sensor
from viam.components.servo import Servo
from viam.components.switch import Switch
from viam.proto.common import Pose
from viam.proto.common import Vector3 as ProtoVector3
from viam.proto.component.arm import JointPositions
from viam.proto.component.base import BaseServiceStub, SetPowerRequest
from viam.proto.robot import SendSessionHeartbeatRequest
from viam.robot.client import RobotClient
from viam.rpc.dial import dial, DialOptions

# The SDK makes clients of those components only whose classes were imported before.
COMPONENTS: dict[str, Any] = {
    'arm': Arm, 'base': Base, 'button': Button, 'gantry': Gantry, 'generic': Generic,
    'gripper': Gripper, 'motor': Motor, 'sensor': Sensor, 'servo': Servo, 'switch': Switch}

# Arguments that are messages.
MESSAGES: dict[str, Any] = {
    'JointPositions': JointPositions, 'Pose': Pose, 'Vector3': Vector3}

OPTIONS = DialOptions(insecure=True, disable_webrtc=True)


def say(**entry: Any) -> None:
    """Write one line at once."""
    print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)


def message(argument: Any) -> Any:
    """Return an argument; {"Pose": {...}} is the message of that name."""
    if isinstance(argument, dict) and argument.keys() & MESSAGES.keys():
        ((name, fields),) = argument.items()
        return MESSAGES[name](**fields)
    return argument


def plain(value: Any) -> Any:
    """Return a value as JSON can carry it."""
    if isinstance(value, Message):
        return MessageToDict(value, preserving_proto_field_name=True)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return getattr(value, '__dict__', value)


class Client:
    """One connection to a robot. Methods are the orders."""

    def __init__(self, robot: RobotClient, address: str) -> None:
        self._robot = robot
        self._address = address

    def _base(self, name: str) -> Base:
        return Base.from_robot(self._robot, name)

    async def set_power(self, base: str, linear: float = 0.0, angular: float = 0.0) -> None:
        """Drive forward and turn, as shares of full speed."""
        await self._base(base).set_power(Vector3(y=linear), Vector3(z=angular))

    async def set_velocity(self, base: str, linear: float = 0.0, angular: float = 0.0) -> None:
        """Drive forward (mm/s) and turn (deg/s)."""
        await self._base(base).set_velocity(Vector3(y=linear), Vector3(z=angular))

    async def move_straight(self, base: str, distance: int, velocity: float) -> None:
        """Drive a distance (mm) at a speed (mm/s) and wait for the end."""
        await self._base(base).move_straight(distance, velocity)

    async def stop(self, base: str) -> None:
        """Stop one base."""
        await self._base(base).stop()

    async def is_moving(self, base: str) -> bool:
        """Ask whether a base moves."""
        return await self._base(base).is_moving()

    async def call(self, component: str, name: str, method: str,
                   arguments: tuple[Any, ...] = ()) -> Any:
        """Call a method of any other component, by the SDK's names."""
        resource = COMPONENTS[component].from_robot(self._robot, name)
        return plain(await getattr(resource, method)(*map(message, arguments)))

    async def stream(self, arm: str, batches: list[list[list[float]]], period: float) -> int:
        """
        Stream a trajectory: a batch a period (s), of points [s, degrees, ...].

        Returns how many updates came.
        """
        async def sent() -> AsyncIterator[list[Any]]:
            for batch in batches:
                yield [Arm.TrajectoryPoint(timedelta(seconds=at), positions)
                       for at, *positions in batch]
                await asyncio.sleep(period)

        stream = Arm.from_robot(self._robot, arm).move_through_joint_positions_streamed(sent())
        return len([update async for update in stream])

    async def stop_all(self) -> None:
        """Stop everything."""
        await self._robot.stop_all()

    async def block(self, seconds: float) -> None:
        """Block the event loop, as some programs do."""
        time.sleep(seconds)

    async def session(self) -> str:
        """Return the id of the session; empty when there is none."""
        return self._robot._sessions_client._current_id

    async def operations(self) -> list[str]:
        """Return the methods of all calls that are under way."""
        return [operation.method for operation in await self._robot.get_operations()]

    async def set_power_under(self, base: str, session: str) -> None:
        """Drive forward under a session id of the caller's choice, on another connection."""
        channel = await dial(self._address, OPTIONS)
        try:
            await BaseServiceStub(channel.channel).SetPower(
                SetPowerRequest(name=base, linear=ProtoVector3(y=1.0)),
                metadata={'viam-sid': session}, timeout=5.0)
        finally:
            channel.close()

    async def beat_for(self, session: str, period: float) -> None:
        """Send heartbeats for a session of another client, until this program ends."""
        while True:
            await self._robot._client.SendSessionHeartbeat(SendSessionHeartbeatRequest(id=session))
            await asyncio.sleep(period)

    async def close(self) -> None:
        """Close the connection cleanly; the program lives on."""
        await self._robot.close()


async def answer(client: Client, order: dict[str, Any]) -> None:
    """Carry out one order and report its result."""
    number, name = order.pop('id'), order.pop('do')
    try:
        value = await getattr(client, name)(**order)
    except GRPCError as problem:
        say(id=number, ok=False, code=problem.status.name, text=problem.message or '')
    except Exception as problem:
        say(id=number, ok=False, code=type(problem).__name__, text=str(problem))
    else:
        say(id=number, ok=True, value=value)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('address')
    parser.add_argument('--disable-sessions', action='store_true')
    options = parser.parse_args()
    robot = await RobotClient.at_address(options.address, RobotClient.Options(
        dial_options=OPTIONS, disable_sessions=options.disable_sessions))
    client = Client(robot, options.address)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say(event='ready')
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(client, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    os._exit(0)


if __name__ == '__main__':
    asyncio.run(main())
