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
    driver = block.values.get('driver')
    if 'neutral' in block.values and driver in ('float', 'float_array'):
        _check_number(block, errors, warnings)
        _check_effort(block, errors)
    if block.values.get('joint_scale') == 0.0:
        errors.append(str(Mistake(
            block.full('joint_scale'), '0', 'another number, or nothing would ever move')))
    states, joint = block.values.get('joint_states_topic'), block.values.get('joint')
    if states and joint == '':
        errors.append(str(Mistake(
            block.full('joint'), 'nothing',
            f'the name of the joint in the messages of {block.full("joint_states_topic")}')))
    if driver == 'joint_state' and 'neutral' in block.values and not states and joint == '':
        errors.append(str(Mistake(block.full('joint'), 'nothing', 'the name of the joint')))
    if joint and states == '' and driver != 'joint_state':
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


def _check_effort(block: Block, errors: list[str]) -> None:
    """No effort drops a load: what a stop sends must have been thought of."""
    values = block.values
    command, stop, neutral, none = (
        values.get(each) for each in ('command', 'stop', 'neutral', 'offset'))
    if command == 'effort' and stop == '':
        errors.append(str(Mistake(
            block.full('stop'), 'nothing',
            f"'zero' (a stop is no effort: a load falls) or 'hold' ({block.full('neutral')} is "
            f"the effort that carries it), because {block.full('command')} is 'effort'")))
    if command in ('velocity', 'power') and stop:
        errors.append(str(Mistake(
            block.full('stop'), repr(stop),
            f"this parameter only with {block.full('command')} 'effort'; a stop sends "
            f'{block.full("neutral")}')))
    if command == 'effort' and stop and None not in (neutral, none) and (
            (stop == 'zero') != (neutral == none)):
        errors.append(str(Mistake(
            block.full('neutral'), f'{neutral:g}',
            f'{block.full("offset")} ({none:g}), which is no effort, because '
            f"{block.full('stop')} is 'zero'" if stop == 'zero' else
            f'another number than {block.full("offset")} ({none:g}), which is no effort, because '
            f"{block.full('stop')} is 'hold'")))
