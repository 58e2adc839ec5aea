# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bridge is killed or freezes: real processes, real signals, a driver without command timeout.

The guard's patience is 1 s here, so that a stall of the machine is no missing pulse. `driver`
receives two topics of each bridge: a base that moves, and one that is idle.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import signal
import time
from typing import Any
from xml.etree import ElementTree

from geometry_msgs.msg import Twist
import pytest
from std_msgs.msg import String

from host import lost, took
from observer import Observer, spinning_node
from processes import (
    base,
    Bridge,
    Client,
    Driver,
    Guard,
    MARGIN,
    new_namespace,
    Programs,
    settings,
    wait_until,
)
from servers import serving

GUARD_PATIENCE = 1.0  # s
LAUNCH_PATIENCE = 5.0  # s, from SIGINT to SIGTERM
LAUNCH_LIMIT = 10.0  # s, from SIGINT to SIGKILL
WEDGED = Path(__file__).with_name('programs') / 'wedged_bridge.py'
POLICY = Path(__file__).parents[2] / 'config' / 'sros2_policy.xml'
FORGED_NUMBER = 2 ** 60
DRIVE = 'viam_session_bridge/drive'


def guarded(*, required: bool = True, **changes: Any) -> dict[str, Any]:
    """Return the parameters of a bridge with two bases without command timeout."""
    bases = {name: {**base(topic), **changes} for name, topic in (
        ('base', 'cmd_vel'), ('idle', 'idle_cmd_vel'))}
    for one in bases.values():
        one['accept_no_timeout'] = not required
    # No session shall end because of a freeze.
    parameters = settings(
        bases, sessions={'heartbeat_window': 30.0, 'network_timeout': 30.0})
    parameters['guard'] = {'patience': GUARD_PATIENCE, 'required': required}
    return parameters


class Crew:
    """A bridge, its guard, a driver and a client."""

    def __init__(self, programs: Programs, *, moving: bool = True, guard: bool = True,
                 arguments: tuple[str, ...] = (), topic: str = 'cmd_vel',
                 parameters: dict[str, Any] | None = None, **driver: Any) -> None:
        namespace = new_namespace()
        self.programs = programs
        self.topic = f'{namespace}/{topic}'
        self.idle_topic = f'{namespace}/idle_cmd_vel'
        self.driver: Driver = programs.driver(
            self.topic, self.idle_topic, ready=False,
            **{name: value.format(namespace) for name, value in driver.items()})
        self.parameters = guarded() if parameters is None else parameters
        self.bridge: Bridge = programs.bridge(
            self.parameters, namespace=namespace, arguments=arguments)
        self.guard: Guard | None = programs.guard(self.bridge) if guard else None
        self.driver.wait_ready()
        self.bridge.wait_drivers('base', 'idle')
        if self.guard is not None:
            self.guard.wait_logged('base: a driver is connected')
        self.client: Client = programs.client(self.bridge.address)
        if moving:
            self.move()

    def move(self, power: float = 1.0) -> None:
        """Drive the base, and wait until it does. After a freeze it is refused for a while."""
        since = time.monotonic()
        wait_until(lambda: self.client.ask('set_power', base='base', linear=power)['ok'], 'motion')
        self.driver.wait_motion(self.topic, since)

    def refused(self) -> str:
        """Try to drive; returns the reason of the refusal."""
        answer = self.client.ask('set_power', base='base', linear=1.0)
        assert not answer['ok'] and answer['code'] == 'FAILED_PRECONDITION', answer
        return str(answer['text'])


class Joystick:
    """Another node that drives the base that is idle in the bridge."""

    def __init__(self, node: Any, topic: str) -> None:
        self._publisher = node.create_publisher(Twist, topic, 10)
        self._message = Twist()
        self._message.linear.x = 0.1
        self._timer = node.create_timer(
            0.05, lambda: self._publisher.publish(self._message))


@pytest.fixture(scope='module')
def node() -> Iterator[Any]:
    with spinning_node('joystick') as node:
        yield node


def test_the_guard_stops_the_robot_of_a_bridge_that_is_killed(
        programs: Programs, node: Any) -> None:
    """Zeros on the topic of the bridge, for the hold time; other bases are not disturbed."""
    crew = Crew(programs, arguments=('-r', 'viam_session_bridge:cmd_vel:=~/drive'), topic=DRIVE)
    assert crew.guard is not None
    joystick = Joystick(node, crew.idle_topic)
    crew.driver.wait_motion(crew.idle_topic, 0.0)

    def services() -> set[str]:
        return {name for name, _ in node.get_service_names_and_types()
                if name.startswith(crew.bridge.namespace + '/')}

    guard = f'{crew.bridge.namespace}/viam_session_bridge_guard'
    wait_until(lambda: {f'{crew.bridge.node}/estop', f'{guard}/reset'} <= services(), 'services')
    assert f'{guard}/estop' not in services(), 'a guard refuses no motion'
    at = crew.bridge.kill()
    zeros = crew.driver.check_stop(crew.topic, at, GUARD_PATIENCE)
    assert zeros[0].at - at >= GUARD_PATIENCE / 2.0
    assert zeros[-1].at - zeros[0].at >= 0.4
    crew.guard.wait_logged('has become silent; stopping base$')
    crew.guard.wait_logged('base: stopping, the bridge became silent')
    crew.guard.wait_logged('base: stopped')
    assert not any(one.is_zero for one in crew.driver.heard(crew.idle_topic))
    assert joystick is not None
    assert not crew.guard.logged('idle: stopping')


class Forger:
    """Copies the messages of bridge and guard, changes them, and sends them 20 times a second."""

    def __init__(self, node: Any, namespace: str) -> None:
        self._instance = ''
        topics = [f'{namespace}/viam_session_bridge/{name}' for name in ('pulse', 'guard')]
        self._pulses, self._echoes = (
            node.create_publisher(String, topic, 10) for topic in topics)
        self._reader = node.create_subscription(String, topics[0], self._read, 10)
        self._timer = node.create_timer(0.05, self._forge)
        self.sent = 0

    def _read(self, message: String) -> None:
        pulse, end = json.JSONDecoder().raw_decode(message.data)
        if pulse['sequence'] < FORGED_NUMBER:
            self._instance, self._pulse = pulse['instance'], pulse
            self._signature = message.data[end:]

    def _forge(self) -> None:
        if not self._instance:
            return
        pulse = {**self._pulse, 'active': {}, 'goals': {}, 'sequence': FORGED_NUMBER + self.sent}
        echo = {
            'guard': 'forged', 'instance': self._instance, 'sequence': FORGED_NUMBER,
            'configuration': pulse['configuration'], 'fired': self.sent, 'unreached': [],
            'latched': 'forged', 'moved': [], 'number': FORGED_NUMBER + self.sent}
        for publisher, content in ((self._pulses, pulse), (self._echoes, echo)):
            # As a version without signatures sends it, and with a signature of another message.
            for end in ('', self._signature):
                publisher.publish(String(data=json.dumps(content) + end))
        self.sent += 1


def test_forged_pulses_and_echoes_do_not_stand_in_for_bridge_and_guard(
        programs: Programs, node: Any) -> None:
    """Any node in the domain can read and publish on these topics."""
    crew = Crew(programs, guard=False, moving=False)
    forger = Forger(node, crew.topic.rpartition('/')[0])
    wait_until(lambda: forger.sent > 10, 'forged messages')
    assert 'no guard answers' in crew.refused()
    guard = programs.guard(crew.bridge)
    guard.wait_logged('base: a driver is connected')
    crew.move()
    crew.driver.check_driving(crew.topic, 1.0)
    crew.driver.check_stop(crew.topic, crew.bridge.kill(), GUARD_PATIENCE)
    guard.wait_logged('has become silent; stopping base$')
    for process in (crew.bridge, guard):
        assert process.logged(r'not signed with the key .* guard\.key_file'), process.text


def policy_of(node: str, name: str, permission: str) -> set[str]:
    """Return what the SROS2 policy of the package permits to the enclave of that name."""
    return {
        (entry.text or '').replace('~', f'/{node}')
        for enclave in ElementTree.parse(POLICY).iter('enclave')
        if enclave.get('path') == f'/{node}' for kind in enclave.iter(name)
        if kind.get(permission) == 'ALLOW' for entry in kind}


@pytest.mark.parametrize('process', ['bridge', 'guard'])
def test_the_sros2_policy_lets_both_processes_do_what_they_do(
        guarded_pair: tuple[str, Any], process: str) -> None:
    """Not enforced here: what their nodes have in the graph is compared with the file."""
    namespace, asking = guarded_pair
    node = 'viam_session_bridge' + ('_guard' if process == 'guard' else '')
    for ask, name, permission in (
            (asking.get_publisher_names_and_types_by_node, 'topics', 'publish'),
            (asking.get_subscriber_names_and_types_by_node, 'topics', 'subscribe'),
            (asking.get_service_names_and_types_by_node, 'services', 'reply')):
        found = {topic.removeprefix(namespace).strip('/') for topic, _ in ask(node, namespace)}
        allowed = {one.strip('/') for one in policy_of(node, name, permission)}
        assert found and found <= allowed | {'idle_cmd_vel'}


@pytest.fixture(scope='module')
def guarded_pair(shared: Programs, node: Any) -> tuple[str, Any]:
    """Return the namespace of a bridge with a guard, and a node that has found both."""
    namespace = new_namespace()
    shared.guard(shared.bridge(guarded(), namespace=namespace))
    names = {('viam_session_bridge', namespace), ('viam_session_bridge_guard', namespace)}
    wait_until(lambda: names <= set(node.get_node_names_and_namespaces()), 'both nodes')
    wait_until(lambda: all(
        node.count_publishers(f'{namespace}/viam_session_bridge/{topic}')
        for topic in ('pulse', 'guard')), 'pulse and echo')
    return namespace, node


def test_the_guard_stops_the_robot_of_a_bridge_that_freezes_and_nothing_resumes(
        programs: Programs) -> None:
    """After SIGCONT both stop, the guard ends its stop, and only a new command moves again."""
    crew = Crew(programs)
    assert crew.guard is not None
    at = crew.bridge.freeze()
    crew.driver.check_stop(crew.topic, at, GUARD_PATIENCE)
    thawed = crew.bridge.signal(signal.SIGCONT)
    crew.driver.check_no_motion(crew.topic, thawed)
    crew.bridge.wait_logged('ms late|the guard has stopped the robot')
    wait_until(lambda: crew.client.do('is_moving', base='base') is False, 'rest')
    crew.move(0.5)
    crew.driver.check_driving(crew.topic, 2.0 * GUARD_PATIENCE)


def test_motion_needs_a_guard_with_the_same_parameters_and_ends_with_it(
        programs: Programs, tmp_path: Any) -> None:
    crew = Crew(programs, moving=False, guard=False)
    assert 'no guard answers' in crew.refused()
    other = tmp_path / 'other.yaml'
    other.write_text(crew.bridge.file.read_text().replace('idle_cmd_vel', 'elsewhere'))
    stranger = programs.guard(crew.bridge, file=other, ready=False)
    wait_until(lambda: 'another configuration' in crew.refused(), 'the right reason')
    assert not crew.driver.heard()
    stranger.kill()
    guard = programs.guard(crew.bridge)
    crew.move()
    crew.driver.check_stop(crew.topic, guard.kill(), 4.0 * GUARD_PATIENCE)
    crew.bridge.wait_logged('base: stopping, no guard')
    assert 'no guard answers' in crew.refused()


def test_a_guard_that_freezes_and_thaws_leaves_a_healthy_bridge_alone(programs: Programs) -> None:
    """It handles queued pulses, and waits, before it decides."""
    crew = Crew(programs, parameters=guarded(required=False))
    assert crew.guard is not None
    crew.guard.freeze()
    crew.driver.check_driving(crew.topic, 3.0 * GUARD_PATIENCE)
    crew.guard.signal(signal.SIGCONT)
    crew.driver.check_driving(crew.topic, 3.0 * GUARD_PATIENCE)
    assert not crew.guard.logged('stopping')


# ---- shutdown -----------------------------------------------------------------------------------


def test_both_receive_a_signal_at_once_and_end(programs: Programs) -> None:
    """As launch does. The bridge stops the robot, the guard has nothing to do; both end well."""
    crew = Crew(programs)
    assert crew.guard is not None
    at = crew.bridge.signal(signal.SIGINT)
    crew.guard.signal(signal.SIGINT)
    assert crew.bridge.ended(LAUNCH_PATIENCE) == 0, crew.bridge.text
    assert crew.guard.ended(LAUNCH_PATIENCE) == 0, crew.guard.text
    # A bridge without a processor for this time sends no pulse.
    starved = lost(at - GUARD_PATIENCE) >= GUARD_PATIENCE / 2.0
    crew.driver.check_stop(crew.topic, at, 0.0)
    assert starved or not crew.guard.logged('stopping')


def test_a_guard_that_receives_a_signal_runs_the_escalations_before_it_ends(
        programs: Programs) -> None:
    """The bridge is killed, launch ends the guard, and the robot does not follow its stops."""
    with serving('brakes') as servers:
        parameters = guarded(odometry_topic='odom')
        parameters['base'].update(
            escalations=['brake'], brake={'kind': 'trigger', 'service': 'brake'})
        crew = Crew(programs, moving=False, odometry='{}/odom', odometry_mode='moving',
                    parameters=parameters)
        assert crew.guard is not None
        brake = crew.bridge.topic('brake')
        servers.order('serve', kind='trigger', name=brake)
        crew.move()
        at = crew.bridge.kill()
        crew.guard.signal(signal.SIGINT)
        assert crew.guard.ended(LAUNCH_LIMIT) == 1
        ended = time.monotonic()
        assert servers.wait_called(brake, at).at < ended
        crew.guard.wait_logged('base: STOP NOT CONFIRMED: .*no time left')
        crew.guard.wait_logged('base: escalation: .*brake: done')
        zeros = [one for one in crew.driver.heard(crew.topic, at) if one.is_zero]
        assert took(zeros[-1].at, ended) < MARGIN, 'stops continue to the end'


def test_an_emergency_stop_persists_after_the_bridge_was_killed(
        programs: Programs, observer: Observer) -> None:
    """Killed and started again, it refuses motion until a reset."""
    crew = Crew(programs)
    assert crew.guard is not None
    assert observer.trigger(crew.bridge, 'estop').success
    crew.bridge.wait_logged('EMERGENCY STOP')
    crew.driver.wait_silence(crew.topic)
    crew.bridge.kill()
    heir = programs.bridge(crew.parameters, namespace=crew.bridge.namespace)
    since = time.monotonic()
    heir.wait_drivers('base', 'idle')
    heir.wait_logged('a guard answers')
    heir.wait_logged('EMERGENCY STOP: a call of ~/estop')
    client = programs.client(heir.address)
    answer = client.ask('set_power', base='base', linear=1.0)
    assert not answer['ok'] and 'a call of ~/estop' in answer['text'], answer
    assert not [one for one in crew.driver.heard(crew.topic, since) if not one.is_zero]
    assert observer.trigger(heir, 'reset').success
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'motion')
    # The reset holds for later bridges as well.
    heir.kill()
    third = programs.bridge(crew.parameters, namespace=crew.bridge.namespace)
    third.wait_drivers('base', 'idle')
    third.wait_logged('a guard answers')
    client = programs.client(third.address)
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'motion')


def test_a_guard_whose_lock_is_never_released_stops_the_drivers_and_ends(
        programs: Programs) -> None:
    """It stops what the bridge had moved, touches nothing else, and launch starts another."""
    crew = Crew(programs, guard=False, moving=False)
    guard = programs.guard(crew.bridge, program=(WEDGED, 'guard'))
    guard.wait_logged('base: a driver is connected')
    # It sends only two zeros before it hangs.
    crew.driver.wait_matched(crew.topic, writers=2)
    crew.move()
    crew.bridge.kill()
    assert guard.ended() == 1
    assert guard.logged('a vital part failed')
    crew.driver.wait_silence(crew.topic)
    zeros = [one for one in crew.driver.heard(crew.topic) if one.is_zero]
    assert len(zeros) >= 4, 'two before it hung, and the last resort'
    assert not crew.driver.heard(crew.idle_topic)


def test_the_guard_stops_the_robot_of_a_bridge_that_is_killed_in_its_shutdown(
        programs: Programs) -> None:
    crew = Crew(programs)
    assert crew.guard is not None
    crew.guard.signal(signal.SIGINT)
    at = crew.bridge.kill()
    zeros = crew.driver.check_stop(crew.topic, at, GUARD_PATIENCE)
    assert crew.guard.ended(LAUNCH_PATIENCE) == 0, crew.guard.text
    assert zeros[-1].at - zeros[0].at >= 0.4


def test_the_guard_continues_the_stop_that_the_bridge_did_not_verify(
        programs: Programs) -> None:
    """Odometry shows motion to the end: both report it."""
    parameters = guarded(odometry_topic='odom')
    # A last pulse that a busy machine delays must not count as silence.
    parameters['guard']['patience'] = 5.0
    crew = Crew(programs, moving=False, odometry='{}/odom', odometry_mode='moving',
                parameters=parameters)
    assert crew.guard is not None
    crew.move()
    at = crew.bridge.signal(signal.SIGINT)
    crew.guard.signal(signal.SIGINT)
    assert crew.bridge.ended(LAUNCH_PATIENCE) == 1
    ended = time.monotonic()
    assert crew.guard.ended(LAUNCH_LIMIT) == 1
    assert 'left without seeing rest: base' in crew.guard.text
    crew.guard.wait_logged('base: stopping, the bridge has left')
    zeros = crew.driver.check_stop(crew.topic, at, 0.0)
    assert took(zeros[-1].at, ended) < MARGIN


# ---- restart, and a second start ----------------------------------------------------------------


def test_a_bridge_that_starts_stops_first(programs: Programs) -> None:
    """No guard covered the gap: the driver keeps the last speed of a bridge that was killed."""
    crew = Crew(programs, guard=False, parameters=guarded(required=False))
    crew.bridge.kill()
    assert not crew.driver.heard(crew.topic)[-1].is_zero
    parameters = guarded(required=False, stop_on_start=True, stop_hold=2.0)
    began = time.monotonic()
    heir = programs.bridge(parameters, namespace=crew.bridge.namespace)
    crew.driver.wait_zero(crew.topic, began)
    client = programs.client(heir.address)
    heir.wait_logged('base: stopping, the bridge has just started')
    heir.wait_logged('idle: stopping, the bridge has just started')
    crew.driver.check_stop(crew.topic, began, 10.0)
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'motion')
    zeros = [one.at for one in crew.driver.heard(crew.topic, began) if one.is_zero]
    assert zeros[-1] - zeros[0] >= 1.5


def test_a_second_bridge_on_the_same_robot_refuses(
        programs: Programs, observer: Observer) -> None:
    """
    Once it has found the first one, it sends nothing; when that has ended, it stops first.

    Discovery may take seconds.
    """
    crew = Crew(programs, guard=False, parameters=guarded(required=False))
    second = programs.bridge(
        guarded(required=False, stop_on_start=True), namespace=crew.bridge.namespace)
    second.wait_drivers('base', 'idle')
    second.wait_logged('another bridge .* is already active')
    client = programs.client(second.address)
    refusal = client.ask('set_power', base='base', linear=1.0)
    assert not refusal['ok'] and 'another bridge' in refusal['text'], refusal
    since = time.monotonic()
    observer.wait_status('other bridge', 2, since)
    crew.driver.check_driving(crew.topic, 1.0)
    assert not crew.driver.heard(crew.idle_topic, since)
    crew.bridge.signal(signal.SIGTERM)
    assert crew.bridge.ended(LAUNCH_PATIENCE) == 0
    second.wait_logged('the other bridge has ended')
    crew.driver.wait_zero(crew.idle_topic, since)
    wait_until(lambda: client.ask('set_power', base='base', linear=1.0)['ok'], 'motion')
