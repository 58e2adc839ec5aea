# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The permitted imports between the packages, as data.

    executables -> the standard library: how bridge, guard, demo and sim_base start
    bridge -> process, rpc, ros, locked, parameters, core
    guard -> process, ros, locked, parameters, core
    client -> rpc: only what rpc.proto declares; programs of users import it
    cli, sim: programs around the bridge; no part of the bridge imports them
    cli -> ros, rpc, parameters, core, dds: doctor checks with the code of bridge and guard, so
           that both read a file, a certificate and the graph in the same way
    process -> ros, locked, parameters, core, dds: what bridge and guard share; the guard never
               sees rpc
    rpc  -> locked, parameters, core, key_file, and the version of the package
    ros  -> parameters, core
    key_file -> the standard library: rpc reads it, the command keys writes it
    plugin -> ros, parameters, core: what drivers of other packages import
    locked_supervisor (above: locked) -> core
    parameters -> core, and the standard library without clocks and threads
    core -> the standard library, without clocks, threads and I/O

`rpc` and `ros` never see each other: motion passes through the lock, or not at all.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import sys

import pytest

from viam_session_bridge.parameters.load import APIS
from viam_session_bridge.parameters.resources import ActuatedConfig

PACKAGE = 'viam_session_bridge'
SOURCE = Path(__file__).resolve().parent.parent / PACKAGE

# Part -> the parts it may import besides itself. A new part must find its place here.
OWN = {
    '__init__': set(),
    'executables': {'__init__'},
    'core': set(),
    'locked_supervisor': {'core'},
    'parameters': {'core'},
    'rpc': {'__init__', 'core', 'key_file', 'locked_supervisor', 'parameters'},
    'key_file': set(),
    'ros': {'core', 'parameters'},
    'guard': {'core', 'executables', 'locked_supervisor', 'parameters', 'process', 'ros'},
    'process': {'core', 'dds', 'locked_supervisor', 'parameters', 'ros'},
    'dds': set(),
    'plugin': {'core', 'parameters', 'ros'},
    'client': {'rpc'},
    'bridge': {
        'core', 'executables', 'locked_supervisor', 'parameters', 'process', 'rpc', 'ros',
        '__init__'},
    # doctor reads a parameter file, makes drivers and judges feedback as bridge and guard do.
    'cli': {
        'core', 'dds', 'executables', 'key_file', 'parameters', 'ros', 'rpc', 'sim', '__init__'},
    'sim': {'executables'},
}

# Part -> what it may import of the world outside the standard library.
GRPC = {'grpc', 'google'}
ROS = {
    'rclpy', 'rcl_interfaces', 'ament_index_python', 'builtin_interfaces', 'rosidl_runtime_py',
    'unique_identifier_msgs', '*_msgs', '*_srvs',
}
WORLD = {
    'rpc': GRPC | {'cryptography', 'jwt'},
    'ros': ROS | {'yaml'},
    'guard': ROS,
    'bridge': {'rclpy'},
    'process': {'rclpy'},
    'dds': {'rclpy'},
    'cli': ROS | GRPC | {'yaml', 'viam', 'cryptography', 'matplotlib', 'rich'},
    'client': GRPC | {'grpclib'},
    'sim': ROS,
}

# All that core may use. Add to it what neither reads a clock nor does I/O nor starts anything.
PURE = {
    '__future__', 'abc', 'bisect', 'collections', 'copy', 'dataclasses', 'enum', 'fractions',
    'functools', 'heapq', 'itertools', 'math', 'numbers', 'operator', 're', 'statistics',
    'string', 'textwrap', 'types', 'typing',
}
# What parameters may use beside that: values, texts, and what other packages bring.
OF_PARAMETERS = {'array', 'difflib', 'hashlib', 'importlib', 'ipaddress', 'pkgutil'}
PURE_PARTS = {'core': PURE, 'parameters': PURE | OF_PARAMETERS}
IMPURE_CALLS = {'__import__', 'breakpoint', 'eval', 'exec', 'input', 'open', 'print'}


@dataclass(frozen=True)
class Import:
    """One imported module, by its absolute name, and the line that imports it."""

    module: str
    line: int


def imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[Import]:
    """
    Yield all imports of a module, those in functions and under TYPE_CHECKING too.

    Each name of `from a import b` is given as `a.b`: it may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parents = module.split('.')
                kept = len(parents) - node.level + (1 if is_package else 0)
                base = '.'.join(parents[:kept] + ([node.module] if node.module else []))
            for alias in node.names:
                yield Import(f'{base}.{alias.name}', node.lineno)


def matches(name: str, patterns: set[str]) -> bool:
    return any(name == pattern or (pattern[0] == '*' and name.endswith(pattern[1:]))
               for pattern in patterns)


def fault(part: str, imported: str) -> str | None:
    """Return why this part may not import that module, or None if it may."""
    top, *rest = imported.split('.')
    if top == PACKAGE:
        target = rest[0] if rest and (rest[0] in OWN) else '__init__'
        if target != part and target not in OWN[part]:
            return f'{part} may not import {target}'
    elif top in sys.stdlib_module_names:
        if part in PURE_PARTS and top not in PURE_PARTS[part]:
            return f'{part} may not import {top}: no clock, thread or I/O in {part}'
    elif not matches(top, WORLD.get(part, set())):
        return f'{part} may not import {top}'
    return None


def faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return every violation in the source of one module, as `module:line: reason`."""
    parts = module.split('.')
    part = parts[1] if len(parts) > 1 else '__init__'
    if part not in OWN:
        return [f'{module}: {part} has no place in the floor plan of {Path(__file__).name}']
    tree = ast.parse(source)
    found = [(found.line, fault(part, found.module))
             for found in imports(tree, module, is_package)]
    if part in PURE_PARTS:
        found += [(node.lineno, f'{part} may not call {node.func.id}()') for node in ast.walk(tree)
                  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                  and node.func.id in IMPURE_CALLS]
    return [f'{module}:{line}: {reason}' for line, reason in sorted(set(found), key=str) if reason]


def module_name(path: Path) -> str:
    name = '.'.join(path.relative_to(SOURCE.parent).with_suffix('').parts)
    return name.removesuffix('.__init__')


def test_every_module_keeps_to_the_floor_plan() -> None:
    modules = sorted(SOURCE.rglob('*.py'))
    assert modules, f'no modules in {SOURCE}'
    found = [entry for path in modules for entry in faults(
        path.read_text(encoding='utf-8'), module_name(path), path.name == '__init__.py')]
    assert not found, '\n' + '\n'.join(found)


@pytest.mark.parametrize(('module', 'source'), [
    ('rpc.base_service', 'from viam_session_bridge.ros import pump'),
    ('rpc.base_service', 'from viam_session_bridge import ros'),
    ('rpc.base_service', 'import viam_session_bridge.ros.pump as p'),
    ('rpc.base_service', 'from ..ros.pump import Pump'),
    ('rpc.base_service', 'from .. import ros'),
    ('rpc.base_service', 'import rclpy'),
    ('rpc.base_service', 'from geometry_msgs.msg import Twist'),
    ('ros.pump', 'from viam_session_bridge.rpc.connections import Presence'),
    ('ros.pump', 'from viam_session_bridge.locked_supervisor import steady_now'),
    ('ros.drivers.twist', 'from ... import locked_supervisor'),
    ('ros.pump', 'import grpc.aio'),
    ('ros.pump', 'from google.protobuf import message'),
    ('parameters.load', 'import rclpy'),
    ('parameters.load', 'from viam_session_bridge.ros import plugins'),
    ('parameters.load', 'from viam_session_bridge.rpc.commands import do_command'),
    ('parameters.load', 'import time'),
    ('core.sessions', 'from viam_session_bridge.parameters.shared import SessionsConfig'),
    ('locked_supervisor', 'from viam_session_bridge.rpc import server'),
    ('locked_supervisor', 'import rclpy'),
    ('locked_supervisor', 'from .bridge import main'),
    ('core.sessions', 'from viam_session_bridge.locked_supervisor import steady_now'),
    ('core.sessions', 'from viam_session_bridge import __version__'),
    ('core.sessions', 'import time'),
    ('core.sessions', 'from time import monotonic'),
    ('core.sessions', 'import threading'),
    ('core.sessions', 'import asyncio'),
    ('core.sessions', 'import socket'),
    ('core.sessions', 'import os.path'),
    ('core.sessions', 'import datetime'),
    ('core.sessions', 'import logging'),
    ('core.sessions', 'import numpy'),
    ('core.sessions', 'def f():\n    import random'),
    ('core.sessions', 'if TYPE_CHECKING:\n    from viam_session_bridge.ros.node import Node'),
    ('core.sessions', 'print("a session ended")'),
    ('core.sessions', 'clock = __import__("time")'),
    ('bridge', 'from viam_session_bridge.sim import diff_drive'),
    ('bridge', 'import viam'),
    ('process', 'from viam_session_bridge.rpc import server'),
    ('guard', 'from viam_session_bridge.rpc import server'),
    ('attic.old', 'import math'),
])
def test_a_violation_is_found(module: str, source: str) -> None:
    assert len(faults(source, f'{PACKAGE}.{module}')) == 1


@pytest.mark.parametrize(('module', 'source'), [
    ('core.supervisor', 'from viam_session_bridge.core.sessions import Session\nimport math'),
    ('core.supervisor', 'from .sessions import Session\nfrom . import errors'),
    ('core.supervisor', 'from __future__ import annotations\nfrom collections.abc import Mapping'),
    ('locked_supervisor', 'import threading, time\nfrom .core.supervisor import Supervisor'),
    ('rpc.server', 'import grpc.aio\nfrom ..locked_supervisor import L\nfrom ..core import x'),
    ('ros.pump', 'import rclpy.node\nfrom std_srvs.srv import Trigger\nfrom ..core import motion'),
    ('bridge', 'from .locked_supervisor import L\nfrom .ros import n\nfrom .rpc import x'),
    ('ros.pump', 'from viam_session_bridge.parameters.shared import BridgeConfig'),
    ('rpc.server', 'from viam_session_bridge.parameters.base import BaseConfig'),
    ('parameters.load', 'import difflib\nfrom ..core.setpoints import Velocity'),
    ('bridge', 'import rclpy'),
    ('bridge', 'from viam_session_bridge import __version__'),
])
def test_what_is_allowed_is_not_found(module: str, source: str) -> None:
    assert faults(source, f'{PACKAGE}.{module}') == []


# What moves robots. A component without an actuator imports none of it, not even indirectly, so
# that any process may host its service and its source.
MOTION = {f'{PACKAGE}.{name}' for name in (
    'bridge', 'guard', 'process', 'locked_supervisor', 'core.supervisor', 'core.guard_rules',
    'ros.pump', 'rpc.calls', 'rpc.server', 'rpc.actuated_service')}


def reached(module: str) -> set[str]:
    """Return all modules of the package that a module imports, directly or not, and itself."""
    modules = {module_name(path): path for path in SOURCE.rglob('*.py')}
    found, pending = set[str](), [module]
    while pending:
        name = pending.pop()
        while name and name not in modules:
            name = name.rpartition('.')[0]
        if name and name not in found:
            found.add(name)
            path = modules[name]
            pending += [name.rpartition('.')[0], *(one.module for one in imports(
                ast.parse(path.read_text(encoding='utf-8')), name, path.name == '__init__.py'))]
    return found


@pytest.mark.parametrize('api', [
    api for api, table in APIS.items() if not issubclass(table, ActuatedConfig)])
@pytest.mark.parametrize('module', ['rpc.{}_service', 'ros.sources.{}', 'parameters.{}'])
def test_a_component_without_an_actuator_reaches_nothing_that_moves(
        api: str, module: str) -> None:
    modules = reached(f'{PACKAGE}.{module.format(api)}')
    assert f'{PACKAGE}.{module.format(api)}' in modules
    assert not modules & MOTION


def test_a_component_with_an_actuator_reaches_what_moves_it() -> None:
    """So the search follows imports of imports."""
    assert MOTION & reached(f'{PACKAGE}.rpc.gripper_service') == {
        f'{PACKAGE}.{name}' for name in (
            'locked_supervisor', 'core.supervisor', 'core.guard_rules', 'rpc.calls',
            'rpc.actuated_service')}


def test_relative_imports_of_a_package_start_at_itself() -> None:
    assert faults('from .sessions import Session', f'{PACKAGE}.core', is_package=True) == []
    assert faults('from ..ros import node', f'{PACKAGE}.core', is_package=True) != []
