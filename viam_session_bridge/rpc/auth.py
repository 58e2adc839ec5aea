# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who a caller says it is. There is no authentication yet, and this module says so loudly.

proto.rpc.v1.AuthService/Authenticate answers any key with a token that names the entity, so that
programs written for an API key run unchanged. Tokens survive a restart of the bridge: the SDKs'
native dialers never refresh theirs.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import grpc

from viam_session_bridge.core.errors import shown
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.status import CallError, unimplemented

_PREFIX = 'Bearer unauthenticated.'
_TYPES = ('api-key', 'robot-location-secret')

# Known to Viam, but not handed to a machine: its cloud vouches for who has one.
_INDIRECT = 'external'


def token_for(entity: str) -> str:
    """Return an opaque token that maps back to the entity; it proves nothing."""
    return 'unauthenticated.' + base64.urlsafe_b64encode(entity.encode()).decode()


def entity_of(metadata: Mapping[str, list[str]]) -> str:
    """Return the entity that a call's token names; empty when it names none."""
    values = metadata.get('authorization', [])
    if len(values) != 1 or not values[0].startswith(_PREFIX):
        return ''
    try:
        return base64.urlsafe_b64decode(values[0][len(_PREFIX):]).decode()
    except (binascii.Error, ValueError):
        return ''


class AuthService:
    """proto.rpc.v1.AuthService of a bridge without authentication."""

    def __init__(self, warn: Callable[[str], object]) -> None:
        self._warn = warn

    async def Authenticate(self, request: Any, call: Any) -> Any:
        """Answer any key of a known type with a token."""
        if 'authorization' in call.metadata:
            raise CallError(
                grpc.StatusCode.INVALID_ARGUMENT,
                'already authenticated; cannot re-authenticate')
        if not request.HasField('credentials'):
            raise CallError(grpc.StatusCode.INVALID_ARGUMENT, 'credentials required')
        if request.credentials.type == _INDIRECT:
            raise unimplemented(f'direct authentication not supported for "{_INDIRECT}"')
        if request.credentials.type not in _TYPES:
            raise CallError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f'do not know how to handle credential type {shown(request.credentials.type)}; '
                f'known: {", ".join(_TYPES)}')
        self._warn(
            f'{call.caller.peer} sent credentials of {shown(request.entity)}; this bridge checks '
            'none: whoever reaches its port may drive the robot')
        return proto.auth.AuthenticateResponse(access_token=token_for(request.entity))
