# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks a parameter file by itself, and then against the robot that runs.

    ros2 run viam_session_bridge doctor my_robot.yaml
    ros2 run viam_session_bridge doctor my_robot.yaml --namespace /robot1 --seconds 20
    ros2 run viam_session_bridge doctor my_robot.yaml --offline --json

It never moves the robot: it publishes nothing and calls no service of the robot, but for the
parameters of a twist_mux. It subscribes to feedback only, never to a topic that the bridge
commands, where a subscriber counts as a driver. Drive the robot meanwhile, and it also checks
signs and axes. Exit status: 0 nothing found, 1 findings, 2 when it cannot check.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, is_dataclass
import difflib
from functools import partial
import json
import os
from pathlib import Path
import re
import socket
import sys
import time
from typing import Any, cast

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import GetParameters, ListParameters
import rclpy
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.topic_endpoint_info import TopicEndpointInfo
from std_msgs.msg import String
import yaml  # type: ignore[import-untyped]

from viam_session_bridge import dds
from viam_session_bridge.cli.doctor_checks import (
    Arrival,
    clock_findings,
    command_findings,
    Commanded,
    commanded,
    direction_findings,
    feedback_findings,
    Finding,
    headroom_findings,
    hold_findings,
    odometry_findings,
    peer_findings,
    Peers,
    port_findings,
    relay_findings,
    service_findings,
    SOON,
    steps,
    timing_findings,
    Wire,
)
from viam_session_bridge.core.stop import BaseSample, RestWatch
from viam_session_bridge.key_file import KeyFileError, load
from viam_session_bridge.parameters.outputs import CANCEL_SERVICE
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import entries, Form
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.ros.escalations import Escalations
from viam_session_bridge.ros.factory import Factory, READ_ONLY, SOURCES
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.node import ExecutorThread
from viam_session_bridge.ros.parameters import (
    ConfigurationError,
    explain_startup_error,
    NODE_NAME,
    read,
)
from viam_session_bridge.ros.profiles import FEEDBACK_QOS
from viam_session_bridge.ros.pulse import decode_echo, decode_pulse
from viam_session_bridge.ros.signatures import key_path, load_key, Signer
from viam_session_bridge.ros.sources.tools import SourceTools
from viam_session_bridge.ros.stop_path import (
    is_known,
    nearest_topics,
    node_name,
    own_nodes,
    smoother_behind,
    type_name,
)

NOTHING_FOUND, FINDINGS, CANNOT_CHECK = 0, 1, 2

LEAST_SECONDS = 1.0
# So long (s) is waited at first until what the file names is discovered, where it is missing.
DISCOVERY_PATIENCE = 6.0
_ROS_ARGS = '--ros-args'

# Of so many messages of a topic the times are kept.
_MOST_KEPT = 20000
# So long (s) the loop of the stall test sleeps.
_NAP = 0.005
# How long (s) the parameters of a mux may take.
_CALL_PATIENCE = 2.0

# What verifies stops; a publisher of these must not be silent.
_REST = frozenset({'odometry_topic', 'velocity_topic', 'joint_states_topic'})


class CannotCheck(Exception):
    """There is no answer; the text states why."""


@dataclass
class Report:
    """What was found. notes: what was not checked, and the warnings that the bridge logs, too."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Check and print; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index(_ROS_ARGS) if _ROS_ARGS in words else len(words)
    options = _parser().parse_args(words[:cut])
    # As the launch file starts both, unless the file says otherwise: what comes later counts.
    arguments = ['doctor', _ROS_ARGS, '-p', 'guard.required:=true',
                 '--params-file', str(options.file)]
    if options.namespace:
        arguments += ['-r', f'__ns:=/{options.namespace.strip("/")}']
    try:
        report = examine(
            options.file, [*arguments, *words[cut + 1:]],
            0.0 if options.offline else options.seconds, not options.offline and dds.settle())
    except CannotCheck as problem:
        print(f'doctor: {problem}', file=sys.stderr)
        return CANNOT_CHECK
    except KeyboardInterrupt:
        return CANNOT_CHECK
    lines = ParameterFile(options.file)
    print(_as_json(report, lines) if options.json else _as_text(report, lines))
    return FINDINGS if report.findings else NOTHING_FOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='doctor', description='Checks a parameter file, and the robot that it describes. It '
        'never moves the robot.', epilog='Further arguments of bridge and guard, such as '
        'remappings, follow after --ros-args. Exit status: 0 nothing found, 1 findings, 2 when it '
        'cannot check.')
    parser.add_argument('file', type=Path, help='the parameter file of bridge and guard')
    parser.add_argument('--namespace', default='', help='the namespace of the bridge')
    parser.add_argument(
        '--seconds', type=_seconds, default=5.0,
        help=f'how long messages are received, at least {LEAST_SECONDS:g} (default: %(default)g)')
    parser.add_argument(
        '--offline', action='store_true', help='check the file only, not the robot')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not LEAST_SECONDS <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f'{text}: expected {LEAST_SECONDS:g} to 3600')
    return seconds


def examine(file: Path, arguments: Sequence[str], seconds: float,
            confined: bool = False) -> Report:
    """
    Check a file as a bridge with these arguments reads it, and the robot for so long (s).

    seconds: 0 checks the file only. confined: what is sent must stay on this machine. Raises
    CannotCheck.
    """
    try:
        file.read_bytes()
    except OSError as problem:
        raise CannotCheck(f'{file}: cannot be read: {problem.strerror}') from None
    report = Report()
    robot = expected(arguments, report)
    if robot is None:
        return report
    report.notes += robot.config.warnings
    report.findings += _file_findings(robot.config)
    peers = Peers()
    if seconds:
        start = ' '.join(['ros2 run viam_session_bridge guard', *arguments[1:]])
        peers = _examine_live(robot, seconds, start, report, confined)
    grpc = robot.config.grpc
    if unbound := _bind_problem(grpc.host, grpc.port):
        # grpc takes long to import.
        from viam_session_bridge.rpc.connections import port_holder
        holder = port_holder(grpc.port)
        process = (peers.pulses[-1].sender.process if peers.pulses else
                   _own_bridge(holder, file))
        report.findings += port_findings(grpc.host, grpc.port, unbound, holder, process)
    return report


def _own_bridge(holder: str, file: Path) -> int:
    """Return the process that holds a port if it is a bridge with this file; otherwise 0."""
    process = re.match(r'process (\d+) ', holder)
    if not process:
        return 0
    try:
        words = Path(f'/proc/{process.group(1)}/cmdline').read_bytes().split(b'\0')
        folder = Path(f'/proc/{process.group(1)}/cwd').resolve()
    except OSError:
        return 0
    files = [folder / os.fsdecode(path) for flag, path in zip(words, words[1:], strict=False)
             if flag == b'--params-file']
    return int(process.group(1)) if file.resolve() in [one.resolve() for one in files] else 0


# ---- the parameter file -------------------------------------------------------------------------


class ParameterFile:
    """Knows the line of each parameter of a file; empty where it is not YAML."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, int] = {}
        try:
            tree = yaml.compose(path.read_text(encoding='utf-8'), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
            return
        self._nodes(tree)

    def line(self, parameter: str) -> int | None:
        """Return the line of a parameter, or of the innermost block of it that is in the file."""
        while parameter and parameter not in self._lines:
            parameter = parameter.rpartition('.')[0]
        return self._lines.get(parameter)

    def _nodes(self, tree: Any) -> None:
        for key, value in tree.value if isinstance(tree, yaml.MappingNode) else ():
            if key.value == 'ros__parameters':
                self._lines.setdefault('', key.start_mark.line + 1)
                self._parameters('', value)
            else:
                self._lines.setdefault('', key.start_mark.line + 1)
                self._nodes(value)

    def _parameters(self, prefix: str, tree: Any) -> None:
        for key, value in tree.value if isinstance(tree, yaml.MappingNode) else ():
            name = f'{prefix}{key.value}'
            self._lines[name] = key.start_mark.line + 1
            self._parameters(f'{name}.', value)


@dataclass(frozen=True)
class Robot:
    """
    What a bridge would use, with full names.

    bridge: the full name of its node. fingerprint: what its guard must have, too. classes: of the
    messages that it reads, by topic.
    """

    config: BridgeConfig
    bridge: str
    namespace: str
    use_sim_time: bool
    pulse: str
    echo: str
    fingerprint: str
    outputs: tuple[Wire, ...]
    inputs: tuple[Wire, ...]
    services: tuple[Wire, ...]
    classes: Mapping[str, type]


@contextmanager
def _node(arguments: Sequence[str], name: str, alone: bool, **options: Any) -> Iterator[Node]:
    """Give a node in a context of its own; alone: no other process sees it, nor it any other."""
    # It writes no log file, and what it logs is on standard error already.
    words = [*(arguments or ['doctor']), _ROS_ARGS, '--disable-external-lib-logs']
    names = ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS')
    before = {name: os.environ.get(name) for name in names}
    context = rclpy.Context()
    try:
        if alone:
            _set_environment(dict.fromkeys(names))
            os.environ[names[0]] = 'OFF'
        rclpy.init(args=words, context=context, signal_handler_options=SignalHandlerOptions.NO)
        node = Node(name, context=context, enable_rosout=False, start_parameter_services=False,
                    **options)
        _set_environment(before)
        try:
            yield node
        finally:
            node.destroy_node()
    finally:
        _set_environment(before)
        context.try_shutdown()


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def expected(arguments: Sequence[str], report: Report) -> Robot | None:
    """
    Return what a bridge with these arguments would use, by being it where nobody sees it.

    None, and findings, where it would not start.
    """
    try:
        with _node(arguments, NODE_NAME, alone=True,
                   automatically_declare_parameters_from_overrides=True) as node:
            return _robot(node, report)
    except ConfigurationError as problem:
        report.findings += [_mistake(text) for text in problem.errors]
    except Exception as problem:  # noqa: B902  rclpy raises many kinds here
        report.findings.append(_mistake(explain_startup_error(problem, arguments)))
    return None


_NO_START = 'bridge and guard do not start'


def _mistake(text: str, why: str = _NO_START) -> Finding:
    """Return the finding of a mistake as parameters, keys and certificates say it."""
    found = re.match(r"(?:unknown parameter )?'?([a-z_][\w.]*)", text)
    name = found.group(1) if found and not text.startswith('parameter file') else ''
    what, separator, wanted = text.partition('; accepted: ')
    if separator:
        return Finding(name, what, why, f'accepted: {wanted}')
    what, separator, wanted = text.partition('; did you mean ')
    return Finding(name, what, why, f'rename it: {wanted.strip("?")}' if separator else
                   'correct what is named there')


class _NoSupervision:
    """Takes what drivers report while they are made; nothing that they report is used."""

    now = staticmethod(time.monotonic)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **named: None


def _robot(node: Node, report: Report) -> Robot:
    config = resolved(read(node), node)
    no_supervision = cast(Any, _NoSupervision())
    factory = Factory(node, no_supervision)
    for one in config.resources:
        if not isinstance(one, ActuatedConfig):
            READ_ONLY[one.api](node, one, time.monotonic)
        elif one.driver in one.PLUGINS:
            # It may open hardware.
            report.notes.append(f'{one.name}.driver: {one.driver!r} is of another package; the '
                                'types of its topics are not checked')
        else:
            factory.driver(one, lambda: None)
    # Kept until all was asked: their publishers end with them.
    escalations = Escalations(node, no_supervision, config.actuated, lambda event: None)
    published = {one.topic_name: type_name(one.msg_type) for one in node.publishers}
    read_by = {one.topic_name: one for one in node.subscriptions}
    called = {one.service_name: type_name(one.srv_type) for one in node.clients}
    outputs, inputs, services = list[Wire](), list[Wire](), list[Wire]()
    for parameter, form, name, timeout in _uses(config, node):
        if form is Form.OUTPUT_TOPIC:
            outputs.append(Wire(parameter, name, published.get(name, '')))
        elif form is Form.FEEDBACK_TOPIC:
            reader: Any = read_by.get(name)
            kind, qos = ((type_name(reader.msg_type), reader.qos_profile) if reader else
                         ('std_msgs/msg/Bool' if parameter == 'estop.topic' else '',
                          FEEDBACK_QOS))
            inputs.append(Wire(parameter, name, kind, qos, timeout))
        else:
            suffix = CANCEL_SERVICE if form is Form.ACTION else ''
            services.append(Wire(parameter, name, called.get(f'{name}{suffix}', '')))
    del escalations
    return Robot(
        config, node.get_fully_qualified_name(), node.get_namespace(),
        bool(node.get_parameter('use_sim_time').value), node.resolve_topic_name(PULSE_TOPIC),
        node.resolve_topic_name(ECHO_TOPIC), fingerprint(config),
        tuple(outputs), tuple(inputs), tuple(services),
        {name: reader.msg_type for name, reader in read_by.items()})


def _uses(config: BridgeConfig, node: Node) -> Iterator[tuple[str, Form, str, float | None]]:
    """Yield each name of the graph: parameter, kind of name, full name, and timeout (s)."""
    if config.estop.topic:
        yield ('estop.topic', Form.FEEDBACK_TOPIC, node.resolve_topic_name(config.estop.topic),
               config.estop.timeout or None)
    for one in config.resources:
        yield from _uses_of(one, one.name, not isinstance(one, ActuatedConfig))


def _uses_of(table: Any, prefix: str,
             is_sensor: bool) -> Iterator[tuple[str, Form, str, float | None]]:
    for entry in entries(type(table)):
        value, form = getattr(table, entry.name), entry.spec.form
        if isinstance(value, tuple):
            for each in filter(is_dataclass, value):
                yield from _uses_of(each, f'{prefix}.{cast(Any, each).name}', is_sensor)
        elif value and form in (Form.OUTPUT_TOPIC, Form.FEEDBACK_TOPIC, Form.SERVICE, Form.ACTION):
            measures = is_sensor or entry.name in _REST
            yield (f'{prefix}.{entry.name}', form, value,
                   getattr(table, 'feedback_timeout', None) if measures else None)


# ---- files and port -----------------------------------------------------------------------------

def _file_findings(config: BridgeConfig) -> Iterator[Finding]:
    """Check the files that parameters name."""
    if config.auth.key_file:
        path = Path(config.auth.key_file).expanduser()
        why, make = 'nobody can log in', f'ros2 run viam_session_bridge keys --file {path} create'
        try:
            if not load(path).keys:
                yield Finding('auth.key_file', f'{path} has no keys', why, f'{make} NAME')
        except KeyFileError as problem:
            yield Finding('auth.key_file', str(problem), why, (
                f'chmod 600 {path}, as the user that runs the bridge' if path.exists() else
                f'{make} NAME; or auth.key_file: the path of the file'))
    try:
        # The first start of bridge or guard makes one.
        if os.path.lexists(key_path(config.guard.key_file)):
            load_key(config.guard.key_file)
    except ConfigurationError as problem:
        yield from map(_mistake, problem.errors)
    grpc = config.grpc
    if grpc.tls_certificate_file and grpc.tls_key_file:
        yield from _certificate_findings(
            Path(grpc.tls_certificate_file).expanduser(), Path(grpc.tls_key_file).expanduser())


def _certificate_findings(certificate: Path, key: Path) -> Iterator[Finding]:
    # grpc takes long to import.
    from viam_session_bridge.rpc import tls
    try:
        days = (tls.load(certificate, key).expires - tls.wall_clock()).total_seconds() / 86400.0
        if days < SOON:
            yield Finding(
                tls.CERTIFICATE, f'the certificate in {certificate} expires in {days:.1f} days',
                'clients refuse to connect from then on, and the bridge does not start',
                f'{tls.CERTIFICATE}: a new certificate; it is read again while the bridge runs')
        if key.stat().st_mode & 0o007:
            yield Finding(
                tls.KEY, f'every user of this machine may read {key}',
                'whoever has this key can pretend to be the bridge', f'chmod o= {key}')
    except tls.CertificateError as problem:
        yield _mistake(str(problem), 'the bridge does not start')
    except OSError as problem:
        yield Finding(tls.KEY, f'{key}: {problem.strerror}', 'the bridge does not start',
                      f'{tls.KEY}: a file that the user of the bridge may read')


def _bind_problem(host: str, port: int) -> str:
    """Say why a server cannot bind to a port; empty where it can."""
    if not port:
        return ''
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Without it, two sockets may be bound to one port.
            probe.listen(1)
    except OSError as problem:
        return problem.strerror or str(problem)
    return ''


# ---- the robot that runs ------------------------------------------------------------------------

def _examine_live(robot: Robot, seconds: float, start: str, report: Report,
                  confined: bool) -> Peers:
    options: dict[str, Any] = {
        'namespace': robot.namespace, 'use_global_arguments': False,
        'parameter_overrides': [Parameter('use_sim_time', value=robot.use_sim_time)]}
    try:
        with _node([], f'{NODE_NAME}_doctor', alone=False, **options) as node, _spinning(node):
            if confined:
                dds.check_confined()
            _discover(node, robot)
            collector = Collector(node, robot)
            latest = _measure_stalls(seconds)
            report.findings += collector.findings(seconds, latest)
            report.findings += _graph_findings(node, robot)
            report.findings += headroom_findings(latest, robot.config.guard.patience, seconds)
            peers = collector.peers
            report.findings += peer_findings(
                peers, robot.fingerprint, robot.config.guard.required, start)
            if not peers.pulses:
                report.notes.append(
                    f'{robot.bridge}: no pulse of it was received that is signed with the key of '
                    'this user, so its configuration and its guard were not checked')
            if not collector.has_driven:
                report.notes.append('no motion was measured: sign and axes were not checked; '
                                    'drive the robot meanwhile, with --seconds 20')
            return peers
    except Exception as problem:  # noqa: B902  rclpy raises many kinds
        raise CannotCheck(f'ROS: {" ".join(str(problem).split())}') from problem


@contextmanager
def _spinning(node: Node) -> Iterator[None]:
    failures: list[BaseException] = []
    executor = ExecutorThread(node, failures.append)
    executor.start()
    try:
        yield
    finally:
        executor.stop(_CALL_PATIENCE)
    if failures:
        raise failures[0]


def _measure_stalls(seconds: float) -> float:
    """Sleep for so long (s) in short naps; returns how late (s) one ended at most."""
    latest, now = 0.0, time.monotonic()
    end = now + seconds
    while now < end:
        before = now
        time.sleep(_NAP)
        now = time.monotonic()
        latest = max(latest, now - before - _NAP)
    return latest


class Collector:
    """Receives feedback, diagnostics, pulses and echoes, on the executor's thread."""

    def __init__(self, node: Node, robot: Robot) -> None:
        self._node = node
        self._robot = robot
        self._arrivals: dict[str, deque[Arrival]] = {}
        self._samples: dict[str, deque[tuple[float, BaseSample]]] = {}
        self._watches: dict[str, RestWatch] = {}
        self._contradictions: dict[str, str] = {}
        self._commands: dict[str, list[Commanded]] = {}
        self._pulses: deque[Any] = deque(maxlen=100)
        self._echoes: deque[Any] = deque(maxlen=100)
        self._unverified = 0
        self.has_driven = False
        self._signer: Signer | None = None
        # One that does not exist must not be made here; one that is wrong is a finding already.
        with suppress(ConfigurationError):
            if os.path.lexists(key_path(robot.config.guard.key_file)):
                self._signer = Signer(load_key(robot.config.guard.key_file))
        for wire in robot.inputs:
            kept = self._arrivals[wire.name] = deque(maxlen=_MOST_KEPT)
            if wire.name in robot.classes:
                self._subscribe(robot.classes[wire.name], wire.name, wire.qos,
                                partial(self._on_message, kept))
        self._read_measurements()
        self._subscribe(String, robot.pulse, QoSProfile(depth=10),
                        partial(self._on_peer, robot.pulse, decode_pulse, self._pulses))
        self._subscribe(String, robot.echo, QoSProfile(depth=10),
                        partial(self._on_peer, robot.echo, decode_echo, self._echoes))
        self._subscribe(DiagnosticArray, '/diagnostics', QoSProfile(depth=10),
                        self._on_diagnostics)

    @property
    def peers(self) -> Peers:
        """Return what was received from bridge and guard."""
        guards = self._node.get_publishers_info_by_topic(self._robot.echo)
        return Peers(tuple(self._pulses), tuple(self._echoes), self._unverified, len(guards))

    def findings(self, seconds: float, stall: float) -> Iterator[Finding]:
        """Yield what is wrong with what was received within some seconds; stall in s."""
        for wire in self._robot.inputs:
            publishers = _others(self._node, self._node.get_publishers_info_by_topic(wire.name))
            problems = list(feedback_findings(
                wire, publishers, _near(self._node, wire, publishes=True),
                self._robot.namespace))
            yield from problems or timing_findings(
                wire, list(self._arrivals[wire.name]), seconds, stall)
        for one in self._robot.config.actuated:
            rest = one.rest
            if rest is None:
                continue
            samples = list(self._samples.get(one.name, ()))
            if samples:
                moves = steps(samples, rest)
                self.has_driven |= any(any(move.moved) or move.turned for move in moves)
                parameter = f'{one.name}.odometry_topic'
                topic = rest.pose_source or rest.source
                yield from odometry_findings(parameter, topic, moves)
                yield from direction_findings(
                    parameter, topic, self._commands.get(one.name, []), moves)
            elif one.name in self._contradictions:
                yield Finding(
                    f'{one.name}.joint_states_topic', self._contradictions[one.name],
                    'it is not taken for rest, so that no stop is verified',
                    f'{one.name}.rest_by: positions, if the positions are right')

    def _subscribe(self, kind: type, topic: str, qos: QoSProfile,
                   take: Callable[[Any], None]) -> None:
        self._node.create_subscription(kind, topic, take, qos)

    def _read_measurements(self) -> None:
        """Read feedback as the bridge does."""
        shared: dict[str, Any] = {}
        for one in self._robot.config.actuated:
            if one.rest is None:
                continue
            self._watches[one.name] = RestWatch(one.rest)
            tools = SourceTools(
                self._node, partial(self._measured, one.name), time.monotonic, shared, [])
            for parameter in _REST & SOURCES.keys():
                if getattr(one, parameter, '') and one.driver not in one.PLUGINS:
                    SOURCES[parameter](one, tools)

    def _measured(self, resource: str, sample: Any) -> None:
        now = time.monotonic()
        if isinstance(sample, BaseSample):
            kept = self._samples.setdefault(resource, deque(maxlen=_MOST_KEPT))
            kept.append((now, sample))
            return
        watch = self._watches[resource]
        watch.take(sample, now)
        if resource not in self._contradictions and (text := watch.contradiction(now)):
            self._contradictions[resource] = text

    def _on_message(self, kept: deque[Arrival], message: Any) -> None:
        now = time.monotonic()
        header = getattr(message, 'header', None)
        stamp = header.stamp.sec + header.stamp.nanosec * 1e-9 if header else 0.0
        if not stamp:
            kept.append(Arrival(now))
            return
        ros_now = self._node.get_clock().now().nanoseconds * 1e-9
        # Before the first message on /clock, ROS time is 0.
        kept.append(Arrival(now, stamp, ros_now - stamp if ros_now else None))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now = time.monotonic()
        for status in message.status:
            node, _, resource = status.name.partition(': ')
            if node == self._robot.bridge:
                values = {one.key: one.value for one in status.values}
                self._commands.setdefault(resource, []).append(commanded(now, values))

    def _on_peer(self, topic: str, decode: Callable[[str], Any], kept: deque[Any],
                 message: String) -> None:
        if self._signer is None:
            return
        text, verified = self._signer.check(topic, message.data)
        if not verified:
            self._unverified += 1
            return
        try:
            kept.append(decode(text))
        except ValueError:
            self._unverified += 1


def _discover(node: Node, robot: Robot) -> None:
    """Wait until everything that the file names is discovered, or would have been."""
    end = time.monotonic() + DISCOVERY_PATIENCE
    while time.monotonic() < end:
        served = dict(node.get_service_names_and_types())
        if all(_others(node, node.get_subscriptions_info_by_topic(one.name))
               for one in robot.outputs) and all(
                   node.count_publishers(one.name) for one in robot.inputs) and all(
                       _service_name(one) in served for one in robot.services):
            return
        time.sleep(0.1)


def _service_name(wire: Wire) -> str:
    """Return the service of a wire; of an action that which cancels its goals."""
    return wire.name + (CANCEL_SERVICE if wire.kind.endswith('/CancelGoal') else '')


def _graph_findings(node: Node, robot: Robot) -> Iterator[Finding]:
    """Check who subscribes, who else publishes, what is on the way, and who serves."""
    resources = {one.name: one for one in robot.config.actuated}
    for wire in robot.outputs:
        one = resources[wire.parameter.partition('.')[0]]
        is_main = wire.block == one.name
        subscribers = _others(node, node.get_subscriptions_info_by_topic(wire.name))
        yield from command_findings(
            wire, subscribers, _others(node, node.get_publishers_info_by_topic(wire.name)),
            _near(node, wire, publishes=False), robot.namespace,
            one.driver_node if is_main else '')
        if is_main:
            muxes = {node_name(each) for each in subscribers if 'twist_mux' in each.node_name}
            yield from hold_findings(wire, one.stop_hold, {
                mux: max(_timeouts(node, mux, wire.name), default=0.0) for mux in sorted(muxes)})
        if is_main and wire.kind == type_name(TwistStamped):
            yield from relay_findings(
                wire, getattr(one, 'stamp', ''), smoother_behind(node, wire.name, TwistStamped),
                [node_name(each) for each in subscribers if _drops_stamps(node, each)])
    served = dict(node.get_service_names_and_types())
    for wire in robot.services:
        suffix = _service_name(wire).removeprefix(wire.name)
        fitting = [name.removesuffix(suffix) for name, types in served.items()
                   if wire.kind in types and name.endswith(suffix)]
        yield from service_findings(
            wire, served.get(_service_name(wire), []),
            difflib.get_close_matches(wire.name, fitting, n=3, cutoff=0.5))
    yield from clock_findings(robot.use_sim_time, node.count_publishers('/clock'))


def _others(node: Node, endpoints: Iterable[TopicEndpointInfo]) -> list[TopicEndpointInfo]:
    """Return the endpoints that are neither ours nor a bridge's or a guard's."""
    ours = own_nodes(node)
    return [one for one in endpoints if node_name(one) not in ours]


def _near(node: Node, wire: Wire, publishes: bool) -> list[str]:
    """Return topics that may be meant instead of one, whose other end is there."""
    topics = dict(node.get_topic_names_and_types())
    ends = (node.get_publishers_info_by_topic if publishes else
            node.get_subscriptions_info_by_topic)
    return [name for name in nearest_topics(wire.name, wire.kind, topics)
            if any(not publishes or one.topic_type == wire.kind
                   for one in _others(node, ends(name)))]


def _drops_stamps(node: Node, endpoint: TopicEndpointInfo) -> bool:
    """Tell whether a node takes a stamped velocity and publishes only some without a stamp."""
    stamped = type_name(TwistStamped)
    if endpoint.topic_type != stamped or not is_known(endpoint):
        return False
    try:
        published = node.get_publisher_names_and_types_by_node(
            endpoint.node_name, endpoint.node_namespace)
    except NodeNameNonExistentError:
        return False
    kinds = {kind for _, types in published for kind in types}
    return stamped not in kinds and stamped.removesuffix('Stamped') in kinds


def _timeouts(node: Node, mux: str, topic: str) -> list[float]:
    """Return the timeouts (s) of the inputs of a twist_mux that go before that of a topic."""
    names = _call(node, ListParameters, f'{mux}/list_parameters',
                  ListParameters.Request(prefixes=['topics'], depth=0))
    if names is None:
        return []
    wanted = [name for name in names.result.names
              if name.rpartition('.')[2] in ('topic', 'timeout', 'priority')]
    values = _call(node, GetParameters, f'{mux}/get_parameters',
                   GetParameters.Request(names=wanted))
    if values is None:
        return []
    inputs: dict[str, dict[str, Any]] = {}
    for name, value in zip(wanted, values.values, strict=True):
        block, _, short = name.rpartition('.')
        inputs.setdefault(block, {})[short] = parameter_value_to_python(value)
    own = [one for one in inputs.values()
           if topic.endswith('/' + str(one.get('topic', '')).lstrip('/'))]
    least = min((one.get('priority') or 0 for one in own), default=0)
    return [float(one.get('timeout') or 0.0) for one in inputs.values()
            if one not in own and (one.get('priority') or 0) > least]


def _call(node: Node, kind: Any, name: str, request: Any) -> Any:
    """Return the answer of a service; None without one."""
    client: Any = node.create_client(kind, name)
    try:
        if not client.wait_for_service(_CALL_PATIENCE):
            return None
        future = client.call_async(request)
        end = time.monotonic() + _CALL_PATIENCE
        while not future.done() and time.monotonic() < end:
            time.sleep(0.01)
        return future.result() if future.done() else None
    finally:
        node.destroy_client(client)


# ---- output -------------------------------------------------------------------------------------

def _as_json(report: Report, file: ParameterFile) -> str:
    return json.dumps({
        'file': str(file.path), 'notes': report.notes,
        'findings': [{**asdict(one), 'line': file.line(one.parameter)}
                     for one in report.findings]}, indent=2)


def _as_text(report: Report, file: ParameterFile) -> str:
    blocks = []
    for number, one in enumerate(report.findings, 1):
        line = file.line(one.parameter)
        place = f'{file.path}:{line}' if line and one.parameter else str(file.path)
        blocks.append('\n'.join([
            f'{number}. {place}  {one.parameter}'.rstrip(), f'   found   {one.what}',
            f'   why     {one.why}', f'   change  {one.change}']))
    blocks += [f'note: {text}' for text in report.notes]
    count = len(report.findings)
    blocks.append('nothing found' if not count else
                  f'{count} finding{"" if count == 1 else "s"}')
    return '\n\n'.join(blocks)


if __name__ == '__main__':
    sys.exit(main())
