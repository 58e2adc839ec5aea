# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive a base with a session that this program controls.

    pip install viam-sdk, and this package (no ROS needed)
    python3 session_client.py localhost:8080

The program sends its heartbeats from its own event loop. After three seconds it blocks the loop
for longer than the window: the robot stops, and the next command is refused before it is sent.
"""

import argparse
import asyncio
import time

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

from viam_session_bridge.client import AsyncSession, SessionExpired


async def main(address: str, name: str) -> None:
    """Drive, block the event loop, and start a new session."""
    options = RobotClient.Options(disable_sessions=True, dial_options=DialOptions(
        insecure=True, disable_webrtc=True))
    async with await RobotClient.at_address(address, options) as robot:
        base = Base.from_robot(robot, name)
        async with AsyncSession(address, on_expired=lambda why: print('over:', why)) as session:
            session.attach(robot)
            print('session', session.id, 'window', session.window)
            await base.set_power(Vector3(y=0.5), Vector3())
            await asyncio.sleep(3.0)
            print('moving with heartbeats', await base.is_moving())
            time.sleep(session.window + 1.0)
            print('moving without heartbeats', await base.is_moving())
            try:
                await base.set_power(Vector3(y=0.5), Vector3())
            except SessionExpired as problem:
                print('refused:', problem)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Drive with a session of this program.')
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='name of the base in the bridge')
    arguments = parser.parse_args()
    asyncio.run(main(arguments.address, arguments.name))
