# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The transport of the pulse of a bridge and the echo of a guard: JSON in std_msgs/String.

Text, so that `ros2 topic echo` shows what a guard receives, and a type that every robot has. Both
are published by the loops that stop robots, through Pump's tell. Each is signed (signatures.py):
any node may publish on these topics. A message that is too long, not signed with our key, or no
valid pulse or echo is logged and ignored, with one exception: a bridge that receives an unverified
pulse does not move.
"""

from collections.abc import Callable, Mapping
from functools import partial
import json
import math
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from viam_session_bridge.core.events import Echo, Identity, Outputs, Pulse
from viam_session_bridge.parameters.topics import ECHO_TOPIC, PULSE_TOPIC
from viam_session_bridge.ros.profiles import COMMAND_QOS
from viam_session_bridge.ros.signatures import Signer

# Several bridges share the topic: a burst of one must not displace messages of another.
_IN = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE,
    history=HistoryPolicy.KEEP_LAST, depth=10)

_LONGEST_PATIENCE = 60.0  # s; a bridge's own bound is lower
_LOG_PERIOD = 10.0  # s

# A longer message (characters) is dropped without parsing. A pulse with a hundred resources, each
# with a hundred goals, has 400,000.
LONGEST_MESSAGE = 1 << 19


def encode_pulse(pulse: Pulse) -> str:
    """Return a pulse as text: its fields, and those of its sender beside them."""
    content = {**vars(pulse.sender), **vars(pulse)}
    del content['sender']
    return json.dumps(content, separators=(',', ':'))


def decode_pulse(text: str) -> Pulse:
    """Return the pulse in a text. Raises ValueError."""
    content = _Content(text)
    patience = content.number('patience')
    if not 0.0 < patience <= _LONGEST_PATIENCE:
        raise ValueError(f'patience: found {patience}, accepted: above 0, up to 60 s')
    return Pulse(
        Identity(content.text('instance'), content.number('started'),
                 content.text('configuration'), patience, content.text('host', ''),
                 content.whole('process', 0), content.whole('port', 0)),
        content.whole('sequence'),
        {name: int(epoch) for name, epoch in content.block('active').items()},
        {name: tuple(map(str, ids)) for name, ids in content.block('goals').items()},
        content.flag('goodbye'), content.texts('unconfirmed'), content.text('latched'),
        content.texts('unmoved'), content.texts('guards'))


def encode_echo(echo: Echo) -> str:
    """Return an echo as text."""
    return json.dumps(vars(echo), separators=(',', ':'))


def decode_echo(text: str) -> Echo:
    """Return the echo in a text. Raises ValueError."""
    content = _Content(text)
    return Echo(
        content.text('guard'), content.text('instance'), content.whole('sequence'),
        content.text('configuration'), content.whole('fired'), content.texts('unreached'),
        content.text('latched'), content.texts('moved'), content.whole('number'))


class BridgePort:
    """
    The bridge's side. receive and echoed run on the executor's thread.

    instance: our own; our own pulses are ignored. receive takes a pulse and whether it is
    verified.
    """

    def __init__(self, node: Node, signer: Signer, instance: str,
                 receive: Callable[[Pulse, bool], None], echoed: Callable[[Echo], None]) -> None:
        self._publisher = node.create_publisher(String, PULSE_TOPIC, COMMAND_QOS)
        self._sign = partial(signer.sign, node.resolve_topic_name(PULSE_TOPIC))
        self._inputs = [
            _Input(node, signer, PULSE_TOPIC, decode_pulse,
                   lambda pulse: receive(pulse, True), lambda text: instance not in text,
                   take_unverified=lambda pulse: receive(pulse, False)),
            _Input(node, signer, ECHO_TOPIC, decode_echo, echoed, lambda text: instance in text)]

    def tell(self, outputs: Outputs) -> None:
        """Publish the pulse of a pass, if it has one."""
        if outputs.pulse is not None:
            self._publisher.publish(String(data=self._sign(encode_pulse(outputs.pulse))))


class GuardPort:
    """
    The guard's side. receive and drained run on the executor's thread.

    resolve: returns the names that the bridge's topics have.
    """

    def __init__(self, node: Node, signer: Signer, resolve: Callable[[str], str],
                 receive: Callable[[Pulse], None], drained: Callable[[], None]) -> None:
        self._publisher = node.create_publisher(String, resolve(ECHO_TOPIC), COMMAND_QOS)
        self._sign = partial(signer.sign, resolve(ECHO_TOPIC))
        self._input = _Input(
            node, signer, resolve(PULSE_TOPIC), decode_pulse, receive, lambda text: True)
        # The executor takes messages that have arrived before it runs this.
        self._drain = node.create_guard_condition(drained)

    def tell(self, outputs: Outputs) -> None:
        """Publish the echoes of a pass, and drain the queue if it requests that."""
        for echo in outputs.echoes:
            self._publisher.publish(String(data=self._sign(encode_echo(echo))))
        if outputs.drain:
            self._drain.trigger()


class _Input:
    """Reads a topic; passes on messages that are for us, verified and valid."""

    def __init__(self, node: Node, signer: Signer, topic: str, decode: Callable[[str], Any],
                 take: Callable[[Any], None], concerns: Callable[[str], bool],
                 take_unverified: Callable[[Any], None] | None = None) -> None:
        self._logger = node.get_logger()
        self._check = partial(signer.check, node.resolve_topic_name(topic))
        self._topic = topic
        self._decode = decode
        self._take = take
        self._take_unverified = take_unverified
        self._concerns = concerns
        self._subscription = node.create_subscription(String, topic, self._on_message, _IN)

    def _on_message(self, message: String) -> None:
        length = len(message.data)
        if length > LONGEST_MESSAGE:
            self._log_ignored(f'it has {length} characters; accepted: up to {LONGEST_MESSAGE}')
            return
        if not self._concerns(message.data):
            return
        text, verified = self._check(message.data)
        take = self._take if verified else self._take_unverified
        if take is None:
            self._log_ignored(
                'it is not signed with the key of this process; accepted: messages of a bridge '
                'or guard with the same guard.key_file')
            return
        try:
            content = self._decode(text)
        except Exception as problem:  # any node can publish here; none may end this process
            self._log_ignored(str(problem))
            return
        take(content)

    def _log_ignored(self, problem: str) -> None:
        self._logger.warning(
            f'ignored a message on {self._topic}: {problem}',
            throttle_duration_sec=_LOG_PERIOD)


class _Content:
    """A JSON object whose entries are checked as they are read; every problem is a ValueError."""

    def __init__(self, text: str) -> None:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError('found no JSON object')
        self._content: Mapping[str, Any] = content

    def text(self, name: str, missing: str | None = None) -> str:
        """Return a string; missing: for an older release without it."""
        return missing if self._lacks(name) and missing is not None else str(
            self._checked(name, str))

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = float(self._checked(name, int, float))
        if not math.isfinite(value):
            raise ValueError(f'{name}: found {value}, accepted: a finite number')
        return value

    def whole(self, name: str, missing: int | None = None) -> int:
        """Return an integer; missing: for an older release without it."""
        return missing if self._lacks(name) and missing is not None else int(
            self._checked(name, int))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return self._content.get(name) is True

    def block(self, name: str) -> Mapping[str, Any]:
        """Return an object; its values are for the caller to convert."""
        value: Mapping[str, Any] = self._checked(name, dict)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(map(str, self._checked(name, list)))

    def _lacks(self, name: str) -> bool:
        return name not in self._content

    def _checked(self, name: str, *kinds: type) -> Any:
        value = self._content.get(name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f'{name}: found {value!r:.40}, accepted: {kinds[-1].__name__}')
        return value
