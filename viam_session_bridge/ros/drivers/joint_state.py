# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints that are commanded by sensor_msgs/JointState: by position, or one by velocity.

Each message names every joint of the resource, and no other. A stop has every field that a command
has: receivers read them without checking whether they are present.
"""

from sensor_msgs.msg import JointState

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.parameters.joints import JointStateTable, PositionedConfig
from viam_session_bridge.parameters.motor import JointVelocityTable, MotorConfig
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.positions import Positions
from viam_session_bridge.ros.plugins import Tools
from viam_session_bridge.ros.sources.joint_states import JointReading


class _Commands:
    """The topic: one message for each command, stamped when it is made."""

    def __init__(self, tools: Tools, topic: str, names: tuple[str, ...]) -> None:
        self._node = tools.node
        self._names = list(names)
        self._output = tools.output(JointState, topic)
        self.path_problem = self._output.path_problem

    def publish(self, positions: tuple[float, ...] = (),
                velocities: tuple[float, ...] = ()) -> None:
        message = JointState(
            name=self._names, position=list(positions), velocity=list(velocities))
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._output.publish(message)


class JointStateDriver:
    """
    Publishes positions, step by step along the trajectory.

    A stop is 'hold' or 'last' (see positions). with_velocities: send
    velocities as well.
    """

    NAME = 'joint_state'
    APIS = ('arm', 'gantry', 'gripper', 'servo')
    TABLE = JointStateTable

    def __init__(self, config: PositionedConfig, tools: Tools) -> None:
        self._still = (0.0,) * len(config.names)
        self._with_velocities = config.with_velocities
        self._positions = Positions(config.name, tools.joints, config.stop)
        self._output = _Commands(tools, config.topic, config.names)

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
        """Return why a stop would not arrive, or could not hold; empty when it would."""
        return self._output.path_problem() or self._positions.path_problem()


class JointVelocityDriver:
    """Publishes the velocity of one joint, for a motor."""

    NAME = 'joint_state'
    APIS = ('motor',)
    TABLE = JointVelocityTable

    def __init__(self, config: MotorConfig, tools: Tools) -> None:
        self._scaling = Scaling('velocity', config.max_speed, 0.0, 1.0 / config.joint_scale)
        self._output = _Commands(tools, config.topic, (config.joint,))

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish a velocity."""
        self._output.publish(velocities=(self._scaling.number(setpoint),))

    def stop(self, epoch: int) -> None:
        """Publish zero velocity."""
        self._output.publish(velocities=(0.0,))

    def path_problem(self) -> str:
        """Return why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()
