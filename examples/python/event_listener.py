# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Act on the events of a bridge and its guard: here, report each stop that nobody asked for.

    python3 event_listener.py --ros-args -r __ns:=/robot1

Needs ROS 2 and nothing of this package. Replace `report` with what your site uses: a light, a
message to the shift supervisor, a line in a database. docs/events.md lists events and fields.
"""

import json
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

# Transient local: the events of before this program started come first.
EVENTS_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Stops that a person or a program asked for.
ASKED_FOR = ('stopped', 'done', 'cancelled', 'superseded', 'shutdown', 'started')


class EventListener(Node):
    """Subscribes to the events of the bridge and of the guard, which outlives it."""

    def __init__(self) -> None:
        super().__init__('event_listener')
        self._sources = [
            self.create_subscription(String, f'{name}/events', self._on_event, EVENTS_QOS)
            for name in ('viam_session_bridge', 'viam_session_bridge_guard')]

    def _on_event(self, message: String) -> None:
        event = json.loads(message.data)
        name = event['event']
        if name == 'stop_unconfirmed':
            self.report('LOOK AT THE ROBOT', event)
        elif name == 'stop_started' and event['reason'] not in ASKED_FOR:
            self.report('unrequested stop', event)

    def report(self, what: str, event: dict) -> None:
        """Print it; text is a sentence for people, the other fields are for programs."""
        print(f'{event["time"]} {what}: {event["text"]}', flush=True)


def main() -> None:
    """Listen until interrupted."""
    rclpy.init(args=sys.argv)
    try:
        rclpy.spin(EventListener())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
