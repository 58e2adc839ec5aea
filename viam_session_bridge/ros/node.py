# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node: feedback in, services, diagnostics; its executor runs in a thread of its own.

It never decides: what it receives goes to the locked supervisor, which it knows as
``Supervision`` only.
"""

from collections.abc import Callable, Iterable, Mapping
import functools
import itertools
import threading
import time
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from viam_session_bridge.core.errors import EmergencyStopped
from viam_session_bridge.core.events import (
    Changed,
    DriverAppeared,
    DriverDisappeared,
    Emergency,
    LogEvent,
    Outputs,
)
from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros.drivers.output import matches_of
from viam_session_bridge.ros.emergency import EmergencyInput
from viam_session_bridge.ros.escalations import Escalations
from viam_session_bridge.ros.factory import Factory, READ_ONLY
from viam_session_bridge.ros.feedback_path import FeedbackPaths
from viam_session_bridge.ros.history import History
from viam_session_bridge.ros.interfaces import Driver, EmergencyStopping, Supervision
from viam_session_bridge.ros.journal import kind_of
from viam_session_bridge.ros.other_publishers import OtherPublishers
from viam_session_bridge.ros.parameters import refuse_unknown_types
from viam_session_bridge.ros.profiles import steady_timer
from viam_session_bridge.ros.sources.secondary_feedback import SecondaryFeedback
from viam_session_bridge.ros.sources.source import Source
from viam_session_bridge.ros.stop_path import DISCOVERY, own_name, path_warning

# How often (s) it is checked that stops would arrive, beside every change of a match.
PATH_PERIOD = 0.2

# So many resources in one go; with more, each is looked at less often.
MOST_CHECKS = 50
DIAGNOSTICS_PERIOD = 1.0


# With more resources than this, diagnostics show the details of those only that are not idle, and
# of no more than that: a large message would keep every other thread waiting.
MOST_DETAILED = 50


class Report(NamedTuple):
    """What a process says of a part in diagnostics: subject, text, values; warns: level WARN."""

    subject: str
    text: str
    values: Mapping[str, str] = {}
    warns: bool = False


class BridgeNode:
    """
    Drivers, feedback and services of one bridge on an rclpy node.

    faults: what is wrong with drivers, by resource. beat: called by the executor every
    PATH_PERIOD. emergency: what an emergency stop is passed on to; None for no emergency stop.
    companion: the full name of the node of the other safety process. note takes events of drivers
    and escalations, for whoever writes them. reports: what diagnostics say beside the resources.

    drivers: by resource. shared: the outputs that drivers share.
    """

    def __init__(self, node: Node, supervision: Supervision, config: BridgeConfig,
                 faults: Callable[[], dict[str, str]], beat: Callable[[], None], *,
                 emergency: EmergencyStopping | None = None, companion: str = '',
                 note: Callable[[LogEvent], None] = lambda event: None,
                 reports: Callable[[], Iterable[Report]] = tuple) -> None:
        refuse_unknown_types(node)
        self._node = node
        self._supervision = supervision
        self._faults = faults
        self._beat = beat
        self._note = note
        self._reports = reports
        self._history = History()
        self._problems: dict[str, str] = {}
        self._discovered_at = time.monotonic() + DISCOVERY
        # What the log says of paths and of feedback; while they are being discovered, nothing.
        self._logged_problems: dict[str, str] = {}
        self._logged_unfed: dict[str, str] = {}
        self._warnings: dict[str, str] = {}
        self._warned: set[str] = set()
        self._unfed: dict[str, str] = {}
        self._measured = [one.name for one in config.actuated if one.feedback_topic]
        self._contradictions: dict[str, str] = {}
        self._feedback = FeedbackPaths(node, config)
        for name, source, has_pose in self._feedback.sources():
            supervision.expect(name, source, has_pose)
        self._factory = Factory(node, supervision)
        self.drivers: Mapping[str, Driver] = {
            one.name: self._factory.driver(one, functools.partial(self._on_appear, one.name))
            for one in config.actuated}
        self.shared = self._factory.shared
        self._sources: dict[str, Source] = {
            one.name: READ_ONLY[one.api](node, one, supervision.now)
            for one in config.resources if not isinstance(one, ActuatedConfig)}
        self._other_publishers = OtherPublishers(
            node, supervision, self._measured, companion)
        self._escalations = Escalations(node, supervision, config.actuated, note)
        self._emergency = emergency
        self._emergency_input = (
            None if emergency is None else EmergencyInput(node, emergency, config.estop))
        self._rounds = itertools.cycle(self.drivers)
        self._timers = [
            steady_timer(node, PATH_PERIOD, self._check_paths),
            steady_timer(node, DIAGNOSTICS_PERIOD, self._publish_diagnostics)]
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._urgent = node.create_guard_condition(self._publish_diagnostics)
        self._reset = node.create_service(Trigger, '~/reset', self._on_reset)

    def secondary_feedback(self, name: str) -> SecondaryFeedback | Source:
        """Return what is known of a resource beside its motion."""
        return self._sources.get(name) or self._factory.secondary_feedback(name)

    def notice(self, outputs: Outputs) -> None:
        """Take events for diagnostics, which do not wait for their period if one is grave."""
        # Called by the pump; the executor does it.
        if outputs.events:
            self._history.take(outputs.events, time.time())
        if any(_is_grave(event) for event in outputs.events):
            self._urgent.trigger()

    def _on_appear(self, name: str) -> None:
        # Hundreds may appear at once; the executor is no less alive while it greets them.
        self._beat()
        self._node.get_logger().info(f'{name}: a listener was matched')
        self._supervision.driver_appeared(name)
        self._check_path(name)

    def _check_paths(self) -> None:
        self._beat()
        for name in itertools.islice(self._rounds, min(MOST_CHECKS, len(self.drivers))):
            self._check_path(name)

    def _check_path(self, name: str) -> None:
        self._check_warning(name)
        problem = self.drivers[name].path_problem()
        if problem != self._problems.get(name):
            self._problems[name] = problem
            self._supervision.path(name, problem)
        last = self._logged_problems.get(name)
        # A measured value in it may differ each time.
        if last is not None and kind_of(last) == kind_of(problem) or self._is_discovering(problem):
            return
        self._logged_problems[name] = problem
        self._note(DriverDisappeared(name, problem) if problem else DriverAppeared(name))

    def _is_discovering(self, problem: str) -> bool:
        """Tell whether what is missing may only not have been discovered yet."""
        return bool(problem) and time.monotonic() < self._discovered_at

    def _check_warning(self, name: str) -> None:
        warning = self._warnings[name] = path_warning(self.drivers[name])
        if warning and warning not in self._warned:
            self._warned.add(warning)
            self._node.get_logger().warning(warning)

    def _check_feedback(self) -> None:
        found = self._feedback.problems()
        problems = {name: one.text for name, one in found.items()}
        for name in {**self._unfed, **self._logged_unfed, **problems}:
            problem = problems.get(name, '')
            if name in self.drivers and self._unfed.get(name, '') != problem:
                self._supervision.feedback(
                    name, problem, name in found and found[name].hides_rest)
            if self._logged_unfed.get(name, '') == problem or self._is_discovering(problem):
                continue
            self._logged_unfed[name] = problem
            if problem:
                self._node.get_logger().warning(f'no feedback: {problem}')
            else:
                self._node.get_logger().info(f'{name}: feedback is published')
        self._unfed = problems
        for name in self._measured:
            text = self._supervision.contradiction(name)
            if text and name not in self._contradictions:
                self._node.get_logger().warning(f'{name}: {text}; it is not taken for rest')
            self._contradictions.pop(name, None)
            if text:
                self._contradictions[name] = text

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            cleared = self._supervision.reset()
        except EmergencyStopped as problem:
            response.success = False
            response.message = str(problem)
        else:
            response.success = True
            response.message = 'cleared: ' + ', '.join(cleared) if cleared else 'nothing to clear'
        self._node.get_logger().warning(f'reset by a service call: {response.message}')
        return response

    def _publish_diagnostics(self) -> None:
        self._check_feedback()
        array = DiagnosticArray()
        array.header.stamp = self._node.get_clock().now().to_msg()
        awaited = self._supervision.awaited()
        faults, tried = self._faults(), self._escalations.outcomes()
        failures, states = self._supervision.failures(), self._supervision.states()
        arrivals, subscribers = self._supervision.arrivals(), self._subscribers()
        commands = {} if self._emergency is None else self._emergency.commands()
        booted = time.time() - self._supervision.now()
        detailed = [name for name, state in states.items()
                    if len(states) <= MOST_DETAILED or state is not State.IDLE][:MOST_DETAILED]
        for name, state in states.items():
            status = self._diagnose(
                name, state, faults.get(name, ''), awaited.get(name, ''),
                failures.get(name, ''))
            if name in detailed:
                status.values += self._details(
                    name, subscribers.get(name), arrivals.get(name),
                    [*self._history.values(name, state, commands.get(name), booted),
                     ('measured', self._supervision.speed(name))])
            if outcomes := tried.get(name):
                # One pair: viewers show one value of a key.
                status.values.append(KeyValue(key='escalation', value='; '.join(outcomes)))
            array.status.append(status)
        for name, source in self._sources.items():
            problem = source.problem()
            array.status.append(self._status(
                name, DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
                problem or 'messages arrive'))
        if self._emergency is not None:
            array.status.append(self._diagnose_emergency(self._emergency.emergency()))
        array.status += [self._diagnose_links(subscribers, arrivals), *(
            self._status(one.subject, DiagnosticStatus.WARN if one.warns else DiagnosticStatus.OK,
                         one.text, values=one.values) for one in self._reports())]
        troubles = self._supervision.troubles()
        array.status += [
            self._status(subject, DiagnosticStatus.ERROR, text)
            for subject, text in troubles.items()]
        self._diagnostics.publish(array)

    def _diagnose(self, name: str, state: State, fault: str, awaited: str,
                  failure: str) -> DiagnosticStatus:
        problem = self._problems.get(name, '')
        level, text = DiagnosticStatus.OK, state.value
        if self._warnings.get(name):
            level, text = DiagnosticStatus.WARN, self._warnings[name]
        others = self._other_publishers.of(name)
        if others:
            level, text = DiagnosticStatus.WARN, others
        if name in self._contradictions:
            level, text = DiagnosticStatus.WARN, self._contradictions[name]
        missing = [f'{what}: {which}' for what, which in (
            ('no stop path', problem), ('no feedback', self._unfed.get(name, ''))) if which]
        if awaited:
            missing.append(f'waiting for {awaited}')
        if missing:
            level, text = DiagnosticStatus.WARN, '; '.join(missing)
        if fault:
            level, text = DiagnosticStatus.ERROR, f'driver fault: {fault}'
        if state is State.UNCONFIRMED:
            level, text = DiagnosticStatus.ERROR, 'the last stop was not confirmed'
            text += f': {failure}' if failure else ''
        status = self._status(name, level, text)
        status.values = [KeyValue(key='state', value=state.value)]
        return status

    def _details(self, name: str, subscribers: int | None, arrival: tuple[float, float] | None,
                 past: Iterable[tuple[str, str]]) -> list[KeyValue]:
        found = list(past)
        if arrival is not None:
            found += [('feedback age', f'{arrival[0]:.3f} s'),
                      ('feedback rate', f'{arrival[1]:.1f} Hz')]
        if subscribers is not None:
            found.append(('subscribers', str(subscribers)))
        found.append(('other publishers', self._other_publishers.of(name)))
        return [KeyValue(key=key, value=value) for key, value in found if value]

    def _subscribers(self) -> dict[str, int]:
        """Return how many subscribers the outputs of each resource have that it publishes on."""
        found: dict[str, int] = {}
        for output in matches_of(self._node).publishers:
            for name in output.resources:
                found[name] = found.get(name, 0) + output.subscribers
        return found

    def _diagnose_links(self, subscribers: Mapping[str, int],
                        arrivals: Mapping[str, tuple[float, float]]) -> DiagnosticStatus:
        pathless = sorted(name for name, problem in self._problems.items() if problem)
        unfed = sorted(self._unfed)
        contested = [name for name in self.drivers if self._other_publishers.of(name)]
        missing = [f'{what}: {", ".join(names[:MOST_DETAILED])}' for what, names in (
            ('no stop path', pathless), ('no feedback', unfed)) if names]
        return self._status(
            'ROS links', DiagnosticStatus.WARN if missing else DiagnosticStatus.OK,
            '; '.join(missing) or 'every link that is needed is there', values={
                'subscribers': str(sum(subscribers.values())),
                'resources with feedback': f'{len(arrivals)} of {len(self._measured)}',
                'other publishers': ', '.join(contested[:MOST_DETAILED]) or 'none'})

    def _diagnose_emergency(self, problem: str) -> DiagnosticStatus:
        unfed = self._unfed.get('estop', '')
        level = DiagnosticStatus.WARN if unfed else DiagnosticStatus.OK
        return self._status(
            'estop', DiagnosticStatus.ERROR if problem else level,
            problem or unfed or 'not pressed', 'emergency stop')

    def _status(self, subject: str, level: bytes, text: str, title: str = '',
                values: Mapping[str, str] | None = None) -> DiagnosticStatus:
        # /diagnostics is one for all robots: both names tell whose this is.
        place = self._node.get_namespace().rstrip('/')
        return DiagnosticStatus(
            level=level, name=f'{own_name(self._node)}: {title or subject}', message=text,
            hardware_id=f'{place}/{subject}', values=[
                KeyValue(key=key, value=value) for key, value in (values or {}).items()])


def _is_grave(event: LogEvent) -> bool:
    if isinstance(event, Emergency):
        return bool(event.reason)
    return isinstance(event, Changed) and event.after is State.UNCONFIRMED


class ExecutorThread:
    """Spins the node; on_death is called if it ends without being asked to."""

    def __init__(self, node: Node, on_death: Callable[[BaseException], None]) -> None:
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._on_death = on_death
        self._ended = False
        self._thread = threading.Thread(target=self._run, name='ros-executor', daemon=True)

    def start(self) -> None:
        """Start spinning."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Stop spinning; returns whether it has ended in time (s)."""
        self._ended = True
        self._executor.shutdown(timeout_sec=timeout)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._executor.spin()
            raise RuntimeError('the executor ended by itself')
        except BaseException as problem:
            # shutdown() deletes what a running spin() uses, which raises various errors.
            if not self._ended:
                self._on_death(problem)
