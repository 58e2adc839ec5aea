# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Grippers over gRPC: only a measured grip is reported; units, refusals."""

from collections.abc import Callable
import math
from typing import Any
from xml.etree import ElementTree

import grpc
import pytest

from components import component
from joint_bench import begin, drive, serve, way_of
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample

Code = grpc.StatusCode
OPEN, CLOSED = 0.08, 0.0
FASTEST = 0.1
URDF = '<robot name="hand"><link name="wrist"/><link name="palm"/>' + ''.join(
    f'<link name="{child}"/><joint name="{name}" type="{kind}"><parent link="{parent}"/>'
    f'<child link="{child}"/><axis xyz="0 1 0"/><limit lower="0" upper="0.08"/></joint>'
    for name, kind, parent, child in (
        ('mount', 'fixed', 'wrist', 'palm'), ('left', 'prismatic', 'palm', 'thumb'),
        ('right', 'prismatic', 'palm', 'finger'))) + '</robot>'


def configured(**own: Any) -> Any:
    """Return a gripper of two fingers with a range of 80 mm."""
    return component('gripper', **{
        'open_position': OPEN, 'closed_position': CLOSED, 'max_speed': FASTEST,
        'tolerance': 0.002, 'joint_states_topic': 'joint_states', 'joints': ('left', 'right'),
        'prismatic': True, **own})


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge whose gripper is open."""
    return serve(start, 'gripper', configured(), here=(OPEN, OPEN))


def test_the_refusal_names_why_no_joint_state_arrives(bench: Any) -> None:
    """As far as the ROS graph shows it."""
    bench.clock.advance(5.0)
    bench.locked.feedback('gripper', 'on /joints /hand publishes a/msg/B; expected c/msg/D')
    with pytest.raises(grpc.RpcError) as refused:
        bench.client().gripper.GetCurrentInputs(name='gripper')
    assert 'publishes a/msg/B; expected c/msg/D' in refused.value.details()


def test_open_returns_when_it_is_open(bench: Any) -> None:
    bench.locked.measured('gripper', JointSample((0.02, 0.02)))
    call = begin(bench, 'gripper', 'Open')
    [point] = way_of(bench, 'gripper').points
    assert point.positions == (OPEN, OPEN)
    assert point.time == pytest.approx(1.5 * 0.06 / FASTEST)
    drive(bench, 'gripper', call, (0.02, 0.02))
    assert call.code() is Code.OK
    assert bench.state('gripper') is State.IDLE, 'it keeps what it was told: no stop follows'


@pytest.mark.parametrize(('object_at', 'success'), [(0.03, True), (None, False)])
def test_grab_returns_what_is_measured(bench: Any, object_at: float | None, success: bool) -> None:
    client = bench.client()
    assert not client.gripper.IsHoldingSomething(name='gripper').is_holding_something
    call = begin(bench, 'gripper', 'Grab')
    assert way_of(bench, 'gripper').end.positions == (CLOSED, CLOSED)
    drive(bench, 'gripper', call, (OPEN, OPEN), object_at)
    reply = call.result()
    assert reply.success is success
    assert not reply.extra
    holding = client.gripper.IsHoldingSomething(name='gripper')
    assert holding.is_holding_something is success


@pytest.fixture
def holding(bench: Any) -> Any:
    """Return a bridge whose gripper holds something of 30 mm."""
    call = begin(bench, 'gripper', 'Grab')
    drive(bench, 'gripper', call, (OPEN, OPEN), 0.03)
    assert call.result().success
    return bench


def test_what_slips_out_is_not_held_any_more(holding: Any) -> None:
    holding.locked.measured('gripper', JointSample((CLOSED, CLOSED)))
    client = holding.client()
    assert not client.gripper.IsHoldingSomething(name='gripper').is_holding_something


def test_grabbing_again_still_holds(holding: Any) -> None:
    call = begin(holding, 'gripper', 'Grab')
    drive(holding, 'gripper', call, (0.03, 0.03), 0.03)
    assert call.result().success


@pytest.mark.parametrize('fingers', [(0.05, 0.03), (0.05, 0.05)])
def test_after_fingers_were_moved_by_hand_it_is_unknown_whether_it_holds(
        holding: Any, fingers: Any) -> None:
    holding.locked.measured('gripper', JointSample(fingers))
    code, text = holding.client().gripper.IsHoldingSomething.refused(name='gripper')
    assert code is Code.FAILED_PRECONDITION and 'unknown whether' in text


def test_half_open_without_a_grab_it_is_unknown_whether_it_holds_something(bench: Any) -> None:
    call = begin(bench, 'gripper', 'GoToInputs', values=[40.0, 40.0])
    assert way_of(bench, 'gripper').end.positions == pytest.approx((0.04, 0.04))
    drive(bench, 'gripper', call, (OPEN, OPEN))
    client = bench.client()
    assert list(client.gripper.GetCurrentInputs(name='gripper').values) == pytest.approx(
        [40.0, 40.0])
    code, text = client.gripper.IsHoldingSomething.refused(name='gripper')
    assert code is Code.FAILED_PRECONDITION and 'not where a Grab ended' in text


def test_a_gripper_that_does_not_move_holds_nothing_new(bench: Any) -> None:
    """Its driver may have failed: a position before closed proves nothing."""
    call = begin(bench, 'gripper', 'Grab')
    drive(bench, 'gripper', call, (OPEN, OPEN), OPEN)
    reply = call.result()
    assert not reply.success and reply.extra['unknown'] == 'it did not move'


def test_a_grab_that_is_stopped_is_no_success(bench: Any) -> None:
    call = begin(bench, 'gripper', 'Grab')
    bench.locked.measured('gripper', JointSample((0.04, 0.04)))
    bench.client().gripper.Stop(name='gripper')
    bench.until_stopped('gripper')
    reply = call.result()
    assert not reply.success and 'stop' in reply.extra['unknown']


@pytest.fixture
def blind(start: Callable[..., Any]) -> Any:
    """Return a bridge whose gripper has no feedback."""
    return serve(start, 'gripper', configured(joint_states_topic=''))


@pytest.mark.parametrize('method', ['Open', 'Grab'])
def test_without_feedback_it_is_timed_for_the_whole_way(blind: Any, method: str) -> None:
    call = begin(blind, 'gripper', method)
    seconds = way_of(blind, 'gripper').end.time
    assert seconds == pytest.approx(1.5 * 0.08 / FASTEST)
    blind.clock.advance(seconds - 0.1)
    blind.settle()
    assert not call.done()
    blind.clock.advance(0.1)
    blind.until(call.done)
    if method == 'Grab':
        reply = call.result()
        assert not reply.success
        assert 'configure gripper.joint_states_topic' in reply.extra['unknown']


@pytest.mark.parametrize('method', ['GetCurrentInputs', 'IsHoldingSomething'])
def test_without_feedback_the_refusal_names_the_parameter(
        bench: Any, blind: Any, method: str) -> None:
    code, text = getattr(blind.client().gripper, method).refused(name='gripper')
    assert code is Code.UNIMPLEMENTED and 'configure gripper.joint_states_topic' in text
    bench.clock.advance(1.1)
    code, text = getattr(bench.client().gripper, method).refused(name='gripper')
    assert code is Code.FAILED_PRECONDITION and 'gripper.joint_states_topic' in text


def test_inputs_are_radians_where_the_joints_turn(start: Callable[..., Any]) -> None:
    bench = serve(start, 'gripper', configured(
        open_position=0.0, closed_position=0.8, joints=('finger',), prismatic=False), here=(0.4,))
    client = bench.client()
    assert list(client.gripper.GetCurrentInputs(name='gripper').values) == [0.4]
    begin(bench, 'gripper', 'GoToInputs', values=[0.6])
    assert way_of(bench, 'gripper').end.positions == (0.6,)


@pytest.mark.parametrize(('values', 'named'), [
    ([], 'values: 0 values; expected 2, for the joints left, right'),
    ([1.0], 'values: 1 values'), ([1.0, math.nan], 'values[1]: nan'),
    ([81.0, 0.0], 'values[0]: 81 is out of the range of joint left; expected 0 to 80'),
    ([0.0, -1.0], 'values[1]: -1')])
def test_bad_inputs_are_named_and_change_nothing(bench: Any, values: Any, named: str) -> None:
    code, text = bench.client().gripper.GoToInputs.refused(name='gripper', values=values)
    assert code is Code.INVALID_ARGUMENT and text.startswith(named), text
    bench.settle()
    assert not bench.locked.accepted


def test_a_gripper_has_no_geometries(bench: Any) -> None:
    client = bench.client()
    assert list(client.gripper.GetGeometries(name='gripper').geometries) == []


def test_kinematics_are_those_of_a_chain_of_joints(
        start: Callable[..., Any], bench: Any) -> None:
    code, text = bench.client().gripper.GetKinematics.refused(name='gripper')
    assert code is Code.UNIMPLEMENTED and 'configure gripper.robot_description_topic' in text
    both = serve(start, 'gripper', configured(robot_description_topic='urdf'),
                 description=lambda: URDF)
    code, text = both.client().gripper.GetKinematics.refused(name='gripper')
    assert code is Code.FAILED_PRECONDITION
    assert text.endswith('on the path to right it has: right (see gripper.joints)')
    one = serve(start, 'gripper', configured(
        robot_description_topic='urdf', joints=('left',)), description=lambda: URDF)
    robot = ElementTree.fromstring(
        one.client().gripper.GetKinematics(name='gripper').kinematics_data)
    assert [link.get('name') for link in robot.findall('link')] == ['palm', 'thumb']
