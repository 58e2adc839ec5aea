# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documents are those of the code."""

import importlib.util
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from viam_session_bridge.core.states import State, TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent


def load_tool() -> Any:
    spec = importlib.util.spec_from_file_location('pictures', ROOT / 'tools' / 'pictures.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()


@pytest.mark.parametrize('name', TOOL.PICTURES)
def test_picture_is_current(name: str) -> None:
    """Run tools/pictures.py after a change."""
    assert (TOOL.FOLDER / name).read_text(encoding='utf-8') == TOOL.PICTURES[name]()


def test_picture_of_the_states_has_each_state_and_each_event_that_changes_it() -> None:
    texts = {one.text for one in ElementTree.fromstring(TOOL.states()).iter()}
    assert {state.value for state in State} <= texts
    assert {event.value for (before, event), after in TRANSITIONS.items()
            if before is not after} <= texts
