# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Neither bridge nor guard writes a log file: a disk that hangs would freeze both of them."""

from pathlib import Path

import pytest

from processes import Programs, wait_until


@pytest.mark.parametrize('wanted', [False, True])
def test_rclpy_opens_no_log_file_unless_it_is_asked_to(
        programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        wanted: bool) -> None:
    logs = tmp_path / 'log'
    monkeypatch.setenv('ROS_LOG_DIR', str(logs))
    arguments = ('--enable-external-lib-logs',) if wanted else ()
    bridge = programs.bridge(arguments=arguments)
    guard = programs.guard(bridge)
    # By then both have logged, and would have opened it.
    guard.wait_logged('guarding base')
    if wanted:
        wait_until(lambda: len(list(logs.glob('*.log'))) == 2, 'a file of each')
    else:
        assert not logs.exists() or not list(logs.iterdir())
