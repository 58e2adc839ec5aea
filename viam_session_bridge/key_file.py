# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The key file: which API keys exist, what each may do, and the key that signs tokens.

Only the command `keys` writes it, and the bridge only reads it. It holds no API key, only the
SHA-256 of each: a key is 256 random bits, so that a slow hash would add nothing but work for each
login. A user who can read the file can sign tokens, so it must belong to the user that runs the
bridge, with mode 0600; otherwise it is not accepted.

A file that is missing or not accepted has no keys: no client can log in, and motions of its keys
are stopped. A revoked key must not stay valid because the file without it is invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
import fcntl
import hashlib
import hmac
import json
import os
from pathlib import Path
import re
import secrets
import stat
from typing import Any
import uuid

VERSION = 1
MODE = 0o600

# A key takes about 300 bytes.
LARGEST = 1024 * 1024

STOP_ALL, STOP_OWN = 'all', 'own'

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
_HEX_256 = re.compile(r'[0-9a-f]{64}')


class KeyFileError(Exception):
    """The key file is not accepted; the text names the file, the value found, and the accepted."""


class _Unread(KeyFileError):
    """It could not be read: the next attempt may succeed although the file is the same."""


def digest(secret: str) -> str:
    """Return the SHA-256 of an API key, in hexadecimal digits."""
    return hashlib.sha256(secret.encode('utf-8', 'surrogatepass')).hexdigest()


@dataclass(frozen=True)
class Key:
    """
    One API key.

    id: a UUID. sha256: of the secret. generation: changes with the secret; tokens carry it.
    command: the resources that it may command, None for all. read: whether it may read from the
    others. stop_all: what its StopAll stops, everything or what it commanded last itself.
    """

    id: str  # noqa: A003
    name: str
    sha256: str
    generation: str
    created: str
    command: tuple[str, ...] | None = None
    read: bool = True
    stop_all: str = STOP_ALL

    def matches(self, secret: str) -> bool:
        """Return whether this is the secret of the key, in constant time."""
        return hmac.compare_digest(digest(secret), self.sha256)


@dataclass(frozen=True)
class KeyTable:
    """The content of a key file. keys: by their id."""

    signing_key: bytes = b''
    keys: Mapping[str, Key] = field(default_factory=dict)

    def with_key(self, key: Key) -> KeyTable:
        """Return the table with a key added or replaced."""
        return replace(self, keys={**self.keys, key.id: key})

    def without(self, key_id: str) -> KeyTable:
        """Return the table without a key."""
        return replace(self, keys={
            each: key for each, key in self.keys.items() if each != key_id})

    def changed(self, after: KeyTable) -> list[str]:
        """Return the ids of the keys that another table does not have, or has differently."""
        same_signature = self.signing_key == after.signing_key
        return [each for each, key in self.keys.items()
                if not same_signature or after.keys.get(each) != key]


def new_key(name: str, created: str, **permissions: Any) -> tuple[Key, str]:
    """Return a new key and its secret."""
    secret = secrets.token_hex(32)
    return Key(str(uuid.uuid4()), name, digest(secret), secrets.token_hex(8), created,
               **permissions), secret


def rotated(key: Key, created: str) -> tuple[Key, str]:
    """Return a key with a new secret, and the secret; id and permissions stay."""
    after, secret = new_key(key.name, created)
    return replace(key, sha256=after.sha256, generation=after.generation, created=created), secret


# ---- reading -----------------------------------------------------------------------------------

class KeyFile:
    """
    The key file as the bridge reads it: again whenever it has changed. It raises nothing.

    table: its content; without keys as long as it is not accepted. problem: why it is not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = os.fspath(path)
        self.table = KeyTable()
        self.problem = ''
        self._state: tuple[int, ...] | None = None
        # The file that was read stays open: otherwise the one that replaces it may get its number.
        self._read: int | None = None

    def refresh(self) -> bool:
        """Read the file if it has changed; returns whether it was read, or failed to be."""
        try:
            if self._state is not None and _state(os.stat(self._name)) == self._state:
                return False
        except OSError:
            pass  # opening it reports why
        self.close()
        self._state, self.table, self.problem = None, KeyTable(), ''
        try:
            self._read = _opened(self.path)
            state = _state(os.fstat(self._read))
            self._state = state
            self.table = parsed(_content(self._read, self.path), self.path)
        except _Unread as problem:
            self._state, self.problem = None, str(problem)
        except KeyFileError as problem:
            self.problem = str(problem)
        except Exception as problem:  # no error may permit a login
            self._state = None
            self.problem = f'{self.path}: it cannot be read: {type(problem).__name__}'
        return True

    def close(self) -> None:
        """Close the file."""
        if self._read is not None:
            os.close(self._read)
            self._read = None


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size,
            found.st_mode, found.st_uid)


def load(path: Path) -> KeyTable:
    """Return the content of a key file. Raises KeyFileError."""
    file = _opened(path)
    try:
        return parsed(_content(file, path), path)
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    """Return the descriptor of a key file. Raises KeyFileError."""
    try:
        # A pipe in its place must not block.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _Unread(
            f'{path}: there is no such key file; `keys create` makes it') from None
    except OSError as problem:
        raise _Unread(f'{path}: the key file cannot be opened: {problem.strerror}') from None
    return file


def _content(file: int, path: Path) -> bytes:
    """Return the content of an open key file that only its owner can read."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f'{path}: it is no regular file')
    if found.st_uid != os.geteuid():
        raise KeyFileError(
            f'{path}: its owner is uid {found.st_uid}; accepted is the user that runs this '
            f'process, uid {os.geteuid()}')
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~MODE:
        raise KeyFileError(
            f'{path}: its mode is {mode:04o}; accepted is {MODE:04o} (chmod 600), because a user '
            'who can read it can sign tokens')
    if found.st_size > LARGEST:
        raise KeyFileError(
            f'{path}: it has {found.st_size} bytes; at most {LARGEST} are accepted')
    content = b''
    try:
        while part := os.read(file, LARGEST + 1 - len(content)):
            content += part
    except OSError as problem:
        raise _Unread(f'{path}: the key file cannot be read: {problem.strerror}') from None
    return content


def parsed(content: bytes, path: Path) -> KeyTable:
    """Return the parsed content of a key file. Raises KeyFileError."""
    def wrong(field_name: str, accepted: str) -> KeyFileError:
        # Never the value: it may be a secret.
        return KeyFileError(f'{path}: {field_name}: accepted is {accepted}')

    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise KeyFileError(f'{path}: it is not JSON, as the command keys writes it') from None
    if not isinstance(document, dict) or document.get('version') != VERSION:
        raise wrong('version', f'{VERSION}')
    signing_key, keys = document.get('signing_key'), document.get('keys')
    if not isinstance(signing_key, str) or not _HEX_256.fullmatch(signing_key):
        raise wrong('signing_key', '64 hexadecimal digits')
    if not isinstance(keys, dict):
        raise wrong('keys', 'an object with a member for each key')
    table = KeyTable(bytes.fromhex(signing_key))
    found = {}
    for index, (each, fields) in enumerate(keys.items()):
        if not _UUID.fullmatch(each):
            raise wrong(f'id of key {index + 1}', 'a UUID in lower case')
        found[each] = _key(each, fields, lambda name, accepted, each=each: wrong(
            f'keys.{each}.{name}', accepted))
    return replace(table, keys=found)


def _key(key_id: str, fields: Any, wrong: Callable[..., KeyFileError]) -> Key:
    if not isinstance(fields, dict):
        raise wrong('*', 'an object')
    texts = {'name': 'a string', 'sha256': '64 hexadecimal digits', 'generation': 'a string',
             'created': 'a string', 'stop_all': f'"{STOP_ALL}" or "{STOP_OWN}"'}
    for name, accepted in texts.items():
        if not isinstance(fields.get(name), str):
            raise wrong(name, accepted)
    if not _HEX_256.fullmatch(fields['sha256']):
        raise wrong('sha256', texts['sha256'])
    if fields['stop_all'] not in (STOP_ALL, STOP_OWN):
        raise wrong('stop_all', texts['stop_all'])
    if not isinstance(fields.get('read'), bool):
        raise wrong('read', 'true or false')
    command = fields.get('command', '')
    if command is not None and not (isinstance(command, list) and all(
            isinstance(one, str) for one in command)):
        raise wrong('command', 'a list of names of resources, or null for all')
    # A permission that this version does not know must not be ignored.
    unknown = sorted(fields.keys() - {*texts, 'read', 'command'})
    if unknown:
        raise wrong('*', f'no member {unknown[0]!a}')
    return Key(key_id, read=fields['read'], command=None if command is None else tuple(command),
               **{name: fields[name] for name in texts})


# ---- writing -----------------------------------------------------------------------------------

def edit(path: Path, change: Callable[[KeyTable], KeyTable]) -> None:
    """
    Replace a key file by the result of `change`; one that does not exist is created.

    The new file takes the place of the old one at once or not at all, and two that edit it wait
    for each other. Raises KeyFileError, and then the file is as before.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent) as folder:
            if path.exists():
                before = load(path)
            else:
                before = KeyTable(secrets.token_bytes(32))
            after = change(before)
            # Only the holder of the lock writes it.
            new = path.with_name(f'.{path.name}.new')
            new.unlink(missing_ok=True)
            file = os.open(
                new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            with open(file, 'wb') as stream:
                stream.write(_written(after))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(new, path)
            os.fsync(folder)
    except OSError as problem:
        raise KeyFileError(
            f'{path}: the key file cannot be written: {problem.strerror}') from None


def _written(table: KeyTable) -> bytes:
    keys = {each: asdict(key) for each, key in table.keys.items()}
    for fields in keys.values():
        del fields['id']
    return (json.dumps({'version': VERSION, 'signing_key': table.signing_key.hex(), 'keys': keys},
                       indent=2) + '\n').encode()


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock a folder for writers of a key file in it; yields its descriptor."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield opened
    finally:
        os.close(opened)
