# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints that are commanded by sensor_msgs/JointState: by position, or one by velocity.

Each message names every joint of the resource, and no other. A stop has every field that a command
has: receivers read them without looking whether they are there.
"""

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import JointState

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.positions import Joints, Positions
from viam_session_bridge.ros.joint_states import JointReading


class _Commands:
    """The topic itself: a message with the stamp of its making for each command."""

    def __init__(self, node: Node, resource: str, topic: str, names: tuple[str, ...], *,
                 driver_node: str, on_appear: Callable[[], None]) -> None:
        self._node = node
        self._names = list(names)
        self._output = OutputTopic(
            node, resource, JointState, topic, driver_node=driver_node, on_appear=on_appear,
            choice=f'another {resource}.driver')

    @property
    def name(self) -> str:
        return self._output.name

    def publish(self, positions: tuple[float, ...] = (),
                velocities: tuple[float, ...] = ()) -> None:
        message = JointState(
            name=self._names, position=list(positions), velocity=list(velocities))
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._output.publish(message)

    def path_problem(self) -> str:
        return self._output.path_problem()


class JointStateDriver:
    """
    Publishes positions, and leads the joints along their way.

    stop: 'hold' or 'last' (see positions). with_velocities: tell the joints how fast they should
    be as well.
    """

    def __init__(self, node: Node, resource: str, topic: str, joints: Joints, *, stop: str,
                 with_velocities: bool, driver_node: str, on_appear: Callable[[], None]) -> None:
        self._still = (0.0,) * len(joints.names)
        self._with_velocities = with_velocities
        self._positions = Positions(resource, joints, stop)
        self._output = _Commands(
            node, resource, topic, joints.names, driver_node=driver_node, on_appear=on_appear)

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        self._positions.observe(reading.raw, reading)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish where the joints should be by the next tick."""
        positions = self._positions.moving(setpoint, epoch)
        self._output.publish(
            positions, self._positions.velocities if self._with_velocities else ())

    def stop(self, epoch: int) -> None:
        """Publish the positions to hold."""
        held = self._positions.stopping(epoch)
        if held is not None:
            self._output.publish(held, self._still if self._with_velocities else ())

    def path_problem(self) -> str:
        """Say why a stop would not arrive, or could not hold; empty when it would."""
        return self._output.path_problem() or self._positions.path_problem()


class JointVelocityDriver:
    """Publishes the velocity of one joint, for a motor. scaling: from the motor to the joint."""

    def __init__(self, node: Node, resource: str, topic: str, joint: str, *, scaling: Scaling,
                 driver_node: str, on_appear: Callable[[], None]) -> None:
        self._scaling = scaling
        self._output = _Commands(
            node, resource, topic, (joint,), driver_node=driver_node, on_appear=on_appear)

    @property
    def topic(self) -> str:
        """Return the topic's full name, after namespace and remapping."""
        return self._output.name

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a velocity."""
        self._output.publish(velocities=(self._scaling.number(setpoint),))

    def stop(self, epoch: int) -> None:
        """Publish zero velocity."""
        self._output.publish(velocities=(0.0,))

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()
