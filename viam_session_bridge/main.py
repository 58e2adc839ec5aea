# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Wires the parts; owns signals and the order of going down. Decides nothing about motion.

Exit status: 0 after a clean stop, 1 when something failed or a stop was not confirmed, 2 for a
wrong configuration.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
import functools
import logging
import sys
import threading
import time
from types import FrameType
from typing import Any
import uuid

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from viam_session_bridge import dds
from viam_session_bridge.assembly import (
    emergency_of,
    limits_of,
    policy_of,
    resource_of,
)
from viam_session_bridge.bridge_gate import make_gate
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.core.pulse import Identity
from viam_session_bridge.core.states import State
from viam_session_bridge.door import steady_now
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
from viam_session_bridge.properties import properties_of
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.journal import Journal, JournalHandler
from viam_session_bridge.ros.node import BridgeNode, ExecutorThread
from viam_session_bridge.ros.parameters import (
    BridgeConfig,
    ConfigurationError,
    explain_startup_error,
    NODE_NAME,
    read,
    watch,
)
from viam_session_bridge.ros.plugins import Unusable
from viam_session_bridge.ros.pulse import BridgePort
from viam_session_bridge.ros.pump import Pump
from viam_session_bridge.rpc.server import Server, ServerError, ServerSettings
from viam_session_bridge.vitals import BEAT_PERIOD, Vitals

# launch follows SIGINT with SIGTERM after 5 s. Stops have so long (s) to be done; the rest is for
# the parts to go down.
STOP_PATIENCE = 2.5

# A call of the gate takes microseconds. One that has not come back after so long (s) never will.
GATE_PATIENCE = 1.0

# All parts together have gone down after so long (s), or one of them hangs.
WAY_DOWN = 5.5

# Where one hangs, the log is given so long (s) to say it.
LAST_WORDS = 1.0

# rclpy's own end may take so long (s).
TEARDOWN = 3.0

# The threads without which nothing is safe; see vitals.py.
_PUMP, _EXECUTOR, _GRPC = 'the stop loop', 'the ROS executor', 'the gRPC loop'
_PARTS = (_PUMP, _EXECUTOR, _GRPC)


class Bridge:
    """All parts of one bridge, started and taken down in order."""

    def __init__(self, node: Node, config: BridgeConfig) -> None:
        self._node = node
        self._config = config
        self._leave = threading.Event()
        self._deaths: list[BaseException] = []
        identity = Identity(
            str(uuid.uuid4()), steady_now(), fingerprint(resolved(config, node)),
            config.guard.patience)
        self._gate = make_gate(
            [resource_of(one) for one in config.resources], policy_of(config, BEAT_PERIOD),
            emergency_of(config), identity, config.guard.required)
        self._vitals = Vitals(self._gate.now, _PARTS)
        self._stuck: list[str] = []
        self._journal = Journal(node.get_logger())
        self._ros = BridgeNode(
            node, self._gate, config, lambda: self._journal.faulty, self._beat_of(_EXECUTOR))
        port = BridgePort(node, identity.instance, self._gate.hear, self._gate.echoed)
        self._pump = Pump(
            self._gate, self._ros.drivers, self._report, self._died,
            self._ros.shared, self._beat_of(_PUMP), BEAT_PERIOD, port.tell,
            stale_after=config.guard.patience / 2.0, concern=self._gate.concern)
        self._executor = ExecutorThread(node, self._died)
        self._server = Server(
            self._gate,
            ServerSettings(
                config.grpc.host, config.grpc.port, config.grpc.max_connections,
                config.sessions.network_timeout),
            self._properties(config), self._died,
            self._beat_of(_GRPC), BEAT_PERIOD)

    def run(self) -> int:
        """Serve until a signal or a failure, stop everything, and return the exit status."""
        with _logging_to(self._journal):
            return self._run()

    def _run(self) -> int:
        own_signals(self._on_signal)
        log = self._node.get_logger()
        for warning in self._config.warnings:
            log.warning(warning)
        watch(self._node, self._config, self._reconfigure)
        self._pump.start()
        self._executor.start()
        try:
            port = self._server.start()
        except ServerError as problem:
            log.error(str(problem))
            self._deaths.append(problem)
        else:
            self._node.declare_parameter('grpc.actual_port', port)
            names = ', '.join(f'{one.api} {one.name}' for one in self._config.resources)
            log.info(f'serving {names} at {self._config.grpc.host}:{port}')
            self._watch()
        return self._go_down()

    @property
    def stuck(self) -> bool:
        """Whether a part hangs, so that the process cannot end in an orderly way."""
        return bool(self._stuck)

    def _report(self, outputs: Outputs, faults: dict[str, str]) -> None:
        self._journal.report(outputs, faults)
        self._ros.notice(outputs)

    def _beat_of(self, part: str) -> Callable[[], None]:
        return functools.partial(self._vitals.beat, part)

    def _watch(self) -> None:
        """Return when it is time to go: a signal, a death, or a part that hangs."""
        garbage = Garbage(self._gate.now())
        while not self._leave.wait(BEAT_PERIOD):
            garbage.look(self._gate.now(), self._gate.quiet)
            self._stuck = self._vitals.silent()
            if self._stuck:
                self._died(RuntimeError('it hangs: ' + ', '.join(self._stuck)))

    def _reconfigure(self, config: BridgeConfig) -> None:
        self._config = config
        self._gate.configure(
            policy_of(config, BEAT_PERIOD), {one.name: limits_of(one) for one in config.resources})
        self._server.describe(self._properties(config))

    def _properties(self, config: BridgeConfig) -> dict[str, Any]:
        return {one.name: properties_of(one, self._ros.senses(one.name))
                for one in config.resources}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # launch and the terminal may both send one: a second changes nothing.
        self._leave.set()

    def _died(self, problem: BaseException) -> None:
        self._deaths.append(problem)
        self._leave.set()

    def _go_down(self) -> int:
        """Stop everything and take the parts down; comes back whatever hangs meanwhile."""
        if _PUMP not in self._stuck:
            try:
                # What made a part hang may hold the lock, too.
                within(GATE_PATIENCE, self._gate.shut_down)
                return within(WAY_DOWN, self._end_in_order)
            except Exception as problem:
                self._deaths.append(problem)
                self._stuck.append('the way down')
        # Nobody else is left who could tell the drivers.
        self._pump.last_resort()
        with suppress(Hanging):
            within(LAST_WORDS, self._tell_why)
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
        unrested = self._wait_for_rest()
        # What is not seen at rest by now is the guard's from here on.
        self._gate.say_goodbye()
        self._server.stop(timeout=0.7)
        self._pump.stop(timeout=0.3)
        time.sleep(LINGER)
        self._journal.close(timeout=0.3)
        self._executor.stop(timeout=0.3)
        if unrested:
            log.error('left without seeing rest: ' + ', '.join(unrested))
        return EXIT_FAILED if self._deaths or unrested else 0

    def _wait_for_rest(self) -> list[str]:
        """Wait, bounded, for every stop to be done; returns the resources not seen to rest."""
        end = self._gate.now() + STOP_PATIENCE
        open_states = (State.MOVING, State.STOPPING)
        while self._gate.now() < end and self._pump.alive:
            if not any(state in open_states for state in self._gate.states().values()):
                break
            time.sleep(0.01)
        # Without feedback, a hold that is longer than our patience was cut short, no more.
        seen = {one.name for one in self._config.resources if one.feedback_topic}
        return [name for name, state in self._gate.states().items()
                if state in (State.MOVING, State.UNCONFIRMED)
                or (state is State.STOPPING and name in seen)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bridge; see the module's text for the exit status."""
    with outlets():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    args = without_log_file(sys.argv if argv is None else argv)
    sys.setswitchinterval(SWITCH_INTERVAL)
    confined = dds.settle()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = Node(NODE_NAME, automatically_declare_parameters_from_overrides=True)
        if confined:
            dds.check_confined()
    except Exception as problem:  # rclpy raises many kinds here
        print(explain_startup_error(problem, args), file=sys.stderr)
        return EXIT_MISCONFIGURED
    try:
        try:
            config = read(node)
        except ConfigurationError as problem:
            print(problem, file=sys.stderr)
            return EXIT_MISCONFIGURED
        try:
            bridge = Bridge(node, config)
        except Unusable as problem:
            print(problem, file=sys.stderr)
            return EXIT_MISCONFIGURED
        status = bridge.run()
        if bridge.stuck:
            leave_at_once(status)
        leave_by(TEARDOWN, status or EXIT_FAILED)
        return status
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def _logging_to(journal: Journal) -> Iterator[None]:
    """Send Python's log records to the journal."""
    handler = JournalHandler(journal)
    logging.getLogger().addHandler(handler)
    logging.getLogger('viam_session_bridge').setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


if __name__ == '__main__':
    sys.exit(main())
