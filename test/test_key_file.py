# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The key file and the command `keys` that writes it."""

from collections.abc import Iterator
import hashlib
import json
import os
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from viam_session_bridge import executables as script
from viam_session_bridge import key_file
from viam_session_bridge.cli import keys
from viam_session_bridge.key_file import KeyFile, KeyFileError, load

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'own' / 'keys.json'


def run(path: Path, *words: str) -> int:
    return keys.main(['--file', str(path), *words])


def created(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Create a key; return its id and the secret, as they were shown."""
    assert run(path, 'create', *words) == 0
    shown = capsys.readouterr().out
    key_id, secret = re.findall(r'^key (?:id )? *(\S+)$', shown, re.MULTILINE)
    return key_id, secret


# ---- create, list, revoke, rotate --------------------------------------------------------------

def test_a_created_key_is_shown_once_and_kept_as_a_hash(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_id, secret = created(path, capsys, 'laptop')
    assert re.fullmatch('[0-9a-f]{64}', secret)
    key = load(path).keys[key_id]
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert key.matches(secret) and not key.matches(secret[:-1]) and not key.matches('')
    assert (key.command, key.read, key.stop_all) == (None, True, 'all')
    assert secret not in path.read_text()
    assert run(path, 'list') == 0
    listed = capsys.readouterr().out
    assert key_id in listed and 'laptop' in listed and secret not in listed


@pytest.mark.parametrize('language', ['Python', 'Go', 'TypeScript', 'C++'])
def test_create_shows_the_lines_of_each_client_with_id_key_and_address(
        path: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    run(path, 'create', 'laptop', '--address', 'robot.lan:8080')
    shown = capsys.readouterr().out
    key_id, secret = re.findall(r'^key (?:id )? *(\S+)$', shown, re.MULTILINE)
    [lines] = re.findall(
        rf'^{re.escape(language)}(?: .*)?\n((?:    .*\n?)+)', shown, re.MULTILINE)
    assert key_id in lines and secret in lines and 'robot.lan:8080' in lines


def test_permissions_are_kept(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_id, _ = created(
        path, capsys, 'arm', '--command', 'arm,gripper', '--no-read', '--stop-all', 'own')
    watcher, _ = created(path, capsys, 'watcher', '--command', 'none')
    table = load(path)
    assert table.keys[key_id].command == ('arm', 'gripper')
    assert (table.keys[key_id].read, table.keys[key_id].stop_all) == (False, 'own')
    assert table.keys[watcher].command == () and table.keys[watcher].read


@pytest.mark.parametrize('by', ['name', 'id'])
def test_a_revoked_key_is_removed_and_the_others_stay(
        path: Path, capsys: pytest.CaptureFixture[str], by: str) -> None:
    key_id, _ = created(path, capsys, 'laptop')
    other, _ = created(path, capsys, 'other')
    assert run(path, 'revoke', {'name': 'laptop', 'id': key_id}[by]) == 0
    assert list(load(path).keys) == [other]


def test_a_rotated_key_keeps_id_and_permissions_and_has_another_secret(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_id, old = created(path, capsys, 'laptop', '--command', 'base')
    before = load(path).keys[key_id]
    assert run(path, 'rotate', 'laptop') == 0
    [new] = re.findall(r'^key {5}(\S+)$', capsys.readouterr().out, re.MULTILINE)
    after = load(path).keys[key_id]
    assert after.matches(new) and not after.matches(old)
    assert after.generation != before.generation
    assert after.command == before.command


def test_a_second_key_of_a_name_is_refused(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    created(path, capsys, 'laptop')
    before = path.read_bytes()
    assert run(path, 'create', 'laptop') == 1
    assert "'laptop'" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_unknown_key_is_refused_without_repeating_what_may_be_a_secret(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, secret = created(path, capsys, 'laptop')
    for command in ('revoke', 'rotate'):
        assert run(path, command, secret) == 1
        text = capsys.readouterr().err
        assert 'laptop' in text and secret not in text


@pytest.mark.parametrize('words', [
    ['create'], ['create', ''], ['create', ' x'], ['create', 'a\nb'], ['create', 'x' * 65],
    ['create', 'x', '--command', 'base,,arm'], ['create', 'x', '--stop-all', 'mine'], ['grant'],
    []])
def test_wrong_arguments_are_refused_with_status_2(
        path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(path, *words)
    assert ended.value.code == 2
    assert not path.exists()


def test_the_script_with_all_commands_runs_this_one(
        path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', [])
    assert script.main(['keys', '--file', str(path), 'create', 'laptop']) == 0
    assert script.main(['keys', '--file', str(path), 'list']) == 0
    assert 'laptop' in capsys.readouterr().out
    assert script.main(['kyes']) == 2


# ---- the file ----------------------------------------------------------------------------------

@pytest.mark.parametrize('umask', [0o000, 0o022, 0o277])
def test_the_file_has_mode_0600_whatever_the_umask(path: Path, umask: int) -> None:
    path.parent.mkdir()
    before = os.umask(umask)
    try:
        assert run(path, 'create', 'laptop') == 0
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in path.parent.iterdir()] == [path.name], 'and nothing beside it'


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o700, 0o660, 0o644])
def test_a_file_with_a_wider_mode_is_not_accepted_and_not_changed(
        path: Path, mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    created(path, capsys, 'laptop')
    path.chmod(mode)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match=f'{mode:04o}.*0600'):
        load(path)
    assert run(path, 'create', 'other') == 1
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == mode


def test_a_file_of_another_owner_is_not_accepted(
        path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    created(path, capsys, 'laptop')
    monkeypatch.setattr(os, 'geteuid', lambda: path.stat().st_uid + 1)
    with pytest.raises(KeyFileError, match='owner'):
        load(path)


@pytest.fixture
def good(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    created(path, capsys, 'laptop')
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def breakages(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what is wrong, and a key file of which that is wrong."""
    [key_id] = document['keys']
    for name, value in (('version', 2), ('signing_key', ''), ('signing_key', 'g' * 64),
                        ('keys', [])):
        yield name, {**document, name: value}
    for name, value in (('name', 1), ('sha256', 'abc'), ('sha256', None), ('stop_all', 'some'),
                        ('read', 'yes'), ('command', 'base'), ('command', [1]),
                        ('generation', None), ('created', 1)):
        yield name, {**document, 'keys': {key_id: {**document['keys'][key_id], name: value}}}
    missing = {name: value for name, value in document['keys'][key_id].items()
               if name != 'command'}
    yield 'command', {**document, 'keys': {key_id: missing}}
    yield 'expires', {**document, 'keys': {key_id: {**document['keys'][key_id], 'expires': 1}}}
    yield 'UUID', {**document, 'keys': {'laptop': document['keys'][key_id]}}
    yield 'object', {**document, 'keys': {key_id: 'x'}}
    yield 'version', []


def test_each_field_that_is_wrong_is_named_and_its_value_is_not_repeated(
        path: Path, good: dict[str, Any]) -> None:
    for field, document in breakages(good):
        with pytest.raises(KeyFileError) as refused:
            key_file.parsed(json.dumps(document).encode(), path)
        text = str(refused.value)
        assert field in text and str(path) in text
        assert good['signing_key'] not in text


@given(content=st.binary(max_size=300))
@settings(max_examples=200)
def test_random_bytes_are_no_key_file(content: bytes) -> None:
    with pytest.raises(KeyFileError):
        key_file.parsed(content, Path('keys.json'))


def test_a_deeply_nested_file_is_no_key_file() -> None:
    with pytest.raises(KeyFileError):
        key_file.parsed(b'[' * 500_000, Path('keys.json'))


def test_concurrent_creates_of_many_processes_lose_no_key(path: Path) -> None:
    names = [f'key {number}' for number in range(6)]
    search = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, 'PYTHONPATH': search}
    program = ('import sys\nfrom viam_session_bridge.cli.keys import main\nsys.stdin.read()\n'
               "sys.exit(max(main(['--file', sys.argv[1], 'create', f'{sys.argv[2]}.{n}'])"
               ' for n in range(5)))')
    running = [subprocess.Popen(
        [sys.executable, '-c', program, str(path), name], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in names]
    for one in running:
        assert one.stdin is not None
        one.stdin.close()
        one.stdin = None
    for one in running:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    wanted = {f'{name}.{number}' for name in names for number in range(5)}
    assert {key.name for key in load(path).keys.values()} == wanted


def test_an_edit_that_fails_leaves_the_file_as_it_was(
        path: Path, good: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    assert run(path, 'create', 'other') == 1
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert run(path, 'create', 'other') == 0
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    path.parent.mkdir()
    link = tmp_path / 'link.json'
    link.symlink_to(path)
    assert run(link, 'create', 'laptop') == 0
    assert link.is_symlink() and len(load(path).keys) == 1


# ---- as the bridge reads it --------------------------------------------------------------------

def test_each_change_is_read_and_nothing_else(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = KeyFile(path)
    assert file.refresh() and file.table.keys == {} and 'no such key file' in file.problem
    key_id, _ = created(path, capsys, 'laptop')
    assert file.refresh() and list(file.table.keys) == [key_id] and not file.problem
    table = file.table
    assert not file.refresh() and file.table is table
    run(path, 'rotate', 'laptop')
    assert file.refresh()
    assert table.changed(file.table) == [key_id]
    run(path, 'revoke', 'laptop')
    assert file.refresh() and not file.table.keys
    file.close()


def test_replacements_within_one_tick_of_the_clock_are_all_seen(
        path: Path, good: dict[str, Any]) -> None:
    """The number of a file that is not held open may be given to the next one but one."""
    file = KeyFile(path)
    file.refresh()
    held = path.stat().st_ino
    for _ in range(50):
        run(path, 'rotate', 'laptop')
        assert path.stat().st_ino != held
    assert file.refresh()
    assert file.table == load(path)
    file.close()


@pytest.mark.parametrize('breakage', [
    'removed', 'mode', 'cut', 'garbage', 'folder', 'pipe', 'huge'])
def test_a_file_that_is_broken_has_no_keys_until_it_is_correct_again(
        path: Path, good: dict[str, Any], breakage: str) -> None:
    file = KeyFile(path)
    file.refresh()
    content = path.read_bytes()
    assert file.table.keys
    if breakage == 'mode':
        path.chmod(0o644)
    elif breakage in ('cut', 'garbage'):
        path.write_bytes(content[:-20] if breakage == 'cut' else b'\xff' * 20)
    elif breakage == 'huge':
        path.write_bytes(content + b' ' * key_file.LARGEST)
    else:
        path.unlink()
        if breakage == 'folder':
            path.mkdir()
        elif breakage == 'pipe':
            os.mkfifo(path, 0o600)
    assert file.refresh()
    assert not file.table.keys and not file.table.signing_key
    assert str(path) in file.problem
    if breakage == 'folder':
        path.rmdir()
    elif path.exists():
        path.unlink()
    path.touch(0o600)
    path.write_bytes(content)
    assert file.refresh()
    assert list(file.table.keys) == list(good['keys']) and not file.problem
    file.close()


def test_a_key_of_another_signing_key_counts_as_changed(
        path: Path, good: dict[str, Any]) -> None:
    before = load(path)
    document = {**good, 'signing_key': 'ab' * 32}
    after = key_file.parsed(json.dumps(document).encode(), path)
    assert before.changed(after) == list(good['keys'])
    assert before.changed(before) == []
