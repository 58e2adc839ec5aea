# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Stop outputs that publish: a message that stops, and a lock that is released before motion."""

from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.clock import Clock
from std_msgs.msg import Bool

from viam_session_bridge.core.setpoints import Setpoint
from viam_session_bridge.parameters.outputs import LockOutput, NumberOutput, ZeroOutput
from viam_session_bridge.ros.drivers.number import message_of, MESSAGES
from viam_session_bridge.ros.drivers.output import OutputTopic
from viam_session_bridge.ros.drivers.stop_outputs import Report, StopOutput
from viam_session_bridge.ros.plugins import OwnTools


class MessageStop(StopOutput):
    """Publishes a message at every repetition of a stop. clock: stamps its header; or None."""

    def __init__(self, output: OutputTopic, message: Any, clock: Clock | None = None) -> None:
        self._output = output
        self._message = message
        self._clock = clock

    def stop(self, epoch: int) -> None:
        """Publish the message."""
        if self._clock is not None:
            self._message.header.stamp = self._clock.now().to_msg()
        self._output.publish(self._message)

    def path_problem(self) -> str:
        """Return why it would not arrive; empty when it would."""
        return self._output.path_problem()


class LockStop(StopOutput):
    """Locks at every repetition of a stop, and releases before motion and with it."""

    def __init__(self, output: OutputTopic, value: bool, release: bool, prepared: Report) -> None:
        self._output = output
        self._locked = Bool(data=value)
        self._released = Bool(data=release)
        self._prepared = prepared

    def prepare(self, epoch: int) -> None:
        """Release."""
        self._output.publish(self._released)
        self._prepared(epoch, '')

    def moved(self, setpoint: Setpoint) -> None:
        """Release again: a lock topic without messages for too long may count as locked."""
        self._output.publish(self._released)

    def stop(self, epoch: int) -> None:
        """Lock."""
        self._output.publish(self._locked)

    def path_problem(self) -> str:
        """Return why it would not arrive; empty when it would."""
        return self._output.path_problem()


def zero(output: ZeroOutput, tools: OwnTools) -> MessageStop:
    """Return the output of kind 'zero'."""
    message = TwistStamped() if output.stamped else Twist()
    if output.stamped:
        message.header.frame_id = output.frame_id
    return MessageStop(
        tools.output_of(output, type(message), 'stamped'), message,
        tools.node.get_clock() if output.stamped and output.stamp == 'now' else None)


def number(output: NumberOutput, tools: OwnTools) -> MessageStop:
    """Return the output of kind 'number'."""
    return MessageStop(
        tools.output_of(output, MESSAGES[output.message], 'message'),
        message_of(output.message, output.number))


def lock(output: LockOutput, tools: OwnTools) -> LockStop:
    """Return the output of kind 'lock'."""
    return LockStop(tools.output_of(output, Bool, 'topic'), output.value, output.release,
                    tools.readiness.part())
