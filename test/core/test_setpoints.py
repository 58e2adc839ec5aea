# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Setpoints: finite numbers, within limits; zero is a stop."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st
import pytest

from viam_session_bridge.core.errors import InvalidCommand
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.setpoints import require_finite, Velocity, VelocityLimits

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VECTORS = st.tuples(FINITE, FINITE, FINITE)
NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize('bad', NOT_FINITE)
@pytest.mark.parametrize('part', ['linear', 'angular'])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_a_velocity_is_finite(part: str, axis: int, bad: float) -> None:
    """A NaN or an infinity is refused at construction by the name of its axis."""
    vector = [0.0, 0.0, 0.0]
    vector[axis] = bad
    with pytest.raises(InvalidCommand, match=rf"{part}\.{'xyz'[axis]}: .*not a finite number"):
        Velocity(**{part: tuple(vector)})


@pytest.mark.parametrize('bad', NOT_FINITE)
def test_a_duration_is_finite(bad: float) -> None:
    """A move of endless or unknown length is refused; a held setpoint has no duration at all."""
    with pytest.raises(InvalidCommand, match='duration'):
        Motion(Velocity((1.0, 0.0, 0.0)), bad)


def test_a_duration_is_not_negative() -> None:
    """A move cannot have ended before it began."""
    with pytest.raises(InvalidCommand, match='duration: -1.0 s lies in the past'):
        Motion(Velocity((1.0, 0.0, 0.0)), -1.0)


def test_require_finite_gives_a_float_back() -> None:
    """Integers are welcome and come out as floats."""
    value = require_finite('degrees', 90)
    assert value == 90.0 and isinstance(value, float)
    with pytest.raises(InvalidCommand, match='degrees: nan'):
        require_finite('degrees', math.nan)


def test_zero_is_a_stop() -> None:
    """All six numbers zero, of either sign, or a move that takes no time."""
    assert Motion(Velocity()).is_stop
    assert Motion(Velocity((-0.0, 0.0, -0.0), (0.0, -0.0, 0.0))).is_stop
    assert Motion(Velocity(), 3.0).is_stop
    assert Motion(Velocity((1.0, 0.0, 0.0)), 0.0).is_stop


@pytest.mark.parametrize('part', ['linear', 'angular'])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_any_other_number_is_no_stop(part: str, axis: int) -> None:
    """The smallest number on one axis is a motion."""
    vector = [0.0, 0.0, 0.0]
    vector[axis] = -5e-324
    assert not Motion(Velocity(**{part: tuple(vector)})).is_stop
    assert not Motion(Velocity(**{part: tuple(vector)}), 5e-324).is_stop


def test_a_speed_is_a_length() -> None:
    """It is never negative and takes all axes."""
    assert Velocity((-3.0, 4.0, 0.0), (0.0, 0.0, -2.0)).speed == 5.0


def test_a_setpoint_within_the_limits_is_unchanged() -> None:
    """The limit itself is still allowed."""
    setpoint = Velocity((0.5, 0.0, 0.0), (0.0, 0.0, -1.0))
    assert VelocityLimits(0.5, 1.0).clamp(setpoint) == setpoint


def test_a_setpoint_beyond_the_limits_is_clamped() -> None:
    """Linear and angular parts are limited each by itself; signs stay."""
    setpoint = Velocity((-2.0, 0.0, 0.0), (0.0, 0.0, 9.0))
    assert VelocityLimits(0.5, 1.0).clamp(setpoint) == Velocity((-0.5, 0.0, 0.0), (0.0, 0.0, 1.0))
    assert VelocityLimits(0.5, 10.0).clamp(setpoint) == Velocity((-0.5, 0.0, 0.0), (0.0, 0.0, 9.0))


def test_a_holonomic_setpoint_keeps_its_direction() -> None:
    """The length is limited, not each axis."""
    clamped = VelocityLimits(1.0, 1.0, holonomic=True).clamp(Velocity((3.0, -4.0, 0.0)))
    assert clamped.linear == pytest.approx((0.6, -0.8, 0.0))


def test_a_base_that_is_not_holonomic_leaves_the_rest_out() -> None:
    """It drives along x and turns about z, as Viam's wheeled base does."""
    setpoint = Velocity((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert VelocityLimits(1.0, 1.0).clamp(setpoint) == Velocity((0.1, 0.0, 0.0), (0.0, 0.0, 0.6))


def test_a_setpoint_that_is_clamped_to_zero_is_a_stop() -> None:
    """Sideways on a differential drive, or any way at a limit of zero: the base stays at rest."""
    sideways = Motion(Velocity((0.0, 1.0, 0.0)))
    assert sideways.within(VelocityLimits(1.0, 1.0)).is_stop
    assert not sideways.within(VelocityLimits(1.0, 1.0, holonomic=True)).is_stop
    assert Motion(Velocity((1.0, 0.0, 0.0))).within(VelocityLimits(0.0, 1.0)).is_stop


def test_limits_keep_the_duration() -> None:
    """Clamping changes how fast, not how long."""
    motion = Motion(Velocity((9.0, 0.0, 0.0)), 4.0).within(VelocityLimits(1.0, 1.0))
    assert (motion.setpoint.linear[0], motion.duration) == (1.0, 4.0)


@settings(database=None)
@given(VECTORS, VECTORS, st.floats(0.0, 100.0), st.floats(0.0, 100.0), st.booleans())
@example((1e308, -1e308, 1e308), (1e308, 1e308, 1e308), 1.0, 1.0, True)
@example((5e-324, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 1.0, False)
def test_every_clamped_setpoint_is_finite_and_within_limits(
        linear: tuple[float, float, float], angular: tuple[float, float, float],
        fastest: float, fastest_turn: float, holonomic: bool) -> None:
    """Also for numbers whose length is too large for a float; no axis ever changes its sign."""
    clamped = VelocityLimits(fastest, fastest_turn, holonomic).clamp(Velocity(linear, angular))
    assert clamped.speed <= fastest * (1 + 1e-9) + 1e-300
    assert math.hypot(*clamped.angular) <= fastest_turn * (1 + 1e-9) + 1e-300
    for before, after in zip(linear + angular, clamped.linear + clamped.angular, strict=True):
        assert math.isfinite(after)
        assert after == 0.0 or math.copysign(1.0, after) == math.copysign(1.0, before)
