# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Callers, the claims by which they hold a motion, and whether they are still present.

Presence is positive evidence. A motion is held by the connection that carried its last command:
only while a poll of the open sockets, made after that command, lists that very socket. Where the
command named a session, the session must be alive as well. Heartbeats and other calls, on any
connection, keep the session alive and nothing more: a process that knows the id of a session
cannot keep the motion of a client that has disconnected. Without polls, no client is present.

Not here: which client owns which resource (supervisor.py), and the poll of the sockets (rpc).
"""

from dataclasses import dataclass, field, replace
from enum import Enum
import math

from viam_session_bridge.core.errors import Unsupervised
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.sessions import SessionSettings, SessionTable
from viam_session_bridge.core.states import Reason


class UnsupervisedPolicy(str, Enum):
    """What holds the motion of a client that has no session."""

    CONNECTION = 'connection'
    LEASE = 'lease'
    ALLOW = 'allow'
    REJECT = 'reject'


@dataclass(frozen=True)
class Caller:
    """
    A caller: session id (canonical), id of the open socket, authenticated entity, peer address.

    socket is None when the registry of open sockets does not list the caller's connection. method,
    sdk: the called method, and the SDK that the client reports; for the log only.
    """

    session: str | None = None
    socket: int | None = None
    entity: str = ''
    peer: str = ''
    method: str = field(default='', compare=False)
    sdk: str = field(default='', compare=False)


@dataclass(frozen=True)
class SessionClaim:
    """
    Held by a session, since the command at ``since`` (s), and by the connection that carried it.

    socket: None for a connection that is unknown, where only the session counts.
    """

    session: str
    socket: int | None
    since: float


@dataclass(frozen=True)
class ConnectionClaim:
    """Held by one open connection, since the command at ``since`` (s)."""

    socket: int
    since: float


@dataclass(frozen=True)
class LeaseClaim:
    """Held until a fixed instant (s), independent of any connection."""

    until: float
    peer: str = ''


@dataclass(frozen=True)
class OpenClaim:
    """Held without a client, and never ended: viam-server's behaviour, by explicit choice only."""


Claim = SessionClaim | ConnectionClaim | LeaseClaim | OpenClaim


def same_holder(one: Claim | None, other: Claim | None) -> bool:
    """Return whether two claims are held by the same session, connection or leaseholder."""
    if isinstance(one, SessionClaim) and isinstance(other, SessionClaim):
        return one.session == other.session
    if isinstance(one, ConnectionClaim) and isinstance(other, ConnectionClaim):
        return one.socket == other.socket
    if isinstance(one, LeaseClaim) and isinstance(other, LeaseClaim):
        return one.peer == other.peer
    return isinstance(one, OpenClaim) and isinstance(other, OpenClaim)


# A poll of the sockets proves their presence for this long (s). Polls come every 10 ms while a
# motion depends on them; a poller without results for this long has failed.
SOCKETS_PATIENCE = 0.5


@dataclass(frozen=True)
class Policy:
    """
    The rules of supervision.

    stop_on_disconnect: a session's motion ends with the connection that commanded it; without it,
    the session alone holds the motion. unsupervised: what holds the motion of a client without a
    session. stall_limit (s): the pump's longest oversleep. poll_period (s): it polls that often at
    least, also while nothing moves.
    """

    sessions: SessionSettings = SessionSettings()
    stop_on_disconnect: bool = True
    unsupervised: UnsupervisedPolicy = UnsupervisedPolicy.CONNECTION
    stall_limit: float = 0.125
    poll_period: float = math.inf


class OpenSockets:
    """
    The newest poll of the open sockets, as evidence.

    stale_at: when it becomes stale (s).
    """

    def __init__(self) -> None:
        self.stale_at = -math.inf
        self._taken_at = -math.inf
        self._open: frozenset[int] = frozenset()

    def update_sockets(self, open_sockets: frozenset[int], taken_at: float) -> bool:
        """
        Record a poll; returns whether a connection of the last one is missing.

        A poll that is older than the newest known one is ignored.
        """
        if taken_at < self._taken_at:
            return False
        before, self._open = self._open, open_sockets
        self._taken_at = taken_at
        self.stale_at = taken_at + SOCKETS_PATIENCE
        return not before <= open_sockets

    def proves(self, socket: int | None, since: float, now: float) -> bool:
        """
        Tell whether this socket counts as present for a command given at ``since``.

        Until a poll was made after the command, the command itself is the evidence; it becomes
        stale as a poll does.
        """
        if self._taken_at < since:
            return now < since + SOCKETS_PATIENCE
        return now < self.stale_at and socket in self._open

    def due_at(self, since: float) -> float:
        """Return when a command needs a poll (s); infinity once one was made after it."""
        return since + SOCKETS_PATIENCE if self._taken_at < since else math.inf


class Presence:
    """Grants claims by the policy and judges them by sessions, sockets and time."""

    def __init__(self, policy: Policy, sessions: SessionTable) -> None:
        self.policy = policy
        self._sessions = sessions
        self.open_sockets = OpenSockets()

    def update_sockets(self, open_sockets: frozenset[int], taken_at: float) -> bool:
        """Take a poll of the sockets; returns whether a connection of the last one is missing."""
        return self.open_sockets.update_sockets(open_sockets, taken_at)

    def grant(self, name: str, caller: Caller, motion: Motion, now: float) -> Claim:
        """Return the claim by which the caller may hold this motion. Raises Unsupervised."""
        if not motion.monitored:
            return self._by_connection(name, caller, now)
        if caller.session is not None:
            if self.policy.stop_on_disconnect and caller.socket is None:
                raise Unsupervised(
                    f'{name}: the connection of this call is not among the open ones, and '
                    'sessions.stop_on_disconnect is on')
            return SessionClaim(caller.session, caller.socket, now)
        policy = self.policy.unsupervised
        if policy is UnsupervisedPolicy.REJECT:
            raise Unsupervised(
                f'{name}: motion without a session is refused here (sessions.unsupervised: '
                'reject); start a session and send its id as viam-sid')
        # Python sends its command without the id when its first heartbeat failed.
        if policy is UnsupervisedPolicy.LEASE or caller.socket in self._sessions.carriers:
            return LeaseClaim(self._lease(motion.duration or 0.0, now), caller.peer)
        if policy is UnsupervisedPolicy.ALLOW:
            return OpenClaim()
        return self._by_connection(name, caller, now)

    def prolonged(self, claim: Claim, left: float, now: float) -> Claim:
        """Return the claim of a motion that may last this long (s) from now on."""
        if not isinstance(claim, LeaseClaim):
            return claim
        return replace(claim, until=max(claim.until, self._lease(left, now)))

    def _lease(self, left: float, now: float) -> float:
        """Return the instant (s) until which a call alone may hold its motion."""
        # A move may last longer than a window: its call is open, and the move ends by itself.
        return now + self.policy.sessions.heartbeat_window + left

    @staticmethod
    def _by_connection(name: str, caller: Caller, now: float) -> Claim:
        if caller.socket is None:
            raise Unsupervised(
                f'{name}: the connection of this call is not among the open ones, and nothing '
                'else could hold this motion')
        return ConnectionClaim(caller.socket, now)

    def absent(self, claim: Claim, now: float) -> Reason | None:
        """Return why the claimant no longer counts as present; None while it does."""
        if isinstance(claim, SessionClaim):
            if self._sessions.get(claim.session, now) is None:
                return Reason.SESSION_ENDED
            if self.policy.stop_on_disconnect and not self.open_sockets.proves(
                    claim.socket, claim.since, now):
                return Reason.DISCONNECTED
        elif isinstance(claim, ConnectionClaim):
            if not self.open_sockets.proves(claim.socket, claim.since, now):
                return Reason.DISCONNECTED
        elif isinstance(claim, LeaseClaim) and now >= claim.until:
            return Reason.LEASE_OVER
        return None

    def account(self, claim: Claim, now: float) -> str:
        """Return why a claimant is absent: measured value, limit, parameter."""
        if isinstance(claim, SessionClaim):
            found = self._sessions.silence(claim.session, now)
            silence, window = found or (math.nan, self.policy.sessions.heartbeat_window)
            if found is None or silence >= window:
                measured = '' if found is None else f' for {silence:.3g} s'
                return (f'no heartbeat or command of the session{measured}, limit {window:g} s '
                        '(sessions.heartbeat_window)')
            return ('no connection that carried it is open or answers '
                    '(sessions.stop_on_disconnect is on; see sessions.network_timeout)')
        if isinstance(claim, ConnectionClaim):
            return ('the connection is closed or does not answer (see sessions.network_timeout, '
                    'sessions.unsupervised)')
        if isinstance(claim, LeaseClaim):
            window = self.policy.sessions.heartbeat_window
            return (f'no command for {window:g} s beyond the motion itself '
                    '(sessions.heartbeat_window)')
        return ''

    def ends_at(self, claim: Claim, now: float) -> float:
        """
        Return when a claim ends if nothing renews it (s).

        All claims by a connection end when the newest poll is stale, which is not included here.
        """
        if isinstance(claim, LeaseClaim):
            return claim.until
        if isinstance(claim, ConnectionClaim):
            return self.open_sockets.due_at(claim.since)
        if isinstance(claim, SessionClaim):
            session = self._sessions.get(claim.session, now)
            deadline = session.deadline if session is not None else now
            if not self.policy.stop_on_disconnect:
                return deadline
            return min(deadline, self.open_sockets.due_at(claim.since))
        return math.inf

    def socket(self, claim: Claim | None) -> int | None:
        """Return the connection that this claim depends on; None without one."""
        if isinstance(claim, ConnectionClaim):
            return claim.socket
        if isinstance(claim, SessionClaim) and self.policy.stop_on_disconnect:
            return claim.socket
        return None
