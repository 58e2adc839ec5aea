# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers 'float': an actuator that takes one number in a std_msgs message."""

from typing import Any

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.parameters.joints import FloatPositionTable, PositionedConfig
from viam_session_bridge.parameters.motor import FloatTable, MotorConfig
from viam_session_bridge.ros.drivers.number import message_of, MESSAGES, Scaling
from viam_session_bridge.ros.drivers.positions import NUMBER, Positions
from viam_session_bridge.ros.plugins import Tools
from viam_session_bridge.ros.sources.joint_states import JointReading


class _NumberTopic:
    """The topic: one number in a message, a key of MESSAGES."""

    def __init__(self, config: Any, tools: Tools) -> None:
        self._message = config.message
        self._is_bool = config.message == 'bool'
        self._output = tools.output(
            MESSAGES[config.message], config.topic, choice=f'{config.name}.message')

    def _publish(self, number: float) -> None:
        self._output.publish(message_of(self._message, number))

    def path_problem(self) -> str:
        """Return why a stop would not arrive at a driver; empty when it would."""
        return self._output.path_problem()


class FloatDriver(_NumberTopic):
    """
    Publishes one number, for a speed or a power. A stop is the neutral number.

    A bool is neutral, or its opposite for any motion.
    """

    NAME = 'float'
    APIS = ('motor',)
    TABLE = FloatTable

    def __init__(self, config: MotorConfig, tools: Tools) -> None:
        super().__init__(config, tools)
        self._scaling = Scaling.of_motor(config)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish the number of a setpoint."""
        number = self._scaling.number(setpoint)
        self._publish(not self._scaling.neutral if self._is_bool else number)

    def stop(self, epoch: int) -> None:
        """Publish the neutral number."""
        self._publish(self._scaling.neutral)


class FloatPositionDriver(_NumberTopic):
    """
    Publishes the position of one joint as a number, step by step along its trajectory.

    A Bool has two positions and nothing between them, so such a joint is not led step by step. A
    stop is the measured position, the last number that was sent, or a fixed one: see positions.
    """

    NAME = 'float'
    APIS = ('gantry', 'gripper', 'servo')
    TABLE = FloatPositionTable

    def __init__(self, config: PositionedConfig, tools: Tools) -> None:
        super().__init__(config, tools)
        self._scaling = Scaling.of_position(config)
        self._fixed = config.stop == NUMBER
        self._positions = Positions(
            config.name, tools.joints, config.stop, leads=not self._is_bool)

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        self._positions.observe(reading.positions, reading)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Publish where the joint should be by the next tick."""
        self._send(self._positions.moving(setpoint, epoch))

    def stop(self, epoch: int) -> None:
        """Publish what a stop sends, if it sends anything."""
        positions = self._positions.stopping(epoch)
        if self._fixed:
            self._publish(self._scaling.neutral)
        elif positions is not None:
            self._send(positions)

    def _send(self, positions: tuple[float, ...]) -> None:
        number = self._scaling.bounded(positions[0])
        # After scaling, a 0 may be slightly more than 0.
        self._publish(float(number > 0.5) if self._is_bool else number)

    def path_problem(self) -> str:
        """Return why a stop would not arrive, or could not hold; empty when it would."""
        return super().path_problem() or self._positions.path_problem()
