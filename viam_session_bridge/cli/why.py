# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Why a resource stopped, in one paragraph, out of recorded events.

Events are JSON objects as on ~/events and in the audit file (docs/events.md). Nothing here needs
ROS.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
import glob
import json
import re
from typing import Any

Event = Mapping[str, Any]

_ENDS = ('stop_confirmed', 'stop_unverified', 'stop_unconfirmed')

# What happened so long (s) around a stop belongs to it.
NEAR = 2.0


class NoAnswer(Exception):
    """The events do not tell; the text says what is missing."""


def read_audit(path: str) -> list[Event]:
    """
    Return the events of an audit file, its renamed files, and the guard's, in order.

    A line that is no event is left out: one may be cut, where the disk was full. Raises OSError.
    """
    stem, dot, extension = path.rpartition('.')
    guards = f'{stem}_guard{dot}{extension}' if dot and '/' not in extension else f'{path}_guard'
    events: dict[str, Event] = {}
    for name in (path, *(glob.glob(f'{glob.escape(path)}.[0-9]*')),
                 *(glob.glob(f'{glob.escape(guards)}*'))):
        with open(name, encoding='utf-8', errors='replace') as file:
            for line in file:
                event = parsed(line)
                if event is not None:
                    events[line] = event
    return in_order(events.values())


def parsed(line: str) -> Event | None:
    """Return the event of a line or a message; None where it is none."""
    try:
        event = json.loads(line)
        at(event)
    except (ValueError, TypeError, KeyError):
        return None
    return event if isinstance(event.get('event'), str) else None


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events of several processes by their time."""
    return sorted(events, key=at)


def at(event: Event) -> datetime:
    """Return when an event happened, in local time."""
    return datetime.fromisoformat(event['time']).astimezone()


def shown_time(instant: datetime) -> str:
    """Return a time of day with milliseconds."""
    return instant.strftime('%H:%M:%S.') + f'{instant.microsecond // 1000:03d}'


def end_of(text: str, now: datetime) -> datetime:
    """
    Return the end of the minute or second that HH:MM or HH:MM:SS names, on the latest such day.

    Raises NoAnswer for a text that is neither.
    """
    match = re.fullmatch(r'(\d{1,2}):(\d{2})(?::(\d{2}))?', text)
    if match is None:
        raise NoAnswer(f'--at: found {text!r}; accepted: HH:MM or HH:MM:SS, local time')
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        begin = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    except ValueError as problem:
        raise NoAnswer(f'--at: found {text!r}: {problem}') from problem
    if begin > now:
        begin -= timedelta(days=1)
    return begin + timedelta(seconds=1 if match[3] else 60)


def stops(events: Sequence[Event], resource: str) -> list[Event]:
    """Return the events that began a stop of what moved: the bridge's, and the guard's."""
    return [one for one in events if one['event'] == 'stop_started'
            and one.get('resource') == resource
            and (one.get('before') == 'moving' or one.get('process') == 'guard')]


def find_stop(events: Sequence[Event], resource: str, until: datetime | None) -> Event:
    """Return the last stop of a resource up to an instant. Raises NoAnswer."""
    found = stops(events, resource)
    if not found:
        known = sorted({str(one['resource']) for one in events if one.get('resource')})
        raise NoAnswer(
            f'no stop of {resource} is recorded; resources of the {len(events)} recorded events: '
            + (', '.join(known) or 'none'))
    for stop in reversed(found):
        if until is None or at(stop) < until:
            return stop
    raise NoAnswer(
        f'no stop of {resource} is recorded before {until:%H:%M:%S}; the first one is at '
        f'{shown_time(at(found[0]))}')


def outcome_of(events: Sequence[Event], stop: Event) -> Event | None:
    """Return how a stop ended; None while it lasts, or where another motion came first."""
    for one in events[_index(events, stop) + 1:]:
        if one.get('resource') != stop['resource'] or one.get('process') != stop.get('process'):
            continue
        if one['event'] in _ENDS:
            return one
        if one['event'] == 'motion_begun':
            return None
    return None


def explain(events: Sequence[Event], resource: str, until: datetime | None = None) -> str:
    """Say why a resource stopped last, up to an instant. Raises NoAnswer."""
    stop = find_stop(events, resource, until)
    index = _index(events, stop)
    who = 'the guard stopped it' if stop.get('process') == 'guard' else 'it was stopped'
    parts = [f'{resource}: {who} at {shown_time(at(stop))}, because '
             f'{stop.get("reason_text", stop.get("reason"))}{_bracket(stop.get("detail"))}.']
    motion = next((one for one in reversed(events[:index]) if one['event'] == 'motion_begun'
                   and one.get('resource') == resource), None)
    parts.append(_driver(motion, stop))
    parts += [f'{shown_time(at(one))}: {one["text"]}.' for one in events
              if _belongs(one, stop, motion)]
    outcome = outcome_of(events, stop)
    parts.append(_verdict(outcome))
    if outcome is not None and outcome['event'] == 'stop_unconfirmed':
        later = outcome_of(events, outcome)
        parts += [f'{shown_time(at(one))}: {one["text"]}.'
                  for one in events[_index(events, outcome):]
                  if one['event'] == 'escalation' and one.get('resource') == resource
                  and (later is None or at(one) <= at(later))]
        if later is not None:
            parts.append(f'Later, at {shown_time(at(later))}: {later["text"]}.')
    return ' '.join(filter(None, parts))


def _index(events: Sequence[Event], event: Event) -> int:
    return next(index for index, one in enumerate(events) if one is event)


def _bracket(text: Any) -> str:
    return f' ({text})' if text else ''


def _driver(motion: Event | None, stop: Event) -> str:
    if motion is None:
        return 'Who drove it is not recorded.'
    caller, since = motion['caller'], at(motion)
    known = [caller.get('peer') or 'an unknown peer']
    known += [f'key {caller["entity"]}'] if caller.get('entity') else []
    known += [caller['sdk']] if caller.get('sdk') else []
    method = f'{caller["method"].rpartition("/")[2].rpartition(".")[2]}: ' if (
        caller.get('method')) else ''
    taken = f', taken over from {motion["before"]["holder"]}' if motion.get('before') else ''
    return (f'It was driven by {motion["claim"]["holder"]} of {", ".join(known)} since '
            f'{shown_time(since)} ({(at(stop) - since).total_seconds():.3g} s{taken}), with '
            f'{method}{motion["motion"]}.')


def _belongs(event: Event, stop: Event, motion: Event | None) -> bool:
    """Tell whether something that happened at about the same time is a cause or a consequence."""
    name = event['event']
    if abs((at(event) - at(stop)).total_seconds()) > NEAR:
        return False
    caller = motion['caller'] if motion else {}
    if name in ('session_ended', 'client_disconnected'):
        key = 'session' if name == 'session_ended' else 'peer'
        return bool(event.get(key)) and event.get(key) == caller.get(key)
    if name == 'guard_took_over':
        return not event.get('resources') or stop['resource'] in event['resources']
    if name == 'stop_started':
        return event is not stop and event.get('process') != stop.get('process') and (
            event.get('resource') == stop['resource'])
    if name == 'driver_disappeared':
        return event.get('resource') == stop['resource']
    return name in ('stall', 'emergency', 'configuration_changed')


def _verdict(outcome: Event | None) -> str:
    if outcome is None:
        return 'How the stop ended is not recorded (yet).'
    sent = ('' if outcome.get('latency') is None else 'The first stop message was sent '
            f'{outcome["latency"] * 1e3:.3g} ms after the decision. ')
    took = ('' if outcome.get('duration') is None else
            f' {outcome["duration"]:.3g} s after the first stop message')
    when = f'at {shown_time(at(outcome))}'
    evidence = outcome.get('evidence') or outcome.get('detail') or ''
    if outcome['event'] == 'stop_confirmed':
        return f'{sent}Rest was confirmed {when},{took}{", by " if evidence else ""}{evidence}.'
    if outcome['event'] == 'stop_unverified':
        return (f'{sent}The stop ended {when},{took}, without a confirmation: '
                f'{evidence or "no feedback is configured"}.')
    return f'{sent}THE STOP WAS NOT CONFIRMED {when},{took}: {evidence}.'
