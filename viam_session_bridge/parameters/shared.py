# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The top-level blocks that belong to no resource, and the frozen configuration of a bridge.

As all tables, these are the configuration and its description at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib

from viam_session_bridge.core.emergency import EmergencySettings
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.parameters.checks import is_loopback
from viam_session_bridge.parameters.resources import ActuatedConfig, ResourceConfig
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form, SafeChange


@dataclass(frozen=True)
class GrpcConfig:
    """Where Viam clients connect."""

    host: str = field(default='127.0.0.1', metadata=described(
        'Address the server binds to. Anything beyond loopback needs API keys (auth.key_file), or '
        'grpc.allow_anonymous', form=Form.HOST))
    port: int = field(default=8080, metadata=described(
        'TCP port the server binds to; 0 takes any free port', low=0, high=65535))
    allow_anonymous: bool = field(default=False, metadata=described(
        'Allow a host beyond loopback although every client that reaches the port can then '
        'drive the robot'))
    tls_certificate_file: str = field(default='', metadata=described(
        'Certificate (PEM) of the server for TLS, followed by its intermediate certificates. It '
        'is read again when it changes', form=Form.FILE, empty='plain text'))
    tls_key_file: str = field(default='', metadata=described(
        'Private key (PEM, without a password) of grpc.tls_certificate_file', form=Form.FILE,
        empty='plain text'))
    allow_plain_text: bool = field(default=False, metadata=described(
        'Allow API keys beyond loopback without TLS although everyone who can record the network '
        'traffic then has them'))
    max_connections: int = field(default=1024, metadata=described(
        'Maximum number of client connections at the same time', low=1, high=65535))


@dataclass(frozen=True)
class AuthConfig:
    """Authentication of clients."""

    key_file: str = field(default='', metadata=described(
        'File with the API keys that clients need, as the command keys writes it; its mode must '
        'be 0600. Each change takes effect at once. As long as the file is missing or not '
        'accepted, no client can log in', form=Form.FILE, empty='clients need no key'))


@dataclass(frozen=True)
class SessionsConfig:
    """When a client counts as disconnected."""

    heartbeat_window: float = field(default=2.0, metadata=described(
        'Silence after which a session expires and its motion stops. Whole seconds of at least '
        '2 suit every SDK', unit='s', low=0.03, high=60.0, mutable=True,
        safe_change=SafeChange.NONE))
    max_sessions: int = field(default=1024, metadata=described(
        'Maximum number of sessions at the same time', low=1, high=100000, mutable=True,
        safe_change=SafeChange.ANY))
    stop_on_disconnect: bool = field(default=True, metadata=described(
        "Stop a session's motion as soon as the connection that carried its last command closes. "
        'false: the session alone holds it, so that it continues with the heartbeats of any '
        'client that knows the id of the session', mutable=True, safe_change=SafeChange.NONE))
    unsupervised: str = field(default='connection', metadata=described(
        'How long a client without a session holds its motion: while its connection is open, '
        'for a lease of one heartbeat window per command, for ever (allow), or not at all: its '
        'commands are refused (reject)',
        choices=('connection', 'lease', 'allow', 'reject'), mutable=True,
        safe_change=SafeChange.NONE))
    network_timeout: float = field(default=2.0, metadata=described(
        "Silence of the kernel of the client's machine after which its network counts as dead",
        unit='s', low=1.5, high=60.0))


@dataclass(frozen=True)
class GuardConfig:
    """The process that stops the robot when the bridge itself fails or hangs."""

    required: bool = field(default=False, metadata=described(
        'Refuse motion while no guard with the same parameters answers (console script guard; the '
        'launch file starts one and sets this). Needed by resources whose receiver_timeout is 0 '
        'or not set'))
    patience: float = field(default=0.25, metadata=described(
        'Silence of the bridge after which the guard stops what the bridge had moved; when the '
        'stop loop is late by more than half of it, every motion is stopped',
        unit='s', low=0.1, high=5.0))
    key_file: str = field(default='', metadata=described(
        'File with the key by which bridge and guard recognize each other: an absolute path, or '
        "one that begins with '~/'. It is created when it is missing, with mode 0600; for "
        'processes of two users or two machines, copy it',
        empty='$ROS_HOME/viam_session_bridge/guard.key, or ~/.ros instead of $ROS_HOME'))


@dataclass(frozen=True)
class EmergencyConfig:
    """The emergency stop topic, beside the service ~/estop."""

    topic: str = field(default='', metadata=described(
        'std_msgs/msg/Bool on which true means pressed, latched or not. Once pressed, everything '
        'stops and motion is refused until ~/reset', form=Form.FEEDBACK_TOPIC,
        message='std_msgs/msg/Bool', empty='no topic; the service ~/estop is always there'))
    timeout: float = field(default=0.0, metadata=described(
        'Silence of the topic that counts as pressed; 0 permits silence, for publishers that '
        'publish only changes', unit='s', low=0.0, high=60.0))

    @property
    def settings(self) -> EmergencySettings:
        """Return the settings of the emergency stop topic."""
        return EmergencySettings(self.topic, self.timeout)


@dataclass(frozen=True)
class EventsConfig:
    """What is recorded of events, beside the log and the topic ~/events."""

    audit_file: str = field(default='', metadata=described(
        'File to which every event is appended, one JSON object a line. The guard appends to a '
        'file beside it whose name ends in _guard. A file that cannot be written delays no stop: '
        'events are dropped and counted', form=Form.FILE, empty='no file'))
    audit_file_size: float = field(default=10.0, metadata=described(
        'Size at which events.audit_file is renamed to end in .1, and a new one begun',
        unit='MB', low=0.01, high=10000.0))
    audit_files: int = field(default=5, metadata=described(
        'How many renamed files (.1, .2, ...) are kept; the oldest is deleted', low=0, high=1000))


@dataclass(frozen=True)
class RunTimeConfig:
    """What may be changed while the bridge runs."""

    allow_less_safe: bool = field(default=False, metadata=described(
        'Permit changes at run time (ros2 param set, from any node) that make motion less safe: '
        'another heartbeat_window, stop_on_disconnect or unsupervised, and limits above their '
        'value at the start'))


GLOBAL_BLOCKS: Mapping[str, type] = {
    'grpc': GrpcConfig, 'auth': AuthConfig, 'sessions': SessionsConfig, 'guard': GuardConfig,
    'estop': EmergencyConfig, 'events': EventsConfig, 'run_time': RunTimeConfig}


@dataclass(frozen=True)
class BridgeConfig:
    """The whole configuration of a bridge, checked; `warnings` are texts for the log."""

    grpc: GrpcConfig = GrpcConfig()
    auth: AuthConfig = AuthConfig()
    sessions: SessionsConfig = SessionsConfig()
    guard: GuardConfig = GuardConfig()
    estop: EmergencyConfig = EmergencyConfig()
    events: EventsConfig = EventsConfig()
    run_time: RunTimeConfig = RunTimeConfig()
    resources: tuple[ResourceConfig, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def actuated(self) -> tuple[ActuatedConfig, ...]:
        """Return the resources that are moved and stopped; the others are only read."""
        return tuple(one for one in self.resources if isinstance(one, ActuatedConfig))

    @property
    def revision(self) -> str:
        """Return a short text that changes with any value."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def policy(self, poll_period: float) -> Policy:
        """
        Return the rules of supervision of these parameters.

        poll_period (s): the longest time between two polls of the pump.
        """
        return Policy(
            sessions=SessionSettings(self.sessions.heartbeat_window, self.sessions.max_sessions),
            stop_on_disconnect=self.sessions.stop_on_disconnect,
            unsupervised=UnsupervisedPolicy(self.sessions.unsupervised),
            stall_limit=self.guard.patience / 2.0, poll_period=poll_period)


# ---- rules --------------------------------------------------------------------------------------

@rule(GrpcConfig, 'host', 'allow_anonymous', '/auth.key_file')
def _serving_beyond_loopback_is_explicit(
        own: Own, host: str, anonymous: bool, key_file: str) -> None:
    if key_file:
        if anonymous:
            own.wrong('allow_anonymous', 'true',
                      f'false, because auth.key_file is {key_file!r}: every client needs a key')
    elif is_loopback(host):
        return
    elif anonymous:
        own.warn(
            f'NO AUTHENTICATION: grpc.host is {host!r} and grpc.allow_anonymous is true: '
            'everyone who reaches the port can drive the robot. API keys (auth.key_file) prevent '
            'that.')
    else:
        own.wrong(
            'host', repr(host),
            'a loopback address (127.0.0.1, ::1, localhost), or any address together with '
            'auth.key_file (`keys create` makes one), or with grpc.allow_anonymous: true. Without '
            'API keys everyone who reaches the port could drive the robot')


@rule(GrpcConfig, 'tls_certificate_file', 'tls_key_file')
def _a_certificate_needs_its_key(own: Own, certificate: str, key: str) -> None:
    if bool(certificate) != bool(key):
        missing, other = (('tls_key_file', own.tls_certificate_file) if certificate
                          else ('tls_certificate_file', own.tls_key_file))
        own.wrong(missing, "''", f'a file, because {other} is {certificate or key!r}; or neither '
                  'of the two')


@rule(GrpcConfig, 'host', 'tls_certificate_file', 'allow_plain_text', '/auth.key_file')
def _keys_leave_the_machine_encrypted(
        own: Own, host: str, certificate: str, plain: bool, key_file: str) -> None:
    if not key_file or certificate or is_loopback(host):
        return
    if plain:
        own.warn(
            f'{own.host} is {host!r} and {own.allow_plain_text} is true: API keys cross the '
            'network in plain text, and everyone who can record it can drive the robot.')
    else:
        own.wrong(
            'tls_certificate_file', "''",
            f'a certificate (`keys lab-certificate` makes one), because {own.host} is {host!r} '
            f'and auth.key_file is {key_file!r}: SDKs send the key to the bridge. Or a loopback '
            f'address; or {own.allow_plain_text}: true, if the network cannot be recorded')


@rule(SessionsConfig, 'heartbeat_window')
def _every_client_supports_the_window(own: Own, window: float) -> None:
    if window < 2.0 or window != int(window):
        own.warn(
            f'sessions.heartbeat_window is {window:g} s: Flutter clients compute a broken '
            'heartbeat interval from anything but whole seconds of at least 2.')


@rule(SessionsConfig, 'stop_on_disconnect')
def _heartbeats_hold_no_motion(own: Own, stop_on_disconnect: bool) -> None:
    if not stop_on_disconnect:
        own.warn(
            'sessions.stop_on_disconnect is false: a motion continues without its client for as '
            'long as any process that knows the id of its session sends heartbeats.')


@rule(SessionsConfig, 'unsupervised')
def _a_failed_client_moves_nothing(own: Own, unsupervised: str) -> None:
    if unsupervised == 'allow':
        own.warn(
            "sessions.unsupervised is 'allow': when a client without a session fails, nothing "
            'stops what it moved.')


@rule(EmergencyConfig, 'topic', 'timeout')
def _silence_needs_a_topic(own: Own, topic: str, timeout: float) -> None:
    if timeout and not topic:
        own.wrong('timeout', f'{timeout:g}',
                  '0 without estop.topic: there is no topic whose silence could count')
