# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Records stalls of this machine: a thread on each processor sleeps, and notes when it wakes.

It does nothing else and is independent of the test. A processor that was taken away (by the
host of a virtual machine, for example) shows as a sleep that took too long. Standard output is one
JSON object a line, ``{"began": S, "ended": S}`` on the steady clock. The end of the input is its
end.
"""

import json
import os
import sys
import threading
import time

PERIOD = 0.005  # s
LEAST = 0.02  # s; less is what any busy machine does to any program


def watch(processor: int) -> None:
    """Sleep and read the clock, for ever."""
    os.sched_setaffinity(0, {processor})
    while True:
        began = time.monotonic()
        time.sleep(PERIOD)
        ended = time.monotonic()
        if ended - began - PERIOD >= LEAST:
            # In one piece: two threads write.
            line = json.dumps({'began': began + PERIOD, 'ended': ended})
            os.write(sys.stdout.fileno(), f'{line}\n'.encode())


def main() -> None:
    print(json.dumps({'event': 'ready'}), flush=True)
    for processor in os.sched_getaffinity(0):
        threading.Thread(target=watch, args=(processor,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == '__main__':
    main()
