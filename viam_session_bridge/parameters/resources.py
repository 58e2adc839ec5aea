# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What all resources have in common, and all that have an actuator.

A module of this package that declares a table with an API of its own declares a component
(`load.py` imports them all). Without an actuator there is nothing to stop: such a table derives
from ResourceConfig, and its resources are listed and read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource, Resource
from viam_session_bridge.core.setpoints import JointLimits, Limits
from viam_session_bridge.core.stop import RestSettings
from viam_session_bridge.parameters.outputs import CommandConfig, Escalation, StopOutputConfig
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import Block, choice_of, described, Form

# A release may take this much longer (s) than its services: their errors are more precise.
RELEASE_MARGIN = 0.5

# Where command_rate is not set (Hz): how often drivers are sent setpoints that change, stops, and
# setpoints that do not change.
USUAL_RATE = 20.0

# How often (Hz) an unchanged setpoint is sent to a receiver that never stops by itself. A receiver
# that takes 0.5 s for each message then empties its queue twice as fast as it fills.
RARE_RATE = 1.0

# A receiver that receives fewer commands per timeout stops and starts with every delay.
COMMANDS_PER_TIMEOUT = 3

MOST_RATE = 100.0

COMMAND_TOPIC = described(
    'Topic that commands and stops are published on. Relative names follow the namespace',
    form=Form.OUTPUT_TOPIC)


def control_rate(command_rate: float | None, receiver_timeout: float | None) -> float:
    """Return how often (Hz) a driver is sent stops and setpoints that change."""
    if command_rate is not None:
        return command_rate
    least = COMMANDS_PER_TIMEOUT / receiver_timeout if receiver_timeout else 0.0
    return min(max(USUAL_RATE, least), MOST_RATE)


@dataclass(frozen=True, kw_only=True)
class ResourceConfig:
    """What every resource has, whatever its API and driver."""

    # The tables of all components, by their APIs; a table registers with its API.
    APIS: ClassVar[dict[str, type[ResourceConfig]]] = {}
    API: ClassVar[str]
    # The tables of its drivers. TAKES of a table: the kinds of setpoint that its driver accepts.
    DRIVERS: ClassVar[Mapping[str, type]] = {}

    name: str
    api: str = field(default='base', metadata=described('Viam API that the resource serves'))
    driver: str = field(metadata=described('How the resource is read'))

    def __init_subclass__(cls) -> None:
        if 'API' in vars(cls):
            ResourceConfig.APIS[cls.API] = cls

    @property
    def resource(self) -> Resource:
        """Return its description for the core."""
        return Resource(self.api, self.name)


@dataclass(frozen=True, kw_only=True)
class ActuatedConfig(ResourceConfig):
    """What every resource has that is moved and stopped."""

    # The drivers that other packages bring: their classes.
    PLUGINS: ClassVar[Mapping[str, Any]] = {}
    # Its driver can set it in motion. Otherwise only commands can, and only stop outputs stop it.
    MOVES_BY_ITSELF: ClassVar[bool] = True

    driver: str = field(metadata=described(
        'How the resource is moved and stopped',
        others='the driver of another package, if that is installed (docs/drivers.md)'))
    command_rate: float | None = field(default=None, metadata=described(
        'How often a setpoint is sent: one that changes, one that is held unchanged, the steps of '
        'a driver that sends joints a position at every tick, and a stop. A new command and a new '
        f'stop are sent at once. At least {COMMANDS_PER_TIMEOUT} times per receiver_timeout',
        unit='Hz', low=1.0, high=MOST_RATE,
        empty=f'{USUAL_RATE:g} Hz, or more where receiver_timeout needs it; of an unchanged '
        f'setpoint {RARE_RATE:g} Hz if receiver_timeout is 0'))
    receiver_timeout: float | None = field(default=None, metadata=described(
        'Command timeout of the receiver: after this long without a command it stops by itself '
        '(cmd_vel_timeout of a diff_drive_controller, for example). Of several nodes in a row, '
        'such as a mux and a controller, the shortest. 0: it never stops by itself; an unchanged '
        f'setpoint is then repeated at {RARE_RATE:g} Hz only (see command_rate), so that a slow '
        'receiver does not fill its queue with old commands',
        unit='s', low=0.0, high=60.0,
        empty='it is not known: counts as a receiver without timeout, but an unchanged setpoint '
        f'is repeated at {USUAL_RATE:g} Hz'))
    accept_no_timeout: bool = field(default=False, metadata=described(
        'Accept a receiver without command timeout although no guard is required, so that it '
        'continues to move if the bridge itself fails'))
    stop_on_start: bool = field(default=True, metadata=described(
        'When the bridge starts, stop what an earlier bridge may have left moving, as soon as a '
        'receiver has subscribed. Commands are accepted when that stop is done'))
    stop_hold: float = field(default=1.0, metadata=described(
        'How long a stop is repeated. Longer than the timeout of the slowest mux on the way',
        unit='s', low=0.1, high=30.0))
    stop_timeout: float = field(default=5.0, metadata=described(
        'When a stop that was not seen to succeed counts as failed. Longer than stop_hold',
        unit='s', low=0.1, high=60.0, low_excluded=True))
    require_stop_path: bool = field(default=True, metadata=described(
        'Refuse a command while no receiver has subscribed with a matching type and QoS, so that '
        'no stop would arrive'))
    driver_node: str = field(default='', metadata=described(
        'Node that must have subscribed for the stop path to be complete', form=Form.NODE,
        empty='any node'))
    stop_outputs: tuple[StopOutputConfig, ...] = field(default=(), metadata=described(
        "What is sent on a stop, after the driver's own neutral command", blocks=StopOutputConfig))
    commands: tuple[CommandConfig, ...] = field(default=(), metadata=described(
        'What clients can call with DoCommand({"command": "<the name>"})', blocks=CommandConfig))

    escalations: tuple[Escalation, ...] = field(default=(), metadata=described(
        'Steps that are tried, in this order, when a stop was not confirmed. Use them for '
        'everything that latches', blocks=Escalation))

    @property
    def control_rate(self) -> float:
        """Return how often (Hz) the driver is sent stops and setpoints that change."""
        return control_rate(self.command_rate, self.receiver_timeout)

    @property
    def repeat_rate(self) -> float:
        """Return how often (Hz) the driver is sent a setpoint that does not change."""
        rarely = self.receiver_timeout == 0.0 and self.command_rate is None and not self.leads
        return RARE_RATE if rarely else self.control_rate

    @property
    def acknowledged(self) -> bool:
        """Return whether the outcome of each stop is reported."""
        return any(output.ACKNOWLEDGED for output in self.stop_outputs)

    @property
    def ready_timeout(self) -> float | None:
        """Return how long (s) a release may take before a motion; None without a release."""
        return max((RELEASE_MARGIN + getattr(output, 'call_timeout', 0.0)
                    for output in self.stop_outputs if output.PREPARES), default=None)

    @property
    def leads(self) -> bool:
        """Return whether its driver sends joints a position at every tick."""
        return bool(getattr(self.DRIVERS[self.driver], 'LEADS', False))

    @property
    def feedback_topic(self) -> str:
        """Return the topic that shows whether the resource is at rest; empty without feedback."""
        return ''

    @property
    def rest(self) -> RestSettings | None:
        """Return by what rest is judged; None without feedback."""
        return None

    @property
    def limits(self) -> Limits:
        """Return its limits in SI units."""
        return JointLimits()

    @property
    def resource(self) -> ActuatedResource:
        """Return its description for the core."""
        return ActuatedResource(self.api, self.name, self.limits, ActuatorSettings(
            command_rate=self.control_rate, repeat_rate=self.repeat_rate,
            stop_hold=self.stop_hold, stop_timeout=self.stop_timeout, rest=self.rest,
            move_start_timeout=getattr(self, 'move_start_timeout', 0.0),
            acknowledged=self.acknowledged, ready_timeout=self.ready_timeout, leads=self.leads,
            require_path=self.require_stop_path, stop_on_start=self.stop_on_start))


def moving_commands(block: Block) -> list[Block]:
    """Return the commands of a resource that move the robot."""
    return [each for each in block.listed('commands') if each.values.get('moves')]


def _moves_by_itself(block: Block) -> bool:
    return issubclass(block.table, ActuatedConfig) and block.table.MOVES_BY_ITSELF


@rule(ActuatedConfig, 'driver', 'receiver_timeout', 'accept_no_timeout', '/guard.required')
def _a_robot_stops_when_the_bridge_fails(
        own: Own, driver: str, timeout: float | None, without: bool, guarded: bool) -> None:
    if not _may_move_on(own.block) or timeout:
        return
    # Without commands, joints that receive positions stay where they are.
    if getattr(choice_of(own.block.table)[1].get(driver), 'LEADS', False):
        return
    if not without and not guarded:
        found = '0 (the receiver has no command timeout)' if timeout == 0.0 else (
            'nothing (it is not known whether the receiver stops by itself, so it counts as '
            'one without a command timeout)')
        own.wrong(
            'receiver_timeout', found,
            "the receiver's own command timeout in seconds; or guard.required: true, with the "
            'guard running beside the bridge (the launch file does both); or '
            f'{own.accept_no_timeout}: true, and then such a robot continues to move '
            'when the bridge itself fails')
    dies = '' if guarded or not without else (
        f'{own.accept_no_timeout} is true and {own.receiver_timeout} is '
        f'{"0" if timeout == 0.0 else "not set"}: if the bridge itself fails, nothing stops '
        'this robot.')
    hint = '' if timeout == 0.0 else (
        f'{own.receiver_timeout} is not set: it is not known whether the receiver stops by itself '
        'when commands cease, and a held command is repeated '
        f'{control_rate(own.value_of("command_rate"), timeout):g} times per second, which a slow '
        'receiver with a deep queue would still execute after a stop. Set it to the command '
        'timeout of the receiver in seconds, or to 0 if it has none: a held command is then '
        f'repeated at {RARE_RATE:g} Hz, unless {own.command_rate} is set.')
    if dies or hint:
        own.warn(' '.join(filter(None, (dies, hint))))


@rule(ActuatedConfig, 'receiver_timeout', 'command_rate')
def _commands_come_before_the_receivers_timeout(
        own: Own, timeout: float | None, command_rate: float | None) -> None:
    rate = control_rate(command_rate, timeout)
    # The tolerance accepts the number that this text shows, with six digits.
    if timeout and timeout * rate < COMMANDS_PER_TIMEOUT * (1 - 1e-5) and _may_move_on(own.block):
        faster = '' if rate == MOST_RATE else f', or a higher {own.command_rate}'
        own.wrong(
            'receiver_timeout', f'{timeout:g}',
            f'0, or at least {COMMANDS_PER_TIMEOUT} / {own.command_rate} = '
            f'{COMMANDS_PER_TIMEOUT / rate:g} s{faster}: the receiver would stop between two '
            'commands')


def _may_move_on(block: Block) -> bool:
    """Return whether anything could move on if the bridge failed."""
    return bool(_moves_by_itself(block) or block.values.get('safe_position')
                or moving_commands(block))


@rule(ActuatedConfig, 'stop_timeout', 'stop_hold')
def _a_stop_outlasts_its_hold(own: Own, end: float, hold: float) -> None:
    if end <= hold:
        own.wrong('stop_timeout', f'{end:g}', f'more than {own.stop_hold} ({hold:g} s)')


@rule(ActuatedConfig, 'stop_hold', 'command_rate', 'receiver_timeout')
def _a_stop_is_repeated(
        own: Own, hold: float, command_rate: float | None, timeout: float | None) -> None:
    rate = control_rate(command_rate, timeout)
    if hold * rate < COMMANDS_PER_TIMEOUT:
        own.warn(
            f'{own.stop_hold} of {hold:g} s at {own.command_rate} of {rate:g} Hz repeats a stop '
            f'fewer than {COMMANDS_PER_TIMEOUT} times; a stop that is lost on the way may have no '
            'successor.')


@rule(ActuatedConfig, 'require_stop_path', 'driver_node')
def _a_stop_has_a_receiver(own: Own, required: bool, driver_node: str) -> None:
    if required:
        return
    own.warn(f'{own.require_stop_path} is false: the robot may be commanded while nothing would '
             'receive its stop.')
    if driver_node:
        own.warn(f'{own.driver_node} has no effect while {own.require_stop_path} is false.')


@rule(ActuatedConfig, 'stop_outputs')
def _what_commands_move_is_stopped(own: Own, outputs: tuple[str, ...]) -> None:
    moving = moving_commands(own.block)
    if not moving or outputs:
        return
    if _moves_by_itself(own.block):
        own.warn(
            f'{", ".join(each.full("moves") for each in moving)}: {own.block.name} has no '
            f"{own.stop_outputs}, so nothing but its driver's own stop ends what these "
            'commands begin.')
    else:
        own.wrong('stop_outputs', 'nothing',
                  'at least one name, because nothing else stops what moves by '
                  + ', '.join(each.name for each in moving))
