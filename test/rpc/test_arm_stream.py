# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories that a client streams to an arm: the order of messages, and what is checked."""

from collections.abc import Callable
import math
from typing import Any

import grpc
import pytest

from arm_streams import batch, init, point, Request, Stream
from components import component
from joint_bench import drive, serve, way_of
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode
HERE = (0.0, 0.0)


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge whose arm is at 0 and may move at 1 rad/s for 10 s."""
    return serve(start, 'arm', component(
        'arm', joints=('a', 'b'), joint_minimums=(-2.0, -2.0), joint_maximums=(2.0, 2.0),
        max_joint_speed=1.0, tolerance=0.02, max_move_duration=10.0,
        joint_states_topic='joint_states'), here=HERE)


def test_points_that_come_at_once_are_acknowledged_and_sent_as_one_trajectory(bench: Any) -> None:
    session = bench.client().start_session()
    stream = Stream(bench, session).send(init(), batch(
        point(0.0, 0.5, 0.0, velocities=(0, 0)), point(0.5, 10.0, 0.0, velocities=(10.0, 0.0))))
    assert stream.acknowledged()
    stream.send(batch(), batch(
        point(1.0, 20.0, -5.0, velocities=(0.0, 0.0), accelerations=(1.0, 1.0)),
        point(1.5, 20.0, -5.0), name='arm'))
    assert stream.acknowledged() and stream.acknowledged()
    bench.settle()
    assert bench.state('arm') is State.IDLE and not bench.locked.accepted
    stream.end()
    bench.until_moving('arm')
    points = way_of(bench, 'arm').points
    assert [each.time for each in points] == pytest.approx([0.5, 1.0, 1.5])
    assert points[0].positions == pytest.approx((math.radians(10.0), 0.0))
    assert all(each.velocities is None for each in points), 'a curve may leave the limits'
    assert bench.locked.accepted[-1][2].session == session
    drive(bench, 'arm', stream.call, HERE)
    assert list(stream.call) == [] and stream.call.code() is Code.OK


@pytest.mark.parametrize(('messages', 'text'), [
    ([], 'message: the first one is missing; expected an init'),
    ([Request(name='arm')], 'message: the first one is missing; expected an init'),
    ([batch(point(0.0, 0, 0), name='arm')], 'message: the first one is batch; expected an init'),
    ([init(), init()], 'message: init after the init; expected a batch'),
    ([init(), Request()], 'message: nothing after the init; expected a batch'),
    ([init(), batch(name='leg')], "name: 'leg' after 'arm'"),
    ([init()], 'points: 0; expected 2 or more'),
    ([init(), batch(point(0.0, 0, 0))], 'points: 1; expected 2 or more'),
    ([init(), batch(point(0.1, 0, 0))], 'points[0].time: 0.1 s; the first point comes at 0'),
    ([init(), batch(point(0.0, 0, 0), point(0.0, 1, 0))],
     'points[1].time: 0 s does not come after 0 s'),
    ([init(), batch(point(0.0, 0, 0), point(1.0, 1, 0)), batch(point(0.5, 1, 0))],
     'points[2].time: 0.5 s does not come after 1 s'),
    ([init(), batch(point(0.0, 0, 0), point(-1.0, 1, 0))], 'points[1].time: -1 s'),
    ([init(), batch(point(0.0, 0, 0), point(10.1, 1, 0))],
     'points[1].time: 10.1 s; max_move_duration allows 10 s'),
    ([init(), batch(point(0.0, 0))], 'points[0].positions: 1 values; expected 2, for the joints'),
    ([init(), batch(point(0.0, 0, 0), point(1.0, math.nan, 0))], 'points[1].positions[0]: nan'),
    ([init(), batch(point(0.0, 0, 0), point(9.0, 0, 115))],
     'points[1].positions[1]: 115 is out of the range of joint b'),
    ([init(), batch(point(0.0, 0, 0, velocities=(0.0, 1.0)))],
     'points[0].constraints.velocities: not all 0'),
    ([init(), batch(point(0.0, 0, 0, velocities=(0.0,)))],
     'points[0].constraints.velocities: 1 values; expected 2'),
    ([init(), batch(point(0.0, 0, 0, velocities=(0, 0), accelerations=(1,)))],
     'points[0].constraints.accelerations: 1 values; expected 2'),
    ([init(), batch(point(0.0, 0, 0), point(1.0, 1, 1, velocities=(0.0, 58.0)))],
     'points[1].constraints.velocities[1]: joint b would move at 58 per second; '
     'at most 57.2958 is allowed'),
    ([init(), batch(point(0.0, 0, 0), point(1.0, 58, 0))],
     'points[1].positions[0]: joint a would move at 58 per second'),
    ([init(), batch(point(0.0, 2, 0), point(1.0, 3, 0))],
     'points[0].positions[0]: 2, but joint a is at 0; a trajectory begins where the arm is')])
def test_what_is_out_of_order_is_named_and_moves_nothing(
        bench: Any, messages: list[Any], text: str) -> None:
    code, details = Stream(bench).send(*messages).refused()
    assert code is Code.INVALID_ARGUMENT
    assert details.startswith(text), details
    bench.settle()
    assert bench.told('arm') == 'nothing' and not bench.locked.accepted


def test_an_unknown_arm_and_one_without_feedback_are_refused(bench: Any) -> None:
    code, text = Stream(bench).send(init('leg')).refused()
    assert code is Code.NOT_FOUND and "'leg'" in text
    bench.clock.advance(1.1)
    code, text = Stream(bench).send(init()).refused()
    assert code is Code.FAILED_PRECONDITION and 'arm.joint_states_topic' in text


def test_a_session_that_expired_while_the_client_streamed_moves_nothing(bench: Any) -> None:
    session = bench.client().start_session()
    stream = Stream(bench, session).send(
        init(), batch(point(0.0, 0, 0), point(1.0, 10, 0)))
    assert stream.acknowledged()
    bench.clock.advance(2.1)
    bench.locked.measured('arm', JointSample(HERE))
    assert stream.refused() == (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')
    assert not bench.locked.accepted


def test_a_client_that_disconnects_before_the_start_moves_nothing(bench: Any) -> None:
    stream = Stream(bench).send(init(), batch(point(0.0, 0, 0), point(1.0, 10, 0)))
    assert stream.acknowledged()
    stream.call.cancel()
    robot = bench.client().robot
    bench.until(lambda: not robot.GetOperations().operations)
    bench.settle()
    assert not bench.locked.accepted


def test_cancelling_the_call_stops_the_arm(bench: Any) -> None:
    stream = Stream(bench).send(init(), batch(point(0.0, 0, 0), point(1.0, 10, 0))).end()
    bench.until_moving('arm')
    stream.call.cancel()
    bench.until_stopped('arm')


@pytest.mark.parametrize('moving', [False, True])
def test_its_operation_can_be_cancelled(bench: Any, moving: bool) -> None:
    chosen = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
    stream = Stream(bench, opid=chosen).send(
        init(), batch(point(0.0, 0, 0), point(1.0, 10, 0)))
    assert stream.acknowledged()
    assert dict(stream.call.initial_metadata())['opid'] == chosen
    if moving:
        stream.end()
        bench.until_moving('arm')
    bench.client().robot.CancelOperation(id=chosen)
    code, _ = stream.refused()
    assert code is Code.CANCELLED
    if moving:
        bench.until_stopped('arm')
    else:
        assert not bench.locked.accepted


@pytest.mark.parametrize('what', ['Stop', 'a command'])
def test_what_comes_during_the_stream_overtakes_it(bench: Any, what: str) -> None:
    """A move that was requested before a Stop must not begin after it."""
    client = bench.client()
    stream = Stream(bench).send(init(), batch(point(0.0, 0, 0), point(1.0, 10, 0)))
    assert stream.acknowledged()
    if what == 'Stop':
        client.arm.Stop(name='arm')
    else:
        bench.locked.path('arm', '')
        client.arm.MoveToJointPositions.start(
            name='arm', positions=proto.arm.JointPositions(values=[10.0, 0.0]))
        bench.until(lambda: bench.locked.accepted)
    accepted = len(bench.locked.accepted)
    code, text = stream.refused()
    assert code is Code.ABORTED and 'a stop or a newer command arrived' in text
    assert len(bench.locked.accepted) == accepted
