# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Rules about stop outputs and commands, and about who calls which service."""

from __future__ import annotations

from dataclasses import dataclass

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_joint_rules import RANGES
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_rules import moving_commands, Surroundings
from viam_session_bridge.ros.parameter_spec import Form
from viam_session_bridge.ros.parameter_values import Mistake

# What cancels the goals of an action, whatever its type.
CANCEL_SERVICE = '/_action/cancel_goal'


def check_outputs(block: Block, errors: list[str], warnings: list[str]) -> None:
    """Check the stop outputs and commands of a resource."""
    for output in block.children.get('stop_outputs', []):
        _check_output(output, block, errors)
    moving = moving_commands(block)
    if not moving or block.values.get('stop_outputs', True):
        return
    if issubclass(block.table, ResourceConfig) and not block.table.MOVES_BY_ITSELF:
        errors.append(str(Mistake(
            block.full('stop_outputs'), 'nothing',
            'at least one name, because nothing else stops what moves by '
            + ', '.join(each.name for each in moving))))
    else:
        warnings.append(
            f'{", ".join(each.full("moves") for each in moving)}: {block.name} has no '
            f'{block.full("stop_outputs")}, so nothing but its driver\'s own stop ends what these '
            'commands begin.')


def _check_output(output: Block, resource: Block, errors: list[str]) -> None:
    values = output.values
    limit, end = values.get('call_timeout'), resource.values.get('stop_timeout')
    if limit is not None and end is not None and limit >= end:
        errors.append(str(Mistake(
            output.full('call_timeout'), f'{limit:g}',
            f'less than {resource.full("stop_timeout")} ({end:g} s)')))
    value = values.get('value')
    if value is not None and value == values.get('release'):
        errors.append(str(Mistake(
            output.full('release'), str(value).lower(),
            f'{str(not value).lower()}, because {output.full("value")} is {str(value).lower()}')))
    number, message = values.get('number'), values.get('message')
    if number is not None and message in RANGES:
        least, most = RANGES[message]
        if number != round(number) or not least <= number <= most:
            errors.append(str(Mistake(
                output.full('number'), f'{number:g}',
                f'a whole number from {least} to {most}, because {output.full("message")} is '
                f'{message!r}')))


@dataclass(frozen=True)
class _Use:
    """Who calls a service: the resource, block and parameter that name it; whether it stops."""

    resource: Block
    block: Block
    name: str
    stops: bool


def check_services(resources: list[Block], around: Surroundings, errors: list[str],
                   warnings: list[str]) -> None:
    """Refuse two resources that call one service: who stops one would stop the other."""
    uses: dict[str, list[_Use]] = {}
    for resource in resources:
        stopping = [id(each) for each in resource.children.get('stop_outputs', [])]
        for block in resource.commanding():
            for name, text, service in _services(block):
                if text.startswith('/') and around.namespace != '/':
                    warnings.append(
                        f'{name} is {text!r}: an absolute name ignores the namespace '
                        f'{around.namespace!r} of this node.')
                resolved = around.service(name, service, errors)
                if resolved is not None:
                    use = _Use(resource, block, name, id(block) in stopping)
                    _check_use(use, uses.setdefault(resolved, []), text, resolved, errors)
                    uses[resolved].append(use)


def _check_use(use: _Use, others: list[_Use], text: str, service: str,
               errors: list[str]) -> None:
    for other in others:
        if other.resource is not use.resource or (other.stops and use.stops):
            errors.append(str(Mistake(
                use.name, f'{text!r}, which resolves to {service!r} like {other.name}',
                'a service that no other resource and no other stop output calls')))
            return
        kind, wanted = use.block.values.get('kind'), other.block.values.get('kind')
        if None not in (kind, wanted) and kind != wanted:
            errors.append(str(Mistake(
                use.block.full('kind'), repr(kind),
                f'{wanted!r}, as in {other.block.full("kind")}: both call {service}, and a '
                'service has one type')))
            return


def _services(block: Block) -> list[tuple[str, str, str]]:
    """Return full name, value and service of the parameters that name one."""
    return [
        (block.full(entry.name), block.values[entry.name],
         block.values[entry.name] + (CANCEL_SERVICE if entry.spec.form is Form.ACTION else ''))
        for entry in block.entries
        if entry.spec.form in (Form.SERVICE, Form.ACTION) and block.values.get(entry.name)]
