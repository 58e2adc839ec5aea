# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of this package have in common: exit statuses and signals."""

from collections.abc import Callable
import signal
from types import FrameType

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2

# Fast DDS may drop a message when its participant goes down right after it (3-37 % of runs).
LINGER = 0.1

# How soon (s) a thread that computes must let the pump run. The default of 5 ms would be the
# largest part of the delay of a stop.
SWITCH_INTERVAL = 0.0005

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def own_signals(on_signal: Callable[[int, FrameType | None], None]) -> None:
    """Have the signals that end a process handled here; launch and a terminal may both send."""
    for number in _SIGNALS:
        # Under nohup a closed terminal is meant to change nothing.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
