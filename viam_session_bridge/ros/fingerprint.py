# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The part of a configuration that a bridge and its guard must share, and a fingerprint of it.

A guard that publishes its zeros on another topic stops nothing. Parameters that may change at run
time are excluded: no stop depends on them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from rclpy.node import Node

from viam_session_bridge.parameters.outputs import CANCEL_SERVICE
from viam_session_bridge.parameters.resources import ActuatedConfig
from viam_session_bridge.parameters.schema import entries, Form
from viam_session_bridge.parameters.shared import BridgeConfig

_TOPICS = frozenset({Form.OUTPUT_TOPIC, Form.FEEDBACK_TOPIC})


def resolved(config: BridgeConfig, node: Node) -> BridgeConfig:
    """
    Return the configuration with every topic and service of a resource as its full name.

    node: the one that it was read from; remappings, namespace and `~` are those of that node,
    whichever node publishes.
    """
    return dataclasses.replace(config, resources=tuple(
        _resolved(one, node) for one in config.resources))


def fingerprint(config: BridgeConfig) -> str:
    """Return the fingerprint of a resolved configuration, which two processes compare."""
    content = {
        'patience': config.guard.patience,
        'resources': {one.name: _fixed(one) for one in config.actuated}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _resolved(table: Any, node: Node) -> Any:
    changes: dict[str, Any] = {}
    for entry in entries(type(table)):
        value = getattr(table, entry.name)
        if _holds_tables(value):
            changes[entry.name] = tuple(_resolved(each, node) for each in value)
        elif not isinstance(value, str) or not value:
            continue
        elif entry.spec.form in _TOPICS:
            changes[entry.name] = node.resolve_topic_name(value)
        elif entry.spec.form is Form.SERVICE:
            changes[entry.name] = node.resolve_service_name(value)
        elif entry.spec.form is Form.ACTION:
            # The name of an action is not remapped, only its services and topics.
            changes[entry.name] = node.resolve_service_name(
                value + CANCEL_SERVICE).removesuffix(CANCEL_SERVICE)
    return dataclasses.replace(table, **changes)


def _fixed(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = {} if isinstance(table, ActuatedConfig) else {
        'kind': type(table).__name__}
    for entry in entries(type(table)):
        value = getattr(table, entry.name)
        if _holds_tables(value):
            found[entry.name] = [_fixed(each) for each in value]
        elif not entry.spec.mutable and entry.name != 'accept_no_timeout':
            found[entry.name] = value
    return found


def _holds_tables(value: Any) -> bool:
    return isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value))
