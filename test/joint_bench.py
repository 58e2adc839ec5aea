# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Serves components with joints, and simulates their hardware: joints that follow commands.

Helpers of the tests of arms, gantries, grippers and servos; fixtures are in conftest.py.
"""

from collections.abc import Callable
import threading
import time
from typing import Any

from components import feedback
from processes import wait_until
from viam_session_bridge.core.actuator import ActuatorSettings
from viam_session_bridge.core.group import ActuatedResource
from viam_session_bridge.core.setpoints import Choice, JointLimits, Press, ServiceCall, Trajectory
from viam_session_bridge.core.stop import JointSample, RestSettings

# s; and how long feedback counts.
STEP = 0.05
PATIENCE = 1.0


def serve(start: Callable[..., Any], api: str, config: Any, *,
          here: tuple[float, ...] | None = None, ready_timeout: float | None = None,
          description: Any = None, pose: Any = None, **how: Any) -> Any:
    """
    Serve a component named as its API, and a base beside it.

    here: its measured position. description, pose: its other feedback. ready_timeout (s):
    its driver has to get ready before it moves.
    """
    rest = None if here is None else RestSettings(dwell=0.1, patience=PATIENCE)
    actuator = ActuatorSettings(stop_hold=0.2, rest=rest, ready_timeout=ready_timeout)
    bench = start(
        others=(ActuatedResource(api, api, JointLimits(), actuator),),
        configs={api: config}, feedback={api: feedback(description, pose)}, **how)
    if here is not None:
        bench.locked.measured(api, JointSample(here))
    return bench


def begin(bench: Any, api: str, method: str, **fields: Any) -> Any:
    """Begin a move and wait until the driver receives it; return the call."""
    accepted, epoch = len(bench.locked.accepted), _latest_epoch(bench)
    call = getattr(getattr(bench.client(), api), method).start(name=api, **fields)
    bench.until(lambda: len(bench.locked.accepted) > accepted)
    # There is a minimum time between outputs of new commands.
    bench.clock.advance(0.02)
    bench.until(lambda: _latest_epoch(bench) > epoch and bench.moves(api))
    return call


def _latest_epoch(bench: Any) -> int:
    return max((output.epoch for output in bench.outputs), default=0)


def way_of(bench: Any, api: str) -> Trajectory:
    """Return the last trajectory that the driver received."""
    told = bench.told(api)
    assert isinstance(told, Trajectory), told
    return told


def drive(bench: Any, api: str, call: Any, here: tuple[float, ...],
          blocked_at: float | None = None) -> tuple[float, ...]:
    """
    Move the joints along the last trajectory until the call has ended; return where they stand.

    blocked_at: no joint gets below this position.
    """
    way, time, start = way_of(bench, api), 0.0, here
    while not call.done():
        time += STEP
        if time > way.end.time * 3 + 10:
            # On a busy machine the answer takes longer than the simulated time.
            wait_until(call.done, 'the end of the move')
            break
        before, here = here, place(way, start, time)
        if blocked_at is not None:
            here = tuple(max(at, blocked_at) for at in here)
        speed = max(abs(a - b) for a, b in zip(before, here, strict=True)) / STEP
        bench.clock.advance(STEP)
        bench.locked.measured(api, JointSample(here, (speed,) * len(here)))
        bench.settle()
    return here


def place(way: Trajectory, start: tuple[float, ...], time: float) -> tuple[float, ...]:
    """Return where joints are at a time (s) that follow a trajectory in straight lines."""
    before, since = start, 0.0
    for point in way.points:
        if time < point.time:
            share = (time - since) / (point.time - since)
            return tuple(
                a + (b - a) * share for a, b in zip(before, point.positions, strict=True))
        before, since = point.positions, point.time
    return before


class Hardware:
    """Moves the joints of several components as commanded, in real time, and answers calls."""

    def __init__(self, bench: Any, here: dict[str, tuple[float, ...]],
                 blocked_at: dict[str, float] | None = None) -> None:
        self._bench = bench
        self._here = dict(here)
        self._blocked_at = blocked_at or {}
        self._ways: dict[str, tuple[Any, float, tuple[float, ...]]] = {}
        self._answered = 0
        self._service_commands = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name='hardware', daemon=True)

    def __enter__(self) -> 'Hardware':
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            now = time.monotonic()
            for name in self._here:
                self._move(name, now)
            for output in self._bench.outputs[self._answered:]:
                self._answered += 1
                if isinstance(output.setpoint, ServiceCall | Choice | Press):
                    self._bench.locked.motion_answered(output.resource, output.epoch, '', 'done')
            for command in self._bench.service_commands[self._service_commands:]:
                self._service_commands += 1
                command.answer('', f'{command.call.command} is done')

    def _move(self, name: str, now: float) -> None:
        told, here = self._bench.told(name), self._here[name]
        way, since, start = self._ways.get(name, (None, now, here))
        if told is not way:
            way, since, start = self._ways[name] = (told, now, here)
        if isinstance(way, Trajectory):
            here = place(way, start, now - since)
            here = tuple(max(at, self._blocked_at.get(name, at)) for at in here)
        speed = max(abs(a - b) for a, b in zip(self._here[name], here, strict=True)) / 0.01
        self._here[name] = here
        self._bench.locked.measured(name, JointSample(here, (speed,) * len(here)))
