# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""From SetPower over the wire to the Twist that another process has received."""

import itertools
import time
from typing import NamedTuple

from children import port_of, World
from deadline import STREAMED, under_load
from report import figure, Row

LIMIT = 0.001  # s above the baseline, at the median
INTERVAL = 0.02  # s: not back to back
BASE, TOPIC, BARE_TOPIC = 'base', 'base/cmd_vel', 'bare/stop'
BLOCK = 50  # calls; blocks of the three ways alternate, so that all meet the same noise
ROUND = 6.0  # s, for a block of each way, at most: half of that on a machine that is not busy


class Samples(NamedTuple):
    """How long each way took (s), and how many commands were sent."""

    ours: list[float]
    echoed: list[float]
    published: list[float]
    sent: list[int]


def measure(world: World) -> list[Row]:
    """Send commands, echoes and bare messages in turn, without and with load on the bridge."""
    bridge = world.bridge([BASE, *STREAMED])
    listener = world.child('listener', TOPIC, BARE_TOPIC)
    drivers = world.child('listener', *(f'{base}/cmd_vel' for base in STREAMED), name='drivers')
    bare = world.child('bare', BARE_TOPIC)
    caller, echo = world.child('caller'), world.child('echo')
    port, echo_port = port_of(bridge), echo.ask('port')
    listener.ask('matched', topics=[TOPIC, BARE_TOPIC])
    drivers.ask('matched', topics=[f'{base}/cmd_vel' for base in STREAMED])
    # Every command has a speed of its own, by which it is known again.
    speeds = (0.1 + 1e-6 * number for number in itertools.count())

    def sample(seconds: float) -> Samples:
        """Send blocks for so long (s), one of each way at least."""
        samples = Samples([], [], [], [])
        end = time.monotonic() + seconds
        while not samples.sent or time.monotonic() < end:
            powers = list(itertools.islice(speeds, BLOCK))
            sent = caller.ask('set_power', port=port, base=BASE, powers=powers, interval=INTERVAL)
            samples.ours.extend(delays(powers, sent, listener.ask('settled', topic=TOPIC)))
            samples.echoed.extend(caller.ask(
                'echo', port=echo_port, base=BASE, powers=powers, interval=INTERVAL))
            sent = bare.ask('publish', speeds=powers, interval=INTERVAL)
            samples.published.extend(
                delays(powers, sent, listener.ask('settled', topic=BARE_TOPIC)))
            samples.sent.append(BLOCK)
        return samples

    sample(0.0)  # to warm up
    seconds = float(world.scaled(33, 1))
    idle = sample(seconds)
    loaded, note = under_load(world, port, seconds + ROUND, lambda: sample(seconds))
    return [_row('', idle, demanded=True), _row(', under load', loaded, note)]


def _row(condition: str, samples: Samples, *notes: str, demanded: bool = False) -> Row:
    value = figure(samples.ours)
    echo, topic = figure(samples.echoed), figure(samples.published)
    baseline = figure([sum(pair) for pair in zip(
        samples.echoed, samples.published, strict=False)])
    sent = sum(samples.sent)
    return Row(
        f'SetPower to Twist received{condition}', 's', value, baseline,
        'p50 <= baseline + 1 ms' if demanded else '',
        value.p50 <= baseline.p50 + LIMIT if demanded else None,
        f'gRPC echo round trip (p50 {echo.p50 * 1e3:.2f} ms) + rclpy publish to received (p50 '
        f'{topic.p50 * 1e3:.2f} ms), added in pairs, both bare, same spacing and QoS',
        (f'{(value.p50 - baseline.p50) * 1e3:+.2f} ms against the baseline at the median; '
         f'{sent - len(samples.ours)} of {sent} commands were superseded before they went out',
         *notes))


def delays(speeds: list[float], sent: list[float],
           arrived: list[tuple[float, float]]) -> list[float]:
    """
    Return from each sending to the first arrival of its speed (s).

    A command that is superseded before it went out never arrives; that is no fault.
    """
    first: dict[float, float] = {}
    for moment, speed in arrived:
        first.setdefault(speed, moment)
    return [first[speed] - moment
            for speed, moment in zip(speeds, sent, strict=True) if speed in first]
