# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The baseline of everything ROS: publishes without a bridge, paced or when a TCP connection ends.

It also measures bare waits in an otherwise idle process. Its argument is the topic.
"""

import select
import socket
import sys
import threading
import time

from geometry_msgs.msg import Twist

import ros_child
from viam_session_bridge.locked_supervisor import steady_now
from viam_session_bridge.ros.drivers.output import COMMAND_QOS
from waits import BareWaits


class Bare:
    """A publisher, and a TCP server that publishes zero at each end of file."""

    def __init__(self, topic: str) -> None:
        self.node = ros_child.make_node('bench_bare')
        self._publisher = self.node.create_publisher(Twist, topic, COMMAND_QOS)
        self._server = socket.create_server(('127.0.0.1', 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def port(self) -> int:
        """Return the port of the TCP server."""
        return int(self._server.getsockname()[1])

    def publish(self, speeds: list[float], interval: float) -> list[float]:
        """Publish forward speeds, paced (s); return the moment before each publication."""
        sent = []
        due = steady_now()
        for speed in speeds:
            due += interval
            time.sleep(max(0.0, due - steady_now()))
            sent.append(steady_now())
            self._publisher.publish(ros_child.forward(speed))
        return sent

    def _serve(self) -> None:
        ready = select.epoll()
        ready.register(self._server, select.EPOLLIN)
        connections: dict[int, socket.socket] = {}
        while True:
            for number, _ in ready.poll():
                if number == self._server.fileno():
                    connection = self._server.accept()[0]
                    connections[connection.fileno()] = connection
                    ready.register(connection, select.EPOLLIN)
                elif not self._read(connections[number]):
                    self._publisher.publish(Twist())
                    connections.pop(number).close()

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        try:
            return connection.recv(1024)
        except ConnectionError:
            return b''


if __name__ == '__main__':
    bare = Bare(sys.argv[1])
    waits = BareWaits()
    ros_child.run(bare.node, {'port': bare.port, 'publish': bare.publish, 'waits': waits.take,
                              'versions': ros_child.versions})
