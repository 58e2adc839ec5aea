# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Motors over gRPC: units, limits, refusals, home, and moves with and without feedback.

Viam: revolutions and rpm. Core: rad and rad/s.
"""

from collections.abc import Callable
import math
from typing import Any

import grpc
import pytest

from components import command_config, component
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.setpoints import JointLimits, Power, Speed
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample, RestSettings
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode

RPM = math.tau / 60.0
FASTEST = 20.0  # rad/s

# The error (rad) at the end of a move of 60 rpm with feedback: this motor has none of the delay
# that the course allows for.
NEAR = 0.2


def a_motor(start: Callable[..., Any], *, feedback: bool, **own: Any) -> Any:
    """Serve one motor, and a base beside it."""
    actuator = ActuatorSettings(
        stop_hold=0.2, rest=RestSettings(dwell=0.1, patience=1.0) if feedback else None)
    return start(
        others=(ActuatedResource('motor', 'motor', JointLimits(FASTEST), actuator),),
        configs={'motor': component(
            'motor', joint_states_topic='joint_states' if feedback else '', **own)})


@pytest.fixture
def blind(start: Callable[..., Any]) -> Any:
    """Return a bridge whose motor has no feedback."""
    return a_motor(start, feedback=False)


@pytest.fixture
def seen(start: Callable[..., Any]) -> Any:
    """Return a bridge whose motor is measured at 1 rad."""
    bench = a_motor(start, feedback=True)
    bench.locked.measured('motor', JointSample((1.0,)))
    return bench


@pytest.fixture
def held(start: Callable[..., Any]) -> Any:
    """Return a bridge whose motor must become ready before it moves, within 3 s."""
    actuator = ActuatorSettings(stop_hold=0.2, ready_timeout=3.0)
    return start(
        others=(ActuatedResource('motor', 'motor', JointLimits(FASTEST), actuator),),
        configs={'motor': component('motor')})


def told(bench: Any) -> Any:
    """Wait for a pass of the pump; return the last setpoint of the motor."""
    bench.clock.advance(0.05)
    bench.settle()
    return bench.told('motor')


def begin(bench: Any, method: Any, **fields: Any) -> Any:
    """Start a move and wait until the motor moves; return the call."""
    call = method.start(name='motor', **fields)
    bench.until_moving('motor')
    return call


def simulate(bench: Any, position: float, call: Any) -> float:
    """Turn the motor by its setpoint until the call has ended; return its position (rad)."""
    for _ in range(5000):
        wish = bench.told('motor')
        speed = wish.value if isinstance(wish, Speed) else 0.0
        position += speed * 0.02
        bench.clock.advance(0.02)
        bench.locked.measured('motor', JointSample((position,), (speed,)))
        bench.settle()
        if call.done():
            return position
    raise AssertionError('the move did not end')


# ---- motions that last ----


@pytest.mark.parametrize(('asked', 'power'), [(0.5, 0.5), (-1.0, -1.0), (2.0, 1.0), (-7.0, -1.0)])
def test_power_is_a_share_within_one(blind: Any, asked: float, power: float) -> None:
    client = blind.client()
    client.motor.SetPower(name='motor', power_pct=asked)
    assert told(blind) == Power(power)
    answer = client.motor.IsPowered(name='motor')
    assert (answer.is_on, answer.power_pct) == (True, power)


@pytest.mark.parametrize(('rpm', 'speed'), [(60.0, math.tau), (-30.0, -math.pi), (1e6, FASTEST)])
def test_rpm_becomes_rad_per_second_within_the_limit(
        blind: Any, rpm: float, speed: float) -> None:
    client = blind.client()
    client.motor.SetRPM(name='motor', rpm=rpm)
    assert told(blind).value == pytest.approx(speed)
    answer = client.motor.IsPowered(name='motor')
    assert answer.is_on and answer.power_pct == pytest.approx(speed / FASTEST)


@pytest.mark.parametrize(('method', 'field'), [('SetPower', 'power_pct'), ('SetRPM', 'rpm')])
def test_zero_is_a_stop(blind: Any, method: str, field: str) -> None:
    client = blind.client()
    client.motor.SetPower(name='motor', power_pct=0.5)
    blind.until_moving('motor')
    getattr(client.motor, method)(name='motor', **{field: 0.0})
    blind.until_stopped('motor')
    answer = client.motor.IsPowered(name='motor')
    assert (answer.is_on, answer.power_pct) == (False, 0.0)


def test_stop_stops_and_is_moving_is_false_afterwards(blind: Any) -> None:
    client = blind.client()
    assert not client.motor.IsMoving(name='motor').is_moving
    client.motor.SetPower(name='motor', power_pct=0.5)
    assert client.motor.IsMoving(name='motor').is_moving
    client.motor.Stop(name='motor')
    blind.until_stopped('motor')
    blind.until_idle('motor')
    assert not client.motor.IsMoving(name='motor').is_moving
    status = client.motor.GetStatus(name='motor').result
    assert status['state'] == State.IDLE.value


def test_after_a_command_of_the_motor_its_power_is_zero(start: Callable[..., Any]) -> None:
    """The effect of the service on the motor is unknown."""
    bench = a_motor(start, feedback=False, commands=(
        command_config('home', True, 'trigger'),))
    client, struct = bench.client(), proto.google.Struct()
    struct.update({'command': 'home'})
    call = client.motor.DoCommand.start(name='motor', command=struct)
    bench.until_moving('motor')
    answer = client.motor.IsPowered(name='motor')
    assert (answer.is_on, answer.power_pct) == (False, 0.0)
    client.motor.Stop(name='motor')
    call.result()


@pytest.mark.parametrize(('method', 'fields'), [
    ('SetRPM', {'rpm': 30.0}), ('GoFor', {'rpm': 30.0, 'revolutions': 1.0}),
    ('GoTo', {'rpm': 30.0, 'position_revolutions': 1.0})])
def test_with_effort_only_set_power_is_served(
        start: Callable[..., Any], method: str, fields: dict[str, float]) -> None:
    """With a light load, the speed would be unbounded. A zero is still a stop."""
    bench = a_motor(start, feedback=True, command='effort')
    bench.locked.measured('motor', JointSample((0.0,)))
    client = bench.client()
    with pytest.raises(grpc.RpcError) as refused:
        getattr(client.motor, method)(name='motor', **fields)
    assert refused.value.code() is Code.UNIMPLEMENTED
    assert f'motor: {method} needs' in refused.value.details()
    assert "motor.command is 'effort'" in refused.value.details()
    client.motor.SetPower(name='motor', power_pct=0.5)
    bench.until_moving('motor')
    client.motor.SetRPM(name='motor', rpm=0.0)
    bench.until_stopped('motor')


def test_the_refusal_names_why_no_position_arrives(seen: Any) -> None:
    """As far as the ROS graph shows it."""
    seen.clock.advance(5.0)
    seen.locked.feedback('motor', 'on /joints /wheel publishes a/msg/B; expected c/msg/D')
    client = seen.client()
    with pytest.raises(grpc.RpcError) as refused:
        client.motor.GetPosition(name='motor')
    assert 'publishes a/msg/B; expected c/msg/D' in refused.value.details()


# ---- moves ----


@pytest.mark.parametrize(('rpm', 'revolutions', 'sign'), [
    (60.0, 2.0, 1), (-60.0, 2.0, -1), (60.0, -2.0, -1), (-60.0, -2.0, 1)])
def test_without_feedback_go_for_is_timed(
        blind: Any, rpm: float, revolutions: float, sign: int) -> None:
    call = begin(blind, blind.client().motor.GoFor, rpm=rpm, revolutions=revolutions)
    assert blind.told('motor').value == pytest.approx(sign * math.tau)
    blind.clock.advance(1.9)
    blind.settle()
    assert not call.done() and blind.moves('motor')
    blind.clock.advance(0.2)
    blind.until_stopped('motor')
    assert call.code() is Code.OK


@pytest.mark.parametrize(('rpm', 'revolutions'), [(60.0, 2.0), (-100.0, 3.0), (1e6, -20.0)])
def test_with_feedback_go_for_ends_where_it_should(
        seen: Any, rpm: float, revolutions: float) -> None:
    call = begin(seen, seen.client().motor.GoFor, rpm=rpm, revolutions=revolutions)
    wanted = 1.0 + math.copysign(1.0, rpm) * revolutions * math.tau
    assert simulate(seen, 1.0, call) == pytest.approx(wanted, abs=0.3)
    assert call.code() is Code.OK


@pytest.mark.parametrize('target', [2.0, -3.0])
@pytest.mark.parametrize('rpm', [60.0, -60.0])
def test_go_to_counts_from_home_and_chooses_the_direction(
        seen: Any, target: float, rpm: float) -> None:
    client = seen.client()
    client.motor.ResetZeroPosition(name='motor')
    call = begin(seen, client.motor.GoTo, rpm=rpm, position_revolutions=target)
    end = simulate(seen, 1.0, call)
    assert end == pytest.approx(1.0 + target * math.tau, abs=NEAR)
    position = client.motor.GetPosition(name='motor').position
    assert position == pytest.approx(target, abs=NEAR / math.tau)


def test_go_to_starts_from_the_position_at_the_command(seen: Any) -> None:
    """A moving joint has another position when the first sample of the move arrives."""
    call = begin(seen, seen.client().motor.GoTo, rpm=60.0, position_revolutions=1.0)
    seen.clock.advance(0.1)
    seen.locked.measured('motor', JointSample((1.5,), (math.tau,)))
    assert simulate(seen, 1.5, call) == pytest.approx(math.tau, abs=NEAR)


def test_a_go_to_at_its_target_stops(seen: Any) -> None:
    client = seen.client()
    client.motor.ResetZeroPosition(name='motor', offset=0.5)
    client.motor.GoTo(name='motor', rpm=10.0, position_revolutions=-0.5)
    seen.until_stopped('motor')


def test_a_move_without_samples_ends(seen: Any) -> None:
    call = begin(seen, seen.client().motor.GoFor, rpm=60.0, revolutions=50.0)
    seen.clock.advance(1.1)
    seen.until_stopped('motor')
    assert call.code() is Code.ABORTED
    assert 'feedback' in call.details()


def test_a_stop_ends_a_move_with_ok(seen: Any) -> None:
    client = seen.client()
    call = begin(seen, client.motor.GoFor, rpm=60.0, revolutions=50.0)
    client.motor.Stop(name='motor')
    assert call.code() is Code.OK


# ---- position ----


def test_the_position_is_counted_from_home(seen: Any) -> None:
    client = seen.client()
    assert client.motor.GetProperties(name='motor').position_reporting
    assert client.motor.GetPosition(name='motor').position == pytest.approx(1.0 / math.tau)
    client.motor.ResetZeroPosition(name='motor', offset=0.25)
    assert client.motor.GetPosition(name='motor').position == pytest.approx(-0.25)
    seen.locked.measured('motor', JointSample((1.0 + math.tau,)))
    assert client.motor.GetPosition(name='motor').position == pytest.approx(0.75)
    seen.settle()
    assert seen.told('motor') == 'nothing'


@pytest.mark.parametrize(('method', 'fields'), [
    ('GetPosition', {}), ('ResetZeroPosition', {}), ('GoTo', {'rpm': 10.0})])
def test_methods_that_need_feedback_name_the_parameter(
        blind: Any, seen: Any, method: str, fields: Any) -> None:
    client = blind.client()
    assert not client.motor.GetProperties(name='motor').position_reporting
    code, text = getattr(client.motor, method).refused(name='motor', **fields)
    assert code is Code.UNIMPLEMENTED
    assert 'motor.joint_states_topic' in text and method in text
    seen.clock.advance(1.1)
    code, text = getattr(seen.client().motor, method).refused(name='motor', **fields)
    assert code is Code.FAILED_PRECONDITION
    assert 'motor.joint_states_topic' in text and method in text


# ---- refusals ----


@pytest.mark.parametrize(('method', 'fields', 'named'), [
    ('SetPower', {'power_pct': math.nan}, 'power_pct'),
    ('SetRPM', {'rpm': math.inf}, 'rpm'),
    ('GoFor', {'rpm': math.nan, 'revolutions': 1.0}, 'rpm'),
    ('GoFor', {'rpm': 0.09, 'revolutions': 1.0}, 'rpm'),
    ('GoFor', {'rpm': -0.09, 'revolutions': 1.0}, 'rpm'),
    ('GoFor', {'rpm': 0.0, 'revolutions': 1.0}, 'rpm'),
    ('GoFor', {'rpm': 10.0, 'revolutions': 0.0}, 'revolutions'),
    ('GoFor', {'rpm': 10.0, 'revolutions': math.inf}, 'revolutions'),
    ('GoFor', {'rpm': 10.0, 'revolutions': 1e300}, 'revolutions'),
    ('GoFor', {'rpm': 10.0, 'revolutions': 21.0}, 'revolutions'),
    ('GoTo', {'rpm': 0.05, 'position_revolutions': 1.0}, 'rpm'),
    ('GoTo', {'rpm': 10.0, 'position_revolutions': math.nan}, 'position_revolutions'),
    ('GoTo', {'rpm': 10.0, 'position_revolutions': 1e9}, 'position_revolutions'),
    ('ResetZeroPosition', {'offset': math.nan}, 'offset')])
def test_bad_values_are_named_and_change_nothing(
        seen: Any, method: str, fields: Any, named: str) -> None:
    code, text = getattr(seen.client().motor, method).refused(name='motor', **fields)
    assert code is Code.INVALID_ARGUMENT
    assert text.startswith(f'{named}: '), text
    seen.settle()
    assert seen.told('motor') == 'nothing'
    assert not seen.locked.accepted


@pytest.mark.parametrize(('method', 'fields'), [
    ('SetPower', {'power_pct': -0.1}), ('SetRPM', {'rpm': -5.0}),
    ('GoFor', {'rpm': -5.0, 'revolutions': 1.0}), ('GoTo', {'rpm': 5.0})])
def test_a_motor_that_turns_one_way_refuses_the_other(
        start: Callable[..., Any], method: str, fields: Any) -> None:
    bench = a_motor(start, feedback=True, message='bool')
    bench.locked.measured('motor', JointSample((1.0,)))
    code, text = getattr(bench.client().motor, method).refused(name='motor', **fields)
    assert code is Code.INVALID_ARGUMENT and 'forwards' in text
    assert not bench.locked.accepted


def test_a_base_is_no_motor(blind: Any) -> None:
    code, text = blind.client().motor.SetPower.refused(name='base', power_pct=0.5)
    assert code is Code.NOT_FOUND and 'not a motor' in text


# ---- readiness ----


def ask(bench: Any) -> tuple[Any, int]:
    """Start to turn; returns the call, and the epoch of the request to its driver."""
    call = bench.client().motor.SetPower.start(name='motor', power_pct=0.5)
    bench.until(lambda: any(output.resource == 'motor' for output in bench.outputs))
    asked = bench.outputs[-1]
    assert asked.prepare and not call.done()
    return call, asked.epoch


def test_a_command_returns_when_its_driver_has_received_it(held: Any) -> None:
    """OK means that the motor turns, not that it may turn later."""
    call, epoch = ask(held)
    held.clock.advance(2.0)
    held.settle()
    assert not call.done()
    held.locked.prepared('motor', epoch, '')
    assert call.result() == proto.motor.SetPowerResponse()
    assert held.told('motor') == Power(0.5)


@pytest.mark.parametrize('says', ['jammed', ''])
def test_a_command_whose_driver_does_not_get_ready_fails_with_the_reason(
        held: Any, says: str) -> None:
    """With and without a reason from its driver."""
    call, epoch = ask(held)
    if says:
        held.locked.prepared('motor', epoch, says)
    else:
        held.clock.advance(3.0)
    assert call.code() is Code.ABORTED
    assert 'did not get ready' in call.details() and says in call.details()


def test_commands_that_wait_return_ok_when_a_command_or_stop_ends_them(held: Any) -> None:
    """A newer command and a Stop are regular ends."""
    first, _ = ask(held)
    second = held.client().motor.SetPower.start(name='motor', power_pct=0.7)
    assert first.code() is Code.OK
    assert not second.done()
    held.client().motor.Stop(name='motor')
    assert second.code() is Code.OK
    assert held.told('motor') is None


def test_a_command_that_waits_ends_with_its_call(held: Any) -> None:
    """A cancelled call does not start the motor later."""
    call, epoch = ask(held)
    call.cancel()
    held.until(lambda: held.state('motor') is State.STOPPING)
    held.locked.prepared('motor', epoch, '')
    assert told(held) is None
