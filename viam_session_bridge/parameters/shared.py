# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The blocks of the top level that are no resource's, and the frozen configuration of a bridge.

Like all tables, these are the configuration at the same time as its description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib

from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.parameters.checks import is_loopback
from viam_session_bridge.parameters.resources import ResourceConfig
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True)
class GrpcConfig:
    """Where Viam clients connect."""

    host: str = field(default='127.0.0.1', metadata=described(
        'Address the server binds to. Anything beyond loopback needs grpc.allow_anonymous, '
        'because this release does not authenticate anybody', form=Form.HOST))
    port: int = field(default=8080, metadata=described(
        'TCP port the server binds to; 0 takes any free port', low=0, high=65535))
    allow_anonymous: bool = field(default=False, metadata=described(
        'Allow a host beyond loopback although every client that reaches the port can then '
        'drive the robot'))
    max_connections: int = field(default=1024, metadata=described(
        'Most client connections at the same time', low=1, high=65535))


@dataclass(frozen=True)
class SessionsConfig:
    """When a client counts as gone."""

    heartbeat_window: float = field(default=2.0, metadata=described(
        'Silence after which a session expires and its motion stops. Whole seconds of at least '
        '2 suit every SDK', unit='s', low=0.03, high=60.0, mutable=True))
    max_sessions: int = field(default=1024, metadata=described(
        'Most sessions alive at the same time', low=1, high=100000, mutable=True))
    stop_on_disconnect: bool = field(default=True, metadata=described(
        "Stop a session's motion as soon as its last connection closes, before the heartbeat "
        'window ends', mutable=True))
    unsupervised: str = field(default='connection', metadata=described(
        'How long a client without a session holds its motion: while its connection is open, '
        'for a lease of one heartbeat window per command, for ever (allow), or not at all: its '
        'commands are refused (reject)',
        choices=('connection', 'lease', 'allow', 'reject'), mutable=True))
    network_timeout: float = field(default=2.0, metadata=described(
        "Silence of the kernel of the client's machine after which its network counts as dead",
        unit='s', low=1.5, high=60.0))


@dataclass(frozen=True)
class GuardConfig:
    """The process that stops the robot when the bridge itself dies or hangs."""

    required: bool = field(default=False, metadata=described(
        'Refuse motion while no guard with the same parameters answers (console script guard; the '
        'launch file starts one and sets this). Needed by resources whose receiver_timeout is 0 '
        'or not set'))
    patience: float = field(default=0.25, metadata=described(
        'Silence of the bridge after which the guard stops what the bridge had moved; when the '
        'stop loop oversleeps by more than half of it, every motion is stopped',
        unit='s', low=0.1, high=5.0))


@dataclass(frozen=True)
class EmergencyConfig:
    """Who may stop everything, beside clients and the service ~/estop."""

    topic: str = field(default='', metadata=described(
        'std_msgs/msg/Bool on which true means pressed, latched or not. Once pressed, everything '
        'stops and motion is refused until ~/reset', form=Form.FEEDBACK_TOPIC,
        message='std_msgs/msg/Bool', empty='no topic; the service ~/estop is always there'))
    timeout: float = field(default=0.0, metadata=described(
        'Silence of the topic that counts as pressed; 0 lets it be silent, for publishers that '
        'speak only when something changes', unit='s', low=0.0, high=60.0))

    @property
    def settings(self) -> EmergencySettings:
        """Return what is listened to for an emergency stop."""
        return EmergencySettings(self.topic, self.timeout)


GLOBAL_BLOCKS: Mapping[str, type] = {
    'grpc': GrpcConfig, 'sessions': SessionsConfig, 'guard': GuardConfig,
    'estop': EmergencyConfig}


@dataclass(frozen=True)
class BridgeConfig:
    """Everything the bridge was told, checked; `warnings` are texts for the log."""

    grpc: GrpcConfig = GrpcConfig()
    sessions: SessionsConfig = SessionsConfig()
    guard: GuardConfig = GuardConfig()
    estop: EmergencyConfig = EmergencyConfig()
    resources: tuple[ResourceConfig, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """Return a short text that is another one as soon as any value is."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def policy(self, poll_period: float) -> Policy:
        """
        Return the rules of supervision that the parameters ask for.

        poll_period (s): the pump polls that often at least.
        """
        return Policy(
            sessions=SessionSettings(self.sessions.heartbeat_window, self.sessions.max_sessions),
            stop_on_disconnect=self.sessions.stop_on_disconnect,
            unsupervised=UnsupervisedPolicy(self.sessions.unsupervised),
            stall_limit=self.guard.patience / 2.0, poll_period=poll_period)


# ---- rules --------------------------------------------------------------------------------------

@rule(GrpcConfig, 'host', 'allow_anonymous')
def _nobody_serves_beyond_loopback_by_accident(own: Own, host: str, anonymous: bool) -> None:
    if is_loopback(host):
        return
    if anonymous:
        own.warn(
            f'grpc.host is {host!r} and grpc.allow_anonymous is true: everybody who reaches the '
            'port can drive the robot.')
    else:
        own.wrong(
            'host', repr(host),
            'a loopback address (127.0.0.1, ::1, localhost), or any address together with '
            'grpc.allow_anonymous: true. This release does not authenticate clients: beyond '
            'loopback everybody who reaches the port could drive the robot')


@rule(SessionsConfig, 'heartbeat_window')
def _every_client_survives_the_window(own: Own, window: float) -> None:
    if window < 2.0 or window != int(window):
        own.warn(
            f'sessions.heartbeat_window is {window:g} s: Flutter clients compute a broken '
            'heartbeat interval from anything but whole seconds of at least 2.')


@rule(SessionsConfig, 'unsupervised')
def _a_dead_client_moves_nothing(own: Own, unsupervised: str) -> None:
    if unsupervised == 'allow':
        own.warn(
            "sessions.unsupervised is 'allow': when a client without a session dies, nothing "
            'stops what it moved.')


@rule(EmergencyConfig, 'topic', 'timeout')
def _silence_needs_a_topic(own: Own, topic: str, timeout: float) -> None:
    if timeout and not topic:
        own.wrong('timeout', f'{timeout:g}',
                  '0 without estop.topic: there is nothing whose silence could count')
