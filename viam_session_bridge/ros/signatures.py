# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Authentication of pulses and echoes: HMAC-SHA256 with a shared key.

The key is in a file that only the user of bridge and guard can read; the first process creates it.
A signature covers the full name of the topic and the text, so that a message of one robot, or of
one direction, is invalid on another topic. It does not prove that a message is new: numbers in the
messages do (core/peers.py, core/guard_rules.py).
"""

from contextlib import suppress
import hmac
import os
from pathlib import Path
import secrets
import stat

from viam_session_bridge.ros.parameters import ConfigurationError

_FIELD = 'guard.key_file'
_KEY_BYTES = 32
_TAG_LENGTH = 64  # characters of hex


class Signer:
    """Signs and checks texts with one key; from any thread."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, topic: str, text: str) -> str:
        """Return the text with its signature in an additional last line."""
        return f'{text}\n{self._tag(topic, text)}'

    def check(self, topic: str, message: str) -> tuple[str, bool]:
        """Return the text of a message, and whether its signature is right."""
        text, _, tag = message.rpartition('\n')
        if len(tag) != _TAG_LENGTH or not tag.isascii():
            return message, False
        return text, hmac.compare_digest(tag, self._tag(topic, text))

    def _tag(self, topic: str, text: str) -> str:
        content = f'{topic}\n{text}'.encode('utf-8', 'surrogatepass')
        return hmac.digest(self._key, content, 'sha256').hex()


def key_path(configured: str) -> Path:
    """Return the path of the key: as configured, or in the directory of ROS. Raises."""
    if configured:
        path = Path(configured).expanduser()
        if not path.is_absolute():
            raise _problem(configured, 'is not absolute', "a path that begins with '/' or '~/'")
        return path
    home = os.environ.get('ROS_HOME') or '~/.ros'
    return Path(home).expanduser().absolute() / 'viam_session_bridge' / 'guard.key'


def load_key(configured: str) -> bytes:
    """
    Return the key of guard.key_file; creates the file if there is none.

    Of several processes that create it at the same time, all return the same key. Raises
    ConfigurationError.
    """
    path = key_path(configured)
    try:
        if not os.path.lexists(path):
            _create(path)
        return _read(path)
    except OSError as problem:
        raise _problem(path, f'cannot be read or created: {problem.strerror}',
                       'a file, or a directory in which this user may create it') from problem


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f'.{path.name}.{secrets.token_hex(8)}')
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, 'w', encoding='ascii') as content:
            content.write(secrets.token_hex(_KEY_BYTES) + '\n')
            content.flush()
            os.fsync(content.fileno())
        # Never replaces a file: the first process decides.
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        os.unlink(new)


def _read(path: Path) -> bytes:
    # Non-blocking, so that a pipe at this path does not block the start.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, 'rb') as content:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise _problem(path, 'is not a regular file', 'a regular file')
        if found.st_uid != os.geteuid():
            raise _problem(path, f'belongs to user {found.st_uid}',
                           f'a file of the user of this process ({os.geteuid()}); give each user '
                           'a copy of its own')
        if found.st_mode & 0o077:
            raise _problem(path, f'has mode {stat.S_IMODE(found.st_mode):04o}',
                           '0600, so that no other user can read it (chmod 600)')
        text = content.read(4096)
    try:
        key = bytes.fromhex(text.decode('ascii').strip())
    except ValueError:
        key = b''
    if len(key) < _KEY_BYTES:
        raise _problem(path, 'does not hold a key',
                       f'at least {2 * _KEY_BYTES} hexadecimal digits; without the file, a new '
                       'one is created')
    return key


def _problem(path: object, found: str, accepted: str) -> ConfigurationError:
    return ConfigurationError([f'{_FIELD}: {str(path)!r} {found}; accepted: {accepted}'])
