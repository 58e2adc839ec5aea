# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The inputs of the emergency stop: a topic, if one is configured, and the service ~/estop."""

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
        self._service = node.create_service(Trigger, '~/estop', self._on_call)
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
