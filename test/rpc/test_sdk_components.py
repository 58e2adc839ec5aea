# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The real viam-sdk for Python with every component, in real time.

The calls of a user's program and their results; texts of refusals are tested elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
import datetime
from typing import Any

import pytest

from components import command_config, component, feedback
from joint_bench import Hardware
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.setpoints import Choice, JointLimits, Press
from viam_session_bridge.core.stop import RestSettings
from viam_session_bridge.rpc.poses import from_viam

pytest.importorskip('viam', reason='viam-sdk is not installed: no real client')
from grpclib import GRPCError, Status  # noqa: E402, I100
from viam.components.arm import Arm, JointPositions, Pose  # noqa: E402
from viam.components.button import Button  # noqa: E402
from viam.components.gantry import Gantry  # noqa: E402
from viam.components.generic import Generic  # noqa: E402
from viam.components.gripper import Gripper  # noqa: E402
from viam.components.sensor import Sensor  # noqa: E402
from viam.components.servo import Servo  # noqa: E402
from viam.components.switch import Switch  # noqa: E402
from viam.proto.common import KinematicsFileFormat  # noqa: E402
from viam.proto.component.arm import MoveOptions  # noqa: E402
from viam.robot.client import RobotClient  # noqa: E402
from viam.rpc.dial import DialOptions  # noqa: E402

URDF = """<robot name="r"><link name="base"/><link name="middle"/><link name="tip"/>
<joint name="a" type="continuous"><parent link="base"/><child link="middle"/></joint>
<joint name="b" type="continuous"><parent link="middle"/><child link="tip"/></joint></robot>"""

TIP = Pose(x=100.0, y=0.0, z=300.0, o_x=0.0, o_y=0.0, o_z=1.0, theta=45.0)

READINGS = {'range_m': 0.5, 'detection': 'measured', 'present': True}

HERE: dict[str, tuple[float, ...]] = {
    'arm': (0.0, 0.0), 'gantry': (0.0,), 'gripper': (0.08,), 'servo': (0.0,)}

# Fast joints: every move takes a moment.
CONFIGS: dict[str, Any] = {
    'arm': component(
        'arm', joints=('a', 'b'), max_joint_speed=10.0, joint_states_topic='joint_states',
        robot_description_topic='description', pose_topic='tip', pose_goal_topic='goal'),
    'button': component('button', driver='service'),
    'gantry': component(
        'gantry', max_speed=5.0, home_m=(0.1,), joint_states_topic='joint_states'),
    'generic': component('generic', commands=(
        command_config('dock', moves=True, kind='trigger'),
        command_config('lights', moves=False, kind='set_bool'))),
    'gripper': component(
        'gripper', open_position=0.08, closed_position=0.0, tolerance=0.002, prismatic=True,
        joint_states_topic='joint_states'),
    'motor': component('motor'),
    'sensor': component('sensor'),
    'servo': component('servo', max_speed_deg_s=900.0, joint_states_topic='joint_states'),
    'switch': component('switch', labels=('off', 'low', 'high'), safe_position='off'),
}


@pytest.fixture
def real(start: Callable[..., Any]) -> Iterator[Any]:
    """Return a bridge with every component and simulated hardware; the gripper holds a block."""
    bench = start(
        others=tuple(
            ActuatedResource(api, api, JointLimits(), ActuatorSettings(
                stop_hold=0.2, rest=RestSettings(dwell=0.1, patience=5.0) if api in HERE
                else None)) for api in CONFIGS if api != 'sensor'),
        configs=CONFIGS, feedback={
            'arm': feedback(lambda: URDF, lambda: from_viam(TIP, 'tip')),
            'sensor': feedback(read=lambda: READINGS)},
        policy=Policy(stall_limit=60.0), real_clock=True)
    with Hardware(bench, HERE, {'gripper': 0.03}):
        bench.until(lambda: all(bench.locked.sample(name) for name in HERE))
        yield bench


def run(bench: Any, use: Callable[[RobotClient], Coroutine[Any, Any, None]]) -> None:
    """Connect, run a program, close; with a time limit."""
    async def program() -> None:
        robot = await RobotClient.at_address(f'127.0.0.1:{bench.port}', RobotClient.Options(
            dial_options=DialOptions(insecure=True, disable_webrtc=True)))
        try:
            await use(robot)
        finally:
            await robot.close()

    asyncio.run(asyncio.wait_for(program(), 40.0))


def test_every_component_is_listed(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        assert {(name.subtype, name.name) for name in robot.resource_names} == {
            (api, api) for api in ('base', *CONFIGS)}

    run(real, use)


def test_sensor(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        sensor = Sensor.from_robot(robot, 'sensor')
        assert await sensor.get_readings() == READINGS
        assert await sensor.get_status() == {'is_fresh': True, 'problem': ''}
        assert await sensor.get_geometries() == []
        with pytest.raises(GRPCError) as refused:
            await sensor.do_command({'command': 'dock'})
        assert refused.value.status is Status.UNIMPLEMENTED
        # It is ready, and has no Stop.
        status = await robot.get_machine_status()
        assert {one.name.name for one in status.resources} == {'base', *CONFIGS}
        await robot.stop_all()
        assert 'sensor' not in real.locked.states()

    run(real, use)


def test_arm(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        arm = Arm.from_robot(robot, 'arm')
        await arm.move_to_joint_positions(JointPositions(values=[30.0, -20.0]))
        assert real.locked.accepted[-1][2].session == real.locked.sessions()[0].id
        at = await arm.get_joint_positions()
        assert list(at.values) == pytest.approx([30.0, -20.0], abs=1.0)
        await arm.move_through_joint_positions(
            [JointPositions(values=[10.0, 0.0]), JointPositions(values=[0.0, 0.0])],
            MoveOptions(max_vel_degs_per_sec=400.0))
        assert not await arm.is_moving()
        await arm.move_to_position(TIP)
        pose = await arm.get_end_position()
        assert (pose.x, pose.z, pose.theta) == pytest.approx((100.0, 300.0, 45.0))
        form, data, *_ = await arm.get_kinematics()
        assert form == KinematicsFileFormat.KINEMATICS_FILE_FORMAT_URDF
        assert b'joint name="b"' in data
        assert (await arm.get_properties()).support_cartesian_commands
        await arm.stop()
        for refused in (arm.get_geometries(), arm.get_3d_models(), arm.get_manual_mode()):
            with pytest.raises(GRPCError) as problem:
                await refused
            assert problem.value.status is Status.UNIMPLEMENTED

    run(real, use)


def test_arm_streamed(real: Any) -> None:
    async def batches() -> AsyncIterator[list[Any]]:
        def at(seconds: float, *values: float) -> Any:
            return Arm.TrajectoryPoint(datetime.timedelta(seconds=seconds), list(values))
        yield [at(0.0, 0.0, 0.0)]
        yield [at(0.1, 20.0, 0.0), at(0.2, 40.0, 0.0)]

    async def backwards() -> AsyncIterator[list[Any]]:
        async for batch in batches():
            yield list(reversed(batch))

    async def use(robot: RobotClient) -> None:
        arm = Arm.from_robot(robot, 'arm')
        updates = [each async for each in arm.move_through_joint_positions_streamed(batches())]
        assert len(updates) == 2
        assert list((await arm.get_joint_positions()).values) == pytest.approx(
            [40.0, 0.0], abs=1.0)
        assert real.locked.accepted[-1][2].session == real.locked.sessions()[0].id
        with pytest.raises(GRPCError) as refused:
            async for _ in arm.move_through_joint_positions_streamed(backwards()):
                pass
        assert refused.value.status is Status.INVALID_ARGUMENT
        assert 'times rise' in (refused.value.message or '')

    run(real, use)


def test_gantry(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        gantry = Gantry.from_robot(robot, 'gantry')
        assert await gantry.get_lengths() == pytest.approx([1000.0])
        await gantry.move_to_position([400.0], [4000.0])
        assert await gantry.get_position() == pytest.approx([400.0], abs=3.0)
        assert await gantry.home()
        assert await gantry.get_position() == pytest.approx([100.0], abs=3.0)
        assert not await gantry.is_moving()
        await gantry.stop()
        assert await gantry.get_geometries() == []

    run(real, use)


def test_gripper(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        gripper = Gripper.from_robot(robot, 'gripper')
        assert await gripper.grab()
        assert (await gripper.is_holding_something()).is_holding_something
        assert await gripper.get_current_inputs() == pytest.approx([30.0], abs=1.0)
        await gripper.open()
        assert not (await gripper.is_holding_something()).is_holding_something
        await gripper.go_to_inputs([50.0])
        assert not await gripper.is_moving()
        await gripper.stop()

    run(real, use)


def test_servo(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        servo = Servo.from_robot(robot, 'servo')
        await servo.move(120)
        assert await servo.get_position() == 120
        assert not await servo.is_moving()
        await servo.stop()
        with pytest.raises(GRPCError) as refused:
            await servo.move(181)
        assert refused.value.status is Status.INVALID_ARGUMENT

    run(real, use)


def test_switch_and_button(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        switch, button = Switch.from_robot(robot, 'switch'), Button.from_robot(robot, 'button')
        assert tuple(await switch.get_number_of_positions()) == (3, ['off', 'low', 'high'])
        await switch.set_position(2)
        assert await switch.get_position() == 2
        await button.push()
        assert [one.setpoint for one in real.outputs if one.resource == 'button'] == [Press()]

    run(real, use)
    # The program is gone: the switch goes to its safe position.
    real.until_stopped('switch')
    assert Choice(2) in [one.setpoint for one in real.outputs if one.resource == 'switch']


def test_generic(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        generic = Generic.from_robot(robot, 'generic')
        assert await generic.do_command({'command': 'lights', 'data': True}) == {
            'success': True, 'message': 'lights is done'}
        assert await generic.do_command({'command': 'dock'}) == {
            'success': True, 'message': 'done'}
        assert real.moves('generic')
        assert (await generic.get_status())['state'] == 'moving'
        with pytest.raises(GRPCError) as refused:
            await generic.do_command({'command': 'dance'})
        assert refused.value.status is Status.INVALID_ARGUMENT

    run(real, use)
    real.until_stopped('generic')


def test_every_moving_component_stops_when_the_program_is_gone(real: Any) -> None:
    async def use(robot: RobotClient) -> None:
        slow = JointPositions(values=[170.0, 0.0])
        moves = [asyncio.ensure_future(Arm.from_robot(robot, 'arm').move_through_joint_positions(
            [slow], MoveOptions(max_vel_degs_per_sec=5.0))), asyncio.ensure_future(
            Gantry.from_robot(robot, 'gantry').move_to_position([900.0], [50.0]))]
        while not (real.moves('arm') and real.moves('gantry')):
            await asyncio.sleep(0.01)
            assert not any(move.done() for move in moves), moves
        # It ends during its moves.
        await robot.close()
        for move in moves:
            move.cancel()
        await asyncio.gather(*moves, return_exceptions=True)

    run(real, use)
    real.until_stopped('arm')
    real.until_stopped('gantry')
