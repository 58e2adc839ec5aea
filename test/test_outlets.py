# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Output that nobody reads, with rclpy's own logger in a process of its own."""

import os
from pathlib import Path
import subprocess
import sys

import pytest

import viam_session_bridge

PATIENCE = 60.0
ROOT = Path(viam_session_bridge.__file__).parent.parent

# Logs more than any pipe holds, then tells by a file that it got there.
PROGRAM = """
import sys
from rclpy.logging import get_logger
from viam_session_bridge.outlets import outlets

with outlets():
    logger = get_logger('flood')
    for _ in range(int(sys.argv[2])):
        logger.info('x' * 1000)
    print('the end')
    open(sys.argv[1], 'w').close()
"""


def flood(tmp_path: Path, lines: int) -> tuple['subprocess.Popen[str]', Path]:
    done = tmp_path / 'done'
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return subprocess.Popen(
        [sys.executable, '-c', PROGRAM, str(done), str(lines)], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env={**os.environ, 'PYTHONPATH': path, 'ROS_LOG_DIR': str(tmp_path)}), done


@pytest.mark.timeout(2 * PATIENCE)
def test_a_log_that_nobody_reads_holds_up_nobody(tmp_path: Path) -> None:
    """The process gets through, and even ends, although the pipe has long been full."""
    process, done = flood(tmp_path, 5000)
    try:
        assert process.wait(PATIENCE) == 0
        assert done.exists()
    finally:
        process.kill()


def test_what_is_read_arrives_in_full(tmp_path: Path) -> None:
    """With a reader nothing is lost; the two outlets keep no order between them."""
    process, _ = flood(tmp_path, 500)
    output, _ = process.communicate(timeout=PATIENCE)
    assert output.count('x' * 1000) == 500
    assert output.count('the end\n') == 1
