# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Heartbeats per second, saturated, against a bare grpc.aio server under the same generator."""

from statistics import median

from children import Child, port_of, World
from report import Figure, Row

SHARE = 0.8  # of the baseline
CONNECTIONS = 8
IN_FLIGHT = 8  # per connection
ROUNDS = 16
SECONDS = 0.8  # of a round


def measure(world: World) -> list[Row]:
    """Saturate bridge and echo server in turn, so that both meet the same noise."""
    bridge = world.bridge(['base'])
    load, echo = world.child('load'), world.child('echo')
    port, echo_port = port_of(bridge), echo.ask('port')
    ours, baseline = [], []
    for _ in range(world.scaled(ROUNDS, 1)):
        ours.append(round_of(load, bridge, port))
        baseline.append(round_of(load, echo, echo_port, real=False))
    rate, baseline_rate = (median(one['rate'] for one in rounds) for rounds in (ours, baseline))
    share = median(one['rate'] / other['rate'] for one, other in zip(ours, baseline, strict=True))
    refused = sum(one['refused'] for one in (*ours, *baseline))
    cost, baseline_cost = (
        median(one['server'] / one['rate'] for one in rounds) for rounds in (ours, baseline))
    return [Row(
        'heartbeats per second', '/s', Figure(len(ours), rate),
        Figure(len(baseline), baseline_rate),
        f'>= {SHARE:.0%} of baseline', share >= SHARE and not refused,
        'a bare grpc.aio server of the same message sizes under the same generator',
        (f'{share:.0%} of the baseline (median of pairs); {CONNECTIONS} connections with '
         f'{IN_FLIGHT} in flight each; {refused} refused; the generator used '
         f'{median(one["generator"] for one in ours):.0%} of one processor',
         f'processor time of the server per beat: {cost * 1e6:.0f} us, of the bare one '
         f'{baseline_cost * 1e6:.0f} us: {baseline_cost / cost:.0%} of the baseline by that, '
         'whatever else ran'))]


def round_of(load: Child, server: Child, port: int, real: bool = True,
             ca: str = '') -> dict[str, float]:
    """Return the rate, and the shares of one processor that server and generator used."""
    load.begin('saturate', port=port, connections=CONNECTIONS, in_flight=IN_FLIGHT,
               seconds=SECONDS, real=real, ca=ca)
    result, share = server.processor_share_until(load.finish)
    return {**result, 'server': share}
