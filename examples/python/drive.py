# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive a base ahead for a while with the Viam SDK, then stop it.

    pip install viam-sdk
    python3 drive.py localhost:8080

Kill this program while it drives (kill -9, pull the cable, close the laptop): the robot stops.
There is nothing to do for that here. The SDK starts a session with the first motion command and
sends heartbeats by itself; the bridge stops what this session moved when it ends.
"""

import argparse
import asyncio

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

STILL = Vector3(x=0, y=0, z=0)


async def connect(address: str) -> RobotClient:
    """Connect to a bridge that speaks plain text and asks for no credentials."""
    return await RobotClient.at_address(address, RobotClient.Options(
        # The bridge is reached directly: no cloud, no WebRTC.
        dial_options=DialOptions(insecure=True, disable_webrtc=True)))


async def main(address: str, name: str, power: float, seconds: float) -> None:
    """Drive, wait, stop."""
    robot = await connect(address)
    try:
        base = Base.from_robot(robot, name)
        # Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
        await base.set_power(linear=Vector3(x=0, y=power, z=0), angular=STILL)
        print(f'{name} drives; it needs no further command as long as this program lives')
        await asyncio.sleep(seconds)
        await base.stop()
        print(f'{name} stops')
    finally:
        # Closing stops the base, too, if anything above went wrong.
        await robot.close()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Drive a base ahead for a while.')
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='the base, as the bridge calls it')
    parser.add_argument('--power', type=float, default=0.5)
    parser.add_argument('--seconds', type=float, default=3.0)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.address, arguments.name, arguments.power, arguments.seconds))
