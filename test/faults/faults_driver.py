# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults on the robot's side: drivers restart, DDS is cut, feedback lies, others command too."""

import time

from kinds import AT_ONCE, DRIVER_BACK, kind, SLACK
from profiles import NETWORK, NETWORK_ODOMETRY, ODOMETRY
from trial import Trial

FOREIGN = 0.11  # m/s
FEEDBACK_TIMEOUT = 0.5  # s, the default
STOP_TIMEOUT = 5.0  # s, the default

# Shorter (s) than the hold of a stop, with room for the rest of the trial.
WITHIN_HOLD = 0.7


@kind(DRIVER_BACK, 'the driver is killed, the client dies, the driver is back with its last speed',
      weight=3)
def driver_restarted(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.robot.kill()
    client.kill()
    trial.pause(0.0, 2.5)
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5)


@kind(DRIVER_BACK, 'the driver ends cleanly in motion and comes up with its last speed')
def driver_left(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.robot.finish()
    trial.pause(0.0, 1.0)
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5, foreign=speed)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(DRIVER_BACK, 'the driver is killed in the middle of a stop and comes up with its last speed',
      weight=2)
def driver_restarted_in_stop(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    client.kill()
    trial.pause(0.0, 0.3)
    trial.scene.robot.kill()
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5)


@kind(DRIVER_BACK, 'the driver comes up faster than its client, who is there, wants it',
      weight=2)
def driver_restarted_for_its_owner(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client, power=trial.random.uniform(0.3, 0.6))
    trial.scene.robot.kill()
    matched = trial.robot_back('base', 0.5)
    trial.demand_rest(matched, DRIVER_BACK, foreign=speed)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'the network between bridge and driver is cut, the client dies, the network heals',
      profile=NETWORK_ODOMETRY, weight=3)
def partition(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.pull('robot')
    trial.pause(0.0, 1.0)
    client.kill()
    trial.pause(0.0, 4.0)
    trial.demand_rest(trial.plug('robot'), AT_ONCE, watch=0.5)


@kind(AT_ONCE, 'such a cut without feedback, shorter than the hold of a stop', profile=NETWORK)
def partition_without_feedback(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.pull('robot')
    client.kill()
    trial.pause(0.0, WITHIN_HOLD)
    trial.demand_rest(trial.plug('robot'), AT_ONCE, watch=0.5)


def _client_killed_while(trial: Trial, mode: str) -> None:
    client = trial.client()
    trial.drive(client)
    trial.odometry(mode)
    trial.pause(0.0, 1.0)
    trial.demand_rest(client.kill(), AT_ONCE, watch=0.3)


@kind(AT_ONCE, 'odometry is frozen in motion, then SIGKILL to the client', profile=ODOMETRY)
def odometry_frozen(trial: Trial) -> None:
    _client_killed_while(trial, 'frozen')


@kind(AT_ONCE, 'odometry goes silent, then SIGKILL to the client', profile=ODOMETRY)
def odometry_silent(trial: Trial) -> None:
    _client_killed_while(trial, 'silent')


@kind(AT_ONCE, 'odometry is not a number, then SIGKILL to the client', profile=ODOMETRY,
      quick=True)
def odometry_not_a_number(trial: Trial) -> None:
    _client_killed_while(trial, 'not_a_number')


@kind(AT_ONCE, 'odometry is that of another robot, which stands; then SIGKILL to the client',
      profile=ODOMETRY)
def odometry_of_another(trial: Trial) -> None:
    _client_killed_while(trial, 'rest')


@kind(FEEDBACK_TIMEOUT + SLACK, 'odometry fails in a MoveStraight that is steered by it',
      profile=ODOMETRY, weight=2)
def odometry_lost_in_a_move(trial: Trial) -> None:
    client = trial.client()
    order = trial.move(client)
    at = trial.odometry(trial.random.choice(['silent', 'frozen', 'not_a_number']))
    trial.demand_rest(at, FEEDBACK_TIMEOUT + SLACK, watch=0.3)
    trial.odometry('follow')
    trial.expect(not client.answer(order)['ok'], 'a move without feedback ended with success')


def _count_logged(trial: Trial, words: str) -> int:
    return trial.scene.bridge.text.count(words)


@kind(AT_ONCE, 'another node publishes cmd_vel all the time; its own motion is not ours to stop',
      profile=ODOMETRY, quick=True, weight=2)
def another_publisher(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    other = trial.joystick('base', FOREIGN)
    trial.demand_rest(client.kill(), AT_ONCE, foreign=FOREIGN, watch=1.0)
    trial.expect(_count_logged(trial, 'is also published by /somebody_else') > 0,
                 'nobody was named')
    # Its time is not over, so the stop goes on: it is done when the other one has left.
    trial.demand_rest(other.kill(), AT_ONCE, watch=0.3)


@kind(AT_ONCE, 'the same for longer than a stop may take: no alarm, and nothing escalates',
      profile=ODOMETRY)
def another_publisher_for_long(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    other = trial.joystick('base', FOREIGN)
    ended = _count_logged(trial, 'base: stopped')
    alarms = _count_logged(trial, 'NOT CONFIRMED')
    trial.demand_rest(client.kill(), AT_ONCE, foreign=FOREIGN, watch=STOP_TIMEOUT + 1.0)
    trial.expect(_count_logged(trial, 'base: stopped') > ended, 'the stop has no end')
    trial.expect(_count_logged(trial, 'NOT CONFIRMED') == alarms, 'the motion of others is alarm')
    other.kill()
    # From here on the robot is without anybody; what stops it is a client again.
    last = trial.client()
    last.do('stop', base='base')
    trial.demand_rest(time.monotonic(), AT_ONCE)


@kind(AT_ONCE, 'the same without feedback, for less than the hold of a stop', weight=2)
def another_publisher_without_feedback(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    other = trial.joystick('base', FOREIGN)
    at = client.kill()
    trial.pause(0.0, WITHIN_HOLD)
    left = other.kill()
    trial.demand_rest(left, AT_ONCE, watch=0.3)
    trial.demand_rest(at, AT_ONCE, foreign=FOREIGN)
