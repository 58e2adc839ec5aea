# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Stop outputs that call a service of std_srvs: once per stop, and again until it succeeds.

There is one call at a time. Its response counts for the newest stop, unless a motion was sent
since the call began.
"""

from collections.abc import Callable
from dataclasses import dataclass
import functools
import threading
import time
from typing import Any

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.ros.drivers.services import refusal, request_of, ServiceCaller
from viam_session_bridge.ros.drivers.stop_outputs import Report, StopOutput
from viam_session_bridge.ros.plugins import OwnTools

# A call that failed is repeated after this time (s), while the stop lasts.
RETRY = 0.5

# A stop without a response after this share of its time limit is reported with the reason, before
# the core fails it without one.
PATIENCE = 0.95

# After this time (s) without a stop, the next one is a new stop.
GAP = 1.5


class StopClock:
    """The duration of a stop, over its epochs, until one of them was answered."""

    def __init__(self, stop_timeout: float) -> None:
        self._patience = PATIENCE * stop_timeout
        self._began = 0.0
        self._last = -GAP
        self._told: int | None = None

    def tick(self, now: float, anew: bool) -> None:
        """Note that a stop is sent; anew: it does not continue the previous one."""
        if anew or now - self._last >= GAP:
            self._began = now
        self._last = now

    def overdue(self, epoch: int, now: float) -> bool:
        """Return True, once for each epoch, when an answer is overdue."""
        overdue = now - self._began >= self._patience and self._told != epoch
        if overdue:
            self._told = epoch
        return overdue


@dataclass(frozen=True)
class StopAnswer:
    """The meaning of a response: stop done (True), refused (False), or not yet known (None)."""

    done: bool | None
    problem: str = ''


class CallingStop(StopOutput):
    """
    Calls a service on a stop, and may call it to release what the stop holds.

    request and release: what is sent. call_timeout (s) bounds one call, stop_timeout (s) is the
    time limit of a stop. answered and prepared receive the result. seen: called once, on the
    executor's thread, when the service is available.
    """

    def __init__(self, caller: ServiceCaller, request: Any, *, call_timeout: float,
                 stop_timeout: float, answered: Report, release: Any = None,
                 prepared: Report | None = None,
                 seen: Callable[[], None] = lambda: None) -> None:
        self._caller = caller
        self._request = request
        self._release = release
        self._call_timeout = call_timeout
        self._answered = answered
        self._prepared = prepared
        self._seen = seen
        self._was_seen = False
        self._clock = StopClock(stop_timeout)
        # Guards what follows: stops run on the pump's thread, responses on the executor's. Never
        # held during a call or a report.
        self._lock = threading.Lock()
        self._epoch: int | None = None
        self._called: int | None = None
        self._done: int | None = None
        self._under_way = False
        self._motions = 0
        self._stopped_at = 0
        self._retry_at = 0.0
        self._served = False
        self._problem = ''

    def moved(self, setpoint: Setpoint) -> None:
        """Note that a motion is sent: earlier calls do not count any more."""
        self._count_motion()

    def stop(self, epoch: int) -> None:
        """Call the service, unless a call is active or has succeeded for this stop."""
        self._caller.later(functools.partial(self._stop, epoch))

    def _stop(self, epoch: int) -> None:
        now = time.monotonic()
        served = self._caller.ready
        with self._lock:
            appeared = served and not self._served
            self._served = self._served or served
            moved = self._motions != self._stopped_at
            self._clock.tick(now, moved or appeared or self._done == self._epoch)
            self._stopped_at = self._motions
            self._epoch = epoch
            overdue = self._done != epoch and self._clock.overdue(epoch, now)
            problem = self._problem
            again = self._called == epoch and (self._done == epoch or now < self._retry_at)
            call = not self._under_way and not again
            self._under_way = self._under_way or call
            motions = self._motions
        if overdue:
            self._answered(epoch, problem or f'{self._caller.where} has not answered')
        if call:
            self._call(epoch, motions)

    def _call(self, epoch: int, motions: int) -> None:
        ready = self._caller.ready
        with self._lock:
            if ready:
                self._called = epoch
            else:
                self._under_way = False
                self._problem = f'{self._caller.where} is not served'
        if ready:
            self._caller.call(
                self._request, self._call_timeout,
                lambda response, problem: self._take(motions, response, problem))

    def _take(self, motions: int, response: Any, problem: str) -> None:
        with self._lock:
            self._under_way = False
            self._retry_at = time.monotonic() + RETRY
        if motions != self._motions:
            return
        # A missing response is no refusal: the call is repeated until the stop's time limit.
        self._conclude(
            StopAnswer(None, problem) if response is None else self._judge(response), motions)

    def _conclude(self, verdict: StopAnswer, motions: int) -> None:
        """Report the result for the newest stop, unless a motion was sent since then."""
        with self._lock:
            if motions != self._motions:
                return
            self._problem = verdict.problem
            epoch = self._epoch
            if verdict.done:
                self._done = epoch
        if epoch is not None and verdict.done is not None:
            self._answered(epoch, verdict.problem)

    def _judge(self, response: Any) -> StopAnswer:
        refused = refusal(response)
        return StopAnswer(not refused, f'{self._caller.where}: {refused}' if refused else '')

    def prepare(self, epoch: int) -> None:
        """Call the service with the release request, and report to prepared."""
        self._count_motion()
        if self._prepared is None or self._release is None:
            return
        if not self._caller.ready:
            self._prepared(epoch, f'{self._caller.where} is not served')
            return
        self._caller.call(self._release, self._call_timeout, self._release_answer(epoch))

    def _count_motion(self) -> None:
        with self._lock:
            self._motions += 1

    def _release_answer(self, epoch: int) -> Callable[[Any, str], None]:
        def take(response: Any, problem: str) -> None:
            refused = refusal(response)
            assert self._prepared is not None
            self._prepared(epoch, f'{self._caller.where}: {refused}' if refused else problem)
        return take

    def path_problem(self) -> str:
        """Return why a stop would get no response; empty when it may get one."""
        problem = self._caller.problem()
        if not problem and not self._was_seen:
            self._was_seen = True
            self._seen()
        return problem


def calling(output: Any, tools: OwnTools) -> CallingStop:
    """Return the output of a kind that calls a service: 'trigger', 'empty' or 'set_bool'."""
    where = f'{output.name}.service'
    holding: dict[str, Any] = {} if not output.PREPARES else {
        'release': request_of(output.kind, output.release), 'prepared': tools.readiness.part()}
    return CallingStop(
        tools.caller(output.kind, output.service, where),
        request_of(output.kind, getattr(output, 'value', False)),
        call_timeout=output.call_timeout, stop_timeout=tools.stop_timeout,
        answered=tools.answers.part(), seen=tools.expected(
            f'the service {tools.node.resolve_service_name(output.service)} '
            f'({tools.resource}.{where})'), **holding)
