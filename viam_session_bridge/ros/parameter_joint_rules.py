# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules that relate the parameters of single joints to each other."""

from __future__ import annotations

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_values import Mistake

# What the integer messages can hold.
RANGES = {'int16': (-2 ** 15, 2 ** 15 - 1), 'int32': (-2 ** 31, 2 ** 31 - 1), 'bool': (0, 1)}


def check_joint(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Check what a resource says of its number and its joint; others pass."""
    if 'neutral' in block.values:
        _check_number(block, errors, warnings)
    if block.values.get('joint_scale') == 0.0:
        errors.append(str(Mistake(
            block.full('joint_scale'), '0', 'another number, or nothing would ever move')))
    states, joint = block.values.get('joint_states_topic'), block.values.get('joint')
    if states and joint == '':
        errors.append(str(Mistake(
            block.full('joint'), 'nothing',
            f'the name of the joint in the messages of {block.full("joint_states_topic")}')))
    if joint and states == '':
        errors.append(str(Mistake(
            block.full('joint'), repr(joint),
            f'a joint only together with {block.full("joint_states_topic")}')))


def _check_number(block: Block, errors: list[str], warnings: list[str]) -> None:
    values = block.values
    neutral, low, high = values['neutral'], values.get('minimum'), values.get('maximum')
    if values.get('scale') == 0.0:
        errors.append(str(Mistake(
            block.full('scale'), '0', 'another number, or every wish would be the same')))
    if low is not None and high is not None:
        if low >= high:
            errors.append(str(Mistake(
                block.full('minimum'), f'{low:g}',
                f'less than {block.full("maximum")} ({high:g})')))
        elif not low <= neutral <= high:
            errors.append(str(Mistake(
                block.full('neutral'), f'{neutral:g}',
                f'from {block.full("minimum")} ({low:g}) to {block.full("maximum")} '
                f'({high:g})')))
    message = values.get('message')
    if message in RANGES:
        least, most = RANGES[message]
        if neutral != round(neutral) or not least <= neutral <= most:
            errors.append(str(Mistake(
                block.full('neutral'), f'{neutral:g}',
                f'a whole number from {least} to {most}, because {block.full("message")} is '
                f'{message!r}')))
    offset = values.get('offset')
    if offset is not None and offset != neutral and message != 'bool':
        warnings.append(
            f'{block.full("offset")} is {offset:g} and {block.full("neutral")} {neutral:g}: the '
            'number for hardly any motion is far from the one that stops. Is one of them missing?')
