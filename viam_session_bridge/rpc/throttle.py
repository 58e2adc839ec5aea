# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What repeats is reported once in a period, with a count of the rest."""

from collections.abc import Hashable

# The number of keys that are stored; those reported last are kept.
MOST_KEYS = 1024


class Throttle:
    """Decides for each key whether it is reported now. Times are seconds on a steady clock."""

    def __init__(self) -> None:
        # When each key was reported last (s), and how often it came since.
        self._reported: dict[Hashable, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._reported)

    def due(self, key: Hashable, now: float, period: float) -> int | None:
        """Return how often the key came since its last report; None within the period (s)."""
        known = self._reported.get(key)
        if known is not None and now < known[0] + period:
            self._reported[key] = known[0], known[1] + 1
            return None
        self._reported.pop(key, None)
        self._reported[key] = now, 0
        if len(self._reported) > MOST_KEYS:
            del self._reported[next(iter(self._reported))]
        return 0 if known is None else known[1]
