# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the robot: drivers restart or are slow, DDS is cut, other nodes command."""

import time

from kinds import AT_ONCE, DRIVER_BACK, GONE, GONE_DRIVER, kind
from profiles import DEEP_QUEUE_OF_COMMANDS, NETWORK, NETWORK_ODOMETRY, ODOMETRY
from trial import Trial

FOREIGN = 0.11  # m/s
STOP_TIMEOUT = 5.0  # s, the default

# Shorter (s) than the hold of a stop, with room for the rest of the trial.
WITHIN_HOLD = 0.7

# A driver that is slow takes so long (s) for each command. When its client is gone it still has
# the commands of a second, which are two when they are repeated slowly.
CALLBACK = 0.5
QUEUE_DONE = 3.0


@kind(DRIVER_BACK, 'driver and client are killed, the driver is back with its last speed',
      weight=3, reasons=GONE_DRIVER)
def driver_restarted(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.robot.kill()
    client.kill()
    trial.pause(0.0, 2.5)
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5)


@kind(DRIVER_BACK, 'the driver ends cleanly in motion and comes up with its last speed',
      reasons=GONE_DRIVER)
def driver_left(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.robot.finish()
    trial.pause(0.0, 1.0)
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5, foreign=speed)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(DRIVER_BACK, 'the driver is killed in the middle of a stop and comes up with its last speed',
      weight=2, reasons=GONE_DRIVER)
def driver_restarted_in_stop(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    client.kill()
    trial.pause(0.0, 0.3)
    trial.scene.robot.kill()
    matched = trial.robot_back('base', speed)
    trial.demand_rest(matched, DRIVER_BACK, watch=0.5)


@kind(DRIVER_BACK, 'the driver starts faster than its client, which is present, commands',
      weight=2, reasons=GONE_DRIVER)
def driver_restarted_for_its_owner(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client, power=trial.random.uniform(0.3, 0.6))
    trial.scene.robot.kill()
    matched = trial.robot_back('base', 0.5)
    trial.demand_rest(matched, DRIVER_BACK, foreign=speed)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(QUEUE_DONE, 'the callback of the driver takes 0.5 s for each command, with a queue of 100, '
      'and then SIGKILL to the client', profile=DEEP_QUEUE_OF_COMMANDS, spoils=True, weight=2)
def driver_slow(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.order(do='delay', seconds=CALLBACK)
    trial.pause(3.0, 4.0)
    trial.demand_rest(client.kill(), QUEUE_DONE)


@kind(AT_ONCE, 'the network between bridge and driver is cut, the client killed, then it heals',
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
                 'no publisher was named')
    # Its time limit has not passed, so the stop continues: it is done when the other has ended.
    trial.demand_rest(other.kill(), AT_ONCE, watch=0.3)


@kind(AT_ONCE, 'the same for longer than a stop may take: no alarm, and nothing escalates',
      profile=ODOMETRY, reasons=(*GONE, 'stopped'))
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
    # From here on no other node commands the robot; a client stops it again.
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
