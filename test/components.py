# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Configurations of components for tests of services, without a parameter file."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.parameters.outputs import CommandConfig
from viam_session_bridge.parameters.schema import entries, Kind
from viam_session_bridge.parameters.shared import AuthConfig, BridgeConfig, GrpcConfig

# What is required and matters to no service.
_ANYTHING = {Kind.TEXT: '', Kind.TEXTS: (), Kind.FLOAT: 1.0, Kind.FLOATS: ()}

# Where there is more than one driver, or more to choose.
_USUAL: dict[str, dict[str, Any]] = {
    'base': {'odometry_topic': 'odometry'}, 'arm': {'joints': ('joint',)},
    'gantry': {'joints': ('x',), 'lengths_m': (1.0,), 'max_speed': 0.1},
    'gripper': {'joints': ('finger',), 'open_position': 0.0, 'closed_position': 2.0,
                'tolerance': 0.01},
    'servo': {'max_speed_deg_s': 60.0}, 'switch': {'labels': ('off', 'on')}}


def component(api: str, **own: Any) -> Any:
    """Return the configuration of a component that is named as its API."""
    table = APIS[api]
    return table(**{
        'name': api, 'api': api, 'driver': next(iter(table.DRIVERS)),
        **{entry.name: _ANYTHING[entry.kind] for entry in entries(table)
           if entry.required and entry.name != 'driver'},
        **_USUAL.get(api, {}), **own})


def bridge_config(resources: Iterable[Any] = (), key_file: str = '', **grpc: Any) -> BridgeConfig:
    """Return the configuration of a bridge, by default at any free port."""
    return BridgeConfig(GrpcConfig(**{'port': 0, **grpc}), AuthConfig(key_file),
                        resources=tuple(resources))


def command_config(name: str, moves: bool, kind: str) -> CommandConfig:
    """Return a command for DoCommand."""
    return CommandConfig(name=name, kind=kind, service=name, moves=moves)


def feedback(description: Any = None, pose: Any = None, read: Any = None) -> Any:
    """Return the feedback of a component that is no evidence of rest, or its source."""
    return SimpleNamespace(description=description, pose=pose, read=read, problem=lambda: '')
