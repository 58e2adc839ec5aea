# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The state machine of an actuator, as data: states, events, transitions. And the reasons for stops.

tools/states_document.py writes the table of docs/design.md from TRANSITIONS. When an event happens
is decided by the actuator; what follows from it is here.
"""

from enum import auto, Enum, Flag


class State(Enum):
    """The state of an actuator."""

    IDLE = 'idle'
    MOVING = 'moving'
    STOPPING = 'stopping'
    UNCONFIRMED = 'unconfirmed'


class Event(Enum):
    """What happens to an actuator; the value is for people."""

    COMMANDED = 'motion command'
    STOP = 'stop requested'
    SETTLED = 'move done, needs no stop'
    STOP_DONE = 'stop done'
    STOP_FAILED = 'stop failed'
    STOP_UNVERIFIED = 'stop over, cannot be verified'
    RESET = 'reset'
    LEFT = 'left to another process'


# Every transition there is. A stop is accepted in every state. What is not listed cannot happen,
# but for a motion command: that is refused.
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
    """What a reason means, beside its text; see Reason."""

    NONE = 0
    WISHED = auto()
    OVERTAKES = auto()
    UNASKED = auto()
    BY_NEWCOMER = auto()


class Reason(Enum):
    """
    Why a motion ended or a stop began; the value is for people.

    is_wished: a call that waits for the motion is answered OK. overtakes: after such a stop, a
    command that waited for its turn is not executed any more. is_unasked: nobody asked for this
    stop, which is worth a warning. by_newcomer: the process that stops may have found the driver a
    moment ago, so that the driver may not receive yet; with feedback that is there, the stop lasts
    until rest is seen.
    """

    is_wished: bool
    overtakes: bool
    is_unasked: bool
    by_newcomer: bool

    COMMANDED = 'a client commanded it'
    DONE = 'the move is finished', Trait.WISHED
    SUPERSEDED = 'another command took its place', Trait.WISHED
    STOPPED = 'a client asked for a stop', Trait.WISHED | Trait.OVERTAKES
    CANCELLED = 'the call was cancelled'
    SESSION_ENDED = 'the session that commanded it ended', Trait.UNASKED
    REVOKED = 'the key of the client that commanded it was revoked', Trait.UNASKED
    DISCONNECTED = 'the connection that commanded it is gone', Trait.UNASKED
    LEASE_OVER = 'the lease of a client without a session ran out', Trait.UNASKED
    PATH_LOST = 'there is no stop path any more', Trait.UNASKED
    STALLED = 'the bridge itself was frozen', Trait.UNASKED | Trait.OVERTAKES
    LATE_DRIVER = 'a driver appeared that may still be moving', Trait.UNASKED
    SHUTDOWN = 'the bridge is shutting down', Trait.OVERTAKES
    NOT_AT_REST = 'the robot was not seen to come to rest'
    TIME_LIMIT = 'it took too long', Trait.UNASKED
    BACKWARDS = 'it moves against the command', Trait.UNASKED
    NOT_STARTED = 'it did not begin to move', Trait.UNASKED
    NO_PROGRESS = 'it makes no progress', Trait.UNASKED
    OVERSHOT = 'it passed its goal', Trait.UNASKED
    POSE_STANDS = 'the measured pose does not move', Trait.UNASKED
    STALE_FEEDBACK = 'the feedback it is steered by went silent', Trait.UNASKED
    REFUSED = 'its driver refused it'
    EMERGENCY = 'the emergency stop is pressed', Trait.OVERTAKES
    NOT_READY = 'its driver did not get ready for motion', Trait.UNASKED
    LATE_MOTION = 'what a call began came after the stop that was to end it', Trait.UNASKED
    NO_GUARD = 'no guard would stop it if the bridge itself died', Trait.UNASKED
    BRIDGE_SILENT = 'the bridge fell silent', Trait.UNASKED | Trait.BY_NEWCOMER
    BRIDGE_LEFT = (
        'the bridge has left before it was seen at rest', Trait.UNASKED | Trait.BY_NEWCOMER)
    STARTED = 'the bridge has just started', Trait.BY_NEWCOMER
    UNVERIFIED = 'its last stop was not verified, and can be now', Trait.BY_NEWCOMER
    OTHER_BRIDGE = 'another bridge drives this robot', Trait.UNASKED

    def __new__(cls, text: str, traits: Trait = Trait.NONE) -> 'Reason':
        """Let the text be the value, and each trait an attribute."""
        reason = object.__new__(cls)
        reason._value_ = text
        reason.is_wished = Trait.WISHED in traits
        reason.overtakes = Trait.OVERTAKES in traits
        reason.is_unasked = Trait.UNASKED in traits
        reason.by_newcomer = Trait.BY_NEWCOMER in traits
        return reason
