# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What a story has to tell: a timeline in plain words, and whether all happened that must."""

from collections.abc import Iterator
from dataclasses import dataclass, field
import textwrap

WIDTH = 92


@dataclass
class Report:
    """A story's outcome. Times are s on the steady clock; `zero` is what they are told against."""

    zero: float
    summary: str = ''
    events: list[tuple[float, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    checks: list[tuple[bool, str]] = field(default_factory=list)

    def event(self, instant: float | None, text: str, otherwise: str = '') -> None:
        """Put something on the timeline; what never happened is told as a remark."""
        if instant is None:
            self.remarks.append(otherwise or f'never: {text}')
        else:
            self.events.append((instant, text))

    unsafe: bool = False
    # Whether the machine kept the robot from reporting, so that nothing was shown.
    disturbed: bool = False

    def check(self, held: bool, text: str, safety: bool = False) -> None:
        """
        Say what had to happen, in words that fit both outcomes, and whether it did.

        safety: if it did not, the robot moved when it must not, and no excuse counts.
        """
        self.checks.append((held, text))
        self.unsafe = self.unsafe or (safety and not held)

    @property
    def passed(self) -> bool:
        """Tell whether everything happened that had to."""
        return bool(self.checks) and all(held for held, _ in self.checks)

    def lines(self) -> Iterator[str]:
        """Yield the timeline and the verdicts, ready to print."""
        for instant, text in sorted(self.events):
            yield f'  {instant - self.zero:+9.3f} s   {text}'
        for text in self.remarks:
            yield f'  {"":9}     {text}'
        yield ''
        for held, text in self.checks:
            yield f'  {"ok  " if held else "FAIL"}  {text}'


def paragraph(text: str, indent: str = '  ') -> str:
    """Return a text broken into lines."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def seconds(duration: float) -> str:
    """Return a duration (s) for people."""
    return f'{duration:.3f} s'
