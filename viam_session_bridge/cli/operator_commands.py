# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What an operator asks a running bridge, and tells it.

    viam-session-bridge status                 state of every resource, the guard, gRPC, ROS
    viam-session-bridge top                    the same, sessions and events, live; q ends it
    viam-session-bridge events [--json]        what happens, beginning with the last 100 events
    viam-session-bridge why base [--at 14:03] [--file AUDIT]
    viam-session-bridge stop | estop | reset

Each is also `ros2 run viam_session_bridge COMMAND`. Exit status: 0; 1 when a status is not OK, a
call was refused or the events give no answer; 2 for wrong arguments; 3 when no bridge was found.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
import json
import os
from pathlib import Path
import signal
import sys
import time
from types import TracebackType
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import rclpy
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from std_msgs.msg import String
from std_srvs.srv import Trigger

from viam_session_bridge.cli import top_view
from viam_session_bridge.cli.why import (
    at,
    end_of,
    Event,
    explain,
    in_order,
    NoAnswer,
    parsed,
    read_audit,
    shown_time,
)

EXIT_BAD, EXIT_NO_BRIDGE, EXIT_INTERRUPTED = 1, 3, 130

BRIDGE, GUARD = 'viam_session_bridge', 'viam_session_bridge_guard'

# As the publishers of ~/events: what was published before comes first.
EVENTS_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST, depth=100)

# The stored events have arrived when none came for so long (s).
QUIET = 0.5

# Diagnostics come once a second (s).
ROUND = 1.3

# `top` shows as many of the last events as there is room for, and so many at most.
MOST_EVENTS = 100

# A node whose diagnostics are older (s) is reported.
STALE = 3.0

# How often `top` looks for a key (s).
KEY_PERIOD = 0.1

_LEVELS = {0: 'OK', 1: 'WARN', 2: 'ERROR', 3: 'STALE'}

_SERVICES = {
    'stop': ('stop_all', 'Stop every resource. Clients may command again at once.'),
    'estop': ('estop', 'Press the emergency stop: everything stops, and motion is refused until '
                       'reset.'),
    'reset': ('reset', 'Reset the emergency stop and stops that were not confirmed. Nothing moves '
                       'by it.'),
}


class NoBridge(Exception):
    """No bridge was found; the text says where it was looked for."""


class Robot:
    """One bridge and its guard, seen from a node of our own that is spun when we wait."""

    def __init__(self, namespace: str, patience: float, ros_args: Sequence[str]) -> None:
        rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node(
            f'viam_session_bridge_operator_{os.getpid()}', namespace=namespace or None,
            enable_rosout=False, start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._patience = patience
        self._place = self._node.get_namespace().rstrip('/')
        # The newest statuses of bridge and guard, by node, and when they came (s).
        self.statuses: dict[str, tuple[float, list[DiagnosticStatus]]] = {}

    def __enter__(self) -> 'Robot':
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    @property
    def bridge(self) -> str:
        """Return the full name of the bridge's node."""
        return f'{self._place}/{BRIDGE}'

    def spin(self, seconds: float) -> None:
        """Take in what arrives within so long (s)."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def wait(self, condition: Callable[[], Any]) -> None:
        """Take in what arrives until something is so. Raises NoBridge after the patience."""
        end = time.monotonic() + self._patience
        while not condition():
            if time.monotonic() >= end:
                raise NoBridge(self._missing())
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, service: str) -> Trigger.Response:
        """Call one of the bridge's services. Raises NoBridge."""
        client: Client = self._node.create_client(Trigger, f'{self.bridge}/{service}')
        self.wait(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.wait(future.done)
        return future.result()

    def watch_statuses(self) -> None:
        """Collect diagnostics, and wait for the bridge's. Raises NoBridge."""
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.wait(lambda: self.bridge in self.statuses)

    def watch_events(self, take: Callable[[str], None]) -> None:
        """Have take called with each event, the stored ones first. Raises NoBridge."""
        topics = [f'{self._place}/{node}/events' for node in (BRIDGE, GUARD)]
        for topic in topics:
            self._node.create_subscription(
                String, topic, lambda message: take(message.data), EVENTS_QOS)
        self.wait(lambda: any(map(self._node.count_publishers, topics)))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        node = message.status[0].name.partition(':')[0] if message.status else ''
        if node in (self.bridge, f'{self._place}/{GUARD}'):
            self.statuses[node] = time.monotonic(), list(message.status)

    def _missing(self) -> str:
        others = sorted(
            f'{place.rstrip("/")}/{name}' for name, place
            in self._node.get_node_names_and_namespaces() if name == BRIDGE)
        others = [name for name in others if name != self.bridge]
        found = ('' if not others else f'; found: {", ".join(others)} '
                 f'(choose one with --namespace)')
        return (f'no bridge {self.bridge} answered within {self._patience:g} s in ROS domain '
                f'{os.environ.get("ROS_DOMAIN_ID") or "0"} (ROS_DOMAIN_ID), namespace '
                f'{self._place or "/"}{found}')


# ---- status and top -----------------------------------------------------------------------------

def _level(status: DiagnosticStatus) -> int:
    return int.from_bytes(status.level, 'little')


def _plain(status: DiagnosticStatus) -> dict[str, Any]:
    return {'name': status.name, 'hardware_id': status.hardware_id,
            'subject': status.name.partition(': ')[2], 'level': _LEVELS[_level(status)],
            'message': status.message, 'values': {pair.key: pair.value for pair in status.values}}


def _all(robot: Robot) -> list[dict[str, Any]]:
    return [_plain(status) for _, statuses in robot.statuses.values() for status in statuses]


def status(robot: Robot, options: argparse.Namespace) -> int:
    """Show every status once."""
    robot.watch_statuses()
    robot.spin(ROUND)
    found = _all(robot)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print('\n'.join(_lines(found)))
    return 0 if all(one['level'] == 'OK' for one in found) else EXIT_BAD


def _lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for one in found:
        lines.append(f'{one["level"]:5} {one["name"]}: {one["message"]}')
        lines += [f'        {key}: {value}' for key, value in one['values'].items() if value]
    return lines


def top(robot: Robot, options: argparse.Namespace) -> int:
    """Show resources, sessions and the last events until q is pressed."""
    events: list[Event] = []

    def take(text: str) -> None:
        event = parsed(text)
        if event is not None:
            events[:] = in_order([*events, event])[-MOST_EVENTS:]

    # As Ctrl-C: the terminal is restored.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    robot.watch_statuses()
    robot.watch_events(take)
    with top_view.terminal() as (show, ends):
        while True:
            now = time.monotonic()
            show(top_view.view(robot.bridge, _all(robot), [
                f'{node}: no diagnostics for {now - seen:.0f} s'
                for node, (seen, _) in robot.statuses.items() if now - seen > STALE], events))
            end = time.monotonic() + options.period
            while (left := end - time.monotonic()) > 0.0:
                robot.spin(min(left, KEY_PERIOD))
                if ends():
                    return 0


# ---- events and why -----------------------------------------------------------------------------

def _event_line(event: Event) -> str:
    level = '' if event.get('level') == 'info' else f'{str(event.get("level")).upper()}: '
    return f'{shown_time(at(event))} {event.get("process", ""):6} {level}{event.get("text", "")}'


def _gather(robot: Robot) -> list[Event]:
    """Return the list that events are added to as they come; the stored ones are in it."""
    arrived: list[Event] = []

    def take(text: str) -> None:
        event = parsed(text)
        if event is not None:
            arrived.append(event)

    robot.watch_events(take)
    known = -1
    while len(arrived) > known:
        known = len(arrived)
        robot.spin(QUIET)
    return arrived


def events(robot: Robot, options: argparse.Namespace) -> int:
    """Print events as they come, the stored ones first."""
    arrived = _gather(robot)
    while True:
        for event in in_order(arrived):
            print(json.dumps(event) if options.json else _event_line(event), flush=True)
        arrived.clear()
        if options.stored:
            return 0
        robot.spin(0.1)


def why(robot: Robot | None, options: argparse.Namespace) -> int:
    """Say in one paragraph why a resource stopped."""
    try:
        until = end_of(options.at, datetime.now().astimezone()) if options.at else None
        found = in_order(_gather(robot)) if robot else read_audit(options.file)
        text = explain(found, options.resource, until)
    except (NoAnswer, OSError) as problem:
        print(problem, file=sys.stderr)
        return EXIT_BAD
    print(json.dumps({'resource': options.resource, 'answer': text}) if options.json else text)
    return 0


# ---- orders -------------------------------------------------------------------------------------

def order(robot: Robot, options: argparse.Namespace) -> int:
    """Call the service that a command stands for."""
    response = robot.call(_SERVICES[options.command][0])
    if options.json:
        print(json.dumps({'success': response.success, 'message': response.message}))
    else:
        print(response.message)
    return 0 if response.success else EXIT_BAD


# ---- arguments ----------------------------------------------------------------------------------

_RUN: dict[str, Callable[[Any, argparse.Namespace], int]] = {
    'status': status, 'top': top, 'events': events, 'why': why,
    **dict.fromkeys(_SERVICES, order)}


def _parser(command: str) -> argparse.ArgumentParser:
    about = _SERVICES[command][1] if command in _SERVICES else str(_RUN[command].__doc__)
    parser = argparse.ArgumentParser(
        prog=f'viam-session-bridge {command}', description=about, epilog=(
            'Exit status: 0; 1 when a status is not OK, a call was refused or the events give no '
            'answer; 2 for wrong arguments; 3 when no bridge was found. ROS_DOMAIN_ID and '
            '--ros-args count as for every ROS program.'))
    parser.add_argument('--namespace', default='', metavar='NS',
                        help="the bridge's ROS namespace, such as /robot1 (default: none)")
    parser.add_argument('--timeout', type=float, default=5.0, metavar='S',
                        help='how long to look for the bridge (default: 5 s)')
    if command != 'top':
        parser.add_argument('--json', action='store_true', help='print JSON, for programs')
    if command == 'top':
        parser.add_argument('--period', type=float, default=0.5, metavar='S',
                            help='how often the view is drawn (default: 0.5 s)')
    if command == 'events':
        parser.add_argument('--stored', action='store_true',
                            help='print the stored events and end, instead of following')
    if command == 'why':
        parser.add_argument('resource', help='the resource that stopped, such as base')
        parser.add_argument('--at', metavar='HH:MM[:SS]',
                            help='its last stop up to this local time (default: its last one)')
        parser.add_argument('--file', metavar='AUDIT',
                            help='read events.audit_file instead of asking a running bridge')
    parser.set_defaults(command=command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the name of the program ends in; returns the exit status."""
    words = list(sys.argv if argv is None else argv)
    # 'viam-session-bridge status' (executables.py), or the path of an executable.
    command = Path(words[0]).name.rpartition(' ')[2]
    plain = remove_ros_args(words)[1:]
    options = _parser(command).parse_args(plain)
    try:
        if command == 'why' and options.file:
            return why(None, options)
        with Robot(options.namespace, options.timeout, words) as robot:
            return _RUN[command](robot, options)
    except NoBridge as problem:
        print(problem, file=sys.stderr)
        return EXIT_NO_BRIDGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0


if __name__ == '__main__':
    sys.exit(main())
