# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Every API from its parameters: what the core and the services read."""

import math
from typing import Any

import pytest

from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import APIS, judge
from viam_session_bridge.parameters.resources import ActuatedConfig

AROUND = GraphNames(
    '/bridge', '/', lambda topic: f'/{topic.lstrip("/")}',
    lambda service: f'/{service.lstrip("/")}')

COMMON: dict[str, Any] = {'topic': 'command', 'accept_no_timeout': True}
EACH: dict[str, dict[str, Any]] = {
    'base': {**COMMON, 'driver': 'twist', 'velocity_topic': 'velocity'},
    'motor': {**COMMON, 'driver': 'joint_state', 'joint': 'wheel', 'max_speed': 3.0},
    'arm': {**COMMON, 'driver': 'joint_trajectory', 'joints': ['a', 'b'], 'max_joint_speed': 1.5,
            'joint_states_topic': 's', 'joint_minimums': [-1.0, -2.0],
            'joint_maximums': [1.0, 2.0], 'rest_speed': 0.03, 'tolerance': 0.04,
            'prismatic_joints': ['b'], 'prismatic_max_speed': 0.2, 'prismatic_tolerance': 0.003,
            'pose_tolerance': 0.006},
    'gantry': {**COMMON, 'driver': 'float', 'stop': 'hold', 'joints': ['x'], 'lengths_m': [0.5],
               'joint_states_topic': 's', 'max_speed': 0.2},
    'gripper': {**COMMON, 'driver': 'float', 'stop': 'last', 'joints': ['finger'],
                'open_position': 0.04, 'closed_position': 0.0, 'max_speed': 0.1,
                'tolerance': 0.002, 'rest_speed': 0.003, 'prismatic': True},
    'servo': {**COMMON, 'driver': 'float', 'stop': 'last', 'max_speed_deg_s': 90.0,
              'offset_deg': -90.0, 'rest_speed': 0.01},
    'switch': {**COMMON, 'driver': 'float', 'labels': ['off', 'on'], 'numbers': [0.0, 1.0],
               'safe_position': 'off'},
    'button': {**COMMON, 'driver': 'message'},
    'generic': {}}


def configured(api: str) -> Any:
    values = {'resources': ['it'], 'it.api': api, **{
        f'it.{name}': value for name, value in EACH[api].items()}}
    verdict = judge(values, AROUND)
    assert verdict.config is not None, verdict.errors
    return verdict.config.resources[0]


@pytest.mark.parametrize(
    'api', [api for api, table in APIS.items() if issubclass(table, ActuatedConfig)])
def test_every_api_has_limits_and_settings_for_the_core(api: str) -> None:
    """Whatever its parameters."""
    config = configured(api)
    assert config.limits is not None
    assert config.resource.api == api and config.commands == ()


def test_the_errors_of_an_arm() -> None:
    """Speeds, tolerances and rest joint by joint, in the unit of each."""
    arm = configured('arm')
    assert (arm.speeds, arm.tolerances) == ((1.5, 0.2), (0.04, 0.003))
    settings = arm.resource.actuator
    assert settings.rest is not None and not settings.leads
    assert [tuple(one) for one in settings.rest.joints] == [('a', 'rad', 0.03), ('b', 'm', 0.002)]


def test_the_errors_of_other_components() -> None:
    """Offsets and feedback."""
    gantry = configured('gantry')
    assert gantry.zeros == (0.0,) and gantry.tolerances == (0.002,)
    assert gantry.resource.actuator.leads
    assert configured('gripper').resource.actuator.rest is None, 'nothing is measured'
    servo = configured('servo')
    assert servo.pace.fastest == pytest.approx(math.pi / 2)
    assert servo.tolerances == (pytest.approx(math.pi / 180),)
    assert configured('base').resource.actuator.rest is not None
    assert configured('generic').resource.actuator.rest is None
