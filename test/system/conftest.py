# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Programs for system tests: per test, and per module where tests may share a bridge."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from observer import Observer, spinning_node
import processes
from processes import Programs


@pytest.fixture(scope='session', autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the log files and the key of the child processes out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_LOG_DIR', str(tmp_path_factory.mktemp('ros_log')))
        patch.setenv('ROS_HOME', str(tmp_path_factory.mktemp('ros_home')))
        yield


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Start programs that end with the test."""
    with processes.running(tmp_path) as programs:
        yield programs


@pytest.fixture(scope='module')
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Start programs that end with the module."""
    with processes.running(tmp_path_factory.mktemp('shared')) as programs:
        yield programs


@pytest.fixture(scope='module')
def observer() -> Iterator[Observer]:
    """Watch from a node of our own."""
    with spinning_node('observer') as node:
        yield Observer(node)
