# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Heartbeats and stops while thousands of calls wait, beside the same without them."""

from dataclasses import replace
import time
from typing import Any

from children import Child, ChildFailed, port_of, World
from deadline import BASES, BEAT_INTERVAL, BEATING, LONG_WINDOW, MARGIN, PERIOD, WINDOW
from report import figure, Row

LIMIT = 2.0  # times the idle run
MOVES, BLOCKS = 500, 1000
CONNECTIONS = 10  # for the moves, and as many for the others
REPETITION = 1.0  # s, of the commands of a held base
SETTLING = 3.0  # s, for the stops of the moves that were hung up
# s: a stall of this machine ends every motion, with the moves whose waiting is measured.
PATIENCE = 1.0

Samples = dict[str, list[float]]


def measure(world: World) -> list[Row]:
    """Measure idle, with the calls waiting, and idle again; return a row for each latency."""
    seconds = float(world.scaled(15, 2))
    moves, blocks = world.scaled(MOVES, 50), world.scaled(BLOCKS, 100)
    held = [f'held{number}' for number in range(moves)]
    bridge = world.bridge(BASES, noting=True, patience=PATIENCE, held=held)
    listener = world.child('listener', *(f'{base}/cmd_vel' for base in BASES), name='drivers')
    crowd = world.child('waiting')
    port = port_of(bridge)

    def sample() -> tuple[Samples, float]:
        return bridge.processor_share_until(
            lambda: _sample(world, bridge, listener, port, seconds))

    before, _ = sample()
    crowd.ask('hold', port=port, bases=held, blocks=blocks, connections=CONNECTIONS,
              spread=REPETITION)
    counts = [crowd.ask('counted')]
    waiting, share = sample()
    counts.append(crowd.ask('counted'))
    _require(counts, moves, blocks)
    crowd.ask('end')
    time.sleep(SETTLING)
    after, idle_share = sample()
    idle = {key: before[key] + after[key] for key in before}
    return _rows(idle, waiting, (
        f'{counts[-1]["blocks"]} BlockForOperation and {counts[-1]["moves"]} MoveStraight on as '
        f'many bases waited over {2 * CONNECTIONS} connections, before and after the measurement; '
        f'{counts[-1]["answers"]} were refused or answered early; the bridge used {share:.0%} of '
        f'one processor, {idle_share:.0%} without them; '
        f'held commands are repeated every {REPETITION:g} s, guard.patience is {PATIENCE:g} s'))


def _sample(world: World, bridge: Child, listener: Child, port: int, seconds: float) -> Samples:
    """Let sessions beat and others lapse; return how long answers took and how late stops were."""
    beats, lapses = world.child('load', name='beats'), world.child('load', name='lapses')
    listener.ask('set_window', seconds=LONG_WINDOW)
    beats.ask('settle', port=port, sessions=BEATING)
    listener.ask('set_window', seconds=WINDOW)
    beats.begin('pace', interval=BEAT_INTERVAL, seconds=seconds + PERIOD + 2.0 * MARGIN)
    time.sleep(MARGIN)
    bridge.ask('take')
    lapses.ask('lapse', port=port, bases=BASES, period=PERIOD, seconds=seconds)
    noted = bridge.ask('take')
    beating = beats.finish()
    if beating['refused']:
        raise ChildFailed(f'{beating["refused"]} heartbeats were refused')
    return {'beats': beating['answered'], **noted}


def _require(counts: list[dict[str, Any]], moves: int, blocks: int) -> None:
    """Raise ChildFailed unless all calls waited at each count, and none had been answered."""
    wanted = {'moves': moves, 'blocks': blocks, 'answers': 0, 'problem': ''}
    for when, count in zip(('before', 'after'), counts, strict=True):
        if count != wanted:
            raise ChildFailed(f'{when} the measurement waited {count}, expected {wanted}')


def _rows(idle: Samples, waiting: Samples, note: str) -> list[Row]:
    waits = [figure(samples['waits']) for samples in (idle, waiting)]
    aside = 'a bare Condition.wait in the same process: ' + ', '.join(
        f'{when} p50 {one.p50 * 1e3:.2f} ms, p99 {(one.p99 or 0.0) * 1e3:.2f} ms'
        for when, one in zip(('idle', 'waiting'), waits, strict=True))
    rows = [
        Row(f'{name}, calls waiting', 's', figure(waiting[key]), figure(idle[key]),
            f'p50 and p99 < {LIMIT:g} x idle', notes=(one,),
            what_baseline='the same bridge and bases, no calls waiting: half before, half after')
        for name, key, one in (('heartbeat answered', 'beats', note),
                               ('deadline to zero at DDS', 'stops', aside))]
    return [replace(row, met=row.within(LIMIT)) for row in rows]
