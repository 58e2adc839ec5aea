# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One fault in one scene: what kinds need to make it, and how it is judged in the end.

Everything that is drawn comes from the trial's own seed, so that a trial can be played again.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
import math
from random import Random
import time
from typing import Any

from host import lost
from parts import Line, PlainClient, Publisher, SdkClient, Stalls
from processes import Client, Program, wait_until
from profiles import BASES, FULL_SPEED
from reconstruction import compare, Drive, monotonic, Record
from scene import Scene
from verdict import (
    judge_rest,
    judge_steady,
    Judgement,
    passed_at,
    Rest,
    resumed_at,
    Sample,
    Span,
    STANDSTILL,
    Steady,
)
from viam_session_bridge.cli.why import reconstruct

# A command that was refused because of a stall of the host is given again, so often, and after so
# long (s): commands are refused for a while after a stall.
ATTEMPTS = 5
RETRY = 0.3

# How long (s) after its bound a robot that still moves is watched, before it is given up.
WATCH = 4.0

# A recording is complete (s) when it is so much newer than what is judged: at rest the robot
# publishes its truth every 0.1 s.
FRESH = 0.12

# Rest is looked at for so long (s) after a bound at least.
DWELL = 0.3

# How long (s) the outcome of a stop is awaited, which is held for a second; how long events that
# explain what was recorded; and how often they are read.
STOP_ENDS = 1.5
EVENTS_PATIENCE = 3.0
POLL_EVENTS = 0.1

# How often (s) the travel of a move is looked at, how long a move may take, and its answer.
POLL_TRAVEL = 0.02
MOVE_PATIENCE = 60.0
ANSWER_PATIENCE = 8.0

# A host that stood still for so long (s) is a reason for a bridge to stop everything: it does when
# it has overslept by half of its guard's patience, and may have slept a while before.
STALL = 0.1

# A bridge that was asked to end, or must, has ended after so long (s): one that hangs is given 5 s
# to come back, and takes some more to tell its drivers.
EXIT_PATIENCE = 9.0


class Ending:
    """Kills a program in the end, if it still runs."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def close(self) -> None:
        """Kill it."""
        if self._program.process.poll() is None:
            self._program.process.kill()


class CouldNotRun(Exception):
    """The fault could not be made; the text has the reason."""


@dataclass
class Result:
    """
    What came of a trial. unsafe, stalled, reaction: seconds, see verdict.Judgement.

    stops: those that were reconstructed from the events. differences: how often these differ from
    the record.

    not_shown: why it cannot be run here. could_not_run: it can, and still the fault was not made;
    that is a problem, too.
    """

    kind: str
    seed: int
    variant: int
    bound: float
    unsafe: float = 0.0
    stalled: float = 0.0
    reaction: float | None = None
    problems: list[str] = field(default_factory=list)
    not_shown: str = ''
    could_not_run: bool = False
    took: float = 0.0
    stops: int = 0
    differences: int = 0

    @property
    def good(self) -> bool:
        """Whether the product did what was demanded; a fault that was not shown is not bad."""
        return not self.problems and self.unsafe == 0.0


class Trial:
    """The world of one fault; kinds call its methods."""

    def __init__(self, scene: Scene, seed: int, stalls: Stalls) -> None:
        self.scene = scene
        self.random = Random(seed)
        self.spoiled = False
        self.problems: list[str] = []
        self.began = time.monotonic()
        self._stalls = stalls
        self._rests: list[Rest] = []
        self._steadies: list[Steady] = []
        self._drives: list[Drive] = []
        self._cuts: list[Span] = []
        self._sick: list[Span] = []
        self._orders: list[dict[str, Any]] = []
        self._open: list[Client | Line | Any] = []
        # When (s) each cable was taken out that still is.
        self._pulled: dict[str, float] = {}

    # ---- clients --------------------------------------------------------------------------------

    def client(self, *, sessions: bool = True, address: str = '',
               place: str = 'client') -> SdkClient:
        """Start an SDK program that is connected."""
        client = SdkClient(
            address or self.scene.bridge.address, *([] if sessions else ['--disable-sessions']),
            prefix=self.scene.prefix(place))
        client.line = next((one for one in self._open
                            if isinstance(one, Line) and one.address == address), None)
        return self._connect(client)

    def plain_client(self) -> PlainClient:
        """Start a program without SDK and session."""
        return self._connect(PlainClient(
            self.scene.bridge.address, prefix=self.scene.prefix('client')))

    def _connect(self, client: Any) -> Any:
        self._open.append(client)
        client.wait_ready()
        return client

    def line(self) -> Line:
        """Lay a line to the bridge that can hold back what it carries."""
        line = Line(self.scene.bridge.address)
        self._open.append(line)
        return line

    def keep(self, closable: Any) -> Any:
        """Have something closed when the trial is over."""
        self._open.append(closable)
        return closable

    def drive(self, client: Client, base: str = 'base', *, power: float = 0.0,
              settle: bool = True) -> float:
        """
        Have a base driven ahead, with a drawn power unless one is given; returns its speed (m/s).

        Returns when the robot truly has that speed and has kept it for a drawn time.
        """
        power = power or self.random.uniform(0.3, 1.0)
        speed = power * FULL_SPEED
        for _ in range(ATTEMPTS):
            since = time.monotonic()
            answer = client.ask('set_power', base=base, linear=power)
            if answer['ok']:
                self._drove(client, base, since, answer['value'])
            if answer['ok'] and self._reaches(base, speed):
                if settle:
                    self.pause(0.05, 0.5)
                if self._reaches(base, speed):
                    return speed
            time.sleep(RETRY)
        raise CouldNotRun(f'{base} did not get to {speed:.3f} m/s: {answer}')

    def begin_to_drive(self, client: Client, speed: float, base: str = 'base') -> None:
        """Have a base driven ahead (m/s); returns once it has received it, moving yet or not."""
        for _ in range(ATTEMPTS):
            self._drove(client, base, time.monotonic())
            order = client.begin('set_power', base=base, linear=speed / FULL_SPEED)
            wait_until(lambda order=order: self._told(base, speed) or (
                client.answered(order) and not client.answer(order)['ok']), 'the first command')
            if self._told(base, speed):
                return
            time.sleep(RETRY)
        raise CouldNotRun(f'no command was accepted: {client.answer(order)}')

    def move(self, client: Client) -> int:
        """Have the base make a MoveStraight of ten seconds; returns the number of the order."""
        for _ in range(ATTEMPTS):
            order, _ = self.begin_to_move(client, 4.0, 0.4)
            self.pause(0.05, 0.5)
            if not client.answered(order):
                return order
        raise CouldNotRun(f'no move goes on: {client.answer(order)}')

    def begin_to_move(self, client: Client, distance: float, speed: float) -> tuple[int, float]:
        """
        Have the base make a MoveStraight (m, m/s).

        Returns the number of the order and since when (s) it is under way, once the robot moves.
        """
        for _ in range(ATTEMPTS):
            since = time.monotonic()
            order = client.begin('move_straight', base='base', distance=round(distance * 1000.0),
                                 velocity=speed * 1000.0)
            wait_until(
                lambda since=since, order=order: (
                    self._told('base', speed, since) or client.answered(order)), 'the move')
            if self._told('base', speed, since):
                self._drove(client, 'base', since)
                return order, since
            time.sleep(RETRY)
        raise CouldNotRun(f'no move was begun: {client.answer(order)}')

    def _drove(self, client: Any, base: str, since: float, session: str | None = None) -> None:
        """Note that a client commands a base from an instant (s) on."""
        self._drives.append(Drive(since, base, session or '', client.ports()))

    def speed(self, base: str = 'base') -> float:
        """Return how fast the base goes (m/s), by the newest that was recorded."""
        sample = self.scene.recorder.newest(base, self.scene.robot.life)
        return sample.speed if sample else 0.0

    def wait_speed(self, speed: float, base: str = 'base', patience: float = 10.0) -> None:
        """Wait until a base has a speed (m/s)."""
        wait_until(lambda: self._has(speed, base), f'{base} at {speed:.3f} m/s', patience)

    def _has(self, speed: float, base: str = 'base') -> bool:
        return abs(self.speed(base) - speed) < 0.005

    def _reaches(self, base: str, speed: float) -> bool:
        try:
            self.wait_speed(speed, base, 1.0)
        except AssertionError:
            return False
        return True

    def pause(self, least: float, most: float) -> None:
        """Let a drawn time (s) pass: when a fault comes is part of it."""
        time.sleep(self.random.uniform(least, most))

    def pull(self, cable: str) -> float:
        """Take a cable out; returns when (s). It is put in again when the trial is over."""
        at = time.monotonic()
        self.scene.network.pull(cable)
        self._pulled[cable] = at
        return at

    def plug(self, cable: str) -> float:
        """Put a cable in again; returns when (s) that was done."""
        self.scene.network.plug(cable)
        at = time.monotonic()
        if cable == 'robot':
            self._cuts.append((self._pulled[cable], at))
        del self._pulled[cable]
        return at

    def odometry(self, mode: str) -> float:
        """Have odometry publish something else (robot.py); returns when (s). Restored later."""
        return self.order(do='odometry', mode=mode)

    def joystick(self, base: str, speed: float) -> Publisher:
        """Start another node that commands a base (m/s) all the time, and wait for its command."""
        other = self.scene.publisher(
            f'--topic={self.scene.namespace}/{base}/cmd_vel', f'--speed={speed}', '--rate=20')
        self.keep(Ending(other))
        wait_until(lambda: self._told(base, speed), 'the other publisher is received')
        return other

    def order(self, **order: Any) -> float:
        """Have the robot do something (robot.py); returns when (s)."""
        at = time.monotonic()
        self.scene.robot.send(**order)
        self._orders.append(order)
        if order['do'] == 'delay':
            self._cuts.append((at, math.inf))
        return at

    def _told(self, base: str, speed: float, since: float | None = None) -> bool:
        since = self.began if since is None else since
        return any(sample.at >= since and abs(sample.target - speed) < 1e-6
                   for life in self.scene.recorder.lives(base, since) for sample in life)

    def last_command(self, since: float) -> float:
        """Return when (s) the base was last commanded another speed; since (s) if not later."""
        samples = self.scene.recorder.lives('base', since)[-1]
        return max((later.at for sample, later in zip(samples, samples[1:], strict=False)
                    if later.target != sample.target), default=since)

    def travelled(self, distance: float, since: float) -> float | None:
        """Return when (s) the base had truly travelled so far (m) since an instant, if it has."""
        lives = self.scene.recorder.lives('base', since)
        return next(filter(None, (passed_at(life, distance) for life in lives)), None)

    def wait_first_stop(self, base: str) -> None:
        """Wait until the bridge has done the stop that it begins with."""
        self.scene.bridge.wait_logged(f'{base}: stopped')

    def inject(self, **order: Any) -> float:
        """Inject a fault into the bridge (broken_bridge.py); returns when (s)."""
        at = time.monotonic()
        self.scene.bridge.send(**order)
        if order['do'] != 'end_thread':
            # From then on the stop loop may send and report nothing.
            self._sick.append((at, at + order.get('seconds', math.inf)))
        return at

    def exit_status(self) -> int | None:
        """Return the exit status of the bridge; None when it does not end in time."""
        try:
            return self.scene.bridge.ended(EXIT_PATIENCE)
        except AssertionError:
            return None

    def matched(self, base: str, since: float) -> float:
        """
        Return when (s) robot and bridge had found each other anew, first after an instant (s).

        The robot's side is its own event: it must have found the bridge as well as the guard, in
        whatever order it found them. That of the bridge, seconds earlier or later at times, is in
        its log only.
        """
        matches = self.scene.robot.matches
        # Killed ones count for 20 s.
        ghosts = next((found for name, found, at in reversed(matches)
                       if name == base and at < since), 0)
        writers = ghosts + (1 if self.scene.guard is None else 2)
        robot = wait_until(lambda: next((
            at for name, found, at in list(matches)
            if name == base and found >= writers and at >= since), None),
            f'{base} is matched anew')
        bridge = wait_until(
            lambda: self.scene.bridge.matched(base, since), f'the bridge has found {base} anew')
        return max(robot, bridge)

    def robot_back(self, base: str, speed: float) -> float:
        """Start a robot whose base comes up with a speed (m/s); returns when it was matched."""
        since = time.monotonic()
        self.scene.restart_robot(**{base: speed})
        return self.matched(base, since)

    # ---- demands --------------------------------------------------------------------------------

    def demand_rest(self, since: float, bound: float, base: str = 'base', *,
                    watch: float = 0.0, foreign: float | None = None) -> None:
        """
        Demand that a base stands still within a bound (s) of an instant (s), and remains so.

        Waits until it does, and records this time (s) after that. foreign: see verdict.Rest.
        """
        deadline = since + bound
        end = deadline + self._braking(base, since) + WATCH

        def over() -> bool:
            now = time.monotonic()
            return now >= end or (now >= deadline + DWELL and self._rests_now(base, foreign))

        wait_until(over, 'the time has passed', WATCH + bound + 30.0)
        time.sleep(watch)
        self._rests.append(Rest(base, since, bound, time.monotonic(), foreign))

    def demand_travel(self, client: Client, order: int, since: float, most: float,
                      bound: float) -> dict[str, Any]:
        """
        Demand that a move stands still within a bound (s) of having truly travelled so far (m).

        order: its number. since: when it began (s). Returns its answer; empty while there is none.
        """
        def over() -> bool:
            time.sleep(POLL_TRAVEL)
            return client.answered(order) or self.travelled(most, since) is not None
        wait_until(over, 'the end of the move', MOVE_PATIENCE)
        self.demand_rest(self.travelled(most, since) or time.monotonic(), bound)
        try:
            return client.answer(order, ANSWER_PATIENCE)
        except AssertionError:
            return {}

    def demand_steady(self, speed: float, duration: float, base: str = 'base') -> None:
        """Demand that a base keeps its speed (m/s) for so long (s)."""
        since = time.monotonic()
        time.sleep(duration)
        self._steadies.append(Steady(base, speed, since, time.monotonic()))

    def expect(self, condition: bool, problem: str) -> None:
        """Record a problem unless the condition holds."""
        if not condition:
            self.problems.append(problem)

    def _rests_now(self, base: str, foreign: float | None) -> bool:
        sample = self.scene.recorder.newest(base, self.scene.robot.life)
        return sample is None or not sample.moves or (
            foreign is not None and abs(sample.target - foreign) < STANDSTILL)

    def _braking(self, base: str, since: float) -> float:
        """Return how long (s) the robot brakes from the most it did lately."""
        lives = self.scene.recorder.lives(base, since)
        fastest = max((max(abs(sample.speed), abs(sample.turn))
                       for life in lives for sample in life), default=FULL_SPEED)
        return fastest / self.scene.variant.deceleration

    # ---- the verdict ----------------------------------------------------------------------------

    def judge(self, result: Result, reasons: Collection[str]) -> None:
        """Fill in a result from what was recorded. reasons: see Kind."""
        self._compare(result, reasons)
        for demand in self._rests:
            lives = self._recorded(demand.base, demand.since, demand.until)
            stalls = self._stalls.since(demand.since)
            self._add(result, judge_rest(
                demand, lives, stalls, self._braking(demand.base, demand.since)))
            resumed = resumed_at(demand, lives, stalls)
            if resumed is not None:
                self.problems.append(f'{demand.base} was commanded to move again '
                                     f'{resumed - demand.since:.3f} s after the fault')
        for steady in self._steadies:
            lives = self._recorded(steady.base, steady.since, steady.until)
            judgement = judge_steady(steady, lives)
            if judgement.unsafe and self._host_stood_still(steady):
                judgement = replace(judgement, unsafe=0.0, stalled=judgement.unsafe)
            elif judgement.unsafe:
                self.problems.append(
                    f'{steady.base} was to keep {steady.speed:.3f} m/s and was disturbed')
            self._add(result, judgement)
        if not self._rests and not self._steadies:
            self.problems.append('nothing was demanded')
        result.problems += self.problems

    def _compare(self, result: Result, reasons: Collection[str]) -> None:
        """Compare the stops that the events tell of with what was recorded."""
        until = time.monotonic()
        while True:
            found = compare(self.scene.events(), self._record(until, reasons))
            patience = EVENTS_PATIENCE if found.differences else STOP_ENDS
            if time.monotonic() >= until + patience or not (
                    found.differences or found.unfinished):
                break
            time.sleep(POLL_EVENTS)
        result.stops, result.differences = found.stops, len(found.differences)
        self.problems += found.differences

    def _record(self, until: float, reasons: Collection[str]) -> Record:
        scene = self.scene
        processes = ('bridge', 'guard')
        return Record(
            self.began, until, scene.commands(), self._drives,
            {(process, base): [*self._cuts, *scene.unmatched(process, base)]
             for process in processes for base in BASES},
            {'bridge': [*scene.silences('bridge'), *self._sick],
             'guard': scene.silences('guard')},
            {process: scene.kills(process) for process in processes}, reasons,
            scene.profile.odometry, bool(self._orders), self._rested, lost)

    def _rested(self, base: str, at: float) -> bool:
        """Return whether a base truly was at rest at an instant (s)."""
        found = [sample for life in self.scene.recorder.lives(base, at - FRESH)
                 for sample in life if sample.at <= at]
        return not found or not max(found).moves

    def _add(self, result: Result, judgement: Judgement) -> None:
        result.unsafe += judgement.unsafe
        result.stalled += judgement.stalled
        if judgement.reaction is not None:
            result.reaction = max(result.reaction or 0.0, judgement.reaction)

    def _host_stood_still(self, steady: Steady) -> bool:
        """Return whether a long stall of the host justifies that the bridge stopped a motion."""
        return any(began < steady.until and ended - began >= STALL
                   for began, ended in self._stalls.since(steady.since))

    def _recorded(self, base: str, since: float, until: float) -> list[list[Sample]]:
        robot, recorder = self.scene.robot, self.scene.recorder

        def complete() -> bool:
            newest = recorder.newest(base, robot.life)
            return newest is not None and newest.at >= until - FRESH
        try:
            wait_until(complete, 'the recording is complete', 5.0)
        except AssertionError as problem:
            raise CouldNotRun(str(problem)) from problem
        return recorder.lives(base, since)

    def timeline(self) -> str:
        """Return what was demanded and how the robot moved, in seconds of the trial."""
        lines = [f'{demand.since - self.began:8.3f}  {demand.base}: demanded within '
                 f'{demand.bound:g} s: rest' for demand in self._rests]
        lines += [f'{demand.since - self.began:8.3f}  {demand.base}: demanded until '
                  f'{demand.until - self.began:.3f}: {demand.speed:g} m/s'
                  for demand in self._steadies]
        lines += [f'{began - self.began:8.3f}  the host stood still for {ended - began:.3f} s'
                  for began, ended in self._stalls.since(self.began)]
        lines += [f'{monotonic(stop.began) - self.began:8.3f}  {stop.resource}: stopped by the '
                  f'{stop.process} by the events: {stop.reason}'
                  for stop in reconstruct(self.scene.events())
                  if monotonic(stop.began) >= self.began]
        for base in BASES:
            for life in self.scene.recorder.lives(base, self.began):
                known: tuple[float, float] | None = None
                for sample in life:
                    if (sample.speed, sample.target) != known:
                        lines.append(f'{sample.at - self.began:8.3f}  {base}: {sample.speed:.3f} '
                                     f'm/s towards {sample.target:.3f} m/s')
                    known = sample.speed, sample.target
        return '\n'.join(sorted(lines))

    def clean_up(self) -> None:
        """End all clients; the scene is spoiled unless the robot rests then."""
        for cable in list(self._pulled):
            self.plug(cable)
        for one in reversed(self._open):
            if isinstance(one, Client):
                if one.process.poll() is None:
                    one.process.kill()
                one.ended()
            else:
                one.close()
        if not self.spoiled and self.scene.alive:
            if self.scene.profile.odometry:
                self.odometry('follow')
            try:
                for base in BASES:
                    self.wait_speed(0.0, base)
            except AssertionError:
                self.spoiled = True
