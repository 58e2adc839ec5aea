# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive a base ahead for a while with the Viam SDK, then stop it.

    pip install viam-sdk
    python3 drive.py localhost:8080

For a bridge with API keys, set VIAM_API_KEY_ID and VIAM_API_KEY to the id and the key, and
SSL_CERT_FILE to the file of a CA that your system does not know.

Kill this program while it drives (kill -9, pull the cable, close the laptop): the robot stops.
This program needs no code for that. The SDK starts a session with the first motion command and
sends heartbeats; when the session ends, the bridge stops what it has moved.
"""

import argparse
import asyncio
import os

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

STILL = Vector3(x=0, y=0, z=0)


async def connect(address: str) -> RobotClient:
    """Connect with the API key of the environment and TLS; without a key, in plain text."""
    key_id, key = os.environ.get('VIAM_API_KEY_ID'), os.environ.get('VIAM_API_KEY')
    if key_id and key:
        options = RobotClient.Options.with_api_key(api_key=key, api_key_id=key_id)
    else:
        # The bridge is reached directly: no cloud, no WebRTC.
        options = RobotClient.Options(dial_options=DialOptions(insecure=True, disable_webrtc=True))
    return await RobotClient.at_address(address, options)


async def main(address: str, name: str, power: float, seconds: float) -> None:
    """Drive, wait, stop."""
    robot = await connect(address)
    try:
        base = Base.from_robot(robot, name)
        # Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
        await base.set_power(linear=Vector3(x=0, y=power, z=0), angular=STILL)
        print(f'{name} drives; it needs no further command while this program runs')
        await asyncio.sleep(seconds)
        await base.stop()
        print(f'{name} stops')
    finally:
        # Closing also stops the base, if an error occurred above.
        await robot.close()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Drive a base ahead for a while.')
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='name of the base in the bridge')
    parser.add_argument('--power', type=float, default=0.5)
    parser.add_argument('--seconds', type=float, default=3.0)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.address, arguments.name, arguments.power, arguments.seconds))
