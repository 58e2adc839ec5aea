# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the processes of this package send through Fast DDS: over UDP, with frequent announcements.

Measured with Fast DDS 3.2: over shared memory, drivers that were killed and started again received
nothing for 0.3 to 1.5 s after both sides had matched, and publishing to them blocked for 0.3 s;
over UDP they receive after 0.1 s. A process that starts often misses the answer to its own
announcement, and is only discovered by our next one. Nor can a process of root reach a user's
over shared memory (Fast DDS issue 5258).
"""

from collections.abc import Iterator, Mapping
import contextlib
import os
from pathlib import Path

from rclpy.utilities import get_rmw_implementation_identifier

PROFILES = Path(__file__).resolve().parent / 'dds_profiles'

_TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
# The name since Fast DDS 3, and the one before.
_FILE, _OLD_FILE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
_OLD_LIBRARY = 'libfastrtps.so'
_FILES_BESIDE = ('DEFAULT_FASTDDS_PROFILES.xml', 'DEFAULT_FASTRTPS_PROFILES.xml')
_RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE'
_LOCALHOST_ONLY = 'ROS_LOCALHOST_ONLY'

# These set the peers of discovery themselves.
_PEERS = ('ROS_STATIC_PEERS', 'ROS_DISCOVERY_SERVER')

_FAST_DDS = ('rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp')


class TrafficNotLocal(Exception):
    """Traffic that must stay on this machine could be received beyond it."""


def settle() -> bool:
    """
    Set how this process sends. To be called before rclpy.init; the user's own settings stay.

    Returns whether it must be confined to this machine: then check_confined must be called when
    the first node exists.
    """
    rmw = get_rmw_implementation_identifier()
    old = _OLD_LIBRARY in Path('/proc/self/maps').read_text(encoding='utf-8', errors='replace')
    changes = choose(os.environ, rmw, Path.cwd(), _OLD_FILE if old else _FILE)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return changes.get(_RANGE) is not None


def choose(environment: Mapping[str, str], rmw: str, folder: Path,
           file: str = _FILE) -> dict[str, str | None]:
    """
    Return the required changes of an environment; None for a variable to remove.

    rmw: identifier of the middleware. folder: the working directory. file: the variable that names
    a file of profiles.
    """
    chosen = (_TRANSPORTS, _FILE, _OLD_FILE)
    if rmw not in _FAST_DDS or any(environment.get(name) for name in chosen) or any(
            (folder / name).exists() for name in _FILES_BESIDE):
        return {}
    if any(environment.get(name) for name in _PEERS):
        return {_TRANSPORTS: 'UDPv4'}
    only = environment.get(_LOCALHOST_ONLY, '') == '1'
    if not only and environment.get(_RANGE, '').upper() != 'LOCALHOST':
        return {_TRANSPORTS: 'UDPv4', file: str(PROFILES / 'subnet.xml')}
    # For this range rmw_fastrtps adds shared memory whatever is configured. So the profile defines
    # what LOCALHOST means, and the variable keeps rmw_fastrtps from changing it.
    return {_LOCALHOST_ONLY: None, _RANGE: 'SYSTEM_DEFAULT',
            file: str(PROFILES / 'localhost.xml')}


def check_confined() -> None:
    """Raise TrafficNotLocal if a UDP socket of this process is bound to more than 127.0.0.1."""
    wide = [address for address in _udp_sockets() if not address.startswith('0100007F:')]
    if wide:
        raise TrafficNotLocal(
            f'{_RANGE} is LOCALHOST, but sockets of this process are bound beyond this machine '
            f'({", ".join(wide)}); set {_FILE} to a profiles file of your own')


def _udp_sockets() -> Iterator[str]:
    """Yield the addresses of this process's UDP sockets, as the kernel writes them."""
    own = set()
    for entry in Path('/proc/self/fd').iterdir():
        # The descriptor that reads this folder is closed by now.
        with contextlib.suppress(FileNotFoundError):
            own.add(os.readlink(entry))
    for table in ('udp', 'udp6'):
        with contextlib.suppress(FileNotFoundError):
            text = Path(f'/proc/self/net/{table}').read_text(encoding='ascii')
            rows = [line.split() for line in text.splitlines()[1:]]
            yield from (row[1] for row in rows if f'socket:[{row[9]}]' in own)
