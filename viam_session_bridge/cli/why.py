# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Why a resource stopped, in one paragraph, out of recorded events.

Events are JSON objects as on ~/events and in the audit file (docs/events.md). Nothing here needs
ROS.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """
    Return events of several processes by their time.

    The wall clock may have been stepped between two of them: within one boot of a machine its
    steady clock decides. Its last event shows the wall time of the others.
    """
    found = list(events)
    begun: dict[str, tuple[float, float]] = {}
    for one in found:
        if one.get('boot'):
            steady = float(one['steady'])
            begun[one['boot']] = max(begun.get(one['boot'], (steady, 0.0)), (
                steady, at(one).timestamp() - steady))
    return sorted(found, key=lambda one: (
        float(one['steady']) + begun[one['boot']][1] if one.get('boot') else at(one).timestamp()))


def elapsed(earlier: Event, later: Event) -> float:
    """Return how long (s) after an event another one happened."""
    if earlier.get('boot') and earlier['boot'] == later.get('boot'):
        return float(later['steady']) - float(earlier['steady'])
    return (at(later) - at(earlier)).total_seconds()


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


@dataclass
class Stop:
    """
    A stop of one resource by one process, as the events tell it.

    began: its first event. resource, process, reason: what was stopped, by `bridge` or `guard`,
    and why. motion: the motion_begun before it; None where none is recorded. ended_motion: the
    resource moved, as far as the events show: other stops are those of a process that starts, of
    a driver that appears, and Stop calls on what rests. outcomes: how it was judged, in order.
    over: the event at which it was over; None while it lasts, or where the process was killed.
    """

    began: Event
    resource: str
    process: str
    reason: str
    motion: Event | None
    ended_motion: bool
    outcomes: list[Event] = field(default_factory=list)
    over: Event | None = None

    @property
    def outcome(self) -> Event | None:
        """Return how it ended; None while it lasts, or where another motion came first."""
        return self.outcomes[0] if self.outcomes else None


def reconstruct(events: Iterable[Event]) -> list[Stop]:
    """Return every stop that these events, which are in order, tell of."""
    found: list[Stop] = []
    lasting: dict[tuple[str, str], Stop] = {}
    motions: dict[str, Event] = {}
    # The resources that have moved, and of which no stop has begun since.
    moving: set[str] = set()
    for event in events:
        process, resource = str(event.get('process')), str(event.get('resource'))
        begins = event['event'] == 'motion_begun'
        if (process, resource) in lasting and (begins or event['event'] in _ENDS):
            stop = lasting[process, resource]
            stop.outcomes += [] if begins else [event]
            if event['event'] != 'stop_unconfirmed':
                stop.over = event
                del lasting[process, resource]
        if begins:
            motions[resource] = event
            moving.add(resource)
        for name in _stopped_by(event):
            # One that lasts is forgotten: only a process that was started anew begins another.
            lasting[process, name] = Stop(
                event, name, process, event.get('reason', event['event']), motions.get(name),
                event.get('before') == 'moving' or process == 'guard' or name in moving)
            found.append(lasting[process, name])
            moving.discard(name)
    return found


def _stopped_by(event: Event) -> Sequence[str]:
    """Return the resources whose stop begins with this event."""
    if event['event'] == 'stop_started':
        return [event['resource']]
    return event['resources'] if event['event'] == 'last_resort' else []


def find_stop(events: Sequence[Event], resource: str, until: datetime | None) -> Stop:
    """Return the last stop up to an instant that ended a motion of a resource. Raises NoAnswer."""
    found = [one for one in reconstruct(events)
             if one.resource == resource and one.ended_motion]
    if not found:
        known = sorted({str(one['resource']) for one in events if one.get('resource')})
        raise NoAnswer(
            f'no stop of {resource} is recorded; resources of the {len(events)} recorded events: '
            + (', '.join(known) or 'none'))
    for stop in reversed(found):
        if until is None or at(stop.began) < until:
            return stop
    raise NoAnswer(
        f'no stop of {resource} is recorded before {until:%H:%M:%S}; the first one is at '
        f'{shown_time(at(found[0].began))}')


def explain(events: Sequence[Event], resource: str, until: datetime | None = None) -> str:
    """Say why a resource stopped last, up to an instant. Raises NoAnswer."""
    stop = find_stop(events, resource, until)
    began = stop.began
    who = 'the guard stopped it' if stop.process == 'guard' else 'it was stopped'
    why = began.get('reason_text') or began['text']
    parts = [f'{resource}: {who} at {shown_time(at(began))}, because '
             f'{why}{_bracket(began.get("detail"))}.', _driver(stop.motion, began)]
    parts += [f'{shown_time(at(one))}: {one["text"]}.' for one in events
              if _belongs(one, stop)]
    parts.append(_verdict(stop.outcome))
    if stop.outcome is not None and stop.outcome['event'] == 'stop_unconfirmed':
        later = stop.over
        parts += [f'{shown_time(at(one))}: {one["text"]}.' for one in events
                  if one['event'] == 'escalation' and one.get('resource') == resource
                  and elapsed(stop.outcome, one) >= 0.0
                  and (later is None or elapsed(one, later) >= 0.0)]
        if later is not None:
            parts.append(f'Later, at {shown_time(at(later))}: {later["text"]}.')
    return ' '.join(filter(None, parts))


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
            f'{shown_time(since)} ({elapsed(motion, stop):.3g} s{taken}), with '
            f'{method}{motion["motion"]}.')


def _belongs(event: Event, stop: Stop) -> bool:
    """Tell whether something that happened at about the same time is a cause or a consequence."""
    name = event['event']
    if abs(elapsed(event, stop.began)) > NEAR:
        return False
    caller = stop.motion['caller'] if stop.motion else {}
    if name in ('session_ended', 'client_disconnected'):
        key = 'session' if name == 'session_ended' else 'peer'
        return bool(event.get(key)) and event.get(key) == caller.get(key)
    if name == 'guard_took_over':
        return not event.get('resources') or stop.resource in event['resources']
    if name in ('stop_started', 'last_resort'):
        return event.get('process') != stop.process and stop.resource in _stopped_by(event)
    if name == 'driver_disappeared':
        return event.get('resource') == stop.resource
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
