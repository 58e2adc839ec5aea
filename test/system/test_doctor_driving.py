# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""`doctor` while a Viam SDK program drives simulated robots, of which two measure wrongly."""

from collections.abc import Callable
import json
import math
import time
from typing import Any

import pytest

from processes import base, Bridge, Client, PATIENCE, Program, Programs, settings, wait_until
from viam_session_bridge.cli import doctor

# The base frame of each robot's odometry, in rad from its direction of motion.
ROBOTS = {'correct': 0.0, 'turned': math.pi, 'across': math.pi / 2.0}


def drive(client: Client, name: str, power: float) -> None:
    """Drive; a command is refused until odometry was received."""
    wait_until(lambda: client.ask('set_power', base=name, linear=power)['ok'], f'{name} drives')


def findings(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what doctor finds out about the direction of motion, by parameter."""
    capsys.readouterr()
    assert doctor.main([str(bridge.file), '--namespace', bridge.namespace, '--seconds', '4',
                        '--json']) == doctor.FINDINGS
    report = json.loads(capsys.readouterr().out)
    return {one['parameter']: one for one in report['findings']
            if 'reversed' in one['what'] or 'swapped' in one['what']}


def repeated(find: Callable[[], dict[str, Any]], count: int) -> dict[str, Any]:
    """Return the first findings of that count: a busy machine may receive too little at first."""
    end = time.monotonic() + PATIENCE
    while len(found := find()) < count and time.monotonic() < end:
        pass
    return found


def test_reversed_sign_and_swapped_axes_are_found_while_a_client_drives_and_nothing_else(
        programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is correct has no finding, although its client has changed the direction."""
    bridge = programs.bridge(settings({
        name: base(f'{name}/cmd_vel', odometry_topic=f'{name}/odom', max_linear_speed=0.3)
        for name in ROBOTS}))
    for name, yaw in ROBOTS.items():
        programs.add(Program(
            '-m', 'viam_session_bridge.sim.diff_drive', '--ros-args', '-r',
            f'__ns:={bridge.namespace}/{name}', '-p', f'odometry_yaw:={yaw}'), ready=False)
    bridge.wait_drivers(*ROBOTS)
    client = programs.client(bridge.address)
    for name in ROBOTS:
        drive(client, name, 1.0)
    drive(client, 'correct', -1.0)
    found = repeated(lambda: findings(bridge, capsys), 2)
    assert found.keys() == {'turned.odometry_topic', 'across.odometry_topic'}, found
    turned, across = found['turned.odometry_topic'], found['across.odometry_topic']
    assert 'moves against what is commanded (reversed sign)' in turned['what']
    assert 'commanded (0.3, 0) m/s' in turned['what']
    assert 'the driver of turned or its odometry: x positive forwards' in turned['change']
    assert 'moves across what is commanded (swapped axes)' in across['what']
    assert 'the driver of across or its odometry: x forwards, y to the left' in across['change']
