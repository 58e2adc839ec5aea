# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
config/nav_base.yaml as it is: a base behind twist_mux, and Nav2 beside the bridge.

The wheels keep the last commanded speed, and the mux adds no zeros: only stops that get through
it, and a Nav2 that was cancelled, let the base rest.
"""

import threading
import time
from typing import Any

import pytest
import yaml

from host import took
from processes import Bridge, Client, Driver, MARGIN, PATIENCE, Program, Programs, TEST, wait_until

FILE = TEST.parent / 'config' / 'nav_base.yaml'
MUX = TEST / 'system' / 'programs' / 'mux.py'
WHEELS = 'diff_drive_controller/cmd_vel'
NAVIGATING = (0.2, 0.0, 0.0)


class Mux(Program):
    """The simulated mux and Nav2; when Nav2 was cancelled is kept."""

    def __init__(self, bridge: Bridge) -> None:
        self.ready = threading.Event()
        self.cancelled: list[float] = []
        super().__init__(
            MUX, f'--input={bridge.topic("cmd_vel_joy")}:100:0.5',
            f'--input={bridge.topic("cmd_vel_viam")}:50:0.5',
            f'--input={bridge.topic("cmd_vel_nav")}:10:0.5', f'--output={bridge.topic(WHEELS)}',
            f'--navigation={bridge.topic("cmd_vel_nav")}', f'--actions={bridge.namespace}')

    def take(self, entry: dict[str, Any]) -> None:
        """Record the output of the program."""
        if entry['event'] == 'ready':
            self.ready.set()
        elif entry['event'] == 'cancelled':
            self.cancelled.append(entry['at'])

    def wait_ready(self) -> None:
        """Wait until it forwards."""
        assert self.ready.wait(PATIENCE), f'the mux did not start:\n{self.text}'

    def wait_cancelled(self, since: float) -> float:
        """Wait until Nav2's goal was cancelled; returns when (s)."""
        return wait_until(
            lambda: next((at for at in self.cancelled if at >= since), None), 'a cancelled goal')


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    # A free port, and patience with a busy machine.
    return shared.bridge({
        **node['ros__parameters'], 'grpc': {'port': 0}, 'guard': {'patience': 5.0}})


@pytest.fixture(scope='module')
def mux(shared: Programs, bridge: Bridge) -> Mux:
    mux: Mux = shared.add(Mux(bridge))
    return mux


@pytest.fixture(scope='module')
def wheels(shared: Programs, bridge: Bridge, mux: Mux) -> Driver:
    driver = shared.driver(
        bridge.topic(WHEELS), type='twist_stamped',
        odometry=bridge.topic('diff_drive_controller/odom'))
    bridge.wait_drivers('base')
    return driver


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, wheels: Driver) -> Client:
    return shared.client(bridge.address)


@pytest.fixture(autouse=True)
def rested(client: Client, mux: Mux, wheels: Driver, bridge: Bridge) -> None:
    """Begin each test at rest and in silence, longer than a stalled machine delays a zero."""
    client.do('stop', base='base')
    wait_until(lambda: not client.do('is_moving', base='base'), 'rest')
    wheels.wait_silence(bridge.topic(WHEELS), quiet=1.5)


def navigate(mux: Mux, wheels: Driver) -> None:
    """Let Nav2 drive."""
    since = time.monotonic()
    mux.send(do='navigate')
    wait_until(lambda: any(one.linear == NAVIGATING for one in wheels.heard(since=since)),
               'Nav2 drives')


def test_an_idle_bridge_leaves_navigation_alone(
        client: Client, bridge: Bridge, mux: Mux, wheels: Driver) -> None:
    """For longer than any timeout."""
    navigate(mux, wheels)
    since = time.monotonic()
    wait_until(lambda: wheels.heard(since=since + 1.5), 'Nav2 drives on')
    assert {one.linear for one in wheels.heard(since=since)} == {NAVIGATING}, bridge.text


def test_a_client_drives_above_navigation_and_its_end_stops_both(
        programs: Programs, bridge: Bridge, mux: Mux, wheels: Driver) -> None:
    """Zeros while Nav2 still drives, its goals cancelled, and then nothing at all."""
    navigate(mux, wheels)
    victim = programs.client(bridge.address)
    victim.do('set_power', base='base', linear=1.0)
    wait_until(lambda: wheels.heard()[-1].linear == (0.5, 0.0, 0.0), 'the client drives')
    killed = victim.kill()
    assert took(killed, mux.wait_cancelled(killed)) <= MARGIN
    zero = wheels.wait_zero(bridge.topic(WHEELS), killed)
    assert took(killed, zero.at) <= MARGIN
    wheels.wait_silence(bridge.topic(WHEELS), quiet=0.7)
    after = wheels.heard(since=zero.at)
    assert all(one.is_zero for one in after)
    assert took(zero.at, after[-1].at) < 1.0 + MARGIN
    bridge.wait_logged(r'base: stopped \(verified\)')


def test_stop_ends_navigation_that_others_began(
        client: Client, bridge: Bridge, mux: Mux, wheels: Driver) -> None:
    """Although the base is not ours: a Stop means the base."""
    navigate(mux, wheels)
    asked = time.monotonic()
    client.do('stop', base='base')
    mux.wait_cancelled(asked)
    wheels.wait_zero(bridge.topic(WHEELS), asked)
    wheels.wait_silence(bridge.topic(WHEELS), quiet=0.7)
    assert wheels.heard()[-1].is_zero
