# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Authentication of callers, and their rights.

proto.rpc.v1.AuthService/Authenticate exchanges an API key for a token, which later calls carry.
Each call checks its token against the key file (key_file.py): the token is invalid as soon as the
key was revoked, rotated or changed. A token never expires: the native dialers of the SDKs do not
renew it. It stays valid across a restart of the bridge and a change of the clock.

Without a key file there is no authentication: any credentials give a token, which names its entity
and proves nothing.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import ipaddress
import logging
from pathlib import Path
from types import ModuleType
from typing import Any
import uuid

import grpc

from viam_session_bridge.core.errors import bounded, shown
from viam_session_bridge.key_file import Key, KeyFile, STOP_ALL
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.connections import parse_peer, shown_address
from viam_session_bridge.rpc.status import CallError, unimplemented
from viam_session_bridge.rpc.throttle import Throttle

# The only method that is served without authentication.
AUTHENTICATE = 'proto.rpc.v1.AuthService.Authenticate'

# SDKs call this service first, also with credentials that are not a token. They connect directly
# if it is UNIMPLEMENTED.
SIGNALING = 'proto.rpc.webrtc.v1.SignalingService'

API_KEY = 'api-key'

# A type of Viam's cloud, which a machine does not accept directly.
_INDIRECT = 'external'

_BEARER = 'Bearer '
_ALGORITHM = 'HS256'

# Tokens of this bridge have less than 250 characters.
LONGEST_TOKEN = 1024

# The size of the cache of valid tokens: verifying one takes as long as the rest of a heartbeat.
MOST_TOKENS = 1024

# Refused tokens of one address are logged once for each cause in this period (s).
TOKEN_PERIOD = 10.0

_LOG = logging.getLogger(__name__)


class AuthenticationError(Exception):
    """Authentication is configured but not possible; the text states what is missing."""


def unauthenticated(text: str) -> CallError:
    """Return the refusal of a caller that is not authenticated."""
    return CallError(grpc.StatusCode.UNAUTHENTICATED, text)


@dataclass(frozen=True)
class Rights:
    """
    The rights of a caller. Every caller may stop a resource.

    entity: the id of its key. command: the resources that it may command and read; None for all.
    read: whether it may read from the others. stops_all: whether its StopAll stops all resources,
    and not only those that it was the last to command.
    """

    entity: str = ''
    command: frozenset[str] | None = None
    read: bool = True
    stops_all: bool = True

    def require_command(self, name: str) -> None:
        """Raise CallError unless the caller may command this resource."""
        if self.command is not None and name not in self.command:
            raise self._denied(name, 'command')

    def require_read(self, name: str) -> None:
        """Raise CallError unless the caller may read from this resource."""
        if not self.read and self.command is not None and name not in self.command:
            raise self._denied(name, 'read from')

    def _denied(self, name: str, what: str) -> CallError:
        return CallError(
            grpc.StatusCode.PERMISSION_DENIED,
            f'{name}: key {self.entity} may not {what} this resource')


def _wrong_type(kind: str, known: tuple[str, ...]) -> CallError | None:
    """Return the refusal of credentials of this type; None for a known type."""
    if kind == _INDIRECT:
        return unimplemented(f'direct authentication not supported for "{_INDIRECT}"')
    if kind in known:
        return None
    return CallError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f'do not know how to handle credential type {shown(kind)}; known: {", ".join(known)}')


# ---- without keys -------------------------------------------------------------------------------

_PREFIX = _BEARER + 'unauthenticated.'


def token_for(entity: str) -> str:
    """Return a token that contains the entity, without proof."""
    return 'unauthenticated.' + base64.urlsafe_b64encode(entity.encode()).decode()


def entity_of(metadata: Mapping[str, list[str]]) -> str:
    """Return the entity that such a token names, bounded; empty if there is none."""
    values = metadata.get('authorization', [])
    if len(values) != 1 or not values[0].startswith(_PREFIX):
        return ''
    try:
        return bounded(base64.urlsafe_b64decode(values[0][len(_PREFIX):]).decode())
    except (binascii.Error, ValueError):
        return ''


class NoAuthentication:
    """Every caller has all rights."""

    def rights(self, metadata: Mapping[str, list[str]], peer: str) -> Rights:
        """Return all rights, for the entity that the caller names."""
        return Rights(entity_of(metadata))

    def log_in(self, kind: str, entity: str, secret: str, peer: str) -> str:
        """Return a token for any credentials of a known type, and log a warning."""
        if refusal := _wrong_type(kind, (API_KEY, 'robot-location-secret')):
            raise refusal
        _LOG.warning(
            '%s sent credentials of %s; this bridge checks none: every client that can connect to '
            'its port may drive the robot', peer, shown(entity))
        return token_for(entity)

    def refresh(self) -> None:
        """Do nothing: there are no keys."""


# ---- with keys ----------------------------------------------------------------------------------

# This many failed logins of an address cause no delay; then the delay (s) doubles each time.
FREE_FAILURES = 3
FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0

# The number of addresses that are stored; the latest are kept.
MOST_ADDRESSES = 1024


def origin(peer: str) -> str:
    """
    Return the network whose failed logins are counted together; '' for this host.

    For IPv6 this is the /64 network, since one host can use all its addresses.
    """
    endpoint = parse_peer(peer)
    if endpoint is None:
        return peer.partition(':')[0]
    address = ipaddress.ip_address(endpoint.address)
    if address.is_loopback:
        return ''
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@dataclass
class _Failures:
    count: int = 0
    until: float = 0.0


class BackOff:
    """
    Delays the next login from an address after failed logins, for all keys.

    Times are seconds on a steady clock.
    """

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def left(self, address: str, now: float) -> float:
        """Return for how long (s) logins from an address are refused without a check."""
        failures = self._failures.get(address)
        return max(0.0, failures.until - now) if failures else 0.0

    def failed(self, address: str, now: float) -> None:
        """Record a failed login."""
        if not address:
            return
        failures = self._failures.pop(address, None) or _Failures()
        self._failures[address] = failures
        failures.count += 1
        doublings = failures.count - FREE_FAILURES
        if doublings > 0:
            failures.until = now + min(FIRST_DELAY * 2.0 ** min(doublings - 1, 10), LONGEST_DELAY)
        if len(self._failures) > MOST_ADDRESSES:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, address: str) -> None:
        """Record a successful login."""
        self._failures.pop(address, None)


class KeyAuthentication:
    """
    Authentication with the API keys of a key file.

    on_end: called with the id of each key that was revoked, rotated or changed. now: a steady
    clock (s). resources: the names of the configured resources.
    """

    def __init__(self, path: str, now: Callable[[], float],
                 on_end: Callable[[str], None], resources: Iterable[str]) -> None:
        """Read the key file. Raises AuthenticationError if PyJWT is missing."""
        self._jwt = _jwt()
        self._file = KeyFile(Path(path).expanduser())
        self._now = now
        self._on_end = on_end
        self._resources = frozenset(resources)
        self._back_off = BackOff()
        self._refused = Throttle()
        self._rights: dict[str, Rights] = {}
        # The rights by valid token, since the last change of the key file.
        self._verified: dict[str, Rights] = {}
        self._problem = ''
        self.refresh()
        if not self._file.problem and not self._file.table.keys:
            _LOG.warning('auth.key_file: %s has no keys: no client can log in', self._file.path)

    def rights(self, metadata: Mapping[str, list[str]], peer: str) -> Rights:
        """Return the rights of the key of a call's token; the reason of a refusal is logged."""
        self.refresh()
        values = metadata.get('authorization', [])
        if len(values) != 1:
            raise self._no_token(
                peer, f'{"several" if values else "no"} authorization headers (expected 1)',
                'authentication required')
        if not values[0].startswith(_BEARER):
            text = f'expected authorization header with prefix: {_BEARER}'
            raise self._no_token(peer, text, text)
        token = values[0][len(_BEARER):]
        rights = self._verified.get(token)
        if rights is None:
            key = self._key_of(token)
            if isinstance(key, str):
                raise self._no_token(
                    peer, key,
                    'unauthenticated: the token is not valid, or its key was revoked or rotated')
            if len(self._verified) >= MOST_TOKENS:
                self._verified.clear()
            rights = self._verified[token] = self._rights[key.id]
        return rights

    def _no_token(self, peer: str, problem: str, text: str) -> CallError:
        """Log once in a period for each address and cause; return the refusal with this text."""
        more = self._refused.due((origin(peer), problem), self._now(), TOKEN_PERIOD)
        if more is not None:
            _LOG.warning('token from %s refused: %s%s', shown_address(peer), problem,
                         f' ({more} more like this since the last message)' if more else '')
        return unauthenticated(text)

    def _key_of(self, token: str) -> Key | str:
        """
        Return the key of a token if it is valid, else why it is not.

        The reason quotes nothing that is not signed: each reason of an address is one log line.
        """
        table = self._file.table
        # Without keys there is no signing key, and an empty one would verify.
        if not table.keys:
            return 'auth.key_file has no keys that are accepted'
        if len(token) > LONGEST_TOKEN:
            return f'it is longer than {LONGEST_TOKEN} characters'
        try:
            # No claim depends on time: the clock may step.
            claims = self._jwt.decode(
                token, table.signing_key, algorithms=[_ALGORITHM], options={
                    'require': ['sub', 'gen'], 'verify_exp': False, 'verify_nbf': False,
                    'verify_iat': False, 'verify_aud': False, 'verify_iss': False})
            named, generation = claims['sub'], claims['gen']
            key = table.keys.get(named)
        except self._jwt.InvalidSignatureError:
            return 'its signature is wrong: this key file (auth.key_file) did not issue it'
        # The exception types depend on the PyJWT version.
        except Exception as problem:
            return f'it is not a token of this bridge ({type(problem).__name__})'
        if key is None:
            return f'its key {shown(str(named))} was revoked'
        if generation != key.generation:
            return f'its key {key.id} ({key.name!a}) was rotated after it was issued'
        return key

    def log_in(self, kind: str, entity: str, secret: str, peer: str) -> str:
        """Return a token for an API key; the reason of a refusal is logged."""
        self.refresh()
        entity = entity.lower()
        address, now = origin(peer), self._now()
        left = self._back_off.left(address, now)
        if left > 0.0:
            raise CallError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f'too many failed logins from {address}: the next is accepted in {left:.1f} s')
        refusal = _wrong_type(kind, (API_KEY,))
        problem = str(refusal) if refusal else self._problem_of(entity, secret)
        if problem:
            self._back_off.failed(address, now)
            delay = self._back_off.left(address, now)
            _LOG.warning(
                'login from %s refused: %s%s', shown_address(peer), problem,
                f'; the next login from there is accepted in {delay:.1f} s' if delay else '')
            raise refusal or unauthenticated('invalid credentials')
        self._back_off.succeeded(address)
        table = self._file.table
        key = table.keys[entity]
        _LOG.info('login from %s with key %s (%s)', shown_address(peer), key.id, ascii(key.name))
        token: str = self._jwt.encode(
            {'sub': key.id, 'gen': key.generation}, table.signing_key, algorithm=_ALGORITHM)
        return token

    def _problem_of(self, entity: str, secret: str) -> str:
        """Return why credentials are wrong, without the secret; empty if they are valid."""
        key = self._file.table.keys.get(entity)
        # The comparison takes the same time if the id is unknown.
        matches = (key or _NO_KEY).matches(secret)
        if key is not None:
            return '' if matches else f'key {key.id} ({key.name!a}): the secret is wrong'
        if self._file.problem:
            return f'there are no keys: {self._file.problem}'
        try:
            # Only a UUID is logged: the client may have exchanged id and secret.
            return f'there is no key {uuid.UUID(entity)}: never created here, or revoked'
        except ValueError:
            return (f'the key id is not a UUID ({len(entity)} characters); were id and key '
                    'exchanged?')

    def refresh(self) -> None:
        """Read the key file if it has changed, and end the keys that were revoked or changed."""
        before = self._file.table
        if not self._file.refresh():
            return
        table = self._file.table
        self._verified.clear()
        self._rights = {each: _rights_of(key) for each, key in table.keys.items()}
        problem, self._problem = self._problem, self._file.problem
        if self._file.problem:
            if self._file.problem != problem:
                _LOG.error('auth.key_file: %s; no client can log in', self._file.problem)
        elif table != before or problem:
            _LOG.info('auth.key_file: %s has %d keys', self._file.path, len(table.keys))
            self._warn_of_unknown(table.keys.values())
        for ended in before.changed(table):
            _LOG.warning('key %s (%s) was revoked, rotated or changed: its sessions end',
                         ended, ascii(before.keys[ended].name))
            self._on_end(ended)

    def _warn_of_unknown(self, keys: Iterable[Key]) -> None:
        for key in keys:
            unknown = sorted(set(key.command or ()) - self._resources)
            if unknown:
                _LOG.warning('key %s (%s) may command %s: no resource has this name', key.id,
                             ascii(key.name), ', '.join(map(ascii, unknown)))


_NO_KEY = Key('', '', '0' * 64, '', '')


def _rights_of(key: Key) -> Rights:
    return Rights(key.id, None if key.command is None else frozenset(key.command), key.read,
                  key.stop_all == STOP_ALL)


def _jwt() -> ModuleType:
    """Return PyJWT. Raises AuthenticationError."""
    try:
        import jwt
    except ImportError as problem:
        raise AuthenticationError(
            'auth.key_file: tokens need PyJWT, which is not installed; apt install python3-jwt, '
            'or pip install PyJWT') from problem
    return jwt


Authentication = NoAuthentication | KeyAuthentication


# ---- the service --------------------------------------------------------------------------------

class AuthService:
    """proto.rpc.v1.AuthService."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def Authenticate(self, request: Any, call: Any) -> Any:
        """Return a token for credentials."""
        if 'authorization' in call.metadata:
            raise CallError(
                grpc.StatusCode.INVALID_ARGUMENT,
                'already authenticated; cannot re-authenticate')
        if not request.HasField('credentials'):
            raise CallError(grpc.StatusCode.INVALID_ARGUMENT, 'credentials required')
        return proto.auth.AuthenticateResponse(access_token=self._authentication.log_in(
            request.credentials.type, request.entity, request.credentials.payload,
            call.caller.peer))
