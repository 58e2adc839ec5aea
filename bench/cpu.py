# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The processor use of an idle and of a driving bridge, beside others under the same messages.

The others: a bare rclpy node, the bridge without what operators read and, if its checkout is
given, the bridge of another revision.
"""

from collections.abc import Callable
import time
from typing import Any, NamedTuple

from children import Child, port_of, World
from report import Figure, percentile, Row

LIMIT = 1.15  # times the bridge without events and diagnostics
SECONDS = 5.0  # of odometry, for each sample
LEAD, TAIL = 0.2, 0.8  # s of it, before the client comes and after it has left: until rest is seen
DRIVING = SECONDS - LEAD - TAIL  # s
COMMAND_INTERVAL = 0.1  # s
BEATS_EACH = 4  # a heartbeat per so many intervals: a fifth of the window
BRIDGE, PLAIN, BARE, OTHER = 'bridge', 'plain', 'node', 'other'
PATIENCE = 30.0  # s, until all have matched


class Sample(NamedTuple):
    """The share of one processor, and how many commands the robot received."""

    share: float
    commands: int


class _Measured(NamedTuple):
    child: Child
    robot: str
    drive: Callable[[float], Any]  # returns when so many seconds are over


def measure(world: World) -> list[Row]:
    """Measure all of them in turn, in rounds; return a row for each comparison."""
    parts, robots, endpoints = _start(world)
    idle: dict[str, list[Sample]] = {name: [] for name in parts}
    driving: dict[str, list[Sample]] = {name: [] for name in parts}
    order = list(parts)
    for number in range(world.scaled(6, 1) + 1):
        for name in order:
            samples = idle[name], driving[name]
            for drives, into in zip((False, True), samples, strict=True):
                sample = _sample(parts[name], robots, drives)
                if number:  # the first round warms up
                    into.append(sample)
        order.reverse()
    return [row for what, found in (('idle', idle), ('driving', driving))
            for row in _rows(what, found, endpoints)]


def _start(world: World) -> tuple[dict[str, _Measured], Child, list[int]]:
    """Start all processes; also return how many publishers and subscriptions the bridge has."""
    load = world.child('load')
    names = [BRIDGE, PLAIN, *([OTHER] if world.other else [])]
    parts = {}
    for name in names:
        child = world.bridge(
            [], measured=['base'], name=name, namespace=f'/{name}', patience=5.0,
            audited=name == BRIDGE, plain=name == PLAIN,
            **({'root': world.other} if name == OTHER else {}))
        parts[name] = _Measured(child, f'/{name}/base', _client(load, port_of(child)))
    node = world.child('node', f'/{BARE}/base')
    robots = world.child('robot', *(f'/{name}/base' for name in [*names, BARE]))
    end = time.monotonic() + PATIENCE
    while not robots.ask('matched'):
        if time.monotonic() > end:
            raise ValueError(f'not within {PATIENCE:g} s: subscribers of all odometry')
        time.sleep(0.05)
    endpoints = node.ask('resemble', name='viam_session_bridge', namespace=f'/{BRIDGE}')
    # It publishes as often as the bridge does: counted here.
    commands = _sample(parts[BRIDGE], robots, True).commands
    parts[BARE] = _Measured(node, f'/{BARE}/base', lambda seconds: node.ask(
        'publish', count=commands, seconds=seconds))
    return parts, robots, endpoints


def _client(load: Child, port: int) -> Callable[[float], Any]:
    def drive(seconds: float) -> Any:
        load.ask('settle_driving', port=port, base='base', each=BEATS_EACH)
        result = load.ask('pace', interval=COMMAND_INTERVAL, seconds=seconds)
        if result['refused']:
            raise ValueError(f'{result["refused"]} calls were refused')
        return result
    return drive


def _sample(one: _Measured, robots: Child, drives: bool) -> Sample:
    def finish() -> int:
        if drives:
            time.sleep(LEAD)
            one.drive(DRIVING)
        return int(robots.finish())

    robots.begin('feed', name=one.robot, seconds=SECONDS)
    commands, share = one.child.processor_share_until(finish)
    return Sample(share, commands)


def _rows(what: str, found: dict[str, list[Sample]], endpoints: list[int]) -> list[Row]:
    shares = {name: [one.share for one in samples] for name, samples in found.items()}
    ours = _figure(shares[BRIDGE])
    commands = percentile([one.commands for one in found[BRIDGE]], 0.5)
    publishers, subscriptions = endpoints
    rows = [Row(
        f'processor use, {what}', '%', ours, _figure(shares[BARE]),
        what_baseline=f'a bare rclpy node with as many publishers ({publishers}) and '
        f'subscriptions ({subscriptions}), the same odometry at 50 Hz, and as many commands',
        notes=('in % of one processor, user and system time; '
               + (f'a client for {DRIVING:g} of {SECONDS:g} s: SetPower every '
                  f'{COMMAND_INTERVAL:g} s, heartbeats' if what == 'driving' else 'no client')
               + f'; {commands:.0f} commands at the robot; with an audit file',))]
    baselines = [(PLAIN, 'without events and diagnostics',
                  'the same bridge without ~/events, audit file and diagnostics')]
    if OTHER in found:
        baselines.append((OTHER, 'another revision', 'the bridge of the other checkout'))
    for name, against, what_baseline in baselines:
        baseline = _figure(shares[name])
        ratio = ours.p50 / baseline.p50
        rows.append(Row(
            f'processor use, {what}, against {against}', '%', ours, baseline,
            f'p50 <= {LIMIT:g} x baseline', ratio <= LIMIT, what_baseline))
    return rows


def _figure(shares: list[float]) -> Figure:
    return Figure(len(shares), percentile(shares, 0.5) * 100.0)
