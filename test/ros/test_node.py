# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the node says of the robot without being asked: diagnostics that wait for no period."""

from collections.abc import Iterator
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import pytest
from rclpy.node import Node

from processes import wait_until
from viam_session_bridge.core.events import Changed, Emergency, Outputs
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros import node as node_module
from viam_session_bridge.ros.node import BridgeNode

BASE = BaseConfig(name='base', driver='twist', topic='cmd_vel')


class Rig:
    """A bridge's node whose next diagnostics are due in an hour, and what it says of the robot."""

    def __init__(self, node: Node) -> None:
        self.said: list[DiagnosticStatus] = []
        self.supervisor = locked_bridge([BASE.resource], Policy())
        self.node = BridgeNode(
            node, self.supervisor, BridgeConfig(resources=(BASE,)), dict, lambda: None)
        self.subscription = node.create_subscription(
            DiagnosticArray, '/diagnostics', lambda array: self.said.extend(array.status), 10)
        wait_until(lambda: self.subscription.get_publisher_count() > 0, 'a publisher')
        wait_until(self._heard, 'diagnostics are heard')
        self.said.clear()

    def _heard(self) -> bool:
        self.node.notice(Outputs(events=(Emergency('to be heard'),)))
        time.sleep(0.05)
        return bool(self.said)


@pytest.fixture
def rig(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(node_module, 'DIAGNOSTICS_PERIOD', 3600.0)
    yield Rig(node)


@pytest.mark.parametrize('event', [
    Emergency('pressed'),
    Changed('base', State.STOPPING, State.UNCONFIRMED, Reason.NOT_AT_REST)])
def test_what_nobody_should_wait_for_is_said_at_once(
        rig: Rig, event: Emergency | Changed) -> None:
    """From whatever thread it is noticed on: it is the pump's."""
    thread = threading.Thread(target=rig.node.notice, args=(Outputs(events=(event,)),))
    thread.start()
    thread.join()
    wait_until(lambda: rig.said, 'diagnostics')


@pytest.mark.parametrize('event', [
    Emergency(''), Changed('base', State.MOVING, State.STOPPING, Reason.STOPPED)])
def test_everything_else_keeps_to_its_period(rig: Rig, event: Emergency | Changed) -> None:
    rig.node.notice(Outputs(events=(event,)))
    time.sleep(0.3)
    assert not rig.said
