# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the linter tests share: the files to check, and how to run a linter if it is installed.

The originals (ament_*) come with ROS 2, or as packages of Debian and Ubuntu for the Python of the
system. The tests run them where they are, and the programs that they wrap. A test whose linter is
not installed is skipped with a message; for the programs that they wrap it fails with
LINT_REQUIRED=1 (`make test`, `.ci/run`).
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
    """Return every Python file of this package, without those of builds and environments."""
    files = sorted(ROOT.glob('*.py'))
    for folder in FOLDERS:
        files += sorted(path for path in (ROOT / folder).rglob('*.py')
                        if not any(part.startswith('.') for part in path.relative_to(ROOT).parts))
    assert len(files) > 10, f'hardly any Python files under {ROOT}: is this the source tree?'
    return files


def available(*modules: str) -> bool:
    """Return whether all these modules can be imported."""
    return all(importlib.util.find_spec(module) for module in modules)


def lacking(what: str) -> None:
    """End the test: skipped, or failed where linters are required."""
    if os.environ.get('LINT_REQUIRED'):
        pytest.fail(f'LINT_REQUIRED is set, but {what}')
    pytest.skip(what)


def ament(name: str) -> str | None:
    """Return the Python that has one of the original linters: this one, or the system's."""
    for python in (sys.executable, '/usr/bin/python3'):
        if Path(python).exists() and subprocess.run(
                [python, '-c', f'import {name}.main'], env=_environment(python),
                capture_output=True).returncode == 0:
            return python
    return None


def run_ament(name: str, *arguments: str, prepare: str = '') -> None:
    """Run one of the original linters in the source tree; skip the test where it is not there."""
    python = ament(name)
    if python is None:
        pytest.skip(f'{name} is not installed (apt install python3-{name.replace("_", "-")}, or '
                    'ROS 2)')
    result = subprocess.run(
        [python, '-c', f'import sys\n{prepare}\nfrom {name}.main import main\n'
         'sys.exit(main(argv=sys.argv[1:]))', *arguments], cwd=ROOT, env=_environment(python),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout


def _environment(python: str) -> dict[str, str]:
    # Paths to packages and libraries of this Python are wrong for another one.
    return {key: value for key, value in os.environ.items()
            if python == sys.executable or key not in ('PYTHONPATH', 'LD_LIBRARY_PATH')}


def run_module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m name` in the source tree, without raising when it finds something."""
    return subprocess.run([sys.executable, '-m', name, *arguments], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
