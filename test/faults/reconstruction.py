# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stops that the events of bridge and guard tell of, compared with what the suite recorded.

The suite knows, without the events, what each driver received and from which node, which client
commanded last and by which connection, which processes it killed or froze, and whether the robot
truly was at rest. `viam_session_bridge.cli.why` reconstructs the stops, as it does for operators.

The events are those of the audit files: they need no network, and what a process wrote there
remains when it is killed. Only the last moment before a SIGKILL may be missing.

Instants are seconds of time.monotonic(). Numbers and events in, texts out.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import math
import time
from typing import NamedTuple

from verdict import length, Span, within
from viam_session_bridge.cli.why import Event, reconstruct, Stop

# A driver receives a stop so soon (s) after its event, and none later than this after its end.
# Time that the machine took away, and time without a path to the driver, come on top.
BOUND = 0.5

# However busy the machine is, this share of a time counts: a stop that is repeated 20 times a
# second arrives in between.
LEAST_SHARE = 0.2

# The clocks of two processes differ by less (s).
ROUNDING = 0.005

# What a process did in the last moment (s) before a SIGKILL may not be written yet.
UNWRITTEN = 0.2

# Reasons that a machine explains which takes away so much time (s) of the last half second:
# pulses, echoes, heartbeats and the stop loop come late.
OVERLOAD = 0.12
OVERLOAD_MEMORY = 0.5
OVERLOADED = frozenset({
    'stalled', 'bridge_silent', 'no_guard', 'session_ended', 'disconnected', 'lease_over'})

# Reasons of stops of what rests that need no fault: the scene has just begun, or a driver was
# matched.
OF_SCENE = frozenset({'started', 'late_driver', 'unverified'})


class Command(NamedTuple):
    """
    A command that a base received: when (s), and whether it is a stop.

    by: the process that sent it, `another` for other nodes, empty where DDS does not tell. life:
    of the robot.
    """

    at: float
    base: str
    by: str
    zero: bool
    life: str = ''


class Drive(NamedTuple):
    """A client began to command a base: when (s), its session, and the ports of its sockets."""

    at: float
    base: str
    session: str
    ports: frozenset[int]


@dataclass(frozen=True)
class Record:
    """
    What the suite knows by itself.

    since, until: the time (s) of the trial. cut: when a base could receive nothing from a process,
    by both names. silent: when a process was frozen, sick or dead. killed: when it received
    SIGKILL. reasons: those that the fault explains. measured: rest is measured. disturbed:
    feedback, or the obedience of the robot, was falsified. rests: whether a base truly was at rest
    at an instant. lost: how much time the machine took away between two.
    """

    since: float
    until: float
    commands: Sequence[Command]
    drives: Sequence[Drive]
    cut: Mapping[tuple[str, str], Sequence[Span]]
    silent: Mapping[str, Sequence[Span]]
    killed: Mapping[str, Sequence[float]]
    reasons: Collection[str]
    measured: bool
    disturbed: bool
    rests: Callable[[str, float], bool]
    lost: Callable[[float, float], float] = lambda began, ended: 0.0

    def late(self, stop: Stop, began: float, ended: float) -> float:
        """Return how much (s) of a time counts in which a stop was to reach its driver."""
        without = [*self.cut.get((stop.process, stop.resource), ()),
                   *self.silent.get(stop.process, ())]
        return self.counts(began, ended, length(within(without, began, ended)))

    def counts(self, began: float, ended: float, without: float = 0.0) -> float:
        """Return how much (s) of a time counts, of which so much (s) does not."""
        took = max(0.0, ended - began - without)
        return max(took - self.lost(began, ended), LEAST_SHARE * took)

    def died(self, process: str, since: float) -> float | None:
        """Return when (s) a process was killed first after an instant."""
        return min((at for at in self.killed.get(process, ()) if at >= since), default=None)

    def may_be_unwritten(self, process: str, at: float) -> bool:
        """Return whether events of an instant (s) were lost with their process."""
        died = self.died(process, at - BOUND)
        return died is not None and self.counts(min(at, died), died) <= UNWRITTEN


@dataclass
class Comparison:
    """
    How many stops were compared, and how the events differ from the record.

    unfinished: the process of one may still judge it.
    """

    stops: int = 0
    unfinished: bool = False
    differences: list[str] = field(default_factory=list)


def monotonic(event: Event) -> float:
    """Return when (s) an event happened."""
    return float(event['steady']) - (
        time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())


def compare(events: Sequence[Event], record: Record) -> Comparison:
    """Reconstruct every stop of a trial, from events in order, and compare it with the record."""
    stops = reconstruct(events)
    found = Comparison()
    for stop in stops:
        if record.since <= monotonic(stop.began) <= record.until:
            found.stops += 1
            found.unfinished |= stop.over is None and record.died(
                stop.process, monotonic(stop.began)) is None
            found.differences += [
                f'{_shown(stop, record)}: {problem}' for problem in _judged(stop, record)]
    for command, moved_at, ends_motion in _stop_commands(record):
        covering = [stop for stop in stops if stop.resource == command.base
                    and _covers(stop, command.at, moved_at, record)]
        if record.may_be_unwritten(command.by, command.at):
            continue
        problem = ''
        if not any(command.by in ('', stop.process) for stop in covering):
            found.stops += ends_motion
            problem = f'no event of the {command.by} says so'
        elif ends_motion and not any(stop.ended_motion for stop in covering):
            problem = 'by the events it did not move'
        if problem:
            found.differences.append(
                f'{command.base} received a stop of the {command.by} '
                f'{command.at - record.since:.3f} s after the trial began, and {problem}')
            break
    return found


def _shown(stop: Stop, record: Record) -> str:
    return (f'the events say that the {stop.process} stopped {stop.resource} '
            f'{monotonic(stop.began) - record.since:.3f} s after the trial began ({stop.reason})')


def _judged(stop: Stop, record: Record) -> Iterator[str]:
    """Yield how one stop differs from the record."""
    began = monotonic(stop.began)
    first = next((one.at for one in record.commands if one.zero and one.base == stop.resource
                  and one.by in ('', stop.process) and one.at >= began - ROUNDING), None)
    if first is None:
        if record.late(stop, began, time.monotonic()) > BOUND and not _superseded(stop, began):
            yield 'its driver received none'
    elif record.late(stop, began, first) > BOUND and not _superseded(stop, began):
        yield f'its driver received one {first - began:.3f} s later'
    explained = set(record.reasons)
    if not stop.ended_motion:
        explained |= OF_SCENE
    if record.lost(began - OVERLOAD_MEMORY, began) >= OVERLOAD:
        explained |= OVERLOADED
    if stop.reason not in explained:
        yield f'the fault explains {", ".join(sorted(record.reasons))} only'
    if stop.ended_motion:
        yield from _driver(stop, began, record)
    yield from _outcome(stop, first, record)


def _superseded(stop: Stop, began: float) -> bool:
    """Return whether a stop was over too soon to expect that its driver received it."""
    return stop.over is not None and monotonic(stop.over) - began < BOUND and (
        stop.over['event'] == 'motion_begun')


def _driver(stop: Stop, began: float, record: Record) -> Iterator[str]:
    """Yield how the motion that was stopped differs from what clients commanded."""
    drive = next((one for one in reversed(record.drives)
                  if one.base == stop.resource and one.at <= began), None)
    if drive is None or stop.motion is None:
        if drive is not None and not record.may_be_unwritten('bridge', drive.at):
            yield 'they do not say who drove'
        return
    if monotonic(stop.motion) < drive.at - BOUND - record.lost(
            monotonic(stop.motion), drive.at) and record.may_be_unwritten('bridge', drive.at):
        return
    caller = stop.motion['caller']
    port = int(caller['peer'].rpartition(':')[2] or 0)
    if port not in drive.ports:
        yield (f'they say that {caller["peer"]} drove; '
               f'the client that did has the ports {sorted(drive.ports)}')
    session = (caller['session'] or '').rstrip('.')
    if drive.session and not (session and drive.session.startswith(session)):
        yield f'they say that session {session or "(none)"} drove; it was {drive.session[:8]}'


def _outcome(stop: Stop, first: float | None, record: Record) -> Iterator[str]:
    """Yield how the verdicts on a stop differ from what the robot did."""
    for outcome in stop.outcomes:
        at = monotonic(outcome)
        name = outcome['event']
        if name == 'stop_confirmed' and not record.measured:
            yield 'they say that rest was confirmed, and nothing measures it'
        elif name == 'stop_confirmed' and not record.rests(stop.resource, at):
            yield f'they say that rest was confirmed after {at - record.since:.3f} s; it moved'
        elif name == 'stop_unverified' and record.measured and not outcome['detail']:
            yield 'they say that nothing could confirm it, though rest is measured'
        elif name == 'stop_unconfirmed' and not record.disturbed:
            yield f'they say that it was not confirmed: {outcome["detail"]}'
    outcome = stop.outcome
    if outcome is None or first is None or outcome['duration'] is None:
        return
    sent = monotonic(outcome) - outcome['duration']
    if record.late(stop, sent, first) > BOUND or first < sent - ROUNDING:
        yield (f'they say that the first stop was sent after {sent - record.since:.3f} s; '
               f'its driver received it after {first - record.since:.3f} s')


def _stop_commands(record: Record) -> Iterator[tuple[Command, float, bool]]:
    """
    Yield the stops of ours that a base received, and whether each ended a motion.

    And when (s) the base received the first command of the motion before.
    """
    moving: set[tuple[str, str]] = set()
    moved_at: dict[tuple[str, str], float] = {}
    for command in record.commands:
        one = command.base, command.life
        if command.by == 'another':
            continue
        if not command.zero and one not in moving:
            moving.add(one)
            moved_at[one] = command.at
        elif command.zero and record.since <= command.at <= record.until:
            yield command, moved_at.get(one, -math.inf), one in moving
        if command.zero:
            moving.discard(one)


def _covers(stop: Stop, at: float, moved_at: float, record: Record) -> bool:
    """
    Return whether a stop message at an instant (s) may belong to a stop.

    One that was over before the base began to move (s) ended another motion.
    """
    began = monotonic(stop.began)
    ends = [monotonic(stop.over)] if stop.over is not None else []
    died = record.died(stop.process, began)
    ends += [died] if died is not None else []
    end = min(ends, default=math.inf)
    return began - ROUNDING <= at and end > moved_at and (
        at <= end or record.late(stop, end, at) <= BOUND)
