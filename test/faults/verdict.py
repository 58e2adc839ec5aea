# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
From a robot's recorded motion to the verdict: unsafe time. Numbers in, numbers out.

Instants are seconds of the steady clock. Nothing here knows how a fault is made; what is demanded
after one is a Rest or a Steady, and both count against the product when in doubt: between two
samples the robot moves as it did at the first of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Slower (m/s, rad/s) is at rest. The simulated robot has no noise.
STANDSTILL = 1e-6

Span = tuple[float, float]


class Sample(NamedTuple):
    """The true motion at an instant (s): m/s, rad/s, and the speed (m/s) of its last command."""

    at: float
    speed: float
    turn: float
    target: float

    @property
    def moves(self) -> bool:
        """Whether it is not at rest."""
        return abs(self.speed) > STANDSTILL or abs(self.turn) > STANDSTILL


@dataclass(frozen=True)
class Rest:
    """
    The robot must stand still from ``since + bound`` on, and brake no longer than it must.

    since: when the fault happened. until: when this demand ends (s). foreign: a speed (m/s) that
    another node commands all the time; motion towards it, and braking from it, is not the
    product's.
    """

    base: str
    since: float
    bound: float
    until: float
    foreign: float | None = None


@dataclass(frozen=True)
class Steady:
    """The robot must keep its speed (m/s) from one instant to another, without disturbance."""

    base: str
    speed: float
    since: float
    until: float


@dataclass(frozen=True)
class Judgement:
    """
    What a demand came to.

    unsafe: seconds of motion later than the bound, or of a steady motion that was disturbed.
    stalled: seconds of recorded stalls of the host that were granted. reaction: when the robot
    stood still, after the fault and without its braking time (s); None for a Steady.
    """

    unsafe: float
    stalled: float
    reaction: float | None = None


def spans(lives: Iterable[Sequence[Sample]], until: float,
          counts: Callable[[Sample], bool]) -> list[Span]:
    """
    Return when the motion counts, over all lives of a robot.

    A life is what one process recorded; between two of them there is no robot. The last sample of
    the last life holds until the end of the recording.
    """
    found: list[Span] = []
    lives = sorted((life for life in lives if life), key=lambda life: life[0].at)
    for number, life in enumerate(lives):
        newest = number == len(lives) - 1
        ends = [sample.at for sample in life[1:]] + [max(until, life[-1].at) if newest
                                                     else life[-1].at]
        for sample, end in zip(life, ends, strict=True):
            if counts(sample) and end > sample.at:
                if found and found[-1][1] >= sample.at:
                    found[-1] = (found[-1][0], end)
                else:
                    found.append((sample.at, end))
    return found


def within(found: Iterable[Span], since: float, until: float) -> list[Span]:
    """Return the parts of the spans that lie between two instants."""
    cut = ((max(one, since), min(other, until)) for one, other in found)
    return [(one, other) for one, other in cut if other > one]


def length(found: Iterable[Span]) -> float:
    """Return how long (s) the spans are, each instant counted once."""
    total, reached = 0.0, float('-inf')
    for one, other in sorted(found):
        total += max(0.0, other - max(one, reached))
        reached = max(reached, other)
    return total


def judge_rest(demand: Rest, lives: Iterable[Sequence[Sample]], stalls: Iterable[Span],
               braking: float) -> Judgement:
    """
    Judge a stop. braking: how long (s) this robot brakes from the speed it had.

    Every second that the host is known to have stood still between the fault and the last motion
    is taken off, because the product could not act in it.
    """
    def counts(sample: Sample) -> bool:
        if demand.foreign is None:
            return sample.moves
        return min(abs(sample.target), abs(sample.target - demand.foreign)) > STANDSTILL

    moving = within(spans(lives, demand.until, counts), demand.since, demand.until)
    late = length(within(moving, demand.since + demand.bound + braking, demand.until))
    end = max((other for _, other in moving), default=demand.since)
    stalled = length(within(stalls, demand.since, end))
    reaction = max(0.0, end - demand.since - braking) if moving else 0.0
    return Judgement(max(0.0, late - stalled), min(late, stalled), reaction)


def resumed_at(demand: Rest, lives: Iterable[Sequence[Sample]],
               stalls: Iterable[Span]) -> float | None:
    """
    Return when (s) the robot was commanded to move again after it was commanded to rest.

    Judged by the order of commands: however short the motion was. A command that was under way
    may still arrive within the bound, which a stall of the host in it makes longer.
    """
    end, reached = demand.since + demand.bound, demand.since
    for began, ended in sorted(within(stalls, demand.since, demand.until)):
        if began < end:
            end += max(0.0, ended - max(began, reached))
            reached = max(reached, ended)
    for life in lives:
        rested = False
        for sample in life:
            if not demand.since <= sample.at <= demand.until:
                continue
            ours = min(abs(sample.target), abs(sample.target - (demand.foreign or 0.0)))
            if ours <= STANDSTILL:
                rested = True
            elif rested and sample.at > end:
                return sample.at
    return None


def passed_at(life: Sequence[Sample], distance: float) -> float | None:
    """Return when (s) a base had truly travelled so far (m), forward or back; None if never."""
    travelled = 0.0
    for sample, later in zip(life, life[1:], strict=False):
        travelled += sample.speed * (later.at - sample.at)
        if abs(travelled) >= distance:
            return later.at
    return None


def judge_steady(demand: Steady, lives: Iterable[Sequence[Sample]]) -> Judgement:
    """Judge a motion that must go on."""
    def counts(sample: Sample) -> bool:
        return abs(sample.speed - demand.speed) > 0.005

    disturbed = spans(lives, demand.until, counts)
    return Judgement(length(within(disturbed, demand.since, demand.until)), 0.0)
