# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What an operator's services do: ~/estop, ~/stop_all, ~/expire_sessions; and the emergency topic.

The emergency stop has two ways in: a topic, if one is configured, and ~/estop. ~/reset, which a
guard has too, is in node.py.
"""

from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from viam_session_bridge.parameters.shared import EmergencyConfig
from viam_session_bridge.ros.interfaces import EmergencyStopping
from viam_session_bridge.ros.profiles import FEEDBACK_QOS, LATCHED_QOS


class EmergencyInput:
    """Passes emergency stops to the supervisor, on the executor's thread."""

    def __init__(self, node: Node, supervision: EmergencyStopping,
                 config: EmergencyConfig) -> None:
        self._node = node
        self._supervision = supervision
        self._services = [
            node.create_service(Trigger, '~/estop', self._on_call),
            node.create_service(Trigger, '~/stop_all', self._on_stop_all),
            node.create_service(Trigger, '~/expire_sessions', self._on_expire_sessions)]
        # Many emergency stops publish on change only, latched. Only a TRANSIENT_LOCAL reader
        # receives earlier messages, and it matches only publishers of that durability, so there
        # are two readers.
        profiles = (FEEDBACK_QOS, LATCHED_QOS) if config.topic else ()
        self._subscriptions = [
            node.create_subscription(Bool, config.topic, self._on_message, profile)
            for profile in profiles]

    def _on_message(self, message: Bool) -> None:
        self._supervision.hear_emergency(message.data)

    def _on_call(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._supervision.press_emergency('a call of ~/estop')
        response.success = True
        response.message = 'everything stops; ~/reset lets it move again'
        return response

    def _on_stop_all(self, request: Trigger.Request,
                     response: Trigger.Response) -> Trigger.Response:
        self._supervision.stop_all()
        response.success = True
        response.message = 'everything stops; the next command of a client moves it again'
        self._node.get_logger().warning(f'a call of ~/stop_all: {response.message}')
        return response

    def _on_expire_sessions(self, request: Trigger.Request,
                            response: Trigger.Response) -> Trigger.Response:
        count = self._supervision.expire_sessions()
        response.success = True
        response.message = (
            f'{count} sessions ended, and what they moved stops; clients start new ones')
        self._node.get_logger().warning(f'a call of ~/expire_sessions: {response.message}')
        return response
