# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Docstrings: ament_pep257, and pydocstyle with the same list of what to ignore."""

import pytest

import linting


def files() -> list[str]:
    """Return what is checked."""
    return [str(path.relative_to(linting.ROOT)) for path in linting.python_files()]


@pytest.mark.linter
@pytest.mark.pep257
def test_pep257() -> None:
    if not linting.available('pydocstyle'):
        linting.lacking('pydocstyle is not installed')
    # ament_pep257 makes no exception for properties: imperative mood there, too.
    result = linting.run_module('pydocstyle', '--property-decorators=none', *files())
    assert result.returncode == 0, result.stdout


@pytest.mark.linter
@pytest.mark.pep257
def test_ament_pep257() -> None:
    linting.run_ament('ament_pep257', *files())
