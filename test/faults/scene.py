# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
One robot behind one bridge, with everything around them, in a ROS domain of its own.

Faults that leave it alive share a scene; after the others the next one is built anew.
"""

from collections.abc import Sequence
from itertools import count
import math
import os
from pathlib import Path
import signal
import struct
import subprocess
import time
from typing import Any

import yaml

from network import Network
from parts import (
    BrokenGuard,
    FaultyBridge,
    Guard,
    HERE,
    Publisher,
    Recorder,
    Robot,
    SickBridge,
    with_environment,
)
from processes import Program, wait_until
from profiles import BASES, Profile, Variant
from reconstruction import Command
from verdict import Span
from viam_session_bridge.cli.why import Event, read_audit

# Mounts a disk of one page at $0, fills it, and becomes the program.
_FULL_DISK = ('mount -t tmpfs -o size=4k none "$0" && { cat /dev/zero > "$0/full" 2> /dev/null; '
              'exec "$@"; }')

_numbers = count(1)


class Scene:
    """
    The processes of one scene. Always close it.

    breakage: the name of a deliberate breakage of the bridge, or ''. guard: whether one is started
    and required.
    """

    def __init__(self, folder: Path, profile: Profile, variant: Variant, domain: int, *,
                 guard: bool, breakage: str = '') -> None:
        self.profile = profile
        self.variant = variant
        self.namespace = f'/run{next(_numbers)}'
        self._folder = folder / self.namespace[1:]
        self._folder.mkdir()
        self._domain = domain
        self._breakage = breakage
        self._programs: list[Program] = []
        self._network: Network | None = None
        self._step = self._folder / 'step'
        self._audit = self._folder / 'events.jsonl'
        self._parameters = {
            **profile.parameters(guard), 'events': {'audit_file': str(self._audit)}}
        self.guard: Guard | None = None
        self.others: list[Publisher] = []
        self._ready_at = math.inf
        try:
            self._start(guard)
            self._ready_at = time.monotonic()
        except BaseException:
            self.close()
            raise

    def _start(self, guard: bool) -> None:
        if self.profile.network:
            self._network = Network()
        if self.profile.wall:
            self._make_wall_clock()
        if self.profile.clock == 'paused':
            self.publisher()
        self.robot = self._robot()
        self.recorder = self._keep(Recorder(self.namespace, prefix=self.prefix('robot')))
        self.bridge = self._bridge()
        if guard:
            self.guard = self._guard()
        for one in (self.robot, self.recorder, self.guard, *self.others):
            if one is not None:
                one.wait_ready()
        self.wait_bridge()
        wait_until(lambda: all(self.recorder.newest(base, self.robot.life) for base in BASES),
                   'the recorder has found the robot')

    # ---- what may be started again --------------------------------------------------------------

    def restart_bridge(self) -> None:
        """Start a bridge like the one before, as a respawn does; wait_bridge waits for it."""
        self.bridge = self._bridge()

    def second_bridge(self) -> FaultyBridge:
        """Start another bridge for the same robot."""
        return self._bridge()

    def wait_bridge(self) -> None:
        """Wait until the bridge serves and has found its drivers."""
        self.bridge.wait_ready()
        self.bridge.wait_drivers(*BASES)

    def restart_guard(self) -> None:
        """Start a guard like the one before."""
        self.guard = self._guard()

    def restart_robot(self, **speeds: float) -> Robot:
        """Start a robot like the one before, whose bases come up with these speeds (m/s)."""
        self.robot = self._robot(**speeds)
        return self.robot

    def publisher(self, *arguments: str) -> Publisher:
        """Start another node that publishes; without arguments a clock that stands still."""
        publisher = self._keep(Publisher(*arguments, prefix=self.prefix('bridge')))
        self.others.append(publisher)
        return publisher

    def _robot(self, **speeds: float) -> Robot:
        bases = (f'{base}={speeds[base]}' if base in speeds else base for base in BASES)
        return self._keep(Robot(
            self.namespace, *bases, prefix=self.prefix('robot'),
            options=[*self.profile.robot_options(), *self.variant.robot_options()]))

    def _bridge(self) -> FaultyBridge:
        kind = SickBridge if self.profile.sick or self._breakage else FaultyBridge
        return self._keep(kind(self.namespace, self._file(), self._product_prefix()))

    def _guard(self) -> Guard:
        kind = BrokenGuard if self._breakage else Guard
        return self._keep(kind(self.namespace, self._file(), self._product_prefix()))

    def _file(self) -> Path:
        file = self._folder / 'parameters.yaml'
        file.write_text(yaml.safe_dump({'/**': {'ros__parameters': self._parameters}}))
        return file

    # ---- what is known of it --------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Return what bridge and guard have written to their audit files."""
        return read_audit(str(self._audit))

    def commands(self) -> list[Command]:
        """Return the commands that the robot received, in all its lives."""
        return sorted(command for one in self._programs if isinstance(one, Robot)
                      for command in one.commands())

    def silences(self, process: str) -> list[Span]:
        """Return when bridges, or guards, were frozen or dead."""
        found: list[Span] = []
        running = self.running(process)
        for number, one in enumerate(running):
            again = running[number + 1].started if number + 1 < len(running) else math.inf
            began: float | None = None
            for sent, at in list(one.signals):
                if sent == signal.SIGKILL:
                    found.append((at if began is None else began, again))
                elif sent == signal.SIGSTOP:
                    began = at
                elif sent == signal.SIGCONT and began is not None:
                    found.append((began, at))
                    began = None
        return found

    def kills(self, process: str) -> list[float]:
        """Return when bridges, or guards, received SIGKILL."""
        return [at for one in self.running(process) for sent, at in list(one.signals)
                if sent == signal.SIGKILL]

    def unmatched(self, process: str, base: str) -> list[Span]:
        """
        Return when no command of bridge, or guard, could arrive: since one of the two started.

        Until one has, or the first robot has found both: who was restarted may have announced
        itself to the other, and not yet received the other's announcement.
        """
        robots = self.running('robot')
        starts = [*(one.started for one in (*robots, *self.running(process))),
                  *(one.finished for one in robots if one.finished is not None),
                  *(at for one in robots for sent, at in list(one.signals)
                    if sent == signal.SIGKILL)]
        received = [one.at for one in self.commands()
                    if one.base == base and one.by == process]
        everybody = 1 if self.guard is None else 2
        met = next((at for name, writers, at in robots[0].matches
                    if name == base and writers >= everybody), math.inf)
        return [(start, min((at for at in (*received, *([met] if start < self._ready_at else ()))
                             if at >= start), default=math.inf))
                for start in starts]

    def running(self, process: str) -> list[Any]:
        """Return the programs that are, or were, 'bridge', 'guard' or 'robot', in order."""
        kind = {'bridge': FaultyBridge, 'guard': Guard, 'robot': Robot}[process]
        return [one for one in self._programs if isinstance(one, kind)]

    # ---- surroundings ---------------------------------------------------------------------------

    def prefix(self, place: str) -> list[str]:
        """Return the prefix that starts a program at a place: 'bridge', 'robot' or 'client'."""
        variables = {'ROS_DOMAIN_ID': str(self._domain)}
        if self._network is None:
            return with_environment(**variables)
        # Across namespaces, shared memory would bypass the network.
        variables |= {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
                      'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}
        return [*with_environment(**variables), *self._network.at(place)]

    def _product_prefix(self) -> list[str]:
        words = self.prefix('bridge')
        variables: dict[str, str] = {}
        if self._breakage:
            variables['FAULTS_BREAKAGE'] = self._breakage
        if self.profile.wall:
            variables |= {'LD_PRELOAD': str(self._folder / 'wall_clock.so'),
                          'WALL_CLOCK_STEP': str(self._step)}
        if self.profile.disk:
            disk = self._folder / 'disk'
            disk.mkdir(exist_ok=True)
            words += ['unshare', '--mount', 'sh', '-c', _FULL_DISK, str(disk)]
            variables['ROS_LOG_DIR'] = str(disk)
        return [*words, *with_environment(**variables)]

    @property
    def network(self) -> Network:
        """Return the cables of this scene."""
        assert self._network is not None
        return self._network

    def step_wall_clock(self, seconds: float) -> None:
        """Step the wall clock of bridge and guard, from where it is without steps."""
        with self._step.open('r+b') as file:
            file.write(struct.pack('d', seconds))

    def _make_wall_clock(self) -> None:
        self._step.write_bytes(struct.pack('d', 0.0))
        subprocess.run(
            ['cc', '-shared', '-fPIC', '-O2', '-o', self._folder / 'wall_clock.so',
             HERE / 'programs' / 'wall_clock.c', '-ldl'], check=True)

    # ---- the end --------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether bridge, guard, robot and recorder run."""
        parts: Sequence[Program | None] = (
            self.bridge, self.guard, self.robot, self.recorder)
        return all(part is None or part.process.poll() is None for part in parts)

    def logs(self) -> str:
        """Return what bridge, guard and robot wrote."""
        kept = [one for one in self._programs
                if isinstance(one, FaultyBridge | Guard | Robot)]
        return '\n'.join(f'--- {one.name} ({one.process.pid})\n{one.text}' for one in kept)

    def close(self) -> None:
        """Kill what still runs."""
        for program in self._programs:
            if program.process.poll() is None:
                program.process.kill()
            if isinstance(program, FaultyBridge):
                program.read_log()
        for program in self._programs:
            program.ended()
        self._programs.clear()
        if self._network is not None:
            self._network.close()

    def _keep(self, program: Any) -> Any:
        self._programs.append(program)
        return program


def scratch(folder: Path) -> None:
    """Keep log files of all processes of a run in its folder."""
    logs = folder / 'ros_log'
    logs.mkdir()
    os.environ['ROS_LOG_DIR'] = str(logs)
