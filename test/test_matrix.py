# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The rows of `make matrix`: the results that count as success, and the cells without a run."""

from importlib.util import module_from_spec, spec_from_file_location
import json
from pathlib import Path
import sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / 'tools' / 'matrix.py'

if not TOOL.is_file():
    pytest.skip('an installed package has no tools/', allow_module_level=True)
spec = spec_from_file_location('matrix', TOOL)
assert spec is not None and spec.loader is not None
matrix = module_from_spec(spec)
sys.modules['matrix'] = matrix
spec.loader.exec_module(matrix)


@pytest.mark.parametrize(('text', 'status', 'says', 'good'), [
    ('684 passed, 25 skipped, 2 warnings in 99.9s', 0, '684 passed, 25 skipped', True),
    ('3 passed in 1.00s', 0, '3 passed', True),
    ('3 passed in 1.00s', 3, '3 passed, exit status 3', False),
    ('2 failed, 3 passed in 1.00s', 1, '2 failed, 3 passed, exit status 1', False),
    ('3 passed, 2 errors in 1.00s', 1, '2 errors, 3 passed, exit status 1', False),
    ('a program says 7 passed in between\n1 failed in 1.00s', 1, '1 failed, exit status 1', False),
    ('25 skipped in 1.00s', 0, '25 skipped', False),
    ('killed', -9, 'no result, exit status -9', False)])
def test_only_what_passed_is_good(text: str, status: int, says: str, good: bool) -> None:
    assert matrix.outcome(text, status) == says
    assert bool(matrix.GOOD.fullmatch(says)) is good


def test_a_cell_that_cannot_be_run_states_why_in_place_of_its_old_row(tmp_path: Path) -> None:
    cell = matrix.Cell('jazzy', '3.99', 'protobuf==3.20.3', 'grpcio==1.51.1')
    kept = tmp_path / f'{cell.name}.json'
    kept.write_text(json.dumps({'result': '684 passed'}))
    row = matrix.run(cell, tmp_path, Path(sys.executable))
    assert row['result'] == 'not run: no Python 3.99 here'
    assert matrix.newest(cell, tmp_path) == row
    assert '| jazzy | 3.99 | protobuf==3.20.3 | grpcio==1.51.1 | not run: no Python 3.99 here |' \
        in matrix.document([row])


def test_a_cell_that_was_left_out_has_a_row(tmp_path: Path) -> None:
    row = matrix.newest(matrix.CELLS[0], tmp_path)
    assert row['result'].startswith('not run') and row['Python'] == matrix.CELLS[0].python


def test_tests_that_take_too_long_are_a_failure_of_their_cell_only(tmp_path: Path) -> None:
    said = matrix.tested(Path(sys.executable), tmp_path / 'log', Path(sys.executable),
                         tests=['test/core/test_group.py'], patience=0.01)
    assert said == 'failed: not done after 0.01 s'


def test_the_files_that_a_cell_runs_are_there() -> None:
    assert all((ROOT / test).is_file() for test in matrix.TESTS)
