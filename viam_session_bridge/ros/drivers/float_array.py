# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drivers 'float_array': actuators that share one array, as ros2_control's group controllers take it.

The array is complete or a controller refuses it, so every message has a number for each resource.
The number of one that nobody moves is its neutral one, or, of a position, where it is. While
nobody knows where one of the joints is, none can be moved.
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
    """What both drivers have: an array, and a scaling."""

    def __init__(self, config: MotorConfig | PositionedConfig, tools: OwnTools,
                 scaling: Scaling) -> None:
        self.resource = config.name
        self.on_appear = tools.on_appear
        self._array = tools.array(config.topic)
        self._scaling = scaling
        self._driver_node = tools.driver_node

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver, or could not hold; empty when it would."""
        return self._array.path_problem(self.resource, self._driver_node)


class FloatArrayDriver(_Member):
    """One number of an array; what it is told goes out when the array is flushed."""

    NAME = 'float_array'
    APIS = ('motor',)
    TABLE = FloatArrayTable

    def __init__(self, config: MotorConfig, tools: OwnTools) -> None:
        super().__init__(config, tools, Scaling.of_motor(config))
        self._index = config.index
        self._array.add(self, {config.index: config.neutral})

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        """Note the number for a wish."""
        self._array.note(self._index, self._scaling.number(setpoint))

    def stop(self, epoch: int) -> None:
        """Note the neutral number."""
        self._array.note(self._index, self._scaling.neutral)

    def refresh(self) -> None:
        """Leave the number as it is: neutral, while nobody moves it."""

    def feedback_problem(self) -> str:
        """Answer that the neutral number is always known."""
        return ''


class FloatArrayPositionDriver(_Member):
    """The joints of one resource: so many places of the array, from an index on."""

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
        """Note where the joints are, unless they were told something in this pass."""
        noted, self._noted = self._noted, False
        if noted or not self._holds:
            return
        idle = self._positions.idle()
        if idle is not None:
            self._note(idle)
            self._noted = False

    def feedback_problem(self) -> str:
        """Say why nobody knows where these joints are; empty when it is known."""
        return self._positions.path_problem()

    def _note(self, positions: tuple[float, ...]) -> None:
        self._noted = True
        for place, position in zip(self._places, positions, strict=True):
            self._array.note(place, self._scaling.bounded(position))
