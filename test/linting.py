# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the linter tests share: what is ours, and how to run a linter that may not be there.

The originals (ament_*) come with ROS 2 only. The tests use them where they are, and the programs
that they wrap where they are not. Where even those lack, a test is skipped and says so; with
LINT_REQUIRED=1 (`make test`, `.ci/run`) it fails.
"""

import importlib.util
import os
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ('viam_session_bridge', 'launch', 'test', 'tools', 'bench', 'examples')


def python_files() -> list[Path]:
    """Return every Python file of ours; nothing that a build or an environment put here."""
    files = sorted(ROOT.glob('*.py'))
    for folder in FOLDERS:
        files += sorted(path for path in (ROOT / folder).rglob('*.py')
                        if not any(part.startswith('.') for part in path.relative_to(ROOT).parts))
    assert len(files) > 10, f'hardly any Python files under {ROOT}: is this the source tree?'
    return files


def available(*modules: str) -> bool:
    """Tell whether all these modules can be imported."""
    return all(importlib.util.find_spec(module) for module in modules)


def lacking(what: str) -> None:
    """End the test: skipped, or failed where linters are required."""
    if os.environ.get('LINT_REQUIRED'):
        pytest.fail(f'LINT_REQUIRED is set, but {what}')
    pytest.skip(what)


def run_module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m name` in the source tree, without raising when it finds something."""
    return subprocess.run([sys.executable, '-m', name, *arguments], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
