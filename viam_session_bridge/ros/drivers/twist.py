# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A base that takes a velocity topic: geometry_msgs/Twist or TwistStamped.

The body twist is in the base frame (REP 103, REP 105), m/s and rad/s. A stop is all six numbers
zero. One publisher serves motion and stop, so that their order holds; RELIABLE matches every
reader, VOLATILE and depth 1 never replay an old wish to a driver that restarts.
"""

from collections.abc import Callable

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.event_handler import PublisherEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.core.setpoints import Setpoint, Velocity
from viam_session_bridge.ros.stop_path import listener_problem

COMMAND_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=1)

_AT_REST = Velocity()


class TwistDriver:
    """
    Publishes a base's velocity.

    stamp: 'zero' leaves the stamp empty, which ros2_control bases read as the time of receipt;
    'now'
    takes the node's ROS clock at the moment of publishing. on_appear runs on the executor's thread
    when a new subscriber was matched.
    """

    def __init__(self, node: Node, resource: str, topic: str, *, stamped: bool, stamp: str,
                 frame_id: str, driver_node: str, on_appear: Callable[[], None]) -> None:
        self._node = node
        self._resource = resource
        self._stamped = stamped
        self._stamp_now = stamp == 'now'
        self._frame_id = frame_id
        self._driver_node = driver_node
        self._on_appear = on_appear
        self._type = TwistStamped if stamped else Twist
        # Made beforehand: building a message takes longer than publishing it.
        self._zero = self._message(_AT_REST)
        self._matched = 0
        self._events_supported = True
        try:
            self._publisher = node.create_publisher(
                self._type, topic, COMMAND_QOS,
                event_callbacks=PublisherEventCallbacks(matched=self._on_matched))
        except UnsupportedEventTypeError:
            self._events_supported = False
            self._publisher = node.create_publisher(self._type, topic, COMMAND_QOS)

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._publisher.topic_name

    def send(self, setpoint: Setpoint) -> None:
        """Publish a velocity."""
        if not isinstance(setpoint, Velocity):
            raise TypeError(f'{self._resource}: a base cannot do {setpoint}')
        self._publisher.publish(self._stamp(self._message(setpoint)))

    def stop(self) -> None:
        """Publish zero velocity."""
        self._publisher.publish(self._stamp(self._zero))

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
        if not self._events_supported:
            self._poll_matches()
        return listener_problem(
            self._node, self._publisher, self._resource, self._type, self._driver_node)

    def _on_matched(self, info: object) -> None:
        if getattr(info, 'current_count_change', 0) > 0:
            self._on_appear()

    def _poll_matches(self) -> None:
        matched = self._publisher.get_subscription_count()
        if matched > self._matched:
            self._on_appear()
        self._matched = matched
