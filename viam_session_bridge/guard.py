# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A second process, which stops the robot when the bridge itself becomes silent.

It has the same parameters and the same drivers, and accepts no commands. Connects the parts;
core/guard_rules.py judges the silence.
"""

import sys

from viam_session_bridge.executables import start

if __name__ == '__main__':
    sys.exit(start('guard'))

# ruff: noqa: E402  what is imported from here on takes a second
from collections.abc import Callable, Sequence  # noqa: I100
from dataclasses import dataclass, replace
import time
from typing import cast
import uuid

from rclpy.node import Node
from rclpy.parameter import Parameter

from viam_session_bridge.core.events import Pulse
from viam_session_bridge.core.guard_rules import GuardRules, PulseWatch
from viam_session_bridge.core.states import State
from viam_session_bridge.locked_supervisor import LockedGuard
from viam_session_bridge.parameters.shared import BridgeConfig, EmergencyConfig
from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.process import run, SafetyProcess
from viam_session_bridge.ros.fingerprint import fingerprint, resolved
from viam_session_bridge.ros.interfaces import PartsDriver
from viam_session_bridge.ros.parameters import GUARD_NAME, NODE_NAME, read
from viam_session_bridge.ros.pulse import GuardPort
from viam_session_bridge.ros.signatures import load_key, Signer

# launch follows SIGINT with SIGTERM after 5 s, and with SIGKILL 5 s later. The guard runs this
# long (s) after the first of them, for a bridge that has received the same signal, and for its own
# stops.
OUTLIVING = 8.5

# A stop that is not done this long (s) after the signal is not confirmed: the rest of the time is
# for its escalations.
LAST_CHANCE = 4.5

# A configuration with a guard requires it.
_GUARDED = ('--ros-args', '-p', 'guard.required:=true')
_DIAGNOSTICS = '/diagnostics'


@dataclass(frozen=True)
class GuardParts:
    """The bridge's node: its parameters, its own name, and how its names resolve."""

    config: BridgeConfig
    name: str
    namespace: str
    use_sim_time: bool
    names: dict[str, str]


class Guard(SafetyProcess):
    """All parts of one guard. A bridge detects by itself when the echoes cease."""

    way_down = OUTLIVING + 1.0
    executor_end = 0.1
    teardown = 1.0

    _supervisor: LockedGuard

    def __init__(self, node: Node, around: GuardParts) -> None:
        # The guard has actuated resources only, and the bridge handles the emergency stop: a guard
        # stops no idle resource.
        config = replace(
            around.config, resources=around.config.actuated, estop=EmergencyConfig())
        signer = Signer(load_key(config.guard.key_file))
        supervisor = LockedGuard(GuardRules(
            [one.resource for one in config.actuated],
            PulseWatch(str(uuid.uuid4()), fingerprint(config))))
        super().__init__(node, supervisor, config, companion=around.name)
        port = GuardPort(
            node, signer, around.names.__getitem__, self._receive, supervisor.drained)
        self._add_pump(port.tell)

    def _serve(self) -> None:
        self._node.get_logger().info(
            'guarding ' + (', '.join(self._supervisor.states()) or 'nothing: no resource moves'))

    def _receive(self, pulse: Pulse) -> None:
        """Take a pulse: first the goals of the bridge, then its resources."""
        for name in pulse.active:
            driver = self._ros.drivers.get(name)
            if hasattr(driver, 'adopt'):
                cast(PartsDriver, driver).adopt(pulse.goals.get(name, ()))
        self._supervisor.receive(pulse)

    def _begin_end(self) -> None:
        self._supervisor.hurry(LAST_CHANCE)

    def _come_to_rest(self) -> list[str]:
        end = self._supervisor.now() + OUTLIVING
        while self._supervisor.now() < end and self._pump.alive and not self._supervisor.rests():
            time.sleep(0.01)
        return [name for name, state in self._supervisor.states().items()
                if state is not State.IDLE]


def bridge_node() -> GuardParts:
    """
    Return the bridge's node, from a temporary node of its name. rclpy must be initialized.

    Remappings and parameters may name the bridge's node, and `~` refers to it: only a node of that
    name receives all of them. Raises ConfigurationError.
    """
    node = Node(
        NODE_NAME, automatically_declare_parameters_from_overrides=True, enable_rosout=False,
        start_parameter_services=False)
    try:
        config = resolved(read(node), node)
        sim_time = node.get_parameter('use_sim_time').value
        names = {name: node.resolve_topic_name(name)
                 for name in (PULSE_TOPIC, ECHO_TOPIC, _DIAGNOSTICS)}
        return GuardParts(
            config, node.get_fully_qualified_name(), node.get_namespace(), bool(sim_time), names)
    finally:
        node.destroy_node()


def make_node(around: GuardParts) -> Node:
    """Return the guard's own node; the arguments of the process were for the bridge's."""
    return Node(
        GUARD_NAME, namespace=around.namespace, use_global_arguments=False,
        cli_args=['--ros-args', '-r', f'{_DIAGNOSTICS}:={around.names[_DIAGNOSTICS]}'],
        parameter_overrides=[Parameter('use_sim_time', value=around.use_sim_time)])


def _start() -> tuple[Node, Callable[[], Guard]]:
    around = bridge_node()
    node = make_node(around)
    return node, lambda: Guard(node, around)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the guard; see process.py for the exit status."""
    return run([*(sys.argv if argv is None else argv), *_GUARDED], _start)
