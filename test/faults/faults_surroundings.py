# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the environment: clocks, disks, logs and memory fail, or others flood the bridge."""

from pathlib import Path
import resource

from kinds import (
    AT_ONCE,
    BRIDGE_GONE,
    FAILED_BRIDGE,
    GONE,
    GONE_IN_A_CALL,
    kind,
    SILENT_BRIDGE,
    SILENT_CLIENT,
    SLACK,
    THAWED_BRIDGE,
)
from parts import Crowd
from profiles import FULL_DISK, NO_CLOCK, PAUSED_CLOCK, Profile, SICK, WALL, WINDOW
from trial import Trial

FROZEN = WINDOW + SLACK
STEPS = (-86400.0, -3600.0, -5.0, 5.0, 3600.0, 86400.0)  # s

MORE_THAN_ALLOWED = 1200  # connections, sessions
SPARE_MEMORY = 2 ** 20  # bytes


def _killed_or_frozen(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    if trial.random.random() < 0.7:
        trial.demand_rest(client.kill(), AT_ONCE)
    else:
        trial.demand_rest(client.freeze(), FROZEN)


@kind(FROZEN, 'use_sim_time without a /clock; SIGKILL or SIGSTOP to the client', profile=NO_CLOCK,
      weight=2, reasons=(*GONE, *SILENT_CLIENT))
def clock_absent(trial: Trial) -> None:
    _killed_or_frozen(trial)


@kind(FROZEN, 'use_sim_time with a /clock that is paused; SIGKILL or SIGSTOP to the client',
      profile=PAUSED_CLOCK, weight=2, reasons=(*GONE, *SILENT_CLIENT))
def clock_paused(trial: Trial) -> None:
    _killed_or_frozen(trial)


@kind(AT_ONCE, 'the wall clock is stepped: a motion goes on; SIGKILL to the client', profile=WALL,
      quick=True, weight=2)
def wall_clock_stepped(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.step_wall_clock(trial.random.choice(STEPS))
    trial.demand_steady(speed, 0.5)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(FROZEN, 'SIGSTOP to the client, and the wall clock is stepped within its window',
      profile=WALL, reasons=SILENT_CLIENT)
def wall_clock_stepped_in_a_window(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = client.freeze()
    trial.pause(0.1, 1.0)
    trial.scene.step_wall_clock(trial.random.choice(STEPS))
    trial.demand_rest(at, FROZEN)


@kind(BRIDGE_GONE, 'SIGKILL to the bridge, and the wall clock is stepped at that moment',
      profile=WALL, needs_guard=True, spoils=True, reasons=SILENT_BRIDGE)
def bridge_killed_and_wall_clock_stepped(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = trial.scene.bridge.kill()
    trial.scene.step_wall_clock(trial.random.choice(STEPS))
    trial.demand_rest(at, BRIDGE_GONE, watch=0.5)


@kind(FROZEN, 'the disk of the log files is full; SIGKILL or SIGSTOP to the client',
      profile=FULL_DISK, weight=2, reasons=(*GONE, *SILENT_CLIENT))
def disk_full(trial: Trial) -> None:
    _killed_or_frozen(trial)


@kind(BRIDGE_GONE, 'the disk of the log files is full; SIGKILL to the bridge', profile=FULL_DISK,
      needs_guard=True, spoils=True, reasons=SILENT_BRIDGE)
def disk_full_and_bridge_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(trial.scene.bridge.kill(), BRIDGE_GONE, watch=0.5)


LOG_UNREAD = Profile('log unread')


@kind(AT_ONCE, 'the log of the bridge is not read and its pipe is full; SIGKILL to two clients',
      profile=LOG_UNREAD, spoils=True, quick=True, weight=2)
def log_unread(trial: Trial) -> None:
    first, second = trial.client(), trial.client()
    trial.drive(first)
    trial.scene.bridge.fill_log()
    trial.pause(0.0, 0.5)
    trial.demand_rest(first.kill(), AT_ONCE)
    # The log is not read any more; the bridge must still serve.
    trial.drive(second)
    trial.demand_rest(second.kill(), AT_ONCE)


@kind(BRIDGE_GONE, 'the log of the bridge is not read, and it is killed', profile=LOG_UNREAD,
      needs_guard=True, spoils=True, reasons=SILENT_BRIDGE)
def log_unread_and_bridge_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.scene.bridge.fill_log()
    trial.demand_rest(trial.scene.bridge.kill(), BRIDGE_GONE, watch=0.5)


@kind(AT_ONCE, 'others open more connections than are allowed; SIGKILL to the client')
def connections_flooded(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    crowd = trial.keep(Crowd(trial.scene.bridge.address, MORE_THAN_ALLOWED))
    trial.expect(crowd.closed(), 'no connection was one too many')
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'another client starts more sessions than are allowed; SIGKILL to the client',
      spoils=True)
def sessions_flooded(trial: Trial) -> None:
    client, stranger = trial.client(), trial.plain_client()
    trial.drive(client)
    refused = stranger.begin('start_sessions', count=MORE_THAN_ALLOWED)
    if trial.random.random() < 0.5:
        stranger.answer(refused)
    trial.demand_rest(client.kill(), AT_ONCE)
    trial.expect(stranger.answer(refused)['value'] > 0, 'no session was one too many')


@kind(BRIDGE_GONE, 'the bridge gets no more memory while a client floods it; the client is killed',
      profile=SICK, spoils=True, needs_guard=True,
      reasons=(*GONE_IN_A_CALL, *FAILED_BRIDGE, *THAWED_BRIDGE))
def memory_exhausted(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    pid = trial.scene.bridge.process.pid
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_MEMORY
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    trial.inject(do='hoard')
    client.begin('flood', base='base', speed=500.0)
    trial.pause(0.1, 0.5)
    trial.demand_rest(client.kill(), BRIDGE_GONE, watch=0.3)
