# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers 'float_array': actuators that share one array, as ros2_control's group controllers take it.

A controller rejects an incomplete array, so every message has a number for each resource. A
resource without a motion gets its neutral number or, for positions, its measured position. While
the position of one of the joints is unknown, none can be moved.
"""

import math

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.parameters.joints import FloatArrayPositionTable, PositionedConfig
from viam_session_bridge.parameters.motor import FloatArrayTable, MotorConfig
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.positions import HOLD, NUMBER, Positions
from viam_session_bridge.ros.plugins import OwnTools
from viam_session_bridge.ros.sources.joint_states import JointReading


class _Member:
    """What both drivers share: an array and a scaling."""

    def __init__(self, config: MotorConfig | PositionedConfig, tools: OwnTools,
                 scaling: Scaling) -> None:
        self.resource = config.name
        self.on_appear = tools.on_appear
        self._array = tools.array(config.topic)
        self._scaling = scaling
        self._driver_node = tools.driver_node

    def path_problem(self) -> str:
        """Return why a stop would not arrive, or could not hold; empty when it would."""
        return self._array.path_problem(self.resource, self._driver_node)


class FloatArrayDriver(_Member):
    """One number of an array; it is published when the array is flushed."""

    NAME = 'float_array'
    APIS = ('motor',)
    TABLE = FloatArrayTable

    def __init__(self, config: MotorConfig, tools: OwnTools) -> None:
        super().__init__(config, tools, Scaling.of_motor(config))
        self._index = config.index
        self._array.add(self, {config.index: config.neutral})

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Note the number of a setpoint."""
        self._array.note(self._index, self._scaling.number(setpoint))

    def stop(self, epoch: int) -> None:
        """Note the neutral number."""
        self._array.note(self._index, self._scaling.neutral)

    def refresh(self) -> None:
        """Leave the number as it is: neutral without a motion."""

    def feedback_problem(self) -> str:
        """Return nothing: the neutral number is always known."""
        return ''


class FloatArrayPositionDriver(_Member):
    """The joints of one resource: consecutive elements of the array, from an index on."""

    NAME = 'float_array'
    APIS = ('arm', 'gantry', 'gripper', 'servo')
    TABLE = FloatArrayPositionTable

    def __init__(self, config: PositionedConfig, tools: OwnTools) -> None:
        super().__init__(config, tools, Scaling.of_position(config))
        self._holds = config.stop == HOLD
        self._places = range(config.index, config.index + len(config.names))
        self._positions = Positions(config.name, tools.joints, HOLD if self._holds else NUMBER)
        self._noted = False
        self._array.add(self, dict.fromkeys(
            self._places, math.nan if self._holds else self._scaling.neutral))

    def observe(self, reading: JointReading) -> None:
        """Take a measurement; called by the executor's thread."""
        self._positions.observe(reading.positions, reading)

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Note where the joints should be by the next tick."""
        self._note(self._positions.moving(setpoint, epoch))

    def stop(self, epoch: int) -> None:
        """Note what a stop sends."""
        held = self._positions.stopping(epoch)
        if held is not None:
            self._note(held)
        elif not self._holds:
            for place in self._places:
                self._array.note(place, self._scaling.neutral)

    def refresh(self) -> None:
        """Note the measured positions, unless a command was noted in this pass."""
        noted, self._noted = self._noted, False
        if noted or not self._holds:
            return
        idle = self._positions.idle()
        if idle is not None:
            self._note(idle)
            self._noted = False

    def feedback_problem(self) -> str:
        """Return why the positions of these joints are unknown; empty if they are known."""
        return self._positions.path_problem()

    def _note(self, positions: tuple[float, ...]) -> None:
        self._noted = True
        for place, position in zip(self._places, positions, strict=True):
            self._array.note(place, self._scaling.bounded(position))
