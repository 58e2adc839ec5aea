# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The shared key of bridge and guard: creation and check of its file, and its signatures."""

from collections.abc import Callable
import os
from pathlib import Path
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
import pytest

from viam_session_bridge.ros.parameters import ConfigurationError
from viam_session_bridge.ros.signatures import key_path, load_key, Signer

KEY = 'ab' * 32
SIGNER = Signer(bytes.fromhex(KEY))


# ---- signatures ---------------------------------------------------------------------------------


@given(st.text(), st.text(st.characters(codec='ascii', exclude_characters='\n')))
def test_a_signed_text_is_verified_on_its_topic_and_with_its_key_only(
        text: str, topic: str) -> None:
    message = SIGNER.sign(topic, text)
    assert SIGNER.check(topic, message) == (text, True)
    assert not SIGNER.check(topic + 'x', message)[1]
    assert not Signer(b'another key').check(topic, message)[1]
    assert not SIGNER.check(topic, 'x' + message)[1]


@given(st.text())
def test_an_unsigned_text_is_returned_as_it_is(text: str) -> None:
    assert SIGNER.check('/pulse', text) == (text, False)


@pytest.mark.parametrize('tag', ['', '0' * 63, '0' * 64, 'é' * 64, '0' * 65])
def test_a_wrong_signature_is_no_signature(tag: str) -> None:
    assert not SIGNER.check('/pulse', f'text\n{tag}')[1]


# ---- the key file -------------------------------------------------------------------------------


def test_a_missing_key_is_created_for_its_user_only_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / 'deep' / 'guard.key'
    key = load_key(str(path))
    assert len(key) == 32
    assert load_key(str(path)) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ['guard.key'], 'no temporary file is left'
    assert load_key(str(tmp_path / 'other.key')) != key


def test_processes_that_start_at_the_same_time_use_one_key(tmp_path: Path) -> None:
    path = tmp_path / 'guard.key'
    program = ('import sys; from viam_session_bridge.ros.signatures import load_key; '
               'print("ready", flush=True); sys.stdin.readline(); '
               'print(load_key(sys.argv[1]).hex())')
    processes = [subprocess.Popen(
        [sys.executable, '-c', program, str(path)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    for one in processes:
        assert one.stdout is not None and one.stdout.readline() == 'ready\n'
    for one in processes:
        assert one.stdin is not None
        one.stdin.write('\n')
        one.stdin.flush()
    keys = {one.communicate()[0] for one in processes}
    assert keys == {path.read_text()}


def test_without_a_parameter_the_key_is_in_the_directory_of_ros(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('ROS_HOME', raising=False)
    assert key_path('') == tmp_path / '.ros' / 'viam_session_bridge' / 'guard.key'
    assert key_path('~/key') == tmp_path / 'key'
    monkeypatch.setenv('ROS_HOME', '/srv/ros')
    assert key_path('') == Path('/srv/ros/viam_session_bridge/guard.key')


def _link(path: Path) -> None:
    path.rename(path.with_name('real'))
    path.symlink_to('real')


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(('spoil', 'told'), [
    (lambda path: path.chmod(0o640), 'mode 0640; accepted: 0600'),
    (lambda path: path.write_text('short'), 'does not hold a key; accepted: at least 64'),
    (lambda path: path.write_text(KEY[:62]), 'does not hold a key'),
    (lambda path: path.write_bytes(b'\xff' * 64), 'does not hold a key'),
    (_pipe, 'not a regular file'),
    (_link, 'cannot be read or created'),
])
def test_a_key_file_that_others_may_have_changed_is_refused_by_name(
        tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
    path = tmp_path / 'guard.key'
    load_key(str(path))
    spoil(path)
    with pytest.raises(ConfigurationError, match=f'guard.key_file: .*guard.key.*{told}'):
        load_key(str(path))


def test_a_key_file_of_another_user_is_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'guard.key'
    load_key(str(path))
    own = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: own + 1)
    with pytest.raises(ConfigurationError, match=f'belongs to user {own}.*accepted'):
        load_key(str(path))


@pytest.mark.parametrize(('path', 'told'), [
    ('relative/key', 'is not absolute'), ('/proc/none/key', 'cannot be read or created')])
def test_a_path_where_no_key_can_be_is_refused(path: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f'guard.key_file: .*{told}'):
        load_key(path)
