# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which feedback counts as rest: contradictions, noise, jumps. Inputs are those of real drivers.

Unless a test says otherwise: rest is judged over 0.3 s, feedback grows old after 0.5 s.
"""

from collections.abc import Callable
import math
import random

from hypothesis import given, strategies
import pytest

from viam_session_bridge.core.actuator import Actuator, ActuatorSettings
from viam_session_bridge.core.errors import NotAtRest
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import OpenClaim
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.core.stop import (
    BaseSample,
    JointRest,
    JointSample,
    RestSettings,
    RestWatch,
    Sample,
)

ARM = RestSettings(joints=(JointRest('elbow', 'rad', 0.02),), source='joint_states')
BASE = RestSettings(source='odom')


def watch(settings: RestSettings, sample_at: Callable[[float], Sample], seconds: float = 2.0,
          rate: float = 50.0) -> tuple[RestWatch, float]:
    """Return a watch that has taken samples at a rate for so long (s), and the time."""
    watched, now = RestWatch(settings), 0.0
    for index in range(round(seconds * rate) + 1):
        now = index / rate
        watched.take(sample_at(now), now)
    return watched, now


def joint(position: float, *velocity: float) -> JointSample:
    return JointSample((position,), velocity)


# ---- texts -------------------------------------------------------------------------------------

def test_feedback_that_is_too_slow_names_its_period_and_the_parameter() -> None:
    watched, now = watch(BASE, lambda at: BaseSample(), seconds=6.0, rate=1.0)
    assert watched.account(now) == (
        'odom has not shown rest for 0.3 s yet; messages on odom arrive 1 s apart; expected less '
        'than 0.5 s (feedback_timeout)')


def test_a_pose_that_jumps_all_the_time_is_named_as_that() -> None:
    watched, now = watch(RestSettings(fastest_linear=0.5, source='odom'),
                         lambda at: BaseSample(x=round(at * 50.0) % 2), rate=50.0)
    assert not watched.at_rest(0.0, now)
    assert 'the pose on odom jumps farther than the robot can move' in watched.account(now)


def test_what_is_not_rest_names_the_measured_and_the_accepted_value() -> None:
    """A joint that flickers by half a degree, whose net speed is 0; a twist that is noisy."""
    half = math.radians(0.5)
    watched, now = watch(ARM, lambda at: joint(half * (round(at * 50.0) % 3 == 0)), seconds=2.1)
    assert 'displaced by 0.00873 rad within 0.3 s, accepted: 0.006 (see rest_speed)' in (
        watched.account(now))
    watched, now = watch(BASE, lambda at: BaseSample(linear=(0.021, 0.0, 0.0), has_pose=False))
    assert 'mean velocity accepted: 0.02 m/s (see pose_noise, rest_linear)' in (
        watched.account(now))


# ---- contradictions -----------------------------------------------------------------------------


def test_a_pose_that_moves_under_a_twist_of_zero_is_motion() -> None:
    """Odometry at 30 Hz whose pose moves at 0.3 m/s."""
    watched, now = watch(BASE, lambda at: BaseSample(x=0.3 * at), rate=30.0)
    assert watched.moving(now) is True and not watched.at_rest(0.0, now)
    assert 'pose moves at 0.3 m/s, twist reports 0 m/s' in watched.contradiction(now)
    assert watched.contradiction(now) in watched.account(now)


def test_a_heading_that_turns_under_a_twist_of_zero_is_motion() -> None:
    """It passes half a turn meanwhile."""
    watched, now = watch(BASE, lambda at: BaseSample(yaw=math.remainder(3.0 + at, math.tau)))
    assert watched.moving(now) is True
    assert 'heading moves at 1 rad/s' in watched.contradiction(now)


def test_a_constant_pose_with_a_nonzero_twist_is_motion_and_a_contradiction() -> None:
    watched, now = watch(BASE, lambda at: BaseSample(linear=(0.2, 0.0, 0.0)))
    assert watched.moving(now) is True and not watched.at_rest(0.0, now)
    assert 'pose moves at 0 m/s, twist reports 0.2 m/s' in watched.contradiction(now)


@pytest.mark.parametrize('settings', [ARM, RestSettings(by_positions=True)])
def test_a_joint_that_moves_under_a_velocity_of_zero_is_motion(settings: RestSettings) -> None:
    watched, now = watch(settings, lambda at: joint(0.1 * at, 0.0))
    assert watched.moving(now) is True and not watched.at_rest(0.0, now)


def test_the_contradiction_of_a_joint_names_it_and_both_values() -> None:
    watched, now = watch(ARM, lambda at: joint(0.1 * at, 0.0))
    assert ('position of joint elbow moves at 0.1 rad/s, velocity of joint elbow reports 0 rad/s'
            in watched.contradiction(now))


def test_acceleration_and_latency_are_no_contradiction() -> None:
    """From rest at 0.5 m/s2, the pose 0.1 s behind the twist, and to rest again."""
    def at(now: float) -> BaseSample:
        def driven(time: float) -> float:
            time = max(0.0, time)
            return 0.25 * min(time, 1.0) ** 2 + 0.5 * max(0.0, time - 1.0)
        return BaseSample(x=driven(now - 0.1), linear=(0.5 * min(now, 1.0), 0.0, 0.0))

    watched = RestWatch(BASE)
    for index in range(100):
        now = index / 50.0
        watched.take(at(now), now)
        assert watched.contradiction(now) == '', now


def test_a_contradiction_is_not_reported_before_two_windows() -> None:
    watched, now = watch(BASE, lambda at: BaseSample(x=0.3 * at), seconds=0.5)
    assert watched.moving(now) is True and watched.contradiction(now) == ''


def test_odometry_beside_a_velocity_from_elsewhere_does_not_show_rest() -> None:
    """Open-loop odometry shows rest at once; the IMU shows motion."""
    machine = Actuator('base', ActuatorSettings(rest=BASE))
    machine.path_problem = ''
    for index in range(20):
        now = index / 20.0
        machine.measured(BaseSample(shows_rest=False), now)
        machine.measured(BaseSample(linear=(0.2, 0.0, 0.0), has_pose=False), now)
    assert machine.is_moving(now) is True
    assert machine.rest is not None and 'twist reports 0.2 m/s' in machine.rest.account(now)


def test_a_stop_under_a_twist_of_zero_fails_and_names_both_values() -> None:
    """The robot ignores the stop; the next motion is refused with the reason."""
    machine = Actuator('base', ActuatorSettings(rest=BASE))
    machine.path_problem = ''
    machine.measured(BaseSample(), 0.0)
    machine.command(Motion(Velocity((0.3, 0.0, 0.0))), OpenClaim(), 1, 0.0)
    for index in range(300):
        now = index / 30.0
        machine.measured(BaseSample(x=0.3 * now), now)
        if index == 30:
            machine.stop(Reason.STOPPED, 2, now)
        machine.poll(now)
        if index < 30 + 150:
            assert machine.state is not State.IDLE, now
    assert machine.state is State.UNCONFIRMED
    with pytest.raises(NotAtRest, match='pose moves at 0.3 m/s, twist reports 0 m/s') as refusal:
        machine.command(Motion(Velocity((0.3, 0.0, 0.0))), OpenClaim(), 3, now)
    assert 'queue of old commands' in str(refusal.value), 'it moves as commanded before the stop'


# ---- noise --------------------------------------------------------------------------------------


def test_encoder_flicker_without_velocities_is_rest() -> None:
    """One step of a hobby bus servo, at random, at 50 Hz."""
    chance = random.Random(1)
    watched, now = watch(ARM, lambda at: joint(chance.choice([0.0, 0.001534])))
    assert watched.moving(now) is False and watched.at_rest(0.0, now)


def test_velocities_that_alternate_around_rest_are_rest_by_positions() -> None:
    """0 and -0.051 rad/s in turn; the rest speed of an arm is 0.02 rad/s."""
    watched, now = watch(ARM, lambda at: joint(0.5, -0.051 * (round(at * 50) % 2)))
    assert watched.moving(now) is False and watched.at_rest(0.0, now)


def test_a_configured_speed_as_velocity_is_rest_by_positions_only() -> None:
    """By default it is a contradiction, for the positions may be those that are wrong."""
    watched, now = watch(ARM, lambda at: joint(0.5, 0.5))
    assert watched.moving(now) is True and not watched.at_rest(0.0, now)
    text = watched.contradiction(now)
    assert 'velocity of joint elbow reports 0.5 rad/s' in text and 'rest_by' in text
    watched, now = watch(
        RestSettings(joints=ARM.joints, by_positions=True), lambda at: joint(0.5, 0.5))
    assert watched.moving(now) is False and watched.at_rest(0.0, now)


def test_one_noisy_twist_is_no_motion() -> None:
    watched, now = watch(BASE, lambda at: BaseSample(
        linear=(0.05 if round(at * 50) == 95 else 0.0, 0.0, 0.0)))
    assert watched.moving(now) is False and watched.at_rest(0.0, now)


def test_the_noise_of_a_pose_is_no_motion() -> None:
    chance = random.Random(2)
    watched, now = watch(BASE, lambda at: BaseSample(
        x=chance.uniform(0.0, 0.004), yaw=chance.uniform(0.0, 0.008)))
    assert watched.moving(now) is False and watched.at_rest(0.0, now)


def test_a_slow_drive_is_motion() -> None:
    """At 0.03 m/s; its rest speed is 0.02 m/s."""
    watched, now = watch(BASE, lambda at: BaseSample(x=0.03 * at, linear=(0.03, 0.0, 0.0)))
    assert watched.moving(now) is True and not watched.at_rest(0.0, now)


def test_a_swing_that_only_a_velocity_shows_is_never_rest() -> None:
    """Its mean over the window is zero wherever it turns round."""
    swing = RestWatch(BASE)
    for index in range(500):
        now = index / 50.0
        swing.take(BaseSample(linear=(0.2 * math.sin(3.0 * now), 0.0, 0.0), has_pose=False), now)
        assert not swing.at_rest(0.0, now), now


# ---- jumps --------------------------------------------------------------------------------------


def test_a_localization_reset_starts_the_window_anew() -> None:
    """It is neither rest nor motion."""
    watched, now = watch(BASE, lambda at: BaseSample(x=5.0 if at > 1.5 else 0.0), seconds=1.6)
    assert watched.moving(now) is False and not watched.at_rest(0.0, now)
    for index in range(1, 16):
        watched.take(BaseSample(x=5.0), now + index / 50.0)
    assert watched.at_rest(0.0, now + 0.3)


def test_rest_needs_a_whole_window_after_the_stop() -> None:
    watched, now = watch(BASE, lambda at: BaseSample())
    assert not watched.at_rest(now - 0.29, now) and watched.at_rest(now - 0.31, now)


# ---- random histories ---------------------------------------------------------------------------


@given(
    speed=strategies.floats(0.05, 2.0), heading=strategies.floats(-3.0, 3.0),
    rate=strategies.floats(5.0, 100.0), seed=strategies.integers(0, 1000),
    reported=strategies.sampled_from([0.0, 0.01, -0.5, math.nan]))
def test_a_robot_that_drives_is_never_at_rest(
        speed: float, heading: float, rate: float, seed: int, reported: float) -> None:
    """With any twist, at any rate, with jitter."""
    chance, watched, now = random.Random(seed), RestWatch(BASE), 0.0
    while now < 2.0:
        watched.take(BaseSample(
            x=speed * now * math.cos(heading), y=speed * now * math.sin(heading), yaw=heading,
            linear=(reported, 0.0, 0.0)), now)
        assert not watched.at_rest(0.0, now)
        now += chance.uniform(0.5, 1.5) / rate


@given(rate=strategies.floats(5.0, 100.0), seed=strategies.integers(0, 1000))
def test_a_robot_that_does_not_move_is_seen_at_rest(rate: float, seed: int) -> None:
    """With noise of pose and twist below their thresholds."""
    chance, watched, now = random.Random(seed), RestWatch(BASE), 0.0
    while now < 2.0:
        watched.take(BaseSample(
            x=chance.uniform(0.0, 0.0049),
            linear=(chance.uniform(-0.019, 0.019), 0.0, 0.0)), now)
        last = now
        now += chance.uniform(0.5, 1.5) / rate
    assert watched.at_rest(0.0, last)
