# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of clients: killed, ended, frozen, without a network, or superseded."""

import signal
import time

from kinds import AT_ONCE, GONE, GONE_IN_A_CALL, kind, SILENT_CLIENT, SLACK
from parts import Crowd
from profiles import FULL_SPEED, NETWORK, NETWORK_TIMEOUT, WINDOW
from trial import Trial

FROZEN = WINDOW + SLACK
IDLE_CONNECTIONS = 1000


@kind(AT_ONCE, 'SIGKILL to a client that drives', quick=True, weight=4)
def client_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'A client that drives is ended by SIGSEGV, SIGABRT, SIGTERM or SIGHUP', weight=2)
def client_crashed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    number = trial.random.choice(
        [signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGHUP])
    at = client.signal(number)
    client.ended()
    trial.demand_rest(at, AT_ONCE)


@kind(AT_ONCE, 'SIGKILL to a client right after its first command',
      weight=2)
def client_killed_at_once(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client, settle=False)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'SIGKILL to a client while another one sends heartbeats for its session', weight=2)
def client_killed_while_another_beats(trial: Trial) -> None:
    client, other = trial.client(), trial.client()
    trial.drive(client)
    other.begin('beat_for', session=client.do('session'), period=0.2)
    trial.demand_rest(client.kill(), AT_ONCE, watch=0.5)


@kind(AT_ONCE, 'A client closes its connection cleanly without a stop, and still runs',
      quick=True, weight=3)
def client_closed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    # The SDK keeps a connection for its heartbeats for up to a second after its close().
    trial.demand_rest(client.answer(client.begin('close'))['at'], AT_ONCE)


@kind(AT_ONCE, 'The program of a client ends by itself, without stop and close', weight=2)
def client_left(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.demand_rest(client.finish(), AT_ONCE)


@kind(FROZEN, 'SIGSTOP to a client; thawed, it moves nothing until it commands anew',
      quick=True, weight=2, reasons=SILENT_CLIENT)
def client_frozen(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    session = client.do('session')
    at = client.freeze()
    trial.demand_rest(at, FROZEN)
    thawed = client.signal(signal.SIGCONT)
    refused = client.ask('set_power_under', base='base', session=session)
    trial.expect(not refused['ok'] and refused['text'] == 'SESSION_EXPIRED',
                 f'a command under a dead session was answered {refused}')
    trial.demand_rest(thawed, 0.0, watch=0.5)


@kind(FROZEN, 'A client freezes while its calls are in a socket; they come under an expired one',
      weight=2, reasons=SILENT_CLIENT)
def client_frozen_with_calls_under_way(trial: Trial) -> None:
    line = trial.line()
    client = trial.client(address=line.address)
    trial.drive(client)
    session = client.do('session')
    at = line.hold()
    calls = [client.begin('set_power', base='base', linear=1.0) for _ in range(20)]
    under = client.begin('set_power_under', base='base', session=session)
    trial.pause(0.05, 0.2)
    client.freeze()
    trial.demand_rest(at, FROZEN)
    delivered = line.deliver()
    trial.demand_rest(delivered, 0.0, watch=0.5)
    thawed = client.signal(signal.SIGCONT)
    # Not all answers reach the program: the SDK's own event loop may deadlock when the session of
    # several calls is dead at once.
    trial.demand_rest(thawed, 0.0, watch=2.0)
    answers = [client.answer(number) for number in (*calls, under) if client.answered(number)]
    executed = [answer for answer in answers if answer['ok']]
    trial.expect(not executed, f'{len(executed)} calls of a dead session were executed')


@kind(FROZEN, 'The network delivers nothing for longer than the window, then all at once',
      weight=2, reasons=SILENT_CLIENT)
def line_held_up(trial: Trial) -> None:
    line = trial.line()
    client = trial.client(address=line.address)
    trial.drive(client)
    at = line.hold()
    trial.demand_rest(at, FROZEN)
    trial.demand_rest(line.deliver(), 0.0, watch=0.5)


@kind(AT_ONCE, 'The connections of a client that still runs are closed on the way', weight=2)
def connection_cut(trial: Trial) -> None:
    line = trial.line()
    client = trial.client(address=line.address)
    trial.drive(client)
    trial.demand_rest(line.cut(), AT_ONCE, watch=0.5)


@kind(AT_ONCE, 'SIGKILL to an SDK client whose sessions are disabled', quick=True, weight=3)
def client_without_session_killed(trial: Trial) -> None:
    client = trial.client(sessions=False)
    trial.drive(client)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'An SDK client without a session closes its connection without a stop', weight=2)
def client_without_session_closed(trial: Trial) -> None:
    client = trial.client(sessions=False)
    trial.drive(client)
    trial.demand_rest(client.answer(client.begin('close'))['at'], AT_ONCE)


@kind(AT_ONCE, 'SIGKILL to a client without a session on plain gRPC, as the C++ SDK is',
      quick=True, weight=2)
def plain_client_killed(trial: Trial) -> None:
    client = trial.plain_client()
    trial.drive(client)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(AT_ONCE, 'SIGKILL to a client that waits in a MoveStraight of ten seconds', weight=2,
      reasons=GONE_IN_A_CALL)
def client_killed_in_a_move(trial: Trial) -> None:
    client = trial.client()
    trial.move(client)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(FROZEN, 'A client freezes in a MoveStraight, its session expires; its call has the reason',
      weight=2, reasons=SILENT_CLIENT)
def session_lost_in_a_move(trial: Trial) -> None:
    client = trial.client()
    order = trial.move(client)
    at = client.freeze()
    trial.demand_rest(at, FROZEN)
    thawed = client.signal(signal.SIGCONT)
    answer = client.answer(order)
    trial.expect(not answer['ok'], 'a move that lost its session was answered with success')
    trial.demand_rest(thawed, 0.0, watch=0.3)


@kind(AT_ONCE, 'A drives, B takes over, A is killed: B is not disturbed; then B is killed',
      quick=True, weight=2)
def owner_dies_after_takeover(trial: Trial) -> None:
    old, new = trial.client(), trial.client()
    trial.drive(old, power=0.4)
    speed = trial.drive(new, power=0.8)
    old.kill()
    trial.demand_steady(speed, 0.8)
    trial.demand_rest(new.kill(), AT_ONCE)


@kind(AT_ONCE, 'A drives, B takes over and is killed while A still runs: the robot stops',
      weight=2)
def new_owner_dies_after_takeover(trial: Trial) -> None:
    old, new = trial.client(), trial.client()
    trial.drive(old, power=0.4)
    trial.drive(new, power=0.8)
    trial.demand_rest(new.kill(), AT_ONCE, watch=0.5)


@kind(FROZEN, 'A drives, B takes over, A freezes for longer than a window: B is not disturbed',
      reasons=SILENT_CLIENT)
def owner_freezes_after_takeover(trial: Trial) -> None:
    old, new = trial.client(), trial.client()
    trial.drive(old, power=0.4)
    speed = trial.drive(new, power=0.8)
    old.freeze()
    trial.demand_steady(speed, WINDOW + 0.5)
    trial.demand_rest(new.freeze(), FROZEN)


@kind(AT_ONCE, 'SIGKILL to a client that drives two bases: both stop', weight=2)
def client_of_two_bases_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    trial.drive(client, 'second')
    at = client.kill()
    trial.demand_rest(at, AT_ONCE)
    trial.demand_rest(at, AT_ONCE, 'second')


@kind(AT_ONCE, 'SIGKILL to the client of one base: it stops, that of another client does not',
      weight=2)
def neighbour_killed(trial: Trial) -> None:
    client, other = trial.client(), trial.client()
    trial.drive(other, 'second')
    trial.drive(client)
    speed = trial.speed('second')
    at = client.kill()
    trial.demand_steady(speed, 0.8, 'second')
    trial.demand_rest(at, AT_ONCE)
    trial.demand_rest(other.kill(), AT_ONCE, 'second')


@kind(AT_ONCE, 'SIGKILL to a client that floods commands', weight=2)
def flooding_client_killed(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    client.begin('flood', base='base', speed=FULL_SPEED * 1000.0)
    trial.pause(0.3, 1.0)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(FROZEN, 'SIGSTOP to a client that floods commands', reasons=SILENT_CLIENT)
def flooding_client_frozen(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    client.begin('flood', base='base', speed=FULL_SPEED * 1000.0)
    trial.pause(0.3, 1.0)
    # What was sent before the freeze, and is executed after it on a busy machine, renews the
    # session: the window counts from there.
    frozen = client.freeze()
    time.sleep(WINDOW / 2.0)
    trial.demand_rest(trial.last_command(frozen), FROZEN)


@kind(AT_ONCE, 'SIGKILL to a client while a thousand others are connected and idle')
def client_killed_in_a_crowd(trial: Trial) -> None:
    client = trial.client()
    trial.keep(Crowd(trial.scene.bridge.address, IDLE_CONNECTIONS))
    trial.drive(client)
    trial.demand_rest(client.kill(), AT_ONCE)


@kind(FROZEN, 'The network of a client with a session is gone, without a FIN',
      profile=NETWORK, weight=2, reasons=(*SILENT_CLIENT, *GONE))
def network_dead(trial: Trial) -> None:
    client = trial.client()
    trial.drive(client)
    at = trial.pull('client')
    trial.demand_rest(at, FROZEN)
    # What TCP sends again when the cable is back comes under a dead session.
    trial.demand_rest(trial.plug('client'), 0.0, watch=1.0)


@kind(NETWORK_TIMEOUT + SLACK, 'The network of a client without a session is gone, without a FIN',
      profile=NETWORK, weight=2)
def network_of_client_without_session_dead(trial: Trial) -> None:
    client = trial.client(sessions=False)
    trial.drive(client)
    at = trial.pull('client')
    trial.demand_rest(at, NETWORK_TIMEOUT + SLACK)
    trial.demand_rest(trial.plug('client'), 0.0, watch=1.0)
