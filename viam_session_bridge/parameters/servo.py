# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Servos, whose angles are degrees as Viam counts them."""

from __future__ import annotations

from dataclasses import dataclass, field
import math

from viam_session_bridge.parameters.joints import (
    check_numbers,
    JointPace,
    JointRange,
    NUMBER,
    OneJoint,
    PositionedConfig,
)
from viam_session_bridge.parameters.rules import below, Own, rule
from viam_session_bridge.parameters.schema import described


@dataclass(frozen=True, kw_only=True)
class ServoConfig(OneJoint, PositionedConfig):
    """A servo: one joint; its position in rad is Viam's angle plus offset_deg."""

    API = 'servo'
    minimum_deg: float = field(default=0.0, metadata=described(
        'Smallest angle that is accepted', unit='deg', low=0.0, high=3600.0))
    maximum_deg: float = field(default=180.0, metadata=described(
        'Largest angle that is accepted', unit='deg', low=0.0, high=3600.0))
    offset_deg: float = field(default=0.0, metadata=described(
        "Position of the joint at Viam's angle 0", unit='deg', low=-3600.0, high=3600.0))
    max_speed_deg_s: float = field(metadata=described(
        'Speed of the servo', unit='deg/s', low=0.0, high=10000.0, low_excluded=True,
        mutable=True))
    tolerance_deg: float = field(default=1.0, metadata=described(
        'Distance from its goal within which it has arrived', unit='deg', low=0.0, high=90.0,
        low_excluded=True))
    rest_speed: float = field(default=0.02, metadata=described(
        'Measured speed below which it is at rest', unit='rad/s', low=0.0, high=10.0,
        low_excluded=True))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of its joint."""
        return (self.joint,)

    @property
    def pace(self) -> JointPace:
        """Return the speeds and tolerances of its joints."""
        return JointPace(
            math.radians(self.max_speed_deg_s), math.radians(self.tolerance_deg),
            self.rest_speed)

    @property
    def _ranges(self) -> tuple[JointRange, ...]:
        named = ('minimum_deg', 'maximum_deg', *(('offset_deg',) if self.offset_deg else ()))
        return (JointRange(
            math.radians(self.minimum_deg + self.offset_deg),
            math.radians(self.maximum_deg + self.offset_deg), parameters=self._named(*named)),)


below(ServoConfig, 'minimum_deg', 'maximum_deg')


@rule(ServoConfig, 'tolerance_deg', 'offset_deg', 'minimum_deg', 'maximum_deg', *NUMBER)
def _the_angles_are_numbers_of_the_driver(
        own: Own, near: float, zero: float, low: float, high: float, *number: float) -> None:
    check_numbers(own, number, math.radians(near), (
        ('minimum_deg', low, math.radians(low + zero)),
        ('maximum_deg', high, math.radians(high + zero))))
