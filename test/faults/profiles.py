# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The options of a scene: parameters of the bridge, behaviour of the robot, faulty environment.

Data and what can be decided without starting anything. Parameters are the product's defaults
wherever a fault does not need another value.
"""

from dataclasses import dataclass
import shutil
from typing import Any

import network

BASES = ('base', 'second')
FULL_SPEED = 0.5  # m/s, at a power of 1
WINDOW = 2.0  # s, sessions.heartbeat_window
NETWORK_TIMEOUT = 2.0  # s, sessions.network_timeout

LATE_STOP_HOLD, LATE_STOP_TIMEOUT = 0.3, 1.0  # s
EMERGENCY = 'emergency_stop'  # the topic of the robot's emergency stop
DEEP_QUEUE = 100  # commands


@dataclass(frozen=True)
class Profile:
    """
    One kind of scene.

    odometry: the bases have feedback. late: it begins when it is ordered to; a stop that is not
    confirmed soon presses the robot's emergency stop. deep_queue: the bases keep many commands,
    and their parameters say that they have no command timeout. network: bridge, robot and clients
    in network namespaces. sick: the bridge takes orders to become sick. clock: use_sim_time, with
    a clock that is 'absent' or 'paused'. wall: bridge and guard have a wall clock that can be
    stepped. disk: their disk is full.
    """

    name: str
    odometry: bool = False
    late: bool = False
    deep_queue: bool = False
    network: bool = False
    sick: bool = False
    clock: str = ''
    wall: bool = False
    disk: bool = False

    def missing(self) -> str:
        """Return what this machine lacks for such a scene; empty when nothing."""
        if self.network:
            return network.missing()
        if self.wall and not shutil.which('cc'):
            return 'no C compiler to make a wall clock that can be stepped'
        if self.disk:
            return network.missing() and 'a full disk of our own needs root'
        return ''

    def parameters(self, guard: bool) -> dict[str, Any]:
        """Return the bridge's parameters."""
        bases = {name: self._base(name, guard) for name in BASES}
        parameters: dict[str, Any] = {'resources': list(BASES), **bases, 'grpc': {'port': 0}}
        if guard:
            parameters['guard'] = {'required': True}
        if self.network:
            parameters['grpc'] |= {
                'host': network.CABLES['client'][0], 'allow_anonymous': True}
        if self.clock:
            parameters['use_sim_time'] = True
        return parameters

    def _base(self, name: str, guard: bool) -> dict[str, Any]:
        base: dict[str, Any] = {
            'driver': 'twist', 'topic': f'{name}/cmd_vel', 'max_linear_speed': FULL_SPEED}
        if self.odometry:
            base['odometry_topic'] = f'{name}/odom'
        if self.late:
            base |= {
                'stop_hold': LATE_STOP_HOLD, 'stop_timeout': LATE_STOP_TIMEOUT,
                'escalations': ['press'],
                'press': {'kind': 'bool', 'topic': EMERGENCY, 'value': True}}
        if self.deep_queue:
            base['receiver_timeout'] = 0.0
        if not guard:
            base['accept_no_timeout'] = True
        return base

    def robot_options(self) -> list[str]:
        """Return the words for the robot's program."""
        words = ['--odometry'] if self.odometry else []
        if self.late:
            words += ['--mode=silent', f'--emergency={EMERGENCY}']
        if self.deep_queue:
            words.append(f'--depth={DEEP_QUEUE}')
        return words


PLAIN = Profile('plain')
ODOMETRY = Profile('odometry', odometry=True)
LATE_ODOMETRY = Profile('late odometry', odometry=True, late=True)
DEEP_QUEUE_OF_COMMANDS = Profile('deep queue', deep_queue=True)
SICK = Profile('sick', sick=True)
NETWORK = Profile('network', network=True)
NETWORK_ODOMETRY = Profile('network, odometry', network=True, odometry=True)
NO_CLOCK = Profile('no clock', clock='absent')
PAUSED_CLOCK = Profile('paused clock', clock='paused')
WALL = Profile('wall clock', wall=True)
FULL_DISK = Profile('full disk', disk=True)


@dataclass(frozen=True)
class Variant:
    """The QoS and the braking (m/s^2) of the robot."""

    reliability: str
    deceleration: float

    def robot_options(self) -> list[str]:
        """Return the words for the robot's program."""
        return [f'--reliability={self.reliability}', f'--deceleration={self.deceleration}']


VARIANTS = (
    Variant('best_effort', 4.0), Variant('reliable', 8.0), Variant('best_effort', 2.0),
    Variant('reliable', 4.0))
