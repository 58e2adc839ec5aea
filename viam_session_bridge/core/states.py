# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The states of an actuator, and why a motion ended or a stop began."""

from enum import Enum


class State(Enum):
    """Where an actuator stands."""

    IDLE = 'idle'
    MOVING = 'moving'
    STOPPING = 'stopping'
    UNCONFIRMED = 'unconfirmed'


class Reason(Enum):
    """Why a motion ended or a stop began; the value is for people."""

    COMMANDED = 'a client commanded it'
    DONE = 'the move is finished'
    SUPERSEDED = 'another command took its place'
    STOPPED = 'a client asked for a stop'
    CANCELLED = 'the call was cancelled'
    SESSION_ENDED = 'the session that commanded it ended'
    DISCONNECTED = 'the connection that commanded it is gone'
    LEASE_OVER = 'the lease of a client without a session ran out'
    PATH_LOST = 'there is no stop path any more'
    STALLED = 'the bridge itself was frozen'
    LATE_DRIVER = 'a driver appeared that may still be moving'
    SHUTDOWN = 'the bridge is shutting down'
    NOT_AT_REST = 'the robot was not seen to come to rest'
    TIME_LIMIT = 'it took too long'
    BACKWARDS = 'it moves against the command'
    NOT_STARTED = 'it did not begin to move'
    NO_PROGRESS = 'it makes no progress'
    OVERSHOT = 'it passed its goal'
    POSE_STANDS = 'the measured pose does not move'
    STALE_FEEDBACK = 'the feedback it is steered by went silent'
    REFUSED = 'its driver refused it'
    EMERGENCY = 'the emergency stop is pressed'
    NOT_READY = 'its driver did not get ready for motion'
    LATE_MOTION = 'what a call began came after the stop that was to end it'
    NO_GUARD = 'no guard would stop it if the bridge itself died'
    BRIDGE_SILENT = 'the bridge fell silent'
    BRIDGE_LEFT = 'the bridge has left before it was seen at rest'
    STARTED = 'the bridge has just started'
    UNVERIFIED = 'its last stop was not verified, and can be now'
    OTHER_BRIDGE = 'another bridge drives this robot'


# How a waiting call is answered: these ended as somebody wished.
WISHED = frozenset({Reason.DONE, Reason.SUPERSEDED, Reason.STOPPED})
