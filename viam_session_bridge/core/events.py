# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The results of a poll: outputs, ended motions, events, pulses and echoes. Data only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import math

from viam_session_bridge.core.errors import shown
from viam_session_bridge.core.move import Motion
from viam_session_bridge.core.presence import Caller, Claim
from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.core.states import Reason, State


@dataclass(frozen=True)
class Identity:
    """
    Which run of which bridge: instance is unique, started orders them (s on its steady clock).

    configuration: fingerprint of what stops depend on. patience (s): how long it may be silent
    before its guard stops what it moved. host, process, port: where it runs and serves, for
    texts; empty and 0 where it is not reported.
    """

    instance: str
    started: float = 0.0
    configuration: str = ''
    patience: float = 0.25
    host: str = field(default='', compare=False)
    process: int = field(default=0, compare=False)
    port: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """Return where it runs; the texts may come from other processes."""
        known = [f'host {shown(self.host)}' if self.host else '',
                 f'process {self.process}' if self.process else '',
                 f'port {self.port}' if self.port else '', f'instance {shown(self.instance)}']
        return f'bridge ({", ".join(filter(None, known))})'


@dataclass(frozen=True)
class Pulse:
    """
    A periodic message that proves that a bridge runs.

    active: the epoch of every resource that is not idle. goals: the ids of actions to cancel,
    for each resource that has any. goodbye: no further pulse follows, on purpose; the resources in
    active were not seen at rest. unconfirmed: those among the active whose stop has failed.
    latched: why the emergency stop is latched; empty while it is open. unmoved: those among the
    active without evidence of motion, whose feedback or servers were not seen. guards: those whose
    echoes this bridge has received; a pulse that was recorded before a guard started does not name
    it.
    """

    sender: Identity
    sequence: int
    active: Mapping[str, int] = field(default_factory=dict)
    goals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    goodbye: bool = False
    unconfirmed: tuple[str, ...] = ()
    latched: str = ''
    unmoved: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Echo:
    """
    A guard's answer to one pulse.

    guard: unique for each run of a guard. instance, sequence: of the pulse. configuration: the
    guard's own. fired: how often this guard has stopped what that instance had moved. unreached:
    the resources that this guard could not stop, because their drivers do not receive from it.
    latched: why the emergency stop of an earlier bridge was latched, until it is reset.
    moved: the resources that a bridge before this one left moving, or without a confirmed stop.
    number: grows with each echo of this guard.
    """

    guard: str
    instance: str
    sequence: int
    configuration: str = ''
    fired: int = 0
    unreached: tuple[str, ...] = ()
    latched: str = ''
    moved: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class Output:
    """
    An output to a driver in this pass: a setpoint, or a stop where setpoint is None.

    epoch: the command it belongs to. due: when it had to be sent (s). first: the first of its kind
    since the state changed. prepare: the driver only gets ready for the setpoint, moves nothing,
    and answers.
    """

    resource: str
    epoch: int
    setpoint: Setpoint | None
    due: float
    first: bool = False
    prepare: bool = False


@dataclass(frozen=True)
class ServiceCommand:
    """
    A command of a driver beside motion: one of the resource's commands that do not move it.

    answer is called once, on any thread, with the problem (empty: none) and the driver's answer.
    """

    resource: str
    call: ServiceCall
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
    """
    The actuator went from one state to another, for the log and diagnostics.

    When a stop is over: latency (s), between the decision and the first stop message; duration
    (s), from then on; None where there was no message. evidence: what was seen.
    """

    resource: str
    before: State
    after: State
    reason: Reason
    claim: Claim | None = None
    verified: bool = False
    detail: str = ''
    latency: float | None = field(default=None, compare=False)
    duration: float | None = field(default=None, compare=False)
    evidence: str = field(default='', compare=False)


@dataclass(frozen=True)
class Command:
    """The last command that a resource has accepted: of whom, what, and when (s)."""

    caller: Caller
    motion: Motion
    at: float


@dataclass(frozen=True)
class MotionBegun:
    """
    A resource that did not move begins to, or another client has taken it over: by whom, and what.

    before: who held the motion that it takes the place of; None where nothing moved.
    """

    resource: str
    caller: Caller
    claim: Claim
    motion: Motion
    before: Claim | None = None


@dataclass(frozen=True)
class SessionEnded:
    """
    A session passed its deadline, because nothing of it came for its window (s), or was ended.

    revoked: its key was revoked. by_operator: by ~/expire_sessions. sockets: the connections whose
    last call named it.
    """

    session: str
    peer: str
    begun: bool
    window: float = field(default=0.0, compare=False)
    sockets: tuple[int, ...] = field(default=(), compare=False)
    revoked: bool = False
    by_operator: bool = False


@dataclass(frozen=True)
class Stall:
    """
    The pump came late (s).

    limit (s): how late it may be. rule: where that limit comes from. within_pass: a driver or the
    decision took so long, not the way to the next pass. stopped: the resources that moved. refused
    (s): how long commands are refused at least, since they may have waited.
    """

    late: float
    limit: float = 0.0
    rule: str = ''
    within_pass: bool = False
    stopped: tuple[str, ...] = ()
    refused: float = 0.0

    def __str__(self) -> str:
        """Return what was late, by how much, and what the limit is."""
        where = ', within one pass' if self.within_pass else ''
        return (f'the stop loop came {self.late * 1e3:.0f} ms late{where} (limit '
                f'{self.limit * 1e3:.0f} ms{self.rule and ", "}{self.rule})')


@dataclass(frozen=True)
class Emergency:
    """The emergency stop was latched for this reason; an empty one says that it was reset."""

    reason: str


@dataclass(frozen=True)
class Notice:
    """
    Something about other processes that is worth a line.

    grave: an operator must look. warns: an operator should look.
    """

    text: str
    grave: bool = False
    warns: bool = False


@dataclass(frozen=True)
class GuardTookOver(Notice):
    """
    The guard stops what a bridge had moved; a bridge says so when a guard has told it.

    bridge: its instance. resources: what is stopped; empty where the bridge says it. left: the
    bridge has ended in order, before all was at rest.
    """

    bridge: str = ''
    resources: tuple[str, ...] = ()
    left: bool = False


@dataclass(frozen=True)
class SessionStarted:
    """A client has started a session, or resumed it (again, on another connection)."""

    session: str
    peer: str
    entity: str = ''
    resumed: bool = False


@dataclass(frozen=True)
class ClientConnected:
    """The first call on a connection of a client has come in."""

    peer: str


@dataclass(frozen=True)
class ClientDisconnected:
    """The connection of a client is closed; it is noticed within a second."""

    peer: str


@dataclass(frozen=True)
class Refusal:
    """
    A command was refused; cause: the code or error, problem: the text that the client received.

    Of those that repeat, one in a while is an event; more: how many like it came since the last.
    """

    method: str
    peer: str
    cause: str
    problem: str
    resource: str = ''
    more: int = 0


@dataclass(frozen=True)
class Escalation:
    """A step was tried because a stop is not confirmed, or has had an outcome."""

    resource: str
    step: str


@dataclass(frozen=True)
class ConfigurationChanged:
    """Parameters were changed at run time; changes: by name, the value before and after."""

    changes: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class DriverAppeared:
    """A subscriber was matched on an output of the resource, so that stops arrive."""

    resource: str


@dataclass(frozen=True)
class DriverDisappeared:
    """A stop would not reach the driver of the resource; problem: why."""

    resource: str
    problem: str


@dataclass(frozen=True)
class LastResort:
    """
    The stop loop has failed: the drivers of these resources receive stops for a second.

    No decision is behind it and nothing confirms it; the process ends then.
    """

    resources: tuple[str, ...]


@dataclass(frozen=True)
class EventsLost:
    """Events were dropped, because the log or a file was too slow."""

    count: int


# In the order of docs/events.md.
LogEvent = (
    ClientConnected | ClientDisconnected | SessionStarted | SessionEnded | MotionBegun | Refusal
    | Changed | Escalation | GuardTookOver | Emergency | Stall | ConfigurationChanged
    | DriverAppeared | DriverDisappeared | LastResort | Notice | EventsLost)


@dataclass(frozen=True)
class Outputs:
    """
    What one poll decided: what drivers are told, which motions ended, events, next wake-up.

    pulse, echoes: what other processes are told, after the stops and before any motion. drain: to
    take in what has arrived, and to say when that is done. at: when it was decided (s).
    """

    outputs: tuple[Output, ...] = ()
    ended: tuple[Ended, ...] = ()
    events: tuple[LogEvent, ...] = ()
    wake: float = math.inf
    pulse: Pulse | None = None
    echoes: tuple[Echo, ...] = ()
    drain: bool = False
    at: float = field(default=0.0, compare=False)
