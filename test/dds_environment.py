# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Isolates the DDS traffic of a test run and removes the leftovers of killed processes.

This module has what must be set before rclpy is imported. Values that the user has set are kept.
"""

from collections.abc import Iterator
import fcntl
import os
from pathlib import Path
import re
import socket
import time

SHARED_MEMORY = Path('/dev/shm')

# Up to 101 the ports of a domain stay below Linux's ephemeral ports; 0 is the default domain.
DOMAINS = range(1, 102)

# Fast DDS 2 uses the name fastrtps, 3 uses fastdds.
SEGMENT = re.compile(r'(fastrtps|fastdds)_[0-9a-z]{16}')
PORT = re.compile(r'(fastrtps|fastdds)_port(?P<number>\d+)')

# A domain is ours as long as its socket is open.
_claimed: list[socket.socket] = []


def isolate() -> None:
    """
    Restrict DDS to this machine and to a domain that no other test run on it uses.

    A worker of pytest-xdist never takes over a domain from its environment: all workers have the
    same environment, and the nodes that they start have the same names.
    """
    if 'ROS_DOMAIN_ID' not in os.environ or 'PYTEST_XDIST_WORKER' in os.environ:
        os.environ['ROS_DOMAIN_ID'] = str(claim_domain())
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


def describe() -> str:
    """Return the line for pytest's header."""
    names = ('ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE')
    values = [f'{name}={os.environ[name]}' for name in names]
    return 'ros: ' + ', '.join(values)


def claim_domain() -> int:
    """
    Return a domain for this process alone, beginning the search at a place that its id gives.

    The claim is a socket name in Linux's abstract namespace: it vanishes with the process.
    """
    start = os.getpid() % len(DOMAINS)
    for domain in [*DOMAINS[start:], *DOMAINS[:start]]:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f'\0viam_session_bridge.test.domain.{domain}')
        except OSError:
            claim.close()
            continue
        _claimed.append(claim)
        return domain
    raise RuntimeError(f'all {len(DOMAINS)} ROS domains are taken by other test runs')


def release() -> None:
    """Give all claimed domains back. A process that is killed need not: its sockets close."""
    while _claimed:
        _claimed.pop().close()


def remove_leftovers(folder: Path = SHARED_MEMORY, min_age: float = 2.0) -> list[str]:
    """
    Remove Fast DDS's shared memory of processes that have ended; return the names removed.

    Fast DDS holds a file lock while the owner runs, so a lock that can be taken has no owner.
    Files younger than `min_age` seconds may not have been locked yet and are left alone.
    Ports are shared by many processes: only those of our own domain are looked at.
    """
    removed: list[str] = []
    for name in sorted(_abandoned(folder, min_age)):
        for path in (folder / name, folder / f'{name}_el', folder / f'{name}_sl',
                     folder / f'sem.{name}_mutex'):
            if path.exists():
                path.unlink(missing_ok=True)
                removed.append(path.name)
    return removed


def _abandoned(folder: Path, min_age: float) -> Iterator[str]:
    """Yield the segments and ports whose every lock file is old and unlocked."""
    names = {path.name[:-3] for path in folder.glob('fast*_[es]l')}
    for name in names:
        if not (SEGMENT.fullmatch(name) or _is_own_port(name)):
            continue
        locks = [lock for lock in (folder / f'{name}_el', folder / f'{name}_sl') if lock.exists()]
        if all(_is_old_and_unlocked(lock, min_age) for lock in locks):
            yield name


def _is_own_port(name: str) -> bool:
    """Return whether this is a shared memory port of our domain (the RTPS port formula)."""
    match = PORT.fullmatch(name)
    if match is None:
        return False
    first = 7400 + 250 * int(os.environ.get('ROS_DOMAIN_ID', '0'))
    return first <= int(match['number']) < first + 250


def _is_old_and_unlocked(lock: Path, min_age: float) -> bool:
    try:
        with lock.open('ab') as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < min_age:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
