# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Every API from its parameters: what the core and the services are told of it."""

import math
from typing import Any

import pytest

from viam_session_bridge.parameters.checks import Surroundings
from viam_session_bridge.parameters.load import APIS, judge
from viam_session_bridge.properties import properties_of
from viam_session_bridge.ros.senses import Senses

AROUND = Surroundings(
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


def test_every_api_is_here() -> None:
    """A new one must find its place."""
    assert EACH.keys() == APIS.keys()


@pytest.mark.parametrize('api', EACH)
def test_every_api_has_limits_a_machine_and_properties(api: str) -> None:
    """Whatever its parameters."""
    config = configured(api)
    assert config.limits is not None
    assert config.resource.api == api
    assert properties_of(config, Senses()).commands == {}


def test_what_an_arm_says() -> None:
    """Limits joint by joint; without a description it says so by an empty text."""
    arm = properties_of(configured('arm'), Senses())
    assert arm.joint_limits == ((-1.0, 1.0), (-2.0, 2.0)) and arm.max_joint_speed == 1.5
    assert (arm.tolerance, arm.has_feedback) == (0.04, True)
    assert (arm.speeds, arm.tolerances) == ((1.5, 0.2), (0.04, 0.003))
    assert arm.pose is None and not arm.takes_poses and arm.pose_tolerance == 0.006
    settings = configured('arm').resource.actuator
    assert settings.rest is not None and not settings.leads
    assert [tuple(one) for one in settings.rest.joints] == [('a', 'rad', 0.03), ('b', 'm', 0.002)]


def test_what_others_say() -> None:
    """Offsets and feedback."""
    gantry = properties_of(configured('gantry'), Senses())
    assert gantry.offsets_m == (0.0,) and gantry.home_m == () and gantry.has_feedback
    assert configured('gantry').resource.actuator.leads
    gripper = properties_of(configured('gripper'), Senses())
    assert gripper.prismatic and not gripper.has_feedback
    servo = properties_of(configured('servo'), Senses())
    assert servo.offset_deg == -90.0 and servo.max_move_duration == 120.0
    assert configured('servo').pace.fastest == pytest.approx(math.pi / 2)
    base = properties_of(configured('base'), Senses())
    assert not base.has_odometry
    assert configured('base').resource.actuator.rest is not None
