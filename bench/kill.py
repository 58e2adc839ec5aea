# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""From SIGKILL of a client to the zero Twist that another process has received."""

import random
import time

from children import Child, port_of, World
from report import figure, Row

LIMIT = 0.040  # s, at the 99th percentile
BASE, TOPIC, BARE_TOPIC = 'base', 'base/cmd_vel', 'bare/stop'
# s: from the client's first motion to its death, at any phase of the bridge's repetitions.
SHORTEST_LIFE, LONGEST_LIFE = 0.06, 0.16


def measure(world: World) -> list[Row]:
    """Kill clients of the bridge and of a bare server in turn."""
    bridge = world.bridge([BASE])
    listener = world.child('listener', TOPIC, BARE_TOPIC)
    bare = world.child('bare', BARE_TOPIC)
    spawner = world.child('spawner')
    port, bare_port = port_of(bridge), bare.ask('port')
    listener.ask('matched', topics=[TOPIC, BARE_TOPIC])
    ours, baseline = [], []
    for _ in range(world.scaled(60, 6)):
        born = listener.ask('now')
        spawner.ask('driving', port=port, base=BASE)
        listener.ask('wait', topic=TOPIC, zero=False, after=born)
        ours.append(_kill(spawner, listener, TOPIC))
        spawner.ask('connected', port=bare_port)
        baseline.append(_kill(spawner, listener, BARE_TOPIC))
    value = figure(ours)
    assert value.p99 is not None
    return [Row(
        'SIGKILL to zero received', 's', value, figure(baseline), f'p99 < {LIMIT * 1e3:.0f} ms',
        value.p99 < LIMIT,
        'SIGKILL to end of file at a bare epoll server that publishes with rclpy, to received')]


def _kill(spawner: Child, listener: Child, topic: str) -> float:
    """Let the client live a moment, kill it; return how long the zero took (s)."""
    time.sleep(random.uniform(SHORTEST_LIFE, LONGEST_LIFE))
    killed = spawner.ask('kill')
    took = float(listener.ask('wait', topic=topic, zero=True, after=killed)) - killed
    listener.ask('take', topic=topic)
    return took
