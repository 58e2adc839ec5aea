# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A base that takes a velocity topic: geometry_msgs/Twist or TwistStamped.

The body twist is in the base frame (REP 103, REP 105), m/s and rad/s. A stop is all six numbers
zero.
"""

from typing import ClassVar

from geometry_msgs.msg import Twist, TwistStamped

from viam_session_bridge.core.setpoints import Setpoint, Velocity
from viam_session_bridge.parameters.base import BaseConfig, TwistStampedTable, TwistTable
from viam_session_bridge.ros.plugins import Tools
from viam_session_bridge.ros.stop_path import smoother_behind

_AT_REST = Velocity()


class TwistDriver:
    """
    Publishes a base's velocity.

    stamp: 'zero' leaves the stamp empty, which ros2_control bases read as the time of receipt;
    'now' takes the node's ROS clock at the moment of publishing.
    """

    NAME = 'twist'
    APIS = ('base',)
    TABLE: ClassVar[type] = TwistTable
    MESSAGE: ClassVar[type] = Twist

    def __init__(self, config: BaseConfig, tools: Tools) -> None:
        self._node = tools.node
        self._resource = config.name
        self._stamped = self.MESSAGE is TwistStamped
        self._stamp_now = config.stamp == 'now'
        self._frame_id = config.frame_id
        # Made in advance: building a message takes longer than publishing it.
        self._zero = self._message(_AT_REST)
        self._output = tools.output(
            self.MESSAGE, config.topic, choice='twist or twist_stamped')

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a velocity."""
        if not isinstance(setpoint, Velocity):
            raise TypeError(f'{self._resource}: a base cannot do {setpoint}')
        self._output.publish(self._stamp(self._message(setpoint)))

    def stop(self, epoch: int) -> None:
        """Publish zero velocity."""
        self._output.publish(self._stamp(self._zero))

    def _message(self, velocity: Velocity) -> Twist | TwistStamped:
        message = self.MESSAGE()
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
        """Return why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()

    def path_warning(self) -> str:
        """Return where messages without a stamp may be dropped; empty if no place is known."""
        if not self._stamped or self._stamp_now:
            return ''
        smoother = smoother_behind(self._node, self._output.name, self.MESSAGE)
        return smoother and (
            f"{self._resource}.stamp is 'zero', and what is published on {self._output.name} gets "
            f'to {smoother}: newer releases of nav2 add the time since a command to its stamp, so '
            'that it leaves the smoother with a stamp of 1970, and a controller that checks the '
            'age of stamps (diff_drive_controller) drops commands and stops. Set '
            f'{self._resource}.stamp: now')


class TwistStampedDriver(TwistDriver):
    """Publishes a base's velocity with a header."""

    NAME = 'twist_stamped'
    TABLE = TwistStampedTable
    MESSAGE = TwistStamped
