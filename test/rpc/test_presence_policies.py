# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The presence policies with real client processes, in real time.

The monitoring of sockets is in test_presence.py, the rules without sockets are in test/core.
"""

from collections.abc import Callable
import errno
import os
import time
from typing import Any

import grpc
import pytest

from host import took
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.presence import Policy, UnsupervisedPolicy
from viam_session_bridge.core.sessions import SessionSettings
from viam_session_bridge.core.setpoints import VelocityLimits
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.rpc import connections

Code = grpc.StatusCode

FORWARD = (0.0, 0.5, 0.0)
ENDS = ['kill', 'close_connection']


@pytest.fixture
def serve(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that serves a base in real time with this policy."""
    def make(window: float = 2.0, unsupervised: str = 'connection', disconnect: bool = True,
             **how: Any) -> Any:
        # Stalls of this busy machine are not tested here.
        policy = Policy(
            SessionSettings(window), stop_on_disconnect=disconnect,
            unsupervised=UnsupervisedPolicy(unsupervised), stall_limit=60.0)
        return start(policy=policy, real_clock=True,
                     actuator=ActuatorSettings(stop_hold=0.2), **how)

    return make


def reason_of_stop(bench: Any, name: str = 'base') -> Reason:
    """Return why the last stop began."""
    reason: Reason = [
        event.reason for event in bench.events
        if getattr(event, 'after', None) is State.STOPPING and event.resource == name][-1]
    return reason


# ---- sessions ----


@pytest.mark.parametrize('end', ENDS)
def test_a_sessions_motion_ends_with_its_connection_long_before_its_window(
        serve: Any, remote: Any, end: str) -> None:
    bench = serve(window=60.0)
    driver = remote(bench)
    session = driver.start_session()
    driver.drive(session)
    bench.still_moves_for(0.3)
    getattr(driver, end)()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DISCONNECTED
    assert [one.id for one in bench.locked.sessions()] == [session], 'the session lives on'


def test_a_session_may_go_on_over_a_new_connection(serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    driver = remote(bench)
    session = driver.start_session()
    driver.drive(session)
    driver.kill()
    bench.until_stopped()
    bench.settle()
    heir = remote(bench)
    assert heir.call('robot', 'StartSession', resume=session).id == session
    bench.settle()
    assert not bench.moves(), 'only a new command moves again'
    heir.drive(session)
    bench.until_moving()
    heir.kill()
    bench.until_stopped()


def test_without_stop_on_disconnect_the_window_decides(serve: Any, remote: Any) -> None:
    bench = serve(window=4.0, disconnect=False)
    driver = remote(bench)
    session = driver.start_session()
    driver.drive(session)
    bench.until_moving()
    driver.kill()
    killed = time.monotonic()
    bench.still_moves_for(0.7)
    bench.until_stopped()
    assert time.monotonic() - killed > 0.7
    assert took(killed) < 6.5
    assert reason_of_stop(bench) is Reason.SESSION_ENDED


def test_a_frozen_clients_session_ends_with_its_window(serve: Any, remote: Any) -> None:
    bench = serve(window=2.0)
    driver = remote(bench)
    session = driver.start_session()
    driver.keep_beating(session, 0.1)
    driver.drive(session)
    bench.still_moves_for(2.5)
    driver.freeze()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.SESSION_ENDED


def test_an_active_session_drives_beyond_its_window(serve: Any, remote: Any) -> None:
    bench = serve(window=2.0)
    driver = remote(bench)
    session = driver.start_session()
    driver.keep_beating(session, 0.1)
    driver.drive(session)
    bench.still_moves_for(4.0)


@pytest.mark.parametrize('thief_sends', ['heartbeats', 'resume'])
def test_a_killed_clients_motion_ends_although_another_renews_its_session(
        serve: Any, remote: Any, thief_sends: str) -> None:
    bench = serve(window=60.0)
    driver, thief = remote(bench), remote(bench)
    session = driver.start_session()
    driver.drive(session)
    bench.until_moving()
    if thief_sends == 'heartbeats':
        thief.keep_beating(session, 0.1)
    else:
        assert thief.call('robot', 'StartSession', resume=session).id == session
    bench.still_moves_for(0.3)
    driver.kill()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DISCONNECTED
    assert [one.id for one in bench.locked.sessions()] == [session], 'the session lives on'


def test_a_motion_under_another_clients_session_ends_with_the_connection_that_commanded_it(
        serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    driver, thief = remote(bench), remote(bench)
    session = driver.start_session()
    driver.keep_beating(session, 0.1)
    driver.drive(session)
    bench.until_moving()
    thief.drive(session)
    bench.still_moves_for(0.3)
    thief.kill()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DISCONNECTED


def test_a_client_that_reconnects_and_goes_on_commanding_does_not_stop(
        serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    before, after = remote(bench), remote(bench)
    session = before.start_session()
    before.drive(session)
    bench.until_moving()
    assert after.call('robot', 'StartSession', resume=session).id == session
    after.drive(session)
    before.kill()
    bench.still_moves_for(0.7)


def test_the_end_of_a_client_that_only_sends_heartbeats_does_not_stop_the_driver(
        serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    driver, heart = remote(bench), remote(bench)
    session = driver.start_session()
    heart.keep_beating(session, 0.1)
    driver.drive(session)
    bench.until_moving()
    heart.kill()
    bench.still_moves_for(0.8)
    driver.kill()
    bench.until_stopped()


def test_a_connection_without_this_session_does_not_hold_its_motion(
        serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    driver, bystander = remote(bench), remote(bench)
    bystander.start_session()
    session = driver.start_session()
    driver.drive(session)
    bench.until_moving()
    # Neither queries nor the header on a method that is not monitored count.
    bystander.call('base', 'IsMoving', sid=session, name='base')
    bystander.call('robot', 'GetSessions', sid=session)
    driver.kill()
    bench.until_stopped()


def test_after_a_takeover_the_end_of_the_first_client_stops_nothing(
        serve: Any, remote: Any) -> None:
    bench = serve()
    first, second = remote(bench), remote(bench)
    for driver in (first, second):
        session = driver.start_session()
        driver.keep_beating(session)
        driver.drive(session)
    bench.until_moving()
    first.kill()
    bench.still_moves_for(1.0)
    second.kill()
    bench.until_stopped()


def test_the_end_of_a_client_stops_only_its_own_resources(serve: Any, remote: Any) -> None:
    limits = VelocityLimits(1.0, 2.0)
    bench = serve(bases={'left': limits, 'right': limits})
    first, second = remote(bench), remote(bench)
    session = first.start_session()
    first.keep_beating(session)
    first.drive(session, 'left')
    second.drive(None, 'right')
    bench.until_moving('left')
    bench.until_moving('right')
    first.kill()
    bench.until_stopped('left')
    bench.still_moves_for(0.7, 'right')
    second.kill()
    bench.until_stopped('right')


def test_a_killed_clients_move_does_not_go_on(serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    driver = remote(bench)
    driver.start('base', 'MoveStraight', sid=driver.start_session(), name='base',
                 distance_mm=5000, mm_per_sec=100.0)
    bench.until_moving()
    driver.kill()
    bench.until_stopped()
    assert reason_of_stop(bench) in (Reason.DISCONNECTED, Reason.CANCELLED)


# ---- no session: connection ----


@pytest.mark.parametrize('end', ENDS)
def test_connection_holds_until_it_closes(serve: Any, remote: Any, end: str) -> None:
    bench = serve(window=0.3)
    driver = remote(bench)
    driver.drive()
    bench.still_moves_for(1.0)
    getattr(driver, end)()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DISCONNECTED


def test_connection_of_another_client_holds_nothing(serve: Any, remote: Any) -> None:
    bench = serve()
    driver, bystander = remote(bench), remote(bench)
    bystander.call('robot', 'ResourceNames')
    driver.drive()
    bench.until_moving()
    driver.kill()
    bench.until_stopped()
    bystander.drive()
    bench.until_moving()


def test_connection_holds_a_blocking_move_to_its_end(serve: Any, remote: Any) -> None:
    bench = serve(window=0.2)
    driver = remote(bench)
    reply = driver.call('base', 'MoveStraight', name='base', distance_mm=100, mm_per_sec=100.0)
    assert not hasattr(reply, 'code')
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DONE


# ---- no session: lease ----


def test_lease_ends_one_window_after_the_command(serve: Any, remote: Any) -> None:
    bench = serve(window=0.8, unsupervised='lease')
    driver = remote(bench)
    began = time.monotonic()
    driver.drive()
    bench.until_moving()
    bench.until_stopped()
    assert time.monotonic() - began >= 0.8
    assert took(began) < 3.0
    assert reason_of_stop(bench) is Reason.LEASE_OVER


def test_lease_is_renewed_by_each_command(serve: Any, remote: Any) -> None:
    bench = serve(window=2.0, unsupervised='lease')
    driver = remote(bench)
    driver.drive()
    bench.until_moving()
    for _ in range(6):
        bench.still_moves_for(0.5)
        driver.drive()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.LEASE_OVER


def test_lease_outlives_its_connection(serve: Any, remote: Any) -> None:
    bench = serve(window=3.0, unsupervised='lease')
    driver = remote(bench)
    driver.drive()
    bench.until_moving()
    driver.kill()
    bench.still_moves_for(0.5)
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.LEASE_OVER


@pytest.mark.parametrize('distance', [50, 120])
def test_lease_holds_a_blocking_move_to_its_end(
        serve: Any, remote: Any, distance: int) -> None:
    """One shorter than the window, and one longer: both complete."""
    bench = serve(window=0.8, unsupervised='lease')
    driver = remote(bench)
    reply = driver.call(
        'base', 'MoveStraight', name='base', distance_mm=distance, mm_per_sec=100.0)
    assert not hasattr(reply, 'code'), reply
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DONE


def test_lease_of_a_blocking_move_ends_with_its_caller(serve: Any, remote: Any) -> None:
    bench = serve(window=0.5, unsupervised='lease')
    driver = remote(bench)
    driver.start('base', 'MoveStraight', name='base', distance_mm=10_000, mm_per_sec=100.0)
    bench.until_moving()
    driver.kill()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.CANCELLED


# ---- no session: allow and reject ----


def test_allow_has_no_time_limit(serve: Any, remote: Any) -> None:
    bench = serve(window=0.3, unsupervised='allow')
    driver = remote(bench)
    driver.drive()
    bench.until_moving()
    driver.kill()
    bench.still_moves_for(1.0)
    bench.client().base.Stop(name='base')
    bench.until_stopped()


def test_reject_refuses_and_names_the_parameter(serve: Any) -> None:
    bench = serve(unsupervised='reject')
    client = bench.client()
    for method, fields in {
            'SetPower': {'linear': FORWARD}, 'SetVelocity': {'linear': FORWARD},
            'MoveStraight': {'distance_mm': 100, 'mm_per_sec': 10.0},
            'Spin': {'angle_deg': 10.0, 'degs_per_sec': 10.0}}.items():
        refusal = getattr(client.base, method).refused(name='base', **fields)
        assert refusal.code is Code.FAILED_PRECONDITION
        assert 'sessions.unsupervised' in refusal.text
    assert bench.told() == 'nothing'


def test_reject_accepts_stops_and_sessions(serve: Any) -> None:
    bench = serve(unsupervised='reject')
    client = bench.client()
    client.base.SetPower(name='base', linear=FORWARD, sid=client.start_session())
    bench.until_moving()
    other = bench.client()
    assert other.base.SetPower.refused(
        name='base', linear=(0.0, 0.25, 0.0)).code is Code.FAILED_PRECONDITION
    assert bench.moves(), 'a refused command takes nothing over'
    other.base.SetPower(name='base')
    bench.until_stopped()


# ---- no session on a connection that carried one ----


@pytest.mark.parametrize('unsupervised', ['connection', 'lease', 'allow'])
def test_a_connection_that_carried_a_session_gets_a_lease(
        serve: Any, remote: Any, unsupervised: str) -> None:
    bench = serve(window=0.8, unsupervised=unsupervised)
    driver = remote(bench)
    driver.start_session()
    began = time.monotonic()
    driver.drive()
    bench.until_moving()
    bench.until_stopped()
    assert time.monotonic() - began >= 0.8
    assert took(began) < 3.0
    assert reason_of_stop(bench) is Reason.LEASE_OVER


def test_a_connection_that_carried_only_heartbeats_gets_a_lease(serve: Any, remote: Any) -> None:
    bench = serve(window=0.8)
    session = bench.client().start_session()
    driver = remote(bench)
    driver.call('robot', 'SendSessionHeartbeat', id=session)
    driver.drive()
    bench.until_moving()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.LEASE_OVER


def test_reject_holds_for_a_connection_that_carried_a_session(serve: Any, remote: Any) -> None:
    bench = serve(unsupervised='reject')
    driver = remote(bench)
    driver.start_session()
    refusal = driver.call('base', 'SetPower', name='base', linear=FORWARD)
    assert refusal.code is Code.FAILED_PRECONDITION
    assert bench.told() == 'nothing'


def test_a_session_less_takeover_is_held_by_its_own_connection(serve: Any, remote: Any) -> None:
    bench = serve(window=60.0)
    owner, other = remote(bench), remote(bench)
    owner.drive(owner.start_session())
    bench.until_moving()
    other.drive()
    owner.kill()
    bench.still_moves_for(0.7)
    other.kill()
    bench.until_stopped()
    assert reason_of_stop(bench) is Reason.DISCONNECTED


# ---- answers ----


def test_a_move_whose_session_expires_is_aborted_with_the_reason(serve: Any, remote: Any) -> None:
    bench = serve(window=0.5)
    driver = remote(bench)
    refusal = driver.call(
        'base', 'MoveStraight', sid=driver.start_session(), name='base', distance_mm=5000,
        mm_per_sec=100.0)
    assert refusal.code is Code.ABORTED
    assert Reason.SESSION_ENDED.value in refusal.text


# ---- faults ----


def test_without_a_free_descriptor_a_new_connection_stops_and_beats_and_moves_nothing(
        serve: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> list[int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), '/proc/self/fd')

    bench = serve(window=60.0)
    owner, other = bench.client(), bench.client()
    session = owner.start_session()
    owner.base.SetPower(name='base', linear=FORWARD, sid=session)
    bench.until_moving()
    monkeypatch.setattr(connections, '_descriptors', fail)
    # Its first calls: the bridge does not know its socket yet.
    other.base.Stop(name='base')
    bench.until_stopped()
    other.robot.SendSessionHeartbeat(id=session)
    refusal = other.base.SetPower.refused(name='base', linear=FORWARD, sid=session)
    assert refusal.code is Code.FAILED_PRECONDITION, refusal
    assert 'Too many open files' in caplog.text and 'inside the bridge' not in caplog.text
