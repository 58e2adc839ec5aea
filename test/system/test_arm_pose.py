# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""An arm whose tip can be sent to a pose by a node that knows its kinematics, and stopped."""

import time
from typing import Any, NamedTuple

import pytest

from host import took
from processes import Bridge, Client, MARGIN, Programs, settings, wait_until
from simulated_joints import SimulatedJoints, Told


class Robot(NamedTuple):
    """The bridge, and an arm that goes to poses at 0.1 m/s."""

    bridge: Bridge
    arm: SimulatedJoints


@pytest.fixture(scope='module')
def robot(shared: Programs) -> Robot:
    bridge = shared.bridge(settings({'arm': {
        'api': 'arm', 'driver': 'joint_trajectory', 'topic': 'trajectory', 'joints': ['slide'],
        'prismatic_joints': ['slide'], 'joint_states_topic': 'joints', 'max_joint_speed': 0.1,
        'pose_topic': 'tip', 'pose_goal_topic': 'goal', 'accept_no_timeout': True,
        'stop_hold': 0.5}}))
    arm = shared.add(SimulatedJoints(
        bridge.topic('trajectory'), 'slide', joint_states=bridge.topic('joints'),
        pose=bridge.topic('tip'), pose_goal=bridge.topic('goal'), speed=0.1))
    bridge.wait_drivers('arm')
    arm.wait_matched(bridge.topic('trajectory'), bridge.topic('goal'))
    return Robot(bridge, arm)


@pytest.fixture(scope='module')
def client(shared: Programs, robot: Robot) -> Client:
    client = shared.client(robot.bridge.address)
    wait_until(lambda: client.ask('call', component='arm', name='arm',
                                  method='get_end_position')['ok'], 'a pose')
    return client


def order(client: Client, method: str, *arguments: Any) -> Any:
    """Call a method of the arm, which must succeed; returns its value."""
    return client.do('call', component='arm', name='arm', method=method, arguments=arguments)


def pose(x: float) -> dict[str, Any]:
    """Return a pose of Viam: mm, without a turn."""
    return {'Pose': {'x': x, 'o_z': 1.0}}


@pytest.fixture(autouse=True)
def rested(client: Client) -> None:
    """Begin each test at rest, where the tip is at 0."""
    wait_until(lambda: order(client, 'get_status')['state'] == 'idle', 'rest')
    # Refused while a busy machine delays the joint states.
    wait_until(lambda: client.ask(
        'call', component='arm', name='arm', method='move_to_joint_positions',
        arguments=[{'JointPositions': {'values': [0.0]}}])['ok'], 'the tip at 0')


def going(client: Client, robot: Robot) -> int:
    """Send the tip far away and wait until it is on its way."""
    since = time.monotonic()
    move = client.begin('call', component='arm', name='arm', method='move_to_position',
                        arguments=[pose(500.0)])
    robot.arm.wait_told('a goal', lambda told: told.kind == 'pose', since)
    wait_until(lambda: order(client, 'get_end_position').get('x', 0.0) > 50.0, 'motion')
    return move


def test_a_pose_is_reached_and_answered(client: Client, robot: Robot) -> None:
    """Metres and quaternions for ROS, in the frame that was configured."""
    since = time.monotonic()
    order(client, 'move_to_position', pose(100.0))
    [told] = robot.arm.since(since, 'pose')
    assert told.what['position'] == pytest.approx([0.1, 0.0, 0.0])
    assert told.what['orientation'] == pytest.approx([0.0, 0.0, 0.0, 1.0])
    assert told.what['frame'] == 'base_link'
    assert order(client, 'get_end_position')['x'] == pytest.approx(100.0, abs=6.0)


def held(robot: Robot, since: float) -> list[Told]:
    """Check that pose and joints are held, and return the last of each."""
    kinds = ('pose', 'trajectory')
    for kind in kinds:
        first = robot.arm.wait_told(
            'a hold', lambda told, kind=kind: told.kind == kind, since)
        assert took(since, first.at) <= MARGIN
    wait_until(lambda: time.monotonic() - robot.arm.told[-1].at > 0.5, 'silence')
    return [robot.arm.since(since, kind)[-1] for kind in kinds]


@pytest.mark.parametrize('end', ['stop', 'death'])
def test_a_stop_holds_the_pose_and_the_joints(
        programs: Programs, client: Client, robot: Robot, end: str) -> None:
    """The node that pursues the goal receives the measured pose: else it would continue."""
    mover = client if end == 'stop' else programs.client(robot.bridge.address)
    move = going(mover, robot)
    since = time.monotonic()
    if end == 'stop':
        order(client, 'stop')
        assert client.answer(move)['ok']
    else:
        mover.kill()
    tip, joints = held(robot, since)
    assert 0.05 < tip.what['position'][0] < 0.45
    assert tip.what['position'][0] == pytest.approx(joints.end[0], abs=0.05)
    there = order(client, 'get_end_position')['x']
    assert there == pytest.approx(tip.what['position'][0] * 1000.0, abs=20.0)


def test_a_move_of_the_joints_ends_the_goal(client: Client, robot: Robot) -> None:
    """Its node receives a hold, so that it does not work against the joints."""
    move = going(client, robot)
    since = time.monotonic()
    joints = client.begin(
        'call', component='arm', name='arm', method='move_to_joint_positions',
        arguments=[{'JointPositions': {'values': [0.0]}}])
    assert client.answer(move)['ok'], 'superseded'
    hold = robot.arm.wait_told('a hold', lambda told: told.kind == 'pose', since)
    assert hold.what['position'][0] < 0.45
    # The order in which the arm receives both is unknown.
    order(client, 'stop')
    assert client.answer(joints)['ok']


def test_a_pose_that_is_lost_on_the_way_ends_the_goal(client: Client, robot: Robot) -> None:
    """The last measured pose is held: without one, its node would continue to the goal."""
    move = going(client, robot)
    since = time.monotonic()
    robot.arm.send(publish=False)
    hold = robot.arm.wait_told('a hold', lambda told: told.kind == 'pose', since)
    robot.arm.send(publish=True)
    assert hold.what['position'][0] < 0.45
    assert not client.answer(move)['ok']
