# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Isolates a demonstration from every real robot.

Also removes the shared memory of the processes that it killed, and of no others.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import re
import socket

# Up to 101 the ports of a domain stay below Linux's ephemeral ports; 0 is the default domain.
DOMAINS = range(1, 102)

# Each of these could reach other machines, where a real base may subscribe to /cmd_vel.
_LEAD_ELSEWHERE = (
    'ROS_DISCOVERY_SERVER', 'ROS_STATIC_PEERS', 'ROS_SUPER_CLIENT', 'ROS_NAMESPACE',
    'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE', 'CYCLONEDDS_URI')

# Fast DDS 2 uses the name fastrtps, 3 uses fastdds.
_SEGMENT = re.compile(r'/dev/shm/(fastrtps|fastdds)_[0-9a-z]{16}$', re.MULTILINE)


@contextmanager
def isolated(domain: int | None, log_folder: str) -> Iterator[int]:
    """
    Confine this process and its children to this machine and one ROS domain; yields the domain.

    log_folder: where logs and the key of the guard are written.

    Without a domain, one is used in which there is no other ROS process of this machine. The
    user's own ROS_DOMAIN_ID is not used on purpose: it may have a robot.
    """
    claim = None
    if domain is None:
        domain, claim = _claim_domain()
    for name in _LEAD_ELSEWHERE:
        os.environ.pop(name, None)
    os.environ.update(
        ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST', ROS_DOMAIN_ID=str(domain),
        ROS_LOG_DIR=log_folder, ROS_HOME=log_folder, RCUTILS_COLORIZED_OUTPUT='0')
    try:
        yield domain
    finally:
        if claim is not None:
            claim.close()


def segments_of(pid: int) -> set[Path]:
    """
    Return the Fast DDS segments that a process has mapped, including those of its peers.

    Ports are not among them: the range LOCALHOST numbers them across all domains, so that all
    processes of this machine share them.
    """
    try:
        maps = Path(f'/proc/{pid}/maps').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {Path(match[0]) for match in _SEGMENT.finditer(maps)}


def remove_abandoned(segments: Iterable[Path]) -> list[Path]:
    """
    Remove those segments whose owner has ended, and return them.

    Fast DDS holds a lock on a file beside the segment while the owner runs. Without that file the
    state of the owner is unknown, and the segment stays.
    """
    removed = []
    for segment in segments:
        beside = segment.with_name(f'{segment.name}_el')
        try:
            with beside.open('rb') as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                segment.unlink(missing_ok=True)
                beside.unlink(missing_ok=True)
        except OSError:
            continue
        removed.append(segment)
    return removed


def _claim_domain() -> tuple[int, socket.socket]:
    """
    Return a domain, and the socket that reserves it against other demos and test runs while open.

    The socket is a name in Linux's abstract namespace: it is removed with the process.
    """
    start = os.getpid() % len(DOMAINS)
    for domain in [*DOMAINS[start:], *DOMAINS[:start]]:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # The tests of this package use the same name.
            claim.bind(f'\0viam_session_bridge.test.domain.{domain}')
        except OSError:
            claim.close()
            continue
        if not _is_inhabited(domain):
            return domain, claim
        claim.close()
    raise RuntimeError('all ROS domains from 1 to 101 are in use on this machine')


def _is_inhabited(domain: int) -> bool:
    """Return whether a process of this machine has the first unicast port of a domain."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', 7400 + 250 * domain + 10))
        except OSError:
            return True
    return False
