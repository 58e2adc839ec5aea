# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is moved by services: switches, buttons and commands of config/*.yaml as they are.

One bridge has what the three files have; SDK programs use it, and end. The services and the
action are those of a process of its own.
"""

from collections.abc import Iterator
import time
from typing import Any

import pytest
import yaml

from processes import Bridge, Client, MARGIN, Motors, Programs, settings, TEST, wait_until
from servers import Servers, serving

CONFIG = TEST.parent / 'config'
SERVICES = {
    'fan/enable': 'set_bool', 'bell/ring': 'trigger', 'dock': 'trigger',
    'lights/enable': 'set_bool'}
LASER = 'laser/power'


def blocks(name: str) -> dict[str, Any]:
    """Return the resources of an example file."""
    (node,) = yaml.safe_load((CONFIG / f'{name}.yaml').read_text(encoding='utf-8')).values()
    parameters = node['ros__parameters']
    return {each: parameters[each] for each in parameters['resources']}


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings(
        {**blocks('switch'), **blocks('button'), **blocks('generic')}))


@pytest.fixture(scope='module')
def laser(shared: Programs, bridge: Bridge) -> Motors:
    return shared.motors(bridge.topic(LASER), node='/laser')


@pytest.fixture(scope='module')
def servers(bridge: Bridge, laser: Motors) -> Iterator[Servers]:
    with serving() as servers:
        for name, kind in SERVICES.items():
            servers.order('serve', kind=kind, name=bridge.topic(name))
        servers.order('act', name=bridge.topic('dock_robot'))
        servers.order('listen', topic=bridge.topic('camera/shutter'))
        bridge.wait_drivers('laser', 'shutter', 'helper')
        yield servers


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, servers: Servers) -> Client:
    return shared.client(bridge.address)


def use(client: Client, component: str, name: str, method: str, *arguments: Any) -> Any:
    """Call a method, which must succeed; returns its value. Services are found one by one."""
    def answer() -> dict[str, Any]:
        got = client.ask('call', component=component, name=name, method=method,
                         arguments=arguments)
        return {} if 'is not served' in got.get('text', '') else got
    got = wait_until(answer, f'{name}.{method}')
    assert got['ok'], got
    return got['value']


def command(client: Client, name: str, **words: Any) -> Any:
    """Run a DoCommand; returns its answer."""
    def answer() -> Any:
        got = use(client, 'generic', name, 'do_command', words)
        return None if 'is not served' in got['message'] else got
    return wait_until(answer, f'{words} of {name}')


def test_a_laser_goes_off_with_its_owner(
        programs: Programs, bridge: Bridge, servers: Servers, laser: Motors) -> None:
    """Its position is repeated while the owner is there, the safe one afterwards."""
    owner = programs.client(bridge.address)
    since = time.monotonic()
    use(owner, 'switch', 'laser', 'set_position', 2)
    laser.wait_data('the laser', lambda data: data == (1.0,), since)
    assert use(owner, 'switch', 'laser', 'get_position') == 2
    killed = owner.kill()
    off = laser.wait_data('the laser is off', lambda data: data == (0.0,), killed)
    assert off.at - killed <= MARGIN


def test_the_last_caller_owns_the_laser(
        programs: Programs, bridge: Bridge, servers: Servers, laser: Motors,
        client: Client) -> None:
    """Its first owner may go."""
    first = programs.client(bridge.address)
    use(first, 'switch', 'laser', 'set_position', 2)
    use(client, 'switch', 'laser', 'set_position', 1)
    killed = first.kill()
    wait_until(lambda: laser.since(killed + 1.0), 'repeated positions')
    assert {one.data for one in laser.since(killed)} == {(0.2,)}
    use(client, 'switch', 'laser', 'set_position', 0)
    laser.wait_data('the laser is off', lambda data: data == (0.0,), killed)


def test_a_fan_turns_on_when_its_client_is_gone(
        programs: Programs, bridge: Bridge, servers: Servers, client: Client) -> None:
    """It has no safe position: nobody asked for anything to happen."""
    fan = bridge.topic('fan/enable')
    other = programs.client(bridge.address)
    count, labels = use(other, 'switch', 'fan', 'get_number_of_positions')
    assert (count, list(labels)) == (2, ['still', 'turning'])
    since = time.monotonic()
    use(other, 'switch', 'fan', 'set_position', 1)
    killed = other.kill()
    assert [one.data for one in servers.called(fan, since)][-1] is True
    assert use(client, 'switch', 'fan', 'get_position') == 1
    client.do('stop_all')
    use(client, 'switch', 'laser', 'set_position', 0)
    assert not servers.called(fan, killed)


def test_buttons_are_pushed_once(servers: Servers, bridge: Bridge, client: Client) -> None:
    """By a service that answers, and by a message."""
    for name, topic in (('bell', 'bell/ring'), ('shutter', 'camera/shutter')):
        before = len(servers.called(bridge.topic(topic)))
        use(client, 'button', name, 'push')
        servers.wait_called(bridge.topic(topic), times=before + 1)
        use(client, 'button', name, 'push')
        servers.wait_called(bridge.topic(topic), times=before + 2)
        assert len(servers.called(bridge.topic(topic))) == before + 2


def test_a_button_that_fails_says_so(servers: Servers, bridge: Bridge, client: Client) -> None:
    """With the parameter, the service and its own words."""
    bell = bridge.topic('bell/ring')
    use(client, 'button', 'bell', 'push')
    servers.order('say', name=bell, mode='no')
    answer = client.ask('call', component='button', name='bell', method='push')
    servers.order('say', name=bell)
    assert not answer['ok'] and f'bell.service: {bell}: the answer was no' in answer['text']


def test_what_a_command_has_begun_ends_with_its_caller(
        programs: Programs, bridge: Bridge, servers: Servers, client: Client) -> None:
    """Not before: docking goes on when the service has answered."""
    dock, action = bridge.topic('dock'), bridge.topic('dock_robot')
    owner = programs.client(bridge.address)
    since = time.monotonic()
    assert command(owner, 'helper', command='dock') == {
        'success': True, 'message': f'{dock} says yes'}
    assert len(servers.called(dock, since)) == 1
    servers.order('goals', name=action, count=1)
    later = time.monotonic()
    assert command(client, 'helper', command='lights', data=True)['success']
    assert not servers.called(action, later)
    killed = owner.kill()
    cancelled = servers.wait_called(action, killed)
    assert cancelled.at - killed <= MARGIN and cancelled.data is True
    bridge.wait_logged(r'helper: stopped \(verified\)')


def test_a_command_that_does_not_move_goes_on_without_its_caller(
        programs: Programs, bridge: Bridge, servers: Servers, client: Client) -> None:
    """The lights stay on; nothing is stopped."""
    lights, action = bridge.topic('lights/enable'), bridge.topic('dock_robot')
    owner = programs.client(bridge.address)
    assert command(owner, 'helper', command='lights', data=True) == {
        'success': True, 'message': f'{lights} says yes'}
    killed = owner.kill()
    assert command(client, 'helper', command='lights', data=False)['success']
    assert [one.data for one in servers.called(lights, killed)] == [False]
    assert not servers.called(action, killed)


def test_a_command_that_the_service_refuses_is_an_answer(
        bridge: Bridge, servers: Servers, client: Client) -> None:
    """No error of the call; whatever it began is stopped."""
    dock, action = bridge.topic('dock'), bridge.topic('dock_robot')
    assert command(client, 'helper', command='dock')['success']
    servers.order('say', name=dock, mode='no')
    since = time.monotonic()
    answer = command(client, 'helper', command='dock')
    servers.order('say', name=dock)
    assert not answer['success'] and f'{dock} says no' in answer['message']
    servers.wait_called(action, since)
