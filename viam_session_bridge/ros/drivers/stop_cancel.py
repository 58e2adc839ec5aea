# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stop output that cancels the goals of an action, whatever its type: all of them, or our own.

An action does not report the sender of a goal. Our own goals are those that first appear on its
status topic while the resource moves through us, or soon after a command that we stopped: a
service may send a goal after our call has timed out. A goal that existed before, or whose start is
unknown, is not ours.

An accepted cancel request is no robot at rest, and a return code of 0 without goals may be a
refusal: what counts is that the action's status topic shows no active goal.
"""

from collections import Counter
from collections.abc import Callable, Iterable
import functools
import math
import time
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node

from viam_session_bridge.core.setpoints import ServiceCall, Setpoint
from viam_session_bridge.core.states import State
from viam_session_bridge.parameters.outputs import CANCEL_SERVICE, CancelOutput
from viam_session_bridge.ros.drivers.services import ServiceCaller
from viam_session_bridge.ros.drivers.stop_calls import CallingStop, RETRY, StopAnswer
from viam_session_bridge.ros.drivers.stop_outputs import Report
from viam_session_bridge.ros.plugins import OwnTools
from viam_session_bridge.ros.profiles import LATCHED_QOS

_CANCELABLE = frozenset({GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING})
_ACTIVE = _CANCELABLE | {GoalStatus.STATUS_CANCELING}

# A server that has never had a goal publishes nothing. If its status topic has been matched for
# this time (s) without a message, it has had none.
SILENCE_SPEAKS = 0.5

# A goal may end by itself between our request and its status: only this number of consecutive
# responses that leave goals active is a refusal.
REFUSALS = 2

# A goal that appears within this time (s) after the stop of a command counts as a result of the
# command: servers plan for seconds before they send a goal. A later one counts as another node's.
LATE_GOALS = 5.0

_ID_BYTES = 16


class GoalWatch:
    """
    The active goals of an action, from its status topic; all on the executor's thread.

    on_change is called when they may have changed, with the new ones. topic: the full name of the
    status topic.
    """

    def __init__(self, node: Node, action: str) -> None:
        self.on_change: Callable[[frozenset[bytes]], None] = lambda fresh: None
        self._statuses: dict[bytes, int] = {}
        self._awaited: set[bytes] = set()
        self._heard_at = -1.0
        self._servers = 0
        self._appeared_at = 0.0
        topic = f'{action}/_action/status'
        try:
            self._subscription: Any = node.create_subscription(
                GoalStatusArray, topic, self._on_status, LATCHED_QOS,
                event_callbacks=SubscriptionEventCallbacks(matched=self._on_matched))
        except UnsupportedEventTypeError:
            self._servers = 1
            self._subscription = node.create_subscription(
                GoalStatusArray, topic, self._on_status, LATCHED_QOS)
        self.topic: str = self._subscription.topic_name

    @property
    def known(self) -> bool:
        """Return whether the goals are known."""
        return self._heard_at >= 0.0 or (
            self._servers > 0 and time.monotonic() - self._appeared_at >= SILENCE_SPEAKS)

    @property
    def cancelable(self) -> frozenset[bytes]:
        """Return the active goals that were not cancelled."""
        return frozenset(
            goal for goal, status in self._statuses.items() if status in _CANCELABLE)

    @property
    def active(self) -> frozenset[bytes]:
        """Return the goals that have not ended yet, as far as known."""
        running = {goal for goal, status in self._statuses.items() if status in _ACTIVE}
        return frozenset(running | self._awaited)

    def is_over(self, goal: bytes) -> bool:
        """Return whether a goal has ended according to the status topic."""
        return self._statuses.get(goal, GoalStatus.STATUS_ACCEPTED) not in _ACTIVE

    def await_end(self, goals: set[bytes]) -> None:
        """Count goals as active until the status topic shows their end."""
        # Their status may be delayed; one from before they were accepted does not count.
        self._awaited |= {
            goal for goal in goals if self._statuses.get(goal, 0) in _ACTIVE | {0}}

    def _on_status(self, message: GoalStatusArray) -> None:
        known, before = self.known, self._statuses.keys()
        self._heard_at = time.monotonic()
        self._statuses = {
            bytes(one.goal_info.goal_id.uuid): one.status for one in message.status_list}
        # The start of the goals in the first message is unknown.
        fresh = frozenset(self._statuses.keys() - before) if known else frozenset()
        self._awaited = {goal for goal in self._awaited if self._statuses.get(goal, 0) in _ACTIVE}
        self.on_change(fresh)

    def _on_matched(self, info: Any) -> None:
        now = time.monotonic()
        self._servers = info.current_count
        if info.current_count_change > 0:
            self._appeared_at = now
        # The status of a server that has ended does not apply to the server that replaced it.
        elif info.current_count == 0 or self._heard_at < self._appeared_at:
            self._statuses, self._awaited, self._heard_at = {}, set(), -1.0
            self.on_change(frozenset())


class CancelStop(CallingStop):
    """
    Cancels goals of an action, all or our own; done when none of them is active.

    moving: returns whether the resource moves through us. report_goals: receives the ids of our
    own goals (hexadecimal) whenever they change. late: called when a goal appears after the stop
    of the command that requested it.
    """

    def __init__(self, node: Node, action: str, caller: ServiceCaller, *, call_timeout: float,
                 stop_timeout: float, answered: Report, own: bool = False,
                 moving: Callable[[], bool] = lambda: False,
                 report_goals: Callable[[tuple[str, ...]], None] = lambda goals: None,
                 late: Callable[[], None] = lambda: None,
                 seen: Callable[[], None] = lambda: None) -> None:
        # A zero id and a zero stamp: every goal.
        super().__init__(
            caller, CancelGoal.Request(), call_timeout=call_timeout, stop_timeout=stop_timeout,
            answered=answered, seen=seen)
        self._only_own = own
        self._moving = moving
        self._report_goals = report_goals
        self._late = late
        # Replaced as a whole, by the executor's thread.
        self._own: frozenset[bytes] = frozenset()
        self._adopts = False
        self._tries: Counter[bytes] = Counter()
        # The last motion, and until when (s) goals that it requested may appear.
        self._is_call = False
        self._late_until = -math.inf
        self._asked = -1
        self._refusals = 0
        self._watch = GoalWatch(node, action)
        self._watch.on_change = self._on_goals

    def moved(self, setpoint: Setpoint) -> None:
        """Note that a motion is sent."""
        super().moved(setpoint)
        self._is_call = isinstance(setpoint, ServiceCall)

    def adopt(self, goals: Iterable[str]) -> None:
        """Add goals of a bridge to our own; on the executor's thread."""
        self._adopts = True
        self._keep(self._own.union(goal for goal in map(_id_of, goals) if goal is not None))

    def _stop(self, epoch: int) -> None:
        now = time.monotonic()
        if self._adopts:
            self._late_until = now + RETRY
        elif self._motions != self._stopped_at and self._is_call:
            self._late_until = now + LATE_GOALS
        super()._stop(epoch)

    def _call(self, epoch: int, motions: int) -> None:
        if self._only_own:
            running = self._own & self._watch.cancelable
            if not running:
                with self._lock:
                    self._called, self._under_way = epoch, False
                self._asked = motions
                self._conclude(self._check_status(), motions)
                return
            # A refused request must not delay the others.
            goal = min(running, key=self._tries.__getitem__)
            self._tries[goal] += 1
            self._request = CancelGoal.Request()
            self._request.goal_info.goal_id.uuid = list(goal)
        super()._call(epoch, motions)

    @property
    def _running(self) -> frozenset[bytes]:
        """Return the goals that must still be cancelled."""
        running = self._watch.cancelable
        return running & self._own if self._only_own else running

    def _judge(self, response: Any) -> StopAnswer:
        goals = {bytes(one.goal_id.uuid) for one in response.goals_canceling}
        self._watch.await_end(goals)
        running = self._running
        self._refusals = self._refusals + 1 if not goals and running else 0
        if not goals and response.return_code == CancelGoal.Response.ERROR_REJECTED:
            return StopAnswer(False, f'{self._caller.where}: the server refuses to cancel')
        if self._refusals >= REFUSALS:
            return StopAnswer(False, f'{self._caller.where}: the server does not cancel; '
                              f'{len(running)} goals continue')
        self._asked = self._motions
        if self._only_own and running - goals and goals:
            # Cancel the next one without a delay.
            with self._lock:
                self._called = None
        return self._check_status()

    def _check_status(self) -> StopAnswer:
        """Return what the status topic shows, after the server has answered."""
        active = self._watch.active
        if self._only_own:
            active &= self._own
        if active:
            return StopAnswer(None, f'{self._caller.where} has answered, but {self._watch.topic} '
                              f'shows {len(active)} goals that have not ended')
        if not self._watch.known:
            return StopAnswer(None, f'{self._caller.where} has answered, but '
                              f'{self._watch.topic} has no publisher')
        return StopAnswer(True)

    def _on_goals(self, fresh: frozenset[bytes]) -> None:
        fresh &= self._watch.active
        moving = bool(fresh) and self._moving()
        late = time.monotonic() < self._late_until and not (moving and self._is_call)
        self._keep(self._own | fresh if moving or late else self._own)
        if self._running:
            # Another node sends goals during the stop: cancel them as well.
            with self._lock:
                self._called = None
        elif self._asked == self._motions and self._called == self._epoch and not self._under_way:
            self._conclude(self._check_status(), self._asked)
        # A guard continues to stop by itself, and only while there is no bridge.
        if fresh and late and not self._adopts:
            self._late()

    def _keep(self, goals: frozenset[bytes]) -> None:
        """Keep those of our goals that have not ended, and report them."""
        kept = frozenset(goal for goal in goals if not self._watch.is_over(goal))
        if not self._watch.known and not self._adopts:
            kept = frozenset()
        if kept != self._own:
            self._own = kept
            if self._only_own:
                self._report_goals(tuple(sorted(goal.hex() for goal in kept)))


def cancelling(output: CancelOutput, tools: OwnTools) -> CancelStop:
    """Return the output of kind 'cancel'."""
    name, supervision = tools.resource, tools.supervision
    service, where = output.action + CANCEL_SERVICE, f'{output.name}.action'
    server = tools.node.resolve_service_name(service).removesuffix(CANCEL_SERVICE)
    return CancelStop(
        tools.node, output.action, tools.caller(output.kind, service, where),
        call_timeout=output.call_timeout, stop_timeout=tools.stop_timeout,
        answered=tools.answers.part(), own=output.goals == 'own',
        moving=lambda: supervision.states()[name] is State.MOVING,
        report_goals=functools.partial(supervision.goals, name, output.action),
        late=functools.partial(supervision.moved_late, name),
        seen=tools.expected(f'the action server {server} ({name}.{where})'))


def _id_of(text: str) -> bytes | None:
    """Return the id of a goal; None for an invalid text, since any node may have sent it."""
    try:
        goal = bytes.fromhex(text)
    except ValueError:
        return None
    return goal if len(goal) == _ID_BYTES else None
