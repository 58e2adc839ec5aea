# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What must not simply take the place of what ran before: a stop is said between the two.

A driver goes on with the number it was told last, and a service with what it began: a Call ends
neither the motion before it, nor does the motion after it end what the Call began.
"""

from collections.abc import Callable

from viam_session_bridge.core.setpoints import Call, Setpoint

# So long (s) a stop is said between them: a stop message that is lost needs successors.
PARTING = 0.2


class Parting:
    """What ran last on one actuator."""

    def __init__(self) -> None:
        self._last: Setpoint | None = None

    def begun(self, setpoint: Setpoint) -> None:
        """Note what is told from now on."""
        self._last = setpoint

    def must_stop(self, setpoint: Setpoint) -> bool:
        """Tell whether what runs must be stopped before this; not before the same again."""
        return setpoint != self._last and self._parts(setpoint)

    def must_wait(self, setpoint: Setpoint, said_for: Callable[[float], bool]) -> bool:
        """Tell whether the stop under way must be said longer; said_for: whether it was (s)."""
        return self._parts(setpoint) and not said_for(PARTING)

    def _parts(self, setpoint: Setpoint) -> bool:
        return isinstance(setpoint, Call) or isinstance(self._last, Call)
