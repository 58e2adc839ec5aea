# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""A spinning node and drivers in processes of their own: per test, and per module to save time."""

from collections.abc import Iterator
import math
from pathlib import Path

import pytest
from rclpy.node import Node

from observer import spinning_node
import processes
from processes import Programs
from viam_session_bridge.ros import pump


@pytest.fixture(autouse=True)
def no_call_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine any call of a driver may take as long as one that is reported."""
    monkeypatch.setattr(pump, 'SLOW_CALL', math.inf)


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
def node() -> Iterator[Node]:
    """Give a node in a namespace of its own, spun by a thread."""
    with spinning_node('publisher', namespace=processes.new_namespace()) as node:
        yield node
