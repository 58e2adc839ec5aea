# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""`doctor` while a Viam SDK program drives simulated robots, of which two measure wrongly."""

import math

from processes import base, Bridge, Client, PATIENCE, Program, Programs, settings, wait_until
from viam_session_bridge.cli import doctor
from viam_session_bridge.cli.doctor_checks import Finding

# The base frame of each robot's odometry, in rad from its direction of motion.
ROBOTS = {'correct': 0.0, 'turned': math.pi, 'across': math.pi / 2.0}


def drive(client: Client) -> None:
    """
    Drive every robot; commands are refused until odometry was received, and after a stall.

    The client of the correct robot changes its direction without a stop.
    """
    for name, power in (*((name, 1.0) for name in ROBOTS), ('correct', -1.0)):
        wait_until(
            lambda name=name, power=power: client.ask('set_power', base=name, linear=power)['ok'],
            f'{name} drives')


def findings(bridge: Bridge) -> dict[str, Finding]:
    """Return what doctor finds out about the direction of motion, by parameter."""
    report = doctor.examine(bridge.file, [
        'doctor', '--ros-args', '--params-file', str(bridge.file), '-r',
        f'__ns:={bridge.namespace}'], 4.0)
    return {one.parameter: one for one in report.findings
            if 'reversed' in one.what or 'swapped' in one.what}


def test_reversed_sign_and_swapped_axes_are_found_while_a_client_drives_and_nothing_else(
        programs: Programs) -> None:
    bridge = programs.bridge(settings({
        name: base(f'{name}/cmd_vel', odometry_topic=f'{name}/odom', max_linear_speed=0.3)
        for name in ROBOTS}))
    for name, yaw in ROBOTS.items():
        programs.add(Program(
            '-m', 'viam_session_bridge.sim.diff_drive', '--ros-args', '-r',
            f'__ns:={bridge.namespace}/{name}', '-p', f'odometry_yaw:={yaw}'), ready=False)
    bridge.wait_drivers(*ROBOTS)
    client = programs.client(bridge.address)

    def found_while_driving() -> dict[str, Finding]:
        """Return the findings; a stall of this machine ends the motion, and little is measured."""
        drive(client)
        found = findings(bridge)
        return found if len(found) > 1 else {}

    found = wait_until(found_while_driving, 'two findings', 2 * PATIENCE)
    assert found.keys() == {'turned.odometry_topic', 'across.odometry_topic'}, found
    turned, across = found['turned.odometry_topic'], found['across.odometry_topic']
    assert 'moves against what is commanded (reversed sign)' in turned.what
    assert 'commanded (0.3, 0) m/s' in turned.what
    assert 'the driver of turned or its odometry: x positive forwards' in turned.change
    assert 'moves across what is commanded (swapped axes)' in across.what
    assert 'the driver of across or its odometry: x forwards, y to the left' in across.change
