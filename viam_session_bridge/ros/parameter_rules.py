# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rules that relate parameter values to each other, and warnings about legal but risky choices.

A value that did not pass its own check is absent here, so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_resource import (
    COMMANDS_PER_TIMEOUT,
    control_rate,
    MOST_RATE,
    RARE_RATE,
    ResourceConfig,
    USUAL_RATE,
)
from viam_session_bridge.ros.parameter_spec import Form
from viam_session_bridge.ros.parameter_values import first_line, is_loopback, Mistake


@dataclass(frozen=True)
class Surroundings:
    """What a check must know of the node: its full name, namespace, and how it resolves names."""

    node_name: str
    namespace: str
    resolve: Callable[[str], str]
    resolve_service: Callable[[str], str]

    def topic(self, parameter: str, topic: str, errors: list[str]) -> str | None:
        """Return the full name of a topic; None, and a mistake of its parameter, without one."""
        return _resolved(self.resolve, 'topic', parameter, topic, errors)

    def service(self, parameter: str, service: str, errors: list[str]) -> str | None:
        """Return the full name of a service; None, and a mistake of its parameter, without one."""
        return _resolved(self.resolve_service, 'service', parameter, service, errors)


def check_grpc(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Refuse to serve beyond loopback by accident."""
    host, anonymous = block.values.get('host'), block.values.get('allow_anonymous')
    if host is None or is_loopback(host):
        return
    if anonymous:
        warnings.append(
            f'grpc.host is {host!r} and grpc.allow_anonymous is true: everybody who reaches the '
            'port can drive the robot.')
    elif anonymous is False:
        errors.append(str(Mistake(
            'grpc.host', repr(host),
            'a loopback address (127.0.0.1, ::1, localhost), or any address together with '
            'grpc.allow_anonymous: true. This release does not authenticate clients: beyond '
            'loopback everybody who reaches the port could drive the robot')))


def check_sessions(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Warn of settings that some clients or robots will not survive."""
    window = block.values.get('heartbeat_window')
    if window is not None and (window < 2.0 or window != int(window)):
        warnings.append(
            f'sessions.heartbeat_window is {window:g} s: Flutter clients compute a broken '
            'heartbeat interval from anything but whole seconds of at least 2.')
    if block.values.get('unsupervised') == 'allow':
        warnings.append(
            "sessions.unsupervised is 'allow': when a client without a session dies, nothing "
            'stops what it moved.')


def check_emergency(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Refuse a watch on nothing."""
    if block.values.get('topic') == '' and block.values.get('timeout'):
        errors.append(str(Mistake(
            'estop.timeout', f'{block.values["timeout"]:g}',
            '0 without estop.topic: there is nothing whose silence could count')))


def check_resource(block: Block, guarded: bool, errors: list[str], warnings: list[str]) -> None:
    """
    Relate the timing of commands and stops, and what the receiver does when they cease.

    guarded: nothing moves without a guard.
    """
    values = block.values
    _check_receiver(block, guarded, errors, warnings)
    rate, hold, end = _rate(block), values.get('stop_hold'), values.get('stop_timeout')
    if hold is not None and end is not None and end <= hold:
        errors.append(str(Mistake(
            block.full('stop_timeout'), f'{end:g}',
            f'more than {block.full("stop_hold")} ({hold:g} s)')))
    if hold is not None and rate is not None and hold * rate < COMMANDS_PER_TIMEOUT:
        warnings.append(
            f'{block.full("stop_hold")} of {hold:g} s at {block.full("command_rate")} of '
            f'{rate:g} Hz repeats a stop fewer than {COMMANDS_PER_TIMEOUT} times; a stop that '
            'is lost on the way may have no successor.')
    dwell = values.get('rest_dwell')
    watched = any(
        entry.spec.form is Form.FEEDBACK_TOPIC and values.get(entry.name)
        for entry in block.entries)
    if watched and dwell is not None and end is not None and dwell >= end:
        errors.append(str(Mistake(
            block.full('rest_dwell'), f'{dwell:g}',
            f'less than {block.full("stop_timeout")} ({end:g} s), or every stop would fail')))
    if values.get('rest_by') == 'positions' and values.get('velocity_topic'):
        errors.append(str(Mistake(
            block.full('rest_by'), "'positions'",
            f"'both': {block.full('velocity_topic')} is configured and has no positions")))
    if values.get('require_stop_path') is False:
        warnings.append(
            f'{block.full("require_stop_path")} is false: the robot may be commanded while '
            'nothing would receive its stop.')
        if values.get('driver_node'):
            warnings.append(
                f'{block.full("driver_node")} has no effect while '
                f'{block.full("require_stop_path")} is false.')


def moving_commands(block: Block) -> list[Block]:
    """Return the commands of a resource that move the robot."""
    return [each for each in block.children.get('commands', []) if each.values.get('moves')]


def _check_receiver(block: Block, guarded: bool, errors: list[str],
                    warnings: list[str]) -> None:
    still = issubclass(block.table, ResourceConfig) and not block.table.MOVES_BY_ITSELF
    if still and not block.values.get('safe_position') and not moving_commands(block):
        return  # nothing would move on if the bridge died
    if 'receiver_timeout' not in block.values:
        return
    timeout, rate = block.values['receiver_timeout'], _rate(block)
    name, without = block.full('receiver_timeout'), block.values.get('accept_no_timeout')
    tables = getattr(block.table, 'DRIVERS', {})
    leads = getattr(tables.get(block.values.get('driver')), 'LEADS', False)
    # Without commands, joints that are led stay where they are.
    if not timeout and not leads:
        if without is False and not guarded:
            found = '0 (the receiver has no command timeout)' if timeout == 0.0 else (
                'nothing (it is not known whether the receiver stops by itself, so it counts as '
                'one without a command timeout)')
            errors.append(str(Mistake(
                name, found,
                "the receiver's own command timeout in seconds; or guard.required: true, with the "
                'guard running beside the bridge (the launch file does both); or '
                f'{block.full("accept_no_timeout")}: true, and then such a robot keeps moving '
                'when the bridge itself dies')))
        dies = '' if guarded or not without else (
            f'{block.full("accept_no_timeout")} is true and {name} is '
            f'{"0" if timeout == 0.0 else "not set"}: if the bridge itself dies, nothing stops '
            'this robot.')
        hint = '' if timeout == 0.0 else (
            f'{name} is not set: it is not known whether the receiver stops by itself when '
            'commands cease, and a held command is repeated '
            f'{USUAL_RATE if rate is None else rate:g} times per second, which a slow receiver '
            'with a deep queue would still execute after a stop. Set it to the command timeout '
            'of the receiver in seconds, or to 0 if it has none: a held command is then repeated '
            f'at {RARE_RATE:g} Hz, unless {block.full("command_rate")} is set.')
        if dies or hint:
            warnings.append(' '.join(filter(None, (dies, hint))))
    # The tolerance accepts the number that this very sentence shows, with six digits.
    if timeout and rate and timeout * rate < COMMANDS_PER_TIMEOUT * (1 - 1e-5):
        faster = '' if rate == MOST_RATE else f', or a higher {block.full("command_rate")}'
        errors.append(str(Mistake(
            name, f'{timeout:g}',
            f'0, or at least {COMMANDS_PER_TIMEOUT} / {block.full("command_rate")} = '
            f'{COMMANDS_PER_TIMEOUT / rate:g} s{faster}: the receiver would stop between two '
            'commands')))


def _rate(block: Block) -> float | None:
    """Return how often (Hz) stops and setpoints that change are sent; None if that is wrong."""
    if not {'command_rate', 'receiver_timeout'} <= block.values.keys():
        return None
    return control_rate(block.values['command_rate'], block.values['receiver_timeout'])


def _resolved(resolve: Callable[[str], str], kind: str, parameter: str, name: str,
              errors: list[str]) -> str | None:
    try:
        return resolve(name)
    except RuntimeError as error:  # rclpy's RCLError; what follows ', at' names lines of C
        problem = first_line(error).split(', at /')[0]
        errors.append(str(Mistake(parameter, f'{name!r} ({problem})', f'a ROS {kind} name')))
        return None
