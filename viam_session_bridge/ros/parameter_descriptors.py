# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Declares the parameters on the node with descriptors, so that `ros2 param describe` explains them.

Uses rclpy's public interface only. Values have passed every check before they come here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from viam_session_bridge.ros.parameter_spec import accepted, Entry, Kind

_TYPES = {
    Kind.BOOL: Parameter.Type.BOOL,
    Kind.INT: Parameter.Type.INTEGER,
    Kind.FLOAT: Parameter.Type.DOUBLE,
    Kind.TEXT: Parameter.Type.STRING,
    Kind.FLOATS: Parameter.Type.DOUBLE_ARRAY,
    Kind.TEXTS: Parameter.Type.STRING_ARRAY,
}


def declare(node: Node, values: Mapping[str, tuple[Entry, Any]]) -> None:
    """Declare each parameter with its value; rclpy's automatic declarations are replaced."""
    for name, (entry, value) in values.items():
        if node.has_parameter(name):
            node.undeclare_parameter(name)
        if value == ():
            _declare_empty_list(node, name, entry)
            continue
        plain = list(value) if isinstance(value, tuple) else value
        described = descriptor(entry)
        # rclpy lets no other parameter be without a value: whoever asks for a static one together
        # with others, as `ros2 param dump` does, gets none of them.
        described.dynamic_typing = value is None
        node.declare_parameter(name, plain, described, ignore_override=True)


def descriptor(entry: Entry) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    spec = entry.spec
    made = ParameterDescriptor(
        type=_TYPES[entry.kind].value,
        description=spec.description + (f' [{spec.unit}]' if spec.unit else ''),
        additional_constraints=f'accepted: {accepted(entry)}',
        read_only=not spec.mutable)
    if entry.kind is Kind.FLOAT:
        made.floating_point_range = [
            FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))]
    elif entry.kind is Kind.INT:
        made.integer_range = [
            IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    return made


def _declare_empty_list(node: Node, name: str, entry: Entry) -> None:
    # rclpy infers a list of bytes from an empty list and then refuses the type we mean: take the
    # value with a type of its own first, and the descriptor that fixes both afterwards.
    node.declare_parameter(
        name, [], ParameterDescriptor(dynamic_typing=True), ignore_override=True)
    node.set_parameters([Parameter(name, _TYPES[entry.kind], [])])
    node.set_descriptor(name, descriptor(entry))
