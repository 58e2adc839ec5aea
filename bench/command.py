# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""From SetPower over the wire to the Twist that another process has received."""

import itertools

from children import port_of, World
from report import figure, Row, summed

LIMIT = 0.001  # s above the floor, at the median
INTERVAL = 0.02  # s: not back to back
BASE, TOPIC, BARE_TOPIC = 'base', 'base/cmd_vel', 'bare/stop'
BLOCK = 50  # calls; blocks of the three ways alternate, so that all meet the same noise


def measure(world: World) -> list[Row]:
    """Send commands, echoes and bare messages in turn."""
    bridge = world.bridge([BASE])
    listener = world.child('listener', TOPIC, BARE_TOPIC)
    bare = world.child('bare', BARE_TOPIC)
    caller, echo = world.child('caller'), world.child('echo')
    port, echo_port = port_of(bridge), echo.ask('port')
    listener.ask('matched', topics=[TOPIC, BARE_TOPIC])
    # Every command has a speed of its own, by which it is known again.
    speeds = (0.1 + 1e-6 * number for number in itertools.count())
    ours, echoed, published = [], [], []
    blocks = world.scaled(10, 1)
    for block in range(blocks + 1):
        powers = list(itertools.islice(speeds, BLOCK))
        sent = caller.ask('set_power', port=port, base=BASE, powers=powers, interval=INTERVAL)
        ours_now = delays(powers, sent, listener.ask('settled', topic=TOPIC))
        echoed_now = caller.ask(
            'echo', port=echo_port, base=BASE, powers=powers, interval=INTERVAL)
        sent = bare.ask('publish', speeds=powers, interval=INTERVAL)
        published_now = delays(powers, sent, listener.ask('settled', topic=BARE_TOPIC))
        if block:  # the first one warms up
            ours += ours_now
            echoed += echoed_now
            published += published_now
    value, echo_floor, topic_floor = figure(ours), figure(echoed), figure(published)
    floor = summed(echo_floor, topic_floor)
    return [Row(
        'SetPower to Twist received', 's', value, floor, 'p50 <= floor + 1 ms',
        value.p50 <= floor.p50 + LIMIT,
        'gRPC echo round trip (p50 '
        f'{echo_floor.p50 * 1e3:.2f} ms) + rclpy publish to received (p50 '
        f'{topic_floor.p50 * 1e3:.2f} ms), both bare, same spacing and QoS',
        (f'{(value.p50 - floor.p50) * 1e3:+.2f} ms against the floor at the median; '
         f'{blocks * BLOCK - len(ours)} of {blocks * BLOCK} commands were superseded before they '
         'went out',))]


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
