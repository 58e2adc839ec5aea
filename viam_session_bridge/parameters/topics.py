# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules about topics and services: which resources publish, share, read or call them."""

from __future__ import annotations

from typing import NamedTuple

from viam_session_bridge.parameters.checks import first_line, GraphNames, Mistake
from viam_session_bridge.parameters.outputs import CANCEL_SERVICE, StopOutputConfig
from viam_session_bridge.parameters.schema import Block, Form, Spec

# Those of bridge and guard.
PULSE_TOPIC = 'viam_session_bridge/pulse'
ECHO_TOPIC = 'viam_session_bridge/guard'

_SERVICES = (Form.SERVICE, Form.ACTION)

# The driver whose resources may publish on one topic, because they share one message.
SHARED_DRIVER = 'float_array'


class _Use(NamedTuple):
    """
    Where a topic or a service is named: the block, and the parameter with its text and spec.

    name: of the parameter, in full. resolved: the full name of the topic or service.
    """

    block: Block
    name: str
    text: str
    spec: Spec
    resolved: str

    @property
    def where(self) -> str:
        """Return what was found, for a mistake."""
        return f'{self.text!r}, which resolves to {self.resolved!r}'


def _uses(blocks: list[Block], forms: tuple[Form, ...], around: GraphNames, errors: list[str],
          warnings: list[str]) -> list[_Use]:
    """Return the uses of topics or services; one that cannot be resolved is a mistake."""
    found = []
    for block in blocks:
        for entry in block.entries:
            text, form = block.values.get(entry.name), entry.spec.form
            if form not in forms or not text:
                continue
            name = block.full(entry.name)
            if text.startswith('/') and around.namespace != '/':
                warnings.append(
                    f'{name} is {text!r}: an absolute name ignores the namespace '
                    f'{around.namespace!r} of this node.')
            resolve = around.resolve_service if form in _SERVICES else around.resolve
            try:
                resolved = resolve(text + (CANCEL_SERVICE if form is Form.ACTION else ''))
            except RuntimeError as error:  # rclpy's RCLError; what follows ', at' names lines of C
                problem = first_line(error).split(', at /')[0]
                errors.append(str(Mistake(name, f'{text!r} ({problem})', form.value)))
            else:
                found.append(_Use(block, name, text, entry.spec, resolved))
    return found


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
    for use in _uses(blocks, (Form.OUTPUT_TOPIC,), around, errors, warnings):
        shares = use.block.values.get('driver') == SHARED_DRIVER
        if use.resolved in own:
            errors.append(_own(use))
        elif shares and (use.resolved in arrays or use.resolved not in outputs):
            arrays.setdefault(use.resolved, []).append(use.block)
            outputs.setdefault(use.resolved, use.name)
        elif use.resolved in outputs:
            errors.append(str(Mistake(
                use.name, f'{use.where} like {outputs[use.resolved]}',
                'a topic that no other resource publishes on')))
        else:
            outputs[use.resolved] = use.name
    for resolved, members in arrays.items():
        _check_indices(resolved, members, errors)
        _check_grippers(members, errors)
    # The absolute name of a topic that belongs to no resource is usual.
    _check_inputs([
        *_uses(blocks, (Form.FEEDBACK_TOPIC,), around, errors, warnings),
        *_uses([shared], (Form.FEEDBACK_TOPIC,), around, errors, [])], outputs, own, errors)


def _own(use: _Use) -> str:
    return str(Mistake(
        use.name, use.where, 'a topic that bridge and guard do not use themselves'))


def _check_inputs(uses: list[_Use], outputs: dict[str, str], own: set[str],
                  errors: list[str]) -> None:
    """Refuse to read our own outputs, and to read two types of messages on one topic."""
    known: dict[str, _Use] = {}
    for use in uses:
        other = known.setdefault(use.resolved, use)
        if use.resolved in own:
            errors.append(_own(use))
        elif use.resolved in outputs:
            errors.append(str(Mistake(
                use.name, f'{use.where} like {outputs[use.resolved]}',
                'a topic that the robot publishes, not one that commands it')))
        elif other.spec.message != use.spec.message:
            errors.append(str(Mistake(
                use.name, f'{use.where} like {other.name} with {other.spec.message}',
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


def check_services(resources: list[Block], around: GraphNames, errors: list[str],
                   warnings: list[str]) -> None:
    """Refuse two resources that call one service: a stop of one would stop the other."""
    uses: dict[str, list[_Use]] = {}
    blocks = [member for block in resources for member in block.commanding()]
    for use in _uses(blocks, _SERVICES, around, errors, warnings):
        others = uses.setdefault(use.resolved, [])
        _check_service(use, others, errors)
        others.append(use)


def _check_service(use: _Use, others: list[_Use], errors: list[str]) -> None:
    block = use.block
    for other in others:
        stop = all(issubclass(each.table, StopOutputConfig) for each in (block, other.block))
        if stop or block.top is not other.block.top:
            errors.append(str(Mistake(
                use.name, f'{use.where} like {other.name}',
                'a service that no other resource and no other stop output calls')))
            return
        kind, wanted = block.values.get('kind'), other.block.values.get('kind')
        if None not in (kind, wanted) and kind != wanted:
            errors.append(str(Mistake(
                block.full('kind'), repr(kind),
                f'{wanted!r}, as in {other.block.full("kind")}: both call {use.resolved}, and a '
                'service has one type')))
            return
