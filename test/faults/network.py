# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
A virtual network: bridge, robot and clients in network namespaces, and links that can be cut.

The network of the machine itself is not touched: both ends of every cable are in namespaces that
vanish with the scene. Needs root and iproute2; `missing` returns what is lacking.
"""

from itertools import count
import os
import shutil
import subprocess

# Where each place is, by the cable that leads there from the bridge (RFC 5737).
CABLES = {'robot': ('198.51.100.1', '198.51.100.2'), 'client': ('203.0.113.1', '203.0.113.2')}

# Of the two ends of a cable, which sees no other one.
_MACS = ('02:00:00:00:00:01', '02:00:00:00:00:02')

_numbers = count(1)


class Network:
    """The places 'bridge', 'robot' and 'client'. Raises OSError; always close it."""

    def __init__(self) -> None:
        number = next(_numbers)
        self._names = {place: f'vsbf{os.getpid()}x{number}{place[0]}'
                       for place in ('bridge', *CABLES)}
        self.address = CABLES['client'][0]
        try:
            for name in self._names.values():
                _ip('netns', 'add', name)
                _ip('-n', name, 'link', 'set', 'lo', 'up')
            for place, (here, there) in CABLES.items():
                self._lay(place, here, there)
        except OSError:
            self.close()
            raise

    def at(self, place: str) -> tuple[str, ...]:
        """Return the prefix that starts a program there."""
        return 'ip', 'netns', 'exec', self._names[place]

    def pull(self, cable: str) -> None:
        """Cut a link: nothing gets through, and no side is notified."""
        # Not the link itself: the kernel may take a second to notice that a link is up again.
        for space, device in self._ends(cable):
            _run('tc', '-n', space, 'qdisc', 'add', 'dev', device, 'root', 'pfifo', 'limit', '0')

    def plug(self, cable: str) -> None:
        """Put a cable in again."""
        for space, device in self._ends(cable):
            _run('tc', '-n', space, 'qdisc', 'del', 'dev', device, 'root')

    def _ends(self, cable: str) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self._names['bridge'], cable), (self._names[cable], 'cable')

    def close(self) -> None:
        """Remove everything; the cables go with their ends."""
        for name in self._names.values():
            subprocess.run(['ip', 'netns', 'delete', name], check=False, capture_output=True)

    def _lay(self, place: str, here: str, there: str) -> None:
        bridge, name = self._names['bridge'], self._names[place]
        _ip('-n', bridge, 'link', 'add', place, 'address', _MACS[0], 'type', 'veth',
            'peer', 'name', 'cable', 'address', _MACS[1], 'netns', name)
        for space, device, address in ((bridge, place, here), (name, 'cable', there)):
            _ip('-n', space, 'address', 'add', f'{address}/30', 'dev', device)
            _ip('-n', space, 'link', 'set', device, 'up')
        # Permanent: after a failed ARP resolution while the link is cut, the kernel retries only
        # once a second, and what is sent meanwhile waits in the kernel.
        for space, device, address, mac in (
                (bridge, place, there, _MACS[1]), (name, 'cable', here, _MACS[0])):
            _ip('-n', space, 'neigh', 'replace', address, 'lladdr', mac, 'dev', device,
                'nud', 'permanent')
        _ip('-n', name, 'route', 'add', 'default', 'dev', 'cable')
        if place == 'robot':
            # DDS finds its peers by multicast.
            _ip('-n', bridge, 'route', 'add', '239.0.0.0/8', 'dev', place)


def missing() -> str:
    """Return why there can be no network of our own; empty when there can."""
    if os.geteuid() != 0:
        return 'network namespaces need root'
    if not (shutil.which('ip') and shutil.which('tc')):
        return 'iproute2 is not installed'
    try:
        space = Network()
        try:
            space.pull('client')
        finally:
            space.close()
    except OSError as problem:
        return f'no network namespaces here: {problem}'
    return ''


def _ip(*arguments: str) -> None:
    _run('ip', *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f'{" ".join(command)}: {done.stderr.strip()}')
