# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The state machine of an actuator, as data: states, events, transitions. And the reasons for stops.

tools/states_document.py writes the table of docs/design.md from TRANSITIONS. actuator.py decides
when an event happens; its effect is defined here.
"""

from enum import auto, Enum, Flag


class State(Enum):
    """The state of an actuator."""

    IDLE = 'idle'
    MOVING = 'moving'
    STOPPING = 'stopping'
    UNCONFIRMED = 'unconfirmed'


class Event(Enum):
    """An event of an actuator; the value is its text."""

    COMMANDED = 'motion command'
    STOP = 'stop requested'
    SETTLED = 'move done, needs no stop'
    STOP_DONE = 'stop done'
    STOP_FAILED = 'stop failed'
    STOP_UNVERIFIED = 'stop over, cannot be verified'
    RESET = 'reset'
    LEFT = 'left to another process'


# Every transition. A stop is accepted in every state. An event that is not listed cannot happen,
# except a motion command: that is refused.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IDLE, Event.COMMANDED): State.MOVING,
    (State.IDLE, Event.STOP): State.STOPPING,
    (State.IDLE, Event.LEFT): State.IDLE,

    (State.MOVING, Event.COMMANDED): State.MOVING,
    (State.MOVING, Event.STOP): State.STOPPING,
    (State.MOVING, Event.SETTLED): State.IDLE,

    (State.STOPPING, Event.COMMANDED): State.MOVING,
    (State.STOPPING, Event.STOP): State.STOPPING,
    (State.STOPPING, Event.STOP_DONE): State.IDLE,
    (State.STOPPING, Event.STOP_FAILED): State.UNCONFIRMED,
    (State.STOPPING, Event.STOP_UNVERIFIED): State.IDLE,
    (State.STOPPING, Event.LEFT): State.IDLE,

    (State.UNCONFIRMED, Event.STOP): State.UNCONFIRMED,
    (State.UNCONFIRMED, Event.STOP_DONE): State.IDLE,
    (State.UNCONFIRMED, Event.RESET): State.IDLE,
    (State.UNCONFIRMED, Event.LEFT): State.IDLE,
}


class Trait(Flag):
    """Properties of a reason, beside its text; see Reason."""

    NONE = 0
    ANSWERS_OK = auto()
    OVERTAKES = auto()
    UNREQUESTED = auto()
    BY_NEW_PROCESS = auto()


class Reason(Enum):
    """
    Why a motion ended or a stop began; the value is its text.

    answers_ok: a call that waits for the motion is answered OK. overtakes: after such a stop, a
    command that waited for its turn is not executed any more. is_unrequested: no client requested
    this stop, so it is logged as a warning. by_new_process: the process that stops may have
    discovered the driver a moment ago, so that the driver may not receive yet; with feedback, the
    stop continues until rest is seen.
    """

    answers_ok: bool
    overtakes: bool
    is_unrequested: bool
    by_new_process: bool

    COMMANDED = 'a client commanded it'
    DONE = 'the move is finished', Trait.ANSWERS_OK
    SUPERSEDED = 'another command replaced it', Trait.ANSWERS_OK
    STOPPED = 'a client requested a stop', Trait.ANSWERS_OK | Trait.OVERTAKES
    CANCELLED = 'the call was cancelled'
    SESSION_ENDED = 'the session that commanded it ended', Trait.UNREQUESTED
    REVOKED = 'the key of the client that commanded it was revoked', Trait.UNREQUESTED
    DISCONNECTED = 'the connection that commanded it is closed', Trait.UNREQUESTED
    LEASE_OVER = 'the lease of a client without a session expired', Trait.UNREQUESTED
    PATH_LOST = 'there is no stop path any more', Trait.UNREQUESTED
    STALLED = 'the bridge itself was frozen', Trait.UNREQUESTED | Trait.OVERTAKES
    LATE_DRIVER = 'a driver appeared that may still be moving', Trait.UNREQUESTED
    SHUTDOWN = 'the bridge is shutting down', Trait.OVERTAKES
    NOT_AT_REST = 'the robot was not seen to come to rest'
    TIME_LIMIT = 'it took too long', Trait.UNREQUESTED
    BACKWARDS = 'it moves against the command', Trait.UNREQUESTED
    NOT_STARTED = 'it did not begin to move', Trait.UNREQUESTED
    NO_PROGRESS = 'it makes no progress', Trait.UNREQUESTED
    OVERSHOT = 'it passed its goal', Trait.UNREQUESTED
    POSE_NOT_MOVING = 'the measured pose does not move', Trait.UNREQUESTED
    STALE_FEEDBACK = 'the feedback that controls it became stale', Trait.UNREQUESTED
    REFUSED = 'its driver refused it'
    EMERGENCY = 'the emergency stop is pressed', Trait.OVERTAKES
    NOT_READY = 'its driver did not get ready for motion', Trait.UNREQUESTED
    LATE_MOTION = 'a call began motion after the stop that should end it', Trait.UNREQUESTED
    NO_GUARD = 'no guard would stop it if the bridge itself failed', Trait.UNREQUESTED
    BRIDGE_SILENT = 'the bridge became silent', Trait.UNREQUESTED | Trait.BY_NEW_PROCESS
    BRIDGE_LEFT = (
        'the bridge has left before it was seen at rest', Trait.UNREQUESTED | Trait.BY_NEW_PROCESS)
    STARTED = 'the bridge has just started', Trait.BY_NEW_PROCESS
    UNVERIFIED = 'its last stop was not verified, and can be now', Trait.BY_NEW_PROCESS
    OTHER_BRIDGE = 'another bridge drives this robot', Trait.UNREQUESTED

    def __new__(cls, text: str, traits: Trait = Trait.NONE) -> 'Reason':
        """Use the text as the value, and each trait as an attribute."""
        reason = object.__new__(cls)
        reason._value_ = text
        reason.answers_ok = Trait.ANSWERS_OK in traits
        reason.overtakes = Trait.OVERTAKES in traits
        reason.is_unrequested = Trait.UNREQUESTED in traits
        reason.by_new_process = Trait.BY_NEW_PROCESS in traits
        return reason
