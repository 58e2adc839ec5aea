# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a resource stopped, out of recorded events."""

from datetime import datetime, timedelta, timezone
import json
from pathlib import Path
from typing import Any

import pytest

from viam_session_bridge.cli.why import (
    elapsed,
    end_of,
    explain,
    in_order,
    NoAnswer,
    parsed,
    read_audit,
    reconstruct,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
CALLER = {'session': '0b57ac6e...', 'peer': 'ipv4:10.0.0.9:4711', 'entity': 'lab',
          'sdk': 'python;0.85', 'method': '/viam.component.base.v1.BaseService/SetPower'}


def event(name: str, seconds: float, process: str = 'bridge', text: str = '',
          **content: Any) -> dict[str, Any]:
    return {'event': name, 'time': (NOON + timedelta(seconds=seconds)).isoformat(),
            'process': process, 'level': 'info', 'text': text or name, **content}


def motion(seconds: float, **content: Any) -> dict[str, Any]:
    return event('motion_begun', seconds, resource='base', motion='linear (0.2, 0, 0)',
                 before=None, **{'caller': CALLER,
                                 'claim': {'holder': 'session 0b57ac6e...'}, **content})


def stop(seconds: float, process: str = 'bridge', before: str = 'moving',
         **content: Any) -> dict[str, Any]:
    return event('stop_started', seconds, process, resource='base', before=before, **{
        'reason': 'session_ended', 'reason_text': 'the session that commanded it ended',
        'detail': 'no heartbeat for 2 s', **content})


def confirmed(seconds: float, process: str = 'bridge') -> dict[str, Any]:
    return event('stop_confirmed', seconds, process, resource='base', latency=0.0004,
                 duration=0.42, evidence='odom: pose moves at 0 m/s over 0.3 s', detail='')


DRIVE = [motion(0.0), stop(10.0), confirmed(10.5)]


def test_the_answer_names_cause_driver_time_values_and_evidence() -> None:
    text = explain(DRIVE, 'base')
    for part in ('the session that commanded it ended (no heartbeat for 2 s)',
                 'session 0b57ac6e...', 'ipv4:10.0.0.9:4711', 'key lab', 'python;0.85', '10 s',
                 'SetPower: linear (0.2, 0, 0)', '0.4 ms', '0.42 s', 'odom: pose moves at 0 m/s'):
        assert part in text, (part, text)
    assert '\n' not in text


def test_what_happened_at_the_same_time_to_its_client_is_part_of_the_answer() -> None:
    others = [event('client_disconnected', 9.9, peer=CALLER['peer'], text='ours is gone'),
              event('client_disconnected', 9.9, peer='ipv4:10.0.0.7:1', text='another is gone'),
              event('session_ended', 10.0, session='0b57ac6e...', text='it lapsed'),
              event('stall', 5.0, text='long before')]
    text = explain(in_order([*DRIVE, *others]), 'base')
    assert 'ours is gone' in text and 'it lapsed' in text
    assert 'another' not in text and 'long before' not in text


def test_a_stop_of_the_guard_is_found_with_the_driver_that_the_bridge_recorded() -> None:
    silent = stop(3.0, 'guard', 'idle', reason_text='the bridge fell silent')
    events = in_order([motion(0.0), silent,
                       event('guard_took_over', 3.0, 'guard', resources=['base'],
                             text='no pulse for 0.25 s'),
                       confirmed(3.4, 'guard')])
    text = explain(events, 'base')
    assert 'the guard stopped it' in text and 'no pulse for 0.25 s' in text
    assert 'key lab' in text and 'Rest was confirmed' in text


def test_a_stop_that_was_not_confirmed_says_so_with_escalations_and_what_came_later() -> None:
    events = [motion(0.0), stop(1.0),
              event('stop_unconfirmed', 6.0, resource='base', latency=0.001, duration=5.0,
                    detail='no rest was seen within 5 s'),
              event('escalation', 6.1, resource='base', text='brake engaged'),
              event('stop_confirmed', 9.0, resource='base', text='base: stopped (verified)'),
              event('escalation', 11.0, resource='base', text='another time')]
    text = explain(events, 'base')
    assert 'THE STOP WAS NOT CONFIRMED' in text and 'no rest was seen within 5 s' in text
    assert 'brake engaged' in text and 'Later' in text and 'another time' not in text


def test_a_wall_clock_that_is_stepped_changes_neither_order_nor_durations() -> None:
    """A robot without a clock of its own gets the time when it finds a network."""
    steady, step = {'boot': 'a'}, 3600.0
    events = [{**motion(0.0 + step), **steady, 'steady': 10.0},
              {**stop(3.0), **steady, 'steady': 13.0},
              {**confirmed(3.5), **steady, 'steady': 13.5}]
    mixed = in_order([events[2], events[0], events[1]])
    assert mixed == events
    assert elapsed(events[0], events[1]) == 3.0
    text = explain(mixed, 'base')
    assert 'key lab' in text and '(3 s)' in text and 'Rest was confirmed' in text


def test_events_of_several_boots_and_machines_are_in_the_order_of_the_wall_clock() -> None:
    events = [{**event('a', 0.0), 'boot': 'a', 'steady': 900.0},
              {**event('b', 60.0), 'boot': 'b', 'steady': 5.0},
              {**event('c', 61.0), 'boot': 'other machine', 'steady': 4000.0},
              event('d', 61.5),
              {**event('e', 62.0), 'boot': 'b', 'steady': 7.0}]
    assert in_order(reversed(events)) == events


def test_stops_of_what_did_not_move_are_no_answer() -> None:
    """A bridge that starts stops everything, and a Stop may be called at any time."""
    events = [*DRIVE, stop(20.0, before='idle', reason_text='a client asked for a stop')]
    assert 'the session that commanded it ended' in explain(events, 'base')


def test_a_stop_of_a_bridge_that_starts_is_the_answer_where_nothing_stopped_the_motion() -> None:
    """Bridge and guard were killed: the next bridge found the robot in motion."""
    started = stop(20.0, before='idle', reason='started', reason_text='the bridge has started')
    text = explain([motion(0.0), started], 'base')
    assert 'the bridge has started' in text and 'key lab' in text
    assert 'the bridge has started' not in explain([*DRIVE, started], 'base')


def test_stops_of_the_last_resort_are_stops_of_each_of_their_resources() -> None:
    failed = event('last_resort', 3.0, resources=['base', 'arm'], text='the stop loop has failed')
    events = [motion(0.0), failed, stop(3.2, 'guard', 'idle'), confirmed(3.5, 'guard')]
    assert [(one.resource, one.process, one.reason, one.ended_motion)
            for one in reconstruct(events)] == [
        ('base', 'bridge', 'last_resort', True), ('arm', 'bridge', 'last_resort', False),
        ('base', 'guard', 'session_ended', True)]
    assert 'the stop loop has failed' in explain(events, 'base')
    assert 'the stop loop has failed' in explain(events[:2], 'base')


def test_a_process_that_was_killed_in_a_stop_has_not_judged_it() -> None:
    """The verdict of the process that was started after it is about its own stop."""
    first, second = reconstruct([motion(0.0), stop(1.0), stop(2.0, before='idle'), confirmed(3.0)])
    assert first.outcome is first.over is None
    assert second.outcome is second.over is not None


def test_a_motion_that_follows_hides_no_other_stops_outcome() -> None:
    events = [motion(0.0), stop(1.0), motion(1.1), stop(2.0), confirmed(2.5)]
    first, second = reconstruct(events)
    assert first.outcome is None and first.over is events[2]
    assert second.outcome is second.over is events[-1]


def test_the_last_stop_up_to_the_end_of_a_minute_or_second_is_meant() -> None:
    events = [motion(0.0), stop(10.0, detail='early'), motion(70.0), stop(80.0, detail='late')]
    now = NOON + timedelta(hours=1)
    assert '(early)' in explain(events, 'base', end_of('12:00', now))
    assert '(late)' in explain(events, 'base', end_of('12:01:20', now))
    assert '(early)' in explain(events, 'base', end_of('12:01:19', now))
    with pytest.raises(NoAnswer, match='no stop of base is recorded before'):
        explain(events, 'base', end_of('12:00:05', now))


def test_a_time_that_has_not_come_today_was_yesterday() -> None:
    assert end_of('13:00', NOON) == NOON + timedelta(hours=-23, minutes=1)
    for text in ('25:00', '14', 'noon'):
        with pytest.raises(NoAnswer, match='--at'):
            end_of(text, NOON)


def test_a_resource_without_a_recorded_stop_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(NoAnswer, match='no stop of arm is recorded.*base'):
        explain(DRIVE, 'arm')


def test_an_audit_is_read_with_its_renamed_files_and_the_guards(tmp_path: Path) -> None:
    """A line that was cut, because the disk was full, costs that line only."""
    files = {'audit.jsonl': [confirmed(10.5)], 'audit.jsonl.1': [stop(10.0)],
             'audit.jsonl.2': [motion(0.0)],
             'audit_guard.jsonl': [stop(10.2, 'guard', 'idle')], 'audited.jsonl': [motion(5.0)]}
    for name, events in files.items():
        (tmp_path / name).write_text('{"event": "cut\n' + ''.join(
            json.dumps(one) + '\n' for one in events), encoding='utf-8')
    found = read_audit(str(tmp_path / 'audit.jsonl'))
    assert [one['event'] for one in found] == [
        'motion_begun', 'stop_started', 'stop_started', 'stop_confirmed']
    assert found[2]['process'] == 'guard'


@pytest.mark.parametrize('text', ['', '7', '[]', '{}', '{"event": 1, "time": "2026-01-01"}',
                                  '{"event": "stall", "time": "soon"}'])
def test_what_is_no_event_is_none(text: str) -> None:
    assert parsed(text) is None
