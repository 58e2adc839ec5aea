# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A robot's driver for time measurements: notes when which velocity arrived on which topic.

Its arguments are the topics.
"""

import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import Twist
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

import ros_child
from viam_session_bridge.locked_supervisor import steady_now

PATIENCE = 10.0  # s
SETTLING = 0.1  # s


class Listener:
    """Notes (moment, forward speed) of every message; moments are in s on the steady clock."""

    def __init__(self, topics: list[str]) -> None:
        self.node = ros_child.make_node('bench_listener')
        self._arrived = threading.Condition()
        self._notes: dict[str, list[tuple[float, float]]] = {}
        self._bridge = self.node.create_client(
            SetParameters, 'viam_session_bridge/set_parameters')
        self._subscriptions = [self._listen(topic) for topic in topics]

    def take(self, topic: str) -> list[tuple[float, float]]:
        """Return what arrived since the last call."""
        with self._arrived:
            noted, self._notes[topic] = self._notes[topic], []
            return noted

    def wait(self, topic: str, zero: bool, after: float) -> float:
        """Wait for a message, zero or not, later than a moment (s); return when it arrived."""
        def found() -> list[float]:
            return [moment for moment, speed in self._notes[topic]
                    if moment > after and (speed == 0.0) == zero]

        with self._arrived:
            if not self._arrived.wait_for(found, PATIENCE):
                raise TimeoutError(f'{topic}: nothing came within {PATIENCE:g} s')
            return found()[0]

    def settled(self, topic: str) -> list[tuple[float, float]]:
        """Return what arrived since the last call, when nothing new is on its way any more."""
        time.sleep(SETTLING)
        return self.take(topic)

    def matched(self, topics: list[str]) -> None:
        """Wait until every topic has a publisher, and a little longer until it has matched us."""
        end = steady_now() + PATIENCE
        while not all(self.node.count_publishers(topic) for topic in topics):
            if steady_now() > end:
                raise TimeoutError(f'a topic of {topics} has no publisher')
            time.sleep(SETTLING)
        time.sleep(SETTLING)

    def set_window(self, seconds: float) -> None:
        """Set the heartbeat window that the bridge gives to new sessions."""
        done = threading.Event()
        request = SetParameters.Request(parameters=[
            Parameter('sessions.heartbeat_window', value=seconds).to_parameter_msg()])
        if not self._bridge.wait_for_service(PATIENCE):
            raise TimeoutError('the bridge has no parameter service')
        future = self._bridge.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(PATIENCE) or not future.result().results[0].successful:
            raise RuntimeError(f'the window was not set: {future.result()}')

    def _listen(self, topic: str) -> Any:
        self._notes[topic] = []

        def note(message: Twist) -> None:
            moment = steady_now()
            with self._arrived:
                self._notes[topic].append((moment, message.linear.x))
                self._arrived.notify_all()

        return self.node.create_subscription(Twist, topic, note, ros_child.QOS)


if __name__ == '__main__':
    listener = Listener(sys.argv[1:])
    ros_child.run(listener.node, {
        'take': listener.take, 'wait': listener.wait, 'settled': listener.settled,
        'matched': listener.matched, 'set_window': listener.set_window, 'now': steady_now})
