# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of feedback: it fails, contradicts itself, is noisy, comes late, or jumps."""

import re
import time
from typing import Any

from kinds import AT_ONCE, kind, SILENT_BRIDGE, SLACK
from parts import FaultyBridge
from processes import wait_until
from profiles import LATE_ODOMETRY, LATE_STOP_TIMEOUT, ODOMETRY
from trial import Trial

FEEDBACK_TIMEOUT = 0.5  # s, the default
LINEAR_DECELERATION = 0.5  # m/s^2, the default

# How far (m) a move may go wrong at least, and how late (s) odometry shows what was commanded.
LEAST_WRONG = 0.05
LATENCY = 0.1

# A move has ended so long (s) after that: odometry comes at intervals, and its first one is lost.
MOVE_ENDS = AT_ONCE + 0.2

# Longer (s) than the hold of a stop, and shorter than a stop may take.
AFTER_HOLD = (2.0, 3.0)

# How far (m) a move may end from where it should: the robot brakes as it likes.
MOVE_TOLERANCE = 0.1


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
      profile=ODOMETRY, weight=2, reasons=('stale_feedback',))
def odometry_lost_in_a_move(trial: Trial) -> None:
    client = trial.client()
    order = trial.move(client)
    at = trial.odometry(trial.random.choice(['silent', 'frozen', 'not_a_number']))
    trial.demand_rest(at, FEEDBACK_TIMEOUT + SLACK, watch=0.3)
    trial.odometry('follow')
    trial.expect(not client.answer(order)['ok'], 'a move without feedback ended with success')


def _stop_ignored(trial: Trial, bound: float) -> None:
    """Demand rest from a robot that obeys no stop for a while, whose odometry shows no speed."""
    trial.pause(*AFTER_HOLD)
    trial.demand_rest(trial.order(do='ignore_stops', on=False), bound)


def _drive_with_zero_twist(trial: Trial) -> Any:
    client = trial.client()
    trial.drive(client)
    trial.odometry('twist_zero')
    trial.pause(0.4, 1.0)
    trial.order(do='ignore_stops', on=True)
    return client


@kind(AT_ONCE, 'odometry has a twist of 0 while its pose moves; SIGKILL to the client, and the '
      'robot ignores stops for 2 to 3 s', profile=ODOMETRY, weight=2)
def odometry_twist_zero(trial: Trial) -> None:
    _drive_with_zero_twist(trial).kill()
    _stop_ignored(trial, AT_ONCE)
    other = trial.client()
    trial.drive(other)
    trial.demand_rest(other.kill(), AT_ONCE)


@kind(AT_ONCE, 'the same, and SIGKILL to the bridge: the guard stops the robot', profile=ODOMETRY,
      needs_guard=True, spoils=True, reasons=SILENT_BRIDGE)
def odometry_twist_zero_and_bridge_killed(trial: Trial) -> None:
    _drive_with_zero_twist(trial)
    trial.scene.bridge.kill()
    _stop_ignored(trial, AT_ONCE)


def _stopping_distance(speed: float) -> float:
    """Return how far (m) a move at a speed (m/s) may go wrong before it ends."""
    return max(LEAST_WRONG, speed * LATENCY + speed ** 2 / (2.0 * LINEAR_DECELERATION))


@kind(MOVE_ENDS, 'odometry has the wrong sign in a MoveStraight of 2 m', profile=ODOMETRY,
      weight=2, reasons=('backwards',))
def odometry_reversed_in_a_move(trial: Trial) -> None:
    client = trial.client()
    trial.odometry('reversed')
    speed = trial.random.uniform(0.2, 0.4)
    order, since = trial.begin_to_move(client, 2.0, speed)
    answer = trial.demand_travel(client, order, since, _stopping_distance(speed), MOVE_ENDS)
    trial.expect(answer.get('ok') is False, f'a move against its command was answered {answer}')


@kind(MOVE_ENDS, 'the pose of odometry does not change in a MoveStraight of 300 mm, the twist '
      'does', profile=ODOMETRY, weight=2, reasons=('pose_not_moving',))
def odometry_pose_frozen_in_a_move(trial: Trial) -> None:
    client = trial.client()
    trial.odometry('pose_frozen')
    speed = trial.random.uniform(0.2, 0.4)
    order, since = trial.begin_to_move(client, 0.3, speed)
    most = 0.3 + _stopping_distance(speed)
    answer = trial.demand_travel(client, order, since, most, MOVE_ENDS)
    trial.expect(answer.get('ok') is False, f'a move without a pose was answered {answer}')


def _expect_confirmed(trial: Trial, bridge: FaultyBridge, line: int) -> None:
    """Expect that the first verdict on the base since a line of the log is that it rests."""
    found = wait_until(lambda: next(filter(None, (
        re.search(r'base: (stopped \(.*\)|STOP NOT CONFIRMED.*)', text)
        for text in bridge.log[line:])), None), 'a verdict on the stop')
    trial.expect(found[1] == 'stopped (verified)', f'the verdict on the stop is: {found[1]}')


@kind(AT_ONCE, 'odometry flickers by 1 mm and 0.03 m/s, also at rest; SIGKILL to the client: the '
      'stop is confirmed, and the next motion accepted', profile=ODOMETRY, weight=2)
def odometry_flickers(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.odometry('flicker')
    line = len(trial.scene.bridge.log)
    trial.demand_rest(client.kill(), AT_ONCE)
    _expect_confirmed(trial, trial.scene.bridge, line)
    if not trial.problems:
        other = trial.client()
        trial.drive(other)
        trial.demand_rest(other.kill(), AT_ONCE)


def _jump(trial: Trial) -> None:
    """Let the pose jump by metres, ahead or back."""
    distance = trial.random.uniform(3.0, 9.0)
    trial.order(do='jump', metres=trial.random.choice([-distance, distance]))


@kind(AT_ONCE, 'the pose of odometry jumps by metres while a client drives, and again while its '
      'end is stopped: the stop is confirmed', profile=ODOMETRY, weight=2)
def odometry_jumps(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    _jump(trial)
    trial.demand_steady(speed, 0.5)
    line = len(trial.scene.bridge.log)
    at = client.kill()
    trial.pause(0.0, 0.7)
    _jump(trial)
    trial.demand_rest(at, AT_ONCE)
    _expect_confirmed(trial, trial.scene.bridge, line)


@kind(MOVE_ENDS, 'the pose of odometry jumps by metres in a MoveStraight of 1 m, which is neither '
      'longer nor shorter for it', profile=ODOMETRY, weight=2, reasons=('done',))
def odometry_jumps_in_a_move(trial: Trial) -> None:
    client = trial.client()
    order, since = trial.begin_to_move(client, 1.0, 0.4)
    trial.pause(0.2, 1.5)
    _jump(trial)
    answer = trial.demand_travel(client, order, since, 1.0 + MOVE_TOLERANCE, MOVE_ENDS)
    trial.expect(answer.get('ok') is True, f'a move whose pose jumped was answered {answer}')
    trial.expect(trial.travelled(1.0 - MOVE_TOLERANCE, since) is not None, 'the move was shorter')


@kind(AT_ONCE, 'odometry comes only seconds after the bridge started, later than a stop may take: '
      'no escalation, no motion until then', profile=LATE_ODOMETRY, spoils=True)
def odometry_late(trial: Trial) -> None:
    bridge, robot = trial.scene.bridge, trial.scene.robot
    client = trial.client()
    since = time.monotonic()
    time.sleep(3.0 * LATE_STOP_TIMEOUT)
    trial.expect(not client.ask('set_power', base='base', linear=1.0)['ok'],
                 'motion was accepted before there was odometry')
    trial.demand_rest(since, 0.0)
    trial.odometry('follow')
    trial.expect(not bridge.logged('NOT CONFIRMED'), 'a stop without odometry was judged')
    trial.expect(not robot.presses, 'the emergency stop of a robot at rest was pressed')
    if not trial.problems:
        bridge.wait_logged(r'base: stopped \(verified\)')
        trial.drive(client)
        trial.demand_rest(client.kill(), AT_ONCE)
        trial.expect(not robot.presses, 'the emergency stop was pressed later')
