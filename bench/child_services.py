# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The stop services and velocity topics of a robot: answers yes, and reads. Arguments: names."""

import sys
from typing import Any

from geometry_msgs.msg import Twist
from std_srvs.srv import Trigger

import ros_child


class Robot:
    """A service `<name>/halt` and a reader of `<name>/cmd_vel` for each name."""

    def __init__(self, names: list[str]) -> None:
        self.node = ros_child.make_node(f'bench_robot_{names[0]}')
        self._services = [
            self.node.create_service(Trigger, f'{name}/halt', self._on_call) for name in names]
        self._readers = [
            self.node.create_subscription(Twist, f'{name}/cmd_vel', lambda _: None, ros_child.QOS)
            for name in names]
        self._calls = 0

    def calls(self) -> int:
        """Return how often a service was called."""
        return self._calls

    def _on_call(self, request: Any, response: Any) -> Any:
        self._calls += 1
        response.success = True
        return response


if __name__ == '__main__':
    robot = Robot(sys.argv[1:])
    ros_child.run(robot.node, {'calls': robot.calls})
