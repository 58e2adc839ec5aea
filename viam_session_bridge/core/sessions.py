# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sessions by Viam's rules: start, resume, heartbeat, expire.

Here: which session ids are alive. Not here: which client drives which resource (supervisor.py),
and whether its connection is open (presence.py): a heartbeat renews a session over any connection.
Contract: viamrobotics/rdk session/doc.go; wire facts: StartSession and SendSessionHeartbeat of
viam.robot.v1.RobotService.
"""

from collections.abc import Callable
from dataclasses import dataclass
import re

from viam_session_bridge.core.errors import (
    InvalidSessionId,
    SessionExpired,
    shown,
    TooManySessions,
)

# A session whose client never sent a heartbeat owns nothing; it is removed after this time (s).
FIRST_BEAT_PATIENCE = 20.0

# The same when half of the table is full: sessions that never begin must not exclude others.
CROWDED_PATIENCE = 2.0

# Connections remembered as having carried a session; the latest are kept.
MOST_CARRIERS = 4096

NO_SESSION = '00000000-0000-0000-0000-000000000000'

_UUID = re.compile(
    r'(?:urn:uuid:)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})')
_BARE = re.compile(r'([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})')


def parse_session_id(text: str, field_name: str) -> str:
    """
    Return the canonical lower-case spelling of a session id.

    Accepts what viam-server accepts: 36 characters in any case, a ``urn:uuid:`` prefix,
    surrounding braces, 32 bare hex digits. Raises InvalidSessionId that names the field otherwise.
    """
    lowered = text.lower()
    if lowered.startswith('{') and lowered.endswith('}'):
        lowered = lowered[1:-1]
    match = _UUID.fullmatch(lowered) or _BARE.fullmatch(lowered)
    if match is None:
        raise InvalidSessionId(
            f'{field_name}: {shown(text)} is not a session id; expected a UUID of 36 characters')
    return '-'.join(match.groups())


def shown_session(session_id: str) -> str:
    """Return a session id as logs show it: the whole id would permit to use the session."""
    return f'{session_id[:8]}...'


@dataclass(frozen=True)
class SessionSettings:
    """How long a session is alive without a heartbeat (s), and how many may exist."""

    heartbeat_window: float = 2.0
    max_sessions: int = 1024


@dataclass
class Session:
    """
    One client's session.

    deadline: the instant (s, steady clock) from which it has expired; until the first heartbeat or
    monitored call, the instant of its removal. peer: the address of its last call.
    """

    id: str  # noqa: A003
    entity: str
    window: float
    deadline: float
    peer: str
    begun: bool = False

    def alive(self, now: float) -> bool:
        """Return whether the deadline is in the future; at the deadline it has expired."""
        return now < self.deadline


class SessionTable:
    """All sessions of one bridge. Expiry is final: an expired id is never valid again."""

    def __init__(self, settings: SessionSettings, new_id: Callable[[], str]) -> None:
        self.settings = settings
        self._new_id = new_id
        self._sessions: dict[str, Session] = {}
        # By connection: the session of the last call on it that named one.
        self.carriers: dict[int, str] = {}

    @property
    def _first_patience(self) -> float:
        """Return how long (s) a session waits now for its first heartbeat or monitored call."""
        crowded = 2 * len(self._sessions) >= self.settings.max_sessions
        return CROWDED_PATIENCE if crowded else FIRST_BEAT_PATIENCE

    @property
    def full(self) -> bool:
        """No further session can start until expired ones are removed."""
        return len(self._sessions) >= self.settings.max_sessions

    def start(self, entity: str, peer: str, socket: int | None, now: float,
              resume: str = '') -> Session:
        """
        Start a session, or resume the named one if it is alive and belongs to this entity.

        An unknown, expired or foreign id gives a new session, as every SDK expects. Raises
        InvalidSessionId for a malformed id and TooManySessions when the table is full.
        """
        if resume:
            known = self._sessions.get(parse_session_id(resume, 'resume'))
            if known is not None and known.alive(now) and known.entity == entity:
                # A resume renews; it does not start the window of a session without a heartbeat.
                known.deadline = max(known.deadline, now + (
                    known.window if known.begun else self._first_patience))
                self._seen(known, peer, socket)
                return known
        if self.full:
            self.expire(now)
        if self.full:
            raise TooManySessions(
                f'too many concurrent sessions: sessions.max_sessions allows '
                f'{self.settings.max_sessions}')
        session = Session(
            id=self._new_id(), entity=entity, window=self.settings.heartbeat_window,
            deadline=now + self._first_patience, peer=peer)
        self._seen(session, peer, socket)
        self._sessions[session.id] = session
        return session

    def get(self, session_id: str, now: float) -> Session | None:
        """Return the live session of this id, unchanged; None if there is none."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.alive(now) else None

    def sockets_of(self, session_id: str) -> tuple[int, ...]:
        """Return the connections whose last call that named a session named this one."""
        return tuple(socket for socket, one in self.carriers.items() if one == session_id)

    def silence(self, session_id: str, now: float) -> tuple[float, float] | None:
        """Return the silence of a session (s), and its window; None if it is unknown."""
        session = self._sessions.get(session_id)
        if session is None or not session.begun:
            return None
        return now - (session.deadline - session.window), session.window

    def require(self, session_id: str, entity: str, now: float) -> Session:
        """Return this entity's live session, unchanged. Raises SessionExpired."""
        session = self._sessions.get(session_id)
        if session is None or not session.alive(now) or session.entity != entity:
            raise SessionExpired(session_id)
        return session

    def beat(self, session_id: str, entity: str, peer: str, socket: int | None,
             now: float) -> Session:
        """Renew by a heartbeat or a monitored call. Raises SessionExpired and changes nothing."""
        session = self.require(session_id, entity, now)
        session.begun = True
        session.deadline = now + session.window
        self._seen(session, peer, socket)
        return session

    def expire(self, now: float) -> list[Session]:
        """Remove the expired sessions and return them."""
        expired = [session for session in self._sessions.values() if not session.alive(now)]
        for session in expired:
            del self._sessions[session.id]
        return expired

    def end(self, entity: str | None = None) -> list[Session]:
        """Remove the sessions of an entity, None for all sessions, and return them."""
        ended = [session for session in self._sessions.values()
                 if entity is None or session.entity == entity]
        for session in ended:
            del self._sessions[session.id]
        return ended

    def living(self, now: float) -> list[Session]:
        """Return the sessions that are alive, oldest first."""
        return [session for session in self._sessions.values() if session.alive(now)]

    def _seen(self, session: Session, peer: str, socket: int | None) -> None:
        session.peer = peer
        if socket is None:
            return
        self.carriers.pop(socket, None)
        self.carriers[socket] = session.id
        if len(self.carriers) > MOST_CARRIERS:
            del self.carriers[next(iter(self.carriers))]
