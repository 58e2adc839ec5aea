# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Gantries over gRPC: units, limits, refusals, and Home, which Viam does not monitor.

Viam: mm from the beginning of each axis. Core: m of the joints.
"""

from collections.abc import Callable
import math
from typing import Any
from xml.etree import ElementTree

import grpc
import pytest

from components import component
from joint_bench import begin, drive, serve, way_of
from viam_session_bridge.core.events import Changed
from viam_session_bridge.core.presence import ConnectionClaim, Policy, UnsupervisedPolicy
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode
HERE = (-0.4, 0.1)  # 100 mm and 100 mm
URDF = '<robot name="gantry"><link name="frame"/>' + ''.join(
    f'<link name="{child}"/><joint name="{name}" type="prismatic"><parent link="{parent}"/>'
    f'<child link="{child}"/><axis xyz="{axis}"/><limit lower="-1" upper="1"/></joint>'
    for name, parent, child, axis in (
        ('x', 'frame', 'bridge', '1 0 0'), ('z', 'bridge', 'tool', '0 0 -1'))) + '</robot>'


def configured(**own: Any) -> Any:
    """Return a gantry whose first joint is at -0.5 m at 0 of Viam's axis."""
    return component('gantry', **{
        'joints': ('x', 'z'), 'lengths_m': (1.0, 0.3), 'offsets_m': (-0.5, 0.0),
        'max_speed': 0.2, 'max_move_duration': 60.0, 'home_m': (0.0, 0.3),
        'joint_states_topic': 'joint_states', **own})


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge whose gantry is at 100 mm on both axes."""
    return serve(start, 'gantry', configured(), here=HERE)


def test_positions_and_lengths_are_mm(bench: Any) -> None:
    client = bench.client()
    assert list(client.gantry.GetPosition(name='gantry').positions_mm) == pytest.approx(
        [100.0, 100.0])
    assert list(client.gantry.GetLengths(name='gantry').lengths_mm) == pytest.approx(
        [1000.0, 300.0])
    assert list(client.gantry.GetGeometries(name='gantry').geometries) == []


@pytest.mark.parametrize(('speeds', 'seconds'), [
    ([100.0, 100.0], 1.5 * 0.3 / 0.1), ([], 1.5 * 0.3 / 0.2), ([0.0, 0.0], 1.5 * 0.3 / 0.2),
    ([1e9, 1e9], 1.5 * 0.3 / 0.2), ([100.0, 10.0], 1.5 * 0.1 / 0.01)])
def test_a_move_keeps_to_the_speeds_and_ends_when_it_is_there(
        bench: Any, speeds: list[float], seconds: float) -> None:
    call = begin(bench, 'gantry', 'MoveToPosition', positions_mm=[400.0, 200.0],
                 speeds_mm_per_sec=speeds)
    [point] = way_of(bench, 'gantry').points
    assert point.positions == pytest.approx((-0.1, 0.2))
    assert point.time == pytest.approx(seconds)
    assert drive(bench, 'gantry', call, HERE) == pytest.approx((-0.1, 0.2))
    assert call.code() is Code.OK and bench.state('gantry') is State.IDLE


def test_stop_ends_a_move(bench: Any) -> None:
    call = begin(bench, 'gantry', 'MoveToPosition', positions_mm=[400.0, 200.0])
    bench.client().gantry.Stop(name='gantry')
    bench.until_stopped('gantry')
    assert call.code() is Code.OK


@pytest.mark.parametrize(('fields', 'named'), [
    ({}, 'positions_mm: 0 values; expected 2, for the joints x, z'),
    ({'positions_mm': [1.0, 2.0, 3.0]}, 'positions_mm: 3 values'),
    ({'positions_mm': [math.nan, 0.0]}, 'positions_mm[0]: nan'),
    ({'positions_mm': [-0.1, 0.0]}, 'positions_mm[0]: -0.1 is out of the range of joint x'),
    ({'positions_mm': [0.0, 300.1]}, 'positions_mm[1]: 300.1'),
    ({'positions_mm': [0.0, 0.0], 'speeds_mm_per_sec': [1.0]}, 'speeds_mm_per_sec: 1 values'),
    ({'positions_mm': [0.0, 0.0], 'speeds_mm_per_sec': [1.0, -5.0]}, 'speeds_mm_per_sec[1]: -5'),
    ({'positions_mm': [0.0, 0.0], 'speeds_mm_per_sec': [math.inf, 1.0]},
     'speeds_mm_per_sec[0]: inf'),
    ({'positions_mm': [0.0, 0.0], 'speeds_mm_per_sec': [1.0, 1.0]},
     'positions_mm: this move would take 150 s')])
def test_bad_values_are_named_and_change_nothing(bench: Any, fields: Any, named: str) -> None:
    code, text = bench.client().gantry.MoveToPosition.refused(name='gantry', **fields)
    assert code is Code.INVALID_ARGUMENT
    assert text.startswith(named), text
    bench.settle()
    assert bench.told('gantry') == 'nothing' and not bench.locked.accepted


@pytest.mark.parametrize(('method', 'fields'), [
    ('GetPosition', {}), ('MoveToPosition', {'positions_mm': [0.0, 0.0]}), ('Home', {})])
def test_without_positions_the_refusal_names_the_parameter(
        bench: Any, method: str, fields: Any) -> None:
    bench.clock.advance(1.1)
    code, text = getattr(bench.client().gantry, method).refused(name='gantry', **fields)
    assert code is Code.FAILED_PRECONDITION and 'gantry.joint_states_topic' in text


def test_kinematics_are_the_urdf_of_its_axes(start: Callable[..., Any], bench: Any) -> None:
    code, text = bench.client().gantry.GetKinematics.refused(name='gantry')
    assert code is Code.UNIMPLEMENTED and 'configure gantry.robot_description_topic' in text
    own = configured(robot_description_topic='description')
    reply = serve(start, 'gantry', own, description=lambda: URDF).client().gantry.GetKinematics(
        name='gantry')
    assert reply.format == proto.common.KINEMATICS_FILE_FORMAT_URDF
    joints = ElementTree.fromstring(reply.kinematics_data).findall('joint')
    limits = [joint.find('limit').attrib for joint in joints]  # type: ignore[union-attr]
    assert [float(limit['upper']) for limit in limits] == list(own.lengths_m)
    origins = [joint.find('origin').get('xyz') for joint in joints]  # type: ignore[union-attr]
    assert origins == ['-0.5 0 0', '0 0 0']


# ---- home ----


@pytest.mark.parametrize('gets_there', [True, False])
def test_home_returns_whether_it_has_arrived(start: Callable[..., Any], gets_there: bool) -> None:
    # In real time: the caller's connection is monitored.
    bench = serve(start, 'gantry', configured(max_speed=2.0), here=HERE, real_clock=True)
    client = bench.client()
    call = client.gantry.Home.start(name='gantry')
    bench.until_moving('gantry')
    [point] = way_of(bench, 'gantry').points
    assert point.positions == pytest.approx((-0.5, 0.3))
    if not gets_there:
        client.gantry.Stop(name='gantry')
        assert call.result().homed is False
        return

    def over() -> bool:
        bench.locked.measured('gantry', JointSample((-0.5, 0.3)))
        return bool(call.done())

    bench.until(over)
    assert call.result().homed is True


@pytest.mark.parametrize('unsupervised', list(UnsupervisedPolicy))
def test_home_is_held_by_the_callers_connection_under_every_policy(
        start: Callable[..., Any], remote: Any, unsupervised: UnsupervisedPolicy) -> None:
    bench = serve(start, 'gantry', configured(max_speed=0.02), here=HERE, real_clock=True,
                  policy=Policy(unsupervised=unsupervised, stall_limit=60.0))
    client = remote(bench)
    measure = JointSample(HERE)
    # While the other process started, the joint states may have become stale.
    bench.locked.measured('gantry', measure)
    client.start('gantry', 'Home', name='gantry')

    def told(condition: Callable[[], bool]) -> Callable[[], bool]:
        def measured() -> bool:
            bench.locked.measured('gantry', measure)
            return condition()
        return measured

    bench.until(told(lambda: bench.moves('gantry')))
    client.kill()
    bench.until(told(lambda: bench.told('gantry') is None))
    begun, stopped = (event for event in bench.events if isinstance(event, Changed))
    assert (begun.after, stopped.after) == (State.MOVING, State.STOPPING)
    assert isinstance(begun.claim, ConnectionClaim)
    # The call ends with its connection, too.
    assert stopped.reason in (Reason.DISCONNECTED, Reason.CANCELLED)


def test_home_that_is_not_configured_is_unimplemented(start: Callable[..., Any]) -> None:
    bench = serve(start, 'gantry', configured(home_m=()), here=HERE)
    code, text = bench.client().gantry.Home.refused(name='gantry')
    assert code is Code.UNIMPLEMENTED and 'configure gantry.home_m' in text
    assert not bench.locked.accepted
