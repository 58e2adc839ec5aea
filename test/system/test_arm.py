# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
config/arm.yaml as it is: an arm and a gripper behind controllers that follow trajectories.

The controllers reject what ros2_controllers reject, and otherwise follow a trajectory to its end,
without any client: only holds that arrive and are accepted stop them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
import math
import re
import signal
from statistics import median
import time
from typing import Any, NamedTuple

import pytest
from sensor_msgs.msg import JointState
import yaml

from host import took
from observer import Observer, spinning_node
from ownership import Ownership, Part, Sign, WINDOW
from processes import Bridge, Client, MARGIN, Programs, TEST, wait_until
from servers import Servers, serving
from simulated_joints import SimulatedJoints, Told

FILE = TEST.parent / 'config' / 'arm.yaml'
JOINTS = ('shoulder_pan_joint', 'shoulder_lift_joint', 'elbow_joint')
OPEN, OBJECT = 0.04, 0.015
TICK = 1.0 / 20.0  # s

# At its usual speed it has closed half a second later, which a busy machine may take to notice.
SLOW_GRIPPER = 'gripper.max_speed', 0.004

URDF = '<robot name="arm"><link name="base_link"/>' + ''.join(
    f'<link name="{child}"/><joint name="{joint}" type="revolute"><parent link="{parent}"/>'
    f'<child link="{child}"/><axis xyz="0 0 1"/>'
    '<limit lower="-3" upper="3" effort="1" velocity="1"/></joint>'
    for joint, parent, child in zip(
        (*JOINTS, 'finger_joint'), ('base_link', 'one', 'two', 'tip'),
        ('one', 'two', 'tip', 'finger'), strict=True)) + '</robot>'


class Robot(NamedTuple):
    """The bridge and what it drives."""

    bridge: Bridge
    arm: SimulatedJoints
    gripper: SimulatedJoints
    servers: Servers
    cancel: str


def started(programs: Programs, servers: Servers, patience: float) -> Robot:
    """Start everything; patience: of the guard with delays of the bridge, s."""
    (node,) = yaml.safe_load(FILE.read_text(encoding='utf-8')).values()
    bridge = programs.bridge({
        **node['ros__parameters'], 'grpc': {'port': 0},
        'guard': {**node['ros__parameters']['guard'], 'patience': patience}})
    states = bridge.topic('joint_states')
    arm = programs.add(SimulatedJoints(
        bridge.topic('arm_controller/joint_trajectory'), *JOINTS, node='/arm',
        joint_states=states, description=bridge.topic('robot_description'), urdf=URDF),
        ready=False)
    gripper = programs.add(SimulatedJoints(
        bridge.topic('gripper_controller/joint_trajectory'), 'finger_joint', node='/hand',
        start=(OPEN,), obstacle=OBJECT, joint_states=states), ready=False)
    action = bridge.topic('arm_controller/follow_joint_trajectory')
    servers.order('act', name=action, mode='cancel')
    programs.guard(bridge)
    for one in (arm, gripper):
        one.wait_ready()
    bridge.wait_drivers('arm', 'gripper')
    arm.wait_matched(bridge.topic('arm_controller/joint_trajectory'))
    gripper.wait_matched(bridge.topic('gripper_controller/joint_trajectory'))
    return Robot(bridge, arm, gripper, servers, action)


@pytest.fixture(scope='module')
def servers() -> Iterator[Servers]:
    with serving() as servers:
        yield servers


@pytest.fixture(scope='module')
def robot(shared: Programs, servers: Servers) -> Robot:
    # Patience with a busy machine.
    return started(shared, servers, patience=5.0)


@pytest.fixture(scope='module')
def client(shared: Programs, robot: Robot) -> Client:
    return shared.client(robot.bridge.address)


def order(client: Client, component: str, method: str, *arguments: Any) -> Any:
    """Call a method of the arm or the gripper, which must succeed; returns its value."""
    return client.do(
        'call', component=component, name=component, method=method, arguments=arguments)


def begin(client: Client, component: str, method: str, *arguments: Any) -> int:
    """Call a method without waiting for its end."""
    return client.begin(
        'call', component=component, name=component, method=method, arguments=arguments)


def degrees(*values: float) -> dict[str, Any]:
    return {'JointPositions': {'values': values}}


def go_home(client: Client) -> None:
    """Refused before joint states have arrived, and while the guard has not found the drivers."""
    wait_until(lambda: client.ask(
        'call', component='arm', name='arm', method='move_to_joint_positions',
        arguments=[degrees(0.0, 0.0, 0.0)])['ok'], 'the arm is home')


def is_goal(told: Told) -> bool:
    return told.kind == 'trajectory' and told.what['points'][-1]['time'] > 0.5


def is_hold(told: Told) -> bool:
    return told.kind == 'trajectory' and not is_goal(told)


@pytest.fixture(autouse=True)
def rested(client: Client, robot: Robot) -> Iterator[None]:
    """Begin each test at rest, at the same place; nothing may ever be rejected."""
    wait_until(lambda: all(order(client, name, 'get_status')['state'] == 'idle'
                           for name in ('arm', 'gripper')), 'rest')
    go_home(client)
    began = time.monotonic()
    yield
    for joints in (robot.arm, robot.gripper):
        assert not joints.since(began, 'rejected')


def test_a_move_arrives_and_is_answered(client: Client, robot: Robot) -> None:
    """It answers when the joints are there; then nothing more is sent."""
    since = time.monotonic()
    order(client, 'arm', 'move_to_joint_positions', degrees(10.0, -20.0, 5.0))
    there = order(client, 'arm', 'get_joint_positions')['values']
    assert there == pytest.approx([10.0, -20.0, 5.0], abs=1.2)
    assert len(robot.arm.since(since)) == 1 and is_goal(robot.arm.since(since)[0])
    assert order(client, 'arm', 'is_moving') is False


def test_the_kinematics_of_the_arm_are_the_urdf(client: Client) -> None:
    """As robot_state_publisher publishes it; a pose needs more."""
    _, urdf, *_ = order(client, 'arm', 'get_kinematics')
    assert all(joint in urdf for joint in JOINTS) and 'finger' not in urdf
    _, urdf, *_ = order(client, 'gripper', 'get_kinematics')
    assert 'finger_joint' in urdf and not any(joint in urdf for joint in JOINTS)
    refused = client.ask('call', component='arm', name='arm', method='get_end_position')
    assert not refused['ok'] and 'arm.pose_topic' in refused['text']


@pytest.mark.parametrize(('positions', 'says'), [
    ((1.0, 2.0), '2 values; expected 3'), ((0.0, -100.0, 0.0), 'shoulder_lift_joint')])
def test_a_wrong_goal_is_refused(client: Client, robot: Robot, positions: tuple[float, ...],
                                 says: str) -> None:
    """With the field; nothing moves."""
    since = time.monotonic()
    refused = client.ask('call', component='arm', name='arm', method='move_to_joint_positions',
                         arguments=[degrees(*positions)])
    assert refused['code'] == 'INVALID_ARGUMENT' and 'positions.values' in refused['text']
    assert says in refused['text'] and not robot.arm.since(since)


def going(client: Client, robot: Robot, *goal: float) -> tuple[int, Told]:
    """Begin a long move and wait until the arm is on its way."""
    since = time.monotonic()
    move = begin(client, 'arm', 'move_to_joint_positions', degrees(*goal))
    # Not a point of a stream that it replaces.
    end = pytest.approx([math.radians(one) for one in goal], abs=1e-3)
    told = robot.arm.wait_told('a goal', lambda told: is_goal(told) and told.end == end, since)
    wait_until(lambda: order(client, 'arm', 'is_moving'), 'motion')
    return move, told


def stopped(robot: Robot, since: float, within: float) -> Told:
    """Check that holds arrived in time and nothing followed; returns the last of them."""
    first = robot.arm.wait_told('a hold', is_hold, since)
    assert took(since, first.at) <= within + MARGIN

    def over() -> bool:
        ends = [one.end for one in robot.arm.since(first.at, 'trajectory')]
        return (time.monotonic() - robot.arm.told[-1].at > 0.5
                and len(ends) >= 5 and ends[-1] == ends[-5])
    wait_until(over, 'the same hold five times, and then silence')
    holds = robot.arm.since(first.at)
    assert all(is_hold(one) for one in holds)
    assert all(one.what['names'] == list(JOINTS) for one in holds)
    # Never back against the motion, which is upwards in these tests; frozen at the end.
    ends = [one.end[0] for one in holds]
    assert ends == sorted(ends)
    return holds[-1]


def test_stop_holds_where_it_is(client: Client, robot: Robot) -> None:
    """The move ends with success; goals of others are cancelled as well."""
    move, goal = going(client, robot, 60.0, 0.0, 0.0)
    asked = time.monotonic()
    order(client, 'arm', 'stop')
    last = stopped(robot, asked, 0.0)
    assert client.answer(move)['ok']
    assert 0.0 < last.end[0] < goal.end[0] - 0.1
    here = order(client, 'arm', 'get_joint_positions')['values'][0]
    assert here == pytest.approx(last.end[0] * 57.2958, abs=1.2)
    assert robot.servers.wait_called(robot.cancel, asked).data is True
    robot.bridge.wait_logged(r'arm: stopped \(verified\)')


def test_the_end_of_the_client_stops_the_arm(
        programs: Programs, client: Client, robot: Robot) -> None:
    """Killed on the way: the connection closes."""
    victim = programs.client(robot.bridge.address)
    going(victim, robot, 60.0, 0.0, 0.0)
    killed = victim.kill()
    stopped(robot, killed, 0.0)


def streaming(client: Client, seconds: float) -> int:
    """Begin to stream a way of 10 degrees a second, a fifth of it ahead; two batches a second."""
    batches = [[[at / 10.0, float(at), 0.0, 0.0] for at in range(first, first + 5)]
               for first in range(0, round(seconds * 10.0), 5)]
    return client.begin('stream', arm='arm', batches=batches, period=0.4)


def test_a_streamed_trajectory_is_executed_while_it_arrives(client: Client, robot: Robot) -> None:
    """By the real SDK; each piece is sent before the arm brakes."""
    since = time.monotonic()
    stream = streaming(client, 4.0)
    first = robot.arm.wait_told('the beginning', lambda told: told.kind == 'trajectory', since)
    assert first.end[0] < 0.2, 'the rest had not arrived'
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 5.0, 'motion')
    assert 'MoveThroughJointPositionsStreamed' in str(client.do('operations'))
    assert client.answer(stream)['value'] == 8
    there = order(client, 'arm', 'get_joint_positions')['values']
    assert there == pytest.approx([39.0, 0.0, 0.0], abs=1.2)
    told = robot.arm.since(since)
    assert len(told) <= 10 and all(one.end[0] > each.end[0] for each, one in zip(
        told, told[1:], strict=False)), 'only further points of the trajectory'


@contextmanager
def measuring(robot: Robot) -> Iterator[list[float]]:
    """Collect the positions of the first joint (rad), all of them however busy the machine is."""
    measured: list[float] = []

    def take(message: JointState) -> None:
        if JOINTS[0] in message.name:
            measured.append(message.position[message.name.index(JOINTS[0])])
    with spinning_node('measuring') as node:
        subscription = node.create_subscription(
            JointState, robot.bridge.topic('joint_states'), take, 1000)
        wait_until(lambda: measured, 'joint states')
        yield measured
        node.destroy_subscription(subscription)


def test_a_trajectory_in_small_pieces_is_executed_to_its_corners(
        client: Client, robot: Robot) -> None:
    """There and back in real time, ten pieces a second, also at the corner."""
    here = order(client, 'arm', 'get_joint_positions')['values']
    way = [[time, here[0] + 10.0 - abs(10.0 - 10.0 * time), *here[1:]]
           for time in (number / 20 for number in range(41))]
    with measuring(robot) as measured:
        since = time.monotonic()
        stream = client.begin('stream', arm='arm', batches=[
            way[first:first + 2] for first in range(0, len(way), 2)], period=0.1)
        assert client.answer(stream)['ok'], client.answer(stream)
    highest = math.degrees(max(measured))
    assert highest == pytest.approx(here[0] + 10.0, abs=1.0), 'it cut the corner'
    assert len(robot.arm.since(since)) > 5, 'many messages were expected'


def test_the_end_of_a_client_that_streams_stops_the_arm(
        programs: Programs, client: Client, robot: Robot) -> None:
    """At its measured position, not at its last goal."""
    victim = programs.client(robot.bridge.address)
    streaming(victim, 30.0)
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 5.0, 'motion')
    stopped(robot, victim.kill(), 0.0)


def test_the_arm_stays_at_rest_after_a_client_froze_in_its_stream(
        programs: Programs, client: Client, robot: Robot) -> None:
    """It rests at the last point that arrived; later points belong to a call that has ended."""
    victim = programs.client(robot.bridge.address)
    streaming(victim, 30.0)
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 5.0, 'motion')
    frozen = victim.freeze()
    hold = robot.arm.wait_told('a hold', is_hold, frozen + 1.0)
    assert took(frozen, hold.at) <= WINDOW + MARGIN
    here = order(client, 'arm', 'get_joint_positions')['values'][0]
    thawed = victim.signal(signal.SIGCONT)
    stopped(robot, frozen + 1.0, WINDOW)
    assert not [told for told in robot.arm.since(thawed) if is_goal(told)]
    assert order(client, 'arm', 'get_joint_positions')['values'][0] == pytest.approx(here, abs=0.5)


def test_the_emergency_stop_ends_a_stream(
        client: Client, robot: Robot, observer: Observer) -> None:
    """Its client gets an error, and nothing more of it moves the arm, not even after a reset."""
    # So that the services of the bridge are found before the time that is measured.
    observer.trigger(robot.bridge, 'reset')
    stream = streaming(client, 30.0)
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 5.0, 'motion')
    pressed = time.monotonic()
    assert observer.trigger(robot.bridge, 'estop').success
    stopped(robot, pressed, 0.0)
    answer = client.answer(stream)
    assert answer['code'] == 'ABORTED' and 'emergency stop' in answer['text'], answer
    wait_until(lambda: order(client, 'arm', 'get_status')['state'] == 'idle', 'rest')
    wait_until(lambda: observer.trigger(robot.bridge, 'reset').success, 'a reset')
    reset = time.monotonic()
    wait_until(lambda: time.monotonic() - reset > 1.0, 'the client sent more')
    assert not robot.arm.since(reset)


def test_a_client_that_takes_over_the_arm_ends_a_stream(
        programs: Programs, client: Client, robot: Robot) -> None:
    """It keeps the arm when the client that streamed is killed."""
    victim = programs.client(robot.bridge.address)
    stream = streaming(victim, 30.0)
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 5.0, 'motion')
    move, goal = going(client, robot, 40.0, 20.0, 0.0)
    answer = victim.answer(stream)
    assert answer['code'] == 'ABORTED' and 'another command replaced it' in answer['text']
    victim.kill()
    assert client.answer(move)['ok']
    assert [told for told in robot.arm.since(goal.at) if told.kind == 'trajectory'] == [goal]
    assert order(client, 'arm', 'get_joint_positions')['values'] == pytest.approx(
        [40.0, 20.0, 0.0], abs=1.2)


def test_lost_joint_states_stop_the_arm(client: Client, robot: Robot) -> None:
    """It holds what was measured last, is not confirmed, and moves again once they are back."""
    move, goal = going(client, robot, 170.0, 0.0, 0.0)
    robot.arm.send(publish=False)
    silent = time.monotonic()
    try:
        hold = robot.arm.wait_told('a hold', is_hold, silent)
        assert hold.end[0] < goal.end[0]
        answer = client.answer(move)
        assert answer['code'] == 'ABORTED', answer
        refused = client.ask(
            'call', component='arm', name='arm', method='move_to_joint_positions',
            arguments=[degrees(0.0, 0.0, 0.0)])
        assert not refused['ok']
        robot.bridge.wait_logged('arm: STOP NOT CONFIRMED: no rest was seen')
    finally:
        robot.arm.send(publish=True)
    wait_until(lambda: order(client, 'arm', 'get_status')['state'] == 'idle', 'rest')


def test_joint_states_outside_of_the_limits_stop_the_arm_unconfirmed(
        client: Client, robot: Robot) -> None:
    """It holds the last position within them, and names the joint, the value and the limits."""
    move, goal = going(client, robot, 170.0, 0.0, 0.0)
    wait_until(lambda: order(client, 'arm', 'get_joint_positions')['values'][0] > 10.0, 'motion')
    wrong = time.monotonic()
    robot.arm.send(publish=True, measured=[0.1, -100.0, 0.5])
    says = (r'joint shoulder_lift_joint is measured at -100 rad; its limits are -1.57 to 1.57 rad '
            r'\(arm.joint_minimums, arm.joint_maximums\), with a tolerance of 0.02 rad')
    try:
        robot.arm.wait_told('a hold', is_hold, wrong)
        answer = client.answer(move)
        assert answer['code'] == 'ABORTED' and re.search(says, answer['text']), answer
        robot.bridge.wait_logged(r'arm: STOP NOT CONFIRMED: no rest was seen.*' + says)
        for method, arguments in (('get_joint_positions', []),
                                  ('move_to_joint_positions', [degrees(0.0, 0.0, 0.0)])):
            refused = client.ask(
                'call', component='arm', name='arm', method=method, arguments=arguments)
            assert not refused['ok'] and re.search(says, refused['text']), refused
        holds = [told for told in robot.arm.since(wrong) if is_hold(told)]
        # Nor are the other joints of the same messages used, although they would be plausible.
        for told in holds:
            assert 0.17 < told.end[0] < goal.end[0]
            assert told.end == pytest.approx([told.end[0], 0.0, 0.0], abs=0.01)
    finally:
        robot.arm.send(publish=True)
    wait_until(lambda: order(client, 'arm', 'get_status')['state'] == 'idle', 'rest')


def test_the_gripper_grabs_and_a_stop_keeps_its_grip(client: Client, robot: Robot) -> None:
    """It stands against the object, and goes on pressing; opening takes a command."""
    order(client, 'gripper', 'open')
    assert order(client, 'gripper', 'grab') is True
    since = time.monotonic()
    wait_until(lambda: time.monotonic() - since > 0.7, 'the gripper has come to stand')
    order(client, 'gripper', 'stop')
    hold = robot.gripper.wait_told('a hold', is_hold, since)
    assert hold.end == [0.0], 'its commanded position is its grip'
    assert order(client, 'gripper', 'is_holding_something')['is_holding_something'] is True
    wait_until(lambda: order(client, 'gripper', 'get_status')['state'] == 'idle', 'rest')
    order(client, 'gripper', 'open')
    assert order(client, 'gripper', 'get_current_inputs') == pytest.approx([40.0], abs=2.0)


def test_a_gripper_that_lost_its_client_stops_half_way(
        programs: Programs, client: Client, robot: Robot, observer: Observer) -> None:
    """It neither opens nor closes."""
    victim = programs.client(robot.bridge.address)
    with observer.changed(robot.bridge, *SLOW_GRIPPER):
        since = time.monotonic()
        begin(victim, 'gripper', 'grab')
        robot.gripper.wait_told('a goal', is_goal, since)
        wait_until(lambda: order(client, 'gripper', 'is_moving'), 'motion')
        killed = victim.kill()
        hold = robot.gripper.wait_told('a hold', is_hold, killed)
    assert took(killed, hold.at) <= MARGIN
    assert OBJECT - 1e-6 <= hold.end[0] <= OPEN + 1e-6


def test_stops_of_one_client_go_out_together(
        programs: Programs, client: Client, robot: Robot, observer: Observer) -> None:
    """Arm and gripper, in the same pass."""
    order(client, 'gripper', 'open')
    victim = programs.client(robot.bridge.address)
    with observer.changed(robot.bridge, *SLOW_GRIPPER):
        since = time.monotonic()
        begin(victim, 'gripper', 'grab')
        going(victim, robot, 60.0, 0.0, 0.0)
        robot.gripper.wait_told('a goal', is_goal, since)
        killed = victim.kill()
        for joints in (robot.arm, robot.gripper):
            joints.wait_told('a hold', is_hold, killed)
    wait_until(lambda: all(order(client, name, 'get_status')['state'] == 'idle'
                           for name in ('arm', 'gripper')), 'rest')
    # As the bridge sent them, whenever the controllers received them. What begins in one
    # pass is repeated in one pass; half of the pairs may have been torn apart by a busy machine,
    # and one of a pair may have been missed.
    arm, gripper = ([told.what['sent'] for told in joints.since(killed, 'trajectory')
                     if is_hold(told)] for joints in (robot.arm, robot.gripper))
    apart = [min(abs(one - other) for other in gripper) for one in arm]
    assert len(apart) > 5 and median(apart) < 0.1 * TICK, apart


@pytest.fixture(scope='module')
def bridge(robot: Robot) -> Bridge:
    return robot.bridge


@pytest.fixture(scope='module')
def parts(robot: Robot) -> list[Part]:
    def signs(joints: SimulatedJoints, since: float) -> list[Sign]:
        return [Sign(one.at, is_goal(one)) for one in joints.since(since, 'trajectory')]
    return [
        Part('arm', 'arm', 'move_to_joint_positions', (degrees(170.0, 0.0, 0.0),),
             partial(signs, robot.arm), lasts=True, slow=('arm.max_joint_speed', 0.2)),
        Part('gripper', 'gripper', 'grab', (), partial(signs, robot.gripper),
             lasts=True, slow=SLOW_GRIPPER)]


class TestArm(Ownership):
    """Arm and gripper; neither ever receives a trajectory that it rejects."""

    @pytest.fixture(autouse=True)
    def opened(self, client: Client, unhurried: None) -> None:
        # Refused while a busy machine delays the joint states.
        wait_until(lambda: client.ask('call', component='gripper', name='gripper', method='open',
                                      arguments=())['ok'], 'an open gripper')


def test_the_end_of_the_bridge_ends_the_motion(
        programs: Programs, servers: Servers) -> None:
    """The controller would continue; the guard holds the arm at its measured position."""
    robot = started(programs, servers, patience=1.0)
    client = programs.client(robot.bridge.address)
    go_home(client)
    _, goal = going(client, robot, 170.0, 0.0, 0.0)
    killed = robot.bridge.kill()
    hold = robot.arm.wait_told('a hold', is_hold, killed)
    assert took(killed, hold.at) <= 1.0 + MARGIN
    assert hold.end[0] < goal.end[0] - 0.1
    last = stopped(robot, killed, 1.0)
    assert robot.arm.since(killed, 'rejected') == [] and last.what['names'] == list(JOINTS)
