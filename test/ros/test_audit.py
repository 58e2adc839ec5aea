# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The audit file: what is kept, and what a file that cannot be written costs."""

from pathlib import Path

import pytest

from viam_session_bridge.ros.audit import AuditFile, guards_own


def lines(path: Path) -> list[str]:
    return path.read_text(encoding='utf-8').splitlines()


def test_a_file_that_has_grown_is_renamed_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / 'audit.jsonl'
    audit = AuditFile(str(path), size=20, kept=2)
    for number in range(8):
        audit.write(f'line {number}, long')
    audit.close()
    # Two lines fill a file.
    assert sorted(one.name for one in tmp_path.iterdir()) == ['audit.jsonl.1', 'audit.jsonl.2']
    assert lines(tmp_path / 'audit.jsonl.1') == ['line 6, long', 'line 7, long']
    assert lines(tmp_path / 'audit.jsonl.2') == ['line 4, long', 'line 5, long']


def test_none_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / 'audit.jsonl'
    audit = AuditFile(str(path), size=5, kept=0)
    audit.write('a line')
    audit.write('b')
    audit.close()
    assert [one.name for one in tmp_path.iterdir()] == ['audit.jsonl']
    assert lines(path) == ['b']


def test_a_file_goes_on_where_it_ended_and_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / 'audit.jsonl'
    for line in ('before', 'after'):
        audit = AuditFile(str(path), size=1000, kept=1)
        audit.write(line)
        audit.close()
    assert lines(path) == ['before', 'after']
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_another_process_has_cut_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / 'audit.jsonl'
    path.write_text('a line\n{"cut', encoding='utf-8')
    audit = AuditFile(str(path), size=1000, kept=1)
    audit.write('after')
    audit.write('later')
    audit.close()
    assert lines(path) == ['a line', '{"cut', 'after', 'later']


def test_a_full_disk_raises_and_keeps_nothing_back() -> None:
    """A buffer would grow, and write later what the count of lost lines has told already."""
    audit = AuditFile('/dev/full', size=1000, kept=1)
    for _ in range(3):
        with pytest.raises(OSError, match='No space left'):
            audit.write('a line')


def test_a_file_that_appears_later_is_written_then(tmp_path: Path) -> None:
    path = tmp_path / 'mounted later' / 'audit.jsonl'
    audit = AuditFile(str(path), size=1000, kept=1)
    with pytest.raises(OSError, match='No such file'):
        audit.write('lost')
    path.parent.mkdir()
    audit.write('kept')
    audit.close()
    assert lines(path) == ['kept']


@pytest.mark.parametrize(('path', 'expected'), [
    ('/var/log/audit.jsonl', '/var/log/audit_guard.jsonl'), ('~/audit', '~/audit_guard'),
    ('/a.b/audit', '/a.b/audit_guard')])
def test_the_guard_has_a_file_of_its_own(path: str, expected: str) -> None:
    assert guards_own(path) == expected
