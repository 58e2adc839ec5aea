# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Switches and buttons over gRPC: sent once or held, with and without results."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from components import component
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.setpoints import Choice, JointLimits, Press
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.parameters.switch import SwitchConfig

Code = grpc.StatusCode

# All configurations of a switch.
WIRINGS = {
    f'{"held" if safe else "left alone"} {"answered" if answered else "told"}':
    component('switch', driver='service' if answered else 'float', labels=('off', 'low', 'high'),
              safe_position=safe)
    for safe in ('', 'off') for answered in (False, True)}
LEFT_TOLD, LEFT_ANSWERED, HELD_TOLD, HELD_ANSWERED = WIRINGS.values()
every_wiring = pytest.mark.parametrize('wiring', WIRINGS.values(), ids=WIRINGS)


@pytest.fixture
def serve(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that serves a switch, or a button, of this configuration."""
    def served(config: Any, **how: Any) -> Any:
        api = config.api
        settings = ActuatorSettings(
            command_rate=10.0, stop_hold=0.2, acknowledged=config.answers)
        return start(others=(ActuatedResource(api, api, JointLimits(), settings),),
                     configs={api: config}, **how)

    return served


def begin(bench: Any, api: str, method: str, **fields: Any) -> Any:
    """Start a call and wait until the driver receives it; return the call and the epoch."""
    told = len(bench.outputs)
    call = getattr(getattr(bench.client(), api), method).start(name=api, **fields)
    bench.until(lambda: len(bench.outputs) > told)
    return call, bench.outputs[-1].epoch


def choose(bench: Any, position: int) -> None:
    """Set a position with success."""
    call, epoch = begin(bench, 'switch', 'SetPosition', position=position)
    bench.locked.motion_answered('switch', epoch, '')
    bench.locked.stop_answered('switch', epoch, '')
    assert call.code() is Code.OK


def position_of(bench: Any) -> Any:
    return bench.client().switch.GetPosition(name='switch').position


# ---- switches ----


@every_wiring
def test_a_position_is_set_and_known(serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    choose(bench, 2)
    assert bench.told('switch') == Choice(2)
    assert position_of(bench) == 2
    assert bench.state('switch') is (
        State.IDLE if wiring.safe_index is None else State.MOVING)


def test_a_held_position_is_sent_repeatedly(serve: Any) -> None:
    """So that its driver may have a timeout."""
    bench = serve(HELD_TOLD)
    choose(bench, 1)
    told = len(bench.outputs)
    bench.clock.advance(0.1)
    bench.settle()
    assert [output.setpoint for output in bench.outputs[told:]] == [Choice(1)]


@pytest.mark.parametrize('wiring', [LEFT_TOLD, LEFT_ANSWERED, HELD_ANSWERED])
def test_other_positions_are_sent_once(serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    choose(bench, 1)
    told = len(bench.outputs)
    bench.clock.advance(0.5)
    bench.settle()
    assert len(bench.outputs) == told


@pytest.mark.parametrize('wiring', [HELD_TOLD, HELD_ANSWERED])
def test_it_goes_to_its_safe_position_when_its_owner_vanishes(
        serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    client = bench.client()
    session = client.start_session()
    call = client.switch.SetPosition.start(sid=session, name='switch', position=2)
    bench.until_moving('switch')
    bench.locked.motion_answered('switch', bench.outputs[-1].epoch, '')
    assert call.code() is Code.OK
    bench.clock.advance(2.1)
    bench.until_stopped('switch')
    bench.locked.stop_answered('switch', bench.outputs[-1].epoch, '')
    bench.until_idle('switch')
    assert position_of(bench) == 0


@pytest.mark.parametrize('wiring', [HELD_TOLD, HELD_ANSWERED])
def test_the_safe_position_is_a_stop(serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    choose(bench, 2)
    bench.clock.advance(0.02)
    call, epoch = begin(bench, 'switch', 'SetPosition', position=0)
    assert call.code() is Code.OK and bench.told('switch') is None
    if wiring.answers:
        code, text = bench.client().switch.GetPosition.refused(name='switch')
        assert code is Code.FAILED_PRECONDITION and 'has not confirmed' in text
        bench.locked.stop_answered('switch', epoch, '')
        bench.until_idle('switch')
    assert position_of(bench) == 0


def test_after_a_failed_safe_position_the_position_is_unknown(serve: Any) -> None:
    bench = serve(HELD_ANSWERED)
    choose(bench, 2)
    bench.clock.advance(0.02)
    _, epoch = begin(bench, 'switch', 'SetPosition', position=0)
    bench.locked.stop_answered('switch', epoch, 'the relay is stuck')
    bench.until(lambda: bench.state('switch') is State.UNCONFIRMED)
    code, _ = bench.client().switch.GetPosition.refused(name='switch')
    assert code is Code.FAILED_PRECONDITION


@every_wiring
def test_the_position_is_unknown_before_it_was_set(serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    code, text = bench.client().switch.GetPosition.refused(name='switch')
    assert code is Code.FAILED_PRECONDITION and 'no position was set' in text


@pytest.mark.parametrize('wiring', [LEFT_ANSWERED, HELD_ANSWERED])
def test_a_driver_that_refuses_is_an_error_and_the_position_is_not_known(
        serve: Any, wiring: SwitchConfig) -> None:
    bench = serve(wiring)
    choose(bench, 1)
    bench.clock.advance(0.02)
    call, epoch = begin(bench, 'switch', 'SetPosition', position=2)
    assert not call.done(), 'the call waits for the answer'
    bench.locked.motion_answered('switch', epoch, 'the relay is stuck')
    assert call.code() is Code.ABORTED
    assert Reason.REFUSED.value in call.details() and 'the relay is stuck' in call.details()
    code, _ = bench.client().switch.GetPosition.refused(name='switch')
    assert code is Code.FAILED_PRECONDITION


def test_a_driver_that_never_reports_is_a_timeout(serve: Any) -> None:
    bench = serve(LEFT_ANSWERED)
    call, _ = begin(bench, 'switch', 'SetPosition', position=2)
    bench.clock.advance(30.1)
    bench.until(call.done)
    assert call.code() is Code.ABORTED and Reason.TIME_LIMIT.value in call.details()


@pytest.mark.parametrize('position', [3, 2**32 - 1])
def test_a_wrong_position_is_refused(serve: Any, position: int) -> None:
    bench = serve(HELD_TOLD)
    code, text = bench.client().switch.SetPosition.refused(name='switch', position=position)
    assert code is Code.INVALID_ARGUMENT
    assert text == f'position: {position}; switch has the positions 0 to 2 (off, low, high)'
    assert not bench.locked.accepted


def test_positions_have_labels(serve: Any) -> None:
    reply = serve(HELD_TOLD).client().switch.GetNumberOfPositions(name='switch')
    assert (reply.number_of_positions, list(reply.labels)) == (3, ['off', 'low', 'high'])


# ---- buttons ----


@pytest.mark.parametrize('answered', [False, True])
def test_a_button_is_pushed_once_for_each_call(serve: Any, answered: bool) -> None:
    bench = serve(component('button', driver='service' if answered else 'message'))
    for _ in range(2):
        bench.clock.advance(0.02)
        call, epoch = begin(bench, 'button', 'Push')
        assert bench.outputs[-1].setpoint == Press()
        if answered:
            bench.settle()
            assert not call.done()
            bench.locked.motion_answered('button', epoch, '')
        assert call.code() is Code.OK
        assert bench.state('button') is State.IDLE
    assert [output.setpoint for output in bench.outputs] == [Press()] * 2


def test_a_push_that_is_refused_is_an_error(serve: Any) -> None:
    bench = serve(component('button', driver='service'))
    call, epoch = begin(bench, 'button', 'Push')
    bench.locked.motion_answered('button', epoch, 'no paper')
    assert call.code() is Code.ABORTED and 'no paper' in call.details()
    assert bench.state('button') is State.IDLE


def test_many_pushes_at_once_are_each_made_or_refused(serve: Any) -> None:
    """Outputs have a minimum distance, so a newer one may replace another before it is sent."""
    bench = serve(component('button'))
    client = bench.client()
    calls = [client.button.Push.start(name='button') for _ in range(10)]
    bench.until(lambda: len(bench.locked.accepted) == 10)
    for _ in range(5):
        bench.clock.advance(0.02)
        bench.settle()
    codes = [call.code() for call in calls]
    pushed = [output for output in bench.outputs if output.setpoint == Press()]
    assert set(codes) <= {Code.OK, Code.ABORTED} and Code.OK in codes
    assert codes.count(Code.OK) == len(pushed)


def test_a_push_that_was_overtaken_before_its_answer_is_no_success(serve: Any) -> None:
    bench = serve(component('button', driver='service'))
    first, _ = begin(bench, 'button', 'Push')
    bench.clock.advance(0.02)
    second, epoch = begin(bench, 'button', 'Push')
    bench.locked.motion_answered('button', epoch, '')
    assert (first.code(), second.code()) == (Code.ABORTED, Code.OK)
    assert Reason.SUPERSEDED.value in first.details()


def test_after_a_stop_during_the_command_the_position_is_unknown(serve: Any) -> None:
    """Its driver may have set it already, or later, or never."""
    bench = serve(LEFT_ANSWERED)
    choose(bench, 2)
    bench.clock.advance(0.02)
    call, epoch = begin(bench, 'switch', 'SetPosition', position=1)
    bench.client().robot.StopAll()
    call.code()
    for problem in (None, 'the relay is stuck'):
        if problem is not None:
            bench.locked.motion_answered('switch', epoch, problem)
        code, _ = bench.client().switch.GetPosition.refused(name='switch')
        assert code is Code.FAILED_PRECONDITION
