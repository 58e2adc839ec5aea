# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""docs/events.md says what the code does."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from viam_session_bridge.ros.event_record import CHANGES, class_name, CLASSES

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def tool() -> Any:
    """Return tools/events_document.py as a module."""
    spec = importlib.util.spec_from_file_location(
        'events_document', ROOT / 'tools' / 'events_document.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_checked_in_schema_of_events_is_current(tool: Any) -> None:
    """Run: python3 tools/events_document.py > docs/events.md."""
    assert (ROOT / 'docs' / 'events.md').read_text(encoding='utf-8') == tool.document()


def test_every_event_has_a_heading(tool: Any) -> None:
    headings = [line for line in tool.document().splitlines() if line.startswith('## `')]
    for name in (*CHANGES, *map(class_name, CLASSES)):
        assert name == 'changed' or any(f'`{name}`' in line for line in headings), name
