# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Events as JSON objects, for ~/events and the audit file; docs/events.md lists them.

The dataclasses of core/events.py are the schema. An event is called as its class, and its fields
are those of the class; a change of state is called by what it means for a stop. Session ids are
shortened: whoever has all of one can use the session.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from enum import Enum
import json
import math
from pathlib import Path
import re
from typing import Any, get_args

from viam_session_bridge.core.events import Changed, LogEvent
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import (
    Claim,
    ConnectionClaim,
    LeaseClaim,
    OpenClaim,
    SessionClaim,
)
from viam_session_bridge.core.sessions import shown_session
from viam_session_bridge.core.states import Reason, State

# So many characters of a motion's values are written, and so many of any other text.
MOST_VALUES = 200
MOST_TEXT = 2000

# What a change of state is called.
STOP_STARTED, STOP_CONFIRMED = 'stop_started', 'stop_confirmed'
STOP_UNVERIFIED, STOP_UNCONFIRMED = 'stop_unverified', 'stop_unconfirmed'
CHANGES = {
    STOP_STARTED: 'A stop begins; before: the state until then.',
    STOP_CONFIRMED: 'A stop is over: rest was measured, or its outputs answered.',
    STOP_UNVERIFIED: 'A stop is over, and nothing could confirm it; detail: why.',
    STOP_UNCONFIRMED: 'A stop was not confirmed in time. It goes on, and motion is refused.'}

# Every class whose events are published.
CLASSES: tuple[type, ...] = get_args(LogEvent)


def describe_claim(claim: Claim | None) -> str:
    """Name who holds a motion."""
    if isinstance(claim, SessionClaim):
        return f'session {shown_session(claim.session)}'
    if isinstance(claim, ConnectionClaim):
        return f'connection {claim.socket} (no session)'
    if isinstance(claim, LeaseClaim):
        return f'a lease of {claim.peer or "an unknown peer"} (no session)'
    if isinstance(claim, OpenClaim):
        return 'a client without a session (nobody watches over it)'
    return 'nobody'


def class_name(kind: type) -> str:
    """Return what the events of a class are called, but for changes of state."""
    return re.sub(r'(?<!^)(?=[A-Z])', '_', kind.__name__).lower()


def name_of(event: LogEvent) -> str:
    """Return what an event is called; empty for a change of state that is not published."""
    if not isinstance(event, Changed):
        return class_name(type(event))
    if event.after is State.MOVING:
        return ''  # MotionBegun says more
    if event.after is State.IDLE:
        return STOP_CONFIRMED if event.verified else STOP_UNVERIFIED
    return STOP_STARTED if event.after is State.STOPPING else STOP_UNCONFIRMED


def _boot() -> str:
    try:
        return Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii')[:8]
    except OSError:
        return ''


# Which boot of which machine the steady clock counts from; empty where the kernel does not tell.
BOOT = _boot()


def record(event: LogEvent, *, steady: float, wall: float, process: str, node: str, level: str,
           text: str) -> str:
    """
    Return an event as one line of JSON.

    steady, wall: when it happened, in s of the steady clock, and since 1970. text: the sentence of
    the log, at a level.
    """
    content: dict[str, Any] = {
        'event': name_of(event),
        'time': datetime.fromtimestamp(wall, timezone.utc).isoformat(timespec='microseconds'),
        'steady': round(steady, 6), 'boot': BOOT, 'process': process, 'node': node, 'level': level,
        'text': text[:MOST_TEXT]}
    content.update(_fields(event))
    return json.dumps(content, allow_nan=False)


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(value):
        part = getattr(value, each.name)
        if each.name == 'text':
            continue  # the sentence says it
        found[each.name] = (shown_session(part) if each.name == 'session' and part
                            else plain(part))
        if isinstance(part, Reason):
            found[f'{each.name}_text'] = part.value
    return found


def plain(value: Any) -> Any:
    """Return what JSON has for a field: what is not finite is null, a motion is its text."""
    if isinstance(value, Motion):
        text = str(value)
        return text if len(text) <= MOST_VALUES else f'{text[:MOST_VALUES]}...'
    if is_dataclass(value):
        extra = {'holder': describe_claim(value)} if isinstance(value, Claim) else {}
        return {**_fields(value), **extra}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        return [plain(one) for one in value]
    return value[:MOST_TEXT] if isinstance(value, str) else value
