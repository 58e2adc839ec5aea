# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The package as such: everything named in setup.py exists."""

import ast
import importlib
from pathlib import Path
import re

import pytest

from viam_session_bridge.executables import COMMANDS, EXECUTABLES

ROOT = Path(__file__).resolve().parent.parent
SETUP = (ROOT / 'setup.py').read_text(encoding='utf-8')
SCRIPTS = re.findall(r"'([\w-]+) = ([\w.]+):(\w+)'", SETUP)


def test_executables_are_the_commands_and_the_one_script_with_all_of_them() -> None:
    assert {name for name, _, _ in SCRIPTS} == {*COMMANDS, 'viam-session-bridge'}
    modules = {name: module for name, module, _ in SCRIPTS}
    assert all(modules[name] == ('viam_session_bridge.executables' if name in EXECUTABLES
                                 else module) for name, module in COMMANDS.items())


@pytest.mark.parametrize(('name', 'module', 'function'), SCRIPTS)
def test_executable_can_be_called(name: str, module: str, function: str) -> None:
    assert callable(getattr(importlib.import_module(module), function))


def test_every_folder_with_code_is_a_package() -> None:
    """find_packages omits, without a message, a folder that lacks an __init__.py."""
    folders = {path.parent for path in (ROOT / 'viam_session_bridge').rglob('*.py')}
    assert not [folder for folder in folders if not (folder / '__init__.py').exists()]


def test_code_is_python_3_10() -> None:
    """Jammy's Python is 3.10; newer syntax would be seen on a robot first."""
    for path in (ROOT / 'viam_session_bridge').rglob('*.py'):
        ast.parse(path.read_text(encoding='utf-8'), filename=str(path), feature_version=(3, 10))
