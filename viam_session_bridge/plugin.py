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
from viam_session_bridge.ros.plugins import PluginDriver, Tools
from viam_session_bridge.ros.sources.joint_states import JointReading

__all__ = [
    'Choice', 'described', 'Form', 'JointReading', 'Joints', 'PluginDriver', 'Positions', 'Power',
    'Press', 'Setpoint', 'Speed', 'Tools', 'Trajectory', 'Velocity', 'Waypoint']
