# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the measuring processes with a ROS node share: a node that spins until SIGTERM."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
import signal
import threading
from xml.etree import ElementTree

from ament_index_python.packages import get_package_share_directory
from geometry_msgs.msg import Twist
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_rmw_implementation_identifier

import protocol

# How long (s) a callback may take when the process ends.
LAST_CALLBACK = 5.0

# As the bridge publishes, but nothing is lost while a reader is busy.
QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=100)


def forward(speed: float) -> Twist:
    """Return the message that moves forward at a speed in m/s."""
    message = Twist()
    message.linear.x = speed
    return message


def make_node(name: str) -> Node:
    """Return a node that does not touch the process's signals."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    return Node(name)


def versions() -> dict[str, str]:
    """Return the versions of rclpy and of the middleware, by name; empty where unknown."""
    middleware = get_rmw_implementation_identifier()
    return {'rclpy': _version('rclpy'),
            middleware: _version(f'ros-{middleware.replace("_", "-")}') or _indexed(middleware)}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ''


def _indexed(package: str) -> str:
    """Return the version of a package of an installed ROS, which has no Python metadata."""
    try:
        manifest = Path(get_package_share_directory(package)) / 'package.xml'
        return ElementTree.parse(manifest).findtext('version') or ''
    except (LookupError, OSError):
        return ''


def run(node: Node, handlers: protocol.Handlers) -> None:
    """Spin and answer requests, each in a thread of its own, until SIGTERM or the end of input."""
    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: leave.set())

    def serve() -> None:
        protocol.serve(handlers)
        leave.set()

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    threading.Thread(target=serve, daemon=True).start()
    leave.wait()
    executor.shutdown()
    # rclpy may wait for ever if it is shut down while it begins to wait.
    spinning.join(LAST_CALLBACK)
    node.destroy_node()
    rclpy.try_shutdown()
