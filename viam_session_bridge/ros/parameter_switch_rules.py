# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules that relate the parameters of switches, and of what can move by commands only."""

from __future__ import annotations

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_joint_rules import RANGES
from viam_session_bridge.ros.parameter_switches import GenericConfig, SwitchConfig
from viam_session_bridge.ros.parameter_values import Mistake

LEAST_POSITIONS = 2


def check_switch(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Check the positions of a switch; others pass."""
    if issubclass(block.table, GenericConfig):
        _check_generic(block, errors, warnings)
    if not issubclass(block.table, SwitchConfig):
        return
    name = 'positions' if block.values.get('driver') == 'service' else 'labels'
    labels = block.values.get(name)
    if labels is None:
        return
    if len(labels) < LEAST_POSITIONS or len(set(labels)) < len(labels) or not all(labels):
        errors.append(str(Mistake(
            block.full(name), f'{list(labels)!r}',
            f'at least {LEAST_POSITIONS} names, each once')))
    safe = block.values.get('safe_position')
    if safe and safe not in labels:
        errors.append(str(Mistake(
            block.full('safe_position'), repr(safe),
            f"one of {block.full(name)} ({', '.join(labels)}), or '' (none)")))
    if name == 'labels' and block.values.get('numbers') is not None:
        _check_numbers(block, errors)


def _check_generic(block: Block, errors: list[str], warnings: list[str]) -> None:
    if not block.values.get('commands', True):
        warnings.append(f'{block.name} has no {block.full("commands")}: clients can do nothing '
                        'with it.')
    states, joints = (block.values.get(name) for name in ('joint_states_topic', 'joints'))
    if states and joints is not None and (
            not joints or not all(joints) or len(set(joints)) < len(joints)):
        errors.append(str(Mistake(
            block.full('joints'), f'{list(joints)!r}' if joints else 'nothing',
            f'the names of joints in the messages of {block.full("joint_states_topic")}, each '
            'once')))
    if joints and states == '':
        errors.append(str(Mistake(
            block.full('joints'), f'{list(joints)!r}',
            f'joints only together with {block.full("joint_states_topic")}')))
    for name in ('odometry_topic', 'velocity_topic'):
        if states and block.values.get(name):
            errors.append(str(Mistake(
                block.full('joint_states_topic'), repr(states),
                f'no such line beside {block.full(name)}: one of them shows rest')))


def _check_numbers(block: Block, errors: list[str]) -> None:
    labels, numbers = block.values['labels'], block.values['numbers']
    if len(numbers) != len(labels):
        errors.append(str(Mistake(
            block.full('numbers'), f'{len(numbers)} numbers',
            f'{len(labels)} numbers, one for each of {block.full("labels")}')))
    if len(set(numbers)) < len(numbers):
        errors.append(str(Mistake(
            block.full('numbers'), f'{list(numbers)!r}',
            'each number once, or two positions would be the same')))
    message = block.values.get('message')
    least, most = RANGES.get(message or '', (None, None))
    for number in numbers:
        if least is not None and most is not None and (
                number != round(number) or not least <= number <= most):
            errors.append(str(Mistake(
                block.full('numbers'), f'{number:g}',
                f'whole numbers from {least} to {most}, because {block.full("message")} is '
                f'{message!r}')))
