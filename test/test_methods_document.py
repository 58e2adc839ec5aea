# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""docs/methods.md states what the code does; test_contract tests its marks."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from viam_session_bridge.core.setpoints import PoseGoal, Power, Press, ServiceCall, Speed
from viam_session_bridge.rpc import proto
from viam_session_bridge.rpc.component_service import Served

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def tool() -> Any:
    """Return tools/methods_document.py as a module."""
    spec = importlib.util.spec_from_file_location(
        'methods_document', ROOT / 'tools' / 'methods_document.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_checked_in_table_is_current(tool: Any) -> None:
    """Run: python3 tools/methods_document.py > docs/methods.md."""
    assert (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8') == tool.document()


def test_the_implementation_of_a_method_follows_from_the_marks(tool: Any) -> None:
    """The drivers whose tables accept the method's setpoint; otherwise the fixed text."""
    tables = {'a': type('A', (), {'TAKES': (Power, Speed)}),
              'b': type('B', (), {'TAKES': (Power,)}), 'c': type('C', (), {})}
    for kinds, drivers in (
            ((Speed,), '`a`'), ((Power,), '`a`, `b`'), ((Press,), ''), ((), ''),
            ((PoseGoal,), '`pose_goal_topic`'), ((ServiceCall,), '`commands`')):
        assert tool.drivers_of(Served(sends=kinds), tables) == drivers
    assert tool.drivers_of(Served(sends=(Power,)), {'b': tables['b']}) == 'all'


def test_every_method_has_its_line(tool: Any) -> None:
    lines = tool.document().splitlines()
    for service in proto.services():
        if service.full_name.startswith(('viam.component.', 'viam.robot.')):
            for method in service.methods:
                assert any(line.startswith(f'| {method.name} |') for line in lines), method
