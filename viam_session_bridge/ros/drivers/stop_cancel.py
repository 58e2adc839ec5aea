# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stop output that cancels the goals of an action, whatever its type and whoever sent them.

A cancel request that was accepted is no robot at rest, and an answer of 0 without goals may be a
refusal: what counts is that the action's status topic shows no goal under way.
"""

from collections.abc import Callable
import time
from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from viam_session_bridge.ros.drivers.answers import Report
from viam_session_bridge.ros.drivers.services import ServiceCaller
from viam_session_bridge.ros.drivers.stop_calls import CallingStop, Verdict

STATUS_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST, depth=1)

_CANCELABLE = frozenset({GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING})
_ACTIVE = _CANCELABLE | {GoalStatus.STATUS_CANCELING}

# A server that has never had a goal publishes nothing. When we have been matched with its status
# topic for so long (s), silence means that.
SILENCE_SPEAKS = 0.5

# A goal may end by itself between our request and its status: only so many answers in a row that
# leave goals running are a refusal.
REFUSALS = 2


class GoalWatch:
    """
    Which goals of an action are under way, from its status topic; all on the executor's thread.

    on_change is called when that may have changed.
    """

    def __init__(self, node: Node, action: str) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._statuses: dict[bytes, int] = {}
        self._awaited: set[bytes] = set()
        self._heard_at = -1.0
        self._servers = 0
        self._appeared_at = 0.0
        topic = f'{action}/_action/status'
        try:
            self._subscription: Any = node.create_subscription(
                GoalStatusArray, topic, self._on_status, STATUS_QOS,
                event_callbacks=SubscriptionEventCallbacks(matched=self._on_matched))
        except UnsupportedEventTypeError:
            self._servers = 1
            self._subscription = node.create_subscription(
                GoalStatusArray, topic, self._on_status, STATUS_QOS)

    @property
    def topic(self) -> str:
        """Return the full name of the status topic."""
        name: str = self._subscription.topic_name
        return name

    @property
    def known(self) -> bool:
        """Tell whether we would know of a goal."""
        return self._heard_at >= 0.0 or (
            self._servers > 0 and time.monotonic() - self._appeared_at >= SILENCE_SPEAKS)

    @property
    def cancelable(self) -> int:
        """Return how many goals run that nobody has cancelled."""
        return sum(status in _CANCELABLE for status in self._statuses.values())

    @property
    def active(self) -> int:
        """Return how many goals are not over yet, as far as is known."""
        running = {goal for goal, status in self._statuses.items() if status in _ACTIVE}
        return len(running | self._awaited)

    def await_end(self, goals: set[bytes]) -> None:
        """Take goals for active until the status topic says that they are over."""
        # Their status may be on its way; one from before they were accepted says nothing.
        self._awaited |= {
            goal for goal in goals if self._statuses.get(goal, 0) in _ACTIVE | {0}}

    def _on_status(self, message: GoalStatusArray) -> None:
        self._heard_at = time.monotonic()
        self._statuses = {
            bytes(one.goal_info.goal_id.uuid): one.status for one in message.status_list}
        self._awaited = {goal for goal in self._awaited if self._statuses.get(goal, 0) in _ACTIVE}
        self.on_change()

    def _on_matched(self, info: Any) -> None:
        now = time.monotonic()
        self._servers = info.current_count
        if info.current_count_change > 0:
            self._appeared_at = now
        # What a server said that is gone says nothing of the one that took its place.
        elif info.current_count == 0 or self._heard_at < self._appeared_at:
            self._statuses, self._awaited, self._heard_at = {}, set(), -1.0
            self.on_change()


class CancelStop(CallingStop):
    """Cancels all goals of an action; done when none is under way."""

    def __init__(self, node: Node, action: str, caller: ServiceCaller, *, call_timeout: float,
                 stop_timeout: float, answered: Report) -> None:
        # A zero id and a zero stamp: every goal.
        super().__init__(
            caller, CancelGoal.Request(), call_timeout=call_timeout, stop_timeout=stop_timeout,
            answered=answered)
        self._asked = -1
        self._refusals = 0
        self._watch = GoalWatch(node, action)
        self._watch.on_change = self._on_goals

    def _judge(self, response: Any) -> Verdict:
        goals = {bytes(one.goal_id.uuid) for one in response.goals_canceling}
        self._watch.await_end(goals)
        refused = not goals and self._watch.cancelable
        self._refusals = self._refusals + 1 if refused else 0
        if not goals and response.return_code == CancelGoal.Response.ERROR_REJECTED:
            return Verdict(False, f'{self._caller.where}: the server refuses to cancel')
        if self._refusals >= REFUSALS:
            return Verdict(False, f'{self._caller.where}: the server does not cancel; '
                                  f'{self._watch.cancelable} goals go on')
        self._asked = self._motions
        return self._look()

    def _look(self) -> Verdict:
        """Say what the status topic shows, after the server has answered."""
        if self._watch.active:
            return Verdict(None, f'{self._caller.where} has answered, but {self._watch.topic} '
                                 f'shows {self._watch.active} goals that are not over')
        if not self._watch.known:
            return Verdict(None, f'{self._caller.where} has answered, but nobody publishes '
                                 f'{self._watch.topic}')
        return Verdict(True)

    def _on_goals(self) -> None:
        if self._watch.cancelable:
            # Somebody sends goals while we stop: cancel them as well.
            with self._lock:
                self._called = None
        elif self._asked == self._motions and self._called == self._epoch and not self._under_way:
            self._conclude(self._look())
