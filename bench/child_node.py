# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The baseline of the processor use: an rclpy node that does nothing but receive and publish.

Its argument is the name of its robot: it subscribes to NAME/odom and publishes NAME/cmd_vel.
"""

import sys
import threading

from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry

import ros_child
from viam_session_bridge.ros.profiles import COMMAND_QOS, FEEDBACK_QOS, steady_timer


class BareNode:
    """As many endpoints as another node has; one of each is used."""

    def __init__(self, robot: str) -> None:
        self.node = ros_child.make_node('bench_node')
        self._robot = robot
        self._publisher = self.node.create_publisher(Twist, f'{robot}/cmd_vel', COMMAND_QOS)
        self._subscription = self.node.create_subscription(
            Odometry, f'{robot}/odom', self._receive, FEEDBACK_QOS)
        self._newest = Odometry()
        self._more: list[object] = []

    def resemble(self, name: str, namespace: str) -> list[int]:
        """Create what another node has more; return how many publishers and subscriptions."""
        counts = []
        for find, create in (
                (self.node.get_publisher_names_and_types_by_node, self._one_publisher),
                (self.node.get_subscriber_names_and_types_by_node, self._one_subscription)):
            counts.append(len(find(name, namespace)))
            own = len(find(self.node.get_name(), self.node.get_namespace()))
            self._more += [create(f'more{number}') for number in range(counts[-1] - own)]
        return counts

    def publish(self, count: int, seconds: float) -> None:
        """Publish so many commands, evenly over a time (s), from a timer."""
        done = threading.Event()
        left = count

        def publish() -> None:
            nonlocal left
            if left:
                self._publisher.publish(ros_child.forward(0.5))
                left -= 1
            else:
                done.set()

        timer = steady_timer(self.node, seconds / count, publish)
        done.wait()
        self.node.destroy_timer(timer)

    def _one_publisher(self, topic: str) -> object:
        return self.node.create_publisher(Twist, f'{self._robot}/{topic}', COMMAND_QOS)

    def _one_subscription(self, topic: str) -> object:
        return self.node.create_subscription(
            Twist, f'{self._robot}/{topic}', self._receive, FEEDBACK_QOS)

    def _receive(self, message: Odometry) -> None:
        self._newest = message


if __name__ == '__main__':
    node = BareNode(sys.argv[1])
    ros_child.run(node.node, {'resemble': node.resemble, 'publish': node.publish})
