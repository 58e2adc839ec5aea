# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The emergency stop latch: once pressed, nothing moves until an explicit reset.

It is no certified safety function; the machine's own emergency stop stays. Sessions stay alive,
and a reset never starts motion.
"""

from dataclasses import dataclass
import math


@dataclass(frozen=True)
class EmergencySettings:
    """
    Where presses come from, beside the service.

    source: the subscribed topic, for texts; empty for none. timeout (s): a source that is silent
    for longer counts as pressed; 0 permits silence.
    """

    source: str = ''
    timeout: float = 0.0


NO_EMERGENCY = EmergencySettings()


class EmergencyStop:
    """The latch. Times are seconds."""

    def __init__(self, settings: EmergencySettings) -> None:
        self._settings = settings
        self._pressed = False
        # When silence counts as pressed (s): always, until the first message of the source.
        self._watched = bool(settings.source) and settings.timeout > 0.0
        self._silent_at = -math.inf if self._watched else math.inf
        self.reason = ''

    def press(self, reason: str) -> bool:
        """Latch; returns whether it was open before."""
        fresh = not self.reason
        self.reason = self.reason or reason
        return fresh

    def received(self, pressed: bool, now: float) -> bool:
        """Take a message of the source; returns whether it is a press, latched already or not."""
        before, self._pressed = self._pressed, pressed
        if self._watched:
            self._silent_at = now + self._settings.timeout
        if not pressed:
            return False
        return self.press(f'pressed at {self._settings.source}') or not before

    def check(self, now: float) -> bool:
        """Latch if a source that has published became silent; returns whether it did now."""
        if self._silent_at == -math.inf or now < self._silent_at:
            return False
        return self.press(
            f'{self._settings.source} has been silent for {self._settings.timeout:g} s')

    def problem(self, now: float) -> str:
        """Return why motion is refused; empty when it is not."""
        if self.reason:
            return f'the emergency stop is latched ({self.reason}); ~/reset releases it'
        if now >= self._silent_at:
            return (f'no message of the emergency stop at {self._settings.source} has arrived, '
                    'and silence counts as pressed')
        return ''

    def reset(self, now: float) -> str:
        """Open the latch; returns why it stays closed, or nothing."""
        if self._pressed:
            return f'the emergency stop at {self._settings.source} is still pressed'
        if self.reason and now >= self._silent_at:
            return f'the emergency stop at {self._settings.source} is silent'
        self.reason = ''
        return ''

    def wake_at(self) -> float:
        """Return when silence must be judged next (s)."""
        return math.inf if self.reason or self._silent_at == -math.inf else self._silent_at
