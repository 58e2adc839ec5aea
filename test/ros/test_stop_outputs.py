# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Stop outputs with real services, actions and topics in another process."""

from collections.abc import Callable, Iterator
from itertools import count
import signal
import threading
import time
from typing import Any

import pytest
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Empty, SetBool, Trigger

from host import took
from processes import wait_until
from servers import Servers, serving
from viam_session_bridge.core.setpoints import ServiceCall, Velocity
from viam_session_bridge.parameters.outputs import CANCEL_SERVICE
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.services import PassServices, ServiceCaller
from viam_session_bridge.ros.drivers.stop_calls import CallingStop
from viam_session_bridge.ros.drivers.stop_cancel import CancelStop
from viam_session_bridge.ros.drivers.stop_messages import LockStop

_numbers = count(1)
REQUESTS: dict[str, Any] = {
    'trigger': Trigger.Request(), 'set_bool': SetBool.Request(data=False),
    'empty': Empty.Request()}
DRIVE, DOCK = Velocity((1.0, 0.0, 0.0)), ServiceCall('dock')
PERIOD = 0.05  # s

# What a busy machine does not exceed (s); and what tests of them use.
LONG_CALL, LONG_STOP = 30.0, 60.0
CALL_TIMEOUT, STOP_TIMEOUT = 0.5, 4.0


@pytest.fixture(scope='module')
def servers(node: Node) -> Iterator[Servers]:
    with serving() as servers:
        servers.meet(node)
        yield servers


@pytest.fixture(scope='module')
def services(node: Node) -> PassServices:
    return PassServices(node)


class Reports:
    """What an output reported: (epoch, problem), in order."""

    def __init__(self) -> None:
        self.all: list[tuple[int, str]] = []

    def take(self, epoch: int, problem: str) -> None:
        self.all.append((epoch, problem))

    def wait(self, epoch: int) -> str:
        """Return the first problem that was reported of an epoch."""
        return wait_until(
            lambda: next(((problem,) for one, problem in list(self.all) if one == epoch), None),
            f'a report of epoch {epoch}')[0]


def run_pass(services: PassServices, act: Callable[[], None]) -> None:
    """Run a pass of the pump."""
    act()
    services.flush()


class Stopping:
    """Sends a stop repeatedly, as the pump does, from its own thread."""

    def __init__(self, services: PassServices, output: Any, epoch: int) -> None:
        self._services = services
        self._output = output
        self.epoch = epoch
        self._passes: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            began = time.monotonic()
            run_pass(self._services, lambda: self._output.stop(self.epoch))
            self._passes.append((began, time.monotonic()))

    def wait_pass(self) -> None:
        """Wait for a pass that begins after this call."""
        since = time.monotonic()
        wait_until(lambda: any(began >= since for began, _ in list(self._passes)), 'a pass')

    def __enter__(self) -> 'Stopping':
        run_pass(self._services, lambda: self._output.stop(self.epoch))
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self._thread.join()
        # Nothing blocks on a service, not even on one that hangs.
        assert not [one for one in self._passes if took(*one) >= 0.4]


def new_name(node: Node) -> str:
    return f'{node.get_namespace()}/output{next(_numbers)}'


def calling(services: PassServices, kind: str, name: str, reports: Reports,
            **options: Any) -> CallingStop:
    caller = services.caller(kind, name, 'base.power.service')
    return CallingStop(caller, REQUESTS[kind], answered=reports.take, **{
        'call_timeout': LONG_CALL, 'stop_timeout': LONG_STOP, **options})


def wait_served(output: Any) -> None:
    wait_until(lambda: not output.path_problem(), 'the service')


@pytest.mark.parametrize('kind', REQUESTS)
def test_a_service_is_called_once_and_its_success_is_reported(
        node: Node, services: PassServices, servers: Servers, kind: str) -> None:
    """However often the stop is repeated; the next stop calls it again."""
    name, reports = new_name(node), Reports()
    output = calling(services, kind, name, reports)
    servers.order('serve', kind=kind, name=name)
    wait_served(output)
    for epoch in (1, 2):
        with Stopping(services, output, epoch):
            assert reports.wait(epoch) == ''
            time.sleep(4 * PERIOD)
    assert reports.all == [(1, ''), (2, '')]
    data = False if kind == 'set_bool' else None
    assert [one.data for one in servers.called(name)] == [data, data]


def test_a_refusal_is_reported_at_once_and_the_call_is_repeated(
        node: Node, services: PassServices, servers: Servers) -> None:
    """With the parameter, the service and its message; a late success counts."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports)
    servers.order('serve', kind='trigger', name=name)
    servers.order('say', name=name, mode='no')
    wait_served(output)
    with Stopping(services, output, 7):
        problem = reports.wait(7)
        assert problem == f'base.power.service: {name}: the answer was no: {name} says no'
        servers.wait_called(name, times=2)
        servers.order('say', name=name, mode='yes')
        wait_until(lambda: (7, '') in reports.all, 'the late success')


def test_a_service_that_is_missing_is_called_when_it_appears(
        node: Node, services: PassServices, servers: Servers) -> None:
    """A call without a server is never answered, and no success is reported meanwhile."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports)
    assert output.path_problem() == (
        f'base.power.service: {name} has no server (expected std_srvs/srv/Trigger)')
    with Stopping(services, output, 1):
        time.sleep(6 * PERIOD)
        assert not reports.all
        servers.order('serve', kind='trigger', name=name)
        assert reports.wait(1) == ''
    assert len(servers.called(name)) == 1


def test_a_service_that_stays_missing_is_reported_before_the_stop_times_out(
        node: Node, services: PassServices) -> None:
    """Once, with its name."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports, stop_timeout=STOP_TIMEOUT)
    began = time.monotonic()
    with Stopping(services, output, 3):
        assert reports.wait(3) == f'base.power.service: {name} is not served'
        assert 0.9 * STOP_TIMEOUT <= time.monotonic() - began
        time.sleep(4 * PERIOD)
    assert len(reports.all) == 1


def test_another_type_is_named(node: Node, services: PassServices, servers: Servers) -> None:
    """It never matches, and DDS reports nothing."""
    name = new_name(node)
    output = calling(services, 'trigger', name, Reports())
    servers.order('serve', kind='set_bool', name=name)
    wait_until(lambda: 'is of type' in output.path_problem(), 'the type')
    assert output.path_problem() == (
        f'base.power.service: {name} is of type std_srvs/srv/SetBool; '
        'expected std_srvs/srv/Trigger')


def test_a_hung_service_times_out_is_called_again_and_its_late_response_counts(
        node: Node, services: PassServices) -> None:
    """A frozen process looks healthy for 20 s; there is one call at a time."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports, call_timeout=CALL_TIMEOUT,
                     stop_timeout=STOP_TIMEOUT)
    with serving('hung') as hung:
        hung.order('serve', kind='trigger', name=name)
        wait_served(output)
        hung.freeze()
        with Stopping(services, output, 1):
            problem = reports.wait(1)
            assert problem == f'base.power.service: {name} has not answered within 0.5 s'
            hung.signal(signal.SIGCONT)
            wait_until(lambda: (1, '') in reports.all, 'its answer')
        # 4 s of half a second each, and half a second between.
        assert 2 <= len(hung.called(name)) <= 8


def test_a_slow_success_counts_for_the_stop_that_began_meanwhile(
        node: Node, services: PassServices, servers: Servers) -> None:
    """A joystick at rest sends a zero, a new stop, every 50 ms."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports)
    servers.order('serve', kind='trigger', name=name)
    wait_served(output)
    servers.order('say', name=name, delay=LONG_CALL)
    with Stopping(services, output, 1) as stopping:
        servers.wait_called(name)
        stopping.epoch = 2
        stopping.wait_pass()
        servers.order('say', name=name)
        assert reports.wait(2) == ''
    assert (1, '') not in reports.all


def test_a_success_from_before_the_motion_does_not_count(
        node: Node, services: PassServices, servers: Servers) -> None:
    """The earlier call does not cover the later motion."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports)
    servers.order('serve', kind='trigger', name=name)
    wait_served(output)
    servers.order('say', name=name, delay=LONG_CALL)
    run_pass(services, lambda: output.stop(1))
    servers.wait_called(name)
    output.moved(DRIVE)
    with Stopping(services, output, 2) as stopping:
        stopping.wait_pass()
        servers.order('say', name=name)
        assert reports.wait(2) == ''
        assert len(servers.called(name)) == 2
    assert reports.all == [(2, '')]


def test_a_success_from_before_the_motion_does_not_count_however_late_the_motion_is_sent(
        node: Node, services: PassServices, servers: Servers,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """While the executor judges the response, the pump sends a motion and its stop."""
    name, reports = new_name(node), Reports()
    output = calling(services, 'trigger', name, reports)
    servers.order('serve', kind='trigger', name=name)
    wait_served(output)
    judge, reported_before = output._judge, list[int]()

    def judged_meanwhile(response: Any) -> Any:
        verdict = judge(response)
        reported_before.append(len(reports.all))
        if len(reported_before) == 1:
            output.moved(DRIVE)
            run_pass(services, lambda: output.stop(2))
        return verdict

    monkeypatch.setattr(output, '_judge', judged_meanwhile)
    run_pass(services, lambda: output.stop(1))
    assert reports.wait(2) == ''
    wait_until(lambda: len(reported_before) == 2, 'the response to the second call')
    assert reported_before == [0, 0], 'the first response has confirmed the second stop'


def test_a_deferred_call_that_fails_is_no_end_of_the_others(services: PassServices) -> None:
    begun: list[int] = []
    services.later(lambda: begun.append(1 // 0))
    services.later(lambda: begun.append(2))
    with pytest.raises(ZeroDivisionError):
        services.flush()
    services.flush()
    assert begun == [2]


def test_what_holds_is_released_before_motion(
        node: Node, services: PassServices, servers: Servers) -> None:
    """And called again by the next stop."""
    name, reports, prepared = new_name(node), Reports(), Reports()
    output = calling(services, 'set_bool', name, reports, release=SetBool.Request(data=True),
                     prepared=prepared.take)
    run_pass(services, lambda: output.prepare(1))
    assert prepared.wait(1) == f'base.power.service: {name} is not served'
    servers.order('serve', kind='set_bool', name=name)
    wait_served(output)
    run_pass(services, lambda: output.stop(2))
    assert reports.wait(2) == ''
    run_pass(services, lambda: output.prepare(3))
    assert prepared.wait(3) == ''
    run_pass(services, lambda: output.stop(4))
    assert reports.wait(4) == ''
    assert [one.data for one in servers.called(name)] == [False, True, False]
    servers.order('say', name=name, mode='no')
    run_pass(services, lambda: output.prepare(5))
    assert prepared.wait(5) == f'base.power.service: {name}: the answer was no: {name} says no'


def test_a_lock_is_repeated_and_released(node: Node, servers: Servers) -> None:
    """Released before motion and with every command: without messages it may count as locked."""
    name, prepared = new_name(node), Reports()
    servers.order('listen', topic=name)
    topic = OutputTopic(node, 'base.lock', Bool, name, driver_node='', on_appear=lambda: None,
                        choice='another topic', chosen_by='topic')
    lock = LockStop(topic, True, False, prepared.take)
    wait_until(lambda: not lock.path_problem(), 'the subscriber')
    for act in (lambda: lock.prepare(1), lambda: lock.moved(DRIVE), lambda: lock.stop(2),
                lambda: lock.stop(2)):
        heard = len(servers.called(name))
        act()
        servers.wait_called(name, times=heard + 1)
    assert prepared.all == [(1, '')]
    assert [one.data for one in servers.called(name)] == [False, False, True, True]


# --- Cancelling


def cancelling(node: Node, services: PassServices, name: str, reports: Reports,
               **options: Any) -> CancelStop:
    caller: ServiceCaller = services.caller('cancel', name + CANCEL_SERVICE, 'base.nav.action')
    return CancelStop(node, name, caller, answered=reports.take, **{
        'call_timeout': LONG_CALL, 'stop_timeout': LONG_STOP, **options})


def test_all_goals_are_cancelled_and_seen_to_end(
        node: Node, services: PassServices, servers: Servers) -> None:
    """By a request with a zero id and a zero stamp."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    servers.order('act', name=name)
    servers.order('goals', name=name, count=2)
    wait_served(output)
    # A goal that appears during the stop would be cancelled again.
    wait_until(lambda: output._watch.active, 'the goals')
    with Stopping(services, output, 1):
        assert reports.wait(1) == ''
    assert [one.data for one in servers.called(name)] == [True]


def test_nothing_to_cancel_is_success(
        node: Node, services: PassServices, servers: Servers) -> None:
    """A server that never had a goal has never published its status."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    servers.order('act', name=name)
    wait_served(output)
    with Stopping(services, output, 1):
        assert reports.wait(1) == ''


@pytest.mark.parametrize('mode', ['brake', 'late'])
def test_a_goal_that_is_cancelling_is_not_cancelled(
        node: Node, services: PassServices, servers: Servers, mode: str) -> None:
    """The server has accepted, the robot still brakes: the stop is not done."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    servers.order('act', name=name, mode=mode)
    servers.order('goals', name=name, count=1)
    wait_served(output)
    with Stopping(services, output, 1):
        servers.wait_called(name)
        time.sleep(0.7)
        assert not reports.all
        servers.order('finish', name=name)
        assert reports.wait(1) == ''


def test_a_goal_that_never_ends_is_reported(
        node: Node, services: PassServices, servers: Servers) -> None:
    """With the content of the status topic."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports, stop_timeout=STOP_TIMEOUT)
    servers.order('act', name=name, mode='brake')
    servers.order('goals', name=name, count=1)
    wait_served(output)
    with Stopping(services, output, 1):
        problem = reports.wait(1)
    assert problem.startswith(f'base.nav.action: {name}{CANCEL_SERVICE} has answered, but ')
    assert f'{name}/_action/status shows 1 goals that have not ended' in problem


@pytest.mark.parametrize(('mode', 'says'), [
    ('reject', 'the server refuses to cancel'), ('refuse', 'the server does not cancel; 2 goals')])
def test_a_refusal_is_no_success(
        node: Node, services: PassServices, servers: Servers, mode: str, says: str) -> None:
    """Servers of rclpy refuse by default, and answer 0."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    servers.order('act', name=name, mode=mode)
    servers.order('goals', name=name, count=2)
    wait_served(output)
    with Stopping(services, output, 1):
        assert says in reports.wait(1)
        servers.order('act', name=name, mode='cancel')
        wait_until(lambda: (1, '') in reports.all, 'a server that accepts')


def test_a_goal_that_appears_during_the_stop_is_cancelled_as_well(
        node: Node, services: PassServices, servers: Servers) -> None:
    """A planner's next goal, for example."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    servers.order('act', name=name)
    servers.order('goals', name=name, count=1)
    wait_served(output)
    with Stopping(services, output, 1):
        assert reports.wait(1) == ''
        servers.order('goals', name=name, count=1)
        servers.wait_called(name, times=2)


def test_a_server_that_was_killed_leaves_no_goals(node: Node, services: PassServices) -> None:
    """Its last status does not apply to the server that replaces it."""
    name, reports = new_name(node), Reports()
    output = cancelling(node, services, name, reports)
    with serving('first') as first:
        first.meet(node)
        first.order('act', name=name, mode='refuse')
        first.order('goals', name=name, count=1)
        wait_served(output)
        wait_until(lambda: output._watch.active, 'its goal')
        first.finish()
    with serving('second') as second:
        second.meet(node)
        second.order('act', name=name)
        with Stopping(services, output, 1):
            assert reports.wait(1) == ''


# --- Our own goals


class Ours:
    """A cancel output for our own goals; its resource moves while `moves` is set."""

    def __init__(self, node: Node, services: PassServices, servers: Servers,
                 own: bool = True) -> None:
        self.name, self.reports, self.moves = new_name(node), Reports(), False
        self.told: list[tuple[str, ...]] = []
        self.late: list[float] = []
        servers.order('act', name=self.name)
        self.output = cancelling(
            node, services, self.name, self.reports, own=own, moving=lambda: self.moves,
            report_goals=self.told.append, late=lambda: self.late.append(time.monotonic()))
        wait_served(self.output)

    def wait_goals(self, count: int) -> None:
        """Wait until so many goals are known."""
        wait_until(lambda: len(self.output._watch.active) == count, 'the goals')

    def move(self, setpoint: Any = DRIVE) -> None:
        """Begin a motion."""
        self.output.moved(setpoint)
        self.moves = True

    def stop(self, services: PassServices, epoch: int) -> None:
        """Stop until that is done."""
        self.moves = False
        with Stopping(services, self.output, epoch):
            assert self.reports.wait(epoch) == ''


def test_own_goals_are_cancelled_by_their_ids_and_others_stay_active(
        node: Node, services: PassServices, servers: Servers) -> None:
    """Ours are those that appear while we move; the stop is done while others are active."""
    one = Ours(node, services, servers)
    wait_until(lambda: one.output._watch.known, 'silence')
    servers.begin(one.name)
    one.wait_goals(1)
    one.move()
    ours = servers.begin(one.name, 2)
    wait_until(lambda: one.told and one.told[-1] == tuple(sorted(ours)), 'the report of our goals')
    one.stop(services, 1)
    assert {called.data for called in servers.called(one.name)} == set(ours)
    one.wait_goals(1)
    wait_until(lambda: one.told[-1] == (), 'the report of their end')
    servers.begin(one.name)
    one.wait_goals(2)
    one.stop(services, 2)
    assert len(servers.called(one.name)) == 2 and not one.late


def test_a_goal_whose_start_is_unknown_is_not_ours(
        node: Node, services: PassServices, servers: Servers) -> None:
    """It is in the first message of the action, while we moved already."""
    name = new_name(node)
    servers.order('act', name=name)
    servers.begin(name)
    reports = Reports()
    output = cancelling(node, services, name, reports, own=True, moving=lambda: True)
    wait_served(output)
    wait_until(lambda: output._watch.active, 'the goal')
    output.moved(DRIVE)
    with Stopping(services, output, 1):
        assert reports.wait(1) == ''
    assert not servers.called(name)


@pytest.mark.parametrize('own', [True, False])
def test_a_goal_that_a_stopped_command_requests_late_is_reported(
        node: Node, services: PassServices, servers: Servers, own: bool) -> None:
    """The receiver of the report sends the stop again, which cancels it."""
    one = Ours(node, services, servers, own)
    wait_until(lambda: one.output._watch.known, 'silence')
    one.move(DOCK)
    one.stop(services, 1)
    [goal] = servers.begin(one.name)
    wait_until(lambda: one.late, 'the report of it')
    one.stop(services, 2)
    assert servers.called(one.name)[-1].data == (goal if own else True)
    assert len(one.late) == 1


@pytest.mark.parametrize('own', [True, False])
def test_a_goal_that_appears_after_any_other_motion_is_not_ours(
        node: Node, services: PassServices, servers: Servers, own: bool) -> None:
    """A velocity requests no goals."""
    one = Ours(node, services, servers, own)
    wait_until(lambda: one.output._watch.known, 'silence')
    one.move()
    one.stop(services, 1)
    servers.begin(one.name)
    one.wait_goals(1)
    assert not one.late


def test_goals_are_adopted_from_a_bridge(
        node: Node, services: PassServices, servers: Servers) -> None:
    """By its guard, which never moved anything; an invalid id is ignored."""
    one = Ours(node, services, servers)
    goals = servers.begin(one.name, 2)
    one.wait_goals(2)
    one.output.adopt(['', 'no id', '00', goals[0]])
    one.stop(services, 1)
    assert [called.data for called in servers.called(one.name)] == [goals[0]]
