# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Do all parts of the bridge still run? Each beats while it does; who is silent is as good as dead.

A thread that ends says so itself. This is for one that hangs: in a driver, in a callback, in a
handler. A freeze of the whole process is no fault of a part.
"""

from collections.abc import Callable, Iterable

# A part that was silent for so long (s) is taken for dead. Each beats five times a second at
# least. A busy machine with hundreds of resources has been seen to keep one waiting for 2 s.
PATIENCE = 5.0
BEAT_PERIOD = 0.2

# A part may take so long (s) to begin.
FIRST_PATIENCE = 30.0

# When the watcher itself comes so late (s), everything stood still, and everybody gets new time.
OVERSLEPT = 0.5


class Vitals:
    """
    The parts of one process, by name; now is the steady clock (s).

    beat may be called by any thread, silent by one.
    """

    def __init__(self, now: Callable[[], float], parts: Iterable[str]) -> None:
        self._now = now
        self._beats = dict.fromkeys(parts, now() + FIRST_PATIENCE - PATIENCE)
        self._looked_at = now()

    def beat(self, part: str) -> None:
        """Note that a part runs."""
        self._beats[part] = self._now()

    def silent(self) -> list[str]:
        """Return the parts that hang."""
        now = self._now()
        late, self._looked_at = now - self._looked_at, now
        if late > OVERSLEPT:
            self._beats = {part: max(at, now) for part, at in self._beats.items()}
        return [part for part, at in self._beats.items() if now - at >= PATIENCE]
