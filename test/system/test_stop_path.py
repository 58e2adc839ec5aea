# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A mistake on the way to the driver shows at the first command, not when the robot does not stop.

One bridge has a base for every mistake; one driver process each makes it.
"""

import time

import pytest

from processes import base, Bridge, Client, Driver, new_namespace, Programs, settings, wait_until

TWIST = 'geometry_msgs/msg/Twist'
STAMPED = 'geometry_msgs/msg/TwistStamped'


@pytest.fixture(scope='module')
def bridge(shared: Programs) -> Bridge:
    namespace = new_namespace()
    return shared.bridge(settings({
        'typo': base('cmd_vle'),
        'mixup': base('mixup'),
        'mixup_stamped': base('mixup_stamped', driver='twist_stamped'),
        'durability': base('durability'),
        'namespace': base('namespace'),
        'other': base('other', driver_node=f'{namespace}/motors'),
        'latched': base('latched', driver_node=f'{namespace}/latched'),
        'named': base('named', driver_node=f'{namespace}/named'),
        'unchecked': base('unchecked', require_stop_path=False),
        'known': base('known'),
        'late': base('late'),
        'waiting': base('waiting'),
        'overtaken': base('overtaken'),
    }), namespace=namespace)


@pytest.fixture(scope='module')
def drivers(shared: Programs, bridge: Bridge) -> dict[str, Driver]:
    def driver(topic: str, node: str, **options: object) -> Driver:
        return shared.driver(topic, node=f'{bridge.namespace}/{node}', ready=False, **options)

    started = {
        'typo': driver(bridge.topic('cmd_vel'), 'typo'),
        'mixup': driver(bridge.topic('mixup'), 'mixup', type='twist_stamped'),
        'mixup_stamped': driver(bridge.topic('mixup_stamped'), 'mixup_stamped'),
        'durability': driver(
            bridge.topic('durability'), 'durability', durability='transient_local'),
        'namespace': driver('/elsewhere/namespace', 'namespace'),
        'other': driver(bridge.topic('other'), 'echo'),
        'latched': driver(bridge.topic('latched'), 'latched', durability='transient_local'),
        'latched_echo': driver(bridge.topic('latched'), 'echo'),
        'named': driver(bridge.topic('named'), 'named'),
    }
    for one in started.values():
        one.wait_ready()
    bridge.wait_drivers('named')
    return started


@pytest.fixture(scope='module')
def client(shared: Programs, bridge: Bridge, drivers: dict[str, Driver]) -> Client:
    return shared.client(bridge.address)


REFUSALS = {
    'typo': ('typo.topic', '{ns}/cmd_vle', TWIST, 'has no subscriber'),
    'mixup': ('mixup.driver', '{ns}/mixup', TWIST, f'{{ns}}/mixup expects {STAMPED}'),
    'mixup_stamped': ('mixup_stamped.driver', '{ns}/mixup_stamped', STAMPED,
                      f'{{ns}}/mixup_stamped expects {TWIST}'),
    'durability': ('durability.topic', '{ns}/durability', 'QoS', '{ns}/durability requests',
                   'TRANSIENT_LOCAL', 'VOLATILE'),
    'namespace': ('namespace.topic', '{ns}/namespace', TWIST, 'has no subscriber'),
    'other': ('other.driver_node', '{ns}/motors', '{ns}/echo'),
    'latched': ('latched.', '{ns}/latched', 'TRANSIENT_LOCAL'),
}


@pytest.fixture(scope='module')
def refusals(bridge: Bridge, client: Client) -> dict[str, dict[str, object]]:
    """Command every base once discovery is over, all at the same time; returns the answers."""
    # Which mistake it is shows only once the wrong subscriber was found.
    for name in ('mixup', 'mixup_stamped', 'durability', 'other'):
        bridge.wait_logged(rf'no stop path: {name}\.[^:]+: (?!\S+ has no subscriber)')
    # The other subscriber of the topic may be found first.
    bridge.wait_logged(r'no stop path: latched\..*TRANSIENT_LOCAL')
    orders = {name: client.begin('set_power', base=name, linear=1.0) for name in REFUSALS}
    return {name: client.answer(order) for name, order in orders.items()}


@pytest.mark.parametrize('name', REFUSALS)
def test_a_mistake_is_refused_with_parameter_found_and_expected(
        bridge: Bridge, drivers: dict[str, Driver], client: Client,
        refusals: dict[str, dict[str, object]], name: str) -> None:
    """The first command returns it, and nothing moves."""
    answer = refusals[name]
    if answer['ok']:
        client.do('stop', base=name)
    assert not answer['ok'], f'a stop would not reach {name}, but motion was accepted'
    assert answer['code'] == 'FAILED_PRECONDITION'
    for part in REFUSALS[name]:
        assert part.format(ns=bridge.namespace) in answer['text']
    assert not drivers[name].heard()


def test_the_named_driver_is_accepted(
        bridge: Bridge, drivers: dict[str, Driver], client: Client) -> None:
    """The same parameter, fulfilled."""
    client.do('set_power', base='named', linear=1.0)
    drivers['named'].wait_motion(bridge.topic('named'), 0.0)
    client.do('stop', base='named')


def test_a_stop_needs_no_stop_path(client: Client) -> None:
    """A Stop and a zero command are accepted in every state."""
    client.do('stop', base='typo')
    client.do('set_power', base='typo')
    client.do('set_velocity', base='mixup')


def test_without_the_check_a_base_accepts_motion_without_a_receiver(client: Client) -> None:
    """With require_stop_path: false."""
    client.do('set_power', base='unchecked', linear=1.0)
    assert client.do('is_moving', base='unchecked')
    client.do('stop', base='unchecked')


@pytest.fixture(scope='module')
def newcomer(shared: Programs, bridge: Bridge) -> Driver:
    """Return a driver that DDS has found already: what remains takes milliseconds, not seconds."""
    driver = shared.driver(bridge.topic('known'), reliability='best_effort')
    bridge.wait_drivers('known')
    return driver


def test_a_command_waits_for_a_driver_that_is_just_starting(
        bridge: Bridge, newcomer: Driver, client: Client) -> None:
    """Sent before its driver subscribes, the command is executed when it does."""
    order = client.begin('set_power', base='late', linear=1.0)
    newcomer.send(do='listen', topic=bridge.topic('late'))
    assert client.answer(order)['ok'], client.answer(order)
    newcomer.wait_motion(bridge.topic('late'), 0.0)
    client.do('stop', base='late')


def wait_waiting(client: Client, count: int) -> None:
    """Wait until so many commands wait inside the bridge: the SDK may send calls in any order."""
    wait_until(lambda: sum('SetPower' in method for method in client.do('operations')) == count,
               f'{count} commands that wait')


def test_a_command_that_waits_is_not_executed_after_a_stop(
        bridge: Bridge, newcomer: Driver, client: Client) -> None:
    """Law 4: a late command can never follow a stop, not even one that waits for a driver."""
    topic = bridge.topic('waiting')
    order = client.begin('set_power', base='waiting', linear=1.0)
    wait_waiting(client, 1)
    client.do('stop', base='waiting')
    newcomer.send(do='listen', topic=topic)
    client.answer(order)
    try:
        newcomer.check_no_motion(topic, 0.0)
    finally:
        client.do('stop', base='waiting')


def test_a_command_that_waits_does_not_overtake_a_later_one(
        bridge: Bridge, newcomer: Driver, client: Client) -> None:
    """The last caller wins, also where all had to wait for the driver."""
    topic = bridge.topic('overtaken')
    orders = []
    for power in (1.0, 0.75, 0.5, 0.25):
        orders.append(client.begin('set_power', base='overtaken', linear=power))
        time.sleep(0.05)
    newcomer.send(do='listen', topic=topic)
    answers = [client.answer(order) for order in orders]
    try:
        assert answers[-1]['ok']
        last = pytest.approx((0.25 * 0.3, 0.0, 0.0))
        first = wait_until(lambda: next(
            (one for one in newcomer.heard(topic) if one.linear == last), None), 'the last one')
        wait_until(lambda: newcomer.heard(topic, first.at + 0.3), 'the setpoint that holds')
        assert all(one.linear == last for one in newcomer.heard(topic, first.at))
    finally:
        client.do('stop', base='overtaken')
