# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics that the node publishes at once, without waiting for its period."""

from collections.abc import Iterator
from datetime import datetime
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist
import pytest
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
import rclpy
from rclpy.node import Node

from observer import spinning_node
from processes import new_namespace, PATIENCE, wait_until
from viam_session_bridge.core.events import (
    Changed,
    Command,
    DriverDisappeared,
    Emergency,
    LogEvent,
    MotionBegun,
    Outputs,
)
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, ConnectionClaim, Policy
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.locked_supervisor import locked_bridge
from viam_session_bridge.parameters.base import BaseConfig
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros import node as node_module
from viam_session_bridge.ros import other_publishers
from viam_session_bridge.ros.node import BridgeNode, ExecutorThread, Report

BASE = BaseConfig(name='base', driver='twist', topic='cmd_vel')


class Rig:
    """A bridge's node whose next diagnostics are due in an hour, and its statuses."""

    def __init__(self, node: Node) -> None:
        self.said: list[DiagnosticStatus] = []
        self.supervisor = locked_bridge([BASE.resource], Policy())
        self.node = BridgeNode(
            node, self.supervisor, BridgeConfig(resources=(BASE,)), dict, lambda: None)
        self.subscription = node.create_subscription(
            DiagnosticArray, '/diagnostics', lambda array: self.said.extend(array.status), 10)
        wait_until(lambda: self.subscription.get_publisher_count() > 0, 'a publisher')
        wait_until(self._received, 'diagnostics are received')
        # What was triggered before may still be on its way.
        passed = threading.Event()
        barrier = node.create_guard_condition(passed.set)
        for _ in range(3):
            passed.clear()
            barrier.trigger()
            wait_until(passed.is_set, 'the executor has passed')
        self.said.clear()

    def _received(self) -> bool:
        self.node.notice(Outputs(events=(Emergency('for discovery'),)))
        time.sleep(0.05)
        return bool(self.said)


@pytest.fixture
def rig(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(node_module, 'DIAGNOSTICS_PERIOD', 3600.0)
    yield Rig(node)


@pytest.mark.parametrize('event', [
    Emergency('pressed'),
    Changed('base', State.STOPPING, State.UNCONFIRMED, Reason.NOT_AT_REST)])
def test_urgent_diagnostics_are_published_at_once(
        rig: Rig, event: Emergency | Changed) -> None:
    """From any thread: notice() is called by the pump's."""
    thread = threading.Thread(target=rig.node.notice, args=(Outputs(events=(event,)),))
    thread.start()
    thread.join()
    wait_until(lambda: rig.said, 'diagnostics')


@pytest.mark.parametrize('event', [
    Emergency(''), Changed('base', State.MOVING, State.STOPPING, Reason.STOPPED)])
def test_other_diagnostics_keep_their_period(rig: Rig, event: Emergency | Changed) -> None:
    rig.node.notice(Outputs(events=(event,)))
    time.sleep(0.3)
    assert not rig.said


@pytest.fixture
def fresh() -> Iterator[Node]:
    """Give a node that no other bridge's node uses."""
    with spinning_node('fresh', namespace=new_namespace()) as node:
        yield node


def published_by(node: Node, topic: str) -> set[str]:
    return {one.node_name for one in node.get_publishers_info_by_topic(topic)}


@pytest.mark.parametrize('discovery', [0.0, 3600.0])
def test_what_is_missing_is_logged_only_after_the_time_for_discovery(
        fresh: Node, monkeypatch: pytest.MonkeyPatch, discovery: float) -> None:
    """The supervisor is informed at once, whatever is logged."""
    monkeypatch.setattr(node_module, 'DISCOVERY', discovery)
    supervisor = locked_bridge([BASE.resource], Policy())
    paths: list[str] = []
    monkeypatch.setattr(supervisor, 'path', lambda name, problem: paths.append(problem))
    beats: list[float] = []
    events: list[LogEvent] = []
    bridge_node = BridgeNode(fresh, supervisor, BridgeConfig(resources=(BASE,)), dict,
                             lambda: beats.append(time.monotonic()), note=events.append)
    wait_until(lambda: len(beats) > 2, 'two checks of the path')
    assert 'has no subscriber' in paths[0]
    assert events == ([] if discovery else [DriverDisappeared('base', paths[0])])
    del bridge_node


def test_the_other_safety_process_is_no_other_publisher_even_before_its_first_pulse(
        fresh: Node, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It is known by its name: discovery may show its outputs before its pulses."""
    monkeypatch.setattr(other_publishers, 'DISCOVERY', 0.0)
    topic = fresh.resolve_topic_name('cmd_vel')
    space = fresh.get_namespace()
    with spinning_node('companion', namespace=space) as companion, \
            spinning_node('stranger', namespace=space) as stranger:
        kept = [one.create_publisher(Twist, 'cmd_vel', 1) for one in (companion, stranger)]
        wait_until(lambda: {'companion', 'stranger'} <= published_by(fresh, topic), 'discovery')
        bridge_node = BridgeNode(
            fresh, locked_bridge([BASE.resource], Policy()), BridgeConfig(resources=(BASE,)), dict,
            lambda: None, companion=f'{space}/companion')
        said: list[str] = []

        def stranger_is_named() -> bool:
            said.append(capfd.readouterr().err)
            return f'{topic} is also published by {space}/stranger' in ''.join(said)

        wait_until(stranger_is_named, 'a warning of the stranger')
        assert 'companion' not in ''.join(said)
        del kept, bridge_node


def test_a_status_has_the_values_of_its_resource_and_each_part_has_a_status(
        node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, 'DIAGNOSTICS_PERIOD', 3600.0)
    said: list[DiagnosticStatus] = []
    supervisor = locked_bridge([BASE.resource], Policy())
    caller = Caller('0b57ac6e', 7, 'lab', 'ipv4:10.0.0.9:1')
    monkeypatch.setattr(supervisor, 'commands', lambda: {'base': Command(
        caller, Motion(Velocity((0.2, 0.0, 0.0))), supervisor.now())})
    bridge_node = BridgeNode(
        node, supervisor, BridgeConfig(resources=(BASE,)), dict, lambda: None,
        emergency=supervisor,
        reports=lambda: [Report('gRPC', 'it serves', {'sessions': '1'}, True)])
    subscription = node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda array: said.extend(array.status), 10)
    wait_until(lambda: subscription.get_publisher_count() > 0, 'a publisher')
    begun = MotionBegun(
        'base', caller, ConnectionClaim(7, 1.0), Motion(Velocity((0.1, 0.0, 0.0))))
    place = node.get_namespace()

    def values(subject: str) -> dict[str, str]:
        bridge_node.notice(Outputs(events=(begun, Emergency('now'))))
        time.sleep(0.05)
        found = [one for one in said if one.name == f'{place}/{node.get_name()}: {subject}']
        return {pair.key: pair.value for one in found for pair in one.values}

    base = wait_until(lambda: values('base'), 'the status of the base')
    assert (base['peer'], base['entity'], base['subscribers']) == ('ipv4:10.0.0.9:1', 'lab', '0')
    assert 'linear (0.2, 0, 0)' in base['last command'], 'not what began the motion'
    assert abs(datetime.fromisoformat(base['last command'].split()[0]).timestamp()
               - time.time()) < 60.0
    assert 'owner' not in base, 'it is idle'
    assert values('gRPC') == {'sessions': '1'}
    assert values('ROS links')['resources with feedback'] == '0 of 0'
    [grpc] = {one.hardware_id: one for one in said if one.name.endswith(': gRPC')}.values()
    assert grpc.level == DiagnosticStatus.WARN and grpc.hardware_id == f'{place}/gRPC'
    node.destroy_subscription(subscription)


def test_a_parameter_of_a_type_that_does_not_exist_is_refused_and_ends_nothing() -> None:
    """Any node can send it; rclpy raises on it."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = Node('asked', namespace=new_namespace(), context=context)
    failures: list[BaseException] = []
    BridgeNode(node, locked_bridge([BASE.resource], Policy()), BridgeConfig(resources=(BASE,)),
               dict, lambda: None)
    executor = ExecutorThread(node, failures.append)
    executor.start()
    sent = [Parameter(name='use_sim_time', value=ParameterValue(type=number))
            for number in (1, 99)]

    def result(kind: Any, parameters: list[Parameter]) -> Any:
        name = 'set_parameters' + ('_atomically' if kind is SetParametersAtomically else '')
        client = node.create_client(kind, f'asked/{name}')
        wait_until(client.service_is_ready, name)
        call = client.call_async(kind.Request(parameters=parameters))
        wait_until(lambda: call.done() or failures, 'the response')
        assert not failures
        return call.result()

    for one in (*result(SetParameters, sent).results,
                result(SetParametersAtomically, sent).result):
        assert not one.successful
        assert one.reason.startswith("'use_sim_time': found a value of type 99, accepted: 0 to 9")
    assert result(SetParameters, sent[:1]).results[0].successful
    assert result(SetParametersAtomically, sent[:1]).result.successful
    assert executor.stop(timeout=PATIENCE)
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.mark.parametrize('ends', [False, True])
def test_an_error_of_the_executor_is_a_failure_only_before_it_is_stopped(ends: bool) -> None:
    """Its shutdown deletes what it still uses, so that it raises on a busy machine."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = Node('spun', namespace=new_namespace(), context=context)
    failures: list[BaseException] = []
    spins, stopped, problem = threading.Event(), threading.Event(), RuntimeError('deleted')

    def fail() -> None:
        spins.set()
        assert stopped.wait(PATIENCE if ends else 0.0) is ends
        raise problem

    node.create_timer(0.01, fail)
    executor = ExecutorThread(node, failures.append)
    executor.start()
    assert spins.wait(PATIENCE)
    if ends:
        executor.stop(timeout=0.0)
        stopped.set()
    else:
        wait_until(lambda: failures, 'the failure')
    assert executor.stop(timeout=PATIENCE)
    assert failures == ([] if ends else [problem])
    node.destroy_node()
    rclpy.shutdown(context=context)
