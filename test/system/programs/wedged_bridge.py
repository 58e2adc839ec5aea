# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bridge, with one of its parts made to hang, as a bug could cause.

The first argument names the part; it hangs at the second output, the first odometry message, or
the first call of IsMoving. `lock`: the lock of all decisions is never released after the second
output. `guard`: so it is in a guard instead of the bridge.
"""

from collections.abc import Callable
import sys
import time
from typing import Any

from viam_session_bridge import bridge, guard
from viam_session_bridge.ros.drivers.twist import TwistDriver
from viam_session_bridge.ros.pump import Pump
from viam_session_bridge.ros.sources.odometry import OdometryFeedback
from viam_session_bridge.rpc.base_service import BaseService

FOR_EVER = 3600.0


def hang_after(calls: int, target: Any, method: str) -> None:
    """Let a method hang, in whatever thread calls it, once it was called so often."""
    original: Callable[..., Any] = getattr(target, method)
    count = 0

    def hanging(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls + 1:
            time.sleep(FOR_EVER)
        return original(*arguments)

    setattr(target, method, hanging)


def hold_lock() -> None:
    """Take the lock after the second output, and never release it."""
    tell = Pump._drive

    def drive(self: Pump, *arguments: Any) -> None:
        tell(self, *arguments)
        if len(told) == 2:
            self._supervision._lock.acquire()
        told.append(arguments)

    told: list[Any] = []
    Pump._drive = drive


def hang_in_motion() -> None:
    """Let the executor hang as soon as odometry shows motion."""
    take = OdometryFeedback._on_odometry

    def hanging(self: OdometryFeedback, message: Any) -> None:
        if message.twist.twist.linear.x:
            time.sleep(FOR_EVER)
        take(self, message)

    OdometryFeedback._on_odometry = hanging


PARTS: dict[str, tuple[int, Any, str]] = {
    'pump': (1, TwistDriver, 'send'),
    'grpc': (0, BaseService, 'IsMoving'),
}

if __name__ == '__main__':
    part = sys.argv.pop(1)
    if part in ('lock', 'guard'):
        hold_lock()
    elif part == 'executor':
        hang_in_motion()
    else:
        hang_after(*PARTS[part])
    sys.exit(guard.main() if part == 'guard' else bridge.main())
