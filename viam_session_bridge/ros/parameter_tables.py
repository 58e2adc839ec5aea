# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The tables of parameters, which are at the same time the frozen configuration the bridge runs on.

One dataclass per block of the parameter file. To add a driver, write a dataclass with its
parameters, name it in the `DRIVERS` of each API it can drive, and add it to that API's bases. To
add an API, write a dataclass derived from `ResourceConfig` and name it in `APIS`. For a list of
blocks below a block see `parameter_blocks`. Reading, checking, describing, run-time changes and
docs/parameters.md all follow from the tables; rules that relate two parameters are in
`parameter_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.ros.parameter_blocks import block_entries, BlockConfig
from viam_session_bridge.ros.parameter_components import ArmConfig, GantryConfig, GripperConfig
from viam_session_bridge.ros.parameter_joints import MotorConfig
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_servo import ServoConfig
from viam_session_bridge.ros.parameter_spec import described, entries, Entry, Form
from viam_session_bridge.ros.parameter_switches import ButtonConfig, GenericConfig, SwitchConfig
from viam_session_bridge.ros.parameter_velocity import MoveTable, VelocityFeedbackTable


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


@dataclass(frozen=True, kw_only=True)
class TwistTable:
    """Parameters of driver 'twist': geometry_msgs/msg/Twist."""

    TAKES: ClassVar[tuple[type, ...]] = (Velocity,)

    topic: str = field(metadata=described(
        'Topic that commands and stops are published on. Relative names follow the namespace',
        form=Form.OUTPUT_TOPIC))


@dataclass(frozen=True, kw_only=True)
class TwistStampedTable(TwistTable):
    """Parameters of driver 'twist_stamped': geometry_msgs/msg/TwistStamped."""

    frame_id: str = field(default='base_link', metadata=described(
        'Frame of the twist, written into the header', form=Form.FRAME))
    stamp: str = field(default='zero', metadata=described(
        "Stamp of each message: 'zero' (the receiver takes the time of arrival: immune to clock "
        "skew; for ros2_control bases, also behind twist_mux and collision_monitor) or 'now' (ROS "
        "time; needed by MoveIt Servo and upstream of nav2's velocity_smoother, which adds time "
        'to an empty stamp, so that controllers drop what it publishes)',
        choices=('zero', 'now')))


@dataclass(frozen=True, kw_only=True)
class BaseConfig(VelocityFeedbackTable, MoveTable, TwistStampedTable, ResourceConfig):
    """A mobile base."""

    DRIVERS: ClassVar[Mapping[str, type]] = {
        'twist': TwistTable, 'twist_stamped': TwistStampedTable}

    holonomic: bool = field(default=False, metadata=described(
        'The base can move sideways'))
    max_linear_speed: float = field(default=0.3, metadata=described(
        'Faster commands are clamped to this; also what SetPower calls full power',
        unit='m/s', low=0.0, high=20.0, low_excluded=True, mutable=True))
    max_angular_speed: float = field(default=1.0, metadata=described(
        'Faster turns are clamped to this; also what SetPower calls full power',
        unit='rad/s', low=0.0, high=20.0, low_excluded=True, mutable=True))
    linear_deceleration: float = field(default=0.5, metadata=described(
        'How the base slows down towards the end of a MoveStraight that is steered by odometry',
        unit='m/s^2', low=0.0, high=50.0, low_excluded=True, mutable=True))
    angular_deceleration: float = field(default=1.0, metadata=described(
        'How the base slows down towards the end of a Spin that is steered by odometry',
        unit='rad/s^2', low=0.0, high=100.0, low_excluded=True, mutable=True))
    allow_timed_moves: bool = field(default=True, metadata=described(
        'Accept MoveStraight and Spin although no odometry shows their progress. They are timed '
        'then, and the log says so'))
    max_move_duration: float = field(default=120.0, metadata=described(
        'Longest that a MoveStraight or Spin may take, also one that is slower than commanded',
        unit='s', low=0.0, high=3600.0, low_excluded=True, mutable=True))
    odometry_topic: str = field(default='', metadata=described(
        'nav_msgs/msg/Odometry that shows whether the base is at rest, and steers MoveStraight '
        'and Spin', form=Form.FEEDBACK_TOPIC, message='nav_msgs/msg/Odometry',
        empty='no feedback: stops are not verified, moves are timed'))
    width_meters: float = field(default=0.0, metadata=described(
        'Distance between the wheels, for GetProperties; 0 is unknown', unit='m', low=0.0,
        high=100.0))
    turning_radius_meters: float = field(default=0.0, metadata=described(
        'Smallest turning radius, for GetProperties; 0 turns on the spot', unit='m', low=0.0,
        high=1000.0))
    wheel_circumference_meters: float = field(default=0.0, metadata=described(
        'Circumference of a wheel, for GetProperties; 0 is unknown', unit='m', low=0.0,
        high=100.0))
    size_meters: tuple[float, ...] = field(default=(), metadata=described(
        'Length (x), width (y) and height (z) of the box that GetGeometries answers', unit='m',
        low=0.0, high=100.0, low_excluded=True, length=3, empty='no geometry'))


APIS: Mapping[str, type[ResourceConfig]] = {
    'base': BaseConfig, 'motor': MotorConfig, 'arm': ArmConfig, 'gantry': GantryConfig,
    'gripper': GripperConfig, 'servo': ServoConfig, 'switch': SwitchConfig,
    'button': ButtonConfig, 'generic': GenericConfig}

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


def table_entries(table: type) -> tuple[Entry, ...]:
    """Return the parameters of a table, with the choices that follow from other tables."""
    if issubclass(table, BlockConfig):
        return block_entries(table, table.KINDS)
    choices: dict[str, tuple[str, ...]] = {}
    if issubclass(table, ResourceConfig):
        choices = {'api': tuple(APIS), 'driver': tuple(table.DRIVERS)}
    return tuple(
        replace(entry, spec=replace(entry.spec, choices=choices[entry.name]))
        if entry.name in choices else entry for entry in entries(table))


def foreign_to_driver(api: type[ResourceConfig], driver: str) -> dict[str, tuple[str, ...]]:
    """Return the parameters `driver` does not have, each with the drivers of `api` that do."""
    own = {each.name for each in fields(api.DRIVERS[driver])}
    foreign: dict[str, tuple[str, ...]] = {}
    for other, table in api.DRIVERS.items():
        for each in fields(table):
            if each.name not in own:
                foreign[each.name] = (*foreign.get(each.name, ()), other)
    return foreign
