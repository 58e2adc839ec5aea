# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The QoS profiles and timers that `ros` uses everywhere, and the steady clock."""

from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer

# Commands, stops and pulses. RELIABLE matches every reader. VOLATILE and depth 1 never replay an
# old message to a receiver that was restarted.
COMMAND_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=1)

# Feedback. BEST_EFFORT and VOLATILE match every publisher.
FEEDBACK_QOS = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=5)

# Topics that are published once and kept for late subscribers: the status of an action, the
# description of a robot. It matches publishers of this durability only.
LATCHED_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST, depth=1)

# ~/events: a subscriber that comes later, or a bag, receives the last of them.
EVENTS_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST, depth=100)


def steady_timer(node: Node, period: float, act: Callable[[], None]) -> Timer:
    """Return a timer (s) that neither a paused /clock of use_sim_time nor a stepped one stops."""
    return node.create_timer(period, act, clock=Clock(clock_type=ClockType.STEADY_TIME))
