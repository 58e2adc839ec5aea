# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Events as records, on ~/events and in the audit file: what they hold, what a failure costs."""

from datetime import datetime
import json
import math
from pathlib import Path
import re
from typing import Any

import pytest
from rclpy.node import Node
from std_msgs.msg import String

from processes import PATIENCE, wait_until
from viam_session_bridge.core import events
from viam_session_bridge.core.events import (
    Changed,
    ClientConnected,
    Command,
    ConfigurationChanged,
    Emergency,
    LogEvent,
    MotionBegun,
    Outputs,
    Refusal,
    SessionStarted,
    Stall,
)
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, OpenClaim, SessionClaim
from viam_session_bridge.core.setpoints import Velocity
from viam_session_bridge.core.states import Reason, State
from viam_session_bridge.parameters.shared import EventsConfig
from viam_session_bridge.ros.event_record import (
    BOOT,
    CHANGES,
    class_name,
    CLASSES,
    name_of,
    record,
)
from viam_session_bridge.ros.history import History
from viam_session_bridge.ros.journal import Journal, sentence, Sink, sinks_of
from viam_session_bridge.ros.profiles import EVENTS_QOS

SESSION = '0b57ac6e-1111-2222-3333-444455556666'
CALLER = Caller(SESSION, 7, 'lab', 'ipv4:10.0.0.9:4711', '/a.b/SetPower', 'python;0.85')
CLAIM = SessionClaim(SESSION, 7, 1.0)
BEGUN = MotionBegun('base', CALLER, CLAIM, Motion(Velocity((0.2, 0.0, 0.0))), OpenClaim())


class Silent:
    """A logger whose lines nobody needs but the test."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def _write(self, message: str) -> bool:
        self.lines.append(message)
        return True

    info = warning = error = _write


def recorded(event: LogEvent) -> dict[str, Any]:
    level, text = sentence(event)
    return json.loads(record(
        event, steady=12.5, wall=1772366400.25, process='bridge', node='/ns/bridge',
        level='info', text=text))


def change(after: State, **details: Any) -> Changed:
    return Changed('base', State.MOVING, after, Reason.SESSION_ENDED, **details)


def test_every_event_has_both_times_its_process_and_its_sentence() -> None:
    found = recorded(Stall(0.2, stopped=('base', 'arm')))
    assert found['event'] == 'stall' and found['time'] == '2026-03-01T12:00:00.250000+00:00'
    assert found['steady'] == 12.5 and found['boot'] == BOOT and found['process'] == 'bridge'
    assert found['node'] == '/ns/bridge' and '200 ms late' in found['text']
    assert found['late'] == 0.2 and found['stopped'] == ['base', 'arm']


def test_a_motion_names_peer_entity_sdk_method_values_and_whom_it_takes_over_from() -> None:
    found = recorded(BEGUN)
    assert found['event'] == 'motion_begun' and found['resource'] == 'base'
    assert found['caller'] == {
        'session': '0b57ac6e...', 'socket': 7, 'entity': 'lab', 'peer': 'ipv4:10.0.0.9:4711',
        'method': '/a.b/SetPower', 'sdk': 'python;0.85'}
    assert found['motion'].startswith('linear (0.2, 0, 0) m/s')
    assert found['claim']['holder'] == 'session 0b57ac6e...'
    assert 'nobody watches' in found['before']['holder']


@pytest.mark.parametrize('event', [
    BEGUN, SessionStarted(SESSION, 'p', 'lab'), change(State.STOPPING, claim=CLAIM),
    events.SessionEnded(SESSION, 'p', True)])
def test_no_record_has_a_session_id_in_full(event: LogEvent) -> None:
    assert SESSION not in json.dumps(recorded(event)) and '0b57ac6e...' in json.dumps(
        recorded(event))


@pytest.mark.parametrize(('event', 'name'), [
    (change(State.STOPPING), 'stop_started'), (change(State.IDLE, verified=True),
                                               'stop_confirmed'),
    (change(State.IDLE), 'stop_unverified'), (change(State.UNCONFIRMED), 'stop_unconfirmed'),
    (Emergency('x'), 'emergency'), (ClientConnected('p'), 'client_connected')])
def test_an_event_is_called_as_its_class_and_a_change_of_state_by_what_it_means(
        event: LogEvent, name: str) -> None:
    assert name_of(event) == name


def test_the_verdict_on_a_stop_has_latency_duration_and_evidence() -> None:
    found = recorded(change(State.IDLE, verified=True, latency=0.001, duration=0.4,
                            evidence='rest on odom'))
    assert (found['reason'], found['reason_text']) == (
        'session_ended', Reason.SESSION_ENDED.value)
    assert (found['latency'], found['duration'], found['evidence']) == (0.001, 0.4, 'rest on odom')


def test_what_json_cannot_hold_is_null_and_long_texts_are_cut() -> None:
    assert recorded(Stall(math.inf))['late'] is None
    assert len(recorded(Refusal('m', 'p' * 10000, 'c', 'no'))['peer']) < 3000
    changes = recorded(ConfigurationChanged({'base.max_linear': ('0.5', '0.3')}))['changes']
    assert changes == {'base.max_linear': ['0.5', '0.3']}


def test_every_class_of_event_is_published_and_has_a_name_of_its_own() -> None:
    assert set(CLASSES) == set(events.LogEvent.__args__)
    names = [class_name(one) for one in CLASSES if one is not Changed] + list(CHANGES)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r'[a-z_]+', name) for name in names)


def test_a_sink_that_fails_costs_its_own_records_and_one_line_of_the_log() -> None:
    log, kept = Silent(), list[str]()

    def full(line: str) -> None:
        raise OSError(28, 'No space left on device')

    journal = Journal(log, sinks=[Sink('events.audit_file /a', full), Sink('topic', kept.append)])
    for number in range(5):
        journal.event(ClientConnected(str(number)))
    journal.close(PATIENCE)
    assert len(kept) == 5 and journal.lost == 5
    lines = [line for line in log.lines if 'No space left' in line]
    assert len(lines) == 1 and lines[0].startswith('events.audit_file /a:')


def test_clients_leave_half_of_the_queue_to_stops() -> None:
    """A flood of connections must not cost the event that says why the robot has stopped."""
    log, kept = Silent(), list[str]()
    journal = Journal(log, sinks=[Sink('topic', kept.append)])
    waiting = journal._queue
    journal._hand_over(lambda: wait_until(lambda: waiting.qsize() > 500, 'the flood'))
    for number in range(2000):
        journal.event(ClientConnected(str(number)))
    journal.report(Outputs(events=(change(State.STOPPING),), at=3.0), {})
    journal.close(PATIENCE)
    found = [json.loads(line) for line in kept]
    assert any(one['event'] == 'stop_started' and one['steady'] == 3.0 for one in found)
    [lost] = [one for one in found if one['event'] == 'events_lost']
    assert lost['count'] + len(found) - 2 == 2000


def test_events_are_published_for_those_who_come_later_and_appended_to_rotating_files(
        node: Node, tmp_path: Path) -> None:
    path = tmp_path / 'audit.jsonl'
    config = EventsConfig(audit_file=str(path), audit_file_size=0.002, audit_files=2)
    journal = Journal(Silent(), sinks=sinks_of(node, config, is_guard=False))
    for number in range(150):
        journal.event(ClientConnected(f'ipv4:127.0.0.1:{number}'))
    journal.close(PATIENCE)
    received: list[str] = []
    subscription = node.create_subscription(
        String, '~/events', lambda message: received.append(message.data), EVENTS_QOS)
    wait_until(lambda: len(received) >= 100, 'the stored events')
    assert [json.loads(line)['peer'] for line in received] == [
        f'ipv4:127.0.0.1:{number}' for number in range(50, 150)]
    node.destroy_subscription(subscription)
    files = sorted(one.name for one in tmp_path.iterdir())
    assert {'audit.jsonl.1', 'audit.jsonl.2'} <= set(files) <= {
        'audit.jsonl', 'audit.jsonl.1', 'audit.jsonl.2'}
    last = (tmp_path / 'audit.jsonl.1').read_text(encoding='utf-8').splitlines()
    assert all(json.loads(line)['event'] == 'client_connected' for line in last)


def test_history_shows_the_owner_while_it_moves_and_the_last_stop_after_it() -> None:
    history = History()
    assert not list(history.values('base', State.IDLE, None, 0.0))
    history.take([BEGUN], 0.0)
    command = Command(CALLER, BEGUN.motion, at=2.0)
    moving = dict(history.values('base', State.MOVING, command, 100.0))
    assert moving['owner'] == 'session 0b57ac6e...' and moving['peer'] == CALLER.peer
    at, _, what = moving['last command'].partition(' ')
    assert datetime.fromisoformat(at).timestamp() == 102.0
    assert what.startswith('SetPower linear (0.2, 0, 0) m/s') and 'last stop' not in moving
    history.take([change(State.STOPPING)], 10.0)
    stopping = dict(history.values('base', State.STOPPING, None, 0.0))
    assert 'owner' not in stopping and Reason.SESSION_ENDED.value in stopping['last stop']
    assert stopping['last stop verified'] == 'under way'
    history.take([change(State.IDLE, verified=True, evidence='rest on odom')], 11.0)
    idle = dict(history.values('base', State.IDLE, None, 0.0))
    assert idle['last stop verified'] == 'rest on odom'
