# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rules that relate parameter values to each other, and warnings about legal but risky choices.

A rule is a function beside the table that it checks. It declares its inputs:

    @rule(ActuatedConfig, 'stop_timeout', 'stop_hold')
    def _stop_outlasts_its_hold(own: Own, timeout: float, hold: float) -> None:
        if timeout <= hold:
            own.wrong('stop_timeout', f'{timeout:g}', f'more than {own.stop_hold} ({hold:g} s)')

It runs for each block of the table, and of tables derived from it, once all its inputs have passed
their own checks, so that one mistake is reported once; not for drivers without these inputs.
'..name' is a parameter of the enclosing block, '/block.name' one of a block of the top level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from viam_session_bridge.parameters.checks import beyond_message, Mistake
from viam_session_bridge.parameters.schema import Block

_Check = Callable[..., None]


class Own:
    """The block that a rule checks: `own.stop_hold` is the full name of its parameter."""

    def __init__(self, block: Block, errors: list[str], warnings: list[str]) -> None:
        self.block = block
        self.errors = errors
        self.warnings = warnings

    def __getattr__(self, short: str) -> str:
        """Return the full name of a parameter. Raises AttributeError where its table has none."""
        if all(each.name != short for each in self.block.entries):
            raise AttributeError(f'{self.block.name} has no parameter {short}')
        return self.block.full(short)

    @property
    def around(self) -> Own:
        """Return the block whose list names it."""
        return Own(self.block.around or self.block, self.errors, self.warnings)

    def value_of(self, short: str) -> Any:
        """Return the value of a parameter; None where it is wrong, or its driver has none."""
        return self.block.values.get(short)

    def wrong(self, short: str, found: str, wanted: str) -> None:
        """Note a mistake: which parameter, what was found and what is accepted instead."""
        self.errors.append(str(Mistake(self.block.full(short), found, wanted)))

    def warn(self, text: str) -> None:
        """Note what is legal but risky."""
        self.warnings.append(text)


@dataclass(frozen=True)
class _Rule:
    table: type
    inputs: tuple[str, ...]
    check: _Check


_RULES: list[_Rule] = []


def rule(table: type, *inputs: str) -> Callable[[_Check], _Check]:
    """Register a rule; see above. It receives its block and the values of its inputs."""
    def register(check: _Check) -> _Check:
        _RULES.append(_Rule(table, inputs, check))
        return check
    return register


def below(table: type, low: str, high: str, unit: str = '') -> None:
    """Register the rule that one number is smaller than the other."""
    @rule(table, low, high)
    def check(own: Own, least: float, most: float) -> None:
        if least >= most:
            name = getattr(own.around if high.startswith('..') else own, high.removeprefix('..'))
            own.wrong(low, f'{least:g}', f'less than {name} ({most:g}{unit})')


def whole(table: type, number: str) -> None:
    """Register the rule that the type of its message can hold a number."""
    @rule(table, number, 'message')
    def check(own: Own, value: float, message: str) -> None:
        if wanted := beyond_message(value, message, own.message):
            own.wrong(number, f'{value:g}', wanted)


def check_rules(block: Block, top: Mapping[str, Block], errors: list[str],
                warnings: list[str]) -> None:
    """Check a block and all below it; top: the blocks of the top level."""
    for each in _RULES:
        for member in block.family():
            if issubclass(member.table, each.table):
                values = [_input(member, top, name) for name in each.inputs]
                if _ABSENT not in values:
                    each.check(Own(member, errors, warnings), *values)


_ABSENT: Any = object()


def _input(block: Block, top: Mapping[str, Block], name: str) -> Any:
    place: Block | None = block
    if name.startswith('..'):
        place = block.around
    elif name.startswith('/'):
        place = top.get(name[1:].partition('.')[0])
    return place.values.get(name.rpartition('.')[2], _ABSENT) if place else _ABSENT
