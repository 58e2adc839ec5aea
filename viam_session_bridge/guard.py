# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A second process, which stops the robot when the bridge itself falls silent.

It has the same parameters and the same drivers, and nobody can command it. Wires the parts and
owns signals; how silence is judged is in core/watch.py. Exit status: 0 after a clean end, 1 when
something failed or a stop of its own was not confirmed, 2 for a wrong configuration.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
import functools
import sys
import threading
import time
from types import FrameType
from typing import cast
import uuid

import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge import dds
from viam_session_bridge.assembly import resource_of
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.core.pulse import Pulse
from viam_session_bridge.core.sentry import Sentry
from viam_session_bridge.core.states import State
from viam_session_bridge.core.watch import Watch
from viam_session_bridge.gate import Gate
from viam_session_bridge.outlets import outlets
from viam_session_bridge.process import (
    EXIT_FAILED,
    EXIT_MISCONFIGURED,
    Garbage,
    Hanging,
    leave_at_once,
    leave_by,
    LINGER,
    own_signals,
    SWITCH_INTERVAL,
    within,
    without_log_file,
)
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.journal import Journal
from viam_session_bridge.ros.node import BridgeNode, ExecutorThread
from viam_session_bridge.ros.parameters import (
    BridgeConfig,
    ConfigurationError,
    EmergencyConfig,
    explain_startup_error,
    NODE_NAME,
    read,
)
from viam_session_bridge.ros.plugins import Unusable
from viam_session_bridge.ros.ports import AdoptingDriver
from viam_session_bridge.ros.pulse import ECHO_TOPIC, GuardPort, PULSE_TOPIC
from viam_session_bridge.ros.pump import Pump
from viam_session_bridge.vitals import BEAT_PERIOD, Vitals

GUARD_NAME = 'viam_session_bridge_guard'

# launch follows SIGINT with SIGTERM after 5 s, and with SIGKILL 5 s later. So long (s) the guard
# outlives the first of them, for a bridge that has got the same one, and for its own stops.
OUTLIVING = 8.5

# A stop that is not done so long (s) after the signal is not confirmed: what is left of the time
# is for its escalations.
LAST_CHANCE = 4.5

# All parts together have gone down so much (s) later, or one of them hangs.
WAY_DOWN = 1.0

# rclpy's own end may take so long (s).
TEARDOWN = 1.0

# The threads without which it guards nothing; see vitals.py. A bridge notices by itself when the
# echoes cease.
_PUMP, _EXECUTOR = 'the stop loop', 'the ROS executor'
_PARTS = (_PUMP, _EXECUTOR)

# Who starts a guard means that there is one.
_GUARDED = ('--ros-args', '-p', 'guard.required:=true')
_DIAGNOSTICS = '/diagnostics'


class GuardGate(Gate):
    """The gate of a guard: pulses come in, and nothing else that would move anything."""

    def __init__(self, sentry: Sentry) -> None:
        super().__init__(sentry)
        self._sentry = sentry

    def hear(self, pulse: Pulse) -> None:
        """Take a bridge's pulse."""
        with self._lock:
            self._sentry.hear(pulse, self.now())
            self._wake_locked()

    def drained(self) -> None:
        """Note that everything that had arrived was taken in."""
        with self._lock:
            self._sentry.drained(self.now())
            self._wake_locked()

    def rests(self) -> bool:
        """Tell whether no bridge relies on this guard and its own stops are done."""
        with self._lock:
            return self._sentry.rests()

    def hurry(self, until: float) -> None:
        """Have every stop done by that instant (s), or it has failed: the guard is about to go."""
        with self._lock:
            self._sentry.hurry(until, self.now())
            self._wake_locked()

    def concern(self) -> frozenset[str]:
        """Return what this guard has to stop if it cannot decide any more; takes no lock."""
        return self._sentry.concern

    def troubles(self) -> dict[str, str]:
        """Return nothing: what is wrong with a bridge is the bridge's to tell."""
        return {}


@dataclass(frozen=True)
class Surroundings:
    """What the bridge's node sees: its parameters, its namespace, and how its names resolve."""

    config: BridgeConfig
    namespace: str
    use_sim_time: bool
    names: dict[str, str]


class Guard:
    """All parts of one guard, started and taken down in order."""

    def __init__(self, node: Node, around: Surroundings) -> None:
        config = around.config
        self._node = node
        self._leave = threading.Event()
        self._deaths: list[BaseException] = []
        self._gate = GuardGate(Sentry(
            [resource_of(one) for one in config.resources],
            Watch(str(uuid.uuid4()), fingerprint(config))))
        self._vitals = Vitals(self._gate.now, _PARTS)
        self.stuck: list[str] = []
        self._journal = Journal(node.get_logger())
        # An emergency stop is the bridge's business: a guard touches nothing that was idle.
        self._ros = BridgeNode(
            node, self._gate, replace(config, estop=EmergencyConfig()),
            lambda: self._journal.faulty, self._beat_of(_EXECUTOR), emergency=False)
        port = GuardPort(node, around.names.__getitem__, self._hear, self._gate.drained)
        self._pump = Pump(
            self._gate, self._ros.drivers, self._report, self._died, self._ros.shared,
            self._beat_of(_PUMP), BEAT_PERIOD, port.tell, concern=self._gate.concern)
        self._executor = ExecutorThread(node, self._died)

    def run(self) -> int:
        """Watch until a signal or a failure, and return the exit status."""
        own_signals(self._on_signal)
        self._pump.start()
        self._executor.start()
        self._node.get_logger().info('guarding ' + ', '.join(self._gate.states()))
        garbage = Garbage(self._gate.now())
        for part in _PARTS:
            self._vitals.beat(part)
        while not self._leave.wait(BEAT_PERIOD):
            garbage.look(self._gate.now(), self._gate.quiet)
            self.stuck = self._vitals.silent()
            if self.stuck:
                self._died(RuntimeError('it hangs: ' + ', '.join(self.stuck)))
        return self._go_down()

    def _hear(self, pulse: Pulse) -> None:
        """Take a pulse: first which goals are the bridge's, then what it means."""
        for name in pulse.standing:
            driver = self._ros.drivers.get(name)
            if hasattr(driver, 'adopt'):
                cast(AdoptingDriver, driver).adopt(pulse.goals.get(name, ()))
        self._gate.hear(pulse)

    def _report(self, outputs: Outputs, faults: dict[str, str]) -> None:
        self._journal.report(outputs, faults)
        self._ros.notice(outputs)

    def _beat_of(self, part: str) -> Callable[[], None]:
        return functools.partial(self._vitals.beat, part)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._leave.set()

    def _died(self, problem: BaseException) -> None:
        self._deaths.append(problem)
        self._leave.set()

    def _go_down(self) -> int:
        """See to it that everything rests and take the parts down; comes back in any case."""
        if _PUMP not in self.stuck:
            try:
                return within(OUTLIVING + WAY_DOWN, self._end_in_order)
            except Exception as problem:
                self._deaths.append(problem)
                self.stuck.append('the way down')
        # Nobody else is left who could tell the drivers.
        self._pump.last_resort()
        with suppress(Hanging):
            within(WAY_DOWN, self._tell_why)
        return EXIT_FAILED

    def _tell_why(self) -> None:
        log = self._node.get_logger()
        for problem in self._deaths:
            log.fatal(f'a vital part failed: {type(problem).__name__}: {problem}')
        self._journal.close(timeout=0.3)

    def _end_in_order(self) -> int:
        log = self._node.get_logger()
        for problem in self._deaths:
            log.fatal(f'a vital part failed: {type(problem).__name__}: {problem}')
        began = self._gate.now()
        self._gate.hurry(began + LAST_CHANCE)
        while (self._gate.now() < began + OUTLIVING and self._pump.alive
               and not self._gate.rests()):
            time.sleep(0.01)
        unrested = [name for name, state in self._gate.states().items() if state is not State.IDLE]
        self._pump.stop(timeout=0.3)
        time.sleep(LINGER)
        self._journal.close(timeout=0.3)
        self._executor.stop(timeout=0.1)
        if unrested:
            log.error('left without seeing rest: ' + ', '.join(unrested))
        return EXIT_FAILED if self._deaths or unrested else 0


def look_around() -> Surroundings:
    """
    Return what the bridge's node sees, by being it for a moment. rclpy must be up.

    Remappings and parameters may name the bridge's node, and `~` means it: only a node of that
    name gets all of them. Raises ConfigurationError.
    """
    node = Node(
        NODE_NAME, automatically_declare_parameters_from_overrides=True, enable_rosout=False,
        start_parameter_services=False)
    try:
        config = resolved(read(node), node)
        sim_time = node.get_parameter('use_sim_time').value
        names = {name: node.resolve_topic_name(name)
                 for name in (PULSE_TOPIC, ECHO_TOPIC, _DIAGNOSTICS)}
        return Surroundings(config, node.get_namespace(), bool(sim_time), names)
    finally:
        node.destroy_node()


def make_node(around: Surroundings) -> Node:
    """Return the guard's own node; the arguments of the process were for the bridge's."""
    return Node(
        GUARD_NAME, namespace=around.namespace, use_global_arguments=False,
        cli_args=['--ros-args', '-r', f'{_DIAGNOSTICS}:={around.names[_DIAGNOSTICS]}'],
        parameter_overrides=[Parameter('use_sim_time', value=around.use_sim_time)])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the guard; see the module's text for the exit status."""
    with outlets():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    args = without_log_file([*(sys.argv if argv is None else argv), *_GUARDED])
    sys.setswitchinterval(SWITCH_INTERVAL)
    confined = dds.settle()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as problem:  # rclpy raises many kinds here
        print(explain_startup_error(problem, args), file=sys.stderr)
        return EXIT_MISCONFIGURED
    node = None
    try:
        try:
            around = look_around()
            node = make_node(around)
            if confined:
                dds.check_confined()
        except ConfigurationError as problem:
            print(problem, file=sys.stderr)
            return EXIT_MISCONFIGURED
        except Exception as problem:  # rclpy raises many kinds here
            print(explain_startup_error(problem, args), file=sys.stderr)
            return EXIT_MISCONFIGURED
        try:
            guard = Guard(node, around)
        except Unusable as problem:
            print(problem, file=sys.stderr)
            return EXIT_MISCONFIGURED
        status = guard.run()
        if guard.stuck:
            leave_at_once(status)
        leave_by(TEARDOWN, status or EXIT_FAILED)
        return status
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
