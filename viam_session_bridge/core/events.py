# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What a poll says: what drivers are told, which motions ended, what happened. Data only."""

from collections.abc import Callable
from dataclasses import dataclass
import math

from viam_session_bridge.core.claims import Claim
from viam_session_bridge.core.pulse import Echo, Pulse
from viam_session_bridge.core.setpoints import Call, Setpoint
from viam_session_bridge.core.states import Reason, State


@dataclass(frozen=True)
class Output:
    """
    What a driver is told in this pass: a setpoint, or a stop where setpoint is None.

    epoch: the command it belongs to. due: when it had to go out (s). first: the first of its kind
    since the state changed. prepare: the driver only gets ready for the setpoint, moves nothing,
    and reports back.
    """

    resource: str
    epoch: int
    setpoint: Setpoint | None
    due: float
    first: bool = False
    prepare: bool = False


@dataclass(frozen=True)
class Errand:
    """
    What a driver is asked to do beside motion: one of the resource's commands that do not move it.

    answer is called once, on any thread, with what was wrong (empty: nothing) and what was said.
    """

    resource: str
    call: Call
    answer: Callable[[str, str], None]


@dataclass(frozen=True)
class Ended:
    """A motion is over, or was answered by its driver; detail is the driver's text."""

    resource: str
    epoch: int
    reason: Reason
    detail: str = ''


@dataclass(frozen=True)
class Changed:
    """The actuator went from one state to another, for the log and diagnostics."""

    resource: str
    before: State
    after: State
    reason: Reason
    claim: Claim | None = None
    verified: bool = False
    detail: str = ''


@dataclass(frozen=True)
class SessionEnded:
    """A session passed its deadline."""

    session: str
    peer: str
    begun: bool


@dataclass(frozen=True)
class TakenOver:
    """A resource that moves passed from one claimant to another."""

    resource: str
    before: Claim
    after: Claim


@dataclass(frozen=True)
class Overslept:
    """The pump came late (s) while something moved."""

    late: float


@dataclass(frozen=True)
class Emergency:
    """The emergency stop was latched for this reason; an empty one says that it was reset."""

    reason: str


@dataclass(frozen=True)
class Notice:
    """Something about other processes that is worth a line; grave: an operator must look."""

    text: str
    grave: bool = False


Event = Changed | SessionEnded | TakenOver | Overslept | Emergency | Notice


@dataclass(frozen=True)
class Outputs:
    """
    What one poll decided: what drivers are told, which motions ended, events, next wake-up.

    pulse, echoes: what other processes are told, after the stops and before any motion. drain: to
    take in what has arrived, and to say when that is done.
    """

    outputs: tuple[Output, ...] = ()
    ended: tuple[Ended, ...] = ()
    events: tuple[Event, ...] = ()
    wake: float = math.inf
    pulse: Pulse | None = None
    echoes: tuple[Echo, ...] = ()
    drain: bool = False
