# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joints that take their positions from a std_msgs/Float64MultiArray that resources share.

The array is complete or a controller refuses it, so every message names all joints: those that
nobody moves where they are. While nobody knows where one of them is, none can be moved.
"""

from collections.abc import Callable
import math

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.ros.drivers.float_array import FloatArray
from viam_session_bridge.ros.drivers.number import Scaling
from viam_session_bridge.ros.drivers.positions import HOLD, Joints, NUMBER, Positions
from viam_session_bridge.ros.joint_states import JointReading


class FloatArrayPositionDriver:
    """
    The joints of one resource: so many places of the array, from an index on.

    stop: 'hold', or 'number', which is scaling.neutral. on_appear runs when a receiver of the
    array has come up.
    """

    def __init__(self, array: FloatArray, resource: str, index: int, joints: Joints, *,
                 scaling: Scaling, stop: str, driver_node: str,
                 on_appear: Callable[[], None]) -> None:
        self.resource = resource
        self.on_appear = on_appear
        self._array = array
        self._scaling = scaling
        self._holds = stop == HOLD
        self._driver_node = driver_node
        self._places = range(index, index + len(joints.names))
        self._positions = Positions(resource, joints, HOLD if self._holds else NUMBER)
        self._noted = False
        array.add(self, dict.fromkeys(
            self._places, math.nan if self._holds else scaling.neutral))

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

    def path_problem(self) -> str:
        """Say why a stop would not arrive at a driver, or could not hold; empty when it would."""
        return self._array.path_problem(self.resource, self._driver_node)

    def feedback_problem(self) -> str:
        """Say why nobody knows where these joints are; empty when it is known."""
        return self._positions.path_problem()

    def _note(self, positions: tuple[float, ...]) -> None:
        self._noted = True
        for place, position in zip(self._places, positions, strict=True):
            self._array.note(place, self._scaling.bounded(position))
