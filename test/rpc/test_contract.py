# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests all methods of the descriptors: sessions, and methods that are not served.

Methods are found, not listed: a service that is added is tested at once.
"""

from collections.abc import Callable, Iterator
import time
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
import grpc
import pytest

from components import command_config, component, feedback
from host import took
from processes import PATIENCE, wait_until
from viam_session_bridge.core import errors
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.setpoints import JointLimits, PoseGoal, ServiceCall
from viam_session_bridge.core.states import State
from viam_session_bridge.core.stop import JointSample, RestSettings
from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.component_service import how_served
from viam_session_bridge.rpc.robot_service import RobotService
from viam_session_bridge.rpc.server import COMPONENTS
from viam_session_bridge.rpc.status import status_of

Code = grpc.StatusCode

EXPIRED = (Code.INVALID_ARGUMENT, 'SESSION_EXPIRED')

METHODS = [method for service in proto.services() for method in service.methods]
MONITORED = [method for method in METHODS if proto.is_monitored(method)]
OTHERS = [method for method in METHODS if not proto.is_monitored(method)]

# Viam's one exception. DoCommand runs configured commands; here there are none.
MOVES_ALL_THE_SAME = 'viam.component.gantry.v1.GantryService.Home'


# A resource of every API, named as the API, with all options configured. Their feedback does not
# become stale.
MEASURED = ActuatorSettings(stop_hold=0.2, rest=RestSettings(patience=1e6))
HERE = PoseGoal((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
STATES = {'joint_states_topic': 'joint_states', 'robot_description_topic': 'description'}
COMMANDS = {'commands': (command_config('dock', moves=True, kind='trigger'),)}
CONFIGS: dict[str, Any] = {
    'arm': component('arm', pose_topic='tip', pose_goal_topic='goal', **STATES, **COMMANDS),
    'gantry': component('gantry', home_m=(0.5,), **STATES, **COMMANDS),
    'gripper': component('gripper', **STATES, **COMMANDS),
    **{api: component(api, joint_states_topic='joint_states', **COMMANDS)
       for api in ('motor', 'servo')},
    **{api: component(api, **COMMANDS) for api in ('base', 'button', 'generic', 'switch')},
    'sensor': component('sensor'),
}
# The same without optional parameters.
BARE: dict[str, Any] = {api: component(api) for api in CONFIGS}
COMPONENT_METHODS = [
    method for name in COMPONENTS for method in proto.service(name).methods]


def serve(start: Callable[..., Any], configs: Any, settings: ActuatorSettings) -> Any:
    """Return a bridge with a resource of every API; joints that have feedback are measured."""
    others = [ActuatedResource(api, api, JointLimits(10.0), settings) for api in configs
              if api not in ('base', 'sensor')]
    bench = start(others=tuple(others), configs=configs, feedback=dict.fromkeys(
        configs, feedback(lambda: '<robot/>', lambda: HERE, lambda: {'voltage_v': 12.0})))
    for resource in others:
        bench.locked.measured(resource.name, JointSample((0.0,)))
    return bench


@pytest.fixture
def bench(start: Callable[..., Any]) -> Any:
    """Return a bridge with all options configured."""
    return serve(start, CONFIGS, MEASURED)


def full_name(method: Any) -> str:
    name: str = method.full_name
    return name


def invoke(client: Any, method: Any, request: Any = b'', sid: tuple[str, ...] = (),
           timeout: float = PATIENCE, enough: Callable[[], Any] | None = None,
           ) -> tuple[Code, str]:
    """
    Call a method of any kind; return code and text.

    request: a message, or a stream's. enough: the call is cancelled when this has come true.
    """
    path = f'/{method.containing_service.full_name}/{method.name}'
    how = {'metadata': [('viam-sid', one) for one in sid], 'timeout': timeout}
    reads, writes = proto.streams(method)
    requests = iter(request if isinstance(request, list) else [request])
    call: Any
    if reads and writes:
        call = client.channel.stream_stream(path)(requests, **how)
    elif reads:
        call = client.channel.stream_unary(path).future(requests, **how)
    elif writes:
        call = client.channel.unary_stream(path)(request, **how)
    else:
        call = client.channel.unary_unary(path).future(request, **how)
    if enough is not None:
        wait_until(lambda: call.done() or enough(), 'what the call begins')
        call.cancel()
    if writes:
        drain(call)
    return call.code(), call.details()


def drain(call: Any) -> None:
    """Read all replies of a stream: its status comes after them."""
    try:
        for _ in call:
            pass
    except grpc.RpcError:
        pass  # the status says it


def lively(method: Any, value: float = 1.0, name: str = '') -> Any:
    """
    Return a request in which every number has this value.

    For a stream, a message for each of its kinds, in their order. name: another resource's than
    the one that the method is for.
    """
    message = proto.message(method.input_type.full_name)
    name = name or resource_of(method)
    kinds = [field.name for oneof in method.input_type.oneofs for field in oneof.fields
             if all(each.message_type is not None for each in oneof.fields)]
    if not kinds or not proto.streams(method)[0]:
        return filled(message(), value, name).SerializeToString()
    messages = []
    for kind in kinds:
        messages.append(message(name=name) if 'name' in method.input_type.fields_by_name
                        else message())
        getattr(messages[-1], kind).SetInParent()
        filled(getattr(messages[-1], kind), value, name, 1)
    return [one.SerializeToString() for one in messages]


def resource_of(method: Any) -> str:
    """Return the resource that a method is for: it is named as its API."""
    words = method.full_name.split('.')
    return words[2] if words[1] == 'component' else 'base'


def filled(message: Any, value: float, name: str, depth: int = 0) -> Any:
    for field in message.DESCRIPTOR.fields:
        if field.name == 'name':
            message.name = name
        elif field.name == 'points':
            # A trajectory begins at the positions of its joints, and has a duration.
            message.points.add().positions.values.append(0.0)
            message.points.add(positions={'values': [value]}).time.seconds = 10
        elif field.message_type is not None:
            inner = getattr(message, field.name)
            if field.name in ('linear', 'angular', 'positions', 'to'):
                filled(inner.add() if hasattr(inner, 'add') else inner, value, name, depth + 1)
        elif field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            if hasattr(getattr(message, field.name), 'append'):
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        elif field.cpp_type in (
                FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64,
                FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
            setattr(message, field.name, 1)
    return message


def dead_sessions(bench: Any, client: Any) -> Iterator[str]:
    """Yield ids of every kind that are not active."""
    yield '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
    session = client.start_session()
    client.robot.SendSessionHeartbeat(id=session)
    bench.clock.advance(2.0)
    yield session
    yield session.upper()
    never_beat = client.start_session()
    bench.clock.advance(20.0)
    yield never_beat


def test_the_descriptors_contain_monitored_and_other_methods() -> None:
    assert {method.name for method in MONITORED} >= {
        'SetPower', 'SetVelocity', 'MoveStraight', 'Spin'}
    assert {method.name for method in OTHERS} >= {'Stop', 'StopAll', 'StartSession', 'DoCommand'}
    assert len(MONITORED) == 19
    assert {service.API for service in COMPONENTS.values()} == set(CONFIGS) == set(APIS)


@pytest.mark.parametrize('method', MONITORED, ids=full_name)
def test_every_monitored_method_is_served(method: Any) -> None:
    assert hasattr(COMPONENTS[method.containing_service.full_name], method.name)


@pytest.mark.parametrize('method', MONITORED, ids=full_name)
def test_a_monitored_method_refuses_an_expired_session_and_nothing_moves(
        bench: Any, client: Any, method: Any) -> None:
    for session in dead_sessions(bench, client):
        for request in (lively(method), lively(method, float('nan')), b''):
            assert invoke(client, method, request, (session,)) == EXPIRED
    bench.settle()
    assert not bench.outputs
    assert not bench.locked.accepted
    assert not bench.locked.sessions()


@pytest.mark.parametrize('method', MONITORED, ids=full_name)
@pytest.mark.parametrize('values', [('',), ('nonsense',), ('x', 'y')])
def test_a_monitored_method_refuses_a_malformed_header(
        bench: Any, client: Any, method: Any, values: tuple[str, ...]) -> None:
    code, text = invoke(client, method, lively(method), values)
    assert code is Code.INVALID_ARGUMENT
    assert 'viam-sid' in text
    bench.settle()
    assert not bench.outputs


@pytest.mark.parametrize('method', MONITORED, ids=full_name)
def test_a_monitored_method_moves_with_an_active_session_or_is_unimplemented(
        bench: Any, client: Any, method: Any) -> None:
    session = client.start_session()
    code, text = invoke(client, method, lively(method), (session,), timeout=0.5)
    if code is Code.DEADLINE_EXCEEDED and not bench.locked.accepted:
        # On a busy machine the deadline may pass before the call is read.
        code, text = invoke(client, method, lively(method), (session,), timeout=10.0)
    if code is Code.UNIMPLEMENTED:
        assert method.full_name in text
    else:
        assert code in (Code.OK, Code.DEADLINE_EXCEEDED), text  # some methods wait for the end
        name, _, caller = bench.locked.accepted[-1]
        assert (name, caller.session) == (resource_of(method), session)
    assert bench.locked.sessions()[0].begun, 'the call renewed the session either way'


@pytest.mark.parametrize(
    'method', [each for each in OTHERS if each.full_name != MOVES_ALL_THE_SAME], ids=full_name)
def test_a_method_that_is_not_monitored_never_moves_anything(
        bench: Any, client: Any, method: Any) -> None:
    invoke(client, method, lively(method))
    bench.settle()
    assert not any(output.setpoint is not None for output in bench.outputs)
    assert set(bench.locked.states().values()) <= {State.IDLE, State.STOPPING}


@pytest.mark.parametrize('method', OTHERS, ids=full_name)
def test_a_method_that_is_not_monitored_ignores_the_header(client: Any, method: Any) -> None:
    request = lively(method)
    # Home waits for its end; the others return at once.
    timeout = 1.0 if method.name == 'Home' else PATIENCE
    plain, _ = invoke(client, method, request, timeout=timeout)
    for values in (('',), ('nonsense',), ('x', 'y'), ('6ba7b810-9dad-41d1-80b4-00c04fd430c8',)):
        code, text = invoke(client, method, request, values, timeout=timeout)
        assert code is plain, text
        assert 'viam-sid' not in text


@pytest.mark.parametrize('method', METHODS, ids=full_name)
def test_a_method_that_is_not_served_is_unimplemented(client: Any, method: Any) -> None:
    service = method.containing_service.full_name
    never = service == 'viam.robot.v1.RobotService' and not hasattr(RobotService, method.name)
    code, text = invoke(client, method, lively(method), timeout=PATIENCE if never else 1.0)
    if never:
        assert (code, text) == (Code.UNIMPLEMENTED, (
            f"'/{service}/{method.name}' is not served by viam_session_bridge"))
    elif code is Code.UNIMPLEMENTED:
        # Not with this configuration.
        assert text.startswith(f'{resource_of(method)}: ') and method.name in text
    elif text != 'cloud metadata not available':  # the text of viam-server
        assert code is not Code.UNKNOWN, text
        assert code is not Code.INTERNAL, text


@pytest.mark.parametrize('method', COMPONENT_METHODS, ids=full_name)
def test_with_everything_configured_only_what_never_is_is_not_served(
        client: Any, method: Any) -> None:
    served = how_served(COMPONENTS[method.containing_service.full_name], method.name)
    # Moves do not end here, and so their calls do not.
    code, text = invoke(client, method, lively(method), timeout=PATIENCE if served.never else 0.5)
    assert (code is Code.UNIMPLEMENTED) is served.never, text
    assert served.meaning


@pytest.mark.parametrize('method', COMPONENT_METHODS, ids=full_name)
def test_a_method_refuses_a_resource_of_another_api_and_one_that_is_unknown(
        bench: Any, client: Any, method: Any) -> None:
    own = resource_of(method)
    other = 'motor' if own == 'base' else 'base'
    for name, expected in (
            (other, f"'{other}' is a {other}, not a {own}"), ('nothing', "'nothing'")):
        code, text = invoke(client, method, lively(method, name=name))
        assert code is Code.NOT_FOUND, text
        assert expected in text
    bench.settle()
    assert not bench.outputs


@pytest.mark.parametrize('method', COMPONENT_METHODS, ids=full_name)
def test_a_method_sends_the_setpoints_of_its_decorator(
        bench: Any, client: Any, method: Any) -> None:
    """Without the decorator it moves nothing; docs/methods.md is generated from it."""
    served = how_served(COMPONENTS[method.containing_service.full_name], method.name)
    request = lively(method)
    if served.sends == (ServiceCall,):
        command = proto.google.Struct()
        command.update({'command': 'dock'})
        request = proto.common.DoCommandRequest(
            name=resource_of(method), command=command).SerializeToString()

    def told() -> set[type]:
        return {type(motion.setpoint) for _, motion, _ in bench.locked.accepted}

    if served.sends:
        invoke(client, method, request, enough=told)
    else:
        invoke(client, method, request, timeout=0.5)
    assert told() == set(served.sends)


def test_without_configuration_what_is_needed_is_named(start: Callable[..., Any]) -> None:
    client = serve(start, BARE, ActuatorSettings(stop_hold=0.2)).client()
    for method in COMPONENT_METHODS:
        served = how_served(COMPONENTS[method.containing_service.full_name], method.name)
        not_served = served.never or bool(served.needs)
        code, text = invoke(
            client, method, lively(method), timeout=PATIENCE if not_served else 0.1)
        assert (code is Code.UNIMPLEMENTED) is not_served, text
        # The refusal names the first that is missing.
        for parameter in served.needs[:1]:
            assert f'{resource_of(method)}.{parameter}' in text


@pytest.mark.parametrize('path', [
    'proto.rpc.webrtc.v1.SignalingService/OptionalWebRTCConfig',
    'proto.rpc.webrtc.v1.SignalingService/Call',
    'proto.rpc.v1.ExternalAuthService/AuthenticateTo',
    'viam.component.base.v1.BaseService/Levitate',
    'no.such.Service/Method'])
def test_an_unknown_method_is_unimplemented_at_once(client: Any, path: str) -> None:
    metadata = [('rpc-host', 'localhost'), ('authorization', 'Basic ZHVtbXk6ZHVtbXk=')]
    client.robot.ResourceNames()  # connected
    for make in (client.channel.unary_unary, client.channel.unary_stream):
        began = time.monotonic()
        call: Any = make(f'/{path}')
        call = (call.future if make == client.channel.unary_unary else call)(
            b'', metadata=metadata, timeout=10)
        assert call.code() is Code.UNIMPLEMENTED
        assert took(began) < 1.0


def test_the_status_of_every_refusal_is_chosen() -> None:
    """A refusal without an entry would be UNKNOWN."""
    pending: list[type[errors.BridgeError]] = [errors.BridgeError]
    while pending:
        kind = pending.pop()
        kinds = kind.__subclasses__()
        pending += kinds
        if not kinds:  # the others are base classes
            code, text = status_of(kind('why \u00fc'))
            assert code is not Code.UNKNOWN, kind
            assert text.isascii()
