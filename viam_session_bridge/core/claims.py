# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Callers, and the claims by which they hold a motion. Data only; presence.py judges it."""

from dataclasses import dataclass
from enum import Enum


class UnsupervisedPolicy(str, Enum):
    """What holds the motion of a client that has no session."""

    CONNECTION = 'connection'
    LEASE = 'lease'
    ALLOW = 'allow'
    REJECT = 'reject'


@dataclass(frozen=True)
class Caller:
    """
    Who calls: session id (canonical), id of the open socket, authenticated entity, peer address.

    socket is None when the registry of open sockets does not list the caller's connection.
    """

    session: str | None = None
    socket: int | None = None
    entity: str = ''
    peer: str = ''


@dataclass(frozen=True)
class SessionClaim:
    """Held by a session, since the command at ``since`` (s)."""

    session: str
    since: float


@dataclass(frozen=True)
class ConnectionClaim:
    """Held by one open connection, since the command at ``since`` (s)."""

    socket: int
    since: float


@dataclass(frozen=True)
class LeaseClaim:
    """Held until a fixed instant (s), whoever is there."""

    until: float
    peer: str = ''


@dataclass(frozen=True)
class OpenClaim:
    """Held by nobody and never ended: viam-server's behaviour, by explicit choice only."""


Claim = SessionClaim | ConnectionClaim | LeaseClaim | OpenClaim


def same_holder(one: Claim | None, other: Claim | None) -> bool:
    """Tell whether two claims are held by the same session, connection or leaseholder."""
    if isinstance(one, SessionClaim) and isinstance(other, SessionClaim):
        return one.session == other.session
    if isinstance(one, ConnectionClaim) and isinstance(other, ConnectionClaim):
        return one.socket == other.socket
    if isinstance(one, LeaseClaim) and isinstance(other, LeaseClaim):
        return one.peer == other.peer
    return isinstance(one, OpenClaim) and isinstance(other, OpenClaim)
