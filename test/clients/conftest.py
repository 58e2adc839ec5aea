# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A bridge, a driver that records what it receives, and client programs of any language."""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import time
from typing import Any, NamedTuple

import pytest

from processes import base, Bridge, Driver, Program, Programs, running, settings, wait_until
from viam_session_bridge.key_file import edit, new_key

# Becomes another program under the same process id, so that signals reach that one.
BECOME = 'import os, sys; os.execv(sys.argv[1], sys.argv[1:])'

SPEED = 0.5  # m/s, at a power of 1


class Robot(NamedTuple):
    """A bridge with one base, and the driver of that base."""

    bridge: Bridge
    driver: Driver
    topic: str

    @property
    def address(self) -> str:
        """Where it serves; by the name that the TypeScript SDK takes for a direct connection."""
        return f'localhost:{self.bridge.port}'

    def wait_speed(self, power: float, since: float) -> float:
        """Wait until the driver receives that share of full speed; returns when (s)."""
        return wait_until(
            lambda: next((one for one in self.driver.heard(self.topic, since)
                          if abs(one.linear[0] - power * SPEED) < 1e-6), None),
            f'{power} of full speed').at


def new_robot(programs: Programs, **blocks: dict[str, Any]) -> Robot:
    """Start one on a port of the system's choice; blocks: more parameters of the bridge."""
    bridge = programs.bridge(settings({'base': base(max_linear_speed=SPEED)}, **blocks))
    topic = bridge.topic()
    driver = programs.driver(topic)
    bridge.wait_drivers()
    return Robot(bridge, driver, topic)


@pytest.fixture(scope='session', autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the log files of the children out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_LOG_DIR', str(tmp_path_factory.mktemp('ros_log')))
        yield


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Start programs that end with the test."""
    with running(tmp_path) as programs:
        yield programs


@pytest.fixture(scope='module')
def shared_robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    """Start a robot for all tests of a module."""
    with running(tmp_path_factory.mktemp('shared')) as programs:
        yield new_robot(programs)


@pytest.fixture
def robot(shared_robot: Robot) -> Robot:
    """Give the module's robot once it rests."""
    shared_robot.driver.wait_silence(shared_robot.topic)
    return shared_robot


@pytest.fixture
def own_robot(programs: Programs) -> Robot:
    """Give a robot that the test may break."""
    return new_robot(programs)


class Secured:
    """
    A robot whose bridge requires an API key, and serves with TLS as localhost.

    ca: the file of its CA; other_ca: that of another one; key: variables for the examples.
    """

    def __init__(self, programs: Programs, folder: Path, trustme: Any) -> None:
        self._authority = trustme.CA()
        self.ca, self.other_ca = folder / 'ca.pem', folder / 'other_ca.pem'
        self._authority.cert_pem.write_to_path(str(self.ca))
        trustme.CA().cert_pem.write_to_path(str(self.other_ca))
        self._certificate, self._key = folder / 'server.pem', folder / 'server.key'
        self.issue('localhost')
        key, secret = new_key('test', 'today')
        self.key = f'VIAM_API_KEY_ID={key.id}', f'VIAM_API_KEY={secret}'
        edit(folder / 'keys.json', lambda table: table.with_key(key))
        self.robot = new_robot(
            programs, auth={'key_file': str(folder / 'keys.json')},
            grpc={'tls_certificate_file': str(self._certificate),
                  'tls_key_file': str(self._key)})

    def issue(self, name: str) -> None:
        """Replace the certificate by one of that name."""
        issued = self._authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(str(self._certificate))
        issued.private_key_pem.write_to_path(str(self._key))


@pytest.fixture
def secured(programs: Programs, tmp_path: Path) -> Secured:
    """Start a robot with TLS and a key."""
    return Secured(programs, tmp_path, pytest.importorskip(
        'trustme', reason='trustme is not installed: no certificates'))


@pytest.fixture
def run() -> Iterator[Callable[..., Program]]:
    """Start programs of any language: an absolute path and arguments. They end with the test."""
    started: list[Program] = []

    def start(program: str | Path, *arguments: str | Path) -> Program:
        assert os.path.isabs(program)
        started.append(Program('-c', BECOME, program, *arguments))
        return started[-1]
    yield start
    for program in started:
        if program.process.poll() is None:
            program.process.kill()
        program.ended()
        print(f'--- {program.name}\n{program.text}')


@pytest.fixture
def began() -> float:
    """Give the instant (s) at which the test began."""
    return time.monotonic()
