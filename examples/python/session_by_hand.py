# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Use Viam's Session Management API directly, as an SDK does.

    pip install viam-sdk
    python3 session_by_hand.py localhost:8080

A session requires heartbeats: StartSession returns the window, every motion command has the
session id in its metadata, and SendSessionHeartbeat must be called within every window. This
program drives with heartbeats for three seconds, then sends none: the robot stops after the
window, and a command with the expired session is refused with SESSION_EXPIRED.
"""

import argparse
import asyncio

from grpclib.client import Channel
from grpclib.exceptions import GRPCError
from viam.proto.common import Vector3
from viam.proto.component.base import BaseServiceStub, IsMovingRequest, SetPowerRequest
from viam.proto.robot import (
    GetSessionsRequest,
    RobotServiceStub,
    SendSessionHeartbeatRequest,
    StartSessionRequest,
)

DURATION = 3.0  # s


async def send_heartbeats(robot: RobotServiceStub, session: str, interval: float) -> None:
    """Send heartbeats until cancelled."""
    while True:
        await robot.SendSessionHeartbeat(SendSessionHeartbeatRequest(id=session))
        await asyncio.sleep(interval)


async def main(address: str, name: str) -> None:
    """Drive with heartbeats, then without."""
    host, _, port = address.rpartition(':')
    async with Channel(host, int(port)) as channel:
        robot, base = RobotServiceStub(channel), BaseServiceStub(channel)

        session = await robot.StartSession(StartSessionRequest())
        window = session.heartbeat_window.ToTimedelta().total_seconds()
        print('session', session.id, 'window', window)
        heartbeats = asyncio.create_task(send_heartbeats(robot, session.id, window / 5))

        # Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
        ahead = SetPowerRequest(name=name, linear=Vector3(y=0.5), angular=Vector3())
        await base.SetPower(ahead, metadata={'viam-sid': session.id})
        await asyncio.sleep(DURATION)
        for one in (await robot.GetSessions(GetSessionsRequest())).sessions:
            print('open', one.id, 'from', one.peer_connection_info.remote_address)
        reply = await base.IsMoving(IsMovingRequest(name=name))
        print('moving with heartbeats', reply.is_moving)

        heartbeats.cancel()
        await asyncio.sleep(window + 1.0)
        reply = await base.IsMoving(IsMovingRequest(name=name))
        print('moving without heartbeats', reply.is_moving)
        try:
            await base.SetPower(ahead, metadata={'viam-sid': session.id})
        except GRPCError as refused:
            print('refused', refused.status.name, refused.message)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description="Use Viam's Session Management API directly.")
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='name of the base in the bridge')
    arguments = parser.parse_args()
    asyncio.run(main(arguments.address, arguments.name))
