# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The interface of feedback: the readers of the feedback topics of a resource.

A module in this folder has a mapping SOURCES: from the parameter that names a topic to a class or
function of the resource's configuration and SourceTools, which begins to read the topic and
returns its source. It is called for each resource that has this parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.node import Node


@dataclass(frozen=True)
class SourceTools:
    """
    What a source receives.

    measured: takes samples, on the executor's thread. clock: steady, in seconds. shared: sources
    of several resources, by the full name of the topic. observers: receive every reading of the
    resource's joints, on the executor's thread.
    """

    node: Node
    measured: Callable[[Any], None]
    clock: Callable[[], float]
    shared: dict[str, Any] = field(default_factory=dict)
    observers: list[Callable[[Any], None]] = field(default_factory=list)
