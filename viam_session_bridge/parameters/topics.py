# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules about topics: which resources publish, share or read them."""

from __future__ import annotations

from typing import NamedTuple

from viam_session_bridge.parameters.checks import GraphNames, Mistake
from viam_session_bridge.parameters.schema import Block, Form, Spec

# Those of bridge and guard.
PULSE_TOPIC = 'viam_session_bridge/pulse'
ECHO_TOPIC = 'viam_session_bridge/guard'

# The driver whose resources may publish on one topic, because they share one message.
SHARED_DRIVER = 'float_array'


class _Use(NamedTuple):
    """Where a topic is named: the block, the full name of the parameter, its text and its spec."""

    block: Block
    name: str
    topic: str
    spec: Spec


def check_topics(resources: list[Block], shared: Block, around: GraphNames, errors: list[str],
                 warnings: list[str]) -> None:
    """
    Refuse two uses of one topic, after remapping and namespace.

    shared: the block with a topic that belongs to no resource.
    """
    outputs: dict[str, str] = {}
    arrays: dict[str, list[Block]] = {}
    blocks = [member for block in resources for member in block.commanding()]
    own = {around.resolve(topic) for topic in (PULSE_TOPIC, ECHO_TOPIC)}
    for block, name, topic, _ in _uses(blocks, Form.OUTPUT_TOPIC):
        resolved = around.topic(name, topic, errors)
        shares = resolved is not None and block.values.get('driver') == SHARED_DRIVER
        if resolved in own:
            errors.append(_own(name, topic, resolved))
        elif resolved is not None and shares and (
                resolved in arrays or resolved not in outputs):
            arrays.setdefault(resolved, []).append(block)
            outputs.setdefault(resolved, name)
        elif resolved in outputs:
            errors.append(str(Mistake(
                name, f'{topic!r}, which resolves to {resolved!r} like {outputs[resolved]}',
                'a topic that no other resource publishes on')))
        elif resolved is not None:
            outputs[resolved] = name
    for resolved, members in arrays.items():
        _check_indices(resolved, members, errors)
        _check_grippers(members, errors)
    _check_inputs(_uses([*blocks, shared], Form.FEEDBACK_TOPIC), outputs, own, around, errors)
    for _, name, topic, _ in (
            *_uses(blocks, Form.OUTPUT_TOPIC), *_uses(blocks, Form.FEEDBACK_TOPIC)):
        if topic.startswith('/') and around.namespace != '/':
            warnings.append(
                f'{name} is {topic!r}: an absolute name ignores the namespace '
                f'{around.namespace!r} of this node.')


def _own(name: str, topic: str, resolved: str | None) -> str:
    return str(Mistake(
        name, f'{topic!r}, which resolves to {resolved!r}',
        'a topic that bridge and guard do not use themselves'))


def _check_inputs(uses: list[_Use], outputs: dict[str, str], own: set[str],
                  around: GraphNames, errors: list[str]) -> None:
    """Refuse to read our own outputs, and to read two types of messages on one topic."""
    heard: dict[str, _Use] = {}
    for use in uses:
        resolved = around.topic(use.name, use.topic, errors)
        if resolved is None:
            continue
        other = heard.setdefault(resolved, use)
        where = f'{use.topic!r}, which resolves to {resolved!r} like '
        if resolved in own:
            errors.append(_own(use.name, use.topic, resolved))
        elif resolved in outputs:
            errors.append(str(Mistake(
                use.name, where + outputs[resolved],
                'a topic that the robot publishes, not one that commands it')))
        elif other.spec.message != use.spec.message:
            errors.append(str(Mistake(
                use.name, where + f'{other.name} with {other.spec.message}',
                f'a topic of {use.spec.message}')))


def _check_indices(topic: str, members: list[Block], errors: list[str]) -> None:
    """Each index of an array belongs to one resource: a controller refuses any other length."""
    owners: dict[int, Block] = {}
    widths = {block.name: len(block.values.get('joints') or (1,)) for block in members}
    places = sum(widths.values())
    for block in members:
        index = block.values.get('index')
        if index is None:
            continue
        taken = [each for each in range(index, index + widths[block.name]) if each in owners]
        if taken:
            errors.append(str(Mistake(
                block.full('index'), f'{index}, like {owners[taken[0]].full("index")}',
                f'an index of its own in {topic}')))
        elif index + widths[block.name] > places:
            errors.append(str(Mistake(
                block.full('index'), f'{index}',
                f'at most {places - widths[block.name]}: {topic} is shared by {len(members)} '
                'resources, and an array has a number for each index from 0')))
        for place in range(index, index + widths[block.name]):
            owners.setdefault(place, block)
    # A controller of ros2_control has one kind of command for all its joints.
    moving = [block for block in members if 'command' in block.values]
    forces = [block for block in moving if block.values['command'] == 'effort']
    for block in moving if forces else []:
        if block.values['command'] != 'effort':
            errors.append(str(Mistake(
                block.full('command'), f'{block.values["command"]!r}, where '
                f'{forces[0].full("command")} is \'effort\'',
                f"'effort', or a topic of its own: {topic} is one array, and no controller "
                'takes forces and speeds in one')))
    for block in members if moving else []:
        if 'command' not in block.values:
            errors.append(str(Mistake(
                block.full('topic'), f'{topic!r} with positions, where '
                f'{moving[0].full("command")} is {moving[0].values["command"]!r}',
                'an array with numbers of one kind')))


def _check_grippers(members: list[Block], errors: list[str]) -> None:
    """
    Refuse grippers that share an array.

    A grip is a number that was sent and not reached. A guard, or a bridge that was started again,
    never sent it, and would release the grip with the first number that it sends another resource.
    """
    if len(members) < 2:
        return
    for block in members:
        if block.values.get('api') == 'gripper':
            neighbour = next(each for each in members if each is not block)
            errors.append(str(Mistake(
                block.full('topic'), f'{block.values["topic"]!r}, like {neighbour.full("topic")}',
                'a topic of its own: a process that has never commanded this gripper, such as the '
                'guard, cannot repeat its grip when it stops other resources of the array')))


def _uses(blocks: list[Block], form: Form) -> list[_Use]:
    return [
        _Use(block, block.full(entry.name), block.values[entry.name], entry.spec)
        for block in blocks for entry in block.entries
        if entry.spec.form is form and block.values.get(entry.name)]
