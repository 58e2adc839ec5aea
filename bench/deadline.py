# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""From a session's deadline to the zero Twist that DDS has taken, idle and under load."""

from collections.abc import Callable
from dataclasses import replace
import time
from typing import TypeVar

from children import Child, port_of, World
from report import figure, Row

BASES = [f'base{number}' for number in range(6)]
STREAMED = ['streamed0', 'streamed1']
TOPICS = [f'{base}/cmd_vel' for base in (*BASES, *STREAMED)]
WINDOW = 0.2  # s, of the sessions that lapse
LONG_WINDOW = 2.0  # s, of all others
PERIOD = 0.27  # s, between two lapses that stop the same base
LIMIT = 3.0  # times the baseline
BEATING = 50
BEAT_INTERVAL = LONG_WINDOW / 5.0
STREAM_INTERVAL = 0.02  # s
MARGIN = 1.0  # s, by which the load begins before what is measured, and ends after it


Result = TypeVar('Result')


def measure(world: World) -> list[Row]:
    """Return a row for the idle bridge and one for the loaded one."""
    seconds = float(world.scaled(15, 2))
    bridge = world.bridge([*BASES, *STREAMED], noting=True)
    listener = world.child('listener', *TOPICS, name='drivers')
    bare = world.child('bare', 'bare/waits', name='bare_waits')
    lapses = world.child('load', name='lapses')
    port = port_of(bridge)

    def lapse(load: str) -> Row:
        listener.ask('set_window', seconds=WINDOW)
        bridge.ask('take')
        bare.ask('waits')
        refused = lapses.ask('lapse', port=port, bases=BASES, period=PERIOD, seconds=seconds)
        listener.ask('set_window', seconds=LONG_WINDOW)
        return _row(load, bridge, bare, refused)

    idle = lapse('idle')
    loaded, note = under_load(world, port, seconds + PERIOD, lambda: lapse('under load'))
    return [idle, replace(loaded, notes=(*loaded.notes, note))]


def under_load(world: World, port: int, seconds: float,
               work: Callable[[], Result]) -> tuple[Result, str]:
    """
    Work while clients beat and stream commands; return its result and what became of them.

    seconds: how long the work takes. The bridge has the bases STREAMED, with subscribers.
    """
    beats, streams = world.child('load', name='beats'), world.child('load', name='streams')
    # Sessions keep the window that they begin with: these begin before it is shortened.
    beats.ask('settle', port=port, sessions=BEATING)
    streams.ask('settle_commanding', port=port, bases=STREAMED)
    lasting = seconds + 2.0 * MARGIN
    beats.begin('pace', interval=BEAT_INTERVAL, seconds=lasting)
    streams.begin('pace', interval=STREAM_INTERVAL, seconds=lasting)
    time.sleep(MARGIN)
    result = work()
    beating, streaming = beats.finish(), streams.finish()
    refused = beating['refused'] + streaming['refused']
    return result, (
        f'load from other processes: {BEATING} clients beating every {BEAT_INTERVAL:g} s, '
        f'{len(STREAMED)} streaming SetPower at {1.0 / STREAM_INTERVAL:.0f} Hz, '
        f'{len(beating["answered"]) + len(streaming["answered"])} calls, {refused} refused')


def _row(load: str, bridge: Child, bare: Child, refused: int) -> Row:
    """Compare the stops with bare waits in the same process; those of an idle one are a note."""
    noted = bridge.ask('take')
    elsewhere = figure(bare.ask('waits'))
    assert elsewhere.p99 is not None
    row = Row(
        f'deadline to zero at DDS, {load}', 's', figure(noted['stops']), figure(noted['waits']),
        f'p50 and p99 <= {LIMIT:g} x baseline',
        what_baseline='a bare Condition.wait in another thread of the same process, same time',
        notes=('the same wait in a process that does nothing else: '
               f'p50 {elsewhere.p50 * 1e3:.2f} ms, p99 {elsewhere.p99 * 1e3:.2f} ms; '
               f'{refused} sessions had lapsed before their command came',))
    return replace(row, met=row.within(LIMIT))
