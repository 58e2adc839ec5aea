# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The commands of an operator against a running bridge: what they show, do and return."""

from collections.abc import Iterator
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import pytest

from observer import Observer
from processes import Bridge, Client, Driver, environment, Programs, settings, wait_until
from viam_session_bridge.core.states import Reason


class Robot:
    """A bridge with an audit file, a driver, a client, and an operator's commands."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.audit = folder / 'audit.jsonl'
        self.bridge: Bridge = programs.bridge(settings(events={'audit_file': str(self.audit)}))
        self.driver: Driver = programs.driver(self.bridge.topic())
        self.bridge.wait_drivers('base')
        self.client: Client = programs.client(self.bridge.address)

    def command(self, *words: str, namespace: str = '') -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, '-m', 'viam_session_bridge.executables', words[0], '--namespace',
             namespace or self.bridge.namespace, '--timeout', '30', *words[1:]],
            env=environment(), capture_output=True, text=True, timeout=120, check=False)

    def drive(self) -> float:
        """Drive until the driver receives it; returns when that was commanded (s)."""
        at = time.monotonic()
        self.client.do('set_power', base='base', linear=1.0)
        self.driver.wait_motion(self.bridge.topic(), at)
        return at


@pytest.fixture(scope='module')
def robot(shared: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    yield Robot(shared, tmp_path_factory.mktemp('audit'))


def test_status_shows_the_owner_of_what_moves_and_stop_stops_it(robot: Robot) -> None:
    robot.drive()
    found = robot.command('status', '--json')
    assert found.returncode == 0, found.stdout + found.stderr
    by_subject: dict[str, dict[str, Any]] = {
        one['subject']: one for one in json.loads(found.stdout)}
    base = by_subject['base']['values']
    assert base['state'] == 'moving' and 'session' in base['owner']
    assert 'SetPower' in base['last command'] and base['subscribers'] == '1'
    assert by_subject['gRPC']['values']['sessions'] == '1'
    assert {'process', 'guard', 'ROS links', 'emergency stop'} <= by_subject.keys()
    at = time.monotonic()
    stopped = robot.command('stop', '--json')
    assert stopped.returncode == 0 and json.loads(stopped.stdout)['success']
    robot.driver.wait_zero(robot.bridge.topic(), at)


def test_expired_sessions_stop_what_they_move(robot: Robot, observer: Observer) -> None:
    at = robot.drive()
    assert observer.trigger(robot.bridge, 'expire_sessions').success
    robot.driver.wait_zero(robot.bridge.topic(), at)
    robot.bridge.wait_logged('an operator called ~/expire_sessions')


def test_an_emergency_stop_of_an_operator_shows_in_status_until_the_reset(robot: Robot) -> None:
    assert robot.command('estop').returncode == 0
    found = robot.command('status')
    assert found.returncode == 1 and 'a call of ~/estop' in found.stdout
    assert robot.command('reset').returncode == 0


def test_events_and_why_tell_of_a_client_that_died_live_and_from_the_audit(
        robot: Robot, shared: Programs) -> None:
    client = shared.client(robot.bridge.address)
    at = time.monotonic()
    client.do('set_power', base='base', linear=0.5)
    robot.driver.wait_motion(robot.bridge.topic(), at)
    client.kill()
    robot.driver.wait_zero(robot.bridge.topic(), at)

    def told() -> list[dict[str, Any]]:
        # The last line may not be complete yet.
        complete = robot.audit.read_text().split('\n')[:-1]
        found = [json.loads(line) for line in complete]
        return found if found[-1]['event'] in ('stop_unverified', 'session_ended') else []

    names = [one['event'] for one in wait_until(told, 'the end of the stop')]
    stored = robot.command('events', '--stored', '--json')
    assert stored.returncode == 0
    live = [json.loads(line)['event'] for line in stored.stdout.splitlines()]
    for found in (names, live):
        assert {'client_connected', 'session_started', 'motion_begun', 'stop_started',
                'stop_unverified', 'emergency'} <= set(found)
    for words in (['why', 'base'], ['why', 'base', '--file', str(robot.audit)]):
        answer = robot.command(*words)
        assert answer.returncode == 0, answer.stderr
        assert Reason.DISCONNECTED.value in answer.stdout
        assert 'SetPower' in answer.stdout and 'python' in answer.stdout


def test_without_a_bridge_domain_and_namespace_are_named(robot: Robot) -> None:
    found = robot.command('stop', '--timeout', '2', namespace='/nowhere')
    assert found.returncode == 3 and not found.stdout
    assert 'ROS_DOMAIN_ID' in found.stderr and '/nowhere' in found.stderr
    assert robot.bridge.node in found.stderr, 'the one that is there'
    assert robot.command('why', 'nothing').returncode == 1
