# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated services, action servers and Bool receivers of a robot, and a log of their calls.

The actions are served by hand: a cancel service and a status topic are all that a canceller sees.
Standard output is one JSON object a line; standard input takes orders of the same kind, each
answered with its number. The end of its input is the end of the program. Instants are seconds of
CLOCK_MONOTONIC.

Orders: ``serve`` (kind, name), ``drop`` (name), ``say`` (name, mode, delay), ``listen`` (topic),
``act`` (name, mode), ``goals`` (name, count), ``finish`` (name). ``say`` is carried out at once,
also while a response is delayed, which it ends.
"""

import argparse
import json
import queue
import sys
import threading
import time
from typing import Any
import uuid

from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Bool
from std_srvs.srv import Empty, SetBool, Trigger

KINDS = {'trigger': Trigger, 'set_bool': SetBool, 'empty': Empty}

# As rcl_action publishes it.
STATUS_QOS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL, depth=1)


# One for each line that was written, by the main thread or the reader of orders.
written: list[None] = []
_writing = threading.Lock()


def say(**entry: Any) -> None:
    """Write one line at once."""
    with _writing:
        print(json.dumps({**entry, 'at': time.monotonic()}), flush=True)
        written.append(None)


class Action:
    """
    An action server as rclcpp makes it, as far as a canceller sees.

    mode: 'cancel' goals at once, 'brake' (they stay CANCELING until 'finish'), 'late' (the
    same, and there is no status before), 'reject' (as rclcpp says no) or 'refuse' (as rclpy does:
    0 and no goals).
    """

    def __init__(self, node: Node, name: str, mode: str) -> None:
        self.name = name
        self.mode = mode
        self._goals: dict[bytes, int] = {}
        self._status = node.create_publisher(
            GoalStatusArray, f'{name}/_action/status', STATUS_QOS)
        self._cancel = node.create_service(
            CancelGoal, f'{name}/_action/cancel_goal', self._on_cancel)

    def begin(self, count: int) -> None:
        """Accept goals of another node."""
        for _ in range(count):
            goal = uuid.uuid4()
            self._goals[goal.bytes] = GoalStatus.STATUS_EXECUTING
            say(event='goal', name=f'{self.name}/goals', data=goal.hex)
        if self.mode != 'late':
            self._publish()

    @property
    def runs(self) -> bool:
        """Whether an active goal was not cancelled."""
        return GoalStatus.STATUS_EXECUTING in self._goals.values()

    def finish(self) -> None:
        """End the goals that are being cancelled."""
        self._change(GoalStatus.STATUS_CANCELING, GoalStatus.STATUS_CANCELED)

    def _on_cancel(self, request: Any, response: Any) -> Any:
        everything = not any(request.goal_info.goal_id.uuid) and not (
            request.goal_info.stamp.sec or request.goal_info.stamp.nanosec)
        wanted = bytes(request.goal_info.goal_id.uuid)
        say(event='cancel', name=self.name, data=everything or wanted.hex())
        running = [goal for goal, status in self._goals.items()
                   if status == GoalStatus.STATUS_EXECUTING and (everything or goal == wanted)]
        if self.mode == 'reject' and running:
            response.return_code = CancelGoal.Response.ERROR_REJECTED
        elif self.mode in ('cancel', 'brake', 'late'):
            for goal in running:
                info = GoalStatus().goal_info
                info.goal_id.uuid = list(goal)
                response.goals_canceling.append(info)
            self._change(GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING, running)
            if self.mode == 'cancel':
                self.finish()
        return response

    def _change(self, before: int, after: int, goals: list[bytes] | None = None) -> None:
        changed = [goal for goal, status in self._goals.items()
                   if status == before and (goals is None or goal in goals)]
        self._goals.update(dict.fromkeys(changed, after))
        # As rcl_action: nothing new, no message.
        if changed and (self.mode != 'late' or after == GoalStatus.STATUS_CANCELED):
            self._publish()

    def _publish(self) -> None:
        message = GoalStatusArray()
        for goal, status in self._goals.items():
            one = GoalStatus(status=status)
            one.goal_info.goal_id.uuid = list(goal)
            message.status_list.append(one)
        self._status.publish(message)


class Servers:
    """Everything that is served; all in the main thread. Methods are the orders."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._services: dict[str, Any] = {}
        self._modes: dict[str, tuple[str, float]] = {}
        self._actions: dict[str, Action] = {}
        self._subscriptions: list[Any] = []

    def serve(self, kind: str, name: str) -> None:
        """Offer a service; it succeeds at once."""
        def on_call(request: Any, response: Any) -> Any:
            mode, delay = self._modes.get(name, ('yes', 0.0))
            say(event='call', name=name, data=getattr(request, 'data', None))
            end = time.monotonic() + delay
            while time.monotonic() < end and self._modes.get(name) == (mode, delay):
                time.sleep(0.005)
            if hasattr(response, 'success'):
                response.success = mode == 'yes'
                response.message = f'{name} says {mode}'
            return response
        self._services[name] = self._node.create_service(KINDS[kind], name, on_call)

    def drop(self, name: str) -> None:
        """Offer a service no longer."""
        self._node.destroy_service(self._services.pop(name))

    def say(self, name: str, mode: str = 'yes', delay: float = 0.0) -> None:
        """
        Answer 'yes' or 'no', after a delay (s) that holds everything here up.

        A response that is delayed is sent at once.
        """
        self._modes[name] = mode, delay

    def listen(self, topic: str) -> None:
        """Report the Bools of a topic."""
        self._subscriptions.append(self._node.create_subscription(
            Bool, topic, lambda message: say(event='bool', name=topic, data=message.data), 50))

    def act(self, name: str, mode: str = 'cancel') -> None:
        """Offer an action, or change how it takes cancel requests."""
        if name in self._actions:
            self._actions[name].mode = mode
        else:
            self._actions[name] = Action(self._node, name, mode)

    def goals(self, name: str, count: int) -> None:
        """Run goals."""
        self._actions[name].begin(count)

    def nothing(self) -> None:
        """Only answer, after all that was taken before."""

    def finish(self, name: str) -> None:
        """End the goals that are being cancelled."""
        self._actions[name].finish()


def drain(executor: SingleThreadedExecutor) -> None:
    """Handle all that has arrived: a pass of the executor takes one message of each topic."""
    seen = -1
    while seen < len(written):
        seen = len(written)
        for _ in range(5):
            executor.spin_once(timeout_sec=0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--node', default='servers')
    options = parser.parse_args()
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order['do'] == 'say':
                carry_out(order)
            else:
                orders.put(order)
        orders.put(None)

    def carry_out(order: dict[str, Any]) -> None:
        number = order.pop('id')
        getattr(servers, order.pop('do'))(**order)
        say(event='done', id=number)

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node(options.node)
    servers = Servers(node)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    say(event='ready')
    threading.Thread(target=read, daemon=True).start()
    while True:
        executor.spin_once(timeout_sec=0.01)
        while not orders.empty():
            order = orders.get()
            if order is None:
                executor.shutdown()
                node.destroy_node()
                rclpy.try_shutdown()
                return
            if order['do'] == 'nothing':
                drain(executor)
            carry_out(order)


if __name__ == '__main__':
    main()
