# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What can block the threads of a process: garbage, parts that hang, output without a reader.

Time is a number here, but for the output, which rclpy's own logger writes in a process of its own.
"""

from collections.abc import Iterator
import gc
import os
from pathlib import Path
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.logging import get_logger

import viam_session_bridge
from viam_session_bridge.process import (
    BEAT_PERIOD,
    FIRST_PATIENCE,
    GarbageCollection,
    LONGEST_PERIOD,
    OVERSLEPT,
    PART_PATIENCE,
    QUIET_PERIOD,
    SafetyProcess,
    ThreadHung,
    ThreadWatchdog,
    within,
)
from viam_session_bridge.ros.journal import Journal

READ_PATIENCE = 200.0
ROOT = Path(viam_session_bridge.__file__).parent.parent

# Logs more than any pipe holds, then creates a file to show that it did.
PROGRAM = """
import sys
from rclpy.logging import get_logger
from viam_session_bridge.process import nonblocking_stdio

with nonblocking_stdio():
    logger = get_logger('flood')
    for _ in range(int(sys.argv[2])):
        logger.info('x' * 1000)
    print('the end')
    open(sys.argv[1], 'w').close()
"""

# Creates a file to show that no socket got the number of a closed output.
CLOSED = """
import os, socket, sys
from viam_session_bridge.process import nonblocking_stdio

for descriptor in map(int, sys.argv[2:]):
    os.close(descriptor)
    sys.stdout, sys.stderr = (
        None if stream is None or stream.fileno() == descriptor else stream
        for stream in (sys.stdout, sys.stderr))
with nonblocking_stdio():
    if min(one.fileno() for one in socket.socketpair()) > 2:
        open(sys.argv[1], 'w').close()
"""


# Stops at once with the given exit status; then the end of its node never returns.
ENDLESS_END = """
import sys, threading
from rclpy.node import Node
from viam_session_bridge import process

class EndlessNode(Node):
    def destroy_node(self):
        threading.Event().wait()

class Parts:
    teardown, stuck = 0.1, ()

    def run(self, leave):
        return int(sys.argv[1])

sys.exit(process.run([], lambda: (EndlessNode('endless'), Parts)))
"""

# Signals interrupt each line of what waits for the end, and of what requests it.
INTERRUPTED = """
import signal, sys
from rclpy.node import Node
from viam_session_bridge import process

class Parts:
    teardown, stuck = 30.0, ()

    def run(self, leave):
        interrupted = set()

        def interrupt(frame, event, argument):
            if frame.f_code.co_filename != '<string>':
                interrupted.add(frame.f_code.co_name)
                signal.raise_signal(signal.SIGTERM)
            return interrupt

        assert not leave.wait(0.001)
        sys.settrace(interrupt)
        leave.wait(0.001)
        leave.set()
        sys.settrace(None)
        return 0 if leave.wait(0.0) and {'wait', 'set'} <= interrupted else 3

sys.exit(process.run([], lambda: (Node('interrupted'), Parts)))
"""


# ---- garbage ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Collections:
    """Counts; called as gc.collect is."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_it_waits_until_nothing_moves() -> None:
    collected = Collections()
    garbage = GarbageCollection(100.0, collected)
    assert collected.count == 1
    garbage.collect_when_due(100.0 + QUIET_PERIOD, False)
    garbage.collect_when_due(100.0 + LONGEST_PERIOD - 0.1, False)
    assert collected.count == 1
    garbage.collect_when_due(100.0 + LONGEST_PERIOD - 0.1, True)
    assert collected.count == 2


def test_it_does_not_wait_for_ever() -> None:
    collected = Collections()
    garbage = GarbageCollection(100.0, collected)
    garbage.collect_when_due(100.0 + LONGEST_PERIOD, False)
    garbage.collect_when_due(100.1 + LONGEST_PERIOD, False)
    assert collected.count == 2


def test_in_a_quiet_time_it_comes_now_and_then() -> None:
    collected = Collections()
    garbage = GarbageCollection(100.0, collected)
    for second in range(int(2.5 * QUIET_PERIOD)):
        garbage.collect_when_due(100.0 + second, True)
    assert collected.count == 3


def test_the_collector_makes_no_full_collection_by_itself() -> None:
    GarbageCollection(100.0)
    before = gc.get_stats()[2]['collections']
    kept = [[[]] for _ in range(200_000)]
    assert kept and gc.get_stats()[2]['collections'] == before


# ---- parts that hang ----------------------------------------------------------------------------


class Rig:
    """Two parts; `run` lets time pass with a punctual watcher and those that beat."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watchdog = ThreadWatchdog(lambda: self.now, ('pump', 'grpc'))

    def run(self, seconds: float, *beating: str) -> list[str]:
        silent: list[str] = []
        until = self.now + seconds
        while self.now < until:
            self.now += BEAT_PERIOD
            for part in beating:
                self.watchdog.beat(part)
            silent = self.watchdog.silent()
        return silent


def test_a_part_that_beats_is_not_silent() -> None:
    assert Rig().run(60.0, 'pump', 'grpc') == []


def test_a_part_that_hangs_is_reported_in_time_and_by_name() -> None:
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    assert rig.run(PART_PATIENCE - 2 * BEAT_PERIOD, 'grpc') == []
    assert rig.run(3 * BEAT_PERIOD, 'grpc') == ['pump']


def test_a_part_that_never_begins_is_found() -> None:
    rig = Rig()
    assert rig.run(FIRST_PATIENCE - 2 * BEAT_PERIOD, 'grpc') == []
    assert rig.run(3 * BEAT_PERIOD, 'grpc') == ['pump']


def test_a_frozen_process_gets_new_time() -> None:
    """After SIGCONT every part is late, and none of them hangs."""
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    rig.now += 3600.0
    assert rig.watchdog.silent() == []
    assert rig.run(PART_PATIENCE / 2) == []
    assert rig.run(PART_PATIENCE, 'grpc') == ['pump']


def test_a_watchdog_that_is_a_little_late_restarts_no_timeout() -> None:
    rig = Rig()
    rig.run(1.0, 'pump', 'grpc')
    for _ in range(round(PART_PATIENCE / OVERSLEPT) + 2):
        rig.now += OVERSLEPT * 0.9
        rig.watchdog.beat('grpc')
        silent = rig.watchdog.silent()
    assert silent == ['pump']


# ---- output -------------------------------------------------------------------------------------


def flood(tmp_path: Path, lines: int) -> tuple['subprocess.Popen[str]', Path]:
    done, program = tmp_path / 'done', tmp_path / 'flood.py'
    # From a file: with `-c`, rclpy's logger would search all modules for the caller of each line.
    program.write_text(PROGRAM, encoding='utf-8')
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return subprocess.Popen(
        [sys.executable, str(program), str(done), str(lines)], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env={**os.environ, 'PYTHONPATH': path, 'ROS_LOG_DIR': str(tmp_path)}), done


@pytest.mark.timeout(2 * READ_PATIENCE)
def test_a_log_without_a_reader_blocks_no_thread(tmp_path: Path) -> None:
    """The process gets through, and even ends, although the pipe has long been full."""
    process, done = flood(tmp_path, 5000)
    try:
        assert process.wait(READ_PATIENCE) == 0
        assert done.exists()
    finally:
        process.kill()


def test_what_is_read_arrives_in_full(tmp_path: Path) -> None:
    """With a reader nothing is lost; the two streams keep no order between them."""
    process, _ = flood(tmp_path, 500)
    output, _ = process.communicate(timeout=READ_PATIENCE)
    assert output.count('x' * 1000) == 500
    assert output.count('the end\n') == 1


@pytest.mark.parametrize('closed', [['1'], ['2'], ['1', '2']])
def test_no_log_is_written_to_a_socket_where_an_output_is_closed(
        tmp_path: Path, closed: list[str]) -> None:
    done = tmp_path / 'done'
    ended(CLOSED, str(done), *closed)
    assert done.exists()


# ---- the end ------------------------------------------------------------------------------------


@pytest.mark.timeout(2 * READ_PATIENCE)
@pytest.mark.parametrize('status', [0, 1])
def test_the_exit_status_of_a_stop_remains_if_rclpy_does_not_end_in_time(status: int) -> None:
    """After a clean stop, it is no failure; what had failed remains one."""
    assert ended(ENDLESS_END, str(status)) == status


@pytest.mark.timeout(2 * READ_PATIENCE)
def test_a_signal_in_the_middle_of_the_handler_of_another_one_ends_the_process() -> None:
    """The terminal and launch may both send one, at any moment."""
    assert ended(INTERRUPTED) == 0


def ended(program: str, *arguments: str) -> int:
    """Return the exit status of a program."""
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    return subprocess.run(
        [sys.executable, '-c', program, *arguments], timeout=READ_PATIENCE, check=False,
        env={**os.environ, 'PYTHONPATH': path}).returncode


class Ending(SafetyProcess):
    """What comes to rest at once; its stop loop ends when it is requested to, or hangs."""

    way_down, executor_end = 10.0, 0.1

    def __init__(self, hangs: bool) -> None:
        logger = get_logger('ending')
        self._node: Any = SimpleNamespace(get_logger=lambda: logger)
        self._deaths, self._logged, self.stuck = [], 0, []
        self.last_resorts = 0
        self._journal: Any = Journal(logger)
        self._executor: Any = SimpleNamespace(stop=lambda timeout: True)
        self._pump: Any = SimpleNamespace(
            stop=lambda timeout: not hangs, last_resort=self.count_last_resort)

    def count_last_resort(self) -> None:
        self.last_resorts += 1

    def _begin_end(self) -> None:
        pass

    def _come_to_rest(self) -> list[str]:
        return []


@pytest.mark.parametrize('hangs', [False, True])
def test_a_stop_loop_that_hangs_at_the_end_is_a_failure_and_drivers_receive_stops(
        hangs: bool) -> None:
    """It has sent no stop, however its resources appear in the states."""
    process = Ending(hangs)
    assert process._go_down() == int(hangs)
    assert process.last_resorts == int(hangs) and bool(process.stuck) == hangs


def test_a_bounded_call_that_cannot_begin_counts_as_one_that_hangs(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memory for a thread, drivers must receive the last resort all the same."""
    def no_memory(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, 'start', no_memory)
        with pytest.raises(ThreadHung, match="can't start new thread"):
            within(1.0, list)
