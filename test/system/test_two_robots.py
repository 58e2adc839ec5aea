# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Two robots on one machine and in one ROS domain, distinguished by their namespaces only.

Each has a bridge, a guard that is required, a driver and a client. Both have the same parameters.
"""

import time

import pytest

from observer import Observer
from processes import base, Bridge, Client, Driver, Guard, Programs, settings, wait_until

PATIENCE = 2.0  # s, of the guards: a bridge that is late by half of it stops, too


class Robot:
    """All processes of one robot."""

    def __init__(self, programs: Programs) -> None:
        parameters = settings({'base': base(accept_no_timeout=False)})
        parameters['guard'] = {'patience': PATIENCE, 'required': True}
        self.bridge: Bridge = programs.bridge(parameters)
        self.topic = self.bridge.topic()
        self.guard: Guard = programs.guard(self.bridge)
        self.driver: Driver = programs.driver(self.topic, node=f'{self.bridge.namespace}/driver')
        self.bridge.wait_drivers('base')
        self.guard.wait_logged('base: a driver is connected')
        self.client: Client = programs.client(self.bridge.address)

    def move(self, power: float) -> None:
        """Drive, and wait until the driver receives it."""
        since = time.monotonic()
        wait_until(
            lambda: self.client.ask('set_power', base='base', linear=power)['ok'], 'motion')
        self.driver.wait_motion(self.topic, since)


@pytest.fixture(scope='module')
def robots(shared: Programs) -> tuple[Robot, Robot]:
    return Robot(shared), Robot(shared)


def test_the_end_of_one_robots_motion_does_not_affect_the_other(
        robots: tuple[Robot, Robot]) -> None:
    """A client and then the bridge is killed: one stops, the other receives no zero."""
    one, other = robots
    one.move(0.5)
    other.move(1.0)
    at = one.client.kill()
    one.driver.check_stop(one.topic, at, 0.0)
    other.driver.check_driving(other.topic, 1.0)
    at = other.bridge.kill()
    other.driver.check_stop(other.topic, at, PATIENCE)
    assert not one.guard.logged('has become silent')
    for robot in robots:
        assert not robot.bridge.logged('another bridge')
        assert not robot.bridge.logged('is also published by')


def test_diagnostics_contain_the_name_of_their_bridge(
        robots: tuple[Robot, Robot], observer: Observer) -> None:
    """Both robots have a base; /diagnostics is one for all."""
    since = time.monotonic()
    robot = robots[0]
    for node in (robot.bridge.node, f'{robot.bridge.node}_guard'):
        seen = wait_until(
            lambda node=node: next((one for one in observer.seen(since)
                                    if one.name == f'{node}: base'), None),
            f'diagnostics of {node}')
        assert seen.hardware == f'{robot.bridge.namespace}/base'


def test_bridges_of_two_namespaces_on_one_topic_name_each_other(
        programs: Programs, observer: Observer) -> None:
    """Their pulses have different topics, so both stay active; an operator can see it."""
    first = programs.bridge()
    second = programs.bridge(settings({'base': base(first.topic())}))
    for one, other in ((first, second), (second, first)):
        one.wait_logged(f'base: {first.topic()} is also published by {other.node}$')
        since = time.monotonic()
        wait_until(lambda one=one, other=other, since=since: any(
            seen.name == f'{one.node}: base' and seen.level == 1
            for seen in observer.seen(since)), f'a warning of {one.node}')
