# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The quick checks of tools/release.py: on this repository, and on one that is not ready."""

from collections.abc import Callable
from datetime import date
import importlib.util
from pathlib import Path
import re
import shutil
import subprocess
import sys

import pytest

import linting
from viam_session_bridge import __version__ as VERSION

pytest.importorskip('catkin_pkg', reason='catkin_pkg is not installed: no checklist of a release')
pytest.importorskip('docutils', reason='docutils is not installed: no checklist of a release')

FILE = linting.ROOT / 'tools' / 'release.py'
spec = importlib.util.spec_from_file_location('release', FILE)
assert spec is not None and spec.loader is not None
release = importlib.util.module_from_spec(spec)
sys.modules['release'] = release
spec.loader.exec_module(release)

FILES = ('package.xml', 'setup.py', 'viam_session_bridge/__init__.py', 'CITATION.cff',
         'CHANGELOG.rst', 'README.md')

Edit = Callable[[str, str, str], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the files that the checks read."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(linting.ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def edit(copy: Path) -> Edit:
    """Return a function that replaces what a pattern matches in a file of the copy."""
    def replace(name: str, pattern: str, by: str) -> None:
        before = (copy / name).read_text(encoding='utf-8')
        after = re.sub(pattern, by, before, count=1, flags=re.MULTILINE)
        assert after != before, f'{name} has no {pattern}'
        (copy / name).write_text(after, encoding='utf-8')
    return replace


def git(folder: Path, *words: str) -> None:
    subprocess.run(['git', '-c', 'user.name=a', '-c', 'user.email=a@b.example', *words],
                   cwd=folder, check=True, capture_output=True)


@pytest.fixture
def committed(copy: Path) -> Path:
    """Return the copy as a repository with one commit on the main branch."""
    git(copy, 'init', '-q', '-b', release.BRANCH)
    git(copy, 'add', '.')
    git(copy, 'commit', '-q', '-m', 'one')
    return copy


# ---- this repository ----


def test_the_version_is_the_same_everywhere() -> None:
    assert release.versions(linting.ROOT) == VERSION


def test_the_changelog_has_the_version_with_its_date() -> None:
    assert isinstance(release.released(linting.ROOT), date)


def test_the_changelog_begins_each_version_with_what_breaks() -> None:
    text = (linting.ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    section = text[text.index(f'{VERSION} ('):]
    assert re.findall(r'^\*\*(.+?)\*\*', section, re.MULTILINE)[0] == 'Breaking changes'


def test_the_citation_is_valid_and_agrees_with_the_other_files() -> None:
    release.citation(linting.ROOT)


def test_each_measured_document_has_a_line_that_shows_when_it_was_measured() -> None:
    for name, (_, line) in release.MEASURED.items():
        text = (linting.ROOT / name).read_text(encoding='utf-8')
        assert re.search(line, text, re.MULTILINE), name


def test_the_tests_of_generated_documents_exist() -> None:
    for name in release.GENERATED:
        file, _, function = name.partition('::')
        assert f'def {function or "test_"}' in (linting.ROOT / file).read_text(encoding='utf-8')


# ---- one that is not ready ----


@pytest.mark.parametrize('name', release.VERSIONS)
def test_another_version_in_one_file_fails_and_is_named(
        copy: Path, edit: Edit, name: str) -> None:
    edit(name, re.escape(VERSION), '9.9.9')
    with pytest.raises(release.Failed, match=f'{name} has 9.9.9') as raised:
        release.versions(copy)
    assert f' has {VERSION}' in str(raised.value)


def test_a_changelog_without_the_version_fails(copy: Path, edit: Edit) -> None:
    edit('CHANGELOG.rst', rf'^{re.escape(VERSION)} \(', '0.0.1 (')
    with pytest.raises(release.Failed, match=rf'no section `{re.escape(VERSION)}'):
        release.changelog(copy)


def test_a_version_without_a_date_fails(copy: Path, edit: Edit) -> None:
    edit('CHANGELOG.rst', rf'^{re.escape(VERSION)} \(.*\)', VERSION)
    with pytest.raises(release.Failed, match='no section'):
        release.changelog(copy)


def test_a_date_in_the_future_fails(copy: Path, edit: Edit) -> None:
    edit('CHANGELOG.rst', rf'^{re.escape(VERSION)} \(.*\)', f'{VERSION} (2999-01-01)')
    with pytest.raises(release.Failed, match='2999-01-01 is in the future'):
        release.changelog(copy)


@pytest.mark.parametrize(('content', 'fails'), [
    ('', False), ('* A change.\n\n', True), ('**Breaking changes**\n\n* A change.\n\n', True)])
def test_changes_that_wait_for_a_later_release_fail(
        copy: Path, edit: Edit, content: str, fails: bool) -> None:
    day = '2020-01-01'
    edit('CHANGELOG.rst', r'(?s)^(Forthcoming\n-+\n.*?)?(?=^\d+\.\d+\.\d+ \()',
         f'Forthcoming\n-----------\n{content}')
    edit('CHANGELOG.rst', rf'^{re.escape(VERSION)} \(.*\)', f'{VERSION} ({day})')
    if not fails:
        assert release.changelog(copy) == f'{VERSION} of {day}'
        return
    with pytest.raises(release.Failed, match='"Forthcoming" is not empty'):
        release.changelog(copy)


@pytest.mark.parametrize(('pattern', 'by', 'reason'), [
    (r'^cff-version: .*$', 'cff-version: 1.0.0', 'cff-version'),
    (r'^title: .*\n', '', "missing .'title'."),
    (r'^title:', 'name: a\ntitle:', "unknown keys .'name'."),
    (r'^  - name: .*$', '  - email: a@b.example', 'authors'),
    (r'^license: .*$', 'license: MIT', 'license is .MIT., accepted: Apache-2.0'),
    (r'^date-released: .*$', "date-released: '2020-01-01'", 'date-released'),
    (r'^title: .*$', 'title: [', 'CITATION.cff'),
])
def test_a_wrong_citation_fails_with_the_key(
        copy: Path, edit: Edit, pattern: str, by: str, reason: str) -> None:
    edit('CITATION.cff', pattern, by)
    with pytest.raises(release.Failed, match=reason):
        release.citation(copy)


def test_an_open_address_fails_and_a_complete_set_of_addresses_is_accepted(
        copy: Path, edit: Edit) -> None:
    (copy / 'package.xml').write_text(
        '<package><maintainer email="a@b.example">a</maintainer></package>')
    (copy / 'README.md').write_text('git clone <this repository>')
    with pytest.raises(release.Failed, match='the publisher fills in') as raised:
        release.addresses(copy)
    for missing in ('"repository"', '"bugtracker"', 'a@b.example', 'repository-code', 'README.md'):
        assert missing in str(raised.value)
    (copy / 'package.xml').write_text(
        '<package><maintainer email="a@b.org">a</maintainer><url type="repository">https://b.org'
        '</url><url type="bugtracker">https://b.org/bugs</url></package>')
    (copy / 'README.md').write_text('git clone https://b.org')
    edit('CITATION.cff', r'\Z', 'repository-code: https://b.org\n')
    assert release.addresses(copy) == 'https://b.org'


def test_only_a_clean_main_branch_with_a_free_tag_is_accepted(committed: Path) -> None:
    assert 'nothing to commit' in release.tree(committed)
    git(committed, 'tag', VERSION)
    release.tree(committed)
    (committed / 'README.md').write_text('changed')
    with pytest.raises(release.Failed, match='1 files are not committed.* README.md'):
        release.tree(committed)
    git(committed, 'commit', '-q', '-a', '-m', 'two')
    with pytest.raises(release.Failed, match=f'the tag {VERSION} exists'):
        release.tree(committed)
    git(committed, 'switch', '-q', '-c', 'another')
    with pytest.raises(release.Failed, match='the branch is another'):
        release.tree(committed)


def test_the_archive_has_the_committed_files_and_the_same_bytes_each_time(
        committed: Path) -> None:
    (committed / 'README.md').write_text('not committed')
    note = release.archive(committed)
    path = committed / 'build' / f'viam_session_bridge-{VERSION}.tar.gz'
    first = path.read_bytes()
    assert release.archive(committed) == note and path.read_bytes() == first
    listed = subprocess.run(['tar', '-tzf', str(path)], check=True, capture_output=True, text=True)
    names = {name for name in listed.stdout.splitlines() if not name.endswith('/')}
    assert names == {f'viam_session_bridge-{VERSION}/{name}' for name in FILES}


def test_a_command_that_fails_shows_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(release.Failed, match=r'(?s)exit status 3.*\| the reason'):
        release.output('bash', '-c', 'echo the reason; exit 3', root=tmp_path)
