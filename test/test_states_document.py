# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of states in docs/design.md is the one of core/states.py."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_in_the_design_is_current() -> None:
    """Replace it with what tools/states_document.py prints."""
    spec = importlib.util.spec_from_file_location(
        'states_document', ROOT / 'tools' / 'states_document.py')
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert f'\n\n{tool.document()}\n' in (ROOT / 'docs' / 'design.md').read_text(encoding='utf-8')
