# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bridge, with one of its parts made to hang: a bug, played where one might be.

The first argument says which; it hangs at the second output, the first odometry message, or the
first call of IsMoving.
"""

from collections.abc import Callable
import sys
import time
from typing import Any

from viam_session_bridge import main
from viam_session_bridge.ros.drivers.twist import TwistDriver
from viam_session_bridge.ros.feedback import OdometryFeedback
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


PARTS: dict[str, tuple[int, Any, str]] = {
    'pump': (1, TwistDriver, 'send'),
    'executor': (0, OdometryFeedback, '_on_odometry'),
    'grpc': (0, BaseService, 'IsMoving'),
}

if __name__ == '__main__':
    hang_after(*PARTS[sys.argv.pop(1)])
    sys.exit(main.main())
