# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A file of events, one JSON object a line, that is renamed when it has grown.

Only the journal's thread writes. A line is written as a whole or, on a full disk, cut; the next
one begins on a line of its own, so that a reader loses the cut line and no other.
"""

from contextlib import suppress
import os


def guards_own(path: str) -> str:
    """Return the file of the guard, beside the bridge's: two processes cannot rename one file."""
    stem, extension = os.path.splitext(path)
    return f'{stem}_guard{extension}'


class AuditFile:
    """Appends lines to a file; size (bytes): when it is renamed. kept: how many of those stay."""

    def __init__(self, path: str, size: int, kept: int) -> None:
        self.path = os.path.expanduser(path)
        self._size = size
        self._kept = kept
        self._fd = -1
        self._cut = False

    def write(self, line: str) -> None:
        """Append a line. Raises OSError; the next line is tried anew."""
        try:
            if self._fd < 0:
                # 0600: the lines name clients and their addresses.
                self._fd = os.open(
                    self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                # Another process may have left it with a cut line.
                size = os.fstat(self._fd).st_size
                self._cut = size > 0 and os.pread(self._fd, 1, size - 1) != b'\n'
            content = ('\n' if self._cut else '').encode() + line.encode() + b'\n'
            written = os.write(self._fd, content)
            self._cut = written < len(content)
            if self._cut:
                raise OSError(f'only {written} of {len(content)} bytes were written')
            if os.fstat(self._fd).st_size >= self._size:
                self._rotate()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _rotate(self) -> None:
        self.close()
        if not self._kept:
            os.unlink(self.path)
            return
        for number in range(self._kept - 1, 0, -1):
            with suppress(FileNotFoundError):
                os.replace(f'{self.path}.{number}', f'{self.path}.{number + 1}')
        os.replace(self.path, f'{self.path}.1')
