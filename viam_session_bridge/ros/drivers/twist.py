# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A base that takes a velocity topic: geometry_msgs/Twist or TwistStamped.

The body twist is in the base frame (REP 103, REP 105), m/s and rad/s. A stop is all six numbers
zero.
"""

from collections.abc import Callable

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node

from viam_session_bridge.core.setpoints import Setpoint, Velocity
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.stop_path import smoother_behind

_AT_REST = Velocity()


class TwistDriver:
    """
    Publishes a base's velocity.

    stamp: 'zero' leaves the stamp empty, which ros2_control bases read as the time of receipt;
    'now' takes the node's ROS clock at the moment of publishing. on_appear runs on the executor's
    thread when a new subscriber was matched.
    """

    def __init__(self, node: Node, resource: str, topic: str, *, stamped: bool, stamp: str,
                 frame_id: str, driver_node: str, on_appear: Callable[[], None]) -> None:
        self._node = node
        self._resource = resource
        self._stamped = stamped
        self._stamp_now = stamp == 'now'
        self._frame_id = frame_id
        self._type = TwistStamped if stamped else Twist
        # Made beforehand: building a message takes longer than publishing it.
        self._zero = self._message(_AT_REST)
        self._output = OutputTopic(
            node, resource, self._type, topic, driver_node=driver_node, on_appear=on_appear,
            choice='twist or twist_stamped')

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a velocity."""
        if not isinstance(setpoint, Velocity):
            raise TypeError(f'{self._resource}: a base cannot do {setpoint}')
        self._output.publish(self._stamp(self._message(setpoint)))

    def stop(self, epoch: int) -> None:
        """Publish zero velocity."""
        self._output.publish(self._stamp(self._zero))

    def _message(self, velocity: Velocity) -> Twist | TwistStamped:
        message = self._type()
        twist = message
        if self._stamped:
            twist = message.twist
            message.header.frame_id = self._frame_id
        twist.linear.x, twist.linear.y, twist.linear.z = velocity.linear
        twist.angular.x, twist.angular.y, twist.angular.z = velocity.angular
        return message

    def _stamp(self, message: Twist | TwistStamped) -> Twist | TwistStamped:
        if self._stamped and self._stamp_now:
            message.header.stamp = self._node.get_clock().now().to_msg()
        return message

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()

    def path_warning(self) -> str:
        """Say on what way messages without a stamp may be dropped; empty where none is known."""
        if not self._stamped or self._stamp_now:
            return ''
        smoother = smoother_behind(self._node, self.topic, self._type)
        return smoother and (
            f"{self._resource}.stamp is 'zero', and what is published on {self.topic} gets to "
            f'{smoother}: newer releases of nav2 add the time since a command to its stamp, so '
            'that it leaves the smoother with a stamp of 1970, and a controller that checks the '
            'age of stamps (diff_drive_controller) drops commands and stops. Set '
            f'{self._resource}.stamp: now')
