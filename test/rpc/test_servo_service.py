# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Servos over gRPC: whole degrees in messages, rad in the core."""

from collections.abc import Callable
import math
from typing import Any

import grpc
import pytest

from components import component
from joint_bench import begin, drive, serve, way_of
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample

Code = grpc.StatusCode
MIDDLE = (0.0,)


def configured(**own: Any) -> Any:
    """Return a servo whose joint is at -90 degrees at Viam's angle 0."""
    return component('servo', **{
        'minimum_deg': 10.0, 'maximum_deg': 170.0, 'max_speed_deg_s': 60.0, 'offset_deg': -90.0,
        'joint_states_topic': 'joint_states', **own})


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge whose servo is in the middle."""
    return serve(start, 'servo', configured(), here=MIDDLE)


def test_it_turns_to_an_angle_and_returns_when_it_has_arrived(bench: Any) -> None:
    client = bench.client()
    assert client.servo.GetPosition(name='servo').position_deg == 90
    call = begin(bench, 'servo', 'Move', angle_deg=120)
    [point] = way_of(bench, 'servo').points
    assert point.positions == pytest.approx((math.radians(30.0),))
    assert point.time == pytest.approx(1.5 * 30.0 / 60.0)
    drive(bench, 'servo', call, MIDDLE)
    assert call.code() is Code.OK and bench.state('servo') is State.IDLE
    assert client.servo.GetPosition(name='servo').position_deg == 120
    assert list(client.servo.GetGeometries(name='servo').geometries) == []


def test_without_feedback_it_is_timed_for_the_whole_range(start: Callable[..., Any]) -> None:
    blind = serve(start, 'servo', configured(joint_states_topic=''))
    call = begin(blind, 'servo', 'Move', angle_deg=91)
    assert way_of(blind, 'servo').end.time == pytest.approx(1.5 * 160.0 / 60.0)
    blind.clock.advance(3.8)
    blind.settle()
    assert not call.done()
    blind.clock.advance(0.2)
    blind.until(call.done)
    assert call.code() is Code.OK and blind.told('servo') is not None, 'no stop follows'
    code, text = blind.client().servo.GetPosition.refused(name='servo')
    assert code is Code.UNIMPLEMENTED and 'configure servo.joint_states_topic' in text


def test_stop_ends_a_move(bench: Any) -> None:
    call = begin(bench, 'servo', 'Move', angle_deg=120)
    bench.client().servo.Stop(name='servo')
    bench.until_stopped('servo')
    assert call.code() is Code.OK


@pytest.mark.parametrize('angle', [0, 9, 171, 360, 2**32 - 1])
def test_angles_out_of_range_are_refused(bench: Any, angle: int) -> None:
    code, text = bench.client().servo.Move.refused(name='servo', angle_deg=angle)
    assert code is Code.INVALID_ARGUMENT
    assert text == f'angle_deg: {angle} is out of the range of servo; expected 10 to 170'
    bench.settle()
    assert not bench.locked.accepted


@pytest.mark.parametrize(('joint', 'shown'), [
    (-90.4, 0), (-90.9, 0), (-89.6, 0), (89.9, 180)])
def test_measured_angles_are_rounded(bench: Any, joint: float, shown: int) -> None:
    bench.locked.measured('servo', JointSample((math.radians(joint),)))
    assert bench.client().servo.GetPosition(name='servo').position_deg == shown


def test_a_negative_angle_is_an_error(bench: Any) -> None:
    bench.locked.measured('servo', JointSample((math.radians(-95.0),)))
    code, text = bench.client().servo.GetPosition.refused(name='servo')
    assert code is Code.FAILED_PRECONDITION
    assert '-5 degrees' in text and 'servo.offset_deg' in text


@pytest.mark.parametrize(('method', 'fields'), [('GetPosition', {}), ('Move', {'angle_deg': 90})])
def test_stale_feedback_is_an_error(bench: Any, method: str, fields: Any) -> None:
    bench.clock.advance(1.1)
    code, text = getattr(bench.client().servo, method).refused(name='servo', **fields)
    assert code is Code.FAILED_PRECONDITION and 'servo.joint_states_topic' in text
