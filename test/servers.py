# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The robot's services and actions as a separate process, and how tests control it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
import signal
import threading
import time
from typing import Any, NamedTuple

from rclpy.node import Node
from std_srvs.srv import Empty

from processes import PATIENCE, Program, TEST, wait_until

SERVERS = TEST / 'system' / 'programs' / 'servers.py'

# A call without a response after this time (s) is repeated.
ASK_AGAIN = 1.0


class Called(NamedTuple):
    """What was called or published: which, when (s), and with what."""

    name: str
    at: float
    data: Any


class Servers(Program):
    """Simulated servers; their calls are kept in order of arrival."""

    def __init__(self, node: str = 'servers') -> None:
        self.ready = threading.Event()
        self._called: list[Called] = []
        self._done: set[int] = set()
        self._frozen = False
        self._numbers = count(1)
        super().__init__(SERVERS, f'--node={node}')

    def take(self, entry: dict[str, Any]) -> None:
        """Record the output of the servers."""
        if entry['event'] == 'ready':
            self.ready.set()
        elif entry['event'] == 'done':
            self._done.add(entry['id'])
        else:
            self._called.append(Called(entry['name'], entry['at'], entry.get('data')))

    def wait_ready(self) -> None:
        """Wait until they run."""
        assert self.ready.wait(PATIENCE), f'the servers did not start:\n{self.text}'

    def order(self, do: str, **arguments: Any) -> None:
        """Give an order and wait until it was carried out."""
        number = next(self._numbers)
        self.send(id=number, do=do, **arguments)
        wait_until(lambda: number in self._done, f'{do} is done')

    def meet(self, node: Node) -> None:
        """Wait until they respond to a node: those that have not discovered it cannot."""
        name = f'{node.get_namespace()}/{self.name.rpartition("=")[2]}_met'
        self.order('serve', kind='empty', name=name)
        client = node.create_client(Empty, name)
        futures: list[Any] = []

        def answered() -> bool:
            if client.service_is_ready() and len(futures) * ASK_AGAIN <= time.monotonic() - began:
                futures.append(client.call_async(Empty.Request()))
            return any(future.done() for future in futures)

        began = time.monotonic()
        wait_until(answered, f'a response to {node.get_name()}')
        node.destroy_client(client)

    def begin(self, action: str, count: int = 1) -> list[str]:
        """Run goals of an action; returns their ids."""
        name, before = f'{action}/goals', len(self.called(f'{action}/goals'))
        self.order('goals', name=action, count=count)
        return [one.data for one in self.called(name)[before:]]

    def called(self, name: str, since: float = 0.0) -> list[Called]:
        """
        Return the calls of a service or the messages of a topic since an instant (s).

        What the servers have received before this call is included. Servers that are frozen or
        killed do not answer it.
        """
        if not self._frozen and self.process.poll() is None:
            self.order('nothing')
        return self._recorded(name, since)

    def signal(self, number: signal.Signals) -> float:
        """Send a signal; returns when (s)."""
        self._frozen = number is signal.SIGSTOP
        return super().signal(number)

    def _recorded(self, name: str, since: float) -> list[Called]:
        return [one for one in list(self._called) if one.name == name and one.at >= since]

    def wait_called(self, name: str, since: float = 0.0, times: int = 1) -> Called:
        """Wait for so many calls since an instant (s); returns the last of them."""
        return wait_until(
            lambda: len(self._recorded(name, since)) >= times
            and self._recorded(name, since)[times - 1],
            f'{times} calls of {name}')


@contextmanager
def serving(node: str = 'servers') -> Iterator[Servers]:
    """Give servers for a while."""
    servers = Servers(node)
    try:
        servers.wait_ready()
        yield servers
    finally:
        if servers.process.poll() is None:
            servers.process.kill()
        servers.ended()
        print(f'--- {servers.name}\n{servers.text}')
