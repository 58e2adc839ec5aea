# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A served bridge without ROS: supervisor, gRPC server and a pump that records; and its clients.

The clock is a number by default, so that windows and durations are exact. Tests of presence use
real sockets and processes, and so the real clock.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple
import uuid

import grpc
import pytest

from components import bridge_config, component
from viam_session_bridge.core import presence
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.events import Output
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy, UnsupervisedPolicy
from viam_session_bridge.core.setpoints import Setpoint, VelocityLimits
from viam_session_bridge.core.states import State
from viam_session_bridge.core.supervisor import Supervisor
from viam_session_bridge.locked_supervisor import LockedBridge, steady_now
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.server import COMPONENTS, Server

PATIENCE = 30.0  # s; every wait ends long before, unless there is a fault

SPARES = 3  # client processes that are started ahead

SERVICES = {
    'robot': 'viam.robot.v1.RobotService',
    'auth': 'proto.rpc.v1.AuthService',
    **{service.API: name for name, service in COMPONENTS.items()},
}

# Nothing but the tested session may end a motion.
LENIENT = Policy(
    stop_on_disconnect=False, unsupervised=UnsupervisedPolicy.ALLOW, stall_limit=float('inf'))


class Refusal(NamedTuple):
    """How a call failed."""

    code: grpc.StatusCode
    text: str


class FakeClock:
    """A clock that only advance() moves."""

    def __init__(self) -> None:
        self._now = 1000.0
        self.locked: LockedBridge | None = None

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds
        if self.locked is not None:
            self.locked.wake()


class RecordingBridge(LockedBridge):
    """Records which motions it has accepted, from which callers, and counts the heartbeats."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float]) -> None:
        super().__init__(supervisor, clock)
        self.accepted: list[tuple[str, Motion, Caller]] = []
        self.beats = 0

    def beat(self, session_id: str, caller: Caller) -> None:
        super().beat(session_id, caller)
        self.beats += 1

    def command(self, name: str, motion: Motion, caller: Caller, on_end: Any = None,
                turn: int | None = None) -> int:
        epoch = super().command(name, motion, caller, on_end, turn)
        self.accepted.append((name, motion, caller))
        return epoch

    def begin(self, name: str, motion: Motion, caller: Caller, on_begun: Any,
              turn: int | None = None) -> tuple[int, bool]:
        accepted = super().begin(name, motion, caller, on_begun, turn)
        self.accepted.append((name, motion, caller))
        return accepted


class Method:
    """One method of a service, with its request spelled as keyword arguments."""

    def __init__(self, channel: grpc.Channel, descriptor: Any) -> None:
        self.descriptor = descriptor
        self._request = proto.message(descriptor.input_type.full_name)
        self._calls: list[Any] = []
        self._invoke = channel.unary_unary(
            f'/{descriptor.containing_service.full_name}/{descriptor.name}',
            request_serializer=self._request.SerializeToString,
            response_deserializer=proto.message(descriptor.output_type.full_name).FromString)

    def request(self, **fields: Any) -> Any:
        for name, value in fields.items():
            if isinstance(value, tuple):
                fields[name] = proto.common.Vector3(x=value[0], y=value[1], z=value[2])
        return self._request(**fields)

    def start(self, *, sid: str | None = None, metadata: Any = (), timeout: float | None = None,
              **fields: Any) -> Any:
        """Begin the call; return its future."""
        metadata = [*metadata, *([('viam-sid', sid)] if sid is not None else [])]
        call = self._invoke.future(self.request(**fields), metadata=metadata, timeout=timeout)
        # A call without a reference is cancelled.
        self._calls.append(call)
        return call

    def __call__(self, **how: Any) -> Any:
        """Return the reply."""
        return self.start(**{'timeout': PATIENCE, **how}).result()

    def refused(self, **how: Any) -> Refusal:
        """Return how the call fails; a success is an error."""
        return outcome(self.start(**{'timeout': PATIENCE, **how}), must_fail=True)


def outcome(call: Any, must_fail: bool = False) -> Refusal:
    """Wait for a call that was started; return its code and text."""
    code = call.code()
    assert code is not grpc.StatusCode.OK or not must_fail, 'the call was to fail'
    return Refusal(code, call.details())


class Client:
    """A connection of its own to a server; an attribute for each service, by its key."""

    robot: Any
    base: Any
    motor: Any
    auth: Any

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f'127.0.0.1:{port}', options=[
            ('grpc.use_local_subchannel_pool', 1), ('grpc.max_send_message_length', -1)])
        for key in SERVICES:
            setattr(self, key, self._methods(key))

    def _methods(self, key: str) -> Any:
        service = proto.service(SERVICES[key])
        methods = {method.name: Method(self.channel, method) for method in service.methods
                   if not any(proto.streams(method))}
        return type(service.name, (), methods)()

    def start_session(self, **how: Any) -> str:
        session: str = self.robot.StartSession(**how).id
        return session

    def close(self) -> None:
        self.channel.close()


class Bench:
    """The server under test and what it needs."""

    def __init__(self, *, bases: dict[str, VelocityLimits] | None = None,
                 configs: dict[str, Any] | None = None, policy: Policy = LENIENT,
                 actuator: ActuatorSettings | None = None, real_clock: bool = False,
                 paths: bool = True, locked_class: type[LockedBridge] = RecordingBridge,
                 others: tuple[ActuatedResource, ...] = (),
                 feedback: dict[str, Any] | None = None,
                 settings: BridgeConfig | None = None) -> None:
        bases = bases or {'base': VelocityLimits(linear=1.0, angular=2.0)}
        actuator = actuator or ActuatorSettings(stop_hold=0.2)
        resources = [
            ActuatedResource('base', name, limits, actuator) for name, limits in bases.items()]
        self.clock: Any = steady_now if real_clock else FakeClock()
        self.locked: Any = locked_class(
            Supervisor([*resources, *others], policy, lambda: str(uuid.uuid4())), self.clock)
        if isinstance(self.clock, FakeClock):
            self.clock.locked = self.locked
        self.outputs: list[Output] = []
        self.events: list[Any] = []
        self.service_commands: list[Any] = []
        self.deaths: list[BaseException] = []
        for resource in (*resources, *others) if paths else ():
            self.locked.path(resource.name, '')
        own = {name: component('base', name=name) for name in bases}
        self.server = Server(
            self.locked, replace(
                settings or bridge_config(), resources=tuple((own | (configs or {})).values())),
            (feedback or {}).__getitem__, self.deaths.append, note=self.events.append)
        self._passed = threading.Condition()
        self._passes = 0
        self._ended = False
        self._pump = threading.Thread(target=self._run, name='test-pump', daemon=True)
        self._clients = ExitStack()
        self.port = 0

    def __enter__(self) -> 'Bench':
        self.port = self.server.start()
        self._pump.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._clients.close()
        ended = self.server.stop(PATIENCE)
        self._ended = True
        self.locked.wake()
        self._pump.join(PATIENCE)
        assert ended and not self._pump.is_alive()
        assert not self.deaths

    def _run(self) -> None:
        while not self._ended:
            polled = self.locked.poll()
            with self._passed:
                self.outputs += polled.outputs.outputs
                self.events += polled.outputs.events
                self.service_commands += polled.service_commands
                polled.release()
                self._passes += 1
                self._passed.notify_all()
            self.locked.wait(polled.outputs.wake)

    def client(self) -> Client:
        """Return a client with a connection of its own."""
        client = Client(self.port)
        self._clients.callback(client.close)
        return client

    # ---- the setpoints of the robot ----

    def told(self, name: str = 'base') -> Setpoint | None | str:
        """Return the last setpoint, None for a stop, 'nothing' if there was no output yet."""
        for output in reversed(self.outputs):
            if output.resource == name:
                return output.setpoint
        return 'nothing'

    def moves(self, name: str = 'base') -> bool:
        """Return whether the last output of this resource was a motion."""
        return self.told(name) not in (None, 'nothing')

    def state(self, name: str = 'base') -> State:
        state: State = self.locked.states()[name]
        return state

    def until(self, condition: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Wait for a condition; fail if it is not true in time."""
        give_up = time.monotonic() + patience
        with self._passed:
            while not condition():
                left = give_up - time.monotonic()
                assert left > 0.0, f'waited in vain; told {self.told()}, {self.locked.states()}'
                self._passed.wait(min(left, 0.02))

    def until_moving(self, name: str = 'base') -> None:
        self.until(lambda: self.moves(name))

    def until_unconfirmed(self) -> None:
        """Let the clock advance until a stop has failed; in steps, since a leap is a freeze."""
        give_up = time.monotonic() + PATIENCE
        while self.state() is not State.UNCONFIRMED:
            assert time.monotonic() < give_up, f'waited in vain; {self.locked.states()}'
            self.clock.advance(0.1)
            time.sleep(0.01)

    def until_stopped(self, name: str = 'base', patience: float = PATIENCE) -> None:
        self.until(lambda: self.told(name) is None, patience)

    def until_idle(self, name: str = 'base') -> None:
        """Advance the clock by the hold of a stop."""
        def idle() -> bool:
            if isinstance(self.clock, FakeClock):
                self.clock.advance(0.1)
            return self.state(name) is State.IDLE

        self.until(idle)

    def settle(self) -> None:
        """Wait until the pump has made a pass after all decisions until now."""
        # The present pass may have polled before.
        goal = self._passes + 2

        def passed() -> bool:
            self.locked.wake()
            return self._passes >= goal

        self.until(passed)

    def still_moves_for(self, seconds: float, name: str = 'base') -> None:
        """Check for this time, by the real clock, that no output is a stop."""
        self.until(lambda: self.told(name) != 'nothing')
        first = len(self.outputs)
        end = time.monotonic() + seconds
        with self._passed:
            while time.monotonic() < end:
                assert self.moves(name), self.events
                self._passed.wait(0.02)
        assert all(output.setpoint is not None for output in self.outputs[first:]
                   if output.resource == name), self.events


class RemoteClient:
    """A client in a process of its own, which can be killed and frozen."""

    PROGRAM = """
import json, sys, threading
import grpc

def invoke(path, request, metadata=(), timeout=10):
    return channel.unary_unary(path)(bytes.fromhex(request), metadata=metadata, timeout=timeout)

def beat(path, request, period):
    while not ended.wait(period):
        invoke(path, request)

port, _, ca = sys.stdin.readline().strip().partition(' ')
ended, address = threading.Event(), f'127.0.0.1:{port}'
channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(
    open(ca, 'rb').read())) if ca else grpc.insecure_channel(address)
print('{}', flush=True)
for line in sys.stdin:
    wish = json.loads(line)
    answer = {}
    try:
        if wish['do'] == 'call':
            answer['reply'] = invoke(
                wish['path'], wish['request'], wish['metadata'], wish['timeout']).hex()
        elif wish['do'] == 'start':
            threading.Thread(target=invoke, daemon=True, args=(
                wish['path'], wish['request'], wish['metadata'], None)).start()
        elif wish['do'] == 'beat':
            invoke(wish['path'], wish['request'])
            threading.Thread(target=beat, daemon=True, args=(
                wish['path'], wish['request'], wish['period'])).start()
        elif wish['do'] == 'close':
            ended.set()
            channel.close()
    except grpc.RpcError as problem:
        answer = {'code': problem.code().name, 'text': problem.details()}
    print(json.dumps(answer), flush=True)
"""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-c', self.PROGRAM], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def open(self, port: int, ca: str = '') -> None:  # noqa: A003
        """Choose the server, and the CA of its TLS; the first call makes the connection."""
        assert self._process.stdin is not None
        print(port, ca, file=self._process.stdin, flush=True)
        assert self._answer() == {}

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _ask(self, **wish: Any) -> Any:
        assert self._process.stdin is not None
        print(json.dumps(wish), file=self._process.stdin, flush=True)
        return self._answer()

    @staticmethod
    def _wish(service: str, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        descriptor = proto.service(SERVICES[service]).methods_by_name[method]
        for name, value in fields.items():
            if isinstance(value, tuple):
                fields[name] = proto.common.Vector3(x=value[0], y=value[1], z=value[2])
        request = proto.message(descriptor.input_type.full_name)(**fields).SerializeToString()
        return {'path': f'/{SERVICES[service]}/{method}', 'request': request.hex()}

    def call(self, service: str, method: str, *, sid: str | None = None, timeout: float = PATIENCE,
             **fields: Any) -> Any:
        """Call; return the reply, or the Refusal."""
        answer = self._ask(
            do='call', metadata=[['viam-sid', sid]] if sid else [], timeout=timeout,
            **self._wish(service, method, fields))
        if 'code' in answer:
            return Refusal(grpc.StatusCode[answer['code']], answer['text'])
        output = proto.service(SERVICES[service]).methods_by_name[method].output_type
        return proto.message(output.full_name).FromString(bytes.fromhex(answer['reply']))

    def start(self, service: str, method: str, *, sid: str | None = None, **fields: Any) -> None:
        """Start a call without waiting for it."""
        self._ask(do='start', metadata=[['viam-sid', sid]] if sid else [],
                  **self._wish(service, method, fields))

    def drive(self, sid: str | None = None, name: str = 'base') -> None:
        """Command a motion that must be accepted."""
        reply = self.call('base', 'SetPower', sid=sid, name=name, linear=(0.0, 0.5, 0.0))
        assert not isinstance(reply, Refusal), reply

    def start_session(self) -> str:
        session: str = self.call('robot', 'StartSession').id
        return session

    def keep_beating(self, sid: str, period: float = 0.2) -> None:
        """Send heartbeats until the connection or the process ends."""
        wish = self._wish('robot', 'SendSessionHeartbeat', {'id': sid})
        self._ask(do='beat', period=period, **wish)

    def close_connection(self) -> None:
        """Close the connection; the process continues."""
        self._ask(do='close')

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture(scope='module', autouse=True)
def late_polls_of_sockets_are_no_absence() -> Iterator[None]:
    """Let a machine that is busy for 0.5 s end no motion; tests of the core are about that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presence, 'SOCKETS_PATIENCE', PATIENCE)
        yield


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    """Return a function that serves a bridge until the end of the test; see Bench."""
    with ExitStack() as benches:
        yield lambda **how: benches.enter_context(Bench(**how))


@pytest.fixture(scope='module')
def serve_for_module() -> Iterator[Callable[..., Bench]]:
    """Return a function that serves a bridge until the end of the module."""
    with ExitStack() as benches:
        yield lambda **how: benches.enter_context(Bench(**how))


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    """Return a bridge with one base, where only sessions end motions, on a clock of numbers."""
    return start()


@pytest.fixture
def client(bench: Bench) -> Client:
    """Return a client of that bridge."""
    return bench.client()


@pytest.fixture(scope='session')
def spares() -> Iterator[list[RemoteClient]]:
    """Return a pool of processes that start while others are used."""
    waiting = [RemoteClient() for _ in range(SPARES)]
    yield waiting
    for one in waiting:
        one.close()


@pytest.fixture
def remote(spares: list[RemoteClient]) -> Iterator[Callable[..., RemoteClient]]:
    """Return a function that makes a client in a process of its own."""
    with ExitStack() as clients:
        def make(bench: Bench, ca: str = '') -> RemoteClient:
            one = spares.pop(0)
            clients.callback(one.close)
            spares.append(RemoteClient())
            one.open(bench.port, ca)
            return one

        yield make


@pytest.fixture(scope='session')
def child_environment() -> dict[str, str]:
    """Return the environment in which a child process imports the same package."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([root, *filter(None, sys.path)])}


@pytest.fixture
def finish() -> Callable[[Any], Refusal]:
    """Return a function that waits for a started call and returns its code and text."""
    return outcome
