# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The real viam-sdk for Python: connect, list, drive, lose a session, close.

No ROS here; the whole path to a robot is in test/system. The SDK runs in this process, where
both sets of descriptors are loaded, or in a child process for a whole program.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
import json
import math
import subprocess
import sys
import time
from typing import Any

import pytest

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.states import Reason, State

pytest.importorskip('viam', reason='viam-sdk is not installed: no real client')
from grpclib import GRPCError, Status  # noqa: E402, I100
from viam.components.base import Base, Vector3  # noqa: E402
from viam.robot.client import RobotClient  # noqa: E402
from viam.rpc.dial import DialOptions  # noqa: E402

KEY_ID = '0d5a1f0e-3c1f-4a42-8a3c-1f0e3c1f4a42'

# host, options: what works with a plaintext server.
DIALS: dict[str, tuple[str, dict[str, bool]]] = {
    f'{host} {"direct" if direct else "native"} {insecure}':
    (host, {'disable_webrtc': direct, insecure: True})
    for host in ('localhost', '127.0.0.1')
    for direct in (False, True)
    for insecure in ('insecure', 'allow_insecure_downgrade')}
BOTH = {key: DIALS[key] for key in ('127.0.0.1 native insecure', '127.0.0.1 direct insecure')}
every_dial = pytest.mark.parametrize('dial', DIALS.values(), ids=DIALS)
both_dials = pytest.mark.parametrize('dial', BOTH.values(), ids=BOTH)

PATIENCE = 30.0  # s

# Only the client's presence is tested, not stalls of a busy machine.
REAL = Policy(stall_limit=60.0)


def run(program: Coroutine[Any, Any, None]) -> None:
    """Run a program of a user, with a time limit."""
    asyncio.run(asyncio.wait_for(program, 40.0))


async def connect(bench: Any, dial: Any, credentials: Any = None, **options: Any) -> RobotClient:
    host, choices = dial
    dial_options = DialOptions(**choices, timeout=10.0)
    if credentials is not None:
        dial_options.credentials = credentials.credentials
        dial_options.auth_entity = credentials.auth_entity
    return await RobotClient.at_address(f'{host}:{bench.port}', RobotClient.Options(
        dial_options=dial_options, **options))


async def told(bench: Any, condition: Callable[[], Any]) -> None:
    """Wait for a condition without blocking the client's event loop."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, (bench.told(), bench.locked.states())
        await asyncio.sleep(0.01)


def reasons(bench: Any) -> list[Reason]:
    return [event.reason for event in bench.events
            if getattr(event, 'after', None) is State.STOPPING]


@pytest.fixture
def real(start: Callable[..., Any]) -> Any:
    """Return a bridge as it is configured by default, in real time."""
    return start(policy=REAL, real_clock=True, actuator=ActuatorSettings(stop_hold=0.2))


# ---- a program that blocks its event loop: started first, checked last ----

SLEEPER = """
import asyncio, json, sys, time
from viam.components.base import Base, Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

async def main():
    robot = await RobotClient.at_address(sys.argv[1], RobotClient.Options(
        dial_options=DialOptions(insecure=True, disable_webrtc=sys.argv[2] == 'direct')))
    base = Base.from_robot(robot, 'base')
    await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0))
    before = [one.id for one in (await sessions(robot))]
    print('asleep', flush=True)
    time.sleep(8)
    print('awake', flush=True)
    await base.set_power(Vector3(x=0, y=0.25, z=0), Vector3(x=0, y=0, z=0))
    after = [one.id for one in (await sessions(robot))]
    print(json.dumps([before, after]), flush=True)
    await robot.close()

async def sessions(robot):
    from viam.proto.robot import GetSessionsRequest
    return (await robot._client.GetSessions(GetSessionsRequest())).sessions

asyncio.run(main())
"""


class Sleepers:
    """Programs that block their event loop for 8 s, one with each way to connect."""

    def __init__(self, benches: dict[str, Any], environment: dict[str, str]) -> None:
        self.benches = benches
        self.programs = {
            way: subprocess.Popen(
                [sys.executable, '-c', SLEEPER, f'127.0.0.1:{bench.port}', way], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
            for way, bench in benches.items()}


@pytest.fixture(scope='module', autouse=True)
def sleepers(serve_for_module: Callable[..., Any],
             child_environment: dict[str, str]) -> Iterator[Sleepers]:
    made = Sleepers(
        {way: serve_for_module(policy=REAL, real_clock=True) for way in ('native', 'direct')},
        child_environment)
    yield made
    for program in made.programs.values():
        program.kill()
        program.communicate()


# ---- connect and list ----


@every_dial
def test_connects_and_drives(real: Any, dial: Any) -> None:
    async def program() -> None:
        robot = await connect(real, dial)
        assert [(name.subtype, name.name) for name in robot.resource_names] == [('base', 'base')]
        base = Base.from_robot(robot, 'base')
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0))
        await told(real, real.moves)
        assert await base.is_moving()
        [session] = real.locked.sessions()
        assert session.begun
        assert real.locked.accepted[-1][2].session == session.id
        await base.stop()
        await told(real, lambda: real.told() is None)
        await robot.close()

    run(program())
    assert reasons(real) == [Reason.STOPPED]


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1'])
def test_connects_with_an_api_key(start: Callable[..., Any], host: str) -> None:
    real = start(policy=Policy(SessionSettings(2.0), stall_limit=60.0), real_clock=True)

    async def program() -> None:
        robot = await connect(
            real, (host, {'insecure': True}), DialOptions.with_api_key('any key', KEY_ID))
        base = Base.from_robot(robot, 'base')
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0))
        await told(real, real.moves)
        [session] = real.locked.sessions()
        assert session.entity == KEY_ID
        # Heartbeats arrive as the same entity, or the session would have expired.
        await asyncio.sleep(2.5)
        assert [one.id for one in real.locked.sessions()] == [session.id]
        assert real.moves()
        await robot.close()

    run(program())


# ---- drive ----


@both_dials
def test_every_method_of_the_base_works(real: Any, dial: Any) -> None:
    async def program() -> None:
        robot = await connect(real, dial)
        base = Base.from_robot(robot, 'base')
        zero = Vector3(x=0, y=0, z=0)
        await base.set_velocity(Vector3(x=0, y=200, z=0), Vector3(x=0, y=0, z=45))
        await told(real, real.moves)
        assert real.told().linear == pytest.approx((0.2, 0.0, 0.0))
        assert real.told().angular == pytest.approx((0.0, 0.0, math.pi / 4))
        await base.move_straight(distance=-50, velocity=250)
        assert real.locked.accepted[-1][1].setpoint.linear[0] == pytest.approx(-0.25)
        await base.spin(angle=10, velocity=50)
        turning = real.locked.accepted[-1][1].setpoint.angular[2]
        assert turning == pytest.approx(math.radians(50))
        await told(real, lambda: real.told() is None)
        await base.set_power(zero, zero)
        await base.stop()
        assert (await base.get_properties()).width_meters == 0.0
        assert await base.get_geometries() == []
        await told(real, lambda: real.state() is State.IDLE)
        assert not await base.is_moving()
        await robot.close()

    run(program())
    assert set(reasons(real)) <= {Reason.DONE, Reason.STOPPED}


@both_dials
def test_refusals_reach_the_program_as_they_are(real: Any, dial: Any) -> None:
    async def program() -> None:
        robot = await connect(real, dial)
        base = Base.from_robot(robot, 'base')
        nan = Vector3(x=0, y=math.nan, z=0)
        with pytest.raises(GRPCError) as refused:
            await base.set_power(nan, Vector3())
        assert refused.value.status is Status.INVALID_ARGUMENT
        assert 'linear.y' in (refused.value.message or '')
        with pytest.raises(GRPCError) as refused:
            await base.move_straight(distance=10**9, velocity=1)
        assert 'max_move_duration' in (refused.value.message or '')
        with pytest.raises(GRPCError) as refused:
            await base.do_command({'dance': True})
        assert refused.value.status is Status.UNIMPLEMENTED
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3())
        await told(real, real.moves)
        assert len(real.locked.sessions()) == 1, 'a refusal does not cost the session'
        await robot.close()

    run(program())


@both_dials
def test_questions_about_the_machine(real: Any, dial: Any) -> None:
    async def program() -> None:
        robot = await connect(real, dial)
        assert (await robot.get_version()).platform == 'viam_session_bridge'
        status = await robot.get_machine_status()
        assert [one.name.name for one in status.resources] == ['base']
        assert await robot.get_operations() == []
        await robot.stop_all()
        await told(real, lambda: real.told() is None)
        await robot.refresh()
        await robot.close()

    run(program())


@both_dials
def test_a_timeout_of_the_program_ends_its_move(real: Any, dial: Any) -> None:
    async def program() -> None:
        robot = await connect(real, dial)
        base = Base.from_robot(robot, 'base')
        timeout = 0.5
        while not real.locked.accepted:  # a slow machine may not read it in time
            with pytest.raises(asyncio.TimeoutError):
                await base.move_straight(distance=10_000, velocity=100, timeout=timeout)
            timeout *= 2.0
        await told(real, lambda: real.told() is None)
        task = asyncio.create_task(base.spin(angle=1000, velocity=10))
        await told(real, real.moves)
        task.cancel()
        await told(real, lambda: real.told() is None)
        await robot.close()

    run(program())
    assert set(reasons(real)) == {Reason.CANCELLED}


# ---- sessions ----


@both_dials
def test_a_lost_session_is_an_error_once_and_the_next_call_recovers(
        start: Callable[..., Any], dial: Any) -> None:
    # A heartbeat every 12 s: the call detects it, not a heartbeat.
    bench = start(policy=Policy(
        SessionSettings(60.0), stop_on_disconnect=False, stall_limit=math.inf))

    async def program() -> None:
        robot = await connect(bench, dial)
        base = Base.from_robot(robot, 'base')
        forward, zero = Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0)
        await base.set_power(forward, zero)
        await told(bench, bench.moves)
        lost = bench.locked.sessions()[0].id
        # The heartbeat of the call and the first one of the thread: the next is due in 12 s.
        await told(bench, lambda: bench.locked.beats == 2)
        bench.clock.advance(60.0)
        await told(bench, lambda: bench.told() is None)
        with pytest.raises(GRPCError) as refused:
            await base.set_power(forward, zero)
        assert refused.value.status is Status.INVALID_ARGUMENT
        assert refused.value.message == 'SESSION_EXPIRED'
        assert not bench.moves()
        await base.set_power(forward, zero)
        await told(bench, bench.moves)
        [session] = bench.locked.sessions()
        assert session.id != lost
        assert bench.locked.accepted[-1][2].session == session.id
        await robot.close()

    run(program())


@both_dials
def test_without_sessions_the_connection_counts(
        start: Callable[..., Any], dial: Any) -> None:
    real = start(policy=Policy(SessionSettings(0.5), stall_limit=60.0), real_clock=True)

    async def program() -> None:
        robot = await connect(real, dial, disable_sessions=True)
        base = Base.from_robot(robot, 'base')
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0))
        await told(real, real.moves)
        await asyncio.sleep(1.0)
        assert real.moves(), 'longer than a window'
        assert not real.locked.sessions()
        await robot.close()

    run(program())
    real.until_stopped()
    assert reasons(real) == [Reason.DISCONNECTED]


@both_dials
def test_a_clean_close_stops_before_the_window_is_over(
        start: Callable[..., Any], dial: Any) -> None:
    # The heartbeat thread of the SDK detects the close at its next heartbeat, after a fifth of it.
    bench = start(policy=Policy(SessionSettings(5.0), stall_limit=60.0), real_clock=True)

    async def program() -> None:
        robot = await connect(bench, dial)
        base = Base.from_robot(robot, 'base')
        await base.set_power(Vector3(x=0, y=0.5, z=0), Vector3(x=0, y=0, z=0))
        await told(bench, bench.moves)
        await robot.close()

    run(program())
    bench.until_stopped()
    assert reasons(bench) == [Reason.DISCONNECTED]
    assert not bench.deaths
    bench.client().robot.ResourceNames()


# ---- a blocked event loop ----


@pytest.mark.parametrize('way', ['native', 'direct'])
def test_a_program_that_blocks_its_loop_keeps_connection_and_session(
        sleepers: Sleepers, way: str) -> None:
    bench, program = sleepers.benches[way], sleepers.programs[way]
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    asleep, awake, told_sessions = output.splitlines()[-3:]
    assert (asleep, awake) == ('asleep', 'awake')
    before, after = json.loads(told_sessions)
    assert len(before) == 1
    assert after == before
    commands = [motion.setpoint.linear[0] for _, motion, _ in bench.locked.accepted]
    assert commands == [0.5, 0.25]
    assert {caller.session for _, _, caller in bench.locked.accepted} == set(before)
    # The only stop is the one after the end of the program.
    bench.until_stopped()
    assert reasons(bench) in ([Reason.DISCONNECTED], [Reason.SESSION_ENDED])
