# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the core refuses, and why. No gRPC codes here: rpc/status.py owns that table."""

from collections.abc import Iterable
from functools import lru_cache

# How much of a client's text is quoted, in characters.
MOST_SHOWN = 64


def shown(text: str, most: int = MOST_SHOWN) -> str:
    """Return a client's text as a refusal or log quotes it: in ASCII, cut with its length."""
    if len(text) <= most:
        return ascii(text)
    return f'{ascii(text[:most])}... ({len(text)} characters)'


@lru_cache(maxsize=64)  # each heartbeat has one
def bounded(text: str) -> str:
    """Return what a client calls itself: as it is if short, printable ASCII; else as shown."""
    plain = len(text) <= MOST_SHOWN and text.isascii() and text.isprintable()
    return text if plain else shown(text)


class BridgeError(Exception):
    """Root of everything the bridge refuses. The text is meant for the client's programmer."""


class SessionExpired(BridgeError):
    """The session id is unknown, has passed its deadline, or belongs to another entity."""


class InvalidSessionId(BridgeError):
    """The text is not a UUID, or the call has more than one id; there was no lookup."""


class TooManySessions(BridgeError):
    """The table holds as many live sessions as it may."""


class UnknownResource(BridgeError):
    """No resource of this API and name is configured."""


def unknown_resource(name: str, known: Iterable[str]) -> UnknownResource:
    """Return the refusal of a name that no resource has."""
    return UnknownResource(
        f'no resource is named {shown(name)}; there are: ' + (', '.join(sorted(known)) or 'none'))


class InvalidCommand(BridgeError):
    """A value of the command is not acceptable; the text names it and what is accepted."""


class Unsupervised(BridgeError):
    """Nothing would supervise this motion: no session, no connection that replaces one."""


class NotYet(BridgeError):
    """
    Motion cannot begin now, but may soon; root of the refusals after which a caller may retry.

    turn: the position in the queue that this command keeps for a retry; see Supervisor.command.
    """

    turn = 0


class NoStopPath(NotYet):
    """No stop could reach the driver, so motion does not begin. Passes with discovery."""


class StopOutstanding(NotYet):
    """An acknowledged stop output has not answered yet. Passes by itself."""


class NoGuard(NotYet):
    """A guard is required, and no suitable one answers. Passes when one does."""


class OtherBridge(NotYet):
    """Another bridge started earlier and drives this robot. Passes when it ends."""


class JustStarted(NotYet):
    """
    The bridge has just started: its first stop continues, or the source of a stop was not seen.

    Passes by itself, or when the feedback or the server that the text names has started.
    """


class Overtaken(BridgeError):
    """While this command waited, a Stop or a newer command came: it must not be executed."""


class NoFeedback(BridgeError):
    """Feedback controls the move, and no recent feedback exists."""


class NotAtRest(BridgeError):
    """The last stop was not confirmed; motion waits until it is, or the bridge is reset."""


class EmergencyStopped(BridgeError):
    """The emergency stop is pressed or latched; only stops are accepted."""


class Stalled(BridgeError):
    """The bridge itself was frozen; everything was stopped and this command may be old."""


class ShuttingDown(BridgeError):
    """The bridge is shutting down and accepts stops only."""
