# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The smaller examples: switch, button, generic, motor and base, their blocks as they are.

One bridge has what the five files have; SDK programs use it, and end. Drivers and services are
processes of their own. The larger examples have test files of their own.
"""

from collections.abc import Iterator
import time
from typing import Any

import pytest
import yaml

from ownership import Ownership, Part, Sign, WINDOW
from processes import Bridge, Client, Driver, Motors, Programs, settings, TEST, wait_until
from servers import Servers, serving

CONFIG = TEST.parent / 'config'
FILES = ('switch', 'button', 'generic', 'motor', 'base')
SERVICES = {
    'fan/enable': 'set_bool', 'bell/ring': 'trigger', 'dock': 'trigger',
    'lights/enable': 'set_bool'}


def blocks(name: str) -> dict[str, Any]:
    """Return the resources of an example file."""
    (node,) = yaml.safe_load((CONFIG / f'{name}.yaml').read_text(encoding='utf-8')).values()
    parameters = node['ros__parameters']
    return {each: parameters[each] for each in parameters['resources']}


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    return shared.bridge(settings(
        {name: block for file in FILES for name, block in blocks(file).items()}))


@pytest.fixture(scope='module')
def servers(bridge: Bridge) -> Iterator[Servers]:
    with serving() as servers:
        for name, kind in SERVICES.items():
            servers.order('serve', kind=kind, name=bridge.topic(name))
        servers.order('act', name=bridge.topic('dock_robot'))
        servers.order('listen', topic=bridge.topic('camera/shutter'))
        yield servers


@pytest.fixture(scope='module')
def laser(shared: Programs, bridge: Bridge) -> Motors:
    return shared.motors(bridge.topic('laser/power'), node='/laser', ready=False)


@pytest.fixture(scope='module')
def motor(shared: Programs, bridge: Bridge) -> Motors:
    return shared.motors(bridge.topic('motor/command'), 'motor_joint', ready=False,
                         joint_states=bridge.topic('joint_states'))


@pytest.fixture(scope='module')
def wheels(shared: Programs, bridge: Bridge) -> Driver:
    return shared.driver(bridge.topic(), ready=False)


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, laser: Motors, motor: Motors, wheels: Driver,
           servers: Servers) -> Client:
    """Connect when everything was found and the first stops are done."""
    bridge.wait_drivers('laser', 'motor', 'base', 'shutter', 'helper')
    client = shared.client(bridge.address)
    for component, name, method, arguments in (
            ('switch', 'laser', 'set_position', (0,)), ('switch', 'fan', 'set_position', (0,)),
            ('button', 'bell', 'push', ()), ('button', 'shutter', 'push', ()),
            ('motor', 'motor', 'set_power', (0.0,)), ('generic', 'helper', 'do_command',
                                                      ({'command': 'lights', 'data': False},))):
        wait_until(lambda order=(component, name, method, arguments): usable(client, *order),
                   f'{name} can be used')
    wait_until(lambda: usable(client, 'generic', 'helper', 'do_command', ({'command': 'dock'},)),
               'the dock can be used')
    client.do('stop_all')
    wait_idle(client, ('generic', 'helper'), ('switch', 'laser'), ('motor', 'motor'))
    return client


def usable(client: Client, component: str, name: str, method: str, arguments: Any) -> bool:
    """Try a call; returns whether it worked, the service behind it included."""
    answer = client.ask(
        'call', component=component, name=name, method=method, arguments=arguments)
    # For the report of a failure.
    print(name, answer)
    value = answer.get('value')
    return answer['ok'] and (not isinstance(value, dict) or bool(value['success']))


def wait_idle(client: Client, *components: tuple[str, str]) -> None:
    """Wait until components, by API and name, rest."""
    for component, name in components:
        wait_until(lambda one=(component, name): use(client, *one, 'get_status')[
            'state'] == 'idle', f'{name} rests')


def use(client: Client, component: str, name: str, method: str, *arguments: Any) -> Any:
    """Call a method, which must succeed; returns its value."""
    return client.do(
        'call', component=component, name=name, method=method, arguments=arguments)


def command(client: Client, **words: Any) -> Any:
    """Run a DoCommand of the helper; returns its answer."""
    return use(client, 'generic', 'helper', 'do_command', words)


@pytest.fixture(scope='module')
def parts(bridge: Bridge, laser: Motors, motor: Motors, wheels: Driver,
          servers: Servers) -> list[Part]:
    dock, action = bridge.topic('dock'), bridge.topic('dock_robot')

    def number(of: Motors) -> Any:
        return lambda since: [Sign(one.at, one.data != (0.0,)) for one in of.since(since)]
    return [
        Part('switch', 'laser', 'set_position', (2,), number(laser), has_stop=False),
        Part('motor', 'motor', 'set_power', (0.5,), number(motor)),
        Part('base', 'base', 'set_power', ({'Vector3': {'y': 1.0}}, {'Vector3': {}}),
             lambda since: [Sign(one.at, not one.is_zero) for one in wheels.heard(since=since)]),
        # What the dock has begun is moving until the action's goals are cancelled.
        Part('generic', 'helper', 'do_command', ({'command': 'dock'},), lambda since: sorted(
            [Sign(one.at, True) for one in servers.called(dock, since)]
            + [Sign(one.at, False) for one in servers.called(action, since)]), has_stop=False,
             monitored=False)]


class TestSingleExamples(Ownership):
    """Switches have no Stop in Viam's API, and neither have the commands of DoCommand."""


def test_positions_and_what_was_set(client: Client, bridge: Bridge, laser: Motors) -> None:
    """A switch answers its commanded position; its safe position is its Stop."""
    assert use(client, 'switch', 'laser', 'get_number_of_positions') == [
        3, ['off', 'low', 'high']]
    since = time.monotonic()
    use(client, 'switch', 'laser', 'set_position', 1)
    laser.wait_data('low', lambda data: data == (0.2,), since)
    assert use(client, 'switch', 'laser', 'get_position') == 1
    use(client, 'switch', 'laser', 'set_position', 0)
    laser.wait_data('off', lambda data: data == (0.0,), since)
    assert use(client, 'switch', 'laser', 'get_position') == 0
    wait_idle(client, ('switch', 'laser'))


def test_a_fan_turns_on_when_its_clients_are_gone(
        programs: Programs, bridge: Bridge, servers: Servers, client: Client) -> None:
    """It has no safe position: neither loss, nor takeover, nor StopAll turns it off."""
    fan = bridge.topic('fan/enable')
    a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
    since = time.monotonic()
    for one in (a, b):
        one.wait_ready()
        use(one, 'switch', 'fan', 'set_position', 1)
    a.kill()
    frozen = b.freeze()
    wait_until(lambda: time.monotonic() > frozen + WINDOW + 0.5, 'the window is over')
    client.do('stop_all')
    assert use(client, 'switch', 'fan', 'get_position') == 1
    use(client, 'switch', 'fan', 'set_position', 0)
    servers.wait_called(fan, since, times=3)
    assert [one.data for one in servers.called(fan, since)] == [True, True, False]
    wait_idle(client, ('switch', 'laser'), ('generic', 'helper'))


@pytest.mark.parametrize(('name', 'topic'), [
    ('bell', 'bell/ring'), ('shutter', 'camera/shutter')])
def test_a_button_is_pushed_once(programs: Programs, servers: Servers, bridge: Bridge,
                                 client: Client, name: str, topic: str) -> None:
    """By a service that answers, or by a message; the end of the client changes nothing."""
    where, since = bridge.topic(topic), time.monotonic()
    a, b = (programs.client(bridge.address, ready=False) for _ in range(2))
    for one in (a, b):
        one.wait_ready()
        use(one, 'button', name, 'push')
    a.kill()
    frozen = b.freeze()
    wait_until(lambda: time.monotonic() > frozen + WINDOW + 0.5, 'the window is over')
    client.do('stop_all')
    use(client, 'button', name, 'push')
    servers.wait_called(where, since, times=3)
    assert len(servers.called(where, since)) == 3
    wait_idle(client, ('switch', 'laser'), ('generic', 'helper'))


def test_a_button_that_fails_returns_the_error(
        servers: Servers, bridge: Bridge, client: Client) -> None:
    """With the parameter, the service and its message."""
    bell = bridge.topic('bell/ring')
    servers.order('say', name=bell, mode='no')
    answer = client.ask('call', component='button', name='bell', method='push')
    servers.order('say', name=bell)
    assert not answer['ok'] and f'bell.service: {bell}: the answer was no' in answer['text']
    use(client, 'button', 'bell', 'push')


def test_what_does_not_move_goes_on_beside_the_dock(
        programs: Programs, bridge: Bridge, servers: Servers, client: Client) -> None:
    """Lights have no owner: they do not end the dock, and stay when their client has ended."""
    dock, lights = bridge.topic('dock'), bridge.topic('lights/enable')
    action, since = bridge.topic('dock_robot'), time.monotonic()
    owner, other = (programs.client(bridge.address, ready=False) for _ in range(2))
    owner.wait_ready()
    other.wait_ready()
    assert command(owner, command='dock') == {'success': True, 'message': f'{dock} says yes'}
    servers.order('goals', name=action, count=1)
    assert command(other, command='lights', data=True) == {
        'success': True, 'message': f'{lights} says yes'}
    killed = other.kill()
    wait_until(lambda: time.monotonic() > killed + 1.0, 'time for a stop to show')
    assert not servers.called(action, since)
    assert use(client, 'generic', 'helper', 'get_status')['state'] == 'moving'
    killed = owner.kill()
    assert servers.wait_called(action, killed).data is True
    bridge.wait_logged(r'helper: stopped \(verified\)')
    wait_idle(client, ('generic', 'helper'))
    assert command(client, command='lights', data=False)['success']
    servers.wait_called(lights, since, times=2)
    assert [one.data for one in servers.called(lights, since)] == [True, False]


def test_a_command_that_the_service_refuses_is_an_answer(
        bridge: Bridge, servers: Servers, client: Client) -> None:
    """No error of the call; whatever it began is stopped."""
    dock, action = bridge.topic('dock'), bridge.topic('dock_robot')
    servers.order('say', name=dock, mode='no')
    since = time.monotonic()
    answer = command(client, command='dock')
    servers.order('say', name=dock)
    assert not answer['success'] and f'{dock} says no' in answer['message']
    servers.wait_called(action, since)
    wait_idle(client, ('generic', 'helper'))
