# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Two operators, one base: the last caller wins.

    pip install viam-sdk
    python3 takeover.py localhost:8080

Each connection has its own session. A drives, B takes over with a command, A disconnects: the base
continues, because B owns it. B disconnects without a Stop: the base stops.
"""

import argparse
import asyncio

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

STILL = Vector3(x=0, y=0, z=0)


async def connect(address: str) -> RobotClient:
    """Connect to a bridge without TLS and authentication."""
    return await RobotClient.at_address(address, RobotClient.Options(
        # The bridge is reached directly: no cloud, no WebRTC.
        dial_options=DialOptions(insecure=True, disable_webrtc=True)))


async def main(address: str, name: str) -> None:
    """Drive with A, then with B; a third connection reads the state and sends no commands."""
    a, b, observer = [await connect(address) for _ in range(3)]
    watched = Base.from_robot(observer, name)

    await Base.from_robot(a, name).set_power(linear=Vector3(x=0, y=0.3, z=0), angular=STILL)
    await asyncio.sleep(1.0)
    print('A drives          moving:', await watched.is_moving())

    await Base.from_robot(b, name).set_power(linear=Vector3(x=0, y=0.6, z=0), angular=STILL)
    await asyncio.sleep(1.0)
    print('B has taken over  moving:', await watched.is_moving())

    await a.close()
    await asyncio.sleep(1.0)
    print('A has left        moving:', await watched.is_moving())

    await b.close()
    await asyncio.sleep(1.0)
    print('B has left        moving:', await watched.is_moving())
    await observer.close()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Two operators drive one base in turn.')
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='name of the base in the bridge')
    arguments = parser.parse_args()
    asyncio.run(main(arguments.address, arguments.name))
