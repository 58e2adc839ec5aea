# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The baseline of many stops: zeros on many topics in a row, without a bridge.

Its arguments are the topics.
"""

import sys

from geometry_msgs.msg import Twist

import ros_child
from viam_session_bridge.locked_supervisor import steady_now
from viam_session_bridge.ros.drivers.output import COMMAND_QOS


class Burst:
    """A publisher for each topic."""

    def __init__(self, topics: list[str]) -> None:
        self.node = ros_child.make_node('bench_burst')
        self._publishers = [
            self.node.create_publisher(Twist, topic, COMMAND_QOS) for topic in topics]

    def matched(self) -> bool:
        """Return whether every topic has a reader."""
        return all(one.get_subscription_count() for one in self._publishers)

    def burst(self, count: int) -> float:
        """Publish on so many topics; return how long it took (s)."""
        zero = Twist()
        began = steady_now()
        for one in self._publishers[:count]:
            one.publish(zero)
        return steady_now() - began


if __name__ == '__main__':
    burst = Burst(sys.argv[1:])
    ros_child.run(burst.node, {'matched': burst.matched, 'burst': burst.burst})
