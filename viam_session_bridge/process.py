# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of this package have in common: exit statuses, signals, how they use DDS."""

from collections.abc import Callable
import os
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


# What says how Fast DDS sends: whoever has set one of these has chosen.
_TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
_CHOICES = (
    _TRANSPORTS, 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def avoid_shared_memory() -> None:
    """
    Have Fast DDS send over the loopback network. To be called before rclpy.init.

    Of drivers that were killed and started again, 7 in 10 heard nothing over shared memory for
    2.4 s after both sides had matched, and publishing to them took up to 0.3 s; over UDP none
    (measured, Fast DDS 3.2). Nor can a process of root reach a user's over shared memory.
    """
    if not any(name in os.environ for name in _CHOICES):
        os.environ[_TRANSPORTS] = 'UDPv4'


def own_signals(on_signal: Callable[[int, FrameType | None], None]) -> None:
    """Have the signals that end a process handled here; launch and a terminal may both send."""
    for number in _SIGNALS:
        # Under nohup a closed terminal is meant to change nothing.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
