# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Standard output and error that never make anybody wait.

rclpy's logger writes while it holds the interpreter's lock. Where nobody reads (a full pipe, a
hung terminal), the first line too many would freeze every thread, the stop loop among them. So
this process writes into pipes of its own, which drop what does not fit, and a thread for each
passes on what does: its writes hold no lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
import fcntl
import os
import sys
import threading

# Bytes that may wait for a slow reader; the kernel may allow less.
CAPACITY = 1 << 20

# At the end, so long (s) is waited for a reader.
PATIENCE = 0.5

_CHUNK = 1 << 16


@contextmanager
def outlets() -> Iterator[None]:
    """Let what is written to standard output and error meanwhile wait for nobody."""
    with ExitStack() as stack:
        for descriptor in (1, 2):
            stack.enter_context(_outlet(descriptor))
        yield


@contextmanager
def _outlet(descriptor: int) -> Iterator[None]:
    try:
        real = os.dup(descriptor)
    except OSError:
        # It is closed: nobody can be made to wait.
        yield
        return
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, CAPACITY)
    except (OSError, AttributeError):
        pass
    os.set_blocking(writing, False)
    _flush()
    os.dup2(writing, descriptor)
    os.close(writing)
    thread = threading.Thread(
        target=_pass_on, args=(reading, real), name=f'outlet {descriptor}', daemon=True)
    thread.start()
    try:
        yield
    finally:
        _flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
        thread.join(PATIENCE)
        # To one that nobody reads, not even a last word is said.
        if not thread.is_alive():
            os.dup2(real, descriptor)


def _pass_on(reading: int, real: int) -> None:
    while chunk := os.read(reading, _CHUNK):
        try:
            while chunk:
                chunk = chunk[os.write(real, chunk):]
        except OSError:
            continue  # nobody is there any more; what is written goes on being dropped


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
