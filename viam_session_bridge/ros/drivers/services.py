# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Service calls without blocking: begun by the pump's thread, answered on the executor's.

A service may be missing, hang or end in the middle of a call; a call without a server is never
answered. So every call has a deadline, and beginning one never blocks.
"""

from collections import deque
from collections.abc import Callable
import copy
from dataclasses import dataclass
import functools
import threading
import time
from typing import Any

from action_msgs.srv import CancelGoal
from rclpy.node import Node
from std_srvs.srv import Empty, SetBool, Trigger

from viam_session_bridge.ros.interfaces import Supervision
from viam_session_bridge.ros.profiles import steady_timer
from viam_session_bridge.ros.stop_path import service_problem

TYPES: dict[str, Any] = {
    'trigger': Trigger, 'set_bool': SetBool, 'empty': Empty, 'cancel': CancelGoal}


def request_of(kind: str, value: bool = False) -> Any:
    """Return a request of this key of TYPES; value: the data of a 'set_bool'."""
    return SetBool.Request(data=value) if kind == 'set_bool' else TYPES[kind].Request()


# For this many calls that have timed out, a late response is still accepted.
MOST_LATE = 16

# The period (s) of the check for calls that have passed their deadline.
SWEEP_PERIOD = 0.1

# The response, or None and the reason. On the executor's thread.
Done = Callable[[Any, str], None]

# The error (empty: none), and the message of the service. On any thread.
Answer = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class _Pending:
    """One call: its name, its deadline (s), its time limit (s), and its callbacks."""

    where: str
    deadline: float
    limit: float
    done: Done
    late: Callable[[Any], None] | None


class ServiceCaller:
    """
    A client of one service.

    where: the parameter that names the service. later: runs a function now, or when calls may
    begin.
    """

    def __init__(self, node: Node, kind: str, service: str, where: str,
                 later: Callable[[Callable[[], None]], None]) -> None:
        self._node = node
        self.later = later
        self._where = where
        self._type = TYPES[kind]
        self._client: Any = node.create_client(self._type, service)
        # Guards the pending calls; never held while calling out.
        self._lock = threading.Lock()
        self._pending: dict[Any, _Pending] = {}
        # Those that have not begun.
        self._waiting: dict[_Pending, None] = {}
        self._late: deque[Any] = deque()

    def named_by(self, where: str) -> 'ServiceCaller':
        """Return the same client under another parameter that names the service."""
        other = copy.copy(self)
        other._where = where
        return other

    @property
    def where(self) -> str:
        """Return the parameter that names the service, and the service's full name."""
        return f'{self._where}: {self._client.service_name}'

    @property
    def ready(self) -> bool:
        """Return whether there is a server; one that was killed counts for up to 20 s."""
        return bool(self._client.service_is_ready())

    @property
    def pending(self) -> int:
        """Return how many calls have no response yet."""
        return len(self._waiting) + len(self._pending)

    def problem(self) -> str:
        """Return why a call would get no response, from the graph; empty when it may get one."""
        return '' if self.ready else service_problem(
            self._node, self._client.service_name, self._type, self._where)

    def call(self, request: Any, limit: float, done: Done,
             late: Callable[[Any], None] | None = None) -> None:
        """
        Begin a call when calls may begin; done gets the response, or None and a text after limit.

        limit: seconds. late: gets a response that arrives later.
        """
        pending = _Pending(self.where, time.monotonic() + limit, limit, done, late)
        self._waiting[pending] = None
        self.later(functools.partial(self._begin, request, pending))

    def _begin(self, request: Any, pending: _Pending) -> None:
        del self._waiting[pending]
        try:
            future = self._client.call_async(request)
        except Exception as problem:  # noqa: B902  the caller must receive it
            pending.done(None, f'{pending.where}: {type(problem).__name__}: {problem}')
            return
        with self._lock:
            self._pending[future] = pending
        future.add_done_callback(self._on_answer)

    def ask(self, request: Any, limit: float, answer: Answer,
            late: Callable[[Any], None] | None = None) -> None:
        """Call a service of std_srvs, and report whether its response was a success."""
        def done(response: Any, problem: str) -> None:
            refused = refusal(response)
            answer(f'{self.where}: {refused}' if refused else problem,
                   getattr(response, 'message', ''))

        if self.ready:
            self.call(request, limit, done, late)
        else:
            answer(f'{self.where} is not served', '')

    def expire(self, now: float) -> None:
        """End the calls whose deadline (s, CLOCK_MONOTONIC) has passed."""
        with self._lock:
            over = {future: one for future, one in self._pending.items() if now >= one.deadline}
            for future in over:
                del self._pending[future]
        for future, one in over.items():
            if one.late is None:
                self._client.remove_pending_request(future)
            else:
                self._accept_late(future, one.late)
            one.done(None, f'{one.where} has not answered within {one.limit:g} s')

    def _accept_late(self, future: Any, late: Callable[[Any], None]) -> None:
        future.add_done_callback(lambda answered: late(answered.result()))
        self._late.append(future)
        if len(self._late) > MOST_LATE:
            self._client.remove_pending_request(self._late.popleft())

    def _on_answer(self, future: Any) -> None:
        with self._lock:
            one = self._pending.pop(future, None)
        if one is not None:
            one.done(future.result(), '')


class Services:
    """The service clients of a node, and the deadlines of their calls. Calls begin at once."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._callers: list[ServiceCaller] = []
        self._timer: Any = None

    def caller(self, kind: str, service: str, where: str) -> ServiceCaller:
        """Return a client; where is the parameter that names the service."""
        if self._timer is None:
            self._timer = steady_timer(self._node, SWEEP_PERIOD, self._sweep)
        self._callers.append(ServiceCaller(self._node, kind, service, where, self.later))
        return self._callers[-1]

    def later(self, act: Callable[[], None]) -> None:
        """Run it now."""
        act()

    def _sweep(self) -> None:
        now = time.monotonic()
        for caller in self._callers:
            caller.expire(now)


class PassServices(Services):
    """
    Services whose calls begin at the end of a pass of the pump, which flushes them.

    Neither they nor the first responses may delay the stop message of another resource.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        # The resources that call services, as keys.
        self.resources: dict[str, None] = {}
        self._noted: deque[Callable[[], None]] = deque()

    def caller(self, kind: str, service: str, where: str) -> ServiceCaller:
        """Return a client; where is the parameter that names the service."""
        self.resources[where.partition('.')[0]] = None
        return super().caller(kind, service, where)

    def later(self, act: Callable[[], None]) -> None:
        """Run it at the end of this pass."""
        self._noted.append(act)

    def flush(self) -> None:
        """Run what was deferred, and begin the resulting calls."""
        while self._noted:
            self._noted.popleft()()


def refusal(response: Any) -> str:
    """Return the error of a std_srvs response; empty for a success, or for None."""
    if getattr(response, 'success', True):
        return ''
    return f'the answer was no: {response.message}' if response.message else 'the answer was no'


class MotionCalls:
    """
    Motion of one resource that services begin: each response is reported.

    A service that hangs may execute a call after the stop that was meant to end it; then the
    resource is stopped again. sent and stopped are called by the pump's thread.
    """

    def __init__(self, resource: str, supervision: Supervision) -> None:
        self._resource = resource
        self._supervision = supervision
        # The number of stops: a response that arrives after a further stop is late.
        self._stops = 0
        self._stopped: int | None = None

    def sent(self) -> None:
        """Note that a motion is sent: the next stop is a new one."""
        self._stopped = None

    def stopped(self, epoch: int) -> None:
        """Note a repetition of a stop."""
        if epoch != self._stopped:
            self._stopped = epoch
            self._stops += 1

    def begin(self, epoch: int) -> tuple[Callable[[str, str], None], Callable[[Any], None]]:
        """
        Return the callback for the response of a call, and the one for a late response.

        The first gets the error (empty: none) and the message, the second the response.
        """
        stops = self._stops

        def answered(problem: str, detail: str) -> None:
            self._supervision.motion_answered(self._resource, epoch, problem, detail)
            if not problem:
                check()

        def check(response: Any = None) -> None:
            if self._stops != stops and getattr(response, 'success', True):
                self._supervision.moved_late(self._resource)

        return answered, check
