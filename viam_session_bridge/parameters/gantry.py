# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Gantries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from viam_session_bridge.parameters.joints import (
    check_numbers,
    JOINT_STATES,
    JointPace,
    JointRange,
    NUMBER,
    one_each,
    SeveralJointsConfig,
    STATE,
)
from viam_session_bridge.parameters.rules import Own, rule
from viam_session_bridge.parameters.schema import described, Form


@dataclass(frozen=True, kw_only=True)
class GantryConfig(SeveralJointsConfig):
    """A gantry: one axis or more."""

    API = 'gantry'
    STOPS: ClassVar[tuple[str, ...]] = ('hold',)

    joint_states_topic: str = field(metadata=described(
        JOINT_STATES, form=Form.FEEDBACK_TOPIC, message=STATE))
    lengths_m: tuple[float, ...] = field(metadata=described(
        'Length of each axis, in the order of the joints', unit='m', low=0.0, high=1000.0,
        low_excluded=True))
    offsets_m: tuple[float, ...] = field(default=(), metadata=described(
        "Position of each joint at Viam's position 0", unit='m', low=-1000.0, high=1000.0,
        empty='0 for each'))
    home_m: tuple[float, ...] = field(default=(), metadata=described(
        "Goal of Home, from Viam's position 0", unit='m', low=0.0, high=1000.0,
        empty='Home is not answered'))
    max_speed: float = field(metadata=described(
        'Highest speed of any axis', unit='m/s', low=0.0, high=100.0,
        low_excluded=True, mutable=True))
    tolerance: float = field(default=0.002, metadata=described(
        'Distance from its goal within which an axis has arrived', unit='m', low=0.0, high=1.0,
        low_excluded=True))
    rest_speed: float = field(default=0.002, metadata=described(
        'Measured speed below which an axis is at rest', unit='m/s', low=0.0, high=1.0,
        low_excluded=True))

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of the position of each axis."""
        return ('m',) * len(self.joints)

    @property
    def pace(self) -> JointPace:
        """Return the speeds and tolerances of its joints."""
        return JointPace(self.max_speed, self.tolerance, self.rest_speed)

    @property
    def zeros(self) -> tuple[float, ...]:
        """Return where the joint of each axis is (m) at Viam's 0."""
        return self.offsets_m or (0.0,) * len(self.joints)

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        named = self._named(*(('offsets_m', 'lengths_m') if self.offsets_m else ('lengths_m',)))
        return tuple(
            JointRange(zero, zero + length, unit='m', parameters=named)
            for zero, length in zip(self.zeros, self.lengths_m, strict=True))


one_each(GantryConfig, 'lengths_m', needed=True)
one_each(GantryConfig, 'offsets_m')
one_each(GantryConfig, 'home_m')


@rule(GantryConfig, 'joints', 'lengths_m', 'home_m')
def _home_is_within_the_axis(own: Own, joints: tuple[str, ...], lengths: tuple[float, ...],
                             homes: tuple[float, ...]) -> None:
    for joint, home, length in zip(joints, homes, lengths, strict=False):
        if home > length:
            own.wrong('home_m', f'{home:g} for {joint}',
                      f'at most its {own.lengths_m} ({length:g})')


@rule(GantryConfig, 'tolerance', 'lengths_m', 'offsets_m', *NUMBER)
def _the_axes_are_numbers_of_the_driver(
        own: Own, near: float, lengths: tuple[float, ...], offsets: tuple[float, ...],
        *number: float) -> None:
    zeros = offsets or (0.0,) * len(lengths)
    check_numbers(own, number, near, (
        end for zero, length in zip(zeros, lengths, strict=False)
        for end in (('offsets_m', zero, zero), ('lengths_m', length, zero + length))))
