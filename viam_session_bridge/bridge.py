# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The bridge: connects its parts, and ends them in order. Decides nothing about motion."""

import sys

from viam_session_bridge.executables import start

if __name__ == '__main__':
    sys.exit(start('bridge'))

# ruff: noqa: E402  what is imported from here on takes a second
from collections.abc import Callable, Iterator, Sequence  # noqa: I100
from contextlib import contextmanager
import logging
import os
import socket
import time
import uuid

from rclpy.node import Node

from viam_session_bridge.core.events import ConfigurationChanged, Identity
from viam_session_bridge.core.states import State
from viam_session_bridge.locked_supervisor import locked_bridge, LockedBridge, steady_now
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.process import (
    BEAT_PERIOD,
    EndRequest,
    EXECUTOR,
    PUMP,
    run,
    SafetyProcess,
)
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.journal import Journal, JournalHandler
from viam_session_bridge.ros.node import Report
from viam_session_bridge.ros.parameters import GUARD_NAME, NODE_NAME, read, watch
from viam_session_bridge.ros.pulse import BridgePort
from viam_session_bridge.ros.signatures import load_key, Signer
from viam_session_bridge.rpc.server import Server, ServerError

# launch follows SIGINT with SIGTERM after 5 s. Stops have this time (s) to be done; the rest is
# for the end of the parts.
STOP_PATIENCE = 2.5

_GRPC = 'the gRPC loop'


class Bridge(SafetyProcess):
    """All parts of one bridge."""

    vital = (PUMP, EXECUTOR, _GRPC)
    explained = (ServerError,)
    way_down = 5.5
    executor_end = 0.3
    teardown = 3.0

    _supervisor: LockedBridge

    def __init__(self, node: Node, config: BridgeConfig) -> None:
        self._config = config
        signer = Signer(load_key(config.guard.key_file))
        # Alarms contain full topic names, also where the parameter file has relative ones.
        full = resolved(config, node)
        identity = Identity(
            str(uuid.uuid4()), steady_now(), fingerprint(full), config.guard.patience,
            socket.gethostname(), os.getpid(), config.grpc.port)
        supervisor = locked_bridge(
            [one.resource for one in full.actuated], config.policy(BEAT_PERIOD),
            config.estop.settings, identity, config.guard.required)
        super().__init__(
            node, supervisor, config, emergency=supervisor,
            companion=f'{node.get_namespace().rstrip("/")}/{GUARD_NAME}',
            is_open=lambda socket_id: self._server.is_open(socket_id))
        port = BridgePort(
            node, signer, identity.instance, supervisor.receive, supervisor.echoed)
        self._add_pump(port.tell, stale_after=config.guard.patience / 2.0)
        self._server = Server(
            supervisor, config, self._ros.secondary_feedback, self._failed,
            self._beat_of(_GRPC), BEAT_PERIOD, self._journal.event)

    def run(self, leave: EndRequest | None = None) -> int:
        """Serve until a signal or a failure, come to rest, and return the exit status."""
        with _logging_to(self._journal):
            for warning in self._config.warnings:
                self._node.get_logger().warning(warning)
            watch(self._node, self._config, self._reconfigure, lambda changes:
                  self._journal.event(ConfigurationChanged(changes)))
            return super().run(leave)

    def _serve(self) -> None:
        log = self._node.get_logger()
        try:
            port = self._server.start()
        except ServerError as problem:
            self._failed(problem)
            return
        self._supervisor.serves_at(port)
        self._node.declare_parameter('grpc.actual_port', port)
        names = ', '.join(f'{one.name} (api: {one.api})' for one in self._config.resources)
        log.info(f'serving {names} at {self._config.grpc.host}:{port}')

    def _reconfigure(self, config: BridgeConfig) -> None:
        self._config = config
        self._supervisor.configure(
            config.policy(BEAT_PERIOD), {one.name: one.limits for one in config.actuated})
        self._server.configure(config)

    def _reports(self) -> Iterator[Report]:
        yield from super()._reports()
        if 'guard' not in self._supervisor.troubles():
            problem = self._supervisor.guard_problem()
            yield Report('guard', f'{problem}; guard.required is off' if problem
                         else 'a guard answers')
        yield Report('gRPC', 'it serves', self._server.figures())

    def _begin_end(self) -> None:
        self._supervisor.shut_down()

    def _come_to_rest(self) -> list[str]:
        end = self._supervisor.now() + STOP_PATIENCE
        open_states = (State.MOVING, State.STOPPING)
        while self._supervisor.now() < end and self._pump.alive:
            if not any(state in open_states for state in self._supervisor.states().values()):
                break
            time.sleep(0.01)
        # Without feedback, a hold that is longer than this bound was only shortened.
        seen = {one.name for one in self._config.actuated if one.feedback_topic}
        unrested = [name for name, state in self._supervisor.states().items()
                    if state in (State.MOVING, State.UNCONFIRMED)
                    or (state is State.STOPPING and name in seen)]
        # The guard stops resources that are not seen at rest by now.
        self._supervisor.end_pulses()
        self._server.stop(timeout=0.7)
        return unrested


def _start() -> tuple[Node, Callable[[], Bridge]]:
    node = Node(NODE_NAME, automatically_declare_parameters_from_overrides=True)
    return node, lambda: Bridge(node, read(node))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bridge; see process.py for the exit status."""
    return run(sys.argv if argv is None else argv, _start)


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
