# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of the gRPC codes and texts of refusals."""

import grpc

from viam_session_bridge.core.errors import (
    BridgeError,
    EmergencyStopped,
    InvalidCommand,
    InvalidSessionId,
    NoFeedback,
    NotAtRest,
    NotYet,
    Overtaken,
    SessionExpired,
    ShuttingDown,
    Stalled,
    TooManySessions,
    UnknownResource,
    Unsupervised,
)
from viam_session_bridge.core.states import Reason

# Go and Python compare code and full text (viamrobotics/rdk session/context.go).
SESSION_EXPIRED = 'SESSION_EXPIRED'

# Texts are sent as metadata, and peers drop a call whose metadata is too long (8 kB for some).
# A text may quote a value of the client.
LONGEST_TEXT = 1000

# Also of the classes that derive from these.
_CODES: dict[type[Exception], grpc.StatusCode] = {
    SessionExpired: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidSessionId: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidCommand: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownResource: grpc.StatusCode.NOT_FOUND,
    TooManySessions: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unsupervised: grpc.StatusCode.FAILED_PRECONDITION,
    NoFeedback: grpc.StatusCode.FAILED_PRECONDITION,
    NotYet: grpc.StatusCode.FAILED_PRECONDITION,
    NotAtRest: grpc.StatusCode.FAILED_PRECONDITION,
    EmergencyStopped: grpc.StatusCode.FAILED_PRECONDITION,
    Overtaken: grpc.StatusCode.ABORTED,
    Stalled: grpc.StatusCode.ABORTED,
    ShuttingDown: grpc.StatusCode.UNAVAILABLE,
}


class CallError(Exception):
    """A refusal that exists only in the gRPC layer: code and text."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class MoveAborted(CallError):
    """A move ended early, and not by its caller, another command or a Stop."""

    def __init__(self, name: str, reason: Reason, detail: str = '') -> None:
        text = f'{reason.value} ({detail})' if detail else reason.value
        super().__init__(
            grpc.StatusCode.ABORTED, f'{name}: the move ended before it was done: {text}')
        self.reason = reason
        self.detail = detail


def exhausted(text: str) -> CallError:
    """Return the refusal of a call that exceeds a limit of this bridge."""
    return CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def unimplemented(text: str) -> CallError:
    """Return the refusal of a method or option that is not served."""
    return CallError(grpc.StatusCode.UNIMPLEMENTED, text)


def status_of(problem: BridgeError | CallError) -> tuple[grpc.StatusCode, str]:
    """Return code and text of a refusal. Texts are ASCII: some clients show nothing else."""
    if isinstance(problem, SessionExpired):
        return _CODES[SessionExpired], SESSION_EXPIRED
    code = problem.code if isinstance(problem, CallError) else next(
        (code for kind, code in _CODES.items() if isinstance(problem, kind)),
        grpc.StatusCode.UNKNOWN)
    text = str(problem).encode('ascii', 'backslashreplace').decode('ascii')
    if len(text) <= LONGEST_TEXT:
        return code, text
    note = f'... ({len(text)} characters)'
    return code, text[:LONGEST_TEXT - len(note)] + note
