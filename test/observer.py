# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS node of the tests: parameters and services of a running bridge, and diagnostics."""

from collections.abc import Iterator
from contextlib import contextmanager
import threading
import time
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import GetParameters, SetParameters
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from std_srvs.srv import Trigger

from processes import Bridge, PATIENCE, wait_until

# A call without an answer after this time (s) is repeated.
ASK_AGAIN = 4.0


class Seen(NamedTuple):
    """One diagnostic status as it arrived: when (s), level (0 OK, 1 WARN, 2 ERROR), text."""

    at: float
    name: str
    hardware: str
    level: int
    message: str

    @property
    def resource(self) -> str:
        """Return its subject, without the name of the robot."""
        return self.hardware.rpartition('/')[2]


class Observer:
    """Calls services and subscribes to diagnostics; its node is spun by a thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: list[Seen] = []
        self._subscription = node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def get(self, bridge: Bridge, name: str) -> Any:
        """Return a parameter's value."""
        reply = self._call(GetParameters, f'{bridge.node}/get_parameters',
                           GetParameters.Request(names=[name]))
        return parameter_value_to_python(reply.values[0])

    def set(self, bridge: Bridge, name: str, value: Any) -> tuple[bool, str]:  # noqa: A003
        """Set a parameter as `ros2 param set` does; returns success and reason."""
        reply = self._call(SetParameters, f'{bridge.node}/set_parameters', SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]))
        return reply.results[0].successful, reply.results[0].reason

    @contextmanager
    def changed(self, bridge: Bridge, name: str, value: Any) -> Iterator[None]:
        """Set a parameter for a while."""
        before = self.get(bridge, name)
        assert self.set(bridge, name, value) == (True, '')
        try:
            yield
        finally:
            assert self.set(bridge, name, before) == (True, '')

    def reset(self, bridge: Bridge) -> str:
        """Call ~/reset; returns its message."""
        return self.trigger(bridge, 'reset').message

    def trigger(self, bridge: Bridge, service: str) -> Trigger.Response:
        """Call one of the bridge's own services, such as reset; returns its response."""
        return self._call(Trigger, f'{bridge.node}/{service}', Trigger.Request())

    def wait_status(self, resource: str, level: int, since: float) -> Seen:
        """Wait for a diagnostic status of this level that came after an instant (s)."""
        return wait_until(
            lambda: next((one for one in list(self._seen) if one.resource == resource
                          and one.level == level and one.at >= since), None),
            f'level {level} on /diagnostics for {resource}')

    def seen(self, since: float) -> list[Seen]:
        """Return every status that arrived after an instant (s)."""
        return [one for one in list(self._seen) if one.at >= since]

    def _call(self, kind: type, name: str, request: Any) -> Any:
        client = self._node.create_client(kind, name)
        try:
            assert client.wait_for_service(PATIENCE), f'no service {name}'
            futures: list[Any] = []

            def answered() -> Any:
                # A bridge that was killed stays in the graph for 20 s, and may have been called.
                if len(futures) * ASK_AGAIN <= time.monotonic() - began:
                    futures.append(client.call_async(request))
                return next((future for future in futures if future.done()), None)

            began = time.monotonic()
            return wait_until(answered, f'an answer of {name}').result()
        finally:
            self._node.destroy_client(client)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._seen.append(Seen(
                time.monotonic(), status.name, status.hardware_id,
                int.from_bytes(status.level, 'little'), status.message))


@contextmanager
def spinning_node(name: str, **options: Any) -> Iterator[Node]:
    """Give a node in a context of its own that a thread spins."""
    context = rclpy.Context()
    rclpy.init(args=options.pop('args', []), context=context)
    node = Node(name, context=context, **options)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            pass

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown()
        thread.join(PATIENCE)
        node.destroy_node()
        rclpy.shutdown(context=context)
