# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What TLS costs: heartbeats per second and SetPower, each beside the same in plain text."""

import itertools
from statistics import median

from children import Child, port_of, World
from command import BLOCK, delays, INTERVAL
from heartbeats import CONNECTIONS, IN_FLIGHT, round_of, ROUNDS
from report import Figure, figure, Row

SHARE = 0.8  # of plain text
LIMIT = 0.0005  # s more than in plain text, at the median
BASE = 'base'
SECURED, PLAIN = 'secured', 'plain'


def measure(world: World) -> list[Row]:
    """Use a bridge with TLS and one without in turn, so that both meet the same noise."""
    # Patient: a hiccup of the machine would stop everything, which is not what is measured.
    bridges = [
        world.bridge([BASE], name=name, namespace=f'/{name}', tls=name == SECURED, patience=5.0)
        for name in (SECURED, PLAIN)]
    ca = str(world.certificates / 'ca.pem')
    rows = [_heartbeats(world, bridges, ca), _command(world, bridges, ca)]
    for name in (SECURED, PLAIN):
        world.end(name)
    return rows


def _heartbeats(world: World, bridges: list[Child], ca: str) -> Row:
    secured, plain = bridges
    load = world.child('load')
    port, plain_port = map(port_of, bridges)
    rounds = [(round_of(load, secured, port, ca=ca), round_of(load, plain, plain_port))
              for _ in range(world.scaled(ROUNDS, 1))]
    ours, baseline = (median(one[which]['rate'] for one in rounds) for which in (0, 1))
    share = median(one['rate'] / other['rate'] for one, other in rounds)
    refused = sum(one['refused'] for pair in rounds for one in pair)
    cost, baseline_cost = (median(one[which]['server'] / one[which]['rate'] for one in rounds)
                           for which in (0, 1))
    return Row(
        'heartbeats per second, TLS', '/s', Figure(len(rounds), ours),
        Figure(len(rounds), baseline),
        f'>= {SHARE:.0%} of baseline', share >= SHARE and not refused,
        'the same bridge in plain text under the same generator',
        (f'{share:.0%} of plain text (median of pairs); {CONNECTIONS} connections with '
         f'{IN_FLIGHT} in flight each; {refused} refused; processor time of the server per beat: '
         f'{cost * 1e6:.0f} us, in plain text {baseline_cost * 1e6:.0f} us',))


def _command(world: World, bridges: list[Child], ca: str) -> Row:
    topics = [f'/{name}/{BASE}/cmd_vel' for name in (SECURED, PLAIN)]
    listener = world.child('listener', *topics, name='listener of both')
    # A process for each way, so that a connection of one is not in the way of the other's.
    callers = [world.child('caller', name=name) for name in ('secured caller', 'caller')]
    listener.ask('matched', topics=topics)
    speeds = (0.1 + 1e-6 * number for number in itertools.count())
    found: tuple[list[float], list[float]] = ([], [])
    for block in range(world.scaled(10, 1) + 1):
        for one, (bridge, caller) in enumerate(zip(bridges, callers, strict=True)):
            powers = list(itertools.islice(speeds, BLOCK))
            sent = caller.ask('set_power', port=port_of(bridge), base=BASE, powers=powers,
                              interval=INTERVAL, ca='' if one else ca)
            now = delays(powers, sent, listener.ask('settled', topic=topics[one]))
            if block:  # the first one warms up
                found[one].extend(now)
    value, baseline = map(figure, found)
    return Row(
        'SetPower to Twist received, TLS', 's', value, baseline,
        f'p50 <= baseline + {LIMIT * 1e3:g} ms', value.p50 <= baseline.p50 + LIMIT,
        'the same bridge in plain text, in turn with it',
        (f'{(value.p50 - baseline.p50) * 1e3:+.2f} ms against plain text at the median',))
