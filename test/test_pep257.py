# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Docstrings: ament_pep257, or pydocstyle with the same list of what to ignore."""

import pytest

import linting


@pytest.mark.linter
@pytest.mark.pep257
def test_pep257(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [str(path.relative_to(linting.ROOT)) for path in linting.python_files()]
    if linting.available('ament_pep257'):
        from ament_pep257.main import main
        monkeypatch.chdir(linting.ROOT)
        assert main(argv=files) == 0, 'see the output above'
    elif linting.available('pydocstyle'):
        # ament_pep257 makes no exception for properties: imperative mood there, too.
        result = linting.run_module('pydocstyle', '--property-decorators=none', *files)
        assert result.returncode == 0, result.stdout
    else:
        linting.lacking('neither ament_pep257 nor pydocstyle is installed')
