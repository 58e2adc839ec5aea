# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A network that vanishes without a FIN: robot and clients in network namespaces, and the link cut.

Sockets stay open on both sides, and no connection is closed. A session ends without heartbeats; a
client without one when its kernel does not answer. The network of the machine is not touched:
both ends of the cable are in separate namespaces.
"""

from collections.abc import Iterator
import os
import subprocess
import time

import pytest

from host import took
from processes import base, MARGIN, Programs, settings

WINDOW = 2.0  # s
NETWORK_TIMEOUT = 3.0  # s

ADDRESSES = {'robot': '198.51.100.1', 'client': '198.51.100.2'}  # RFC 5737


def ip(*arguments: str) -> None:
    subprocess.run(['ip', *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def spaces() -> Iterator[dict[str, str]]:
    """Make a namespace for the robot and one for its clients, with a virtual cable between."""
    if os.geteuid() != 0:
        pytest.skip('network namespaces need root')
    names = {role: f'vsb{os.getpid()}{role[0]}' for role in ADDRESSES}
    robot, client = names.values()
    try:
        for name in names.values():
            ip('netns', 'add', name)
        ip('-n', robot, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable',
           'netns', client)
    except (OSError, subprocess.CalledProcessError) as problem:
        _delete(names)
        pytest.skip(f'no network namespaces here: {getattr(problem, "stderr", problem)}')
    try:
        for role, name in names.items():
            ip('-n', name, 'address', 'add', f'{ADDRESSES[role]}/30', 'dev', 'cable')
            ip('-n', name, 'link', 'set', 'cable', 'up')
            ip('-n', name, 'link', 'set', 'lo', 'up')
        yield names
    finally:
        _delete(names)


def _delete(names: dict[str, str]) -> None:
    for name in names.values():
        subprocess.run(['ip', 'netns', 'delete', name], check=False, capture_output=True)


def test_clients_whose_network_vanishes_are_stopped(
        spaces: dict[str, str], programs: Programs) -> None:
    """A session within its window, a client without one within sessions.network_timeout."""
    there = {role: ('ip', 'netns', 'exec', name) for role, name in spaces.items()}
    bridge = programs.bridge(settings(
        {'session': base('session'), 'connection': base('connection')},
        grpc={'host': ADDRESSES['robot'], 'allow_anonymous': True},
        sessions={'heartbeat_window': WINDOW, 'network_timeout': NETWORK_TIMEOUT}),
        prefix=there['robot'])
    topics = {name: bridge.topic(name) for name in ('session', 'connection')}
    driver = programs.driver(*topics.values(), prefix=there['robot'])
    bridge.wait_drivers(*topics)
    clients = {
        name: programs.client(bridge.address, sessions=name == 'session', ready=False,
                              prefix=there['client'])
        for name in topics}
    for name, client in clients.items():
        client.wait_ready()
        client.do('set_power', base=name, linear=1.0)
        driver.wait_motion(topics[name], 0.0)
    # While the network is there, a quiet connection holds its motion for longer than the bound.
    driver.check_driving(topics['connection'], NETWORK_TIMEOUT + 0.5)
    cut = time.monotonic()
    ip('-n', spaces['client'], 'link', 'set', 'cable', 'down')
    session = driver.wait_zero(topics['session'], cut)
    assert session.at - cut >= WINDOW / 2
    assert took(cut, session.at) <= WINDOW + MARGIN
    connection = driver.wait_zero(topics['connection'], cut)
    assert connection.at - cut >= NETWORK_TIMEOUT / 2
    assert took(cut, connection.at) <= NETWORK_TIMEOUT + MARGIN
    assert all(client.process.poll() is None for client in clients.values())
    for topic in topics.values():
        driver.check_stop(topic, cut, NETWORK_TIMEOUT)
