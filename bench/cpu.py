# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The processor use of an idle and of a driving bridge, beside others under the same messages.

The others: a bare rclpy node, the bridge without what operators read and, if its checkout is
given, the bridge of another revision. All are measured at the same time: what else runs on the
machine changes the figure of one by more than the differences that are looked for.
"""

from collections.abc import Callable
import time
from typing import NamedTuple

from children import Child, port_of, ROOT, World
from report import Figure, percentile, Row

LIMIT = 1.15  # times the bridge without events and diagnostics
SECONDS = 5  # of odometry, for each sample
# s of it, before the clients come, and after they have left: until the robot is seen at rest.
LEAD, TAIL = 0.2, 0.8
COMMAND_INTERVAL = 0.1  # s
BEATS_EACH = 4  # a heartbeat per so many intervals: a fifth of the window
BRIDGE, PLAIN, BARE, OTHER = 'bridge', 'plain', 'node', 'other'
PATIENCE = 30.0  # s, until all have matched


class Part(NamedTuple):
    """
    What is measured.

    begin: starts to drive its robot for so long (s). finish: waits for the end of that, and
    returns how many calls were refused.
    """

    child: Child
    begin: Callable[[float], None]
    finish: Callable[[], int]


class Sample(NamedTuple):
    """The share of one processor, how many commands arrived, and how many calls were refused."""

    share: float
    commands: int
    refused: int


def measure(world: World) -> list[Row]:
    """Measure all of them, idle and driving in turn; return a row for each comparison."""
    seconds = float(world.scaled(SECONDS, 2))
    robots = world.child('robot', *(f'/{name}/base' for name in _names(world)))
    parts, endpoints = _start(world, robots, seconds)
    found: dict[str, list[dict[str, Sample]]] = {'idle': [], 'driving': []}
    for _ in range(world.scaled(12, 1)):
        for what, samples in found.items():
            samples.append(_sample(parts, robots, seconds, what == 'driving'))
    return [row for what, samples in found.items()
            for row in _rows(what, samples, endpoints, seconds)]


def _names(world: World) -> list[str]:
    return [BRIDGE, PLAIN, BARE, *([OTHER] if world.other else [])]


def _start(world: World, robots: Child, seconds: float) -> tuple[dict[str, Part], list[int]]:
    """Start what is measured; also return how many publishers and subscriptions a bridge has."""
    node = world.child('node', f'/{BARE}/base')
    parts = {}
    for name in _names(world):
        if name != BARE:
            child = world.bridge(
                [], measured=['base'], name=name, namespace=f'/{name}', patience=5.0,
                audited=name == BRIDGE, plain=name == PLAIN,
                root=world.other if world.other and name == OTHER else ROOT)
            parts[name] = _bridge(child, world.child('load', name=f'client of {name}'))
    end = time.monotonic() + PATIENCE
    while not robots.ask('matched'):
        if time.monotonic() > end:
            raise ValueError(f'not within {PATIENCE:g} s: subscribers of all odometry')
        time.sleep(0.05)
    endpoints = node.ask('resemble', name='viam_session_bridge', namespace=f'/{BRIDGE}')
    # This also warms up, and tells how often the bare node is to publish.
    commands = _sample(parts, robots, seconds, drives=True)[BRIDGE].commands
    parts[BARE] = Part(
        node, lambda lasting: node.begin('publish', count=commands, seconds=lasting),
        lambda: int(node.finish() or 0))
    return parts, endpoints


def _bridge(child: Child, load: Child) -> Part:
    port = port_of(child)

    def begin(seconds: float) -> None:
        load.ask('settle_driving', port=port, base='base', each=BEATS_EACH)
        load.begin('pace', interval=COMMAND_INTERVAL, seconds=seconds)

    return Part(child, begin, lambda: int(load.finish()['refused']))


def _sample(parts: dict[str, Part], robots: Child, seconds: float,
            drives: bool) -> dict[str, Sample]:
    robots.begin('feed', seconds=seconds)
    began = time.monotonic()
    used = {name: part.child.processor_time() for name, part in parts.items()}
    refused = dict.fromkeys(parts, 0)
    if drives:
        time.sleep(LEAD)
        for part in parts.values():
            part.begin(seconds - LEAD - TAIL)
        refused = {name: part.finish() for name, part in parts.items()}
    counts = robots.finish()
    took = time.monotonic() - began
    return {name: Sample((part.child.processor_time() - used[name]) / took,
                         counts[f'/{name}/base'], refused[name])
            for name, part in parts.items()}


def _rows(what: str, samples: list[dict[str, Sample]], endpoints: list[int],
          seconds: float) -> list[Row]:
    shares = {name: Figure(len(samples), 100.0 * percentile(
        [sample[name].share for sample in samples], 0.5)) for name in samples[0]}
    commands = percentile([sample[BRIDGE].commands for sample in samples], 0.5)
    refused = sum(sample[BRIDGE].refused for sample in samples)
    publishers, subscriptions = endpoints
    client = (f'a client for {seconds - LEAD - TAIL:g} of {seconds:g} s: SetPower every '
              f'{COMMAND_INTERVAL:g} s, heartbeats, {refused} calls refused'
              if what == 'driving' else 'no client')
    rows = [Row(
        f'processor use, {what}', '%', shares[BRIDGE], shares[BARE],
        what_baseline=f'a bare rclpy node with as many publishers ({publishers}) and '
        f'subscriptions ({subscriptions}), the same odometry at 50 Hz, and as many commands',
        notes=(f'in % of one processor, user and system time; with an audit file; {client}; '
               f'{commands:.0f} commands at the robot',))]
    for name, against, what_baseline in (
            (PLAIN, 'without events and diagnostics',
             'the same bridge without ~/events, audit file and diagnostics, at the same time'),
            (OTHER, 'another revision', 'the bridge of the other checkout, at the same time')):
        if name in shares:
            ratio = shares[BRIDGE].p50 / shares[name].p50
            rows.append(Row(
                f'processor use, {what}, against {against}', '%', shares[BRIDGE], shares[name],
                f'p50 <= {LIMIT:g} x baseline', ratio <= LIMIT, what_baseline))
    return rows
