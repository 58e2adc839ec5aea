# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Grippers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.parameters.joints import (
    check_numbers,
    EXACT,
    JointPace,
    JointRange,
    NUMBER,
    SeveralJointsConfig,
)
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described


@dataclass(frozen=True, kw_only=True)
class GripperConfig(SeveralJointsConfig):
    """A gripper: every joint moves between two positions."""

    API = 'gripper'
    # A number may open it.
    STOPS: ClassVar[tuple[str, ...]] = ('hold', 'last')
    TAKES_BOOL: ClassVar[bool] = True

    prismatic: bool = field(default=False, metadata=described(
        'Its joints are measured in m, not rad'))
    open_position: float = field(metadata=described(
        'Position of every joint when it is open', unit='rad or m', low=-100.0, high=100.0))
    closed_position: float = field(metadata=described(
        'Position of every joint when it is closed', unit='rad or m', low=-100.0, high=100.0))
    max_speed: float = field(metadata=described(
        'Speed of the joints', unit='rad/s or m/s', low=0.0, high=100.0, low_excluded=True,
        mutable=True))
    tolerance: float = field(metadata=described(
        'Distance from its goal within which a joint has arrived. A gripper that closed and is at '
        'rest farther than this from closed holds something', unit='rad or m', low=0.0, high=10.0,
        low_excluded=True))
    rest_speed: float = field(metadata=described(
        'Measured speed below which a joint is at rest', unit='rad/s or m/s', low=0.0, high=10.0,
        low_excluded=True))

    @property
    def between(self) -> bool:
        """Return whether it also moves to positions between open and closed."""
        return self.driver != 'float' or self.message != 'bool'

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each joint: rad or m."""
        return ('m' if self.prismatic else 'rad',) * len(self.joints)

    @property
    def pace(self) -> JointPace:
        """Return the speeds and tolerances of its joints."""
        return JointPace(self.max_speed, self.tolerance, self.rest_speed)

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        low, high = sorted((self.open_position, self.closed_position))
        return (JointRange(
            low, high, unit='m' if self.prismatic else 'rad',
            parameters=self._named('open_position', 'closed_position')),) * len(self.joints)


@rule(GripperConfig, 'open_position', 'closed_position', 'tolerance')
def _open_and_closed_are_told_apart(
        own: Own, opened: float, closed: float, near: float) -> None:
    if abs(opened - closed) <= 2.0 * near:
        own.wrong('closed_position', f'{closed:g}',
                  f'a position that is more than 2 * {own.tolerance} ({near:g}) from '
                  f'{own.open_position} ({opened:g})')


@rule(GripperConfig, 'tolerance', 'open_position', 'closed_position', *NUMBER)
def _the_ends_are_numbers_of_the_driver(
        own: Own, near: float, opened: float, closed: float, *number: float) -> None:
    check_numbers(own, number, near, (
        ('open_position', opened, opened), ('closed_position', closed, closed)))


@rule(GripperConfig, 'message', 'open_position', 'closed_position', *NUMBER)
def _the_ends_of_a_bool_are_false_and_true(
        own: Own, message: str, opened: float, closed: float, scale: float, offset: float,
        low: float, high: float) -> None:
    if message != 'bool' or scale == 0.0:
        return
    opened, closed = (min(high, max(low, offset + scale * at)) for at in (opened, closed))
    if max(abs(opened - (1.0 - closed)), abs(closed * opened)) > EXACT:
        own.wrong('closed_position',
                  f'{closed:g}, and {opened:g} for {own.open_position}, as numbers',
                  f'0 and 1, either way round, after {own.scale} and {own.offset}, because '
                  f"{own.message} is 'bool'")
