# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers of switches and buttons, made from parameters, with real receivers."""

from collections.abc import Callable, Iterator
from itertools import count
import signal
import time
from typing import Any

import pytest
from rclpy.node import Node

from processes import Motors, Programs, wait_until
from servers import Servers, serving
from viam_session_bridge.core.setpoints import Choice, Press, Velocity
from viam_session_bridge.parameters.button import ButtonConfig
from viam_session_bridge.parameters.generic import GenericConfig
from viam_session_bridge.parameters.switch import (
    EmptyPosition,
    SetBoolPosition,
    SwitchConfig,
    TriggerPosition,
)
from viam_session_bridge.ros.factory import Factory

_numbers = count(1)


@pytest.fixture(scope='module')
def servers(node: Node) -> Iterator[Servers]:
    with serving() as servers:
        servers.meet(node)
        yield servers


class Notes:
    """Records the reports of drivers, in place of the supervisor."""

    def __init__(self) -> None:
        self.stops: list[tuple[int, str]] = []
        self.motions: list[tuple[int, str, str]] = []
        self.late = 0
        self.expected: set[str] = set()
        self.present: set[str] = set()

    def now(self) -> float:
        return time.monotonic()

    def measured(self, name: str, sample: Any) -> None:
        raise AssertionError('nothing is measured')

    def expect(self, name: str, source: str, has_pose: bool | None = None) -> None:
        self.expected.add(source)

    def seen(self, name: str, source: str) -> None:
        self.present.add(source)

    def stop_answered(self, name: str, epoch: int, problem: str) -> None:
        self.stops.append((epoch, problem))

    def motion_answered(self, name: str, epoch: int, problem: str, detail: str = '') -> None:
        self.motions.append((epoch, problem, detail))

    def prepared(self, name: str, epoch: int, problem: str) -> None:
        raise AssertionError('no driver has to get ready')

    def moved_late(self, name: str) -> None:
        self.late += 1


class Passes:
    """A driver; each call is a pass of the pump, which flushes what drivers share."""

    def __init__(self, node: Node, notes: Any, config: Any) -> None:
        self._factory = Factory(node, notes)
        self._driver = self._factory.driver(config, lambda: None)
        self.path_problem = self._driver.path_problem

    def send(self, setpoint: Any, epoch: int) -> None:
        self._driver.send(setpoint, epoch)
        self._flush()

    def stop(self, epoch: int) -> None:
        self._driver.stop(epoch)
        self._flush()

    def _flush(self) -> None:
        for shared in self._factory.shared:
            shared.flush()


def made(node: Node, config: Any) -> tuple[Passes, Notes]:
    notes = Notes()
    return Passes(node, notes, config), notes


def new_name(node: Node) -> str:
    return f'{node.get_namespace()}/switch{next(_numbers)}'


def fan(service: str, empty: str, safe: str = '', call_timeout: float = 10.0) -> SwitchConfig:
    return SwitchConfig(
        name='fan', api='switch', driver='service', topic='', labels=(), numbers=(),
        safe_position=safe, call_timeout=call_timeout, positions=(
            SetBoolPosition(name='still', kind='set_bool', service=service, value=False),
            SetBoolPosition(name='turning', kind='set_bool', service=service, value=True),
            EmptyPosition(name='storm', kind='empty', service=empty)))


def laser(topic: str, safe: str = '') -> SwitchConfig:
    return SwitchConfig(
        name='laser', api='switch', driver='float', topic=topic, labels=('off', 'on'),
        numbers=(0.0, 0.7), safe_position=safe)


def wait_number(listener: Motors, act: Callable[[], None], number: float) -> None:
    """Act until it is received: a best-effort reader may miss messages, or get old ones late."""
    since = time.monotonic()

    def acted() -> bool:
        act()
        return any(one.data == (number,) for one in listener.since(since))
    wait_until(acted, f'{number}')


def test_positions_are_numbers_on_a_topic(node: Node, programs: Programs) -> None:
    """A stop sets the safe one."""
    topic = new_name(node)
    driver, _ = made(node, laser(topic, 'off'))
    assert 'has no subscriber' in driver.path_problem()
    listener = programs.motors(topic)
    wait_until(lambda: not driver.path_problem(), 'the subscriber')
    wait_number(listener, lambda: driver.send(Choice(1), 1), 0.7)
    wait_number(listener, lambda: driver.stop(2), 0.0)


def test_without_a_safe_position_a_stop_sends_nothing(node: Node, programs: Programs) -> None:
    """There is nothing to stop; the stop sends no message before the next position."""
    topic = new_name(node)
    driver, _ = made(node, laser(topic))
    listener = programs.motors(topic)
    wait_until(lambda: not driver.path_problem(), 'the subscriber')

    def stop_and_send() -> None:
        driver.stop(1)
        driver.send(Choice(1), 2)
    wait_number(listener, stop_and_send, 0.7)
    assert {one.data for one in listener.heard} == {(0.7,)}


def test_positions_are_services(node: Node, servers: Servers) -> None:
    """Each answer is reported with its epoch; without a safe position stops call nothing."""
    service, empty = new_name(node), new_name(node)
    driver, notes = made(node, fan(service, empty))
    driver.send(Choice(1), 1)
    assert notes.motions == [(1, f'fan.turning.service: {service} is not served', '')]
    servers.order('serve', kind='set_bool', name=service)
    servers.order('serve', kind='empty', name=empty)

    def told(epoch: int, position: int) -> tuple[str, str]:
        driver.send(Choice(position), epoch)
        return wait_until(
            lambda: [one[1:] for one in notes.motions if one[0] == epoch], 'an answer')[0]

    epochs = count(2)
    wait_until(lambda: told(next(epochs), 1)[0] == '', 'the first service')
    wait_until(lambda: told(next(epochs), 2)[0] == '', 'the second service')
    assert told(1000, 0) == ('', f'{service} says yes')
    servers.order('say', name=service, mode='no')
    problem, _ = told(1001, 0)
    assert problem == f'fan.still.service: {service}: the answer was no: {service} says no'
    driver.stop(1002)
    assert driver.path_problem() == '' and not notes.stops and not notes.late
    assert {one.data for one in servers.called(service)} == {True, False}


def test_the_safe_position_is_a_stop_that_is_answered(node: Node, servers: Servers) -> None:
    """Called once for each stop; its service is the stop path."""
    service = new_name(node)
    driver, notes = made(node, fan(service, new_name(node), 'still'))
    assert f'fan.still.service: {service} has no server' in driver.path_problem()
    servers.order('serve', kind='set_bool', name=service)
    wait_until(lambda: not driver.path_problem(), 'the service')
    driver.send(Choice(1), 1)
    wait_until(lambda: notes.motions, 'an answer')
    for _ in range(3):
        driver.stop(2)
    wait_until(lambda: notes.stops == [(2, '')], 'the answer')
    assert [one.data for one in servers.called(service)] == [True, False]


def test_a_position_that_is_set_after_the_stop_is_reported(node: Node) -> None:
    """The service hung and executes an outdated call."""
    service = new_name(node)
    with serving('hung') as hung:
        hung.order('serve', kind='set_bool', name=service)
        driver, notes = made(node, fan(service, new_name(node), 'still', call_timeout=0.5))
        epochs = count(1)

        def answered(position: int) -> tuple[str, str]:
            epoch = next(epochs)
            driver.send(Choice(position), epoch)
            return wait_until(
                lambda: [one[1:] for one in notes.motions if one[0] == epoch], 'an answer')[0]

        # A server that has not found its client yet drops its responses.
        wait_until(lambda: answered(0)[0] == '', 'the service')
        hung.freeze()
        assert answered(1) == (
            f'fan.turning.service: {service} has not answered within 0.5 s', '')
        driver.stop(next(epochs))
        hung.signal(signal.SIGCONT)
        wait_until(lambda: notes.late, 'a late answer')


@pytest.mark.parametrize('kind', ['trigger', 'empty'])
def test_a_push_is_a_call(node: Node, servers: Servers, kind: str) -> None:
    """Without a server, it is answered with an error. A stop does nothing."""
    service = new_name(node)
    driver, notes = made(node, ButtonConfig(
        name='bell', api='button', driver='service', topic='', kind=kind, service=service,
        call_timeout=10.0))
    driver.send(Press(), 1)
    missing = (f'bell.service: {service} is not served', '')
    assert notes.motions == [(1, *missing)]
    servers.order('serve', kind=kind, name=service)

    def pushed() -> bool:
        before = len(notes.motions)
        driver.send(Press(), 2)
        return wait_until(lambda: notes.motions[before:], 'an answer')[0][1] == ''
    wait_until(pushed, 'the service')
    driver.stop(3)
    # Not one more than there are pushes, of which the response of the first may be lost.
    pushes = [one for one in notes.motions if one[1:] != missing]
    assert len(servers.called(service)) == len(pushes)


def test_a_push_is_a_message(node: Node, servers: Servers) -> None:
    """True, once."""
    topic = new_name(node)
    driver, _ = made(node, ButtonConfig(
        name='bell', api='button', driver='message', topic=topic, kind='', service=''))
    servers.order('listen', topic=topic)
    wait_until(lambda: not driver.path_problem(), 'the subscriber')
    driver.stop(1)
    driver.send(Press(), 2)
    servers.wait_called(topic)
    assert [one.data for one in servers.called(topic)] == [True]


@pytest.mark.parametrize('config', [
    laser('wrong'), ButtonConfig(
        name='bell', api='button', driver='message', topic='wrong_too', kind='', service=''),
    GenericConfig(name='helper', api='generic'),
    SwitchConfig(name='fan', api='switch', driver='service', topic='', labels=(), numbers=(),
                 positions=(TriggerPosition(name='a', kind='trigger', service='wrong/a'),))])
def test_a_setpoint_of_another_kind_raises(node: Node, config: Any) -> None:
    """It is never executed."""
    with pytest.raises(TypeError, match='cannot do'):
        made(node, config)[0].send(Velocity((1.0, 0.0, 0.0)), 1)
