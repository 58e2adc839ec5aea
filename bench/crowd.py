# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A thousand sessions at once: whether one expires that beats, and what that costs."""

from typing import Any

from children import Child, port_of, World
from report import Figure, figure, percentile, Row

INTERVAL = 0.4  # s: a fifth of the window
GENERATORS = 2  # processes


def measure(world: World) -> list[Row]:
    """Let sessions beat at the bridge, then the same beats go to a bare server."""
    sessions = world.scaled(1024, 128)
    seconds = float(world.scaled(15, 3))
    bridge, echo = world.bridge(['base']), world.child('echo')
    loads = [world.child('load', name=f'crowd{number}') for number in range(GENERATORS)]
    port, echo_port = port_of(bridge), echo.ask('port')
    ours = _beat(loads, bridge, port, sessions, seconds, real=True)
    baseline = _beat(loads, echo, echo_port, sessions, seconds / 2.0, real=False)
    count = len(ours['answered'])
    name = f'{sessions} sessions'
    late = figure(ours['lateness'])
    assert late.p99 is not None
    return [
        Row(f'{name}: false expiries', '', Figure(count, ours['expired']), None, '0',
            ours['expired'] == 0, '',
            (f'{sessions} connections from {GENERATORS} processes, window 2 s, one beat at a time '
             f'and due every {INTERVAL:g} s; all were there after {ours["settled"]:.1f} s',
             f'{count / seconds:.0f} of {sessions / INTERVAL:.0f} beats/s were answered, '
             f'{ours["refused"]} refused; beats were made late by p50 {late.p50 * 1e3:.2f} ms, '
             f'p99 {late.p99 * 1e3:.2f} ms, at most {max(ours["lateness"]) * 1e3:.0f} ms')),
        Row(f'{name}: beat answered', 's', figure(ours['answered']), figure(baseline['answered']),
            what_baseline='a bare grpc.aio server, same beats',
            notes=(f'at most {max(ours["answered"]) * 1e3:.0f} ms, of 2000 ms until expiry; '
                   f'p99.9 {percentile(ours["answered"], 0.999) * 1e3:.0f} ms',)),
        Row(f'{name}: processor use', '%', Figure(1, ours['share'] * 100.0),
            Figure(1, baseline['share'] * 100.0),
            what_baseline='a bare grpc.aio server, same beats',
            notes=(f'in % of one processor; the generators used {ours["processor"]:.0%} of one',))]


def _beat(loads: list[Child], server: Child, port: int, sessions: int, seconds: float,
          real: bool) -> dict[str, Any]:
    """Return what all generators saw together, and the share of one processor of the server."""
    for load in loads:
        load.begin('settle', port=port, sessions=sessions // len(loads), real=real)
    settled = max(load.finish() for load in loads)
    for load in loads:
        load.begin('pace', interval=INTERVAL, seconds=seconds)
    results, share = server.processor_share_until(lambda: [load.finish() for load in loads])
    return {
        'lateness': [one for result in results for one in result['lateness']],
        'answered': [one for result in results for one in result['answered']],
        **{key: sum(result[key] for result in results)
           for key in ('refused', 'expired', 'processor')},
        'share': share, 'settled': settled}
