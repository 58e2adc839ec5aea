# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Arms over gRPC: units, limits, refusals, ends of moves, pose of the tip.

Viam: degrees, and mm for prismatic joints. Core: rad and m.
"""

from collections.abc import Callable
import math
from typing import Any

import grpc
import pytest

from components import component
from joint_bench import begin, drive, serve, way_of
from viam_session_bridge.core.setpoints import PoseGoal
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode
NAMES = ('lift', 'turn')
HERE = (0.2, 0.0)
FASTEST = 0.5

URDF = """<robot name="r"><link name="base"/><link name="middle"/><link name="tip"/>
<joint name="lift" type="prismatic"><parent link="base"/><child link="middle"/></joint>
<joint name="turn" type="continuous"><parent link="middle"/><child link="tip"/></joint></robot>"""

POSES = {'pose_topic': 'tip', 'pose_goal_topic': 'goal'}
TIP = PoseGoal((0.3, 0.0, 0.5), (0.0, 0.0, 0.0, 1.0))


def configured(**own: Any) -> Any:
    """Return an arm that lifts (m) and turns (rad)."""
    return component('arm', **{
        'joints': NAMES, 'joint_minimums': (0.0, -3.0), 'joint_maximums': (0.5, 3.0),
        'max_joint_speed': FASTEST, 'tolerance': 0.02, 'max_move_duration': 30.0,
        'joint_states_topic': 'joint_states', 'prismatic_joints': ('lift',),
        'prismatic_max_speed': FASTEST, **own})


def test_a_rail_has_limits_of_its_own(start: Callable[..., Any]) -> None:
    """In m/s and m: the default in radians would be too large in m."""
    bench = serve(start, 'arm', configured(
        prismatic_max_speed=0.05, prismatic_tolerance=0.001), here=HERE)
    call = begin(bench, 'arm', 'MoveToJointPositions', positions=positions(300.0, 10.0))
    [point] = way_of(bench, 'arm').points
    assert point.time == pytest.approx(1.5 * 0.1 / 0.05), 'the lift takes longest'
    bench.clock.advance(point.time)
    bench.locked.measured('arm', JointSample((0.298, math.radians(9.0))))
    bench.settle()
    assert bench.state('arm') is State.MOVING
    stand(bench, (0.2995, math.radians(9.0)))
    assert call.code() is Code.OK


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge whose arm is at 200 mm and 0 degrees."""
    return serve(start, 'arm', configured(), here=HERE)


def stand(bench: Any, here: tuple[float, ...]) -> None:
    """Measure for 0.5 s that the arm is at rest there."""
    for _ in range(10):
        bench.clock.advance(0.05)
        bench.locked.measured('arm', JointSample(here))
        bench.settle()


def positions(*values: float) -> Any:
    return proto.arm.JointPositions(values=values)


# ---- joints ----


def test_positions_are_degrees_and_mm(bench: Any) -> None:
    bench.locked.measured('arm', JointSample((0.25, -math.pi / 2)))
    reply = bench.client().arm.GetJointPositions(name='arm')
    assert list(reply.positions.values) == pytest.approx([250.0, -90.0])


def test_a_move_is_timed_from_where_it_is_and_ends_when_it_is_there(bench: Any) -> None:
    call = begin(bench, 'arm', 'MoveToJointPositions', positions=positions(300.0, 45.0))
    [point] = way_of(bench, 'arm').points
    assert point.positions == pytest.approx((0.3, math.pi / 4))
    assert point.velocities == (0.0, 0.0)
    # The rotation takes longest; the peak speed of a cubic is 1.5 times its mean.
    assert point.time == pytest.approx(1.5 * (math.pi / 4) / FASTEST)
    outputs = len(bench.outputs)
    assert bench.client().arm.IsMoving(name='arm').is_moving is False, 'as measured'
    assert drive(bench, 'arm', call, HERE) == pytest.approx((0.3, math.pi / 4))
    assert call.code() is Code.OK
    assert bench.state('arm') is State.IDLE
    assert len(bench.outputs) == outputs, 'an arm that has arrived is not stopped'


def test_a_move_to_where_it_is_ends_soon(bench: Any) -> None:
    call = begin(bench, 'arm', 'MoveToJointPositions', positions=positions(200.0, 0.0))
    assert drive(bench, 'arm', call, HERE) == HERE
    assert call.code() is Code.OK


def test_a_way_may_end_where_it_begins(bench: Any) -> None:
    """By its positions alone it would end at once, and the arm would move without an owner."""
    call = begin(bench, 'arm', 'MoveThroughJointPositions', positions=[
        positions(200.0, 40.0), positions(200.0, 0.0)])
    bench.locked.measured('arm', JointSample(HERE))
    bench.settle()
    assert not call.done() and bench.state('arm') is State.MOVING
    drive(bench, 'arm', call, HERE)
    assert call.code() is Code.OK


def test_options_slow_a_move_down(bench: Any) -> None:
    way = [positions(200.0, 30.0), positions(250.0, 60.0)]
    begin(bench, 'arm', 'MoveThroughJointPositions', positions=way)
    plain = way_of(bench, 'arm')
    assert [point.positions[1] for point in plain.points] == pytest.approx(
        [math.pi / 6, math.pi / 3])
    velocities = plain.points[0].velocities
    assert velocities is not None and velocities[1] > 0.1, 'it turns on without stopping'
    for options in ({'max_vel_degs_per_sec': 10.0}, {'max_vel_degs_per_sec_joints': [0.0, 10.0]},
                    {'max_vel_degs_per_sec': 500.0, 'max_vel_degs_per_sec_joints': [5, 10]}):
        begin(bench, 'arm', 'MoveThroughJointPositions', positions=way, options=options)
        first, last = (point.time for point in way_of(bench, 'arm').points)
        assert first == pytest.approx(1.5 * 30.0 / 10.0), options
        assert last > plain.end.time
    begin(bench, 'arm', 'MoveThroughJointPositions', positions=way,
          options={'max_acc_degs_per_sec2': 5.0})
    assert way_of(bench, 'arm').points[0].time == pytest.approx(math.sqrt(6.0 * 30.0 / 5.0))
    begin(bench, 'arm', 'MoveThroughJointPositions', positions=way,
          options={'max_vel_degs_per_sec': 0.0, 'max_acc_degs_per_sec2': 0.0})
    assert way_of(bench, 'arm') == plain, 'as Go sends what is not set'


@pytest.mark.parametrize(('method', 'fields', 'named'), [
    ('MoveToJointPositions', {}, 'positions.values: 0 values; expected 2'),
    ('MoveToJointPositions', {'positions': positions(1.0)}, 'positions.values: 1 values'),
    ('MoveToJointPositions', {'positions': positions(1.0, math.nan)}, 'positions.values[1]: nan'),
    ('MoveToJointPositions', {'positions': positions(501.0, 0.0)}, 'positions.values[0]: 501'),
    ('MoveToJointPositions', {'positions': positions(200.0, -172.0)}, 'positions.values[1]: -172'),
    ('MoveThroughJointPositions', {}, 'positions: 0 are given; expected 1 to 1000'),
    ('MoveThroughJointPositions', {'positions': [positions()] * 1001}, 'positions: 1001'),
    ('MoveThroughJointPositions', {'positions': [positions(200.0, 0.0), positions(9.0)]},
     'positions[1].values: 1 values'),
    ('MoveThroughJointPositions', {'positions': [positions(0.0, 170.0), positions(0.0, 0.0)] * 5},
     'positions: this move would take'),
    ('MoveThroughJointPositions',
     {'positions': [positions(1.0, 1.0)], 'options': {'max_vel_degs_per_sec': -1.0}},
     'options.max_vel_degs_per_sec: -1'),
    ('MoveThroughJointPositions',
     {'positions': [positions(1.0, 1.0)], 'options': {'max_acc_degs_per_sec2': math.nan}},
     'options.max_acc_degs_per_sec2: nan'),
    ('MoveThroughJointPositions',
     {'positions': [positions(1.0, 1.0)], 'options': {'max_vel_degs_per_sec_joints': [1.0]}},
     'options.max_vel_degs_per_sec_joints: 1 values; expected 2'),
    ('MoveThroughJointPositions',
     {'positions': [positions(1.0, 1.0)], 'options': {'max_tcp_speed': 0.1}},
     'options.max_tcp_speed: 0.1')])
def test_bad_values_are_named_and_change_nothing(
        bench: Any, method: str, fields: Any, named: str) -> None:
    code, text = getattr(bench.client().arm, method).refused(name='arm', **fields)
    assert code is Code.INVALID_ARGUMENT
    assert text.startswith(named), text
    bench.settle()
    assert bench.told('arm') == 'nothing' and not bench.locked.accepted


@pytest.mark.parametrize(('method', 'fields'), [
    ('GetJointPositions', {}), ('MoveToJointPositions', {'positions': positions(1.0, 1.0)}),
    ('MoveThroughJointPositions', {'positions': [positions(1.0, 1.0)]})])
def test_without_positions_the_refusal_names_the_parameter(
        bench: Any, method: str, fields: Any) -> None:
    bench.clock.advance(1.1)
    code, text = getattr(bench.client().arm, method).refused(name='arm', **fields)
    assert code is Code.FAILED_PRECONDITION and 'arm.joint_states_topic' in text
    assert not bench.locked.accepted


def test_stop_ends_a_move_and_its_call(bench: Any) -> None:
    call = begin(bench, 'arm', 'MoveToJointPositions', positions=positions(300.0, 45.0))
    bench.client().arm.Stop(name='arm')
    bench.until_stopped('arm')
    assert call.code() is Code.OK


def test_an_arm_that_never_arrives_is_stopped(bench: Any) -> None:
    call = begin(bench, 'arm', 'MoveToJointPositions', positions=positions(250.0, 0.0))
    for _ in range(30):
        bench.clock.advance(0.5)
        bench.locked.measured('arm', JointSample(HERE))
        bench.settle()
    assert call.code() is Code.ABORTED and Reason.NOT_STARTED.value in call.details()
    assert 'joint 0 is at 0.2 rad, its goal is 0.25' in call.details()
    assert bench.told('arm') is None


# ---- the tip ----


class Tip:
    """The measured pose of the tip, and the number of its reads."""

    def __init__(self) -> None:
        self.at: PoseGoal | None = TIP
        self.looks = 0

    def __call__(self) -> PoseGoal | None:
        self.looks += 1
        return self.at


@pytest.fixture
def tip() -> Tip:
    """Return the tip."""
    return Tip()


@pytest.fixture
def tipped(start: Callable[..., Any], tip: Tip) -> Any:
    """Return a bridge whose arm accepts poses, and whose tip is measured."""
    return serve(start, 'arm', configured(**POSES), here=HERE, pose=tip)


def test_the_end_position_is_in_mm_and_degrees(tipped: Any, tip: Tip) -> None:
    client = tipped.client()
    pose = client.arm.GetEndPosition(name='arm').pose
    assert (pose.x, pose.y, pose.z) == pytest.approx((300.0, 0.0, 500.0))
    assert (pose.o_x, pose.o_y, pose.o_z, pose.theta) == pytest.approx((0.0, 0.0, 1.0, 0.0))
    assert client.arm.GetProperties(name='arm').support_cartesian_commands
    tip.at = None
    code, text = client.arm.GetEndPosition.refused(name='arm')
    assert code is Code.FAILED_PRECONDITION and 'arm.pose_topic' in text


def test_move_to_position_ends_when_the_tip_is_seen_there(tipped: Any, tip: Tip) -> None:
    goal = proto.common.Pose(x=350.0, z=500.0, o_z=1.0, theta=90.0)
    call = begin(tipped, 'arm', 'MoveToPosition', to=goal)
    told = tipped.told('arm')
    assert isinstance(told, PoseGoal)
    assert told.position == pytest.approx((0.35, 0.0, 0.5))
    assert told.orientation == pytest.approx((0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)))
    for wrong in (PoseGoal((0.36, 0.0, 0.5), told.orientation), PoseGoal(told.position, (
            0.0, 0.0, 0.0, 1.0)), None):
        tip.at = wrong
        for _ in range(3):
            seen = tip.looks + 2
            tipped.until(lambda seen=seen: tip.looks >= seen)
            tipped.clock.advance(0.3)
            tipped.locked.measured('arm', JointSample(HERE))
        assert not call.done(), wrong
    tip.at = PoseGoal((0.352, 0.0, 0.5), told.orientation)

    def over() -> bool:
        tipped.clock.advance(0.002)
        tipped.locked.measured('arm', JointSample(HERE))
        return bool(call.done())

    tipped.until(over)
    assert call.code() is Code.OK
    assert tipped.told('arm') is told, 'no stop follows'
    assert tipped.state('arm') is State.IDLE


@pytest.mark.parametrize(('tolerance', 'there'), [(0.005, False), (0.02, True)])
def test_how_near_to_a_pose_is_there(start: Callable[..., Any], tip: Tip, tolerance: float,
                                     there: bool) -> None:
    bench = serve(start, 'arm', configured(
        pose_tolerance=tolerance, **POSES), here=HERE, pose=tip)
    call = begin(bench, 'arm', 'MoveToPosition', to=proto.common.Pose(x=310.0, z=500.0, o_z=1.0))
    assert isinstance(bench.told('arm'), PoseGoal)
    for _ in range(3):
        seen = tip.looks + 2
        bench.until(lambda seen=seen: tip.looks >= seen or call.done())
        bench.clock.advance(0.3)
        bench.locked.measured('arm', JointSample(HERE))
    assert call.done() == there, 'the tip is 10 mm away'


def test_a_pose_that_is_never_reached_is_given_up(tipped: Any) -> None:
    call = begin(tipped, 'arm', 'MoveToPosition', to=proto.common.Pose(x=900.0, o_z=1.0))
    tipped.clock.advance(30.1)
    tipped.until_stopped('arm')
    assert call.code() is Code.ABORTED and Reason.TIME_LIMIT.value in call.details()


@pytest.mark.parametrize(('own', 'missing'), [
    ({}, 'arm.pose_goal_topic'), ({'pose_goal_topic': 'goal'}, 'arm.pose_topic'),
    ({'pose_topic': 'tip'}, 'arm.pose_goal_topic')])
def test_poses_need_a_driver_and_a_measurement(
        start: Callable[..., Any], own: Any, missing: str) -> None:
    bench = serve(start, 'arm', configured(**own), here=HERE)
    code, text = bench.client().arm.MoveToPosition.refused(
        name='arm', to=proto.common.Pose(x=1.0, o_z=1.0))
    assert code is Code.UNIMPLEMENTED and missing in text
    assert not bench.locked.accepted


def test_a_pose_that_is_not_a_number_is_named(tipped: Any) -> None:
    code, text = tipped.client().arm.MoveToPosition.refused(
        name='arm', to=proto.common.Pose(x=math.nan, o_z=1.0))
    assert code is Code.INVALID_ARGUMENT and text.startswith('to.x: nan')


# ---- kinematics ----


def test_kinematics_are_the_urdf_of_its_chain(start: Callable[..., Any]) -> None:
    texts = ['']
    bench = serve(start, 'arm', configured(
        robot_description_topic='urdf'), here=HERE, description=lambda: texts[0])
    client = bench.client()
    without = serve(start, 'arm', configured(), here=HERE)
    code, text = without.client().arm.GetKinematics.refused(name='arm')
    assert code is Code.UNIMPLEMENTED and 'configure arm.robot_description_topic' in text
    code, text = client.arm.GetKinematics.refused(name='arm')
    assert code is Code.UNAVAILABLE and 'arm.robot_description_topic' in text
    texts[0] = URDF.replace('turn', 'twist')
    code, text = client.arm.GetKinematics.refused(name='arm')
    assert code is Code.FAILED_PRECONDITION and "no joint named 'turn'" in text
    texts[0] = URDF
    reply = client.arm.GetKinematics(name='arm')
    assert reply.format == proto.common.KINEMATICS_FILE_FORMAT_URDF
    assert b'<joint name="turn" type="continuous">' in reply.kinematics_data


@pytest.mark.parametrize(
    'method', ['GetGeometries', 'Get3DModels', 'SetManualMode', 'GetManualMode'])
def test_methods_that_are_never_served_are_unimplemented(bench: Any, method: str) -> None:
    code, text = getattr(bench.client().arm, method).refused(name='arm')
    assert code is Code.UNIMPLEMENTED and text.startswith(f'arm: {method} is not served')
