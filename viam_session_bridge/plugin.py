# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The public API for drivers of other packages; docs/drivers.md describes it.

Everything else in this package may change from one release to the next.
"""

from viam_session_bridge.core.setpoints import (
    Choice,
    Power,
    Press,
    Setpoint,
    Speed,
    Trajectory,
    Velocity,
    Waypoint,
)
from viam_session_bridge.parameters.schema import described, Form
from viam_session_bridge.ros.drivers.positions import Joints, Positions
from viam_session_bridge.ros.joint_states import JointReading
from viam_session_bridge.ros.plugins import PluginDriver, Tools

__all__ = [
    'Choice', 'described', 'Form', 'JointReading', 'Joints', 'PluginDriver', 'Positions', 'Power',
    'Press', 'Setpoint', 'Speed', 'Tools', 'Trajectory', 'Velocity', 'Waypoint']
