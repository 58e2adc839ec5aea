# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
An ordinary Viam SDK program: it drives a base and does not depend on ROS or on this bridge.

It never stops the base: the bridge does when this program has ended. For each answered command it
prints `command <seconds on the steady clock>`, so that the demo can show the last one. Programs to
copy from are in examples/python.
"""

import argparse
import asyncio
import os
import time

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

_CLOCK_ID = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)


def options() -> RobotClient.Options:
    """Return how to connect: with the API key of the environment and TLS, or without both."""
    key_id, key = (os.environ.get(name, '') for name in ('VIAM_API_KEY_ID', 'VIAM_API_KEY'))
    if key:
        # SSL_CERT_FILE names the CA. With disable_webrtc, the SDK would not verify 127.0.0.1.
        return RobotClient.Options.with_api_key(api_key=key, api_key_id=key_id)
    return RobotClient.Options(dial_options=DialOptions(insecure=True, disable_webrtc=True))


async def drive(address: str, power: float, turn: float, period: float) -> None:
    """Command power (-1 to 1) ahead and turn (-1 to 1) every period s, or once if it is 0."""
    robot = await RobotClient.at_address(address, options())
    base = Base.from_robot(robot, 'base')
    while True:
        sent_at = time.clock_gettime(_CLOCK_ID)
        await base.set_power(Vector3(x=0, y=power, z=0), Vector3(x=0, y=0, z=turn))
        print(f'command {sent_at:.6f}', flush=True)
        if period:
            await asyncio.sleep(period)
        else:
            # A command holds while its program runs: the SDK sends heartbeats by itself.
            await asyncio.Event().wait()


def main() -> None:
    """Drive until killed."""
    parser = argparse.ArgumentParser(description='Drive the base of the demo until killed.')
    parser.add_argument('address', help='host:port of the bridge')
    parser.add_argument('--power', type=float, default=1.0)
    parser.add_argument('--turn', type=float, default=0.0)
    parser.add_argument('--period', type=float, default=0.0)
    arguments = parser.parse_args()
    asyncio.run(drive(arguments.address, arguments.power, arguments.turn, arguments.period))


if __name__ == '__main__':
    main()
