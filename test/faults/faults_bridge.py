# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of bridge and guard: killed, frozen, hung, restarted, or started twice."""

import signal
import time

from kinds import (
    AT_ONCE,
    BRIDGE_GONE,
    FAILED_BRIDGE,
    GONE,
    GUARD_GONE,
    kind,
    SILENT_BRIDGE,
    THAWED_BRIDGE,
)
from profiles import FULL_SPEED, SICK
from trial import Trial

JOYSTICK = 0.17  # m/s


def _demand_failure(trial: Trial, cause: str) -> None:
    """Demand that the bridge ends, with an exit status for a failure."""
    status = trial.exit_status()
    trial.expect(status is not None and status > 0,
                 f'{cause}, and the bridge ended with exit status {status}')


@kind(BRIDGE_GONE, 'SIGKILL to the bridge', needs_guard=True, spoils=True, quick=True, weight=3,
      reasons=SILENT_BRIDGE)
def bridge_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    both = trial.random.random() < 0.5
    if both:
        trial.drive(client, 'second')
    at = trial.scene.bridge.kill()
    trial.demand_rest(at, BRIDGE_GONE, watch=0.5)
    if both:
        trial.demand_rest(at, BRIDGE_GONE, 'second')


@kind(BRIDGE_GONE, 'SIGKILL to the bridge in a MoveStraight', needs_guard=True, spoils=True,
      reasons=SILENT_BRIDGE)
def bridge_killed_in_a_move(trial: Trial) -> None:
    client = trial.client()
    trial.move(client)
    trial.demand_rest(trial.scene.bridge.kill(), BRIDGE_GONE, watch=0.5)


@kind(BRIDGE_GONE, 'SIGKILL to the bridge right after the first command', needs_guard=True,
      spoils=True, reasons=SILENT_BRIDGE)
def bridge_killed_at_once(trial: Trial) -> None:
    client = trial.client()
    # With the first message to the driver: the guard must have been informed of the motion before.
    # It knows already what is still being stopped from the start.
    trial.wait_first_stop('base')
    trial.begin_to_drive(client, FULL_SPEED)
    trial.demand_rest(trial.scene.bridge.kill(), BRIDGE_GONE, watch=0.5)


@kind(BRIDGE_GONE, 'SIGKILL to the bridge while a joystick moves the other base, not ours',
      needs_guard=True, spoils=True, reasons=SILENT_BRIDGE)
def bridge_killed_beside_a_joystick(trial: Trial) -> None:
    client = trial.client()
    # A bridge that has just started stops both bases for a while, a joystick or not.
    trial.wait_first_stop('second')
    trial.joystick('second', JOYSTICK)
    trial.wait_speed(JOYSTICK, 'second')
    trial.drive(client)
    at = trial.scene.bridge.kill()
    trial.demand_steady(JOYSTICK, 1.5, 'second')
    trial.demand_rest(at, BRIDGE_GONE)


@kind(BRIDGE_GONE, 'SIGSTOP to the bridge; thawed, nothing moves until a new command',
      needs_guard=True, quick=True, weight=3, reasons=(*THAWED_BRIDGE, *GONE))
def bridge_frozen(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = trial.scene.bridge.freeze()
    trial.demand_rest(at, BRIDGE_GONE)
    trial.pause(0.0, 2.0)
    thawed = trial.scene.bridge.signal(signal.SIGCONT)
    trial.demand_rest(thawed, 0.0, watch=1.0)
    other = trial.client()
    trial.drive(other)
    trial.demand_rest(other.kill(), AT_ONCE)


@kind(AT_ONCE, 'SIGCONT to a bridge that was frozen for longer than the patience of its guard',
      quick=True, weight=2, reasons=THAWED_BRIDGE)
def bridge_thawed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.scene.bridge.freeze()
    trial.pause(0.4, 1.2)
    # Its client still runs, and heartbeats wait in the socket: the session is still valid.
    thawed = trial.scene.bridge.signal(signal.SIGCONT)
    trial.demand_rest(thawed, AT_ONCE, watch=1.0)


@kind(BRIDGE_GONE, 'the interpreter of the bridge is held in C code for more than a second',
      profile=SICK, needs_guard=True, quick=True, weight=2, reasons=(*THAWED_BRIDGE, *GONE))
def bridge_wedged(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    seconds = trial.random.uniform(1.1, 2.5)
    at = trial.inject(do='wedge', seconds=seconds)
    trial.demand_rest(at, BRIDGE_GONE, watch=seconds)
    other = trial.client()
    trial.drive(other)
    trial.demand_rest(other.kill(), AT_ONCE)


@kind(AT_ONCE, 'the interpreter is released again: nothing resumes', profile=SICK,
      reasons=THAWED_BRIDGE)
def bridge_released(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    seconds = trial.random.uniform(0.5, 1.3)
    at = trial.inject(do='wedge', seconds=seconds)
    trial.demand_rest(at + seconds, AT_ONCE, watch=1.0)


@kind(BRIDGE_GONE, 'the lock of all decisions is held for ever: a deadlock', profile=SICK,
      needs_guard=True, spoils=True, reasons=FAILED_BRIDGE)
def bridge_deadlocked(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(trial.inject(do='lock'), BRIDGE_GONE, watch=0.5)
    _demand_failure(trial, 'the lock was held')


@kind(BRIDGE_GONE, 'a call of a driver never returns', profile=SICK, needs_guard=True, spoils=True,
      reasons=FAILED_BRIDGE)
def bridge_driver_blocked(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(trial.inject(do='block_driver'), BRIDGE_GONE, watch=0.5)
    _demand_failure(trial, 'a driver hung')


@kind(BRIDGE_GONE, 'a vital thread of the bridge ends: it stops the robot and ends with an error',
      profile=SICK, spoils=True, quick=True, weight=2,
      reasons=(*FAILED_BRIDGE, 'shutdown', 'bridge_left'))
def bridge_thread_ended(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    thread = trial.random.choice(['pump', 'ros-executor', 'grpc'])
    at = trial.inject(do='end_thread', name=thread)
    trial.demand_rest(at, BRIDGE_GONE)
    _demand_failure(trial, f'{thread} ended')


@kind(BRIDGE_GONE, 'SIGTERM, SIGINT or SIGHUP to the bridge', spoils=True, quick=True, weight=2,
      reasons=('shutdown', 'bridge_left'))
def bridge_terminated(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    number = trial.random.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    at = trial.scene.bridge.signal(number)
    trial.demand_rest(at, BRIDGE_GONE)
    status = trial.exit_status()
    trial.expect(status == 0, f'after {number.name} the bridge ended with exit status {status}')


@kind(BRIDGE_GONE, 'SIGKILL to bridge and client at the same moment', needs_guard=True,
      spoils=True, weight=2, reasons=(*SILENT_BRIDGE, *GONE))
def bridge_and_client_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = client.kill()
    trial.scene.bridge.kill()
    trial.demand_rest(at, BRIDGE_GONE, watch=0.5)


@kind(BRIDGE_GONE, 'SIGKILL to the bridge while it stops the robot of a client that was killed',
      needs_guard=True, spoils=True, reasons=(*SILENT_BRIDGE, *GONE))
def bridge_killed_while_stopping(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = client.kill()
    trial.pause(0.0, 0.2)
    trial.scene.bridge.kill()
    trial.demand_rest(at, BRIDGE_GONE, watch=0.5)


@kind(BRIDGE_GONE, 'SIGKILL to the bridge, which is started again at once', needs_guard=True,
      weight=2, reasons=(*SILENT_BRIDGE, *GONE, 'started'))
def bridge_respawned(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = trial.scene.bridge.kill()
    trial.scene.restart_bridge()
    trial.demand_rest(at, BRIDGE_GONE)
    trial.scene.wait_bridge()
    trial.demand_rest(at, BRIDGE_GONE, watch=1.0)
    other = trial.client()
    trial.drive(other)
    trial.demand_rest(other.kill(), AT_ONCE)


@kind(BRIDGE_GONE, 'bridge and guard are killed; a bridge that starts finds the robot in motion',
      needs_guard=True, reasons=('started',))
def bridge_and_guard_restarted(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    assert trial.scene.guard is not None
    trial.scene.guard.kill()
    trial.scene.bridge.kill()
    trial.pause(0.0, 0.5)
    restarted = time.monotonic()
    trial.scene.restart_bridge()
    trial.scene.restart_guard()
    # There was no process to stop it, and none to write an event: the bound begins when the new
    # bridge was matched, whose first stop is the only one that the events tell of.
    trial.demand_rest(trial.matched('base', restarted), BRIDGE_GONE, watch=0.5)
    trial.scene.wait_bridge()
    trial.scene.guard.wait_ready()


@kind(AT_ONCE, 'SIGKILL to the guard, then to the client; without a guard nothing moves',
      needs_guard=True, spoils=True, quick=True, weight=2, reasons=(*GONE, 'no_guard'))
def guard_killed(trial: Trial) -> None:
    assert trial.scene.guard is not None
    client = trial.client()
    trial.drive(client)
    trial.scene.guard.kill()
    trial.pause(0.0, 1.0)
    at = client.kill()
    trial.demand_rest(at, AT_ONCE, watch=0.5)
    answer = trial.client().ask('set_power', base='base', linear=1.0)
    trial.expect(not answer['ok'], 'motion was accepted without a guard')
    trial.demand_rest(at, AT_ONCE, watch=0.3)


@kind(GUARD_GONE, 'SIGKILL to the guard; the client still runs, and its motion ends',
      needs_guard=True, spoils=True, weight=2, reasons=('no_guard',))
def guard_lost(trial: Trial) -> None:
    assert trial.scene.guard is not None
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(trial.scene.guard.kill(), GUARD_GONE, watch=0.5)


@kind(AT_ONCE, 'SIGSTOP to the guard, then SIGKILL to the client; thawed, it stops nothing',
      needs_guard=True, weight=2, reasons=(*GONE, 'no_guard'))
def guard_frozen(trial: Trial) -> None:
    assert trial.scene.guard is not None
    client = trial.client()
    trial.drive(client)
    trial.scene.guard.freeze()
    trial.pause(0.0, 1.0)
    trial.demand_rest(client.kill(), AT_ONCE)
    trial.scene.guard.signal(signal.SIGCONT)
    other = trial.client()
    speed = trial.drive(other)
    trial.demand_steady(speed, 1.0)
    trial.demand_rest(other.kill(), AT_ONCE)


@kind(AT_ONCE, 'SIGSTOP to the guard for a moment: a client that drives is not disturbed',
      needs_guard=True, weight=2)
def guard_hiccup(trial: Trial) -> None:
    assert trial.scene.guard is not None
    client = trial.client()
    speed = trial.drive(client)
    trial.scene.guard.freeze()
    trial.pause(0.4, 0.7)
    trial.scene.guard.signal(signal.SIGCONT)
    trial.demand_steady(speed, 1.0)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'a second bridge is started: it disturbs nothing and moves nothing',
      needs_guard=True, spoils=True, weight=2)
def second_bridge(trial: Trial) -> None:
    client = trial.client()
    speed = trial.drive(client)
    second = trial.scene.second_bridge()
    trial.demand_steady(speed, 1.5)
    second.wait_ready()
    trial.demand_steady(speed, 1.0)
    answer = trial.client(address=second.address).ask('set_power', base='base', linear=0.2)
    trial.expect(not answer['ok'], 'a second bridge accepted motion')
    trial.demand_steady(speed, 0.5)
    trial.demand_rest(client.kill(), AT_ONCE, watch=0.5)
