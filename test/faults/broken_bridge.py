# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The real bridge, wired and run by its own main, in a process with injected faults or breakages.

Sick: orders on standard input, one JSON object a line, do from inside what hardware and libraries
may do to an interpreter; the methods of Sickness are the orders. Broken: FAULTS_BREAKAGE in the
environment names a deliberate breakage (breakages.py), applied before main runs. Nothing of this
is in the product.
"""

import ctypes
import json
import os
from pathlib import Path
import sys
import threading
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Under the safe path of newer interpreters this folder would be missing.
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

import breakages  # noqa: E402
from viam_session_bridge import bridge  # noqa: E402
from viam_session_bridge.locked_supervisor import LockedBridge  # noqa: E402
from viam_session_bridge.ros.drivers.twist import TwistDriver  # noqa: E402


class Sickness:
    """The faults that can be injected into the process."""

    def __init__(self) -> None:
        self._gates: list[LockedBridge] = []
        self._kept: list[bytearray] = []
        locked_bridge = bridge.locked_bridge

        def keep(*arguments: Any, **options: Any) -> LockedBridge:
            self._gates.append(locked_bridge(*arguments, **options))
            return self._gates[-1]
        bridge.locked_bridge = keep

    def wedge(self, seconds: float) -> None:
        """Hold the interpreter in C code: none of its threads runs meanwhile."""
        # PyDLL keeps the interpreter's lock during a call, as a careless extension does.
        ctypes.PyDLL(None).poll(None, 0, int(seconds * 1000))

    def lock(self) -> None:
        """Take the lock of all decisions, and never release it."""
        self._gates[-1]._lock.acquire()

    def block_driver(self) -> None:
        """Have the next call of a driver never return."""
        def block(*arguments: Any) -> None:
            threading.Event().wait()
        TwistDriver.send = TwistDriver.stop = block

    def hoard(self) -> None:
        """Allocate all available memory."""
        size = 1 << 20
        while size:
            try:
                self._kept.append(bytearray(size))
            except MemoryError:
                size //= 2

    def end_thread(self, name: str) -> None:
        """Raise SystemExit in the thread of that name."""
        ident = next(one.ident for one in threading.enumerate() if one.name == name)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(ident or 0), ctypes.py_object(SystemExit))


def obey(sickness: Sickness) -> None:
    """Take orders until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        getattr(sickness, order.pop('do'))(**order)


if __name__ == '__main__':
    if breakage := os.environ.get('FAULTS_BREAKAGE'):
        breakages.BREAKAGES[breakage].break_process(guard=False)
    threading.Thread(target=obey, args=(Sickness(),), daemon=True).start()
    sys.exit(bridge.main())
