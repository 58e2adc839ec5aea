# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A driver with its stop outputs and commands: order, faults, and the reported results."""

from collections.abc import Iterator
from itertools import count
import signal
import time
from typing import Any

import pytest
from rclpy.node import Node

from host import took
from processes import PATIENCE, wait_until
from servers import Servers, serving
from viam_session_bridge.core import actuator, presence
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.errors import StopOutstanding
from viam_session_bridge.core.events import Ended, Outputs
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Policy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import ServiceCall, Setpoint, Velocity, VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig, TwistTable
from viam_session_bridge.parameters.outputs import (
    CommandConfig,
    LockOutput,
    SetBoolOutput,
    StopOutputConfig,
    TriggerOutput,
)
from viam_session_bridge.ros.drivers.commands import MOST_CALLS
from viam_session_bridge.ros.drivers.stop_outputs import Answers
from viam_session_bridge.ros.factory import Factory
from viam_session_bridge.ros.pump import Pump

_numbers = count(1)
FORWARD = Motion(Velocity((0.2, 0.0, 0.0)))
SOCKET = 1

# More than a response takes on a busy machine (s); a response that was lost is requested again.
CALL_TIMEOUT = 10.0


@pytest.fixture(scope='module')
def servers(node: Node) -> Iterator[Servers]:
    with serving() as servers:
        servers.meet(node)
        yield servers


@pytest.fixture(autouse=True)
def sockets_stay_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep one poll of the sockets as evidence: nothing here polls them again."""
    monkeypatch.setattr(presence, 'SOCKETS_PATIENCE', PATIENCE)


class Recorder:
    """The driver, as a plugin that makes one: records its calls."""

    TABLE = TwistTable

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.fault = False

    def __call__(self, config: Any, tools: Any) -> 'Recorder':
        return self

    def send(self, setpoint: Setpoint, epoch: int) -> None:
        self.told.append(setpoint)

    def stop(self, epoch: int) -> None:
        self.told.append(None)
        if self.fault:
            raise OSError('unplugged')

    def path_problem(self) -> str:
        return ''


class Rig:
    """The supervisor and its pump, for one base with stop outputs and commands."""

    def __init__(self, node: Node, outputs: tuple[StopOutputConfig, ...] = (),
                 commands: tuple[CommandConfig, ...] = (),
                 stop_timeout: float = PATIENCE) -> None:
        self.recorder = Recorder()
        table = type('Recorded', (BaseConfig,), {'PLUGINS': {'twist': self.recorder}})
        config = table(
            name='base', driver='twist', topic='unused', stop_outputs=outputs, commands=commands,
            stop_timeout=stop_timeout)
        self.supervisor = locked_bridge(
            [ActuatedResource('base', 'base', VelocityLimits(1.0, 1.0), ActuatorSettings(
                stop_hold=0.2, stop_timeout=stop_timeout, require_path=False,
                acknowledged=config.acknowledged, ready_timeout=config.ready_timeout))],
            Policy(sessions=SessionSettings(30.0), stop_on_disconnect=False, stall_limit=10.0))
        factory = Factory(node, self.supervisor)
        self.driver: Any = factory.driver(config, lambda: None)
        self.faults: list[str] = []
        self.pump = Pump(
            self.supervisor, {'base': self.driver}, self._report, self._failed, factory.shared)
        self.caller = Caller(self.supervisor.start_session(Caller()).id, socket=SOCKET)
        self.ended: list[Ended] = []
        self.answers: list[tuple[str, str]] = []
        self.pump.start()

    def _report(self, outputs: Outputs, faults: dict[str, str], slow: str) -> None:
        self.faults += faults.values()

    def _failed(self, problem: BaseException) -> None:
        self.faults.append(f'failed: {problem!r}')

    def command(self, motion: Motion = FORWARD) -> None:
        # As the poller does: a claim of a connection needs evidence newer than the claim.
        self.supervisor.command('base', motion, self.caller, self.ended.append)
        self.supervisor.update_sockets(self.supervisor.now(), frozenset({SOCKET}))

    def insist(self, motion: Motion) -> None:
        """Command until it is accepted."""
        def accepted() -> bool:
            try:
                self.command(motion)
            except StopOutstanding:
                return False
            return True
        wait_until(accepted, 'its turn')

    def begin(self, command: str, **arguments: bool) -> None:
        """Begin a command that does not move."""
        self.supervisor.service_command(
            'base', ServiceCall(command, arguments), lambda *answer: self.answers.append(answer))

    def run(self, command: str, **arguments: bool) -> tuple[str, str]:
        """Run a command that does not move; returns the error and the message."""
        before = len(self.answers)
        self.begin(command, **arguments)
        wait_until(lambda: len(self.answers) > before, 'an answer')
        return self.answers[before]

    def wait_state(self, state: State) -> None:
        wait_until(lambda: self.supervisor.states()['base'] is state, state.value)

    def wait_path(self) -> None:
        wait_until(lambda: not self.driver.path_problem(), 'the stop path')


@pytest.fixture
def rig(node: Node) -> Iterator[Any]:
    rigs: list[Rig] = []

    def make(*outputs: StopOutputConfig, **options: Any) -> Rig:
        rigs.append(Rig(node, outputs, **options))
        return rigs[-1]

    yield make
    for one in rigs:
        assert one.pump.stop(5.0)


def new_name(node: Node) -> str:
    return f'{node.get_namespace()}/composite{next(_numbers)}'


def trigger(name: str, service: str) -> TriggerOutput:
    return TriggerOutput(name=name, kind='trigger', service=service, call_timeout=CALL_TIMEOUT)


def dock(service: str, **options: Any) -> CommandConfig:
    return CommandConfig(
        name='dock', service=service, **{'kind': 'trigger', 'moves': True, **options})


def test_a_stop_waits_for_every_answer(node: Node, servers: Servers, rig: Any) -> None:
    """The driver's own zero is sent meanwhile; motion is refused until the last has answered."""
    first, second = new_name(node), new_name(node)
    for name in (first, second):
        servers.order('serve', kind='trigger', name=name)
    one = rig(trigger('a', first), trigger('b', second))
    one.wait_path()
    one.command()
    servers.order('say', name=second, delay=PATIENCE)
    one.supervisor.stop('base')
    servers.wait_called(second)
    assert None in one.recorder.told
    with pytest.raises(StopOutstanding):
        one.command()
    servers.order('say', name=second)
    servers.wait_called(first)
    one.wait_state(State.IDLE)
    assert not one.faults


def test_one_refusal_is_a_stop_that_failed(node: Node, servers: Servers, rig: Any) -> None:
    """Although the others succeed, until this one succeeds."""
    good, bad = new_name(node), new_name(node)
    for name in (good, bad):
        servers.order('serve', kind='trigger', name=name)
    servers.order('say', name=bad, mode='no')
    one = rig(trigger('a', good), trigger('b', bad))
    one.wait_path()
    one.supervisor.stop('base')
    one.wait_state(State.UNCONFIRMED)
    servers.order('say', name=bad)
    one.wait_state(State.IDLE)


def test_a_service_that_was_never_there_fails_no_stop_and_delays_no_zero(
        node: Node, rig: Any) -> None:
    """It is awaited, and named as a stop path problem before anything moves."""
    name = new_name(node)
    one = rig(trigger('a', name), stop_timeout=1.0)
    assert one.driver.path_problem() == (
        f'base.a.service: {name} has no server (expected std_srvs/srv/Trigger)')
    began = time.monotonic()
    one.supervisor.stop('base')
    wait_until(lambda: None in one.recorder.told, 'the zero')
    assert took(began) < 1.0
    one.wait_state(State.IDLE)
    assert one.supervisor.awaited() == {'base': f'the service {name} (base.a.service)'}
    assert not one.faults


def test_a_service_that_is_gone_fails_the_stop_but_delays_no_zero(
        node: Node, servers: Servers, rig: Any) -> None:
    """Once it was seen, it is not awaited any more."""
    name = new_name(node)
    servers.order('serve', kind='trigger', name=name)
    one = rig(trigger('a', name), stop_timeout=1.0)
    one.wait_path()
    assert not one.supervisor.awaited()
    servers.order('drop', name=name)
    wait_until(lambda: one.driver.path_problem(), 'the service is gone')
    began = time.monotonic()
    one.supervisor.stop('base')
    wait_until(lambda: None in one.recorder.told, 'the zero')
    assert took(began) < 1.0
    one.wait_state(State.UNCONFIRMED)
    assert not one.faults


def test_a_driver_that_raises_skips_no_stop_output(
        node: Node, servers: Servers, rig: Any) -> None:
    """The fault is reported, the service is called."""
    name = new_name(node)
    servers.order('serve', kind='trigger', name=name)
    one = rig(trigger('a', name))
    one.wait_path()
    one.recorder.fault = True
    one.supervisor.stop('base')
    servers.wait_called(name)
    wait_until(lambda: one.faults, 'the fault')
    assert 'unplugged' in one.faults[0]


def test_motion_waits_until_everything_is_released(
        node: Node, servers: Servers, rig: Any) -> None:
    """The power is switched on and the lock released before the first velocity."""
    power, lock = new_name(node), new_name(node)
    servers.order('serve', kind='set_bool', name=power)
    servers.order('listen', topic=lock)
    one = rig(
        SetBoolOutput(name='power', kind='set_bool', service=power, value=False, release=True,
                      call_timeout=CALL_TIMEOUT),
        LockOutput(name='lock', kind='lock', topic=lock, value=True, release=False))
    one.wait_path()
    servers.order('say', name=power, delay=PATIENCE)
    one.command()
    servers.wait_called(power)
    assert not one.recorder.told
    servers.order('say', name=power)
    wait_until(lambda: FORWARD.setpoint in one.recorder.told, 'motion')
    assert [called.data for called in servers.called(power)] == [True]
    assert {called.data for called in servers.called(lock)} == {False}
    one.supervisor.stop('base')
    one.wait_state(State.IDLE)
    assert [called.data for called in servers.called(power)] == [True, False]
    assert servers.called(lock)[-1].data is True


def test_what_cannot_be_released_does_not_move(node: Node, servers: Servers, rig: Any) -> None:
    """The waiting call receives the reason, and the robot is stopped again."""
    power = new_name(node)
    servers.order('serve', kind='set_bool', name=power)
    one = rig(
        SetBoolOutput(name='power', kind='set_bool', service=power, value=False, release=True,
                      call_timeout=CALL_TIMEOUT))
    one.wait_path()
    servers.order('say', name=power, mode='no')
    one.command()
    [ended] = wait_until(lambda: one.ended, 'the end')
    assert ended.reason is Reason.NOT_READY and f'{power} says no' in ended.detail
    assert FORWARD.setpoint not in one.recorder.told


# --- Commands


def test_a_command_that_moves_is_owned_and_stopped(
        node: Node, servers: Servers, rig: Any) -> None:
    """Its call is answered when the service has answered, the motion goes on until its stop."""
    service, halt = new_name(node), new_name(node)
    for name in (service, halt):
        servers.order('serve', kind='trigger', name=name)
    one = rig(trigger('halt', halt), commands=(dock(service),))
    one.wait_path()
    wait_until(lambda: one.run('dock')[0] == '', 'its service')
    one.command(Motion(ServiceCall('dock'), once=True, answered=True, monitored=False))
    [ended] = wait_until(lambda: one.ended, 'the answer')
    assert (ended.reason, ended.detail) == (Reason.DONE, f'{service} says yes')
    assert one.supervisor.states()['base'] is State.MOVING and not servers.called(halt)
    one.supervisor.update_sockets(one.supervisor.now(), frozenset())
    servers.wait_called(halt)
    one.wait_state(State.IDLE)
    assert one.recorder.told and set(one.recorder.told) == {None}


def test_a_command_begins_when_the_motion_before_it_was_stopped(
        node: Node, servers: Servers, rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next motion begins when its stop outputs have ended what it began."""
    # Enough for several stops also on a busy machine.
    monkeypatch.setattr(actuator, 'STOP_BETWEEN', 1.0)
    service, halt = new_name(node), new_name(node)
    for name in (service, halt):
        servers.order('serve', kind='trigger', name=name)
    one = rig(trigger('halt', halt), commands=(dock(service),))
    one.wait_path()
    wait_until(lambda: one.run('dock')[0] == '', 'its service')
    one.command()
    wait_until(lambda: one.recorder.told, 'motion')
    since = time.monotonic()
    one.insist(Motion(ServiceCall('dock'), once=True, answered=True, monitored=False))
    called = servers.wait_called(service, since)
    assert servers.called(halt, since)[0].at < called.at
    assert one.recorder.told[-1] is None and one.recorder.told.count(None) >= 2
    since = time.monotonic()
    one.insist(FORWARD)
    wait_until(lambda: one.recorder.told[-1] is not None, 'motion')
    assert servers.called(halt, since)
    one.supervisor.stop('base')
    one.wait_state(State.IDLE)


def test_a_command_that_is_refused_is_stopped(node: Node, servers: Servers, rig: Any) -> None:
    """It is unknown what it began before it refused."""
    service = new_name(node)
    servers.order('serve', kind='trigger', name=service)
    servers.order('say', name=service, mode='no')
    one = rig(commands=(dock(service),))
    wait_until(lambda: 'says no' in one.run('dock')[0], 'its service')
    one.command(Motion(ServiceCall('dock'), once=True, answered=True))
    [ended] = wait_until(lambda: one.ended, 'the answer')
    assert ended.reason is Reason.REFUSED
    assert ended.detail == f'base.dock.service: {service}: the answer was no: {service} says no'
    wait_until(lambda: None in one.recorder.told, 'the stop')


def test_a_command_that_hung_and_answers_after_the_stop_is_stopped_again(
        node: Node, rig: Any) -> None:
    """It may have begun to move after its client had ended."""
    service = new_name(node)
    with serving('hung') as hung:
        hung.order('serve', kind='trigger', name=service)
        one = rig(commands=(dock(service, call_timeout=0.5),))
        wait_until(lambda: one.run('dock')[0] == '', 'its service')
        hung.freeze()
        one.command(Motion(ServiceCall('dock'), once=True, answered=True))
        [ended] = wait_until(lambda: one.ended, 'the end')
        assert ended.reason is Reason.REFUSED
        assert ended.detail == f'base.dock.service: {service} has not answered within 0.5 s'
        one.wait_state(State.IDLE)
        stops = len(one.recorder.told)
        hung.signal(signal.SIGCONT)
        wait_until(lambda: len(one.recorder.told) > stops, 'one more stop')
        one.wait_state(State.IDLE)


def test_a_command_that_does_not_move_leaves_motion_alone(
        node: Node, servers: Servers, rig: Any) -> None:
    """Also while its service is slow."""
    lamp = new_name(node)
    servers.order('serve', kind='set_bool', name=lamp)
    one = rig(commands=(CommandConfig(
        name='lamp', kind='set_bool', service=lamp, moves=False, call_timeout=CALL_TIMEOUT),))
    wait_until(lambda: one.run('lamp', data=True)[0] == '', 'its service')
    one.command()
    servers.order('say', name=lamp, delay=PATIENCE)
    sent, answered = len(one.recorder.told), len(one.answers)
    one.begin('lamp', data=False)
    wait_until(lambda: len(one.recorder.told) - sent >= 5, 'repeated motion')
    assert len(one.answers) == answered
    servers.order('say', name=lamp)
    wait_until(lambda: len(one.answers) > answered, 'an answer')
    assert one.answers[answered:] == [('', f'{lamp} says yes')]
    assert None not in one.recorder.told
    assert servers.called(lamp)[-1].data is False


def test_a_command_of_a_service_that_is_missing_or_hangs_is_answered_in_time(
        node: Node, rig: Any) -> None:
    """With the parameter and the service."""
    name = new_name(node)
    one = rig(commands=(dock(name, moves=False, call_timeout=0.5),))
    assert one.run('dock') == (f'base.dock.service: {name} is not served', '')
    with serving('hung') as hung:
        hung.order('serve', kind='trigger', name=name)
        wait_until(lambda: one.run('dock')[0] == '', 'its service')
        hung.freeze()
        assert one.run('dock') == (
            f'base.dock.service: {name} has not answered within 0.5 s', '')


def test_commands_of_one_pass_are_limited_as_well(
        node: Node, servers: Servers, rig: Any) -> None:
    """None of them has begun before the end of the pass."""
    name = new_name(node)
    servers.order('serve', kind='trigger', name=name)
    bench = rig(commands=(dock(name, moves=False, call_timeout=20.0),))
    wait_until(lambda: bench.run('dock')[0] == '', 'its service')
    servers.order('say', name=name, delay=0.05)
    answers: list[tuple[str, str]] = []
    for _ in range(MOST_CALLS + 12):
        bench.driver.call(ServiceCall('dock'), lambda *answer: answers.append(answer))
    refused = list(answers)
    bench.supervisor.wake()
    assert len(refused) == 12
    assert all('8 calls have not been answered yet' in problem for problem, _ in refused)
    wait_until(lambda: len(answers) == MOST_CALLS + 12, 'the answers')
    assert [problem for problem, _ in answers[12:]] == [''] * MOST_CALLS
    servers.order('say', name=name)


def test_an_unknown_command_names_those_that_exist(node: Node, rig: Any) -> None:
    """The RPC side refuses it earlier; a driver does not rely on that."""
    one = rig(commands=(dock(new_name(node)),))
    assert one.run('undock') == ("base: no command is named 'undock'; there are: dock", '')


# --- Answers


def test_answers_are_complete_when_all_parts_have_succeeded() -> None:
    """A problem is reported at once; a part that answers again replaces its answer."""
    told: list[tuple[int, str]] = []
    answers = Answers(lambda epoch, problem: told.append((epoch, problem)))
    a, b = answers.part(), answers.part()
    answers.begin(1)
    a(1, '')
    assert not told
    b(1, 'stuck')
    b(1, '')
    assert told == [(1, 'stuck'), (1, '')]
    answers.begin(2)
    a(1, '')
    b(2, '')
    assert len(told) == 2
    answers.begin(2)
    a(2, '')
    assert told[-1] == (2, '')
