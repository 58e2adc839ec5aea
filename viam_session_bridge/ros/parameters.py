# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Declares, reads and validates the ROS parameters of the bridge's node.

The result is one frozen BridgeConfig or one ConfigurationError with every mistake. Create the node
with `automatically_declare_parameters_from_overrides=True`: otherwise rclpy hides the names that
nobody declared, and a misspelt one would be ignored without a word. What parameters exist is in
`parameter_tables`; `python -m viam_session_bridge.ros.parameters` prints them as a document.
"""

from __future__ import annotations

from collections.abc import Callable
import sys
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from viam_session_bridge.ros.parameter_descriptors import declare
from viam_session_bridge.ros.parameter_document import document
from viam_session_bridge.ros.parameter_joints import MotorConfig
from viam_session_bridge.ros.parameter_judgement import judge
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_rules import Surroundings
from viam_session_bridge.ros.parameter_spec import Kind
from viam_session_bridge.ros.parameter_startup import explain_startup_error
from viam_session_bridge.ros.parameter_switches import ButtonConfig, GenericConfig, SwitchConfig
from viam_session_bridge.ros.parameter_tables import (
    BaseConfig,
    BridgeConfig,
    EmergencyConfig,
    GrpcConfig,
    GuardConfig,
    SessionsConfig,
)

__all__ = [
    'BaseConfig', 'BridgeConfig', 'ButtonConfig', 'ConfigurationError', 'EmergencyConfig',
    'explain_startup_error', 'GenericConfig', 'GrpcConfig', 'GuardConfig', 'MotorConfig',
    'NODE_NAME', 'read', 'ResourceConfig', 'SessionsConfig', 'SwitchConfig', 'watch']

NODE_NAME = 'viam_session_bridge'


class ConfigurationError(Exception):
    """The parameters do not make a configuration. `errors` has one sentence per mistake."""

    def __init__(self, errors: list[str]) -> None:
        """Keep the sentences; the text of the exception lists them all."""
        super().__init__('\n'.join(f'- {each}' for each in errors))
        self.errors = errors


def read(node: Node) -> BridgeConfig:
    """
    Return the configuration that the node's parameters describe, and declare every parameter.

    Raises ConfigurationError with all mistakes; the node's parameters are then as before.
    """
    verdict = judge(_found(node), _surroundings(node))
    if verdict.config is None:
        raise ConfigurationError(verdict.errors)
    declare(node, verdict.values)
    return verdict.config


def watch(node: Node, config: BridgeConfig, apply: Callable[[BridgeConfig], None]) -> None:
    """
    Let the mutable parameters change at run time; `config` is what `read` returned.

    A change is validated together with everything else and refused with a reason; once the node
    has taken it over, `apply` gets the new configuration, in the thread that set the parameter
    (for `ros2 param set`: the executor's). Read-only and unknown names are refused by rclpy.
    """
    watcher = _Watcher(node, config, apply)
    node.add_pre_set_parameters_callback(watcher.convert)
    node.add_on_set_parameters_callback(watcher.check)
    node.add_post_set_parameters_callback(watcher.take_over)


class _Watcher:
    """The three callbacks of one change, in the order rclpy calls them."""

    def __init__(self, node: Node, config: BridgeConfig,
                 apply: Callable[[BridgeConfig], None]) -> None:
        self._node = node
        self._config = config
        self._apply = apply
        self._around = _surroundings(node)
        # Other parts of the node may have declared parameters of their own meanwhile.
        self._kinds = {name: entry.kind for name, (entry, _) in
                       judge(_found(node), self._around).values.items()}

    def convert(self, parameters: list[Parameter[Any]]) -> list[Parameter[Any]]:
        """Return the parameters with integers made numbers where a number is declared."""
        return [
            Parameter(each.name, Parameter.Type.DOUBLE, float(each.value))
            if each.type_ == Parameter.Type.INTEGER
            and self._kinds.get(each.name) is Kind.FLOAT else each
            for each in parameters]

    def check(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Judge the configuration as it would be; parameters of others pass."""
        changes = {each.name: each.value for each in parameters if each.name in self._kinds}
        if not changes:
            return SetParametersResult(successful=True)
        errors = judge({**self._current(), **changes}, self._around).errors
        return SetParametersResult(successful=not errors, reason='; '.join(errors))

    def take_over(self, parameters: list[Parameter[Any]]) -> None:
        """Hand on the new configuration once the node has stored it."""
        if not any(each.name in self._kinds for each in parameters):
            return
        config = judge(self._current(), self._around).config
        if config is not None and config != self._config:
            self._config = config
            self._apply(config)

    def _current(self) -> dict[str, Any]:
        return {name: self._node.get_parameter(name).value for name in self._kinds}


def _found(node: Node) -> dict[str, Any]:
    return {name: each.value for name, each in node.get_parameters_by_prefix('').items()}


def _surroundings(node: Node) -> Surroundings:
    return Surroundings(
        node.get_fully_qualified_name(), node.get_namespace(), node.resolve_topic_name,
        node.resolve_service_name)


if __name__ == '__main__':
    sys.stdout.write(document())
