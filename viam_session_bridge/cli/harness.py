# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every scenario of the demo needs: robot, bridge, guard, Viam programs, and waits.

Every wait here records the reports of the robot, and fails when a process has ended unexpectedly.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
import time
from typing import NamedTuple

from viam_session_bridge.cli import lab_certificate
from viam_session_bridge.cli.observer import Observer
from viam_session_bridge.cli.processes import Child
from viam_session_bridge.key_file import edit, new_key
from viam_session_bridge.sim.diff_drive import steady_now

# The robot: without a command timeout, like many real ones, and with limited acceleration.
ROBOT = {
    'command_timeout': '0.0', 'reliability': 'best_effort', 'stamp': 'steady',
    'max_linear_acceleration': '1.0', 'max_linear_deceleration': '4.0'}

# The longest waits (s) for a start; a busy machine may take most of it.
START_PATIENCE = 40.0

# A robot counts as at rest when it has not moved for this time (s) afterwards.
REST_DWELL = 0.6

_PARAMETERS = ('grpc.actual_port', 'sessions.heartbeat_window', 'base.max_linear_speed',
               'guard.patience')


# The bridge logs this when the machine has delayed it.
_STALL = 'the stop loop came'


class HarnessError(Exception):
    """The demo could not continue; `log` is the last output of the process that failed."""

    def __init__(self, text: str, log: str = '') -> None:
        super().__init__(text)
        self.log = log


class Facts(NamedTuple):
    """The bridge's address, window in s, full speed in m/s, and its guard's patience in s."""

    address: str
    window: float
    full_speed: float
    patience: float


class Access(NamedTuple):
    """What clients need: parameters of the bridge, and the variables of each program."""

    parameters: Mapping[str, str]
    environment: Mapping[str, str]


OPEN = Access({}, {})


def secured(folder: Path) -> Access:
    """Make an API key and a certificate in that folder. Raises Refused or KeyFileError."""
    lab_certificate.make(folder, ['127.0.0.1'])
    key, secret = new_key('demo', datetime.now(timezone.utc).isoformat(timespec='seconds'))
    keys = folder / 'keys.json'
    edit(keys, lambda table: table.with_key(key))
    return Access(
        {'auth.key_file': str(keys),
         'grpc.tls_certificate_file': str(folder / lab_certificate.CERTIFICATE),
         'grpc.tls_key_file': str(folder / lab_certificate.KEY)},
        {'VIAM_API_KEY_ID': key.id, 'VIAM_API_KEY': secret,
         'SSL_CERT_FILE': str(folder / lab_certificate.CA)})


class Harness:
    """One robot, its bridge and guard, and the programs that drive it. Always close it."""

    def __init__(self, folder: Path, params_file: Path, bridge_arguments: Sequence[str],
                 say: Callable[[str], None], check: Callable[[], None],
                 access: Access = OPEN) -> None:
        """
        Start robot, bridge and guard; rclpy must be up. Raises HarnessError.

        check is called repeatedly in every wait, which ends with what it raises.
        """
        self.access = access
        self._folder = folder
        # Bridge and guard get the same arguments.
        self._arguments = ['--ros-args', '--params-file', str(params_file), '-p', 'grpc.port:=0',
                           *(word for name, value in access.parameters.items()
                             for word in ('-p', f'{name}:={value}')), *bridge_arguments]
        self._stalls_before = 0
        self._bridge_killed = False
        self.say = say
        self._check = check
        self._programs: list[Child] = []
        self.facts = Facts('', 0.0, 0.0, 0.0)
        self.observer = Observer()
        self.robot = Child(
            'robot', 'viam_session_bridge.sim.diff_drive',
            ['--ros-args', *(word for name, value in ROBOT.items()
                             for word in ('-p', f'{name}:={value}'))], folder)
        self.bridge = Child('bridge', 'viam_session_bridge.bridge', self._arguments, folder)
        self.guard = Child('guard', 'viam_session_bridge.guard', self._arguments, folder)

    def open(self) -> None:  # noqa: A003
        """Wait until robot, bridge and guard are up. Raises HarnessError."""
        self.wait(lambda: self.observer.sees_robot, START_PATIENCE, 'the robot did not start')
        self._wait_for_bridge()

    def kill_bridge(self) -> None:
        """Kill the bridge itself; it must be started again before the next program."""
        self._bridge_killed = True
        self._stalls_before += self.bridge.output().count(_STALL)
        self.bridge.kill()
        self.observer.forget('viam_session_bridge')

    def restart_bridge(self) -> None:
        """Start the bridge again, and wait until it accepts commands. Raises HarnessError."""
        self.bridge = Child(
            'bridge', 'viam_session_bridge.bridge', self._arguments, self._folder)
        self._bridge_killed = False
        self._wait_for_bridge()

    def _wait_for_bridge(self) -> None:
        self.wait(self._learn_facts, START_PATIENCE, 'the bridge did not start')
        # On a busy machine DDS may need seconds to find the robot; a program would be refused.
        self.wait(lambda: self.observer.problem is None, START_PATIENCE,
                  'bridge, guard and robot did not find each other')

    def start_program(self, name: str, power: float, period: float) -> Child:
        """
        Start a Viam SDK program that drives forward; returns when the robot has that speed.

        power is a share of full speed; it is commanded every period s, or once if that is 0.
        """
        self.say(f'  {name} starts, connects to {self.facts.address} and drives ...')
        program = Child(
            name, 'viam_session_bridge.cli.demo_client',
            [self.facts.address, f'--power={power}', f'--period={period}'], self._folder,
            self.access.environment)
        self._programs.append(program)
        wanted = power * self.facts.full_speed
        self.wait(lambda: abs(self.speed - wanted) < 0.05 * wanted, START_PATIENCE,
                  f'{name} did not get the robot to {wanted:g} m/s', program)
        return program

    @property
    def speed(self) -> float:
        """Return the speed of the robot (m/s) in its newest report."""
        samples = self.observer.track.samples
        return samples[-1].speed if samples else 0.0

    def wait(self, condition: Callable[[], bool], patience: float, failure: str,
             program: Child | None = None) -> None:
        """Wait until the condition holds; raises HarnessError after patience s."""
        end = steady_now() + patience
        while not condition():
            self._check_alive(program)
            if steady_now() > end:
                suspect = program or self.bridge
                raise HarnessError(f'{failure} within {patience:g} s', suspect.tail())
            self.observer.spin(0.05)

    def watch(self, seconds: float) -> None:
        """Record for this time (s)."""
        end = steady_now() + seconds
        while steady_now() < end:
            self._check_alive()
            self.observer.spin(min(0.05, seconds))

    def follow_logs(self) -> None:
        """Print the logs of bridge and guard until interrupted. Raises HarnessError at an end."""
        while True:
            self.show_events()
            self._check_alive()
            time.sleep(0.1)

    def show_events(self) -> None:
        """Print what bridge and guard have logged since the last call."""
        for child in (self.bridge, self.guard):
            for line in child.news():
                self.say(f'{child.name}: {line}')

    def watch_for_rest(self, after: float, patience: float) -> None:
        """Record until the robot stays at rest after that instant, at most patience (s)."""
        track = self.observer.track
        while steady_now() < after + patience + REST_DWELL:
            since = track.rest_since(after)
            if since is not None and track.samples[-1].time >= since + REST_DWELL:
                return
            self.watch(0.05)

    def stalls(self) -> int:
        """Count how often robot and bridge have logged a delay by the machine."""
        return (self._stalls_before + self.bridge.output().count(_STALL)
                + self.robot.output().count('this simulation itself was held up'))

    def end_programs(self) -> None:
        """Kill the remaining programs, including frozen ones."""
        while self._programs:
            self._programs.pop().kill()

    def close(self) -> dict[str, int]:
        """End everything; returns the exit statuses of bridge and guard."""
        self.end_programs()
        statuses = {child.name: child.end() for child in (self.bridge, self.guard)}
        self.robot.end()
        self.observer.close()
        return statuses

    def _check_alive(self, program: Child | None = None) -> None:
        self._check()
        bridge = None if self._bridge_killed else self.bridge
        for child in (self.robot, bridge, self.guard, program):
            if child is not None and child.status is not None:
                raise HarnessError(
                    f'{child.name} ended unexpectedly (exit status {child.status})', child.tail())

    def _learn_facts(self) -> bool:
        values = self.observer.parameters(_PARAMETERS, patience=1.0)
        if values is None:
            return False
        port, window, speed, patience = values
        self.facts = Facts(
            f'127.0.0.1:{port}', float(str(window)), float(str(speed)), float(str(patience)))
        return True
