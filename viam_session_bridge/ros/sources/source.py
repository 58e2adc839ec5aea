# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The reader of the topic of a resource without an actuator.

A module in this folder has the class for one component API, derived from Source; the factory finds
it by its API. Nothing here moves a robot or depends on code that does.
"""

from collections.abc import Callable, Mapping
import math
from typing import Any, ClassVar

from rclpy.node import Node

from viam_session_bridge.core.errors import NoFeedback
from viam_session_bridge.ros.profiles import FEEDBACK_QOS
from viam_session_bridge.ros.sources.odometry import StampCheck
from viam_session_bridge.ros.stop_path import publisher_problem, type_name


class Source:
    """
    The newest message on the topic of one resource.

    API: the component API. READERS: by driver, the message type and the function that reads one.
    config: of the resource, with name, driver, topic and feedback_timeout. clock: steady, in
    seconds.
    """

    API: ClassVar[str]
    READERS: ClassVar[Mapping[str, tuple[type, Callable[[Any], Any]]]]

    def __init__(self, node: Node, config: Any, clock: Callable[[], float]) -> None:
        self._node = node
        self._config = config
        self._clock = clock
        self._is_new = StampCheck()
        self._repeats = False
        # When it was received (s), and the message. Replaced as a whole: other threads read it.
        self._newest: tuple[float, Any] = -math.inf, None
        self._type, self._reader = self.READERS[config.driver]
        # Matches publishers with any reliability and durability.
        self._subscription = node.create_subscription(
            self._type, config.topic, self._take, FEEDBACK_QOS)

    def read(self) -> Any:
        """Return the readings of the newest message. Raises NoFeedback while none is fresh."""
        problem = self.problem()
        if problem:
            raise NoFeedback(problem)
        return self._reader(self._newest[1])

    def problem(self) -> str:
        """Return why there is no fresh message; empty when there is one."""
        name, timeout = self._config.name, self._config.feedback_timeout
        age = self._clock() - self._newest[0]
        if age < timeout:
            return ''
        topic, wanted = self._subscription.topic_name, type_name(self._type)
        cause = publisher_problem(topic, wanted, self._node.get_publishers_info_by_topic(topic))
        if not cause:
            cause = ('messages arrive, but their stamp does not change' if self._repeats else
                     f'there is a publisher of {wanted}, but it does not publish')
        found = (f'the newest message on {topic} is {age:.3g} s old' if age < math.inf else
                 f'no message has arrived on {topic}')
        return f'{name}.topic: {found}; {name}.feedback_timeout is {timeout:g} s; {cause}'

    def _take(self, message: Any) -> None:
        self._repeats = not self._is_new(message)
        if not self._repeats:
            self._newest = self._clock(), message
