# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Feedback of the wrong type never arrives, and DDS does not report it: the bridge does."""

import time

from observer import Observer
from processes import base, Programs, settings


def test_feedback_of_the_wrong_type_is_named_in_log_diagnostics_and_refusal(
        programs: Programs, observer: Observer) -> None:
    """With the parameter, the node, the found and the expected type; until it is right."""
    bridge = programs.bridge(settings({'base': base(odometry_topic='odom')}))
    missing = (rf'base\.odometry_topic: {bridge.topic("odom")} has no publisher '
               r'\(expected nav_msgs/msg/Odometry\)')
    bridge.wait_logged('no feedback: ' + missing)
    programs.motors('/elsewhere', 'joint', joint_states=bridge.topic('odom'))
    wrong = (f'base.odometry_topic: on {bridge.topic("odom")} /motors publishes '
             'sensor_msgs/msg/JointState; expected nav_msgs/msg/Odometry')
    bridge.wait_logged('no feedback: ' + wrong)
    driver = programs.driver(bridge.topic())
    bridge.wait_drivers()
    assert observer.wait_status('base', 1, time.monotonic()).message == (
        f'no feedback: {wrong}; waiting for odometry on {bridge.topic("odom")} '
        '(base.odometry_topic)')
    client = programs.client(bridge.address)
    answer = client.ask('move_straight', base='base', distance=100, velocity=100.0)
    assert not answer['ok'] and wrong in answer['text'], answer
    # Nor is other motion accepted: its stop could never be verified.
    answer = client.ask('set_power', base='base', linear=1.0)
    assert not answer['ok'] and wrong in answer['text'], answer
    client.do('stop', base='base')
    assert all(one.is_zero for one in driver.heard())
    programs.driver('/nowhere', node='/odometry', odometry=bridge.topic('odom'),
                    odometry_mode='rest')
    bridge.wait_logged('base: feedback is published')
    observer.wait_status('base', 0, time.monotonic())
    client.do('set_power', base='base', linear=1.0)
    client.do('stop', base='base')
