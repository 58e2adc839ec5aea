# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""DoCommand: runs configured commands and returns their results; callers hold motions."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from components import command_config, component
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.setpoints import JointLimits, ServiceCall
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.rpc import proto

Code = grpc.StatusCode

COMMANDS = (
    command_config('dock', moves=True, kind='trigger'),
    command_config('fan', moves=True, kind='set_bool'),
    command_config('lights', moves=False, kind='set_bool'),
    command_config('save', moves=False, kind='empty'),
)
REAL = Policy(stall_limit=60.0)


@pytest.fixture
def serve(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that serves a base and a generic component with these commands."""
    def served(**how: Any) -> Any:
        return start(
            others=(ActuatedResource('generic', 'generic', JointLimits(), ActuatorSettings()),),
            configs={api: component(api, commands=COMMANDS) for api in ('generic', 'base')},
            **how)

    return served


@pytest.fixture
def bench(serve: Any) -> Any:
    """Return such a bridge, in real time: connections are monitored."""
    return serve(real_clock=True, policy=REAL)


def struct(**command: Any) -> Any:
    made = proto.google.Struct()
    made.update(command)
    return made


def ask(client: Any, api: str = 'generic', **command: Any) -> Any:
    """Start a DoCommand; return the call."""
    return getattr(client, api).DoCommand.start(name=api, command=struct(**command))


def answer_of(call: Any) -> tuple[bool, str]:
    """Return success and message of a reply."""
    result = call.result().result
    assert set(result) == {'success', 'message'}
    return result['success'], result['message']


# ---- commands that move nothing ----


@pytest.mark.parametrize('api', ['generic', 'base'])
@pytest.mark.parametrize(('command', 'wanted'), [
    ({'command': 'save'}, ServiceCall('save')),
    ({'command': 'lights', 'data': True}, ServiceCall('lights', {'data': True})),
    ({'command': 'lights', 'data': False}, ServiceCall('lights', {'data': False}))])
def test_a_command_is_run_and_its_answer_comes_back(
        bench: Any, api: str, command: Any, wanted: ServiceCall) -> None:
    call = ask(bench.client(), api, **command)
    bench.until(lambda: bench.service_commands)
    [command] = bench.service_commands
    assert (command.resource, command.call) == (api, wanted)
    assert not call.done()
    command.answer('', 'all right')
    assert answer_of(call) == (True, 'all right')
    bench.settle()
    assert not bench.outputs and not bench.locked.accepted


def test_a_command_that_fails_is_an_answer(bench: Any) -> None:
    call = ask(bench.client(), command='save')
    bench.until(lambda: bench.service_commands)
    bench.service_commands[0].answer('no room left', '')
    assert answer_of(call) == (False, 'no room left')


def test_a_result_after_the_call_has_ended_is_ignored(bench: Any) -> None:
    client = bench.client()
    call = ask(client, command='save')
    bench.until(lambda: bench.service_commands)
    call.cancel()
    bench.until(lambda: not client.robot.GetOperations().operations)
    bench.service_commands[0].answer('', 'too late')
    assert not bench.deaths


# ---- commands that move ----


@pytest.mark.parametrize('api', ['generic', 'base'])
def test_a_command_that_moves_continues_after_its_response(bench: Any, api: str) -> None:
    call = ask(bench.client(), api, command='dock')
    bench.until_moving(api)
    assert bench.told(api) == ServiceCall('dock')
    assert not call.done()
    bench.locked.motion_answered(api, bench.outputs[-1].epoch, '', 'on my way')
    assert answer_of(call) == (True, 'on my way')
    bench.still_moves_for(0.3, api)
    assert bench.state(api) is State.MOVING and not bench.service_commands


@pytest.mark.parametrize('unsupervised', list(UnsupervisedPolicy))
def test_what_it_moves_is_stopped_with_its_callers_connection_under_every_policy(
        serve: Any, unsupervised: UnsupervisedPolicy) -> None:
    bench = serve(real_clock=True, policy=Policy(unsupervised=unsupervised, stall_limit=60.0))
    client = bench.client()
    call = ask(client, command='dock')
    bench.until_moving('generic')
    bench.locked.motion_answered('generic', bench.outputs[-1].epoch, '')
    assert answer_of(call) == (True, '')
    bench.still_moves_for(0.3, 'generic')
    client.close()
    bench.until_stopped('generic')
    assert [event.reason for event in bench.events
            if getattr(event, 'after', None) is State.STOPPING] == [Reason.DISCONNECTED]


def test_a_command_that_moves_replaces_the_motion_of_the_component(bench: Any) -> None:
    client = bench.client()
    client.base.SetPower(name='base', linear=(0.0, 0.5, 0.0))
    bench.until_moving()
    call = ask(client, 'base', command='fan', data=True)
    bench.until(lambda: bench.told() == ServiceCall('fan', {'data': True}))
    client.base.Stop(name='base')
    bench.until_stopped()
    success, message = answer_of(call)
    assert not success and message == Reason.STOPPED.value


def test_a_refusal_by_the_service_is_a_result_and_a_stop(bench: Any) -> None:
    call = ask(bench.client(), command='dock')
    bench.until_moving('generic')
    bench.locked.motion_answered('generic', bench.outputs[-1].epoch, 'no dock in sight')
    assert answer_of(call) == (False, 'no dock in sight')
    bench.until_stopped('generic')


def test_cancelling_the_call_stops_it(bench: Any) -> None:
    call = ask(bench.client(), command='dock')
    bench.until_moving('generic')
    call.cancel()
    bench.until_stopped('generic')


# ---- refusals ----


@pytest.mark.parametrize(('command', 'text'), [
    ({}, 'command.command: it is missing; expected one of: dock, fan, lights, save'),
    ({'command': 'dance'}, "command.command: found 'dance'; expected one of: dock, fan"),
    ({'command': 3}, "command.command: found '3.0'; expected one of"),
    ({'command': 'dock', 'speed': 3}, "command: unknown key 'speed'; expected 'command' and"),
    ({'command': 'dock', 'data': True}, 'command.data: the command dock takes no data'),
    ({'command': 'lights'}, 'command.data: it is missing; the command lights expects true or'),
    ({'command': 'lights', 'data': 1}, "command.data: found '1.0'; the command lights expects"),
    ({'command': 'lights', 'data': None}, "command.data: found 'None'; the command lights")])
def test_an_invalid_command_is_named(bench: Any, command: Any, text: str) -> None:
    code, details = bench.client().generic.DoCommand.refused(
        name='generic', command=struct(**command))
    assert code is Code.INVALID_ARGUMENT
    assert details.startswith(text), details
    bench.settle()
    assert not bench.service_commands and not bench.locked.accepted


def test_without_commands_the_refusal_names_the_parameter(start: Callable[..., Any]) -> None:
    code, text = start().client().base.DoCommand.refused(
        name='base', command=struct(command='dock'))
    assert code is Code.UNIMPLEMENTED and 'base.commands' in text


def test_a_generic_component_has_a_status_and_no_shape(bench: Any) -> None:
    client = bench.client()
    assert client.generic.GetStatus(name='generic').result['state'] == 'idle'
    assert list(client.generic.GetGeometries(name='generic').geometries) == []
