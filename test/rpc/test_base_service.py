# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bases over gRPC: axes, units, limits, refusals, and begin and end of blocking moves.

Viam: +y forward, +x right, +z up, mm/s, deg/s. ROS: +x forward, +y left, +z up, m/s, rad/s. Who
may hold a motion is in test_presence_policies.py.
"""

from collections.abc import Callable
import itertools
import math
import time
from typing import Any

import grpc
import pytest

from components import component
from host import took
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import Velocity, VelocityLimits
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import BaseSample, RestSettings
from viam_session_bridge.rpc import calls as rpc_calls
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode

FORWARD = (0.0, 0.5, 0.0)
OK = (Code.OK, '')


def close(velocity: Any, linear: Any = (0.0, 0.0, 0.0), angular: Any = (0.0, 0.0, 0.0)) -> bool:
    """Return whether a setpoint is that twist (m/s, rad/s)."""
    assert isinstance(velocity, Velocity), velocity
    got: list[float] = [*velocity.linear, *velocity.angular]
    wanted: list[float] = [*linear, *angular]
    return got == pytest.approx(wanted, abs=1e-9)


def twist_of(bench: Any, method: Any, **fields: Any) -> Any:
    """Command a motion that lasts; return the setpoint of the driver."""
    before = len(bench.locked.accepted)
    method(name='base', **fields)
    assert len(bench.locked.accepted) == before + 1
    bench.clock.advance(0.05)
    bench.settle()
    return bench.told()


def move(bench: Any, method: Any, **fields: Any) -> Any:
    """Start a finite move and wait until the base moves; return the call."""
    before, told = len(bench.locked.accepted), latest_epoch(bench)
    call = method.start(name='base', **fields)
    bench.until(lambda: len(bench.locked.accepted) > before)
    bench.clock.advance(0.02)
    bench.until(lambda: latest_epoch(bench) > told and bench.outputs[-1].setpoint is not None)
    return call


def move_with_deadline(bench: Any, method: Any, **fields: Any) -> tuple[Any, float]:
    """Start a finite move with a deadline, and wait for motion; return the call and when (s)."""
    timeout = 0.5
    while True:
        before, told = len(bench.locked.accepted), latest_epoch(bench)
        ends = time.monotonic() + timeout
        call = method.start(name='base', timeout=timeout, **fields)
        bench.until(lambda call=call, before=before: (
            call.done() or len(bench.locked.accepted) > before))
        if len(bench.locked.accepted) > before:
            bench.clock.advance(0.02)
            bench.until(lambda told=told: latest_epoch(bench) > told)
            return call, ends
        timeout *= 2.0  # a slow machine: it was not read in time


def latest_epoch(bench: Any) -> int:
    return max((output.epoch for output in bench.outputs), default=0)


@pytest.fixture
def holonomic(start: Callable[..., Any]) -> Any:
    """Return a bridge whose base moves and turns in all directions."""
    return start(bases={'base': VelocityLimits(1.0, 2.0, holonomic=True)})


# ---- axes and units ----


@pytest.mark.parametrize(('power', 'linear'), [
    ((0, 1, 0), (0.8, 0, 0)), ((0, -0.5, 0), (-0.4, 0, 0)), ((1, 0, 0), (0, -0.8, 0)),
    ((-0.5, 0, 0), (0, 0.4, 0)), ((0, 0, 0.25), (0, 0, 0.2)), ((0, 0, -1), (0, 0, -0.8)),
    ((0.3, 0.4, 0), (0.32, -0.24, 0))])
def test_linear_power_is_a_share_of_the_limit(
        start: Callable[..., Any], power: Any, linear: Any) -> None:
    bench = start(bases={'base': VelocityLimits(0.8, 2.0, holonomic=True)})
    assert close(twist_of(bench, bench.client().base.SetPower, linear=power), linear)


@pytest.mark.parametrize(('power', 'angular'), [
    ((0, 0, 1), (0, 0, 1.5)), ((0, 0, -0.5), (0, 0, -0.75)), ((0, 1, 0), (1.5, 0, 0)),
    ((1, 0, 0), (0, -1.5, 0))])
def test_angular_power_is_a_share_of_the_limit(
        start: Callable[..., Any], power: Any, angular: Any) -> None:
    bench = start(bases={'base': VelocityLimits(0.8, 1.5, holonomic=True)})
    twist = twist_of(bench, bench.client().base.SetPower, angular=power)
    assert close(twist, angular=angular)


@pytest.mark.parametrize(('viam', 'ros'), [
    ((0, 250, 0), (0.25, 0, 0)), ((0, -250, 0), (-0.25, 0, 0)), ((100, 0, 0), (0, -0.1, 0)),
    ((-100, 0, 0), (0, 0.1, 0)), ((0, 0, 50), (0, 0, 0.05)), ((30, 40, 0), (0.04, -0.03, 0))])
def test_linear_velocity_is_in_mm_per_second(holonomic: Any, viam: Any, ros: Any) -> None:
    assert close(twist_of(holonomic, holonomic.client().base.SetVelocity, linear=viam), ros)


@pytest.mark.parametrize(('viam', 'ros'), [
    ((0, 0, 90), (0, 0, math.pi / 2)), ((0, 0, -45), (0, 0, -math.pi / 4)),
    ((0, 30, 0), (math.pi / 6, 0, 0)), ((30, 0, 0), (0, -math.pi / 6, 0))])
def test_angular_velocity_is_in_degrees_per_second(holonomic: Any, viam: Any, ros: Any) -> None:
    twist = twist_of(holonomic, holonomic.client().base.SetVelocity, angular=viam)
    assert close(twist, angular=ros)


def test_both_parts_at_once(bench: Any, client: Any) -> None:
    twist = twist_of(bench, client.base.SetVelocity, linear=(0, 300, 0), angular=(0, 0, -60))
    assert close(twist, (0.3, 0, 0), (0, 0, -math.pi / 3))


@pytest.mark.parametrize('method', ['SetPower', 'SetVelocity'])
def test_a_base_that_is_not_holonomic_leaves_the_other_parts_out(
        bench: Any, client: Any, method: str) -> None:
    twist = twist_of(bench, getattr(client.base, method),
                     linear=(0.5, 0.5, 0.5), angular=(0.25, 0.25, 0.25))
    assert twist.linear[0] > 0
    assert twist.angular[2] > 0
    assert not any([*twist.linear[1:], *twist.angular[:2]])


@pytest.mark.parametrize('fields', [{'linear': (0.5, 0, 0.5)}, {'angular': (0.5, 0.5, 0)}])
def test_a_command_without_any_possible_part_is_a_stop(
        bench: Any, client: Any, fields: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    client.base.SetPower(name='base', **fields)
    bench.until_stopped()


def test_an_absent_vector_is_zeros(bench: Any, client: Any) -> None:
    assert close(twist_of(bench, client.base.SetPower, linear=(0, 0.5, 0)), (0.5, 0, 0))
    assert close(twist_of(bench, client.base.SetPower, angular=(0, 0, 0.5)), angular=(0, 0, 1.0))
    client.base.SetVelocity(name='base')
    bench.until_stopped()


def test_a_motion_lasts_until_the_next_command(bench: Any, client: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    for _ in range(50):
        bench.clock.advance(10.0)
        bench.settle()
        assert bench.moves()
    assert len(bench.outputs) >= 50, 'held wishes are repeated'


# ---- limits ----


@pytest.mark.parametrize(('method', 'fields', 'linear', 'angular'), [
    ('SetPower', {'linear': (0, 5, 0)}, (1, 0, 0), (0, 0, 0)),
    ('SetPower', {'linear': (0, -5, 0), 'angular': (0, 0, 7)}, (-1, 0, 0), (0, 0, 2)),
    ('SetVelocity', {'linear': (0, 4000, 0)}, (1, 0, 0), (0, 0, 0)),
    ('SetVelocity', {'angular': (0, 0, -1e9)}, (0, 0, 0), (0, 0, -2)),
    ('SetVelocity', {'linear': (3000, 4000, 0)}, (0.8, -0.6, 0), (0, 0, 0)),
    ('SetPower', {'linear': (3, 4, 0)}, (0.8, -0.6, 0), (0, 0, 0)),
    ('SetVelocity', {'linear': (0, 1.7e308, 0)}, (1, 0, 0), (0, 0, 0)),
    ('SetVelocity', {'linear': (-1.7e308, 1.7e308, 0)},
     (math.sqrt(0.5), math.sqrt(0.5), 0), (0, 0, 0)),
])
def test_commands_beyond_the_limits_are_clamped_and_keep_their_direction(
        holonomic: Any, method: str, fields: Any, linear: Any, angular: Any) -> None:
    twist = twist_of(holonomic, getattr(holonomic.client().base, method), **fields)
    assert close(twist, linear, angular)


@pytest.mark.parametrize('fields', [{'linear': (0, 1.7e308, 0)}, {'angular': (0, 0, 1.7e308)}])
def test_power_that_is_finite_is_never_called_infinite(
        start: Callable[..., Any], fields: Any) -> None:
    bench = start(bases={'base': VelocityLimits(3.0, 4.0)})
    twist = twist_of(bench, bench.client().base.SetPower, **fields)
    assert (twist.linear[0], twist.angular[2]) in ((3.0, 0.0), (0.0, 4.0))


def test_a_sideways_command_does_not_reduce_the_forward_one(bench: Any, client: Any) -> None:
    twist = twist_of(bench, client.base.SetVelocity, linear=(5000, 900, 0))
    assert close(twist, (0.9, 0, 0))


def test_limits_are_each_bases_own(start: Callable[..., Any]) -> None:
    bench = start(bases={'slow': VelocityLimits(0.1, 0.2), 'fast': VelocityLimits(2.0, 3.0)})
    client = bench.client()
    for name in ('slow', 'fast'):
        client.base.SetPower(name=name, linear=(0, 1, 0), angular=(0, 0, 1))
        bench.until_moving(name)
    assert close(bench.told('slow'), (0.1, 0, 0), (0, 0, 0.2))
    assert close(bench.told('fast'), (2.0, 0, 0), (0, 0, 3.0))


def test_two_bases_are_independent(start: Callable[..., Any]) -> None:
    limits = VelocityLimits(1.0, 2.0)
    bench = start(bases={'left': limits, 'right': limits})
    client = bench.client()
    first = client.start_session()
    client.base.SetPower(name='left', linear=FORWARD, sid=first)
    call = bench.client().base.MoveStraight.start(
        name='right', distance_mm=1000, mm_per_sec=100)
    bench.until_moving('left')
    bench.until_moving('right')
    bench.clock.advance(2.0)  # the session's window
    bench.until_stopped('left')
    bench.settle()
    assert bench.moves('right')
    assert not call.done()
    client.base.Stop(name='left')
    bench.clock.advance(7.9)
    bench.settle()
    assert not call.done()
    bench.clock.advance(0.2)
    assert call.code() is Code.OK


# ---- values that are not numbers ----

NOT_FINITE = [float('nan'), float('inf'), float('-inf')]


@pytest.mark.parametrize('bad', NOT_FINITE)
@pytest.mark.parametrize('axis', [0, 1, 2])
@pytest.mark.parametrize('field', ['linear', 'angular'])
def test_vectors_that_are_not_finite_are_refused_by_name(
        bench: Any, client: Any, field: str, axis: int, bad: float) -> None:
    client.base.SetPower(name='base', angular=(0, 0, 0.5))
    bench.until_moving()
    accepted = list(bench.locked.accepted)
    vector = [0.25, 0.25, 0.25]
    vector[axis] = bad
    for method in (client.base.SetPower, client.base.SetVelocity):
        refusal = method.refused(name='base', **{field: tuple(vector)})
        assert refusal.code is Code.INVALID_ARGUMENT
        assert f'{field}.{"xyz"[axis]}' in refusal.text
        assert str(bad) in refusal.text
    bench.settle()
    assert bench.locked.accepted == accepted
    assert bench.moves(), 'a refused command changes nothing'


@pytest.mark.parametrize('bad', NOT_FINITE)
@pytest.mark.parametrize(('method', 'field', 'fields'), [
    ('MoveStraight', 'mm_per_sec', {'distance_mm': 100}),
    ('MoveStraight', 'mm_per_sec', {'distance_mm': 0}),
    ('Spin', 'angle_deg', {'degs_per_sec': 10.0}),
    ('Spin', 'angle_deg', {'degs_per_sec': 0.0}),
    ('Spin', 'degs_per_sec', {'angle_deg': 10.0}),
    ('Spin', 'degs_per_sec', {'angle_deg': 0.0})])
def test_moves_that_are_not_finite_are_refused_by_name(
        bench: Any, client: Any, method: str, field: str, fields: Any, bad: float) -> None:
    refusal = getattr(client.base, method).refused(name='base', **{field: bad, **fields})
    assert refusal.code is Code.INVALID_ARGUMENT
    assert field in refusal.text
    assert bench.told() == 'nothing'


# ---- zero is a Stop ----

ZEROS: dict[str, dict[str, Any]] = {
    'SetPower': {}, 'SetVelocity': {'linear': (0.0, -0.0, 0.0), 'angular': (0.0, 0.0, 0.0)},
    'MoveStraight': {'distance_mm': 0, 'mm_per_sec': 100.0},
    'Spin': {'angle_deg': 90.0, 'degs_per_sec': 0.0}, 'Stop': {}}


@pytest.mark.parametrize('method', ZEROS)
def test_zero_stops_an_idle_base(bench: Any, client: Any, method: str) -> None:
    getattr(client.base, method)(name='base', **ZEROS[method])
    bench.until_stopped()
    bench.until_idle()


@pytest.mark.parametrize('method', ZEROS)
def test_zero_stops_a_moving_base_and_again(bench: Any, client: Any, method: str) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    for _ in range(2):  # the second time it is STOPPING
        getattr(client.base, method)(name='base', **ZEROS[method])
        bench.until_stopped()
        assert bench.state() is State.STOPPING
    bench.until_idle()


@pytest.mark.parametrize('method', ZEROS)
def test_zero_is_sent_while_a_stop_is_unconfirmed(
        start: Callable[..., Any], method: str) -> None:
    bench = start(actuator=ActuatorSettings(
        stop_hold=0.1, stop_timeout=0.5, rest=RestSettings()))
    client = bench.client()
    client.base.SetPower(name='base', linear=FORWARD)
    client.base.Stop(name='base')
    bench.until_stopped()
    bench.until_unconfirmed()
    refusal = client.base.SetPower.refused(name='base', linear=FORWARD)
    assert refusal.code is Code.FAILED_PRECONDITION
    assert 'not confirmed' in refusal.text
    before = len(bench.outputs)
    getattr(client.base, method)(name='base', **ZEROS[method])
    bench.clock.advance(0.05)
    bench.until(lambda: len(bench.outputs) > before)
    assert bench.told() is None
    assert bench.state() is State.UNCONFIRMED


@pytest.mark.parametrize('method', ZEROS)
def test_zero_works_without_a_stop_path_and_at_shutdown(
        start: Callable[..., Any], method: str) -> None:
    bench = start(paths=False)
    began = time.monotonic()
    getattr(bench.client().base, method)(name='base', **ZEROS[method])
    assert took(began) < 0.9, 'a stop does not wait for discovery'
    bench.until_stopped()
    bench.locked.shut_down()
    getattr(bench.client().base, method)(name='base', **ZEROS[method])


@pytest.mark.parametrize('method', ZEROS)
def test_zero_from_another_client_releases_ownership(
        bench: Any, client: Any, method: str) -> None:
    session = client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    getattr(bench.client().base, method)(name='base', **ZEROS[method])
    bench.until_idle()
    before = len(bench.outputs)
    bench.clock.advance(3.0)  # the session ends, and owns nothing
    bench.settle()
    assert not bench.locked.sessions()
    assert len(bench.outputs) == before


def test_moves_that_are_stops_leave_no_owner(bench: Any, client: Any) -> None:
    for _ in range(20):
        client.base.MoveStraight(name='base', distance_mm=0, mm_per_sec=100.0)
    bench.until_idle()
    bench.settle()
    assert not any(vars(bench.locked._waiters).values()), 'nobody waits any more'


# ---- finite moves ----


@pytest.mark.parametrize(('distance', 'speed'), [
    pytest.param(sign * 500, other * 250.0, id=f'{sign:+d}/{other:+d}')
    for sign, other in itertools.product((1, -1), repeat=2)])
def test_a_straight_move_takes_distance_over_speed(
        bench: Any, client: Any, distance: int, speed: float) -> None:
    call = move(bench, client.base.MoveStraight, distance_mm=distance, mm_per_sec=speed)
    assert close(bench.told(), (math.copysign(0.25, distance * speed), 0, 0))
    bench.clock.advance(1.9)
    bench.settle()
    assert bench.moves()
    assert not call.done()
    bench.clock.advance(0.1)
    bench.until_stopped()
    assert call.code() is Code.OK


@pytest.mark.parametrize(('angle', 'speed'), [
    pytest.param(sign * 90.0, other * 45.0, id=f'{sign:+d}/{other:+d}')
    for sign, other in itertools.product((1, -1), repeat=2)])
def test_a_spin_takes_angle_over_speed(
        bench: Any, client: Any, angle: float, speed: float) -> None:
    call = move(bench, client.base.Spin, angle_deg=angle, degs_per_sec=speed)
    assert close(bench.told(), angular=(0, 0, math.copysign(math.pi / 4, angle * speed)))
    bench.clock.advance(1.9)
    bench.settle()
    assert bench.moves()
    bench.clock.advance(0.1)
    bench.until_stopped()
    assert call.code() is Code.OK


def test_moves_faster_than_the_limit_take_longer(start: Callable[..., Any]) -> None:
    bench = start(bases={'base': VelocityLimits(0.5, math.pi / 4)})
    client = bench.client()
    move(bench, client.base.MoveStraight, distance_mm=-1000, mm_per_sec=4000.0)
    assert close(bench.told(), (-0.5, 0, 0))
    assert bench.locked.accepted[-1][1].duration == pytest.approx(2.0)
    move(bench, client.base.Spin, angle_deg=90.0, degs_per_sec=1e300)
    assert close(bench.told(), angular=(0, 0, math.pi / 4))
    assert bench.locked.accepted[-1][1].duration == pytest.approx(2.0)


@pytest.mark.parametrize(('method', 'fields'), [
    ('MoveStraight', {'distance_mm': 0, 'mm_per_sec': 100.0}),
    ('MoveStraight', {'distance_mm': 0, 'mm_per_sec': 0.0}),
    ('MoveStraight', {'distance_mm': 100, 'mm_per_sec': 0.0}),
    ('MoveStraight', {'distance_mm': -100, 'mm_per_sec': -0.0}),
    ('Spin', {'angle_deg': 90.0, 'degs_per_sec': 0.0}),
    ('Spin', {'angle_deg': 0.0, 'degs_per_sec': 0.0})])
def test_a_move_without_length_or_speed_stops_and_answers_at_once(
        bench: Any, client: Any, method: str, fields: Any) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    getattr(client.base, method)(name='base', **fields)
    bench.until_stopped()


@pytest.mark.parametrize('angle', [0.0, -0.0, 1e-4, -1e-4])
def test_a_spin_by_no_angle_is_refused(bench: Any, client: Any, angle: float) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    refusal = client.base.Spin.refused(name='base', angle_deg=angle, degs_per_sec=10.0)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert 'angle_deg' in refusal.text
    assert bench.moves()


@pytest.mark.parametrize(('method', 'fields', 'field'), [
    ('MoveStraight', {'distance_mm': 2**63 - 1, 'mm_per_sec': 100.0}, 'distance_mm'),
    ('MoveStraight', {'distance_mm': -2**63, 'mm_per_sec': 1e308}, 'distance_mm'),
    ('MoveStraight', {'distance_mm': 1000, 'mm_per_sec': 1e-9}, 'distance_mm'),
    ('MoveStraight', {'distance_mm': 1, 'mm_per_sec': 1e-310}, 'distance_mm'),
    ('Spin', {'angle_deg': 1e308, 'degs_per_sec': 10.0}, 'angle_deg'),
    ('Spin', {'angle_deg': -90.0, 'degs_per_sec': 1e-300}, 'angle_deg')])
def test_moves_that_would_take_too_long_are_refused(
        bench: Any, client: Any, method: str, fields: Any, field: str) -> None:
    client.base.SetPower(name='base', linear=FORWARD)
    bench.until_moving()
    refusal = getattr(client.base, method).refused(name='base', **fields)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert field in refusal.text
    assert 'base.max_move_duration' in refusal.text
    assert '120' in refusal.text
    assert bench.moves()


def test_the_longest_move_is_configured(start: Callable[..., Any]) -> None:
    bench = start(configs={'base': component('base', max_move_duration=3.0)})
    client = bench.client()
    assert '3' in client.base.MoveStraight.refused(
        name='base', distance_mm=301, mm_per_sec=100.0).text
    move(bench, client.base.MoveStraight, distance_mm=300, mm_per_sec=100.0)


# ---- the result of a waiting move ----

MOVES = {'MoveStraight': {'distance_mm': 1000, 'mm_per_sec': 100.0},
         'Spin': {'angle_deg': 90.0, 'degs_per_sec': 9.0}}
both_moves = pytest.mark.parametrize('method', MOVES)


@both_moves
@pytest.mark.parametrize('by', ['Stop', 'SetPower', 'SetVelocity', 'MoveStraight', 'Spin'])
def test_a_move_that_is_superseded_or_stopped_answers_ok(
        bench: Any, client: Any, method: str, by: str) -> None:
    call = move(bench, getattr(client.base, method), **MOVES[method])
    fields = MOVES.get(by) or ({} if by == 'Stop' else {'linear': (0, 0.75, 0)})
    getattr(bench.client().base, by).start(name='base', **fields)
    assert call.code() is Code.OK
    bench.clock.advance(0.05)
    bench.settle()
    assert bench.moves() is (by != 'Stop')


@both_moves
def test_a_move_superseded_by_its_own_client_answers_ok(
        bench: Any, client: Any, method: str) -> None:
    session = client.start_session()
    calls = [move(bench, getattr(client.base, method), sid=session, **MOVES[method])
             for _ in range(3)]
    assert [call.code() for call in calls[:2]] == [Code.OK] * 2
    assert not calls[2].done()
    bench.settle()
    assert bench.moves()


@both_moves
def test_a_move_whose_owner_is_gone_is_aborted_with_the_reason(
        bench: Any, client: Any, method: str, finish: Callable[..., Any]) -> None:
    session = client.start_session()
    call = move(bench, getattr(client.base, method), sid=session, **MOVES[method])
    bench.clock.advance(2.0)
    code, text = finish(call)
    assert code is Code.ABORTED
    assert 'base' in text
    assert 'session' in text
    bench.until_stopped()


@both_moves
def test_a_move_is_aborted_at_shutdown(
        bench: Any, client: Any, method: str, finish: Callable[..., Any]) -> None:
    call = move(bench, getattr(client.base, method), **MOVES[method])
    bench.locked.shut_down()
    code, text = finish(call)
    assert code is Code.ABORTED
    assert 'shutting down' in text
    bench.until_stopped()
    refusal = getattr(client.base, method).refused(name='base', **MOVES[method])
    assert refusal.code is Code.UNAVAILABLE
    assert 'shutting down' in refusal.text


@both_moves
def test_a_move_is_aborted_when_the_stop_path_is_lost(
        bench: Any, client: Any, method: str, finish: Callable[..., Any]) -> None:
    call = move(bench, getattr(client.base, method), **MOVES[method])
    bench.locked.path('base', 'nobody listens on /cmd_vel')
    assert finish(call).code is Code.ABORTED
    bench.until_stopped()


def test_a_command_after_a_stall_is_aborted(start: Callable[..., Any]) -> None:
    bench = start(policy=Policy(SessionSettings(60.0), stop_on_disconnect=False))
    client = bench.client()
    session = client.start_session()
    client.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    bench.clock.advance(5.0)  # the pump was stalled
    bench.until_stopped()


@both_moves
def test_the_callers_cancellation_ends_its_move(bench: Any, client: Any, method: str) -> None:
    call = move(bench, getattr(client.base, method), **MOVES[method])
    call.cancel()
    bench.until_stopped()
    assert 'cancel' in bench.events[-1].reason.value


@both_moves
def test_the_deadline_of_the_call_ends_its_move(
        bench: Any, client: Any, method: str, finish: Callable[..., Any]) -> None:
    call, _ = move_with_deadline(bench, getattr(client.base, method), **MOVES[method])
    assert finish(call).code is Code.DEADLINE_EXCEEDED
    bench.until_stopped()


@both_moves
@pytest.mark.parametrize('how', ['cancel', 'deadline'])
def test_a_superseded_move_ends_nothing_any_more(
        bench: Any, client: Any, method: str, how: str) -> None:
    # All in one connection, where the cancellation cannot arrive before the newer command.
    call, ends = move_with_deadline(bench, getattr(client.base, method), **MOVES[method])
    client.base.SetPower(name='base', linear=FORWARD)
    if how == 'cancel':
        call.cancel()
    else:
        # After the deadline of the older call, which has returned before.
        time.sleep(max(0.0, ends - time.monotonic()) + 0.1)
    client.robot.ResourceNames()
    bench.clock.advance(0.05)
    bench.settle()
    assert close(bench.told(), (0.5, 0, 0))


def test_cancelling_races_with_a_newer_command_and_never_ends_it(
        bench: Any, client: Any) -> None:
    for _ in range(30):
        call = move(bench, client.base.MoveStraight, **MOVES['MoveStraight'])
        newer = client.base.SetPower.start(name='base', linear=FORWARD, timeout=10)
        call.cancel()
        assert newer.code() is Code.OK
        bench.clock.advance(0.05)
        client.robot.ResourceNames()
        bench.settle()
        if bench.locked.accepted[-1][1].duration is None:
            assert close(bench.told(), (0.5, 0, 0))


@pytest.mark.parametrize('method', ['SetPower', 'SetVelocity'])
def test_held_motions_return_at_once_and_last_beyond_their_call(
        bench: Any, client: Any, method: str) -> None:
    timeout = 0.5
    while getattr(client.base, method).start(
            name='base', linear=(0, 0.5, 0), timeout=timeout).code() is not Code.OK:
        timeout *= 2.0  # a slow machine: it was not answered in time
    bench.until_moving()
    time.sleep(timeout + 0.1)  # past the deadline of the call
    bench.settle()
    assert bench.moves()


class SteeredBase:
    """A base with odometry that follows its setpoint at once, or not at all if it is stuck."""

    def __init__(self, bench: Any) -> None:
        self._bench = bench
        self.x = self.yaw = 0.0
        self.coasts = False
        self.step()

    def step(self) -> None:
        """Advance the clock by a moment, and report the new pose of the base."""
        told = self._bench.told()
        moves = isinstance(told, Velocity)
        speed = told.linear[0] if moves else 0.1 if self.coasts else 0.0
        rate = told.angular[2] if moves else 0.0
        self.x, self.yaw = self.x + speed * 0.05, self.yaw + rate * 0.05
        self._bench.clock.advance(0.05)
        self._bench.locked.measured('base', BaseSample(
            x=self.x, yaw=self.yaw, linear=(abs(speed), 0.0, 0.0), angular=(0.0, 0.0, abs(rate))))
        self._bench.settle()

    def run(self, until: Callable[[], Any]) -> None:
        for _ in range(200):
            if until():
                return
            self.step()
        raise AssertionError(f'waited in vain; told {self._bench.told()}')


@pytest.fixture
def steered(start: Callable[..., Any]) -> tuple[Any, SteeredBase]:
    """Return a bridge whose base has odometry, and that base."""
    bench = start(actuator=ActuatorSettings(
        stop_hold=0.2, stop_timeout=1.0, rest=RestSettings(dwell=0.2)))
    return bench, SteeredBase(bench)


@pytest.mark.parametrize(('distance', 'speed'), [(500, 400.0), (-500, 400.0), (500, -400.0)])
def test_with_feedback_a_move_is_done_when_the_base_rests_at_its_goal(
        steered: Any, distance: int, speed: float) -> None:
    bench, base = steered
    client = bench.client()
    call = move(bench, client.base.MoveStraight, distance_mm=distance, mm_per_sec=speed)
    base.run(lambda: bench.told() is None)
    assert not call.done(), 'the base has not been seen to rest yet'
    base.run(lambda: bench.state() is State.IDLE)
    assert call.code() is Code.OK
    assert base.x == pytest.approx(math.copysign(0.5, distance * speed), abs=0.05)
    assert not client.base.IsMoving(name='base').is_moving


def test_with_feedback_a_spin_goes_beyond_half_a_turn(steered: Any) -> None:
    bench, base = steered
    call = move(bench, bench.client().base.Spin, angle_deg=-450.0, degs_per_sec=100.0)
    base.run(lambda: bench.state() is State.IDLE)
    assert call.code() is Code.OK
    assert math.degrees(base.yaw) == pytest.approx(-450.0, abs=10.0)


def test_with_feedback_a_move_that_does_not_come_to_rest_is_aborted(
        steered: Any, finish: Callable[..., Any]) -> None:
    bench, base = steered
    base.coasts = True
    call = move(bench, bench.client().base.MoveStraight, distance_mm=200, mm_per_sec=200.0)
    base.run(lambda: bench.state() is State.UNCONFIRMED)
    code, text = finish(call)
    assert code is Code.ABORTED
    assert 'rest' in text


def test_a_move_whose_feedback_ceases_is_aborted(
        steered: Any, finish: Callable[..., Any]) -> None:
    bench, _ = steered
    call = move(bench, bench.client().base.MoveStraight, distance_mm=200, mm_per_sec=200.0)
    bench.clock.advance(0.6)
    code, text = finish(call)
    assert code is Code.ABORTED
    assert 'feedback' in text
    bench.until_stopped()


def test_without_odometry_a_move_is_timed_and_its_rest_is_measured(
        start: Callable[..., Any]) -> None:
    """If only the velocity is measured, it does not show the progress of the move."""
    bench = start(
        configs={'base': component('base', odometry_topic='', velocity_topic='speed')},
        actuator=ActuatorSettings(stop_hold=0.2, stop_timeout=1.0, rest=RestSettings(dwell=0.2)))
    base = SteeredBase(bench)
    base.coasts = True
    call = move(bench, bench.client().base.MoveStraight, distance_mm=200, mm_per_sec=200.0)
    began = bench.clock()
    base.run(lambda: bench.told() is None)
    assert bench.clock() - began == pytest.approx(1.0, abs=0.1)
    base.step()
    assert not call.done(), 'the base still moves'
    base.coasts = False
    base.run(lambda: bench.state() is State.IDLE)
    assert call.code() is Code.OK


# ---- the stop path ----


@pytest.fixture
def patient(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a bridge without stop paths, on which commands wait longer than a test takes."""
    monkeypatch.setattr(rpc_calls, 'DISCOVERY_PATIENCE', 60.0)
    return start(paths=False)


def test_without_a_stop_path_motion_is_refused_after_a_second(
        start: Callable[..., Any]) -> None:
    bench = start(paths=False)
    bench.locked.path('base', 'topic /cmd_vle: nobody subscribes')
    client = bench.client()
    commands = {
        'SetPower': {'linear': FORWARD}, 'SetVelocity': {'angular': (0, 0, 5)}, **MOVES}
    for method, fields in commands.items():
        began = time.monotonic()
        call = getattr(client.base, method).start(name='base', timeout=10, **fields)
        assert call.code() is Code.FAILED_PRECONDITION
        assert '/cmd_vle: nobody subscribes' in call.details()
        assert time.monotonic() - began > 0.9
        assert took(began) < 5.0
    assert bench.told() == 'nothing'


def test_a_command_waits_a_moment_for_discovery(patient: Any) -> None:
    bench = patient
    client = bench.client()
    held = client.base.SetPower.start(name='base', linear=FORWARD, timeout=10)
    bench.until(lambda: client.robot.GetOperations().operations)
    bench.locked.path('base', '')
    assert held.code() is Code.OK
    bench.until_moving()


@pytest.mark.parametrize('method', ['SetPower', *MOVES])
def test_a_command_that_waits_is_ended_by_a_stop(patient: Any, method: str) -> None:
    bench = patient
    client = bench.client()
    call = getattr(client.base, method).start(
        name='base', timeout=10, **MOVES.get(method, {'linear': FORWARD}))
    bench.until(lambda: client.robot.GetOperations().operations)
    client.base.Stop(name='base')
    bench.until_stopped()
    bench.locked.path('base', '')
    bench.until(lambda: call.done() or bench.locked.accepted)
    assert not bench.locked.accepted, 'the command is older than the stop'
    bench.settle()
    assert not bench.moves()


def test_a_command_that_waits_is_ended_by_stop_all(patient: Any) -> None:
    bench = patient
    client = bench.client()
    call = client.base.SetPower.start(name='base', linear=FORWARD, timeout=10)
    bench.until(lambda: client.robot.GetOperations().operations)
    client.robot.StopAll()
    bench.locked.path('base', '')
    call.code()
    bench.settle()
    assert not bench.moves()


def test_of_two_commands_that_wait_the_newer_wins(patient: Any) -> None:
    bench = patient
    client = bench.client()
    for attempt in range(8):
        bench.locked.path('base', 'gone for a moment')
        bench.until_idle()
        older = client.base.SetPower.start(name='base', linear=(0, 0.25, 0), timeout=10)
        bench.until(lambda: len(client.robot.GetOperations().operations) == 1)
        time.sleep(0.007)  # the order of the first tries varies
        newer = client.base.SetPower.start(name='base', linear=FORWARD, timeout=10)
        # The older one is refused at its next try; both may never be listed together.
        bench.until(lambda older=older: (
            older.done() or len(client.robot.GetOperations().operations) == 2))
        time.sleep(0.0025 * attempt)
        bench.locked.path('base', '')
        older.code()
        assert newer.code() is Code.OK
        bench.clock.advance(0.05)
        bench.settle()
        assert close(bench.told(), (0.5, 0, 0))
        client.base.Stop(name='base')
        bench.until_stopped()


@pytest.mark.parametrize('method', MOVES)
def test_a_move_that_waits_is_ended_by_cancel_operation(
        patient: Any, method: str, finish: Callable[..., Any]) -> None:
    bench = patient
    client = bench.client()
    call = getattr(client.base, method).start(name='base', timeout=10, **MOVES[method])
    bench.until(lambda: client.robot.GetOperations().operations)
    [operation] = client.robot.GetOperations().operations
    client.robot.CancelOperation(id=operation.id)
    bench.locked.path('base', '')
    assert finish(call).code is Code.CANCELLED
    assert not bench.locked.accepted, 'it must not even begin'
    assert bench.told() == 'nothing'


@pytest.mark.parametrize('method', ['SetPower', *MOVES])
def test_a_command_that_waits_is_ended_by_its_caller(patient: Any, method: str) -> None:
    bench = patient
    client = bench.client()
    call = getattr(client.base, method).start(
        name='base', timeout=10, **MOVES.get(method, {'linear': FORWARD}))
    bench.until(lambda: client.robot.GetOperations().operations)
    call.cancel()
    bench.until(lambda: not client.robot.GetOperations().operations)
    bench.locked.path('base', '')
    bench.settle()
    assert bench.told() == 'nothing'


# ---- queries ----


def test_is_moving_without_feedback_counts_a_stop_under_way(bench: Any, client: Any) -> None:
    def is_moving() -> bool:
        answer: bool = client.base.IsMoving(name='base').is_moving
        return answer

    assert not is_moving()
    client.base.SetPower(name='base', linear=FORWARD)
    assert is_moving()
    client.base.Stop(name='base')
    bench.until_stopped()
    assert is_moving()
    bench.until_idle()
    assert not is_moving()


def test_properties_are_the_configured_ones(start: Callable[..., Any]) -> None:
    bench = start(configs={'base': component(
        'base', width_meters=0.4, turning_radius_meters=0.3, wheel_circumference_meters=0.5)})
    reply = bench.client().base.GetProperties(name='base')
    assert (reply.width_meters, reply.turning_radius_meters,
            reply.wheel_circumference_meters) == (0.4, 0.3, 0.5)


def test_geometries_are_the_configured_box_in_viams_axes(start: Callable[..., Any]) -> None:
    bench = start(configs={'base': component('base', size_meters=(0.6, 0.4, 0.2))})
    [box] = bench.client().base.GetGeometries(name='base').geometries
    assert box.label == 'base'
    assert (box.box.dims_mm.x, box.box.dims_mm.y, box.box.dims_mm.z) == pytest.approx(
        (400.0, 600.0, 200.0))
    center = box.center
    assert (center.x, center.y, center.z) == pytest.approx((0.0, 0.0, 100.0))
    assert (center.o_x, center.o_y, center.o_z, center.theta) == (0.0, 0.0, 1.0, 0.0)


def test_no_box_is_no_geometry(client: Any) -> None:
    assert not client.base.GetGeometries(name='base').geometries


def test_status_contains_state_and_motion(bench: Any, client: Any) -> None:
    status = dict(client.base.GetStatus(name='base').result)
    assert status == {'state': 'idle', 'is_moving': False, 'stop_confirmed': True}
    client.base.SetPower(name='base', linear=FORWARD)
    status = dict(client.base.GetStatus(name='base').result)
    assert status == {'state': 'moving', 'is_moving': True, 'stop_confirmed': True}


def test_do_command_without_commands_is_unimplemented(client: Any) -> None:
    command = proto.google.Struct()
    command.update({'dance': True})
    refusal = client.base.DoCommand.refused(name='base', command=command)
    assert refusal.code is Code.UNIMPLEMENTED
    assert 'base' in refusal.text
    assert 'DoCommand' in refusal.text


def test_extra_is_accepted_everywhere(bench: Any, client: Any) -> None:
    extra = proto.google.Struct()
    extra.update({'why': ['not']})
    client.base.SetPower(name='base', linear=FORWARD, extra=extra)
    client.base.GetProperties(name='base', extra=extra)
    client.base.Stop(name='base', extra=extra)
    bench.until_stopped()
