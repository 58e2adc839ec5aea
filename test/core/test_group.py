# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Which actuators must be polled when, however often the plan changes; dropped samples."""

import math

from hypothesis import given
from hypothesis import strategies as st
import pytest

from viam_session_bridge.core.actuator import ActuatorSettings, DROP_PERIOD
from viam_session_bridge.core.events import Notice
from viam_session_bridge.core.group import ActuatedResource, ActuatorGroup, PollSchedule
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.core.stop import (
    BaseSample,
    JointRest,
    JointSample,
    RestSettings,
    Sample,
)

PLANS = st.lists(st.tuples(
    st.sampled_from('abc'), st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf]),
    st.sampled_from([None, 0.5, 1.0, 2.5])))


def test_the_newest_plan_counts() -> None:
    schedule = PollSchedule()
    schedule.plan('a', 1.0)
    schedule.plan('a', 2.0)
    assert schedule.take(1.5) == []
    assert schedule.finish() == 2.0
    schedule.plan('a', math.inf)
    assert schedule.finish() == math.inf


def test_what_is_due_is_taken_once() -> None:
    schedule = PollSchedule()
    schedule.plan('b', 2.0)
    schedule.plan('a', 1.0)
    assert schedule.take(2.0) == ['a', 'b']
    assert schedule.take(9.0) == []
    schedule.plan('a', 1.0)
    assert schedule.take(1.0) == ['a']


@given(PLANS)
def test_it_is_a_dictionary_of_instants(plans: list[tuple[str, float, float | None]]) -> None:
    """Beside a plain one, with takings in between."""
    schedule, plain = PollSchedule(), dict[str, float]()
    for name, at, now in plans:
        schedule.plan(name, at)
        plain[name] = at
        if now is not None:
            due = {one for one, when in plain.items() if when <= now}
            assert set(schedule.take(now)) == due
            for one in due:
                del plain[one]
        assert schedule.finish() == min(plain.values(), default=math.inf)


# ---- samples that are no measurement ------------------------------------------------------------

ELBOW = RestSettings(source='/joint_states', joints=(JointRest('elbow', 'rad', 0.01),))
WHEELS = RestSettings(source='/wheels', pose_source='/odom')


def warnings(group: ActuatorGroup, now: float) -> list[str]:
    return [one.text for one in group.poll(now).events if isinstance(one, Notice) and one.warns]


@pytest.mark.parametrize('rest, sample, fault', [
    (ELBOW, JointSample((math.nan,)),
     'on /joint_states, the position of joint elbow is nan, which is not finite'),
    (ELBOW, JointSample((0.1,), (math.inf,)),
     'on /joint_states, the velocity of joint elbow is inf, which is not finite'),
    (ELBOW, JointSample((math.nan,), problem='joint elbow is measured at 100 rad'),
     'on /joint_states, joint elbow is measured at 100 rad'),
    (WHEELS, BaseSample(y=math.nan), 'on /odom, y is nan, which is not finite'),
    (WHEELS, BaseSample(yaw=math.nan), 'on /odom, the heading is nan, which is not finite'),
    (WHEELS, BaseSample(angular=(0.0, 0.0, -math.inf), has_pose=False),
     'on /wheels, the angular velocity z is -inf, which is not finite'),
], ids=['position', 'velocity', 'limits', 'pose', 'heading', 'twist'])
def test_samples_that_are_no_measurement_are_counted_and_reported_once_in_the_period(
        rest: RestSettings, sample: Sample, fault: str) -> None:
    group = ActuatorGroup([ActuatedResource(
        'x', 'one', VelocityLimits(1.0, 1.0), ActuatorSettings(rest=rest))])
    group.measured('one', sample, 100.0)
    assert group.due <= 100.0, 'the pump writes it'
    assert warnings(group, 100.0) == [
        f'one: a sample of its feedback was dropped: {fault}; dropped since the start: 1; a move '
        'ends if no valid one arrives for 0.5 s (feedback_timeout)']
    for at in (100.1, 100.0 + DROP_PERIOD * 0.99):
        group.measured('one', sample, at)
        assert not warnings(group, at)
    group.measured('one', sample, 100.0 + DROP_PERIOD)
    [text] = warnings(group, 100.0 + DROP_PERIOD)
    assert 'dropped since the start: 4' in text


def test_measurements_are_not_reported() -> None:
    group = ActuatorGroup([ActuatedResource(
        'x', 'one', VelocityLimits(1.0, 1.0), ActuatorSettings(rest=ELBOW))])
    group.measured('one', JointSample((0.1,), (math.nan,)), 100.0)
    assert not warnings(group, 100.0)
