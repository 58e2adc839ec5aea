# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive a base with the keyboard, and see the state of the session.

    python3 teleop.py localhost:8080 --name base

Arrow keys set the speed, space stops, q quits. The base moves while a key was pressed in the last
half second; holding a key repeats it. The status line shows the session, whether it is alive, its
window, and what is commanded. Needs viam-sdk and this package, no ROS.
"""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import os
import sys
import termios
import time
import tty

from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

from viam_session_bridge.client import AsyncSession, SessionExpired

# Key -> power ahead and power of turning, as shares of full speed. Viam's y is ahead.
KEYS = {'\x1b[A': (0.5, 0.0), '\x1b[B': (-0.5, 0.0), '\x1b[D': (0.0, 0.5), '\x1b[C': (0.0, -0.5),
        ' ': (0.0, 0.0)}
HELD = 0.5  # s, after which a key counts as released
PERIOD = 0.1  # s


@contextmanager
def single_keys(descriptor: int) -> Iterator[None]:
    """Have the terminal pass on each key at once."""
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def drive(base: Base, session: AsyncSession, keys: 'asyncio.Queue[str]') -> None:
    """Command what the last key says, until q."""
    power, pressed, moving = (0.0, 0.0), 0.0, False
    while True:
        try:
            key = await asyncio.wait_for(keys.get(), PERIOD)
        except asyncio.TimeoutError:
            key = ''
        if key == 'q':
            await base.stop()
            return
        if key in KEYS:
            power, pressed = KEYS[key], time.monotonic()
        if time.monotonic() > pressed + HELD:
            power = (0.0, 0.0)
        if any(power) or moving:
            moving = any(power)
            await base.set_power(Vector3(y=power[0]), Vector3(z=power[1]))
        state = session.expired or 'alive'
        print(f'\r\x1b[K{session.id[:8]}... {state}  window {session.window:g} s  '
              f'ahead {power[0]:+.1f}  turn {power[1]:+.1f}', end='', flush=True)


async def main(address: str, name: str) -> None:
    """Read keys and drive; start a new session when one has ended."""
    descriptor, keys = sys.stdin.fileno(), asyncio.Queue[str]()
    options = RobotClient.Options(disable_sessions=True, dial_options=DialOptions(
        insecure=True, disable_webrtc=True))
    asyncio.get_running_loop().add_reader(
        descriptor, lambda: keys.put_nowait(os.read(descriptor, 8).decode(errors='replace')))
    while True:
        # A client of its own for each session: what was attached stays attached.
        async with await RobotClient.at_address(address, options) as robot, \
                AsyncSession(address) as session:
            session.attach(robot)
            try:
                await drive(Base.from_robot(robot, name), session, keys)
                return
            except SessionExpired as problem:
                print(f'\n{problem}; a new session begins')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Drive a base with the keyboard.')
    parser.add_argument('address', nargs='?', default='localhost:8080', help='host:port')
    parser.add_argument('--name', default='base', help='the base, as the bridge calls it')
    arguments = parser.parse_args()
    with single_keys(sys.stdin.fileno()):
        asyncio.run(main(arguments.address, arguments.name))
    print()
