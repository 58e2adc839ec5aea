# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Robots that stand still: they publish odometry when asked to, and count their commands.

Its arguments are the names of the robots; the topics are NAME/odom and NAME/cmd_vel.
"""

import sys
import time

from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry

import ros_child
from viam_session_bridge.locked_supervisor import steady_now

RATE = 50.0  # Hz


class Robots:
    """A publisher of odometry and a subscription of commands for each robot."""

    def __init__(self, names: list[str]) -> None:
        self.node = ros_child.make_node('bench_robots')
        self._counts = dict.fromkeys(names, 0)
        self._odometry = {
            name: self.node.create_publisher(Odometry, f'{name}/odom', ros_child.QOS)
            for name in names}
        self._subscriptions = [
            self.node.create_subscription(
                Twist, f'{name}/cmd_vel', lambda message, name=name: self._count(name),
                ros_child.QOS)
            for name in names]

    def matched(self) -> bool:
        """Return whether every robot has a subscriber of its odometry and a publisher."""
        return all(
            publisher.get_subscription_count() and self.node.count_publishers(f'{name}/cmd_vel')
            for name, publisher in self._odometry.items())

    def feed(self, seconds: float) -> dict[str, int]:
        """Publish odometry for so long (s); return how many commands each robot received."""
        counted = dict(self._counts)
        message = Odometry()
        due, step = steady_now(), 1.0 / RATE / len(counted)
        for _ in range(round(seconds * RATE)):
            # One after the other, so that those who receive it do not all run at once.
            for publisher in self._odometry.values():
                due += step
                time.sleep(max(0.0, due - steady_now()))
                message.header.stamp = self.node.get_clock().now().to_msg()
                publisher.publish(message)
        return {name: count - counted[name] for name, count in self._counts.items()}

    def _count(self, name: str) -> None:
        self._counts[name] += 1


if __name__ == '__main__':
    robots = Robots(sys.argv[1:])
    ros_child.run(robots.node, {'matched': robots.matched, 'feed': robots.feed})
