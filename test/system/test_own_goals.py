# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Goals that our command requested are cancelled with its stop; those of others stay active.

The bridge cancels them when its client has ended; its guard when the bridge has ended.
"""

from collections.abc import Iterator
import time
from typing import Any

import pytest
from rclpy.node import Node
from std_msgs.msg import String

from observer import spinning_node
from processes import base, Bridge, Client, Guard, Programs, settings, wait_until
from servers import Servers, serving

PATIENCE = 2.0  # s, of the guard: a bridge that is late by half of it stops, too


class Robot:
    """A base with a service that docks it by goals of an action, and a goal of another node."""

    def __init__(self, programs: Programs, servers: Servers, node: Node) -> None:
        self.servers = servers
        parameters = settings({'base': base(
            accept_no_timeout=False, require_stop_path=True, stop_outputs=['nav'],
            nav={'kind': 'cancel', 'action': 'dock_robot', 'goals': 'own'},
            commands=['dock'], dock={'kind': 'trigger', 'service': 'dock', 'moves': True})})
        parameters['guard'] = {'patience': PATIENCE, 'required': True}
        self.bridge: Bridge = programs.bridge(parameters)
        self.guard: Guard = programs.guard(self.bridge)
        self._pulses: list[String] = []
        self._subscription = node.create_subscription(
            String, self.bridge.topic('viam_session_bridge/pulse'), self._pulses.append, 10)
        self.action = self.bridge.topic('dock_robot')
        servers.order('act', name=self.action)
        servers.order('serve', kind='trigger', name=self.bridge.topic('dock'))
        programs.driver(self.bridge.topic())
        self.bridge.wait_drivers()
        self.guard.wait_logged('base: a driver is connected')
        self.others = servers.begin(self.action)
        self.client: Client = programs.client(self.bridge.address)

    def dock(self, client: Client) -> str:
        """Begin docking; returns the id of its goal."""
        answer: Any = client.do('call', component='base', name='base', method='do_command',
                                arguments=[{'command': 'dock'}])
        assert answer['success'], answer
        [goal] = self.servers.begin(self.action)
        # The guard receives it, too.
        wait_until(lambda: any(goal in pulse.data for pulse in list(self._pulses)),
                   'a pulse with the goal')
        return goal

    def cancelled(self, since: float) -> list[Any]:
        """Wait for the first cancelled goal; return all that are cancelled in a moment."""
        self.servers.wait_called(self.action, since)
        time.sleep(1.0)
        return [one.data for one in self.servers.called(self.action, since)]


@pytest.fixture
def node() -> Iterator[Node]:
    with spinning_node('pulses') as node:
        yield node


@pytest.fixture
def servers() -> Iterator[Servers]:
    with serving() as servers:
        yield servers


def test_our_goals_end_with_the_client_and_late_ones_too(
        programs: Programs, servers: Servers, node: Node) -> None:
    """One that the service requests after the stop is cancelled like the first."""
    robot = Robot(programs, servers, node)
    client = programs.client(robot.bridge.address)
    goal = robot.dock(client)
    since = client.kill()
    assert robot.cancelled(since) == [goal]
    robot.bridge.wait_logged('base: stopped')
    since = time.monotonic()
    [late] = servers.begin(robot.action)
    assert robot.cancelled(since) == [late]
    robot.bridge.wait_logged('base: stopping, a call began motion after the stop')


def test_the_guard_cancels_goals_that_the_bridge_had_requested(
        programs: Programs, servers: Servers, node: Node) -> None:
    """The pulse contains these goals."""
    robot = Robot(programs, servers, node)
    goal = robot.dock(robot.client)
    since = robot.bridge.kill()
    robot.guard.wait_logged('has become silent; stopping base$')
    assert robot.cancelled(since) == [goal]
    robot.guard.wait_logged('base: stopped')
