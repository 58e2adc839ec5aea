# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers that lead joints receive a trajectory at every tick; others once."""

import pytest

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import OpenClaim
from viam_session_bridge.core.setpoints import Press, Setpoint, Trajectory, Waypoint
from viam_session_bridge.core.states import State

WAY = Trajectory((Waypoint(1.0, (0.5,)),))


@pytest.mark.parametrize(('leads', 'setpoint', 'sent'), [
    (False, WAY, 1), (True, WAY, 11), (True, Press(), 1)])
def test_a_driver_that_leads_receives_a_trajectory_at_every_tick(
        leads: bool, setpoint: Setpoint, sent: int) -> None:
    """Others receive it once, and every driver receives events once; no stop at the end."""
    actuator = Actuator('arm', ActuatorSettings(command_rate=10.0, leads=leads))
    actuator.path_problem = ''
    actuator.command(
        Motion(setpoint, duration=1.05, once=True, settles=True), OpenClaim(), 1, 0.0)
    outputs = [actuator.poll(tick / 100) for tick in range(120)]
    received = [output.setpoint for output in outputs if output is not None]
    assert received == [setpoint] * sent
    assert actuator.state is State.IDLE
