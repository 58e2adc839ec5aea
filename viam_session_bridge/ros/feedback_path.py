# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks whether feedback can arrive. DDS reports neither a missing publisher nor another type.

The topics to check follow from the tables of parameters: every topic that is read has its type.
"""

from dataclasses import dataclass
from typing import NamedTuple

from rclpy.node import Node

from viam_session_bridge.parameters.schema import Form, table_entries
from viam_session_bridge.parameters.shared import BridgeConfig
from viam_session_bridge.ros.stop_path import publisher_problem

# The topics that verify rest. Others, such as a description, do not stop a motion.
_REST = frozenset({'odometry_topic', 'velocity_topic', 'joint_states_topic'})


class FeedbackProblem(NamedTuple):
    """A problem; hides_rest: rest will never be seen, because another type is published."""

    text: str
    hides_rest: bool


@dataclass(frozen=True)
class _Source:
    """
    A topic that is read: its reader, the parameter that names it, its full name and type.

    shows_rest: whether a stop is verified by it.
    """

    reader: str
    parameter: str
    topic: str
    wanted: str
    shows_rest: bool

    @property
    def kind(self) -> str:
        """Return the content of the topic, in words."""
        name = self.parameter.rpartition('.')[2]
        return name.removesuffix('_topic').replace('_', ' ')


class FeedbackPaths:
    """All topics that a bridge reads. A reader is a resource, or 'estop'."""

    def __init__(self, node: Node, config: BridgeConfig) -> None:
        self._node = node
        readers = [('estop', config.estop), *((one.name, one) for one in config.resources)]
        self._sources = [
            _Source(name, f'{name}.{entry.name}',
                    node.resolve_topic_name(getattr(table, entry.name)), entry.spec.message,
                    entry.name in _REST)
            for name, table in readers for entry in table_entries(
                type(table), getattr(table, 'driver', None))
            if entry.spec.form is Form.FEEDBACK_TOPIC and getattr(table, entry.name)]

    def sources(self) -> list[tuple[str, str, bool]]:
        """
        Return what verifies stops and steers moves.

        Resource, a text that names topic and parameter, and whether its samples have a pose.
        """
        return [(source.reader, f'{source.kind} on {source.topic} ({source.parameter})',
                 not source.parameter.endswith('.velocity_topic'))
                for source in self._sources if source.shows_rest]

    def problems(self) -> dict[str, FeedbackProblem]:
        """Return the current problems by reader; readers whose feedback may arrive have none."""
        found: dict[str, FeedbackProblem] = {}
        publishers = {
            topic: self._node.get_publishers_info_by_topic(topic)
            for topic in {source.topic for source in self._sources}}
        for source in self._sources:
            problem = publisher_problem(
                source.topic, source.wanted, publishers[source.topic])
            if not problem:
                continue
            hides = source.shows_rest and bool(publishers[source.topic])
            if hides or source.reader not in found:
                found[source.reader] = FeedbackProblem(f'{source.parameter}: {problem}', hides)
        return found
