# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""How bridge and guard send: decided from the environment, and seen on their real sockets."""

from collections.abc import Iterator
from pathlib import Path
import socket
import subprocess
import sys

import pytest

from viam_session_bridge import dds

FAST_DDS = 'rmw_fastrtps_cpp'
LOCALHOST = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}

# Prints the sockets and segments of a process that has a node.
PROGRAM = """
import os
from pathlib import Path
import re
import rclpy
from viam_session_bridge import dds
confined = dds.settle()
rclpy.init()
node = rclpy.create_node('probe')
print('confined' if confined else 'free')
if confined:
    dds.check_confined()
print(len(re.findall('/dev/shm/fast', Path('/proc/self/maps').read_text())), 'segments')
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_localhost_is_kept_without_shared_memory(folder: Path) -> None:
    changes = dds.choose(LOCALHOST, FAST_DDS, folder)
    assert changes['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SYSTEM_DEFAULT'
    text = Path(str(changes['FASTDDS_DEFAULT_PROFILES_FILE'])).read_text(encoding='utf-8')
    assert '<interfaceWhiteList>' in text and '<useBuiltinTransports>false' in text


def test_the_old_name_of_localhost_means_the_same(folder: Path) -> None:
    changes = dds.choose({'ROS_LOCALHOST_ONLY': '1'}, FAST_DDS, folder)
    assert changes['ROS_LOCALHOST_ONLY'] is None
    assert changes == dds.choose(LOCALHOST, FAST_DDS, folder)


@pytest.mark.parametrize('environment', [
    {}, {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}, {'ROS_LOCALHOST_ONLY': '0'}])
def test_a_wider_range_stays_as_it_is(folder: Path, environment: dict[str, str]) -> None:
    changes = dds.choose(environment, FAST_DDS, folder)
    assert changes['FASTDDS_BUILTIN_TRANSPORTS'] == 'UDPv4'
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in changes
    assert Path(str(changes['FASTDDS_DEFAULT_PROFILES_FILE'])).name == 'subnet.xml'


@pytest.mark.parametrize('name', [
    'FASTDDS_BUILTIN_TRANSPORTS', 'FASTDDS_DEFAULT_PROFILES_FILE',
    'FASTRTPS_DEFAULT_PROFILES_FILE'])
def test_what_the_user_has_chosen_stays(folder: Path, name: str) -> None:
    assert dds.choose({**LOCALHOST, name: 'something'}, FAST_DDS, folder) == {}


def test_a_profile_where_the_process_runs_stays(folder: Path) -> None:
    (folder / 'DEFAULT_FASTDDS_PROFILES.xml').touch()
    assert dds.choose(LOCALHOST, FAST_DDS, folder) == {}


def test_peers_that_were_named_are_found_as_ever(folder: Path) -> None:
    environment = {**LOCALHOST, 'ROS_STATIC_PEERS': '192.0.2.1'}
    assert dds.choose(environment, FAST_DDS, folder) == {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}


def test_another_middleware_is_not_touched(folder: Path) -> None:
    """Cyclone would use the range as it is, and be received beyond this machine."""
    assert dds.choose(LOCALHOST, 'rmw_cyclonedds_cpp', folder) == {}


def test_a_process_that_is_to_stay_here_does(folder: Path) -> None:
    """With the real middleware: no shared memory, and all its sockets on 127.0.0.1."""
    result = subprocess.run([sys.executable, '-c', PROGRAM], cwd=folder, text=True,
                            capture_output=True, timeout=60.0, check=True)
    assert result.stdout.splitlines() == ['confined', '0 segments']


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        yield one


def test_a_socket_that_is_bound_beyond_loopback_is_found(listener: socket.socket) -> None:
    listener.bind(('127.0.0.1', 0))
    listener_port = listener.getsockname()[1]
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with other:
        other.bind(('0.0.0.0', 0))
        with pytest.raises(dds.TrafficNotLocal, match=f'{other.getsockname()[1]:04X}') as raised:
            dds.check_confined()
    assert f'{listener_port:04X}' not in str(raised.value)
