# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The interface of feedback: what reads the topics that show a resource.

A module in this folder has a mapping SOURCES: from the parameter that names a topic to a function
of the resource's configuration and SourceTools, which begins to read the topic and returns what is
known by it. It is called for each resource that has this parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node


@dataclass(frozen=True)
class SourceTools:
    """
    What a source is given to work with.

    measured: takes samples, on the executor's thread. clock: steady, in seconds. shared: what
    several resources read together, by the full name of its topic. observers: get every reading of
    the resource's joints, on the executor's thread.
    """

    node: Node
    measured: Callable[[Any], None]
    clock: Callable[[], float]
    shared: dict[str, Any]
    observers: list[Callable[[Any], None]]
